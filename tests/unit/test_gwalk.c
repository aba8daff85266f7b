/*
 * The guest page walk: the whole permission matrix against a reference written down from the SDM's sentences, every
 * paging mode and page size, reserved bits, accessed/dirty flags with a racing guest.
 */
#include "quick_check.h"

#include "mm/gwalk.h"
#include "suite.h"

#define RAM_SIZE (64u << 12)
static u8 ram[RAM_SIZE] __aligned(4096);
static struct guest_mem mem;

#define CR0_WP   (1u << 16)
#define CR0_PG   (1u << 31)
#define CR4_PSE  (1u << 4)
#define CR4_PAE  (1u << 5)
#define CR4_LA57 (1u << 12)
#define CR4_SMEP (1u << 20)
#define CR4_SMAP (1u << 21)
#define CR4_PKE  (1u << 22)
#define CR4_PKS  (1u << 24)
#define LMA      (1u << 10)
#define NXE      (1u << 11)
#define AC       (1u << 18)
#define P        1ull
#define W        2ull
#define U        4ull
#define A        0x20ull
#define D        0x40ull
#define PS       0x80ull
#define NX       (1ull << 63)

static void reset(void)
{
	memset(ram, 0, sizeof(ram));
	mem = (struct guest_mem){ .base = ram, .nr_ranges = 1, .ranges = { { 0, RAM_SIZE } } };
}

static u64 *entry64(u64 table, u32 i)
{
	return (u64 *)(ram + table) + i;
}

static u32 *entry32(u64 table, u32 i)
{
	return (u32 *)(ram + table) + i;
}

static struct gwalk_state long_state(void)
{
	return (struct gwalk_state){ .cr0 = CR0_PG | CR0_WP | 1,
		                     .cr3 = 0x1000,
		                     .cr4 = CR4_PAE,
		                     .efer = LMA | NXE,
		                     .phys_bits = 40,
		                     .page_1g = true,
		                     .mem = &mem };
}

/* 4 levels at 1000h..4000h for one address, leaf 4 KiB at pa; rights in every level. */
static void build4(u64 gva, u64 upper, u64 leaf)
{
	*entry64(0x1000, gva >> 39 & 511) = 0x2000 | upper;
	*entry64(0x2000, gva >> 30 & 511) = 0x3000 | upper;
	*entry64(0x3000, gva >> 21 & 511) = 0x4000 | upper;
	*entry64(0x4000, gva >> 12 & 511) = leaf;
}

/* ---- permission matrix ----------------------------------------------------------------------------------------- */

/* SDM vol. 3, "Access Rights" and "Protection Keys", sentence by sentence. Returns allowed; *pk: the key denies. */
static bool reference(const struct gwalk_state *s, u32 access, bool u, bool w, bool nx, u32 key, bool has_keys,
                      bool has_nx, bool *pk)
{
	bool implicit = access & GWALK_IMPLICIT, user_access = s->cpl == 3 && !implicit;
	bool smap = s->cr4 & CR4_SMAP, smep = s->cr4 & CR4_SMEP, wp = s->cr0 & CR0_WP, ok = false;
	bool wr = access & GWALK_WRITE, fetch = access & GWALK_EXEC, nxe = s->efer & NXE && has_nx;
	u32 reg = u ? s->pkru : s->pkrs;

	*pk = false;
	if (has_keys && !fetch && s->cr4 & (u ? CR4_PKE : CR4_PKS)) {
		if (reg >> (2 * key) & 1)
			*pk = true;
		if (reg >> (2 * key + 1) & 1 && wr && (user_access || wp))
			*pk = true;
	}
	if (!user_access) {
		if (!fetch && !wr) {
			/* Data may be read (implicitly or explicitly) from any supervisor-mode address ... */
			if (!u)
				ok = true;
			else if (!smap)
				ok = true;
			else
				ok = (s->rflags & AC) && !implicit;
		} else if (wr) {
			if (!u)
				ok = wp ? w : true;
			else if (!wp)
				ok = !smap || ((s->rflags & AC) && !implicit);
			else
				ok = w && (!smap || ((s->rflags & AC) && !implicit));
		} else {
			if (!u)
				ok = !nxe || !nx;
			else
				ok = !smep && (!nxe || !nx);
		}
	} else {
		if (fetch)
			ok = u && (!nxe || !nx);
		else if (wr)
			ok = u && w;
		else
			ok = u;
	}
	return ok && !*pk;
}

