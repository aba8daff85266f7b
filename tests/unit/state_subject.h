/*
 * For the tests of states (test_state.c, fuzz_state.c): a device in a world of its own, so that two of them can be
 *told the same and compared. Everything that a device says - what is read from it, lines, MSIs, call-backs, in their
 * order - goes through world_note() into one sum.
 *
 *	static int pit_attach(struct state_world *w) { return w->ops->attach(w->dev, &w->env, NULL); }
 *	static void pit_step(struct state_world *w, struct state_dice *d)
 *	{
 *		world_access(w, d, &w->pio, d_u8(d) & 1 ? 0x61 : 0x40, 4);
 *	}
 *	static void pit_invariants(struct state_world *w) { assert(w->level[0] == ((struct vpit *)w->dev)->s.line); }
 */
#pragma once

#include <stdlib.h>

#include "lib/assert.h"
#include "lib/string.h"
#include "vmm/dev/vdev.h"

#define WORLD_LINES       32
#define WORLD_RAM         (4 * PAGE_SIZE)
#define WORLD_END_OF_TIME (1ull << 62) /* 146 years */

/* ---- randomness: the input's bytes, then (with a seed) numbers without end, else zeros ---- */

struct state_dice {
	const u8 *data;
	size_t left;
	u64 seed;
};

static inline u8 d_u8(struct state_dice *d)
{
	if (d->left) {
		d->left--;
		return *d->data++;
	}
	if (!d->seed)
		return 0;
	d->seed = d->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u8)(d->seed >> 56);
}

static inline u32 d_u32(struct state_dice *d)
{
	u32 v = 0;

	for (u32 i = 0; i < 4; i++)
		v = v << 8 | d_u8(d);
	return v;
}

static inline u64 d_u64(struct state_dice *d)
{
	u64 high = d_u32(d);

	return high << 32 | d_u32(d);
}

/* 0 to n - 1. */
static inline u32 d_below(struct state_dice *d, u32 n)
{
	return (n <= 256 ? d_u8(d) : d_u32(d)) % n;
}

/* ns, from nothing to 2^40 (18 minutes), now and then to 2^56 (two years). */
static inline u64 d_span(struct state_dice *d)
{
	u8 how = d_u8(d);

	return (u64)d_u8(d) << (how < 8 ? how * 6 : how % 33);
}

/* ---- the world ---- */

struct state_subject;

struct state_world {
	const struct state_subject *subject;
	const struct vdev_ops *ops; /* subject->ops */
	void *dev;                  /* subject->dev_size bytes, zeroed before attach */
	void *extra;                /* subject->extra_size bytes, zeroed too: what else the subject needs */
	struct vdev_env env;        /* all set but pci, which a subject's attach may add */
	struct irqchip chip;
	struct io_bus pio, mmio;
	struct timerq tq;
	struct guest_mem mem; /* WORLD_RAM bytes from 0 on */
	struct io_region *pio_store[32], *mmio_store[16];
	u8 *ram;
	bool level[WORLD_LINES];
	u64 now;  /* VM time, ns */
	u64 seen; /* sum of all that was said */
	u32 said; /* how much that was */
};

struct state_subject {
	const char *name;
	const struct vdev_ops *ops;
	size_t dev_size, extra_size;
	/* Plugs w->dev in through w->ops->attach, with configuration and call-backs (which take w as their argument
	 * and tell world_note()). OK or an error. */
	int (*attach)(struct state_world *w);
	/* One operation made of d's bytes: an access, an event from outside, passing time (world_pass). How many
	 * bytes it takes may depend on the device's state alone. */
	void (*step)(struct state_world *w, struct state_dice *d);
	/* Asserts what holds whenever no operation is under way, however the state came about. NULL: nothing. */
	void (*invariants)(struct state_world *w);
	/* Attaches are undone by ops->detach; this frees or unplugs what else attach did. NULL: nothing. */
	void (*detach)(struct state_world *w);
};

/* Something was said: what tells kinds apart (a constant of the caller's). */
static inline void world_note(struct state_world *w, u32 what, u64 value)
{
	w->seen = (w->seen ^ what) * 0x100000001b3ull;
	w->seen = (w->seen ^ value) * 0x9e3779b97f4a7c15ull;
	w->seen ^= w->seen >> 29;
	w->said++;
}

enum { NOTE_LINE = 0x1000, NOTE_MSI_ADDR, NOTE_MSI_DATA, NOTE_READ, NOTE_UNCLAIMED, NOTE_DEADLINE };

