/* Subjects of the tests of states: the PCI bus and what is on it. */
#pragma once

#include "pci_reset.h"
#include "state_subject.h"
#include "vmm/dev/pci/vi6300esb.h"
#include "vmm/dev/pci/vvga.h"

enum { NOTE_BAR = 0x200, NOTE_CF9, NOTE_EXPIRED };

/* ---- the PCI bus: its functions are the world's, and are reset after each operation ---- */

static inline void subject_cf9(void *dev, struct io_access *io)
{
	world_note(dev, NOTE_CF9, io->value << 8 | io->offset << 1 | io->write);
}

static inline int subject_pci_attach(struct state_world *w)
{
	struct vpci_dev *f = w->extra;
	int err = w->ops->attach(w->dev, &w->env, NULL);

	if (err)
		return err;
	vpci_set_cf9(w->dev, subject_cf9, w);
	for (u32 i = 0; i < 2 && !err; i++) {
		vpci_host_bridge_init(&f[i], 0x1b36, (u16)(8 + i));
		err = vpci_attach(w->dev, &f[i], i * 3, 0);
	}
	return err;
}

static inline void subject_pci_step(struct state_world *w, struct state_dice *d)
{
	struct vpci_dev *f = w->extra;
	u8 op = d_u8(d);

	if ((op & 3) == 0)
		world_access(w, d, &w->pio, VPCI_ADDR_PORT, 8);
	else if ((op & 3) == 1)
		world_io(w, &w->pio, VPCI_ADDR_PORT, 4, true, op & 4 ? d_u32(d) : 0x80000000u | (op & 8) << 8 | op);
	else
		world_io(w, &w->pio, op & 4 ? VPCI_DATA_PORT : VPCI_ADDR_PORT, 4, false, 0);
	for (u32 i = 0; i < 2; i++)
		vpci_dev_reset(&f[i]);
}

static inline void subject_pci_invariants(struct state_world *w)
{
	struct vpci *pci = w->dev;

	assert(!(pci->s.addr & 0x7f000003) && !pci->pirq_level && w->pio.nr == 2);
}

/* ---- functions: the bus is the world's ---- */

#define SUBJECT_SLOT 5
#define SUBJECT_MEM  0xc0000000ull
#define SUBJECT_IO   0xc000u

static inline int subject_fn_bus(struct state_world *w, struct vpci *pci)
{
	int err = vpci_ops.attach(pci, &w->env, NULL);

	w->env.pci = pci;
	return err;
}

static inline void subject_fn_unplug_bus(struct state_world *w)
{
	vpci_ops.detach(w->env.pci);
}

static inline void subject_fn_cfg(struct state_world *w, struct state_dice *d, u32 off)
{
	u8 how = d_u8(d);
	u32 size = 1u << (how & 3) % 3, at = off & ~(size - 1);

	if (how & 4)
		vpci_cfg_write(w->env.pci, SUBJECT_SLOT, 0, at, size, size == 4 ? d_u32(d) : d_u8(d), w->now);
	else
		world_note(w, NOTE_READ, vpci_cfg_read(w->env.pci, SUBJECT_SLOT, 0, at, size, w->now));
}

static inline int subject_bridge_attach(struct state_world *w)
{
	struct vpci_host_bridge_cfg cfg = { { SUBJECT_SLOT, 0 }, 0x1b36, 8 };
	int err = subject_fn_bus(w, w->extra);

	return err ? err : w->ops->attach(w->dev, &w->env, &cfg);
}

static inline void subject_bridge_step(struct state_world *w, struct state_dice *d)
{
	subject_fn_cfg(w, d, d_u8(d));
}

static inline void subject_bridge_invariants(struct state_world *w)
{
	struct vpci_dev *f = w->dev;

	assert(vpci_cfg_get(f, PCI_VENDOR, 4) == 0x00081b36 && !f->s.decoded && !f->s.msix_pending);
}

/* ---- 6300ESB watchdog ---- */

static inline void subject_watchdog_expired(void *arg)
{
	world_note(arg, NOTE_EXPIRED, ((struct state_world *)arg)->now);
}

