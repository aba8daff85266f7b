/*
 * Virtual 8254 interval timer at 40h-43h and the part of port 61h that belongs to it. Pure. Intel 8254 data sheet,
 * "Mode Definitions". Channel 0's OUT is GSI 0, channel 1's is the refresh request, channel 2's the speaker.
 *
 * Counters do not run: all that can be read is computed from VM time, in whole clocks since time 0.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/irqchip.h"
#include "vmm/base/timer.h"
#include "vmm/dev/vdev.h"

#define VPIT_HZ        1193182ull
#define VPIT_PORT      0x40
#define VPIT_PORT_61H  0x61
#define VPIT_GSI       0
#define VPIT_CHANNELS  3
#define VPIT_COUNT_MAX 0x10000u
/*
 * Clocks, 200 us: a period shorter than this is answered by as many interrupts as this allows. A guest that asks for
 * one every few clocks would else never run.
 */
#define VPIT_MIN_PERIOD 240u

/* One counter. Moments are clocks since VM time 0; differences of them are modulo 2^64. */
#define VPIT_CHAN(T, F, A, S)                                                                                      \
	F(T, u64, start)     /* clock at which the counting element holds n (may lie one ahead) */                 \
	F(T, u64, frozen)    /* clocks counted when the gate stopped it; -1: it had not begun */                   \
	F(T, u64, reload_at) /* modes 2, 3 with pending: clock at which cr takes effect */                         \
	F(T, u32, n)         /* count in effect, 1..65536 */                                                       \
	F(T, u32, cr)        /* count written last, 1..65536 */                                                    \
	F(T, u32, held)      /* what is read while nothing is loaded */                                            \
	F(T, u8, cw)         /* control word: access, mode, BCD */                                                 \
	F(T, u8, low)        /* first byte of a two-byte count */                                                  \
	F(T, u16, latch)                                                                                           \
	F(T, u8, status)                                                                                           \
	F(T, bool, loaded)  /* counting since start; false after a control word until a count (a trigger) comes */ \
	F(T, bool, pending) /* cr waits: modes 2, 3 for the end of the (half) period, modes 1, 5 for a trigger */  \
	F(T, bool, paused)  /* modes 0, 2, 3, 4: gate low */                                                       \
	F(T, bool, gate)                                                                                           \
	F(T, bool, half) /* reload_at is the middle of a mode 3 period */                                          \
	F(T, bool, write_high)                                                                                     \
	F(T, bool, read_high)                                                                                      \
	F(T, bool, latched)                                                                                        \
	F(T, bool, status_latched)
STATE_STRUCT(vpit_chan, VPIT_CHAN);

#define VPIT_STATE(T, F, A, S)                                                                   \
	S(T, vpit_chan, chan, VPIT_CHANNELS)                                                     \
	F(T, u64, edge)  /* clock of channel 0's next rising edge to be told, TIMER_OFF: none */ \
	F(T, u8, port61) /* bits 0-3 as written */                                               \
	F(T, bool, line) /* GSI 0 as driven */
STATE_STRUCT(vpit_state, VPIT_STATE);

struct vpit {
	struct vpit_state s;
	const struct irqchip *irq;
	struct timer timer;
	struct irq_watch watch;
	struct io_region region, region61;
	struct io_bus *pio; /* set by attach */
};
extern const struct vdev_ops vpit_ops; /* no configuration */

void vpit_init(struct vpit *p, const struct irqchip *irq, struct timerq *tq);
/* OK or io_bus_add's error (nothing stays added). */
__must_check int vpit_attach(struct vpit *p, struct io_bus *pio);
/* Power-on: no counter counts, GSI 0 is low. */
void vpit_reset(struct vpit *p, u64 now);
/* After s was restored: drives the line, arms the timer. */
void vpit_restored(struct vpit *p, u64 now);
