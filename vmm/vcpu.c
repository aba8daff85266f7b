/* Creation, reset, loading and stepping of virtual CPUs. SDM vol. 3 "Guest-State Area", "Host-State Area". */
#include "vmm/vcpu.h"

#include "arch/x86/cpu.h"
#include "arch/x86/fpu.h"
#include "arch/x86/percpu.h"
#include "arch/x86/trap.h"
#include "lib/assert.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/emulate.h"
#include "vmm/exit.h"
#include "vmm/run.h"
#include "vmm/vm.h"

/* TSC ticks: two PAUSEs at most so far apart belong to one loop; a loop of that length exits. */
#define PLE_GAP    128
#define PLE_WINDOW 4096

#define XCR0_OFFERED (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_OPMASK | XCR0_ZMM_HI | XCR0_HI16_ZMM | XCR0_PKRU)

/* ---- control words ---- */

static void set_word(enum vmcs_field field, u32 *word, u32 set, u32 clear)
{
	u32 w = (*word & ~clear) | set;

	if (w == *word)
		return;
	*word = w;
	vmcs_write(field, w);
}

void vcpu_set_proc(struct vcpu *v, u32 set, u32 clear)
{
	set_word(VMCS_PROC_CONTROLS, &v->proc, set, clear);
}

void vcpu_set_proc2(struct vcpu *v, u32 set, u32 clear)
{
	set_word(VMCS_PROC2_CONTROLS, &v->proc2, set, clear);
}

void vcpu_set_pin(struct vcpu *v, u32 set, u32 clear)
{
	set_word(VMCS_PIN_CONTROLS, &v->pin, set, clear);
}

/* ---- creation ---- */

static void host_cpuid(void *ctx, u32 leaf, u32 sub, struct cpuid_leaf *out)
{
	struct cpuid_regs r = cpu_cpuid(leaf, sub);

	*out = (struct cpuid_leaf){ r.eax, r.ebx, r.ecx, r.edx };
}

static u64 host_xcr0_supported(void)
{
	struct cpuid_regs r;

	if (!(cpu_read_cr4() & CR4_OSXSAVE))
		return 0;
	r = cpu_cpuid(0xd, 0);
	return ((u64)r.edx << 32 | r.eax) & XCR0_OFFERED;
}

static u32 offered_pv(const struct vm *vm)
{
	static const u32 bits[] = {
		PV_CLOCKSOURCE | PV_CLOCKSOURCE2 | PV_CLOCK_STABLE,
		PV_STEAL_TIME,
		PV_EOI,
		PV_UNHALT,
		PV_TLB_FLUSH,
		PV_SEND_IPI,
	};
	u32 mask = PV_NOP_IO_DELAY | PV_SCHED_YIELD;

	if (vm->config.signature == HV_SIGNATURE_NONE)
		return 0;
	/* In the order of enum vm_pv. */
	for (u32 i = 0; i < ARRAY_SIZE(bits); i++)
		if (vm->config.pv >> i & 1)
			mask |= bits[i];
	return pv_features(mask, vmx_caps.proc2_allowed & PROC2_VIRTUAL_INTERRUPT_DELIVERY);
}

static int build_cpuid(struct vcpu *v)
{
	const struct cpuid_host host = { .cpuid = host_cpuid };
	const struct vm *vm = v->vm;
	struct cpuid_guest_cfg cfg = {
		.vcpu = v->id,
		.nr_vcpus = vm->nr_vcpus,
		.topo = vm->config.topo,
		.signature = vm->config.signature,
		.pv = offered_pv(vm),
		.tsc_hz = vm->clock.guest_hz,
		.apic_hz = 1000000000 / vlapic_clock_ns(vm->clock.tsc_hz),
		.disable = vm->config.cpu_disable,
		.caps = {
			.rdtscp = vmx_caps_has(&vmx_caps, VMX_FEAT_RDTSCP),
			.invpcid = vmx_caps_has(&vmx_caps, VMX_FEAT_INVPCID),
			.xsaves = vmx_caps_has(&vmx_caps, VMX_FEAT_XSAVES),
			.x2apic = true,
			.tsc_deadline = true,
			.xcr0 = host_xcr0_supported(),
		},
	};

	return cpuid_build(v->cpuid, &host, &cfg);
}

