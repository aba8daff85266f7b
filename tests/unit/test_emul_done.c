/* vmm/emul/done.c: what an instruction's earlier goes have done. */
#include <string.h>

#include "emul_fake.h"
#include "suite.h"
#include "vmm/emul/done.h"

static struct emul_done d;

static void fresh(void)
{
	memset(&d, 0xa5, sizeof(d)); /* whatever was there */
	emul_done_clear(&d);
}

START_TEST(answers_in_order)
{
	u8 buf[32];

	fresh();
	ck_assert(!emul_done_take(&d, EMUL_DONE_READ, 0xfee00ff8, buf, 8));
	emul_done_add(&d, EMUL_DONE_READ, 0xfee00ff8, "abcdefgh", 8);
	emul_done_add(&d, EMUL_DONE_READ, 0xfee01000, "xyz", 3);
	emul_done_add(&d, EMUL_DONE_WRITE, 0xfee00ff8, "written!", 8);
	/* The same go does not come by them again. */
	ck_assert(!emul_done_take(&d, EMUL_DONE_READ, 0xfee00ff8, buf, 8));

	for (int go = 0; go < 3; go++) {
		emul_done_again(&d);
		memset(buf, 0, sizeof(buf));
		ck_assert(emul_done_take(&d, EMUL_DONE_READ, 0xfee00ff8, buf, 8));
		ck_assert_mem_eq(buf, "abcdefgh\0", 9);
		memset(buf, 0, sizeof(buf));
		ck_assert(emul_done_take(&d, EMUL_DONE_READ, 0xfee01000, buf, 3));
		ck_assert_mem_eq(buf, "xyz\0", 4);
		memcpy(buf, "other   ", 8);
		ck_assert(emul_done_take(&d, EMUL_DONE_WRITE, 0xfee00ff8, buf, 8));
		ck_assert_mem_eq(buf, "other   ", 8); /* a write gives nothing back */
		ck_assert(!emul_done_take(&d, EMUL_DONE_READ, 0xfee00ff8, buf, 8));
	}
}
END_TEST

/* A go that takes another course does what it comes to, and what is behind that is no longer true. */
START_TEST(another_course)
{
	static const struct {
		enum emul_done_kind kind;
		u64 where;
		u32 len;
	} other[] = {
		{ EMUL_DONE_WRITE, 0x2000, 4 },     { EMUL_DONE_IN, 0x2000, 4 },   { EMUL_DONE_READ, 0x2004, 4 },
		{ EMUL_DONE_READ, 0x100002000, 4 }, { EMUL_DONE_READ, 0x2000, 2 },
	};
	u8 buf[8] = "kept";

	for (u32 i = 0; i < ARRAY_SIZE(other); i++) {
		fresh();
		emul_done_add(&d, EMUL_DONE_READ, 0x1000, "1", 1);
		emul_done_add(&d, EMUL_DONE_READ, 0x2000, "2222", 4);
		emul_done_add(&d, EMUL_DONE_READ, 0x3000, "3", 1);
		emul_done_again(&d);
		ck_assert(emul_done_take(&d, EMUL_DONE_READ, 0x1000, buf, 1));
		buf[0] = 'k';
		ck_assert(!emul_done_take(&d, other[i].kind, other[i].where, buf, other[i].len));
		ck_assert_str_eq((char *)buf, "kept");
		emul_done_add(&d, EMUL_DONE_IN, 0x70, "n", 1);
		ck_assert(!emul_done_take(&d, EMUL_DONE_READ, 0x3000, buf, 1));
		emul_done_again(&d);
		ck_assert(emul_done_take(&d, EMUL_DONE_READ, 0x1000, buf, 1));
		ck_assert_int_eq(buf[0], '1');
		ck_assert(emul_done_take(&d, EMUL_DONE_IN, 0x70, buf, 1));
		ck_assert_int_eq(buf[0], 'n');
		ck_assert(!emul_done_take(&d, EMUL_DONE_READ, 0x3000, buf, 1));
		buf[0] = 'k';
	}
}
END_TEST

/* What cannot be kept is said, once and for all, and nothing beyond the end is touched (ASan looks on). */
START_TEST(full)
{
	u8 buf[32] = { 0 };
	u32 n;

	fresh();
	for (n = 0; n < EMUL_DONE_ACCESSES; n++) {
		emul_done_add(&d, EMUL_DONE_WRITE, n, NULL, 32);
		ck_assert(!d.full);
	}
	emul_done_add(&d, EMUL_DONE_WRITE, n, NULL, 32);
	ck_assert(d.full);
	emul_done_clear(&d);
	ck_assert(!d.full);
	for (n = 0; n < EMUL_DONE_BYTES / 32; n++)
		emul_done_add(&d, EMUL_DONE_READ, n, buf, 32);
	ck_assert(!d.full);
	emul_done_add(&d, EMUL_DONE_OUT, 0x80, NULL, 1); /* takes no room */
	ck_assert(!d.full);
	emul_done_add(&d, EMUL_DONE_IN, 0x71, buf, 1);
	ck_assert(d.full);
	/* What is missing in the middle would put all behind it in the wrong place. */
	emul_done_add(&d, EMUL_DONE_OUT, 0x81, NULL, 1);
	emul_done_again(&d);
	for (n = 0; n < EMUL_DONE_BYTES / 32; n++)
		ck_assert(emul_done_take(&d, EMUL_DONE_READ, n, buf, 32));
	ck_assert(emul_done_take(&d, EMUL_DONE_OUT, 0x80, NULL, 1));
	ck_assert(!emul_done_take(&d, EMUL_DONE_OUT, 0x81, NULL, 1));
	emul_done_clear(&d);
	emul_done_add(&d, EMUL_DONE_WRITE, 0, NULL, 256);
	ck_assert(d.full);
}
END_TEST

