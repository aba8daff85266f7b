/* The guest page walk. See gwalk.h; source SDM vol. 3, chapter "Paging". */
#include "mm/gwalk.h"

#include "lib/atomic.h"

#define CR0_WP    BIT(16)
#define CR0_PG    BIT(31)
#define CR4_PSE   BIT(4)
#define CR4_PAE   BIT(5)
#define CR4_LA57  BIT(12)
#define CR4_SMEP  BIT(20)
#define CR4_SMAP  BIT(21)
#define CR4_PKE   BIT(22)
#define CR4_PKS   BIT(24)
#define EFER_LMA  BIT(10)
#define EFER_NXE  BIT(11)
#define RFLAGS_AC BIT(18)

#define PTE_P  BIT(0)
#define PTE_W  BIT(1)
#define PTE_U  BIT(2)
#define PTE_A  BIT(5)
#define PTE_D  BIT(6)
#define PTE_PS BIT(7)
#define PTE_NX BIT(63)

#define ADDR_MASK 0x000ffffffffff000ull
/* Bits from..to inclusive; an empty range gives 0. */
#define BITS(to, from) ((to) < (from) ? 0 : (~0ull >> (63 - (to)) & ~0ull << (from)))

#define MAX_LEVELS  5
#define MAX_RETRIES 8

enum mode { MODE_OFF, MODE_32, MODE_PAE, MODE_4LEVEL, MODE_5LEVEL };

/* What a walk gathers on its way down. */
struct walk {
	enum mode mode;
	u64 gva;
	u32 access;
	bool user;  /* user-mode access */
	u32 used;   /* entries with accessed flags, the leaf last */
	u64 common; /* what all of them have */
	struct {
		gpa_t at;
		u64 value;
	} entry[MAX_LEVELS];
	u64 rights; /* PTE_W and PTE_U as the AND of all levels, PTE_NX as the OR */
};

static enum mode mode_of(const struct gwalk_state *s)
{
	if (!(s->cr0 & CR0_PG))
		return MODE_OFF;
	if (s->efer & EFER_LMA)
		return s->cr4 & CR4_LA57 ? MODE_5LEVEL : MODE_4LEVEL;
	return s->cr4 & CR4_PAE ? MODE_PAE : MODE_32;
}

static u32 phys_bits(const struct gwalk_state *s)
{
	return s->phys_bits && s->phys_bits < 52 ? s->phys_bits : 52;
}

static u32 entry_size(enum mode mode)
{
	return mode == MODE_32 ? 4 : 8;
}

/* Single-copy atomic: the guest's other CPUs may write it meanwhile. */
static inline __attribute__((always_inline)) bool read_entry(const struct gwalk_state *s, gpa_t at, u32 size,
                                                             u64 *value)
{
	void *p;

	at.v &= ~s->a20;
	if (!s->mem)
		return s->ops->read(s->ops->ctx, at, value, size) == OK;
	p = gmem_ptr(s->mem, at, size);
	if (!p)
		return false;
	*value = size == 4 ? *(volatile u32 *)p : *(volatile u64 *)p;
	return true;
}

static int update_entry(const struct gwalk_state *s, gpa_t at, u32 size, u64 old, u64 new_value)
{
	void *p;
	u32 old32 = (u32)old;
	bool same;

	at.v &= ~s->a20;
	if (!s->mem)
		return s->ops->cmpxchg(s->ops->ctx, at, old, new_value, size);
	p = gmem_ptr(s->mem, at, size);
	if (!p)
		return ERR_FAULT;
	if (size == 4)
		same = atomic_cas((u32 *)p, &old32, (u32)new_value);
	else
		same = atomic_cas((u64 *)p, &old, new_value);
	return same ? OK : ERR_BUSY;
}

/* ------------------------------------------------------------------------------------------------------------------
 * Faults and rights
 */

