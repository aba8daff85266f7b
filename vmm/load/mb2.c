/* multiboot2 images: header and its tags, loading by address tag or ELF, information structure. */
#include "vmm/load/mb2.h"

#include "vmm/load/elf.h"
#include "vmm/load/mb1.h"
#include "vmm/load/put.h"

#define HDR_MAGIC    0xe85250d6u
#define HDR_SIZE     16u
#define ARCH_I386    0
#define TAG_OPTIONAL 1

/* Bounds on what is looked at: nobody's header has as much. */
#define TAGS_MAX     64u
#define REQUESTS_MAX 64u

enum header_tag {
	TAG_END,
	TAG_REQUEST,
	TAG_ADDRESS,
	TAG_ENTRY,
	TAG_CONSOLE,
	TAG_FRAMEBUFFER, /* a wish */
	TAG_ALIGN,       /* modules always are */
	TAG_EFI_SERVICES,
	TAG_EFI32_ENTRY, /* these three mean nothing without EFI */
	TAG_EFI64_ENTRY,
	TAG_RELOCATABLE, /* it is loaded where it is linked for */
};

#define CONSOLE_REQUIRED 1
#define CONSOLE_EGA_TEXT 2

enum info_tag {
	INFO_END,
	INFO_CMDLINE,
	INFO_LOADER,
	INFO_MODULE,
	INFO_MEMORY,
	INFO_MMAP = 6,
	INFO_FRAMEBUFFER = 8,
	INFO_RSDP_OLD = 14,
	INFO_RSDP_NEW = 15,
	INFO_LOAD_BASE = 21,
};
#define INFO_ALWAYS                                                                                   \
	(BIT(INFO_END) | BIT(INFO_CMDLINE) | BIT(INFO_LOADER) | BIT(INFO_MODULE) | BIT(INFO_MEMORY) | \
	 BIT(INFO_MMAP) | BIT(INFO_LOAD_BASE))
#define INFO_RSDPS (BIT(INFO_RSDP_OLD) | BIT(INFO_RSDP_NEW))

#define RSDP_OLD_SIZE 20u
#define RSDP_SIZE     36u
#define MMAP_SIZE     24u

/* What the header's tags say. */
struct mb2_header {
	struct mb1_header addrs; /* of the address tag, in multiboot1's words */
	bool has_addrs, has_entry, ega_text;
	u32 nr_requests;
	u64 requested; /* bit n: information of type n has to be given */
};

/* ---- header ---- */

bool mb2_find_header(const void *image, u64 len, u32 from, u32 *offset)
{
	const u8 *p = image;
	u64 end = MIN(len, (u64)MB2_SEARCH);

	for (u32 at = from; at + HDR_SIZE <= end; at += 8) {
		u32 arch = load_rd32(p + at + 4), length = load_rd32(p + at + 8);

		if (load_rd32(p + at) != HDR_MAGIC || arch != ARCH_I386 || length < HDR_SIZE || length > end - at ||
		    HDR_MAGIC + arch + length + load_rd32(p + at + 12) != 0)
			continue;
		*offset = at;
		return true;
	}
	return false;
}

static int take_requests(struct load_out *out, struct mb2_header *h, const u8 *tag, u32 size)
{
	u32 nr = (size - 8) / 4;

	h->nr_requests += MIN(nr, REQUESTS_MAX + 1);
	if (h->nr_requests > REQUESTS_MAX)
		return load_refuse(out, ERR_NOTSUP, "multiboot2: header asks for information more than %u times",
		                   REQUESTS_MAX);
	for (u32 i = 0; i < nr; i++) {
		u32 type = load_rd32(tag + 8 + 4 * i);

		if (type >= 64)
			return load_refuse(out, ERR_NOTSUP,
			                   "multiboot2: header asks for information of unknown type %u", type);
		h->requested |= BIT(type);
	}
	return OK;
}

static int check_requests(const struct load_in *in, struct load_out *out, const struct mb2_header *h)
{
	u64 given = INFO_ALWAYS | (h->ega_text ? BIT(INFO_FRAMEBUFFER) : 0) | (in->rsdp.v ? INFO_RSDPS : 0);
	u64 missing = h->requested & ~given;

	if (missing)
		return load_refuse(out, ERR_NOTSUP,
		                   "multiboot2: header asks for information of type %u, which is not given",
		                   (u32)__builtin_ctzll(missing));
	return OK;
}

static int check_console(struct load_out *out, struct mb2_header *h, u32 flags, bool optional)
{
	h->ega_text = flags & CONSOLE_EGA_TEXT;
	if ((flags & CONSOLE_REQUIRED) && !h->ega_text && !optional)
		return load_refuse(out, ERR_NOTSUP, "multiboot2: console_flags 0x%x ask for a graphics screen",
		                   flags);
	return OK;
}

