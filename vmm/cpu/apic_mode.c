/*
 * What hangs on the mode of a vCPU's virtual APIC: secondary controls, MSR bitmap, APIC-access page; and other changes
 * of the EPT while it runs.
 */
#include "arch/x86/percpu.h"
#include "lib/atomic.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/cpu/request.h"
#include "vmm/vm/vm.h"

#define APIC_BASE_ADDR 0xffffffffff000ull
#define LOOK_AT        32u /* vCPUs in a piece */
#define NOWHERE        ~0u

/*
 * The page is in the EPT, which all vCPUs share, only while every one of them is in xAPIC mode at its address: a vCPU
 * in another mode would find plain memory there. Without it the APIC's MMIO comes as EPT violations and is emulated.
 * Where that is is looked for in pieces, before it is mapped there; whoever changes its mode begins anew, before it is
 * entered. false: it is known, vm->apic_seen.
 */
static bool look_for_place(struct vm *vm)
{
	u32 end;

	if (vm->apic_seen == NOWHERE)
		return false;
	if (!vm->apic_seen)
		vm->apic_place = vlapic_get_base(&vm->vcpus[0]->lapic) & APIC_BASE_ADDR;
	for (end = MIN(vm->apic_seen + LOOK_AT, vm->nr_vcpus); vm->apic_seen < end; vm->apic_seen++)
		if (!vlapic_mmio_claims(&vm->vcpus[vm->apic_seen]->lapic, vm->apic_place)) {
			vm->apic_seen = NOWHERE;
			return false;
		}
	return end < vm->nr_vcpus;
}

static bool can_map(const struct vm *vm)
{
	return vm->apic_access_page && !vm->apic_access_mapped && !vm->apic_access_leaves &&
	       !ept_holds_tables(&vm->ept);
}

/*
 * The tables for one place of the page are set aside (VM_APIC_TABLES). Those of the place before may wait for the other
 * vCPUs' flush: until then the page is nowhere, and the APIC is emulated.
 */
static void map_page(struct vm *vm)
{
	gpa_t gpa = GPA(vm->apic_place);

	if (!can_map(vm) || vm->apic_seen != vm->nr_vcpus || gmem_ptr(&vm->mem, gpa, 1))
		return;
	if (ept_map(&vm->ept, gpa, HPA(vm->apic_access_pa), PAGE_SIZE, EPT_RW, EPT_MT_RAM, false) != OK)
		return;
	vm->apic_access_mapped = true;
	vm->apic_access_gpa = gpa.v;
}

void vcpu_invept(const struct vm *vm)
{
	vmx_invept(ept_eptp(&vm->ept));
	if (vm->a20.any)
		vmx_invept(ept_eptp(&vm->a20.closed));
}

bool vcpu_ept_flush(struct vcpu *v)
{
	struct vm *vm = v->vm;

	vcpu_invept(vm);
	for (u32 i = 0; i < vm->nr_vcpus; i++)
		if (atomic_load(&vm->vcpus[i]->request) & VCPU_REQ_INVEPT)
			return true;
	if (ept_needs_flush(&vm->ept)) {
		(void)ept_flushed_some(&vm->ept); /* each piece begins with an INVEPT */
		return false;
	}
	if (vm_a20_flushed(&vm->a20))
		return false;
	if (can_map(vm) && look_for_place(vm))
		return false;
	map_page(vm);
	return true;
}

/*
 * Tables taken out are given back once the last vCPU has flushed: until then its processor may still walk them. This
 * one is asked, too, and does it in a piece of its own.
 */
static void flush_ept(struct vcpu *v)
{
	struct vm *vm = v->vm;

	vm_a20_forget(&vm->a20);
	for (u32 i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i] != v)
			vcpu_request(vm->vcpus[i], VCPU_REQ_INVEPT);
	vcpu_request_self(v, VCPU_REQ_INVEPT);
}

