/* The host UART driver against a model of the chip behind fake port instructions. */
#include <stdlib.h>
#include <string.h>

#include "arch/x86/io.h"
#include "suite.h"

#define BASE 0x2f8

static struct {
	bool absent, no_fifo, stuck, no_loopback;
	u8 ier, fcr, lcr, mcr, scr;
	u16 divisor;
	u8 fifo_left; /* bytes the transmitter still has to send */
	u8 out[4096];
	size_t nr_out;
	u8 in[16];
	size_t in_pos, nr_in;
	unsigned int lsr_reads, overruns;
} chip;

static u8 fake_inb(u16 port)
{
	ck_assert(port >= BASE && port < BASE + 8);
	if (chip.absent)
		return 0xff;
	switch (port - BASE) {
	case 0:
		ck_assert(!(chip.lcr & 0x80));
		ck_assert_uint_lt(chip.in_pos, chip.nr_in);
		return chip.in[chip.in_pos++];
	case 2: return chip.no_fifo || !(chip.fcr & 1) ? 0x01 : 0xc1;
	case 5:
		chip.lsr_reads++;
		if (chip.fifo_left && !chip.stuck && chip.lsr_reads % 3 == 0)
			chip.fifo_left = 0;
		return (u8)((chip.in_pos < chip.nr_in ? 1 : 0) | (chip.fifo_left || chip.stuck ? 0 : 0x60));
	case 6: /* loopback: DTR->DSR, RTS->CTS, OUT1->RI, OUT2->DCD */
		if (!(chip.mcr & 0x10) || chip.no_loopback)
			return 0xb0;
		return (u8)((chip.mcr & 1 ? 0x20 : 0) | (chip.mcr & 2 ? 0x10 : 0) | (chip.mcr & 4 ? 0x40 : 0) |
		            (chip.mcr & 8 ? 0x80 : 0));
	case 7: return chip.scr;
	}
	return 0;
}

static void fake_outb(u16 port, u8 v)
{
	ck_assert(port >= BASE && port < BASE + 8);
	switch (port - BASE) {
	case 0:
		if (chip.lcr & 0x80) {
			chip.divisor = (u16)((chip.divisor & 0xff00) | v);
			break;
		}
		if (++chip.fifo_left > (chip.no_fifo ? 1 : 16))
			chip.overruns++;
		ck_assert_uint_lt(chip.nr_out, sizeof(chip.out));
		chip.out[chip.nr_out++] = v;
		break;
	case 1:
		if (chip.lcr & 0x80)
			chip.divisor = (u16)((chip.divisor & 0xff) | v << 8);
		else
			chip.ier = v;
		break;
	case 2: chip.fcr = v; break;
	case 3: chip.lcr = v; break;
	case 4: chip.mcr = v; break;
	case 7: chip.scr = v; break;
	}
}

#define inb  fake_inb
#define outb fake_outb
#include "drivers/console/uart16550.c"

static struct uart16550 uart;

START_TEST(programs_the_chip)
{
	static const struct {
		u32 baud;
		u16 divisor;
	} t[] = { { 115200, 1 }, { 57600, 2 }, { 9600, 12 }, { 300, 384 }, { 50, 2304 } };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		chip.ier = 0xff;
		ck_assert_int_eq(uart16550_init(&uart, BASE, t[i].baud), OK);
		ck_assert_uint_eq(chip.divisor, t[i].divisor);
		ck_assert_uint_eq(chip.lcr, 3);
		ck_assert_uint_eq(chip.mcr, 3);
		ck_assert_uint_eq(chip.ier, 0);
		ck_assert_uint_eq(chip.fcr, 7);
		ck_assert_uint_eq(uart.fifo_depth, 16);
		ck_assert(!uart.dead);
	}
	ck_assert_int_eq(uart16550_init(&uart, BASE, 0), ERR_RANGE);
	ck_assert_int_eq(uart16550_init(&uart, BASE, 230400), ERR_RANGE);
}
END_TEST