/* ENTER with 31 levels, all over two pages: what EMUL_DONE_ACCESSES and _BYTES are for. */
START_TEST(enter_fits)
{
	u8 buf[8] = { 0 };

	fresh();
	for (u32 i = 0; i < 31 * 2; i++)
		emul_done_add(&d, EMUL_DONE_READ, i, buf, 4);
	for (u32 i = 0; i < 32 * 2; i++)
		emul_done_add(&d, EMUL_DONE_WRITE, i, buf, 4);
	ck_assert(!d.full);
}
END_TEST

/* ---- whole instructions ---- */

static struct fake f, straight;
static u32 seed, goes;
static bool got_on, first_look, with_cuts;

static bool is_dev(u64 lin)
{
	return lin / 4096 == FAKE_MMIO / 4096;
}

static bool wait_here(void)
{
	seed = seed * 1103515245 + 12345;
	return got_on && with_cuts && seed >> 16 & 1;
}

static int go_read(struct emul_ctxt *c, u64 lin, void *buf, u32 len, u32 flags)
{
	int rc;

	if (!is_dev(lin))
		return fake_read(c, lin, buf, len, flags);
	if (emul_done_take(&d, EMUL_DONE_READ, lin, buf, len))
		return EMUL_OK;
	if (wait_here())
		return EMUL_RETRY;
	rc = fake_read(c, lin, buf, len, flags);
	got_on = true;
	emul_done_add(&d, EMUL_DONE_READ, lin, buf, len);
	/* A device whose registers change as they are read. */
	memset(fake_of(c)->mem + lin, 0x5a, len);
	return rc;
}

static int go_write(struct emul_ctxt *c, u64 lin, const void *buf, u32 len, u32 flags)
{
	int rc;

	if (!is_dev(lin))
		return fake_write(c, lin, buf, len, flags);
	if (emul_done_take(&d, EMUL_DONE_WRITE, lin, NULL, len))
		return EMUL_OK;
	if (wait_here())
		return EMUL_RETRY;
	rc = fake_write(c, lin, buf, len, flags);
	got_on = true;
	emul_done_add(&d, EMUL_DONE_WRITE, lin, NULL, len);
	return rc;
}

static int go_cmpxchg(struct emul_ctxt *c, u64 lin, const void *oldv, const void *newv, u32 len, u32 flags)
{
	return is_dev(lin) ? go_write(c, lin, newv, len, flags) : fake_cmpxchg(c, lin, oldv, newv, len, flags);
}

static int go_in(struct emul_ctxt *c, u16 port, u8 size, u32 count, void *buf)
{
	u8 v = (u8)fake_of(c)->port_count;

	if (emul_done_take(&d, EMUL_DONE_IN, port, buf, size * count))
		return EMUL_OK;
	if (wait_here())
		return EMUL_RETRY;
	fake_in(c, port, size, count, buf);
	memset(buf, v, size * count); /* a FIFO */
	got_on = true;
	emul_done_add(&d, EMUL_DONE_IN, port, buf, size * count);
	return EMUL_OK;
}

static int go_out(struct emul_ctxt *c, u16 port, u8 size, u32 count, const void *buf)
{
	if (emul_done_take(&d, EMUL_DONE_OUT, port, NULL, size * count))
		return EMUL_OK;
	if (wait_here())
		return EMUL_RETRY;
	fake_out(c, port, size, count, buf);
	memcpy(&fake_of(c)->mem[FAKE_DATA + 0x800 + fake_of(c)->port_count], buf, 1);
	got_on = true;
	emul_done_add(&d, EMUL_DONE_OUT, port, NULL, size * count);
	return EMUL_OK;
}

static bool go_time_is_up(struct emul_ctxt *c)
{
	if (!first_look)
		emul_done_clear(&d);
	first_look = false;
	return false;
}

/* Many goes, or (seed 0) all in one. */
static int carry_out(const struct emul_ops *ops, u32 with)
{
	int rc;

	f.c.ops = ops;
	f.gpr[EMUL_RSI] = f.gpr[EMUL_RBX] = FAKE_MMIO + 64;
	f.gpr[EMUL_RDI] = FAKE_MMIO + 256;
	f.gpr[EMUL_RDX] = 0x3f8;
	f.gpr[EMUL_RCX] = 9;
	f.gpr[EMUL_RAX] = 0x1122334455667788;
	f.gpr[EMUL_RBP] = FAKE_MMIO + 1024;
	for (u32 i = 0; i < 4096; i++)
		f.mem[FAKE_MMIO + i] = (u8)(i * 7);
	memset(&d, 0, sizeof(d));
	seed = with;
	goes = 1;
	first_look = true;
	got_on = with_cuts = with;
	rc = emul_run(&f.c);
	while (rc == EMUL_RETRY && goes < 1000) {
		goes++;
		first_look = true;
		got_on = false;
		emul_done_again(&d);
		rc = emul_exec(&f.c);
	}
	return rc;
}

