/* Multiboot1 information. Layouts: Multiboot Specification 0.6.96, "Boot information format". */
#include "boot/mb1.h"
#include "lib/bytes.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define FLAG_MEM     BIT(0)
#define FLAG_CMDLINE BIT(2)
#define FLAG_MODS    BIT(3)
#define FLAG_MMAP    BIT(6)
#define FLAG_LOADER  BIT(9)
#define FLAG_FB      BIT(12)

#define INFO_LEN     88  /* up to the VBE fields */
#define INFO_LEN_FB  116 /* with the framebuffer fields */
#define MMAP_LEN_MAX (1u << 20)
#define CHUNK        16 /* a string is read in pieces: its end is not known, and memory behind it may not be there */

struct mb1 {
	const struct mb1_mem *mem;
	struct boot_info *bi;
	char *err;
	size_t err_size;
	char str[BOOT_CMDLINE_MAX + 1];
};

static const u8 *map(struct mb1 *m, u64 pa, u64 len)
{
	return m->mem->map(m->mem->ctx, pa, len);
}

static int unreadable(struct mb1 *m, const char *what, u64 pa)
{
	fmt_snprintf(m->err, m->err_size, "multiboot1 %s at %#lx cannot be read", what, (unsigned long)pa);
	return ERR_FAULT;
}

/*
 * Copies the string at pa to m->str, at most as much as the longest string allowed and one more, so that a longer one
 * is seen as too long. Its length in *len.
 */
static int read_string(struct mb1 *m, u64 pa, const char *what, size_t *len)
{
	*len = 0;
	while (*len < BOOT_CMDLINE_MAX) {
		size_t n = CHUNK - ((pa + *len) & (CHUNK - 1)), got;
		const u8 *s;

		n = MIN(n, BOOT_CMDLINE_MAX - *len);
		s = map(m, pa + *len, n);
		if (!s)
			return unreadable(m, what, pa + *len);
		got = strnlen((const char *)s, n);
		memcpy(m->str + *len, s, got);
		*len += got;
		if (got < n)
			break;
	}
	m->str[*len] = '\0';
	return OK;
}

static int parse_cmdline(struct mb1 *m, u64 pa)
{
	size_t len;
	int r = read_string(m, pa, "command line", &len);

	return r ? r : boot_info_set_cmdline(m->bi, m->str, len, m->err, m->err_size);
}

static int parse_modules(struct mb1 *m, u32 count, u64 pa)
{
	for (u32 i = 0; i < count; i++) {
		const u8 *e;
		u32 start, end, string;
		size_t len = 0;
		int r = OK;

		if (i == BOOT_MAX_MODULES) {
			/* One more, whatever it is: refused in the same words. */
			return boot_info_add_module(m->bi, 0, 0, "", 0, m->err, m->err_size);
		}
		e = map(m, pa + i * 16ull, 16);
		if (!e)
			return unreadable(m, "module list", pa + i * 16ull);
		start = get32(e);
		end = get32(e + 4);
		string = get32(e + 8);
		m->str[0] = '\0';
		if (string)
			r = read_string(m, string, "module string", &len);
		if (!r)
			r = boot_info_add_module(m->bi, start, end, m->str, len, m->err, m->err_size);
		if (r)
			return r;
	}
	return OK;
}

/* Entries: a size that does not count itself, then base, length and type. */
static int parse_mmap(struct mb1 *m, u32 len, u64 pa)
{
	if (len > MMAP_LEN_MAX) {
		fmt_snprintf(m->err, m->err_size, "multiboot1 memory map of %u bytes is not sane", len);
		return ERR_RANGE;
	}
	for (u32 off = 0; off < len;) {
		const u8 *e = len - off >= 24 ? map(m, pa + off, 24) : NULL;
		u32 size;

		if (!e)
			return unreadable(m, "memory map entry", pa + off);
		size = get32(e);
		if (size < 20 || size > len - off - 4) {
			fmt_snprintf(m->err, m->err_size, "multiboot1 memory map entry at offset %u has size %u", off,
			             size);
			return ERR_INVAL;
		}
		if (e820_add(&m->bi->map, get64(e + 4), get64(e + 12), get32(e + 20))) {
			fmt_snprintf(m->err, m->err_size, "multiboot1 memory map has more than %d entries", E820_MAX);
			return ERR_NOSPC;
		}
		off += size + 4;
	}
	return OK;
}

