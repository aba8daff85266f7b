/* The physical memory map. Every change is built in the scratch list and then takes the map's place. */
#include "mm/e820.h"
#include "lib/string.h"

static u64 end_of(const struct e820_entry *e)
{
	return e->base + e->len;
}

int e820_add(struct e820_map *m, u64 base, u64 len, u32 type)
{
	if (!len)
		return OK;
	if (m->nr == E820_MAX)
		return ERR_NOSPC;
	/* base + len stays representable; the last byte of a 64-bit address space is no memory anyway. */
	len = MIN(len, ~0ull - base);
	if (len)
		m->e[m->nr++] = (struct e820_entry){ .base = base, .len = len, .type = type };
	return OK;
}

/* Who wins where two ranges overlap. */
static u32 precedence(u32 type)
{
	switch (type) {
	case E820_RAM: return 0;
	case E820_ACPI: return 1;
	case E820_PMEM: return 2;
	case E820_NVS: return 3;
	case E820_DISABLED: return 5;
	case E820_UNUSABLE: return 6;
	case E820_MODULE: return 7;
	case E820_HV: return 8;
	}
	return 4; /* reserved, and what we do not know */
}

static bool stronger(u32 a, u32 b)
{
	u32 pa = precedence(a), pb = precedence(b);

	return pa != pb ? pa > pb : a > b;
}

/* Appends [base, end) to the scratch list of *n entries, merging with the last one. false when it is full. */
static bool emit(struct e820_map *m, u32 *n, u64 base, u64 end, u32 type)
{
	struct e820_entry *last = *n ? &m->scratch[*n - 1] : NULL;

	if (base >= end)
		return true;
	if (last && last->type == type && end_of(last) == base) {
		last->len += end - base;
		return true;
	}
	if (*n == E820_MAX)
		return false;
	m->scratch[(*n)++] = (struct e820_entry){ .base = base, .len = end - base, .type = type };
	return true;
}

static void take_scratch(struct e820_map *m, u32 n)
{
	memcpy(m->e, m->scratch, n * sizeof(m->e[0]));
	m->nr = n;
}

/*
 * At pos: the strongest type of the entries covering it (*covered tells whether there is one), and in *next the
 * nearest boundary above pos; false when there is none.
 */
static bool look_at(const struct e820_map *m, u64 pos, bool *covered, u32 *type, u64 *next)
{
	bool more = false;

	*covered = false;
	*next = ~0ull;
	for (u32 i = 0; i < m->nr; i++) {
		const struct e820_entry *e = &m->e[i];
		u64 edge = e->base > pos ? e->base : end_of(e);

		if (edge > pos) {
			*next = MIN(*next, edge);
			more = true;
		}
		if (e->base <= pos && pos < end_of(e) && (!*covered || stronger(e->type, *type))) {
			*type = e->type;
			*covered = true;
		}
	}
	return more;
}

int e820_sanitize(struct e820_map *m)
{
	u64 pos = 0, next;
	u32 type = 0, n = 0;
	bool covered;

	/* Each round moves pos to the next of at most 2 * nr boundaries. */
	while (look_at(m, pos, &covered, &type, &next)) {
		if (covered && !emit(m, &n, pos, next, type))
			return ERR_NOSPC;
		pos = next;
	}
	take_scratch(m, n);
	return OK;
}

int e820_retype(struct e820_map *m, u64 base, u64 len, u32 from, u32 to)
{
	u64 end = base + MIN(len, ~0ull - base);
	u32 n = 0;

	for (u32 i = 0; i < m->nr; i++) {
		const struct e820_entry *e = &m->e[i];
		u64 lo = MAX(base, e->base), hi = MIN(end, end_of(e));
		bool ok;

		if (e->type != from || lo >= hi) {
			ok = emit(m, &n, e->base, end_of(e), e->type);
		} else {
			ok = emit(m, &n, e->base, lo, from) && emit(m, &n, lo, hi, to) &&
			     emit(m, &n, hi, end_of(e), from);
		}
		if (!ok)
			return ERR_NOSPC;
	}
	take_scratch(m, n);
	return OK;
}

int e820_reserve(struct e820_map *m, u64 base, u64 len, u32 type)
{
	return e820_retype(m, base, len, E820_RAM, type);
}

void e820_clip(struct e820_map *m, u64 end)
{
	while (m->nr && m->e[m->nr - 1].base >= end)
		m->nr--;
	if (m->nr && end_of(&m->e[m->nr - 1]) > end)
		m->e[m->nr - 1].len = end - m->e[m->nr - 1].base;
}

void e820_align_ram(struct e820_map *m, u64 align)
{
	u32 n = 0;

	for (u32 i = 0; i < m->nr; i++) {
		struct e820_entry e = m->e[i];

		if (e.type == E820_RAM) {
			u64 lo = ALIGN_UP(e.base, align), hi = ALIGN_DOWN(end_of(&e), align);

			/* lo wraps to 0 in the topmost unit of the address space */
			if (lo < e.base || lo >= hi)
				continue;
			e.base = lo;
			e.len = hi - lo;
		}
		m->e[n++] = e;
	}
	m->nr = n;
}

u64 e820_total(const struct e820_map *m, u32 type)
{
	u64 sum = 0;

	for (u32 i = 0; i < m->nr; i++) {
		if (m->e[i].type == type)
			sum += m->e[i].len;
	}
	return sum;
}

u64 e820_ram_end(const struct e820_map *m)
{
	for (u32 i = m->nr; i-- > 0;) {
		if (m->e[i].type == E820_RAM)
			return end_of(&m->e[i]);
	}
	return 0;
}

bool e820_is(const struct e820_map *m, u64 base, u64 len, u32 type)
{
	/* Neighbours of one type are merged, so one entry must hold it all. */
	for (u32 i = 0; i < m->nr; i++) {
		const struct e820_entry *e = &m->e[i];

		if (e->type == type && base >= e->base && base - e->base < e->len && len <= end_of(e) - base)
			return true;
	}
	return false;
}

/* Place for len bytes in [lo, hi): lowest or highest. */
static bool place(u64 lo, u64 hi, u64 len, u64 align, bool top, u64 *base)
{
	u64 b;

	if (lo >= hi || hi - lo < len)
		return false;
	b = top ? ALIGN_DOWN(hi - len, align) : ALIGN_UP(lo, align);
	if (b < lo || b > hi - len)
		return false;
	*base = b;
	return true;
}

int e820_find(const struct e820_map *m, u64 len, u64 align, u64 min, u64 max, bool top, u64 *base)
{
	for (u32 i = 0; i < m->nr; i++) {
		const struct e820_entry *e = &m->e[top ? m->nr - 1 - i : i];

		if (e->type == E820_RAM && place(MAX(e->base, min), MIN(end_of(e), max), len, align, top, base))
			return OK;
	}
	return ERR_NOMEM;
}

const char *e820_type_str(u32 type)
{
	switch (type) {
	case E820_RAM: return "usable";
	case E820_RESERVED: return "reserved";
	case E820_ACPI: return "ACPI tables";
	case E820_NVS: return "ACPI NVS";
	case E820_UNUSABLE: return "unusable";
	case E820_DISABLED: return "disabled";
	case E820_PMEM: return "persistent";
	case E820_HV: return "hypervisor";
	case E820_MODULE: return "boot module";
	}
	return "unknown";
}
