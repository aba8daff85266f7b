/* multiboot2 images: header and tags, ELF and address tag, the information structure, hostile headers. */
#include "quick_check.h"

#include "elf_builder.h"
#include "suite.h"
#include "vmm/load/mb2.h"

#define MIB     (1ull << 20)
#define IMG_LEN 0xa000u
#define HDR     0x200u
#define RSDP    0xe0000u
#define INFO    LOAD_EXTRA_GPA

static u8 image[IMG_LEN];
static struct guest_ram g;
static struct load_out out;
static u32 hdr_end; /* offset of the next header tag */

static void seal(u32 at)
{
	u32 length = hdr_end - at;

	put_le(image, at, 4, 0xe85250d6);
	put_le(image, at + 4, 4, 0);
	put_le(image, at + 8, 4, length);
	put_le(image, at + 12, 4, (u32) - (0xe85250d6 + length));
}

/* A tag behind those there are; nr words. */
static void tag(u16 type, u16 flags, const u32 *words, u32 nr)
{
	put_le(image, hdr_end, 2, type);
	put_le(image, hdr_end + 2, 2, flags);
	put_le(image, hdr_end + 4, 4, 8 + 4 * nr);
	for (u32 i = 0; i < nr; i++)
		put_le(image, hdr_end + 8 + 4 * i, 4, words[i]);
	hdr_end += ALIGN_UP(8 + 4 * nr, 8u);
}
#define TAG(type, flags, ...) tag(type, flags, (u32[]){ __VA_ARGS__ }, sizeof((u32[]){ __VA_ARGS__ }) / 4)

static void finish(void)
{
	tag(0, 0, NULL, 0);
	seal(HDR);
}

static void build_elf(bool is64, u16 machine)
{
	static const struct elf_seg seg[] = { { 1, 0x1000, 0x400000, 0x400000, 0x1000, 0x3000, 0x1000 } };

	memset(image, 0x11, sizeof(image));
	elf_build(image, is64, machine, 0x400010, seg, 1);
	hdr_end = HDR + 16;
}

static struct load_in input(void)
{
	return (struct load_in){ .kernel = image,
		                 .kernel_len = sizeof(image),
		                 .name = "kernel",
		                 .mem = &g.mem,
		                 .map = &g.map,
		                 .rsdp = GPA(RSDP) };
}

static u64 get(u64 gpa, u32 size)
{
	return guest_ram_get(&g, gpa, size);
}

/* The n-th information tag of a type: its address, 0 when there is none. Walks them all, which have to end well. */
static u64 info_tag(u32 type, u32 n)
{
	u64 base = out.rbx, at = base + 8, end = base + get(base, 4), found = 0;

	ck_assert_uint_eq(base % 8, 0);
	ck_assert_uint_eq(get(base + 4, 4), 0);
	while (get(at, 4)) {
		u32 size = (u32)get(at + 4, 4);

		ck_assert(size >= 8 && at + size < end);
		if (get(at, 4) == type && n-- == 0)
			found = at;
		at = ALIGN_UP(at + size, 8ull);
	}
	ck_assert_uint_eq(get(at + 4, 4), 8);
	ck_assert_uint_eq(at + 8, end);
	return found;
}

static void check_text(u64 at, u32 off, const char *text)
{
	ck_assert(at);
	ck_assert_uint_eq(get(at + 4, 4), off + strlen(text) + 1);
	ck_assert_str_eq(guest_ram_text(&g, at + off), text);
}

static void check_map(u64 at)
{
	ck_assert_uint_eq(get(at + 4, 4), 16 + 24 * g.map.nr_e820);
	ck_assert_uint_eq(get(at + 8, 4), 24);
	ck_assert_uint_eq(get(at + 12, 4), 0);
	for (u32 k = 0; k < g.map.nr_e820; k++) {
		u64 e = at + 16 + 24 * k;

		ck_assert_uint_eq(get(e, 8), g.map.e820[k].base);
		ck_assert_uint_eq(get(e + 8, 8), g.map.e820[k].len);
		ck_assert_uint_eq(get(e + 16, 4), g.map.e820[k].type);
		ck_assert_uint_eq(get(e + 20, 4), 0);
	}
}

