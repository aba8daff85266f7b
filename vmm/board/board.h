/* The devices every VM has, and their wiring. */
#pragma once

#include "vmm/config/config.h"
#include "vmm/dev/irq/pc_irqchip.h"
#include "vmm/dev/pc/vdebug.h"
#include "vmm/dev/pc/vpit.h"
#include "vmm/dev/pc/vpm.h"
#include "vmm/dev/pc/vreset.h"
#include "vmm/dev/pc/vrtc.h"
#include "vmm/dev/pc/vuart.h"
#include "vmm/dev/pci/vi6300esb.h"
#include "vmm/dev/pci/vpci.h"

struct vm;

/* A serial port's way back to its VM. */
struct com_port {
	struct vm *vm;
	u32 n;
};

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
	struct com_port port[CONFIG_NR_COM];
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
/* Keys for the guest's console UART, from any CPU; returns how many were taken. */
size_t devices_queue_input(struct vm *vm, const u8 *buf, size_t len);
/* With the VM's lock held: whether there are keys or answers for the guest, and moves what its UARTs have room for.
 */
bool devices_input_waits(const struct vm *vm);
void devices_take_input(struct vm *vm);
/* Room of the control UART's receiver, and bytes for it. With the VM's lock held. */
size_t devices_control_space(struct vm *vm);
void devices_control_input(struct vm *vm, const u8 *buf, size_t len);
