/* multiboot1 images: ELF and address fields, the information structure, hostile headers. */
#include "quick_check.h"

#include "elf_builder.h"
#include "suite.h"
#include "vmm/load/mb1.h"

#define MIB     (1ull << 20)
#define IMG_LEN 0x3000u
#define HDR     0x200u

static u8 image[IMG_LEN];
static struct guest_ram g;
static struct load_out out;

static void put_header(u32 at, u32 flags)
{
	put_le(image, at, 4, 0x1badb002);
	put_le(image, at + 4, 4, flags);
	put_le(image, at + 8, 4, (u32) - (0x1badb002 + flags));
}

static void build_elf(bool is64, u16 machine, u32 flags)
{
	static const struct elf_seg seg[] = { { 1, 0x1000, 0x400000, 0x400000, 0x1000, 0x3000, 0x1000 } };

	memset(image, 0x11, sizeof(image));
	elf_build(image, is64, machine, 0x400010, seg, 1);
	put_header(HDR, flags);
}

static void build_addrs(u32 header_addr, u32 load, u32 load_end, u32 bss_end, u32 entry)
{
	for (u32 i = 0; i < IMG_LEN; i++)
		image[i] = (u8)(i * 3);
	put_header(HDR, 0x10003);
	put_le(image, HDR + 12, 4, header_addr);
	put_le(image, HDR + 16, 4, load);
	put_le(image, HDR + 20, 4, load_end);
	put_le(image, HDR + 24, 4, bss_end);
	put_le(image, HDR + 28, 4, entry);
}

static struct load_in input(void)
{
	return (struct load_in){
		.kernel = image, .kernel_len = sizeof(image), .name = "suite.flat", .mem = &g.mem, .map = &g.map
	};
}

START_TEST(elf_images)
{
	static const struct {
		bool is64;
		u16 machine;
	} t[] = { { false, 3 }, { true, 62 }, { false, 62 } };
	static const char env[] = "NR_CPUS=1\nMEMLIMIT=1\n";
	struct load_module mods[2] = { { env, sizeof(env), "env.txt" }, { image, 5000, NULL } };

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		u64 info = LOAD_INFO_GPA, p;
		struct load_in in;

		build_elf(t[i].is64, t[i].machine, 3);
		guest_ram_init(&g, 16 * MIB);
		in = input();
		in.cmdline = "-v one";
		in.modules = mods;
		in.nr_modules = 2;
		ck_assert_int_eq(load_detect(image, IMG_LEN), LOAD_MULTIBOOT1);
		ck_assert_msg(load_image(&in, &out) == OK, "%s", out.why);
		ck_assert_int_eq(out.mode, LOAD_MODE_PROT32);
		ck_assert_uint_eq(out.rip, 0x400010);
		ck_assert_uint_eq(out.rax, 0x2badb002);
		ck_assert_uint_eq(out.rbx, info);
		ck_assert_mem_eq(g.mem.base + 0x400000, image + 0x1000, 0x1000);
		ck_assert_uint_eq(guest_ram_get(&g, 0x401000, 8), 0);

		/* memory, command line, modules, mmap, loader name */
		ck_assert_uint_eq(guest_ram_get(&g, info, 4), 0x24d);
		ck_assert_uint_eq(guest_ram_get(&g, info + 4, 4), 639);
		ck_assert_uint_eq(guest_ram_get(&g, info + 8, 4), 15 * 1024);
		ck_assert_str_eq(guest_ram_text(&g, guest_ram_get(&g, info + 16, 4)), "suite.flat -v one");
		ck_assert_uint_eq(guest_ram_get(&g, info + 20, 4), 2);
		p = guest_ram_get(&g, info + 24, 4);
		ck_assert_uint_eq(guest_ram_get(&g, p, 4), 16 * MIB - 0x3000);
		ck_assert_uint_eq(guest_ram_get(&g, p + 4, 4), 16 * MIB - 0x3000 + sizeof(env));
		ck_assert_str_eq(guest_ram_text(&g, guest_ram_get(&g, p, 4)), env);
		ck_assert_str_eq(guest_ram_text(&g, guest_ram_get(&g, p + 8, 4)), "env.txt");
		ck_assert_uint_eq(guest_ram_get(&g, p + 16, 4), 16 * MIB - 0x2000);
		ck_assert_str_eq(guest_ram_text(&g, guest_ram_get(&g, p + 24, 4)), "");
		ck_assert_uint_eq(guest_ram_get(&g, info + 44, 4), 24 * g.map.nr_e820);
		p = guest_ram_get(&g, info + 48, 4);
		for (u32 k = 0; k < g.map.nr_e820; k++, p += 24) {
			ck_assert_uint_eq(guest_ram_get(&g, p, 4), 20);
			ck_assert_uint_eq(guest_ram_get(&g, p + 4, 8), g.map.e820[k].base);
			ck_assert_uint_eq(guest_ram_get(&g, p + 12, 8), g.map.e820[k].len);
			ck_assert_uint_eq(guest_ram_get(&g, p + 20, 4), g.map.e820[k].type);
		}
		ck_assert_str_eq(guest_ram_text(&g, guest_ram_get(&g, info + 64, 4)), "Bulkhead");
		/* a command line alone is the image's name */
		in.cmdline = NULL;
		in.name = NULL;
		ck_assert_int_eq(load_multiboot1(&in, &out), OK);
		ck_assert_str_eq(guest_ram_text(&g, LOAD_CMDLINE_GPA), "kernel");
		guest_ram_free(&g);
	}
}
END_TEST

