/* VGA: the registers of the Bochs VBE extensions. */
#include "lib/string.h"
#include "vmm/dev/pci/vvga_priv.h"

static const u8 depths[] = { 4, 8, 15, 16, 24, 32 };

static bool is_depth(u32 bpp)
{
	for (u32 i = 0; i < ARRAY_SIZE(depths); i++)
		if (depths[i] == bpp)
			return true;
	return false;
}

/* Bytes that `pixels` of a line take, of a plane at 4 bits. */
static u32 bytes_of(u32 bpp, u32 pixels)
{
	return bpp == 4 ? pixels / 8 : pixels * ((bpp + 7) / 8);
}

u32 vvga_vbe_line(const struct vvga_state *s)
{
	return bytes_of(s->vbe[VBE_BPP], s->vbe[VBE_VIRT_WIDTH]);
}

/* Bytes that lines may lie in: of each plane, if there are planes. */
static u32 room(const struct vvga *v, const struct vvga_state *s)
{
	return s->vbe[VBE_BPP] == 4 ? v->cfg.vram_len / 4 : v->cfg.vram_len;
}

/* Lines of that many pixels that there is room for, as the register can tell it. */
static u32 lines(const struct vvga *v, const struct vvga_state *s, u32 width)
{
	u32 line = bytes_of(s->vbe[VBE_BPP], width);

	return line ? MIN(room(v, s) / line, 0xffffu) : 0;
}

/* A resolution that the memory is large enough for; at 4 bits bytes are whole. */
static bool can_be(const struct vvga *v, const struct vvga_state *s)
{
	u32 width = s->vbe[VBE_XRES], height = s->vbe[VBE_YRES], bpp = s->vbe[VBE_BPP];

	return width && height && (bpp != 4 || !(width & 7)) && lines(v, s, width) >= height;
}

static void whole_screen(struct vvga *v)
{
	struct vvga_state *s = &v->s;

	s->vbe[VBE_VIRT_WIDTH] = s->vbe[VBE_XRES];
	s->vbe[VBE_VIRT_HEIGHT] = (u16)lines(v, s, s->vbe[VBE_XRES]);
	s->vbe[VBE_X_OFFSET] = 0;
	s->vbe[VBE_Y_OFFSET] = 0;
	s->vbe[VBE_BANK] = 0;
}

static void write_enable(struct vvga *v, u16 val)
{
	struct vvga_state *s = &v->s;
	bool was = vvga_vbe_on(s);
	u32 end;

	val &= VBE_ENABLE_ALL;
	if ((val & VBE_ENABLED) && !was && !can_be(v, s))
		val &= (u16)~VBE_ENABLED;
	s->vbe[VBE_ENABLE] = val;
	if (!was && (val & VBE_ENABLED)) {
		whole_screen(v);
		end = vvga_vbe_line(s) * s->vbe[VBE_YRES];
		if (s->vbe[VBE_BPP] == 4)
			end = MAX(end * 4, 4 * VVGA_PLANE);
		if (!(val & VBE_NOCLEAR))
			vvga_clear(v, end);
	} else if (was && !(val & VBE_ENABLED)) {
		s->vbe[VBE_BANK] = 0;
	}
	vvga_update(v);
}

/* A wider virtual screen, as far as there is room for what is shown. */
static void write_virt_width(struct vvga *v, u16 val)
{
	struct vvga_state *s = &v->s;
	u32 width = s->vbe[VBE_BPP] == 4 ? val & 0xfff8u : val;

	if (!vvga_vbe_on(s) || width < s->vbe[VBE_XRES] || lines(v, s, width) < s->vbe[VBE_YRES])
		return;
	s->vbe[VBE_VIRT_WIDTH] = (u16)width;
	s->vbe[VBE_VIRT_HEIGHT] = (u16)lines(v, s, width);
	s->vbe[VBE_X_OFFSET] = (u16)MIN((u32)s->vbe[VBE_X_OFFSET], width - s->vbe[VBE_XRES]);
	s->vbe[VBE_Y_OFFSET] = (u16)MIN((u32)s->vbe[VBE_Y_OFFSET], (u32)s->vbe[VBE_VIRT_HEIGHT] - s->vbe[VBE_YRES]);
}

/* Only what can be shown of the virtual screen; otherwise it stays where it was. */
static void write_offset(struct vvga_state *s, u32 reg, u16 val)
{
	u32 shown = s->vbe[reg == VBE_X_OFFSET ? VBE_XRES : VBE_YRES];
	u32 all = s->vbe[reg == VBE_X_OFFSET ? VBE_VIRT_WIDTH : VBE_VIRT_HEIGHT];

	if (vvga_vbe_on(s) && val + shown <= all)
		s->vbe[reg] = val;
}

