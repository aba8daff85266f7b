/* The MSR bitmap: which RDMSR and WRMSR do not exit. */
#include "lib/string.h"
#include "vmm/policy/msr.h"

static void allow(u8 *bitmap, u32 idx, bool read, bool write)
{
	u32 bit = idx & 0x1fff;
	u8 *half = bitmap + (idx >= 0xc0000000 ? 1024 : 0);

	if (read)
		half[bit / 8] &= (u8) ~(1u << bit % 8);
	if (write)
		half[2048 + bit / 8] &= (u8) ~(1u << bit % 8);
}

/* x2APIC registers whose value the virtual-APIC page holds in full, 32 bits each:
 * not ICR (64) nor the current count. */
static void allow_x2apic(u8 *bitmap, const struct msr_bitmap_cfg *cfg)
{
	static const struct {
		u16 first, last;
	} readable[] = { { 0x802, 0x803 }, { 0x808, 0x808 }, { 0x80a, 0x80a }, { 0x80d, 0x80d },
		         { 0x80f, 0x828 }, { 0x832, 0x838 }, { 0x83e, 0x83e } };

	if (!cfg->x2apic_virt)
		return;
	allow(bitmap, 0x808, true, true);
	for (u32 i = 0; cfg->x2apic_reg_virt && i < ARRAY_SIZE(readable); i++)
		for (u32 idx = readable[i].first; idx <= readable[i].last; idx++)
			allow(bitmap, idx, true, false);
	if (cfg->x2apic_intr_virt)
		allow(bitmap, 0x80b, false, true);
	if (cfg->x2apic_self_ipi)
		allow(bitmap, 0x83f, false, true);
}

void msr_build_bitmap(u8 bitmap[4096], const struct msr_bitmap_cfg *cfg)
{
	memset(bitmap, 0xff, 4096);
	/* In the VMCS guest area: the processor itself refuses what is not canonical. */
	allow(bitmap, MSR_IA32_FS_BASE, true, true);
	allow(bitmap, MSR_IA32_GS_BASE, true, true);
	allow(bitmap, MSR_IA32_SYSENTER_CS, true, true);
	allow(bitmap, MSR_IA32_SYSENTER_ESP, true, true);
	allow(bitmap, MSR_IA32_SYSENTER_EIP, true, true);
	if (cfg->syscall) {
		for (u32 idx = MSR_IA32_STAR; idx <= MSR_IA32_FMASK; idx++)
			allow(bitmap, idx, true, true);
		allow(bitmap, MSR_IA32_KERNEL_GSBASE, true, true);
	}
	allow(bitmap, MSR_IA32_TSC_AUX, cfg->tsc_aux, cfg->tsc_aux);
	allow(bitmap, MSR_IA32_PAT, cfg->pat, cfg->pat);
	allow(bitmap, MSR_IA32_EFER, cfg->efer_read, false);
	allow(bitmap, MSR_IA32_TSC, cfg->tsc_read, false);
	allow_x2apic(bitmap, cfg);
}
