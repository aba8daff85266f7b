/*
 * ACPI fixed hardware: PM timer, PM1a event and control blocks, SMI command port, a GPE0 block. Pure. ACPI
 * Specification, "Fixed Hardware Programming Model". Ports as vmm/firmware/tables.h's FADT says.
 *
 * On the PC it is part of a PIIX4: where the PM1a blocks and the timer are, that function says and hands accesses on
 * (vpm_io); SCI_EN is the guest's to write; the GPE0 block has the place that virtual machines of this kind give it.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/irqchip.h"
#include "vmm/base/timer.h"
#include "vmm/dev/vdev.h"

#define VPM_BASE         0x600
#define VPM_GPE          (VPM_BASE + 0x20)
#define VPM_REGS         0x0c /* ports of status, enable, control and timer, from VPM_BASE or the PIIX4's base on */
#define VPM_GPE_PIIX4    0xafe0
#define VPM_SMI_CMD      0xb2
#define VPM_ACPI_ENABLE  0xf1
#define VPM_ACPI_DISABLE 0xf0
#define VPM_SCI          9
#define VPM_TIMER_HZ     3579545ull
#define VPM_NR_GPES      16

#define PM1_TMR     0x0001u
#define PM1_GBL     0x0020u
#define PM1_PWRBTN  0x0100u
#define PM1_RTC     0x0400u
#define PM1_WAK     0x8000u
#define PM1_SCI_EN  0x0001u
#define PM1_SLP_TYP 0x1c00u
#define PM1_SLP_EN  0x2000u

#define VPM_STATE(T, F, A, S)                    \
	F(T, u16, sts)                           \
	F(T, u16, en)                            \
	F(T, u16, cnt)                           \
	F(T, u16, gpe_sts)                       \
	F(T, u16, gpe_en)                        \
	F(T, u8, smi_cmd)                        \
	F(T, u8, smi_sts)                        \
	F(T, bool, line) /* the SCI as driven */ \
	F(T, u64, half)  /* changes of the timer's top bit that sts accounts for */
STATE_STRUCT(vpm_state, VPM_STATE);

struct vpm {
	struct vpm_state s;
	const struct irqchip *irq;
	struct timer overflow;
	void (*sleep)(void *arg, u8 slp_typ); /* SLP_EN was written */
	void *arg;
	struct io_region pm_region, gpe_region, smi_region;
	bool piix4;
	struct io_bus *pio; /* set by attach */
};

struct vpm_cfg {
	void (*sleep)(void *arg, u8 slp_typ);
	void *arg;
	bool piix4; /* the registers at VPM_BASE are a PIIX4's, not here */
};
extern const struct vdev_ops vpm_ops; /* cfg: struct vpm_cfg */

void vpm_init(struct vpm *p, const struct irqchip *irq, struct timerq *tq, void (*sleep)(void *arg, u8 slp_typ),
              void *arg);
/* OK or io_bus_add's error (nothing stays added). */
__must_check int vpm_attach(struct vpm *p, struct io_bus *pio);
/* An access to status, enable, control or timer: offset and size within VPM_REGS. dev: struct vpm. */
void vpm_io(void *dev, struct io_access *io);
/* Legacy mode (SCI_EN clear), nothing enabled or pending. The PM timer counts VM time and is not affected. */
void vpm_reset(struct vpm *p, u64 now);
/* After s was restored: drives the SCI, arms the timer. */
void vpm_restored(struct vpm *p, u64 now);
/* The power button is pressed: an SCI when the guest has enabled it. */
void vpm_power_button(struct vpm *p, u64 now);
/* General-purpose event n (below VPM_NR_GPES) happens: its status bit, and an SCI when the guest has enabled it. */
void vpm_raise_gpe(struct vpm *p, u32 n);
