/* Virtual I/O APIC, 24 pins, version 20h (with the EOI register, so that EOIs can be directed). Pure. 82093AA data
 * sheet; "I/O Advanced Programmable Interrupt Controller" of the ICH data sheets for the EOI register. */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/dev/vlapic.h"
#include "vmm/io_bus.h"

#define VIOAPIC_PINS 24
#define VIOAPIC_BASE 0xfec00000ull

/* Plain, saveable. */
struct vioapic_state {
	u64 rte[VIOAPIC_PINS];
	u32 lines; /* levels as driven */
	u32 irr;   /* edges that wait for their mask bit are lost; level requests not delivered yet */
	u8 sel, id;
};

struct vioapic {
	struct vioapic_state s;
	void (*send)(void *ctx, const struct apic_msg *msg);
	void *ctx;
	struct io_region region;
};

void vioapic_init(struct vioapic *a, u8 id, void (*send)(void *ctx, const struct apic_msg *msg), void *ctx);
__must_check int vioapic_attach(struct vioapic *a, struct io_bus *mmio);
void vioapic_reset(struct vioapic *a);
void vioapic_set_pin(struct vioapic *a, u32 pin, bool level);
/* A local APIC's EOI broadcast of a level-triggered vector. */
void vioapic_eoi(struct vioapic *a, u8 vector);