static inline int subject_watchdog_attach(struct state_world *w)
{
	struct vi6300esb_cfg cfg = { { SUBJECT_SLOT, 0 }, subject_watchdog_expired, w };
	int err = subject_fn_bus(w, w->extra);

	return err ? err : w->ops->attach(w->dev, &w->env, &cfg);
}

static inline void subject_watchdog_unlock(struct state_world *w, u64 bar)
{
	world_io(w, &w->mmio, bar + 0xc, 2, true, 0x80);
	world_io(w, &w->mmio, bar + 0xc, 2, true, 0x86);
}

static inline void subject_watchdog_step(struct state_world *w, struct state_dice *d)
{
	struct vi6300esb *dev = w->dev;
	u64 bar = vpci_bar_addr(&dev->pci, 0);
	u8 op = d_u8(d);

	if (bar == ~0ull) {
		assert(vpci_assign(w->env.pci, SUBJECT_MEM, SUBJECT_MEM + 0x1000, SUBJECT_IO, 0xd000) == OK);
		bar = SUBJECT_MEM;
	}
	switch (op & 7) {
	case 0: world_access(w, d, &w->mmio, bar, 16); break;
	case 1: subject_watchdog_unlock(w, bar); break;
	case 2:
		subject_watchdog_unlock(w, bar);
		world_io(w, &w->mmio, bar + (op >> 3 & 1) * 4u, 4, true, d_u8(d));
		break;
	case 3:
		subject_watchdog_unlock(w, bar);
		world_io(w, &w->mmio, bar + 0xc, 2, true, (op & 0x18) << 5);
		break;
	case 4: subject_fn_cfg(w, d, d_u8(d)); break;
	case 5:
		/* Locked for good only now and then. */
		if (op & 8)
			vpci_cfg_write(w->env.pci, SUBJECT_SLOT, 0, VI6300ESB_LOCK, 1, op >= 0xf0 ? 3 : op >> 4 & 6,
			               w->now);
		else
			vpci_cfg_write(w->env.pci, SUBJECT_SLOT, 0, VI6300ESB_CONFIG, 2, op >> 4 | (op & 1) << 5,
			               w->now);
		break;
	case 6: world_pass(w, (u64)d_u8(d) << 20); break;
	default: world_pass(w, d_span(d)); break;
	}
	if (op == 0xff)
		w->ops->reset(dev, w->now);
}

static inline void subject_watchdog_invariants(struct state_world *w)
{
	struct vi6300esb *d = w->dev;
	u32 lock = d->pci.s.cfg[VI6300ESB_LOCK];

	assert(d->s.stage <= 2 && d->s.unlock <= 2 && d->s.preload[0] <= 0xfffff && d->s.preload[1] <= 0xfffff);
	assert((d->s.stage == 0) == (d->s.deadline == TIMER_OFF) && timerq_next(&w->tq) == d->s.deadline);
	assert((!d->s.stage || (lock & 2)) && d->s.enabled == !!(lock & 2) && !(lock & ~7u));
	assert(d->pci.wmask[VI6300ESB_LOCK] == (lock & 1 ? 0 : 7));
	assert(d->pci.s.intx == (d->s.interrupt && !(d->pci.s.cfg[VI6300ESB_CONFIG] & 3)));
}

/* ---- VGA: its memory is 1 MiB, kept beside it, and is no part of its state ---- */

#define SUBJECT_VRAM (1u << 20)

struct subject_vga_world {
	struct vpci pci;
	u64 mapped[VVGA_NR_MAPS]; /* bytes */
	u8 vram[SUBJECT_VRAM] __attribute__((aligned(PAGE_SIZE)));
};

static inline bool subject_vga_map(void *arg, enum vvga_map which, u64 gpa, u32 offset, u32 len)
{
	struct subject_vga_world *x = arg;

	assert(which < VVGA_NR_MAPS && !x->mapped[which] == !!len);
	assert(IS_ALIGNED(gpa | offset | len, PAGE_SIZE) && offset + len <= SUBJECT_VRAM);
	x->mapped[which] = len;
	return len;
}

