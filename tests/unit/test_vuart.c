/* 16550A: registers, FIFOs, interrupts, loopback. Values from the PC16550D data sheet. */
#include "quick_check.h"

#include "dev_rig.h"
#include "suite.h"
#include "vmm/dev/pc/vuart.h"

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR, THR = RBR, FCR = IIR };
#define BASE 0x3f8
#define GSI  4

static struct rig rig;
static struct vuart u;
static u8 sent[64];
static size_t nr_sent;

static void on_tx(void *arg, const u8 *buf, size_t len)
{
	ck_assert_ptr_eq(arg, &rig);
	for (size_t i = 0; i < len; i++)
		sent[nr_sent++ % sizeof(sent)] = buf[i];
}

static bool back_end_waits;
static u32 rooms;

static bool on_waits(const void *arg)
{
	ck_assert_ptr_eq(arg, &rig);
	return back_end_waits;
}

static void on_room(void *arg)
{
	ck_assert_ptr_eq(arg, &rig);
	rooms++;
}

static void out(u32 reg, u8 val)
{
	rig_out(&rig, BASE + reg, val);
}

static u8 in(u32 reg)
{
	return rig_in(&rig, BASE + reg);
}

static void setup(void)
{
	static const struct chr_ops ops = { .out = on_tx, .waits = on_waits, .room = on_room };

	rig_init(&rig);
	nr_sent = rooms = 0;
	back_end_waits = false;
	vuart_init(&u, BASE, GSI, &rig.chip, &rig.tq, &(struct chr){ &ops, &rig });
	ck_assert_int_eq(vuart_attach(&u, &rig.pio), OK);
}

/* 115200 8n1, interrupts wired. A character is 10 bits: 86.8 us. */
static void setup_115200(u8 fcr, u8 ier)
{
	setup();
	out(LCR, 0x80);
	out(0, 1);
	out(1, 0);
	out(LCR, 0x03);
	out(FCR, fcr);
	out(MCR, 0x0b);
	out(IER, ier);
}

static size_t feed(const char *text)
{
	return vuart_rx(&u, (const u8 *)text, strlen(text), rig.now);
}

START_TEST(power_on)
{
	setup();
	ck_assert_uint_eq(in(IER), 0);
	ck_assert_uint_eq(in(IIR), 0x01);
	ck_assert_uint_eq(in(LCR), 0);
	ck_assert_uint_eq(in(MCR), 0);
	ck_assert_uint_eq(in(LSR), 0x60);
	ck_assert_uint_eq(in(MSR), 0xb0);
	ck_assert_uint_eq(in(RBR), 0);
	ck_assert_uint_eq(rig.calls[GSI], 0);
	ck_assert_int_eq(vuart_attach(&u, &rig.pio), ERR_EXIST);
}
END_TEST

START_TEST(plain_registers)
{
	setup();
	for (u32 v = 0; v < 256; v++) {
		out(SCR, (u8)v);
		out(LCR, (u8)(v & 0x3f));
		ck_assert_uint_eq(in(SCR), v);
		ck_assert_uint_eq(in(LCR), v & 0x3f);
		out(IER, (u8)v);
		ck_assert_uint_eq(in(IER), v & 0x0f);
		out(MCR, (u8)v);
		ck_assert_uint_eq(in(MCR), v & 0x1f);
	}
	out(MCR, 0);
	in(MSR);
	out(LSR, 0xff);
	out(MSR, 0xff);
	ck_assert_uint_eq(in(LSR), 0x60);
	ck_assert_uint_eq(in(MSR), 0xb0);
	/* the divisor hides behind DLAB */
	out(IER, 5);
	out(LCR, 0x83);
	out(0, 0x34);
	out(1, 0x12);
	ck_assert_uint_eq(in(0), 0x34);
	ck_assert_uint_eq(in(1), 0x12);
	ck_assert_uint_eq(u.s.divisor, 0x1234);
	out(LCR, 0x03);
	ck_assert_uint_eq(in(IER), 5);
	ck_assert_uint_eq(nr_sent, 0);
}
END_TEST