START_TEST(elf_images)
{
	static const struct {
		bool is64;
		u16 machine;
	} t[] = { { false, 3 }, { true, 62 }, { false, 62 } };
	struct load_module mods[2] = { { image, 100, "env.txt a=1" }, { image, 5000, NULL } };

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		struct load_in in;
		u64 at;

		build_elf(t[i].is64, t[i].machine);
		TAG(1, 0, 1, 2, 3, 4, 6, 14, 15, 21);
		tag(6, 0, NULL, 0);
		TAG(5, 0, 1024, 768, 32);
		finish();
		guest_ram_init(&g, 16 * MIB);
		in = input();
		in.cmdline = "-v one";
		in.modules = mods;
		in.nr_modules = 2;
		ck_assert_int_eq(load_detect(image, IMG_LEN), LOAD_MULTIBOOT2);
		ck_assert_msg(load_image(&in, &out) == OK, "%s", out.why);
		ck_assert_int_eq(out.mode, LOAD_MODE_PROT32);
		ck_assert_uint_eq(out.rip, 0x400010);
		ck_assert_uint_eq(out.rax, 0x36d76289);
		ck_assert_uint_eq(out.rbx, INFO);
		ck_assert_mem_eq(g.mem.base + 0x400000, image + 0x1000, 0x1000);
		ck_assert_uint_eq(get(0x401000, 8), 0);
		check_text(info_tag(1, 0), 8, "-v one");
		check_text(info_tag(2, 0), 8, "Bulkhead");
		at = info_tag(3, 0);
		ck_assert_uint_eq(get(at + 8, 4), 16 * MIB - 0x3000);
		ck_assert_uint_eq(get(at + 12, 4), 16 * MIB - 0x3000 + 100);
		check_text(at, 16, "env.txt a=1");
		at = info_tag(3, 1);
		ck_assert_uint_eq(get(at + 8, 4), 16 * MIB - 0x2000);
		ck_assert_mem_eq(g.mem.base + 16 * MIB - 0x2000, image, 5000);
		check_text(at, 16, "");
		ck_assert(!info_tag(3, 2) && !info_tag(8, 0) && !info_tag(9, 0));
		at = info_tag(4, 0);
		ck_assert(get(at + 4, 4) == 16 && get(at + 8, 4) == 639 && get(at + 12, 4) == 15 * 1024);
		check_map(info_tag(6, 0));
		at = info_tag(14, 0);
		ck_assert_uint_eq(get(at + 4, 4), 28);
		ck_assert_mem_eq(g.mem.base + at + 8, g.mem.base + RSDP, 20);
		at = info_tag(15, 0);
		ck_assert_uint_eq(get(at + 4, 4), 44);
		ck_assert_mem_eq(g.mem.base + at + 8, g.mem.base + RSDP, 36);
		ck_assert_uint_eq(get(info_tag(21, 0) + 8, 4), 0x400000);
		guest_ram_free(&g);
	}
}
END_TEST

START_TEST(entry_and_screen)
{
	struct load_in in;
	u64 at;

	guest_ram_init(&g, 16 * MIB);
	in = input();
	/* An entry tag goes before the ELF header's. */
	build_elf(false, 3);
	TAG(3, 0, 0x400020);
	TAG(4, 0, 3);
	TAG(1, 0, 8);
	finish();
	ck_assert_msg(load_multiboot2(&in, &out) == OK, "%s", out.why);
	ck_assert_uint_eq(out.rip, 0x400020);
	at = info_tag(8, 0);
	ck_assert_uint_eq(get(at + 4, 4), 32);
	ck_assert_uint_eq(get(at + 8, 8), 0xb8000);
	ck_assert(get(at + 16, 4) == 160 && get(at + 20, 4) == 80 && get(at + 24, 4) == 25);
	ck_assert(get(at + 28, 1) == 16 && get(at + 29, 1) == 2);
	/* What only optional tags ask for, and what means nothing here, is left out. */
	build_elf(false, 3);
	TAG(4, 1, 1);
	TAG(1, 1, 99, 8);
	TAG(99, 1, 7);
	tag(7, 0, NULL, 0);
	TAG(8, 0, 0x123);
	TAG(9, 0, 0x123);
	TAG(10, 0, 0, 0xffffffff, 0x1000, 0);
	finish();
	in.rsdp = GPA(0);
	ck_assert_msg(load_multiboot2(&in, &out) == OK, "%s", out.why);
	ck_assert(!info_tag(8, 0) && !info_tag(14, 0) && !info_tag(15, 0));
	check_text(info_tag(1, 0), 8, "");
	guest_ram_free(&g);
}
END_TEST

