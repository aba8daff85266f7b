/* Debug devices: exit port, latch, flush, lines, I/O memory, debugcon. */
#include "quick_check.h"

#include "fake_irq.h"
#include "suite.h"
#include "vmm/dev/pc/vdebug.h"

static struct io_region *pio_store[16], *mmio_store[4];
static struct io_bus pio, mmio;
static struct fake_irq irq;
static struct vdebug d;
static u8 iomem[VDEBUG_IOMEM_LEN];
static struct {
	u32 exits, code, flushes, chars;
	u64 flushed;
	char c;
} seen;

static void on_exit_code(void *arg, u32 code)
{
	seen.exits++;
	seen.code = code;
}

static void on_char(void *arg, char c)
{
	seen.chars++;
	seen.c = c;
}

static void on_flush(void *arg, u64 gpa)
{
	seen.flushes++;
	seen.flushed = gpa;
}

static struct vdebug_config config(bool exit_port, bool testdev, bool debugcon)
{
	return (struct vdebug_config){
		.exit_port = exit_port,
		.testdev = testdev,
		.debugcon = debugcon,
		.exit = on_exit_code,
		.putc = on_char,
		.flush_page = on_flush,
		.irq = &irq.chip,
		.iomem = iomem,
		.ram_bytes = 0x123456789000,
		.cpus = 0x0104,
	};
}

static void setup(bool exit_port, bool testdev, bool debugcon)
{
	struct vdebug_config cfg = config(exit_port, testdev, debugcon);

	memset(&seen, 0, sizeof(seen));
	memset(iomem, 0, sizeof(iomem));
	fake_irq_init(&irq);
	io_bus_init(&pio, pio_store, ARRAY_SIZE(pio_store), 0xffff);
	io_bus_init(&mmio, mmio_store, ARRAY_SIZE(mmio_store), ~0ull);
	ck_assert_int_eq(vdebug_init(&d, &cfg, &pio, &mmio), OK);
}

static void out(u32 port, u8 size, u64 v)
{
	io_bus_access(&pio, port, size, true, &v, 0);
}

static u64 in(u32 port, u8 size)
{
	u64 v = 0;

	io_bus_access(&pio, port, size, false, &v, 0);
	return v;
}

START_TEST(off_unless_asked)
{
	static const u32 ports[] = { 0xe0, 0xe4, 0xe8, 0xe9, 0xf4, 0x511, 0x2000 };
	u64 v = 0;

	setup(false, false, false);
	for (u32 i = 0; i < ARRAY_SIZE(ports); i++) {
		out(ports[i], 1, 1);
		ck_assert_uint_eq(in(ports[i], 1), 0xff);
	}
	ck_assert(!io_bus_access(&mmio, VDEBUG_IOMEM_BASE, 4, false, &v, 0));
	ck_assert_uint_eq(seen.exits + seen.chars + seen.flushes + irq.changes, 0);
}
END_TEST

START_TEST(exit_port)
{
	setup(true, false, false);
	out(0xf4, 1, 0);
	ck_assert_uint_eq(seen.code, 1);
	out(0xf4, 1, 0x10);
	ck_assert_uint_eq(seen.code, 0x21);
	out(0xf4, 2, 0x1234);
	ck_assert_uint_eq(seen.code, 0x2469);
	out(0xf4, 4, 0x7fffffff);
	ck_assert_uint_eq(seen.code, 0xffffffff);
	ck_assert_uint_eq(seen.exits, 4);
	ck_assert_uint_eq(in(0xf4, 1), 0);
	ck_assert_uint_eq(seen.exits, 4);
}
END_TEST

START_TEST(latch)
{
	setup(false, true, false);
	out(0xe0, 4, 0x12345678);
	ck_assert_uint_eq(in(0xe0, 4), 0x12345678);
	ck_assert_uint_eq(in(0xe0, 1), 0x78);
	ck_assert_uint_eq(in(0xe1, 1), 0x56);
	ck_assert_uint_eq(in(0xe2, 2), 0x1234);
	ck_assert_uint_eq(in(0xe1, 2), 0x3456);
	out(0xe1, 1, 0xab);
	out(0xe2, 2, 0xcdef);
	ck_assert_uint_eq(in(0xe0, 4), 0xcdefab78);
	ck_assert_uint_eq(d.s.latch, 0xcdefab78);
	/* the byte port shows the same latch, E9h too as long as debugcon is off */
	ck_assert_uint_eq(in(0xe8, 1), 0x78);
	ck_assert_uint_eq(in(0xe9, 1), 0xab);
	out(0xe8, 1, 0x11);
	ck_assert_uint_eq(in(0xe0, 1), 0x11);
	/* beyond the end: the latch has no fifth byte */
	ck_assert_uint_eq(in(0xe3, 1), 0xcd);
}
END_TEST

