/* What is asked of a vCPU or of the bootstrap processor.
 * From any CPU, with any lock held, and from interrupt handlers. */
#pragma once

#include "lib/atomic.h"
#include "vmm/cpu/vcpu.h"

/* Sets VCPU_REQ_* bits; wakes the vCPU when it is blocked, kicks its CPU when it runs elsewhere. */
void vcpu_request(struct vcpu *v, u32 bits);
/* The same, but does not wake it. */
void vcpu_request_awake(struct vcpu *v, u32 bits);
static inline void vcpu_request_self(struct vcpu *v, u32 bits)
{
	atomic_or_relaxed(&v->request, bits);
}
/* Wakes one of those that vm->wakes_due counts, in a turn of one of its vCPUs. */
void vcpu_wake_due(struct vm *vm);
/* Makes a blocked vCPU ready to run. */
void vcpu_wake(struct vcpu *v);

/* v, current here, waits for what its guest printed to be shown (vcpu.stalled); until vcpu_unstall(). */
void vcpu_stall(struct vcpu *v);
void vcpu_unstall(struct vcpu *v);
bool vcpu_any_stalled(void);

/* There is something for the bootstrap processor's housekeeping to do (vmm/run/run.h). */
void housekeep_soon(void);
extern u32 housekeep_wanted; /* atomic */