static enum gwalk_status fault(const struct gwalk_state *s, const struct walk *w, u32 code, struct gwalk_result *r)
{
	if (w->access & GWALK_WRITE)
		code |= PF_WRITE;
	if (w->user)
		code |= PF_USER;
	if (w->access & GWALK_EXEC && (s->cr4 & CR4_SMEP || (s->cr4 & CR4_PAE && s->efer & EFER_NXE)))
		code |= PF_FETCH;
	r->error_code = code;
	r->cr2 = w->gva;
	return GWALK_FAULT;
}

/* SDM "Protection Keys": whether the key of the leaf denies this data access. */
static bool key_denies(const struct gwalk_state *s, const struct walk *w)
{
	u32 key = (u32)(w->entry[w->used - 1].value >> 59 & 15);
	bool user_page = w->rights & PTE_U, write = w->access & GWALK_WRITE;
	u32 bits;

	if (w->mode < MODE_4LEVEL || w->access & GWALK_EXEC || !(s->cr4 & (user_page ? CR4_PKE : CR4_PKS)))
		return false;
	bits = (user_page ? s->pkru : s->pkrs) >> (2 * key);
	if (bits & 1)
		return true;
	return bits & 2 && write && (w->user || s->cr0 & CR0_WP);
}

/* SDM "Determination of Access Rights", without the protection keys. */
static bool rights_allow(const struct gwalk_state *s, const struct walk *w)
{
	bool user_page = w->rights & PTE_U, writable = w->rights & PTE_W;
	bool nx = w->rights & PTE_NX && s->efer & EFER_NXE && w->mode != MODE_32;

	if (w->access & GWALK_EXEC) {
		if (nx)
			return false;
		return w->user ? user_page : !(user_page && s->cr4 & CR4_SMEP);
	}
	if (w->user)
		return user_page && (writable || !(w->access & GWALK_WRITE));
	if (user_page && s->cr4 & CR4_SMAP && (w->access & GWALK_IMPLICIT || !(s->rflags & RFLAGS_AC)))
		return false;
	return writable || !(w->access & GWALK_WRITE) || !(s->cr0 & CR0_WP);
}

/* ------------------------------------------------------------------------------------------------------------------
 * The levels
 */

static u64 reserved_pdpte(const struct gwalk_state *s)
{
	return BITS(2, 1) | BITS(8, 5) | BITS(63, phys_bits(s));
}

/* Reserved bits of 8-byte entries on all levels. PAE's PDPTEs have rules of their own. */
static u64 reserved_always(const struct gwalk_state *s, enum mode mode)
{
	return BITS(51, phys_bits(s)) | (mode == MODE_PAE ? BITS(62, 52) : 0) | (s->efer & EFER_NXE ? 0 : PTE_NX);
}

/* And of one of a level above 1 that has PS. */
static u64 reserved_large(const struct gwalk_state *s, u32 level)
{
	if (level > 3 || (level == 3 && !s->page_1g))
		return PTE_PS;
	return level == 3 ? BITS(29, 13) : BITS(20, 13);
}

/* 32-bit paging. A 4 MiB page has address bits 39:32 in bits 20:13 (PSE-36), as far as MAXPHYADDR goes. */
static u64 reserved_bits_32(const struct gwalk_state *s, u32 level, u64 entry)
{
	u32 m = MIN(phys_bits(s), 40u);

	if (level == 2 && s->cr4 & CR4_PSE && entry & PTE_PS)
		return BITS(21, MAX(m, 32u) - 19);
	return 0;
}

static bool is_leaf(const struct gwalk_state *s, enum mode mode, u32 level, u64 entry)
{
	if (level == 1)
		return true;
	if (mode == MODE_32)
		return s->cr4 & CR4_PSE && entry & PTE_PS;
	return level <= 3 && entry & PTE_PS;
}

static void leaf_result(const struct walk *w, u32 level, u64 entry, struct gwalk_result *r)
{
	u32 shift = w->mode == MODE_32 ? 12 + 10 * (level - 1) : 12 + 9 * (level - 1);
	u64 size = BIT(shift), base = entry & ADDR_MASK & ~(size - 1);

	if (w->mode == MODE_32 && level == 2)
		base |= (entry >> 13 & 0xff) << 32;
	r->page_size = size;
	r->gpa = GPA(base | (w->gva & (size - 1)));
	r->left = size - (w->gva & (size - 1));
}