START_TEST(debugcon)
{
	setup(false, false, true);
	ck_assert_uint_eq(in(0xe9, 1), 0xe9);
	out(0xe9, 1, 'H');
	ck_assert_uint_eq(seen.chars, 1);
	ck_assert_int_eq(seen.c, 'H');
	/* without pc-testdev there is nothing around it */
	ck_assert_uint_eq(in(0xe8, 1), 0xff);
	out(0xe8, 1, 1);
	ck_assert_uint_eq(d.s.latch, 0);
	setup(false, true, true);
	out(0xe0, 4, 0x01020304);
	ck_assert_uint_eq(in(0xe9, 1), 0xe9);
	ck_assert_uint_eq(in(0xe8, 1), 0x04);
}
END_TEST

START_TEST(flush_and_lines)
{
	struct vdebug_config cfg;

	setup(false, true, false);
	out(0xe4, 4, 0x123456);
	ck_assert_uint_eq(seen.flushes, 1);
	ck_assert_uint_eq(seen.flushed, 0x123000);
	in(0xe4, 4);
	ck_assert_uint_eq(seen.flushes, 1);
	for (u32 n = 0; n < 24; n++) {
		out(0x2000 + n, 1, 1);
		ck_assert_uint_eq(fake_irq_lines(&irq), 1u << n);
		out(0x2000 + n, 1, 0);
		ck_assert_uint_eq(fake_irq_lines(&irq), 0);
	}
	ck_assert_uint_eq(irq.changes, 48);
	out(0x2000 + 24, 1, 1);
	out(0x2000, 4, 1); /* lines are bytes */
	in(0x2000, 1);
	ck_assert_uint_eq(irq.changes, 48);
	/* restore drives the saved levels; reset lowers them */
	d.s.irq_levels = 0x800021;
	vdebug_restored(&d);
	ck_assert_uint_eq(fake_irq_lines(&irq), 0x800021);
	iomem[5] = 1;
	d.s.latch = 7;
	vdebug_reset(&d);
	ck_assert_uint_eq(fake_irq_lines(&irq), 0);
	ck_assert_uint_eq(d.s.latch + d.s.irq_levels, 0);
	ck_assert_uint_eq(iomem[5], 1); /* its owner clears it, in pieces */
	/* no flush handler: nothing to call */
	cfg = config(false, true, false);
	cfg.flush_page = NULL;
	io_bus_init(&pio, pio_store, ARRAY_SIZE(pio_store), 0xffff);
	io_bus_init(&mmio, mmio_store, ARRAY_SIZE(mmio_store), ~0ull);
	ck_assert_int_eq(vdebug_init(&d, &cfg, &pio, &mmio), OK);
	out(0xe4, 4, 0x1000);
}
END_TEST

START_TEST(io_memory)
{
	static const u8 sizes[] = { 1, 2, 4, 8 };
	u64 v;

	setup(false, true, false);
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 mask = sizes[i] == 8 ? ~0ull : BIT(sizes[i] * 8) - 1, at = 0xff000000 + 0x123 * i;

		v = 0x1122334455667788;
		ck_assert(io_bus_access(&mmio, at, sizes[i], true, &v, 0));
		v = 0;
		ck_assert(io_bus_access(&mmio, at, sizes[i], false, &v, 0));
		ck_assert_uint_eq(v, 0x1122334455667788 & mask);
		ck_assert_uint_eq(iomem[0x123 * i + sizes[i]], 0);
	}
	v = 0x99;
	io_bus_access(&mmio, 0xff00ffff, 1, true, &v, 0);
	ck_assert_uint_eq(iomem[0xffff], 0x99);
	ck_assert(!io_bus_access(&mmio, 0xff010000, 1, false, &v, 0));
}
END_TEST

