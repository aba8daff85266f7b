/* ELF kernels: both classes, PVH and raw entry, hostile headers. */
#include "quick_check.h"

#include <stdio.h>

#include "elf_builder.h"
#include "suite.h"
#include "vmm/load/elf.h"
#include "vmm/load/put.h"

#define MIB     (1ull << 20)
#define IMG_LEN 0x3000u
#define EM_386  3
#define EM_64   62

static u8 image[IMG_LEN];
static struct guest_ram g;
static struct load_out out;

static const struct elf_seg plain[] = {
	{ 1, 0x1000, 0xffffffff80100000, 0x100000, 0x800, 0x2000, 0x1000 },
	{ 1, 0x2000, 0xffffffff80200000, 0x200000, 0x100, 0x100, 0x1000 },
	{ 4, 0x2800, 0, 0, 0x100, 0x100, 4 },
	{ 0x6474e551, 0, 0, 0, 0, 0, 16 },
};

static void build(bool is64, u64 entry)
{
	for (u32 i = 0; i < IMG_LEN; i++)
		image[i] = (u8)(i * 13 + 5);
	elf_build(image, is64, is64 ? EM_64 : EM_386, entry, plain, ARRAY_SIZE(plain));
	memset(image + 0x2800, 0, 0x100);
}

static struct load_in input(void)
{
	return (struct load_in){ .kernel = image, .kernel_len = sizeof(image), .mem = &g.mem, .map = &g.map };
}

static void check_segments(void)
{
	ck_assert_mem_eq(g.mem.base + 0x100000, image + 0x1000, 0x800);
	for (u32 i = 0x800; i < 0x2000; i++)
		ck_assert_uint_eq(g.mem.base[0x100000 + i], 0);
	ck_assert_uint_eq(g.mem.base[0x102000], 0xa5);
	ck_assert_mem_eq(g.mem.base + 0x200000, image + 0x2000, 0x100);
	ck_assert_uint_eq(out.load_base, 0x100000);
	ck_assert_uint_eq(out.load_end, 0x200100);
}

/* In pieces of any size the same comes out; nothing of the files is in RAM before. */
START_TEST(copied_later)
{
	static u8 second[5000];
	static struct guest_ram whole;
	struct load_module mods[2] = { { image, 100, "first module" }, { second, sizeof(second), NULL } };
	static const u64 pieces[] = { 1, 7, 4096, 1 << 20 };

	memset(second, 7, sizeof(second));
	guest_ram_init(&g, 16 * MIB);
	build(true, 0x100000);
	elf_note(image, 0x2800, 18, 8, 0x100040);
	for (u32 i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct load_copies copies = { 0 };
		struct load_in in = input();
		u64 total = 0x800 + 0x100 + 100 + sizeof(second), steps = 0, touched = 0;

		in.modules = mods;
		in.nr_modules = 2;
		guest_ram_init(&whole, 16 * MIB);
		in.mem = &whole.mem;
		ck_assert_int_eq(load_image(&in, &out), OK);
		guest_ram_free(&g);
		guest_ram_init(&g, 16 * MIB);
		in.mem = &g.mem;
		in.copies = &copies;
		ck_assert_int_eq(load_image(&in, &out), OK);
		for (u32 at = 0x100000; at < 0x200100; at++)
			touched += g.mem.base[at] != 0xa5;
		ck_assert_uint_eq(touched, 0);
		while (load_copy_some(&g.mem, &copies, pieces[i]))
			steps++;
		ck_assert_uint_ge(steps, total / pieces[i]);
		ck_assert_mem_eq(g.mem.base, whole.mem.base, 16 * MIB);
		ck_assert(!load_copy_some(&g.mem, &copies, 1));
		check_segments();
		guest_ram_free(&whole);
	}
	guest_ram_free(&g);
}
END_TEST

