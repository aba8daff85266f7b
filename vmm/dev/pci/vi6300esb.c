/* Intel 6300ESB watchdog timer. */
#include "vmm/dev/pci/vi6300esb.h"

#include "lib/string.h"

#define VENDOR     0x8086
#define DEVICE     0x25ab
#define CLASS_MISC 0x088000 /* system peripheral, other */

/* WDT Configuration Register */
#define CONFIG_INT_TYPE 0x03 /* 0 IRQ, 1 reserved, 2 SMI, 3 none */
#define CONFIG_PRE_SEL  0x04 /* 1: 1 MHz */
#define CONFIG_OUTPUT   0x20 /* 1: output disabled */

/* WDT Lock Register */
#define LOCK_LOCK   0x01 /* the register stays as it is until reset */
#define LOCK_ENABLE 0x02
#define LOCK_FREE   0x04 /* WDT_TOUT_CNF: free running */
#define LOCK_BITS   0x07

/* Memory space */
#define BAR_SIZE     16
#define REG_PRELOAD1 0x00
#define REG_PRELOAD2 0x04
#define REG_GINTSR   0x08
#define REG_RELOAD   0x0c
#define PRELOAD_BITS 0xfffffu

#define GINTSR_ACTIVE  0x01
#define RELOAD_RELOAD  0x100
#define RELOAD_TIMEOUT 0x200
#define UNLOCK_FIRST   0x80
#define UNLOCK_SECOND  0x86

#define PCI_CLOCK_MHZ 33
#define MIN_AGAIN_NS  100000 /* a counter that runs free does not keep its CPU busy */

STATE_DESC(vi6300esb_state, VI6300ESB_STATE, 1);

static u32 config(const struct vi6300esb *d)
{
	return vpci_cfg_get(&d->pci, VI6300ESB_CONFIG, 2);
}
static u32 lock(const struct vi6300esb *d)
{
	return d->pci.s.cfg[VI6300ESB_LOCK];
}

/* ---- counting ---- */

static u64 counts_ns(u64 counts, bool fast)
{
	return (counts << (fast ? 5 : 15)) * 1000 / PCI_CLOCK_MHZ;
}

/* ns that stage takes. A preload value of 0 counts as 1: the counter has to get to 0. */
static u64 stage_ns(const struct vi6300esb *d, u32 stage)
{
	return counts_ns(MAX(d->s.preload[stage - 1], 1u), config(d) & CONFIG_PRE_SEL);
}

static void set_deadline(struct vi6300esb *d, u64 deadline)
{
	d->s.deadline = deadline;
	timer_set(&d->timer, deadline);
}

/* From the beginning of what there is to count. */
static void start(struct vi6300esb *d, u64 now)
{
	d->s.stage = lock(d) & LOCK_FREE ? 2 : 1;
	set_deadline(d, now + stage_ns(d, d->s.stage));
}

static void stop(struct vi6300esb *d)
{
	d->s.stage = 0;
	set_deadline(d, TIMER_OFF);
}

static void update_interrupt(struct vi6300esb *d)
{
	vpci_intx_set(&d->pci, d->s.interrupt && (config(d) & CONFIG_INT_TYPE) == 0);
}

static void stage_ends(void *arg, u64 now)
{
	struct vi6300esb *d = arg;
	bool again = lock(d) & LOCK_FREE;

	d->s.deadline = TIMER_OFF;
	if (d->s.stage == 1) {
		d->s.interrupt = (config(d) & CONFIG_INT_TYPE) != CONFIG_INT_TYPE;
		update_interrupt(d);
		d->s.stage = 2;
		set_deadline(d, now + stage_ns(d, 2));
		return;
	}
	d->s.timed_out = true;
	if (again) {
		start(d, now);
		set_deadline(d, MAX(d->s.deadline, now + MIN_AGAIN_NS));
	} else {
		stop(d);
	}
	if (!(config(d) & CONFIG_OUTPUT))
		d->expired(d->arg);
}

