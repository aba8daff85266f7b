/*
 * The log of the first steps. PC16550D data sheet, "Registers"; IBM VGA, text mode: a character and an attribute each
 * 16 bits.
 */
#include "arch/x86/early_log.h"

#include "arch/x86/io.h"
#include "lib/log.h"

#define COM1     0x3f8
#define TX_SPINS 400000u /* a few 100 ms: more than a full FIFO takes at any speed */

#define VGA_COLS 80u
#define VGA_ROWS 25u

static volatile u16 *vga = (volatile u16 *)0xb8000;
static u32 vga_at;
static bool com1_stuck;

static void put_com1(char c)
{
	for (u32 i = 0; !(inb(COM1 + 5) & 0x20); i++) {
		if (i == TX_SPINS) {
			com1_stuck = true;
			return;
		}
	}
	outb(COM1, (u8)c);
}

/* Around at its end: what was there before says less. */
static void put_vga(char c)
{
	if (c == '\n')
		vga_at += VGA_COLS - vga_at % VGA_COLS;
	else
		vga[vga_at++] = 0x0700u | (u8)c;
	vga_at %= VGA_COLS * VGA_ROWS;
}

static void early_write(void *ctx, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' && !com1_stuck)
			put_com1('\r');
		if (!com1_stuck)
			put_com1(text[i]);
	}
	for (size_t i = 0; vga && i < len; i++)
		put_vga(text[i]);
}

void early_log_open(void)
{
	static struct log_sink sink = { .write = early_write };

	outb(COM1 + 1, 0);    /* no interrupts */
	outb(COM1 + 3, 0x80); /* divisor 1: 115200 */
	outb(COM1, 1);
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 3); /* 8N1 */
	outb(COM1 + 2, 7); /* FIFO on and empty */
	outb(COM1 + 4, 3); /* DTR, RTS */
	log_add_sink(&sink);
}

void early_log_unmapped(void)
{
	vga = NULL;
}