static inline struct subject_vga_world *subject_vga_world(struct state_world *w)
{
	return (void *)ALIGN_UP((uintptr_t)w->extra, (uintptr_t)PAGE_SIZE);
}

static inline int subject_vga_attach(struct state_world *w)
{
	struct subject_vga_world *x = subject_vga_world(w);
	struct vvga_cfg cfg = {
		.at.slot = SUBJECT_SLOT,
		.vram = x->vram,
		.vram_len = SUBJECT_VRAM,
		.rom = w->ram,
		.rom_len = WORLD_RAM,
		.map = subject_vga_map,
		.arg = x,
	};
	int err = subject_fn_bus(w, &x->pci);

	return err ? err : w->ops->attach(w->dev, &w->env, &cfg);
}

static inline void subject_vga_vbe(struct state_world *w, u32 reg, u32 val)
{
	world_io(w, &w->pio, 0x1ce, 2, true, reg);
	world_io(w, &w->pio, 0x1cf, 2, true, val);
}

/* What is read is the memory's, which is not restored: it is not noted. */
static inline void subject_vga_memory(struct state_world *w, struct state_dice *d, u64 base, u32 len)
{
	u8 how = d_u8(d);
	u64 val = d_u32(d) * 0x100000001ull;

	io_bus_access(&w->mmio, base + d_u32(d) % len, (u8)(1u << (how & 3)), how & 4, &val, w->now);
}

static inline void subject_vga_step(struct state_world *w, struct state_dice *d)
{
	struct vvga *v = w->dev;
	u64 lfb = vpci_bar_addr(&v->pci, 0), regs = vpci_bar_addr(&v->pci, 2);
	u8 op = d_u8(d), val = d_u8(d);

	switch (op & 7) {
	case 0: subject_vga_memory(w, d, VVGA_WINDOW - 8, VVGA_WINDOW_LEN + 16); break;
	case 1: world_access(w, d, &w->pio, 0x3b0, 0x30); break;
	case 2: world_io(w, &w->pio, 0x3c4, 2, true, (op >> 3 & 7) | val << 8); break;
	case 3: world_io(w, &w->pio, 0x3ce, 2, true, (op >> 3 & 15) | val << 8); break;
	case 4: subject_vga_vbe(w, op >> 3 & 15, op >> 3 == VBE_ENABLE ? val : val << (d_u8(d) & 7)); break;
	case 5:
		if (op & 8)
			world_access(w, d, &w->pio, 0x1cc, 6);
		else if (regs != VPCI_NOWHERE)
			world_access(w, d, &w->mmio, regs + (op & 0x10 ? 0x3f8 : 0x4fc), 0x30);
		break;
	case 6:
		if (lfb != VPCI_NOWHERE)
			subject_vga_memory(w, d, lfb, SUBJECT_VRAM);
		else
			vpci_cfg_write(w->env.pci, SUBJECT_SLOT, 0, PCI_BAR0 + (op & 8), 4, 0xe0000000u | val << 20,
			               w->now);
		break;
	default:
		if (op & 8)
			subject_fn_cfg(w, d, val);
		else
			world_pass(w, d_span(d));
		break;
	}
	if (op == 0xff)
		w->ops->reset(v, w->now);
}

static inline void subject_vga_invariants(struct state_world *w)
{
	struct vvga *v = w->dev;
	struct subject_vga_world *x = subject_vga_world(w);
	u32 cmd = vpci_cfg_get(&v->pci, PCI_COMMAND, 2);
	u64 bits = 0;

	for (u32 i = 0; i < ARRAY_SIZE(v->s.unclean); i++)
		bits |= v->s.unclean[i];
	assert(!bits || v->clearing);
	assert(!v->clearing || (!x->mapped[VVGA_MAP_LFB] && !x->mapped[VVGA_MAP_WINDOW]));
	assert(v->s.chained <= VVGA_GROUPS && v->s.dac_part < 3);
	assert(v->window_on <= !!(cmd & PCI_CMD_MEM) && v->ports_on[1] <= !!(cmd & PCI_CMD_IO));
	assert(!x->mapped[VVGA_MAP_WINDOW] || v->decode != VVGA_PLANES);
	assert(!x->mapped[VVGA_MAP_LFB] || vpci_bar_addr(&v->pci, 0) != VPCI_NOWHERE);
}

