/* fw_cfg: items by ports and by DMA, the directory, transfers in pieces, descriptors that nobody should write. */
#include "fwcfg_guest.h"
#include "suite.h"

#define DEST   0x8000u
#define BIG    (40u << 10)
#define PIECES ((BIG + VFWCFG_PIECE - 1) / VFWCFG_PIECE)

enum { KEY_BIG = VFWCFG_FILE_FIRST, KEY_WORDS, KEY_BUILT };

static struct fwcfg_guest g;
static u8 big[BIG];
static u8 built[4];
static u32 builds;
static const u8 ram_size[8] = { 0, 0, 0, 0x20 };

static void build(void *arg)
{
	ck_assert(arg == &g);
	memset(built, (int)++builds, sizeof(built));
}

static void start(void)
{
	const struct vfwcfg_item items[] = {
		{ .key = VFWCFG_RAM_SIZE, .len = 8, .data = ram_size },
		{ .file = "etc/big", .len = BIG, .data = big },
		{ .key = VFWCFG_IRQ0_OVERRIDE, .len = 1, .data = "\1" },
		{ .file = "etc/words", .len = 5, .data = "words" },
		{ .file = "etc/built", .len = 4, .data = built, .built = true },
	};
	const struct vfwcfg_cfg cfg = { items, ARRAY_SIZE(items), build, &g };

	builds = 0;
	for (u32 i = 0; i < BIG; i++)
		big[i] = (u8)(i * 7 + i / 256);
	ck_assert_int_eq(fwcfg_guest_try(&g, &cfg), OK);
}

START_TEST(by_ports)
{
	u8 buf[16];
	u32 len;

	start();
	fwcfg_bytes(&g, buf, 4); /* item 0 is selected after a reset */
	ck_assert_mem_eq(buf, "QEMU", 4);
	fwcfg_select(&g, VFWCFG_ID);
	fwcfg_bytes(&g, buf, 4);
	ck_assert_mem_eq(buf, "\3\0\0\0", 4);
	fwcfg_select(&g, VFWCFG_RAM_SIZE);
	fwcfg_bytes(&g, buf, 10);
	ck_assert_mem_eq(buf, "\0\0\0\x20\0\0\0\0\0\0", 10); /* zeros behind the end */
	fwcfg_select(&g, VFWCFG_IRQ0_OVERRIDE);
	ck_assert_uint_eq(fwcfg_in(&g, VFWCFG_PORT + 1, 1), 1);
	fwcfg_select(&g, 0x0d);
	ck_assert_uint_eq(fwcfg_in(&g, VFWCFG_PORT + 1, 1), 0);
	fwcfg_select(&g, KEY_WORDS | 0x4000); /* "for writing": it is read all the same */
	fwcfg_bytes(&g, buf, 5);
	ck_assert_mem_eq(buf, "words", 5);
	fwcfg_out(&g, VFWCFG_PORT, 1, 0); /* no selection by half a number, no writing */
	fwcfg_out(&g, VFWCFG_PORT + 1, 1, 0);
	ck_assert_uint_eq(g.dev.s.key, KEY_WORDS | 0x4000);

	ck_assert_uint_eq(fwcfg_find(&g, "etc/big", &len), KEY_BIG);
	ck_assert_uint_eq(len, BIG);
	ck_assert_uint_eq(fwcfg_find(&g, "etc/words", &len), KEY_WORDS);
	ck_assert_uint_eq(fwcfg_find(&g, "etc/none", &len), 0);
	fwcfg_guest_free(&g);
}
END_TEST

START_TEST(dma_register)
{
	start();
	ck_assert_uint_eq(__builtin_bswap32((u32)fwcfg_in(&g, VFWCFG_DMA, 4)), 0x51454d55);
	ck_assert_uint_eq(__builtin_bswap32((u32)fwcfg_in(&g, VFWCFG_DMA + 4, 4)), 0x20434647);
	ck_assert_uint_eq(fwcfg_in(&g, VFWCFG_DMA + 7, 1), 'G');
	/* The upper half is of the next address alone. */
	fwcfg_submit(&g, 0x100000000ull, 0, 0, 0);
	ck_assert_uint_eq(g.dev.s.dma_high, 0);
	fwcfg_guest_free(&g);
}
END_TEST