/* An access comes before the timer that is due when that is late: the stages end where they should have. */
static void sync(struct vi6300esb *d, u64 now)
{
	for (u32 i = 0; i < 2 && d->s.deadline <= now; i++)
		stage_ends(d, d->s.deadline);
}

/* ---- registers ---- */

static void write_reload(struct vi6300esb *d, u32 val, u64 now)
{
	if (val & RELOAD_TIMEOUT)
		d->s.timed_out = false;
	/* Only a running counter is reloaded; in watchdog mode this leads back to the first stage. */
	if ((val & RELOAD_RELOAD) && (lock(d) & LOCK_ENABLE))
		start(d, now);
}

static void write_register(struct vi6300esb *d, u32 reg, u32 val, u64 now)
{
	u8 unlocked = d->s.unlock;

	/* "80h then 86h to the reload register" allows one write to it or to a preload register. */
	d->s.unlock = 0;
	if (reg == REG_RELOAD && val == UNLOCK_FIRST)
		d->s.unlock = 1;
	else if (reg == REG_RELOAD && val == UNLOCK_SECOND && unlocked == 1)
		d->s.unlock = 2;
	else if (unlocked == 2 && reg == REG_RELOAD)
		write_reload(d, val, now);
	else if (unlocked == 2)
		d->s.preload[reg == REG_PRELOAD2] = val & PRELOAD_BITS;
}

static u32 read_register(const struct vi6300esb *d, u32 reg)
{
	switch (reg) {
	case REG_PRELOAD1: return d->s.preload[0];
	case REG_PRELOAD2: return d->s.preload[1];
	case REG_GINTSR: return d->s.interrupt ? GINTSR_ACTIVE : 0;
	default: return d->s.timed_out ? RELOAD_TIMEOUT : 0;
	}
}

/* Reads see bytes, whatever their size; writes are whole registers from their first byte, or nothing. */
static void bar_io(void *dev, struct io_access *io)
{
	struct vi6300esb *d = dev;
	u32 reg = (u32)io->offset & ~3u, shift = 8 * ((u32)io->offset & 3);

	sync(d, io->now);
	if (!io->write) {
		u64 val = 0;

		for (u32 i = 0; i < io->size; i++) {
			u32 at = (u32)io->offset + i;

			val |= (u64)(read_register(d, at & ~3u) >> 8 * (at & 3) & 0xff) << 8 * i;
		}
		io->value = val;
		return;
	}
	if (shift || io->size > 4)
		return;
	if (reg == REG_GINTSR) {
		if (io->value & GINTSR_ACTIVE)
			d->s.interrupt = false;
		update_interrupt(d);
	} else if (reg == REG_RELOAD ? io->size >= 2 : io->size == 4) {
		write_register(d, reg, (u32)io->value, io->now);
	}
}

/* The lock register can be written until its lock bit is set. */
static void allow_lock(struct vi6300esb *d)
{
	d->pci.wmask[VI6300ESB_LOCK] = lock(d) & LOCK_LOCK ? 0 : LOCK_BITS;
}

static void cfg_written(struct vpci_dev *pci, u32 off, u32 size, u64 now)
{
	struct vi6300esb *d = container_of(pci, struct vi6300esb, pci);

	if (off <= VI6300ESB_LOCK && off + size > VI6300ESB_LOCK) {
		bool enabled = lock(d) & LOCK_ENABLE;

		if (!enabled)
			stop(d);
		else if (!d->s.enabled)
			start(d, now);
		d->s.enabled = enabled;
		allow_lock(d);
	}
	update_interrupt(d);
}

/* ---- for the owner ---- */