/* ---- a function with all that functions may have ---- */

struct subject_fn_world {
	struct vpci pci;
	struct io_region taken; /* memory that is somebody else's */
};

static inline void subject_fn_io(void *dev, struct io_access *io)
{
	struct vpci_dev *f = dev;

	world_note(container_of(f->pci->pio, struct state_world, pio), NOTE_BAR, io->offset << 1 | io->write);
	io->value = io->offset ^ 0x5a;
}

static inline void subject_fn_taken(void *dev, struct io_access *io)
{
	io->value = 0x77;
}

static inline int subject_fn_plug(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct vpci_dev *f = dev;

	vpci_dev_init(f, "subject", 0x1af4, 0x1041, 0xff0000, 1, 2);
	assert(vpci_bar_init(f, 0, VPCI_BAR_IO, 64, false, subject_fn_io, f) == OK);
	assert(vpci_bar_init(f, 1, VPCI_BAR_MEM32, 4096, false, subject_fn_io, f) == OK);
	assert(vpci_bar_init(f, 3, VPCI_BAR_MEM64, 65536, true, subject_fn_io, f) == OK);
	assert(vpci_msi_add(f, 4) == OK && vpci_msix_add(f, 7, 2) == OK);
	return vpci_attach(env->pci, f, SUBJECT_SLOT, 0);
}

static inline void subject_fn_unplug(void *dev)
{
	vpci_detach(dev);
}

static inline void subject_fn_reset(void *dev, u64 now)
{
	vpci_dev_reset(dev);
}

static inline bool subject_fn_valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	return vpci_dev_valid(dev, part[0], c);
}

static inline void subject_fn_restored(void *dev, u64 now)
{
	vpci_dev_restored(dev);
}

static const struct vdev_ops subject_fn_ops = {
	.name = "function",
	.state = { VDEV_STATE(vpci_dev, s, vpci_dev_state) },
	.attach = subject_fn_plug,
	.detach = subject_fn_unplug,
	.reset = subject_fn_reset,
	.valid = subject_fn_valid,
	.restored = subject_fn_restored,
};

static inline int subject_fn_attach(struct state_world *w)
{
	struct subject_fn_world *x = w->extra;
	int err = subject_fn_bus(w, &x->pci);

	x->taken = (struct io_region){ SUBJECT_MEM, 0x1000, subject_fn_taken, NULL, "taken" };
	if (!err)
		err = io_bus_add(&w->mmio, &x->taken);
	return err ? err : w->ops->attach(w->dev, &w->env, NULL);
}

static inline void subject_fn_detach(struct state_world *w)
{
	struct subject_fn_world *x = w->extra;

	io_bus_remove(&w->mmio, &x->taken);
	subject_fn_unplug_bus(w);
}

/* BARs get few different addresses, so that they meet one another and what is taken. */
static inline void subject_fn_move(struct state_world *w, struct state_dice *d)
{
	static const u8 bars[] = { 0, 1, 2, 3 };
	u8 how = d_u8(d);
	u32 bar = bars[how & 3], val = bar ? (u32)SUBJECT_MEM + (how >> 2 & 7) * 0x1000u : SUBJECT_IO + how * 64u;

	if (how >= 0xf8)
		val = d_u32(d);
	vpci_cfg_write(w->env.pci, SUBJECT_SLOT, 0, PCI_BAR0 + 4 * bar, 4, val, w->now);
	vpci_cfg_write(w->env.pci, SUBJECT_SLOT, 0, PCI_COMMAND, 1, how < 0x20 ? how & 7 : 7, w->now);
}

