/* Multiboot2 information: a full structure, then each tag cut, bent and overdone. */
#include <stdio.h>
#include <stdlib.h>

#include "boot/mb2.h"
#include "bytes_builder.h"
#include "suite.h"

static struct bytes info;
static struct boot_info bi;
static char err[160];
static u32 tag_at; /* offset of the tag being built */

static void begin(void)
{
	info.len = 0;
	put64(&info, 0);
}

static void tag(u32 type)
{
	while (info.len % 8)
		put8(&info, 0);
	tag_at = info.len;
	put32(&info, type);
	put32(&info, 0);
}

static void end_tag(void)
{
	set32(&info, tag_at + 4, info.len - tag_at);
}

static void string_tag(u32 type, const char *s)
{
	tag(type);
	put_bytes(&info, s, (u32)strlen(s) + 1);
	end_tag();
}

static void module_tag(u32 start, u32 end, const char *s)
{
	tag(3);
	put32(&info, start);
	put32(&info, end);
	put_bytes(&info, s, (u32)strlen(s) + 1);
	end_tag();
}

static void mmap_tag(u32 entry_size, u32 n)
{
	tag(6);
	put32(&info, entry_size);
	put32(&info, 0);
	for (u32 i = 0; i < n; i++) {
		put64(&info, i * 0x100000ull);
		put64(&info, 0x80000);
		put32(&info, i % 2 + 1);
		put_zero(&info, entry_size - 20);
	}
	end_tag();
}

static void finish(void)
{
	tag(0);
	end_tag();
	set32(&info, 0, info.len);
}

/* In a buffer of its own exact size, so that ASan sees any read past the end. */
static int parse(void)
{
	u8 *copy = malloc(info.len + 1);
	int r;

	memcpy(copy, info.b, info.len);
	r = mb2_parse(copy, info.len, 0x9000, &bi, err, sizeof(err));
	free(copy);
	return r;
}

#define FAILS(code, text)                                                     \
	do {                                                                  \
		ck_assert_int_eq(parse(), code);                              \
		ck_assert_msg(strstr(err, text) != NULL, "text is: %s", err); \
	} while (0)

