/* What host.c, vcpu.c, reset.c, load.c and state.c share. */
#pragma once

#include "vmm/cpu/vcpu.h"

/* What was found of the processors before the first vCPU was created. */
struct vcpu_host {
	u64 xcr0;       /* state components that XSAVE has and guests may use; 0: no XSAVE */
	bool xsavec;    /* XSAVEC is not known to be wrong */
	bool xsaves;    /* nor is XSAVES */
	bool ibpb;      /* IA32_PRED_CMD */
	bool hasty_vid; /* virtual interrupts may come to a guest that has interrupts off */
};
extern struct vcpu_host vcpu_host;

/* The host's state in the loaded VMCS, which differs between CPUs. */
void vcpu_write_host_state(struct vcpu *v);
