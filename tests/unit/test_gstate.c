/* States of a guest's processor: what is right, every rule broken once, the list against the VMCS table. */
#include "gstate_rules.h"

#include "arch/x86/vmx/vmcs_fields.h"
#include "suite.h"

static struct gstate_guest guest;

static void setup_guest(void)
{
	gstate_guest_init(&guest, NULL, true);
}

/* The field of this name ("vectoring.info": of a group's first element). */
static void *field_at(const struct state_desc *d, void *state, const char *name, u32 *size)
{
	for (u32 i = 0; i < d->nr; i++) {
		const struct state_field *f = &d->fields[i];
		size_t len = strlen(f->name);

		if (strncmp(name, f->name, len))
			continue;
		if (f->type == STATE_GROUP && name[len] == '.')
			return field_at(f->group, (u8 *)state + f->offset, name + len + 1, size);
		*size = f->size;
		if (!name[len])
			return (u8 *)state + f->offset;
	}
	ck_abort_msg("no field %s", name);
	return NULL;
}

static void set(struct gstate *s, const char *name, u64 val)
{
	u32 size;
	void *p = field_at(&gstate_desc, s, name, &size);

	memcpy(p, &val, size);
}

static bool valid(const struct gstate *s, struct state_check *c)
{
	*c = (struct state_check){ 0 };
	return gstate_valid(s, &guest.limits, c);
}

START_TEST(samples_are_valid)
{
	struct state_check c = { 0 };
	struct gstate s;

	setup_guest();
	gstate_samples[_i](&s);
	ck_assert_msg(valid(&s, &c), "%s %lx %s", c.field, c.value, c.reason);
	ck_assert(gstate_entry_valid(&s, &guest.limits, &c));
	ck_assert_ptr_null(c.field);
	/* Canonical already. */
	{
		struct gstate tidy = s;

		gstate_tidy(&tidy);
		ck_assert(!memcmp(&tidy, &s, sizeof(s)));
	}
}
END_TEST

/* ---- every rule, broken once ---- */

START_TEST(rule)
{
	const struct rule *r = &rules[_i];
	struct state_check c;
	struct gstate s;
	bool ok;

	setup_guest();
	r->sample(&s);
	set(&s, r->name, r->val);
	if (r->name2)
		set(&s, r->name2, r->val2);
	ok = valid(&s, &c);
	if (!r->refused) {
		ck_assert_msg(ok, "rule %d: %s %lx %s", _i, c.field, c.value, c.reason);
		return;
	}
	ck_assert_msg(!ok, "rule %d: %s = %lx passes", _i, r->name, r->val);
	ck_assert_msg(!strcmp(c.field, r->refused), "rule %d: %s %lx %s", _i, c.field, c.value, c.reason);
	ck_assert_ptr_nonnull(c.reason);
	/* What is told is the field's value. */
	{
		u32 size;
		u64 val = 0;

		memcpy(&val, field_at(&gstate_desc, &s, r->refused, &size), sizeof(u8));
		ck_assert_uint_eq(c.value & 0xff, val);
	}
}
END_TEST

/* What depends on the guest's CPU. */
START_TEST(other_guests)
{
	struct cpuid_mask off = { 0 };
	struct state_check c;
	struct gstate s;

	off.w[CPUID_W_1_ECX] = 1u << CPUID_FEAT_XSAVE % 32;
	off.w[CPUID_W_81_EDX] = 1u << CPUID_FEAT_RDTSCP % 32;
	gstate_guest_init(&guest, &off, false);
	sample_reset(&s);
	s.run = GSTATE_WAIT_SIPI;
	ck_assert(valid(&s, &c));
	s.tsc_aux = 1;
	ck_assert(!valid(&s, &c));
	ck_assert_str_eq(c.field, "tsc_aux");
	s.tsc_aux = 0;
	s.xcr0 = 3;
	ck_assert(!valid(&s, &c));
	ck_assert_str_eq(c.field, "xcr0");
	sample_long(&s);
	ck_assert(!valid(&s, &c));
	ck_assert_str_eq(c.field, "cr4");

	/* RTM, and addresses of 57 bits on a processor that has them. */
	setup_guest();
	sample_long(&s);
	s.gs_base = BIT(55);
	guest.limits.linear_bits = 57;
	ck_assert(valid(&s, &c));
	guest.cpuid.basic[7].ebx |= 1u << CPUID_FEAT_RTM % 32;
	s.pending_debug = PENDING_DEBUG_RTM | PENDING_DEBUG_ENABLED_BP;
	ck_assert(valid(&s, &c));
	s.interruptibility = INTERRUPTIBILITY_MOV_SS;
	ck_assert(!valid(&s, &c));
	s.interruptibility = 0;
	s.pending_debug |= 1;
	ck_assert(!valid(&s, &c));
}
END_TEST

