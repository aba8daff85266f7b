/* IDE: states from outside that cannot be, and one that was taken while requests were under way. */
#include "quick_check.h"

#include "state_bad.h"
#include "state_subjects_ide.h"
#include "vide_rig.h"

/* Channel 0 has a disk, 1 a CD and a disk. Phases: 1 packet, 2 in, 3 out, 4 medium, 5 DMA, 6 reset. */
static const struct state_bad bad[] = {
	{ "ch[0].buf[3]=7 ch[0].prd=0x1000 ch[0].drive[0].multiple=16", "" },
	{ "ch[0].drive[0].status=0x88", "status: 136: has bits that are the phase's or none" },
	{ "ch[0].drive[0].multiple=3", "multiple: 3: is no power of two up to 16" },
	{ "ch[0].drive[0].multiple=32", "multiple: 32: is no power of two up to 16" },
	{ "ch[0].drive[0].heads=0", "heads: 0: and track are no geometry" },
	{ "ch[0].drive[0].heads=17", "heads: 17: and track are no geometry" },
	{ "ch[1].drive[0].sense=16", "sense: 16: is no sense key" },
	{ "ch[1].drive[0].attention=1", "attention: 1: is none that this drive tells" },
	{ "ch[0].drive[0].attention=0x28", "attention: 40: is none that this drive tells" },
	{ "ch[1].drive[0].event=4", "event: 4: is no event of a tray" },
	{ "ch[1].drive[1].open=1", "open: 1: is a tray's, and this drive has none" },
	{ "ch[0].drive[1].irq=1", "irq: 1: is asked for by a drive that is not there" },
	{ "ch[0].control=1", "control: 1: has bits that the register lacks" },
	{ "ch[0].phase=7", "phase: 7: or action or unit is none" },
	{ "ch[0].action=4", "phase: 0: or action or unit is none" },
	{ "ch[0].unit=2", "phase: 0: or action or unit is none" },
	{ "ch[0].control=4", "phase: 0: goes on though the drives are held in reset" },
	{ "ch[0].control=4 ch[0].phase=6", "" },
	{ "ch[0].sector=0x1000000000001", "sector: 281474976710657: or what is left is beyond all disks" },
	{ "ch[0].block=0", "block: 0: is no length of a block" },
	{ "ch[0].block=511", "block: 511: is no length of a block" },
	{ "ch[0].fill=8193", "fill: 8193: and pos and end are no places in the buffer" },
	{ "ch[0].fill=10 ch[0].pos=11", "fill: 10: and pos and end are no places in the buffer" },
	{ "ch[0].phase=2 ch[0].fill=10 ch[0].end=11", "fill: 10: and pos and end are no places in the buffer" },
	{ "ch[0].phase=2 ch[0].unit=1 ch[0].fill=2 ch[0].end=2", "unit: 1: is a drive that is not there" },
	{ "ch[0].phase=2 ch[0].fill=2 ch[0].end=2", "" },
	{ "ch[0].phase=2 ch[0].fill=2 ch[0].end=2 ch[0].pos=2", "pos: 2: is not before the end of the block" },
	{ "ch[0].phase=2 ch[0].fill=2 ch[0].end=2 ch[0].dma=1", "dma: 1: does not fit the phase" },
	{ "ch[0].phase=2 ch[0].fill=2 ch[0].end=2 ch[0].action=2", "action: 2: does not fit the phase" },
	{ "ch[0].phase=1 ch[0].fill=12 ch[0].end=12", "phase: 1: is a CD drive's" },
	{ "ch[1].phase=1 ch[1].fill=12 ch[1].end=11", "pos: 0: is not before the end of the block" },
	{ "ch[1].phase=1 ch[1].fill=12 ch[1].end=12", "" },
	{ "ch[1].phase=3 ch[1].fill=512 ch[1].end=512 ch[1].action=2 ch[1].left=1", "action: 2: is a disk's" },
	{ "ch[0].phase=3 ch[0].fill=512 ch[0].end=512 ch[0].action=2 ch[0].left=1", "" },
	{ "ch[0].phase=3 ch[0].fill=512 ch[0].end=512 ch[0].action=2 ch[0].left=2",
	  "fill: 512: is not what is to be written" },
	{ "ch[0].phase=4", "action: 0: and what is left are no request of the medium" },
	{ "ch[0].phase=4 ch[0].action=1", "action: 1: and what is left are no request of the medium" },
	{ "ch[0].phase=4 ch[0].action=3 ch[0].left=1", "action: 3: and what is left are no request of the medium" },
	{ "ch[0].phase=4 ch[0].action=1 ch[0].left=5", "" },
	{ "ch[0].phase=5 ch[0].fill=512", "dma: 0: does not fit the phase" },
	{ "ch[0].phase=5 ch[0].fill=512 ch[0].dma=1", "" },
	{ "ch[0].bm_command=2", "bm_command: 2: has bits that the register lacks" },
	{ "ch[0].bm_status=0x80", "bm_status: 128: has bits that the register lacks" },
	{ "ch[0].bm_status=1", "bm_status: 1: is active though it was not started" },
	{ "ch[0].prd=2", "prd: 2: or the next descriptor is not aligned" },
	{ "ch[0].prd_left=0x10001", "prd_left: 65537: is not what a descriptor can leave" },
};