START_TEST(small_transfers)
{
	start();
	ck_assert_uint_eq(fwcfg_dma(&g, fwcfg_select_read(KEY_WORDS), 3, DEST), 0);
	ck_assert_uint_eq(g.pieces, 0);
	ck_assert_mem_eq(g.mem.base + DEST, "wor\xa5", 4);
	/* on from there, zeros behind the end */
	ck_assert_uint_eq(fwcfg_dma(&g, VFWCFG_DMA_READ, 4, DEST), 0);
	ck_assert_mem_eq(g.mem.base + DEST, "ds\0\0\xa5", 5);
	ck_assert_uint_eq(fwcfg_dma(&g, KEY_WORDS << 16 | VFWCFG_DMA_SELECT | VFWCFG_DMA_SKIP, 2, DEST), 0);
	ck_assert_uint_eq(fwcfg_dma(&g, VFWCFG_DMA_READ, 2, DEST), 0);
	ck_assert_mem_eq(g.mem.base + DEST, "rd", 2);
	ck_assert_uint_eq(fwcfg_dma(&g, VFWCFG_DMA_SKIP, 0xffffffff, DEST), 0); /* not beyond the end */
	ck_assert_uint_eq(g.dev.s.offset, 5);
	/* selection alone; an item that is not there */
	ck_assert_uint_eq(fwcfg_dma(&g, VFWCFG_RAM_SIZE << 16 | VFWCFG_DMA_SELECT, 8, DEST), 0);
	ck_assert_mem_eq(g.mem.base + DEST, "rd", 2);
	memset(g.mem.base + DEST, 0xa5, 8);
	ck_assert_uint_eq(fwcfg_dma(&g, fwcfg_select_read(0x1f), 2, DEST), 0);
	ck_assert_mem_eq(g.mem.base + DEST, "\0\0\xa5", 3);
	ck_assert_uint_eq(fwcfg_dma(&g, fwcfg_select_read(KEY_WORDS), 0, ~0ull), 0);
	fwcfg_guest_free(&g);
}
END_TEST

START_TEST(errors)
{
	const u32 select_words = KEY_WORDS << 16 | VFWCFG_DMA_SELECT;

	start();
	ck_assert_uint_eq(fwcfg_dma(&g, select_words | VFWCFG_DMA_WRITE, 2, DEST), VFWCFG_DMA_ERROR);
	ck_assert_uint_eq(fwcfg_dma(&g, select_words | VFWCFG_DMA_WRITE | VFWCFG_DMA_SKIP, 2, DEST),
	                  VFWCFG_DMA_ERROR);
	ck_assert_uint_eq(g.dev.s.offset, 0);
	/* no memory there, or only at the beginning */
	ck_assert_uint_eq(fwcfg_dma(&g, fwcfg_select_read(KEY_WORDS), 2, 1ull << 40), VFWCFG_DMA_ERROR);
	ck_assert_uint_eq(fwcfg_dma(&g, fwcfg_select_read(KEY_WORDS), 2, ~0ull), VFWCFG_DMA_ERROR);
	ck_assert_uint_eq(fwcfg_dma(&g, fwcfg_select_read(KEY_BIG), BIG, FWCFG_RAM - VFWCFG_PIECE), VFWCFG_DMA_ERROR);
	ck_assert_uint_eq(g.pieces, 1);
	ck_assert_mem_eq(g.mem.base + FWCFG_RAM - VFWCFG_PIECE, big, VFWCFG_PIECE);
	/* a descriptor that is not in memory, or ends outside: nothing */
	fwcfg_submit(&g, FWCFG_RAM - 8, 0, 0, 0);
	fwcfg_submit(&g, ~0ull, 0, 0, 0);
	ck_assert_uint_eq(timerq_next(&g.rig.tq), TIMER_OFF);
	/* half an address starts nothing */
	fwcfg_out(&g, VFWCFG_DMA + 4, 2, 0x1000);
	fwcfg_out(&g, VFWCFG_DMA + 6, 2, 0x1000);
	ck_assert_uint_eq(timerq_next(&g.rig.tq), TIMER_OFF);
	fwcfg_guest_free(&g);
}
END_TEST

