/* The emulator (vmm/emul/) bound to a loaded vCPU:
 * memory through the guest's page tables, devices through the buses. */
#pragma once

#include "vmm/cpu/emulation.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/exit/exit.h"

/*
 * All of these are called with the VM's lock and return with it, but only hold it where devices, buses and timers are
 * touched: siblings do not wait for what is decoded and looked up.
 *
 * Emulates the instruction at RIP. gpa/linear: where the faulting access went, when have_hint (saves the walk).
 */
enum exit_action emulate_insn(struct vcpu *v, bool have_hint, u64 linear, u64 gpa);
/* The same for an access to the local APIC's page, at gpa; its linear address is not known. */
enum exit_action emulate_apic_insn(struct vcpu *v, u64 gpa);
/* The instruction skip bytes behind RIP, which moves there first: its faults are reported where it is. */
enum exit_action emulate_forced(struct vcpu *v, u32 skip);
/* The INS or OUTS at RIP. */
enum exit_action emulate_string_io(struct vcpu *v, u64 qual);
/* The state a guest page walk depends on. */
void emulate_walk_state(struct vcpu *v, struct gwalk_state *s);
