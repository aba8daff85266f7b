/* Control and debug register rules: one table of writes per register. */
#include "quick_check.h"
#include <stdlib.h>

#include "fake_cpu.h"
#include "vmm/policy/crs.h"

static struct crs_caps caps;
static const struct cpuid_host skylake = { fake_cpuid, NULL };

#define PROT   (CR0_PE | CR0_ET)
#define PAGING (CR0_PE | CR0_ET | CR0_PG)
#define LONG   (EFER_LME | EFER_LMA)

static void setup(void)
{
	struct cpuid_guest_cfg cfg = fake_guest();
	struct cpuid_table t;

	ck_assert_int_eq(cpuid_build(&t, &skylake, &cfg), OK);
	crs_caps_init(&caps, &t);
}

START_TEST(caps_from_cpuid)
{
	struct cpuid_guest_cfg cfg = fake_guest();
	struct cpuid_table t;

	/* VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT, FSGSBASE PCIDE OSXSAVE, SMEP SMAP PKE */
	ck_assert_uint_eq(caps.cr4, 0x7707ff);
	ck_assert_uint_eq(caps.efer, 0xd01);
	ck_assert_uint_eq(caps.xcr0, 0x2e7);
	ck_assert_uint_eq(caps.phys_bits, 46);
	cfg.disable.w[CPUID_W_81_EDX] = ~0u;
	cfg.disable.w[CPUID_W_1_ECX] = 1u << 26;
	ck_assert_int_eq(cpuid_build(&t, &skylake, &cfg), OK);
	crs_caps_init(&caps, &t);
	ck_assert_uint_eq(caps.efer, 0);
	ck_assert_uint_eq(caps.cr4 & (CR4_OSXSAVE | CR4_PKE | CR4_PCIDE), 0);
}
END_TEST

static const struct {
	struct crs_state old;
	u64 val;
	enum crs_result r;
	u64 value, efer;
	u32 todo;
} cr0_table[] = {
	/* Upper half; combinations that never are */
	{ { .cr0 = PROT }, PROT | BIT(32), CRS_GP, 0, 0, 0 },
	{ { .cr0 = CR0_ET }, CR0_PG, CRS_GP, 0, 0, 0 },
	{ { .cr0 = PROT }, PROT | CR0_NW, CRS_GP, 0, 0, 0 },
	{ { .cr0 = PROT }, PROT | CR0_NW | CR0_CD, CRS_OK, PROT | CR0_NW | CR0_CD, 0, 0 },
	/* Reserved bits below 32 are ignored, ET stays */
	{ { .cr0 = CR0_ET }, 0x1ffaffc0, CRS_OK, CR0_ET, 0, 0 },
	{ { .cr0 = CR0_ET }, CR0_PE, CRS_OK, PROT, 0, 0 },
	/* 32-bit paging on and off */
	{ { .cr0 = PROT }, PAGING, CRS_OK, PAGING, 0, 0 },
	{ { .cr0 = PAGING }, PROT, CRS_OK, PROT, 0, CRS_DO_FLUSH },
	{ { .cr0 = PAGING }, PAGING | CR0_WP, CRS_OK, PAGING | CR0_WP, 0, 0 },
	/* PAE: on, cache bits, others */
	{ { .cr0 = PROT, .cr4 = CR4_PAE }, PAGING, CRS_OK, PAGING, 0, CRS_DO_PDPTES },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE }, PAGING | CR0_CD, CRS_OK, PAGING | CR0_CD, 0, CRS_DO_PDPTES },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE }, PAGING | CR0_TS, CRS_OK, PAGING | CR0_TS, 0, 0 },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE }, PROT, CRS_OK, PROT, 0, CRS_DO_FLUSH },
	/* IA-32e mode: on */
	{ { .cr0 = PROT, .cr4 = CR4_PAE, .efer = EFER_LME }, PAGING, CRS_OK, PAGING, LONG, CRS_DO_EFER },
	{ { .cr0 = PROT, .efer = EFER_LME }, PAGING, CRS_GP, 0, 0, 0 },
	{ { .cr0 = PROT, .cr4 = CR4_PAE, .efer = EFER_LME, .cs_l = true }, PAGING, CRS_GP, 0, 0, 0 },
	{ { .cr0 = PROT, .cr4 = CR4_PAE, .efer = EFER_LME, .tss16 = true }, PAGING, CRS_GP, 0, 0, 0 },
	/* and off */
	{ { .cr0 = PAGING, .cr4 = CR4_PAE, .efer = LONG }, PROT, CRS_OK, PROT, EFER_LME, CRS_DO_EFER | CRS_DO_FLUSH },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE, .efer = LONG, .cs_l = true }, PROT, CRS_GP, 0, 0, 0 },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE | CR4_PCIDE, .efer = LONG }, PROT, CRS_GP, 0, 0, 0 },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE, .efer = LONG }, PAGING | CR0_CD, CRS_OK, PAGING | CR0_CD, LONG, 0 },
};

