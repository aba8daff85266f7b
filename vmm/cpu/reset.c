/* What a vCPU's VMCS holds after a reset: controls, host state, guest state. SDM vol. 3 "Guest-State Area". */
#include "arch/x86/cpu.h"
#include "arch/x86/exc.h"
#include "arch/x86/fpu.h"
#include "arch/x86/percpu.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/cpu/priv.h"
#include "vmm/cpu/regs.h"
#include "vmm/vm/vm.h"

/* TSC ticks: two PAUSEs at most so far apart belong to one loop; a loop of that length exits. */
#define PLE_GAP    128
#define PLE_WINDOW 4096

/* Controls that let the guest use instructions which its CPUID does not have: without them they give #UD. */
static u32 hidden_controls(const struct vcpu *v)
{
	u32 hidden = PROC2_USER_WAIT_PAUSE; /* offered to nobody */

	if (!cpuid_has(v->cpuid, CPUID_FEAT_RDTSCP))
		hidden |= PROC2_ENABLE_RDTSCP;
	if (!cpuid_has(v->cpuid, CPUID_FEAT_INVPCID))
		hidden |= PROC2_ENABLE_INVPCID;
	if (!cpuid_has(v->cpuid, CPUID_FEAT_XSAVES))
		hidden |= PROC2_ENABLE_XSAVES;
	return hidden & ~vmx_caps.proc2_forced;
}

