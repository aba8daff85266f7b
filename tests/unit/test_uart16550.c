/* The host UART driver against a model of the chip behind fake port instructions. */
#include <stdlib.h>
#include <string.h>

#include "arch/x86/io.h"
#include "lib/mmio.h"
#include "suite.h"

#define BASE 0x2f8

static struct {
	bool absent, no_fifo, stuck, no_loopback;
	u32 stride, width; /* where it is in memory: of its registers, and of the only accesses that it answers */
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
		if (chip.lcr & 0x80)
			return (u8)chip.divisor;
		ck_assert_uint_lt(chip.in_pos, chip.nr_in);
		return chip.in[chip.in_pos++];
	case 1: return chip.lcr & 0x80 ? (u8)(chip.divisor >> 8) : chip.ier;
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

/* The same chip in memory: register 0 is at this address, and what another width or address reaches is nobody. */
#define MEM_PA 0xfe030000ull
static u8 memory[64];

static u8 mem_read(const volatile void *p, u32 width)
{
	u32 off = (u32)((const volatile u8 *)p - memory);

	ck_assert_uint_le(off + width, sizeof(memory));
	return width == chip.width && off % chip.stride == 0 && off / chip.stride < 8
	               ? fake_inb((u16)(BASE + off / chip.stride))
	               : 0xff;
}

static void mem_write(volatile void *p, u8 v, u32 width)
{
	u32 off = (u32)((volatile u8 *)p - memory);

	ck_assert_uint_le(off + width, sizeof(memory));
	if (width == chip.width && off % chip.stride == 0 && off / chip.stride < 8)
		fake_outb((u16)(BASE + off / chip.stride), v);
}

#define inb                fake_inb
#define outb               fake_outb
#define mmio_read8(p)      mem_read(p, 1)
#define mmio_read16(p)     mem_read(p, 2)
#define mmio_read32(p)     mem_read(p, 4)
#define mmio_write8(p, v)  mem_write(p, v, 1)
#define mmio_write16(p, v) mem_write(p, v, 2)
#define mmio_write32(p, v) mem_write(p, v, 4)
#include "drivers/console/uart16550.c"

static struct uart16550 uart;

static void *map(u64 pa, u64 len)
{
	ck_assert(pa == MEM_PA && len <= sizeof(memory));
	return memory;
}

static void *map_nothing(u64 pa, u64 len)
{
	return NULL;
}

static int init(u32 baud)
{
	struct uart_place p = { .at = UART_AT_PORT, .addr = BASE, .stride = 1, .width = 1, .baud = baud };

	return uart16550_init(&uart, &p, map_nothing);
}

START_TEST(programs_the_chip)
{
	static const struct {
		u32 baud;
		u16 divisor;
	} t[] = { { 115200, 1 }, { 57600, 2 }, { 9600, 12 }, { 300, 384 }, { 50, 2304 } };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		chip.ier = 0xff;
		ck_assert_int_eq(init(t[i].baud), OK);
		ck_assert_uint_eq(chip.divisor, t[i].divisor);
		ck_assert_uint_eq(chip.lcr, 3);
		ck_assert_uint_eq(chip.mcr, 3);
		ck_assert_uint_eq(chip.ier, 0);
		ck_assert_uint_eq(chip.fcr, 7);
		ck_assert_uint_eq(uart.fifo_depth, 16);
		ck_assert(!uart.dead);
	}
	ck_assert_int_eq(init(230400), ERR_RANGE);
	ck_assert(uart.dead);
	/* As it is set: 9600, and nothing. */
	chip.divisor = 12;
	ck_assert_int_eq(init(0), OK);
	ck_assert_uint_eq(chip.divisor, 12);
	ck_assert_uint_eq(chip.lcr, 3);
	ck_assert_uint_eq(uart.place.baud, 9600);
	ck_assert_uint_eq(uart.con.wait_ns, 16666666);
	chip.divisor = 0;
	ck_assert_int_eq(init(0), OK);
	ck_assert_uint_eq(uart.place.baud, 115200);
}
END_TEST

