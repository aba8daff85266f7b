#include "drivers/console/uart_pci.h"

#include "drivers/pci/config.h"

/* PCI Code and ID Assignment: communication controllers; UARTs of chip sets are also "signal processing controllers". */
#define CLASS_COMMUNICATION 0x07
#define CLASS_SIGNAL        0x11

static bool may_be_uart(u16 bdf)
{
	u32 class = pci_config_read(bdf, PCI_CLASS) >> 24;

	return (class == CLASS_COMMUNICATION || class == CLASS_SIGNAL) &&
	       !(pci_config_read(bdf, PCI_HEADER) >> 16 & 0x7f);
}

/* "Address Maps": base address registers. false: it has no address. */
static bool place_of(u16 bdf, u32 n, struct uart_place *p)
{
	u32 bar = pci_config_read(bdf, PCI_BAR(n));

	p->stride = p->width = 0;
	if (bar & PCI_BAR_IO) {
		p->at = UART_AT_PORT;
		p->addr = bar & 0xfffc;
	} else {
		p->at = UART_AT_MEM;
		p->addr = bar & ~0xfu;
		if (bar & PCI_BAR_64BIT && n + 1 < PCI_BARS)
			p->addr |= (u64)pci_config_read(bdf, PCI_BAR(n + 1)) << 32;
	}
	return p->addr;
}

const char *uart_pci_find(struct uart_place *p)
{
	struct uart_place at = *p;
	u32 n = 0, command;

	if (pci_config_read(at.bdf, PCI_ID) == ~0u)
		return "there is no such PCI device";
	if (!may_be_uart(at.bdf))
		return "that PCI device is no serial port";
	while (!place_of(at.bdf, n, &at)) {
		n += (pci_config_read(at.bdf, PCI_BAR(n)) & (PCI_BAR_IO | PCI_BAR_64BIT)) == PCI_BAR_64BIT ? 2 : 1;
		if (n >= PCI_BARS)
			return "the firmware has given that PCI device no address";
	}
	command = pci_config_read(at.bdf, PCI_COMMAND) & 0xffff;
	pci_config_write(at.bdf, PCI_COMMAND, command | (at.at == UART_AT_PORT ? PCI_COMMAND_IO : PCI_COMMAND_MEM));
	at.poll = true;
	*p = at;
	return NULL;
}
