/* e1000: any registers, descriptors and frames, a network that is full or away, passing time, reset and restore. */
#include "../unit/ve1000_rig.h"
#include "rigfuzz.h"

/* Of one piece: bytes copied, and descriptors. */
#define PIECE_SENT 6u

static struct nic_rig r;
static u8 frame[NET_FRAME_MAX];

static void check(void)
{
	const struct ve1000_state *s = &r.nic.s;
	const void *parts[VDEV_PARTS] = { s, &r.nic.pci.s };
	struct state_check c = { .now = r.rig.now, .field = "" };

	/* Whatever the guest did, a state that is saved now would be taken back. */
	assert(ve1000_ops.valid(&r.nic, parts, &c));
	assert(!r.nic.pci.s.intx || (s->icr & s->ims));
	assert(!(s->icr & s->ims) || r.nic.pci.s.intx || timerq_next(&r.rig.tq) <= s->itr_until);
	assert(!(nic_rd(&r, 0x10) & ~0x1ffu));
}

/* The guest may have moved it. */
static void find_bars(void)
{
	vpci_cfg_write(&r.pci, 5, 0, PCI_BAR0, 4, (u32)NIC_BAR, r.rig.now);
	vpci_cfg_write(&r.pci, 5, 0, PCI_BAR0 + 8, 4, NIC_PORT, r.rig.now);
	vpci_cfg_write(&r.pci, 5, 0, PCI_COMMAND, 2, 7, r.rig.now);
}

static void put_descriptor(struct rigfuzz *f)
{
	u64 addr = rigfuzz_u32(f) % (NIC_RAM + 4096);
	u32 low = rigfuzz_u32(f), high = rigfuzz_u32(f), at = 16 * (rigfuzz_u8(f) % 128);

	memcpy(r.ram + at, &addr, 8);
	memcpy(r.ram + at + 8, &low, 4);
	memcpy(r.ram + at + 12, &high, 4);
}

static void set_up(struct rigfuzz *f)
{
	u8 how = rigfuzz_u8(f);

	nic_wr(&r, 0x2800, (how & 3) * 256u);
	nic_wr(&r, 0x2808, (how >> 2 & 7) * 128u);
	nic_wr(&r, 0x3800, (how >> 5 & 3) * 256u);
	nic_wr(&r, 0x3808, (how >> 3 & 7) * 128u);
	nic_wr(&r, 0x100, rigfuzz_u32(f) | 2);
	nic_wr(&r, 0x400, 0xa);
	nic_wr(&r, 0, 0x40000041);
}

static void a_frame(struct rigfuzz *f)
{
	u8 how = rigfuzz_u8(f);

	if (r.in.len)
		return;
	memset(frame, how, sizeof(frame));
	memset(frame, how & 1 ? 0xff : 2, 6);
	if (how & 2)
		memcpy(frame + 12, "\x81\x00\x01\x23", 4);
	r.in = (struct net_frame){ .data = frame, .len = 1 + (rigfuzz_u32(f) % (how & 4 ? NET_FRAME_MAX : 2000)) };
}

static void work(void)
{
	u32 sent = r.nr_sent, taken = r.nr_taken, tdh = r.nic.s.reg[E_TDH];

	ve1000_work(&r.nic, r.rig.now);
	assert(r.nr_sent - sent <= PIECE_SENT && r.nr_taken - taken <= 1);
	assert(r.nic.s.reg[E_TDH] - tdh <= PIECE_SENT || r.nic.s.reg[E_TDH] <= tdh || r.complaints || r.nic.wrong);
}

static void step(struct rigfuzz *f)
{
	u8 op = rigfuzz_u8(f);
	u64 v;

	switch (op % 13) {
	case 0: nic_wr(&r, (rigfuzz_u32(f) & 0x1fffc), rigfuzz_u32(f)); break;
	case 1: nic_rd(&r, (rigfuzz_u32(f) & 0x1fffc)); break;
	case 2:
		v = rigfuzz_u32(f) * 0x100000001ull;
		io_bus_access(&r.mmio, NIC_BAR + rigfuzz_u32(f) % 0x1fff8, (u8)(1u << (op >> 4 & 3)), op & 0x80, &v,
		              r.rig.now);
		break;
	case 3: rigfuzz_access(f, &r.rig, NIC_PORT, 8); break;
	case 4: put_descriptor(f); break;
	case 5: set_up(f); break;
	case 6: nic_wr(&r, op & 0x80 ? 0x3818 : 0x2818, rigfuzz_u8(f)); break;
	case 7: a_frame(f); break;
	case 8:
		r.busy = op & 0x10;
		r.link = op & 0x20;
		r.front.changed(r.front.arg);
		break;
	case 9: rigfuzz_pass(&r.rig, rigfuzz_span(f), 20); break;
	case 10:
		for (u32 n = rigfuzz_u8(f) % 24; n; n--)
			nic_wr(&r, 0x10, 0x42u | (n & 1) | (op & 0x80 ? 4 : 0));
		break;
	case 11:
		if (op & 0x80)
			ve1000_ops.reset(&r.nic, r.rig.now);
		else
			ve1000_ops.restored(&r.nic, r.rig.now);
		find_bars();
		break;
	default:
		vpci_cfg_write(&r.pci, 5, 0, rigfuzz_u8(f) & 0xfc, 4, rigfuzz_u32(f), r.rig.now);
		find_bars();
		break;
	}
	work();
	check();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct rigfuzz f = { data, size };

	nic_rig_init(&r, true);
	while (rigfuzz_more(&f))
		step(&f);
	return 0;
}
