/* Test helper: a device with one of everything in its state, three of them, and their table. */
#pragma once

#include "lib/string.h"
#include "vmm/dev/vdev.h"

#define PIN_STATE(T, F, A, S) \
	F(T, u16, level)      \
	F(T, bool, high)      \
	A(T, u8, mark, 3)
STATE_STRUCT(pin, PIN_STATE);
STATE_DESC(pin, PIN_STATE, 1);

#define TOY_STATE(T, F, A, S) \
	F(T, u8, ier)         \
	F(T, u64, at)         \
	F(T, bool, on)        \
	A(T, bool, flags, 2)  \
	A(T, u32, reg, 40)    \
	S(T, pin, pins, 2)    \
	F(T, u16, last)
STATE_STRUCT(toy_state, TOY_STATE);
STATE_DESC(toy_state, TOY_STATE, 3);

#define TOY_MEM(T, F, A, S) A(T, u8, bytes, 64)
STATE_STRUCT(toy_mem, TOY_MEM);
STATE_DESC(toy_mem, TOY_MEM, 1);

struct toy {
	struct toy_state s;
	struct toy_mem *mem;
	u64 restored_at, reset_at;
	int attached;
	bool busy;
};

static u32 order[8], nr_order;

static int toy_attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct toy *t = dev;

	if (cfg)
		return *(const int *)cfg;
	t->attached++;
	return OK;
}

static void toy_detach(void *dev)
{
	struct toy *t = dev;

	t->attached--;
	order[nr_order++ % 8] = t->s.ier;
}

static void toy_reset(void *dev, u64 now)
{
	((struct toy *)dev)->reset_at = now;
}

static bool toy_valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct toy_state *s = part[0];
	const struct toy *t = dev;

	if (!t->mem != !part[1])
		return false;
	if (s->ier > 0x10)
		return state_refuse(c, "ier", s->ier, "has bits that the register lacks");
	if (s->at > c->now)
		return state_refuse(c, "at", s->at, "is in the future");
	return true;
}

static void toy_restored(void *dev, u64 now)
{
	((struct toy *)dev)->restored_at = now;
}

static bool toy_idle(void *dev)
{
	return !((struct toy *)dev)->busy;
}

static VDEV_OPS(toy, "toy", VDEV_STATE(toy, s, toy_state), .state[1] = VDEV_STATE_AT(toy, mem, toy_mem),
                .attach = toy_attach, .detach = toy_detach, .reset = toy_reset, .valid = toy_valid,
                .restored = toy_restored, .idle = toy_idle);

static struct toy toys[3];
static struct toy_mem mems[3];
static struct vdev rows[3];

static inline void toys_setup(void)
{
	for (u32 i = 0; i < 3; i++) {
		struct toy_state *s = &toys[i].s;

		memset(&toys[i], 0, sizeof(toys[i]));
		memset(&mems[i], 0x10 + (int)i, sizeof(mems[i]));
		s->ier = (u8)(i + 1);
		s->at = 0x123456789abcdefull + i;
		s->on = true;
		s->flags[1] = true;
		for (u32 r = 30; r < 40; r++)
			s->reg[r] = 0x1000 * i + r;
		s->pins[1] = (struct pin){ .level = 7, .high = true, .mark = { 1, 2, 0xff } };
		s->last = 0xbeef;
		rows[i] =
		        (struct vdev){ .ops = &toy_ops, .dev = &toys[i], .tag = { 't', 'o', 'y', (char)('0' + i) } };
	}
	toys[1].mem = &mems[1];
}
