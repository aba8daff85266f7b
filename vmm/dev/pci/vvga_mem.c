/* VGA: video memory, as guests see it through the legacy window and the linear framebuffer. */
#include "lib/string.h"
#include "vmm/dev/pci/vvga_priv.h"

#define BLOCK_Y VVGA_PLANE
#define BLOCK_Z (2 * VVGA_PLANE)

#define TURN_GROUPS 128u /* of four addresses, in an access: about a thousand ticks */
#define CLEAN_PAGES 4u   /* FB_COPY_MAX bytes */

/* ---- where planes are ---- */

struct vvga_pairs vvga_pairs(u32 chained, u32 a)
{
	u32 low = 0, high = BLOCK_Y;

	if (a >= VVGA_PLANE)
		return (struct vvga_pairs){ 4 * a, 4 * a + 2 };
	if (a & 1)
		return (struct vvga_pairs){ BLOCK_Z + (a >> 1) * 4, BLOCK_Z + (a >> 1) * 4 + 2 };
	if (a >> 2 < chained)
		low = high = a & 2 ? BLOCK_Y : 0;
	return (struct vvga_pairs){ low + a, high + (a ^ 2) };
}

/* The layouts differ in the upper halves of X and Y. */
static void turn_groups(u8 *vram, u32 first, u32 n)
{
	u16 *x = (u16 *)(vram + first * 4 + 2), *y = (u16 *)(vram + BLOCK_Y + first * 4 + 2);

	for (u32 i = 0; i < n; i++, x += 2, y += 2) {
		u16 was = *x;

		*x = *y;
		*y = was;
	}
}

/* A piece of the way to the layout that has `want` groups as chain 4 wants them. Whether it was the last. */
static bool turn(struct vvga *v, u32 want)
{
	u32 at = v->s.chained, n;

	if (at == want)
		return true;
	n = MIN(TURN_GROUPS, want > at ? want - at : at - want);
	turn_groups(v->cfg.vram, want > at ? at : at - n, n);
	v->s.chained = (u16)(want > at ? at + n : at - n);
	return v->s.chained == want;
}

/* ---- memory that was cleared on paper ---- */

static bool page_unclean(const struct vvga_state *s, u32 page)
{
	return s->unclean[page / 64] & BIT(page % 64);
}

void vvga_clear(struct vvga *v, u32 end)
{
	u32 pages = end / (u32)PAGE_SIZE, rest = end % (u32)PAGE_SIZE;

	for (u32 i = 0; i < pages / 64; i++)
		v->s.unclean[i] = ~0ull;
	if (pages % 64)
		v->s.unclean[pages / 64] |= BIT(pages % 64) - 1;
	/* What is drawn behind the end stays. */
	if (rest && !page_unclean(&v->s, pages))
		memset(v->cfg.vram + pages * PAGE_SIZE, 0, rest);
	v->clearing = true;
}

void vvga_clean(struct vvga *v, u32 off)
{
	u32 page = off / (u32)PAGE_SIZE;

	if (!page_unclean(&v->s, page))
		return;
	memset(v->cfg.vram + page * PAGE_SIZE, 0, PAGE_SIZE);
	v->s.unclean[page / 64] &= ~BIT(page % 64);
}

bool vvga_is_clean(const struct vvga_state *s)
{
	for (u32 i = 0; i < ARRAY_SIZE(s->unclean); i++)
		if (s->unclean[i])
			return false;
	return true;
}

/* Some pages more, the lowest first: accesses bring it to its end. */
static void clean_on(struct vvga *v)
{
	struct vvga_state *s = &v->s;
	u32 n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(s->unclean); i++) {
		while (s->unclean[i]) {
			if (n++ == CLEAN_PAGES - 1)
				return;
			vvga_clean(v, (i * 64 + (u32)__builtin_ctzll(s->unclean[i])) * (u32)PAGE_SIZE);
		}
	}
	v->clearing = false;
}

void vvga_copy(const struct vvga *v, u32 off, u8 *to, u32 len)
{
	while (len) {
		u32 n = MIN(len, (u32)PAGE_SIZE - off % (u32)PAGE_SIZE);

		if (page_unclean(&v->s, off / (u32)PAGE_SIZE))
			memset(to, 0, n);
		else
			memcpy(to, v->cfg.vram + off, n);
		off += n;
		to += n;
		len -= n;
	}
}

/* ---- the planes ---- */

static void really_clear(struct vvga *v, struct vvga_pairs p)
{
	if (v->clearing) {
		vvga_clean(v, p.p01);
		vvga_clean(v, p.p23);
	}
}

static u32 load(struct vvga *v, u32 a)
{
	struct vvga_pairs p = vvga_pairs(v->s.chained, a);

	really_clear(v, p);
	return *(u16 *)(v->cfg.vram + p.p01) | (u32) * (u16 *)(v->cfg.vram + p.p23) << 16;
}