void vvga_vbe_write(struct vvga *v, u32 reg, u16 val)
{
	struct vvga_state *s = &v->s;
	bool off = !vvga_vbe_on(s);

	switch (reg) {
	case VBE_ID:
		if (val >= VBE_ID_FIRST && val <= VBE_ID_LAST)
			s->vbe[reg] = val;
		break;
	case VBE_XRES:
		if (off && val <= VVGA_MAX_WIDTH)
			s->vbe[reg] = val;
		break;
	case VBE_YRES:
		if (off && val <= VVGA_MAX_HEIGHT)
			s->vbe[reg] = val;
		break;
	case VBE_BPP:
		if (off && is_depth(val ? val : 8))
			s->vbe[reg] = val ? val : 8;
		break;
	case VBE_ENABLE: write_enable(v, val); break;
	case VBE_BANK:
		if (val < v->cfg.vram_len / VVGA_PLANE)
			s->vbe[reg] = val;
		vvga_update(v);
		break;
	case VBE_VIRT_WIDTH: write_virt_width(v, val); break;
	case VBE_X_OFFSET:
	case VBE_Y_OFFSET: write_offset(s, reg, val); break;
	default: break;
	}
}

u16 vvga_vbe_read(const struct vvga *v, u32 reg)
{
	const struct vvga_state *s = &v->s;

	if (reg == VBE_MEMORY_64K)
		return (u16)(v->cfg.vram_len / VVGA_PLANE);
	if (s->vbe[VBE_ENABLE] & VBE_GETCAPS) {
		switch (reg) {
		case VBE_XRES: return VVGA_MAX_WIDTH;
		case VBE_YRES: return VVGA_MAX_HEIGHT;
		case VBE_BPP: return 32;
		default: break;
		}
	}
	return reg < VBE_NR ? s->vbe[reg] : 0xffff;
}

/* 1CEh is the index, 1CFh the data, which 1D0h is as well: words. A byte is a word's low half. */
void vvga_vbe_io(void *dev, struct io_access *io)
{
	struct vvga *v = dev;

	if (io->size > 2)
		return;
	if (io->offset == 0 && io->write)
		v->s.vbe_index = (u16)io->value;
	else if (io->offset == 0)
		io->value = v->s.vbe_index;
	else if (io->offset < 3 && io->write)
		vvga_vbe_write(v, v->s.vbe_index, (u16)io->value);
	else if (io->offset < 3)
		io->value = vvga_vbe_read(v, v->s.vbe_index);
	if (!io->write && io->size == 1)
		io->value &= 0xff;
}

void vvga_vbe_reset(struct vvga_state *s)
{
	s->vbe[VBE_ID] = VBE_ID_LAST;
	s->vbe[VBE_BPP] = 8;
}

bool vvga_vbe_valid(const struct vvga *v, const struct vvga_state *s, struct state_check *c)
{
	const u16 *r = s->vbe;

	if (r[VBE_ID] < VBE_ID_FIRST || r[VBE_ID] > VBE_ID_LAST)
		return state_refuse(c, "vbe", r[VBE_ID], "is no VBE ID");
	if (r[VBE_XRES] > VVGA_MAX_WIDTH || r[VBE_YRES] > VVGA_MAX_HEIGHT)
		return state_refuse(c, "vbe", r[VBE_XRES], "and its height are more than there can be");
	if (!is_depth(r[VBE_BPP]))
		return state_refuse(c, "vbe", r[VBE_BPP], "is no depth");
	if (r[VBE_ENABLE] & ~VBE_ENABLE_ALL)
		return state_refuse(c, "vbe", r[VBE_ENABLE], "has bits that the register lacks");
	if (r[VBE_BANK] >= v->cfg.vram_len / VVGA_PLANE)
		return state_refuse(c, "vbe", r[VBE_BANK], "is no bank");
	if (r[VBE_MEMORY_64K])
		return state_refuse(c, "vbe", r[VBE_MEMORY_64K], "is what the configuration says");
	if (!vvga_vbe_on(s))
		return true;
	if (!can_be(v, s))
		return state_refuse(c, "vbe", r[VBE_XRES], "and what else is set are more than the memory holds");
	if (r[VBE_VIRT_WIDTH] < r[VBE_XRES] || (r[VBE_BPP] == 4 && (r[VBE_VIRT_WIDTH] & 7)) ||
	    lines(v, s, r[VBE_VIRT_WIDTH]) != r[VBE_VIRT_HEIGHT] || r[VBE_VIRT_HEIGHT] < r[VBE_YRES])
		return state_refuse(c, "vbe", r[VBE_VIRT_WIDTH], "makes no virtual screen");
	if (r[VBE_X_OFFSET] + r[VBE_XRES] > r[VBE_VIRT_WIDTH] || r[VBE_Y_OFFSET] + r[VBE_YRES] > r[VBE_VIRT_HEIGHT])
		return state_refuse(c, "vbe", r[VBE_X_OFFSET], "and its row lead out of the virtual screen");
	return true;
}
