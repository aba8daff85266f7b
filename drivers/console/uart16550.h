/*
 * 16550 UART of the host as a console: polled both ways, every wait bounded. Registers and bits: National
 * Semiconductor PC16550D data sheet, "Registers".
 */
#pragma once

#include "drivers/con.h"
#include "drivers/console/uart_place.h"
#include "lib/err.h"

struct uart16550 {
	struct console con;
	struct uart_place place;
	volatile u8 *mem; /* UART_AT_MEM: its registers */
	bool dead;        /* closed, or never opened: output is dropped, nothing is read */
	bool stuck;       /* a bounded wait ran out: output is dropped until the transmitter is empty */
	u32 dropped;      /* bytes not sent */
	u32 fifo_depth;   /* 16, or 1 when there is no working FIFO */
	u32 tx_space;     /* bytes that fit in the transmit FIFO before LSR must be read again */
	u32 waits;        /* looks since the transmitter was last empty */
};

/*
 * Detects (scratch register and loopback) and programs a UART: 8N1, FIFO on, interrupts off, DTR and RTS set, and the
 * speed, when the place has one; else that is read. Its place then says stride and width. map gives a pointer to
 * [pa, pa+len), uncached, or NULL.
 * OK; ERR_NOENT when nothing answers there; ERR_NOMEM when its memory cannot be mapped; ERR_RANGE for a baud rate above
 * 115200; ERR_INVAL for a UART_AT_PCI that was not looked up. After an error it is dead.
 */
__must_check int uart16550_init(struct uart16550 *u, const struct uart_place *place, void *(*map)(u64 pa, u64 len));
/* Drops what comes, from now on. */
void uart16550_close(struct uart16550 *u);
/* From now on it interrupts when it has received something (edge, on PCs IRQ 4 or 3). */
void uart16550_enable_interrupt(const struct uart16550 *u);
/* Something is received and waits. */
bool uart16550_has_input(const struct uart16550 *u);
