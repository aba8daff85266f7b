/* The memory map: sorting, overlaps, cutting, searching; and a byte-by-byte model over random maps. */
#include <string.h>

#include "mm/e820.h"
#include "suite.h"

#define K 0x1000ull

static struct e820_map map;

static void add(u64 base, u64 len, u32 type)
{
	ck_assert_int_eq(e820_add(&map, base, len, type), OK);
}

static void check(u32 nr, const struct e820_entry *want)
{
	ck_assert_uint_eq(map.nr, nr);
	for (u32 i = 0; i < nr; i++) {
		ck_assert_uint_eq(map.e[i].base, want[i].base);
		ck_assert_uint_eq(map.e[i].len, want[i].len);
		ck_assert_uint_eq(map.e[i].type, want[i].type);
	}
}

#define CHECK(...)                                                 \
	do {                                                       \
		const struct e820_entry want_[] = { __VA_ARGS__ }; \
		check(ARRAY_SIZE(want_), want_);                   \
	} while (0)

START_TEST(sorts_and_merges)
{
	add(8 * K, 4 * K, E820_RAM);
	add(0, 2 * K, E820_RAM);
	add(2 * K, 2 * K, E820_RAM);
	add(20 * K, K, E820_RESERVED);
	add(12 * K, K, E820_RAM);
	add(5 * K, 0, E820_RAM);
	ck_assert_int_eq(e820_sanitize(&map), OK);
	CHECK({ 0, 4 * K, E820_RAM, 0 }, { 8 * K, 5 * K, E820_RAM, 0 }, { 20 * K, K, E820_RESERVED, 0 });
}
END_TEST

START_TEST(stronger_type_wins)
{
	static const u32 rising[] = { E820_RAM, E820_ACPI,     E820_PMEM,     E820_NVS,    E820_RESERVED,
		                      99,       E820_DISABLED, E820_UNUSABLE, E820_MODULE, E820_HV };

	for (size_t i = 0; i < ARRAY_SIZE(rising); i++) {
		for (size_t j = i + 1; j < ARRAY_SIZE(rising); j++) {
			for (int order = 0; order < 2; order++) {
				map.nr = 0;
				if (order)
					add(4 * K, 2 * K, rising[j]);
				add(0, 10 * K, rising[i]);
				if (!order)
					add(4 * K, 2 * K, rising[j]);
				ck_assert_int_eq(e820_sanitize(&map), OK);
				CHECK({ 0, 4 * K, rising[i], 0 }, { 4 * K, 2 * K, rising[j], 0 },
				      { 6 * K, 4 * K, rising[i], 0 });
			}
		}
	}
}
END_TEST

START_TEST(top_of_address_space)
{
	add(~0ull - K + 1, 2 * K, E820_RESERVED);
	add(~0ull, 1, E820_RAM); /* nothing is left of it */
	ck_assert_int_eq(e820_sanitize(&map), OK);
	CHECK({ ~0ull - K + 1, K - 1, E820_RESERVED, 0 });
	e820_align_ram(&map, K);
	ck_assert_uint_eq(map.nr, 1);
	map.nr = 0;
	add(~0ull - 10, 5, E820_RAM);
	e820_align_ram(&map, K); /* its aligned start would wrap */
	ck_assert_uint_eq(map.nr, 0);
}
END_TEST

START_TEST(reserve_and_retype)
{
	add(0, 10 * K, E820_RAM);
	add(10 * K, 2 * K, E820_RESERVED);
	add(12 * K, 10 * K, E820_RAM);
	ck_assert_int_eq(e820_reserve(&map, 8 * K, 6 * K, E820_HV), OK);
	CHECK({ 0, 8 * K, E820_RAM, 0 }, { 8 * K, 2 * K, E820_HV, 0 }, { 10 * K, 2 * K, E820_RESERVED, 0 },
	      { 12 * K, 2 * K, E820_HV, 0 }, { 14 * K, 8 * K, E820_RAM, 0 });
	ck_assert_int_eq(e820_reserve(&map, 16 * K, K, E820_MODULE), OK);
	ck_assert_uint_eq(map.nr, 7);
	ck_assert_int_eq(e820_retype(&map, 0, ~0ull, E820_MODULE, E820_RAM), OK);
	ck_assert_int_eq(e820_retype(&map, 0, ~0ull, E820_HV, E820_RAM), OK);
	CHECK({ 0, 10 * K, E820_RAM, 0 }, { 10 * K, 2 * K, E820_RESERVED, 0 }, { 12 * K, 10 * K, E820_RAM, 0 });
	ck_assert_int_eq(e820_reserve(&map, 100 * K, K, E820_HV), OK);
	ck_assert_uint_eq(map.nr, 3);
}
END_TEST

