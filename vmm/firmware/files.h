/*
 * Tables for a guest with firmware, the PC's: as files that firmware takes from fw_cfg (vmm/dev/pc/vfwcfg.h) and puts
 * where it likes. Pure.
 * Sources: ACPI 6.4, of which these are the parts that ACPI 1.0 and 2.0 have; DMTF DSP0134; the public description of
 * the table loader's commands (SeaBIOS, OVMF).
 *
 *   etc/acpi/tables            FACS, DSDT, FADT, MADT, HPET, RSDT (and XSDT); addresses are offsets in the file
 *   etc/acpi/rsdp              with the RSDT's (and XSDT's) offset
 *   etc/table-loader           what to do with them, commands of 128 bytes: allocate a file, add a file's address to a
 *                              pointer, sum up; no checksum is right before
 *   etc/smbios/smbios-tables   all structures; smbios-anchor: their entry point without address and checksums
 *   etc/e820                   RAM, entries of 20 bytes
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/firmware/tables.h"

#define FW_FILE_TABLES   "etc/acpi/tables"
#define FW_FILE_RSDP     "etc/acpi/rsdp"
#define FW_FILE_LOADER   "etc/table-loader"
#define FW_FILE_SMBIOS   "etc/smbios/smbios-tables"
#define FW_FILE_ANCHOR   "etc/smbios/smbios-anchor"
#define FW_FILE_E820     "etc/e820"
#define FW_PC_GPE0_PORT  0xafe0 /* 4 bytes */
#define FW_PC_PM_DEFAULT 0x600  /* of the power management ports, as long as nobody has said where they are */
#define FW_PC_HPET_BASE  0xfed00000u
#define FW_PC_HPET_ID    0x8086a201u /* the low half of its capabilities: three timers, 64 bits, legacy routing */

#define FW_FILES_TABLES_MAX 16384
#define FW_FILES_SMBIOS_MAX 1024
#define FW_LOADER_COMMAND   128
#define FW_LOADER_MAX       24

struct fw_pc_config {
	struct fw_config base; /* map: RAM below 4 GiB ends at map->low_end, where the PCI window begins */
	bool fdc;              /* floppy and DMA controllers */
	bool lpt;              /* a parallel port at 378h */
	bool hpet;
	bool acpi1; /* roots as ACPI 1.0 has them, for systems that came by the BIOS: no XSDT */
};

/* The files; all 0 at the beginning. */
struct fw_files {
	u8 tables[FW_FILES_TABLES_MAX];
	u8 smbios[FW_FILES_SMBIOS_MAX];
	u8 loader[FW_LOADER_MAX * FW_LOADER_COMMAND];
	u8 e820[2 * 20];
	u8 rsdp[36], anchor[31];
	u32 tables_len, smbios_len, loader_len, e820_len, rsdp_len, anchor_len;
	u32 fadt; /* offset in tables */
};

/* The compiled vmm/firmware/dsdt_pc.asl (generated at build time). */
extern const u8 dsdt_pc_aml[];
extern const u32 dsdt_pc_aml_len;

/*
 * Fills all of them. OK; ERR_INVAL (nr_cpus), ERR_NOSPC (too many processors or too long a name for these buffers).
 */
__must_check int fw_files_build(struct fw_files *f, const struct fw_pc_config *cfg);
/* The power management ports are at base: what firmware has chosen. 0: it has not. */
void fw_files_set_pm(struct fw_files *f, u16 base);
