/* The frame allocator: placement, limits, errors, and a model that owns one byte per frame. */
#include <stdlib.h>
#include <string.h>

#include "mm/frames.h"
#include "suite.h"

#define P PAGE_SIZE

static struct frames f;
static void *storage;

static void setup(const struct frames_range *r, u32 nr)
{
	u64 size = frames_storage_size(r, nr);

	ck_assert_uint_ne(size, 0);
	storage = malloc(size);
	memset(storage, 0xa5, size);
	ck_assert_int_eq(frames_init(&f, r, nr, storage, size), OK);
}

START_TEST(init_checks_its_ranges)
{
	static const struct frames_range bad[][2] = {
		{ { 0x1001, P }, { 0x10000, P } }, { { 0, P + 1 }, { 0x10000, P } }, { { 0, 0 }, { 0x10000, P } },
		{ { 0, 4 * P }, { 3 * P, P } },    { { 8 * P, P }, { 0, P } },       { { 0, P }, { 0 - P, P } },
		{ { 0, P }, { 0 - P, 2 * P } },
	};
	u64 space[64];
	struct frames_range ok = { 5 * P, 70 * P };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_uint_eq(frames_storage_size(bad[i], 2), 0);
		ck_assert_int_eq(frames_init(&f, bad[i], 2, space, sizeof(space)), ERR_INVAL);
	}
	ck_assert_uint_eq(frames_storage_size(&ok, 1), sizeof(struct frames_region) + 2 * 8);
	ck_assert_int_eq(frames_init(&f, &ok, 1, space, sizeof(struct frames_region) + 8), ERR_NOSPC);
	ck_assert_int_eq(frames_init(&f, &ok, 1, space, sizeof(space)), OK);
	ck_assert_uint_eq(f.total, 70);
	ck_assert_uint_eq(f.free, 70);
}
END_TEST

START_TEST(every_frame_once)
{
	static const struct frames_range r[] = { { 3 * P, 61 * P }, { 100 * P, P }, { 1000 * P, 130 * P } };
	u8 seen[1200] = { 0 };
	hpa_t pa;

	setup(r, 3);
	for (u32 i = 0; i < 192; i++) {
		ck_assert_int_eq(frames_alloc_4k(&f, &pa), OK);
		ck_assert(IS_ALIGNED(pa.v, P));
		ck_assert_uint_lt(pa.v / P, 1200);
		ck_assert_uint_eq(seen[pa.v / P]++, 0);
		ck_assert(frames_in_use(&f, pa));
	}
	ck_assert_uint_eq(f.free, 0);
	ck_assert_int_eq(frames_alloc_4k(&f, &pa), ERR_NOMEM);
	ck_assert_uint_eq(frames_longest_run(&f, P), 0);
	for (u32 k = 0; k < 3; k++) {
		for (u64 a = r[k].base; a < r[k].base + r[k].len; a += P)
			ck_assert_uint_eq(seen[a / P], 1);
		ck_assert_int_eq(frames_free(&f, HPA(r[k].base), r[k].len / P), OK);
	}
	ck_assert_uint_eq(f.free, 192);
	ck_assert(!frames_in_use(&f, HPA(3 * P)));
	ck_assert(!frames_in_use(&f, HPA(2 * P)));
	free(storage);
}
END_TEST

START_TEST(chunks_are_aligned)
{
	static const struct frames_range r[] = { { 0x1000, 0x9e000 },
		                                 { 0x100000, 0xbff00000 },
		                                 { SIZE_1G * 4, SIZE_1G * 2 } };
	hpa_t pa;

	setup(r, 3);
	ck_assert_uint_eq(frames_longest_run(&f, SIZE_1G), 2 * 262144);
	ck_assert_uint_eq(frames_longest_run(&f, P), 0xbff00);
	ck_assert_int_eq(frames_alloc_1g(&f, &pa), OK);
	ck_assert_uint_eq(pa.v, SIZE_1G);
	ck_assert_int_eq(frames_alloc_1g(&f, &pa), OK);
	ck_assert_uint_eq(pa.v, 2 * SIZE_1G);
	ck_assert_int_eq(frames_alloc_1g(&f, &pa), OK);
	ck_assert_uint_eq(pa.v, 4 * SIZE_1G);
	ck_assert_int_eq(frames_alloc_2m(&f, &pa), OK);
	ck_assert_uint_eq(pa.v, SIZE_2M);
	ck_assert_int_eq(frames_alloc_4k(&f, &pa), OK);
	ck_assert_uint_eq(pa.v, 0x1000);
	/* the 4 KiB frame did not follow the big ones */
	ck_assert_int_eq(frames_alloc(&f, 1, SIZE_1G, FRAMES_NO_LIMIT, 0, &pa), OK);
	ck_assert_uint_eq(pa.v, 5 * SIZE_1G);
	ck_assert_int_eq(frames_alloc_1g(&f, &pa), ERR_NOMEM);
	ck_assert_int_eq(frames_free(&f, HPA(5 * SIZE_1G), 1), OK);
	ck_assert_int_eq(frames_alloc_1g(&f, &pa), OK);
	ck_assert_uint_eq(pa.v, 5 * SIZE_1G);
	free(storage);
}
END_TEST