/* Without a map, the basic memory fields still tell of RAM below 640 KiB and upwards of 1 MiB. */
static int use_basic_mem(struct mb1 *m)
{
	int r = e820_add(&m->bi->map, 0, (u64)m->bi->mem_lower_kib << 10, E820_RAM);

	return r ? r : e820_add(&m->bi->map, 1 << 20, (u64)m->bi->mem_upper_kib << 10, E820_RAM);
}

static void parse_fb(struct mb1 *m, const u8 *p)
{
	struct boot_fb *fb = &m->bi->fb;

	fb->addr = get64(p + 88);
	fb->pitch = get32(p + 96);
	fb->width = get32(p + 100);
	fb->height = get32(p + 104);
	fb->bpp = p[108];
	switch (p[109]) {
	case 0: fb->type = BOOT_FB_INDEXED; break;
	case 1:
		fb->type = BOOT_FB_RGB;
		fb->red_pos = p[110];
		fb->red_size = p[111];
		fb->green_pos = p[112];
		fb->green_size = p[113];
		fb->blue_pos = p[114];
		fb->blue_size = p[115];
		break;
	case 2: fb->type = BOOT_FB_TEXT; break;
	default: break;
	}
}

static int parse_loader(struct mb1 *m, u64 pa)
{
	size_t len;
	int r = read_string(m, pa, "loader name", &len);

	if (!r)
		boot_info_set_loader(m->bi, m->str, len);
	return r;
}

/* The fields of the structure itself, copied so that the pointers it holds can be followed. */
struct fields {
	u32 flags, cmdline, mods_count, mods_addr, mmap_length, mmap_addr, loader;
};

static int parse_pointers(struct mb1 *m, const struct fields *f)
{
	int r = OK;

	if ((f->flags & FLAG_CMDLINE) && f->cmdline)
		r = parse_cmdline(m, f->cmdline);
	if (!r && (f->flags & FLAG_LOADER) && f->loader)
		r = parse_loader(m, f->loader);
	if (!r && (f->flags & FLAG_MODS))
		r = parse_modules(m, f->mods_count, f->mods_addr);
	if (!r && (f->flags & FLAG_MMAP))
		r = parse_mmap(m, f->mmap_length, f->mmap_addr);
	return r;
}

int mb1_parse(const struct mb1_mem *mem, u64 pa, struct boot_info *bi, char *err, size_t err_size)
{
	struct mb1 m = { .mem = mem, .bi = bi, .err = err, .err_size = err_size };
	const u8 *p = map(&m, pa, INFO_LEN);
	struct fields f;
	int r;

	boot_info_init(bi, "multiboot1");
	if (err_size)
		err[0] = '\0';
	if (!p)
		return unreadable(&m, "structure", pa);
	f = (struct fields){ get32(p),      get32(p + 16), get32(p + 20), get32(p + 24),
		             get32(p + 44), get32(p + 48), get32(p + 64) };
	if (f.flags & FLAG_MEM) {
		bi->mem_lower_kib = get32(p + 4);
		bi->mem_upper_kib = get32(p + 8);
	}
	if (f.flags & FLAG_FB) {
		p = map(&m, pa, INFO_LEN_FB);
		if (!p)
			return unreadable(&m, "structure", pa);
		parse_fb(&m, p);
	}
	bi->info_pa = pa;
	bi->info_len = f.flags & FLAG_FB ? INFO_LEN_FB : INFO_LEN;
	r = parse_pointers(&m, &f);
	if (!r && !bi->map.nr && (f.flags & FLAG_MEM))
		r = use_basic_mem(&m);
	if (r)
		return r;
	if (!bi->map.nr) {
		fmt_snprintf(err, err_size, "the loader gave no memory map");
		return ERR_NOENT;
	}
	return OK;
}
