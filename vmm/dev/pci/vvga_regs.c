/* VGA: the registers behind ports 3B0h-3DFh. */
#include "lib/string.h"
#include "vmm/dev/pci/vvga_priv.h"

#define CR11_PROTECT 0x80 /* registers 0 to 7 */
#define CR7_COMPARE  0x10 /* not protected */

#define STATUS0_SENSE  0x10
#define STATUS1_BLANK  0x01
#define STATUS1_VSYNC  0x08
#define DAC_STATE_READ 3

/* Bits that registers have. */
static const u8 seq_bits[VVGA_NR_SEQ] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e };
static const u8 gc_bits[VVGA_NR_GC] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };

static u8 attr_bits(u32 i)
{
	static const u8 bits[] = { 0xef, 0xff, 0x3f, 0x0f, 0x0f };

	return i < AR_MODE ? 0x3f : bits[i - AR_MODE];
}

/* ---- the moments of the picture ---- */

/* Dots of a line and lines of a picture, all and shown, and the retrace's lines. */
struct timing {
	u32 khz, dots, dots_shown, lines, lines_shown, sync, sync_end;
};

static u32 vertical(const struct vvga_state *s, u32 low, u32 bit8, u32 bit9)
{
	u32 over = s->crtc[CR_OVERFLOW];

	return low | (over >> bit8 & 1) << 8 | (over >> bit9 & 1) << 9;
}

static struct timing timing_of(const struct vvga_state *s)
{
	u32 dot = s->seq[SR_CLOCKING] & SR1_8DOT ? 8 : 9;
	struct timing t = { .khz = s->misc & 0x04 ? 28322 : 25175 };

	if (vvga_vbe_on(s)) {
		/* 60 Hz, a twentieth of the lines and a fifth of the dots are blank. */
		t.dots_shown = s->vbe[VBE_XRES];
		t.dots = t.dots_shown + t.dots_shown / 5 + 1;
		t.lines_shown = s->vbe[VBE_YRES];
		t.lines = t.lines_shown + t.lines_shown / 20 + 3;
		t.khz = t.dots * t.lines * 60 / 1000 + 1;
		t.sync = t.lines_shown + 1;
		t.sync_end = t.sync + 2;
		return t;
	}
	if (s->seq[SR_CLOCKING] & SR1_HALF)
		t.khz /= 2;
	t.dots = (s->crtc[CR_HTOTAL] + 5u) * dot;
	t.dots_shown = (s->crtc[CR_HDISP] + 1u) * dot;
	t.lines = vertical(s, s->crtc[CR_VTOTAL], 0, 5) + 2;
	t.lines_shown = vertical(s, s->crtc[CR_VDISP], 1, 6) + 1;
	t.sync = vertical(s, s->crtc[CR_VSYNC_START], 2, 7);
	t.sync_end = t.sync + ((s->crtc[CR_VSYNC_END] - t.sync) & 0xf);
	/* A retrace that is never, or a picture without any, would keep who waits for it for ever. */
	if (t.sync >= t.lines || t.sync_end == t.sync) {
		t.sync = t.lines - 1;
		t.sync_end = t.lines;
	}
	return t;
}

static u8 status1(const struct vvga_state *s, u64 now)
{
	struct timing t = timing_of(s);
	u64 line_ns = t.dots * 1000000ull / t.khz, line = now / line_ns % t.lines, ns = now % line_ns;
	bool shown = line < t.lines_shown && ns * t.khz < t.dots_shown * 1000000ull;

	return (shown ? 0 : STATUS1_BLANK) | (line >= t.sync && line < t.sync_end ? STATUS1_VSYNC : 0);
}

/* ---- attribute controller and DAC ---- */

static void attr_write(struct vvga_state *s, u8 val)
{
	u32 i = s->attr_index & 0x1f;

	if (!s->attr_data)
		s->attr_index = val & 0x3f;
	else if (i < VVGA_NR_ATTR)
		s->attr[i] = val & attr_bits(i);
	s->attr_data = !s->attr_data;
}

static u8 attr_read(const struct vvga_state *s)
{
	u32 i = s->attr_index & 0x1f;

	return i < VVGA_NR_ATTR ? s->attr[i] : 0;
}

static u8 dac_bits(const struct vvga_state *s)
{
	return s->vbe[VBE_ENABLE] & VBE_8BIT_DAC ? 0xff : 0x3f;
}

/* A colour is taken as a whole, when its third part comes. */
static void dac_write(struct vvga_state *s, u8 val)
{
	u32 at = s->dac_write * 3u;

	if (s->dac_part < 2) {
		s->dac_held[s->dac_part++] = val;
		return;
	}
	s->dac[at] = s->dac_held[0] & dac_bits(s);
	s->dac[at + 1] = s->dac_held[1] & dac_bits(s);
	s->dac[at + 2] = val & dac_bits(s);
	s->dac_part = 0;
	s->dac_write++;
}

static u8 dac_read(struct vvga_state *s)
{
	u8 val = s->dac[s->dac_read * 3u + s->dac_part];

	if (++s->dac_part == 3) {
		s->dac_part = 0;
		s->dac_read++;
	}
	return val;
}

static void dac_begin(struct vvga_state *s, u8 index, bool reading)
{
	*(reading ? &s->dac_read : &s->dac_write) = index;
	s->dac_part = 0;
	s->dac_reading = reading;
}

/* ---- ports ---- */

