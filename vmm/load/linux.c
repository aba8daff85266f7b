/* Linux bzImage: checks the header, places kernel, initrd, command line and zero page. */
#include "vmm/load/linux.h"

#include "vmm/load/put.h"

/* Offsets of the real-mode kernel header, the same in the file and in the zero page. */
enum hdr_field {
	HDR_SETUP_SECTS = 0x1f1,
	HDR_BOOT_FLAG = 0x1fe,
	HDR_JUMP_LEN = 0x201, /* operand of the short jump over the header: header ends at 202h plus this */
	HDR_MAGIC = 0x202,
	HDR_VERSION = 0x206,
	HDR_TYPE_OF_LOADER = 0x210,
	HDR_LOADFLAGS = 0x211,
	HDR_CODE32_START = 0x214,
	HDR_RAMDISK_IMAGE = 0x218,
	HDR_RAMDISK_SIZE = 0x21c,
	HDR_CMD_LINE_PTR = 0x228,
	HDR_INITRD_ADDR_MAX = 0x22c,
	HDR_KERNEL_ALIGNMENT = 0x230,
	HDR_RELOCATABLE = 0x234,
	HDR_XLOADFLAGS = 0x236,
	HDR_CMDLINE_SIZE = 0x238,
	HDR_SETUP_DATA = 0x250,
	HDR_PREF_ADDRESS = 0x258,
	HDR_INIT_SIZE = 0x260,
	HDR_END_2_12 = 0x268, /* through handover_offset */
	HDR_END_MAX = 0x290,  /* what the zero page has room for */
};

/* Zero page fields outside the header. */
enum zp_field {
	ZP_ACPI_RSDP = 0x070,
	ZP_E820_ENTRIES = 0x1e8,
	ZP_E820_TABLE = 0x2d0, /* 20-byte entries */
};

#define BOOT_FLAG            0xaa55
#define LOADFLAG_LOADED_HIGH 0x01
#define LOADFLAG_KEEP_SEGS   0x40
#define XLF_KERNEL_64        0x0001
#define ENTRY_64             0x200
#define SETUP_RNG_SEED       9
#define SECTOR               512u

/* Versions by what they brought ("Details of Header Fields"). */
enum version {
	VERSION_MIN = 0x0204, /* all that a bzImage and its initrd need */
	VERSION_RELOCATABLE = 0x0205,
	VERSION_CMDLINE_SIZE = 0x0206,
	VERSION_SETUP_DATA = 0x0209,
	VERSION_INIT_SIZE = 0x020a,  /* and pref_address */
	VERSION_XLOADFLAGS = 0x020c, /* and so a 64-bit entry point that is known */
};

/* Where a kernel goes and how long its command line may be when its header does not say so. */
#define OLD_PREF_ADDRESS GUEST_HIGH_BASE
#define OLD_CMDLINE_SIZE 255
/* What such a kernel takes while it unpacks itself, in lengths of the file: GRUB's estimate. */
#define OLD_INIT_FACTOR 3

struct linux_hdr {
	const u8 *body; /* protected-mode part */
	u64 body_len;
	u32 version;
	u32 hdr_end; /* end of the header in the file */
	u32 initrd_max, align, cmdline_size;
	u64 pref, init_size;
	bool relocatable, entry_64;
};

bool linux_is_bzimage(const void *image, u64 len)
{
	const u8 *p = image;

	return len >= HDR_VERSION && load_rd16(p + HDR_BOOT_FLAG) == BOOT_FLAG && !memcmp(p + HDR_MAGIC, "HdrS", 4);
}

/* The least end of a header of this version. */
static u32 header_end(u32 version)
{
	if (version < VERSION_RELOCATABLE)
		return HDR_INITRD_ADDR_MAX + 4;
	if (version < VERSION_CMDLINE_SIZE)
		return HDR_RELOCATABLE + 1;
	if (version < VERSION_SETUP_DATA)
		return HDR_CMDLINE_SIZE + 4;
	if (version < VERSION_INIT_SIZE)
		return HDR_SETUP_DATA + 8;
	return version < VERSION_XLOADFLAGS ? HDR_INIT_SIZE + 4 : HDR_END_2_12;
}