/* PAE's first step: the PDPTE from the registers or from memory. Its table goes to *table. */
static enum gwalk_status pae_root(const struct gwalk_state *s, const struct walk *w, u64 *table,
                                  struct gwalk_result *r)
{
	u32 i = (u32)(w->gva >> 30 & 3);
	u64 pdpte = s->pdpte[i];

	if (!s->have_pdptes) {
		r->gpa = GPA((s->cr3 & 0xffffffe0) + 8 * i);
		if (!read_entry(s, r->gpa, 8, &pdpte))
			return GWALK_BAD_TABLE;
	}
	if (!(pdpte & PTE_P))
		return fault(s, w, 0, r);
	if (pdpte & reserved_pdpte(s))
		return fault(s, w, PF_PRESENT | PF_RSVD, r);
	*table = pdpte & ADDR_MASK;
	return GWALK_OK;
}

static enum gwalk_status descend(const struct gwalk_state *s, struct walk *w, struct gwalk_result *r)
{
	u32 size = entry_size(w->mode), bits = size == 4 ? 10 : 9, level = w->mode == MODE_5LEVEL ? 5 : 4;
	u64 table = s->cr3 & ADDR_MASK, entry, rsvd, always = size == 8 ? reserved_always(s, w->mode) : 0;
	u32 shift;
	enum gwalk_status st;

	if (w->mode == MODE_32 || w->mode == MODE_PAE) {
		level = 2;
		table = s->cr3 & 0xfffff000;
	}
	if (w->mode == MODE_PAE) {
		st = pae_root(s, w, &table, r);
		if (st != GWALK_OK)
			return st;
	}
	for (shift = 12 + bits * (level - 1);; level--, shift -= bits) {
		u64 index = w->gva >> shift & (BIT(bits) - 1);

		r->gpa = GPA(table + index * size);
		if (!read_entry(s, r->gpa, size, &entry))
			return GWALK_BAD_TABLE;
		if (!(entry & PTE_P))
			return fault(s, w, 0, r);
		rsvd = always;
		if (unlikely(size == 4))
			rsvd = reserved_bits_32(s, level, entry);
		else if (level > 1 && entry & PTE_PS)
			rsvd |= reserved_large(s, level);
		if (entry & rsvd)
			return fault(s, w, PF_PRESENT | PF_RSVD, r);
		w->entry[w->used].at = r->gpa;
		w->entry[w->used++].value = entry;
		w->common &= entry;
		w->rights = (w->rights & entry & (PTE_W | PTE_U)) | ((w->rights | entry) & PTE_NX);
		if (is_leaf(s, w->mode, level, entry))
			break;
		table = entry & ADDR_MASK;
	}
	leaf_result(w, level, entry, r);
	return GWALK_OK;
}

/* Sets A in every entry used and D in the leaf of a write. RETRY: an entry has changed since it was read. */
static enum gwalk_status set_flags(const struct gwalk_state *s, const struct walk *w)
{
	if (likely(w->common & PTE_A && (!(w->access & GWALK_WRITE) || w->entry[w->used - 1].value & PTE_D)))
		return GWALK_OK;
	for (u32 i = 0; i < w->used; i++) {
		u64 old = w->entry[i].value, want = PTE_A;

		if (i == w->used - 1 && w->access & GWALK_WRITE)
			want |= PTE_D;
		if ((old & want) == want)
			continue;
		/* ERR_FAULT (tables in ROM): the CPU's write would be lost as well. */
		if (update_entry(s, w->entry[i].at, entry_size(w->mode), old, old | want) == ERR_BUSY)
			return GWALK_RETRY;
	}
	return GWALK_OK;
}

static enum gwalk_status walk_once(const struct gwalk_state *s, struct walk *w, struct gwalk_result *r)
{
	enum gwalk_status st;
	bool key;

