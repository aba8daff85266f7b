/*
 * The ISA bridge of the PC: function 0 of the Intel 82371SB, PIIX3 (8086:7000), of a device with several functions.
 * Pure. Source: Intel 82371FB (PIIX) and 82371SB (PIIX3) data sheet (290550), "PCI to ISA Bridge Configuration
 * Registers".
 *
 * It routes PCI interrupts: PIRQRC, 60h to 63h, of PIRQ A to D (vpci_set_router). The other registers keep what is
 * written, in the data sheet's bits, without effect: what they would switch is there always. What else the chip has is
 * elsewhere: 8259As and ELCR in vmm/dev/irq/vpic.c, timer, port 61h and 92h, RTC and CF9h in vmm/dev/pc/.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/dev/pci/vpci.h"

#define VPIIX3_VENDOR 0x8086
#define VPIIX3_DEVICE 0x7000

struct vpiix3 {
	struct vpci_dev pci; /* its state is all there is */
};

struct vpiix3_cfg {
	struct vpci_slot at; /* function 0 of its slot */
};
/* Behind the bus (env->pci), whose router it is. cfg: vpiix3_cfg. */
extern const struct vdev_ops vpiix3_ops;
