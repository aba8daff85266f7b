/* VMX root operation. SDM vol. 3 "Enabling and Entering VMX Operation", "VMX Capability Reporting Facility". */
#include "arch/x86/vmx/vmx.h"

#include "arch/x86/cpu.h"
#include "lib/assert.h"
#include "lib/fmt.h"
#include "lib/log.h"

#define FEATURE_CONTROL_LOCK  BIT(0)
#define FEATURE_CONTROL_VMXON BIT(2)

#define DUMP_LOOKS 8u /* fields that this processor does not have, passed over in one piece */

struct vmx_caps vmx_caps;

#ifdef CONFIG_VMCS_COUNT
u64 vmcs_reads, vmcs_writes;
#endif

void vmcs_read_failed(u32 field)
{
	panic("VMREAD of field %#x (%s) failed", field, vmcs_field_name(field));
}

void vmcs_write_failed(u32 field, u64 value)
{
	panic("VMWRITE of %#lx to field %#x (%s) failed", value, field, vmcs_field_name(field));
}

static int refuse(struct caps_err *err, int code, const char *what, const char *advice)
{
	fmt_snprintf(err->what, sizeof(err->what), "%s", what);
	fmt_snprintf(err->advice, sizeof(err->advice), "%s", advice);
	return code;
}

static void read_cap_msrs(struct vmx_cap_msrs *m)
{
	cpu_rdmsr_safe(MSR_VMX_BASIC, &m->basic);
	cpu_rdmsr_safe(MSR_VMX_PINBASED, &m->pin);
	cpu_rdmsr_safe(MSR_VMX_PROCBASED, &m->proc);
	cpu_rdmsr_safe(MSR_VMX_EXIT, &m->exit);
	cpu_rdmsr_safe(MSR_VMX_ENTRY, &m->entry);
	cpu_rdmsr_safe(MSR_VMX_MISC, &m->misc);
	cpu_rdmsr_safe(MSR_VMX_CR0_FIXED0, &m->cr0_fixed0);
	cpu_rdmsr_safe(MSR_VMX_CR0_FIXED1, &m->cr0_fixed1);
	cpu_rdmsr_safe(MSR_VMX_CR4_FIXED0, &m->cr4_fixed0);
	cpu_rdmsr_safe(MSR_VMX_CR4_FIXED1, &m->cr4_fixed1);
	if (m->basic & VMX_BASIC_TRUE_CONTROLS) {
		cpu_rdmsr_safe(MSR_VMX_TRUE_PINBASED, &m->true_pin);
		cpu_rdmsr_safe(MSR_VMX_TRUE_PROCBASED, &m->true_proc);
		cpu_rdmsr_safe(MSR_VMX_TRUE_EXIT, &m->true_exit);
		cpu_rdmsr_safe(MSR_VMX_TRUE_ENTRY, &m->true_entry);
	}
	if (m->proc >> 32 & PROC_SECONDARY_CONTROLS) {
		cpu_rdmsr_safe(MSR_VMX_PROCBASED2, &m->proc2);
		if (m->proc2 >> 32 & (PROC2_ENABLE_EPT | PROC2_ENABLE_VPID))
			cpu_rdmsr_safe(MSR_VMX_EPT_VPID_CAP, &m->ept_vpid);
		if (m->proc2 >> 32 & PROC2_ENABLE_VMFUNC)
			cpu_rdmsr_safe(MSR_VMX_VMFUNC, &m->vmfunc);
	}
	if (m->proc >> 32 & PROC_TERTIARY_CONTROLS)
		cpu_rdmsr_safe(MSR_VMX_PROCBASED3, &m->proc3);
	if (m->exit >> 32 & EXIT_SECONDARY_CONTROLS)
		cpu_rdmsr_safe(MSR_VMX_EXIT2, &m->exit2);
}

static int check_feature_control(struct caps_err *err)
{
	u64 fc = 0;

	if (!cpu_rdmsr_safe(MSR_FEATURE_CONTROL, &fc))
		return OK; /* emulators without the MSR do not lock VMXON either */
	if ((fc & FEATURE_CONTROL_LOCK) && !(fc & FEATURE_CONTROL_VMXON))
		return refuse(err, ERR_PERM, "VT-x is locked off by the firmware (IA32_FEATURE_CONTROL)",
		              "enable \"Intel Virtualization Technology\" (VT-x, VMX) in the firmware setup, then "
		              "power-cycle");
	if (!(fc & FEATURE_CONTROL_LOCK))
		cpu_wrmsr_safe(MSR_FEATURE_CONTROL, fc | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON);
	return OK;
}