/* What Linux' 8250 driver does to find out what it has. */
START_TEST(detected_as_16550a)
{
	u8 mcr;

	setup();
	out(IER, 0);
	ck_assert_uint_eq(in(IER)&0x0f, 0);
	out(IER, 0x0f);
	ck_assert_uint_eq(in(IER)&0x0f, 0x0f);
	out(IER, 0);
	out(MCR, 0x1a); /* loop, OUT2, RTS: the modem register must follow */
	ck_assert_uint_eq(in(MSR)&0xf0, 0x90);
	out(MCR, 0);
	out(FCR, 0x01);
	ck_assert_uint_eq(in(IIR) >> 6, 3);
	/* not one of the later chips: no EFR, no 64-byte FIFO, no UUE bit, no NS bank */
	out(LCR, 0x80);
	ck_assert_uint_ne(in(IIR), 0);
	out(LCR, 0xbf);
	ck_assert_uint_ne(in(IIR), 0);
	out(LCR, 0x80);
	out(FCR, 0x21);
	ck_assert_uint_eq(in(IIR) >> 5, 6);
	out(LCR, 0);
	out(IER, 0x40);
	ck_assert_uint_eq(in(IER)&0x40, 0);
	mcr = in(MCR);
	out(MCR, mcr ^ 0x10);
	out(LCR, 0xe0);
	ck_assert_uint_eq((in(IIR) ^ mcr) & 0x10, 0);
	out(LCR, 0);
	out(MCR, mcr);
	out(FCR, 0);
	ck_assert_uint_eq(in(IIR) >> 6, 0);
	/* the test for chips that lose the THRE interrupt */
	for (u32 i = 0; i < 2; i++) {
		out(IER, 0x02);
		ck_assert_uint_eq(in(IIR), 0x02);
		out(IER, 0);
	}
}
END_TEST

START_TEST(transmit)
{
	setup_115200(0x01, 0);
	for (u32 i = 0; i < 40; i++) {
		ck_assert_uint_eq(in(LSR), 0x60);
		out(THR, (u8)(i * 7));
		ck_assert_uint_eq(nr_sent, i + 1);
		ck_assert_uint_eq(sent[i], (u8)(i * 7));
	}
	out(LCR, 0x43); /* while a break is sent, characters are lost */
	out(THR, 'x');
	ck_assert_uint_eq(nr_sent, 40);
	out(LCR, 0x03);
	out(THR, 'y');
	ck_assert_uint_eq(sent[40], 'y');
	ck_assert_uint_eq(rig.calls[GSI], 0);
}
END_TEST

START_TEST(thre_interrupt)
{
	setup_115200(0x01, 0);
	out(IER, 0x02); /* THR is empty already */
	ck_assert(rig.level[GSI]);
	ck_assert_uint_eq(in(IIR), 0xc2);
	ck_assert(!rig.level[GSI]);
	ck_assert_uint_eq(in(IIR), 0xc1);
	out(IER, 0x02); /* no change, no interrupt */
	ck_assert_uint_eq(in(IIR), 0xc1);
	out(THR, 'a');
	ck_assert(rig.level[GSI]);
	ck_assert_uint_eq(rig.rises[GSI], 2);
	out(THR, 'b'); /* emptied once more: an edge */
	ck_assert_uint_eq(rig.rises[GSI], 3);
	ck_assert(rig.level[GSI]);
	out(IER, 0);
	ck_assert(!rig.level[GSI]);
	/* reading IIR takes THRE away only when it shows it */
	out(IER, 0x03);
	feed("q");
	rig_run_to(&rig, 1000000);
	ck_assert_uint_eq(in(IIR), 0xc4);
	in(RBR);
	ck_assert_uint_eq(in(IIR), 0xc2);
	ck_assert_uint_eq(in(IIR), 0xc1);
}
END_TEST

START_TEST(out2_gates_line)
{
	setup_115200(0x01, 0x02);
	ck_assert(rig.level[GSI]);
	out(MCR, 0x03);
	ck_assert(!rig.level[GSI]);
	ck_assert_uint_eq(in(IIR), 0xc2);
	out(IER, 0);
	out(IER, 2);
	ck_assert(!rig.level[GSI]);
	out(MCR, 0x08);
	ck_assert(rig.level[GSI]);
	vuart_reset(&u, rig.now);
	ck_assert(!rig.level[GSI]);
	ck_assert_uint_eq(in(MCR) + in(IER) + in(LCR), 0);
}
END_TEST

