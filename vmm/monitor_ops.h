/* What a VM has of the monitor, and what the monitor asks of VMs. */
#pragma once

#include "arch/x86/lock.h"
#include "vmm/mon/ctl.h"
#include "vmm/mon/mon.h"
#include "vmm/mon/vt.h"

struct monitor_vm {
	struct spinlock scroll_lock;
	struct vt_ring scroll; /* scroll_lock */
	struct mon_sample samples[MON_NR_SLOTS];
	struct ctl *ctl; /* of its control UART, or NULL */
	u8 pending[256]; /* requests it has not taken yet */
	u32 nr_pending;
	bool ctl_more; /* it has something to do or to say */
};

extern const struct mon_ops monitor_ops;
