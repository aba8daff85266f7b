/* Any writes and reads of a flash: its bytes stay inside, bits are cleared by programming and set by erasing alone. */
#include <stdint.h>
#include <string.h>

#include "lib/assert.h"
#include "vmm/dev/pc/vflash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE 0xffc00000ull
#define LEN  (2 * VFLASH_BLOCK)

static u32 mapped;

static void on_map(void *ctx, u32 slot, u64 gpa, const void *pages, u64 nr, bool read_only)
{
	assert(gpa == BASE && nr == LEN / PAGE_SIZE && read_only);
	mapped = 1;
}

static void on_unmap(void *ctx, u32 slot)
{
	mapped = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vdev_memory memory = { .map = on_map, .unmap = on_unmap };
	static u8 bytes[LEN], before[LEN];
	struct io_region *store[2];
	struct io_bus mmio;
	const struct vdev_env env = { .mmio = &mmio, .memory = &memory };
	const struct vflash_cfg cfg = { .base = BASE, .bytes = bytes, .size = LEN };
	struct vflash f = { 0 };

	memset(bytes, 0xff, sizeof(bytes));
	io_bus_init(&mmio, store, ARRAY_SIZE(store), ~0ull);
	assert(vflash_ops.attach(&f, &env, &cfg) == OK);
	vflash_ops.reset(&f, 0);
	for (size_t i = 0; i + 5 <= size && i < 500; i += 5) {
		const void *const parts[VDEV_PARTS] = { &f.s };
		struct state_check c = { 0 };
		u32 at = (u32)(data[i + 1] | data[i + 2] << 8) % (LEN + 8);
		u8 len = (u8)(1u << (data[i] & 3)), was = f.s.command;
		u64 v = data[i + 3] | data[i + 4] << 8;

		memcpy(before, bytes, sizeof(before));
		if ((data[i] & 0xf0) == 0xf0)
			vflash_ops.reset(&f, 0);
		else
			(void)io_bus_access(&mmio, BASE + at, len, data[i] & 4, &v, 0);
		if (was != 0x20) /* else a block may be erased */
			for (u32 k = 0; k < LEN; k++)
				assert(!(bytes[k] & ~before[k]));
		assert(mapped == (f.s.mode == VFLASH_ARRAY));
		assert(vflash_ops.valid(&f, parts, &c));
	}
	vflash_ops.detach(&f);
	return 0;
}
