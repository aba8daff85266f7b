/* The frame allocator driven by bytes as operations, against one owner byte per frame:
 * no frame is ever handed out twice. */
#include <stdlib.h>
#include <string.h>

#include "mm/frames.h"

#define FRAMES 2048u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static const uint8_t *in;
static size_t left;

static u32 take(void)
{
	u32 v = 0;

	for (int i = 0; i < 2; i++) {
		v <<= 8;
		if (left) {
			v |= *in++;
			left--;
		}
	}
	return v;
}

/* 0 foreign, 1 free, 2 allocated */
static u8 own[FRAMES];
static struct frames f;
static u64 nr_free;

static bool all(u64 base, u64 nr, u8 state)
{
	if (base >= FRAMES || nr > FRAMES - base)
		return false;
	for (u64 i = 0; i < nr; i++) {
		if (own[base + i] != state)
			return false;
	}
	return true;
}

static void mark(u64 base, u64 nr, u8 state)
{
	require(all(base, nr, (u8)(3 - state)));
	memset(own + base, state, nr);
	nr_free += state == 1 ? nr : 0 - nr;
}

static void do_alloc(void)
{
	u64 nr = take() % 600, align = 1ull << (take() % 11), limit = take() % 4096, hint = take() % 4096;
	hpa_t pa;
	int r = frames_alloc(&f, nr, align << PAGE_SHIFT, limit << PAGE_SHIFT, hint << PAGE_SHIFT, &pa);

	if (r == OK) {
		require(nr > 0 && pa.v % (align << PAGE_SHIFT) == 0 && (pa.v >> PAGE_SHIFT) + nr <= limit);
		mark(pa.v >> PAGE_SHIFT, nr, 2);
		return;
	}
	require(r == (nr ? ERR_NOMEM : ERR_INVAL));
	/* a refusal is right only when there is no such place; runs do not cross regions */
	for (u32 k = 0; nr && k < f.nr_regions; k++) {
		u64 start = f.regions[k].first + f.regions[k].start, end = f.regions[k].first + f.regions[k].end;

		for (u64 b = ALIGN_UP(start, align); b + nr <= MIN(end, limit); b += align)
			require(!all(b, nr, 1));
	}
}

static void do_free(void)
{
	u64 base = take() % FRAMES, nr = take() % 64;
	int r = frames_free(&f, HPA(base << PAGE_SHIFT), nr);

	if (r == OK)
		mark(base, nr, 1);
	else
		require(r != ERR_INVAL || !nr || !all(base, nr, 2));
}

static void do_reserve(void)
{
	u64 base = take() % FRAMES, nr = take() % 64;
	int r = frames_reserve(&f, HPA(base << PAGE_SHIFT), nr);

	if (r == OK)
		mark(base, nr, 2);
	else
		require(r != ERR_BUSY || !all(base, nr, 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frames_range ranges[4];
	u64 at = 0, bytes;
	void *storage;
	u32 nr;

	in = data;
	left = size;
	memset(own, 0, sizeof(own));
	nr_free = 0;
	nr = 1 + take() % 4;
	for (u32 i = 0; i < nr; i++) {
		u64 gap = take() % 130, len = 1 + take() % 380;

		ranges[i] = (struct frames_range){ (at + gap) << PAGE_SHIFT, len << PAGE_SHIFT };
		memset(own + at + gap, 1, len);
		nr_free += len;
		at += gap + len;
	}
	bytes = frames_storage_size(ranges, nr);
	require(bytes > 0);
	storage = malloc(bytes);
	require(frames_init(&f, ranges, nr, storage, bytes) == OK);
	for (int round = 0; left && round < 500; round++) {
		switch (take() % 4) {
		case 0:
		case 1: do_alloc(); break;
		case 2: do_free(); break;
		case 3: do_reserve(); break;
		}
		require(f.free == nr_free);
	}
	for (u32 i = 0; i < FRAMES; i++)
		require(frames_in_use(&f, HPA((u64)i << PAGE_SHIFT)) == (own[i] == 2));
	free(storage);
	return 0;
}
