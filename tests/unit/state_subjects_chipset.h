/* Subjects of the tests of states: the chip set of the PC. */
#pragma once

#include "state_subjects_pc.h"
#include "state_subjects_pci.h"
#include "vmm/dev/pci/vi440fx.h"
#include "vmm/dev/pci/vpiix3.h"
#include "vmm/dev/pci/vpiix4pm.h"

enum { NOTE_PAM = 0x300, NOTE_PIIX4_SLEEP };

/* A configuration access as subject_fn_cfg makes it, of a function anywhere. */
static inline void subject_chip_cfg(struct state_world *w, struct state_dice *d, u32 slot, u32 fn, u32 off)
{
	u8 how = d_u8(d);
	u32 size = 1u << (how & 3) % 3, at = off & 0xff & ~(size - 1);

	if (how & 4)
		vpci_cfg_write(w->env.pci, slot, fn, at, size, size == 4 ? d_u32(d) : d_u8(d), w->now);
	else
		world_note(w, NOTE_READ, vpci_cfg_read(w->env.pci, slot, fn, at, size, w->now));
}

/* ---- host bridge ---- */

static inline void subject_440fx_pam(void *arg, u32 segment, bool read, bool write)
{
	assert(segment < VI440FX_SEGMENTS);
	world_note(arg, NOTE_PAM, segment << 2 | read << 1 | write);
}

static inline int subject_440fx_attach(struct state_world *w)
{
	struct vi440fx_cfg cfg = { .pam = subject_440fx_pam, .arg = w };
	int err = subject_fn_bus(w, w->extra);

	return err ? err : w->ops->attach(w->dev, &w->env, &cfg);
}

static inline void subject_440fx_step(struct state_world *w, struct state_dice *d)
{
	static const u8 often[] = { VI440FX_PAM, 0x5a, 0x5c, 0x5f, VI440FX_SMRAM, VI440FX_SMRAM, 0x04, 0x60 };
	u8 op = d_u8(d);

	subject_chip_cfg(w, d, 0, 0, op & 1 ? often[op >> 1 & 7] : d_u8(d));
	if (op == 0xfe)
		w->ops->reset(w->dev, w->now);
}

static inline void subject_440fx_invariants(struct state_world *w)
{
	struct vi440fx *d = w->dev;
	u8 smram = d->pci.s.cfg[VI440FX_SMRAM];

	assert(vpci_cfg_get(&d->pci, PCI_VENDOR, 4) == 0x12378086 && !d->pci.s.decoded);
	for (u32 i = 0; i < VI440FX_SEGMENTS; i++)
		assert(d->told[i] == (vi440fx_pam_read(d, i) | vi440fx_pam_write(d, i) << 1));
	assert((smram & 0x87) == 2 && (smram & 0x50) != 0x50);
	assert(d->pci.wmask[VI440FX_SMRAM] == (smram & 0x10 ? 0x20 : 0x78));
}

/* ---- ISA bridge, with two functions whose interrupts it routes ---- */

struct subject_piix3_world {
	struct vpci pci;
	struct vpci_dev f[2];
};

static inline int subject_piix3_attach(struct state_world *w)
{
	struct subject_piix3_world *x = w->extra;
	struct vpiix3_cfg cfg = { .at = { 1, 0 } };
	int err = subject_fn_bus(w, &x->pci);

	if (!err)
		err = w->ops->attach(w->dev, &w->env, &cfg);
	for (u32 i = 0; i < 2 && !err; i++) {
		vpci_dev_init(&x->f[i], "f", 0x1af4, (u16)i, 0x080000, 0, (u8)(i + 1));
		err = vpci_attach(&x->pci, &x->f[i], 2, i);
	}
	return err;
}

/* The functions are the world's: nothing of them is saved, so that they want nothing after each operation. */
static inline void subject_piix3_step(struct state_world *w, struct state_dice *d)
{
	struct subject_piix3_world *x = w->extra;
	u8 op = d_u8(d);

	if (op & 8)
		vpci_intx_set(&x->f[op & 1], true);
	subject_chip_cfg(w, d, 1, 0, op & 2 ? VPCI_PIRQ_ROUTE + (op >> 4 & 3) : d_u8(d));
	if (op == 0xfe)
		w->ops->reset(w->dev, w->now);
	vpci_intx_set(&x->f[op & 1], false);
}

static inline void subject_piix3_invariants(struct state_world *w)
{
	struct vpiix3 *d = w->dev;

	assert(vpci_cfg_get(&d->pci, PCI_VENDOR, 4) == 0x70008086 && d->pci.s.cfg[PCI_HEADER_TYPE] == 0x80);
	for (u32 i = 0; i < 4; i++)
		assert(!(d->pci.s.cfg[VPCI_PIRQ_ROUTE + i] & 0x70));
	for (u32 i = 0; i < WORLD_LINES; i++)
		assert(!w->level[i]);
}

/* ---- power management: the registers of the fixed hardware are the world's, and are reset after each operation ---- */

struct subject_piix4pm_world {
	struct vpci pci;
	struct vpm vpm;
};

static inline void subject_piix4pm_sleep(void *arg, u8 slp_typ)
{
	world_note(arg, NOTE_PIIX4_SLEEP, slp_typ);
}

static inline int subject_piix4pm_attach(struct state_world *w)
{
	struct subject_piix4pm_world *x = w->extra;
	struct vpm_cfg pm = { .sleep = subject_piix4pm_sleep, .arg = w, .piix4 = true };
	struct vpiix4pm_cfg cfg = { .at = { 1, 0 }, .vpm = &x->vpm };
	int err = subject_fn_bus(w, &x->pci);

	if (!err)
		err = vpm_ops.attach(&x->vpm, &w->env, &pm);
	return err ? err : w->ops->attach(w->dev, &w->env, &cfg);
}