enum { M32, MPAE, M4, M5, MODES };

static void build(u32 mode, u64 gva, u64 upper, u64 leaf)
{
	reset();
	switch (mode) {
	case M32:
		*entry32(0x1000, (u32)(gva >> 22)) = (u32)(0x2000 | (upper & 7));
		*entry32(0x2000, gva >> 12 & 1023) = (u32)(0x9000 | (leaf & 7));
		break;
	case MPAE:
		*entry64(0x1000, gva >> 30 & 3) = 0x3000 | P;
		*entry64(0x3000, gva >> 21 & 511) = 0x4000 | upper;
		*entry64(0x4000, gva >> 12 & 511) = 0x9000 | leaf;
		break;
	case M5:
		build4(gva, upper, 0x9000 | leaf);
		*entry64(0x5000, gva >> 48 & 511) = 0x1000 | P | W | U;
		break;
	default: build4(gva, upper, 0x9000 | leaf); break;
	}
}

static void check_one(struct gwalk_state *s, u32 mode, u64 gva, u32 access, u64 upper, u64 leaf, u32 key)
{
	bool u = upper & leaf & U, w = upper & leaf & W, nx = (upper | leaf) & NX, pk;
	bool user = s->cpl == 3 && !(access & GWALK_IMPLICIT), ok;
	struct gwalk_result r;
	enum gwalk_status st = gwalk(s, GVA(gva), access, &r);
	u32 code;

	ok = reference(s, access, u, w, nx, key, mode >= M4, mode != M32, &pk);
	if (ok) {
		ck_assert_int_eq(st, GWALK_OK);
		ck_assert_uint_eq(r.gpa.v, 0x9000 | (gva & 0xfff));
		return;
	}
	ck_assert_int_eq(st, GWALK_FAULT);
	code = PF_PRESENT | (access & GWALK_WRITE ? PF_WRITE : 0) | (user ? PF_USER : 0) | (pk ? PF_PK : 0);
	if (access & GWALK_EXEC && (s->cr4 & CR4_SMEP || (s->cr4 & CR4_PAE && s->efer & NXE)))
		code |= PF_FETCH;
	ck_assert_msg(r.error_code == code, "error code %x, not %x", r.error_code, code);
	ck_assert_uint_eq(r.cr2, gva);
}

/* cfg: bits WP SMEP SMAP NXE PKE PKS AC. */
static struct gwalk_state config(u32 mode, u32 cfg, u32 cpl)
{
	struct gwalk_state s = { .phys_bits = 40, .page_1g = true, .mem = &mem, .cr3 = mode == M5 ? 0x5000 : 0x1000 };

	s.cr0 = CR0_PG | 1 | (cfg & 1 ? CR0_WP : 0);
	s.cr4 = (cfg & 2 ? CR4_SMEP : 0) | (cfg & 4 ? CR4_SMAP : 0) | (cfg & 16 ? CR4_PKE : 0) |
	        (cfg & 32 ? CR4_PKS : 0) | (mode != M32 ? CR4_PAE : 0) | (mode == M5 ? CR4_LA57 : 0);
	s.efer = (cfg & 8 ? NXE : 0) | (mode >= M4 ? LMA : 0);
	s.rflags = cfg & 64 ? AC | 2 : 2;
	s.cpl = (u8)cpl;
	s.pkru = 0x000000e4; /* key 0 all, 1 AD, 2 WD, 3 both */
	s.pkrs = 0x0000001b; /* key 0 both, 1 WD, 2 AD, 3 all */
	return s;
}

