/* Multiboot1 information, over a small fake physical memory in which only some ranges can be read. */
#include "boot/mb1.h"
#include "bytes_builder.h"
#include "suite.h"

#define MEM_SIZE 0x10000
#define INFO     0x1000u
#define CMDLINE  0x2000u
#define MODS     0x3000u
#define MMAP     0x4000u
#define LOADER   0x5000u

static u8 memory[MEM_SIZE];
static u64 readable = MEM_SIZE;
static struct boot_info bi;
static char err[160];

static const void *map(void *ctx, u64 pa, u64 len)
{
	ck_assert_ptr_eq(ctx, memory);
	return pa < readable && len <= readable - pa ? memory + pa : NULL;
}

static const struct mb1_mem mem = { map, memory };

static void w32(u32 pa, u32 v)
{
	memcpy(memory + pa, &v, 4);
}

static void w64(u32 pa, u64 v)
{
	memcpy(memory + pa, &v, 8);
}

static u32 mmap_entry(u32 pa, u32 size, u64 base, u64 len, u32 type)
{
	w32(pa, size);
	w64(pa + 4, base);
	w64(pa + 12, len);
	w32(pa + 20, type);
	return pa + size + 4;
}

static void setup(void)
{
	u32 end;

	memset(memory, 0, sizeof(memory));
	readable = MEM_SIZE;
	w32(INFO, BIT(0) | BIT(2) | BIT(3) | BIT(6) | BIT(9));
	w32(INFO + 4, 640);
	w32(INFO + 8, 65536);
	w32(INFO + 16, CMDLINE);
	strcpy((char *)memory + CMDLINE, "build/bulkhead.elf console=uart");
	w32(INFO + 20, 2);
	w32(INFO + 24, MODS);
	w32(MODS, 0x100000);
	w32(MODS + 4, 0x180000);
	w32(MODS + 8, CMDLINE + 0x100);
	strcpy((char *)memory + CMDLINE + 0x100, "build/config.dtb blob");
	w32(MODS + 16, 0x200000);
	w32(MODS + 20, 0x200010);
	w32(INFO + 48, MMAP);
	end = mmap_entry(MMAP, 20, 0, 0x9fc00, 1);
	end = mmap_entry(end, 28, 0xf0000, 0x10000, 2);
	end = mmap_entry(end, 20, 0x100000, 0x3ff00000, 1);
	w32(INFO + 44, end - MMAP);
	w32(INFO + 64, LOADER);
	strcpy((char *)memory + LOADER, "qemu");
}

static int parse(void)
{
	return mb1_parse(&mem, INFO, &bi, err, sizeof(err));
}

#define FAILS(code, text)                                                     \
	do {                                                                  \
		ck_assert_int_eq(parse(), code);                              \
		ck_assert_msg(strstr(err, text) != NULL, "text is: %s", err); \
	} while (0)

START_TEST(full_structure)
{
	setup();
	ck_assert_int_eq(parse(), OK);
	ck_assert_str_eq(bi.protocol, "multiboot1");
	ck_assert_str_eq(bi.cmdline, "build/bulkhead.elf console=uart");
	ck_assert_str_eq(bi.loader, "qemu");
	ck_assert_uint_eq(bi.nr_modules, 2);
	ck_assert_str_eq(bi.modules[0].name, "build/config.dtb");
	ck_assert_str_eq(bi.modules[0].args, "blob");
	ck_assert_ptr_eq(boot_info_module(&bi, "config.dtb"), &bi.modules[0]);
	ck_assert_uint_eq(bi.modules[0].start, 0x100000);
	ck_assert_uint_eq(bi.modules[0].len, 0x80000);
	ck_assert_str_eq(bi.modules[1].name, "");
	ck_assert_uint_eq(bi.map.nr, 3);
	ck_assert_uint_eq(bi.map.e[0].len, 0x9fc00);
	ck_assert_uint_eq(bi.map.e[1].type, 2);
	ck_assert_uint_eq(bi.map.e[2].len, 0x3ff00000);
	ck_assert_uint_eq(bi.mem_lower_kib, 640);
	ck_assert_uint_eq(bi.mem_upper_kib, 65536);
	ck_assert_uint_eq(bi.rsdp_len, 0);
	ck_assert_int_eq(bi.fb.type, BOOT_FB_NONE);
	ck_assert_uint_eq(bi.info_pa, INFO);
	ck_assert_uint_eq(bi.info_len, 88);
}
END_TEST