int vi6300esb_init(struct vi6300esb *d, struct timerq *tq, void (*expired)(void *arg), void *arg)
{
	int err;

	memset(d, 0, sizeof(*d));
	vpci_dev_init(&d->pci, "i6300esb", VENDOR, DEVICE, CLASS_MISC, 0, 1);
	err = vpci_bar_init(&d->pci, 0, VPCI_BAR_MEM32, BAR_SIZE, false, bar_io, d);
	if (err)
		return err;
	d->pci.wmask[VI6300ESB_CONFIG] = CONFIG_INT_TYPE | CONFIG_PRE_SEL | CONFIG_OUTPUT;
	d->pci.omask[VI6300ESB_LOCK] = LOCK_BITS; /* not written, or not any more, it keeps what it has */
	d->pci.cfg_written = cfg_written;
	d->expired = expired;
	d->arg = arg;
	timer_init(&d->timer, tq, stage_ends, d);
	vi6300esb_reset(d);
	return OK;
}

void vi6300esb_reset(struct vi6300esb *d)
{
	bool timed_out = d->s.timed_out;

	d->s = (struct vi6300esb_state){
		.preload = { PRELOAD_BITS, PRELOAD_BITS },
		.deadline = TIMER_OFF,
		.timed_out = timed_out,
	};
	timer_cancel(&d->timer);
	allow_lock(d);
	update_interrupt(d);
}

void vi6300esb_restored(struct vi6300esb *d)
{
	allow_lock(d);
	timer_set(&d->timer, d->s.deadline);
	vpci_dev_restored(&d->pci);
}

/* ---- as a device ---- */

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct vi6300esb *d = dev;
	const struct vi6300esb_cfg *g = cfg;
	int err = vi6300esb_init(d, env->timers, g->expired, g->arg);

	return err ? err : vpci_attach(env->pci, &d->pci, g->at.slot, g->at.fn);
}

static void detach(void *dev)
{
	struct vi6300esb *d = dev;

	timer_cancel(&d->timer);
	vpci_detach(&d->pci);
}

static void reset(void *dev, u64 now)
{
	struct vi6300esb *d = dev;

	vpci_dev_reset(&d->pci);
	vi6300esb_reset(d);
}

static bool counter_valid(const struct vi6300esb_state *s, struct state_check *c)
{
	for (u32 i = 0; i < 2; i++)
		if (s->preload[i] & ~PRELOAD_BITS)
			return state_refuse(c, "preload", s->preload[i], "has bits that the register lacks");
	if (s->stage > 2)
		return state_refuse(c, "stage", s->stage, "is no stage");
	if (s->unlock > 2)
		return state_refuse(c, "unlock", s->unlock, "is beyond the sequence");
	if (!s->stage && s->deadline != TIMER_OFF)
		return state_refuse(c, "deadline", s->deadline, "is set though nothing counts");
	/* Preloads and clock may have changed since the stage began. */
	if (s->stage && s->deadline > c->now && s->deadline - c->now > counts_ns(PRELOAD_BITS, false))
		return state_refuse(c, "deadline", s->deadline, "is later than the longest stage ends");
	return true;
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vi6300esb *d = dev;
	const struct vi6300esb_state *s = part[0];
	const struct vpci_dev_state *pci = part[1];
	u8 locked = pci->cfg[VI6300ESB_LOCK], type = pci->cfg[VI6300ESB_CONFIG] & CONFIG_INT_TYPE;

	if (!counter_valid(s, c) || !vpci_dev_valid(&d->pci, pci, c))
		return false;
	if (s->enabled != !!(locked & LOCK_ENABLE))
		return state_refuse(c, "enabled", s->enabled, "is not the lock register's enable bit");
	if (s->stage && !s->enabled)
		return state_refuse(c, "stage", s->stage, "counts though the watchdog is not enabled");
	if (pci->intx != (s->interrupt && type == 0))
		return state_refuse(c, "interrupt", s->interrupt, "and its type do not make the function's INTx");
	return true;
}

static void restored(void *dev, u64 now)
{
	vi6300esb_restored(dev);
}

VDEV_OPS(vi6300esb, "i6300esb", VDEV_STATE(vi6300esb, s, vi6300esb_state),
         .state[1] = VDEV_STATE(vi6300esb, pci.s, vpci_dev_state), .attach = attach, .detach = detach, .reset = reset,
         .valid = valid, .restored = restored);
