/* VGA text mode: cells of character and attribute, cursor through the CRT controller. */
#include "drivers/console/vga_text.h"
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

static u16 cell_of(u8 c)
{
	return (u16)(ATTR_GREY << 8 | c);
}

static void draw(struct screen *s, u32 row, u32 col, const u8 *text, u32 n)
{
	struct vga_text *v = container_of(s, struct vga_text, screen);

	for (u32 i = 0; i < n; i++)
		v->mem[row * VGA_TEXT_COLS + col + i] = cell_of(text[i]);
}

static void place_cursor(u32 pos)
{
	crtc_write(CRTC_CURSOR_HIGH, (u8)(pos >> 8));
	crtc_write(CRTC_CURSOR_LOW, (u8)pos);
}

/* While the screen is redrawn it stays where it is: the controller shows it beside the characters. */
static void move_cursor(struct screen *s, u32 row, u32 col, u8 c, bool on)
{
	if (on)
		place_cursor(row * VGA_TEXT_COLS + col);
	else if (s->hidden)
		place_cursor(VGA_TEXT_ROWS * VGA_TEXT_COLS); /* below what is shown */
}

static void vga_write(struct console *con, const char *text, size_t len)
{
	struct vga_text *v = container_of(con, struct vga_text, con);

	screen_write(&v->screen, text, len);
}

static bool vga_show(struct console *con)
{
	struct vga_text *v = container_of(con, struct vga_text, con);

	return screen_draw(&v->screen);
}

static u32 vga_room(struct console *con)
{
	return SCREEN_ROOM;
}

void vga_text_init(struct vga_text *v, volatile void *mem)
{
	static const struct screen_ops ops = { .draw = draw, .cursor = move_cursor };

	memset(v, 0, sizeof(*v));
	v->con = (struct console){ .name = "vga", .write = vga_write, .show = vga_show, .room = vga_room };
	v->mem = mem;
	screen_init(&v->screen, VGA_TEXT_COLS, VGA_TEXT_ROWS, VGA_TEXT_PIECE, v->memory, &ops);
	for (u32 i = 0; i < VGA_TEXT_ROWS * VGA_TEXT_COLS; i++)
		v->mem[i] = cell_of(' ');
	crtc_write(CRTC_START_HIGH, 0);
	crtc_write(CRTC_START_LOW, 0);
	crtc_write(CRTC_CURSOR_START, 0x0e); /* underline cursor, switched on */
	while (screen_draw(&v->screen))
		;
}
