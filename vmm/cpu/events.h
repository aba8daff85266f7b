/* Events of the loaded vCPU: raising, saving, injecting, stepping. */
#pragma once

#include "vmm/cpu/vcpu.h"

/*
 * Before an entry: brings APIC, PIC and pending events together and writes the plan. false when the guest triple
 * faulted (the VM is being stopped).
 */
void events_prepare(struct vcpu *v);
/*
 * In place of events_prepare() when the local APIC's state alone changed and there is nothing to inject: because the
 * processor delivers its interrupts (then the interrupt status is all there is to write), or because none is pending.
 * false: it is not so simple, nothing was done.
 */
bool events_sync_apic(struct vcpu *v);
/* Whether something can wake the vCPU from HLT. */
bool events_can_wake(struct vcpu *v);
/* Exit reasons whose exit may have interrupted the delivery of an event: it is saved for re-injection. */
void events_save_vectoring(struct vcpu *v);
