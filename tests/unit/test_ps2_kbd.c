/* The keyboard controller's driver against a model of controller and keyboard behind fake port instructions. */
#include <string.h>

#include "arch/x86/io.h"
#include "arch/x86/tsc.h"
#include "suite.h"

static struct {
	/* what is wrong with it */
	bool floating, silent, no_keyboard, endless, never_takes, refuses;
	u8 test_answer, status_more;
	int tests_to_fail;
	/* controller */
	u8 byte, command; /* command: waits for its data */
	u8 queue[64], queue_status[64];
	u32 head, tail;
	/* keyboard */
	u8 kbd_command, leds;
	bool scanning, defaults;
	u64 us;
	u32 reads;
} hw;

static void answer(u8 v, u8 status)
{
	ck_assert_uint_lt(hw.tail, sizeof(hw.queue));
	hw.queue_status[hw.tail] = status;
	hw.queue[hw.tail++] = v;
}

static void kbd_take(u8 v)
{
	if (hw.no_keyboard)
		return;
	if (hw.refuses) {
		answer(0xfe, 0);
		return;
	}
	if (hw.kbd_command == 0xed) {
		hw.leds = v;
		hw.kbd_command = 0;
	} else if (v == 0xed) {
		hw.kbd_command = v;
	} else if (v == 0xf4) {
		hw.scanning = true;
	} else if (v == 0xf6) {
		hw.defaults = true;
	} else {
		ck_abort_msg("keyboard command %#x", v);
	}
	answer(0xfa, 0);
}

static void command(u8 v)
{
	switch (v) {
	case 0x20: answer(hw.byte, 0); break;
	case 0x60: hw.command = v; break;
	case 0xa7: hw.byte |= 0x20; break;
	case 0xaa:
		answer(hw.tests_to_fail-- > 0 ? 0xfc : hw.test_answer, 0);
		hw.byte = 0x30;
		break;
	case 0xad: hw.byte |= 0x10; break;
	case 0xae: hw.byte &= (u8)~0x10; break;
	default: ck_abort_msg("command %#x", v);
	}
}

static u8 fake_inb(u16 port)
{
	u8 v = 0x41;

	hw.reads++;
	if (hw.floating)
		return 0xff;
	if (port == 0x64) {
		if (hw.silent)
			return 0x1c;
		if (hw.endless)
			return 0x1d;
		if (hw.never_takes)
			return 0x1e;
		return (u8)(0x1c | hw.status_more | (hw.head < hw.tail ? 0x01 | hw.queue_status[hw.head] : 0));
	}
	ck_assert_uint_eq(port, 0x60);
	if (hw.head < hw.tail)
		v = hw.queue[hw.head++];
	if (hw.head == hw.tail)
		hw.head = hw.tail = 0;
	return v;
}

static void fake_outb(u16 port, u8 v)
{
	if (hw.floating || hw.silent)
		return;
	ck_assert(!hw.never_takes);
	if (port == 0x64) {
		command(v);
	} else {
		ck_assert_uint_eq(port, 0x60);
		if (hw.command == 0x60)
			hw.byte = v;
		else
			kbd_take(v);
		hw.command = 0;
	}
}

void tsc_delay_us(u64 us)
{
	hw.us += us;
}

#define inb  fake_inb
#define outb fake_outb
#include "drivers/input/ps2_kbd.c"

static struct ps2_kbd kbd;
static bool answers;

static int start(void)
{
	answers = false;
	hw.test_answer = hw.test_answer ? hw.test_answer : 0x55;
	hw.byte = 0x03; /* as firmware leaves it: both interrupts, no translation */
	return ps2_kbd_init(&kbd, &answers);
}

static void good(void)
{
	memset(&hw, 0, sizeof(hw));
	ck_assert_int_eq(start(), OK);
	ck_assert(answers);
	ck_assert_ptr_null(kbd.con.write);
}

static const char *read_all(void)
{
	static char text[200];
	size_t n = 0;
	int c;

	while (n + 1 < sizeof(text) && (c = kbd.con.getc(&kbd.con)) >= 0)
		text[n++] = (char)c;
	text[n] = '\0';
	return text;
}

/* All that comes, and what the keyboard answers to what is told it: each answer interrupts. */
static const char *settle(void)
{
	static char text[200];
	size_t n = 0;

	text[0] = '\0';
	for (int i = 0; i < 8; i++) {
		const char *more = read_all();

		ck_assert_uint_lt(n + strlen(more), sizeof(text));
		strcpy(text + n, more);
		n += strlen(more);
	}
	return text;
}

START_TEST(brings_it_up)
{
	memset(&hw, 0, sizeof(hw));
	answer(0x1e, 0); /* keys hit before */
	answer(0x9e, 0);
	answer(0x08, 0x20); /* and a mouse moved */
	ck_assert_int_eq(start(), OK);
	ck_assert(answers && hw.scanning && hw.defaults);
	ck_assert_uint_eq(hw.byte, 0x65); /* keyboard's interrupt, system, auxiliary port off, translation */
	ck_assert_uint_eq(hw.head, hw.tail);
	ck_assert_uint_eq(hw.us, 0);
	ck_assert_int_eq(kbd.con.getc(&kbd.con), -1);
}
END_TEST

