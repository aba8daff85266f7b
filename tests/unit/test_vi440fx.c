/* The PC's host bridge: registers as the 440FX data sheet (290549) has them, PAM segment by segment. */
#include "chipset_rig.h"
#include "suite.h"
#include "vmm/dev/pci/vi440fx.h"

static struct chipset_rig rig;
static struct vi440fx bridge;
static struct {
	bool read, write;
	u32 told;
} seg[VI440FX_SEGMENTS];
static u32 told;

static void pam(void *arg, u32 segment, bool read, bool write)
{
	ck_assert(arg == seg && segment < VI440FX_SEGMENTS);
	seg[segment].read = read;
	seg[segment].write = write;
	seg[segment].told++;
	told++;
}

static void setup(void)
{
	static const struct vi440fx_cfg cfg = { .pam = pam, .arg = seg };

	chipset_init(&rig);
	ck_assert_int_eq(vi440fx_ops.attach(&bridge, &rig.env, &cfg), OK);
	vi440fx_ops.reset(&bridge, 0);
	memset(seg, 0, sizeof(seg));
	told = 0;
}

static u32 rd(u32 off, u8 size)
{
	return chipset_rd(&rig, 0, 0, off, size);
}

static void wr(u32 off, u8 size, u32 v)
{
	chipset_wr(&rig, 0, 0, off, size, v);
}

START_TEST(identity)
{
	setup();
	ck_assert_uint_eq(rd(0x00, 4), 0x12378086);
	ck_assert_uint_eq(rd(0x04, 4), 0x02800006);
	ck_assert_uint_eq(rd(0x08, 4), 0x06000002);
	ck_assert_uint_eq(rd(0x0c, 4), 0);
	for (u32 bar = 0x10; bar < 0x2c; bar += 4) {
		wr(bar, 4, 0xffffffff);
		ck_assert_uint_eq(rd(bar, 4), 0);
	}
	ck_assert_uint_eq(rd(0x2c, 4), 0x11001af4); /* no SMM here, firmware understands */
	ck_assert_uint_eq(rd(0x34, 4), 0);
	wr(0x3c, 4, 0xffffffff);
	ck_assert_uint_eq(rd(0x3c, 4), 0);
	/* Memory and bus master cannot be turned off; parity and SERR# enables are kept. */
	wr(0x04, 2, 0);
	ck_assert_uint_eq(rd(0x04, 2), 0x0006);
	wr(0x04, 2, 0xffff);
	ck_assert_uint_eq(rd(0x04, 2), 0x0146);
}
END_TEST

START_TEST(power_on_values)
{
	static const struct {
		u8 reg, size;
		u32 value;
	} want[] = {
		{ 0x50, 4, 0x80000000 }, { 0x54, 4, 0x01000000 }, { 0x58, 4, 0x00000010 }, { 0x5c, 4, 0 },
		{ 0x60, 4, 0x01010101 }, { 0x64, 4, 0x01010101 }, { 0x68, 4, 0 },          { 0x6c, 4, 0 },
		{ 0x70, 4, 0x00021020 }, { 0x74, 4, 0 },          { 0x90, 4, 0 },
	};

	setup();
	for (u32 i = 0; i < ARRAY_SIZE(want); i++)
		ck_assert_uint_eq(rd(want[i].reg, want[i].size), want[i].value);
	/* They come back with a reset. */
	for (u32 off = 0x50; off < 0xa0; off += 4)
		wr(off, 4, 0xffffffff);
	ck_assert_uint_ne(rd(0x60, 4), 0x01010101);
	vi440fx_ops.reset(&bridge, 0);
	for (u32 i = 0; i < ARRAY_SIZE(want); i++)
		ck_assert_uint_eq(rd(want[i].reg, want[i].size), want[i].value);
}
END_TEST

/* Which bits stick, over the whole space: reserved registers have none. */
START_TEST(writable_bits)
{
	u32 bits = 0;

	setup();
	for (u32 off = 0x59; off <= 0x5f; off++)
		ck_assert_uint_eq(chipset_writable(&rig, 0, 0, off), off == 0x59 ? 0xf0 : 0x77);
	for (u32 off = 0x40; off < 0x100; off++) {
		u8 w = off == VI440FX_SMRAM ? 0 : chipset_writable(&rig, 0, 0, off);

		bits += (u32)__builtin_popcount(w);
		ck_assert_msg(!w || (off >= 0x50 && off <= 0x68) || off == 0x70 || off == 0x71 || off == 0x90,
		              "%x: %x", off, w);
	}
	ck_assert_uint_gt(bits, 100);
}
END_TEST