static void permission_matrix(u32 mode)
{
	static const u32 accesses[] = { GWALK_READ, GWALK_WRITE, GWALK_EXEC, GWALK_IMPLICIT,
		                        GWALK_IMPLICIT | GWALK_WRITE };
	u64 gva = 0x12345678, count = 0;

	for (u32 bits = 0; bits < 64; bits++) {
		u64 upper = P | (bits & 1 ? W : 0) | (bits & 2 ? U : 0) | (bits & 4 ? NX : 0);
		u64 leaf = P | (bits & 8 ? W : 0) | (bits & 16 ? U : 0) | (bits & 32 ? NX : 0);

		for (u32 key = 0; key < (mode >= M4 ? 4 : 1); key++) {
			build(mode, gva, upper, leaf | (u64)key << 59);
			for (u32 cfg = 0; cfg < 128; cfg++) {
				/* NX is reserved without NXE, elsewhere tested; keys exist in long mode only. */
				if (!(cfg & 8) && mode != M32 && bits & 0x24)
					continue;
				if (mode < M4 && cfg & 48)
					continue;
				for (u32 cpl = 0; cpl < 4; cpl += 3) {
					struct gwalk_state s = config(mode, cfg, cpl);

					for (u32 a = 0; a < ARRAY_SIZE(accesses); a++, count++)
						check_one(&s, mode, gva, accesses[a],
						          mode == M32 ? upper & ~NX : upper, leaf, key);
				}
			}
		}
	}
	ck_assert_uint_gt(count, 5000);
}

/* ---- modes, sizes, reserved bits ------------------------------------------------------------------------------- */

static enum gwalk_status probe(const struct gwalk_state *s, u64 gva, struct gwalk_result *r)
{
	return gwalk(s, GVA(gva), 0, r);
}

