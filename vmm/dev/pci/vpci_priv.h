/* Between vpci.c (bus, INTx), vpci_bar.c, vpci_msi.c (message-signalled interrupts) and vpci_state.c. */
#pragma once

#include "vmm/dev/pci/vpci.h"

#define VPCI_ADDR_BITS 0x80fffffcu /* of CONFIG_ADDRESS */
#define VPCI_ISA_IRQ   10          /* PIRQ 0 and 2; 1 and 3 are on the next one */

/* The register of BAR i. */
static inline u32 vpci_bar_reg(u32 i)
{
	return i == VPCI_ROM ? PCI_ROM : PCI_BAR0 + 4 * i;
}

/* A little-endian field of configuration space. */
u32 vpci_state_get(const struct vpci_dev_state *s, u32 off, u32 size);

/* Where a guest has put BAR i of d in state s, if it has enabled its decoding; else VPCI_NOWHERE. */
u64 vpci_bar_wanted(const struct vpci_dev *d, const struct vpci_dev_state *s, u32 i);
struct io_bus *vpci_bar_bus(const struct vpci_dev *d, u32 i);
/* Puts BAR i, which is on no bus, to base. false: there is no room, it stays off. */
bool vpci_bar_map(struct vpci_dev *d, u32 i, u64 base);
void vpci_bar_unmap(struct vpci_dev *d, u32 i);
/* After a change of where dev's BARs are wanted: takes them away, puts them there, and others where it made room. */
void vpci_update_bars(struct vpci_dev *dev);
/* A function's BARs have gone with it: there may be room for others'. */
void vpci_bars_freed(struct vpci *pci);
/* dev's state was put in place: its BARs where the state says that they are, as far as there is room. */
void vpci_bars_restored(struct vpci_dev *dev);

/* A guest wrote [off, off + size) of dev's configuration space: sends what that unmasked. */
void vpci_msi_cfg_written(struct vpci_dev *dev, u32 off, u32 size);
/* Power-on state of the vectors. */
void vpci_msi_reset(struct vpci_dev *dev);
bool vpci_msi_valid(const struct vpci_dev *dev, const struct vpci_dev_state *s, struct state_check *c);
/* INTx lines according to all requests, as far as they change. */
void vpci_update_intx(struct vpci *pci);
/* The same after a restore: those that are high, whatever was driven before. */
void vpci_intx_restored(struct vpci *pci);
