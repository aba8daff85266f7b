/*
 * Virtual 16550A serial port. Pure. National Semiconductor PC16550D data sheet; on PCs, MCR's OUT2 gates the
 * interrupt line. Sending takes no time: a byte written to THR reaches the callback before the write returns.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/backend/chr.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/irqchip.h"
#include "vmm/base/timer.h"
#include "vmm/dev/vdev.h"

#define VUART_FIFO_SIZE 16

#define VUART_STATE(T, F, A, S)                                                                        \
	F(T, u8, ier)                                                                                  \
	F(T, u8, fcr) /* bit 0 and the trigger level only; 0 without FIFOs */                          \
	F(T, u8, lcr)                                                                                  \
	F(T, u8, mcr)                                                                                  \
	F(T, u8, msr)                                                                                  \
	F(T, u8, scr)                                                                                  \
	F(T, u8, line_err)                /* LSR's OE, PE, FE, BI */                                   \
	A(T, u8, rx, VUART_FIFO_SIZE)     /* ring of received bytes; only one is used without FIFOs */ \
	A(T, u8, rx_err, VUART_FIFO_SIZE) /* LSR bits that came with them */                           \
	F(T, u8, rx_head)                                                                              \
	F(T, u8, rx_count)                                                                             \
	F(T, u16, divisor)                                                                             \
	F(T, bool, thri)      /* "THR empty" has not been seen yet */                                  \
	F(T, bool, timed_out) /* FIFO holds bytes nobody has touched for four character times */       \
	F(T, bool, line)      /* its part of the interrupt line */                                     \
	F(T, u64, timeout_at) /* ns when timed_out becomes set; TIMER_OFF: it is, or no bytes */
STATE_STRUCT(vuart_state, VUART_STATE);

struct vuart {
	struct vuart_state s;
	const struct irqchip *irq;
	u32 gsi;
	const struct vuart *shares; /* another on the same line, or NULL; zeroes where it is not plugged in */
	struct chr chr;             /* gets what the guest sends; told when the receiver takes bytes again */
	struct timer timeout;
	struct io_region region;
	struct io_bus *pio; /* set by attach */
};

/* As vuart_init() takes them. */
struct vuart_cfg {
	u16 base;
	u32 gsi;
	struct chr chr;
	const struct vuart *shares;
};
extern const struct vdev_ops vuart_ops; /* cfg: struct vuart_cfg */

/* base: first of 8 ports. chr is copied; its out() must not call back into the UART. */
void vuart_init(struct vuart *u, u16 base, u32 gsi, const struct irqchip *irq, struct timerq *tq,
                const struct chr *chr);
/* other: on the same line, which is high while one of the two wants it. It is told the same of this one. */
static inline void vuart_share(struct vuart *u, const struct vuart *other)
{
	u->shares = other;
}
/* OK or io_bus_add's error. */
__must_check int vuart_attach(struct vuart *u, struct io_bus *pio);
void vuart_reset(struct vuart *u, u64 now);
/* After s was restored: drives the line, arms the timer. */
void vuart_restored(struct vuart *u, u64 now);

/* Bytes from outside. Returns how many were taken: as many as the receiver has room for, none in loopback mode. */
size_t vuart_rx(struct vuart *u, const u8 *buf, size_t len, u64 now);
size_t vuart_rx_space(const struct vuart *u);
/* A break condition from outside; lost when the receiver is full (an overrun, as a byte would be) or in loopback. */
void vuart_rx_break(struct vuart *u, u64 now);