START_TEST(framebuffer)
{
	static const enum boot_fb_type want[] = { BOOT_FB_INDEXED, BOOT_FB_RGB, BOOT_FB_TEXT, BOOT_FB_NONE };

	for (u8 type = 0; type < 4; type++) {
		setup();
		w32(INFO, BIT(6) | BIT(12));
		w64(INFO + 88, 0xe0000000);
		w32(INFO + 96, 2400);
		w32(INFO + 100, 800);
		w32(INFO + 104, 600);
		memory[INFO + 108] = 24;
		memory[INFO + 109] = type;
		memcpy(memory + INFO + 110, "\x10\x08\x08\x08\x00\x08", 6);
		ck_assert_int_eq(parse(), OK);
		ck_assert_int_eq(bi.fb.type, want[type]);
		ck_assert_uint_eq(bi.fb.addr, 0xe0000000);
		ck_assert_uint_eq(bi.fb.pitch, 2400);
		ck_assert_uint_eq(bi.fb.bpp, 24);
		ck_assert_uint_eq(bi.fb.red_pos, type == 1 ? 16 : 0);
		ck_assert_uint_eq(bi.fb.blue_size, type == 1 ? 8 : 0);
		ck_assert_uint_eq(bi.info_len, 116);
		ck_assert_str_eq(bi.cmdline, "");
	}
	readable = INFO + 100;
	FAILS(ERR_FAULT, "structure");
}
END_TEST

START_TEST(basic_memory_only)
{
	setup();
	w32(INFO, BIT(0));
	ck_assert_int_eq(parse(), OK);
	ck_assert_uint_eq(bi.map.nr, 2);
	ck_assert_uint_eq(bi.map.e[0].len, 640 << 10);
	ck_assert_uint_eq(bi.map.e[1].base, 1 << 20);
	ck_assert_uint_eq(bi.map.e[1].len, 64 << 20);
	w32(INFO, 0);
	FAILS(ERR_NOENT, "no memory map");
	ck_assert_int_eq(mb1_parse(&mem, INFO, &bi, NULL, 0), ERR_NOENT);
}
END_TEST

START_TEST(unreadable_pieces)
{
	static const struct {
		u32 field;
		const char *what;
	} t[] = { { 16, "command line" }, { 24, "module list" }, { 48, "memory map" }, { 64, "loader name" } };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		setup();
		w32(INFO + t[i].field, 0xfffff000);
		FAILS(ERR_FAULT, t[i].what);
	}
	setup();
	w32(MODS + 8, 0xfffff000);
	FAILS(ERR_FAULT, "module string");
	setup();
	ck_assert_int_eq(mb1_parse(&mem, MEM_SIZE - 80, &bi, err, sizeof(err)), ERR_FAULT);
	ck_assert_int_eq(mb1_parse(&mem, ~0ull, &bi, err, sizeof(err)), ERR_FAULT);
}
END_TEST

START_TEST(strings_at_the_end_of_memory)
{
	setup();
	w32(INFO + 16, MEM_SIZE - 4);
	memcpy(memory + MEM_SIZE - 4, "abc", 4);
	ck_assert_int_eq(parse(), OK);
	ck_assert_str_eq(bi.cmdline, "abc");
	memory[MEM_SIZE - 1] = 'd';
	FAILS(ERR_FAULT, "command line at 0x10000");

	setup();
	memset(memory + 0x6000, 'x', 0x2000);
	w32(INFO + 16, 0x6003);
	FAILS(ERR_RANGE, "command line has 2048 characters");
	memory[0x6003 + BOOT_CMDLINE_MAX - 1] = 0;
	ck_assert_int_eq(parse(), OK);
	ck_assert_uint_eq(strlen(bi.cmdline), BOOT_CMDLINE_MAX - 1);
	w32(MODS + 8, 0x6003);
	ck_assert_int_eq(parse(), OK);
	memset(memory + 0x6000, 'x', 0x2000);
	w32(INFO + 16, CMDLINE);
	FAILS(ERR_RANGE, "module 0: its line has at least 2048 characters");
}
END_TEST

START_TEST(bad_modules)
{
	setup();
	w32(INFO + 20, 0xffffffff);
	w32(INFO + 24, 0x8000);
	FAILS(ERR_NOSPC, "more than 1024 boot modules");
	ck_assert_ptr_nonnull(strstr(bi.advice, "load fewer boot modules"));
	setup();
	w32(MODS, 0x200000);
	FAILS(ERR_RANGE, "module 0: range");
	setup();
	w32(INFO + 20, 0);
	ck_assert_int_eq(parse(), OK);
	ck_assert_uint_eq(bi.nr_modules, 0);
}
END_TEST

START_TEST(bad_memory_maps)
{
	static const u32 sizes[] = { 0, 19, 0x1000, 0xffffffff, 0xfffffffc };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		setup();
		w32(MMAP, sizes[i]);
		FAILS(ERR_INVAL, "memory map entry");
	}
	setup();
	w32(INFO + 44, 23);
	FAILS(ERR_FAULT, "memory map entry");
	setup();
	w32(INFO + 44, 0x7fffffff);
	FAILS(ERR_RANGE, "not sane");
	setup();
	for (u32 i = 0; i <= E820_MAX; i++)
		mmap_entry(MMAP + i * 24, 20, i, 1, 1);
	w32(INFO + 44, (E820_MAX + 1) * 24);
	w32(INFO + 64, 0);
	FAILS(ERR_NOSPC, "more than 512");
}
END_TEST

SUITE_MAIN("mb1", full_structure, framebuffer, basic_memory_only, unreadable_pieces, strings_at_the_end_of_memory,
           bad_modules, bad_memory_maps)
