/* The i8042: two ports, of which neither may be trusted to answer. */
#include "drivers/input/ps2_kbd.h"

#include "arch/x86/io.h"
#include "arch/x86/tsc.h"
#include "drivers/con_poll.h"
#include "lib/string.h"

#define PORT_DATA    0x60
#define PORT_STATUS  0x64 /* read */
#define PORT_COMMAND 0x64 /* write */

#define STATUS_OUT_FULL 0x01 /* a byte for us */
#define STATUS_IN_FULL  0x02 /* ours was not taken yet */
#define STATUS_AUX      0x20 /* the byte is the auxiliary port's */
#define STATUS_TIMEOUT  0x40
#define STATUS_PARITY   0x80
#define STATUS_NOBODY   0xff /* of a port where nothing is */

/* To the controller. */
#define CMD_READ_BYTE   0x20
#define CMD_WRITE_BYTE  0x60
#define CMD_AUX_OFF     0xa7
#define CMD_SELF_TEST   0xaa /* answer: 55h */
#define CMD_KBD_OFF     0xad
#define CMD_KBD_ON      0xae
#define SELF_TEST_GOOD  0x55
#define SELF_TEST_TRIES 2

/* The command byte. */
#define BYTE_KBD_INT   0x01
#define BYTE_AUX_INT   0x02
#define BYTE_SYSTEM    0x04 /* the system was initialised */
#define BYTE_KBD_OFF   0x10
#define BYTE_AUX_OFF   0x20
#define BYTE_TRANSLATE 0x40 /* scan code set 2 to 1 */

/* To the keyboard, which acknowledges each. */
#define KBD_LEDS     0xed
#define KBD_ENABLE   0xf4
#define KBD_DEFAULTS 0xf6 /* scan code set 2 among them */
#define KBD_ACK      0xfa
#define KBD_RESEND   0xfe

#define WAIT_STEP_US  10
#define WAIT_STEPS    2500 /* 25 ms; a keyboard has 20 ms to answer */
#define TEST_STEPS    (10 * WAIT_STEPS)
#define FLUSH_MAX     64 /* more bytes than any controller keeps */
#define DISCARDED_MAX 64 /* by one read: a port may give bytes for ever */

/* ---- bring-up: every wait is bounded ---- */

static bool wait_status(u8 mask, u8 value, u32 steps)
{
	for (u32 i = 0; i < steps; i++) {
		u8 status = inb(PORT_STATUS);

		if (status == STATUS_NOBODY)
			return false;
		if ((status & mask) == value)
			return true;
		tsc_delay_us(WAIT_STEP_US);
	}
	return false;
}

static bool put(u16 port, u8 v)
{
	if (!wait_status(STATUS_IN_FULL, 0, WAIT_STEPS))
		return false;
	outb(port, v);
	return true;
}

/* Next byte that is not the auxiliary port's; -1: none came. */
static int take(u32 steps)
{
	for (u32 i = 0; i < FLUSH_MAX; i++) {
		u8 status;

		if (!wait_status(STATUS_OUT_FULL, STATUS_OUT_FULL, steps))
			return -1;
		status = inb(PORT_STATUS);
		if (!(status & STATUS_AUX))
			return inb(PORT_DATA);
		(void)inb(PORT_DATA);
	}
	return -1;
}

static bool flush(void)
{
	for (u32 i = 0; i < FLUSH_MAX; i++) {
		u8 status = inb(PORT_STATUS);

		if (status == STATUS_NOBODY)
			return false;
		if (!(status & STATUS_OUT_FULL))
			return true;
		(void)inb(PORT_DATA);
	}
	return false;
}

static bool self_test(void)
{
	for (u32 i = 0; i < SELF_TEST_TRIES; i++)
		if (put(PORT_COMMAND, CMD_SELF_TEST) && take(TEST_STEPS) == SELF_TEST_GOOD)
			return true;
	return false;
}

