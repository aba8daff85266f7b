/* A VM's interrupt controllers: local APICs and pc_irqchip. */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

struct vcpu;
struct vm;

/* vCPUs exist. OK or a negative error; lapics_destroy(). */
__must_check int lapics_create(struct vm *vm);
void lapics_destroy(struct vm *vm);
/* INIT comes to v, by its pin: from its chip set. From any CPU. */
void vcpu_signal_init(struct vcpu *v);
/* Power-on state of v's local APIC at VM time now. */
void lapic_reset(struct vcpu *v, u64 now);
/* What v sends to many, v->ipi: the next piece, as long as v->ipi_way.left is not 0. In v's turn, with the VM's lock. */
void lapic_send_more(struct vcpu *v);
/* What the I/O APIC and devices have sent to many: the next piece, as long as pc_irqchip_waits(). In a turn of one of the
 * VM's vCPUs, with its lock. */
void lapic_irqs_go_on(struct vm *vm);