START_TEST(cr0_write)
{
	struct crs_out out = { 0 };
	enum crs_result r = crs_cr0_write(&caps, &cr0_table[_i].old, cr0_table[_i].val, &out);

	ck_assert_int_eq(r, cr0_table[_i].r);
	if (r != CRS_OK)
		return;
	ck_assert_uint_eq(out.value, cr0_table[_i].value);
	ck_assert_uint_eq(out.efer, cr0_table[_i].efer);
	ck_assert_uint_eq(out.todo, cr0_table[_i].todo);
}
END_TEST

static const struct {
	struct crs_state old;
	u64 val;
	enum crs_result r;
	u32 todo;
} cr4_table[] = {
	{ { .cr0 = PROT }, CR4_PAE | CR4_PSE, CRS_OK, CRS_DO_FLUSH },
	{ { .cr0 = PROT }, CR4_MCE | CR4_OSFXSR, CRS_OK, 0 },
	{ { .cr0 = PROT }, CR4_VMXE, CRS_GP, 0 },
	{ { .cr0 = PROT }, CR4_SMXE, CRS_GP, 0 },
	{ { .cr0 = PROT }, CR4_UMIP, CRS_GP, 0 }, /* this processor has none */
	{ { .cr0 = PROT }, CR4_LA57, CRS_GP, 0 },
	{ { .cr0 = PROT }, BIT(15), CRS_GP, 0 },
	{ { .cr0 = PROT }, BIT(23), CRS_GP, 0 },
	{ { .cr0 = PROT }, BIT(63), CRS_GP, 0 },
	{ { .cr0 = PAGING }, CR4_PAE, CRS_OK, CRS_DO_FLUSH | CRS_DO_PDPTES },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE }, 0, CRS_OK, CRS_DO_FLUSH },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE }, CR4_PAE | CR4_SMEP, CRS_OK, CRS_DO_FLUSH | CRS_DO_PDPTES },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE | CR4_SMEP }, CR4_PAE, CRS_OK, CRS_DO_PDPTES },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE }, CR4_PAE | CR4_SMAP, CRS_OK, 0 },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE, .efer = LONG }, 0, CRS_GP, 0 },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE, .efer = LONG }, CR4_PAE | CR4_PGE, CRS_OK, CRS_DO_FLUSH },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE, .efer = LONG }, CR4_PAE | CR4_PCIDE, CRS_OK, 0 },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE, .efer = LONG, .cr3 = 0x1018 }, CR4_PAE | CR4_PCIDE, CRS_GP, 0 },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE }, CR4_PAE | CR4_PCIDE, CRS_GP, 0 },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE | CR4_PCIDE, .efer = LONG, .cr3 = 5 }, CR4_PAE, CRS_OK, CRS_DO_FLUSH },
	{ { .cr0 = PAGING, .cr4 = CR4_PAE | CR4_PCIDE, .efer = LONG, .cr3 = 5 },
	  CR4_PAE | CR4_PCIDE | CR4_OSXSAVE,
	  CRS_OK,
	  0 },
};

START_TEST(cr4_write)
{
	struct crs_out out = { 0 };
	enum crs_result r = crs_cr4_write(&caps, &cr4_table[_i].old, cr4_table[_i].val, &out);

	ck_assert_int_eq(r, cr4_table[_i].r);
	if (r != CRS_OK)
		return;
	ck_assert_uint_eq(out.value, cr4_table[_i].val);
	ck_assert_uint_eq(out.efer, cr4_table[_i].old.efer);
	ck_assert_uint_eq(out.todo, cr4_table[_i].todo);
}
END_TEST

START_TEST(la57_is_fixed_in_long_mode)
{
	struct crs_state s = { .cr0 = PAGING, .cr4 = CR4_PAE, .efer = LONG };
	struct crs_out out;

	caps.cr4 |= CR4_LA57;
	ck_assert_int_eq(crs_cr4_write(&caps, &s, CR4_PAE | CR4_LA57, &out), CRS_GP);
	s.efer = EFER_LME;
	s.cr0 = PROT;
	ck_assert_int_eq(crs_cr4_write(&caps, &s, CR4_PAE | CR4_LA57, &out), CRS_OK);
	ck_assert(crs_cr4_mask(&caps) & CR4_LA57);
}
END_TEST

