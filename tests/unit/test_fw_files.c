/*
 * The PC's tables as firmware gets and places them: through fw_cfg, by the table loader's script, carried out as
 * strictly as SeaBIOS and OVMF do together; then every link and checksum from the RSDP down.
 */
#define _GNU_SOURCE /* memmem */
#include "fwcfg_guest.h"
#include "suite.h"
#include "vmm/base/guest_map.h"
#include "vmm/firmware/files.h"

#define MIB    (1ull << 20)
#define SCRIPT 0x4000u /* where the guest has the script */

static struct fwcfg_guest g;
static struct fw_files files;
static struct guest_map map;
static struct fw_pc_config cfg;
static u16 pm_base;

static struct {
	char name[56];
	u32 at, len;
} placed[4];
static u32 nr_placed;

static void config(u64 memory, u32 cpus)
{
	memset(&map, 0, sizeof(map));
	ck_assert_int_eq(guest_map_build(&map, memory), OK);
	cfg = (struct fw_pc_config){
		.base = { .nr_cpus = cpus,
		          .map = &map,
		          .com_mask = 1,
		          .kbc = true,
		          .vga = true,
		          .rtc = true,
		          .name = "web",
		          .uuid = { 0x11, 0x22 } },
		.hpet = true,
		.acpi1 = true,
	};
	pm_base = 0x600;
}

static void selected(void *arg)
{
	fw_files_set_pm(arg, pm_base);
}

static void plug_in(void)
{
	memset(&files, 0, sizeof(files));
	ck_assert_int_eq(fw_files_build(&files, &cfg), OK);
	{
		const struct vfwcfg_item items[] = {
			{ .file = FW_FILE_LOADER, .len = files.loader_len, .data = files.loader, .built = true },
			{ .file = FW_FILE_TABLES, .len = files.tables_len, .data = files.tables, .built = true },
			{ .file = FW_FILE_RSDP, .len = files.rsdp_len, .data = files.rsdp, .built = true },
			{ .file = FW_FILE_SMBIOS, .len = files.smbios_len, .data = files.smbios },
			{ .file = FW_FILE_ANCHOR, .len = files.anchor_len, .data = files.anchor },
			{ .file = FW_FILE_E820, .len = files.e820_len, .data = files.e820 },
		};
		const struct vfwcfg_cfg c = { items, ARRAY_SIZE(items), selected, &files };

		ck_assert_int_eq(fwcfg_guest_try(&g, &c), OK);
	}
	nr_placed = 0;
}

static u8 *at(u64 gpa)
{
	return gmem_ptr(&g.mem, GPA(gpa), 1);
}

static u8 sum(u64 gpa, u32 len)
{
	u8 s = 0;

	for (u32 i = 0; i < len; i++)
		s += at(gpa)[i];
	return s;
}

/* A whole file to guest memory; returns its length. */
static u32 fetch(const char *name, u32 to)
{
	u32 len;
	u16 key = fwcfg_find(&g, name, &len);

	ck_assert_msg(key, "no file %s", name);
	ck_assert_uint_eq(fwcfg_dma(&g, fwcfg_select_read(key), len, to), 0);
	return len;
}

/* ---- the firmware ---- */

static u32 place_of(const u8 *name)
{
	ck_assert_uint_eq(name[55], 0);
	for (u32 i = 0; i < nr_placed; i++)
		if (!strcmp(placed[i].name, (const char *)name))
			return i;
	ck_abort_msg("file %s is not allocated", (const char *)name);
}

static void allocate(const u8 *c, u32 *high)
{
	u32 align = get32(c + 60), len;

	ck_assert_uint_eq(c[4 + 55], 0);
	ck_assert_uint_lt(nr_placed, ARRAY_SIZE(placed));
	ck_assert(align && (align & (align - 1)) == 0 && align <= 4096);
	ck_assert(c[64] == 1 || c[64] == 2);
	for (u32 i = 0; i < nr_placed; i++)
		ck_assert_str_ne(placed[i].name, (const char *)c + 4);
	/* No more than is asked for: 64 is not a multiple of 128. */
	*high = (u32)ALIGN_UP(*high, 2 * align) + align;
	len = fetch((const char *)c + 4, *high);
	memcpy(placed[nr_placed].name, c + 4, 56);
	placed[nr_placed].at = *high;
	placed[nr_placed++].len = len;
	*high += len;
}

