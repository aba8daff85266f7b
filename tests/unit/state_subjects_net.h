/* Subjects of the tests of states: network cards, on a network that always has a frame for them. */
#pragma once

#include "state_subject.h"
#include "state_subjects_pci.h"
#include "vmm/dev/pci/ve1000.h"

enum { NOTE_NET_SENT = 0x400, NOTE_NET_COMPLAINT };

#define SUBJECT_NIC_FRAME 2900u

struct subject_nic_world {
	struct vpci pci;
	struct state_world *w;
	struct net_frame frame;
	u8 bytes[SUBJECT_NIC_FRAME];
};

static inline void subject_net_connect(void *ctx, const struct net_front *front) {}
static inline bool subject_net_link(void *ctx)
{
	return true;
}
static inline int subject_net_send(void *ctx, const struct net_frame *f)
{
	struct subject_nic_world *x = ctx;

	assert(net_frame_ok(f));
	for (u32 i = 0; i < f->len; i += 97)
		world_note(x->w, NOTE_NET_SENT, f->data[i]);
	world_note(x->w, NOTE_NET_SENT, (u64)f->len << 32 | f->csum_at << 16 | f->csum_start);
	return OK;
}
static inline const struct net_frame *subject_net_next(void *ctx)
{
	return &((struct subject_nic_world *)ctx)->frame;
}
static inline void subject_net_taken(void *ctx) {}

static const struct net_ops subject_net_ops = { .connect = subject_net_connect,
	                                        .link = subject_net_link,
	                                        .send = subject_net_send,
	                                        .next = subject_net_next,
	                                        .taken = subject_net_taken };

static inline void subject_nic_kick(void *arg) {}
static inline void subject_nic_complain(void *arg, const char *what, u64 value)
{
	world_note(arg, NOTE_NET_COMPLAINT, value);
}

static inline int subject_nic_attach(struct state_world *w)
{
	struct subject_nic_world *x = w->extra;
	struct ve1000_cfg cfg = {
		.at.slot = SUBJECT_SLOT,
		.mac = { 2, 0x11, 0x22, 0x33, 0x44, 0x55 },
		.rom = w->ram,
		.rom_len = WORLD_RAM,
		.net = { &subject_net_ops, x },
		.kick = subject_nic_kick,
		.complain = subject_nic_complain,
		.arg = w,
	};
	int err = subject_fn_bus(w, &x->pci);

	x->w = w;
	for (u32 i = 0; i < SUBJECT_NIC_FRAME; i++)
		x->bytes[i] = i < 6 ? 0xff : (u8)(i * 5);
	x->frame = (struct net_frame){ .data = x->bytes, .len = SUBJECT_NIC_FRAME };
	return err ? err : w->ops->attach(w->dev, &w->env, &cfg);
}

static inline void subject_nic_reg(struct state_world *w, u64 bar, u32 reg, u32 val)
{
	world_io(w, &w->mmio, bar + reg, 4, true, val);
}

/* A descriptor somewhere in RAM, whose buffer is there, too, mostly. */
static inline void subject_nic_desc(struct state_world *w, struct state_dice *d)
{
	u32 desc[4] = { d_u32(d) % (WORLD_RAM + 256), 0, 0, 0 };
	u8 how = d_u8(d);

	desc[2] = (u32)d_u8(d) << (how & 7) | (u32)how << 24 | (how & 8 ? 1u << 20 : 0);
	desc[3] = (u32)d_u8(d) << 8 | (u32)d_u8(d) << (16 + (how >> 5));
	memcpy(w->ram + 16 * d_below(d, 64), desc, sizeof(desc));
}

static inline void subject_nic_rings(struct state_world *w, struct state_dice *d, u64 bar)
{
	u8 how = d_u8(d);
	u32 ring = how & 1 ? 0x3800 : 0x2800;

	subject_nic_reg(w, bar, ring, (how >> 1 & 3) * 256u);
	subject_nic_reg(w, bar, ring + 8, (how >> 3 & 7) * 128u);
	subject_nic_reg(w, bar, 0x100, how & 0x40 ? 0x8002u | (u32)d_u8(d) << 16 | (how & 0x20) : 0);
	subject_nic_reg(w, bar, 0x400, how & 0x80 ? 0x0a : 0);
	subject_nic_reg(w, bar, ring + 0x18, d_u8(d) & 63);
}

static inline void subject_nic_step(struct state_world *w, struct state_dice *d)
{
	static const u16 near[] = { 0, 0xc0, 0x100, 0x400, 0x2800, 0x3800, 0x4000, 0x5200, 0x5400, 0x5600, 0x1000 };
	struct ve1000 *dev = w->dev;
	u64 bar = vpci_bar_addr(&dev->pci, 0);
	u8 op = d_u8(d);

	if (bar == VPCI_NOWHERE) {
		assert(vpci_assign(w->env.pci, SUBJECT_MEM, SUBJECT_MEM + 0x100000, SUBJECT_IO, 0xd000) == OK);
		bar = vpci_bar_addr(&dev->pci, 0);
	}
	switch (op & 7) {
	case 0: world_access(w, d, &w->mmio, bar + near[d_below(d, ARRAY_SIZE(near))], 0x80); break;
	case 1: subject_nic_desc(w, d); break;
	case 2: subject_nic_rings(w, d, bar); break;
	case 3: subject_nic_reg(w, bar, op & 8 ? 0x3818 : 0x2818, d_u8(d) & 31); break;
	case 4:
		if (op & 8)
			subject_nic_reg(w, bar, 0x10, op >> 4 & 7);
		else
			subject_nic_reg(w, bar, 0x20, d_u32(d));
		break;
	case 5: subject_fn_cfg(w, d, op & 8 ? PCI_COMMAND : d_u8(d)); break;
	case 6: world_pass(w, d_span(d) >> 20); break;
	default:
		ve1000_work(dev, w->now);
		if (dev->wrong) /* not in the state: it is told now */
			ve1000_work(dev, w->now);
		break;
	}
	if (op == 0xf8)
		w->ops->reset(dev, w->now);
}

static inline void subject_nic_invariants(struct state_world *w)
{
	struct ve1000 *d = w->dev;
	const struct ve1000_state *s = &d->s;

	assert(!d->pci.s.intx || (s->icr & s->ims));
	assert(s->tx_len <= NET_FRAME_MAX && s->ee_phase <= VE1000_EE_DONE && s->ee_addr < VE1000_EEPROM);
	assert((s->tx_what & VE1000_TX_BEGUN) || (!s->tx_what && !s->tx_len));
	assert(!(s->tx_what & VE1000_TX_LAST) || (s->tx_what & VE1000_TX_READY));
	assert(vpci_cfg_get(&d->pci, PCI_VENDOR, 4) == 0x100e8086);
}

static const struct state_subject state_subjects_net[] = {
	{ "e1000", &ve1000_ops, sizeof(struct ve1000), sizeof(struct subject_nic_world), subject_nic_attach,
	  subject_nic_step, subject_nic_invariants, subject_fn_unplug_bus },
};