int vmx_detect(const struct vmx_want *want, struct caps_err *err)
{
	struct vmx_cap_msrs m = { 0 };

	if (!(cpu_cpuid(1, 0).ecx & BIT(5)))
		return refuse(err, ERR_NOTSUP, "this CPU has no VT-x (CPUID.1:ECX.VMX is 0)",
		              "use an Intel CPU with VT-x; inside a virtual machine, turn on nested virtualization "
		              "(QEMU: -accel kvm -cpu host,+vmx)");
	if (check_feature_control(err))
		return ERR_PERM;
	read_cap_msrs(&m);
	return vmx_caps_solve(&m, want, &vmx_caps, err);
}

int vmx_enable(void *page, u64 pa, struct caps_err *err)
{
	u64 cr0, cr4;
	bool fail;

	if (check_feature_control(err))
		return ERR_PERM;
	cr0 = (cpu_read_cr0() | vmx_caps.host_cr0_must1) & vmx_caps.host_cr0_may1;
	cr4 = (cpu_read_cr4() | CR4_VMXE | vmx_caps.host_cr4_must1) & vmx_caps.host_cr4_may1;
	cpu_write_cr0(cr0);
	cpu_write_cr4(cr4);
	*(u32 *)page = vmx_caps.revision;
	__asm__ volatile("vmxon %1\n\tsetbe %0" : "=qm"(fail) : "m"(pa) : "cc", "memory");
	if (fail)
		return refuse(err, ERR_NOTSUP, "VMXON failed",
		              "look for another hypervisor or a firmware that holds VT-x");
	return OK;
}

void vmx_disable(void)
{
	__asm__ volatile("vmxoff" ::: "cc", "memory");
	cpu_write_cr4(cpu_read_cr4() & ~CR4_VMXE);
}

void vmx_vmclear(u64 pa)
{
	bool fail;

	__asm__ volatile("vmclear %1\n\tsetbe %0" : "=qm"(fail) : "m"(pa) : "cc", "memory");
	assert(!fail);
}

void vmx_vmptrld(u64 pa)
{
	bool fail;

	__asm__ volatile("vmptrld %1\n\tsetbe %0" : "=qm"(fail) : "m"(pa) : "cc", "memory");
	assert(!fail);
}

void vmx_invept(u64 eptp)
{
	struct {
		u64 eptp, reserved;
	} d = { eptp, 0 };
	u64 type = vmx_caps_has(&vmx_caps, VMX_FEAT_INVEPT_SINGLE) ? INVEPT_SINGLE_CONTEXT : INVEPT_ALL_CONTEXTS;
	bool fail;

	__asm__ volatile("invept %1, %2\n\tsetbe %0" : "=qm"(fail) : "m"(d), "r"(type) : "cc", "memory");
	assert(!fail);
}

void vmx_invvpid(u16 vpid)
{
	struct {
		u64 vpid, addr;
	} d = { vpid, 0 };
	u64 type = vmx_caps_has(&vmx_caps, VMX_FEAT_INVVPID_SINGLE) ? INVVPID_SINGLE_CONTEXT : INVVPID_ALL_CONTEXTS;
	bool fail;

	if (!vmx_caps_has(&vmx_caps, VMX_FEAT_VPID))
		return; /* every entry and exit flushes */
	__asm__ volatile("invvpid %1, %2\n\tsetbe %0" : "=qm"(fail) : "m"(d), "r"(type) : "cc", "memory");
	assert(!fail);
}

bool vmcs_dump_step(int level, u32 *field)
{
	for (u32 end = MIN(*field + DUMP_LOOKS, (u32)VMCS_FIELD_COUNT); *field < end;) {
		const struct vmcs_field_info *f = &vmcs_field_table[(*field)++];
		u32 digits = f->width == VMCS_WIDTH_16 ? 4 : f->width == VMCS_WIDTH_32 ? 8 : 16;
		u64 v;

		if (!vmcs_try_read(f->encoding, &v))
			continue;
		log_printf((enum log_level)level, "  %-28s %0*lx\n", f->name, (int)digits, v);
		break;
	}
	return *field < VMCS_FIELD_COUNT;
}