START_TEST(address_fields)
{
	static const struct {
		u32 header, load, load_end, bss_end, entry;
		int err;
		const char *why;
	} t[] = {
		{ 0x200200, 0x200000, 0, 0, 0x200010, OK, "" },
		{ 0x200200, 0x200200, 0x201000, 0x208000, 0x200210, OK, "" },
		{ 0x200200, 0x200000, 0x203000, 0, 0x202fff, OK, "" },
		{ 0x200200, 0x1fff00, 0, 0, 0x200010, ERR_INVAL, "load_addr 0x1fff00" },
		{ 0x200200, 0x200300, 0, 0, 0x200310, ERR_INVAL, "header_addr 0x200200" },
		{ 0x200200, 0x200000, 0x203001, 0, 0x200010, ERR_TRUNC, "load_end_addr 0x203001" },
		{ 0x200200, 0x200000, 0x1000, 0, 0x200010, ERR_TRUNC, "load_end_addr 0x1000" },
		{ 0x200200, 0x200000, 0x201000, 0x200800, 0x200010, ERR_INVAL, "bss_end_addr 0x200800" },
		{ 0x200200, 0x200000, 0, 0xffffffff, 0x200010, ERR_RANGE, "outside the guest's RAM" },
		{ 0x300, 0x100, 0, 0, 0x110, ERR_RANGE, "load_addr 0x100" },
		{ 0xfffff200, 0xfffff000, 0, 0, 0xfffff010, ERR_RANGE, "load_addr 0xfffff000" },
		{ 0x200200, 0x200000, 0, 0, 0x1fffff, ERR_RANGE, "entry_addr 0x1fffff" },
		{ 0x200200, 0x200000, 0, 0, 0x203000, ERR_RANGE, "entry_addr 0x203000" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		struct load_in in;
		u32 off = HDR - (t[i].header - t[i].load);
		u32 len = t[i].load_end ? t[i].load_end - t[i].load : IMG_LEN - off;

		build_addrs(t[i].header, t[i].load, t[i].load_end, t[i].bss_end, t[i].entry);
		guest_ram_init(&g, 16 * MIB);
		in = input();
		ck_assert_msg(load_multiboot1(&in, &out) == t[i].err, "row %u: %s", i, out.why);
		ck_assert_msg(strstr(out.why, t[i].why), "row %u: \"%s\"", i, out.why);
		if (t[i].err == OK) {
			ck_assert_uint_eq(out.rip, t[i].entry);
			ck_assert_mem_eq(g.mem.base + t[i].load, image + off, len);
			for (u32 a = t[i].load + len; a < t[i].bss_end; a++)
				ck_assert_uint_eq(g.mem.base[a], 0);
		}
		guest_ram_free(&g);
	}
}
END_TEST

START_TEST(headers)
{
	struct mb1_header h;
	struct load_in in;

	memset(image, 0, sizeof(image));
	guest_ram_init(&g, 16 * MIB);
	in = input();
	ck_assert(!mb1_find_header(image, IMG_LEN, 0, &h));
	ck_assert_int_eq(load_multiboot1(&in, &out), ERR_INVAL);
	/* found at the last place, not past 8 KiB, only on multiples of 4 */
	put_header(8192 - 12, 7);
	ck_assert(mb1_find_header(image, IMG_LEN, 0, &h));
	ck_assert_uint_eq(h.offset, 8192 - 12);
	ck_assert_uint_eq(h.flags, 7);
	ck_assert(!mb1_find_header(image, 8191, 0, &h));
	memset(image, 0, sizeof(image));
	put_header(8192, 3);
	ck_assert(!mb1_find_header(image, IMG_LEN, 0, &h));
	put_header(0x202, 3);
	ck_assert(!mb1_find_header(image, IMG_LEN, 0, &h));
	/* a wrong checksum, then a right header later */
	memset(image, 0, sizeof(image));
	put_header(0x100, 3);
	image[0x108] ^= 1;
	ck_assert(!mb1_find_header(image, IMG_LEN, 0, &h));
	put_header(0x140, 3);
	ck_assert(mb1_find_header(image, IMG_LEN, 0, &h));
	ck_assert_uint_eq(h.offset, 0x140);
	/* address fields cut off */
	memset(image, 0, sizeof(image));
	put_header(0x100, 0x10000);
	ck_assert(!mb1_find_header(image, 0x100 + 31, 0, &h));
	ck_assert(mb1_find_header(image, 0x100 + 32, 0, &h));
	/* unknown mandatory flags; a header in something that is no ELF */
	build_elf(false, 3, 0x0b);
	ck_assert_int_eq(load_multiboot1(&in, &out), ERR_NOTSUP);
	ck_assert_ptr_nonnull(strstr(out.why, "unknown features 0x8"));
	build_elf(false, 3, 7); /* a video mode is a wish */
	ck_assert_int_eq(load_multiboot1(&in, &out), OK);
	image[0] = 0;
	ck_assert_int_eq(load_multiboot1(&in, &out), ERR_INVAL);
	ck_assert_ptr_nonnull(strstr(out.why, "ELF: magic"));
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
	build_elf(false, 3, 3);
	in = input();
	in.cmdline = big;
	ck_assert_int_eq(load_multiboot1(&in, &out), ERR_RANGE);
	in.cmdline = NULL;
	in.name = big;
	ck_assert_int_eq(load_multiboot1(&in, &out), ERR_RANGE);
	in.name = "k";
	in.modules = mods;
	in.nr_modules = 2;
	/* the first string takes all the room */
	ck_assert_int_eq(load_multiboot1(&in, &out), ERR_RANGE);
	mods[0].cmdline = "ok";
	mods[1].len = 12 * MIB;
	ck_assert_int_eq(load_multiboot1(&in, &out), ERR_NOMEM);
	in.nr_modules = 0;
	g.mem.ranges[0].len = GUEST_VGA_BASE;
	build_addrs(0x200200, 0x200000, 0, 0, 0x200010);
	ck_assert_int_eq(load_multiboot1(&in, &out), ERR_FAULT);
	guest_ram_free(&g);
}
END_TEST

/* Real-mode programs are linked below 64 KiB: what the loader needs goes behind them. */
START_TEST(low_images)
{
	static const struct {
		u64 at, size;
		int err;
	} t[] = {
		{ 0x4000, 0x9000, OK },
		{ 0x8000, 0x8000, OK },
		{ 0x1000, 0x5f000, OK },
		{ 0xf00, 0x1000, ERR_RANGE },
		{ 0x1000, 0x5f001, ERR_RANGE },
		{ 0x60000, 0x1000, ERR_RANGE },
		{ 0x8f000, 0x1000, ERR_RANGE },
		{ 0x90000, 0x1000, OK },
		/* backed, but not the guest's: EBDA, VGA window, firmware */
		{ 0x9f000, 0x1000, ERR_RANGE },
		{ 0xa0000, 0x1000, ERR_RANGE },
		{ 0xb8000, 0x1000, ERR_RANGE },
		{ 0xbf000, 0x1000, ERR_RANGE },
		{ 0xff000, 0x2000, ERR_RANGE },
	};
	struct load_module mod = { "A=1\n", 4, "env.txt" };

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		struct elf_seg seg = { 1, 0x1000, t[i].at, t[i].at, 0x1000, t[i].size, 0x1000 };
		u64 end = t[i].at + t[i].size, p;
		struct load_in in;

		guest_ram_init(&g, 16 * MIB);
		memset(image, 0x11, sizeof(image));
		elf_build(image, false, 3, t[i].at + 0x10, &seg, 1);
		put_header(HDR, 0);
		in = input();
		in.cmdline = "x y";
		in.modules = &mod;
		in.nr_modules = 1;
		ck_assert_msg(load_image(&in, &out) == t[i].err, "row %u: %s", i, out.why);
		if (t[i].err == OK) {
			ck_assert_uint_eq(out.rip, t[i].at + 0x10);
			ck_assert_mem_eq(g.mem.base + t[i].at, image + 0x1000, 0x1000);
			for (u64 a = t[i].at + 0x1000; a < end; a++)
				ck_assert_uint_eq(g.mem.base[a], 0);
			if (t[i].at < 0x90000) {
				ck_assert_uint_ge(out.rbx, end);
				ck_assert_uint_ge(out.gdt_base, end);
			}
			ck_assert_uint_lt(out.rbx, 0x90000);
			ck_assert_str_eq(guest_ram_text(&g, guest_ram_get(&g, out.rbx + 16, 4)), "suite.flat x y");
			p = guest_ram_get(&g, out.rbx + 24, 4);
			ck_assert_mem_eq(g.mem.base + guest_ram_get(&g, p, 4), "A=1\n", 4);
			ck_assert_str_eq(guest_ram_text(&g, guest_ram_get(&g, p + 8, 4)), "env.txt");
			p = guest_ram_get(&g, out.rbx + 48, 4);
			ck_assert_uint_eq(guest_ram_get(&g, p + 12, 8), g.map.e820[0].len);
			ck_assert_uint_eq(guest_ram_get(&g, out.gdt_base + 16, 8), 0x00cf9b000000ffff);
		}
		guest_ram_free(&g);
	}
}
END_TEST

/* A small guest whose image leaves all of the memory above it to modules: they do not fall on the firmware's. */
START_TEST(modules_above_firmware)
{
	static const u8 data[0x3000];
	struct elf_seg seg = { 1, 0x1000, 0x4000, 0x4000, 0x1000, 0x1000, 0x1000 };
	struct load_module mod = { data, 0x2000, NULL };
	struct load_in in;

	guest_ram_init(&g, GUEST_HIGH_BASE + 0x2000);
	memset(image, 0x11, sizeof(image));
	elf_build(image, false, 3, 0x4010, &seg, 1);
	put_header(HDR, 0);
	in = input();
	in.modules = &mod;
	in.nr_modules = 1;
	ck_assert_int_eq(load_image(&in, &out), OK);
	ck_assert_uint_eq(out.modules_base, GUEST_HIGH_BASE);
	mod.len = 0x2001;
	ck_assert_int_eq(load_image(&in, &out), ERR_NOMEM);
	ck_assert_str_eq(out.why, "the 1 module of 12288 bytes: no room between 0x100000 (image end) and 0x102000");
	guest_ram_free(&g);
}
END_TEST

SUITE_MAIN("load_mb1", elf_images, address_fields, headers, limits, low_images, modules_above_firmware)