START_TEST(refused)
{
	state_bad_check(&state_subjects_ide[0], 0, bad, ARRAY_SIZE(bad));
}
END_TEST

/*
 * A disk's DMA in the middle, and a CD's packet: saved with both requests under way, they end in another controller, over
 * the same media, as they would have here. The first one's requests are taken back.
 */
START_TEST(in_flight)
{
	static struct ide_rig a, b;
	static u8 data[4096];

	ir_init(&a);
	ir_init(&b);
	ir_enable(&a);
	ir_prd(&a, 0x1000, 0, 0x8000, 0x8000, true);
	ir_bm_start(&a, 0, 0x1000, true);
	ir_command(&a, 0, 0xc8, 5, 64);
	while (a.d.s.ch[0].left == 64 || !a.d.ch[0].asked)
		ir_turn(&a);
	ir_select(&a, 2, 0);
	ir_out(&a, 2, 5, 0x10); /* 4096 bytes at once */
	ir_out(&a, 2, 7, 0xa0);
	a.d.s.ch[1].drive[0].attention = 0;
	ir_write_data(&a, 2, (const u8[12]){ 0x28, 0, 0, 0, 0, 3, 0, 0, 2 }, 12);
	ck_assert(a.d.ch[0].asked && a.d.ch[1].asked && !vide_ops.idle(&a.d));
	ck_assert(a.d.s.ch[0].left < 64 && a.d.s.ch[0].left > 16);
	memcpy(b.ram, a.ram, IR_RAM);
	b.d.s = a.d.s;
	b.d.pci.s = a.d.pci.s;
	vide_ops.restored(&b.d, 0);
	ck_assert(b.kicks && b.d.ch[0].asked && b.d.ch[1].asked);
	vide_ops.detach(&a.d);
	ck_assert(!a.disk.nr && !a.cd.nr);
	ir_work(&b);
	ck_assert_int_eq(memcmp(b.ram + 0x8000, b.disk_image + 5 * 512, 0x8000), 0);
	ck_assert(ir_irq(&b, 0) && ir_irq(&b, 2));
	ck_assert_uint_eq(ir_bm(&b, 0, 2, 1, false, 0) & 7, 4);
	ck_assert_uint_eq(ir_packet_data(&b, data, sizeof(data)), 4096);
	ck_assert_int_eq(memcmp(data, b.cd_image + 3 * 2048, 4096), 0);
	/* Restored over its own requests: they are asked for once. */
	ir_command(&b, 0, 0x20, 1, 2);
	vide_ops.restored(&b.d, 0);
	ck_assert_uint_eq(b.disk.nr, 1);
	ir_work(&b);
	ir_read_data(&b, 0, data, 512);
	ck_assert_int_eq(memcmp(data, b.disk_image + 512, 512), 0);
}
END_TEST

SUITE_MAIN("vide_state", refused, in_flight)