/* The rules of VM entry that the choice of events otherwise keeps. */
START_TEST(entry)
{
	static const struct {
		u32 activity, info;
		bool ok;
	} wakes[] = {
		{ ACTIVITY_ACTIVE, EXC | 6, true },
		{ ACTIVITY_HLT, EXT | 0x20, true },
		{ ACTIVITY_HLT, INTR_INFO_VALID | INTR_INFO_NMI | 2, true },
		{ ACTIVITY_HLT, EXC | 1, true },
		{ ACTIVITY_HLT, EXC | 18, true },
		{ ACTIVITY_HLT, EXC | 6, false },
		{ ACTIVITY_SHUTDOWN, INTR_INFO_VALID | INTR_INFO_NMI | 2, true },
		{ ACTIVITY_SHUTDOWN, EXC | 18, true },
		{ ACTIVITY_SHUTDOWN, EXT | 0x20, false },
		{ ACTIVITY_WAIT_SIPI, INTR_INFO_VALID | INTR_INFO_NMI | 2, false },
	};
	struct state_check c = { 0 };
	struct gstate s;

	setup_guest();
	for (u32 i = 0; i < ARRAY_SIZE(wakes); i++) {
		sample_long(&s);
		s.activity = wakes[i].activity;
		s.exception[0].info = wakes[i].info;
		ck_assert_int_eq(gstate_entry_valid(&s, &guest.limits, &c), wakes[i].ok);
	}
	sample_long(&s);
	s.interruptibility = INTERRUPTIBILITY_STI;
	s.vectoring[0].info = EXT | 0x20;
	ck_assert(!gstate_entry_valid(&s, &guest.limits, &c));
	ck_assert_str_eq(c.field, "interruptibility");
	s.interruptibility = INTERRUPTIBILITY_NMI;
	ck_assert(gstate_entry_valid(&s, &guest.limits, &c));
	s.vectoring[0].info = INTR_INFO_VALID | INTR_INFO_NMI | 2;
	ck_assert(!gstate_entry_valid(&s, &guest.limits, &c));
	ck_assert_str_eq(c.field, "interruptibility");
	s.vectoring[0].info = EXT;
	s.rflags = 2;
	ck_assert(!gstate_entry_valid(&s, &guest.limits, &c));
	ck_assert_str_eq(c.field, "rflags");
	s.vectoring[0].info = EXC | 6;
	ck_assert(gstate_entry_valid(&s, &guest.limits, &c));
	s.rflags = 0x202;
	s.interruptibility = INTERRUPTIBILITY_STI;
	ck_assert(gstate_entry_valid(&s, &guest.limits, &c));
	s.vectoring[0].info = EXC | 31;
	ck_assert(!gstate_entry_valid(&s, &guest.limits, &c));
	ck_assert_str_eq(c.field, "vectoring.info");
}
END_TEST

/* Rules of VM entry behind which gstate_valid() has a narrower one. */
START_TEST(entry_alone)
{
	static const struct {
		gstate_sample *sample;
		const char *name;
		u64 val;
		u32 interruptibility;
		bool ok;
	} changes[] = {
		{ sample_long, "dr7", DR7_INIT | BIT(32), 0, false },
		{ sample_long, "dr7", 0, 0, true },
		{ sample_long, "dr6", 0, 0, true },
		{ sample_long, "lstar", BIT(47), 0, true },
		{ sample_long, "activity", ACTIVITY_WAIT_SIPI, 0, true },
		{ sample_long, "activity", ACTIVITY_WAIT_SIPI + 1, 0, false },
		{ sample_long, "activity", ACTIVITY_HLT, 0, true },
		{ sample_long, "activity", ACTIVITY_HLT, INTERRUPTIBILITY_STI, false },
		{ sample_long, "activity", ACTIVITY_SHUTDOWN, INTERRUPTIBILITY_MOV_SS, false },
		{ sample_user, "activity", ACTIVITY_HLT, 0, false },
		{ sample_user, "activity", ACTIVITY_SHUTDOWN, 0, true },
	};
	struct state_check c = { 0 };
	struct gstate s;

	setup_guest();
	for (u32 i = 0; i < ARRAY_SIZE(changes); i++) {
		changes[i].sample(&s);
		s.vectoring[0].info = 0;
		set(&s, changes[i].name, changes[i].val);
		s.interruptibility = changes[i].interruptibility;
		ck_assert_msg(gstate_entry_valid(&s, &guest.limits, &c) == changes[i].ok, "%s %lx: %s",
		              changes[i].name, changes[i].val, c.reason);
		if (!changes[i].ok)
			ck_assert_str_eq(c.field, changes[i].name);
	}
}
END_TEST