static void store(struct vvga *v, u32 a, u32 val, u32 mask)
{
	struct vvga_pairs p = vvga_pairs(v->s.chained, a);
	u16 *p01 = (u16 *)(v->cfg.vram + p.p01), *p23 = (u16 *)(v->cfg.vram + p.p23);

	really_clear(v, p);
	*p01 = (u16)((*p01 & ~mask) | (val & mask));
	*p23 = (u16)((*p23 & ~(mask >> 16)) | (val >> 16 & mask >> 16));
}

/* FFh for each plane whose bit is set. */
static u32 spread(u32 bits)
{
	return (bits & 1) * 0xffu | (bits & 2) * 0x7f80u | (bits & 4) * 0x3fc000u | (bits & 8) * 0x1fe00000u;
}

/* Even addresses of odd/even lie in the page that the misc register says, or, in the long window, bit 16. */
static u32 page_bit(const struct vvga *v, u32 at)
{
	return v->win_len > VVGA_PLANE ? at >> 16 & 1 : !(v->s.misc & MISC_PAGE);
}

static u32 plane_addr(const struct vvga *v, u32 at)
{
	const struct vvga_state *s = &v->s;

	if (s->seq[SR_MEMORY] & SR4_CHAIN4)
		return at & 0xfffc;
	if (s->gc[GR_MISC] & GR6_CHAIN)
		return (at & 0xfffe) | page_bit(v, at);
	/* The bank is of use where planes are longer than the window: 4 bits a pixel of the VBE. */
	if (vvga_vbe_on(s))
		return (at + s->vbe[VBE_BANK] * VVGA_PLANE) & (v->cfg.vram_len / 4 - 1);
	return at & 0xffff;
}

static u32 planes_written(const struct vvga_state *s, u32 at)
{
	u32 mask = s->seq[SR_MAP_MASK];

	if (s->seq[SR_MEMORY] & SR4_CHAIN4)
		return mask & 1u << (at & 3);
	if (!(s->seq[SR_MEMORY] & SR4_PLAIN))
		return mask & (at & 1 ? 0xau : 0x5u);
	return mask & 0xf;
}

static u32 rotated(const struct vvga_state *s, u8 val)
{
	u32 n = s->gc[GR_ROTATE] & 7;

	return (u8)(val >> n | val << (8 - n));
}

/* The graphics controller's way of a byte: data, logic with the latches, bit mask. */
static u32 written(const struct vvga_state *s, u8 byte)
{
	u32 bits = s->gc[GR_BIT_MASK], val, set;

	switch (s->gc[GR_MODE] & 3) {
	case 0:
		set = spread(s->gc[GR_ENABLE_SR]);
		val = ((rotated(s, byte) * 0x01010101u) & ~set) | (spread(s->gc[GR_SET_RESET]) & set);
		break;
	case 1: return s->latch;
	case 2: val = spread(byte); break;
	default:
		bits &= rotated(s, byte);
		val = spread(s->gc[GR_SET_RESET]);
		break;
	}
	switch (s->gc[GR_ROTATE] >> 3 & 3) {
	case 0: break;
	case 1: val &= s->latch; break;
	case 2: val |= s->latch; break;
	default: val ^= s->latch; break;
	}
	bits *= 0x01010101u;
	return (val & bits) | (s->latch & ~bits);
}

static void write_byte(struct vvga *v, u32 at, u8 byte)
{
	store(v, plane_addr(v, at), written(&v->s, byte), spread(planes_written(&v->s, at)));
}

static u8 read_byte(struct vvga *v, u32 at)
{
	struct vvga_state *s = &v->s;
	u32 plane = s->gc[GR_READ_MAP] & 3, differ;

	s->latch = load(v, plane_addr(v, at));
	if (s->gc[GR_MODE] & 8) {
		differ = (s->latch ^ spread(s->gc[GR_COMPARE])) & spread(s->gc[GR_DONT_CARE]);
		differ |= differ >> 16;
		return (u8) ~(differ | differ >> 8);
	}
	if (s->seq[SR_MEMORY] & SR4_CHAIN4)
		plane = at & 3;
	else if (s->gc[GR_MODE] & GR5_ODD_EVEN)
		plane = (plane & 2) | (at & 1);
	return (u8)(s->latch >> 8 * plane);
}

/* ---- the window ---- */

/* Bytes go to memory as they are written, and come back so: nothing of the graphics controller is in the way. */
static bool plain(const struct vvga_state *s, u32 planes)
{
	return (s->seq[SR_MAP_MASK] & planes) == planes && !(s->gc[GR_MODE] & 0x0b) && !(s->gc[GR_ENABLE_SR] & 0xf) &&
	       !(s->gc[GR_ROTATE] & 0x1f) && s->gc[GR_BIT_MASK] == 0xff;
}

static enum vvga_decode decode_of(const struct vvga_state *s, u32 win_len)
{
	u32 mem = s->seq[SR_MEMORY];

