/* The port and MMIO bus: what it refuses, what it finds, how it splits. */
#include "lib/string.h"
#include "suite.h"
#include "vmm/base/io_bus.h"

static struct io_bus bus;
static struct io_region *store[4];

/* A device that remembers the accesses it saw; it reads as offset + 10h in every byte. */
struct recorder {
	u32 n;
	struct io_access seen[8];
};
static struct recorder rec_a, rec_b;

static void record(void *dev, struct io_access *io)
{
	struct recorder *r = dev;

	ck_assert_uint_lt(r->n, ARRAY_SIZE(r->seen));
	r->seen[r->n++] = *io;
	if (io->write)
		return;
	io->value = 0;
	for (u32 i = 0; i < io->size; i++)
		io->value |= (io->offset + i + 0x10) << i * 8;
}

static void ignore(void *dev, struct io_access *io) {}

static void start(u64 limit)
{
	memset(&rec_a, 0, sizeof(rec_a));
	memset(&rec_b, 0, sizeof(rec_b));
	io_bus_init(&bus, store, ARRAY_SIZE(store), limit);
}

START_TEST(refusals)
{
	static const struct {
		u64 base, len;
		int want;
	} t[] = {
		{ 0x20, 0, ERR_INVAL },  { 0xffff, 2, ERR_RANGE }, { 0x10000, 1, ERR_RANGE },
		{ ~0ull, 2, ERR_RANGE }, { 8, ~0ull, ERR_RANGE },  { 0x3f8, 8, ERR_EXIST },
		{ 0x3f7, 2, ERR_EXIST }, { 0x3ff, 2, ERR_EXIST },  { 0x300, 0x200, ERR_EXIST },
		{ 0x3fa, 1, ERR_EXIST }, { 0x3f7, 1, OK },         { 0x400, 1, OK },
		{ 0xffff, 1, OK },       { 0x10, 1, ERR_NOSPC },   { 0x3f8, 1, ERR_EXIST }, /* told first */
	};
	struct io_region uart = { .base = 0x3f8, .len = 8, .fn = ignore }, r[ARRAY_SIZE(t)];
	struct io_region no_handler = { .base = 0, .len = 1 };

	start(0xffff);
	ck_assert_int_eq(io_bus_add(&bus, &no_handler), ERR_INVAL);
	ck_assert_int_eq(io_bus_add(&bus, &uart), OK);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		r[i] = (struct io_region){ .base = t[i].base, .len = t[i].len, .fn = ignore };
		ck_assert_int_eq(io_bus_add(&bus, &r[i]), t[i].want);
	}
	ck_assert_uint_eq(bus.nr, 4);
	for (u32 i = 1; i < bus.nr; i++)
		ck_assert_uint_lt(store[i - 1]->base, store[i]->base);
	ck_assert_int_eq(io_bus_remove(&bus, &r[0]), ERR_NOENT);
	ck_assert_int_eq(io_bus_remove(&bus, &uart), OK);
	ck_assert_int_eq(io_bus_remove(&bus, &uart), ERR_NOENT);
	ck_assert_uint_eq(bus.nr, 3);
	ck_assert(io_bus_find(&bus, 0x3f8) == NULL);
	ck_assert(io_bus_find(&bus, 0x3f7) == &r[10]);
	ck_assert_int_eq(io_bus_add(&bus, &uart), OK);
}
END_TEST

START_TEST(lookup)
{
	struct io_region r[3] = { { .base = 0x100, .len = 4, .fn = ignore },
		                  { .base = 0x104, .len = 1, .fn = ignore },
		                  { .base = ~0ull - 0xfff, .len = 0x1000, .fn = ignore } };

	start(~0ull);
	ck_assert(io_bus_find(&bus, 0) == NULL);
	for (u32 i = 3; i--;)
		ck_assert_int_eq(io_bus_add(&bus, &r[i]), OK);
	for (u32 round = 0; round < 2; round++) { /* with and without the remembered hit */
		ck_assert(io_bus_find(&bus, 0xff) == NULL);
		ck_assert(io_bus_find(&bus, 0x100) == &r[0]);
		ck_assert(io_bus_find(&bus, 0x103) == &r[0]);
		ck_assert(io_bus_find(&bus, 0x104) == &r[1]);
		ck_assert(io_bus_find(&bus, 0x105) == NULL);
		ck_assert(io_bus_find(&bus, ~0ull - 0x1000) == NULL);
		ck_assert(io_bus_find(&bus, ~0ull) == &r[2]);
	}
}
END_TEST

START_TEST(whole_accesses)
{
	struct io_region r = { .base = 0x60, .len = 8, .fn = record, .dev = &rec_a };
	u64 v;

	start(0xffff);
	ck_assert_int_eq(io_bus_add(&bus, &r), OK);
	for (u8 size = 1; size <= 8; size *= 2) {
		u64 mask = size == 8 ? ~0ull : BIT(size * 8) - 1;

		rec_a.n = 0;
		v = ~0ull;
		ck_assert(io_bus_access(&bus, 0x60, size, false, &v, 77));
		ck_assert_uint_eq(v, 0x1716151413121110 & mask);
		ck_assert_uint_eq(rec_a.seen[0].now, 77);
		ck_assert_uint_eq(rec_a.seen[0].value, ~0ull); /* preset */
		v = 0xa7a6a5a4a3a2a1a0;
		ck_assert(io_bus_access(&bus, 0x60 + 8 - size, size, true, &v, 78));
		ck_assert_uint_eq(rec_a.n, 2);
		ck_assert_uint_eq(rec_a.seen[1].value, v & mask);
		ck_assert_uint_eq(rec_a.seen[1].offset, 8 - size);
		ck_assert_uint_eq(rec_a.seen[1].size, size);
		ck_assert(rec_a.seen[1].write);
	}
}
END_TEST

