/* Test helper: an e1000 on a bus, with RAM and a network that keeps what is sent and has what it is given. */
#pragma once

#include "dev_rig.h"
#include "lib/assert.h"
#include "vmm/dev/pci/ve1000.h"

#define NIC_BAR  0xc0000000ull
#define NIC_PORT 0xc000u
#define NIC_RAM  (64u << 10)
#define NIC_GSI  17 /* INTA of slot 5 */
#define NIC_SENT 64

struct nic_rig {
	struct rig rig;
	struct io_region *mmio_store[8];
	struct io_bus mmio;
	struct guest_mem mem;
	struct vdev_env env;
	struct vpci pci;
	struct vpci_dev host;
	struct ve1000 nic;
	u8 ram[NIC_RAM];
	u32 kicks, complaints;
	u64 complaint_at; /* value of the last one */
	/* The network */
	struct net_front front;
	bool link, busy;
	u32 refuse, refusals; /* how often each frame is refused before it is taken; and the one that is next */
	u32 nr_sent;
	struct net_frame sent[NIC_SENT]; /* data: NULL */
	u8 last[NET_FRAME_MAX];          /* of the last one */
	u8 first[4][2048];               /* of the first ones, as much as there is room for */
	struct net_frame in;             /* len 0: none */
	u32 nr_taken;
};

static inline void nic_net_connect(void *ctx, const struct net_front *front)
{
	((struct nic_rig *)ctx)->front = front ? *front : (struct net_front){ 0 };
}
static inline bool nic_net_link(void *ctx)
{
	return ((struct nic_rig *)ctx)->link;
}
static inline int nic_net_send(void *ctx, const struct net_frame *f)
{
	struct nic_rig *r = ctx;

	assert(net_frame_ok(f));
	if (r->busy)
		return ERR_BUSY;
	if (r->refusals) {
		r->refusals--;
		return ERR_BUSY;
	}
	r->refusals = r->refuse;
	memcpy(r->last, f->data, f->len);
	if (r->nr_sent < ARRAY_SIZE(r->first))
		memcpy(r->first[r->nr_sent], f->data, MIN(f->len, sizeof(r->first[0])));
	r->sent[r->nr_sent % NIC_SENT] = *f;
	r->sent[r->nr_sent++ % NIC_SENT].data = NULL;
	return OK;
}
static inline const struct net_frame *nic_net_next(void *ctx)
{
	struct nic_rig *r = ctx;

	return r->in.len ? &r->in : NULL;
}
static inline void nic_net_taken(void *ctx)
{
	struct nic_rig *r = ctx;

	assert(r->in.len);
	r->in.len = 0;
	r->nr_taken++;
}

static const struct net_ops nic_net_ops = { .connect = nic_net_connect,
	                                    .link = nic_net_link,
	                                    .send = nic_net_send,
	                                    .next = nic_net_next,
	                                    .taken = nic_net_taken };

static inline void nic_kick(void *arg)
{
	((struct nic_rig *)arg)->kicks++;
}
static inline void nic_complain(void *arg, const char *what, u64 value)
{
	struct nic_rig *r = arg;

	assert(*what);
	r->complaints++;
	r->complaint_at = value;
}

static const u8 nic_mac[NET_MAC_LEN] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static const u8 nic_rom[3000] = { 0x55, 0xaa, 6 };

/* plugged: there is a network. */
static inline void nic_rig_init(struct nic_rig *r, bool plugged)
{
	struct ve1000_cfg cfg = { .at.slot = 5,
		                  .rom = nic_rom,
		                  .rom_len = sizeof(nic_rom),
		                  .kick = nic_kick,
		                  .complain = nic_complain,
		                  .arg = r };

	memset(r, 0, sizeof(*r));
	rig_init(&r->rig);
	io_bus_init(&r->mmio, r->mmio_store, ARRAY_SIZE(r->mmio_store), ~0ull);
	r->mem = (struct guest_mem){ .base = r->ram, .nr_ranges = 1, .ranges = { { 0, NIC_RAM } } };
	r->env = (struct vdev_env){ .pio = &r->rig.pio,
		                    .mmio = &r->mmio,
		                    .irq = &r->rig.chip,
		                    .timers = &r->rig.tq,
		                    .mem = &r->mem,
		                    .pci = &r->pci };
	memcpy(cfg.mac, nic_mac, NET_MAC_LEN);
	r->link = true;
	if (plugged)
		cfg.net = (struct net){ &nic_net_ops, r };
	assert(vpci_init(&r->pci, &r->rig.pio, &r->mmio, &r->rig.chip) == OK);
	vpci_host_bridge_init(&r->host, 1, 2);
	assert(vpci_attach(&r->pci, &r->host, 0, 0) == OK);
	assert(ve1000_ops.attach(&r->nic, &r->env, &cfg) == OK);
	assert(vpci_assign(&r->pci, NIC_BAR, NIC_BAR + 0x100000, NIC_PORT, 0x10000) == OK);
	vpci_cfg_write(&r->pci, 5, 0, PCI_COMMAND, 2, 7, 0);
}

static inline u32 nic_rd(struct nic_rig *r, u32 off)
{
	u64 v = 0;

	assert(io_bus_access(&r->mmio, NIC_BAR + off, 4, false, &v, r->rig.now));
	return (u32)v;
}
static inline void nic_wr(struct nic_rig *r, u32 off, u32 val)
{
	u64 v = val;

	assert(io_bus_access(&r->mmio, NIC_BAR + off, 4, true, &v, r->rig.now));
}
/* All pieces of what there is to do; returns how many. */
static inline u32 nic_work(struct nic_rig *r)
{
	u32 n = 0;

	while (ve1000_has_work(&r->nic)) {
		ve1000_work(&r->nic, r->rig.now);
		assert(++n < 1000);
	}
	return n;
}