START_TEST(full_structure)
{
	begin();
	string_tag(1, "console=uart,0x3f8 log=debug");
	string_tag(2, "GRUB 2.06");
	module_tag(0x200000, 0x300000, "blob  config.dtb");
	module_tag(0x300000, 0x300000, "");
	module_tag(0x400000, 0x480001, "/boot/vmlinuz");
	tag(4);
	put32(&info, 639);
	put32(&info, 130048);
	end_tag();
	mmap_tag(24, 3);
	tag(8);
	put64(&info, 0xfd000000);
	put32(&info, 4096);
	put32(&info, 1024);
	put32(&info, 768);
	put8(&info, 32);
	put8(&info, 1);
	put16(&info, 0);
	put_bytes(&info, "\x10\x08\x08\x07\x00\x06", 6);
	end_tag();
	tag(12);
	put64(&info, 0x123456789abc);
	end_tag();
	tag(14);
	put_bytes(&info, "RSD PTR old.........", 20);
	end_tag();
	tag(15);
	put_bytes(&info, "RSD PTR new.........................", 36);
	end_tag();
	tag(14);
	put_bytes(&info, "RSD PTR old.........", 20);
	end_tag();
	tag(18);
	end_tag();
	tag(21);
	put32(&info, 0x1000000);
	end_tag();
	tag(999); /* unknown */
	put_zero(&info, 5);
	end_tag();
	finish();

	ck_assert_int_eq(parse(), OK);
	ck_assert_str_eq(err, "");
	ck_assert_str_eq(bi.protocol, "multiboot2");
	ck_assert_str_eq(bi.cmdline, "console=uart,0x3f8 log=debug");
	ck_assert_str_eq(bi.loader, "GRUB 2.06");
	ck_assert_uint_eq(bi.nr_modules, 3);
	ck_assert_str_eq(bi.modules[0].name, "blob");
	ck_assert_str_eq(bi.modules[0].args, "config.dtb");
	ck_assert_uint_eq(bi.modules[0].start, 0x200000);
	ck_assert_uint_eq(bi.modules[0].len, 0x100000);
	ck_assert_str_eq(bi.modules[1].name, "");
	ck_assert_uint_eq(bi.modules[1].len, 0);
	ck_assert_ptr_eq(boot_info_module(&bi, "blob"), &bi.modules[0]);
	ck_assert_ptr_eq(boot_info_module(&bi, "/boot/vmlinuz"), &bi.modules[2]);
	ck_assert_ptr_eq(boot_info_module(&bi, "vmlinuz"), &bi.modules[2]);
	ck_assert_ptr_null(boot_info_module(&bi, "linuz"));
	ck_assert_uint_eq(bi.mem_lower_kib, 639);
	ck_assert_uint_eq(bi.mem_upper_kib, 130048);
	ck_assert_uint_eq(bi.map.nr, 3);
	ck_assert_uint_eq(bi.map.e[2].base, 0x200000);
	ck_assert_uint_eq(bi.map.e[1].type, E820_RESERVED);
	ck_assert_int_eq(bi.fb.type, BOOT_FB_RGB);
	ck_assert_uint_eq(bi.fb.addr, 0xfd000000);
	ck_assert_uint_eq(bi.fb.pitch, 4096);
	ck_assert_uint_eq(bi.fb.width, 1024);
	ck_assert_uint_eq(bi.fb.height, 768);
	ck_assert_uint_eq(bi.fb.bpp, 32);
	ck_assert_uint_eq(bi.fb.red_pos, 16);
	ck_assert_uint_eq(bi.fb.red_size, 8);
	ck_assert_uint_eq(bi.fb.green_pos, 8);
	ck_assert_uint_eq(bi.fb.green_size, 7);
	ck_assert_uint_eq(bi.fb.blue_pos, 0);
	ck_assert_uint_eq(bi.fb.blue_size, 6);
	ck_assert_uint_eq(bi.efi_systab, 0x123456789abc);
	ck_assert(bi.efi_bs);
	ck_assert_uint_eq(bi.rsdp_len, 36);
	ck_assert_mem_eq(bi.rsdp, "RSD PTR new", 11);
	ck_assert_uint_eq(bi.load_base, 0x1000000);
	ck_assert_uint_eq(bi.info_pa, 0x9000);
	ck_assert_uint_eq(bi.info_len, info.len);

	/* what the loader placed is taken out of the RAM, in whole pages */
	bi.map.nr = 0;
	ck_assert_int_eq(e820_add(&bi.map, 0, 0x1000000, E820_RAM), OK);
	ck_assert_int_eq(boot_info_reserve(&bi), OK);
	ck_assert(e820_is(&bi.map, 0x9000, 0x1000, E820_MODULE));
	ck_assert(e820_is(&bi.map, 0x200000, 0x100000, E820_MODULE));
	ck_assert(e820_is(&bi.map, 0x400000, 0x81000, E820_MODULE));
	ck_assert(e820_is(&bi.map, 0x481000, 0x1000, E820_RAM));
	ck_assert_uint_eq(e820_total(&bi.map, E820_MODULE), 0x182000);
}
END_TEST

START_TEST(every_cut_is_an_error)
{
	begin();
	string_tag(1, "quiet");
	module_tag(0x1000, 0x2000, "m");
	mmap_tag(24, 2);
	finish();
	ck_assert_int_eq(parse(), OK);
	for (u32 len = info.len; len-- > 0;) {
		struct bytes saved = info;

		info.len = len; /* total size says more than there is */
		FAILS(ERR_TRUNC, "multiboot2");
		if (len >= 8) { /* total size is honest, the end tag is gone */
			set32(&info, 0, len);
			FAILS(ERR_TRUNC, "multiboot2");
		}
		info = saved;
	}
}
END_TEST

START_TEST(total_size)
{
	u32 v[2] = { 16, 0 };

	ck_assert_uint_eq(mb2_total_size(v), 16);
	v[0] = 15;
	ck_assert_uint_eq(mb2_total_size(v), 0);
	v[0] = 16u << 20;
	ck_assert_uint_eq(mb2_total_size(v), 16u << 20);
	v[0]++;
	ck_assert_uint_eq(mb2_total_size(v), 0);
}
END_TEST

/* Every known tag one byte shorter than its fixed part. */
START_TEST(short_tags)
{
	static const struct {
		u32 type, min;
	} t[] = { { 1, 9 },   { 2, 9 },   { 3, 17 },  { 4, 16 },  { 6, 16 }, { 8, 32 },
		  { 12, 16 }, { 14, 28 }, { 15, 44 }, { 17, 16 }, { 21, 12 } };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		begin();
		mmap_tag(24, 1);
		tag(t[i].type);
		put_zero(&info, t[i].min - 9);
		end_tag();
		finish();
		FAILS(ERR_TRUNC, "needs at least");
	}
}
END_TEST

