/* Sequences of RDMSR and WRMSR: registers only ever hold what the architecture allows in them. */
#include <string.h>

#include "../unit/fake_vmsr.h"
#include "lib/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fake_vmsr hw;
static struct vmsr m;

static void check_held(void)
{
	static const enum vmsr_reg addresses[] = { VMSR_FS_BASE, VMSR_GS_BASE, VMSR_KERNEL_GS_BASE, VMSR_SYSENTER_ESP,
		                                   VMSR_LSTAR,   VMSR_CSTAR,   VMSR_SYSENTER_EIP };

	for (u32 i = 0; i < ARRAY_SIZE(addresses); i++)
		assert(crs_canonical(hw.reg[addresses[i]], 48));
	for (u32 i = 0; i < 64; i += 8) {
		u32 type = hw.reg[VMSR_PAT] >> i & 0xff;

		assert(type < 8 && type != 2 && type != 3);
	}
	assert(!(hw.reg[VMSR_EFER] & ~m.caps.efer));
	assert(!(hw.reg[VMSR_XSS] & ~m.caps.xss));
	assert(!(hw.reg[VMSR_DEBUGCTL] & ~2ull));
	assert(!(hw.reg[VMSR_TSC_AUX] >> 32) && !(hw.reg[VMSR_FMASK] >> 32) && !(hw.reg[VMSR_SYSENTER_CS] >> 32));
	assert(vmsr_valid(&m, &m.s, &(struct state_check){ 0 }));
	assert((m.s.mtrr_def_type & 0xff) <= 6 && !(m.s.mtrr_def_type & ~0xcffull));
}

static void one(u32 idx, u64 val, bool write)
{
	u64 v = 0, again = 0;

	if (write && msr_write(&m, idx, val) == MSR_OK) {
		check_held();
		return;
	}
	if (msr_read(&m, idx, &v) != MSR_OK)
		return;
	/* What was read may be written back, if the register can be written at all, and changes nothing. */
	if (idx != MSR_IA32_APIC_BASE && msr_write(&m, idx, v) == MSR_OK) {
		assert(msr_read(&m, idx, &again) == MSR_OK);
		assert(again == v);
	}
	check_held();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const u32 bases[] = { 0x000, 0x100, 0x200, 0x400, 0x6e0, 0x800, 0xd00, 0xc0000000 };
	static struct cpuid_table t;
	struct cpuid_guest_cfg cfg = fake_guest();
	struct cpuid_host host = { fake_cpuid, NULL };

	if (size < 8)
		return 0;
	cfg.disable.w[data[0] % CPUID_NR_WORDS] = data[1] % 4 ? 0 : ~0u;
	assert(cpuid_build(&t, &host, &cfg) == OK);
	memset(&hw, 0, sizeof(hw));
	hw.x2apic_on = data[2] & 1;
	hw.crs.cr0 = data[2] & 2 ? CR0_PE | CR0_PG : 0;
	hw.reg[VMSR_PAT] = vmsr_reset_value(VMSR_PAT);
	vmsr_init(&m, &t, cfg.tsc_hz, &fake_vmsr_ops, &hw);
	vmsr_firmware_mtrrs(&m, (u64)data[3] << 24 | (u64)data[4] << 16);
	/* Each step: selector, index (2 bytes), value (8 bytes). */
	for (size_t i = 8; i + 11 <= size; i += 11) {
		u32 sel = data[i], idx;
		u64 val;

		memcpy(&val, data + i + 3, 8);
		idx = sel & 0x40 ? (u32)val : bases[sel & 7] + (data[i + 1] | (u32)(data[i + 2] & 1) << 8);
		one(idx, val, sel & 0x80);
		assert(msr_name(idx));
	}
	return 0;
}