START_TEST(writes)
{
	char big[1000];

	for (int fifo = 0; fifo < 2; fifo++) {
		memset(&chip, 0, sizeof(chip));
		chip.no_fifo = !fifo;
		ck_assert_int_eq(init(115200), OK);
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

/* What fits without waiting, though all of it were line feeds; and a whole FIFO when it is empty. */
START_TEST(room)
{
	for (int fifo = 0; fifo < 2; fifo++) {
		u32 depth = fifo ? 16 : 1, reads, sent = 0, fits;

		memset(&chip, 0, sizeof(chip));
		chip.no_fifo = !fifo;
		ck_assert_int_eq(init(9600), OK);
		ck_assert_uint_eq(uart.con.wait_ns, depth * 1041666 + (fifo ? 10 : 0));
		ck_assert_uint_eq(uart.con.room(&uart.con), fifo ? 8 : 1);
		chip.stuck = true;
		for (u32 i = 0; i < 10 && (fits = uart.con.room(&uart.con)) != 0; i++, sent += fits)
			uart.con.write(&uart.con, "0123456789abcdef", fits);
		ck_assert_uint_eq(sent, fifo ? 15 : 1);
		ck_assert_uint_eq(chip.nr_out, sent);
		reads = chip.lsr_reads;
		ck_assert_uint_eq(uart.con.room(&uart.con), 0);
		ck_assert_uint_eq(chip.lsr_reads, reads + 1); /* without waiting */
		chip.stuck = false;
		chip.fifo_left = 0;
		reads = chip.lsr_reads + 1;
		ck_assert_uint_eq(uart.con.room(&uart.con), fifo ? 8 : 1);
		if (fifo)
			uart.con.write(&uart.con, "\n\n\n\n\n\n\n\n", 8);
		ck_assert_uint_eq(chip.lsr_reads, reads);
		ck_assert_uint_eq(chip.overruns, 0);
		/* Bytes as they are, all of it. */
		chip.fifo_left = 0;
		uart.tx_space = 0;
		uart.con.raw = true;
		ck_assert_uint_eq(uart.con.room(&uart.con), depth);
		uart.con.write(&uart.con, "x", 1);
		chip.stuck = true;
		ck_assert_uint_eq(uart.con.room(&uart.con), depth - 1);
		ck_assert_uint_eq(uart.dropped, 0);
	}
	uart.dead = true;
	ck_assert_uint_gt(uart.con.room(&uart.con), 0);
	memset(&chip, 0, sizeof(chip));
}
END_TEST

/* A transmitter that never empties is waited for once, and costs one look from then on, until it answers again. */
START_TEST(stuck_and_back)
{
	unsigned int reads;

	ck_assert_int_eq(init(115200), OK);
	chip.stuck = true;
	uart.con.write(&uart.con, "hello\n", 6);
	ck_assert(uart.stuck && !uart.dead);
	ck_assert_uint_eq(chip.nr_out, 0);
	ck_assert_uint_eq(uart.dropped, 7);
	reads = chip.lsr_reads;
	ck_assert_uint_le(reads, TX_SPINS + 7);
	uart.con.write(&uart.con, "again", 5);
	ck_assert_uint_eq(chip.lsr_reads, reads + 5);
	ck_assert_uint_eq(uart.dropped, 12);
	ck_assert_uint_gt(uart.con.room(&uart.con), 0); /* nobody waits for it */
	/* It is heard meanwhile. */
	chip.in[0] = 'k';
	chip.nr_in = 1;
	ck_assert_int_eq(uart.con.getc(&uart.con), 'k');
	chip.stuck = false;
	uart.con.write(&uart.con, "x\n", 2);
	ck_assert(!uart.stuck);
	ck_assert_uint_eq(chip.nr_out, 3);
	ck_assert_mem_eq(chip.out, "x\r\n", 3);
	ck_assert_uint_eq(uart.dropped, 12);
}
END_TEST

/* The same for those who never wait: after a thousand looks in vain they are kept from waiting. */
START_TEST(stuck_without_waiting)
{
	u32 looks = 0;

	ck_assert_int_eq(init(115200), OK);
	chip.stuck = true;
	while (!uart.con.room(&uart.con))
		looks++;
	ck_assert_uint_eq(looks, TX_LOOKS - 1);
	uart.con.write(&uart.con, "lost", 4);
	ck_assert_uint_eq(uart.dropped, 4);
	ck_assert_uint_eq(chip.nr_out, 0);
	chip.stuck = false;
	ck_assert_uint_eq(uart.con.room(&uart.con), 8);
	uart.con.write(&uart.con, "kept", 4);
	ck_assert_mem_eq(chip.out, "kept", 4);
	ck_assert_uint_eq(uart.dropped, 4);
	/* Each time anew, and what was waited for in between does not count. */
	for (looks = 0; looks < 100; looks++) {
		uart.tx_space = 0;
		chip.stuck = true;
		for (u32 i = 0; i < TX_LOOKS / 2; i++)
			ck_assert_uint_eq(uart.con.room(&uart.con), 0);
		chip.stuck = false;
		chip.fifo_left = 0;
		ck_assert_uint_eq(uart.con.room(&uart.con), 8);
	}
}
END_TEST

/* Pulled out: all ones say neither that there is room nor that there is input. */
START_TEST(gone)
{
	ck_assert_int_eq(init(115200), OK);
	chip.absent = true;
	ck_assert_int_eq(uart.con.getc(&uart.con), -1);
	uart.con.write(&uart.con, "x", 1);
	ck_assert_uint_eq(uart.dropped, 1);
	chip.absent = false;
	uart.con.write(&uart.con, "y", 1);
	ck_assert_mem_eq(chip.out, "y", 1);
	uart16550_close(&uart);
	uart.con.write(&uart.con, "z", 1);
	ck_assert_uint_eq(chip.nr_out, 1);
	ck_assert_uint_eq(uart.con.poll_ns, 0);
	ck_assert(!uart16550_has_input(&uart));
}
END_TEST

/* In memory: as it is told, or as it is found. */
START_TEST(in_memory)
{
	static const struct {
		u32 stride, width;
		bool found;
	} t[] = { { 1, 1, true }, { 4, 4, true }, { 4, 1, false }, { 2, 2, false }, { 8, 4, false } };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct uart_place p = { .at = UART_AT_MEM, .addr = MEM_PA, .baud = 57600 };

		memset(&chip, 0, sizeof(chip));
		chip.stride = t[i].stride;
		chip.width = t[i].width;
		ck_assert_int_eq(uart16550_init(&uart, &p, map), t[i].found ? OK : ERR_NOENT);
		ck_assert(uart.dead != t[i].found);
		p.stride = (u8)t[i].stride;
		p.width = (u8)t[i].width;
		ck_assert_int_eq(uart16550_init(&uart, &p, map), OK);
		ck_assert(uart.place.stride == t[i].stride && uart.place.width == t[i].width);
		ck_assert_uint_eq(chip.divisor, 2);
		uart.con.write(&uart.con, "mem\n", 4);
		ck_assert_mem_eq(chip.out, "mem\r\n", 5);
		memcpy(chip.in, "?", 1);
		chip.nr_in = 1;
		ck_assert_int_eq(uart.con.getc(&uart.con), '?');
		ck_assert_int_eq(uart16550_init(&uart, &p, map_nothing), ERR_NOMEM);
		ck_assert(uart.dead);
		p.at = UART_AT_PCI;
		ck_assert_int_eq(uart16550_init(&uart, &p, map), ERR_INVAL);
	}
	memset(&chip, 0, sizeof(chip));
}
END_TEST

START_TEST(nothing_there)
{
	chip.absent = true;
	ck_assert_int_eq(init(115200), ERR_NOENT);
	ck_assert(uart.dead);
	uart.con.write(&uart.con, "x", 1);
	ck_assert_int_eq(uart.con.getc(&uart.con), -1);
	chip.absent = false;
	chip.no_loopback = true;
	ck_assert_int_eq(init(115200), ERR_NOENT);
	ck_assert_uint_eq(chip.mcr & 0x10, 0); /* not left in loopback */
}
END_TEST

START_TEST(reads)
{
	ck_assert_int_eq(init(115200), OK);
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
	ck_assert_int_eq(init(115200), OK);
	ck_assert_uint_eq(chip.mcr & 8, 0);
	uart16550_enable_interrupt(&uart);
	ck_assert_uint_eq(chip.mcr, 0x0b); /* DTR, RTS, OUT2 */
	ck_assert_uint_eq(chip.ier, 1);    /* received data only */
}
END_TEST

/* Bytes that are no text go out as they are, and need no more room than they are. */
START_TEST(raw)
{
	memset(&chip, 0, sizeof(chip));
	ck_assert_int_eq(init(115200), OK);
	ck_assert(!uart.con.raw);
	uart.con.raw = true;
	uart.con.write(&uart.con, "{}\n\n\r\n", 6);
	ck_assert_uint_eq(chip.nr_out, 6);
	ck_assert_mem_eq(chip.out, "{}\n\n\r\n", 6);
}
END_TEST

/* Until the first interrupt it is to be looked at: seldom, and often while something comes. */
START_TEST(polled)
{
	memset(&chip, 0, sizeof(chip));
	ck_assert_int_eq(init(115200), OK);
	ck_assert_uint_eq(uart.con.poll_ns, CON_POLL_IDLE_NS);
	for (u32 i = 0; i < 3 * CON_POLL_QUIET; i++)
		ck_assert_int_eq(uart.con.getc(&uart.con), -1);
	ck_assert_uint_eq(uart.con.poll_ns, CON_POLL_IDLE_NS);
	for (u32 round = 0; round < 2; round++) {
		chip.in_pos = 0;
		chip.nr_in = 1;
		ck_assert(uart16550_has_input(&uart));
		(void)uart.con.getc(&uart.con);
		ck_assert_uint_eq(uart.con.poll_ns, 1041666); /* three quarters of the FIFO's 1.39 ms */
		for (u32 i = 0; i < CON_POLL_QUIET; i++) {
			ck_assert_uint_eq(uart.con.poll_ns, 1041666);
			(void)uart.con.getc(&uart.con);
		}
		ck_assert_uint_eq(uart.con.poll_ns, CON_POLL_IDLE_NS);
	}
	con_poll_end(&uart.con);
	chip.in_pos = 0;
	(void)uart.con.getc(&uart.con);
	(void)uart.con.getc(&uart.con);
	ck_assert_uint_eq(uart.con.poll_ns, 0);
	/* Neither more often than it is worth, nor more seldom than when nothing comes. */
	chip.no_fifo = true;
	ck_assert_int_eq(init(115200), OK);
	ck_assert_uint_eq(uart.con.poll_fast_ns, CON_POLL_FAST_NS);
	chip.no_fifo = false;
	ck_assert_int_eq(init(50), OK);
	ck_assert_uint_eq(uart.con.poll_fast_ns, CON_POLL_IDLE_NS);
}
END_TEST

SUITE_MAIN("uart16550", programs_the_chip, writes, room, stuck_and_back, stuck_without_waiting, gone, in_memory,
           nothing_there, reads, interrupt, polled, raw)