START_TEST(limits_and_hints)
{
	static const struct frames_range r[] = { { 16 * P, 100 * P }, { 1000 * P, 100 * P } };
	hpa_t pa;

	setup(r, 2);
	ck_assert_int_eq(frames_alloc(&f, 4, P, 20 * P, 0, &pa), OK);
	ck_assert_uint_eq(pa.v, 16 * P);
	ck_assert_int_eq(frames_alloc(&f, 1, P, 20 * P, 0, &pa), ERR_NOMEM);
	ck_assert_int_eq(frames_alloc(&f, 1, P, 16 * P, 0, &pa), ERR_NOMEM);
	ck_assert_int_eq(frames_alloc(&f, 2, P, 22 * P - 1, 0, &pa), ERR_NOMEM);
	ck_assert_int_eq(frames_alloc(&f, 2, P, 22 * P, 0, &pa), OK);
	ck_assert_uint_eq(pa.v, 20 * P);
	/* upwards from the hint, across regions, and around when nothing is left above it */
	ck_assert_int_eq(frames_alloc(&f, 1, P, FRAMES_NO_LIMIT, 60 * P, &pa), OK);
	ck_assert_uint_eq(pa.v, 60 * P);
	ck_assert_int_eq(frames_alloc(&f, 1, P, FRAMES_NO_LIMIT, 500 * P, &pa), OK);
	ck_assert_uint_eq(pa.v, 1000 * P);
	ck_assert_int_eq(frames_alloc(&f, 90, P, FRAMES_NO_LIMIT, 1050 * P, &pa), OK);
	ck_assert_uint_eq(pa.v, 1001 * P);
	ck_assert_int_eq(frames_alloc(&f, 1, P, FRAMES_NO_LIMIT, 5000 * P, &pa), OK);
	ck_assert_int_eq(frames_alloc(&f, 54, P, 1000 * P, 2000 * P, &pa), OK);
	ck_assert_uint_lt(pa.v, 1000 * P);
	free(storage);
}
END_TEST

START_TEST(errors)
{
	static const struct frames_range r[] = { { 16 * P, 100 * P }, { 116 * P, 100 * P } };
	hpa_t pa;

	setup(r, 2);
	ck_assert_int_eq(frames_alloc(&f, 0, P, FRAMES_NO_LIMIT, 0, &pa), ERR_INVAL);
	ck_assert_int_eq(frames_alloc(&f, 1, P / 2, FRAMES_NO_LIMIT, 0, &pa), ERR_INVAL);
	ck_assert_int_eq(frames_alloc(&f, 1, 3 * P, FRAMES_NO_LIMIT, 0, &pa), ERR_INVAL);
	ck_assert_int_eq(frames_alloc(&f, ~0ull, P, FRAMES_NO_LIMIT, 0, &pa), ERR_NOMEM);
	ck_assert_int_eq(frames_alloc(&f, 1, BIT(63), FRAMES_NO_LIMIT, 0, &pa), ERR_NOMEM);
	ck_assert_int_eq(frames_alloc(&f, 10, P, FRAMES_NO_LIMIT, 0, &pa), OK);
	ck_assert_int_eq(frames_free(&f, HPA(pa.v + 1), 1), ERR_INVAL);
	ck_assert_int_eq(frames_free(&f, pa, 0), ERR_INVAL);
	ck_assert_int_eq(frames_free(&f, pa, 11), ERR_INVAL);
	ck_assert_uint_eq(f.free, 190);
	ck_assert_int_eq(frames_free(&f, HPA(pa.v + 9 * P), 1), OK);
	ck_assert_int_eq(frames_free(&f, HPA(pa.v + 9 * P), 1), ERR_INVAL);
	ck_assert_int_eq(frames_free(&f, HPA(15 * P), 2), ERR_RANGE);
	ck_assert_int_eq(frames_free(&f, HPA(115 * P), 2), ERR_RANGE);
	ck_assert_int_eq(frames_free(&f, HPA(16 * P), ~0ull), ERR_RANGE);
	ck_assert_int_eq(frames_free(&f, HPA(0 - P), 1), ERR_RANGE);
	ck_assert_int_eq(frames_reserve(&f, HPA(20 * P), 1), ERR_BUSY);
	ck_assert_int_eq(frames_reserve(&f, HPA(20 * P), 0), ERR_INVAL);
	ck_assert_int_eq(frames_reserve(&f, HPA(20 * P + 1), 1), ERR_INVAL);
	ck_assert_int_eq(frames_reserve(&f, HPA(1), 1), ERR_INVAL);
	ck_assert_int_eq(frames_reserve(&f, HPA(300 * P), 1), ERR_RANGE);
	ck_assert_int_eq(frames_reserve(&f, HPA(26 * P), 90), OK);
	ck_assert_uint_eq(f.free, 101);
	free(storage);
}
END_TEST

