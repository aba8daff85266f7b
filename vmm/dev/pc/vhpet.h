/*
 * High precision event timer at FED00000h: a 64-bit counter of 100 MHz and three comparators, of which the first can
 * be periodic. Pure. IA-PC HPET specification 1.0a. Interrupts go to one of GSI 20 to 23, or, with LegacyReplacement,
 * comparator 0's to IRQ 0 and comparator 1's to IRQ 8 in place of the 8254's and the RTC's. No FSB delivery.
 *
 * Nothing runs: what is read is computed from VM time.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/irqchip.h"
#include "vmm/base/timer.h"
#include "vmm/dev/vdev.h"

#define VHPET_BASE    0xfed00000ull
#define VHPET_LEN     0x400
#define VHPET_TIMERS  3
#define VHPET_TICK_NS 10
#define VHPET_ROUTES  0x00f00000u /* GSIs that a comparator may be routed to */
#define VHPET_GSI_PIT 0           /* what LegacyReplacement makes of comparators 0 and 1 */
#define VHPET_GSI_RTC 8
/* ns: a period shorter than this is answered by as many interrupts as this allows, as the 8254's (vpit.h). */
#define VHPET_MIN_PERIOD 200000u

/* A comparator. Moments are ticks since the counter was set or let run. */
#define VHPET_TIMER(T, F, A, S)                                                                    \
	F(T, u64, config)  /* the low half of the register, what can be written */                 \
	F(T, u64, cmp)     /* as it reads */                                                       \
	F(T, u64, period)  /* last value written in periodic mode */                               \
	F(T, u64, match)   /* tick at which the counter will be cmp, ~0: never, or it is halted */ \
	F(T, u64, tell_at) /* ns of the next interrupt, TIMER_OFF: none */                         \
	F(T, bool, level)  /* as it drives its line */
STATE_STRUCT(vhpet_timer, VHPET_TIMER);

#define VHPET_STATE(T, F, A, S)                                              \
	F(T, u64, base)  /* counter when it was set or let run, or halted */ \
	F(T, u64, since) /* ns of that moment */                             \
	F(T, u8, config) /* enable, LegacyReplacement */                     \
	F(T, u8, status) /* level-triggered interrupts that are active */    \
	S(T, vhpet_timer, timer, VHPET_TIMERS)
STATE_STRUCT(vhpet_state, VHPET_STATE);

struct vhpet_cfg {
	const struct irqchip *irq; /* beyond the gate */
	/* IRQ 0 and 8 are the HPET's, or those of 8254 and RTC again. Not NULL. */
	void (*replace)(void *arg, bool hpet, u64 now);
	void *arg;
};

struct vhpet {
	struct vhpet_state s;
	struct vhpet_cfg cfg;
	u32 lines; /* as driven, a bit for each GSI */
	struct timer timer;
	struct io_region region;
	struct io_bus *mmio;
};
extern const struct vdev_ops vhpet_ops; /* cfg: struct vhpet_cfg. Its row is before those of 8254 and RTC: when a
	                                 * state is put in place, the gate moves before they drive their lines */