/* The fields that its version has; for the others what held before there were any. */
static void read_fields(const u8 *p, struct linux_hdr *h)
{
	h->initrd_max = load_rd32(p + HDR_INITRD_ADDR_MAX);
	h->cmdline_size = OLD_CMDLINE_SIZE;
	h->pref = OLD_PREF_ADDRESS;
	h->init_size = OLD_INIT_FACTOR * ALIGN_UP(h->body_len, PAGE_SIZE);
	if (h->version >= VERSION_RELOCATABLE) {
		h->align = load_rd32(p + HDR_KERNEL_ALIGNMENT);
		h->relocatable = p[HDR_RELOCATABLE];
	}
	if (h->version >= VERSION_CMDLINE_SIZE)
		h->cmdline_size = load_rd32(p + HDR_CMDLINE_SIZE);
	if (h->version >= VERSION_INIT_SIZE) {
		h->pref = load_rd64(p + HDR_PREF_ADDRESS);
		h->init_size = load_rd32(p + HDR_INIT_SIZE);
	}
	if (h->version >= VERSION_XLOADFLAGS)
		h->entry_64 = load_rd16(p + HDR_XLOADFLAGS) & XLF_KERNEL_64;
}

/* The header's own consistency. */
static int parse_header(const struct load_in *in, struct load_out *out, struct linux_hdr *h)
{
	const u8 *p = in->kernel;
	u64 setup_len;
	u32 sects;

	if (!linux_is_bzimage(p, in->kernel_len))
		return load_refuse(out, ERR_INVAL, "bzImage: no boot flag aa55h and \"HdrS\" in the %llu-byte file",
		                   (unsigned long long)in->kernel_len);
	if (in->kernel_len < HDR_END_MAX)
		return load_refuse(out, ERR_TRUNC, "bzImage: header cut off, the file has %llu bytes",
		                   (unsigned long long)in->kernel_len);
	h->version = load_rd16(p + HDR_VERSION);
	if (h->version < VERSION_MIN)
		return load_refuse(out, ERR_NOTSUP, "bzImage: version %u.%02u is older than 2.04", h->version >> 8,
		                   h->version & 0xff);
	h->hdr_end = HDR_MAGIC + p[HDR_JUMP_LEN];
	if (h->hdr_end < header_end(h->version))
		return load_refuse(out, ERR_INVAL, "bzImage: header ends at 0x%x, too short for version %u.%02u",
		                   h->hdr_end, h->version >> 8, h->version & 0xff);
	h->hdr_end = MIN(h->hdr_end, (u32)HDR_END_MAX);
	if (!(p[HDR_LOADFLAGS] & LOADFLAG_LOADED_HIGH))
		return load_refuse(out, ERR_NOTSUP, "bzImage: loadflags 0x%x: not loaded high (a zImage)",
		                   p[HDR_LOADFLAGS]);
	sects = p[HDR_SETUP_SECTS] ? p[HDR_SETUP_SECTS] : 4;
	setup_len = (sects + 1) * SECTOR;
	if (setup_len + ENTRY_64 >= in->kernel_len)
		return load_refuse(out, ERR_TRUNC, "bzImage: setup_sects %u beyond the end of the %llu-byte file",
		                   sects, (unsigned long long)in->kernel_len);
	h->body = p + setup_len;
	h->body_len = in->kernel_len - setup_len;
	read_fields(p, h);
	return OK;
}

/* Finds room for the kernel with all the memory it uses before it reads the memory map. */
static int place_kernel(const struct load_in *in, struct load_out *out, const struct linux_hdr *h)
{
	u64 need = MAX(h->init_size, h->body_len);
	u64 at = h->pref;

	if (at < GUEST_HIGH_BASE || at >= in->map->low_end || need > in->map->low_end - at) {
		if (!h->relocatable)
			return load_refuse(
			        out, ERR_NOMEM,
			        "bzImage: pref_address 0x%llx with init_size 0x%llx is not RAM (0x%llx-0x%llx)"
			        " and the kernel is not relocatable",
			        (unsigned long long)h->pref, (unsigned long long)need, GUEST_HIGH_BASE,
			        (unsigned long long)in->map->low_end);
		if (h->align < PAGE_SIZE || (h->align & (h->align - 1)))
			return load_refuse(out, ERR_INVAL,
			                   "bzImage: kernel_alignment 0x%x is not a power of two of at least 4096",
			                   h->align);
		at = ALIGN_UP(GUEST_HIGH_BASE, (u64)h->align);
		if (at >= in->map->low_end || need > in->map->low_end - at)
			return load_refuse(out, ERR_NOMEM,
			                   "bzImage: init_size 0x%llx does not fit the RAM 0x%llx-0x%llx",
			                   (unsigned long long)need, (unsigned long long)at,
			                   (unsigned long long)in->map->low_end);
	}
	out->load_base = at;
	out->load_end = at + need;
	return load_put_file(in, out, at, h->body, h->body_len, h->body_len, "bzImage: kernel");
}

