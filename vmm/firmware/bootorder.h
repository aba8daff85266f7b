/*
 * What firmware boots from, in which order: fw_cfg's file "bootorder". Pure. One line a device, the path of Open Firmware
 * that SeaBIOS and OVMF make of where it is plugged in.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

#define FW_BOOT_MAX  20u /* drives and network cards */
#define FW_BOOT_LINE 64u /* characters of a line, at most */

/* As CMOS has them. */
enum fw_boot_kind { FW_BOOT_NONE, FW_BOOT_FLOPPY, FW_BOOT_DISK, FW_BOOT_CD, FW_BOOT_NIC };

struct fw_boot {
	enum fw_boot_kind kind;
	u32 place; /* floppy: the drive; IDE: 2 * channel + unit; network card: its slot */
	u32 order; /* the lowest is tried first; 0: firmware's own order, behind those that have one */
};

/*
 * The file for nr of them (FW_BOOT_MAX at most, in any order) to buf, of size bytes; rom, an option ROM's file, goes first
 * (NULL: none). *len: its length with its last zero; 0 when there is nothing to say. OK or ERR_NOSPC.
 */
__must_check int fw_bootorder(char *buf, size_t size, const char *rom, const struct fw_boot *drives, u32 nr,
                              size_t *len);

/* The kinds that are tried, each once, in that order: for CMOS. nr as above; FW_BOOT_NONE: no more. */
void fw_boot_kinds(const struct fw_boot *drives, u32 nr, u8 kinds[3]);