	if (vvga_vbe_linear(s))
		return VVGA_LINEAR;
	if (vvga_vbe_on(s) || win_len > VVGA_PLANE)
		return VVGA_PLANES;
	if (mem & SR4_CHAIN4)
		return plain(s, 0xf) ? VVGA_CHAIN4 : VVGA_PLANES;
	/* Characters and attributes; planes 2 and 3 are masked, and read map 2 would read them. */
	if (!(mem & SR4_PLAIN) && (s->gc[GR_MODE] & GR5_ODD_EVEN) && (s->gc[GR_MISC] & GR6_CHAIN) &&
	    (s->misc & MISC_PAGE) && (s->seq[SR_MAP_MASK] & 0xf) == 3 && !(s->gc[GR_READ_MAP] & 2) && plain(s, 3))
		return VVGA_TEXT;
	return VVGA_PLANES;
}

void vvga_decode(struct vvga *v)
{
	static const struct {
		u32 at, len;
	} maps[] = { { 0, 0x20000 }, { 0, 0x10000 }, { 0x10000, 0x8000 }, { 0x18000, 0x8000 } };
	const struct vvga_state *s = &v->s;
	u32 map = vvga_vbe_linear(s) ? 1 : s->gc[GR_MISC] >> 2 & 3;

	v->win_at = maps[map].at;
	v->win_len = s->misc & MISC_RAM ? maps[map].len : 0;
	v->decode = decode_of(s, v->win_len);
}

/* Whether the access is of memory as it lies, at *off, as simple as that. */
static bool plain_at(struct vvga *v, u32 at, u32 size, u32 *off)
{
	*off = at;
	switch (v->decode) {
	case VVGA_LINEAR:
		*off += v->s.vbe[VBE_BANK] * VVGA_PLANE;
		if (v->clearing) {
			vvga_clean(v, *off);
			vvga_clean(v, *off + size - 1);
		}
		return true;
	case VVGA_TEXT: return !v->clearing && turn(v, 0);
	case VVGA_CHAIN4: return !v->clearing && turn(v, VVGA_GROUPS);
	default: return false;
	}
}

/* Over the edge of what is decoded: beside it are no bytes. */
static void split(struct vvga *v, struct io_access *io)
{
	u64 val = 0;

	for (u32 i = 0; i < io->size; i++) {
		struct io_access byte = { .offset = io->offset + i, .now = io->now, .size = 1, .write = io->write };

		byte.value = io->write ? io->value >> 8 * i & 0xff : 0xff;
		vvga_window_io(v, &byte);
		val |= byte.value << 8 * i;
	}
	if (!io->write)
		io->value = val;
}

void vvga_window_io(void *dev, struct io_access *io)
{
	struct vvga *v = dev;
	u32 at = (u32)io->offset - v->win_at;
	u64 val = 0;
	u32 off;

	if (v->clearing)
		clean_on(v);
	if ((u32)io->offset + io->size <= v->win_at || (u32)io->offset >= v->win_at + v->win_len)
		return;
	if ((u32)io->offset < v->win_at || at + io->size > v->win_len) {
		split(v, io);
		return;
	}
	if (plain_at(v, at, io->size, &off)) {
		vvga_try_map(v, VVGA_MAP_WINDOW);
		if (io->write)
			memcpy(v->cfg.vram + off, &io->value, io->size);
		else
			memcpy(&val, v->cfg.vram + off, io->size);
		if (!io->write && v->decode != VVGA_LINEAR)
			v->s.latch = load(v, plane_addr(v, at + io->size - 1));
	} else {
		for (u32 i = 0; i < io->size; i++) {
			if (io->write)
				write_byte(v, at + i, (u8)(io->value >> 8 * i));
			else
				val |= (u64)read_byte(v, at + i) << 8 * i;
		}
	}
	if (!io->write)
		io->value = val;
}

void vvga_lfb_io(void *dev, struct io_access *io)
{
	struct vvga *v = dev;
	u32 at = (u32)io->offset;
	u8 *p = v->cfg.vram + at;

	if (v->clearing) {
		vvga_clean(v, at);
		vvga_clean(v, at + io->size - 1);
		clean_on(v);
	}
	vvga_try_map(v, VVGA_MAP_LFB);
	if (io->write) {
		memcpy(p, &io->value, io->size);
	} else {
		io->value = 0;
		memcpy(&io->value, p, io->size);
	}
}

bool vvga_mem_valid(const struct vvga *v, const struct vvga_state *s, struct state_check *c)
{
	u32 words = v->cfg.vram_len / (u32)PAGE_SIZE / 64;

	if (s->chained > VVGA_GROUPS)
		return state_refuse(c, "chained", s->chained, "is more than there are groups");
	for (u32 i = words; i < ARRAY_SIZE(s->unclean); i++)
		if (s->unclean[i])
			return state_refuse(c, "unclean", i, "is the number of one beyond the video memory");
	return true;
}