START_TEST(clip_align_totals)
{
	add(0x123, 3 * K, E820_RAM);
	add(8 * K, K / 2, E820_RAM);
	add(0x5123, 0x10, E820_RESERVED);
	add(10 * K, 10 * K, E820_RAM);
	ck_assert_int_eq(e820_sanitize(&map), OK);
	e820_align_ram(&map, K);
	CHECK({ K, 2 * K, E820_RAM, 0 }, { 0x5123, 0x10, E820_RESERVED, 0 }, { 10 * K, 10 * K, E820_RAM, 0 });
	ck_assert_uint_eq(e820_total(&map, E820_RAM), 12 * K);
	ck_assert_uint_eq(e820_total(&map, E820_RESERVED), 0x10);
	ck_assert_uint_eq(e820_ram_end(&map), 20 * K);
	e820_clip(&map, 12 * K);
	ck_assert_uint_eq(e820_ram_end(&map), 12 * K);
	e820_clip(&map, 10 * K);
	ck_assert_uint_eq(e820_ram_end(&map), 3 * K);
	e820_clip(&map, 0);
	ck_assert_uint_eq(map.nr, 0);
	ck_assert_uint_eq(e820_ram_end(&map), 0);
}
END_TEST

START_TEST(is_and_find)
{
	u64 b;

	add(K, 7 * K, E820_RAM);
	add(16 * K, 16 * K, E820_RAM);
	add(40 * K, K, E820_RESERVED);
	ck_assert(e820_is(&map, K, 7 * K, E820_RAM));
	ck_assert(!e820_is(&map, K, 8 * K, E820_RAM));
	ck_assert(!e820_is(&map, 0, 2 * K, E820_RAM));
	ck_assert(!e820_is(&map, 2 * K, ~0ull, E820_RAM));
	ck_assert(e820_is(&map, 40 * K, K, E820_RESERVED));
	ck_assert(!e820_is(&map, 40 * K, K, E820_RAM));

	ck_assert_int_eq(e820_find(&map, 2 * K, K, 0, ~0ull, false, &b), OK);
	ck_assert_uint_eq(b, K);
	ck_assert_int_eq(e820_find(&map, 2 * K, K, 0, ~0ull, true, &b), OK);
	ck_assert_uint_eq(b, 30 * K);
	ck_assert_int_eq(e820_find(&map, 4 * K, 4 * K, 0, ~0ull, false, &b), OK);
	ck_assert_uint_eq(b, 4 * K);
	ck_assert_int_eq(e820_find(&map, 8 * K, 8 * K, 0, ~0ull, false, &b), OK);
	ck_assert_uint_eq(b, 16 * K);
	ck_assert_int_eq(e820_find(&map, 3 * K, 8 * K, 0, ~0ull, true, &b), OK);
	ck_assert_uint_eq(b, 24 * K);
	ck_assert_int_eq(e820_find(&map, 2 * K, K, 3 * K, 6 * K, true, &b), OK);
	ck_assert_uint_eq(b, 4 * K);
	ck_assert_int_eq(e820_find(&map, 2 * K, K, 7 * K, 17 * K, true, &b), ERR_NOMEM);
	ck_assert_int_eq(e820_find(&map, 17 * K, K, 0, ~0ull, false, &b), ERR_NOMEM);
	ck_assert_int_eq(e820_find(&map, K, BIT(63), 0, ~0ull, false, &b), ERR_NOMEM);
}
END_TEST

