/*
 * Power management of the PC: function 3 of the Intel 82371AB, PIIX4 (8086:7113), with the SMBus host. Pure. Source:
 * Intel 82371AB (PIIX4) data sheet (290562), "PCI Register Mapping (Function 3)", "Power Management I/O Registers",
 * "SMBus I/O Registers".
 *
 * The function says where the registers of the ACPI fixed hardware are (PMBA, 40h; PMREGMISC, 80h, turns them on);
 * those themselves are vmm/dev/pc/vpm.c's, and so is the SMI command port, B2h. What comes behind them (0Ch to 3Fh)
 * keeps what is written: nothing throttles, nothing is trapped, no general-purpose pin is connected. The SMBus (SMBBA,
 * 90h; SMBHSTCFG, D2h) has a host and nobody else on it: whoever is asked does not answer, and no interrupt comes.
 *
 * Other than on the chip DEVACTB's APMC_EN (bit 1 of 5Bh) is set after a reset: there is no SMM, and firmware takes it
 * as a sign that SMM has been set up.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/dev/pc/vpm.h"
#include "vmm/dev/pci/vpci.h"

#define VPIIX4PM_VENDOR 0x8086
#define VPIIX4PM_DEVICE 0x7113

#define VPIIX4PM_PMBA      0x40 /* bits 6-15 */
#define VPIIX4PM_DEVACTB   0x58
#define VPIIX4PM_PMREGMISC 0x80 /* bit 0: the registers at PMBA are there */
#define VPIIX4PM_SMBBA     0x90 /* bits 4-15 */
#define VPIIX4PM_SMBHSTCFG 0xd2 /* bit 0: the SMBus host is there, if ports are enabled in the command register */

#define VPIIX4PM_PM_SIZE  64 /* ports */
#define VPIIX4PM_SMB_SIZE 16
#define VPIIX4PM_BLOCK    32 /* bytes of the SMBus host's buffer */

#define VPIIX4PM_STATE(T, F, A, S)                                                            \
	A(T, u8, pm, VPIIX4PM_PM_SIZE)   /* from 0Ch on; what is before it, struct vpm has */ \
	A(T, u8, smb, VPIIX4PM_SMB_SIZE) /* SMBus registers */                                \
	A(T, u8, block, VPIIX4PM_BLOCK)                                                       \
	F(T, u8, block_at) /* what SMBBLKDAT has next */
STATE_STRUCT(vpiix4pm_state, VPIIX4PM_STATE);

struct vpiix4pm {
	struct vpiix4pm_state s;
	struct vpci_dev pci;
	struct vpm *vpm;
};

struct vpiix4pm_cfg {
	struct vpci_slot at;
	struct vpm *vpm; /* the fixed hardware, attached with vpm_cfg.piix4 */
};
/* Behind the bus (env->pci). cfg: vpiix4pm_cfg. */
extern const struct vdev_ops vpiix4pm_ops;

/* First port of the registers of the ACPI fixed hardware, or 0 while they are nowhere. For whoever makes tables. */
u32 vpiix4pm_base(const struct vpiix4pm *d);