START_TEST(receive_without_fifos)
{
	setup_115200(0, 0x01);
	ck_assert_uint_eq(vuart_rx_space(&u), 1);
	ck_assert_uint_eq(feed("hello"), 1);
	ck_assert_uint_eq(vuart_rx_space(&u), 0);
	ck_assert(rig.level[GSI]);
	ck_assert_uint_eq(in(IIR), 0x04);
	ck_assert_uint_eq(in(LSR), 0x61);
	ck_assert_uint_eq(in(RBR), 'h');
	ck_assert(!rig.level[GSI]);
	ck_assert_uint_eq(in(IIR), 0x01);
	ck_assert_uint_eq(in(LSR), 0x60);
	ck_assert_uint_eq(in(RBR), 'h'); /* the register keeps it */
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
}
END_TEST

START_TEST(trigger_levels)
{
	static const struct {
		u8 fcr, level;
	} table[] = { { 0x01, 1 }, { 0x41, 4 }, { 0x81, 8 }, { 0xc1, 14 } };

	for (u32 i = 0; i < ARRAY_SIZE(table); i++) {
		setup_115200(table[i].fcr, 0x01);
		for (u32 n = 1; n <= 16; n++) {
			ck_assert_uint_eq(feed("abc"), n <= 14 ? 3 : 17 - n);
			vuart_reset(&u, 0);
			setup_115200(table[i].fcr, 0x01);
			for (u32 k = 0; k < n; k++)
				ck_assert_uint_eq(feed("z"), 1);
			ck_assert_uint_eq(rig.level[GSI], n >= table[i].level);
			ck_assert_uint_eq(in(IIR), n >= table[i].level ? 0xc4 : 0xc1);
			ck_assert_uint_eq(vuart_rx_space(&u), 16 - n);
		}
		ck_assert_uint_eq(feed("z"), 0);
		/* reading below the level ends it */
		for (u32 n = 16; n > 0; n--) {
			ck_assert_uint_eq(rig.level[GSI], n >= table[i].level);
			in(RBR);
		}
		ck_assert_uint_eq(in(LSR), 0x60);
	}
}
END_TEST

START_TEST(fifo_order)
{
	u8 next_in = 0, next_out = 0;

	setup_115200(0xc1, 0);
	for (u32 round = 0; round < 50; round++) {
		u32 n = round % 7 + 1;

		for (u32 i = 0; i < n && vuart_rx_space(&u); i++, next_in++)
			ck_assert_uint_eq(vuart_rx(&u, &next_in, 1, 0), 1);
		for (u32 i = 0; i < 5 && (in(LSR)&1); i++, next_out++)
			ck_assert_uint_eq(in(RBR), next_out);
	}
	ck_assert_uint_ge(next_out, 100);
	/* clearing */
	out(FCR, 0xc3);
	ck_assert_uint_eq(in(LSR), 0x60);
	feed("abc");
	out(FCR, 0xc1);
	ck_assert_uint_eq(in(LSR), 0x61);
	out(FCR, 0); /* changing the mode clears as well */
	ck_assert_uint_eq(in(LSR), 0x60);
}
END_TEST

