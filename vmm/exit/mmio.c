/* EPT violations and APIC accesses: device memory through the emulator. */
#include "mm/gwalk.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/regs.h"
#include "vmm/cpu/request.h"
#include "vmm/exit/exit.h"
#include "vmm/exit/insn.h"
#include "vmm/vm/memory.h"
#include "vmm/vm/vm.h"

/* An IRET that did not get its frame had ended the blocking of NMIs already: it runs again. */
static void block_nmis(u64 q)
{
	if (q & EPT_QUAL_NMI_UNBLOCKED)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
		           vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) | INTERRUPTIBILITY_NMI);
}

/*
 * A20 is closed, or this vCPU does not know yet that it is open again. true: the access is to come once more; false: it
 * is what it would be with an open A20, for *gpa, in which the bit is cleared.
 */
static __attribute__((noinline)) bool a20_access(struct vcpu *v, u64 *gpa, u64 q)
{
	_Static_assert(EPT_QUAL_READ == EPT_R && EPT_QUAL_WRITE == EPT_W && EPT_QUAL_FETCH == EPT_X, "the same bits");
	u64 from = *gpa, to = vm_a20_mask(&v->vm->a20, from);
	enum vm_a20_found found = VM_A20_BUSY;

	if (v->a20_closed == !!v->vm->a20.bit) {
		if (q & EPT_QUAL_FETCH)
			(void)vm_memory_fetch(v->vm, to);
		found = vm_a20_map(&v->vm->a20, from, q & EPT_RWX);
	}
	*gpa = to;
	if (found == VM_A20_NONE)
		return false;
	if (found == VM_A20_FULL) {
		v->vm->remap.flush = true;
		vcpu_request_self(v, VCPU_REQ_REMAP);
	}
	block_nmis(q);
	return true;
}

enum exit_action exit_ept_violation(struct vcpu *v)
{
	u64 q = vmcs_read(VMCS_EXIT_QUALIFICATION);
	u64 gpa = vmcs_read(VMCS_GUEST_PHYSICAL_ADDR);

	if (unlikely(v->a20_closed || v->vm->a20.bit) && a20_access(v, &gpa, q))
		return EXIT_RESUME;
	if ((q & EPT_QUAL_FETCH) && vm_memory_fetch(v->vm, gpa))
		return EXIT_RESUME;
	if ((q & EPT_QUAL_LINEAR_VALID) && !(q & EPT_QUAL_TRANSLATED)) {
		vm_kill(v, "paging structure at gpa %#lx, which is not RAM", gpa);
		return EXIT_KILL;
	}
	if (v->vectoring_valid) {
		vm_kill(v, "event delivery through gpa %#lx, which is not RAM", gpa);
		return EXIT_KILL;
	}
	if (gmem_ptr(&v->vm->mem, GPA(gpa), 1) && !guest_shadow_hides(&v->vm->remap.shadow, gpa)) {
		/* It was opened meanwhile: what the TLB held is gone by this exit. */
		if (v->vm->map.pc && guest_shadow_covers(gpa))
			return EXIT_RESUME;
		vm_kill(v, "EPT violation in RAM at gpa %#lx, qualification %#lx", gpa, q);
		return EXIT_KILL;
	}
	if (q & EPT_QUAL_FETCH)
		return emulate_insn(v, false, 0, 0);
	block_nmis(q); /* the emulator runs it */
	/*
	 * The processor has checked this access, and not what the instruction may have become since then: a page that
	 * was only read is looked up again for a write.
	 */
	v->emulation->hint_write = q & EPT_QUAL_WRITE;
	return emulate_insn(v, q & EPT_QUAL_LINEAR_VALID, vmcs_read(VMCS_GUEST_LINEAR_ADDR), gpa);
}

enum exit_action exit_apic_access(struct vcpu *v)
{
	u64 q = vmcs_read(VMCS_EXIT_QUALIFICATION);
	u32 type = APIC_QUAL_TYPE(q);

	if (type == APIC_QUAL_FETCH)
		return emulate_insn(v, false, 0, 0);
	if (type != APIC_QUAL_READ && type != APIC_QUAL_WRITE) {
		vm_kill(v, "event delivery or paging structure through the APIC page, offset %#x",
		        (u32)APIC_QUAL_OFFSET(q));
		return EXIT_KILL;
	}
	return emulate_apic_insn(v, ALIGN_DOWN(vlapic_get_base(&v->lapic), PAGE_SIZE) + APIC_QUAL_OFFSET(q));
}

/* ud2 followed by "kvm": the instruction behind it is run by the emulator, whatever it is. */
enum exit_action exit_ud(struct vcpu *v)
{
	static const u8 prefix[] = { 0x0f, 0x0b, 'k', 'v', 'm' };
	struct gwalk_state s;
	struct gwalk_result r;
	u8 bytes[sizeof(prefix)];
	u64 lin = v->rip + vmcs_read(VMCS_GUEST_CS_BASE);

	emulate_walk_state(v, &s);
	if (!vcpu_is_64bit(v))
		lin = (u32)lin;
	if (gwalk_read(&s, GVA(lin), bytes, sizeof(bytes), GWALK_EXEC, &r) == GWALK_OK &&
	    !memcmp(bytes, prefix, sizeof(prefix)))
		return emulate_forced(v, sizeof(prefix));
	vcpu_ud(v);
	return EXIT_RESUME;
}