void vcpu_msr_bitmap(struct vcpu *v)
{
	bool x2 = vlapic_is_x2apic(&v->lapic);
	struct msr_bitmap_cfg cfg = {
		.tsc_aux = vmx_caps_has(&vmx_caps, VMX_FEAT_RDTSCP),
		.pat = true,
		.efer_read = true,
		.syscall = true,
		.tsc_read = true,
		.x2apic_virt = x2 && (v->proc2 & PROC2_VIRTUALIZE_X2APIC),
		.x2apic_reg_virt = x2 && (v->proc2 & PROC2_APIC_REGISTER_VIRT),
		.x2apic_intr_virt = x2 && (v->proc2 & PROC2_VIRTUAL_INTERRUPT_DELIVERY),
	};

	msr_build_bitmap(v->msr_bitmap, &cfg);
}

static void vcpu_timers_changed(struct timerq *q)
{
	vcpu_request(container_of(q, struct vcpu, timers), VCPU_REQ_TIMER);
}

/* VPIDs are never given back: VMs live as long as the machine. Without one, each entry and exit flushes. */
static u16 alloc_vpid(void)
{
	static u16 last;

	return vmx_caps_has(&vmx_caps, VMX_FEAT_VPID) && last < 0xffff ? ++last : 0;
}

int vcpu_create(struct vm *vm, u32 id, struct vcpu **out)
{
	struct vcpu *v = hv_zalloc(sizeof(*v));

	if (!v)
		return ERR_NOMEM;
	*out = v;
	v->vm = vm;
	v->id = id;
	v->who = vm->id << 16 | id;
	v->vmcs = hv_alloc_pages(1);
	v->lapic_page = hv_alloc_pages(1);
	v->msr_bitmap = hv_alloc_pages(1);
	v->cpuid = hv_zalloc(sizeof(*v->cpuid));
	v->xsave = hv_zalloc(MAX(fpu_area_size(host_xcr0_supported()), PAGE_SIZE));
	v->emulation = hv_zalloc(sizeof(*v->emulation));
	if (!v->vmcs || !v->lapic_page || !v->msr_bitmap || !v->cpuid || !v->xsave || !v->emulation)
		return ERR_NOMEM;
	if (build_cpuid(v))
		return ERR_INVAL;
	pv_init(&v->pv, v->cpuid->hvleaf[1].eax);
	*(u32 *)v->vmcs = vmx_caps.revision;
	v->vmcs_pa = virt_to_phys(v->vmcs).v;
	v->vpid = alloc_vpid();
	timerq_init(&v->timers, vcpu_timers_changed);
	vmsr_init(&v->msr, v->cpuid, vm->clock.guest_hz, &vcpu_msr_ops, v);
	crs_caps_init(&v->crs, v->cpuid);
	v->state = VCPU_WAIT_SIPI;
	fpu_area_init(v->xsave);
	v->held.xcr0 = XCR0_X87;
	v->held.dr6 = DR6_INIT;
	return OK;
}

void vcpu_destroy(struct vcpu *v)
{
	if (!v)
		return;
	if (v->vmcs_pa)
		vmx_vmclear(v->vmcs_pa);
	hv_zfree(v->vmcs, PAGE_SIZE);
	hv_zfree(v->lapic_page, PAGE_SIZE);
	hv_zfree(v->msr_bitmap, PAGE_SIZE);
	hv_zfree(v->cpuid, sizeof(*v->cpuid));
	hv_zfree(v->xsave, MAX(fpu_area_size(host_xcr0_supported()), PAGE_SIZE));
	hv_zfree(v->emulation, sizeof(*v->emulation));
	hv_zfree(v, sizeof(*v));
}

/* ---- VMCS ---- */

