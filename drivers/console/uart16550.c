/* The host's 16550. Register names as in the PC16550D data sheet, "Registers". */
#include "drivers/console/uart16550.h"
#include "arch/x86/io.h"
#include "drivers/con_poll.h"
#include "lib/mmio.h"
#include "lib/string.h"

enum {
	REG_RBR = 0, /* read: receiver buffer */
	REG_THR = 0, /* write: transmitter holding */
	REG_DLL = 0, /* with DLAB: divisor */
	REG_IER = 1,
	REG_DLM = 1,
	REG_FCR = 2, /* write */
	REG_IIR = 2, /* read */
	REG_LCR = 3,
	REG_MCR = 4,
	REG_LSR = 5,
	REG_MSR = 6,
	REG_SCR = 7,
};

#define LCR_8N1     0x03
#define LCR_DLAB    0x80
#define FCR_ENABLE  0x07 /* FIFOs on, both cleared; trigger level 1 */
#define IIR_FIFO_ON 0xc0
#define MCR_DTR_RTS 0x03
#define MCR_OUT2    0x08
#define MCR_LOOP    0x10
#define LSR_DR      0x01
#define LSR_THRE    0x20
#define LSR_NOBODY  0xff /* all of it set at once: nothing answers */
#define FIFO_DEPTH  16
#define IER_ERBFI   0x01 /* received data available */

#define BITS_PER_BYTE 10ull /* with start and stop bit */

/*
 * A character takes 10 bit times; at 1200 baud the 16 in the FIFO need 133 ms. An LSR read over ISA or LPC takes
 * about 1 us, so this bound is a few hundred ms and never less than one full FIFO.
 */
#define TX_SPINS 400000u
/* The same for those who do not wait, but look again after wait_ns: a second, or some more. */
#define TX_LOOKS 1000u

static u8 reg_read(const struct uart16550 *u, u32 reg)
{
	u32 at = reg * u->place.stride;

	if (!u->mem)
		return inb((u16)(u->place.addr + at));
	switch (u->place.width) {
	case 4: return (u8)mmio_read32(u->mem + at);
	case 2: return (u8)mmio_read16(u->mem + at);
	default: return mmio_read8(u->mem + at);
	}
}

static void reg_write(const struct uart16550 *u, u32 reg, u8 v)
{
	u32 at = reg * u->place.stride;

	if (!u->mem) {
		outb((u16)(u->place.addr + at), v);
		return;
	}
	switch (u->place.width) {
	case 4: mmio_write32(u->mem + at, v); break;
	case 2: mmio_write16(u->mem + at, v); break;
	default: mmio_write8(u->mem + at, v);
	}
}

/* The transmitter is empty, and somebody is there to say so. */
static bool tx_empty(const struct uart16550 *u)
{
	u8 lsr = reg_read(u, REG_LSR);

	return lsr & LSR_THRE && lsr != LSR_NOBODY;
}

/* Looks once whether the FIFO has room again. */
static bool look(struct uart16550 *u)
{
	if (!tx_empty(u))
		return false;
	u->tx_space = u->fifo_depth;
	u->stuck = false;
	u->waits = 0;
	return true;
}

/* Waits for an empty transmitter; false when it stays busy. It is not waited for again until it answers. */
static bool wait_tx(struct uart16550 *u)
{
	for (u32 i = 0; i < (u->stuck ? 1 : TX_SPINS); i++) {
		if (look(u))
			return true;
	}
	u->stuck = true;
	return false;
}

static void put_byte(struct uart16550 *u, u8 c)
{
	if (u->dead || (!u->tx_space && !wait_tx(u))) {
		u->dropped++;
		return;
	}
	reg_write(u, REG_THR, c);
	u->tx_space--;
}

static void uart_write(struct console *con, const char *text, size_t len)
{
	struct uart16550 *u = container_of(con, struct uart16550, con);

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' && !con->raw)
			put_byte(u, '\r');
		put_byte(u, (u8)text[i]);
	}
}

/* Any byte may be a line feed, which takes two. */
static u32 uart_room(struct console *con)
{
	struct uart16550 *u = container_of(con, struct uart16550, con);
	u32 each = con->raw || u->fifo_depth == 1 ? 1 : 2;

	if (u->dead) /* what is written is dropped */
		return FIFO_DEPTH;
	if (u->tx_space < each && !look(u)) {
		if (!u->stuck && ++u->waits < TX_LOOKS)
			return 0;
		u->stuck = true;
		u->tx_space = 0;
		return FIFO_DEPTH;
	}
	return u->tx_space / each;
}

