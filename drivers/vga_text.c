/* VGA text mode: cells of character and attribute, cursor through the CRT controller. */
#include "drivers/vga_text.h"
#include "arch/x86/io.h"
#include "lib/string.h"

#define CRTC_INDEX        0x3d4 /* colour modes */
#define CRTC_DATA         0x3d5
#define CRTC_CURSOR_START 0x0a
#define CRTC_START_HIGH   0x0c
#define CRTC_START_LOW    0x0d
#define CRTC_CURSOR_HIGH  0x0e
#define CRTC_CURSOR_LOW   0x0f
#define ATTR_GREY         0x07

static void crtc_write(u8 index, u8 v)
{
	outb(CRTC_INDEX, index);
	outb(CRTC_DATA, v);
}

static void set_cell(struct vga_text *v, u32 pos, u16 cell)
{
	if (v->shadow[pos] == cell)
		return;
	v->shadow[pos] = cell;
	v->mem[pos] = cell;
}

static u16 cell_of(const struct vga_text *v, char c)
{
	return (u16)(v->attr << 8 | (u8)c);
}

static void scroll(struct vga_text *v)
{
	u32 last = (VGA_TEXT_ROWS - 1) * VGA_TEXT_COLS;

	for (u32 i = 0; i < last; i++)
		set_cell(v, i, v->shadow[i + VGA_TEXT_COLS]);
	for (u32 i = last; i < last + VGA_TEXT_COLS; i++)
		set_cell(v, i, cell_of(v, ' '));
}

static void newline(struct vga_text *v)
{
	v->col = 0;
	if (++v->row == VGA_TEXT_ROWS) {
		v->row--;
		scroll(v);
	}
}

static void put_char(struct vga_text *v, char c)
{
	switch (c) {
	case '\n': newline(v); return;
	case '\r': v->col = 0; return;
	case '\b':
		if (v->col)
			v->col--;
		return;
	case '\t':
		do
			put_char(v, ' ');
		while (v->col % 8);
		return;
	}
	if (v->col == VGA_TEXT_COLS)
		newline(v);
	set_cell(v, v->row * VGA_TEXT_COLS + v->col, cell_of(v, c >= ' ' && c <= '~' ? c : '?'));
	v->col++;
}

static void move_cursor(struct vga_text *v)
{
	u32 pos = v->row * VGA_TEXT_COLS + MIN(v->col, VGA_TEXT_COLS - 1u);

	crtc_write(CRTC_CURSOR_HIGH, (u8)(pos >> 8));
	crtc_write(CRTC_CURSOR_LOW, (u8)pos);
}

static void vga_write(struct console *con, const char *text, size_t len)
{
	struct vga_text *v = container_of(con, struct vga_text, con);

	for (size_t i = 0; i < len; i++)
		put_char(v, text[i]);
	move_cursor(v);
}

void vga_text_init(struct vga_text *v, volatile void *mem)
{
	memset(v, 0, sizeof(*v));
	v->con = (struct console){ .name = "vga", .write = vga_write };
	v->mem = mem;
	v->attr = ATTR_GREY;
	for (u32 i = 0; i < ARRAY_SIZE(v->shadow); i++)
		v->mem[i] = v->shadow[i] = cell_of(v, ' ');
	crtc_write(CRTC_START_HIGH, 0);
	crtc_write(CRTC_START_LOW, 0);
	crtc_write(CRTC_CURSOR_START, 0x0e); /* underline cursor, switched on */
	move_cursor(v);
}