/* Whether there was a page to take out. */
static bool unmap_page(struct vcpu *v)
{
	struct vm *vm = v->vm;

	vm->apic_seen = 0;
	if (vm->apic_access_leaves) /* another vCPU began, and was reset */
		return true;
	/* Another one that is not there any more, either, will come by here itself. */
	if (!vm->apic_access_mapped || vlapic_mmio_claims(&v->lapic, vm->apic_access_gpa))
		return false;
	if (ept_unmap(&vm->ept, GPA(vm->apic_access_gpa), PAGE_SIZE) != OK)
		return false;
	vm->apic_access_mapped = false;
	vm->apic_access_leaves = true;
	return true;
}

static void set_mode(struct vcpu *v)
{
	enum vmx_apic_mode mode = !vlapic_enabled(&v->lapic)    ? VMX_APIC_OFF
	                          : vlapic_is_x2apic(&v->lapic) ? VMX_APIC_X2APIC
	                                                        : VMX_APIC_XAPIC;
	u32 bits = vmx_caps_apic_proc2(&vmx_caps, mode);

	vcpu_set_proc2(v, bits, VMX_APIC_PROC2_MASK & ~bits);
	vcpu_msr_bitmap(v);
	if (bits & PROC2_VIRTUAL_INTERRUPT_DELIVERY) {
		/* Taken up anew: events_prepare() writes status and EOI bitmap. */
		v->intr_status = 0;
		vmcs_write(VMCS_GUEST_INTR_STATUS, 0);
		memset(v->eoi_exits, 0, sizeof(v->eoi_exits));
		for (u32 i = 0; i < 4; i++)
			vmcs_write(vmcs_nth(VMCS_EOI_EXIT_BITMAP0, i), 0);
	}
	v->tpr_threshold = 0;
	if (v->proc & PROC_TPR_SHADOW)
		vmcs_write(VMCS_TPR_THRESHOLD, 0);
}

enum { APIC_UNMAP, APIC_PRUNE, APIC_LOOK, APIC_MAP, APIC_SET_MODE };

bool vcpu_apic_mode(struct vcpu *v)
{
	struct vm *vm = v->vm;

	switch (v->apic_step) {
	case APIC_UNMAP: v->apic_step = unmap_page(v) ? APIC_PRUNE : APIC_LOOK; return false;
	case APIC_PRUNE:
		if (ept_prune(&vm->ept, GPA(vm->apic_access_gpa)))
			return false;
		vm->apic_access_leaves = false;
		flush_ept(v);
		v->apic_step = APIC_LOOK;
		return false;
	case APIC_LOOK:
		if (!look_for_place(vm))
			v->apic_step = APIC_MAP;
		return false;
	case APIC_MAP:
		map_page(vm);
		v->apic_step = APIC_SET_MODE;
		return false;
	default:
		set_mode(v);
		v->apic_step = APIC_UNMAP;
		return true;
	}
}

void vcpu_set_ept_root(struct vcpu *v)
{
	struct vm *vm = v->vm;
	u64 eptp = ept_eptp(vm_a20_root(&vm->a20, &vm->ept));

	v->a20_closed = vm->a20.bit;
	if (eptp == v->eptp)
		return;
	/* What TLBs hold is told apart by the root (SDM vol. 3, "Creating and Using Cached Translation Information"). */
	v->eptp = eptp;
	vmcs_write(VMCS_EPTP, eptp);
}

#define ASKED_AT_ONCE 32u

/* The other vCPUs learn that A20 has moved; those that sleep, when they wake. false: not all of them know. */
static bool ask_others(struct vcpu *v)
{
	struct vm *vm = v->vm;
	u32 end = MIN(vm->a20.nr_asked + ASKED_AT_ONCE, vm->nr_vcpus);

	for (; vm->a20.nr_asked < end; vm->a20.nr_asked++)
		if (vm->vcpus[vm->a20.nr_asked] != v)
			vcpu_request_awake(vm->vcpus[vm->a20.nr_asked], VCPU_REQ_REMAP);
	return end == vm->nr_vcpus;
}

bool vcpu_remap(struct vcpu *v)
{
	struct vm *vm = v->vm;

	vcpu_set_ept_root(v);
	if (!ask_others(v))
		return false;
	if (vm_remap_step(&vm->remap))
		return false;
	if (vm->remap.flush) {
		vm->remap.flush = false;
		flush_ept(v);
	}
	return true;
}
