/*
 * Floppy controller with its DMA controller and a medium that answers when the input lets it: any accesses, commands,
 * resets, media that come and go. Every request is one of a sector that is there; the state stays one that would be
 * taken; left alone, a command comes to its end; and what READ has moved by DMA is what the medium has.
 */
#include "../unit/fake_floppy.h"
#include "rigfuzz.h"
#include "vmm/dev/pc/vfdc.h"

#define SECTORS 320
#define RAM     0x20000

static struct rig rig;
static struct vdma dma;
static struct vfdc fdc;
static struct fake_floppy media[2];
static u8 data[2][SECTORS * BLK_SECTOR], ram[RAM];
static struct guest_mem mem = { .base = ram, .nr_ranges = 1, .ranges = { { 0, RAM } } };

static void check(void)
{
	const void *part[VDEV_PARTS] = { &fdc.s };
	struct state_check c = { .now = rig.now };
	u8 msr = rig_in(&rig, 0x3f4);

	assert(vfdc_ops.valid(&fdc, part, &c));
	assert(timerq_next(&rig.tq) > rig.now);
	assert(rig.level[6] == (fdc.s.irq && (fdc.s.dor & 8)));
	assert((fdc.s.dor & 4) || !msr);
	assert(!media[0].waits || !vfdc_ops.idle(&fdc));
}

static void command(struct rigfuzz *f)
{
	static const u8 kinds[] = { 0xe6, 0xc5, 0x4d, 0x0f, 0x07, 0x08, 0x4a, 0x16,
		                    0x42, 0x6c, 0x03, 0x13, 0x94, 0x0e, 0x04 };
	u8 how = rigfuzz_u8(f), kind = kinds[how % sizeof(kinds)];
	u8 bytes[9] = { kind, how >> 7, rigfuzz_u8(f) % 41, 0, (u8)(rigfuzz_u8(f) % 10), 2, 8, 0x1b, 0xff };

	if (kind == 0x4d)
		memcpy(bytes + 2, (u8[]){ 2, rigfuzz_u8(f) & 15, 0x54, 0xf6 }, 4);
	if (kind == 0x03)
		memcpy(bytes + 1, (u8[]){ 0xdf, how & 0x80 ? 3 : 2 }, 2);
	for (u32 i = 0; i < sizeof(bytes); i++)
		rig_out(&rig, 0x3f5, bytes[i]);
}

static void program_dma(u8 mode, u32 count)
{
	rig_out(&rig, 0x0e, 0);
	rig_out(&rig, 0x0c, 0);
	rig_out(&rig, 0x0b, mode);
	rig_out(&rig, 0x04, 0);
	rig_out(&rig, 0x04, 0x10);
	rig_out(&rig, 0x81, 0);
	rig_out(&rig, 0x05, (u8)count);
	rig_out(&rig, 0x05, (u8)(count >> 8));
}

/* Whatever was before: the medium answers, results are read, and then the controller takes a command again. */
static void settle(void)
{
	for (u32 i = 0; i < 3; i++)
		media[i & 1].hold = media[i & 1].busy = false;
	for (u32 i = 0; i < 2; i++)
		if (media[i].waits)
			fake_floppy_finish(&media[i], BLK_OK);
	rig_out(&rig, 0x3f2, 0x1c);
	rig_out(&rig, 0x3f4, 0x82);
	rig_run_to(&rig, rig.now + 3000000);
	for (u32 i = 0; i < 12 && rig_in(&rig, 0x3f4) != 0x80; i++)
		rig_in(&rig, 0x3f5);
	assert(rig_in(&rig, 0x3f4) == 0x80);
}

/* A READ of a whole side, from a controller that was anything: it works. */
static void read_side(void)
{
	static const u8 specify[] = { 3, 0xdf, 2 }, config[] = { 0x13, 0, 0x40, 0 };
	static const u8 read[] = { 0x46, 0, 7, 0, 1, 2, 8, 0x1b, 0xff };

	settle();
	media[0].status = BLK_OK;
	media[0].info.sectors = SECTORS;
	for (u32 i = 0; i < sizeof(specify); i++)
		rig_out(&rig, 0x3f5, specify[i]);
	for (u32 i = 0; i < sizeof(config); i++)
		rig_out(&rig, 0x3f5, config[i]);
	rig_out(&rig, 0x08, 0);
	program_dma(0x46, 8 * BLK_SECTOR - 1);
	for (u32 i = 0; i < sizeof(read); i++)
		rig_out(&rig, 0x3f5, read[i]);
	rig_run_to(&rig, rig.now + 20000000);
	assert(rig_in(&rig, 0x3f5) == 0x00);
	assert(!memcmp(ram + 0x1000, data[0] + 7 * 8 * BLK_SECTOR, 8 * BLK_SECTOR));
}

static void medium(u8 op)
{
	struct fake_floppy *m = &media[op >> 3 & 1];

	switch (op >> 4 & 7) {
	case 0: m->hold = !m->hold; break;
	case 1: m->busy = !m->busy; break;
	case 2: m->status = op >> 7 ? BLK_MEDIUM : BLK_OK; break;
	case 3:
		if (!m->waits) {
			m->info.sectors = op >> 7 ? SECTORS : 0;
			m->front.changed(m->front.arg);
		}
		break;
	case 4: m->info.read_only = op >> 7 && !m->waits; break;
	default:
		if (m->waits)
			fake_floppy_finish(m, m->status);
		break;
	}
}

static void step(struct rigfuzz *f)
{
	u8 op = rigfuzz_u8(f);

	switch (op & 7) {
	case 0: rigfuzz_access(f, &rig, 0x3ee, 11); break;
	case 1: command(f); break;
	case 2: rig_in(&rig, 0x3f5); break;
	case 3: medium(op); break;
	case 4: program_dma(op & 8 ? 0x46 : op & 16 ? 0x4a : 0x5a, (u32)op << 4); break;
	case 5: rigfuzz_pass(&rig, (u64)op << 13, 40); break;
	case 6:
		rig_out(&rig, 0x3f2, op & 8 ? 0x1c : op >> 3);
		rig_out(&rig, 0x3f7, 2);
		break;
	default:
		if (op == 0xff)
			vfdc_ops.restored(&fdc, rig.now);
		else
			rigfuzz_pass(&rig, rigfuzz_span(f), 40);
		break;
	}
	check();
}

int LLVMFuzzerTestOneInput(const u8 *input, size_t size)
{
	struct vdev_env env = { .pio = &rig.pio, .irq = &rig.chip, .timers = &rig.tq, .mem = &mem };
	struct vfdc_cfg cfg = { .blk = { fake_floppy_blk(&media[0]), fake_floppy_blk(&media[1]) },
		                .present = { true, true },
		                .dma = &dma };
	struct rigfuzz f = { input, size };

	rig_init(&rig);
	memset(&dma, 0, sizeof(dma));
	memset(&fdc, 0, sizeof(fdc));
	for (u32 i = 0; i < 2; i++)
		fake_floppy_init(&media[i], data[i], SECTORS);
	assert(vdma_ops.attach(&dma, &env, NULL) == OK && vfdc_ops.attach(&fdc, &env, &cfg) == OK);
	while (rigfuzz_more(&f))
		step(&f);
	read_side();
	assert(vfdc_ops.idle(&fdc));
	vfdc_ops.detach(&fdc);
	vdma_ops.detach(&dma);
	return 0;
}
