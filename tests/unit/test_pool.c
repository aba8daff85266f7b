/* The plan of the hypervisor's pool over memory maps of machines small, large and odd. */
#include "mm/pool.h"
#include "suite.h"

#define MB 0x100000ull
#define G  SIZE_1G
#define T  (1024 * G)

static struct e820_map map;
static struct pool_plan p;

static void ram(u64 base, u64 len)
{
	ck_assert_int_eq(e820_add(&map, base, len, E820_RAM), OK);
}

/* A plan lies in RAM, in whole 2-MiB pages, ascending, disjoint, and below 4 GiB first. */
static void plan(bool small_code)
{
	u64 sum = 0, end = 0;

	ck_assert_int_eq(pool_plan(&map, small_code, &p), OK);
	for (u32 i = 0; i < p.nr; i++) {
		ck_assert(p.part[i].len && !((p.part[i].base | p.part[i].len) % SIZE_2M));
		ck_assert_uint_ge(p.part[i].base, end);
		ck_assert(e820_is(&map, p.part[i].base, p.part[i].len, E820_RAM));
		end = p.part[i].base + p.part[i].len;
		sum += p.part[i].len;
	}
	ck_assert(p.part[0].base >= MB && p.part[0].base + p.part[0].len <= 4 * G && p.part[0].len >= POOL_MIN);
	ck_assert_uint_eq(sum, p.got);
	ck_assert_uint_le(p.got, p.want);
}

START_TEST(small)
{
	ram(0, 640 << 10);
	ram(MB, 255 * MB);
	plan(true);
	ck_assert_uint_eq(p.nr, 1);
	ck_assert_uint_eq(p.part[0].base, 240 * MB);
	ck_assert_uint_eq(p.got, 16 * MB);
}
END_TEST

/* 66 GiB of which 1 GiB lies below 4 GiB: less than the pool wants there. */
START_TEST(little_below_4g)
{
	ram(0, 640 << 10);
	ram(MB, G - MB - 100 * 4096);
	ram(4 * G, 65 * G);
	plan(false);
	ck_assert_uint_eq(p.nr, 2);
	ck_assert_uint_eq(p.got, p.want);
	ck_assert_uint_ge(p.want, G);
	ck_assert_uint_eq(p.part[0].base, 2 * MB);
	ck_assert_uint_eq(p.part[1].base + p.part[1].len, 69 * G);
}
END_TEST

/* Pieces below 4 GiB, none of which is enough; the longest is taken, the rest from above, also from several. */
START_TEST(pieces)
{
	ram(MB, 100 * MB);
	ram(200 * MB, 50 * MB);
	for (u32 i = 0; i < 64; i++)
		ram(4 * G + 2 * i * G, G - 32 * MB);
	ram(200 * G, 64 * G);
	plan(true);
	ck_assert_uint_eq(p.got, p.want);
	ck_assert_uint_eq(p.nr, 2);
	map.nr--;
	map.e[map.nr - 1].len = 8 * G;
	map.e[map.nr - 1].type = E820_PMEM;
	for (u32 i = 0; i < map.nr; i++)
		if (map.e[i].base >= 4 * G && map.e[i].type == E820_RAM)
			map.e[i].len = 64 * MB;
	plan(true);
	ck_assert_uint_eq(p.got, p.want);
}
END_TEST

START_TEST(too_little_below_4g)
{
	ram(MB, 15 * MB);
	ram(32 * MB, 9 * MB);
	ram(4 * G, 64 * G);
	ck_assert_int_eq(pool_plan(&map, false, &p), ERR_NOMEM);
	ck_assert_uint_eq(p.low_run, 14 * MB);
	map.nr = 0;
	ck_assert_int_eq(pool_plan(&map, false, &p), ERR_NOMEM);
	ck_assert_uint_eq(p.low_run, 0);
}
END_TEST

/* Less than wanted is better than nothing: as many pieces as the plan holds. */
START_TEST(less)
{
	ram(MB, 31 * MB);
	for (u64 i = 0; i < 4000; i += 10)
		ram(4 * G + i * 16 * G, 2 * MB);
	ck_assert_uint_gt(map.nr, 64);
	map.e[0].len = 31 * MB;
	plan(false);
	ck_assert_uint_le(p.got, p.want);
}
END_TEST

/*
 * What every guest page may need fits beside what is there for the hypervisor itself: with the erratum one table for
 * each 2 MiB of a guest, frames' bits, tables of large pages.
 */
START_TEST(wants_enough)
{
	for (u64 n = 16 * MB; n <= 64 * T; n *= 2) {
		u64 tables = n / SIZE_2M * PAGE_SIZE, others = n / PAGE_SIZE / 8 + 2 * (n / G) * PAGE_SIZE;

		ck_assert_uint_ge(pool_want(n, true), tables + others);
		ck_assert_uint_ge(pool_want(n, false), others);
		ck_assert_uint_le(pool_want(n, true), MAX(n / 64, POOL_MIN));
	}
	ck_assert_uint_eq(pool_want(64 * G, true), G);
	ck_assert_uint_eq(pool_want(510 * G, false) / MB, 1024 + 18);
}
END_TEST

SUITE_MAIN("pool", small, little_below_4g, pieces, too_little_below_4g, less, wants_enough)
