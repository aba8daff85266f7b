/* Multiboot2 information. Tag layouts: Multiboot2 Specification, "Boot information format". */
#include "boot/mb2.h"
#include "lib/bytes.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define MB2_INFO_MAX (16u << 20)

enum mb2_tag {
	TAG_END = 0,
	TAG_CMDLINE = 1,
	TAG_LOADER = 2,
	TAG_MODULE = 3,
	TAG_BASIC_MEM = 4,
	TAG_MMAP = 6,
	TAG_FB = 8,
	TAG_EFI64 = 12,
	TAG_RSDP_OLD = 14,
	TAG_RSDP_NEW = 15,
	TAG_EFI_MMAP = 17,
	TAG_EFI_BS = 18,
	TAG_LOAD_BASE = 21,
};

struct mb2 {
	struct boot_info *bi;
	const u8 *tag; /* the current one */
	u32 type, size;
	size_t off; /* of the current tag in the structure */
	bool have_mmap;
	const u8 *efi_mmap; /* payload, used when there is no e820 map */
	u32 efi_len, efi_desc;
	char *err;
	size_t err_size;
};

static int fail(struct mb2 *m, int code, const char *what)
{
	fmt_snprintf(m->err, m->err_size, "multiboot2 tag %u at offset %zu (size %u): %s", m->type, m->off, m->size,
	             what);
	return code;
}

/* Puts the tag's place before the text a boot_info function left in err. */
static int fail_inner(struct mb2 *m, int code)
{
	char why[128];

	fmt_snprintf(why, sizeof(why), "%s", m->err);
	return fail(m, code, why);
}

static bool terminated(const u8 *s, u32 len)
{
	return memchr(s, 0, len) != NULL;
}

static int parse_cmdline(struct mb2 *m)
{
	const char *s = (const char *)m->tag + 8;
	int r;

	if (!terminated(m->tag + 8, m->size - 8))
		return fail(m, ERR_INVAL, "command line is not terminated");
	r = boot_info_set_cmdline(m->bi, s, m->size - 8, m->err, m->err_size);
	return r ? fail_inner(m, r) : OK;
}

static int parse_loader(struct mb2 *m)
{
	if (!terminated(m->tag + 8, m->size - 8))
		return fail(m, ERR_INVAL, "loader name is not terminated");
	boot_info_set_loader(m->bi, (const char *)m->tag + 8, m->size - 8);
	return OK;
}

static int parse_module(struct mb2 *m)
{
	int r;

	if (!terminated(m->tag + 16, m->size - 16))
		return fail(m, ERR_INVAL, "module string is not terminated");
	r = boot_info_add_module(m->bi, get32(m->tag + 8), get32(m->tag + 12), (const char *)m->tag + 16,
	                         m->size - 16, m->err, m->err_size);
	return r ? fail_inner(m, r) : OK;
}

static int parse_basic_mem(struct mb2 *m)
{
	m->bi->mem_lower_kib = get32(m->tag + 8);
	m->bi->mem_upper_kib = get32(m->tag + 12);
	return OK;
}

static int parse_mmap(struct mb2 *m)
{
	u32 entry_size = get32(m->tag + 8), n;

	if (get32(m->tag + 12) != 0)
		return fail(m, ERR_INVAL, "memory map entry version is not 0");
	if (entry_size < 24 || entry_size % 8)
		return fail(m, ERR_INVAL, "memory map entry size is below 24 or no multiple of 8");
	n = (m->size - 16) / entry_size;
	if (n * entry_size != m->size - 16)
		return fail(m, ERR_INVAL, "memory map is no whole number of entries");
	for (u32 i = 0; i < n; i++) {
		const u8 *e = m->tag + 16 + i * entry_size;

		if (e820_add(&m->bi->map, get64(e), get64(e + 8), get32(e + 16)))
			return fail(m, ERR_NOSPC, "memory map has too many entries");
	}
	m->have_mmap |= n != 0;
	return OK;
}

static int parse_fb(struct mb2 *m)
{
	struct boot_fb *fb = &m->bi->fb;
	const u8 *t = m->tag;

	*fb = (struct boot_fb){ .addr = get64(t + 8),
		                .pitch = get32(t + 16),
		                .width = get32(t + 20),
		                .height = get32(t + 24),
		                .bpp = t[28] };
	switch (t[29]) {
	case 0: fb->type = BOOT_FB_INDEXED; return OK;
	case 1: break;
	case 2: fb->type = BOOT_FB_TEXT; return OK;
	default: fb->type = BOOT_FB_NONE; return OK; /* a type of the future: no display, no error */
	}
	if (m->size < 38)
		return fail(m, ERR_TRUNC, "too short for the colour fields of a direct-colour framebuffer");
	fb->type = BOOT_FB_RGB;
	fb->red_pos = t[32];
	fb->red_size = t[33];
	fb->green_pos = t[34];
	fb->green_size = t[35];
	fb->blue_pos = t[36];
	fb->blue_size = t[37];
	return OK;
}

static int parse_efi64(struct mb2 *m)
{
	m->bi->efi_systab = get64(m->tag + 8);
	return OK;
}

static int parse_efi_bs(struct mb2 *m)
{
	m->bi->efi_bs = true;
	return OK;
}

static int parse_load_base(struct mb2 *m)
{
	m->bi->load_base = get32(m->tag + 8);
	return OK;
}