static void take_addresses(struct mb2_header *h, const u8 *tag)
{
	h->has_addrs = true;
	h->addrs.header_addr = load_rd32(tag + 8);
	h->addrs.load_addr = load_rd32(tag + 12);
	h->addrs.load_end_addr = load_rd32(tag + 16);
	h->addrs.bss_end_addr = load_rd32(tag + 20);
	/* "If this field is -1 the file is loaded from its beginning." */
	if (h->addrs.load_addr == ~0u)
		h->addrs.load_addr = h->addrs.header_addr - h->addrs.offset;
}

static u32 least_size(u32 type)
{
	return type == TAG_ADDRESS ? 24 : type == TAG_ENTRY || type == TAG_CONSOLE ? 12 : 8;
}

static int take_tag(struct load_out *out, struct mb2_header *h, const u8 *tag, u32 size)
{
	u32 type = load_rd16(tag);
	bool optional = load_rd16(tag + 2) & TAG_OPTIONAL;

	switch (type) {
	case TAG_REQUEST: return optional ? OK : take_requests(out, h, tag, size);
	case TAG_ADDRESS: take_addresses(h, tag); return OK;
	case TAG_ENTRY:
		h->has_entry = true;
		h->addrs.entry_addr = load_rd32(tag + 8);
		return OK;
	case TAG_CONSOLE: return check_console(out, h, load_rd32(tag + 8), optional);
	default: break;
	}
	if (type > TAG_RELOCATABLE && !optional)
		return load_refuse(out, ERR_NOTSUP, "multiboot2: header tag of unknown type %u", type);
	return OK;
}

static int parse_header(const struct load_in *in, struct load_out *out, struct mb2_header *h, u32 offset)
{
	const u8 *p = (const u8 *)in->kernel + offset;
	u32 length = load_rd32(p + 8), at = HDR_SIZE;

	memset(h, 0, sizeof(*h));
	h->addrs.offset = offset;
	for (u32 n = 0; at + 8 <= length; n++) {
		u32 type = load_rd16(p + at), size = load_rd32(p + at + 4);
		int r;

		if (n == TAGS_MAX)
			return load_refuse(out, ERR_NOTSUP, "multiboot2: header has more than %u tags", TAGS_MAX);
		if (size < least_size(type) || size > length - at)
			return load_refuse(
			        out, ERR_INVAL,
			        "multiboot2: header tag of type %u at offset 0x%x: size %u is not %u to %u", type,
			        offset + at, size, least_size(type), length - at);
		if (type == TAG_END)
			return check_requests(in, out, h);
		r = take_tag(out, h, p + at, size);
		if (r != OK)
			return r;
		at += ALIGN_UP(size, 8u);
	}
	return load_refuse(out, ERR_INVAL, "multiboot2: header of %u bytes at offset 0x%x has no end tag", length,
	                   offset);
}

/* ---- information structure ---- */

struct info {
	const struct load_in *in;
	struct load_out *out;
	u64 base, at; /* guest-physical; at: of the next tag */
};

/* The next tag has len bytes of data behind its head. 0, or the address of the data. */
static u64 begin_tag(struct info *b, u32 type, u64 len)
{
	u32 head[2] = { type, (u32)(8 + len) };
	u64 data = b->at + 8;

	if (len > LOAD_EXTRA_END || data + len > LOAD_EXTRA_END) {
		load_refuse(b->out, ERR_RANGE, "multiboot2: information: longer than the %llu bytes there are for it",
		            (unsigned long long)(LOAD_EXTRA_END - b->base));
		return 0;
	}
	if (load_put(b->in, b->out, b->at, head, sizeof(head), "multiboot2: information") != OK)
		return 0;
	b->at = ALIGN_UP(data + len, 8ull);
	return data;
}

static int put_tag(struct info *b, u32 type, const void *data, u32 len)
{
	u64 at = begin_tag(b, type, len);

	return at ? load_put(b->in, b->out, at, data, len, "multiboot2: information") : ERR_RANGE;
}

/* A tag of fixed_len bytes and a text. */
static int put_text_tag(struct info *b, u32 type, const void *fixed, u32 fixed_len, const char *text,
                        const char *what)
{
	u64 at = begin_tag(b, type, fixed_len + strnlen(text ? text : "", LOAD_EXTRA_END) + 1);
	int r = at ? load_put(b->in, b->out, at, fixed, fixed_len, what) : ERR_RANGE;

	return r == OK ? load_put_text(b->in, b->out, at + fixed_len, LOAD_EXTRA_END, text, what, NULL) : r;
}

static int put_mmap(struct info *b)
{
	const struct guest_map *map = b->in->map;
	u32 head[2] = { MMAP_SIZE, 0 };
	u64 at = begin_tag(b, INFO_MMAP, sizeof(head) + (u64)map->nr_e820 * MMAP_SIZE);
	int r = at ? load_put(b->in, b->out, at, head, sizeof(head), "memory map") : ERR_RANGE;

	at += sizeof(head);
	for (u32 i = 0; i < map->nr_e820 && r == OK; i++, at += MMAP_SIZE) {
		const struct guest_e820 *m = &map->e820[i];
		u32 e[6] = { (u32)m->base, (u32)(m->base >> 32), (u32)m->len, (u32)(m->len >> 32), m->type, 0 };

		r = load_put(b->in, b->out, at, e, sizeof(e), "memory map");
	}
	return r;
}