START_TEST(writes)
{
	char big[1000];

	for (int fifo = 0; fifo < 2; fifo++) {
		memset(&chip, 0, sizeof(chip));
		chip.no_fifo = !fifo;
		ck_assert_int_eq(uart16550_init(&uart, BASE, 115200), OK);
		uart.con.write(&uart.con, "a\nb", 3);
		ck_assert_uint_eq(chip.nr_out, 4);
		ck_assert_mem_eq(chip.out, "a\r\nb", 4);
		memset(big, 'x', sizeof(big));
		uart.con.write(&uart.con, big, sizeof(big));
		ck_assert_uint_eq(chip.nr_out, 1004);
		ck_assert_uint_eq(chip.overruns, 0);
		ck_assert_uint_eq(uart.dropped, 0);
	}
}
END_TEST

/* What fits without waiting: a whole FIFO when it is empty, else what was not used of it. */
START_TEST(room)
{
	for (int fifo = 0; fifo < 2; fifo++) {
		u32 depth = fifo ? 16 : 1, reads;

		memset(&chip, 0, sizeof(chip));
		chip.no_fifo = !fifo;
		ck_assert_int_eq(uart16550_init(&uart, BASE, 9600), OK);
		ck_assert_uint_eq(uart.con.wait_ns, depth * 1041666 + (fifo ? 10 : 0));
		ck_assert_uint_eq(uart.con.room(&uart.con), depth);
		uart.con.write(&uart.con, "x", 1);
		ck_assert_uint_eq(uart.con.room(&uart.con), depth - 1);
		uart.con.write(&uart.con, "123456789012345", depth - 1);
		chip.stuck = true;
		reads = chip.lsr_reads;
		ck_assert_uint_eq(uart.con.room(&uart.con), 0);
		ck_assert_uint_eq(chip.lsr_reads, reads + 1); /* without waiting */
		chip.stuck = false;
		chip.fifo_left = 0;
		ck_assert_uint_eq(uart.con.room(&uart.con), depth);
		ck_assert_uint_eq(chip.overruns, 0);
	}
	uart.dead = true;
	ck_assert_uint_gt(uart.con.room(&uart.con), 0);
	memset(&chip, 0, sizeof(chip));
}
END_TEST

START_TEST(gives_up_when_stuck)
{
	unsigned int reads;

	ck_assert_int_eq(uart16550_init(&uart, BASE, 115200), OK);
	chip.stuck = true;
	uart.con.write(&uart.con, "hello\n", 6);
	ck_assert(uart.dead);
	ck_assert_uint_eq(chip.nr_out, 0);
	ck_assert_uint_eq(uart.dropped, 7);
	reads = chip.lsr_reads;
	ck_assert_uint_le(reads, TX_SPINS + 1);
	uart.con.write(&uart.con, "again", 5);
	ck_assert_uint_eq(chip.lsr_reads, reads); /* no more waiting */
	ck_assert_uint_eq(uart.dropped, 12);
	ck_assert_int_eq(uart.con.getc(&uart.con), -1);
	chip.stuck = false;
	ck_assert_int_eq(uart16550_init(&uart, BASE, 115200), OK);
	uart.con.write(&uart.con, "x", 1);
	ck_assert_uint_eq(chip.nr_out, 1);
}
END_TEST

START_TEST(nothing_there)
{
	chip.absent = true;
	ck_assert_int_eq(uart16550_init(&uart, BASE, 115200), ERR_NOENT);
	ck_assert(uart.dead);
	uart.con.write(&uart.con, "x", 1);
	ck_assert_int_eq(uart.con.getc(&uart.con), -1);
	chip.absent = false;
	chip.no_loopback = true;
	ck_assert_int_eq(uart16550_init(&uart, BASE, 115200), ERR_NOENT);
	ck_assert_uint_eq(chip.mcr & 0x10, 0); /* not left in loopback */
}
END_TEST

START_TEST(reads)
{
	ck_assert_int_eq(uart16550_init(&uart, BASE, 115200), OK);
	ck_assert_int_eq(uart.con.getc(&uart.con), -1);
	memcpy(chip.in, "A\xff\0", 3);
	chip.nr_in = 3;
	ck_assert_int_eq(uart.con.getc(&uart.con), 'A');
	ck_assert_int_eq(uart.con.getc(&uart.con), 0xff);
	ck_assert_int_eq(uart.con.getc(&uart.con), 0);
	ck_assert_int_eq(uart.con.getc(&uart.con), -1);
}
END_TEST

