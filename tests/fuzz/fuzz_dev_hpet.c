/*
 * HPET, twice: one gets a look often and its timers on time, the other only when the input says so. What is read must
 * never differ, for it is computed from the time alone; and a model that has nothing but the counter's rule says what
 * that is. However it is programmed, no comparator interrupts more often than it may.
 */
#include "rigfuzz.h"
#include "vmm/dev/pc/vhpet.h"

static struct rig rig[2];
static struct vhpet h[2];
static struct io_bus mmio[2];
static struct io_region *store[2][2];
static bool replaced[2];
static u64 model, model_at; /* the counter at a moment */

static void replace(void *arg, bool hpet, u64 now)
{
	*(bool *)arg = hpet;
}

static u64 counter(void)
{
	return h[0].s.config & 1 ? model + (rig[0].now - model_at) / 10 : model;
}

static u64 both_read(u32 reg, u8 size)
{
	u64 v[2] = { 0, 0 };

	for (u32 i = 0; i < 2; i++)
		assert(io_bus_access(&mmio[i], VHPET_BASE + reg, size, false, &v[i], rig[i].now));
	assert(v[0] == v[1]);
	return v[0];
}

static void both_write(u32 reg, u8 size, u64 val)
{
	u64 was = counter();
	bool ran = h[0].s.config & 1;

	for (u32 i = 0; i < 2; i++) {
		u64 v = val;

		assert(io_bus_access(&mmio[i], VHPET_BASE + reg, size, true, &v, rig[i].now));
	}
	if (reg == 0xf0 && size == 8)
		was = val;
	else if (reg == 0xf0 && size == 4)
		was = (was & ~0xffffffffull) | (u32)val;
	else if (reg == 0xf4 && size == 4)
		was = (u32)was | val << 32;
	else if (ran == (h[0].s.config & 1))
		return;
	model = was;
	model_at = rig[0].now;
}

static void check(void)
{
	struct state_check c = { .now = rig[0].now };

	assert(both_read(0xf0, 8) == counter());
	for (u32 i = 0; i < 3; i++)
		both_read(0x108 + i * 0x20, 8);
	assert(both_read(0x20, 8) == h[0].s.status);
	for (u32 i = 0; i < 2; i++) {
		const void *part[VDEV_PARTS] = { &h[i].s };

		assert(vhpet_ops.valid(&h[i], part, &c));
		assert(timerq_next(&rig[i].tq) > rig[i].now);
		assert(replaced[i] == (h[i].s.config == 3));
	}
	for (u32 gsi = 0; gsi < RIG_LINES; gsi++)
		assert(rig[0].level[gsi] == rig[1].level[gsi]);
}

static void pass(u64 span)
{
	u64 from = rig[0].now, end = MIN(from + span, RIGFUZZ_END_OF_TIME);

	for (u32 i = 1; i < 8; i++) {
		u64 v, rises = 0, before = 0, ns = from + (end - from) / 8 * i - rig[0].now;

		for (u32 gsi = 0; gsi < RIG_LINES; gsi++)
			before += rig[0].rises[gsi];
		rigfuzz_pass(&rig[0], ns, 20);
		for (u32 gsi = 0; gsi < RIG_LINES; gsi++)
			rises += rig[0].rises[gsi];
		/* The periodic one as often as it may; the others, and it as a late one, once. */
		assert(rises - before <= ns / VHPET_MIN_PERIOD + ns / 42949672950ull * 3 + 8);
		io_bus_access(&mmio[0], VHPET_BASE + 0xf0, 8, false, &v, rig[0].now);
	}
	rigfuzz_pass(&rig[0], end - rig[0].now, 20);
	rig_jump_to(&rig[1], end);
}

static void program(struct rigfuzz *f, u8 op)
{
	u32 i = op % 3, reg = 0x100 + i * 0x20;
	u8 count = rigfuzz_u8(f), shift = rigfuzz_u8(f);
	u64 ticks = (u64)count << shift % 40;

	both_write(reg, 4, 0x04 | (shift & 0x40 ? 0x48 : 0) | (shift & 0x80 ? 0x100 : 0) | (20u + (op >> 6)) << 9);
	both_write(reg + 8, 8, counter() + ticks);
	if (shift & 0x40)
		both_write(reg + 8, 8, ticks);
}

static void step(struct rigfuzz *f)
{
	static const u16 regs[] = { 0x10, 0x20, 0xf0, 0xf4, 0x100, 0x108, 0x120, 0x128 };
	u8 op = rigfuzz_u8(f);

	switch (op & 7) {
	case 0: both_write(0x10, 4, op >> 6); break;
	case 1: program(f, op >> 3); break;
	case 2: both_write(regs[op >> 5], 4, rigfuzz_u32(f)); break;
	case 3: both_write(regs[op >> 5] & ~7u, 8, rigfuzz_u32(f) * 0x100000001ull); break;
	case 4: both_write(0x20, 4, op >> 3); break;
	case 5: both_read(rigfuzz_u8(f) * 4u, 4); break;
	case 6: pass((u64)op << 12); break;
	default: pass(rigfuzz_span(f)); break;
	}
	check();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct rigfuzz f = { data, size };

	model = model_at = 0;
	for (u32 i = 0; i < 2; i++) {
		struct vdev_env env = { .mmio = &mmio[i], .irq = &rig[i].chip, .timers = &rig[i].tq };
		struct vhpet_cfg cfg = { .irq = &rig[i].chip, .replace = replace, .arg = &replaced[i] };

		rig_init(&rig[i]);
		io_bus_init(&mmio[i], store[i], ARRAY_SIZE(store[i]), ~0ull);
		memset(&h[i], 0, sizeof(h[i]));
		replaced[i] = false;
		assert(vhpet_ops.attach(&h[i], &env, &cfg) == OK);
	}
	while (rigfuzz_more(&f))
		step(&f);
	for (u32 i = 0; i < 2; i++) {
		vhpet_ops.reset(&h[i], rig[i].now);
		assert(!replaced[i] && timerq_next(&rig[i].tq) == TIMER_OFF);
		vhpet_ops.detach(&h[i]);
	}
	return 0;
}