START_TEST(tidy)
{
	struct gstate s;

	sample_pae(&s);
	s.vectoring[0] = (struct inject_event){ EXC | INTR_INFO_NMI_UNBLOCKED | 6, 5, 3 };
	s.exception[0] = (struct inject_event){ 13, 5, 3 };
	s.sipi_vector = 9;
	gstate_tidy(&s);
	ck_assert_uint_eq(s.pdpte0, 0x1001);
	ck_assert_uint_eq(s.vectoring[0].info, EXC | 6);
	ck_assert_uint_eq(s.vectoring[0].error | s.vectoring[0].insn_len, 0);
	ck_assert_uint_eq(s.exception[0].info | s.exception[0].error | s.exception[0].insn_len, 0);
	ck_assert_uint_eq(s.sipi_vector, 0);
	s.vectoring[0] = (struct inject_event){ EXC | INTR_INFO_ERROR_CODE | 14, 5, 3 };
	s.exception[0] = (struct inject_event){ INTR_INFO_VALID | INTR_INFO_SW_INTERRUPT | 3, 5, 3 };
	s.cr0 = CR0_ET;
	gstate_tidy(&s);
	ck_assert_uint_eq(s.vectoring[0].error, 5);
	ck_assert_uint_eq(s.exception[0].insn_len, 3);
	ck_assert_uint_eq(s.pdpte0 | s.pdpte3, 0);
}
END_TEST

/* ---- the list against the VMCS table ---- */

struct listed {
	u32 field;
	u32 bytes; /* 0: left out */
	const char *what;
};

static const struct listed listed[] = {
#define IN(T, F, type, name, field) { VMCS_##field, sizeof(type), #name },
	GSTATE_VMCS(IN, , )
#undef IN
#define OUT(field, why) { VMCS_##field, 0, why },
	        GSTATE_VMCS_OTHERS(OUT)
#undef OUT
};

START_TEST(every_guest_field_is_listed_once)
{
	static const u32 bytes[] = {
		[VMCS_WIDTH_16] = 2, [VMCS_WIDTH_64] = 8, [VMCS_WIDTH_32] = 4, [VMCS_WIDTH_NAT] = 8
	};
	u32 guest_fields = 0;

	for (u32 i = 0; i < VMCS_FIELD_COUNT; i++) {
		const struct vmcs_field_info *f = &vmcs_field_table[i];
		u32 found = 0;

		if (f->kind != VMCS_KIND_GUEST)
			continue;
		guest_fields++;
		for (u32 k = 0; k < ARRAY_SIZE(listed); k++) {
			if (listed[k].field != f->encoding)
				continue;
			found++;
			ck_assert_msg(!listed[k].bytes || listed[k].bytes == bytes[f->width], "width of %s", f->name);
			ck_assert_msg(strlen(listed[k].what) > 2, "%s: why?", f->name);
		}
		ck_assert_msg(found == 1, "%s is listed %u times", f->name, found);
	}
	ck_assert_uint_eq(guest_fields, ARRAY_SIZE(listed));
}
END_TEST

START_TEST(every_gpr_is_listed_once)
{
	u32 seen = 1u << 4; /* RSP */

#define REG(T, F, name, nr)           \
	ck_assert(!(seen >> (nr)&1)); \
	seen |= 1u << (nr);
	GSTATE_GPRS(REG, , )
#undef REG
	ck_assert_uint_eq(seen, 0xffff);
}
END_TEST

/* No padding is hidden between descriptions: names differ, and each has its own bytes. */
START_TEST(descriptions)
{
	u8 used[sizeof(struct gstate)] = { 0 };

	ck_assert_uint_eq(gstate_desc.size, sizeof(struct gstate));
	ck_assert_uint_le(gstate_desc.nr, 255);
	for (u32 i = 0; i < gstate_desc.nr; i++) {
		const struct state_field *f = &gstate_desc.fields[i];

		for (u32 k = 0; k < i; k++)
			ck_assert_str_ne(f->name, gstate_desc.fields[k].name);
		for (u32 k = 0; k < f->size * f->count; k++)
			ck_assert_uint_eq(used[f->offset + k]++, 0);
	}
	ck_assert_uint_eq(gstate_xsave_desc.size, GSTATE_XSAVE_SIZE);
	ck_assert_uint_eq(gstate_xsave_desc.nr, 1);
}
END_TEST

/* ---- the XSAVE area ---- */

static void put64(u8 *p, u64 v)
{
	memcpy(p, &v, sizeof(v));
}