/* A one-element setup_data list; *gpa gets its address, or 0 when the caller gave no seed. */
static int put_setup_data(const struct load_in *in, struct load_out *out, u64 *gpa)
{
	u8 head[16] = { 0 };
	u32 type = SETUP_RNG_SEED;
	int r;

	*gpa = 0;
	if (!in->rng_seed || !in->rng_seed_len)
		return OK;
	if (in->rng_seed_len > PAGE_SIZE)
		return load_refuse(out, ERR_RANGE, "random seed of %u bytes: at most 4096", in->rng_seed_len);
	memcpy(head + 8, &type, 4);
	memcpy(head + 12, &in->rng_seed_len, 4);
	r = load_put(in, out, LOAD_EXTRA_GPA, head, sizeof(head), "setup_data");
	if (r == OK)
		r = load_put(in, out, LOAD_EXTRA_GPA + sizeof(head), in->rng_seed, in->rng_seed_len, "setup_data");
	*gpa = LOAD_EXTRA_GPA;
	return r;
}

static void put32(u8 *zp, u32 off, u32 v)
{
	memcpy(zp + off, &v, sizeof(v));
}

static void put64(u8 *zp, u32 off, u64 v)
{
	memcpy(zp + off, &v, sizeof(v));
}

static int put_zero_page(const struct load_in *in, struct load_out *out, const struct linux_hdr *h, u64 initrd,
                         u64 setup_data)
{
	u8 *zp = gmem_ptr(in->mem, GPA(LOAD_INFO_GPA), PAGE_SIZE);

	if (!zp)
		return load_refuse(out, ERR_FAULT, "no RAM at 0x%llx for boot_params", LOAD_INFO_GPA);
	memset(zp, 0, PAGE_SIZE);
	memcpy(zp + HDR_SETUP_SECTS, (const u8 *)in->kernel + HDR_SETUP_SECTS, h->hdr_end - HDR_SETUP_SECTS);
	zp[HDR_TYPE_OF_LOADER] = 0xff;
	zp[HDR_LOADFLAGS] &= (u8)~LOADFLAG_KEEP_SEGS;
	put32(zp, HDR_CODE32_START, (u32)out->load_base);
	put32(zp, HDR_RAMDISK_IMAGE, (u32)initrd);
	put32(zp, HDR_RAMDISK_SIZE, in->nr_modules ? (u32)in->modules[0].len : 0);
	put32(zp, HDR_CMD_LINE_PTR, (u32)LOAD_CMDLINE_GPA);
	put64(zp, HDR_SETUP_DATA, setup_data);
	put64(zp, ZP_ACPI_RSDP, in->rsdp.v);
	for (u32 i = 0; i < in->map->nr_e820; i++) {
		u32 at = ZP_E820_TABLE + i * 20;

		put64(zp, at, in->map->e820[i].base);
		put64(zp, at + 8, in->map->e820[i].len);
		put32(zp, at + 16, in->map->e820[i].type);
	}
	zp[ZP_E820_ENTRIES] = (u8)in->map->nr_e820;
	return OK;
}

int load_bzimage(const struct load_in *in, struct load_out *out)
{
	struct linux_hdr h = { 0 };
	u64 initrd = 0, setup_data = 0;
	size_t cmdline_len;
	int r;

	memset(out, 0, sizeof(*out));
	r = parse_header(in, out, &h);
	if (r != OK)
		return r;
	if (in->nr_modules > 1)
		return load_refuse(out, ERR_INVAL, "bzImage: %u modules given, it takes one (the initrd)",
		                   in->nr_modules);
	cmdline_len = in->cmdline ? strlen(in->cmdline) : 0;
	if (cmdline_len > h.cmdline_size)
		return load_refuse(out, ERR_RANGE, "command line of %llu bytes: the kernel's cmdline_size is %u",
		                   (unsigned long long)cmdline_len, h.cmdline_size);
	r = place_kernel(in, out, &h);
	if (r == OK)
		r = load_place_modules(in, out, out->load_end, (u64)h.initrd_max + 1, &initrd);
	if (r == OK)
		r = load_put_text(in, out, LOAD_CMDLINE_GPA, LOAD_CMDLINE_END, in->cmdline, "command line", NULL);
	if (r == OK)
		r = h.version < VERSION_SETUP_DATA ? OK : put_setup_data(in, out, &setup_data);
	if (r == OK)
		r = put_zero_page(in, out, &h, initrd, setup_data);
	if (r == OK && h.entry_64)
		r = load_start_state(in, out, LOAD_MODE_LONG64, out->load_base + ENTRY_64);
	else if (r == OK)
		r = load_start_state(in, out, LOAD_MODE_PROT32, out->load_base);
	out->rsi = LOAD_INFO_GPA;
	return r;
}