START_TEST(cr3_and_cr8)
{
	struct crs_state s = { .cr0 = PAGING, .cr4 = CR4_PAE, .efer = LONG };
	struct crs_out out;

	ck_assert_int_eq(crs_cr3_write(&caps, &s, 0x3ffffffff000, &out), CRS_OK);
	ck_assert_uint_eq(out.value, 0x3ffffffff000);
	ck_assert_uint_eq(out.todo, CRS_DO_FLUSH);
	ck_assert_int_eq(crs_cr3_write(&caps, &s, 0x400000000000, &out), CRS_GP);
	ck_assert_int_eq(crs_cr3_write(&caps, &s, BIT(63) | 0x1000, &out), CRS_GP);
	s.cr4 |= CR4_PCIDE;
	ck_assert_int_eq(crs_cr3_write(&caps, &s, BIT(63) | 0x1001, &out), CRS_OK);
	ck_assert_uint_eq(out.value, 0x1001);
	ck_assert_uint_eq(out.todo, 0);
	s = (struct crs_state){ .cr0 = PAGING, .cr4 = CR4_PAE };
	ck_assert_int_eq(crs_cr3_write(&caps, &s, 0xffffffff, &out), CRS_OK);
	ck_assert_uint_eq(out.todo, CRS_DO_FLUSH | CRS_DO_PDPTES);

	ck_assert_int_eq(crs_cr8_write(15), CRS_OK);
	ck_assert_int_eq(crs_cr8_write(16), CRS_GP);
	ck_assert_int_eq(crs_cr8_write(BIT(63)), CRS_GP);

	ck_assert(crs_pdpte_valid(&caps, 0x1009));
	ck_assert(crs_pdpte_valid(&caps, 0xfffffffffffffffe));
	ck_assert(!crs_pdpte_valid(&caps, 0x1003));
	ck_assert(!crs_pdpte_valid(&caps, BIT(63) | 1));
	ck_assert(!crs_pdpte_valid(&caps, BIT(46) | 1));
}
END_TEST

START_TEST(lmsw)
{
	ck_assert_uint_eq(crs_lmsw(CR0_ET, 0xffff), CR0_ET | 0xf);
	ck_assert_uint_eq(crs_lmsw(PAGING | CR0_TS, 0), PAGING);
	ck_assert_uint_eq(crs_lmsw(PAGING | CR0_WP, 2), PAGING | CR0_WP | CR0_MP);
}
END_TEST

START_TEST(efer_write)
{
	struct crs_state on = { .cr0 = PAGING, .cr4 = CR4_PAE, .efer = LONG }, off = { .cr0 = PROT };
	u64 e;

	ck_assert_int_eq(crs_efer_write(&caps, &off, EFER_LME | EFER_NXE | EFER_SCE, &e), CRS_OK);
	ck_assert_uint_eq(e, EFER_LME | EFER_NXE | EFER_SCE);
	/* LMA is not written */
	ck_assert_int_eq(crs_efer_write(&caps, &off, LONG, &e), CRS_OK);
	ck_assert_uint_eq(e, EFER_LME);
	ck_assert_int_eq(crs_efer_write(&caps, &on, EFER_LME | EFER_SCE, &e), CRS_OK);
	ck_assert_uint_eq(e, LONG | EFER_SCE);
	/* LME is fixed while paging */
	ck_assert_int_eq(crs_efer_write(&caps, &on, 0, &e), CRS_GP);
	on.efer = 0;
	ck_assert_int_eq(crs_efer_write(&caps, &on, EFER_LME, &e), CRS_GP);
	for (u32 i = 0; i < 64; i++)
		if (!((EFER_SCE | LONG | EFER_NXE) >> i & 1))
			ck_assert_int_eq(crs_efer_write(&caps, &off, BIT(i), &e), CRS_GP);
	caps.efer &= ~EFER_NXE;
	ck_assert_int_eq(crs_efer_write(&caps, &off, EFER_NXE, &e), CRS_GP);
}
END_TEST

