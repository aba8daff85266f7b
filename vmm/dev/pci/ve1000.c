/* e1000: the PCI function, its regions, its work, reset and restoring. */
#include "vmm/dev/pci/ve1000.h"

#include "lib/atomic.h"
#include "vmm/dev/pci/ve1000_priv.h"

#define VENDOR         0x8086
#define DEVICE         0x100e
#define CLASS_ETHERNET 0x020000
#define REVISION       2
#define SUBSYS_DEV     0x001e
#define BAR_LEN        0x20000u
#define PORTS_LEN      64u
#define PORT_ADDR      0u
#define PORT_DATA      4u
#define ROM_MIN        2048u

STATE_DESC(ve1000_context, VE1000_CONTEXT, 1);
STATE_DESC(ve1000_state, VE1000_STATE, 1);

/* ---- regions ---- */

/* Registers are dwords: reads see any of their bytes, writes are whole ones or nothing. */
static void registers_io(struct ve1000 *d, u32 off, struct io_access *io)
{
	u32 shift = 8 * (off & 3);

	if (io->write) {
		for (u32 i = 0; i + 4 <= io->size && !shift; i += 4)
			ve1000_write(d, off + i, (u32)(io->value >> 8 * i), io->now);
		return;
	}
	io->value = ve1000_read(d, off & ~3u, io->now) >> shift;
	for (u32 got = 4 - (off & 3); got < io->size; got += 4)
		io->value |= (u64)ve1000_read(d, (off & ~3u) + got + (off & 3), io->now) << 8 * got;
	if (io->size < 8)
		io->value &= BIT(8 * io->size) - 1;
}

static void bar_io(void *dev, struct io_access *io)
{
	registers_io(dev, (u32)io->offset, io);
}

static void ports_io(void *dev, struct io_access *io)
{
	struct ve1000 *d = dev;
	u32 at = (u32)io->offset;

	if (at / 4 == PORT_DATA / 4 && d->s.ioaddr < BAR_LEN) {
		registers_io(d, (d->s.ioaddr & ~3u) + (at & 3), io);
	} else if (at == PORT_ADDR && io->size == 4 && io->write) {
		d->s.ioaddr = (u32)io->value;
	} else if (!io->write) {
		io->value = at / 4 == PORT_ADDR / 4 ? d->s.ioaddr >> 8 * (at & 3) : 0;
		if (io->size < 8)
			io->value &= BIT(8 * io->size) - 1;
	}
}

static void rom_io(void *dev, struct io_access *io)
{
	const struct ve1000 *d = dev;
	u64 val = 0;

	if (io->write)
		return;
	for (u32 i = 0; i < io->size; i++) {
		u64 at = io->offset + i;

		val |= (u64)(at < d->cfg.rom_len ? d->cfg.rom[at] : 0xff) << 8 * i;
	}
	io->value = val;
}

/* ---- work ---- */

static void changed(void *arg)
{
	struct ve1000 *d = arg;

	atomic_store(&d->changed, 1);
	d->cfg.kick(d->cfg.arg);
}

bool ve1000_has_work(const struct ve1000 *d)
{
	return d->wrong || atomic_load(&d->changed) || ve1000_tx_ready(d) || ve1000_rx_ready(d);
}

/* A message takes as long as a piece. */
static void tell(struct ve1000 *d)
{
	const char *wrong = d->wrong;

	d->wrong = NULL;
	if (d->cfg.complain)
		d->cfg.complain(d->cfg.arg, wrong, d->wrong_at);
}

bool ve1000_work(struct ve1000 *d, u64 now)
{
	if (d->wrong) {
		tell(d);
		return ve1000_has_work(d);
	}
	if (atomic_load(&d->changed)) {
		atomic_store(&d->changed, 0);
		d->blocked = false;
		ve1000_link_check(d, now);
	}
	ve1000_rx(d, ve1000_tx(d, now), now);
	return ve1000_has_work(d);
}

