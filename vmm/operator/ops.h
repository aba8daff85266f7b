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
	struct ctl *own; /* the channel that the configuration gives it, or NULL */
	struct ctl *ctl; /* what its control UART is connected to now, or NULL */
	u8 pending[256]; /* requests it has not taken yet */
	u32 nr_pending;
	bool ctl_more; /* it has something to do or to say */
};

struct vm;
struct machine;

/* Around the mux and the control channels: whoever runs the monitor's commands.
 * Its place among the locks: console.c. */
extern struct spinlock monitor_lock;
extern struct mon monitor_mon;
extern const struct mon_ops monitor_ops;

/* What mon_ops.set() does, for vm: its share of the processors m, and which of them. With the monitor's lock held. */
int monitor_set(struct vm *vm, const struct machine *m, enum mon_prop prop, const struct mon_value *value,
                struct mon_why *why);
