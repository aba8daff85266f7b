/* Port I/O exits: single accesses straight to the bus, strings through the emulator. */
#include "vmm/exit/exit.h"
#include "vmm/exit/insn.h"
#include "vmm/vm/vm.h"

enum exit_action exit_io(struct vcpu *v)
{
	u64 q = vmcs_read(VMCS_EXIT_QUALIFICATION);
	u8 size = (u8)IO_QUAL_SIZE(q);
	bool in = q & IO_QUAL_IN;
	u64 *rax = &v->regs.gpr[GPR_RAX];
	u64 mask = size == 4 ? 0xffffffff : size == 2 ? 0xffff : 0xff;
	u64 val = *rax & mask;

	if (q & IO_QUAL_STRING)
		return emulate_string_io(v, q);
	io_bus_access(&v->vm->pio, IO_QUAL_PORT(q), size, !in, &val, vm_now(v->vm));
	vcpu_check_breakpoints(v, CRS_ACCESS_IO, IO_QUAL_PORT(q), size);
	if (in)
		*rax = size == 4 ? (u32)val : (*rax & ~mask) | (val & mask);
	return EXIT_ADVANCE;
}
