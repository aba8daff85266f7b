/* 80x25 VGA text mode (the state firmware or GRUB leaves) as a console. */
#pragma once

#include "drivers/con.h"
#include "drivers/console/screen.h"
#include "lib/err.h"

#define VGA_TEXT_PA   0xb8000ull
#define VGA_TEXT_COLS 80
#define VGA_TEXT_ROWS 25
#define VGA_TEXT_SIZE (VGA_TEXT_COLS * VGA_TEXT_ROWS * 2)

struct vga_text {
	struct console con;
	struct screen screen;
	volatile u16 *mem;                       /* VGA_TEXT_SIZE bytes, mapped uncached or write-combining */
	u8 cells[VGA_TEXT_ROWS * VGA_TEXT_COLS]; /* what is on the screen: display memory is never read */
};

/* Clears the screen and takes it. mem: where VGA_TEXT_PA is mapped. */
void vga_text_init(struct vga_text *v, volatile void *mem);
