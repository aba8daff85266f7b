/* Subjects of the tests of states: fw_cfg, with an item of several pieces among its files. */
#pragma once

#include "state_subject.h"
#include "vmm/dev/pc/vfwcfg.h"

#define SUBJECT_FWCFG_BIG (5 * VFWCFG_PIECE / 2)

enum { NOTE_BUILD = 0x200 };

static inline void subject_fwcfg_build(void *arg)
{
	world_note(arg, NOTE_BUILD, 0);
}

static inline int subject_fwcfg_attach(struct state_world *w)
{
	const struct vfwcfg_item items[] = {
		{ .key = VFWCFG_RAM_SIZE, .len = 8, .data = "12345678" },
		{ .file = "big", .len = SUBJECT_FWCFG_BIG, .data = w->extra },
		{ .file = "built", .len = 5, .data = "built", .built = true },
	};
	const struct vfwcfg_cfg cfg = { items, ARRAY_SIZE(items), subject_fwcfg_build, w };

	memset(w->extra, 0x5a, SUBJECT_FWCFG_BIG);
	return w->ops->attach(w->dev, &w->env, &cfg);
}

static inline u16 subject_fwcfg_key(struct state_dice *d)
{
	static const u16 keys[] = { VFWCFG_FILE_FIRST, VFWCFG_FILE_FIRST + 1, VFWCFG_FILE_DIR, VFWCFG_RAM_SIZE,
		                    VFWCFG_ID,         VFWCFG_SIGNATURE,      0x4020,          0x1234 };

	return keys[d_u8(d) & 7];
}

/* A descriptor somewhere in the little memory there is, or just behind it. */
static inline void subject_fwcfg_dma(struct state_world *w, struct state_dice *d)
{
	u32 at = d_u32(d) % (WORLD_RAM + 64), to = d_u32(d) % (WORLD_RAM + VFWCFG_PIECE), len = d_u32(d);
	u32 words[4] = { (u32)subject_fwcfg_key(d) << 16 | (d_u8(d) & 0x1f), len >> (len & 31), 0, to };

	for (u32 i = 0; i < 4; i++)
		words[i] = __builtin_bswap32(words[i]);
	(void)!gmem_write(&w->mem, GPA(at), words, sizeof(words));
	world_io(w, &w->pio, VFWCFG_DMA + 4, 4, true, __builtin_bswap32(at));
	if (gmem_read(&w->mem, GPA(at), words, 4) == OK)
		world_note(w, NOTE_READ, words[0]);
}

static inline void subject_fwcfg_step(struct state_world *w, struct state_dice *d)
{
	u8 op = d_u8(d);

	switch (op & 7) {
	case 0: world_io(w, &w->pio, VFWCFG_PORT, 2, true, subject_fwcfg_key(d)); break;
	case 1: world_in(w, VFWCFG_PORT + 1); break;
	case 2: world_access(w, d, &w->pio, VFWCFG_PORT - 1, 14); break;
	case 3: world_io(w, &w->pio, VFWCFG_DMA, 4, true, op & 0x80 ? d_u32(d) : 0); break;
	case 4:
	case 5: subject_fwcfg_dma(w, d); break;
	case 6: world_pass(w, op >> 3 & 1); break;
	default: world_pass(w, d_span(d)); break;
	}
}

static inline void subject_fwcfg_invariants(struct state_world *w)
{
	const struct vfwcfg *f = w->dev;

	assert(f->s.offset <= (f->item ? f->item->len : 0));
	assert((f->s.next_at == TIMER_OFF) == !f->s.left);
	assert(timerq_next(&w->tq) == f->s.next_at);
}

static const struct state_subject state_subjects_fw[] = {
	{ "fwcfg", &vfwcfg_ops, sizeof(struct vfwcfg), SUBJECT_FWCFG_BIG, subject_fwcfg_attach, subject_fwcfg_step,
	  subject_fwcfg_invariants, NULL },
};