/* As many parts as any image may have: none is copied, nor its zeros written, before its turn comes; more are refused. */
START_TEST(many_copies)
{
	static struct load_copies copies;
	struct load_in in = input();
	u32 steps = 0;

	guest_ram_init(&g, 16 * MIB);
	in.copies = &copies;
	for (u32 i = 0; i < LOAD_COPIES_MAX; i++)
		ck_assert_int_eq(load_put_file(&in, &out, 0x100000 + i * 0x8000, image + i, 16, 0x7000, "part"), OK);
	ck_assert_int_eq(load_put_file(&in, &out, 0x100000, image, 16, 16, "part"), ERR_NOSPC);
	ck_assert_str_eq(out.why, "part: the image has more than 145 parts");
	ck_assert_int_eq(load_put_file(&in, &out, 0x100000, image, 0, 0, "part"), OK);
	for (u32 at = 0x100000; at < 0x100000 + LOAD_COPIES_MAX * 0x8000; at += 8)
		ck_assert_uint_eq(g.mem.base[at], 0xa5);
	while (load_copy_some(&g.mem, &copies, 0x4000))
		steps++;
	ck_assert_uint_ge(steps, LOAD_COPIES_MAX * 0x7000 / 0x4000 - 1);
	for (u32 i = 0; i < LOAD_COPIES_MAX; i++) {
		const u8 *p = g.mem.base + 0x100000 + i * 0x8000;

		ck_assert_mem_eq(p, image + i, 16);
		ck_assert(!p[16] && !p[0x6fff] && p[0x7000] == 0xa5);
	}
	ck_assert_int_eq(load_put_file(&in, &out, 16 * MIB - 8, image, 16, 16, "part"), ERR_FAULT);
	ck_assert_int_eq(load_put_file(&in, &out, 0x100000, image, 16, 8, "part"), ERR_FAULT);
	guest_ram_free(&g);
}
END_TEST

START_TEST(pvh)
{
	u8 initrd[100] = "initrd", second[5000];
	struct load_module mods[3] = { { initrd, 100, "first module" }, { second, 5000, NULL }, { initrd, 0, "" } };
	u64 info = LOAD_INFO_GPA, p;
	struct load_in in;

	memset(second, 7, sizeof(second));
	for (u32 is64 = 0; is64 < 2; is64++) {
		build(is64, 0x100000);
		p = elf_note(image, 0x2800, 6, 5, 0);
		elf_note(image, 0x2800 + ALIGN_UP((u32)p, 4u), 18, is64 ? 8 : 4, 0x100040);
		guest_ram_init(&g, 16 * MIB);
		in = input();
		in.cmdline = "a b";
		in.modules = mods;
		in.nr_modules = 3;
		in.rsdp = GPA(0xe0000);
		ck_assert_int_eq(load_detect(image, IMG_LEN), LOAD_ELF_PVH);
		ck_assert_msg(load_image(&in, &out) == OK, "%s", out.why);
		check_segments();
		ck_assert_int_eq(out.mode, LOAD_MODE_PROT32);
		ck_assert_uint_eq(out.rip, 0x100040);
		ck_assert_uint_eq(out.rbx, info);
		ck_assert_uint_eq(out.cr3, 0);
		ck_assert_uint_eq(guest_ram_get(&g, LOAD_GDT_GPA + LOAD_CS, 8), 0x00cf9b000000ffff);
		/* hvm_start_info */
		ck_assert_uint_eq(guest_ram_get(&g, info, 4), 0x336ec578);
		ck_assert_uint_eq(guest_ram_get(&g, info + 4, 4), 1);
		ck_assert_uint_eq(guest_ram_get(&g, info + 12, 4), 3);
		ck_assert_str_eq(guest_ram_text(&g, guest_ram_get(&g, info + 24, 8)), "a b");
		ck_assert_uint_eq(guest_ram_get(&g, info + 32, 8), 0xe0000);
		ck_assert_uint_eq(guest_ram_get(&g, info + 48, 4), g.map.nr_e820);
		p = guest_ram_get(&g, info + 40, 8);
		for (u32 i = 0; i < g.map.nr_e820; i++) {
			ck_assert_uint_eq(guest_ram_get(&g, p + 24 * i, 8), g.map.e820[i].base);
			ck_assert_uint_eq(guest_ram_get(&g, p + 24 * i + 8, 8), g.map.e820[i].len);
			ck_assert_uint_eq(guest_ram_get(&g, p + 24 * i + 16, 4), g.map.e820[i].type);
		}
		p = guest_ram_get(&g, info + 16, 8);
		ck_assert_uint_eq(guest_ram_get(&g, p, 8), 16 * MIB - 0x3000);
		ck_assert_uint_eq(guest_ram_get(&g, p + 8, 8), 100);
		ck_assert_str_eq(guest_ram_text(&g, guest_ram_get(&g, p + 16, 8)), "first module");
		ck_assert_uint_eq(guest_ram_get(&g, p + 32, 8), 16 * MIB - 0x2000);
		ck_assert_uint_eq(guest_ram_get(&g, p + 48, 8), 0);
		ck_assert_mem_eq(g.mem.base + 16 * MIB - 0x2000, second, sizeof(second));
		guest_ram_free(&g);
	}
}
END_TEST

