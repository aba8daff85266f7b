/* Subjects of the tests of states: keyboard, mouse and their controller. */
#pragma once

#include "state_subject.h"
#include "vmm/dev/pc/v8042.h"
#include "vmm/dev/pc/vlpt.h"

enum { NOTE_KBC_RESET = 0x200, NOTE_KBC_A20, NOTE_KBC_LEDS };

static inline void subject_kbc_reset(void *arg, const char *how)
{
	world_note(arg, NOTE_KBC_RESET, strlen(how));
}

static inline void subject_kbc_set_a20(void *arg, bool open)
{
	world_note(arg, NOTE_KBC_A20, open);
}

static inline bool subject_kbc_a20(void *arg)
{
	return ((struct state_world *)arg)->now >> 30 & 1;
}

static inline void subject_kbc_leds(void *ctx, u8 leds)
{
	assert(!(leds & ~7u));
	world_note(ctx, NOTE_KBC_LEDS, leds);
}

static inline int subject_kbc_attach(struct state_world *w)
{
	static const struct input_ops ops = { .leds = subject_kbc_leds };
	const struct v8042_cfg cfg = { .reset = subject_kbc_reset,
		                       .set_a20 = subject_kbc_set_a20,
		                       .a20 = subject_kbc_a20,
		                       .arg = w,
		                       .input = { &ops, w } };

	return w->ops->attach(w->dev, &w->env, &cfg);
}

/* What operators do. */
static inline void subject_kbc_operate(struct state_world *w, struct state_dice *d)
{
	u8 how = d_u8(d), key = d_u8(d);
	struct input_motion m = { (s8)key * (how & 2 ? 1000 : 1), (s8)key * (how & 4 ? 1 : -7), (s8)(how >> 3) - 8,
		                  key };

	if (how & 1)
		v8042_input.motion(w->dev, &m, w->now);
	else
		v8042_input.key(w->dev, how & 8 ? INPUT_E0(key) : how < 8 ? INPUT_PAUSE : key, how & 2, w->now);
	world_note(w, NOTE_KBC_LEDS, v8042_input.key_room(w->dev));
}

static inline void subject_kbc_step(struct state_world *w, struct state_dice *d)
{
	static const u8 commands[] = { 0xed, 0xf0, 0xf3, 0xf4, 0xe8, 0xf2, 0xff, 0xee };
	u8 op = d_u8(d);

	switch (op & 15) {
	case 0:
	case 1: world_in(w, V8042_DATA); break;
	case 2: world_in(w, V8042_CMD); break;
	case 3: world_out(w, V8042_DATA, d_u8(d)); break;
	case 4: world_out(w, V8042_CMD, d_u8(d)); break;
	case 5: /* to the mouse */
		world_out(w, V8042_CMD, 0xd4);
		world_out(w, V8042_DATA, op & 16 ? commands[op >> 5] : d_u8(d));
		break;
	case 6:
		world_out(w, V8042_CMD, 0x60);
		world_out(w, V8042_DATA, op & 16 ? 0x43 | (op & 0x20) << 1 : d_u8(d));
		break;
	case 7: world_out(w, V8042_DATA, commands[op >> 5]); break;
	case 8: world_access(w, d, &w->pio, V8042_DATA - 1, 6); break;
	case 9:
	case 10:
	case 11: subject_kbc_operate(w, d); break;
	case 12: world_pass(w, d_span(d)); break;
	default: world_pass(w, (u64)d_u8(d) << (op >> 3)); break;
	}
}

static inline void subject_kbc_invariants(struct state_world *w)
{
	const struct v8042 *k = w->dev;
	bool aux = k->s.source >= V8042_AUX;

	assert(w->level[V8042_KBD_GSI] == (k->s.full && !aux && (k->s.ram[0] & 1)));
	assert(w->level[V8042_AUX_GSI] == (k->s.full && aux && (k->s.ram[0] & 2)));
	assert(k->kbd.count <= VPS2KBD_BUFFER && k->mouse.out_at <= k->mouse.out_end);
	assert(timerq_next(&w->tq) <= k->kbd.repeat_at);
}

/* ---- parallel port ---- */

static inline int subject_lpt_attach(struct state_world *w)
{
	return w->ops->attach(w->dev, &w->env, NULL);
}

static inline void subject_lpt_step(struct state_world *w, struct state_dice *d)
{
	world_access(w, d, &w->pio, VLPT_PORT - 1, 5);
}

static inline void subject_lpt_invariants(struct state_world *w)
{
	assert(!(((struct vlpt *)w->dev)->s.control & ~0x1fu));
}

static const struct state_subject state_subjects_input[] = {
	{ "8042", &v8042_ops, sizeof(struct v8042), 0, subject_kbc_attach, subject_kbc_step, subject_kbc_invariants,
	  NULL },
	{ "lpt", &vlpt_ops, sizeof(struct vlpt), 0, subject_lpt_attach, subject_lpt_step, subject_lpt_invariants,
	  NULL },
};
