/* The reset of all functions of a bus, as a board's reset of their devices is. */
#pragma once

#include "vmm/dev/pci/vpci.h"

static inline void pci_reset_all(struct vpci *pci)
{
	for (struct vpci_dev *d = pci->first; d; d = d->next)
		vpci_dev_reset(d);
	vpci_ops.reset(pci, 0);
}