START_TEST(raw)
{
	/* Physical entry; virtual entry, translated by its segment. */
	static const struct {
		bool is64;
		u64 entry, rip;
	} t[] = { { true, 0x100010, 0x100010 },
		  { true, 0xffffffff80100010, 0x100010 },
		  { true, 0xffffffff80200020, 0x200020 },
		  { false, 0x100010, 0x100010 },
		  { false, 0x80100010, 0x100010 } };

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		struct load_in in;

		build(t[i].is64, t[i].entry);
		guest_ram_init(&g, 16 * MIB);
		in = input();
		in.cmdline = "x=1";
		ck_assert_int_eq(load_detect(image, IMG_LEN), LOAD_ELF);
		ck_assert_msg(load_image(&in, &out) == OK, "%s", out.why);
		check_segments();
		ck_assert_int_eq(out.mode, t[i].is64 ? LOAD_MODE_LONG64 : LOAD_MODE_PROT32);
		ck_assert_uint_eq(out.rip, t[i].rip);
		ck_assert_str_eq(guest_ram_text(&g, out.rsi), "x=1");
		in.nr_modules = 1;
		ck_assert_int_eq(load_elf_raw(&in, &out), ERR_INVAL);
		guest_ram_free(&g);
	}
}
END_TEST

/* As many segments as there may be, in any order: refused when, and only when, two of them overlap. */
START_TEST(overlaps)
{
	static struct elf_seg seg[LOAD_SEGMENTS_MAX];
	static u8 img[64 + 56 * LOAD_SEGMENTS_MAX];
	struct load_in in = { .kernel = img, .kernel_len = sizeof(img), .mem = &g.mem, .map = &g.map };
	u32 seed = 1, refused = 0;

	guest_ram_init(&g, 16 * MIB);
	for (u32 round = 0; round < 400; round++) {
		bool any = false;

		for (u32 i = 0; i < LOAD_SEGMENTS_MAX; i++) {
			u64 at = (seed = seed * 1103515245 + 12345) >> 8 & 0xffff;

			/* Each its own place, in scattered order; in every other round one reaches further. */
			at = 0x100000 + (u64)((i * 77 + round) % LOAD_SEGMENTS_MAX) * 0x10000 + at / 2;
			seg[i] = (struct elf_seg){ 1, 0, at, at, 0, 1 + (seed >> 16 & 0x7fff), 4096 };
		}
		if (round % 2)
			seg[round * 31 % LOAD_SEGMENTS_MAX].memsz = seed >> 4 & 0x1ffff;
		for (u32 i = 0; i < LOAD_SEGMENTS_MAX; i++)
			for (u32 k = 0; k < i; k++)
				any |= seg[i].memsz && seg[k].memsz && seg[i].paddr < seg[k].paddr + seg[k].memsz &&
				       seg[k].paddr < seg[i].paddr + seg[i].memsz;
		elf_build(img, round & 4, round & 4 ? EM_64 : EM_386, seg[0].paddr, seg, LOAD_SEGMENTS_MAX);
		ck_assert_msg(load_image(&in, &out) == (any ? ERR_EXIST : OK), "round %u: %s", round, out.why);
		refused += any;
	}
	printf("400 images of %u segments, %u refused\n", LOAD_SEGMENTS_MAX, refused);
	ck_assert(refused > 50 && refused < 200);
	guest_ram_free(&g);
}
END_TEST

