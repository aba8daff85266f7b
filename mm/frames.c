/*
 * The frame allocator. A set bit means "not to be handed out": in use, or padding in front of or behind the region.
 * Bit 0 of a region's bitmap is a multiple of 64 frames, so that words and naturally aligned chunks coincide.
 */
#include "mm/frames.h"
#include "lib/string.h"

#define WORD_BITS 64u

static u64 words_of(const struct frames_range *r)
{
	u64 first = ALIGN_DOWN(r->base >> PAGE_SHIFT, (u64)WORD_BITS);
	u64 end = (r->base + r->len) >> PAGE_SHIFT;

	return (end - first + WORD_BITS - 1) / WORD_BITS;
}

static bool ranges_ok(const struct frames_range *ranges, u32 nr)
{
	u64 prev_end = 0;

	for (u32 i = 0; i < nr; i++) {
		const struct frames_range *r = &ranges[i];

		if (!r->len || !IS_ALIGNED(r->base | r->len, PAGE_SIZE) || r->base + r->len < r->base ||
		    r->base < prev_end)
			return false;
		prev_end = r->base + r->len;
	}
	return true;
}

u64 frames_storage_size(const struct frames_range *ranges, u32 nr)
{
	u64 size = nr * sizeof(struct frames_region);

	if (!ranges_ok(ranges, nr))
		return 0;
	for (u32 i = 0; i < nr; i++)
		size += words_of(&ranges[i]) * sizeof(u64);
	return size;
}

/* Bits first..last of a word (last inclusive). */
static u64 mask(u32 first, u32 last)
{
	return (~0ull << first) & (~0ull >> (WORD_BITS - 1 - last));
}

/* Calls for each word of [bit, bit + nr): sets or clears. */
static void bits_fill(u64 *bits, u64 bit, u64 nr, bool set)
{
	for (u64 end = bit + nr; bit < end;) {
		u64 stop = MIN(end, (bit | (WORD_BITS - 1)) + 1);
		u64 mk = mask(bit % WORD_BITS, (stop - 1) % WORD_BITS);

		if (set)
			bits[bit / WORD_BITS] |= mk;
		else
			bits[bit / WORD_BITS] &= ~mk;
		bit = stop;
	}
}

/* First bit at or after bit, below end, whose value is want; end when there is none. */
static u64 bits_find(const u64 *bits, u64 bit, u64 end, bool want)
{
	while (bit < end) {
		u64 w = bits[bit / WORD_BITS];

		w = (want ? w : ~w) & (~0ull << (bit % WORD_BITS));
		if (w)
			return MIN(end, ALIGN_DOWN(bit, (u64)WORD_BITS) + (u64)__builtin_ctzll(w));
		bit = (bit | (WORD_BITS - 1)) + 1;
	}
	return end;
}

int frames_init(struct frames *f, const struct frames_range *ranges, u32 nr, void *storage, u64 storage_len)
{
	u64 *bits = (u64 *)((struct frames_region *)storage + nr);

	memset(f, 0, sizeof(*f));
	if (!ranges_ok(ranges, nr))
		return ERR_INVAL;
	if (storage_len < frames_storage_size(ranges, nr))
		return ERR_NOSPC;
	f->regions = storage;
	f->nr_regions = nr;
	for (u32 i = 0; i < nr; i++) {
		struct frames_region *r = &f->regions[i];
		u64 words = words_of(&ranges[i]), start = ranges[i].base >> PAGE_SHIFT;

		memset(r, 0, sizeof(*r));
		r->bits = bits;
		r->first = ALIGN_DOWN(start, (u64)WORD_BITS);
		r->start = start - r->first;
		r->free = ranges[i].len >> PAGE_SHIFT;
		r->end = r->start + r->free;
		r->next = r->low_bit = r->start;
		memset(bits, 0xff, words * sizeof(u64));
		bits_fill(bits, r->start, r->free, false);
		bits += words;
		f->total += r->free;
	}
	f->free = f->total;
	return OK;
}

/* Rounds bit up so that its frame number is a multiple of align frames; ~0 when that overflows. */
static u64 align_bit(const struct frames_region *r, u64 bit, u64 align)
{
	u64 frame = ALIGN_UP(r->first + bit, align);

	return frame < r->first + bit ? ~0ull : frame - r->first;
}

/* First run of nr free bits aligned to align frames in [from, to); ~0 when there is none. */
static u64 find_run(const struct frames_region *r, u64 from, u64 to, u64 nr, u64 align)
{
	for (u64 bit = from; bit < to;) {
		u64 used;

		bit = align_bit(r, bits_find(r->bits, bit, to, false), align);
		if (bit >= to || to - bit < nr)
			break;
		used = bits_find(r->bits, bit, bit + nr, true);
		if (used == bit + nr)
			return bit;
		bit = used + 1;
	}
	return ~0ull;
}

static void take(struct frames *f, struct frames_region *r, u64 bit, u64 nr)
{
	bits_fill(r->bits, bit, nr, true);
	r->free -= nr;
	f->free -= nr;
	if (bit == r->low_bit)
		r->low_bit = bit + nr;
}

/*
 * Tries one region below limit, in frames: from the start bit to the end, then what lies before it. start is a wish;
 * the run may begin before it and reach over it.
 */
