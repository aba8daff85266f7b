/* Subjects of the tests of states: the chip set of the PC. */
#pragma once

#include "state_subjects_pci.h"
#include "vmm/dev/pci/vi440fx.h"
#include "vmm/dev/pci/vpiix3.h"

enum { NOTE_PAM = 0x300 };

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

static const struct state_subject state_subjects_chipset[] = {
	{ "i440fx", &vi440fx_ops, sizeof(struct vi440fx), sizeof(struct vpci), subject_440fx_attach,
	  subject_440fx_step, subject_440fx_invariants, subject_fn_unplug_bus },
	{ "piix3", &vpiix3_ops, sizeof(struct vpiix3), sizeof(struct subject_piix3_world), subject_piix3_attach,
	  subject_piix3_step, subject_piix3_invariants, subject_fn_unplug_bus },
};