/* Has the keyboard do as told. false: there is none, or it does not know that. */
static bool tell(u8 command)
{
	int answer;

	if (!put(PORT_DATA, command))
		return false;
	for (u32 i = 0; i < FLUSH_MAX; i++) { /* keys hit before come first */
		answer = take(WAIT_STEPS);
		if (answer < 0 || answer == KBD_RESEND)
			return false;
		if (answer == KBD_ACK)
			return true;
	}
	return false;
}

static int set_up(bool *answers)
{
	int byte;

	*answers = false;
	if (inb(PORT_STATUS) == STATUS_NOBODY)
		return ERR_NOENT;
	if (!put(PORT_COMMAND, CMD_KBD_OFF) || !put(PORT_COMMAND, CMD_AUX_OFF) || !flush() ||
	    !put(PORT_COMMAND, CMD_READ_BYTE))
		return ERR_NOENT;
	byte = take(WAIT_STEPS);
	if (byte < 0)
		return ERR_NOENT;
	if (!self_test())
		return ERR_CHECKSUM;
	/* Some controllers start afresh after the test. */
	byte |= BYTE_KBD_INT | BYTE_SYSTEM | BYTE_AUX_OFF | BYTE_TRANSLATE;
	byte &= ~(BYTE_AUX_INT | BYTE_KBD_OFF);
	if (!put(PORT_COMMAND, CMD_AUX_OFF) || !put(PORT_COMMAND, CMD_WRITE_BYTE) || !put(PORT_DATA, (u8)byte) ||
	    !put(PORT_COMMAND, CMD_KBD_ON))
		return ERR_NOENT;
	*answers = tell(KBD_DEFAULTS) && tell(KBD_ENABLE);
	/* The interrupt is an edge: with a byte left there, none would come again. */
	return flush() ? OK : ERR_NOENT;
}

/* ---- keys ---- */

/* Shows the locks that are on, a step at a time as the keyboard is ready for it. */
static void leds_step(struct ps2_kbd *k, u8 status)
{
	if (k->leds_locks != k->keys.locks) {
		k->leds_locks = k->keys.locks;
		k->leds = PS2_LEDS_WANTED;
	}
	if (k->leds == PS2_LEDS_WANTED && !(status & STATUS_IN_FULL)) {
		outb(PORT_DATA, KBD_LEDS);
		k->leds = PS2_LEDS_ASKED;
	}
}

static void leds_answer(struct ps2_kbd *k, u8 answer)
{
	if (k->leds != PS2_LEDS_ASKED)
		return;
	if (answer == KBD_ACK)
		outb(PORT_DATA, k->leds_locks);
	k->leds = PS2_LEDS_SHOWN;
}

static int kbd_getc(struct console *con)
{
	struct ps2_kbd *k = container_of(con, struct ps2_kbd, con);

	for (u32 i = 0; i < DISCARDED_MAX && k->pos == k->len; i++) {
		u8 status = inb(PORT_STATUS), code;

		if (status == STATUS_NOBODY)
			return -1;
		leds_step(k, status);
		if (!(status & STATUS_OUT_FULL))
			return -1;
		code = inb(PORT_DATA);
		if (status & (STATUS_AUX | STATUS_TIMEOUT | STATUS_PARITY))
			continue;
		if (code == KBD_ACK || code == KBD_RESEND)
			leds_answer(k, code);
		k->pos = 0;
		k->len = ps2_keys_code(&k->keys, code, k->out);
	}
	con_poll_looked(con, k->pos < k->len);
	return k->pos < k->len ? k->out[k->pos++] : -1;
}

int ps2_kbd_init(struct ps2_kbd *k, bool *answers)
{
	memset(k, 0, sizeof(*k));
	k->con = (struct console){ .name = "keyboard", .getc = kbd_getc };
	con_poll_begin(&k->con, CON_POLL_IDLE_NS);
	ps2_keys_init(&k->keys);
	return set_up(answers);
}
