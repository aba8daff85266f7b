/*
 * The watchdog timer of the Intel 6300ESB, a PCI function (8086:25AB). Pure. Source: Intel 6300ESB I/O Controller Hub
 * data sheet, chapter "Watchdog Timer". Linux: i6300esb.
 *
 * Two stages: from the first preload value down to 0 (then an interrupt, if asked for), from the second down to 0
 * (then the output WDT_TOUT#, which here is the callback: the guest has crashed). The counter runs at 33 MHz / 2^15
 * (about 1 kHz) or 33 MHz / 2^5 (about 1 MHz). In free-running mode only the second stage counts, again and again.
 *
 * What differs: a first-stage interrupt of type "IRQ" is raised on the function's INTA pin, for guests have no second
 * I/O APIC, to whose input 10 the chip ties it; type "SMI" only sets the status, for guests have no SMM.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/base/timer.h"
#include "vmm/dev/pci/vpci.h"

/* Configuration registers beside the header. */
#define VI6300ESB_CONFIG 0x60 /* 16 bits */
#define VI6300ESB_LOCK   0x68 /* 8 bits */

/* The two registers above are in pci.s.cfg. */
#define VI6300ESB_STATE(T, F, A, S)                                                                      \
	A(T, u32, preload, 2) /* 20 bits: stages 1 and 2 */                                              \
	F(T, u64, deadline)   /* ns of VM time when the stage ends; TIMER_OFF: not counting */           \
	F(T, u8, stage)       /* 0 off, 1, 2 */                                                          \
	F(T, u8, unlock)      /* how far the unlock sequence has come: 0, 1, 2 (done) */                 \
	F(T, bool, enabled)   /* the lock register's enable bit as last seen: what counts is its rise */ \
	F(T, bool, interrupt) /* first stage has ended (GINTSR bit 0) */                                 \
	F(T, bool, timed_out) /* second stage has ended; survives resets, as on the RTC's battery */
STATE_STRUCT(vi6300esb_state, VI6300ESB_STATE);

struct vi6300esb {
	struct vi6300esb_state s;
	struct vpci_dev pci;
	struct timer timer;
	void (*expired)(void *arg);
	void *arg;
};

/*
 * Sets everything up; expired is called when the second stage ends and the guest has not disabled the output. Attach
 * d->pci with vpci_attach. OK or vpci_bar_init's errors.
 */
__must_check int vi6300esb_init(struct vi6300esb *d, struct timerq *tq, void (*expired)(void *arg), void *arg);
/* Power-on state but for timed_out; after vpci_dev_reset. */
void vi6300esb_reset(struct vi6300esb *d);
/* After s and pci.s were restored; the function is attached. */
void vi6300esb_restored(struct vi6300esb *d);

/* Where it goes, and who hears of it: as vi6300esb_init. */
struct vi6300esb_cfg {
	struct vpci_slot at;
	void (*expired)(void *arg);
	void *arg;
};
/* Behind the bus (env->pci). Its reset is that of the function, too. cfg: vi6300esb_cfg. */
extern const struct vdev_ops vi6300esb_ops;