static bool xsave_valid(const struct gstate_xsave *x, struct state_check *c)
{
	*c = (struct state_check){ 0 };
	return gstate_xsave_valid(x, &guest.limits, c);
}

START_TEST(xsave_area)
{
	static u8 area[GSTATE_XSAVE_SIZE], back[GSTATE_XSAVE_SIZE];
	static struct gstate_xsave x, again;
	struct state_check c;

	setup_guest();
	for (u32 i = 0; i < sizeof(area); i++)
		area[i] = (u8)(i * 7 + 1);
	put64(area + 24, 0x0000ffff00001f80); /* with the processor's mask */
	memset(area + 512, 0, 64);
	put64(area + 512, XCR0_X87 | XCR0_AVX | XCR0_PKRU | BIT(8)); /* the last is none of the guest's */
	gstate_xsave_take(&x, &guest.limits, area, true);
	ck_assert(xsave_valid(&x, &c));
	ck_assert(!memcmp(x.area, area, 24));
	ck_assert(!memcmp(x.area + 32, area + 32, 128));
	ck_assert(!memcmp(x.area + 0x240, area + 0x240, 0x100)); /* AVX */
	ck_assert(!memcmp(x.area + 0xa80, area + 0xa80, 8));     /* PKRU */
	for (u32 i = 160; i < 512; i++)
		ck_assert_uint_eq(x.area[i], 0); /* SSE is in its initial state */
	for (u32 i = 0x340; i < 0xa80; i++)
		ck_assert_uint_eq(x.area[i], 0);
	ck_assert_uint_eq(x.area[512] | x.area[513] << 8, 0x205);
	gstate_xsave_give(&x, &guest.limits, back);
	gstate_xsave_take(&again, &guest.limits, back, true);
	ck_assert(!memcmp(&x, &again, sizeof(x)));

	/* FXSAVE says nothing of components: both are there. */
	memset(area + 512, 0, 64);
	gstate_xsave_take(&x, &guest.limits, area, false);
	ck_assert(xsave_valid(&x, &c));
	ck_assert_uint_eq(x.area[512], XCR0_X87 | XCR0_SSE);
	ck_assert(!memcmp(x.area + 160, area + 160, 256));
	/* And for FXRSTOR what is not there has to look initial. */
	put64(x.area + 512, 0);
	gstate_xsave_give(&x, &guest.limits, back);
	ck_assert_uint_eq(back[0] | back[1] << 8, 0x37f);
	ck_assert_uint_eq(back[24] | back[25] << 8, 0x1f80);
	ck_assert_uint_eq(back[2] | back[40] | back[200], 0);
}
END_TEST

START_TEST(xsave_refused)
{
	static struct gstate_xsave good, x;
	struct state_check c;

	setup_guest();
	put64(good.area + 24, 0xffff);
	put64(good.area + 512, 0x2e7);
	ck_assert(xsave_valid(&good, &c));
#define REFUSED(at, val)                           \
	do {                                       \
		x = good;                          \
		x.area[at] = (val);                \
		ck_assert(!xsave_valid(&x, &c));   \
		ck_assert_str_eq(c.field, "area"); \
	} while (0)
	REFUSED(26, 1);     /* MXCSR */
	REFUSED(512, 0xff); /* MPX */
	REFUSED(514, 4);    /* tile data */
	REFUSED(527, 0x80); /* compacted */
	REFUSED(520, 1);
	REFUSED(575, 1);
#undef REFUSED
	/* A guest without XSAVE has its x87 and SSE registers. */
	guest.crs.xcr0 = 0;
	ck_assert(!xsave_valid(&good, &c));
	x = good;
	put64(x.area + 512, 3);
	ck_assert(xsave_valid(&x, &c));
	/* Components that would not fit. */
	setup_guest();
	guest.cpuid.xsave[9].ebx = GSTATE_XSAVE_SIZE - 4;
	ck_assert(!xsave_valid(&good, &c));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gstate");
	TCase *tc = tcase_create("gstate");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, samples_are_valid, 0, ARRAY_SIZE(gstate_samples));
	tcase_add_loop_test(tc, rule, 0, ARRAY_SIZE(rules));
	tcase_add_test(tc, other_guests);
	tcase_add_test(tc, entry);
	tcase_add_test(tc, entry_alone);
	tcase_add_test(tc, tidy);
	tcase_add_test(tc, every_guest_field_is_listed_once);
	tcase_add_test(tc, every_gpr_is_listed_once);
	tcase_add_test(tc, descriptions);
	tcase_add_test(tc, xsave_area);
	tcase_add_test(tc, xsave_refused);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
