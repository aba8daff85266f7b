/* Debug devices: any sequence of port and memory accesses; the latch and the lines are checked against a model. */
#include "../unit/fake_irq.h"
#include "lib/assert.h"
#include "vmm/dev/pc/vdebug.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void on_exit_code(void *arg, u32 code)
{
	assert(code & 1);
}

static void on_char(void *arg, char c) {}

static void on_flush(void *arg, u64 gpa)
{
	assert(IS_ALIGNED(gpa, PAGE_SIZE));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static u8 iomem[VDEBUG_IOMEM_LEN];
	static struct fake_irq irq;
	struct io_region *pio_store[8], *mmio_store[2];
	struct io_bus pio, mmio;
	struct vdebug d;
	struct vdebug_config cfg = {
		.exit_port = true,
		.testdev = true,
		.debugcon = size && (data[0] & 1),
		.exit = on_exit_code,
		.putc = on_char,
		.firmware = on_char,
		.flush_page = on_flush,
		.irq = &irq.chip,
		.iomem = iomem,
	};

	fake_irq_init(&irq);
	io_bus_init(&pio, pio_store, ARRAY_SIZE(pio_store), 0xffff);
	io_bus_init(&mmio, mmio_store, ARRAY_SIZE(mmio_store), ~0ull);
	assert(vdebug_init(&d, &cfg, &pio, &mmio) == OK);
	for (size_t i = 1; i + 8 <= size; i += 8) {
		u8 op = data[i], len = (u8)(1u << (op & 3));
		u32 port = data[i + 1] & 0x80 ? VDEBUG_IRQ_PORT + (data[i + 1] & 0x3f) : 0xd8 + (data[i + 1] & 0x3f);
		u32 at = data[i + 2] | data[i + 3] << 8, raw;
		u64 v;

		memcpy(&raw, data + i + 4, 4);
		v = raw;
		if (op & 0x80)
			io_bus_access(&mmio, VDEBUG_IOMEM_BASE + at, len, op & 4, &v, 0);
		else if (op == 0x7d)
			io_bus_access(&pio, VDEBUG_FIRMWARE_PORT, len == 8 ? 4 : len, raw & 1, &v, 0);
		else if (op == 0x7f)
			vdebug_reset(&d);
		else if (op == 0x7e)
			vdebug_restored(&d);
		else
			io_bus_access(&pio, port, len == 8 ? 4 : len, op & 4, &v, 0);
		assert(fake_irq_lines(&irq) == d.s.irq_levels && d.s.irq_levels < BIT(VDEBUG_NR_IRQS));
		v = 0;
		io_bus_access(&pio, VDEBUG_LATCH_PORT, 4, false, &v, 0);
		assert(v == d.s.latch);
	}
	return 0;
}