/* What is long comes a piece at a time; meanwhile control is not 0, and nothing else is begun. */
START_TEST(pieces)
{
	const u64 other = 0x2000;

	start();
	fwcfg_submit(&g, FWCFG_DESC, fwcfg_select_read(KEY_BIG), BIG, DEST);
	for (u32 i = 1; i < PIECES; i++) {
		ck_assert_uint_eq(fwcfg_control(&g, FWCFG_DESC), fwcfg_select_read(KEY_BIG));
		ck_assert_uint_eq(g.dev.s.offset, i * VFWCFG_PIECE);
		ck_assert_uint_eq(g.mem.base[DEST + i * VFWCFG_PIECE], 0xa5);
		fwcfg_select(&g, VFWCFG_ID);
		ck_assert_uint_eq(fwcfg_in(&g, VFWCFG_PORT + 1, 1), 0);
		fwcfg_submit(&g, other, fwcfg_select_read(KEY_WORDS), 5, 0x3000);
		ck_assert_uint_eq(fwcfg_control(&g, other), VFWCFG_DMA_ERROR);
		ck_assert_uint_eq(g.mem.base[0x3000], 0xa5);
		rig_jump_to(&g.rig, timerq_next(&g.rig.tq));
	}
	ck_assert_uint_eq(fwcfg_control(&g, FWCFG_DESC), 0);
	ck_assert_mem_eq(g.mem.base + DEST, big, BIG);
	ck_assert_uint_eq(g.mem.base[DEST + BIG], 0xa5);
	ck_assert_uint_eq(timerq_next(&g.rig.tq), TIMER_OFF);
	ck_assert_uint_eq(fwcfg_dma(&g, fwcfg_select_read(KEY_WORDS), 5, DEST), 0);
	fwcfg_guest_free(&g);
}
END_TEST

/* Over itself, or submitted again while it is under way, a descriptor ends as any other. */
START_TEST(overlapping_descriptors)
{
	start();
	fwcfg_submit(&g, FWCFG_DESC, fwcfg_select_read(KEY_BIG), BIG, FWCFG_DESC - 100);
	for (u32 i = 0; i < PIECES; i++) {
		fwcfg_out(&g, VFWCFG_DMA + 4, 4, __builtin_bswap32(FWCFG_DESC));
		rig_jump_to(&g.rig, g.rig.now + 1);
	}
	ck_assert_uint_eq(timerq_next(&g.rig.tq), TIMER_OFF);
	ck_assert_uint_eq(fwcfg_control(&g, FWCFG_DESC) & ~(u32)VFWCFG_DMA_ERROR, 0);
	ck_assert_mem_eq(g.mem.base + FWCFG_DESC - 100, big, 100);
	ck_assert_mem_eq(g.mem.base + FWCFG_DESC + 4, big + 104, BIG - 104);
	/* The longest there is moves on by pieces as long as memory lasts. */
	fwcfg_submit(&g, FWCFG_DESC, fwcfg_select_read(KEY_BIG), 0xffffffff, 0x4000);
	for (u32 i = 0; timerq_next(&g.rig.tq) != TIMER_OFF; i++) {
		ck_assert_uint_le(i, FWCFG_RAM / VFWCFG_PIECE);
		rig_jump_to(&g.rig, timerq_next(&g.rig.tq));
	}
	ck_assert_uint_eq(fwcfg_control(&g, FWCFG_DESC), VFWCFG_DMA_ERROR);
	fwcfg_guest_free(&g);
}
END_TEST

