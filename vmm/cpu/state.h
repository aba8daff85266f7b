/*
 * A vCPU's state, taken and given: the processor (vmm/policy/gstate.h), its XSAVE area, the MSRs kept in software and
 * the paravirtual interfaces. Its local APIC is a state of its own, and the VM's clock (struct vclock_state) is the
 * VM's.
 */
#pragma once

#include "vmm/cpu/vcpu.h"
#include "vmm/policy/gstate.h"

/* Four records of a stream; too large for a CPU's stack. */
struct vcpu_saved {
	struct gstate cpu;
	struct gstate_xsave fpu;
	struct vmsr_state msr;
	struct pv pv;
};

/*
 * The state of v, which is loaded here and out of the guest, between two of its turns: all that it did is done, and
 * what it has still to do is in its events. tsc: the host's TSC at the moment that the VM's time stands still at
 * (vm->pause_tsc). Canonical: equal states are equal bytes. v stays as it is.
 */
void vcpu_state_get(struct vcpu *v, u64 tsc, struct vcpu_saved *s);

/* Whether s can be v's: to be asked before the first vCPU of a VM is changed. v need not be loaded. */
__must_check bool vcpu_state_valid(const struct vcpu *v, const struct vcpu_saved *s, struct state_check *c);

/*
 * Gives v, which is loaded here and does not run, a state that vcpu_state_valid() has accepted; whatever it was
 * before, a reset or none included. tsc: the host's TSC that stands for the moment of the state. The VM's clock (its
 * ratio and start) must be in place; after this come the local APIC's restored(), which asks for the guest's TSC, and
 * vcpu_pv_clock_changed(), once guest memory is in place. All requests are pending then: with its next turn, APIC
 * mode, EPT, events and timers are brought up to date.
 */
void vcpu_state_put(struct vcpu *v, u64 tsc, const struct vcpu_saved *s);
