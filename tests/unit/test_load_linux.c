/* bzImage: a made-up image is placed as the boot protocol says; every bad field is refused by name. */
#include "quick_check.h"

#include "guest_ram.h"
#include "suite.h"
#include "vmm/load/linux.h"

#define MIB       (1ull << 20)
#define SETUP_LEN 1024u
#define BODY_LEN  8192u

static u8 image[SETUP_LEN + BODY_LEN];
static struct guest_ram g;
static struct load_out out;

/* A 2.15 header with one setup sector and a body whose bytes count up. */
static void build(void)
{
	memset(image, 0, sizeof(image));
	image[0x1f1] = 1;
	put_le(image, 0x1fe, 2, 0xaa55);
	image[0x201] = 0x6a; /* the header ends at 26ch */
	memcpy(image + 0x202, "HdrS", 4);
	put_le(image, 0x206, 2, 0x020f);
	image[0x211] = 0x41;
	put_le(image, 0x22c, 4, 0x7fffffff);
	put_le(image, 0x230, 4, 0x200000);
	image[0x234] = 1;
	put_le(image, 0x236, 2, 0x3f);
	put_le(image, 0x238, 4, 255);
	put_le(image, 0x258, 8, 0x400000);
	put_le(image, 0x260, 4, 0x100000);
	put_le(image, 0x264, 4, 0x190);
	for (u32 i = 0; i < BODY_LEN; i++)
		image[SETUP_LEN + i] = (u8)(i * 7);
}

static struct load_in input(void)
{
	return (struct load_in){ .kernel = image, .kernel_len = sizeof(image), .mem = &g.mem, .map = &g.map };
}

START_TEST(good)
{
	static const u8 seed[32] = { 1, 2, 3 };
	u8 initrd[5000];
	struct load_module mod = { initrd, sizeof(initrd), NULL };
	struct load_in in;
	u64 zp = LOAD_INFO_GPA;

	memset(initrd, 0x33, sizeof(initrd));
	build();
	guest_ram_init(&g, 16 * MIB);
	in = input();
	in.cmdline = "console=ttyS0 quiet";
	in.modules = &mod;
	in.nr_modules = 1;
	in.rsdp = GPA(0xe0000);
	in.rng_seed = seed;
	in.rng_seed_len = sizeof(seed);
	ck_assert_int_eq(load_detect(image, sizeof(image)), LOAD_BZIMAGE);
	ck_assert_int_eq(load_image(&in, &out), OK);

	ck_assert_int_eq(out.mode, LOAD_MODE_LONG64);
	ck_assert_uint_eq(out.rip, 0x400200);
	ck_assert_uint_eq(out.rsi, zp);
	ck_assert_uint_eq(out.load_base, 0x400000);
	ck_assert_uint_eq(out.load_end, 0x500000);
	ck_assert_mem_eq(g.mem.base + 0x400000, image + SETUP_LEN, BODY_LEN);
	/* the initrd: as high as RAM allows */
	ck_assert_uint_eq(guest_ram_get(&g, zp + 0x218, 4), 16 * MIB - 0x2000);
	ck_assert_uint_eq(guest_ram_get(&g, zp + 0x21c, 4), sizeof(initrd));
	ck_assert_mem_eq(g.mem.base + 16 * MIB - 0x2000, initrd, sizeof(initrd));
	ck_assert_uint_eq(out.modules_base, 16 * MIB - 0x2000);
	/* header copied, loader's fields set */
	ck_assert_uint_eq(guest_ram_get(&g, zp + 0x202, 4), 0x53726448);
	ck_assert_uint_eq(guest_ram_get(&g, zp + 0x210, 1), 0xff);
	ck_assert_uint_eq(guest_ram_get(&g, zp + 0x211, 1), 0x01);
	ck_assert_uint_eq(guest_ram_get(&g, zp + 0x214, 4), 0x400000);
	ck_assert_uint_eq(guest_ram_get(&g, zp + 0x264, 4), 0x190);
	ck_assert_uint_eq(guest_ram_get(&g, zp + 0x1ef, 1), 0);
	ck_assert_str_eq(guest_ram_text(&g, guest_ram_get(&g, zp + 0x228, 4)), in.cmdline);
	ck_assert_uint_eq(guest_ram_get(&g, zp + 0x070, 8), 0xe0000);
	/* e820 */
	ck_assert_uint_eq(guest_ram_get(&g, zp + 0x1e8, 1), 4);
	ck_assert_uint_eq(guest_ram_get(&g, zp + 0x2d0 + 60, 8), 0x100000);
	ck_assert_uint_eq(guest_ram_get(&g, zp + 0x2d0 + 68, 8), 15 * MIB);
	ck_assert_uint_eq(guest_ram_get(&g, zp + 0x2d0 + 76, 4), 1);
	/* setup_data: one SETUP_RNG_SEED */
	zp = guest_ram_get(&g, zp + 0x250, 8);
	ck_assert_uint_eq(guest_ram_get(&g, zp, 8), 0);
	ck_assert_uint_eq(guest_ram_get(&g, zp + 8, 4), 9);
	ck_assert_uint_eq(guest_ram_get(&g, zp + 12, 4), sizeof(seed));
	ck_assert_mem_eq(g.mem.base + zp + 16, seed, sizeof(seed));
	guest_ram_free(&g);
}
END_TEST

