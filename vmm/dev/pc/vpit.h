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

#define VPIT_HZ       1193182ull
#define VPIT_PORT     0x40
#define VPIT_PORT_61H 0x61
#define VPIT_GSI      0
#define VPIT_CHANNELS 3

/* One counter. Moments are clocks since VM time 0; differences of them are modulo 2^64. */
struct vpit_chan {
	u64 start;     /* clock at which the counting element holds n (may lie one ahead) */
	u64 frozen;    /* clocks counted when the gate stopped it */
	u64 reload_at; /* modes 2, 3 with pending: clock at which cr takes effect */
	u32 n;         /* count in effect, 1..65536 */
	u32 cr;        /* count written last, 1..65536 */
	u32 held;      /* what is read while nothing is loaded */
	u8 cw;         /* control word: access, mode, BCD */
	u8 low;        /* first byte of a two-byte count */
	u16 latch;
	u8 status;
	bool loaded;  /* counting since start; false after a control word until a count (a trigger) comes */
	bool pending; /* cr waits: modes 2, 3 for the end of the (half) period, modes 1, 5 for a trigger */
	bool paused;  /* modes 0, 2, 3, 4: gate low */
	bool gate;
	bool half; /* reload_at is the middle of a mode 3 period */
	bool write_high, read_high, latched, status_latched;
};

/* Plain, saveable. */
struct vpit_state {
	struct vpit_chan chan[VPIT_CHANNELS];
	u64 edge;  /* clock of channel 0's next rising edge, TIMER_OFF: none */
	u8 port61; /* bits 0-3 as written */
	bool line; /* GSI 0 as driven */
};

struct vpit {
	struct vpit_state s;
	const struct irqchip *irq;
	struct timer timer;
	struct io_region region, region61;
};

void vpit_init(struct vpit *p, const struct irqchip *irq, struct timerq *tq);
/* OK or io_bus_add's error (nothing stays added). */
__must_check int vpit_attach(struct vpit *p, struct io_bus *pio);
/* Power-on: no counter counts, GSI 0 is low. */
void vpit_reset(struct vpit *p, u64 now);
/* After s was restored: drives the line, arms the timer. */
void vpit_restored(struct vpit *p, u64 now);