/* One field of the header or of a program header changed (ELF64; program header i is at 64 + 56 i). */
START_TEST(bad_headers)
{
	static const struct {
		u32 off, size;
		u64 value;
		int err;
		const char *why;
	} t[] = {
		{ 0, 4, 0, ERR_NOTSUP, "neither" },
		{ 4, 1, 3, ERR_INVAL, "class 3" },
		{ 5, 1, 2, ERR_NOTSUP, "data encoding 2" },
		{ 16, 2, 1, ERR_NOTSUP, "e_type 1" },
		{ 18, 2, 40, ERR_NOTSUP, "e_machine 40" },
		{ 54, 2, 0, ERR_INVAL, "e_phentsize 0" },
		{ 54, 2, 32, ERR_INVAL, "e_phentsize 32" },
		{ 56, 2, 0, ERR_INVAL, "e_phnum 0" },
		{ 56, 2, 0xffff, ERR_INVAL, "e_phnum 65535" },
		{ 32, 8, IMG_LEN - 10, ERR_TRUNC, "program headers" },
		{ 32, 8, ~0ull, ERR_TRUNC, "program headers" },
		{ 24, 8, 0x102000, ERR_RANGE, "entry point 0x102000" },
		{ 24, 8, 0, ERR_RANGE, "entry point 0x0" },
		{ 64 + 8, 8, IMG_LEN + 1, ERR_TRUNC, "segment 0: p_offset 0x3001" },
		{ 64 + 8, 8, ~0ull, ERR_TRUNC, "segment 0: p_offset" },
		{ 64 + 32, 8, IMG_LEN, ERR_INVAL, "p_filesz 0x3000 exceeds p_memsz" },
		{ 64 + 40, 8, ~0ull, ERR_RANGE, "segment 0: p_paddr 0x100000" },
		{ 64 + 40, 8, 0x100001, ERR_EXIST, "segments 0 and 1 overlap at p_paddr 0x200000" },
		{ 64 + 24, 8, 0, ERR_RANGE, "p_paddr 0x0" },
		{ 64 + 24, 8, 0x8f000, ERR_RANGE, "p_paddr 0x8f000" },
		{ 64 + 24, 8, 0xf0000, ERR_RANGE, "p_paddr 0xf0000" },
		{ 64 + 24, 8, 16 * MIB - 0x1000, ERR_RANGE,
		  "the image reaches up to 0x1001000, the guest's RAM ends at 0x1000000: give it more memory" },
		{ 64 + 24, 8, ~0ull - 0x1000, ERR_RANGE, "segment 0" },
		{ 64 + 56 + 24, 8, 0x101fff, ERR_EXIST, "segments 0 and 1" },
	};

	guest_ram_init(&g, 16 * MIB);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		struct load_in in = input();

		build(true, 0x100000);
		put_le(image, t[i].off, t[i].size, t[i].value);
		ck_assert_msg(load_image(&in, &out) == t[i].err, "row %u: %s", i, out.why);
		ck_assert_msg(strstr(out.why, t[i].why), "row %u: \"%s\" lacks \"%s\"", i, out.why, t[i].why);
	}
	/* Several do not fit: it is told at once how far they reach. */
	build(true, 0x100000);
	put_le(image, 64 + 24, 8, 17 * MIB);
	put_le(image, 64 + 56 + 24, 8, 40 * MIB);
	{
		struct load_in in = input();

		ck_assert_int_eq(load_image(&in, &out), ERR_RANGE);
		ck_assert_msg(strstr(out.why, "reaches up to 0x2800100,"), "%s", out.why);
	}
	guest_ram_free(&g);
}
END_TEST

START_TEST(bad_pvh)
{
	struct load_in in;
	u32 entry;

	guest_ram_init(&g, 16 * MIB);
	in = input();
	build(true, 0x100000);
	ck_assert(!elf_find_pvh(image, IMG_LEN, &entry));
	ck_assert_int_eq(load_elf_pvh(&in, &out), ERR_NOTSUP);
	ck_assert_ptr_nonnull(strstr(out.why, "no PVH entry"));
	/* entry outside every segment; entry 0; entry above 4 GiB */
	elf_note(image, 0x2800, 18, 4, 0x300000);
	ck_assert_int_eq(load_elf_pvh(&in, &out), ERR_RANGE);
	elf_note(image, 0x2800, 18, 4, 0);
	ck_assert_int_eq(load_elf_pvh(&in, &out), ERR_NOTSUP);
	elf_note(image, 0x2800, 18, 8, 0x100100040);
	ck_assert_int_eq(load_elf_pvh(&in, &out), ERR_NOTSUP);
	/* descriptor too short, sizes beyond the segment, another name */
	elf_note(image, 0x2800, 18, 2, 0x100040);
	ck_assert(!elf_find_pvh(image, IMG_LEN, &entry));
	elf_note(image, 0x2800, 18, 4, 0x100040);
	ck_assert(elf_find_pvh(image, IMG_LEN, &entry));
	ck_assert_uint_eq(entry, 0x100040);
	put_le(image, 0x2800, 4, 0xffffffff);
	ck_assert(!elf_find_pvh(image, IMG_LEN, &entry));
	put_le(image, 0x2800, 4, 4);
	put_le(image, 0x2804, 4, 0xfffffffe);
	ck_assert(!elf_find_pvh(image, IMG_LEN, &entry));
	elf_note(image, 0x2800, 18, 4, 0x100040);
	image[0x280c] = 'Y';
	ck_assert(!elf_find_pvh(image, IMG_LEN, &entry));
	/* the note segment is outside the file */
	elf_note(image, 0x2800, 18, 4, 0x100040);
	put_le(image, 64 + 2 * 56 + 8, 8, IMG_LEN);
	ck_assert(!elf_find_pvh(image, IMG_LEN, &entry));
	ck_assert(!elf_find_pvh(image, 10, &entry));
	in.kernel_len = 10;
	ck_assert_int_eq(load_elf_pvh(&in, &out), ERR_TRUNC);
	guest_ram_free(&g);
}
END_TEST

