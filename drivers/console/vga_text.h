/* 80x25 VGA text mode (the state firmware or GRUB leaves) as a console. */
#pragma once

#include "drivers/con.h"
#include "drivers/console/screen.h"
#include "lib/err.h"

#define VGA_TEXT_PA   0xb8000ull
#define VGA_TEXT_COLS 80
#define VGA_TEXT_ROWS 25
#define VGA_TEXT_SIZE (VGA_TEXT_COLS * VGA_TEXT_ROWS * 2)

#define VGA_TEXT_PIECE 16 /* characters written at a time */

struct vga_text {
	struct console con;
	struct screen screen;
	volatile u16 *mem; /* VGA_TEXT_SIZE bytes, mapped uncached or write-combining; never read */
	u8 memory[SCREEN_MEMORY(VGA_TEXT_COLS, VGA_TEXT_ROWS)];
};

/* Clears the screen and takes it. mem: where VGA_TEXT_PA is mapped. */
void vga_text_init(struct vga_text *v, volatile void *mem);
