/* The PC's chip set: any sequence of configuration accesses, resets and restores. */
#include "../unit/chipset_rig.h"
#include "vmm/dev/pci/vi440fx.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct chipset_rig rig;
static struct vi440fx bridge;
static u8 memory[VI440FX_SEGMENTS]; /* what the bridge said of each segment */
static u32 told;

static void pam(void *arg, u32 segment, bool read, bool write)
{
	assert(segment < VI440FX_SEGMENTS);
	memory[segment] = (u8)(read | write << 1);
	told++;
}

static void check(void)
{
	assert(vpci_cfg_get(&bridge.pci, 0, 4) == 0x12378086);
	for (u32 i = 0; i < VI440FX_SEGMENTS; i++) {
		u32 at = i == VI440FX_SEGMENTS - 1 ? 1 : i + 2; /* nibbles from 59h on */

		assert(memory[i] == (bridge.pci.s.cfg[0x59 + at / 2] >> at % 2 * 4 & 3));
	}
	assert((bridge.pci.s.cfg[VI440FX_SMRAM] & 0x87) == 2);
}

/* Nothing that is valid is refused, and putting it in place changes nothing. */
static void restore(void)
{
	struct vpci_dev_state s = bridge.pci.s;
	const void *part[VDEV_PARTS] = { &s };
	struct state_check c = { .now = rig.now, .field = "" };

	assert(vi440fx_ops.valid(&bridge, part, &c));
	told = 0;
	vi440fx_ops.restored(&bridge, rig.now);
	assert(told == VI440FX_SEGMENTS && !memcmp(&s, &bridge.pci.s, sizeof(s)));
}

/* Bytes: function and access; offset; 4 of value. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct vi440fx_cfg cfg = { .pam = pam };
	u32 value;

	chipset_init(&rig);
	assert(vi440fx_ops.attach(&bridge, &rig.env, &cfg) == OK);
	vi440fx_ops.reset(&bridge, 0);
	check();
	for (; size >= 6; data += 6, size -= 6) {
		u8 len = (u8)(1u << data[0] % 3), at = data[1] & (u8) ~(len - 1);

		memcpy(&value, data + 2, 4);
		told = 0;
		if (data[0] == 0xff)
			vi440fx_ops.reset(&bridge, 0);
		else if (data[0] == 0xfe)
			restore();
		else if (data[0] & 0x80)
			assert(len == 4 || chipset_rd(&rig, 0, 0, at, len) >> 8 * len == 0);
		else
			chipset_wr(&rig, 0, 0, at, len, value);
		/* One access is little work. */
		assert(told <= (data[0] >= 0xfe ? VI440FX_SEGMENTS : 8));
		check();
	}
	return 0;
}