START_TEST(xcr0_write)
{
	static const struct {
		u64 val;
		enum crs_result r;
	} w[] = {
		{ 1, CRS_OK },       { 3, CRS_OK },    { 7, CRS_OK },    { 0xe7, CRS_OK },  { 0x2e7, CRS_OK },
		{ 0x201, CRS_OK },   { 0, CRS_GP },    { 2, CRS_GP },    { 5, CRS_GP },     { 0x27, CRS_GP },
		{ 0xe3, CRS_GP },    { 0x1f, CRS_GP }, { 0x9, CRS_GP },  { 0x107, CRS_GP }, { BIT(63) | 1, CRS_GP },
		{ 0x60007, CRS_GP }, { 0x67, CRS_GP }, { 0xc7, CRS_GP }, { 0xe5, CRS_GP },
	};

	for (u32 i = 0; i < ARRAY_SIZE(w); i++)
		ck_assert_msg(crs_xcr_write(&caps, 0, w[i].val) == w[i].r, "%llx", (unsigned long long)w[i].val);
	ck_assert_int_eq(crs_xcr_write(&caps, 1, 1), CRS_GP);
	caps.xcr0 |= XCR0_BNDREGS | XCR0_BNDCSR;
	ck_assert_int_eq(crs_xcr_write(&caps, 0, 0x1f), CRS_OK);
	ck_assert_int_eq(crs_xcr_write(&caps, 0, 0xf), CRS_GP);
	ck_assert_int_eq(crs_xss_write(&caps, 0), CRS_OK);
	ck_assert_int_eq(crs_xss_write(&caps, 0x100), CRS_GP);
}
END_TEST

START_TEST(debug_registers)
{
	static const struct {
		u64 cr4;
		u32 dr;
		u64 val;
		enum crs_result r;
		u32 reg;
		u64 held;
	} w[] = {
		{ 0, 0, ~0ull, CRS_OK, 0, ~0ull },
		{ CR4_DE, 3, 0x123456789abcdef0, CRS_OK, 3, 0x123456789abcdef0 },
		{ CR4_DE, 4, 0, CRS_UD, 0, 0 },
		{ CR4_DE, 5, 0, CRS_UD, 0, 0 },
		{ 0, 4, 0, CRS_OK, 6, 0xffff0ff0 },
		{ 0, 5, 0, CRS_OK, 7, 0x400 },
		{ 0, 6, 0xffffffff, CRS_OK, 6, 0xffffefff },
		{ 0, 6, BIT(32), CRS_GP, 0, 0 },
		{ 0, 7, 0xffffffff, CRS_OK, 7, 0xffff27ff },
		{ 0, 7, BIT(63), CRS_GP, 0, 0 },
	};
	u32 dr = 5;

	for (u32 i = 0; i < ARRAY_SIZE(w); i++) {
		u32 reg = w[i].dr;
		u64 val = w[i].val;

		ck_assert_int_eq(crs_dr_write(w[i].cr4, &reg, &val), w[i].r);
		if (w[i].r != CRS_OK)
			continue;
		ck_assert_uint_eq(reg, w[i].reg);
		ck_assert_uint_eq(val, w[i].held);
	}
	ck_assert_int_eq(crs_dr_read(0, &dr), CRS_OK);
	ck_assert_uint_eq(dr, 7);
	ck_assert_int_eq(crs_dr_read(CR4_DE, &dr), CRS_OK);
	dr = 4;
	ck_assert_int_eq(crs_dr_read(CR4_DE, &dr), CRS_UD);
}
END_TEST

START_TEST(masks)
{
	/* The usual fixed bits: PE, NE and PG in CR0, VMXE in CR4. */
	const struct crs_fixed f = { 0x80000021, 0xffffffff, 0x2000, 0x3727ff };
	u64 m0 = crs_cr0_mask(), m4 = crs_cr4_mask(&caps), real;

	ck_assert_uint_eq(~m0, CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM);
	ck_assert_uint_eq(~m4, caps.cr4 & ~CR4_MCE);
	real = crs_cr0_real(&f, CR0_CD | CR0_NW | CR0_ET);
	ck_assert_uint_eq(real, CR0_ET | CR0_NE);
	ck_assert_uint_eq(crs_visible(real | CR0_TS, CR0_CD | CR0_NW | CR0_ET, m0),
	                  CR0_CD | CR0_NW | CR0_ET | CR0_TS);
	real = crs_cr4_real(&f, CR4_PAE);
	ck_assert_uint_eq(real, CR4_PAE | CR4_VMXE | CR4_MCE);
	ck_assert_uint_eq(crs_visible(real, CR4_PAE, m4), CR4_PAE);
}
END_TEST