START_TEST(receive_timeout)
{
	const u64 four_chars = 4ull * 10 * 1000000000 / 115200;

	setup_115200(0x81, 0x01);
	rig_run_to(&rig, 5000000);
	feed("ab");
	ck_assert(!rig.level[GSI]);
	rig_run_to(&rig, 5000000 + four_chars - 1);
	ck_assert(!rig.level[GSI]);
	rig_run_to(&rig, 5000000 + four_chars);
	ck_assert(rig.level[GSI]);
	ck_assert_uint_eq(in(IIR), 0xcc);
	ck_assert_uint_eq(in(IIR), 0xcc); /* reading it does not clear it */
	ck_assert_uint_eq(in(RBR), 'a');  /* this does, and starts the time anew */
	ck_assert(!rig.level[GSI]);
	rig_run_to(&rig, rig.now + four_chars);
	ck_assert_uint_eq(in(IIR), 0xcc);
	ck_assert_uint_eq(in(RBR), 'b');
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	/* a new byte restarts it too */
	feed("c");
	rig_run_to(&rig, rig.now + four_chars - 10);
	feed("d");
	rig_run_to(&rig, rig.now + four_chars - 10);
	ck_assert_uint_eq(in(IIR), 0xc1);
	rig_run_to(&rig, rig.now + 10);
	ck_assert_uint_eq(in(IIR), 0xcc);
	/* at the trigger level data available wins */
	feed("efghij");
	ck_assert_uint_eq(in(IIR), 0xc4);
	/* time passes with the interrupt disabled: it is there when enabled, without a timer in between */
	out(IER, 0);
	out(FCR, 0x83);
	feed("k");
	ck_assert_uint_eq(timerq_next(&rig.tq), TIMER_OFF);
	rig.now += 2 * four_chars;
	out(IER, 1);
	ck_assert_uint_eq(in(IIR), 0xcc);
}
END_TEST

START_TEST(timeout_follows_format)
{
	static const struct {
		u8 lcr;
		u32 half_bits; /* of a character */
	} table[] = { { 0x00, 14 }, { 0x01, 16 }, { 0x02, 18 }, { 0x03, 20 },
		      { 0x04, 15 }, { 0x07, 22 }, { 0x0b, 22 }, { 0x1f, 24 } };
	static const u16 divisors[] = { 1, 12, 96, 0xffff };

	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		for (u32 k = 0; k < ARRAY_SIZE(divisors); k++) {
			u64 bit16 = (u64)divisors[k] * 8 * table[i].half_bits * 4 * 1000000000;

			setup_115200(0x81, 1);
			out(LCR, 0x80);
			out(0, (u8)divisors[k]);
			out(1, (u8)(divisors[k] >> 8));
			out(LCR, table[i].lcr);
			feed("a");
			ck_assert_uint_eq(timerq_next(&rig.tq), bit16 / 1843200);
		}
	setup_115200(0x81, 1);
	u.s.divisor = 0; /* no baud clock at all; taken as the fastest */
	feed("a");
	ck_assert_uint_eq(timerq_next(&rig.tq), 4ull * 10 * 1000000000 / 115200);
}
END_TEST

START_TEST(overrun)
{
	setup_115200(0x01, 0x04);
	out(MCR, 0x18); /* loopback: the only way to send faster than is read */
	ck_assert_uint_eq(vuart_rx_space(&u), 0);
	for (u32 i = 0; i < 16; i++)
		out(THR, (u8)i);
	ck_assert_uint_eq(in(LSR), 0x61);
	out(THR, 99);
	ck_assert(rig.level[GSI]);
	ck_assert_uint_eq(in(IIR), 0xc6);
	ck_assert_uint_eq(in(LSR), 0x63);
	ck_assert(!rig.level[GSI]);
	ck_assert_uint_eq(in(LSR), 0x61);
	for (u32 i = 0; i < 16; i++)
		ck_assert_uint_eq(in(RBR), i); /* the one too many is lost */
	ck_assert_uint_eq(in(LSR), 0x60);
	/* without FIFOs the last one stays */
	out(FCR, 0);
	out(THR, 1);
	out(THR, 2);
	ck_assert_uint_eq(in(LSR), 0x63);
	ck_assert_uint_eq(in(RBR), 2);
	ck_assert_uint_eq(in(LSR), 0x60);
	ck_assert_uint_eq(nr_sent, 0);
}
END_TEST