static bool alloc_in(struct frames *f, struct frames_region *r, u64 nr, u64 align, u64 limit, u64 start, hpa_t *pa)
{
	u64 to, bit;

	if (r->free < nr || limit <= r->first + r->start)
		return false;
	to = MIN(r->end, limit - r->first);
	start = MAX(start, r->low_bit);
	bit = find_run(r, start, to, nr, align);
	if (bit == ~0ull && start > r->low_bit)
		bit = find_run(r, r->low_bit, MIN(to, start + MIN(nr, to) - 1), nr, align);
	if (bit == ~0ull)
		return false;
	take(f, r, bit, nr);
	/* Big chunks leave the hint alone: single frames should fill the gaps, not follow them. */
	if (nr < WORD_BITS)
		r->next = bit + nr;
	*pa = HPA((r->first + bit) << PAGE_SHIFT);
	return true;
}

int frames_alloc(struct frames *f, u64 nr, u64 align, u64 limit, u64 hint, hpa_t *pa)
{
	u64 limit_frame = limit >> PAGE_SHIFT, hint_frame = hint >> PAGE_SHIFT, align_frames = align >> PAGE_SHIFT;

	if (!nr || align < PAGE_SIZE || (align & (align - 1)))
		return ERR_INVAL;
	/* With a hint: first the regions that reach above it, from there upwards. */
	for (u32 i = 0; hint && i < f->nr_regions; i++) {
		struct frames_region *r = &f->regions[i];

		if (hint_frame < r->first + r->end && alloc_in(f, r, nr, align_frames, limit_frame,
		                                               hint_frame > r->first ? hint_frame - r->first : 0, pa))
			return OK;
	}
	for (u32 i = 0; i < f->nr_regions; i++) {
		if (alloc_in(f, &f->regions[i], nr, align_frames, limit_frame, f->regions[i].next, pa))
			return OK;
	}
	return ERR_NOMEM;
}

int frames_alloc_4k(struct frames *f, hpa_t *pa)
{
	return frames_alloc(f, 1, PAGE_SIZE, FRAMES_NO_LIMIT, 0, pa);
}

int frames_alloc_2m(struct frames *f, hpa_t *pa)
{
	return frames_alloc(f, SIZE_2M / PAGE_SIZE, SIZE_2M, FRAMES_NO_LIMIT, 0, pa);
}

int frames_alloc_1g(struct frames *f, hpa_t *pa)
{
	return frames_alloc(f, SIZE_1G / PAGE_SIZE, SIZE_1G, FRAMES_NO_LIMIT, 0, pa);
}

/* The region holding all of nr frames at pa, and the bit of the first; NULL when there is none. */
static struct frames_region *region_of(const struct frames *f, u64 pa, u64 nr, u64 *bit)
{
	u64 frame = pa >> PAGE_SHIFT;

	for (u32 i = 0; i < f->nr_regions; i++) {
		struct frames_region *r = &f->regions[i];
		u64 b = frame - r->first;

		if (frame >= r->first + r->start && b < r->end && nr <= r->end - b) {
			*bit = b;
			return r;
		}
	}
	return NULL;
}

int frames_reserve(struct frames *f, hpa_t pa, u64 nr)
{
	struct frames_region *r;
	u64 bit;

	if (!nr || !IS_ALIGNED(pa.v, PAGE_SIZE))
		return ERR_INVAL;
	r = region_of(f, pa.v, nr, &bit);
	if (!r)
		return ERR_RANGE;
	if (bits_find(r->bits, bit, bit + nr, true) != bit + nr)
		return ERR_BUSY;
	take(f, r, bit, nr);
	return OK;
}

int frames_free(struct frames *f, hpa_t pa, u64 nr)
{
	struct frames_region *r;
	u64 bit;

	if (!nr || !IS_ALIGNED(pa.v, PAGE_SIZE))
		return ERR_INVAL;
	r = region_of(f, pa.v, nr, &bit);
	if (!r)
		return ERR_RANGE;
	if (bits_find(r->bits, bit, bit + nr, false) != bit + nr)
		return ERR_INVAL;
	bits_fill(r->bits, bit, nr, false);
	r->free += nr;
	f->free += nr;
	r->low_bit = MIN(r->low_bit, bit);
	return OK;
}

bool frames_in_use(const struct frames *f, hpa_t pa)
{
	u64 bit;
	const struct frames_region *r = region_of(f, pa.v, 1, &bit);

	return r && (r->bits[bit / WORD_BITS] >> (bit % WORD_BITS) & 1);
}

u64 frames_longest_run(const struct frames *f, u64 align)
{
	u64 best = 0;

	for (u32 i = 0; i < f->nr_regions; i++) {
		const struct frames_region *r = &f->regions[i];

		for (u64 bit = r->low_bit; bit < r->end;) {
			u64 used;

			bit = align_bit(r, bits_find(r->bits, bit, r->end, false), align >> PAGE_SHIFT);
			if (bit >= r->end)
				break;
			used = bits_find(r->bits, bit, r->end, true);
			best = MAX(best, used - bit);
			bit = used + 1;
		}
	}
	return best;
}