START_TEST(reads_keys)
{
	good();
	settle(); /* the lights */
	answer(0x26, 0);
	answer(0xa6, 0);
	answer(0xe0, 0);
	answer(0x48, 0);
	ck_assert_int_eq(kbd.con.getc(&kbd.con), 'l');
	ck_assert_int_eq(kbd.con.getc(&kbd.con), 0x1b);
	answer(0x17, 0); /* comes behind what the arrow still sends */
	ck_assert_str_eq(read_all(), "[Ai");
	answer(0x1e, 0x20); /* the mouse's, a byte with a parity error, one that timed out */
	answer(0x1e, 0x80);
	answer(0x1e, 0x40);
	answer(0x30, 0);
	ck_assert_str_eq(read_all(), "b");
	ck_assert_int_eq(kbd.con.getc(&kbd.con), -1);
}
END_TEST

START_TEST(shows_locks)
{
	good();
	ck_assert_str_eq(settle(), "");
	ck_assert_uint_eq(hw.leds, PS2_LED_NUM);
	answer(0x3a, 0);
	answer(0xba, 0);
	answer(0x1e, 0);
	ck_assert_str_eq(settle(), "A");
	ck_assert_uint_eq(hw.leds, PS2_LED_NUM | PS2_LED_CAPS);
	/* a busy controller: later */
	hw.status_more = 0x02;
	answer(0x3a, 0);
	ck_assert_str_eq(settle(), "");
	ck_assert_uint_eq(hw.leds, PS2_LED_NUM | PS2_LED_CAPS);
	hw.status_more = 0;
	ck_assert_str_eq(settle(), "");
	ck_assert_uint_eq(hw.leds, PS2_LED_NUM);
	/* a keyboard without lights; and one that was unplugged in between: keys go on */
	hw.refuses = true;
	answer(0xba, 0);
	answer(0x3a, 0);
	answer(0x1e, 0);
	ck_assert_str_eq(settle(), "A");
	ck_assert_uint_eq(hw.leds, PS2_LED_NUM);
	hw.refuses = false;
	hw.no_keyboard = true;
	answer(0xba, 0);
	answer(0x3a, 0);
	answer(0xba, 0);
	ck_assert_str_eq(settle(), "");
	hw.no_keyboard = false;
	answer(0x3a, 0);
	answer(0x1e, 0);
	ck_assert_str_eq(settle(), "A");
	ck_assert_uint_eq(hw.leds, PS2_LED_NUM | PS2_LED_CAPS);
}
END_TEST

START_TEST(no_controller)
{
	memset(&hw, 0, sizeof(hw));
	hw.floating = true;
	ck_assert_int_eq(start(), ERR_NOENT);
	ck_assert_uint_eq(hw.us, 0);
	ck_assert_int_eq(kbd.con.getc(&kbd.con), -1);
	memset(&hw, 0, sizeof(hw));
	hw.silent = true;
	ck_assert_int_eq(start(), ERR_NOENT);
	ck_assert_uint_le(hw.us, 700000);
	memset(&hw, 0, sizeof(hw));
	hw.never_takes = true;
	ck_assert_int_eq(start(), ERR_NOENT);
	ck_assert_uint_le(hw.us, 700000);
	memset(&hw, 0, sizeof(hw));
	hw.endless = true; /* bytes for ever */
	ck_assert_int_eq(start(), ERR_NOENT);
	ck_assert_uint_le(hw.reads, 1000);
}
END_TEST

START_TEST(no_keyboard)
{
	memset(&hw, 0, sizeof(hw));
	hw.no_keyboard = true;
	ck_assert_int_eq(start(), OK);
	ck_assert(!answers);
	ck_assert_uint_le(hw.us, 700000);
	ck_assert_str_eq(read_all(), "");
	/* plugged in later: its self-test's word, then keys */
	hw.no_keyboard = false;
	answer(0xaa, 0);
	answer(0x1e, 0);
	ck_assert_str_eq(read_all(), "a");
}
END_TEST

START_TEST(tests_itself)
{
	memset(&hw, 0, sizeof(hw));
	hw.test_answer = 0xfc;
	ck_assert_int_eq(start(), ERR_CHECKSUM);
	memset(&hw, 0, sizeof(hw));
	hw.tests_to_fail = 1; /* once is not for ever */
	ck_assert_int_eq(start(), OK);
}
END_TEST

START_TEST(breaks_later)
{
	good();
	hw.floating = true;
	ck_assert_int_eq(kbd.con.getc(&kbd.con), -1);
	hw.floating = false;
	hw.endless = true;
	hw.reads = 0;
	/* F7s; each call is bounded */
	ck_assert_int_eq(kbd.con.getc(&kbd.con), 0x1b);
	ck_assert_uint_le(hw.reads, 2 * DISCARDED_MAX);
}
END_TEST

SUITE_MAIN("ps2_kbd", brings_it_up, reads_keys, shows_locks, no_controller, no_keyboard, tests_itself, breaks_later)