START_TEST(interrupt)
{
	memset(&chip, 0, sizeof(chip));
	ck_assert_int_eq(uart16550_init(&uart, BASE, 115200), OK);
	ck_assert_uint_eq(chip.mcr & 8, 0);
	uart16550_enable_interrupt(&uart);
	ck_assert_uint_eq(chip.mcr, 0x0b); /* DTR, RTS, OUT2 */
	ck_assert_uint_eq(chip.ier, 1);    /* received data only */
}
END_TEST

START_TEST(options)
{
	static const struct {
		const char *s;
		int r;
		u16 port;
		u32 baud;
	} t[] = {
		{ "uart", OK, 0x3f8, 115200 },
		{ "uart,0x2f8", OK, 0x2f8, 115200 },
		{ "uart,com2,9600", OK, 0x2f8, 9600 },
		{ "uart,com1", OK, 0x3f8, 115200 },
		{ "uart,com3", OK, 0x3e8, 115200 },
		{ "uart,com4", OK, 0x2e8, 115200 },
		{ "uart,,57600", OK, 0x3f8, 57600 },
		{ "uart,1016,38400", OK, 0x3f8, 38400 },
		{ "vga", ERR_NOENT, 0, 0 },
		{ "uart16550", ERR_NOENT, 0, 0 },
		{ "uartuartuartuartuart", ERR_NOENT, 0, 0 },
		{ "uart,com5", ERR_INVAL, 0, 0 },
		{ "uart,com12", ERR_INVAL, 0, 0 },
		{ "uart,x", ERR_INVAL, 0, 0 },
		{ "uart,0", ERR_RANGE, 0, 0 },
		{ "uart,0xfff9", ERR_RANGE, 0, 0 },
		{ "uart,0x3f8,", OK, 0x3f8, 115200 },
		{ "uart,0x3f8,fast", ERR_INVAL, 0, 0 },
		{ "uart,com2,fast", ERR_INVAL, 0, 0 },
		{ "uart,com2,7", ERR_RANGE, 0, 0 },
		{ "uart,0x3f8,0", ERR_RANGE, 0, 0 },
		{ "uart,0x3f8,230400", ERR_RANGE, 0, 0 },
		{ "uart,0x3f8,100000", ERR_RANGE, 0, 0 },
		{ "uart,0x0000000000000000000000003f8", ERR_INVAL, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		u16 port = UART16550_DEFAULT_PORT;
		u32 baud = UART16550_DEFAULT_BAUD;

		ck_assert_msg(uart16550_parse(t[i].s, &port, &baud) == t[i].r, "%s", t[i].s);
		/* A value that cannot be used changes nothing. */
		ck_assert_msg(port == (t[i].r ? UART16550_DEFAULT_PORT : t[i].port), "%s: port %#x", t[i].s, port);
		ck_assert_msg(baud == (t[i].r ? UART16550_DEFAULT_BAUD : t[i].baud), "%s: %u baud", t[i].s, baud);
	}
}
END_TEST

/* Missing parts stay what they were. */
START_TEST(options_left_out)
{
	u16 port = 0x2f8;
	u32 baud = 9600;

	ck_assert_int_eq(uart16550_parse("uart", &port, &baud), OK);
	ck_assert_uint_eq(port, 0x2f8);
	ck_assert_uint_eq(baud, 9600);
	ck_assert_int_eq(uart16550_parse("uart,,57600", &port, &baud), OK);
	ck_assert_uint_eq(port, 0x2f8);
	ck_assert_uint_eq(baud, 57600);
	ck_assert_int_eq(uart16550_parse("uart,com1", &port, &baud), OK);
	ck_assert_uint_eq(port, 0x3f8);
	ck_assert_uint_eq(baud, 57600);
}
END_TEST

/* Bytes that are no text go out as they are, and need no more room than they are. */
START_TEST(raw)
{
	memset(&chip, 0, sizeof(chip));
	ck_assert_int_eq(uart16550_init(&uart, BASE, 115200), OK);
	ck_assert(!uart.con.raw);
	uart.con.raw = true;
	uart.con.write(&uart.con, "{}\n\n\r\n", 6);
	ck_assert_uint_eq(chip.nr_out, 6);
	ck_assert_mem_eq(chip.out, "{}\n\n\r\n", 6);
}
END_TEST

SUITE_MAIN("uart16550", programs_the_chip, writes, room, gives_up_when_stuck, nothing_there, reads, interrupt,
           options, options_left_out, raw)
