/* PCI configuration mechanism #1: host bridge, absent functions, register rules. (PCI Local Bus 3.0, 3.2.2.3.2) */
#include "tests/guest/rt/rt.h"

static u32 cfg_addr(u32 bus, u32 dev, u32 fn, u32 reg)
{
	return 0x80000000u | bus << 16 | dev << 11 | fn << 8 | (reg & 0xfc);
}
static u32 cfg_read(u32 bus, u32 dev, u32 fn, u32 reg)
{
	outl(0xcf8, cfg_addr(bus, dev, fn, reg));
	return inl(0xcfc);
}

void main(const char *cmdline)
{
	u32 id, n = 0, old;

	outl(0xcf8, 0x80000000);
	report_eq(inl(0xcf8), 0x80000000, "CF8h keeps the address");
	id = cfg_read(0, 0, 0, 0);
	report(id != 0xffffffff && id != 0, "00:00.0 is there: %04x:%04x", id & 0xffff, id >> 16);
	report_eq(cfg_read(0, 0, 0, 8) >> 16, 0x0600, "00:00.0 is a host bridge");
	outl(0xcf8, cfg_addr(0, 0, 0, 0));
	report_eq(inw(0xcfc), id & 0xffff, "16-bit read at CFCh");
	report_eq(inw(0xcfe), id >> 16, "16-bit read at CFEh");
	report_eq(inb(0xcfd), id >> 8 & 0xff, "byte read at CFDh");
	report_eq(inb(0xcff), id >> 24, "byte read at CFFh");
	outl(0xcfc, 0);
	report_eq(inl(0xcfc), id, "the ID is read-only");
	outl(0xcf8, cfg_addr(0, 0, 0, 0) & 0x7fffffff);
	report_eq(inl(0xcfc), 0xffffffff, "enable bit clear: all-ones");
	/* a byte write to CF8h is no configuration address */
	outl(0xcf8, cfg_addr(0, 0, 0, 0));
	old = inl(0xcf8);
	outb(0xcf8, 0x44);
	report_hv(inl(0xcf8) == old, "CF8h: byte writes are not for it");
	report_eq(cfg_read(0, 31, 7, 0), 0xffffffff, "absent function: all-ones");
	report_eq(cfg_read(255, 0, 0, 0), 0xffffffff, "absent bus: all-ones");
	outl(0xcf8, cfg_addr(0, 31, 7, 4));
	outl(0xcfc, 7);
	report_eq(inl(0xcfc), 0xffffffff, "a write to an absent function");
	for (u32 dev = 0; dev < 32; dev++) {
		u32 fns = cfg_read(0, dev, 0, 0xc) & 0x800000 ? 8 : 1;

		for (u32 fn = 0; fn < fns; fn++) {
			id = cfg_read(0, dev, fn, 0);
			if ((id & 0xffff) == 0xffff)
				continue;
			n++;
			rt_printf("00:%02x.%u %04x:%04x class %06x\n", dev, fn, id & 0xffff, id >> 16,
			          cfg_read(0, dev, fn, 8) >> 8);
			if (fn && (cfg_read(0, dev, 0, 0) & 0xffff) == 0xffff)
				report(false, "function %u without function 0", fn);
		}
	}
	report(n >= 1, "%u functions on bus 0", n);
}
