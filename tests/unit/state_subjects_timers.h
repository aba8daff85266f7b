/* Subjects of the tests of states: the timers of a PC that minimal machines lack. */
#pragma once

#include "state_subject.h"
#include "vmm/dev/pc/vhpet.h"

enum { NOTE_REPLACE = 0x300 };

static inline void subject_hpet_replace(void *arg, bool hpet, u64 now)
{
	world_note(arg, NOTE_REPLACE, hpet);
}

static inline int subject_hpet_attach(struct state_world *w)
{
	const struct vhpet_cfg cfg = { .irq = &w->chip, .replace = subject_hpet_replace, .arg = w };

	return w->ops->attach(w->dev, &w->env, &cfg);
}

static inline void subject_hpet_put(struct state_world *w, u32 reg, u8 size, u64 value)
{
	world_io(w, &w->mmio, VHPET_BASE + reg, size, true, value);
}

/* What drivers do: a comparator set to some time from now, periodic or not. */
static inline void subject_hpet_program(struct state_world *w, struct state_dice *d)
{
	u8 how = d_u8(d), count = d_u8(d);
	u32 i = how % 3, reg = 0x100 + i * 0x20, config = 0x04 | (how & 4) >> 1 | (20u + (how >> 3 & 3)) << 9;
	u64 counter = world_io(w, &w->mmio, VHPET_BASE + 0xf0, 8, false, 0);

	if (how & 0x20)
		config |= 0x48;
	if (how & 0x40)
		config |= 0x100;
	subject_hpet_put(w, 0x10, 4, how & 0x80 ? 3 : 1);
	subject_hpet_put(w, reg, 4, config);
	subject_hpet_put(w, reg + 8, 8, counter + ((u64)count << (how >> 4)));
	if (how & 0x20)
		subject_hpet_put(w, reg + 8, 8, (u64)count << (how >> 3 & 15));
}

static inline void subject_hpet_step(struct state_world *w, struct state_dice *d)
{
	static const u16 regs[] = { 0x10, 0x20, 0xf0, 0x100, 0x108, 0x120, 0x128, 0x140 };
	u8 op = d_u8(d);

	switch (op & 7) {
	case 0: world_access(w, d, &w->mmio, VHPET_BASE, 0x160); break;
	case 1: subject_hpet_program(w, d); break;
	case 2: world_io(w, &w->mmio, VHPET_BASE + regs[op >> 5], 8, false, 0); break;
	case 3: subject_hpet_put(w, regs[op >> 5] + (op >> 1 & 4), 4, d_u32(d)); break;
	case 4: subject_hpet_put(w, regs[op >> 5], 8, d_u64(d)); break;
	case 5: subject_hpet_put(w, op & 8 ? 0x20 : 0x10, 4, op >> 4); break;
	case 6: world_pass(w, d_span(d)); break;
	default: world_pass(w, (u64)d_u8(d) << (op >> 3 & 15)); break;
	}
}

static inline void subject_hpet_invariants(struct state_world *w)
{
	const struct vhpet *h = w->dev;
	const struct vhpet_state *s = &h->s;
	u32 high = 0;

	for (u32 gsi = 0; gsi < WORLD_LINES; gsi++)
		high |= (u32)w->level[gsi] << gsi;
	assert(high == h->lines && !(high & ~(VHPET_ROUTES | 0x101)));
	assert(s->config == 3 || !(high & 0x101));
	for (u32 i = 0; i < VHPET_TIMERS; i++) {
		const struct vhpet_timer *t = &s->timer[i];

		assert(t->tell_at == TIMER_OFF || ((s->config & 1) && (t->config & 4)));
		assert(timerq_next(&w->tq) <= t->tell_at);
		assert(!t->level || high);
	}
}

static const struct state_subject state_subjects_timers[] = {
	{ "hpet", &vhpet_ops, sizeof(struct vhpet), 0, subject_hpet_attach, subject_hpet_step,
	  subject_hpet_invariants, NULL },
};
