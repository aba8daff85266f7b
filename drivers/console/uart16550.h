/*
 * 16550 UART of the host as a console: polled both ways, every wait bounded. Registers and bits: National
 * Semiconductor PC16550D data sheet, "Registers".
 */
#pragma once

#include "drivers/con.h"
#include "lib/err.h"

#define UART16550_CLOCK        115200 /* baud rate at divisor 1 */
#define UART16550_PORTS        8      /* it takes */
#define UART16550_DEFAULT_PORT 0x3f8
#define UART16550_DEFAULT_BAUD 115200

struct uart16550 {
	struct console con;
	u16 port;
	u32 baud;
	bool dead;      /* a bounded wait ran out: output is dropped until uart16550_init is called again */
	u32 dropped;    /* bytes not sent since then */
	u32 fifo_depth; /* 16, or 1 when there is no working FIFO */
	u32 tx_space;   /* bytes that fit in the transmit FIFO before LSR must be read again */
};

/*
 * Parses the value of a console= or control= option: "uart", "uart,PORT" or "uart,PORT,BAUD" (numbers as
 * fmt_parse_u64; PORT may also be com1..com4). For missing parts *port and *baud, which the caller sets to its
 * defaults, stay as they are. OK, else both stay: ERR_NOENT when it is not about a uart; ERR_INVAL malformed;
 * ERR_RANGE when the baud rate is no divisor of 115200 or the port does not fit.
 */
__must_check int uart16550_parse(const char *value, u16 *port, u32 *baud);

/*
 * Detects (scratch register and loopback) and programs a UART at port: 8N1, FIFO on, interrupts off, DTR and RTS set.
 * OK; ERR_NOENT when nothing answers there (u->dead is set, writes are dropped); ERR_RANGE for a baud rate of 0
 * or above 115200.
 */
__must_check int uart16550_init(struct uart16550 *u, u16 port, u32 baud);
/* From now on it interrupts when it has received something (edge, on PCs IRQ 4 or 3). */
void uart16550_enable_interrupt(const struct uart16550 *u);