START_TEST(limits)
{
	static char big[LOAD_EXTRA_END - LOAD_EXTRA_GPA];
	struct load_module mods[LOAD_MODULES_MAX + 1];
	struct load_in in;
	struct elf_info info;

	memset(big, 'x', sizeof(big) - 1);
	guest_ram_init(&g, 16 * MIB);
	build(true, 0x100000);
	elf_note(image, 0x2800, 18, 4, 0x100040);
	for (u32 i = 0; i < ARRAY_SIZE(mods); i++)
		mods[i] = (struct load_module){ image, 1, "m" };
	in = input();
	in.modules = mods;
	in.nr_modules = LOAD_MODULES_MAX + 1;
	ck_assert_int_eq(load_elf_pvh(&in, &out), ERR_RANGE);
	in.nr_modules = LOAD_MODULES_MAX;
	ck_assert_int_eq(load_elf_pvh(&in, &out), OK);
	mods[3].cmdline = big;
	ck_assert_int_eq(load_elf_pvh(&in, &out), ERR_RANGE);
	ck_assert_ptr_nonnull(strstr(out.why, "module string"));
	/* modules must stay above the image */
	mods[3] = (struct load_module){ image, 14 * MIB, NULL };
	ck_assert_int_eq(load_elf_pvh(&in, &out), ERR_NOMEM);
	ck_assert_msg(strstr(out.why, "the 16 modules together of 14741504 bytes: no room"), "%s", out.why);
	mods[4].len = ~0ull;
	ck_assert_int_eq(load_elf_pvh(&in, &out), ERR_NOMEM);
	mods[4].len = 1;
	/* empty ones are passed on */
	for (u32 i = 0; i < 2; i++)
		mods[3 + i] = (struct load_module){ "", 0, NULL };
	ck_assert_int_eq(load_elf_pvh(&in, &out), OK);
	in.nr_modules = 0;
	in.cmdline = big;
	ck_assert_int_eq(load_elf_pvh(&in, &out), ERR_RANGE);
	/* no loadable segment at all */
	put_le(image, 64, 4, 6);
	put_le(image, 64 + 56, 4, 6);
	in.cmdline = NULL;
	ck_assert_int_eq(load_elf_raw(&in, &out), ERR_INVAL);
	ck_assert_ptr_nonnull(strstr(out.why, "PT_LOAD"));
	for (u32 len = 0; len < 64 + 4 * 56; len++) {
		u8 *copy = malloc(len ? len : 1);

		memcpy(copy, image, len);
		ck_assert_int_ne(elf_parse(copy, len, &info, NULL, 0), OK);
		ck_assert_int_eq(load_detect(copy, len), LOAD_UNKNOWN);
		free(copy);
	}
	/* RAM that the map promises and the window has not */
	build(true, 0x100000);
	g.mem.ranges[0].len = GUEST_VGA_BASE;
	ck_assert_int_eq(load_elf_raw(&in, &out), ERR_FAULT);
	guest_ram_free(&g);
}
END_TEST

START_TEST(kinds)
{
	for (int k = LOAD_UNKNOWN; k <= LOAD_ELF; k++)
		for (int o = LOAD_UNKNOWN; o < k; o++)
			ck_assert_str_ne(load_kind_str(k), load_kind_str(o));
}
END_TEST

SUITE_MAIN("load_elf", copied_later, many_copies, pvh, raw, overlaps, bad_headers, bad_pvh, limits, kinds)