START_TEST(built_on_selection)
{
	u8 buf[4];

	start();
	ck_assert_uint_eq(builds, 0);
	fwcfg_select(&g, KEY_WORDS);
	ck_assert_uint_eq(builds, 0);
	fwcfg_select(&g, KEY_BUILT);
	fwcfg_bytes(&g, buf, 4);
	ck_assert_mem_eq(buf, "\1\1\1\1", 4);
	ck_assert_uint_eq(fwcfg_dma(&g, fwcfg_select_read(KEY_BUILT), 4, DEST), 0);
	ck_assert_mem_eq(g.mem.base + DEST, "\2\2\2\2", 4);
	/* After a restore it is as the devices are now. */
	vfwcfg_ops.restored(&g.dev, 0);
	ck_assert_uint_eq(builds, 3);
	fwcfg_guest_free(&g);
}
END_TEST

START_TEST(reset_ends_a_transfer)
{
	start();
	fwcfg_submit(&g, FWCFG_DESC, fwcfg_select_read(KEY_BIG), BIG, DEST);
	vfwcfg_ops.reset(&g.dev, g.rig.now);
	ck_assert_uint_eq(timerq_next(&g.rig.tq), TIMER_OFF);
	ck_assert_uint_eq(fwcfg_control(&g, FWCFG_DESC), fwcfg_select_read(KEY_BIG));
	ck_assert_uint_eq(fwcfg_in(&g, VFWCFG_PORT + 1, 1), 'Q');
	fwcfg_guest_free(&g);
}
END_TEST

START_TEST(refused_items)
{
	static struct vfwcfg_item many[VFWCFG_ITEMS + 1];
	static const char long_name[] = "etc/a-name-of-fifty-six-characters-which-is-one-too-many";
	const struct {
		struct vfwcfg_item item;
		int err;
	} t[] = {
		{ { .key = VFWCFG_ID }, ERR_INVAL }, { { .key = VFWCFG_FILE_DIR }, ERR_INVAL },
		{ { .key = 0x4003 }, ERR_INVAL },    { { .key = 3, .built = true }, ERR_INVAL },
		{ { .file = "" }, ERR_INVAL },       { { .file = long_name }, ERR_INVAL },
		{ { .file = long_name + 1 }, OK },   { { .key = 3 }, OK },
	};
	struct vfwcfg_cfg cfg = { .nr = 1 };

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		cfg.items = &t[i].item;
		ck_assert_int_eq(fwcfg_guest_try(&g, &cfg), t[i].err);
		ck_assert_uint_eq(g.rig.pio.nr, t[i].err ? 0 : 2);
		if (!t[i].err)
			fwcfg_guest_free(&g);
	}
	for (u32 i = 0; i <= VFWCFG_ITEMS; i++)
		many[i].key = (u16)(0x8000 + i);
	cfg = (struct vfwcfg_cfg){ .items = many, .nr = VFWCFG_ITEMS + 1 };
	ck_assert_int_eq(fwcfg_guest_try(&g, &cfg), ERR_NOSPC);
	cfg.nr--;
	ck_assert_int_eq(fwcfg_guest_try(&g, &cfg), OK);
	fwcfg_guest_free(&g);
	for (u32 i = 0; i <= VFWCFG_FILES; i++)
		many[i] = (struct vfwcfg_item){ .file = "f" };
	cfg.nr = VFWCFG_FILES + 1;
	ck_assert_int_eq(fwcfg_guest_try(&g, &cfg), ERR_NOSPC);
	cfg.nr--;
	ck_assert_int_eq(fwcfg_guest_try(&g, &cfg), OK);
	fwcfg_guest_free(&g);
}
END_TEST

SUITE_MAIN("vfwcfg", by_ports, dma_register, small_transfers, errors, pieces, overlapping_descriptors,
           built_on_selection, reset_ends_a_transfer, refused_items)