static u32 rnd(u32 *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	*s ^= *s << 5;
	return *s;
}

#define MODEL 4096
/* Whether the model has a place for such a run, to tell a wrong ERR_NOMEM from a right one. */
static bool model_has(const u8 *own, u64 nr, u64 align, u64 limit)
{
	for (u64 a = 0; a + nr <= limit && a + nr <= MODEL; a += align) {
		u64 i = 0;

		while (i < nr && own[a + i] == 1)
			i++;
		if (i == nr)
			return true;
	}
	return false;
}

/* own[]: 0 not in the pool, 1 free, 2 allocated. */
START_TEST(random_use_against_a_model)
{
	static const struct frames_range r[] = {
		{ P, 158 * P }, { 256 * P, 700 * P }, { 1021 * P, 2000 * P }, { 3200 * P, 3 * P }
	};
	static struct {
		u64 base, nr;
	} held[MODEL];
	u8 own[MODEL] = { 0 };
	u32 nr_held = 0, seed = 777;
	u64 free_frames = 0;

	setup(r, 4);
	for (u32 k = 0; k < 4; k++) {
		memset(own + r[k].base / P, 1, r[k].len / P);
		free_frames += r[k].len / P;
	}
	for (int round = 0; round < 60000; round++) {
		u64 nr = rnd(&seed) % 4 ? 1 : 1 + rnd(&seed) % 100,
		    align = 1ull << (rnd(&seed) % 4 ? 0 : rnd(&seed) % 10);
		u64 limit = rnd(&seed) % 3 ? MODEL : rnd(&seed) % MODEL,
		    hint = rnd(&seed) % 3 ? 0 : rnd(&seed) % MODEL;
		hpa_t pa;

		if (rnd(&seed) % 100 < (round / 5000 % 2 ? 40 : 60)) {
			int res = frames_alloc(&f, nr, align * P, limit * P, hint * P, &pa);

			ck_assert_int_eq(res, model_has(own, nr, align, limit) ? OK : ERR_NOMEM);
			if (res)
				continue;
			ck_assert_uint_eq(pa.v % (align * P), 0);
			ck_assert_uint_le(pa.v / P + nr, limit);
			for (u64 i = 0; i < nr; i++) {
				ck_assert_uint_eq(own[pa.v / P + i], 1);
				own[pa.v / P + i] = 2;
			}
			held[nr_held].base = pa.v / P;
			held[nr_held++].nr = nr;
			free_frames -= nr;
		} else if (nr_held) {
			u32 i = rnd(&seed) % nr_held;

			ck_assert_int_eq(frames_free(&f, HPA(held[i].base * P), held[i].nr), OK);
			ck_assert_int_eq(frames_free(&f, HPA(held[i].base * P), held[i].nr), ERR_INVAL);
			memset(own + held[i].base, 1, held[i].nr);
			free_frames += held[i].nr;
			held[i] = held[--nr_held];
		}
		ck_assert_uint_eq(f.free, free_frames);
	}
	free(storage);
}
END_TEST

SUITE_MAIN("frames", init_checks_its_ranges, every_frame_once, chunks_are_aligned, limits_and_hints, errors,
           random_use_against_a_model)
