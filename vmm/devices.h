/* The devices every VM has, and their wiring. */
#pragma once

#include "vmm/config.h"
#include "vmm/dev/pc_irqchip.h"
#include "vmm/dev/vdebug.h"
#include "vmm/dev/vi6300esb.h"
#include "vmm/dev/vpci.h"
#include "vmm/dev/vpit.h"
#include "vmm/dev/vpm.h"
#include "vmm/dev/vreset.h"
#include "vmm/dev/vrtc.h"
#include "vmm/dev/vuart.h"

struct vm;

struct devices {
	struct pc_irqchip irq;
	struct vlapic **lapics;
	struct vpit pit;
	struct vrtc rtc;
	struct vpm pm;
	struct vreset reset;
	struct vpci pci;
	struct vpci_dev host_bridge;
	struct vi6300esb watchdog; /* with VM_WATCHDOG_I6300ESB */
	struct vuart com[CONFIG_NR_COM];
	struct vdebug debug;
	u8 *iomem; /* the pc-testdev's I/O RAM */
	struct {
		char text[120];
		u32 len;
	} log_line[CONFIG_NR_COM];
};

/* Creates, wires and attaches them; vCPUs exist. OK or an error, logged. */
__must_check int devices_create(struct vm *vm);
void devices_destroy(struct vm *vm);
/* Power-on state at VM time now. */
void devices_reset(struct vm *vm, u64 now);

static inline bool devices_pic_pending(const struct devices *d)
{
	return vpic_pending(&d->irq.pic);
}
static inline int devices_pic_ack(struct devices *d)
{
	return vpic_ack(&d->irq.pic);
}
/*
 * Input for the guest's console UART, from one CPU at a time, whichever; returns how many bytes were taken (all when
 * nobody reads them).
 */
size_t devices_console_input(struct vm *vm, const u8 *buf, size_t len);
/* On vCPU 0's CPU, with the VM's lock: on to the UART. true: some had no room yet. */
bool devices_console_drain(struct vm *vm);