	w->used = 0;
	w->common = ~0ull;
	w->rights = PTE_W | PTE_U;
	st = descend(s, w, r);
	if (st != GWALK_OK)
		return st;
	if (!(w->access & GWALK_PROBE)) {
		key = key_denies(s, w);
		if (key || !rights_allow(s, w))
			return fault(s, w, PF_PRESENT | (key ? PF_PK : 0), r);
	}
	return w->access & GWALK_SET_AD ? set_flags(s, w) : GWALK_OK;
}

static bool canonical(u64 gva, u32 width)
{
	return (u64)((s64)(gva << (64 - width)) >> (64 - width)) == gva;
}

/* Of walk_common(): sets A in all entries, D in the last of a write. false: one has changed since it was read. */
static bool set_common_flags(u64 *const *at, const u64 *value, u32 n, bool write)
{
	for (u32 i = 0; i < n; i++) {
		u64 old = value[i], want = PTE_A | (write && i == n - 1 ? PTE_D : 0);

		if ((old & want) != want && !atomic_cas(at[i], &old, old | want))
			return false;
	}
	return true;
}

/*
 * What nearly every walk is: four levels, all tables in RAM, nothing to refuse. A third of the time; false: whatever is
 * different here, the other way finds out.
 */
static bool walk_common(const struct gwalk_state *s, u64 gva, u32 access, struct gwalk_result *r)
{
	u64 wrong = BITS(51, phys_bits(s)) | (s->efer & EFER_NXE ? 0 : PTE_NX);
	u64 table = s->cr3 & ADDR_MASK, all = ~0ull, any = 0, size, want = 0, value[4], *at[4];
	bool write = access & GWALK_WRITE;
	u32 shift = 39, n = 0;

	for (;; shift -= 9) {
		u64 *p = gmem_ptr(s->mem, GPA(table + (gva >> shift & 511) * 8), 8), entry;

		if (!p)
			return false;
		entry = *(volatile u64 *)p;
		if ((entry & (wrong | PTE_P)) != PTE_P)
			return false;
		at[n] = p;
		value[n++] = entry;
		all &= entry;
		any |= entry;
		table = entry & ADDR_MASK;
		if (shift == 12 || entry & PTE_PS)
			break;
	}
	size = BIT(shift);
	if (shift > 12 && (shift > 30 || (shift == 30 && !s->page_1g) || table & BITS(shift - 1, 13)))
		return false;
	if (write)
		want |= PTE_W;
	if (s->cpl == 3 && !(access & GWALK_IMPLICIT))
		want |= PTE_U;
	else if (all & PTE_U && s->cr4 & (CR4_SMEP | CR4_SMAP))
		return false;
	if ((all & want) != want || (access & GWALK_EXEC && any & PTE_NX))
		return false;
	if (access & GWALK_SET_AD && (!(all & PTE_A) || (write && !(value[n - 1] & PTE_D))) &&
	    !set_common_flags(at, value, n, write))
		return false;
	r->page_size = size;
	r->gpa = GPA((table & ~(size - 1)) | (gva & (size - 1)));
	r->left = size - (gva & (size - 1));
	return true;
}

/* Behind the end of a megabyte there is not the next one, but the same again. */
static void close_a20(const struct gwalk_state *s, struct gwalk_result *r)
{
	r->gpa.v &= ~s->a20;
	r->left = MIN(r->left, s->a20 - (r->gpa.v & (s->a20 - 1)));
}

enum gwalk_status gwalk(const struct gwalk_state *s, gva_t gva, u32 access, struct gwalk_result *r)
{
	struct walk w;
	enum gwalk_status st = GWALK_RETRY;

	if (likely(s->mem && !s->a20 && (s->efer & EFER_LMA) && (s->cr0 & CR0_PG) &&
	           !(s->cr4 & (CR4_LA57 | CR4_PKE | CR4_PKS)) && canonical(gva.v, 48) && !(access & GWALK_PROBE) &&
	           walk_common(s, gva.v, access, r))) {
		r->error_code = 0;
		r->cr2 = 0;
		return GWALK_OK;
	}

