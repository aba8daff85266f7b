/*
 * Test helper: an 8254 counter that runs clock by clock, written from the data sheet's "Mode Definitions". Slow and
 * simple: what the computed one is compared with. Counts are given in binary.
 */
#pragma once

#include "lib/types.h"

struct pit_ref {
	u32 mode, mod;  /* mode 0-5; 65536 or 10000 */
	u32 cr, n, ce;  /* count register, count being counted (its parity matters in mode 3), counting element */
	bool gate, out; /* pins */
	bool load;      /* the next clock loads the counting element */
	bool counting;  /* a count has been loaded since the control word */
	bool done;      /* terminal count has been seen: one-shots do it once */
	bool high;      /* mode 3: in the first half */
	bool written;   /* a count was written since the control word */
	bool null;
	u32 rises;
};

static inline void pit_ref_set_out(struct pit_ref *p, bool out)
{
	p->rises += out && !p->out;
	p->out = out;
}

static inline void pit_ref_control(struct pit_ref *p, u32 mode, bool bcd)
{
	p->mode = mode;
	p->mod = bcd ? 10000 : 65536;
	p->load = p->counting = p->done = p->written = false;
	p->null = true;
	pit_ref_set_out(p, mode != 0);
}

/* First byte of a two-byte count. */
static inline void pit_ref_first_byte(struct pit_ref *p)
{
	if (p->mode != 0)
		return;
	p->counting = p->load = false;
	p->null = true;
	pit_ref_set_out(p, false);
}

static inline void pit_ref_write(struct pit_ref *p, u32 count)
{
	p->cr = count ? count : p->mod;
	p->null = true;
	p->written = true;
	switch (p->mode) {
	case 0:
		pit_ref_set_out(p, false);
		p->load = true;
		break;
	case 4:
		pit_ref_set_out(p, true);
		p->load = true;
		break;
	case 2:
	case 3: p->load |= !p->counting; break;
	default: break;
	}
}

static inline void pit_ref_gate(struct pit_ref *p, bool gate)
{
	bool rises = gate && !p->gate;

	p->gate = gate;
	if (rises && p->mode != 0 && p->mode != 4 && p->written)
		p->load = true;
	if (!gate && (p->mode == 2 || p->mode == 3) && p->counting)
		pit_ref_set_out(p, true);
}

static inline void pit_ref_load(struct pit_ref *p)
{
	p->load = p->done = p->null = false;
	p->counting = p->high = true;
	/* a count of 1 is illegal in the periodic modes; 2 is what we make of it */
	p->n = p->cr < 2 && (p->mode == 2 || p->mode == 3) ? 2 : p->cr;
	p->ce = p->mode == 3 ? p->n & ~1u : p->n;
	pit_ref_set_out(p, p->mode > 1);
}

static inline void pit_ref_square(struct pit_ref *p)
{
	if (p->ce != (p->high && (p->n & 1) ? 0 : 2)) {
		p->ce -= 2;
		return;
	}
	p->high = !p->high;
	p->n = p->cr < 2 ? 2 : p->cr;
	p->null = false;
	p->ce = p->n & ~1u;
	pit_ref_set_out(p, p->high);
}

static inline void pit_ref_clock(struct pit_ref *p)
{
	if (p->load) {
		pit_ref_load(p);
		return;
	}
	if (!p->counting || (!p->gate && p->mode != 1 && p->mode != 5))
		return;
	if (p->mode == 3) {
		pit_ref_square(p);
		return;
	}
	if (p->mode == 2 && p->ce == 1) {
		pit_ref_load(p);
		return;
	}
	p->ce = (p->ce + p->mod - 1) % p->mod;
	if (p->mode == 2) {
		pit_ref_set_out(p, p->ce != 1);
	} else if (p->mode < 2) {
		if (p->ce == 0)
			pit_ref_set_out(p, true);
	} else {
		pit_ref_set_out(p, p->ce != 0 || p->done);
		p->done |= p->ce == 0;
	}
}