static void write_controls(struct vcpu *v)
{
	struct vm *vm = v->vm;

	v->pin = vmx_caps.pin;
	/* Every port access exits: what is not ours to hand out must not reach the machine. */
	v->proc = (vmx_caps.proc | PROC_UNCONDITIONAL_IO_EXITING) & ~PROC_IO_BITMAPS;
	v->proc2 = (v->vpid ? vmx_caps.proc2 : vmx_caps.proc2 & ~PROC2_ENABLE_VPID) |
	           (vm->clock.ratio ? PROC2_TSC_SCALING : 0);
	v->proc2 &= ~hidden_controls(v);
	/* A time stamp counter that is hidden is not to be read either. */
	if (!cpuid_has(v->cpuid, CPUID_FEAT_TSC))
		v->proc |= vmx_caps.proc_allowed & PROC_RDTSC_EXITING;
	/* SGX is hidden: its supervisor instruction exits, to get the #UD that goes with that. */
	v->proc2 |= vmx_caps.proc2_allowed & PROC2_ENCLS_EXITING;
	/* Spinning for a sibling is seen; a lone vCPU has none. */
	if (vm->nr_vcpus > 1 && vmx_caps_has(&vmx_caps, VMX_FEAT_PLE)) {
		v->proc2 |= PROC2_PAUSE_LOOP_EXITING;
		vmcs_write(VMCS_PLE_GAP, PLE_GAP);
		vmcs_write(VMCS_PLE_WINDOW, PLE_WINDOW);
	}
	v->exit = vmx_caps.exit;
	v->entry = vmx_caps.entry & ~ENTRY_IA32E_GUEST;
	v->a20_closed = vm->a20.bit;
	v->eptp = ept_eptp(vm_a20_root(&vm->a20, &vm->ept));
	if (v->pin & PIN_PREEMPTION_TIMER && vmx_caps_has(&vmx_caps, VMX_FEAT_PREEMPTION_SAVE))
		v->exit |= EXIT_SAVE_PREEMPTION_TIMER;
	vmcs_write(VMCS_PIN_CONTROLS, v->pin);
	vmcs_write(VMCS_PROC_CONTROLS, v->proc);
	vmcs_write(VMCS_PROC2_CONTROLS, v->proc2);
	vmcs_write(VMCS_EXIT_CONTROLS, v->exit);
	vmcs_write(VMCS_ENTRY_CONTROLS, v->entry);
	if (v->vpid)
		vmcs_write(VMCS_VPID, v->vpid);
	vmcs_write(VMCS_EPTP, v->eptp);
	vmcs_write(VMCS_MSR_BITMAP, virt_to_phys(v->msr_bitmap).v);
	vmcs_write(VMCS_TSC_OFFSET, v->tsc_offset);
	if (vm->clock.ratio)
		vmcs_write(VMCS_TSC_MULTIPLIER, vm->clock.ratio);
	/*
	 * #MC must reach the hypervisor. #DB and #AC can be delivered without end when their delivery causes the next
	 * one, and nothing but their exits gets the processor out of that. #UD only for the forced-emulation prefix.
	 */
	vmcs_write(VMCS_EXCEPTION_BITMAP,
	           BIT(VEC_DB) | BIT(VEC_AC) | BIT(VEC_MC) | (vm->config.forced_emulation ? BIT(VEC_UD) : 0));
	vmcs_write(VMCS_PF_ERROR_MASK, 0);
	vmcs_write(VMCS_PF_ERROR_MATCH, 0);
	vmcs_write(VMCS_CR3_TARGET_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
	if (v->proc2 & PROC2_ENCLS_EXITING)
		vmcs_write(VMCS_ENCLS_EXIT_BITMAP, ~0ull);
	vmcs_write(VMCS_CR0_MASK, crs_cr0_mask());
	vmcs_write(VMCS_CR4_MASK, crs_cr4_mask(&v->crs));
	vmcs_write(VMCS_LINK_PTR, ~0ull);
	if (v->proc & PROC_TPR_SHADOW) {
		vmcs_write(VMCS_VIRTUAL_APIC_ADDR, virt_to_phys(v->lapic_page).v);
		vmcs_write(VMCS_TPR_THRESHOLD, 0);
	}
	if (vmx_caps_has(&vmx_caps, VMX_FEAT_APIC_ACCESS))
		vmcs_write(VMCS_APIC_ACCESS_ADDR, vm->apic_access_pa);
	if (vmx_caps.proc2_allowed & PROC2_VIRTUAL_INTERRUPT_DELIVERY) {
		vmcs_write(VMCS_GUEST_INTR_STATUS, 0);
		for (u32 i = 0; i < 4; i++)
			vmcs_write(vmcs_nth(VMCS_EOI_EXIT_BITMAP0, i), 0);
	}
	if (v->proc2 & PROC2_ENABLE_XSAVES)
		vmcs_write(VMCS_XSS_EXIT_BITMAP, 0);
}

void vcpu_write_host_state(struct vcpu *v)
{
	struct pcpu *p = this_cpu();
	struct {
		u16 limit;
		u64 base;
	} __packed idtr;

	__asm__ volatile("sidt %0" : "=m"(idtr));
	vmcs_write(VMCS_HOST_CR0, cpu_read_cr0());
	vmcs_write(VMCS_HOST_CR3, hostpt_cr3(&v->vm->pt));
	vmcs_write(VMCS_HOST_CR4, cpu_read_cr4());
	vmcs_write(VMCS_HOST_CS_SEL, SEL_CODE);
	vmcs_write(VMCS_HOST_SS_SEL, SEL_DATA);
	vmcs_write(VMCS_HOST_DS_SEL, SEL_DATA);
	vmcs_write(VMCS_HOST_ES_SEL, SEL_DATA);
	vmcs_write(VMCS_HOST_FS_SEL, 0);
	vmcs_write(VMCS_HOST_GS_SEL, 0);
	vmcs_write(VMCS_HOST_TR_SEL, SEL_TSS);
	vmcs_write(VMCS_HOST_FS_BASE, (u64)p);
	vmcs_write(VMCS_HOST_GS_BASE, (u64)p);
	vmcs_write(VMCS_HOST_TR_BASE, (u64)&p->tss);
	vmcs_write(VMCS_HOST_GDTR_BASE, (u64)p->gdt);
	vmcs_write(VMCS_HOST_IDTR_BASE, idtr.base);
	vmcs_write(VMCS_HOST_SYSENTER_CS, 0);
	vmcs_write(VMCS_HOST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_HOST_SYSENTER_EIP, 0);
	vmcs_write(VMCS_HOST_EFER, cpu_rdmsr(MSR_EFER));
	vmcs_write(VMCS_HOST_PAT, cpu_rdmsr(MSR_PAT));
	vmcs_write(VMCS_HOST_RIP, (u64)vmx_exit_entry);
}

static void reset_segments(void)
{
	static const u32 ar[SEG_NR] = {
		[SEG_ES] = SEG_AR_DATA16, [SEG_CS] = SEG_AR_CODE16,     [SEG_SS] = SEG_AR_DATA16,
		[SEG_DS] = SEG_AR_DATA16, [SEG_FS] = SEG_AR_DATA16,     [SEG_GS] = SEG_AR_DATA16,
		[SEG_LDTR] = SEG_AR_LDT,  [SEG_TR] = SEG_AR_TSS32_BUSY,
	};

	for (u32 i = 0; i < SEG_NR; i++)
		vmcs_seg_set((enum seg_nr)i, (struct vmcs_seg){ .sel = i == SEG_CS ? 0xf000 : 0,
		                                                .limit = 0xffff,
		                                                .ar = ar[i],
		                                                .base = i == SEG_CS ? 0xffff0000 : 0 });
}

/* SDM vol. 3, table "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT". */
void vcpu_reset(struct vcpu *v, bool init)
{
	u64 cr0 = CR0_CD | CR0_NW | CR0_ET;

	if (init) {
		vcpu_set_ept_root(v); /* the chip set's INIT comes with an open A20 */
		cr0 = (cr_read(v, 0) & (CR0_CD | CR0_NW)) | CR0_ET;
	} else {
		write_controls(v);
	}
	memset(v->regs.gpr, 0, sizeof(v->regs.gpr));
	v->regs.gpr[GPR_RDX] = v->cpuid->basic[1].eax;
	vmcs_write(VMCS_GUEST_RSP, 0);
	vmcs_write(VMCS_GUEST_RIP, 0xfff0);
	vmcs_write(VMCS_GUEST_RFLAGS, 2);
	cr_force(v, cr0, 0);
	vmcs_write(VMCS_GUEST_CR3, 0);
	vmcs_write(VMCS_GUEST_EFER, 0);
	v->entry &= ~ENTRY_IA32E_GUEST;
	vmcs_write(VMCS_ENTRY_CONTROLS, v->entry);
	reset_segments();
	vmcs_write(VMCS_GUEST_GDTR_BASE, 0);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, 0xffff);
	vmcs_write(VMCS_GUEST_IDTR_BASE, 0);
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, 0xffff);
	vmcs_write(VMCS_GUEST_DR7, DR7_INIT);
	vmcs_write(VMCS_GUEST_DEBUGCTL, 0);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	vmcs_write(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
	vmcs_write(VMCS_GUEST_SYSENTER_CS, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_EIP, 0);
	for (u32 i = 0; i < 4; i++)
		vmcs_write(vmcs_nth(VMCS_GUEST_PDPTE0, i), 0);
	cpu_write_cr2(0);
	cpu_write_dr0(0);
	cpu_write_dr1(0);
	cpu_write_dr2(0);
	cpu_write_dr3(0);
	cpu_write_dr6(DR6_INIT);
	/* CR0 and CR3 changed without the processor's notice. */
	vcpu_flush_tlb(v);
	vcpu_events_reset(v);
	pv_reset(&v->pv);
	if (init)
		return;
	vmcs_write(VMCS_GUEST_PAT, 0x0007040600070406);
	cpu_wrmsr(MSR_STAR, 0);
	cpu_wrmsr(MSR_LSTAR, 0);
	cpu_wrmsr(MSR_CSTAR, 0);
	cpu_wrmsr(MSR_FMASK, 0);
	cpu_wrmsr(MSR_KERNEL_GS_BASE, 0);
	if (vmx_caps_has(&vmx_caps, VMX_FEAT_RDTSCP))
		cpu_wrmsr(MSR_TSC_AUX, 0);
	fpu_area_init(v->xsave);
	if (vcpu_host.xcr0)
		cpu_xsetbv(0, vcpu_host.xcr0);
	fpu_restore(v->xsave, vcpu_host.xcr0, vcpu_host.xcr0);
	if (vcpu_host.xcr0)
		cpu_xsetbv(0, XCR0_X87);
	vmsr_reset(&v->msr);
	if (!v->vm->config.firmware) /* which sets them itself */
		vmsr_firmware_mtrrs(&v->msr, v->vm->map.low_end);
}