START_TEST(breaks)
{
	setup_115200(0x01, 0x04);
	feed("ab");
	vuart_rx_break(&u, 0);
	feed("c");
	ck_assert(!rig.level[GSI]); /* not at the top yet */
	ck_assert_uint_eq(in(LSR), 0xe1);
	in(RBR);
	in(RBR);
	ck_assert(rig.level[GSI]);
	ck_assert_uint_eq(in(IIR), 0xc6);
	ck_assert_uint_eq(in(LSR), 0xf9); /* break is a framing error too */
	ck_assert(!rig.level[GSI]);
	ck_assert_uint_eq(in(LSR), 0x61);
	ck_assert_uint_eq(in(RBR), 0);
	ck_assert_uint_eq(in(RBR), 'c');
	/* the guest's own, looped back: once per break */
	out(MCR, 0x18);
	out(LCR, 0x43);
	out(LCR, 0x43);
	ck_assert_uint_eq(in(LSR), 0xf9);
	ck_assert_uint_eq(in(RBR), 0);
	ck_assert_uint_eq(in(LSR), 0x60);
	/* from outside it does not reach the receiver now */
	vuart_rx_break(&u, 0);
	ck_assert_uint_eq(in(LSR), 0x60);
	/* no FIFOs: no bit 7 */
	out(LCR, 3);
	out(MCR, 8);
	out(FCR, 0);
	vuart_rx_break(&u, 0);
	ck_assert_uint_eq(in(LSR), 0x79);
}
END_TEST

START_TEST(loopback)
{
	static const struct {
		u8 mcr, msr;
	} table[] = {
		{ 0x10, 0x00 }, { 0x11, 0x20 }, { 0x12, 0x10 }, { 0x14, 0x40 }, { 0x18, 0x80 }, { 0x1f, 0xf0 }
	};

	setup_115200(0x01, 0);
	for (u32 i = 0; i < ARRAY_SIZE(table); i++) {
		out(MCR, table[i].mcr);
		ck_assert_uint_eq(in(MSR)&0xf0, table[i].msr);
	}
	/* words are as long as LCR says */
	for (u32 word = 0; word < 4; word++) {
		out(LCR, (u8)word);
		out(THR, 0xff);
		ck_assert_uint_eq(in(RBR), (0x20u << word) - 1);
	}
	ck_assert_uint_eq(nr_sent, 0);
	ck_assert_uint_eq(feed("lost"), 0);
	/* receiver interrupts work */
	out(MCR, 0x18);
	out(IER, 1);
	out(THR, 'x');
	ck_assert(rig.level[GSI]);
	ck_assert_uint_eq(in(IIR), 0xc4);
}
END_TEST

START_TEST(modem_deltas)
{
	setup_115200(0x01, 0x08);
	ck_assert_uint_eq(in(MSR), 0xb0);
	out(MCR, 0x1f); /* RI rises: only its fall counts */
	ck_assert_uint_eq(in(IIR), 0xc1);
	ck_assert_uint_eq(in(MSR), 0xf0);
	out(MCR, 0x1b);
	ck_assert_uint_eq(in(IIR), 0xc0);
	ck_assert(rig.level[GSI]);
	ck_assert_uint_eq(in(MSR), 0xb4);
	ck_assert(!rig.level[GSI]);
	out(MCR, 0x18);
	ck_assert_uint_eq(in(MSR), 0x83);
	out(MCR, 0x10);
	out(MCR, 0x18); /* there and back: the deltas stay */
	ck_assert_uint_eq(in(MSR), 0x88);
	ck_assert_uint_eq(in(MSR), 0x80);
}
END_TEST

START_TEST(priorities)
{
	setup_115200(0x01, 0x0f);
	out(MCR, 0x18);
	out(THR, 1);
	for (u32 i = 0; i < 16; i++)
		out(THR, 1);
	ck_assert_uint_eq(in(IIR), 0xc6);
	in(LSR);
	ck_assert_uint_eq(in(IIR), 0xc4);
	out(FCR, 0x03);
	ck_assert_uint_eq(in(IIR), 0xc2);
	ck_assert_uint_eq(in(IIR), 0xc0);
	in(MSR);
	ck_assert_uint_eq(in(IIR), 0xc1);
}
END_TEST

START_TEST(wide_accesses)
{
	u64 v = 0x0041;

	setup_115200(0x01, 0);
	io_bus_access(&rig.pio, BASE, 2, true, &v, 0); /* THR and IER */
	ck_assert_uint_eq(sent[0], 'A');
	ck_assert_uint_eq(in(IER), 0);
	io_bus_access(&rig.pio, BASE + 4, 4, false, &v, 0);
	ck_assert_uint_eq(v, 0x00b0600b | (u64)in(SCR) << 24);
	v = 0x5a;
	io_bus_access(&rig.pio, BASE + 7, 2, true, &v, 0);
	ck_assert_uint_eq(in(SCR), 0x5a);
}
END_TEST

