/* The physical local APIC and I/O APICs. SDM vol. 3 "Advanced Programmable Interrupt Controller". */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

/* Once, on the bootstrap processor: chooses x2APIC when the CPU has it. map_mmio maps the xAPIC page uncached. */
void lapic_init_bsp(void *(*map_mmio)(u64 pa, u64 len), bool want_x2apic);
/* On every CPU: enables the APIC with VEC_SPURIOUS, its timer and NMI pin; masks the other LVTs. */
void lapic_init_cpu(void);
u32 lapic_id(void);
bool lapic_is_x2apic(void);
void lapic_eoi(void);
/* Fixed-delivery IPI to one CPU by APIC ID. */
void lapic_send_ipi(u32 apic_id, u8 vector);
/* NMI to all CPUs but this one. */
void lapic_send_nmi_others(void);
void lapic_send_init(u32 apic_id);
/* page: physical page number below 1 MiB. */
void lapic_send_startup(u32 apic_id, u8 page);
/* One-shot wake-up for this CPU after ns (VEC_TIMER), 0 cancels. lapic_timer_calibrate() must have run. */
void lapic_timer_oneshot(u64 ns);
/* Measures the timer against the calibrated TSC (or uses TSC-deadline mode). Once, on the bootstrap processor. */
void lapic_timer_calibrate(u64 tsc_hz);

/* I/O APIC at a mapped address: routes its pin, edge/high unless told, to vector on APIC ID dest. */
void ioapic_route(volatile u32 *mmio, u32 pin, u8 vector, u32 dest, bool level, bool low);
/* Masks every pin. */
void ioapic_mask_all(volatile u32 *mmio);
/* Masks both 8259As (they are not used). */
void pic8259_disable(void);