START_TEST(paging_off)
{
	struct gwalk_state s = { .cr0 = 1, .mem = &mem };
	struct gwalk_result r;

	reset();
	ck_assert_int_eq(probe(&s, 0xfee00010, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0xfee00010);
	ck_assert_uint_eq(r.left, SIZE_1G - 0x3ee00010);
	ck_assert_int_eq(probe(&s, 0x100000000ull, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0);
}
END_TEST

START_TEST(long_sizes)
{
	struct gwalk_state s = long_state();
	struct gwalk_result r;

	reset();
	*entry64(0x1000, 0x1ff) = 0x2000 | P | W;
	*entry64(0x2000, 1) = 0xc0000000ull | 0x1000 | P | PS; /* PAT bit 12 is not reserved */
	*entry64(0x2000, 2) = 0x3000 | P;
	*entry64(0x3000, 3) = 0x1200000000ull | 0x40000000 | 0x1000 | P | PS;
	ck_assert_int_eq(probe(&s, 0xffffff8000000000ull | SIZE_1G | 0x12345, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0xc0012345ull);
	ck_assert_uint_eq(r.page_size, SIZE_1G);
	ck_assert_uint_eq(r.left, SIZE_1G - 0x12345);
	ck_assert_int_eq(probe(&s, 0xffffff8000000000ull | 2 * SIZE_1G | 3 * SIZE_2M | 0xabcde, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0x12400abcdeull);
	ck_assert_uint_eq(r.page_size, SIZE_2M);
	/* Not present at each level. */
	ck_assert_int_eq(probe(&s, 0, &r), GWALK_FAULT);
	ck_assert_uint_eq(r.error_code, 0);
	ck_assert_int_eq(probe(&s, 0xffffff8000000000ull, &r), GWALK_FAULT);
	ck_assert_int_eq(probe(&s, 0xffffff8000000000ull | 2 * SIZE_1G, &r), GWALK_FAULT);
	ck_assert_uint_eq(r.cr2, 0xffffff8000000000ull | 2 * SIZE_1G);
	/* Not canonical. */
	ck_assert_int_eq(probe(&s, 1ull << 47, &r), GWALK_NONCANON);
	ck_assert_int_eq(probe(&s, 0xff7fff8000000000ull, &r), GWALK_NONCANON);
	s.cr4 |= CR4_LA57;
	ck_assert_int_eq(probe(&s, 1ull << 47, &r), GWALK_FAULT);
	ck_assert_int_eq(probe(&s, 1ull << 56, &r), GWALK_NONCANON);
	/* Without 1 GiB pages bit 7 of a PDPTE is reserved. */
	s = long_state();
	s.page_1g = false;
	ck_assert_int_eq(probe(&s, 0xffffff8000000000ull | SIZE_1G, &r), GWALK_FAULT);
	ck_assert_uint_eq(r.error_code, PF_PRESENT | PF_RSVD);
	/* A table outside RAM. */
	*entry64(0x2000, 5) = 0x80000000ull | P;
	ck_assert_int_eq(probe(&s, 0xffffff8000000000ull | 5 * SIZE_1G | 8 * SIZE_2M, &r), GWALK_BAD_TABLE);
	ck_assert_uint_eq(r.gpa.v, 0x80000040ull);
}
END_TEST

START_TEST(reserved_long)
{
	/* level (4..1), bit, reserved for a table / small leaf, reserved for a large leaf. MAXPHYADDR 40, NXE. */
	static const u8 always[] = { 40, 45, 51 };
	struct gwalk_state s = long_state();
	struct gwalk_result r;
	u64 gva = 0x7000, *at[4];

	reset();
	for (u32 level = 4; level; level--) {
		build4(gva, P | W | U, 0x9000 | P);
		at[3] = entry64(0x1000, 0);
		at[2] = entry64(0x2000, 0);
		at[1] = entry64(0x3000, 0);
		at[0] = entry64(0x4000, 7);
		for (u32 i = 0; i < ARRAY_SIZE(always); i++) {
			*at[level - 1] |= 1ull << always[i];
			ck_assert_int_eq(probe(&s, gva, &r), GWALK_FAULT);
			ck_assert_uint_eq(r.error_code, PF_PRESENT | PF_RSVD);
			*at[level - 1] &= ~(1ull << always[i]);
		}
		/* Ignored bits are ignored: 8..11 and 52..58. */
		*at[level - 1] |= 0x07f0000000000f00ull;
		ck_assert_int_eq(probe(&s, gva, &r), GWALK_OK);
		s.efer &= ~(u64)NXE;
		*at[level - 1] |= NX;
		ck_assert_int_eq(probe(&s, gva, &r), GWALK_FAULT);
		ck_assert_uint_eq(r.error_code, PF_PRESENT | PF_RSVD);
		s.efer |= NXE;
		ck_assert_int_eq(probe(&s, gva, &r), GWALK_OK);
	}
	build4(gva, P, P);
	*at[3] |= PS;
	ck_assert_int_eq(probe(&s, gva, &r), GWALK_FAULT);
	ck_assert_uint_eq(r.error_code, PF_PRESENT | PF_RSVD);
	for (u32 bit = 13; bit < 30; bit++) {
		build4(gva, P, P);
		*at[2] = P | PS | 1ull << bit;
		ck_assert_int_eq(probe(&s, gva, &r), GWALK_FAULT);
		build4(gva, P, P);
		*at[1] = P | PS | 1ull << bit;
		ck_assert_int_eq(probe(&s, gva, &r), bit <= 20 ? GWALK_FAULT : GWALK_OK);
	}
	/* Bit 7 of a PTE is PAT. */
	build4(gva, P, 0x9000 | P | PS);
	ck_assert_int_eq(probe(&s, gva, &r), GWALK_OK);
	/* MAXPHYADDR 0 means 52. */
	s.phys_bits = 0;
	build4(gva, P, 0x9000 | P | 1ull << 51);
	ck_assert_int_eq(probe(&s, gva, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0x9000 | 1ull << 51);
}
END_TEST

START_TEST(five_levels)
{
	struct gwalk_state s = config(M5, 0x0f, 0);
	struct gwalk_result r;
	u64 gva = 0x00fe000012345678ull;

	build(M5, gva, P | W, P | W);
	ck_assert_int_eq(probe(&s, gva, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0x9678);
	*entry64(0x5000, gva >> 48 & 511) |= PS;
	ck_assert_int_eq(probe(&s, gva, &r), GWALK_FAULT);
	ck_assert_uint_eq(r.error_code, PF_PRESENT | PF_RSVD);
}
END_TEST

START_TEST(legacy_32)
{
	struct gwalk_state s = { .cr0 = CR0_PG | 1, .cr3 = 0x1fff, .cr4 = CR4_PSE, .phys_bits = 36, .mem = &mem };
	struct gwalk_result r;

	reset();
	*entry32(0x1000, 1) = 0x2000 | P | W;
	*entry32(0x2000, 2) = 0xabcde000u | P;
	*entry32(0x1000, 3) = 0x40400000u | P | PS;
	ck_assert_int_eq(probe(&s, 0x402123, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0xabcde123u);
	ck_assert_uint_eq(r.page_size, 4096);
	ck_assert_int_eq(probe(&s, 0xc12345, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0x40412345u);
	ck_assert_uint_eq(r.page_size, 4u << 20);
	ck_assert_uint_eq(r.left, (4u << 20) - 0x12345);
	/* Upper halves of a linear address do not exist. */
	ck_assert_int_eq(probe(&s, 0xffffffff00402123ull, &r), GWALK_OK);
	/* PSE-36: bits 16:13 are address bits 35:32, 21:17 reserved when MAXPHYADDR is 36. */
	*entry32(0x1000, 3) |= 0x9 << 13;
	ck_assert_int_eq(probe(&s, 0xc12345, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0x940412345ull);
	for (u32 bit = 12; bit < 22; bit++) {
		*entry32(0x1000, 3) = 0x40400000u | P | PS | 1u << bit;
		ck_assert_int_eq(probe(&s, 0xc12345, &r), bit >= 17 ? GWALK_FAULT : GWALK_OK);
	}
	s.phys_bits = 46; /* 40 bits at most */
	*entry32(0x1000, 3) = 0x40400000u | P | PS | 0xffu << 13;
	ck_assert_int_eq(probe(&s, 0xc12345, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0xff40412345ull);
	*entry32(0x1000, 3) |= 1u << 21;
	ck_assert_int_eq(probe(&s, 0xc12345, &r), GWALK_FAULT);
	ck_assert_uint_eq(r.error_code, PF_PRESENT | PF_RSVD);
	/* Without CR4.PSE bit 7 is ignored. */
	*entry32(0x1000, 3) = 0x2000 | P | PS;
	s.cr4 = 0;
	ck_assert_int_eq(probe(&s, 0xc02123, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0xabcde123u);
	ck_assert_int_eq(probe(&s, 0xc03000, &r), GWALK_FAULT);
	ck_assert_int_eq(probe(&s, 0, &r), GWALK_FAULT);
	/* Fetch without SMEP and NX: no I/D bit in the error code. */
	ck_assert_int_eq(gwalk(&s, GVA(0), GWALK_EXEC, &r), GWALK_FAULT);
	ck_assert_uint_eq(r.error_code, 0);
}
END_TEST

START_TEST(pae)
{
	struct gwalk_state s = {
		.cr0 = CR0_PG | 1, .cr3 = 0x1020, .cr4 = CR4_PAE, .efer = NXE, .phys_bits = 40, .mem = &mem
	};
	struct gwalk_result r;
	u64 pdpte[4];

	reset();
	*entry64(0x1020, 3) = 0x3000 | P;
	*entry64(0x3000, 0x1ff) = 0x4000 | P | W;
	*entry64(0x4000, 0x1ff) = 0x1200009000ull | P;
	*entry64(0x3000, 0) = 0x40200000ull | P | PS;
	ck_assert_int_eq(probe(&s, 0xfffff010, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0x1200009010ull);
	ck_assert_int_eq(probe(&s, 0xc0012345, &r), GWALK_OK);
	ck_assert_uint_eq(r.gpa.v, 0x40212345);
	ck_assert_uint_eq(r.page_size, SIZE_2M);
	ck_assert_int_eq(probe(&s, 0, &r), GWALK_FAULT);
	ck_assert_uint_eq(r.error_code, 0);
	/* Bits 62:52 are reserved here. */
	*entry64(0x4000, 0x1ff) |= 1ull << 52;
	ck_assert_int_eq(probe(&s, 0xfffff010, &r), GWALK_FAULT);
	ck_assert_uint_eq(r.error_code, PF_PRESENT | PF_RSVD);
	/* The PDPTEs as registers. */
	ck_assert_int_eq(gwalk_load_pdptes(&s, s.cr3, pdpte), GWALK_OK);
	ck_assert_uint_eq(pdpte[3], 0x3001);
	memcpy(s.pdpte, pdpte, sizeof(pdpte));
	s.have_pdptes = true;
	*entry64(0x1020, 3) = 0;
	ck_assert_int_eq(probe(&s, 0xc0012345, &r), GWALK_OK);
	s.pdpte[3] |= 2;
	ck_assert_int_eq(probe(&s, 0xc0012345, &r), GWALK_FAULT);
	ck_assert_uint_eq(r.error_code, PF_PRESENT | PF_RSVD);
	/* What MOV to CR3 refuses. */
	for (u32 bit = 1; bit < 64; bit++) {
		bool rsvd = (bit >= 1 && bit <= 2) || (bit >= 5 && bit <= 8) || bit >= 40;

		*entry64(0x1020, 2) = P | 1ull << bit;
		ck_assert_int_eq(gwalk_load_pdptes(&s, s.cr3, pdpte), rsvd ? GWALK_FAULT : GWALK_OK);
		*entry64(0x1020, 2) = 1ull << bit;
		ck_assert_int_eq(gwalk_load_pdptes(&s, s.cr3, pdpte), GWALK_OK);
	}
	ck_assert_int_eq(gwalk_load_pdptes(&s, RAM_SIZE, pdpte), GWALK_BAD_TABLE);
	s.have_pdptes = false;
	s.cr3 = RAM_SIZE;
	ck_assert_int_eq(probe(&s, 0, &r), GWALK_BAD_TABLE);
}
END_TEST

/* ---- accessed and dirty ---------------------------------------------------------------------------------------- */

START_TEST(flags_4level)
{
	struct gwalk_state s = long_state();
	struct gwalk_result r;

	reset();
	build4(0x5000, P | W | U, 0x9000 | P | W | U);
	ck_assert_int_eq(gwalk(&s, GVA(0x5000), GWALK_WRITE, &r), GWALK_OK);
	ck_assert_uint_eq(*entry64(0x4000, 5), 0x9000 | P | W | U);
	ck_assert_int_eq(gwalk(&s, GVA(0x5000), GWALK_SET_AD, &r), GWALK_OK);
	ck_assert_uint_eq(*entry64(0x1000, 0), 0x2000 | P | W | U | A);
	ck_assert_uint_eq(*entry64(0x3000, 0), 0x4000 | P | W | U | A);
	ck_assert_uint_eq(*entry64(0x4000, 5), 0x9000 | P | W | U | A);
	ck_assert_int_eq(gwalk(&s, GVA(0x5000), GWALK_SET_AD | GWALK_WRITE, &r), GWALK_OK);
	ck_assert_uint_eq(*entry64(0x3000, 0), 0x4000 | P | W | U | A);
	ck_assert_uint_eq(*entry64(0x4000, 5), 0x9000 | P | W | U | A | D);
	/* A fault sets nothing. */
	build4(0x5000, P | W, 0x9000 | P);
	ck_assert_int_eq(gwalk(&s, GVA(0x5000), GWALK_SET_AD | GWALK_WRITE, &r), GWALK_FAULT);
	ck_assert_uint_eq(*entry64(0x1000, 0), 0x2000 | P | W);
	/* PROBE ignores rights, not absence. */
	ck_assert_int_eq(gwalk(&s, GVA(0x5000), GWALK_PROBE | GWALK_WRITE, &r), GWALK_OK);
	ck_assert_int_eq(gwalk(&s, GVA(0x6000), GWALK_PROBE, &r), GWALK_FAULT);
}
END_TEST

START_TEST(flags_legacy)
{
	struct gwalk_state s = { .cr0 = CR0_PG | 1, .cr3 = 0x1000, .cr4 = CR4_PSE, .mem = &mem };
	struct gwalk_result r;

	reset();
	*entry32(0x1000, 0) = 0x2000 | P | W;
	*entry32(0x2000, 1) = 0x9000 | P | W;
	*entry32(0x2000, 2) = 0xffffffffu; /* the neighbour */
	ck_assert_int_eq(gwalk(&s, GVA(0x1000), GWALK_SET_AD | GWALK_WRITE, &r), GWALK_OK);
	ck_assert_uint_eq(*entry32(0x1000, 0), 0x2000 | P | W | A);
	ck_assert_uint_eq(*entry32(0x2000, 1), 0x9000 | P | W | A | D);
	ck_assert_uint_eq(*entry32(0x2000, 2), 0xffffffffu);
	/* PAE: the PDPTE has no flags. */
	s = (struct gwalk_state){ .cr0 = CR0_PG | 1, .cr3 = 0x5000, .cr4 = CR4_PAE, .mem = &mem };
	*entry64(0x5000, 0) = 0x6000 | P;
	*entry64(0x6000, 0) = P | W | PS;
	ck_assert_int_eq(gwalk(&s, GVA(0x1000), GWALK_SET_AD | GWALK_WRITE, &r), GWALK_OK);
	ck_assert_uint_eq(*entry64(0x5000, 0), 0x6000 | P);
	ck_assert_uint_eq(*entry64(0x6000, 0), P | W | PS | A | D);
}
END_TEST

/* A guest that changes an entry between our read and our update. */
struct racer {
	u32 races;   /* how many updates fail */
	u32 updates; /* seen */
	bool unmap;
	bool rom;
};

static int racer_read(void *ctx, gpa_t gpa, u64 *entry, u32 size)
{
	(void)ctx;
	ck_assert(IS_ALIGNED(gpa.v, size));
	*entry = 0;
	return gmem_read(&mem, gpa, entry, size);
}

static int racer_cmpxchg(void *ctx, gpa_t gpa, u64 old, u64 new_value, u32 size)
{
	struct racer *x = ctx;
	u64 now = 0;

	x->updates++;
	if (x->rom)
		return ERR_FAULT;
	if (x->races) {
		x->races--;
		if (x->unmap)
			*entry64(0x4000, 5) = 0;
		return ERR_BUSY;
	}
	ck_assert_int_eq(gmem_read(&mem, gpa, &now, size), OK);
	ck_assert_uint_eq(now, old);
	return gmem_write(&mem, gpa, &new_value, size);
}

START_TEST(races)
{
	struct racer x = { .races = 3 };
	struct gwalk_ops ops = { &x, racer_read, racer_cmpxchg };
	struct gwalk_state s = long_state();
	struct gwalk_result r;

	s.mem = NULL;
	s.ops = &ops;
	reset();
	build4(0x5000, P | W, 0x9000 | P | W);
	ck_assert_int_eq(gwalk(&s, GVA(0x5000), GWALK_SET_AD | GWALK_WRITE, &r), GWALK_OK);
	ck_assert_uint_eq(*entry64(0x4000, 5), 0x9000 | P | W | A | D);
	ck_assert_uint_eq(x.updates, 3 + 4);
	/* Forever: gives up. */
	build4(0x5000, P | W, 0x9000 | P | W);
	x = (struct racer){ .races = ~0u };
	ck_assert_int_eq(gwalk(&s, GVA(0x5000), GWALK_SET_AD, &r), GWALK_RETRY);
	ck_assert_uint_lt(x.updates, 20);
	/* Unmapped meanwhile: the second look faults. */
	x = (struct racer){ .races = 1, .unmap = true };
	ck_assert_int_eq(gwalk(&s, GVA(0x5000), GWALK_SET_AD, &r), GWALK_FAULT);
	ck_assert_uint_eq(r.error_code, 0);
	/* Tables in ROM: the flag cannot be set, the access works. */
	build4(0x5000, P | W, 0x9000 | P | W);
	x = (struct racer){ .rom = true };
	ck_assert_int_eq(gwalk(&s, GVA(0x5000), GWALK_SET_AD, &r), GWALK_OK);
	ck_assert_uint_eq(x.updates, 4);
}
END_TEST

START_TEST(copies)
{
	struct gwalk_state s = long_state();
	struct gwalk_result r;
	u8 buf[4096], back[4096];

	reset();
	build4(0x5000, P | W, 0x9000 | P | W);
	*entry64(0x4000, 6) = 0x20000 | P | W;
	*entry64(0x4000, 7) = 0x1000000 | P | W; /* not RAM */
	for (u32 i = 0; i < sizeof(buf); i++)
		buf[i] = (u8)(i * 7);
	ck_assert_int_eq(gwalk_write(&s, GVA(0x5f00), buf, 4096, 0, &r), GWALK_OK);
	ck_assert_int_eq(memcmp(ram + 0x9f00, buf, 0x100), 0);
	ck_assert_int_eq(memcmp(ram + 0x20000, buf + 0x100, 0xf00), 0);
	ck_assert_uint_eq(*entry64(0x4000, 6), 0x20000 | P | W | A | D);
	ck_assert_int_eq(gwalk_read(&s, GVA(0x5f00), back, 4096, 0, &r), GWALK_OK);
	ck_assert_int_eq(memcmp(back, buf, 4096), 0);
	ck_assert_int_eq(gwalk_read(&s, GVA(0x5ffe), back, 2, GWALK_EXEC, &r), GWALK_OK);
	/* The second page is bad: nothing moves, and its address is the one reported. */
	memset(back, 0, sizeof(back));
	ck_assert_int_eq(gwalk_read(&s, GVA(0x7ffc - 0x1000), back, 8, 0, &r), GWALK_BAD_TABLE);
	ck_assert_uint_eq(r.gpa.v, 0x1000000);
	ck_assert_uint_eq(back[0], 0);
	ram[0x20fff] = 0x55;
	ck_assert_int_eq(gwalk_write(&s, GVA(0x6fff), buf, 2, 0, &r), GWALK_BAD_TABLE);
	ck_assert_uint_eq(ram[0x20fff], 0x55);
	ck_assert_int_eq(gwalk_read(&s, GVA(0x4fff), back, 2, 0, &r), GWALK_FAULT);
	ck_assert_uint_eq(r.cr2, 0x4fff);
	ck_assert_int_eq(gwalk_read(&s, GVA(0x5000), back, 4097, 0, &r), GWALK_BAD_TABLE);
	ck_assert_int_eq(gwalk_write(&s, GVA(0x5000), buf, 4097, 0, &r), GWALK_BAD_TABLE);
	ck_assert_int_eq(gwalk_read(&s, GVA(0x5000), back, 0, 0, &r), GWALK_OK);
	/* Over the top of the address space. */
	ck_assert_int_eq(gwalk_read(&s, GVA(~0ull), back, 2, 0, &r), GWALK_FAULT);
}
END_TEST

/* SUITE_MAIN has no loop tests: one wrapper per mode. */
#define MATRIX(name, mode)               \
	START_TEST(name)                 \
	{                                \
		permission_matrix(mode); \
	}                                \
	END_TEST
MATRIX(matrix_32, M32)
MATRIX(matrix_pae, MPAE)
MATRIX(matrix_4level, M4)
MATRIX(matrix_5level, M5)

SUITE_MAIN("gwalk", matrix_32, matrix_pae, matrix_4level, matrix_5level, paging_off, long_sizes, reserved_long,
           five_levels, legacy_32, pae, flags_4level, flags_legacy, races, copies)
