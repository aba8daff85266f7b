/* Events of the loaded vCPU: raising, saving, injecting, stepping. */
#pragma once

#include "vmm/vcpu.h"

/*
 * Before an entry: brings APIC, PIC and pending events together and writes the plan. false when the guest triple
 * faulted (the VM is being stopped).
 */
void events_prepare(struct vcpu *v);
/* Whether something can wake the vCPU from HLT. */
bool events_can_wake(struct vcpu *v);