static void write_controls(struct vcpu *v)
{
	struct vm *vm = v->vm;

	v->pin = vmx_caps.pin;
	/* Every port access exits: what is not ours to hand out must not reach the machine. */
	v->proc = (vmx_caps.proc | PROC_UNCONDITIONAL_IO_EXITING) & ~PROC_IO_BITMAPS;
	v->proc2 = (v->vpid ? vmx_caps.proc2 : vmx_caps.proc2 & ~PROC2_ENABLE_VPID) |
	           (vm->clock.ratio ? PROC2_TSC_SCALING : 0);
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
	v->eptp = ept_eptp(&vm->ept);
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
	vmcs_write(VMCS_EXCEPTION_BITMAP, BIT(1) | BIT(17) | BIT(18) | (vm->config.forced_emulation ? BIT(6) : 0));
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
			vmcs_write((enum vmcs_field)(VMCS_EOI_EXIT_BITMAP0 + 2 * i), 0);
	}
	if (v->proc2 & PROC2_ENABLE_XSAVES)
		vmcs_write(VMCS_XSS_EXIT_BITMAP, 0);
}

static void write_host_state(struct vcpu *v)
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

/* What one VM taught the branch predictor must not steer another (SDM vol. 4, IA32_PRED_CMD). */
static void predictor_barrier(void)
{
	if (cpu_cpuid(0, 0).eax >= 7 && cpu_cpuid(7, 0).edx & BIT(26))
		(void)!cpu_wrmsr_safe(MSR_PRED_CMD, 1);
}

/* The registers are one CPU's at a time. */
static bool claim(struct vcpu *v, struct pcpu *p)
{
	struct pcpu *none = NULL;

	return __atomic_compare_exchange_n(&v->loaded_on, &none, p, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* It was paused: its time goes on later. */
static void tsc_offset(struct vcpu *v)
{
	if (!v->tsc_moved)
		return;
	v->tsc_moved = false;
	vmcs_write(VMCS_TSC_OFFSET, v->tsc_offset);
}

static void load(struct vcpu *v, struct pcpu *p)
{
	bool xsave = host_xcr0_supported();
	u64 xcr0 = host_xcr0_supported();

	p->current = v;
	if (p->last_vm != v->vm->id + 1)
		predictor_barrier();
	p->last_vm = v->vm->id + 1;
	cpu_write_cr3(hostpt_cr3(&v->vm->pt));
	if (!v->vmcs_cpu)
		vmx_vmclear(v->vmcs_pa);
	vmx_vmptrld(v->vmcs_pa);
	if (v->vmcs_cpu != p) {
		write_host_state(v);
		/* Invalidations it made while it ran elsewhere did not reach this CPU. */
		vcpu_flush_tlb(v);
		vmx_invept(ept_eptp(&v->vm->ept));
		v->vmcs_cpu = p;
	}
	tsc_offset(v);
	cpu_wrmsr(MSR_STAR, v->held.star);
	cpu_wrmsr(MSR_LSTAR, v->held.lstar);
	cpu_wrmsr(MSR_CSTAR, v->held.cstar);
	cpu_wrmsr(MSR_FMASK, v->held.fmask);
	cpu_wrmsr(MSR_KERNEL_GS_BASE, v->held.kernel_gs_base);
	if (vmx_caps_has(&vmx_caps, VMX_FEAT_RDTSCP))
		cpu_wrmsr(MSR_TSC_AUX, v->held.tsc_aux);
	if (xsave)
		cpu_xsetbv(0, xcr0);
	fpu_restore(v->xsave, xcr0, xsave);
	if (xsave)
		cpu_xsetbv(0, v->held.xcr0);
	cpu_write_dr0(v->held.dr[0]);
	cpu_write_dr1(v->held.dr[1]);
	cpu_write_dr2(v->held.dr[2]);
	cpu_write_dr3(v->held.dr[3]);
	cpu_write_dr6(v->held.dr6);
	cpu_write_cr2(v->held.cr2);
}

void vcpu_load(struct vcpu *v)
{
	struct pcpu *p = this_cpu();

	if (p->current == v) {
		tsc_offset(v);
		return;
	}
	if (p->current)
		vcpu_put(p->current);
	/* The monitor may be faster than we, on another CPU. */
	do
		run_evict(v);
	while (!claim(v, p));
	load(v, p);
}

bool vcpu_try_load(struct vcpu *v)
{
	struct pcpu *p = this_cpu();

	if (p->current == v)
		return true;
	if (!claim(v, p))
		return false;
	if (p->current)
		vcpu_put(p->current);
	load(v, p);
	return true;
}

void vcpu_put(struct vcpu *v)
{
	bool xsave = host_xcr0_supported();
	u64 xcr0 = host_xcr0_supported();

	v->held.star = cpu_rdmsr(MSR_STAR);
	v->held.lstar = cpu_rdmsr(MSR_LSTAR);
	v->held.cstar = cpu_rdmsr(MSR_CSTAR);
	v->held.fmask = cpu_rdmsr(MSR_FMASK);
	v->held.kernel_gs_base = cpu_rdmsr(MSR_KERNEL_GS_BASE);
	if (vmx_caps_has(&vmx_caps, VMX_FEAT_RDTSCP))
		v->held.tsc_aux = cpu_rdmsr(MSR_TSC_AUX);
	if (xsave) {
		v->held.xcr0 = cpu_xgetbv(0);
		cpu_xsetbv(0, xcr0);
	}
	fpu_save(v->xsave, xcr0, xsave);
	v->held.dr[0] = cpu_read_dr0();
	v->held.dr[1] = cpu_read_dr1();
	v->held.dr[2] = cpu_read_dr2();
	v->held.dr[3] = cpu_read_dr3();
	v->held.dr6 = cpu_read_dr6();
	/* The next CPU to load it may be another one: the VMCS must not be active here then. */
	vmx_vmclear(v->vmcs_pa);
	v->regs.launched = 0;
	v->held.cr2 = cpu_read_cr2();
	this_cpu()->current = NULL;
	cpu_write_cr3(hvmem_cr3());
	__atomic_store_n(&v->loaded_on, NULL, __ATOMIC_SEQ_CST);
}

/* ---- reset ---- */

static void reset_segments(void)
{
	for (u32 i = 0; i < 8; i++) {
		u32 ar = i == 1 ? 0x9b : i == 6 ? 0x82 : i == 7 ? 0x8b : 0x93;

		vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_SEL + 2 * i), i == 1 ? 0xf000 : 0);
		vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_BASE + 2 * i), i == 1 ? 0xffff0000 : 0);
		vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_LIMIT + 2 * i), 0xffff);
		vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_AR + 2 * i), ar);
	}
}

