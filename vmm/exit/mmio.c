/* EPT violations and APIC accesses: device memory through the emulator. */
#include "mm/gwalk.h"
#include "vmm/cpu/kill.h"
#include "vmm/cpu/regs.h"
#include "vmm/exit/exit.h"
#include "vmm/exit/insn.h"
#include "vmm/vm/memory.h"
#include "vmm/vm/vm.h"

enum exit_action exit_ept_violation(struct vcpu *v)
{
	u64 q = vmcs_read(VMCS_EXIT_QUALIFICATION);
	u64 gpa = vmcs_read(VMCS_GUEST_PHYSICAL_ADDR);

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
	/* An IRET that did not get its frame had ended the blocking of NMIs already:
	 * it runs again, in the emulator. */
	if (q & EPT_QUAL_NMI_UNBLOCKED)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
		           vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) | INTERRUPTIBILITY_NMI);
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
