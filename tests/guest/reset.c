/* Reset through CF9h (or "kbc": the keyboard controller, "triple": a triple fault): boots are counted in CMOS byte
 * 7Fh, the second boot ends well. Wants on-reset = "restart" in the blob, and CMOS kept over resets. */
#include "tests/guest/rt/rt.h"

static u8 cmos(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}
static void cmos_set(u8 reg, u8 v)
{
	outb(0x70, reg);
	outb(0x71, v);
}

void main(const char *cmdline)
{
	u8 boots = cmos(0x7f);

	/* 7Eh holds a mark, so that what was there before does not count */
	if (cmos(0x7e) != 0xb7) {
		cmos_set(0x7e, 0xb7);
		boots = 0;
	}
	cmos_set(0x7f, ++boots);
	rt_printf("boot %u\n", boots);
	if (boots >= 2) {
		report_eq(boots, 2, "second boot");
		report_eq(rdmsr(MSR_APIC_BASE) & 0x400, 0, "the APIC is not in x2APIC mode");
		report_eq(read_cr8(), 0, "TPR is 0");
		cmos_set(0x7e, 0);
		return;
	}
	apic_init();
	apic_to_x2();
	write_cr8(5);
	rt_printf("reset follows\n");
	rt_delay(100000);
	if (rt_option("kbc")) {
		outb(0x64, 0xfe);
	} else if (rt_option("triple")) {
		static const u16 none[5];

		asm volatile("lidt %0\n\tint3" : : "m"(none));
	} else {
		outb(0xcf9, 2);
		outb(0xcf9, 6);
	}
	rt_delay(1000000);
	report(false, "still running after a reset");
}
