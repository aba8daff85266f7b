/* What the files of this folder share: how an area is filled (area.c), ACPI's tables (acpi.c), and who fills it. */
#pragma once

#include "lib/string.h"
#include "vmm/firmware/tables.h"

/* len zeroed bytes at the next multiple of align; NULL when the area is full. *gpa gets their address. */
u8 *fw_alloc(struct fw_area *a, u64 len, u64 align, u64 *gpa);

/* The byte that makes len bytes at p sum to 0, when the checksum field itself is 0. */
u8 fw_checksum(const void *p, u64 len);

static inline void fw_put16(u8 *p, u32 off, u16 v)
{
	__builtin_memcpy(p + off, &v, sizeof(v));
}

static inline void fw_put32(u8 *p, u32 off, u32 v)
{
	__builtin_memcpy(p + off, &v, sizeof(v));
}

static inline void fw_put64(u8 *p, u32 off, u64 v)
{
	__builtin_memcpy(p + off, &v, sizeof(v));
}

/* The processor's entry after a reset, and the code that it jumps to: the end of the firmware area. */
#define FW_RESET_CODE  0xfffe0u
#define FW_RESET_ENTRY 0xffff0u

/*
 * What follows with a name in _step is made in pieces of bounded work: called with the same arguments until it answers
 * false. The state, the first argument, is all 0 at the beginning.
 */

/* Processors whose entries are written at a time. */
#define FW_CPUS_PIECE 24u

/* MP floating pointer and configuration table, from a's next free byte on; a is in F0000h-FFFFFh. */
bool fw_mptable_step(struct fw_mptable *m, const struct fw_config *cfg, struct fw_area *a);
/* low: guest memory from 0 to GUEST_VGA_BASE. */
void fw_bda_build(const struct fw_config *cfg, u8 *low);
/* rom: guest memory from FW_RESET_CODE to GUEST_FW_END. */
void fw_reset_entry_build(u8 *rom);
/* Both entry points and all structures, from the start of a. a->full tells whether they fitted. */
bool fw_smbios_step(struct fw_smbios *s, const struct fw_config *cfg, struct fw_area *a);

/*
 * SMBIOS 2.8 for firmware to place: all structures from the start of a on, and their entry point, FW_SMBIOS_ANCHOR bytes
 * without address and checksums. a->full tells whether they fitted.
 */
#define FW_SMBIOS_ANCHOR 31
bool fw_smbios_files_step(struct fw_smbios *s, const struct fw_config *cfg, struct fw_area *a, u8 *anchor);

/* ---- acpi.c ---- */

#define FW_HEADER_LEN 36
#define FW_RSDP1_LEN  20
#define FW_RSDP2_LEN  36

/* FADT fixed feature flags. */
#define FW_FADT_WBINVD      BIT(0)
#define FW_FADT_PROC_C1     BIT(2)
#define FW_FADT_SLP_BUTTON  BIT(5) /* no fixed-hardware sleep button */
#define FW_FADT_FIX_RTC     BIT(6) /* no RTC wake status in fixed hardware */
#define FW_FADT_TMR_VAL_EXT BIT(8)
#define FW_FADT_RESET_REG   BIT(10)
/* FADT IA-PC boot architecture flags. */
#define FW_BOOT_LEGACY      BIT(0)
#define FW_BOOT_8042        BIT(1)
#define FW_BOOT_NO_VGA      BIT(2)
#define FW_BOOT_NO_ASPM     BIT(4)
#define FW_BOOT_NO_CMOS_RTC BIT(5)

/* A system description table of len bytes with its header; the checksum comes later, by fw_seal(). */
u8 *fw_table(struct fw_area *a, const char *sig, u8 rev, u32 len, u64 *gpa);
void fw_seal(u8 *t, u32 len);
/* Generic Address Structure of a register block in port space; access: 1 byte, 2 word, 3 dword. */
void fw_put_gas(u8 *t, u32 off, u8 bits, u8 access, u64 port);
/* These return where their table is, 0 when a is full. */
u64 fw_facs(struct fw_area *a);
/* level: nr ISA interrupts that are level-triggered and active high. m->gpa: where it is, 0 when a is full. */
bool fw_madt_step(struct fw_madt *m, const struct fw_config *cfg, struct fw_area *a, u8 rev, const u8 *level, u32 nr);
/* Puts which optional devices exist into a DSDT of len bytes; its checksum stays right. */
void fw_dsdt_configure(u8 *dsdt, u32 len, u32 value);
/* RSDT and XSDT (NULL: none), which list nr tables. */
void fw_roots(struct fw_area *a, const u64 *tables, u32 nr, u64 *rsdt, u64 *xsdt);
/* p: zeroed. xsdt 0: as ACPI 1.0 has it, of FW_RSDP1_LEN bytes, else of FW_RSDP2_LEN. */
void fw_rsdp(u8 *p, u64 rsdt, u64 xsdt);