START_TEST(full_map)
{
	for (u32 i = 0; i < E820_MAX; i++)
		add(i * 4 * K, 2 * K, i % 2 ? E820_RAM : E820_RESERVED);
	ck_assert_int_eq(e820_add(&map, 0, K, E820_RAM), ERR_NOSPC);
	ck_assert_int_eq(e820_sanitize(&map), OK);
	ck_assert_int_eq(e820_reserve(&map, 4 * K, K, E820_HV), ERR_NOSPC);
	ck_assert_uint_eq(map.nr, E820_MAX);
	ck_assert_uint_eq(map.e[1].len, 2 * K);
	ck_assert_int_eq(e820_reserve(&map, 4 * K, 2 * K, E820_HV), OK);
	/* nested ranges whose resolution needs almost twice as many entries */
	map.nr = 0;
	add(0, 100000 * K, E820_RAM);
	for (u32 i = 1; i < E820_MAX; i++)
		add(i * 4 * K, K, E820_RESERVED);
	ck_assert_int_eq(e820_sanitize(&map), ERR_NOSPC);
	ck_assert_uint_eq(map.nr, E820_MAX);
	ck_assert_uint_eq(map.e[0].len, 100000 * K);
}
END_TEST

START_TEST(names)
{
	static const u32 t[] = { E820_RAM,      E820_RESERVED, E820_ACPI, E820_NVS,   E820_UNUSABLE,
		                 E820_DISABLED, E820_PMEM,     E820_HV,   E820_MODULE };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(e820_type_str(t[i]), e820_type_str(t[j]));
	}
	ck_assert_str_eq(e820_type_str(55), "unknown");
}
END_TEST

static u32 rnd(u32 *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	*s ^= *s << 5;
	return *s;
}

/* A random map of small ranges against an array with one type for every unit. */
START_TEST(random_maps_against_a_model)
{
	static const u32 types[] = {
		E820_RAM, E820_ACPI, E820_PMEM, E820_NVS, E820_RESERVED, E820_UNUSABLE, E820_HV
	};
	u32 seed = 12345;

	for (int round = 0; round < 3000; round++) {
		u32 model[128], rank[128];

		memset(rank, 0, sizeof(rank));
		memset(model, 0, sizeof(model));
		map.nr = 0;
		for (u32 n = rnd(&seed) % 12; n > 0; n--) {
			u32 base = rnd(&seed) % 100, len = rnd(&seed) % 28, t = rnd(&seed) % ARRAY_SIZE(types);

			add(base, len, types[t]);
			for (u32 i = base; i < base + len; i++) {
				if (t + 1 > rank[i]) {
					rank[i] = t + 1;
					model[i] = types[t];
				}
			}
		}
		ck_assert_int_eq(e820_sanitize(&map), OK);
		u32 lo = rnd(&seed) % 128, len = rnd(&seed) % 64;

		ck_assert_int_eq(e820_reserve(&map, lo, len, E820_MODULE), OK);
		for (u32 i = lo; i < MIN(128, lo + len); i++)
			model[i] = model[i] == E820_RAM ? (u32)E820_MODULE : model[i];
		for (u32 i = 0; i < 128; i++) {
			u32 type = 0;

			for (u32 k = 0; k < map.nr; k++) {
				ck_assert_uint_gt(map.e[k].len, 0);
				if (k && map.e[k - 1].base + map.e[k - 1].len == map.e[k].base)
					ck_assert_uint_ne(map.e[k - 1].type, map.e[k].type);
				if (k)
					ck_assert_uint_ge(map.e[k].base, map.e[k - 1].base + map.e[k - 1].len);
				if (i >= map.e[k].base && i - map.e[k].base < map.e[k].len)
					type = map.e[k].type;
			}
			ck_assert_uint_eq(type, model[i]);
		}
	}
}
END_TEST

SUITE_MAIN("e820", sorts_and_merges, stronger_type_wins, top_of_address_space, reserve_and_retype, clip_align_totals,
           is_and_find, full_map, names, random_maps_against_a_model)
