/* What kernels that print to the text screen find without asking: memory from A0000h to BFFFFh that costs no exits,
 * and the CRT controller's registers. Nothing of it is told as RAM. */
#include "tests/guest/rt/rt.h"

#define VGA     0xa0000ull
#define VGA_END 0xc0000ull
#define TEXT    0xb8000ull
#define WORDS   2000u /* 80 columns, 25 rows */

static u8 crtc(u8 index)
{
	outb(0x3d4, index);
	return inb(0x3d5);
}

static void memory(void)
{
	volatile u16 *text = (volatile u16 *)TEXT;
	u64 wrong = 0, start;

	for (u64 a = VGA; a < VGA_END; a += 8)
		wrong += MMIO64(a) != 0;
	report_hv(!wrong, "A0000h to BFFFFh is clear at the start");
	wrong = 0;
	for (u64 a = VGA; a < VGA_END; a += 8)
		MMIO64(a) = a * 0x9e3779b97f4a7c15ull;
	for (u64 a = VGA; a < VGA_END; a += 8)
		wrong += MMIO64(a) != a * 0x9e3779b97f4a7c15ull;
	report_hv(!wrong, "A0000h to BFFFFh keeps what is written");
	wrong = 0;
	start = rdtsc();
	for (u32 i = 0; i < WORDS; i++)
		text[i] = (u16)(0x0720 + i % 64);
	start = (rdtsc() - start) / WORDS;
	report(start < 20, "a word to the screen costs %u ticks", (u32)start);
	for (u32 i = 0; i < WORDS; i++)
		wrong += text[i] != 0x0720 + i % 64;
	report(!wrong, "the screen holds what was printed");
	/* as kernels scroll */
	for (u32 i = 0; i < WORDS - 80; i++)
		text[i] = text[i + 80];
	report_eq(text[0], 0x0720 + 80 % 64, "a row up");
	/* beside what is RAM: an access over the border is no trap */
	*(volatile u32 *)(VGA_END - 2) = 0x11223344;
	report_hv(*(volatile u32 *)(VGA_END - 2) == 0x11223344, "over the window's end");
}

static void registers(void)
{
	u32 i;

	report(crtc(0x0e) != 0xff || crtc(0x0f) != 0xff, "the cursor is on the screen");
	outw(0x3d4, 0x070e);
	outw(0x3d4, 0xcf0f);
	report_eq(crtc(0x0e) << 8 | crtc(0x0f), WORDS - 1, "the cursor at the last character");
	report_eq(crtc(0x01), 79, "80 columns");
	for (i = 0; i < 10000000 && inb(0x3da) & 8; i++)
		;
	for (; i < 10000000 && !(inb(0x3da) & 8); i++)
		;
	report(i < 10000000, "a retrace begins");
	report_hv(inb(0x3b4) == 0xff, "no monochrome adapter");
}

void main(const char *cmdline)
{
	memory();
	registers();
}