static inline void subject_piix4pm_detach(struct state_world *w)
{
	struct subject_piix4pm_world *x = w->extra;

	vpm_ops.detach(&x->vpm);
	subject_fn_unplug_bus(w);
}

static inline void subject_piix4pm_step(struct state_world *w, struct state_dice *d)
{
	static const u8 often[] = { 0x40, 0x80, 0x90, 0xd2, 0x04, 0x41, 0x91, 0x58 };
	struct subject_piix4pm_world *x = w->extra;
	struct vpci_dev *f = &((struct vpiix4pm *)w->dev)->pci;
	u8 op = d_u8(d);

	switch (op & 7) {
	case 0: subject_chip_cfg(w, d, 1, 0, d_u8(d)); break;
	case 1: subject_chip_cfg(w, d, 1, 0, often[op >> 3 & 7]); break;
	case 2:
		vpci_cfg_write(w->env.pci, 1, 0, 0x40, 2, 0x600 + (op & 0x18) * 16u, w->now);
		vpci_cfg_write(w->env.pci, 1, 0, 0x80, 1, op >> 5, w->now);
		break;
	case 3:
		vpci_cfg_write(w->env.pci, 1, 0, 0x90, 2, 0x600 + (op & 0x18) * 16u, w->now);
		vpci_cfg_write(w->env.pci, 1, 0, 0xd2, 1, op >> 5, w->now);
		vpci_cfg_write(w->env.pci, 1, 0, 4, 1, 1, w->now);
		break;
	case 4:
	case 5:
	case 6:
		if (f->bars[op & 1].mapped)
			world_access(w, d, &w->pio, vpci_bar_addr(f, op & 1) - 2, 68);
		break;
	default:
		if (op == 0xff)
			w->ops->reset(w->dev, w->now);
		break;
	}
	vpm_reset(&x->vpm, w->now);
}

static inline void subject_piix4pm_invariants(struct state_world *w)
{
	struct vpiix4pm *d = w->dev;
	const u8 *cfg = d->pci.s.cfg;
	u32 base = vpiix4pm_base(d);

	assert(vpci_cfg_get(&d->pci, PCI_VENDOR, 4) == 0x71138086 && d->s.block_at <= VPIIX4PM_BLOCK);
	assert(!base || (base == (vpci_cfg_get(&d->pci, 0x40, 2) & 0xffc0u) && (cfg[0x80] & 1)));
	assert(!(d->s.smb[0] & ~4u) && !(d->s.smb[2] & ~0x1fu));
	assert(w->pio.nr == 4u + d->pci.bars[0].mapped + d->pci.bars[1].mapped);
	assert(d->pci.s.decoded == (d->pci.bars[0].mapped | d->pci.bars[1].mapped << 1));
}

/* ---- real-time clock with CMOS memory ---- */

static inline int subject_cmos_attach(struct state_world *w)
{
	const struct vcmos_cfg cmos = { .low = 0x40000000, .high = 0x10000000, .cpus = 3, .boot = { 2, 3, 1 } };
	const struct vrtc_cfg cfg = { .cmos = &cmos };

	return w->ops->attach(w->dev, &w->env, &cfg);
}

/* ---- resets with an A20 gate ---- */

static inline void subject_gate_a20(void *arg, bool open)
{
	world_note(arg, NOTE_A20, open);
}

static inline int subject_gates_attach(struct state_world *w)
{
	const struct vreset_cfg cfg = {
		.reset = subject_reset_how, .soft_reset = subject_reset_how, .a20 = subject_gate_a20, .arg = w
	};
	struct io_region *cf9 = w->extra;

	*cf9 = (struct io_region){ .base = 0xcf9, .len = 1, .fn = subject_reset_cf9, .dev = w->dev, .name = "cf9" };
	assert(io_bus_add(&w->pio, cf9) == OK);
	return w->ops->attach(w->dev, &w->env, &cfg);
}

static inline void subject_gate_invariants(struct state_world *w)
{
	const struct vreset_state *s = &((struct vreset *)w->dev)->s;

	assert(!(s->cf9 & ~0x0e) && !(s->port92 & ~0x03) && (s->port92 & 2) == (s->kbc_outport & 2));
}

static const struct state_subject state_subjects_chipset[] = {
	{ "i440fx", &vi440fx_ops, sizeof(struct vi440fx), sizeof(struct vpci), subject_440fx_attach,
	  subject_440fx_step, subject_440fx_invariants, subject_fn_unplug_bus },
	{ "piix3", &vpiix3_ops, sizeof(struct vpiix3), sizeof(struct subject_piix3_world), subject_piix3_attach,
	  subject_piix3_step, subject_piix3_invariants, subject_fn_unplug_bus },
	{ "piix4-pm", &vpiix4pm_ops, sizeof(struct vpiix4pm), sizeof(struct subject_piix4pm_world),
	  subject_piix4pm_attach, subject_piix4pm_step, subject_piix4pm_invariants, subject_piix4pm_detach },
	{ "rtc-of-pc", &vrtc_ops, sizeof(struct vrtc), 0, subject_cmos_attach, subject_rtc_step,
	  subject_rtc_invariants, NULL },
	{ "reset-of-pc", &vreset_ops, sizeof(struct vreset), sizeof(struct io_region), subject_gates_attach,
	  subject_reset_step, subject_gate_invariants, subject_reset_detach },
};