/* SDM vol. 3, table "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT". */
void vcpu_reset(struct vcpu *v, bool init)
{
	u64 cr0 = CR0_CD | CR0_NW | CR0_ET;

	if (init)
		cr0 = (cr_read(v, 0) & (CR0_CD | CR0_NW)) | CR0_ET;
	else
		write_controls(v);
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
		vmcs_write((enum vmcs_field)(VMCS_GUEST_PDPTE0 + 2 * i), 0);
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
	if (host_xcr0_supported())
		cpu_xsetbv(0, host_xcr0_supported());
	fpu_restore(v->xsave, host_xcr0_supported(), host_xcr0_supported());
	if (host_xcr0_supported())
		cpu_xsetbv(0, XCR0_X87);
	vmsr_reset(&v->msr);
	vmsr_firmware_mtrrs(&v->msr, v->vm->map.low_end);
}

/* ---- registers ---- */

u64 vcpu_gpr(struct vcpu *v, u32 n)
{
	return n == GPR_RSP ? vmcs_read(VMCS_GUEST_RSP) : v->regs.gpr[n];
}

void vcpu_set_gpr(struct vcpu *v, u32 n, u64 val)
{
	if (n == GPR_RSP)
		vmcs_write(VMCS_GUEST_RSP, val);
	else
		v->regs.gpr[n] = val;
}

void vcpu_log(struct vcpu *v, enum log_level level, const char *fmt, ...)
{
	char text[200];
	u32 suppressed;
	va_list ap;

	if (!log_limit_ok(&v->limit, vm_now(v->vm), 10, 1000000000, &suppressed))
		return;
	va_start(ap, fmt);
	fmt_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (suppressed)
		log_printf(level, "%s.%u: (%u messages suppressed)\n", v->vm->config.name, v->id, suppressed);
	log_printf(level, "%s.%u: %s", v->vm->config.name, v->id, text);
}