	w.mode = mode_of(s);
	w.gva = gva.v;
	w.access = access;
	r->error_code = 0;
	r->cr2 = 0;
	w.user = s->cpl == 3 && !(access & GWALK_IMPLICIT);
	if (w.mode < MODE_4LEVEL)
		w.gva &= 0xffffffff;
	else if (!canonical(gva.v, w.mode == MODE_5LEVEL ? 57 : 48))
		return GWALK_NONCANON;
	if (w.mode == MODE_OFF) {
		r->gpa = GPA(w.gva);
		r->page_size = SIZE_1G;
		r->left = SIZE_1G - (w.gva & (SIZE_1G - 1));
		st = GWALK_OK;
	}
	for (u32 i = 0; i < MAX_RETRIES && st == GWALK_RETRY; i++)
		st = walk_once(s, &w, r);
	if (unlikely(s->a20) && st == GWALK_OK)
		close_a20(s, r);
	return st;
}

/* ------------------------------------------------------------------------------------------------------------------
 * Copies
 */

/* Host pointers to the at most two parts of [gva, gva+len). */
struct span {
	void *part[2];
	u32 len[2];
};

static enum gwalk_status map_span(const struct gwalk_state *s, gva_t gva, u32 len, u32 access, struct span *sp,
                                  struct gwalk_result *r)
{
	u64 first = PAGE_SIZE - (gva.v & (PAGE_SIZE - 1));

	sp->len[0] = (u32)MIN(first, (u64)len);
	sp->len[1] = len - sp->len[0];
	for (u32 i = 0; i < 2 && sp->len[i]; i++) {
		enum gwalk_status st = gwalk(s, GVA(gva.v + (i ? sp->len[0] : 0)), access, r);

		if (st != GWALK_OK)
			return st;
		sp->part[i] = gmem_ptr(s->mem, r->gpa, sp->len[i]);
		if (!sp->part[i])
			return GWALK_BAD_TABLE;
	}
	return GWALK_OK;
}

enum gwalk_status gwalk_read(const struct gwalk_state *s, gva_t gva, void *buf, u32 len, u32 access,
                             struct gwalk_result *r)
{
	struct span sp;
	enum gwalk_status st;

	if (len > PAGE_SIZE)
		return GWALK_BAD_TABLE;
	st = map_span(s, gva, len, access | GWALK_SET_AD, &sp, r);
	if (st != GWALK_OK)
		return st;
	for (u32 i = 0, done = 0; i < 2 && sp.len[i]; done += sp.len[i++])
		memcpy((u8 *)buf + done, sp.part[i], sp.len[i]);
	return GWALK_OK;
}

enum gwalk_status gwalk_write(const struct gwalk_state *s, gva_t gva, const void *buf, u32 len, u32 access,
                              struct gwalk_result *r)
{
	struct span sp;
	enum gwalk_status st;

	if (len > PAGE_SIZE)
		return GWALK_BAD_TABLE;
	st = map_span(s, gva, len, access | GWALK_WRITE | GWALK_SET_AD, &sp, r);
	if (st != GWALK_OK)
		return st;
	for (u32 i = 0, done = 0; i < 2 && sp.len[i]; done += sp.len[i++])
		memcpy(sp.part[i], (const u8 *)buf + done, sp.len[i]);
	return GWALK_OK;
}

enum gwalk_status gwalk_load_pdptes(const struct gwalk_state *s, u64 cr3, u64 pdpte[4])
{
	for (u32 i = 0; i < 4; i++) {
		if (!read_entry(s, GPA((cr3 & 0xffffffe0) + 8 * i), 8, &pdpte[i]))
			return GWALK_BAD_TABLE;
		if (pdpte[i] & PTE_P && pdpte[i] & reserved_pdpte(s))
			return GWALK_FAULT;
	}
	return GWALK_OK;
}
