#include "drivers/pci/config.h"

#include "arch/x86/io.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u

u32 pci_config_read(u16 bdf, u32 reg)
{
	outl(CONFIG_ADDRESS, CONFIG_ENABLE | (u32)bdf << 8 | (reg & 0xfc));
	return inl(CONFIG_DATA);
}

void pci_config_write(u16 bdf, u32 reg, u32 v)
{
	outl(CONFIG_ADDRESS, CONFIG_ENABLE | (u32)bdf << 8 | (reg & 0xfc));
	outl(CONFIG_DATA, v);
}