/* The new copy (ACPI 2.0+, 36 bytes) wins over the old one (20 bytes), in whichever order they come. */
static int parse_rsdp(struct mb2 *m)
{
	u32 len = MIN(m->size - 8, (u32)BOOT_RSDP_MAX);

	if (m->type == TAG_RSDP_OLD && m->bi->rsdp_len > 20)
		return OK;
	if (m->type == TAG_RSDP_OLD)
		len = 20;
	memcpy(m->bi->rsdp, m->tag + 8, len);
	m->bi->rsdp_len = len;
	return OK;
}

static int parse_efi_mmap(struct mb2 *m)
{
	u32 desc = get32(m->tag + 8);

	if (desc < 40 || desc % 8)
		return fail(m, ERR_INVAL, "EFI memory descriptor size is below 40 or no multiple of 8");
	if ((m->size - 16) % desc)
		return fail(m, ERR_INVAL, "EFI memory map is no whole number of descriptors");
	m->efi_mmap = m->tag + 16;
	m->efi_len = m->size - 16;
	m->efi_desc = desc;
	return OK;
}

/* UEFI Specification, "GetMemoryMap": what each memory type is after ExitBootServices. */
static u32 efi_to_e820(u32 type)
{
	switch (type) {
	case 1: /* loader code, data; boot services code, data; conventional */
	case 2:
	case 3:
	case 4:
	case 7: return E820_RAM;
	case 8: return E820_UNUSABLE;
	case 9: return E820_ACPI;
	case 10: return E820_NVS;
	case 14: return E820_PMEM;
	}
	return E820_RESERVED;
}

static int use_efi_mmap(struct mb2 *m)
{
	m->type = TAG_EFI_MMAP;
	for (u32 off = 0; off < m->efi_len; off += m->efi_desc) {
		const u8 *d = m->efi_mmap + off;
		u64 pages = get64(d + 24);

		if (pages > BIT(52))
			return fail(m, ERR_RANGE, "EFI memory descriptor with an absurd page count");
		/* Boot services memory is only ours once boot services are gone. */
		if (e820_add(&m->bi->map, get64(d + 8), pages << 12,
		             m->bi->efi_bs && get32(d) != 7 ? E820_RESERVED : efi_to_e820(get32(d))))
			return fail(m, ERR_NOSPC, "EFI memory map has too many entries");
	}
	return OK;
}

static const struct {
	u32 type;
	u32 min_size;
	int (*parse)(struct mb2 *m);
	const char *name;
} tags[] = {
	{ TAG_CMDLINE, 9, parse_cmdline, "command line" },    { TAG_LOADER, 9, parse_loader, "loader name" },
	{ TAG_MODULE, 17, parse_module, "module" },           { TAG_BASIC_MEM, 16, parse_basic_mem, "basic memory" },
	{ TAG_MMAP, 16, parse_mmap, "memory map" },           { TAG_FB, 32, parse_fb, "framebuffer" },
	{ TAG_EFI64, 16, parse_efi64, "EFI system table" },   { TAG_RSDP_OLD, 28, parse_rsdp, "ACPI old RSDP" },
	{ TAG_RSDP_NEW, 44, parse_rsdp, "ACPI new RSDP" },    { TAG_EFI_MMAP, 16, parse_efi_mmap, "EFI memory map" },
	{ TAG_EFI_BS, 8, parse_efi_bs, "EFI boot services" }, { TAG_LOAD_BASE, 12, parse_load_base, "load base" },
};

static int parse_tag(struct mb2 *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		if (tags[i].type != m->type)
			continue;
		if (m->size < tags[i].min_size) {
			char why[64];

			fmt_snprintf(why, sizeof(why), "%s needs at least %u bytes", tags[i].name, tags[i].min_size);
			return fail(m, ERR_TRUNC, why);
		}
		return tags[i].parse(m);
	}
	return OK;
}

u32 mb2_total_size(const void *info)
{
	u32 size = get32(info);

	return size < 16 || size > MB2_INFO_MAX ? 0 : size;
}

static int parse_tags(struct mb2 *m, const u8 *p, u32 total)
{
	for (u32 off = 8; total - off >= 8; off = (off + m->size + 7) & ~7u) {
		int r;

		m->tag = p + off;
		m->off = off;
		m->type = get32(m->tag);
		m->size = get32(m->tag + 4);
		if (m->size < 8)
			return fail(m, ERR_INVAL, "size is below 8");
		if (m->size > total - off)
			return fail(m, ERR_TRUNC, "runs past the end of the structure");
		if (m->type == TAG_END)
			return OK;
		r = parse_tag(m);
		if (r)
			return r;
		if (((off + m->size + 7) & ~7u) > total)
			break;
	}
	fmt_snprintf(m->err, m->err_size, "multiboot2 structure has no end tag");
	return ERR_TRUNC;
}

int mb2_parse(const void *info, size_t len, u64 pa, struct boot_info *bi, char *err, size_t err_size)
{
	struct mb2 m = { .bi = bi, .err = err, .err_size = err_size };
	u32 total;
	int r;

	boot_info_init(bi, "multiboot2");
	if (err_size)
		err[0] = '\0';
	total = len < 8 ? 0 : mb2_total_size(info);
	if (!total || total > len) {
		fmt_snprintf(err, err_size, "multiboot2 structure's total size is not sane (%u bytes, %zu readable)",
		             len < 8 ? 0 : get32(info), len);
		return ERR_TRUNC;
	}
	bi->info_pa = pa;
	bi->info_len = total;
	r = parse_tags(&m, info, total);
	if (!r && !m.have_mmap && m.efi_mmap) {
		r = use_efi_mmap(&m);
		m.have_mmap = true;
	}
	if (r)
		return r;
	if (!m.have_mmap || !bi->map.nr) {
		fmt_snprintf(err, err_size, "the loader gave no memory map");
		return ERR_NOENT;
	}
	return OK;
}