static int put_rsdp(struct info *b)
{
	u8 rsdp[RSDP_SIZE];
	int r;

	if (!b->in->rsdp.v || gmem_read(b->in->mem, b->in->rsdp, rsdp, sizeof(rsdp)) != OK)
		return OK;
	r = put_tag(b, INFO_RSDP_OLD, rsdp, RSDP_OLD_SIZE);
	return r == OK ? put_tag(b, INFO_RSDP_NEW, rsdp, RSDP_SIZE) : r;
}

/* The text screen of 80 by 25 at B8000h. */
static int put_screen(struct info *b)
{
	struct __packed {
		u64 addr;
		u32 pitch, width, height;
		u8 bpp, type;
		u16 reserved;
	} fb = { .addr = 0xb8000, .pitch = 160, .width = 80, .height = 25, .bpp = 16, .type = 2 };

	_Static_assert(sizeof(fb) == 24, "framebuffer tag");
	return put_tag(b, INFO_FRAMEBUFFER, &fb, sizeof(fb));
}

static int put_modules(struct info *b, const u64 *gpas)
{
	int r = OK;

	for (u32 i = 0; i < b->in->nr_modules && r == OK; i++) {
		u32 place[2] = { (u32)gpas[i], (u32)(gpas[i] + b->in->modules[i].len) };

		r = put_text_tag(b, INFO_MODULE, place, sizeof(place), b->in->modules[i].cmdline, "module string");
	}
	return r;
}

static int put_info(const struct load_in *in, struct load_out *out, const struct mb2_header *h, const u64 *gpas)
{
	u64 base = LOAD_EXTRA_GPA + out->shift;
	struct info b = { .in = in, .out = out, .base = base, .at = base + 8 };
	u32 memory[2] = { (u32)(GUEST_EBDA_BASE / 1024), (u32)((in->map->low_end - GUEST_HIGH_BASE) / 1024) };
	u32 load_base = (u32)out->load_base, head[2] = { 0, 0 };
	int r = put_text_tag(&b, INFO_CMDLINE, NULL, 0, in->cmdline, "command line");

	if (r == OK)
		r = put_text_tag(&b, INFO_LOADER, NULL, 0, "Bulkhead", "loader name");
	if (r == OK)
		r = put_tag(&b, INFO_MEMORY, memory, sizeof(memory));
	if (r == OK)
		r = put_mmap(&b);
	if (r == OK)
		r = put_tag(&b, INFO_LOAD_BASE, &load_base, sizeof(load_base));
	if (r == OK && h->ega_text)
		r = put_screen(&b);
	if (r == OK)
		r = put_rsdp(&b);
	if (r == OK)
		r = put_modules(&b, gpas);
	if (r == OK)
		r = put_tag(&b, INFO_END, NULL, 0);
	head[0] = (u32)(b.at - base);
	return r == OK ? load_put(in, out, base, head, sizeof(head), "multiboot2: information") : r;
}

/* ---- all of it ---- */

/* *floor: one past what of low memory the image takes. */
static int load_parts(const struct load_in *in, struct load_out *out, const struct mb2_header *h, u64 *entry,
                      u64 *floor)
{
	struct elf_info info;
	int r;

	*entry = h->has_entry ? h->addrs.entry_addr : 0;
	if (!h->has_addrs) {
		r = elf_load(in, out, &info, entry);
		*floor = r == OK ? elf_low_end(in, &info) : 0;
		return r;
	}
	if (!h->has_entry)
		return load_refuse(out, ERR_INVAL, "multiboot2: header has an address tag, but no entry address");
	r = mb1_load_by_addrs(in, out, &h->addrs);
	*floor = MAX(out->load_end, GUEST_HIGH_BASE);
	return r;
}

int load_multiboot2(const struct load_in *in, struct load_out *out)
{
	u64 gpas[LOAD_MODULES_MAX], entry = 0, floor = 0;
	struct mb2_header h;
	u32 offset;
	int r;

	memset(out, 0, sizeof(*out));
	if (!mb2_find_header(in->kernel, in->kernel_len, in->mb2_at, &offset))
		return load_refuse(
		        out, ERR_INVAL,
		        "multiboot2: no header with a right checksum in the first 32 KiB of the %llu-byte file",
		        (unsigned long long)in->kernel_len);
	r = parse_header(in, out, &h, offset);
	if (r == OK)
		r = load_parts(in, out, &h, &entry, &floor);
	if (r == OK)
		r = load_place_modules(in, out, floor, GUEST_PCI_HOLE, gpas);
	if (r == OK)
		r = put_info(in, out, &h, gpas);
	if (r == OK)
		r = load_start_state(in, out, LOAD_MODE_PROT32, entry);
	out->rax = MB2_BOOT_MAGIC;
	out->rbx = LOAD_EXTRA_GPA + out->shift;
	return r;
}