START_TEST(bad_tags)
{
	begin();
	tag(1);
	put_bytes(&info, "abc", 3);
	end_tag();
	finish();
	FAILS(ERR_INVAL, "command line is not terminated");

	begin();
	tag(2);
	put_bytes(&info, "abc", 3);
	end_tag();
	finish();
	FAILS(ERR_INVAL, "loader name is not terminated");

	begin();
	tag(3);
	put64(&info, 0);
	put_bytes(&info, "abc", 3);
	end_tag();
	finish();
	FAILS(ERR_INVAL, "module string is not terminated");

	begin();
	module_tag(0x2000, 0x1000, "x");
	finish();
	FAILS(ERR_RANGE, "module 0: range 0x2000-0x1000 is not sane");

	begin();
	mmap_tag(24, 2);
	set32(&info, tag_at + 12, 1);
	finish();
	FAILS(ERR_INVAL, "version");

	begin();
	mmap_tag(32, 2);
	set32(&info, tag_at + 8, 24);
	finish();
	FAILS(ERR_INVAL, "whole number");

	for (u32 size = 0; size < 24; size += 8) {
		begin();
		mmap_tag(24, 2);
		set32(&info, tag_at + 8, size);
		finish();
		FAILS(ERR_INVAL, "entry size");
	}

	begin();
	mmap_tag(24, E820_MAX + 1);
	finish();
	FAILS(ERR_NOSPC, "too many");

	begin();
	tag(8);
	put_zero(&info, 20);
	put8(&info, 32);
	put8(&info, 1);
	put_zero(&info, 5);
	end_tag();
	finish();
	FAILS(ERR_TRUNC, "colour fields");

	begin();
	tag(77);
	set32(&info, tag_at + 4, 7);
	finish();
	FAILS(ERR_INVAL, "size is below 8");

	begin();
	tag(77);
	set32(&info, tag_at + 4, 0xfffffffc);
	finish();
	FAILS(ERR_TRUNC, "runs past the end");
}
END_TEST

START_TEST(long_strings)
{
	char s[BOOT_CMDLINE_MAX + 10];

	memset(s, 'a', sizeof(s));
	s[BOOT_CMDLINE_MAX - 1] = '\0';
	begin();
	string_tag(1, s);
	string_tag(2, s);
	mmap_tag(40, 1);
	finish();
	ck_assert_int_eq(parse(), OK);
	ck_assert_str_eq(bi.cmdline, s);
	ck_assert(bi.strings_cut);
	ck_assert_uint_eq(strlen(bi.loader), sizeof(bi.loader) - 1);

	s[BOOT_CMDLINE_MAX - 1] = 'a';
	s[BOOT_CMDLINE_MAX] = '\0';
	begin();
	string_tag(1, s);
	mmap_tag(24, 1);
	finish();
	FAILS(ERR_RANGE, "command line has 2048 characters, 2047 are allowed");
	ck_assert_str_eq(bi.advice, "shorten Bulkhead's line of the boot loader's menu");

	s[BOOT_MODSTR_MAX] = '\0';
	begin();
	module_tag(0, 1, s);
	finish();
	FAILS(ERR_RANGE, "module 0: its line has at least 2048 characters, 2047 are allowed");
	ck_assert_ptr_nonnull(strstr(bi.advice, "shorten what stands behind the file"));

	s[BOOT_MODSTR_MAX - 1] = '\0';
	begin();
	mmap_tag(24, 1);
	for (u32 i = 0; i < BOOT_STRINGS_MAX / BOOT_MODSTR_MAX; i++)
		module_tag(0, 1, s);
	finish();
	ck_assert_int_eq(parse(), OK);
	ck_assert_str_eq(bi.modules[5].name, s);
	info.len -= 8;
	module_tag(0, 1, "");
	finish();
	FAILS(ERR_NOSPC, "the lines of the first 65 modules have more than 131072 characters");
	ck_assert_ptr_nonnull(strstr(bi.advice, "shorten"));
}
END_TEST

/* Of two that are named alike only the first is found. */
START_TEST(namesakes)
{
	static const struct {
		const char *name;
		u32 like;
	} m[] = { { "a", 0 }, { "b", 1 }, { "a args", 0 }, { "/x/b", 3 }, { "/y/b", 3 }, { "", 5 }, { " ", 5 } };

	begin();
	mmap_tag(24, 1);
	for (u32 i = 0; i < ARRAY_SIZE(m); i++)
		module_tag(0, 0, m[i].name);
	finish();
	ck_assert_int_eq(parse(), OK);
	for (u32 i = 0; i < ARRAY_SIZE(m); i++)
		ck_assert_uint_eq(boot_info_namesake(&bi, i), m[i].like);
}
END_TEST

