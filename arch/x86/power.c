/* ACPI Specification, "Fixed Hardware Programming Model" (PM1 control, reset register). */
#include "arch/x86/power.h"

#include "arch/x86/cpu.h"
#include "arch/x86/io.h"
#include "arch/x86/tsc.h"
#include "lib/log.h"

#define PM1_SCI_EN     1u
#define PM1_SLP_EN     (1u << 13)
#define PM1_SLP_TYP(t) ((u32)(t) << 10)

static struct acpi_fadt fadt;
static struct acpi_s5 s5;
static bool have_fadt, have_s5;
static void *(*map_mmio)(u64 pa, u64 len);

void power_init(const struct acpi_fadt *f, const struct acpi_s5 *s, void *(*map)(u64 pa, u64 len))
{
	map_mmio = map;
	have_fadt = f;
	have_s5 = f && s;
	if (f)
		fadt = *f;
	if (s)
		s5 = *s;
}

static void acpi_mode(u16 cnt)
{
	if ((inw(cnt) & PM1_SCI_EN) || !fadt.smi_cmd || !fadt.acpi_enable)
		return;
	outb((u16)fadt.smi_cmd, fadt.acpi_enable);
	for (u32 i = 0; i < 1000 && !(inw(cnt) & PM1_SCI_EN); i++)
		tsc_delay_us(100);
}

void power_off(void)
{
	u16 a = (u16)fadt.pm1a_cnt.addr, b = (u16)fadt.pm1b_cnt.addr;

	if (!have_s5 || !a || fadt.pm1a_cnt.space != ACPI_SPACE_IO) {
		log_err("power: the firmware offers no ACPI S5; switch the machine off by hand\n");
		return;
	}
	acpi_mode(a);
	outw(a, (u16)((inw(a) & ~PM1_SLP_TYP(7)) | PM1_SLP_TYP(s5.slp_typ_a) | PM1_SLP_EN));
	if (b)
		outw(b, (u16)((inw(b) & ~PM1_SLP_TYP(7)) | PM1_SLP_TYP(s5.slp_typ_b) | PM1_SLP_EN));
	tsc_delay_us(1000000);
	log_err("power: S5 was asked for, but the machine stays on\n");
}

static void fadt_reset(void)
{
	volatile u8 *p;

	if (!have_fadt || !fadt.reset_supported || !fadt.reset_reg.addr)
		return;
	if (fadt.reset_reg.space == ACPI_SPACE_IO) {
		outb((u16)fadt.reset_reg.addr, fadt.reset_value);
	} else if (fadt.reset_reg.space == ACPI_SPACE_MEM) {
		p = map_mmio(fadt.reset_reg.addr, 1);
		if (p)
			*p = fadt.reset_value;
	}
	tsc_delay_us(10000);
}

void power_reset(void)
{
	struct {
		u16 limit;
		u64 base;
	} __packed none = { 0, 0 };

	fadt_reset();
	outb(0xcf9, 2);
	outb(0xcf9, 6);
	tsc_delay_us(10000);
	outb(0x64, 0xfe);
	tsc_delay_us(10000);
	__asm__ volatile("lidt %0\n\tint3" : : "m"(none));
	cpu_halt_forever();
}
