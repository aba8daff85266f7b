/* 6300ESB watchdog: any sequence of configuration and memory accesses, passing time, reset and restore. */
#include "../unit/pci_reset.h"
#include "rigfuzz.h"
#include "vmm/dev/pci/vi6300esb.h"

#define BAR 0xc0000000ull

static struct io_region *mmio_store[4];
static struct io_bus mmio;
static struct rig rig;
static struct vpci pci;
static struct vpci_dev host;
static struct vi6300esb d;
static u32 expiries;

static void no_line(void *ctx, u32 gsi, bool asserted) {}

static void expired(void *arg)
{
	expiries++;
	assert(d.s.timed_out);
}

static void check(void)
{
	u32 lock = d.pci.s.cfg[VI6300ESB_LOCK];

	assert(d.s.stage <= 2 && d.s.unlock <= 2);
	assert(d.s.preload[0] <= 0xfffff && d.s.preload[1] <= 0xfffff);
	assert((d.s.stage == 0) == (d.s.deadline == TIMER_OFF));
	assert(timerq_next(&rig.tq) == d.s.deadline);
	assert(!d.s.stage || (lock & 2));
	assert(!(lock & ~7u) && vpci_cfg_get(&d.pci, 0, 4) == 0x25ab8086);
	assert(d.pci.s.intx == (d.s.interrupt && !(d.pci.s.cfg[VI6300ESB_CONFIG] & 3)));
}

static void access_bar(struct rigfuzz *f, u8 how)
{
	u8 size = (u8)(1u << (how & 3));
	u64 v = rigfuzz_u32(f) * 0x100000001ull, preset = v;

	io_bus_access(&mmio, BAR + (how >> 3 & 15), size, how & 4, &v, rig.now);
	assert(how & 4 ? v == preset : size == 8 || v >> 8 * size == 0);
}

static void step(struct rigfuzz *f)
{
	u8 op = rigfuzz_u8(f), how = rigfuzz_u8(f);
	u32 locked = d.pci.s.cfg[VI6300ESB_LOCK], before = expiries;
	struct vi6300esb_state s;
	u64 v = 0x80;

	switch (op % 8) {
	case 0: access_bar(f, how); break;
	case 1:
		io_bus_access(&mmio, BAR + 0xc, 2, true, &v, rig.now);
		v = 0x86;
		io_bus_access(&mmio, BAR + 0xc, 2, true, &v, rig.now);
		break;
	case 2: vpci_cfg_write(&pci, 2, 0, how, 1u << (op >> 3) % 3, rigfuzz_u32(f), rig.now); break;
	case 3: vpci_cfg_write(&pci, 2, 0, VI6300ESB_LOCK, 1, how, rig.now); break;
	case 4: vpci_cfg_write(&pci, 2, 0, VI6300ESB_CONFIG, 2, how, rig.now); break;
	case 5: rigfuzz_pass(&rig, rigfuzz_span(f), 20); break;
	case 6:
		if (how & 7)
			break;
		pci_reset_all(&pci);
		vi6300esb_reset(&d);
		assert(vpci_assign(&pci, BAR, BAR + 0x1000, 0xc000, 0xd000) == OK);
		locked = 0;
		break;
	default:
		s = d.s;
		vi6300esb_restored(&d);
		assert(s.deadline == d.s.deadline && s.stage == d.s.stage);
		break;
	}
	/* Locked it stays, and only time makes it expire. */
	assert(!(locked & 1) || d.pci.s.cfg[VI6300ESB_LOCK] == locked);
	assert(op % 8 == 5 || expiries == before);
	check();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct irqchip_ops ops = { .set_line = no_line };
	static const struct irqchip chip = { .ops = &ops };
	struct rigfuzz f = { data, size };

	rig_init(&rig);
	io_bus_init(&mmio, mmio_store, ARRAY_SIZE(mmio_store), ~0ull);
	assert(vpci_init(&pci, &rig.pio, &mmio, &chip) == OK);
	vpci_host_bridge_init(&host, 1, 2);
	assert(vpci_attach(&pci, &host, 0, 0) == OK);
	assert(vi6300esb_init(&d, &rig.tq, expired, NULL) == OK);
	assert(vpci_attach(&pci, &d.pci, 2, 0) == OK);
	assert(vpci_assign(&pci, BAR, BAR + 0x1000, 0xc000, 0xd000) == OK);
	while (rigfuzz_more(&f))
		step(&f);
	return 0;
}