START_TEST(fw_cfg)
{
	struct vdebug_config cfg;
	static const struct {
		u16 key;
		u64 val; /* of the first nine bytes */
	} t[] = { { 0, 0x554d4551 }, { 1, 0 }, { 3, 0x123456789000 }, { 5, 0x104 },
		  { 0xf, 0x104 },    { 2, 0 }, { 0x8003, 0 },         { 0xffff, 0 } };

	setup(false, true, false);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		out(0x510, 2, t[i].key);
		for (u32 k = 0; k < 9; k++)
			ck_assert_uint_eq(in(0x511, 1), k < 8 ? t[i].val >> k * 8 & 0xff : 0);
	}
	/* a new selection starts anew; writing the data port changes nothing */
	out(0x510, 2, 5);
	ck_assert_uint_eq(in(0x511, 1), 4);
	out(0x511, 1, 0x77);
	ck_assert_uint_eq(in(0x511, 1), 1);
	out(0x510, 2, 5);
	ck_assert_uint_eq(in(0x511, 1), 4);
	ck_assert_uint_eq(in(0x510, 2), 0xffff);
	vdebug_reset(&d);
	ck_assert_uint_eq(in(0x511, 1), 'Q');
	/* a machine that has a whole one */
	vdebug_ops.detach(&d);
	cfg = config(false, true, false);
	cfg.no_fwcfg = true;
	ck_assert_int_eq(vdebug_init(&d, &cfg, &pio, &mmio), OK);
	ck_assert_ptr_null(io_bus_find(&pio, 0x510));
	ck_assert_ptr_nonnull(io_bus_find(&pio, 0xe0));
}
END_TEST

START_TEST(init_errors)
{
	struct io_region other = { 0xe8, 1, NULL, NULL, "other" };
	struct vdebug_config cfg;

	fake_irq_init(&irq);
	setup(false, false, false);
	cfg = config(true, false, false);
	cfg.exit = NULL;
	ck_assert_int_eq(vdebug_init(&d, &cfg, &pio, &mmio), ERR_INVAL);
	cfg = config(false, true, false);
	cfg.irq = NULL;
	ck_assert_int_eq(vdebug_init(&d, &cfg, &pio, &mmio), ERR_INVAL);
	cfg = config(false, false, true);
	cfg.putc = NULL;
	ck_assert_int_eq(vdebug_init(&d, &cfg, &pio, &mmio), ERR_INVAL);
	/* a port that is taken: nothing stays behind */
	other.fn = d.latch_region.fn;
	ck_assert_ptr_nonnull(other.fn);
	ck_assert_int_eq(io_bus_add(&pio, &other), OK);
	cfg = config(true, true, true);
	ck_assert_int_eq(vdebug_init(&d, &cfg, &pio, &mmio), ERR_EXIST);
	ck_assert_uint_eq(pio.nr, 1);
	ck_assert_uint_eq(mmio.nr, 0);
	/* without the memory the rest still works */
	ck_assert_int_eq(io_bus_remove(&pio, &other), OK);
	cfg.iomem = NULL;
	ck_assert_int_eq(vdebug_init(&d, &cfg, &pio, &mmio), OK);
	ck_assert_uint_eq(mmio.nr, 0);
	vdebug_reset(&d);
}
END_TEST

/* Where a PC's firmware writes what it does; it looks for the port by reading it. */
START_TEST(firmware_log)
{
	struct vdebug_config cfg = config(false, false, false);

	setup(true, true, true);
	ck_assert_uint_eq(in(0x402, 1), 0xff);
	out(0x402, 1, 'x');
	ck_assert_uint_eq(seen.chars, 0);
	io_bus_init(&pio, pio_store, ARRAY_SIZE(pio_store), 0xffff);
	cfg.firmware = on_char;
	ck_assert_int_eq(vdebug_init(&d, &cfg, &pio, &mmio), OK);
	ck_assert_uint_eq(in(0x402, 1), 0xe9);
	out(0x402, 1, 'S');
	ck_assert_uint_eq(seen.chars, 1);
	ck_assert_int_eq(seen.c, 'S');
	/* A wider write is its byte and what lies behind the port. */
	out(0x402, 2, 'e' | 'x' << 8);
	ck_assert_uint_eq(seen.chars, 2);
	ck_assert_int_eq(seen.c, 'e');
	ck_assert_uint_eq(in(0x403, 1), 0xff);
}
END_TEST

SUITE_MAIN("vdebug", off_unless_asked, exit_port, latch, debugcon, firmware_log, flush_and_lines, io_memory, fw_cfg,
           init_errors)