START_TEST(start_state)
{
	struct load_in in;

	build();
	guest_ram_init(&g, 16 * MIB);
	in = input();
	ck_assert_int_eq(load_bzimage(&in, &out), OK);
	ck_assert_uint_eq(out.cr3, LOAD_PML4_GPA);
	ck_assert_uint_eq(out.gdt_base, LOAD_GDT_GPA);
	ck_assert_uint_eq(out.gdt_limit, 31);
	/* 64-bit code, present, DPL 0; flat writable data */
	ck_assert_uint_eq(guest_ram_get(&g, LOAD_GDT_GPA + LOAD_CS, 8), 0x00af9b000000ffff);
	ck_assert_uint_eq(guest_ram_get(&g, LOAD_GDT_GPA + LOAD_DS, 8), 0x00cf93000000ffff);
	/* every 2-MiB page of the first 4 GiB maps to itself, nothing else is present */
	for (u64 gva = 0; gva < (8ull << 30); gva += SIZE_2M) {
		u64 pml4e = guest_ram_get(&g, out.cr3 + (gva >> 39) * 8, 8);
		u64 pdpte = guest_ram_get(&g, (pml4e & ~0xfffull) + (gva >> 30 & 511) * 8, 8);

		ck_assert_uint_eq(pml4e & 0xfff, 3);
		if (gva >= (4ull << 30)) {
			ck_assert_uint_eq(pdpte, 0);
			continue;
		}
		ck_assert_uint_eq(pdpte & 0xfff, 3);
		ck_assert_uint_eq(guest_ram_get(&g, (pdpte & ~0xfffull) + (gva >> 21 & 511) * 8, 8), gva | 0x83);
	}
	for (u32 i = 1; i < 512; i++)
		ck_assert_uint_eq(guest_ram_get(&g, out.cr3 + i * 8, 8), 0);
	/* without initrd, seed or RSDP the fields are zero */
	ck_assert_uint_eq(guest_ram_get(&g, LOAD_INFO_GPA + 0x218, 8), 0);
	ck_assert_uint_eq(guest_ram_get(&g, LOAD_INFO_GPA + 0x250, 8), 0);
	ck_assert_uint_eq(guest_ram_get(&g, LOAD_INFO_GPA + 0x070, 8), 0);
	guest_ram_free(&g);
}
END_TEST

