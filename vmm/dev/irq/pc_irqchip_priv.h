/* What the files of the PC's interrupt wiring share. */
#pragma once

#include "vmm/dev/irq/pc_irqchip.h"

/*
 * A message of the I/O APIC's pin, or IRQ_NO_PIN, of a device: VIOAPIC_ACCEPTED when an APIC has accepted it so far,
 * VIOAPIC_UNDER_WAY when there are more for it.
 */
u32 pc_irqchip_post(struct pc_irqchip *c, u8 pin, const struct apic_msg *m);
/* pins: bit n: the I/O APIC's entry n says that a message of it is under way. */
bool pc_irqchip_queue_valid(const struct pc_irqchip *chip, const struct pc_irqchip_state *s, u32 pins,
                            struct state_check *c);
