/* Subjects of the tests of states: DMA controllers. */
#pragma once

#include "state_subject.h"
#include "vmm/dev/pc/vdma.h"

static inline int subject_dma_attach(struct state_world *w)
{
	return w->ops->attach(w->dev, &w->env, NULL);
}

static inline void subject_dma_transfer(struct state_world *w, struct state_dice *d)
{
	u8 buf[256], how = d_u8(d), len = d_u8(d);
	bool end;
	u32 n;

	memset(buf, how, sizeof(buf));
	n = vdma_transfer(w->dev, how & 7, buf, len, how & 8, &end);
	assert(n <= len);
	world_note(w, NOTE_READ, n << 1 | end);
	for (u32 i = 0; i < n && !(how & 8); i++)
		world_note(w, NOTE_READ, buf[i]);
}

static inline void subject_dma_step(struct state_world *w, struct state_dice *d)
{
	u8 op = d_u8(d);

	switch (op & 7) {
	case 0:
	case 1: world_access(w, d, &w->pio, 0, 16); break;
	case 2: world_access(w, d, &w->pio, 0xc0, 32); break;
	case 3: world_access(w, d, &w->pio, 0x80, 16); break;
	case 4: world_out(w, op & 8 ? 0x0e : 0xdc, 0); break;
	case 5: world_out(w, op & 8 ? 0x0b : 0xd6, 0x44 | (op & 0x10) | op >> 6); break;
	default: subject_dma_transfer(w, d); break;
	}
}

static inline void subject_dma_invariants(struct state_world *w)
{
	const struct vdma_state *s = &((struct vdma *)w->dev)->s;

	assert(!((s->mask[0] | s->mask[1] | s->status[0] | s->status[1]) & 0xf0));
}

static const struct state_subject state_subjects_floppy[] = {
	{ "dma", &vdma_ops, sizeof(struct vdma), 0, subject_dma_attach, subject_dma_step, subject_dma_invariants,
	  NULL },
};
