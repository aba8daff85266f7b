/* What the firmware's tables say: processors, interrupts, power; and the host's interrupts, which they route. */
#include "arch/x86/acpi_tables.h"
#include "arch/x86/lapic.h"
#include "arch/x86/percpu.h"
#include "arch/x86/power.h"
#include "arch/x86/trap.h"
#include "boot/bringup.h"
#include "boot/cmdline.h"
#include "lib/assert.h"
#include "lib/atomic.h"
#include "lib/log.h"
#include "mm/hvmem.h"

static struct acpi acpi;
static struct acpi_madt madt;
static struct acpi_fadt fadt;
static bool have_fadt, opened, x2apic_opt_out;

const struct acpi_madt *firmware_madt(void)
{
	return &madt;
}

const struct acpi_fadt *firmware_fadt(void)
{
	return have_fadt ? &fadt : NULL;
}

bool firmware_spcr(struct acpi_spcr *s)
{
	const struct acpi_table *t = acpi_find(&acpi, "SPCR", 0);
	int r = t ? acpi_parse_spcr(t, s) : ERR_NOENT;

	if (t && r)
		log_warn("acpi: SPCR: %s\n",
		         r == ERR_NOTSUP ? "the console is of a kind that is not known" : err_str(r));
	return r == OK;
}

/* ---- ACPI ---- */

static const void *map_acpi(void *ctx, u64 pa, u64 len)
{
	return hv_map_phys(pa, len);
}

static void *map_mmio(u64 pa, u64 len)
{
	return hv_map_mmio(pa, len);
}

static void parse_madt(const struct acpi_table *t)
{
	if (acpi_parse_madt(t, &madt))
		log_warn("acpi: MADT ends early\n");
	madt.cpus = hv_zalloc(MAX(madt.nr_cpus, 1) * sizeof(*madt.cpus));
	madt.ioapics = hv_zalloc(MAX(madt.nr_ioapics, 1) * sizeof(*madt.ioapics));
	madt.isos = hv_zalloc(MAX(madt.nr_isos, 1) * sizeof(*madt.isos));
	assert(madt.cpus && madt.ioapics && madt.isos);
	madt.cap_cpus = madt.nr_cpus;
	madt.cap_ioapics = madt.nr_ioapics;
	madt.cap_isos = madt.nr_isos;
	(void)!acpi_parse_madt(t, &madt);
}

void firmware_open(const struct acpi_mem *mem)
{
	const struct acpi_table *t;
	struct acpi_s5 s5;
	const void *rsdp = bi.rsdp;
	size_t len = bi.rsdp_len;
	u64 pa;

	if (opened)
		return;
	opened = true;
	if (!len) {
		if (acpi_find_rsdp(mem, &pa)) {
			log_warn("acpi: no RSDP; one processor, and power-off by hand\n");
			return;
		}
		rsdp = mem->map(mem->ctx, pa, BOOT_RSDP_MAX);
		len = BOOT_RSDP_MAX;
	}
	if (!rsdp || acpi_open(&acpi, mem, rsdp, len))
		return;
	t = acpi_find(&acpi, "FACP", 0);
	have_fadt = t && acpi_parse_fadt(t, &fadt) == OK;
	power_init(have_fadt ? &fadt : NULL, acpi_find_s5(&acpi, &s5) == OK ? &s5 : NULL, map_mmio);
}

#define MAX_MCFG 8 /* of those shown */

static void parse_mcfg(const struct acpi_table *t)
{
	struct acpi_mcfg m[MAX_MCFG];
	u32 nr = 0;

	if (acpi_parse_mcfg(t, m, MAX_MCFG, &nr))
		log_warn("acpi: MCFG ends early\n");
	for (u32 i = 0; i < MIN(nr, (u32)MAX_MCFG); i++)
		log_info("acpi: PCI segment %u, buses %u to %u: configuration space at %#lx\n", m[i].segment,
		         m[i].bus_start, m[i].bus_end, m[i].base);
}

static void parse_dmar(const struct acpi_table *t)
{
	struct acpi_dmar d = { 0 };

	if (acpi_parse_dmar(t, &d))
		log_warn("acpi: DMAR ends early\n");
	x2apic_opt_out = d.x2apic_opt_out;
	log_info("acpi: %u DMA remapping units, %u reserved regions%s\n", d.nr_drhds, d.nr_rmrrs,
	         x2apic_opt_out ? ", the firmware asks for xAPIC mode" : "");
}

void firmware_setup(void)
{
	static const struct acpi_mem mem = { .map = map_acpi };
	const struct acpi_table *t;

	firmware_open(&mem);
	t = acpi_find(&acpi, "APIC", 0);
	if (t)
		parse_madt(t);
	t = acpi_find(&acpi, "MCFG", 0);
	if (t)
		parse_mcfg(t);
	t = acpi_find(&acpi, "DMAR", 0);
	if (t)
		parse_dmar(t);
}

/* ---- interrupts of the host ---- */

static void on_timer(void)
{
	/* It only has to end the HLT, or the guest's turn: the run loop looks at the timers. */
}

static void on_kick(void)
{
	atomic_store(&this_cpu()->kick, 1);
}

void firmware_mask_ioapics(void)
{
	for (u32 i = 0; i < madt.nr_ioapics; i++)
		ioapic_mask_all(hv_map_mmio(madt.ioapics[i].addr, PAGE_SIZE));
}

bool route_irq(u32 irq, u8 vector)
{
	u32 gsi = irq;
	bool level = false, low = false;

	for (u32 i = 0; i < madt.nr_isos; i++) {
		if (madt.isos[i].irq != irq)
			continue;
		gsi = madt.isos[i].gsi;
		low = (madt.isos[i].flags & 3) == 3;
		level = (madt.isos[i].flags >> 2 & 3) == 3;
	}
	for (u32 i = 0; i < madt.nr_ioapics; i++) {
		u32 base = madt.ioapics[i].gsi_base;

		if (gsi < base || gsi - base >= 24)
			continue;
		ioapic_route(hv_map_mmio(madt.ioapics[i].addr, PAGE_SIZE), gsi - base, vector, lapic_id(), level,
		             low);
		return true;
	}
	return false;
}

void firmware_setup_interrupts(void)
{
	irq_register(VEC_TIMER, on_timer);
	irq_register(VEC_KICK, on_kick);
	pic8259_disable();
	lapic_init_bsp(map_mmio, cmdline_flag(bi.cmdline, "x2apic", !x2apic_opt_out));
	lapic_init_cpu();
}