/* Of 3B0h-3BBh and 3D0h-3DFh those that the misc register's bit 0 has chosen are there. */
static bool crtc_port(const struct vvga_state *s, u32 port)
{
	return port >> 4 == (s->misc & MISC_COLOUR ? 0x3d : 0x3b);
}

static u8 crtc_read(struct vvga_state *s, u32 port, u64 now)
{
	if (!crtc_port(s, port))
		return 0xff;
	switch (port & 0xf) {
	case 4: return s->crtc_index;
	case 5: return s->crtc_index < VVGA_NR_CRTC ? s->crtc[s->crtc_index] : 0;
	case 0xa: s->attr_data = false; return status1(s, now);
	default: return 0xff;
	}
}

u8 vvga_port_read(struct vvga *v, u32 port, u64 now)
{
	struct vvga_state *s = &v->s;

	switch (port) {
	case 0x3c0: return s->attr_index;
	case 0x3c1: return attr_read(s);
	case 0x3c2: return STATUS0_SENSE;
	case 0x3c3: return s->subsystem;
	case 0x3c4: return s->seq_index;
	case 0x3c5: return s->seq_index < VVGA_NR_SEQ ? s->seq[s->seq_index] : 0;
	case 0x3c6: return s->dac_mask;
	case 0x3c7: return s->dac_reading ? DAC_STATE_READ : 0;
	case 0x3c8: return s->dac_write;
	case 0x3c9: return dac_read(s);
	case 0x3ca: return s->feature;
	case 0x3cc: return s->misc;
	case 0x3ce: return s->gc_index;
	case 0x3cf: return s->gc_index < VVGA_NR_GC ? s->gc[s->gc_index] : 0;
	default: return crtc_read(s, port, now);
	}
}

static void crtc_write(struct vvga_state *s, u32 port, u8 val)
{
	u32 i = s->crtc_index;

	if (!crtc_port(s, port))
		return;
	switch (port & 0xf) {
	case 4: s->crtc_index = val; break;
	case 5:
		if (i >= VVGA_NR_CRTC)
			break;
		if (i > CR_OVERFLOW || !(s->crtc[CR_VSYNC_END] & CR11_PROTECT))
			s->crtc[i] = val;
		else if (i == CR_OVERFLOW)
			s->crtc[i] = (u8)((s->crtc[i] & ~CR7_COMPARE) | (val & CR7_COMPARE));
		break;
	case 0xa: s->feature = val & 0x0b; break;
	default: break;
	}
}

void vvga_port_write(struct vvga *v, u32 port, u8 val)
{
	struct vvga_state *s = &v->s;

	switch (port) {
	case 0x3c0: attr_write(s, val); return;
	case 0x3c2:
		s->misc = val & 0xef;
		vvga_update(v);
		return;
	case 0x3c3: s->subsystem = val & 1; return;
	case 0x3c4: s->seq_index = val; return;
	case 0x3c5:
		if (s->seq_index < VVGA_NR_SEQ)
			s->seq[s->seq_index] = val & seq_bits[s->seq_index];
		vvga_update(v);
		return;
	case 0x3c6: s->dac_mask = val; return;
	case 0x3c7: dac_begin(s, val, true); return;
	case 0x3c8: dac_begin(s, val, false); return;
	case 0x3c9: dac_write(s, val); return;
	case 0x3ce: s->gc_index = val; return;
	case 0x3cf:
		if (s->gc_index < VVGA_NR_GC)
			s->gc[s->gc_index] = val & gc_bits[s->gc_index];
		vvga_update(v);
		return;
	default: crtc_write(s, port, val); return;
	}
}

/* ---- reset and checks ---- */

/* Nothing is shown and the memory is not there until a BIOS says how; but the window is at A0000h, and bytes go through. */
void vvga_regs_reset(struct vvga_state *s)
{
	s->misc = MISC_COLOUR;
	s->subsystem = 1;
	s->seq[0] = 3;
	s->seq[SR_MEMORY] = SR4_PLAIN | 2;
	s->seq[SR_MAP_MASK] = 0xf;
	s->gc[GR_MISC] = 5;
	s->gc[GR_DONT_CARE] = 0xf;
	s->gc[GR_BIT_MASK] = 0xff;
	s->dac_mask = 0xff;
}

bool vvga_regs_valid(const struct vvga_state *s, struct state_check *c)
{
	static const char lacks[] = "has bits that the register lacks";

	if (s->misc & 0x10)
		return state_refuse(c, "misc", s->misc, lacks);
	if (s->feature & ~0x0b)
		return state_refuse(c, "feature", s->feature, lacks);
	if (s->subsystem & ~1)
		return state_refuse(c, "subsystem", s->subsystem, lacks);
	if (s->attr_index & ~0x3f)
		return state_refuse(c, "attr_index", s->attr_index, lacks);
	if (s->dac_part > 2)
		return state_refuse(c, "dac_part", s->dac_part, "is no part of a colour");
	for (u32 i = 0; i < VVGA_NR_SEQ; i++)
		if (s->seq[i] & ~seq_bits[i])
			return state_refuse(c, "seq", i, "is the number of a register with bits that it lacks");
	for (u32 i = 0; i < VVGA_NR_GC; i++)
		if (s->gc[i] & ~gc_bits[i])
			return state_refuse(c, "gc", i, "is the number of a register with bits that it lacks");
	for (u32 i = 0; i < VVGA_NR_ATTR; i++)
		if (s->attr[i] & ~attr_bits(i))
			return state_refuse(c, "attr", i, "is the number of a register with bits that it lacks");
	return true;
}
