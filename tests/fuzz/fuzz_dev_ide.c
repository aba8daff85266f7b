/*
 * IDE over RAM disks: any accesses of any size, commands and packets, descriptor tables, turns of the VM, cancelled
 * requests, media that come and go. The state is always one that would be taken; nothing is touched but the guest's RAM.
 */
#include "../unit/vide_rig.h"
#include "rigfuzz.h"

static struct ide_rig r;

static void check(void)
{
	struct state_check c = { .now = r.rig.now };
	const void *part[VDEV_PARTS] = { &r.d.s, &r.d.pci.s };

	assert(vide_ops.valid(&r.d, part, &c));
	for (u32 i = 0; i < 2; i++) {
		const struct vide_channel_state *s = &r.d.s.ch[i];

		assert(r.rig.level[14 + i] == (s->drive[s->select >> 4 & 1].irq && !(s->control & 2)));
		assert(!r.d.ch[i].asked == (s->phase != VIDE_MEDIUM));
	}
	assert(!memcmp(&r.rig.level[0], (bool[14]){ 0 }, 14));
}

static void command(struct rigfuzz *f, u8 how)
{
	u32 drive = how & 3;

	ir_select(&r, drive, how & 0x4f);
	for (u32 i = 1; i < 6; i++)
		ir_out(&r, drive, i, rigfuzz_u8(f));
	ir_out(&r, drive, 7, rigfuzz_u8(f));
}

static void packet(struct rigfuzz *f, u8 how)
{
	ir_select(&r, 2, 0);
	ir_out(&r, 2, 1, how & 1);
	ir_out(&r, 2, 5, how);
	ir_out(&r, 2, 7, 0xa0);
	for (u32 i = 0; i < 6; i++)
		ir_put_word(&r, 2, (u16)(rigfuzz_u8(f) | rigfuzz_u8(f) << 8));
}

static void data(struct rigfuzz *f, u8 how)
{
	static u8 block[4096];

	if (how >= 0xc0) {
		u32 count = rigfuzz_u8(f) * 4u;

		assert(io_bus_string(&r.rig.pio, ir_base(how & 2), how & 4 ? 4 : 2, how & 1, block, count) <= count);
		return;
	}
	for (u32 i = 0; i < how; i++) {
		if (how & 1)
			ir_put_word(&r, how & 2, (u16)i);
		else
			ir_word(&r, how & 2);
	}
}

static void table(struct rigfuzz *f, u8 how)
{
	for (u32 i = 0; i < 4; i++)
		ir_prd(&r, 0x1000, i, rigfuzz_u8(f) * 0x801u + (how == 0xff ? 0xffff0000 : 0), rigfuzz_u8(f) * 0x81u,
		       rigfuzz_u8(f) & 1);
	if (vpci_bar_addr(&r.d.pci, 4) == IR_BM)
		ir_bm_start(&r, how & 2, 0x1000, how & 4);
}

static void medium(u8 how)
{
	struct blk cd = { &ramdisk_ops, how & 2 ? &r.small : &r.cd };

	if (how & 1)
		(void)vide_eject(&r.d, 2, how & 4);
	else
		(void)vide_insert(&r.d, 2, &cd);
}

static void step(struct rigfuzz *f)
{
	u8 op = rigfuzz_u8(f), how = rigfuzz_u8(f);

	switch (op % 16) {
	case 0: rigfuzz_access(f, &r.rig, 0x1f0, 8); break;
	case 1: rigfuzz_access(f, &r.rig, 0x170, 8); break;
	case 2: rigfuzz_access(f, &r.rig, how & 1 ? 0x3f6 : 0x376, 1); break;
	case 3: rigfuzz_access(f, &r.rig, IR_BM, 16); break;
	case 4:
	case 5: command(f, how); break;
	case 6:
	case 7: packet(f, how); break;
	case 8: data(f, how); break;
	case 9: table(f, how); break;
	case 10: medium(how); break;
	case 11: ir_enable(&r); break;
	case 12:
		if (how < 8)
			vide_ops.reset(&r.d, 0);
		else if (how < 16)
			ir_cfg(&r, rigfuzz_u8(f) & 0xfc, 4, rigfuzz_u32(f));
		else if (how < 32)
			vide_ops.restored(&r.d, 0);
		break;
	case 13: ir_turn(&r); break;
	default: ir_work(&r); break;
	}
	check();
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	struct rigfuzz f = { bytes, size };
	u32 steps = 0;

	ir_init(&r);
	ir_enable(&r);
	while (rigfuzz_more(&f) && steps++ < 150)
		step(&f);
	/* However it was left, turns come to an end, and a reset makes it a drive again. */
	ir_work(&r);
	vide_ops.reset(&r.d, 0);
	check();
	assert(vide_ops.idle(&r.d) && !r.disk.nr && !r.cd.nr && !r.small.nr);
	ir_enable(&r);
	ir_command(&r, 0, 0x20, 0, 1);
	ir_work(&r);
	assert((ir_alt(&r, 0) & 0x89) == 8);
	vide_ops.detach(&r.d);
	assert(r.rig.pio.nr == 2);
	return 0;
}
