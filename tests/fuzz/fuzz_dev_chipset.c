/* The PC's chip set: any sequence of configuration and port accesses, requests, resets and restores. */
#include "../unit/chipset_rig.h"
#include "vmm/dev/pci/vi440fx.h"
#include "vmm/dev/pci/vpiix3.h"
#include "vmm/dev/pci/vpiix4pm.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct chipset_rig rig;
static struct vi440fx bridge;
static struct vpiix3 isa;
static struct vpm pm;
static struct vpiix4pm power;
static struct vpci_dev asks[4];     /* INTA to INTD of slot 2 */
static u8 memory[VI440FX_SEGMENTS]; /* what the bridge said of each segment */
static u32 told;

static void pam(void *arg, u32 segment, bool read, bool write)
{
	assert(segment < VI440FX_SEGMENTS);
	memory[segment] = (u8)(read | write << 1);
	told++;
}

static void on_sleep(void *arg, u8 typ)
{
	assert(typ < 8);
}

static void check_bridge(void)
{
	assert(vpci_cfg_get(&bridge.pci, 0, 4) == 0x12378086);
	for (u32 i = 0; i < VI440FX_SEGMENTS; i++) {
		u32 at = i == VI440FX_SEGMENTS - 1 ? 1 : i + 2; /* nibbles from 59h on */

		assert(memory[i] == (bridge.pci.s.cfg[0x59 + at / 2] >> at % 2 * 4 & 3));
	}
	assert((bridge.pci.s.cfg[VI440FX_SMRAM] & 0x87) == 2);
}

/* Lines are what requests and routes make of them, always. */
static void check_lines(void)
{
	u32 want = 0;

	for (u32 i = 0; i < 4; i++) {
		u8 route = isa.pci.s.cfg[0x60 + ((i + 1) & 3)];

		if (asks[i].s.intx && route < 16 && route != 0 && route != 1 && route != 2 && route != 8 &&
		    route != 13)
			want |= 1u << route;
	}
	/* The SCI's line is this rig's, too, with whoever drove it last. */
	assert((fake_irq_lines(&rig.irq) & ~(1u << VPM_SCI)) == (want & ~(1u << VPM_SCI)));
}

/* Registers are where the function says, and only there. */
static void check_power(void)
{
	u32 base = vpci_cfg_get(&power.pci, 0x40, 2) & 0xffc0u, at = vpiix4pm_base(&power);

	assert(vpci_cfg_get(&power.pci, 0, 4) == 0x71138086);
	if (!(power.pci.s.cfg[0x80] & 1) || !base)
		assert(!at);
	else
		assert(at == base || (!at && rig.pio.nr >= 4));
	if (at)
		assert(chipset_in(&rig, at + 8, 4) == (u32)((unsigned __int128)rig.now * VPM_TIMER_HZ / 1000000000));
}

/* Nothing that is valid is refused, and putting it in place changes nothing. */
static void restore(const struct vdev_ops *ops, void *dev)
{
	struct vpci_dev_state s = *(struct vpci_dev_state *)vdev_part(ops, dev, 0);
	const void *part[VDEV_PARTS] = { &s };
	struct state_check c = { .now = rig.now, .field = "" };

	assert(ops->valid(dev, part, &c));
	ops->restored(dev, rig.now);
	assert(!memcmp(&s, vdev_part(ops, dev, 0), sizeof(s)));
}

static void event(u8 what, u8 which)
{
	switch (what) {
	case 0xff: vi440fx_ops.reset(&bridge, rig.now); break;
	case 0xfe: vpiix3_ops.reset(&isa, rig.now); break;
	case 0xfd: restore(&vi440fx_ops, &bridge); break;
	case 0xfc: restore(&vpiix3_ops, &isa); break;
	case 0xfb: vpiix4pm_ops.reset(&power, rig.now); break;
	case 0xfa: rig.now += (u64)which << 30; break;
	case 0xf9: vpm_power_button(&pm, rig.now); break;
	default: vpci_intx_set(&asks[which & 3], which & 4); break;
	}
}

static void attach(void)
{
	static const struct vi440fx_cfg bridge_cfg = { .pam = pam };
	static const struct vpiix3_cfg isa_cfg = { .at = { 1, 0 } };
	static const struct vpm_cfg pm_cfg = { .sleep = on_sleep, .piix4 = true };
	static const struct vpiix4pm_cfg power_cfg = { .at = { 1, 3 }, .vpm = &pm };

	chipset_init(&rig);
	assert(vi440fx_ops.attach(&bridge, &rig.env, &bridge_cfg) == OK);
	assert(vpiix3_ops.attach(&isa, &rig.env, &isa_cfg) == OK);
	assert(vpm_ops.attach(&pm, &rig.env, &pm_cfg) == OK);
	assert(vpiix4pm_ops.attach(&power, &rig.env, &power_cfg) == OK);
	for (u32 i = 0; i < 4; i++) {
		vpci_dev_init(&asks[i], "asks", 1, 2, 0x080000, 0, (u8)(i + 1));
		assert(vpci_attach(&rig.pci, &asks[i], 2, i) == OK);
	}
	vi440fx_ops.reset(&bridge, 0);
	vpiix3_ops.reset(&isa, 0);
	vpm_ops.reset(&pm, 0);
	vpiix4pm_ops.reset(&power, 0);
}

/* The ports of the power management function, by data's bytes; a few around them. */
static void port(const u8 *data, u32 value)
{
	u32 window = data[0] >> 2 & 1;
	u64 base = vpci_bar_addr(&power.pci, window);
	u8 len = (u8)(1u << data[0] % 3);

	if (base == ~0ull)
		base = 0x600;
	base += data[1] % 68;
	if (base + len > 0x10000)
		return;
	if (data[0] & 8)
		chipset_out(&rig, (u32)base, len, value);
	else
		chipset_in(&rig, (u32)base, len);
}

/* Bytes: from F0h on an event, from E0h ports, else size, function and direction; offset; 4 of value. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	attach();
	for (; size >= 6; data += 6, size -= 6) {
		u8 len = (u8)(1u << data[0] % 3), at = data[1] & (u8) ~(len - 1);
		u32 value, fn = data[0] & 0x20 ? 3 : 0, slot = fn ? 1 : data[0] >> 4 & 1;

		memcpy(&value, data + 2, 4);
		told = 0;
		if (data[0] >= 0xf0)
			event(data[0], data[1]);
		else if (data[0] >= 0xe0)
			port(data, value);
		else if (data[0] & 0x80)
			assert(len == 4 || chipset_rd(&rig, slot, fn, at, len) >> 8 * len == 0);
		else
			chipset_wr(&rig, slot, fn, at, len, value);
		/* One access is little work. */
		assert(told <= (data[0] >= 0xf0 ? VI440FX_SEGMENTS : 8));
		check_bridge();
		check_lines();
		check_power();
	}
	return 0;
}