bool uart16550_has_input(const struct uart16550 *u)
{
	u8 lsr = u->dead ? 0 : reg_read(u, REG_LSR);

	return lsr & LSR_DR && lsr != LSR_NOBODY;
}

static int uart_getc(struct console *con)
{
	struct uart16550 *u = container_of(con, struct uart16550, con);
	bool some = uart16550_has_input(u);

	con_poll_looked(con, some);
	return some ? reg_read(u, REG_RBR) : -1;
}

/* The scratch register holds what is written, and in loopback mode the modem outputs appear as modem inputs. */
static bool detect(struct uart16550 *u)
{
	bool ok;

	reg_write(u, REG_SCR, 0x5a);
	ok = reg_read(u, REG_SCR) == 0x5a;
	reg_write(u, REG_SCR, 0xa5);
	ok = ok && reg_read(u, REG_SCR) == 0xa5;
	if (!ok)
		return false;
	reg_write(u, REG_MCR, MCR_LOOP | MCR_OUT2 | 0x02); /* OUT2 -> DCD, RTS -> CTS */
	ok = (reg_read(u, REG_MSR) & 0xf0) == 0x90;
	reg_write(u, REG_MCR, MCR_DTR_RTS);
	return ok;
}

/* At what its registers are to be reached by. ERR_NOENT: nothing answers. */
static int find(struct uart16550 *u, void *(*map)(u64 pa, u64 len))
{
	static const u8 tries[] = { 1, 4 };
	u32 first = u->place.stride, n = first || u->place.at == UART_AT_PORT ? 1 : ARRAY_SIZE(tries);

	for (u32 i = 0; i < n; i++) {
		if (!first)
			u->place.stride = u->place.width = tries[i];
		if (u->place.at == UART_AT_MEM) {
			u->mem = map(u->place.addr, (u64)UART_REGISTERS * u->place.stride);
			if (!u->mem)
				return ERR_NOMEM;
		}
		if (detect(u))
			return OK;
	}
	return ERR_NOENT;
}

/* Sets the speed that is asked for, or finds out the one that is set. */
static void set_speed(struct uart16550 *u)
{
	u32 divisor = u->place.baud ? UART_CLOCK / u->place.baud : 0;

	reg_write(u, REG_LCR, LCR_8N1 | LCR_DLAB);
	if (divisor) {
		reg_write(u, REG_DLL, (u8)divisor);
		reg_write(u, REG_DLM, (u8)(divisor >> 8));
	} else {
		divisor = reg_read(u, REG_DLL) | (u32)reg_read(u, REG_DLM) << 8;
		u->place.baud = MAX(UART_CLOCK / MAX(divisor, 1u), 1u);
	}
	reg_write(u, REG_LCR, LCR_8N1);
}

int uart16550_init(struct uart16550 *u, const struct uart_place *place, void *(*map)(u64 pa, u64 len))
{
	u64 fill_ns;
	int r;

	memset(u, 0, sizeof(*u));
	u->con = (struct console){ .name = "uart", .write = uart_write, .room = uart_room, .getc = uart_getc };
	u->place = *place;
	u->dead = true;
	if (place->at == UART_AT_PCI)
		return ERR_INVAL;
	if (place->baud > UART_CLOCK)
		return ERR_RANGE;
	r = find(u, map);
	if (r)
		return r;
	reg_write(u, REG_IER, 0);
	set_speed(u);
	reg_write(u, REG_FCR, FCR_ENABLE);
	u->fifo_depth = (reg_read(u, REG_IIR) & IIR_FIFO_ON) == IIR_FIFO_ON ? FIFO_DEPTH : 1;
	fill_ns = u->fifo_depth * BITS_PER_BYTE * 1000000000 / u->place.baud;
	u->con.wait_ns = (u32)MIN(fill_ns, 0xffffffffull);
	con_poll_begin(&u->con, u->con.wait_ns);
	reg_write(u, REG_MCR, MCR_DTR_RTS);
	u->dead = false;
	return OK;
}

void uart16550_close(struct uart16550 *u)
{
	u->dead = true;
	con_poll_end(&u->con);
}

void uart16550_enable_interrupt(const struct uart16550 *u)
{
	reg_write(u, REG_MCR, MCR_DTR_RTS | MCR_OUT2); /* OUT2: the gate between chip and interrupt line */
	reg_write(u, REG_IER, IER_ERBFI);
}