static inline void world_set_line(void *ctx, u32 gsi, bool asserted)
{
	struct state_world *w = ctx;

	assert(gsi < WORLD_LINES);
	w->level[gsi] = asserted;
	world_note(w, NOTE_LINE, gsi << 1 | asserted);
}

static inline void world_send_msi(void *ctx, u64 addr, u32 data)
{
	world_note(ctx, NOTE_MSI_ADDR, addr);
	world_note(ctx, NOTE_MSI_DATA, data);
}

/* A fresh world with the subject's device plugged in and reset at VM time now. */
static inline void world_init(struct state_world *w, const struct state_subject *subject, u64 now)
{
	static const struct irqchip_ops irq_ops = { .set_line = world_set_line, .send_msi = world_send_msi };

	memset(w, 0, sizeof(*w));
	w->subject = subject;
	w->ops = subject->ops;
	w->now = now;
	w->dev = calloc(1, subject->dev_size);
	w->extra = calloc(1, subject->extra_size + 1);
	w->ram = calloc(1, WORLD_RAM);
	assert(w->dev && w->extra && w->ram);
	w->chip = (struct irqchip){ .ops = &irq_ops, .ctx = w };
	io_bus_init(&w->pio, w->pio_store, ARRAY_SIZE(w->pio_store), 0xffff);
	io_bus_init(&w->mmio, w->mmio_store, ARRAY_SIZE(w->mmio_store), ~0ull);
	timerq_init(&w->tq, NULL);
	w->mem = (struct guest_mem){ .base = w->ram, .nr_ranges = 1, .ranges = { { 0, WORLD_RAM } } };
	w->env = (struct vdev_env){
		.pio = &w->pio, .mmio = &w->mmio, .irq = &w->chip, .timers = &w->tq, .mem = &w->mem
	};
	assert(subject->attach(w) == OK);
	w->ops->reset(w->dev, now);
}

static inline void world_free(struct state_world *w)
{
	if (w->ops->detach)
		w->ops->detach(w->dev);
	if (w->subject->detach)
		w->subject->detach(w);
	free(w->dev);
	free(w->extra);
	free(w->ram);
}

/* An access of 1, 2, 4 or 8 bytes; what is read is noted and returned. */
static inline u64 world_io(struct state_world *w, struct io_bus *bus, u64 addr, u8 size, bool write, u64 value)
{
	u64 v = write ? value : 0;

	if (!io_bus_access(bus, addr, size, write, &v, w->now))
		world_note(w, NOTE_UNCLAIMED, addr);
	if (write)
		return 0;
	assert(size == 8 || v >> size * 8 == 0);
	world_note(w, NOTE_READ, v);
	return v;
}

static inline u8 world_in(struct state_world *w, u32 port)
{
	return (u8)world_io(w, &w->pio, port, 1, false, 0);
}

static inline void world_out(struct state_world *w, u32 port, u8 value)
{
	world_io(w, &w->pio, port, 1, true, value);
}

/* An access of any kind among the len addresses from base: sizes to 4 bytes on ports, to 8 in memory. */
static inline u64 world_access(struct state_world *w, struct state_dice *d, struct io_bus *bus, u64 base, u32 len)
{
	u8 how = d_u8(d), size = (u8)(1u << (how & 3));
	u64 at = base + d_below(d, len), value = 0;

	if (size == 8 && bus == &w->pio)
		size = 1;
	if (how & 4)
		value = size == 1 ? d_u8(d) : d_u32(d) * 0x100000001ull;
	if (size < 8)
		value &= BIT(size * 8) - 1;
	return world_io(w, bus, at, size, how & 4, value);
}

/* Timers that are due run, however late: none may leave a deadline in the past. */
static inline void world_run_timers(struct state_world *w)
{
	timerq_run(&w->tq, w->now);
	assert(timerq_next(&w->tq) > w->now);
}

/*
 * Time goes on by span: timer by timer as far as a few steps go, then in one jump. Any time up to WORLD_END_OF_TIME,
 * where it stops.
 */
static inline void world_pass(struct state_world *w, u64 span)
{
	u64 end = MIN(w->now + span, WORLD_END_OF_TIME);

	for (u32 steps = 16; steps && timerq_next(&w->tq) <= end; steps--) {
		w->now = MAX(w->now, timerq_next(&w->tq));
		world_run_timers(w);
	}
	w->now = MAX(w->now, end);
	world_run_timers(w);
	world_note(w, NOTE_DEADLINE, timerq_next(&w->tq));
}