static inline void subject_fn_vectors(struct state_world *w, struct state_dice *d)
{
	struct vpci_dev *f = w->dev;
	u8 how = d_u8(d);
	u64 table = vpci_bar_addr(f, 2);

	if (how & 1)
		vpci_cfg_write(w->env.pci, SUBJECT_SLOT, 0, f->msi_cap + 2u, 2, how & 0x71, w->now);
	else if (how & 2)
		vpci_cfg_write(w->env.pci, SUBJECT_SLOT, 0, f->msix_cap + 2u, 2, (how & 0xc0u) << 8, w->now);
	else if (how & 4)
		vpci_cfg_write(w->env.pci, SUBJECT_SLOT, 0, f->msi_cap + 16u, 4, how >> 4, w->now);
	else if (table != ~0ull)
		world_access(w, d, &w->mmio, table + (how & 8 ? 0x7fc : 0), 0x80);
}

static inline void subject_fn_step(struct state_world *w, struct state_dice *d)
{
	struct vpci_dev *f = w->dev;
	u8 op = d_u8(d);

	switch (op & 7) {
	case 0: subject_fn_cfg(w, d, d_u8(d)); break;
	case 1: subject_fn_move(w, d); break;
	case 2: subject_fn_vectors(w, d); break;
	case 3: world_access(w, d, &w->mmio, SUBJECT_MEM, 0x8000); break;
	case 4: world_io(w, &w->pio, SUBJECT_IO + op * 64u, 1, op & 8, 1); break;
	case 5: vpci_intx_set(f, op & 8); break;
	case 6: vpci_msi_send(f, op >> 3 & 7); break;
	default:
		if (op >> 3 == 31)
			pci_reset_all(w->env.pci);
		break;
	}
}

static inline void subject_fn_invariants(struct state_world *w)
{
	struct vpci_dev *f = w->dev;
	u32 cmd = vpci_cfg_get(f, PCI_COMMAND, 2), lines = 0, mapped = 0;
	bool intx = f->s.intx && !(cmd & PCI_CMD_INTX_DISABLE) && !vpci_msi_enabled(f);

	assert(vpci_cfg_get(f, PCI_VENDOR, 4) == 0x10411af4);
	for (u32 i = 0; i < VPCI_BARS; i++) {
		struct vpci_bar *b = &f->bars[i];

		if (!b->mapped)
			continue;
		mapped++;
		assert((f->s.decoded & BIT(i)) && (cmd & (i ? PCI_CMD_MEM : PCI_CMD_IO)));
		assert((u32)b->region.base == (vpci_cfg_get(f, PCI_BAR0 + 4 * i, 4) & ~0xfu & (u32) - (s64)b->size));
	}
	assert(w->pio.nr + w->mmio.nr == 3 + mapped);
	for (u32 i = 0; i < WORLD_LINES; i++)
		lines |= (u32)w->level[i] << i;
	/* INTB of slot 5: PIRQ 2. */
	assert(lines == (intx ? 1u << 18 | 1u << 10 : 0));
	for (u32 v = 7; v < VPCI_MSIX_MAX; v++)
		assert(!(f->s.msix_pending & BIT(v)) && f->s.msix[v].ctrl == 1);
}

static const struct state_subject state_subjects_pci[] = {
	{ "pci", &vpci_ops, sizeof(struct vpci), 2 * sizeof(struct vpci_dev), subject_pci_attach, subject_pci_step,
	  subject_pci_invariants, NULL },
	{ "host-bridge", &vpci_host_bridge_ops, sizeof(struct vpci_dev), sizeof(struct vpci), subject_bridge_attach,
	  subject_bridge_step, subject_bridge_invariants, subject_fn_unplug_bus },
	{ "i6300esb", &vi6300esb_ops, sizeof(struct vi6300esb), sizeof(struct vpci), subject_watchdog_attach,
	  subject_watchdog_step, subject_watchdog_invariants, subject_fn_unplug_bus },
	{ "vga", &vvga_ops, sizeof(struct vvga), sizeof(struct subject_vga_world) + PAGE_SIZE, subject_vga_attach,
	  subject_vga_step, subject_vga_invariants, subject_fn_unplug_bus },
	{ "pci-function", &subject_fn_ops, sizeof(struct vpci_dev), sizeof(struct subject_fn_world),
	  subject_fn_attach, subject_fn_step, subject_fn_invariants, subject_fn_detach },
};
