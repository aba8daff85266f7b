/*
 * fw_cfg: any sequence of port accesses and descriptors, passing time, reset and restore, against a model that moves
 * a transfer at once: in the end memory is the same.
 */
#include "../unit/fwcfg_guest.h"
#include "rigfuzz.h"

#define BIG (3 * VFWCFG_PIECE + 5)
#define RAM FWCFG_RAM

static struct fwcfg_guest g;
static u8 big[BIG], model[RAM];
static const struct vfwcfg_item items[] = {
	{ .key = VFWCFG_RAM_SIZE, .len = 8, .data = "12345678" },
	{ .file = "big", .len = BIG, .data = big },
	{ .file = "built", .len = 5, .data = "built", .built = true },
	{ .file = "empty", .len = 0, .data = NULL },
};

static void build(void *arg) {}

/* What a transfer of an idle device must do to memory: *control is its answer. */
static u32 run_model(u32 control, u32 len, u64 to)
{
	u16 key = control & VFWCFG_DMA_SELECT ? (u16)(control >> 16) : g.dev.s.key;
	u32 offset = control & VFWCFG_DMA_SELECT ? 0 : g.dev.s.offset, item_len = 0;
	const u8 *data = NULL;

	if (!(control & VFWCFG_DMA_READ))
		return control & VFWCFG_DMA_WRITE ? VFWCFG_DMA_ERROR : 0;
	for (u32 i = 0; i < g.dev.nr; i++) {
		if (g.dev.items[i].key == (key & 0xbfff)) {
			data = g.dev.items[i].data;
			item_len = g.dev.items[i].len;
		}
	}
	while (len) {
		u32 n = MIN(len, VFWCFG_PIECE);

		if (to >= RAM || n > RAM - to)
			return VFWCFG_DMA_ERROR;
		for (u32 i = 0; i < n; i++)
			model[to + i] = offset < item_len ? data[offset++] : 0;
		len -= n;
		to += n;
	}
	return 0;
}

static void transfer(struct rigfuzz *f)
{
	u64 desc = rigfuzz_u32(f) % (RAM + 32), to = rigfuzz_u32(f) % (RAM + VFWCFG_PIECE);
	u32 len = rigfuzz_u32(f), answer;
	u32 control = (u32)(rigfuzz_u8(f) % 0x24) << 16 | (rigfuzz_u8(f) & 0x1f);
	bool idle = g.dev.s.next_at == TIMER_OFF, fits = desc <= RAM - 16;

	len >>= len & 31;
	if (!idle || (to & 0x80000001) == 1)
		to |= (u64)len << 32;
	fwcfg_out(&g, VFWCFG_DMA, 4, 0);
	if (!idle) {
		u32 left = g.dev.s.left;

		fwcfg_submit(&g, desc, control, len, to);
		assert(!fits || fwcfg_control(&g, desc) == VFWCFG_DMA_ERROR);
		assert(g.dev.s.left == left);
		return;
	}
	if (!fits) {
		fwcfg_submit(&g, desc, control, len, to);
		assert(g.dev.s.next_at == TIMER_OFF);
		return;
	}
	memcpy(model, g.mem.base, RAM);
	fwcfg_put_be32(model + desc, control);
	fwcfg_put_be32(model + desc + 4, len);
	fwcfg_put_be32(model + desc + 8, (u32)(to >> 32));
	fwcfg_put_be32(model + desc + 12, (u32)to);
	answer = run_model(control, len, to);
	fwcfg_put_be32(model + desc, answer);
	fwcfg_submit(&g, desc, control, len, to);
	if (rigfuzz_u8(f) & 1)
		return; /* and other things in between */
	for (u32 i = 0; timerq_next(&g.rig.tq) != TIMER_OFF; i++) {
		assert(i <= RAM / VFWCFG_PIECE);
		rig_jump_to(&g.rig, timerq_next(&g.rig.tq));
	}
	assert(!memcmp(model, g.mem.base, RAM));
}

static void restore(void)
{
	struct vfwcfg_state s = g.dev.s;
	struct state_check c = { .now = g.rig.now };
	const void *parts[VDEV_PARTS] = { &s };

	assert(vfwcfg_ops.valid(&g.dev, parts, &c));
	vfwcfg_ops.restored(&g.dev, g.rig.now);
	assert(!memcmp(&s, &g.dev.s, sizeof(s)));
}

static void step(struct rigfuzz *f)
{
	u8 op = rigfuzz_u8(f);

	switch (op & 7) {
	case 0: fwcfg_select(&g, rigfuzz_u8(f) % 0x24); break;
	case 1: fwcfg_in(&g, VFWCFG_PORT + 1, 1); break;
	case 2: rigfuzz_access(f, &g.rig, VFWCFG_PORT - 1, 14); break;
	case 3:
	case 4: transfer(f); break;
	case 5: rigfuzz_pass(&g.rig, rigfuzz_span(f), 10); break;
	case 6: restore(); break;
	default:
		if (op == 0xff)
			vfwcfg_ops.reset(&g.dev, g.rig.now);
		break;
	}
	assert(g.dev.s.offset <= (g.dev.item ? g.dev.item->len : 0));
	assert(timerq_next(&g.rig.tq) == g.dev.s.next_at && (g.dev.s.left == 0) == (g.dev.s.next_at == TIMER_OFF));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct vfwcfg_cfg cfg = { items, ARRAY_SIZE(items), build, NULL };
	struct rigfuzz f = { data, size };

	for (u32 i = 0; i < BIG; i++)
		big[i] = (u8)(i * 7 + i / 256);
	assert(fwcfg_guest_try(&g, &cfg) == OK);
	while (rigfuzz_more(&f))
		step(&f);
	fwcfg_guest_free(&g);
	return 0;
}