/* Every segment by every value of its bits, and nobody else hears of it. */
START_TEST(segments)
{
	u32 base = 0xc0000;

	for (u32 n = 0; n < VI440FX_SEGMENTS; n++) {
		ck_assert_uint_eq(vi440fx_segment_base(n), base);
		base += vi440fx_segment_size(n);
	}
	ck_assert_uint_eq(base, 0x100000);
	for (u32 n = 0; n < VI440FX_SEGMENTS; n++) {
		u32 reg = n == 12 ? 0x59 : 0x5a + n / 2, shift = n == 12 ? 4 : n % 2 * 4;

		setup();
		for (u32 i = 0; i < 16; i++) {
			u32 before = told, attr = i ^ i >> 1; /* one bit a time */
			bool change = i && ((attr ^ (i - 1) ^ (i - 1) >> 1) & 3);

			wr(reg, 1, attr << shift);
			ck_assert_uint_eq(told - before, change);
			ck_assert_uint_eq(seg[n].told, told);
			ck_assert(seg[n].read == (attr & 1) && seg[n].write == !!(attr & 2));
			ck_assert(vi440fx_pam_read(&bridge, n) == (attr & 1));
			ck_assert(vi440fx_pam_write(&bridge, n) == !!(attr & 2));
		}
		ck_assert_uint_eq(told, 12);
	}
}
END_TEST

/* As firmware does it: everything to RAM, then read-only; by bytes and by a dword, which reaches eight segments. */
START_TEST(shadowing)
{
	setup();
	for (u32 off = 0x59; off <= 0x5f; off++)
		wr(off, 1, 0x33);
	ck_assert_uint_eq(told, 13);
	for (u32 n = 0; n < 13; n++)
		ck_assert(seg[n].read && seg[n].write);
	ck_assert_uint_eq(rd(0x59, 1), 0x30);
	told = 0;
	wr(0x5c, 4, 0x11111111);
	ck_assert_uint_eq(told, 8);
	for (u32 n = 0; n < 13; n++)
		ck_assert(seg[n].read && seg[n].write == (n < 4 || n == 12));
	/* Registers beside them say nothing. */
	wr(0x58, 1, 0xff);
	wr(0x60, 4, 0xffffffff);
	wr(0x04, 4, 0xffffffff);
	ck_assert_uint_eq(told, 8);
	/* A reset closes all, and says so of all. */
	told = 0;
	vi440fx_ops.reset(&bridge, 0);
	ck_assert_uint_eq(told, 13);
	for (u32 n = 0; n < 13; n++)
		ck_assert(!seg[n].read && !seg[n].write);
}
END_TEST

START_TEST(smram)
{
	setup();
	ck_assert_uint_eq(rd(0x72, 1), 0x02);
	wr(0x72, 1, 0xff & ~0x10);
	ck_assert_uint_eq(rd(0x72, 1), 0x6a);
	wr(0x72, 1, 0x48);
	ck_assert_uint_eq(rd(0x72, 1), 0x4a);
	/* Locking closes it and lasts until a reset; D_CLS stays free. */
	wr(0x72, 1, 0x58);
	ck_assert_uint_eq(rd(0x72, 1), 0x1a);
	wr(0x72, 1, 0x40);
	ck_assert_uint_eq(rd(0x72, 1), 0x1a);
	wr(0x72, 1, 0x60);
	ck_assert_uint_eq(rd(0x72, 1), 0x3a);
	vi440fx_ops.reset(&bridge, 0);
	ck_assert_uint_eq(rd(0x72, 1), 0x02);
	wr(0x72, 1, 0x08);
	ck_assert_uint_eq(rd(0x72, 1), 0x0a);
	ck_assert_uint_eq(told, 13);
}
END_TEST

static const char *refusal(const struct vpci_dev_state *s)
{
	const void *part[VDEV_PARTS] = { s };
	struct state_check c = { .field = "" };

	ck_assert_int_eq(vi440fx_ops.valid(&bridge, part, &c), !c.field[0]);
	return c.field;
}

START_TEST(states)
{
	struct vpci_dev_state s;

	setup();
	wr(0x59, 1, 0x10);
	wr(0x5f, 1, 0x21);
	wr(0x72, 1, 0x18);
	s = bridge.pci.s;
	ck_assert_str_eq(refusal(&s), "");
	s.cfg[0x59] |= 1;
	ck_assert_str_eq(refusal(&s), "cfg");
	s = bridge.pci.s;
	s.cfg[0x72] |= 0x40;
	ck_assert_str_eq(refusal(&s), "cfg[114]");
	s = bridge.pci.s;
	vi440fx_ops.reset(&bridge, 0);
	told = 0;
	bridge.pci.s = s;
	vi440fx_ops.restored(&bridge, 0);
	ck_assert_uint_eq(told, 13);
	for (u32 n = 0; n < 13; n++)
		ck_assert(seg[n].read == (n == 12 || n == 10) && seg[n].write == (n == 11));
	wr(0x72, 1, 0); /* still locked */
	ck_assert_uint_eq(rd(0x72, 1), 0x1a);
	ck_assert_uint_eq(told, 13);
}
END_TEST

SUITE_MAIN("vi440fx", identity, power_on_values, writable_bits, segments, shadowing, smram, states)