START_TEST(nobody_there)
{
	struct io_region r = { .base = 0x60, .len = 1, .fn = ignore };
	u64 v = 0;

	start(0xffff);
	ck_assert(!io_bus_access(&bus, 0x60, 4, false, &v, 0));
	ck_assert_uint_eq(v, 0xffffffff);
	ck_assert(!io_bus_access(&bus, 0x60, 4, true, &v, 0));
	v = 0;
	ck_assert(!io_bus_access(&bus, 0xffff, 4, false, &v, 0));
	ck_assert_uint_eq(v, 0xffffffff);
	/* A handler that does not answer leaves all-ones of the access's size. */
	ck_assert_int_eq(io_bus_add(&bus, &r), OK);
	ck_assert(io_bus_access(&bus, 0x60, 1, false, &v, 0));
	ck_assert_uint_eq(v, 0xff);
	/* Before it, behind it, up to it: nobody, and all of it is ones. */
	for (u8 size = 1; size <= 8; size *= 2) {
		u64 ones = size == 8 ? ~0ull : BIT(size * 8) - 1;

		for (u32 i = 0; i < 2; i++) {
			v = 0;
			ck_assert(!io_bus_access(&bus, i ? 0x61 : 0x60 - size, size, false, &v, 0));
			ck_assert_uint_eq(v, ones);
		}
		v = 0;
		ck_assert(io_bus_access(&bus, 0x61 - size, size, false, &v, 0));
		ck_assert_uint_eq(v, ones);
	}
}
END_TEST

START_TEST(split_accesses)
{
	struct io_region a = { .base = 0x100, .len = 2, .fn = record, .dev = &rec_a };
	struct io_region b = { .base = 0x103, .len = 4, .fn = record, .dev = &rec_b };
	u64 v = 0;

	start(0xffff);
	ck_assert_int_eq(io_bus_add(&bus, &b), OK);
	ck_assert_int_eq(io_bus_add(&bus, &a), OK);
	ck_assert(io_bus_access(&bus, 0xff, 8, false, &v, 5));
	ck_assert_uint_eq(v, 0x13121110ff1110ffull); /* nobody at FFh and 102h */
	ck_assert_uint_eq(rec_a.n, 2);
	ck_assert_uint_eq(rec_b.n, 4);
	rec_a.n = rec_b.n = 0;
	v = 0x44332211;
	ck_assert(io_bus_access(&bus, 0x101, 4, true, &v, 5));
	ck_assert_uint_eq(rec_a.n, 1);
	ck_assert_uint_eq(rec_a.seen[0].value, 0x11);
	ck_assert_uint_eq(rec_a.seen[0].offset, 1);
	ck_assert_uint_eq(rec_b.n, 2);
	ck_assert_uint_eq(rec_b.seen[0].value, 0x33);
	ck_assert_uint_eq(rec_b.seen[1].value, 0x44);
	ck_assert_uint_eq(rec_b.seen[1].offset, 1);
	ck_assert_uint_eq(rec_b.seen[1].size, 1);
	ck_assert_uint_eq(v, 0x44332211);
	/* At the very end of the address space nothing wraps to its start. */
	start(~0ull);
	a.base = 0;
	b.base = ~0ull - 3;
	ck_assert_int_eq(io_bus_add(&bus, &a), OK);
	ck_assert_int_eq(io_bus_add(&bus, &b), OK);
	ck_assert(io_bus_access(&bus, ~0ull - 1, 4, false, &v, 0));
	ck_assert_uint_eq(v, 0xffff1312);
	ck_assert_uint_eq(rec_a.n, 0);
}
END_TEST

static u32 record_string(void *dev, u64 offset, u8 size, bool write, void *buf, u32 count)
{
	struct recorder *r = dev;

	r->seen[r->n++] = (struct io_access){ .offset = offset, .value = count, .size = size, .write = write };
	return count / 2;
}

/* Strings go to those that can do them, if they lie within. */
START_TEST(strings)
{
	struct io_region a = { .base = 0x1f0, .len = 8, .fn = record, .dev = &rec_a };
	struct io_string s = { .region = &a, .fn = record_string };
	struct io_region b = { .base = 0x300, .len = 8, .fn = record, .dev = &rec_b };
	u8 buf[16];

	start(0xffff);
	ck_assert(io_bus_add(&bus, &a) == OK && io_bus_add(&bus, &b) == OK);
	ck_assert_uint_eq(io_bus_string(&bus, 0x1f4, 4, true, buf, 4), 0);
	io_bus_add_string(&bus, &s);
	ck_assert_uint_eq(io_bus_string(&bus, 0x1f4, 4, true, buf, 4), 2);
	ck_assert_uint_eq(rec_a.n, 1);
	ck_assert(rec_a.seen[0].offset == 4 && rec_a.seen[0].size == 4 && rec_a.seen[0].write);
	ck_assert_uint_eq(rec_a.seen[0].value, 4);
	ck_assert_uint_eq(io_bus_string(&bus, 0x1f5, 4, true, buf, 4), 0);
	ck_assert_uint_eq(io_bus_string(&bus, 0x1ef, 2, false, buf, 4), 0);
	ck_assert_uint_eq(io_bus_string(&bus, 0x300, 1, false, buf, 16), 0);
	ck_assert(rec_a.n == 1 && rec_b.n == 0);
	ck_assert_int_eq(io_bus_remove(&bus, &a), OK);
	ck_assert_uint_eq(io_bus_string(&bus, 0x1f4, 4, true, buf, 4), 0);
	ck_assert(!bus.strings && rec_a.n == 1);
}
END_TEST

SUITE_MAIN("io_bus", refusals, lookup, whole_accesses, nobody_there, split_accesses, strings)
