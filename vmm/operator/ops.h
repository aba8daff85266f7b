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
	/*
	 * What its control UART is connected to now, or NULL. Changed with both locks; the channel's work is done with
	 * the monitor's, what comes and goes by the UART with this one, so that the guest's OUT waits for nobody.
	 */
	struct ctl *ctl;
	struct spinlock ctl_lock;
	u8 pending[4096]; /* what it has not taken yet, as much as one REP OUTS sends; ctl_lock */
	u32 pending_at, nr_pending;
	bool ctl_more;  /* it has bytes for the UART; atomic */
	bool ctl_full;  /* it goes on when the UART has taken some; atomic */
	bool ctl_shows; /* consoles; monitor_lock */
};

struct vm;
struct machine;

/* Around the mux and the control channels: whoever runs the monitor's commands.
 * Its place among the locks: console.c. */
extern struct spinlock monitor_lock;
/* With it: the piece of work that begins now is over in 8 us; for mon_ops.piece_over(). */
void monitor_begin_piece(void);
bool monitor_piece_over(void);
/* The same for text that is shown: 24 us. */
bool monitor_text_over(void);
/* It is over: how long it was counts. */
enum monitor_who { MONITOR_CHANNEL, MONITOR_CONSOLE, MONITOR_NR_WHO };
void monitor_end_piece(enum monitor_who who);
/* Tells the log of the longest ones. At the end. */
void monitor_tell_pieces(void);
/* How long what has run since start, at nobody's expense, should rest: it takes a tenth of its CPU. ns. */
u64 monitor_rest(u64 start);
extern struct mon monitor_mon;
extern const struct mon_ops monitor_ops;

/* What mon_ops.screen... do (screen.c). With the monitor's lock held. */
int monitor_screen(void *ctx, u32 guest, u64 asker, u32 generation, struct mon_screen *s);
bool monitor_screen_pixels(void *ctx, u64 asker, u32 generation, u32 x, u32 y, u32 n, u8 *rgb);
u32 monitor_screen_same(void *ctx, u64 asker, u32 generation, u32 x, u32 y, u32 n);
size_t monitor_screen_text(void *ctx, u64 asker, u32 generation, u32 col, u32 row, u32 n, char *text);
void monitor_screen_done(void *ctx, u64 asker, u32 generation);

/* What mon_ops.eject() and insert() do (media.c). */
int monitor_eject(void *ctx, u32 guest, const char *name, bool force, struct mon_why *why);
int monitor_insert(void *ctx, u32 guest, const char *name, const char *module, struct mon_why *why);

/* What mon_ops.set() does, for vm: its share of the processors m, and which of them. With the monitor's lock held. */
int monitor_set(struct vm *vm, const struct machine *m, enum mon_prop prop, const struct mon_value *value,
                struct mon_why *why);