static void add_pointer(const u8 *c)
{
	u32 in = place_of(c + 4), to = place_of(c + 60), offset = get32(c + 116), size = c[120];
	u64 v = 0;

	ck_assert(size == 4 || size == 8);
	ck_assert(offset <= placed[in].len - size);
	memcpy(&v, at(placed[in].at + offset), size);
	ck_assert_uint_lt(v, placed[to].len);
	v += placed[to].at;
	memcpy(at(placed[in].at + offset), &v, size);
}

static void add_checksum(const u8 *c)
{
	u32 in = place_of(c + 4), offset = get32(c + 60), start = get32(c + 64), len = get32(c + 68);

	ck_assert(offset < placed[in].len && start < placed[in].len && len <= placed[in].len - start);
	/* One sets the byte, the other subtracts: the same as long as it is 0. */
	ck_assert_uint_eq(at(placed[in].at + offset)[0], 0);
	at(placed[in].at + offset)[0] = (u8)-sum(placed[in].at + start, len);
}

/* Returns the RSDP's address. */
static u32 run_script(void)
{
	u32 len = fetch(FW_FILE_LOADER, SCRIPT), high = 0x10000;
	u8 rsdp[56] = { 0 };

	ck_assert(len && len % 128 == 0);
	for (u32 i = 0; i < len; i += 128) {
		const u8 *c = at(SCRIPT + i);

		switch (get32(c)) {
		case 1: allocate(c, &high); break;
		case 2: add_pointer(c); break;
		case 3: add_checksum(c); break;
		default: ck_abort_msg("command %u", get32(c));
		}
	}
	memcpy(rsdp, FW_FILE_RSDP, sizeof(FW_FILE_RSDP));
	return placed[place_of(rsdp)].at;
}

/* ---- what it finds ---- */

static u64 get(u64 gpa, u32 size)
{
	u64 v = 0;

	ck_assert_int_eq(gmem_read(&g.mem, GPA(gpa), &v, size), OK);
	return v;
}

/* A table of this signature by one of the roots; 0: none. Every one of them is sealed. */
static u64 find(u64 root, u32 entry, const char *sig)
{
	u32 n = (u32)(get(root + 4, 4) - 36) / entry;
	u64 found = 0;

	ck_assert_uint_eq(sum(root, (u32)get(root + 4, 4)), 0);
	for (u32 i = 0; i < n; i++) {
		u64 t = get(root + 36 + entry * i, entry);

		ck_assert_uint_eq(sum(t, (u32)get(t + 4, 4)), 0);
		if (!memcmp(at(t), sig, 4))
			found = t;
	}
	return found;
}

static void check_fadt(u64 fadt, u32 base)
{
	u64 dsdt = get(fadt + 40, 4), facs = get(fadt + 36, 4);

	ck_assert_uint_eq(get(fadt + 4, 4), 244);
	ck_assert_uint_eq(at(fadt)[8], 3);
	ck_assert_uint_eq(get(fadt + 140, 8), dsdt);
	ck_assert_mem_eq(at(dsdt), "DSDT", 4);
	ck_assert_uint_eq(get(dsdt + 4, 4), dsdt_pc_aml_len);
	ck_assert_uint_eq(sum(dsdt, dsdt_pc_aml_len), 0);
	ck_assert_uint_eq(at(dsdt)[8], 1);
	ck_assert_mem_eq(at(facs), "FACS", 4);
	ck_assert(IS_ALIGNED(facs, 64));
	ck_assert_uint_eq(get(fadt + 132, 8), 0);
	ck_assert_uint_eq(get(fadt + 56, 4), base);
	ck_assert_uint_eq(get(fadt + 152, 8), base);
	ck_assert_uint_eq(get(fadt + 64, 4), base + 4);
	ck_assert_uint_eq(get(fadt + 176, 8), base + 4);
	ck_assert_uint_eq(get(fadt + 76, 4), base + 8);
	ck_assert_uint_eq(get(fadt + 212, 8), base + 8);
	ck_assert_uint_eq(get(fadt + 80, 4), 0xafe0);
	ck_assert_uint_eq(get(fadt + 224, 8), 0xafe0);
	ck_assert_uint_eq(get(fadt + 46, 2), 9);
	ck_assert_uint_eq(at(fadt)[108], 0x32);
	ck_assert_uint_eq(get(fadt + 109, 2) & 0x26, 0x02); /* 8042, VGA, CMOS clock */
	ck_assert_uint_eq(get(fadt + 112, 4) & BIT(8), 0);  /* 24 bits of timer */
}

