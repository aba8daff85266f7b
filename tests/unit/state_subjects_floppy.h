/* Subjects of the tests of states: DMA controllers, floppy controller. */
#pragma once

#include "fake_floppy.h"
#include "state_subject.h"
#include "vmm/dev/pc/vdma.h"
#include "vmm/dev/pc/vfdc.h"

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

/* ---- floppy controller: its DMA controller is the world's, and always ready ---- */

#define SUBJECT_FLOPPY 320 /* sectors */

struct subject_fdc_world {
	struct vdma dma;
	struct fake_floppy medium, empty;
	u8 data[SUBJECT_FLOPPY * BLK_SECTOR];
};

/* Channel 2 for ever from 100h on, to memory or from it. */
static inline void subject_fdc_dma(struct state_world *w, bool to_memory)
{
	static const u8 regs[][2] = { { 0x0a, 6 }, { 0x0c, 0 }, { 0x04, 0 },    { 0x04, 1 },
		                      { 0x81, 0 }, { 5, 0xff }, { 0x05, 0x03 }, { 0x0a, 2 } };
	struct subject_fdc_world *x = w->extra;

	for (u32 i = 0; i < ARRAY_SIZE(regs); i++) {
		u64 v = regs[i][1];

		assert(io_bus_access(&w->pio, regs[i][0], 1, true, &v, w->now));
	}
	x->dma.s.chan[2].mode = to_memory ? 0x54 : 0x58;
}

static inline int subject_fdc_attach(struct state_world *w)
{
	struct subject_fdc_world *x = w->extra;
	struct vfdc_cfg cfg = { .blk = { fake_floppy_blk(&x->medium), fake_floppy_blk(&x->empty) },
		                .present = { true, true },
		                .dma = &x->dma };

	fake_floppy_init(&x->medium, x->data, SUBJECT_FLOPPY);
	x->medium.forgets = true; /* it is no part of the state */
	assert(vdma_ops.attach(&x->dma, &w->env, NULL) == OK);
	subject_fdc_dma(w, true);
	return w->ops->attach(w->dev, &w->env, &cfg);
}

static inline void subject_fdc_detach(struct state_world *w)
{
	vdma_ops.detach(&((struct subject_fdc_world *)w->extra)->dma);
}

static inline void subject_fdc_bytes(struct state_world *w, const u8 *bytes, u32 n)
{
	while (n--)
		world_out(w, VFDC_PORT + 5, *bytes++);
}

/* A whole command, mostly one that can be done; the channel as it wants it. */
static inline void subject_fdc_command(struct state_world *w, struct state_dice *d)
{
	static const u8 kinds[] = {
		0xe6, 0xc5, 0x4d, 0x0f, 0x07, 0x08, 0x4a, 0x16, 0x42, 0x66, 0x03, 0x13, 0x94, 0x0e
	};
	u8 how = d_u8(d), kind = kinds[how % sizeof(kinds)], what = d_u8(d);
	u8 cmd[9] = { kind, how >> 7, what & 3, 0, (u8)(1 + (what >> 2 & 7)), 2, 8, 0x1b, what & 0x80 ? 0xff : 3 };

	if (kind == 0x4d)
		memcpy(cmd + 2, (u8[]){ 2, what & 7, 0x54, 0xf6 }, 4);
	if (kind == 0x03)
		memcpy(cmd + 1, (u8[]){ 0xdf, what & 0x10 ? 3 : 2 }, 2);
	subject_fdc_dma(w, (kind & 0x1f) != 5 && kind != 0x4d);
	subject_fdc_bytes(w, cmd, kind == 0x4d || kind == 0x13 ? 6 : sizeof(cmd));
}

static inline void subject_fdc_step(struct state_world *w, struct state_dice *d)
{
	u8 op = d_u8(d), kind = ((struct vfdc *)w->dev)->s.cmd[0] & 0x1f;

	/* The channel is no part of the state: it follows from the command. */
	subject_fdc_dma(w, kind != 5 && kind != 9 && kind != 0x0d);
	switch (op & 15) {
	case 0: world_access(w, d, &w->pio, VFDC_PORT - 1, 9); break;
	case 1:
	case 2:
	case 3: subject_fdc_command(w, d); break;
	case 4: world_out(w, VFDC_PORT + 5, d_u8(d)); break;
	case 5:
	case 6:
		for (u32 i = 0; i < 8; i++)
			world_in(w, VFDC_PORT + 5);
		break;
	case 7: world_in(w, VFDC_PORT + 4); break;
	case 8: world_in(w, VFDC_DIR); break;
	case 9: world_out(w, VFDC_DIR, op & 16 ? 2 : op >> 6); break;
	case 10: world_out(w, VFDC_PORT + 2, op >= 0xc0 ? op >> 2 : 0x1c); break;
	case 11:
		if (op >= 0xf0)
			world_out(w, VFDC_PORT + 4, 0x82);
		break;
	case 12: world_pass(w, d_span(d)); break;
	default: world_pass(w, (u64)d_u8(d) << 14); break;
	}
}

static inline void subject_fdc_invariants(struct state_world *w)
{
	const struct vfdc *f = w->dev;
	const struct vfdc_state *s = &f->s;
	u8 msr = 0;
	u64 v = 0;

	assert(w->level[VFDC_GSI] == (s->irq && (s->dor & 8)));
	assert(timerq_next(&w->tq) <= s->due_at && s->phase < VFDC_NR_PHASES);
	if (s->due_at > w->now) {
		io_bus_access((struct io_bus *)&w->pio, VFDC_PORT + 4, 1, false, &v, w->now);
		msr = (u8)v;
		assert(s->dor & 4 ? (msr & 0x80) || s->due_at != TIMER_OFF : !msr);
	}
}

static const struct state_subject state_subjects_floppy[] = {
	{ "dma", &vdma_ops, sizeof(struct vdma), 0, subject_dma_attach, subject_dma_step, subject_dma_invariants,
	  NULL },
	{ "floppy", &vfdc_ops, sizeof(struct vfdc), sizeof(struct subject_fdc_world), subject_fdc_attach,
	  subject_fdc_step, subject_fdc_invariants, subject_fdc_detach },
};
