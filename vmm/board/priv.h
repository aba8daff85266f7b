/* What board.c and serial.c share: struct board. */
#pragma once

#include "arch/x86/lock.h"
#include "vmm/backend/chr.h"
#include "vmm/board/serial.h"
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
	enum vm_serial kind; /* what it is connected to now */
	struct {             /* of the log */
		char text[120];
		u32 len;
	} line;
};

struct board {
	struct vpit pit;
	struct vrtc rtc;
	struct vpm pm;
	struct vreset reset;
	struct vpci pci;
	struct vpci_dev host_bridge;
	struct vi6300esb watchdog; /* with VM_WATCHDOG_I6300ESB */
	struct vuart com[CONFIG_NR_COM];
	struct com_port port[CONFIG_NR_COM];
	struct chr chr[SERIAL_NR_ENDS];
	struct vdebug debug;
	u8 *iomem; /* the pc-testdev's I/O RAM */
	struct {   /* keys on their way to the console UART */
		struct spinlock lock;
		u8 buf[64];
		u32 nr; /* atomic */
	} keys;
};

/* ---- serial.c ---- */

__must_check int serial_create(struct vm *vm);
void serial_reset(struct vm *vm, u64 now);
