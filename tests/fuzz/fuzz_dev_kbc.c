/*
 * Reset ports and 8042: any sequence of accesses; the machine resets exactly when one of the ways is walked. Every input
 * is for the minimal machine and for the PC, where some resets are soft and A20 is one gate.
 */
#include "devfuzz.h"
#include "vmm/dev/pc/vreset.h"

static struct vreset rst;
static u32 resets, softs;
static bool a20;

static void on_soft(void *arg, const char *how)
{
	assert(how && *how);
	softs++;
}

static void on_a20(void *arg, bool open)
{
	a20 = open;
}

static void on_reset(void *arg, const char *how)
{
	assert(how && *how);
	resets++;
}

static void cf9_io(void *dev, struct io_access *io)
{
	if (io->offset == 1 && io->size == 1)
		vreset_cf9(dev, io);
}

/* Does this byte written to this port reset? */
static bool resets_on(const struct vreset_state *s, u32 port, u8 val)
{
	switch (port) {
	case 0xcf9: return (val & 4) && !(s->cf9 & 4);
	case VRESET_PORT92: return (val & 1) && !(s->port92 & 1);
	case VRESET_KBC_CMD: return val >= 0xf0 && !(val & 1);
	case VRESET_KBC_DATA: return s->kbc_cmd == 0xd1 && !(val & 1);
	default: return false;
	}
}

static void check(struct devfuzz *d, bool pc)
{
	u64 v = devfuzz_in(d, VRESET_KBC_CMD, 1);

	assert((v & 0x10) && !(v & 0xe2) && (v & 1) == rst.s.kbc_full);
	assert(!(rst.s.cf9 & ~0x0e) && !(rst.s.port92 & ~0x03));
	assert(!pc || (a20 == !!(rst.s.port92 & 2) && a20 == !!(rst.s.kbc_outport & 2)));
}

static void run(const u8 *data, size_t size, bool pc)
{
	static const u16 ports[] = { VRESET_KBC_DATA, VRESET_KBC_CMD, VRESET_PORT92, 0xcf9 };
	struct io_region cf8 = { .base = 0xcf8, .len = 4, .fn = cf9_io, .dev = &rst, .name = "cf8" };
	const struct vreset_cfg cfg = { .reset = on_reset,
		                        .soft_reset = pc ? on_soft : NULL,
		                        .a20 = pc ? on_a20 : NULL };
	struct vdev_env env = { 0 };
	struct devfuzz d;

	resets = softs = 0;
	devfuzz_init(&d);
	env.pio = &d.bus;
	assert(vreset_ops.attach(&rst, &env, &cfg) == OK && io_bus_add(&d.bus, &cf8) == OK);
	vreset_ops.reset(&rst, 0);
	for (; size >= 3; data += 3, size -= 3) {
		u32 port = ports[data[1] % 4], before = resets + softs, hard = resets;
		struct vreset_state old = rst.s;
		u64 v = data[2];

		if (data[0] == 0xff)
			vreset_reset(&rst);
		else
			io_bus_access(&d.bus, port, 1, data[0] & 1, &v, 0);
		assert(resets + softs - before ==
		       (data[0] != 0xff && (data[0] & 1) && resets_on(&old, port, data[2])));
		/* On the PC the hard one is CF9h's with bit 1. */
		assert(!pc || resets == hard || (port == 0xcf9 && (data[2] & 2)));
		if (data[0] != 0xff && !(data[0] & 1)) {
			/* Reading changes nothing but the output buffer's state. */
			if (port == VRESET_KBC_DATA) {
				assert(v == old.kbc_out && !rst.s.kbc_full);
				old.kbc_full = false;
			}
			assert(!memcmp(&old, &rst.s, sizeof(old)));
		}
		check(&d, pc);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	run(data, size, false);
	run(data, size, true);
	return 0;
}
