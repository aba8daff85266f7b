/* The host's 16550. Register names as in the PC16550D data sheet, "Registers". */
#include "drivers/console/uart16550.h"
#include "arch/x86/io.h"
#include "lib/fmt.h"
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
#define FIFO_DEPTH  16
#define IER_ERBFI   0x01 /* received data available */

#define BITS_PER_BYTE 10ull /* with start and stop bit */

/*
 * A character takes 10 bit times; at 1200 baud the 16 in the FIFO need 133 ms. An LSR read over ISA or LPC takes
 * about 1 us, so this bound is a few hundred ms and never less than one full FIFO.
 */
#define TX_SPINS 400000u

static u8 reg_read(const struct uart16550 *u, u16 reg)
{
	return inb((u16)(u->port + reg));
}

static void reg_write(const struct uart16550 *u, u16 reg, u8 v)
{
	outb((u16)(u->port + reg), v);
}

/* Waits for an empty transmitter; false (and the port is given up) when it stays busy. */
static bool wait_tx(struct uart16550 *u)
{
	for (u32 i = 0; i < TX_SPINS; i++) {
		if (reg_read(u, REG_LSR) & LSR_THRE)
			return true;
	}
	u->dead = true;
	return false;
}

static void put_byte(struct uart16550 *u, u8 c)
{
	if (u->dead || (!u->tx_space && !wait_tx(u))) {
		u->dropped++;
		return;
	}
	if (!u->tx_space)
		u->tx_space = u->fifo_depth;
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

static u32 uart_room(struct console *con)
{
	struct uart16550 *u = container_of(con, struct uart16550, con);

	if (u->dead) /* what is written is dropped */
		return FIFO_DEPTH;
	if (!u->tx_space && reg_read(u, REG_LSR) & LSR_THRE)
		u->tx_space = u->fifo_depth;
	return u->tx_space;
}

static int uart_getc(struct console *con)
{
	struct uart16550 *u = container_of(con, struct uart16550, con);

	if (u->dead || !(reg_read(u, REG_LSR) & LSR_DR))
		return -1;
	return reg_read(u, REG_RBR);
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

int uart16550_init(struct uart16550 *u, u16 port, u32 baud)
{
	u16 divisor;

	memset(u, 0, sizeof(*u));
	u->con = (struct console){ .name = "uart", .write = uart_write, .room = uart_room, .getc = uart_getc };
	u->port = port;
	u->baud = baud;
	u->dead = true;
	if (baud == 0 || baud > UART16550_CLOCK)
		return ERR_RANGE;
	if (!detect(u))
		return ERR_NOENT;
	divisor = (u16)(UART16550_CLOCK / baud);
	reg_write(u, REG_IER, 0);
	reg_write(u, REG_LCR, LCR_8N1 | LCR_DLAB);
	reg_write(u, REG_DLL, (u8)divisor);
	reg_write(u, REG_DLM, (u8)(divisor >> 8));
	reg_write(u, REG_LCR, LCR_8N1);
	reg_write(u, REG_FCR, FCR_ENABLE);
	u->fifo_depth = (reg_read(u, REG_IIR) & IIR_FIFO_ON) == IIR_FIFO_ON ? FIFO_DEPTH : 1;
	u->con.wait_ns = (u32)(u->fifo_depth * BITS_PER_BYTE * 1000000000 / baud);
	reg_write(u, REG_MCR, MCR_DTR_RTS);
	u->dead = false;
	return OK;
}

void uart16550_enable_interrupt(const struct uart16550 *u)
{
	reg_write(u, REG_MCR, MCR_DTR_RTS | MCR_OUT2); /* OUT2: the gate between chip and interrupt line */
	reg_write(u, REG_IER, IER_ERBFI);
}

/* Copies the text up to a comma to buf; NULL when it does not fit. Returns what follows the comma, "" at the end. */
static const char *next_part(const char *s, char *buf, size_t size)
{
	size_t n = 0;

	for (; *s && *s != ','; s++) {
		if (n + 1 >= size)
			return NULL;
		buf[n++] = *s;
	}
	buf[n] = '\0';
	return *s ? s + 1 : s;
}

static int parse_port(const char *s, u16 *port)
{
	static const u16 com[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
	u64 v;
	int r;

	if (!strncmp(s, "com", 3) && s[3] >= '1' && s[3] <= '4' && !s[4]) {
		*port = com[s[3] - '1'];
		return OK;
	}
	r = fmt_parse_u64(s, false, &v);
	if (r)
		return r;
	if (v == 0 || v > 0xfff8)
		return ERR_RANGE;
	*port = (u16)v;
	return OK;
}

int uart16550_parse(const char *value, u16 *port, u32 *baud)
{
	char part[16];
	u16 at = *port;
	u64 v = *baud;
	int r;

	value = next_part(value, part, sizeof(part));
	if (!value || strcmp(part, "uart"))
		return ERR_NOENT;
	value = next_part(value, part, sizeof(part));
	if (!value)
		return ERR_INVAL;
	if (part[0]) {
		r = parse_port(part, &at);
		if (r)
			return r;
	}
	if (*value) {
		r = fmt_parse_u64(value, false, &v);
		if (r)
			return r;
		if (v == 0 || v > UART16550_CLOCK || UART16550_CLOCK % v)
			return ERR_RANGE;
	}
	*port = at;
	*baud = (u32)v;
	return OK;
}
