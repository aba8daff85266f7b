/*
 * Configuration space of the machine's PCI devices, segment 0, the first 256 bytes of each. PCI Local Bus Specification
 * 3.0, 3.2.2.3.2 "Software Generation of Configuration Transactions" and 6.1 "Configuration Space Organization".
 */
#pragma once

#include "lib/types.h"

#define PCI_ID          0x00
#define PCI_COMMAND     0x04 /* the status register, whose bits are cleared by ones, is in the upper half */
#define PCI_CLASS       0x08 /* base class in bits 31:24, sub-class, interface, revision */
#define PCI_HEADER      0x0c /* header type in bits 22:16 */
#define PCI_BAR(n)      (0x10 + 4 * (n))
#define PCI_BARS        6
#define PCI_COMMAND_IO  0x1u
#define PCI_COMMAND_MEM 0x2u
#define PCI_BAR_IO      0x1u
#define PCI_BAR_64BIT   0x4u

/* A doubleword at reg, a multiple of 4. bdf: bus, device, function. All ones when there is no such device. Not locked:
 * for the bring-up, which one processor does. */
u32 pci_config_read(u16 bdf, u32 reg);
void pci_config_write(u16 bdf, u32 reg, u32 v);