START_TEST(save_and_restore)
{
	struct vuart_state saved;

	setup_115200(0x81, 0x01);
	feed("xyz");
	saved = u.s;
	setup();
	u.s = saved;
	vuart_restored(&u, 1000);
	ck_assert_uint_eq(timerq_next(&rig.tq), saved.timeout_at);
	rig_run_to(&rig, 1000000);
	ck_assert(rig.level[GSI]);
	saved = u.s;
	setup();
	u.s = saved;
	vuart_restored(&u, 2000000);
	ck_assert(rig.level[GSI]);
	ck_assert_uint_eq(in(RBR), 'x');
}
END_TEST

/* The back-end hears of room when the guest makes some, and only if it has something for it. */
START_TEST(room)
{
	setup_115200(0x01, 0);
	back_end_waits = true;
	ck_assert_uint_eq(feed("0123456789abcdefgh"), 16);
	(void)in(LSR);
	(void)in(IIR);
	out(SCR, 1);
	ck_assert_uint_eq(rooms, 0);
	ck_assert_uint_eq(in(RBR), '0');
	ck_assert_uint_eq(rooms, 1);
	/* Nothing to read makes no room. */
	ck_assert_uint_eq(feed("g"), 1);
	back_end_waits = false;
	(void)in(RBR);
	ck_assert_uint_eq(rooms, 1);
	back_end_waits = true;
	out(FCR, 0x03); /* receiver reset */
	ck_assert_uint_eq(rooms, 2);
	(void)in(RBR);
	ck_assert_uint_eq(rooms, 2);
	/* In loopback the receiver takes nothing from outside; out of it, it does again. */
	out(MCR, 0x1b);
	ck_assert_uint_eq(vuart_rx_space(&u), 0);
	ck_assert_uint_eq(rooms, 2);
	out(MCR, 0x0b);
	ck_assert_uint_eq(rooms, 3);
}
END_TEST

/* COM1 and COM3 are on one line: it is high as long as one of them wants it. */
START_TEST(shared_line)
{
	static const struct chr_ops ops = { .out = on_tx, .waits = on_waits, .room = on_room };
	static struct vuart other;
	struct vuart_state saved;

	setup();
	vuart_init(&other, 0x3e8, GSI, &rig.chip, &rig.tq, &(struct chr){ &ops, &rig });
	ck_assert_int_eq(vuart_attach(&other, &rig.pio), OK);
	vuart_share(&u, &other);
	vuart_share(&other, &u);
	rig_out(&rig, 0x3e8 + MCR, 0x0b);
	out(MCR, 0x0b);
	out(IER, 2);
	ck_assert(rig.level[GSI]);
	rig_out(&rig, 0x3e8 + IER, 2);
	ck_assert(rig.level[GSI]);
	rig_out(&rig, 0x3e8 + IER, 0); /* one falls: the other's interrupt is not lost */
	ck_assert(rig.level[GSI]);
	ck_assert_uint_eq(rig.rises[GSI], 1);
	rig_out(&rig, 0x3e8 + IER, 2);
	out(IER, 0);
	ck_assert(rig.level[GSI]);
	saved = other.s;
	rig_out(&rig, 0x3e8 + IER, 0);
	ck_assert(!rig.level[GSI]);
	/* A reset of one. */
	out(IER, 2);
	vuart_reset(&other, rig.now);
	ck_assert(rig.level[GSI]);
	vuart_reset(&u, rig.now);
	ck_assert(!rig.level[GSI]);
	/* A state: whichever is put in place last. */
	other.s = saved;
	vuart_restored(&other, rig.now);
	vuart_restored(&u, rig.now);
	ck_assert(rig.level[GSI]);
}
END_TEST

SUITE_MAIN("vuart", shared_line, room, power_on, plain_registers, detected_as_16550a, transmit, thre_interrupt,
           out2_gates_line, receive_without_fifos, trigger_levels, fifo_order, receive_timeout,
           timeout_follows_format, overrun, breaks, loopback, modem_deltas, priorities, wide_accesses,
           save_and_restore)
