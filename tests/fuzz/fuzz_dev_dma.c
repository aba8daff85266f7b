/*
 * 8237A pair: any programming; what a transfer moves is what a byte-by-byte walk of address and count says, and nothing
 * else in memory changes.
 */
#include "rigfuzz.h"
#include "vmm/dev/pc/vdma.h"

#define RAM 0x40000 /* whole pages, of words too */

static struct rig rig;
static struct vdma d;
static u8 ram[RAM], model[RAM], buf[VDMA_PIECE + 2], want[VDMA_PIECE + 2];
static struct guest_mem mem = { .base = ram, .nr_ranges = 1, .ranges = { { 0, RAM } } };

/* One byte or word of the walk. */
static void walk_one(const struct vdma_chan *c, u32 ch, u32 i, bool to_memory)
{
	static const u8 pages[] = { 7, 3, 1, 2, 15, 11, 9, 10 };
	u32 size = ch < 4 ? 1 : 2;
	u16 at = (u16)(c->mode & 0x20 ? c->addr - i : c->addr + i);
	u64 gpa = ((u64)(d.s.page[pages[ch]] & (ch < 4 ? 0xff : 0xfe)) << 16) + at * size;

	for (u32 k = 0; k < size; k++) {
		u32 n = i * size + k;
		bool there = gpa + k < RAM;

		if ((c->mode & 0x0c) != (to_memory ? 4 : 8))
			want[n] = to_memory ? buf[n] : 0;
		else if (to_memory && there)
			model[gpa + k] = buf[n];
		else if (!to_memory)
			want[n] = there ? model[gpa + k] : 0xff;
	}
}

static void transfer(struct rigfuzz *f)
{
	u8 how = rigfuzz_u8(f);
	u32 ch = how & 7, size = ch < 4 ? 1 : 2, len = rigfuzz_u8(f) * (how & 8 ? 64u : 1u), most;
	struct vdma_chan c = d.s.chan[ch];
	bool to_memory = how & 16, end, off;

	if (ch == 4)
		return;
	off = (d.s.command[ch / 4] & 4) || (d.s.mask[ch / 4] >> ch % 4 & 1) || (c.mode & 0xc0) == 0xc0;
	most = off ? 0 : MIN(len / size, c.count + 1u);
	for (u32 i = 0; i < sizeof(buf); i++)
		buf[i] = want[i] = (u8)(how + i * 7);
	for (u32 i = 0; i < most; i++)
		walk_one(&c, ch, i, to_memory);
	assert(vdma_transfer(&d, ch, buf, len, to_memory, &end) == most * size);
	assert(end == (most && most == c.count + 1u));
	assert(!memcmp(ram, model, RAM) && (to_memory || !memcmp(buf, want, most * size)));
	if (end)
		assert((d.s.status[ch / 4] >> ch % 4 & 1) &&
		       (c.mode & 0x10 ? d.s.chan[ch].count == c.base_count : d.s.mask[ch / 4] >> ch % 4 & 1));
}

/* As drivers do, so that transfers come about. */
static void program(struct rigfuzz *f)
{
	u8 how = rigfuzz_u8(f), mode = rigfuzz_u8(f);
	u32 ch = how & 3, addr = (u32)rigfuzz_u8(f) << 8 | 0xf0;

	rig_out(&rig, 0x0c, 0);
	rig_out(&rig, ch * 2, (u8)addr);
	rig_out(&rig, ch * 2, (u8)(addr >> 8));
	rig_out(&rig, ch * 2 + 1, rigfuzz_u8(f));
	rig_out(&rig, ch * 2 + 1, how >> 6);
	rig_out(&rig, 0x0b, (mode & 0x7c) | (u8)ch);
	rig_out(&rig, 0x80 + "\x07\x03\x01\x02"[ch], how >> 2 & 1);
	rig_out(&rig, 0x0a, (u8)ch);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct vdev_env env = { .pio = &rig.pio, .mem = &mem };
	struct rigfuzz f = { data, size };

	rig_init(&rig);
	memset(&d, 0, sizeof(d));
	memset(ram, 0x5a, sizeof(ram));
	memcpy(model, ram, sizeof(ram));
	assert(vdma_ops.attach(&d, &env, NULL) == OK);
	while (rigfuzz_more(&f)) {
		const void *part[VDEV_PARTS] = { &d.s };
		struct state_check c = { 0 };
		u8 op = rigfuzz_u8(&f);

		switch (op & 7) {
		case 0: rigfuzz_access(&f, &rig, 0x00, 16); break;
		case 1: rigfuzz_access(&f, &rig, 0xc0, 32); break;
		case 2: rigfuzz_access(&f, &rig, 0x7e, 20); break;
		case 3: program(&f); break;
		case 4:
			rig_out(&rig, 0x0e, 0);
			rig_out(&rig, 0xdc, 0);
			break;
		default: transfer(&f); break;
		}
		assert(vdma_ops.valid(&d, part, &c));
	}
	vdma_ops.detach(&d);
	return 0;
}
