/* Parallel port: any accesses; what is read is what a model of three bytes says. */
#include "rigfuzz.h"
#include "vmm/dev/pc/vlpt.h"

static struct rig rig;
static struct vlpt lpt;

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct vdev_env env = { .pio = &rig.pio };
	struct rigfuzz f = { data, size };
	u8 model[3] = { 0x00, 0x7f, 0xcc };

	rig_init(&rig);
	assert(vlpt_ops.attach(&lpt, &env, NULL) == OK);
	while (rigfuzz_more(&f)) {
		u8 how = rigfuzz_u8(&f), len = (u8)(1u << (how & 3));
		u32 port = VLPT_PORT - 3 + (how >> 3) % 9;
		u64 v = how & 4 ? rigfuzz_u32(&f) * 0x100000001ull : 0, wrote = v;

		if (len < 8)
			v = wrote = v & (BIT(len * 8) - 1);
		io_bus_access(&rig.pio, port, len, how & 4, &v, 0);
		for (u32 i = 0; i < len; i++) {
			u32 at = port + i - VLPT_PORT;
			u8 byte = (u8)(wrote >> i * 8);

			if (!(how & 4))
				assert((u8)(v >> i * 8) == (at < 3 ? model[at] : 0xff));
			else if (at == 0)
				model[0] = byte;
			else if (at == 2)
				model[2] = 0xc0 | (byte & 0x1f);
		}
	}
	return 0;
}