/* Kernels without a 64-bit entry point start as "32-bit Boot Protocol" says; fields that a version lacks are not read. */
START_TEST(entry_32)
{
	static const struct {
		u32 version, hdr_end, xloadflags;
		u64 at, end; /* of the kernel */
		u32 cmdline_max;
		bool seed;
	} t[] = {
		{ 0x0204, 0x230, 0xffff, 0x100000, 0x106000, 255, false },
		{ 0x0205, 0x235, 0xffff, 0x100000, 0x106000, 255, false },
		{ 0x0206, 0x23c, 0xffff, 0x100000, 0x106000, 2047, false },
		{ 0x0208, 0x23c, 0xffff, 0x100000, 0x106000, 2047, false },
		{ 0x0209, 0x258, 0xffff, 0x100000, 0x106000, 2047, true },
		{ 0x020a, 0x264, 0xffff, 0x400000, 0x500000, 2047, true },
		{ 0x020b, 0x264, 0xffff, 0x400000, 0x500000, 2047, true },
		{ 0x020f, 0x268, 0x003e, 0x400000, 0x500000, 2047, true },
	};
	static const u8 seed[32] = { 1, 2, 3 };
	static char words[2049];
	const u64 zp = LOAD_INFO_GPA;

	guest_ram_init(&g, 16 * MIB);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		struct load_in in = input();

		build();
		put_le(image, 0x206, 2, t[i].version);
		put_le(image, 0x236, 2, t[i].xloadflags);
		put_le(image, 0x238, 4, 2047);
		image[0x201] = (u8)(t[i].hdr_end - 0x202 - 1);
		ck_assert_int_eq(load_image(&in, &out), ERR_INVAL);
		image[0x201]++;
		memset(image + t[i].hdr_end, 0xee, 0x290 - t[i].hdr_end); /* code */
		memset(words, 'w', sizeof(words) - 1);
		words[t[i].cmdline_max + 1] = 0;
		in.cmdline = words;
		in.rng_seed = seed;
		in.rng_seed_len = sizeof(seed);
		ck_assert_int_eq(load_image(&in, &out), ERR_RANGE);
		words[t[i].cmdline_max] = 0;
		ck_assert_msg(load_image(&in, &out) == OK, "row %u: %s", i, out.why);
		ck_assert_int_eq(out.mode, LOAD_MODE_PROT32);
		ck_assert_uint_eq(out.rip, t[i].at);
		ck_assert_uint_eq(out.rsi, zp);
		ck_assert_uint_eq(out.rax | out.rbx | out.cr3, 0);
		ck_assert_uint_eq(out.load_base, t[i].at);
		ck_assert_uint_eq(out.load_end, t[i].end);
		ck_assert_mem_eq(g.mem.base + t[i].at, image + SETUP_LEN, BODY_LEN);
		/* flat 32-bit code at __BOOT_CS, 10h, and data at __BOOT_DS, 18h */
		ck_assert_uint_eq(guest_ram_get(&g, out.gdt_base + 0x10, 8), 0x00cf9b000000ffff);
		ck_assert_uint_eq(guest_ram_get(&g, out.gdt_base + 0x18, 8), 0x00cf93000000ffff);
		/* the zero page: the header and no byte behind it */
		ck_assert_uint_eq(guest_ram_get(&g, zp + 0x206, 2), t[i].version);
		ck_assert_uint_eq(guest_ram_get(&g, zp + 0x214, 4), t[i].at);
		if (t[i].version < 0x0209)
			ck_assert_uint_eq(guest_ram_get(&g, zp + 0x250, 8), 0);
		else
			ck_assert_uint_eq(guest_ram_get(&g, zp + 0x250, 8), LOAD_EXTRA_GPA);
		if (t[i].hdr_end <= 0x250)
			ck_assert_uint_eq(guest_ram_get(&g, zp + 0x258, 8), 0);
	}
	guest_ram_free(&g);
}
END_TEST

/* One field changed: the refusal's code, and words that must be in its text. */
START_TEST(bad_fields)
{
	static const struct {
		u32 off, size;
		u64 value;
		int err;
		const char *why;
	} t[] = {
		{ 0x1fe, 2, 0x1234, ERR_INVAL, "HdrS" },
		{ 0x202, 4, 0, ERR_INVAL, "HdrS" },
		{ 0x206, 2, 0x0203, ERR_NOTSUP, "version 2.03 is older than 2.04" },
		{ 0x206, 2, 0x0205, OK, "" },
		{ 0x206, 2, 0x020b, OK, "" },
		{ 0x201, 1, 0x20, ERR_INVAL, "header ends at 0x222" },
		{ 0x211, 1, 0x00, ERR_NOTSUP, "loadflags 0x0" },
		{ 0x236, 2, 0x02, OK, "" }, /* its 32-bit entry */
		{ 0x1f1, 1, 255, ERR_TRUNC, "setup_sects 255 beyond the end of the 9216-byte file" },
		{ 0x1f1, 1, 16, ERR_TRUNC, "setup_sects 16" },
		{ 0x258, 8, 0xffffffffffffffff, OK, "" }, /* relocatable: goes elsewhere */
		{ 0x258, 8, 0x1000, OK, "" },
		{ 0x258, 8, 0xfff000, OK, "" },
		{ 0x230, 4, 0, OK, "" }, /* not needed at the preferred address */
		{ 0x260, 4, 0xffffffff, ERR_NOMEM, "init_size 0xffffffff" },
		{ 0x260, 4, 0, OK, "" },
		{ 0x238, 4, 3, ERR_RANGE, "cmdline_size is 3" },
		{ 0x22c, 4, 0x400000, ERR_NOMEM, "the 1 module of 4096 bytes" },
		{ 0x22c, 4, 0, ERR_NOMEM, "the 1 module of 4096 bytes" },
	};
	struct load_module mod = { image, 4096, NULL };

	guest_ram_init(&g, 16 * MIB);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		struct load_in in = input();

		in.cmdline = "word";
		in.modules = &mod;
		in.nr_modules = 1;
		build();
		put_le(image, t[i].off, t[i].size, t[i].value);
		ck_assert_msg(load_bzimage(&in, &out) == t[i].err, "row %u: %s", i, out.why);
		ck_assert_msg(strstr(out.why, t[i].why), "row %u: \"%s\" lacks \"%s\"", i, out.why, t[i].why);
	}
	guest_ram_free(&g);
}
END_TEST