START_TEST(acpi1_by_bios)
{
	u64 rsdp, fadt, hpet;
	u32 rsdt;

	config(64 * MIB, 2);
	plug_in();
	rsdp = run_script();
	ck_assert(IS_ALIGNED(rsdp, 16));
	ck_assert_mem_eq(at(rsdp), "RSD PTR ", 8);
	ck_assert_uint_eq(at(rsdp)[15], 0);
	ck_assert_uint_eq(sum(rsdp, 20), 0);
	rsdt = (u32)get(rsdp + 16, 4);
	ck_assert_mem_eq(at(rsdt), "RSDT", 4);
	fadt = find(rsdt, 4, "FACP");
	hpet = find(rsdt, 4, "HPET");
	ck_assert(fadt && find(rsdt, 4, "APIC") && hpet);
	check_fadt(fadt, 0x600);
	ck_assert_uint_eq(get(hpet + 36, 4), 0x8086a201);
	ck_assert_uint_eq(get(hpet + 44, 8), 0xfed00000);
	ck_assert_uint_eq(at(hpet)[40], 0);
	fwcfg_guest_free(&g);
}
END_TEST

/* Where firmware has put the ports by the time it asks; an RSDP of 36 bytes with an XSDT. */
START_TEST(acpi2_by_uefi)
{
	u64 rsdp, xsdt;

	config(64 * MIB, 1);
	cfg.acpi1 = cfg.hpet = false;
	plug_in();
	pm_base = 0xb000;
	rsdp = run_script();
	ck_assert_uint_eq(at(rsdp)[15], 2);
	ck_assert_uint_eq(get(rsdp + 20, 4), 36);
	ck_assert_uint_eq(sum(rsdp, 20), 0);
	ck_assert_uint_eq(sum(rsdp, 36), 0);
	xsdt = get(rsdp + 24, 8);
	ck_assert_mem_eq(at(xsdt), "XSDT", 4);
	check_fadt(find(xsdt, 8, "FACP"), 0xb000);
	ck_assert_uint_eq(find(xsdt, 8, "FACP"), find(get(rsdp + 16, 4), 4, "FACP"));
	ck_assert_uint_ne(find(xsdt, 8, "APIC"), 0);
	ck_assert_uint_eq(find(xsdt, 8, "HPET"), 0);
	/* After a reset the other firmware, or nobody. */
	pm_base = 0;
	nr_placed = 0;
	rsdp = run_script();
	check_fadt(find(get(rsdp + 24, 8), 8, "FACP"), 0x600);
	fwcfg_guest_free(&g);
}
END_TEST

START_TEST(madt)
{
	static const u32 counts[] = { 1, 4, 64, 256 };

	for (u32 i = 0; i < ARRAY_SIZE(counts); i++) {
		static const u8 want[] = { 0, 5, 9, 10, 11 };
		u32 cpus = 0, overrides = 0, len;
		u64 t;

		config(64 * MIB, counts[i]);
		plug_in();
		t = find(get(run_script() + 16, 4), 4, "APIC");
		len = (u32)get(t + 4, 4);
		ck_assert_uint_eq(at(t)[8], counts[i] > 255 ? 4 : 1);
		for (u32 k = 44; k < len; k += at(t)[k + 1]) {
			const u8 *e = at(t + k);

			ck_assert_uint_ge(e[1], 6);
			cpus += e[0] == 0 || e[0] == 9;
			if (e[0] != 2)
				continue;
			ck_assert_uint_lt(overrides, ARRAY_SIZE(want));
			ck_assert_uint_eq(e[3], want[overrides]);
			ck_assert_uint_eq(get32(e + 4), overrides ? want[overrides] : 2);
			ck_assert_uint_eq(e[8], overrides++ ? 0x0d : 0);
		}
		ck_assert_uint_eq(cpus, counts[i]);
		ck_assert_uint_eq(overrides, 5);
		fwcfg_guest_free(&g);
	}
}
END_TEST