START_TEST(many_modules)
{
	begin();
	mmap_tag(24, 1);
	for (u32 i = 0; i < BOOT_MAX_MODULES; i++)
		module_tag(i * 0x1000, i * 0x1000 + 0x1000, "m");
	finish();
	ck_assert_int_eq(parse(), OK);
	ck_assert_uint_eq(bi.nr_modules, BOOT_MAX_MODULES);
	info.len -= 8;
	module_tag(0, 0, "one too many");
	finish();
	FAILS(ERR_NOSPC, "more than 1024 boot modules");
	ck_assert_ptr_nonnull(strstr(bi.advice, "load fewer boot modules"));
}
END_TEST

START_TEST(framebuffer_types)
{
	static const enum boot_fb_type want[] = { BOOT_FB_INDEXED, BOOT_FB_RGB, BOOT_FB_TEXT, BOOT_FB_NONE };

	for (u8 type = 0; type < 4; type++) {
		begin();
		mmap_tag(24, 1);
		tag(8);
		put_zero(&info, 20);
		put8(&info, 16);
		put8(&info, type);
		put_zero(&info, 8);
		end_tag();
		finish();
		ck_assert_int_eq(parse(), OK);
		ck_assert_int_eq(bi.fb.type, want[type]);
	}
}
END_TEST

static void efi_mmap_tag(u32 desc, u32 n)
{
	tag(17);
	put32(&info, desc);
	put32(&info, 1);
	for (u32 i = 0; i < n; i++) {
		put32(&info, i);
		put32(&info, 0);
		put64(&info, i * 0x10000);
		put64(&info, 0);
		put64(&info, 16);
		put_zero(&info, desc - 32);
	}
	end_tag();
}

START_TEST(efi_memory_map)
{
	static const u32 want[15] = { E820_RESERVED, E820_RAM,      E820_RAM,      E820_RAM,      E820_RAM,
		                      E820_RESERVED, E820_RESERVED, E820_RAM,      E820_UNUSABLE, E820_ACPI,
		                      E820_NVS,      E820_RESERVED, E820_RESERVED, E820_RESERVED, E820_PMEM };

	begin();
	efi_mmap_tag(48, 15);
	finish();
	ck_assert_int_eq(parse(), OK);
	ck_assert_uint_eq(bi.map.nr, 15);
	for (u32 i = 0; i < 15; i++) {
		ck_assert_uint_eq(bi.map.e[i].type, want[i]);
		ck_assert_uint_eq(bi.map.e[i].base, i * 0x10000);
		ck_assert_uint_eq(bi.map.e[i].len, 0x10000);
	}
	/* an e820 map is preferred, wherever it stands */
	info.len -= 8;
	mmap_tag(24, 1);
	finish();
	ck_assert_int_eq(parse(), OK);
	ck_assert_uint_eq(bi.map.nr, 1);
	/* while boot services run, only conventional memory is free */
	begin();
	efi_mmap_tag(48, 8);
	tag(18);
	end_tag();
	finish();
	ck_assert_int_eq(parse(), OK);
	for (u32 i = 0; i < 8; i++)
		ck_assert_uint_eq(bi.map.e[i].type, i == 7 ? E820_RAM : E820_RESERVED);

	begin();
	efi_mmap_tag(48, 1);
	set32(&info, tag_at + 8, 32);
	finish();
	FAILS(ERR_INVAL, "descriptor size");
	begin();
	efi_mmap_tag(48, 1);
	set32(&info, tag_at + 8, 40);
	finish();
	FAILS(ERR_INVAL, "whole number");
	begin();
	efi_mmap_tag(48, 1);
	set64(&info, tag_at + 16 + 24, ~0ull);
	finish();
	FAILS(ERR_RANGE, "page count");
	begin();
	efi_mmap_tag(40, E820_MAX + 1);
	finish();
	FAILS(ERR_NOSPC, "too many");
}
END_TEST

START_TEST(no_map_at_all)
{
	begin();
	finish();
	FAILS(ERR_NOENT, "no memory map");
	begin();
	mmap_tag(24, 0);
	finish();
	FAILS(ERR_NOENT, "no memory map");
	ck_assert_int_eq(mb2_parse(info.b, info.len, 0, &bi, NULL, 0), ERR_NOENT);
}
END_TEST

SUITE_MAIN("mb2", full_structure, every_cut_is_an_error, total_size, short_tags, bad_tags, long_strings, namesakes,
           many_modules, framebuffer_types, efi_memory_map, no_map_at_all)
