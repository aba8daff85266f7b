/* Parallel port with nothing plugged in. */
#include "vmm/dev/pc/vlpt.h"

#define STATUS         0x7f /* busy (its bit is inverted), out of paper, selected, no error; no acknowledgement */
#define CONTROL_STORED 0x1f
#define CONTROL_ONES   0xc0
#define CONTROL_RESET  0x0c /* printer initialised, selected */

static u8 read_port(const struct vlpt *l, u32 port)
{
	switch (port) {
	case 0: return l->s.data;
	case 1: return STATUS;
	default: return CONTROL_ONES | l->s.control;
	}
}

/* Wider accesses are bytes one after the other. */
static void lpt_io(void *dev, struct io_access *io)
{
	struct vlpt *l = dev;
	u64 val = 0;

	for (u32 i = 0; i < io->size; i++) {
		u32 port = (u32)io->offset + i;
		u8 byte = (u8)(io->value >> i * 8);

		if (!io->write)
			val |= (u64)read_port(l, port) << i * 8;
		else if (port == 0)
			l->s.data = byte;
		else if (port == 2)
			l->s.control = byte & CONTROL_STORED;
	}
	if (!io->write)
		io->value = val;
}

/* ---- as a device of the board ---- */

STATE_DESC(vlpt_state, VLPT_STATE, 1);

static void reset(void *dev, u64 now)
{
	struct vlpt *l = dev;

	l->s = (struct vlpt_state){ .control = CONTROL_RESET };
}

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct vlpt *l = dev;

	l->pio = env->pio;
	l->region = (struct io_region){ .base = VLPT_PORT, .len = 3, .fn = lpt_io, .dev = l, .name = "parallel" };
	reset(l, 0);
	return io_bus_add(l->pio, &l->region);
}

static void detach(void *dev)
{
	struct vlpt *l = dev;

	io_bus_remove(l->pio, &l->region);
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vlpt_state *s = part[0];

	if (s->control & ~CONTROL_STORED)
		return state_refuse(c, "control", s->control, "has bits that the register lacks");
	return true;
}

static void restored(void *dev, u64 now) {}

VDEV_OPS(vlpt, "parallel", VDEV_STATE(vlpt, s, vlpt_state), .attach = attach, .detach = detach, .reset = reset,
         .valid = valid, .restored = restored);