/*
 * Instructions cut anywhere between their accesses to devices end as those that are not: registers, memory, and each
 * access done once, in the same order.
 */
START_TEST(cut_anywhere)
{
	static const struct {
		const char *code;
		u32 len;
		enum emul_mode mode;
		bool stack; /* is on the device */
	} t[] = {
		{ "\x48\x87\x03", 3, EMUL_LONG64, false },         /* XCHG */
		{ "\xf0\x48\x01\x03", 4, EMUL_LONG64, false },     /* LOCK ADD */
		{ "\xf0\x48\x0f\xb1\x13", 5, EMUL_LONG64, false }, /* LOCK CMPXCHG */
		{ "\x48\x0f\xc7\x0b", 4, EMUL_LONG64, false },     /* CMPXCHG16B */
		{ "\xff\x33", 2, EMUL_LONG64, true },              /* PUSH */
		{ "\x8f\x03", 2, EMUL_LONG64, true },              /* POP */
		{ "\xa5", 1, EMUL_LONG64, false },                 /* MOVSD */
		{ "\xf3\x48\xa5", 3, EMUL_LONG64, false },         /* REP MOVSQ */
		{ "\xf3\xaa", 2, EMUL_LONG64, false },             /* REP STOSB */
		{ "\xf3\xac", 2, EMUL_LONG64, false },             /* REP LODSB */
		{ "\xf2\xa6", 2, EMUL_LONG64, false },             /* REPNE CMPSB */
		{ "\xf2\xae", 2, EMUL_LONG64, false },             /* REPNE SCASB */
		{ "\xf3\x6c", 2, EMUL_LONG64, false },             /* REP INSB */
		{ "\xf3\x6e", 2, EMUL_LONG64, false },             /* REP OUTSB */
		{ "\xc8\x10\x00\x00", 4, EMUL_LONG64, true },      /* ENTER */
		{ "\xc8\x10\x00\x1f", 4, EMUL_LONG64, true },      /* with 31 levels */
		{ "\x60", 1, EMUL_PROT32, true },                  /* PUSHA */
		{ "\x61", 1, EMUL_PROT32, true },                  /* POPA */
		{ "\x0f\x10\x03", 3, EMUL_LONG64, false },         /* MOVUPS */
		{ "\x0f\xab\x03", 3, EMUL_LONG64, false },         /* BTS */
		{ "\xff\x2b", 2, EMUL_LONG64, false },             /* far JMP: faults */
		{ "\xcb", 1, EMUL_LONG64, true },                  /* far RET: faults */
	};
	struct emul_ops ops;
	u32 most = 0, max = 0;

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		int rc;

		for (u32 with = 0; with < 40; with++) {
			fake_init(&f, t[i].mode, 0, t[i].code, t[i].len);
			if (!with) {
				ops = *f.c.ops;
				ops.read = go_read;
				ops.write = go_write;
				ops.cmpxchg = go_cmpxchg;
				ops.pio_in = go_in;
				ops.pio_out = go_out;
				ops.time_is_up = go_time_is_up;
			}
			if (t[i].stack)
				f.gpr[EMUL_RSP] = FAKE_MMIO + 2048;
			rc = carry_out(&ops, with);
			ck_assert_int_ne(rc, EMUL_RETRY);
			if (!with) {
				straight = f;
				straight.stop_rc = rc;
				continue;
			}
			max = MAX(max, goes);
			most += goes > 2;
			ck_assert_msg(rc == straight.stop_rc, "%u, seed %u: %d instead of %d", i, with, rc,
			              straight.stop_rc);
			ck_assert_msg(!memcmp(f.gpr, straight.gpr, sizeof(f.gpr)), "registers of %u, seed %u", i,
			              with);
			ck_assert_msg(!memcmp(f.mem, straight.mem, sizeof(f.mem)), "memory of %u, seed %u", i, with);
			ck_assert_msg(f.nr_mmio == straight.nr_mmio && !memcmp(f.mmio, straight.mmio, sizeof(f.mmio)),
			              "accesses of %u, seed %u", i, with);
			ck_assert_uint_eq(f.c.rip, straight.c.rip);
			ck_assert_uint_eq(f.c.rflags, straight.c.rflags);
			ck_assert_uint_eq(f.port_count, straight.port_count);
			ck_assert_mem_eq(f.xmm, straight.xmm, sizeof(f.xmm));
		}
	}
	ck_assert_uint_gt(most, 200); /* they were cut */
	ck_assert_uint_gt(max, 20);
}
END_TEST

SUITE_MAIN("emul_done", answers_in_order, another_course, full, enter_fits, cut_anywhere)
