/* UARTs on PCI. Pure: configuration space is drivers/pci/config.h, which tests replace. */
#pragma once

#include "drivers/console/uart_place.h"

/*
 * Finds the registers of the device at p->bdf (UART_AT_PCI) behind its first base address register that has an address,
 * has the device answer there, and makes *p that place. NULL, else what is wrong; then *p stays as it is. It interrupts
 * by a line that only the firmware's bytecode knows: p->poll is set.
 */
__must_check const char *uart_pci_find(struct uart_place *p);