START_TEST(placement)
{
	static const struct {
		u64 pref;
		u32 init_size, align;
		bool relocatable;
		int err;
		u64 at;
	} t[] = {
		{ 0x400000, 0x100000, 0x200000, false, OK, 0x400000 },
		{ 0x1000000, 0x100000, 0x200000, false, ERR_NOMEM, 0 },
		{ 0x1000000, 0x100000, 0x200000, true, OK, 0x200000 },
		{ 0x1000000, 0x100000, 0x1000, true, OK, 0x100000 },
		{ 0x1000000, 0x100000, 0x3000, true, ERR_INVAL, 0 },
		{ 0x1000000, 0x100000, 0x10, true, ERR_INVAL, 0 },
		{ 0x1000000, 0xe00000, 0x200000, true, OK, 0x200000 },
		{ 0x1000000, 0xe00001, 0x200000, true, ERR_NOMEM, 0 },
		{ 0x1000000, 0x1000, 0x80000000, true, ERR_NOMEM, 0 },
	};

	guest_ram_init(&g, 16 * MIB);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		struct load_in in = input();

		build();
		put_le(image, 0x258, 8, t[i].pref);
		put_le(image, 0x260, 4, t[i].init_size);
		put_le(image, 0x230, 4, t[i].align);
		image[0x234] = t[i].relocatable;
		ck_assert_msg(load_bzimage(&in, &out) == t[i].err, "row %u: %s", i, out.why);
		if (t[i].err == OK) {
			ck_assert_uint_eq(out.load_base, t[i].at);
			ck_assert_uint_eq(out.rip, t[i].at + 0x200);
		} else {
			ck_assert_uint_gt(strlen(out.why), 0);
		}
	}
	guest_ram_free(&g);
}
END_TEST

/* Every truncation is refused without reading beyond (the sanitizer watches the exact-size copy). */
START_TEST(truncation)
{
	guest_ram_init(&g, 16 * MIB);
	build();
	for (u32 len = 0; len < SETUP_LEN + 0x201; len += len < 0x300 ? 1 : 61) {
		struct load_in in = input();
		u8 *copy = malloc(len ? len : 1);

		memcpy(copy, image, len);
		in.kernel = copy;
		in.kernel_len = len;
		ck_assert_int_ne(load_bzimage(&in, &out), OK);
		ck_assert_uint_gt(strlen(out.why), 0);
		ck_assert_int_ne(load_image(&in, &out), OK);
		ck_assert_uint_gt(strlen(out.why), 0);
		free(copy);
	}
	guest_ram_free(&g);
}
END_TEST

START_TEST(odd_inputs)
{
	static char big[70000];
	static u8 seed[5000];
	struct load_module mods[2] = { { image, 16, NULL }, { image, 16, NULL } };
	struct load_in in;

	build();
	guest_ram_init(&g, 16 * MIB);
	in = input();
	in.modules = mods;
	in.nr_modules = 2;
	ck_assert_int_eq(load_bzimage(&in, &out), ERR_INVAL);
	in.nr_modules = 1;
	mods[0].len = ~0ull;
	ck_assert_int_eq(load_bzimage(&in, &out), ERR_NOMEM);
	in.nr_modules = 0;
	in.rng_seed = seed;
	in.rng_seed_len = sizeof(seed);
	ck_assert_int_eq(load_bzimage(&in, &out), ERR_RANGE);
	in.rng_seed_len = 0;
	/* the kernel may allow more than we have room for */
	memset(big, 'x', sizeof(big) - 1);
	put_le(image, 0x238, 4, 100000);
	in.cmdline = big;
	ck_assert_int_eq(load_bzimage(&in, &out), ERR_RANGE);
	ck_assert_ptr_nonnull(strstr(out.why, "command line"));
	/* the map promises RAM that is not there: an error, not a crash */
	in.cmdline = "";
	g.mem.ranges[0].len = 0x20000;
	ck_assert_int_eq(load_bzimage(&in, &out), ERR_FAULT);
	g.mem.ranges[0].gpa = 0x20000;
	g.mem.ranges[0].len = 16 * MIB - 0x20000;
	ck_assert_int_eq(load_bzimage(&in, &out), ERR_FAULT);
	guest_ram_free(&g);
}
END_TEST

SUITE_MAIN("load_linux", good, start_state, entry_32, bad_fields, placement, truncation, odd_inputs)