START_TEST(address_tag)
{
	static const struct {
		u32 header, load, load_end, bss_end, entry;
		int err;
		const char *why;
	} t[] = {
		{ 0x200200, 0x200000, 0, 0, 0x200010, OK, "" },
		{ 0x200200, 0xffffffff, 0, 0x210000, 0x200010, OK, "" },
		{ 0x200200, 0x200200, 0x201000, 0x208000, 0x200210, OK, "" },
		{ 0x200200, 0x1fff00, 0, 0, 0x200010, ERR_INVAL, "load_addr 0x1fff00" },
		{ 0x200200, 0x200000, 0x20a001, 0, 0x200010, ERR_TRUNC, "load_end_addr 0x20a001" },
		{ 0x200200, 0x200000, 0x201000, 0x200800, 0x200010, ERR_INVAL, "bss_end_addr 0x200800" },
		{ 0x200200, 0x200000, 0, 0, 0x20a000, ERR_RANGE, "entry_addr 0x20a000" },
		{ 0x100, 0xffffffff, 0, 0, 0x10, ERR_INVAL, "load_addr 0xffffff00" },
	};

	guest_ram_init(&g, 16 * MIB);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		struct load_in in = input();
		u32 load = t[i].load == ~0u ? t[i].header - HDR : t[i].load;

		memset(image, 0x22, sizeof(image));
		hdr_end = HDR + 16;
		TAG(2, 0, t[i].header, t[i].load, t[i].load_end, t[i].bss_end);
		TAG(3, 0, t[i].entry);
		finish();
		ck_assert_msg(load_image(&in, &out) == t[i].err, "row %u: %s", i, out.why);
		ck_assert_msg(strstr(out.why, t[i].why), "row %u: \"%s\"", i, out.why);
		if (t[i].err != OK)
			continue;
		ck_assert_uint_eq(out.rip, t[i].entry);
		ck_assert_uint_eq(out.load_base, load);
		ck_assert_uint_eq(get(info_tag(21, 0) + 8, 4), load);
		ck_assert_mem_eq(g.mem.base + load, image + HDR - (t[i].header - load), 0x800);
	}
	guest_ram_free(&g);
}
END_TEST

START_TEST(headers)
{
	struct load_in in;
	u32 at;

	guest_ram_init(&g, 16 * MIB);
	in = input();
	memset(image, 0, sizeof(image));
	ck_assert(!mb2_find_header(image, IMG_LEN, 0, &at));
	ck_assert_int_eq(load_multiboot2(&in, &out), ERR_INVAL);
	/* The last place, with the end tag in the search's last bytes; not beyond; on multiples of 8 only. */
	hdr_end = MB2_SEARCH;
	seal(MB2_SEARCH - 24);
	ck_assert(mb2_find_header(image, IMG_LEN, 0, &at) && at == MB2_SEARCH - 24);
	ck_assert(mb2_find_header(image, IMG_LEN, MB2_SEARCH - 24, &at));
	ck_assert(!mb2_find_header(image, IMG_LEN, MB2_SEARCH - 16, &at));
	ck_assert(!mb2_find_header(image, IMG_LEN, MB2_SEARCH, &at));
	ck_assert(!mb2_find_header(image, MB2_SEARCH - 1, 0, &at));
	hdr_end += 8;
	seal(MB2_SEARCH - 24);
	ck_assert(!mb2_find_header(image, IMG_LEN, 0, &at));
	memset(image, 0, sizeof(image));
	hdr_end = 0x204 + 24;
	seal(0x204);
	ck_assert(!mb2_find_header(image, IMG_LEN, 0, &at));
	/* Another architecture, a wrong checksum, a length without room for itself; then a right one. */
	for (u32 off = 4; off < 16; off += 4) {
		memset(image, 0, sizeof(image));
		hdr_end = 0x100 + 24;
		seal(0x100);
		image[0x100 + off] ^= 4;
		ck_assert(!mb2_find_header(image, IMG_LEN, 0, &at));
		hdr_end = 0x200 + 24;
		seal(0x200);
		ck_assert(mb2_find_header(image, IMG_LEN, 0, &at) && at == 0x200);
	}
	memset(image, 0, sizeof(image));
	hdr_end = 0x100 + 8;
	seal(0x100);
	ck_assert(!mb2_find_header(image, IMG_LEN, 0, &at));
	/* multiboot1's header goes before it, as it always did. */
	build_elf(false, 3);
	finish();
	put_le(image, 0x1000, 4, 0x1badb002);
	put_le(image, 0x1004, 4, 3);
	put_le(image, 0x1008, 4, (u32) - (0x1badb002 + 3));
	ck_assert_int_eq(load_detect(image, IMG_LEN), LOAD_MULTIBOOT1);
	in.mb2_at = HDR;
	ck_assert_int_eq(load_multiboot2(&in, &out), OK);
	in.mb2_at = MB2_SEARCH;
	ck_assert_int_eq(load_multiboot2(&in, &out), ERR_INVAL);
	guest_ram_free(&g);
}
END_TEST