#define DUMP_EXITS 16  /* at most */
#define DUMP_LOOKS 256 /* records of the ring gone over for them: others' are between */
#define DUMP_WIDTH 100

/* The vCPU's last exits on this processor, the oldest first: reasons, and where. Few lines: a take-over may wait. */
static void dump_exits(const struct vcpu *v)
{
	const struct pcpu *p = this_cpu();
	const struct exit_record *found[DUMP_EXITS];
	u64 looks = MIN(p->exit_count, (u64)DUMP_LOOKS);
	char line[DUMP_WIDTH + 60];
	u32 nr = 0, last = EXIT_REASON_COUNT;
	size_t n = 0;

	for (u64 i = 1; i <= looks && nr < DUMP_EXITS; i++) {
		const struct exit_record *r = &p->exits[(p->exit_count - i) & (EXIT_RING_ENTRIES - 1)];

		if (r->who == v->who)
			found[nr++] = r;
	}
	while (nr--) {
		u32 reason = EXIT_REASON_BASIC(found[nr]->reason);

		if (reason != last)
			n += (size_t)fmt_snprintf(line + n, sizeof(line) - n, " %s", exit_reason_name(reason));
		last = reason;
		n += (size_t)fmt_snprintf(line + n, sizeof(line) - n, " %lx", found[nr]->rip);
		if (nr && n < DUMP_WIDTH)
			continue;
		log_err("  exits%s\n", line);
		n = 0;
	}
}

#define SEG(i, what) vmcs_read((enum vmcs_field)(VMCS_GUEST_ES_##what + 2 * (i)))

void vcpu_dump(struct vcpu *v)
{
	static const char *const seg[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
	const u64 *g = v->regs.gpr;

	log_err("  rip %016lx rsp %016lx rflags %08lx\n", vmcs_read(VMCS_GUEST_RIP), vmcs_read(VMCS_GUEST_RSP),
	        vmcs_read(VMCS_GUEST_RFLAGS));
	log_err("  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", g[0], g[3], g[1], g[2]);
	log_err("  rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", g[6], g[7], g[5], g[8]);
	log_err("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", g[9], g[10], g[11], g[12]);
	log_err("  r13 %016lx r14 %016lx r15 %016lx\n", g[13], g[14], g[15]);
	log_err("  cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx efer %lx\n", vmcs_read(VMCS_GUEST_CR0), cpu_read_cr2(),
	        vmcs_read(VMCS_GUEST_CR3), vmcs_read(VMCS_GUEST_CR4), vmcs_read(VMCS_GUEST_EFER));
	for (u32 i = 0; i < 8; i += 2)
		log_err("  %-4s %04lx base %016lx limit %08lx ar %05lx  %-4s %04lx base %016lx limit %08lx ar "
		        "%05lx\n",
		        seg[i], SEG(i, SEL), SEG(i, BASE), SEG(i, LIMIT), SEG(i, AR), seg[i + 1], SEG(i + 1, SEL),
		        SEG(i + 1, BASE), SEG(i + 1, LIMIT), SEG(i + 1, AR));
	log_err("  exit %u (%s) qualification %lx gpa %lx linear %lx\n", EXIT_REASON_BASIC(v->exit_reason),
	        exit_reason_name(EXIT_REASON_BASIC(v->exit_reason)), vmcs_read(VMCS_EXIT_QUALIFICATION),
	        vmcs_read(VMCS_GUEST_PHYSICAL_ADDR), vmcs_read(VMCS_GUEST_LINEAR_ADDR));
	log_err("  idt-vectoring %08lx entry-info %08lx interruptibility %lx activity %lx\n",
	        vmcs_read(VMCS_IDT_VECTORING_INFO), vmcs_read(VMCS_ENTRY_INTR_INFO),
	        vmcs_read(VMCS_GUEST_INTERRUPTIBILITY), vmcs_read(VMCS_GUEST_ACTIVITY));
	dump_exits(v);
}