START_TEST(whole_state)
{
	struct crs_state good = { .cr0 = PAGING, .cr4 = CR4_PAE, .efer = LONG, .cr3 = 0x1000, .cs_l = true }, s;

	ck_assert(crs_state_valid(&caps, &good));
	s = (struct crs_state){ .cr0 = CR0_ET };
	ck_assert(crs_state_valid(&caps, &s));
#define BAD(field, v)                                   \
	do {                                            \
		s = good;                               \
		s.field = (v);                          \
		ck_assert(!crs_state_valid(&caps, &s)); \
	} while (0)
	BAD(cr0, PROT);
	BAD(cr0, CR0_PG);
	BAD(cr0, PAGING | CR0_NW);
	BAD(cr0, PAGING | BIT(33));
	BAD(cr4, 0);
	BAD(cr4, CR4_PAE | CR4_VMXE);
	BAD(efer, EFER_LME);
	BAD(efer, EFER_LMA);
	BAD(efer, LONG | BIT(1));
	BAD(efer, 0);
	BAD(cr3, BIT(46));
	BAD(tss16, true);
}
END_TEST

START_TEST(canonical)
{
	ck_assert(crs_canonical(0x7fffffffffff, 48) && crs_canonical(0xffff800000000000, 48));
	ck_assert(!crs_canonical(0x800000000000, 48) && !crs_canonical(0xaaaaaaaaaaaaaaaa, 48));
	ck_assert(crs_canonical(0x800000000000, 57) && !crs_canonical(0x100000000000000, 57));
}
END_TEST

START_TEST(breakpoints)
{
	const u64 dr[4] = { 0x1003, 0x2002, 0x3008, 0x60 };
	/* 0: write, 4 bytes; 1: read/write, 2 bytes; 2: read/write, 8 bytes, local and global; 3: I/O, 1 byte */
	const u64 dr7 = DR7_INIT | 0x01 | 0x08 | 0x30 | 0x40 | 1ull << 16 | 3ull << 18 | 3ull << 20 | 1ull << 22 |
	                3ull << 24 | 2ull << 26 | 2ull << 28;
	static const struct {
		enum crs_access what;
		u64 addr;
		u32 len, hits;
	} t[] = {
		{ CRS_ACCESS_WRITE, 0x1000, 1, 1 }, /* addresses are aligned down to the length */
		{ CRS_ACCESS_WRITE, 0x1003, 1, 1 }, { CRS_ACCESS_WRITE, 0x1004, 4, 0 },
		{ CRS_ACCESS_WRITE, 0xffd, 4, 1 },  { CRS_ACCESS_WRITE, 0xffc, 4, 0 },
		{ CRS_ACCESS_READ, 0x1000, 4, 0 },  { CRS_ACCESS_READ, 0x2003, 1, 2 },
		{ CRS_ACCESS_WRITE, 0x2000, 2, 0 }, { CRS_ACCESS_READ, 0x2004, 1, 0 },
		{ CRS_ACCESS_READ, 0x300f, 1, 4 },  { CRS_ACCESS_READ, 0x3010, 8, 0 },
		{ CRS_ACCESS_READ, 0x60, 1, 0 },    { CRS_ACCESS_IO, 0x60, 1, 8 },
		{ CRS_ACCESS_IO, 0x5e, 4, 8 },      { CRS_ACCESS_IO, 0x61, 4, 0 },
		{ CRS_ACCESS_IO, 0x1000, 4, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		ck_assert_msg(crs_breakpoints(dr7, dr, true, t[i].what, t[i].addr, t[i].len) == t[i].hits, "case %zu",
		              i);
	ck_assert_uint_eq(crs_breakpoints(dr7, dr, false, CRS_ACCESS_IO, 0x60, 1), 0);
	ck_assert_uint_eq(crs_breakpoints(dr7 & ~DR7_ENABLED, dr, true, CRS_ACCESS_WRITE, 0x1000, 1), 0);
	ck_assert_uint_eq(crs_breakpoints(dr7, dr, true, CRS_ACCESS_WRITE, ~0ull, 8), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("crs");
	TCase *tc = tcase_create("crs");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, caps_from_cpuid);
	tcase_add_loop_test(tc, cr0_write, 0, ARRAY_SIZE(cr0_table));
	tcase_add_loop_test(tc, cr4_write, 0, ARRAY_SIZE(cr4_table));
	tcase_add_test(tc, la57_is_fixed_in_long_mode);
	tcase_add_test(tc, cr3_and_cr8);
	tcase_add_test(tc, lmsw);
	tcase_add_test(tc, efer_write);
	tcase_add_test(tc, xcr0_write);
	tcase_add_test(tc, debug_registers);
	tcase_add_test(tc, breakpoints);
	tcase_add_test(tc, masks);
	tcase_add_test(tc, whole_state);
	tcase_add_test(tc, canonical);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
