/* Between vpci.c (bus, BARs, INTx) and vpci_msi.c (message-signalled interrupts). */
#pragma once

#include "vmm/dev/pci/vpci.h"

/* A guest wrote [off, off + size) of dev's configuration space: sends what that unmasked. */
void vpci_msi_cfg_written(struct vpci_dev *dev, u32 off, u32 size);
/* Power-on state of the vectors. */
void vpci_msi_reset(struct vpci_dev *dev);
/* INTx lines according to all requests; force: drive them even when unchanged. */
void vpci_update_intx(struct vpci *pci, bool force);