/* One header each that is refused, with the words that say why. */
START_TEST(refused)
{
	static const struct {
		u32 type, flags, words[5], nr;
		int err;
		const char *why;
	} t[] = {
		{ 1, 0, { 4, 9 }, 2, ERR_NOTSUP, "information of type 9" },
		{ 1, 0, { 8 }, 1, ERR_NOTSUP, "information of type 8" },
		{ 1, 0, { 64 }, 1, ERR_NOTSUP, "unknown type 64" },
		{ 2, 0, { 0x200200, 0x200000, 0 }, 3, ERR_INVAL, "type 2 at offset 0x210: size 20" },
		{ 2, 0, { 0x200200, 0x200000, 0, 0 }, 4, ERR_INVAL, "no entry address" },
		{ 3, 0, { 0 }, 0, ERR_INVAL, "type 3 at offset 0x210: size 8 is not 12" },
		{ 3, 0, { 0x500000 }, 1, ERR_RANGE, "entry point 0x500000" },
		{ 4, 0, { 1 }, 1, ERR_NOTSUP, "console_flags 0x1" },
		{ 11, 0, { 0 }, 1, ERR_NOTSUP, "unknown type 11" },
	};
	struct load_in in;

	guest_ram_init(&g, 16 * MIB);
	in = input();
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		build_elf(true, 62);
		tag((u16)t[i].type, (u16)t[i].flags, t[i].words, t[i].nr);
		finish();
		ck_assert_msg(load_multiboot2(&in, &out) == t[i].err, "row %u: %s", i, out.why);
		ck_assert_msg(strstr(out.why, t[i].why), "row %u: \"%s\"", i, out.why);
	}
	/* Sizes that reach beyond the header; no end; tags and requests without end. */
	build_elf(true, 62);
	finish();
	put_le(image, HDR + 20, 4, 9);
	ck_assert_int_eq(load_multiboot2(&in, &out), ERR_INVAL);
	put_le(image, HDR + 20, 4, 0);
	ck_assert_int_eq(load_multiboot2(&in, &out), ERR_INVAL);
	build_elf(true, 62);
	tag(6, 0, NULL, 0);
	seal(HDR);
	ck_assert_int_eq(load_multiboot2(&in, &out), ERR_INVAL);
	ck_assert_ptr_nonnull(strstr(out.why, "no end tag"));
	build_elf(true, 62);
	for (u32 i = 0; i < 65; i++)
		tag(6, 0, NULL, 0);
	finish();
	ck_assert_int_eq(load_multiboot2(&in, &out), ERR_NOTSUP);
	ck_assert_ptr_nonnull(strstr(out.why, "more than 64 tags"));
	build_elf(true, 62);
	for (u32 i = 0; i < 17; i++)
		TAG(1, 0, 1, 2, 4, 6);
	finish();
	ck_assert_int_eq(load_multiboot2(&in, &out), ERR_NOTSUP);
	guest_ram_free(&g);
}
END_TEST

START_TEST(limits)
{
	static char big[LOAD_EXTRA_END - LOAD_EXTRA_GPA];
	struct load_module mods[2] = { { image, 10, big }, { image, 10, NULL } };
	struct load_in in;

	memset(big, 'y', sizeof(big) - 1);
	guest_ram_init(&g, 16 * MIB);
	build_elf(false, 3);
	finish();
	in = input();
	in.cmdline = big;
	ck_assert_int_eq(load_multiboot2(&in, &out), ERR_RANGE);
	ck_assert_ptr_nonnull(strstr(out.why, "information: longer than"));
	in.cmdline = NULL;
	in.modules = mods;
	in.nr_modules = 2;
	ck_assert_int_eq(load_multiboot2(&in, &out), ERR_RANGE);
	/* All but what the others take. */
	big[sizeof(big) - 1024] = 0;
	ck_assert_msg(load_multiboot2(&in, &out) == OK, "%s", out.why);
	ck_assert_uint_eq(strlen(guest_ram_text(&g, info_tag(3, 0) + 16)), sizeof(big) - 1024);
	mods[1].len = 15 * MIB;
	ck_assert_int_eq(load_multiboot2(&in, &out), ERR_NOMEM);
	in.nr_modules = 0;
	g.mem.ranges[0].len = 0x8000;
	ck_assert_int_lt(load_multiboot2(&in, &out), 0);
	guest_ram_free(&g);
}
END_TEST

SUITE_MAIN("load_mb2", elf_images, entry_and_screen, address_tag, headers, refused, limits)