/* Which devices there are, and where PCI's window begins, is written into the DSDT. */
START_TEST(dsdt)
{
	static const u8 bhcf[] = { 0x08, 'B', 'H', 'C', 'F', 0x0c };
	static const struct {
		u64 memory;
		bool kbc, rtc, fdc, lpt, hpet;
		u32 com, value, low_end;
	} t[] = {
		{ 16 * MIB, false, false, false, false, false, 0, 0, 16 << 20 },
		{ 3072 * MIB, true, true, false, false, true, 1, 0x131, 0xc0000000 },
		{ 8192 * MIB, true, true, true, true, true, 0xff, 0x1ff, 0xc0000000 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		u8 window[16] = { 0, 0, 0, 0, 0xff, 0xff, 0xbf, 0xfe };
		u32 len = 0xfec00000u - t[i].low_end;
		const u8 *p;

		config(t[i].memory, 1);
		cfg.base.com_mask = t[i].com;
		cfg.base.kbc = t[i].kbc;
		cfg.base.rtc = t[i].rtc;
		cfg.fdc = t[i].fdc;
		cfg.lpt = t[i].lpt;
		cfg.hpet = t[i].hpet;
		plug_in();
		run_script();
		p = memmem(files.tables, files.tables_len, bhcf, sizeof(bhcf));
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq(get32(p + sizeof(bhcf)), t[i].value);
		memcpy(window, &t[i].low_end, 4);
		memcpy(window + 12, &len, 4);
		ck_assert_ptr_nonnull(memmem(files.tables, files.tables_len, window, sizeof(window)));
		fwcfg_guest_free(&g);
	}
}
END_TEST

/* The structures are as long as the anchor says, which has neither address nor checksums. */
START_TEST(smbios)
{
	u32 n = 0, off = 0, len, largest = 0;
	const u8 *a, *s;

	config(64 * MIB, 4);
	plug_in();
	ck_assert_uint_eq(fetch(FW_FILE_ANCHOR, 0x2000), 31);
	len = fetch(FW_FILE_SMBIOS, 0x3000);
	a = at(0x2000);
	s = at(0x3000);
	ck_assert_mem_eq(a, "_SM_\0\x1f\2\x08", 8);
	ck_assert_mem_eq(a + 16, "_DMI_\0", 6);
	ck_assert_uint_eq(a[22] | a[23] << 8, len);
	ck_assert_uint_eq(get32(a + 24), 0);
	while (off < len) {
		u32 first = off;

		ck_assert_uint_ge(s[off + 1], 4);
		ck_assert(s[off] != 127 || off + 6 == len);
		off += s[off + 1];
		while (s[off] || s[off + 1])
			off++;
		off += 2;
		n++;
		largest = MAX(largest, off - first);
	}
	ck_assert_uint_eq(off, len);
	ck_assert_uint_eq(a[28] | a[29] << 8, n);
	ck_assert_uint_eq(a[8] | a[9] << 8, largest);
	ck_assert_ptr_nonnull(memmem(s, len, "web", 4));
	fwcfg_guest_free(&g);
}
END_TEST

START_TEST(e820)
{
	config(5120 * MIB, 1);
	plug_in();
	ck_assert_uint_eq(fetch(FW_FILE_E820, 0x2000), 40);
	ck_assert_uint_eq(get(0x2000, 8), 0);
	ck_assert_uint_eq(get(0x2008, 8), 0xc0000000);
	ck_assert_uint_eq(get(0x2010, 4), 1);
	ck_assert_uint_eq(get(0x2014, 8), 0x100000000);
	ck_assert_uint_eq(get(0x201c, 8), 2048 * MIB);
	fwcfg_guest_free(&g);
	config(64 * MIB, 1);
	plug_in();
	ck_assert_uint_eq(files.e820_len, 20);
	fwcfg_guest_free(&g);
}
END_TEST

START_TEST(refused)
{
	static char name[FW_FILES_SMBIOS_MAX];

	config(64 * MIB, 0);
	memset(&files, 0, sizeof(files));
	ck_assert_int_eq(fw_files_build(&files, &cfg), ERR_INVAL);
	config(64 * MIB, FW_MAX_CPUS + 1);
	ck_assert_int_eq(fw_files_build(&files, &cfg), ERR_INVAL);
	config(64 * MIB, 1);
	memset(name, 'x', sizeof(name) - 1);
	cfg.base.name = name;
	ck_assert_int_eq(fw_files_build(&files, &cfg), ERR_NOSPC);
}
END_TEST

SUITE_MAIN("fw_files", acpi1_by_bios, acpi2_by_uefi, madt, dsdt, smbios, e820, refused)
