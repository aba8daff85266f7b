/* Between vvga.c (the function, mapping), vvga_regs.c, vvga_vbe.c, vvga_mem.c, vvga_draw.c and vvga_text.c. */
#pragma once

#include "vmm/dev/pci/vvga.h"

enum {
	CR_HTOTAL = 0x00,
	CR_HDISP = 0x01,
	CR_VTOTAL = 0x06,
	CR_OVERFLOW = 0x07,
	CR_PRESET_ROW = 0x08,
	CR_MAX_SCAN = 0x09,
	CR_CURSOR_START = 0x0a,
	CR_CURSOR_END = 0x0b,
	CR_START_HIGH = 0x0c,
	CR_START_LOW = 0x0d,
	CR_CURSOR_HIGH = 0x0e,
	CR_CURSOR_LOW = 0x0f,
	CR_VSYNC_START = 0x10,
	CR_VSYNC_END = 0x11,
	CR_VDISP = 0x12,
	CR_OFFSET = 0x13,
	CR_UNDERLINE = 0x14,
	CR_MODE = 0x17,
	CR_LINE_COMPARE = 0x18
};
enum { SR_CLOCKING = 1, SR_MAP_MASK = 2, SR_FONT = 3, SR_MEMORY = 4 };
enum {
	GR_SET_RESET = 0,
	GR_ENABLE_SR = 1,
	GR_COMPARE = 2,
	GR_ROTATE = 3,
	GR_READ_MAP = 4,
	GR_MODE = 5,
	GR_MISC = 6,
	GR_DONT_CARE = 7,
	GR_BIT_MASK = 8
};
enum { AR_MODE = 0x10, AR_OVERSCAN = 0x11, AR_PLANES = 0x12, AR_PANNING = 0x13, AR_COLOUR = 0x14 };

#define MISC_COLOUR 0x01 /* CRTC at 3D4h, not 3B4h */
#define MISC_RAM    0x02
#define MISC_PAGE   0x20 /* odd/even: the page of even addresses */

#define SR1_8DOT   0x01
#define SR1_HALF   0x08 /* dot clock / 2 */
#define SR1_OFF    0x20
#define SR4_PLAIN  0x04 /* 0: odd/even writes */
#define SR4_CHAIN4 0x08

#define GR5_ODD_EVEN 0x10
#define GR5_SHIFT4   0x20 /* two bits a pixel */
#define GR5_SHIFT256 0x40
#define GR6_GRAPHICS 0x01
#define GR6_CHAIN    0x02

#define AR_PAS 0x20 /* of the index */

static inline bool vvga_vbe_on(const struct vvga_state *s)
{
	return s->vbe[VBE_ENABLE] & VBE_ENABLED;
}

/* Memory is one byte after the other. */
static inline bool vvga_vbe_linear(const struct vvga_state *s)
{
	return vvga_vbe_on(s) && s->vbe[VBE_BPP] != 4;
}

/* ---- vvga_regs.c ---- */

/* 3B0h-3DFh, byte by byte. */
u8 vvga_port_read(struct vvga *v, u32 port, u64 now);
void vvga_port_write(struct vvga *v, u32 port, u8 val);
void vvga_regs_reset(struct vvga_state *s);
bool vvga_regs_valid(const struct vvga_state *s, struct state_check *c);

/* ---- vvga_vbe.c ---- */

u16 vvga_vbe_read(const struct vvga *v, u32 reg);
void vvga_vbe_write(struct vvga *v, u32 reg, u16 val);
void vvga_vbe_io(void *dev, struct io_access *io);
void vvga_vbe_reset(struct vvga_state *s);
bool vvga_vbe_valid(const struct vvga *v, const struct vvga_state *s, struct state_check *c);
/* Bytes of a line of the virtual screen, of a plane if it has planes. */
u32 vvga_vbe_line(const struct vvga_state *s);

/* ---- vvga_mem.c ---- */

/* Where planes 0 and 1, 2 and 3 at address a of the planes are in video memory. */
struct vvga_pairs {
	u32 p01, p23;
};
struct vvga_pairs vvga_pairs(u32 chained, u32 a);
/* How the window is decoded, from the registers. */
void vvga_decode(struct vvga *v);
/* The legacy window, offset from A0000h. */
void vvga_window_io(void *dev, struct io_access *io);
/* The linear framebuffer. */
void vvga_lfb_io(void *dev, struct io_access *io);
/* Video memory [0, end) is to read 0, without being written now. */
void vvga_clear(struct vvga *v, u32 end);
/* Clears what is still to be cleared of the page at off. */
void vvga_clean(struct vvga *v, u32 off);
bool vvga_is_clean(const struct vvga_state *s);
/* Bytes of video memory as they read. */
void vvga_copy(const struct vvga *v, u32 off, u8 *to, u32 len);
bool vvga_mem_valid(const struct vvga *v, const struct vvga_state *s, struct state_check *c);

/* ---- vvga_draw.c ---- */

/* A scan line of the picture: where its memory begins, and how far it is shifted. */
struct vvga_line {
	u32 ma;   /* address counter at its beginning */
	u32 scan; /* line within the character row */
	u32 pan;  /* pixels */
};
/* How the registers shape the picture. */
struct vvga_picture {
	enum fb_kind kind;
	u32 width, height;
	u32 cols, rows;
	u32 char_width, char_height;
	u32 repeat; /* scan lines of a picture's row */
};
void vvga_picture(const struct vvga_state *s, struct vvga_picture *p);
struct vvga_line vvga_line(const struct vvga_state *s, u32 scan_line);
/* Address in the planes of a count of the address counter. */
u32 vvga_count_addr(const struct vvga_state *s, u32 ma, u32 scan);
/* What the planes have there: plane p in bits 8p to 8p+7. */
u32 vvga_shot_planes(const struct vvga_shot *shot, u32 a);
void vvga_pixels(const void *shot, u32 x, u32 y, u32 n, u8 *rgb);
/* What a scan line of text has in common; line is set. */
struct vvga_text_row {
	struct vvga_line line;
	u32 fonts[2]; /* of attributes without and with bit 3 */
	u32 cursor;   /* count of the address counter; ~0: none in this line */
	bool blink_off;
};
void vvga_text_row(const struct vvga_shot *shot, struct vvga_text_row *t);
/* A character's pixels in this line. */
void vvga_text_cell(const struct vvga_shot *shot, const struct vvga_text_row *t, u32 col, u8 px[9]);

/* ---- vvga_same.c ---- */

u32 vvga_same(const void *shot, u32 x, u32 y, u32 n);

/* ---- vvga_text.c ---- */

size_t vvga_text(const void *shot, u32 col, u32 row, u32 n, char *buf);

/* ---- vvga.c ---- */

/* After a register changed on which decoding depends: maps that are wrong now go. */
void vvga_update(struct vvga *v);
/* Maps it, if it can be: at an access that a map would have spared. */
void vvga_try_map(struct vvga *v, enum vvga_map which);