static void time_comes(void *arg, u64 now)
{
	struct ve1000 *d = arg;

	if (MIN(d->s.tx_due, d->s.tx_latest) <= now)
		ve1000_flush_tx(d, now);
	if (MIN(d->s.rx_due, d->s.rx_latest) <= now)
		ve1000_flush_rx(d, now);
	ve1000_update(d, now);
}

/* It may have become bus master. */
static void cfg_written(struct vpci_dev *pci, u32 off, u32 size, u64 now)
{
	struct ve1000 *d = container_of(pci, struct ve1000, pci);

	if (ve1000_has_work(d))
		d->cfg.kick(d->cfg.arg);
}

/* ---- as a device ---- */

static int init(struct ve1000 *d, const struct ve1000_cfg *g)
{
	u32 rom = ROM_MIN;
	int err;

	memset(d, 0, sizeof(*d));
	d->cfg = *g;
	if (g->rom_len > VE1000_ROM_MAX)
		return ERR_INVAL;
	vpci_dev_init(&d->pci, "e1000", VENDOR, DEVICE, CLASS_ETHERNET, REVISION, 1);
	vpci_set_subsys(&d->pci, VENDOR, SUBSYS_DEV);
	err = vpci_bar_init(&d->pci, 0, VPCI_BAR_MEM32, BAR_LEN, false, bar_io, d);
	if (!err)
		err = vpci_bar_init(&d->pci, 2, VPCI_BAR_IO, PORTS_LEN, false, ports_io, d);
	while (rom < g->rom_len)
		rom *= 2;
	if (!err && g->rom)
		err = vpci_rom_init(&d->pci, rom, rom_io, d);
	d->pci.cfg_written = cfg_written;
	ve1000_eeprom_init(&d->s, g->mac);
	return err;
}

static void reset_all(struct ve1000 *d)
{
	ve1000_regs_reset(d);
	ve1000_phy_reset(&d->s);
	d->s.link = false; /* CTRL says that it is not set up */
	d->blocked = false;
	d->wrong = NULL;
}

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	const struct ve1000_cfg *g = cfg;
	struct ve1000 *d = dev;
	const struct net_front front = { .changed = changed, .arg = d };
	int err = init(d, g);

	if (err)
		return err;
	d->mem = env->mem;
	timer_init(&d->timer, env->timers, time_comes, d);
	err = vpci_attach(env->pci, &d->pci, g->at.slot, g->at.fn);
	if (err)
		return err;
	reset_all(d);
	net_connect(&d->cfg.net, &front);
	return OK;
}

static void detach(void *dev)
{
	struct ve1000 *d = dev;

	net_connect(&d->cfg.net, NULL);
	timer_cancel(&d->timer);
	vpci_detach(&d->pci);
}

/* The EEPROM keeps what it has. */
static void reset(void *dev, u64 now)
{
	struct ve1000 *d = dev;

	vpci_dev_reset(&d->pci);
	reset_all(d);
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct ve1000 *d = dev;
	const struct ve1000_state *s = part[0];

	return vpci_dev_valid(&d->pci, part[1], c) && ve1000_regs_valid(s, c) && ve1000_irq_valid(s, part[1], c) &&
	       ve1000_eeprom_valid(s, c) && ve1000_tx_valid(s, c);
}

/* The link may be another one here: the work tells the guest. */
static void restored(void *dev, u64 now)
{
	struct ve1000 *d = dev;
	const struct ve1000_state *s = &d->s;
	u64 due = MIN(MIN(s->tx_due, s->tx_latest), MIN(s->rx_due, s->rx_latest));

	vpci_dev_restored(&d->pci);
	d->blocked = false;
	d->wrong = NULL;
	if ((s->icr & s->ims) && !d->pci.s.intx)
		due = MIN(due, s->itr_until);
	timer_set(&d->timer, due);
	changed(d);
}

VDEV_OPS(ve1000, "e1000", VDEV_STATE(ve1000, s, ve1000_state), .state[1] = VDEV_STATE(ve1000, pci.s, vpci_dev_state),
         .attach = attach, .detach = detach, .reset = reset, .valid = valid, .restored = restored);
