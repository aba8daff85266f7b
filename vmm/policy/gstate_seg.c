/*
 * What VM entry demands of segment and descriptor-table registers. SDM vol. 3 "Checks on Guest Segment Registers",
 * "Checks on Guest Descriptor-Table Registers".
 */
#include "arch/x86/vmx/vmx_bits.h"
#include "vmm/policy/gstate_priv.h"

enum { ES, CS, SS, DS, FS, GS, LDTR, TR, NR_SEGS };

struct seg {
	u16 sel;
	u32 limit, ar;
	u64 base;
	const char *sel_name, *base_name, *limit_name, *ar_name;
};

#define SEG(s, r)                                                                                               \
	{                                                                                                       \
		.sel = (s)->r##_sel, .limit = (s)->r##_limit, .ar = (s)->r##_ar, .base = (s)->r##_base,         \
		.sel_name = #r "_sel", .base_name = #r "_base", .limit_name = #r "_limit", .ar_name = #r "_ar", \
	}

#define SELECTOR_TI BIT(2)

#define TYPE_ACCESSED   1u
#define TYPE_WRITABLE   2u /* of data; of code: readable */
#define TYPE_CONFORMING 4u /* of code; of data: expand-down */
#define TYPE_CODE       8u
#define TYPE_DATA_RW    3u /* read/write, accessed, expand-up */
#define TYPE_LDT        2u
#define TYPE_TSS16_BUSY 3u
#define TYPE_TSS32_BUSY 11u

#define AR_V86           0xf3u
#define AR_RESERVED_LOW  0xf00u
#define AR_RESERVED_HIGH 0xfffe0000u

static bool usable(const struct seg *r)
{
	return !(r->ar & SEG_AR_UNUSABLE);
}

static bool bad_ar(const struct seg *r, struct state_check *c, const char *why)
{
	return state_refuse(c, r->ar_name, r->ar, why);
}

/* Present, reserved bits and granularity: the rules that all usable segments have in common. */
static bool common_valid(const struct seg *r, struct state_check *c)
{
	if (!(r->ar & SEG_AR_P))
		return bad_ar(r, c, "is not present");
	if (r->ar & AR_RESERVED_LOW)
		return bad_ar(r, c, "has reserved bits among 11:8");
	if (r->ar & SEG_AR_G ? (r->limit & 0xfff) != 0xfff : r->limit >> 20 != 0)
		return bad_ar(r, c, "has a granularity that the limit does not fit");
	if (r->ar & AR_RESERVED_HIGH)
		return bad_ar(r, c, "has reserved bits among 31:17");
	return true;
}

/* Outside virtual-8086 mode. */
static bool code_valid(const struct gstate *s, const struct seg *cs, const struct seg *ss, struct state_check *c)
{
	u32 type = SEG_AR_TYPE(cs->ar), dpl = SEG_AR_DPL(cs->ar);

	if (type != TYPE_DATA_RW && (type & (TYPE_CODE | TYPE_ACCESSED)) != (TYPE_CODE | TYPE_ACCESSED))
		return bad_ar(cs, c, "is neither accessed code nor read/write data");
	if (!(cs->ar & SEG_AR_S))
		return bad_ar(cs, c, "is a system segment");
	if (type == TYPE_DATA_RW && dpl)
		return bad_ar(cs, c, "is data, and its DPL is not 0");
	if (type & TYPE_CODE && !(type & TYPE_CONFORMING) && dpl != SEG_AR_DPL(ss->ar))
		return bad_ar(cs, c, "is non-conforming code whose DPL is not SS's");
	if (type & TYPE_CODE && type & TYPE_CONFORMING && dpl > SEG_AR_DPL(ss->ar))
		return bad_ar(cs, c, "is conforming code whose DPL is above SS's");
	if (gstate_ia32e(s) && cs->ar & SEG_AR_L && cs->ar & SEG_AR_DB)
		return bad_ar(cs, c, "has both L and D");
	return common_valid(cs, c);
}

static bool stack_valid(const struct gstate *s, const struct seg *cs, const struct seg *ss, struct state_check *c)
{
	u32 type = SEG_AR_TYPE(ss->ar);

	if (usable(ss) && type != TYPE_DATA_RW && type != (TYPE_DATA_RW | TYPE_CONFORMING))
		return bad_ar(ss, c, "is not writable, accessed data");
	if (usable(ss) && !(ss->ar & SEG_AR_S))
		return bad_ar(ss, c, "is a system segment");
	/* SS's DPL is the CPL, also when SS is unusable. */
	if (SEG_AR_DPL(ss->ar) && (!(s->cr0 & CR0_PE) || SEG_AR_TYPE(cs->ar) == TYPE_DATA_RW))
		return bad_ar(ss, c, "has a DPL that is not 0 in real mode, or with data in CS");
	return !usable(ss) || common_valid(ss, c);
}

static bool data_valid(const struct seg *r, struct state_check *c)
{
	u32 type = SEG_AR_TYPE(r->ar);

	if (!usable(r))
		return true;
	if (!(type & TYPE_ACCESSED))
		return bad_ar(r, c, "is not accessed");
	if (type & TYPE_CODE && !(type & TYPE_WRITABLE))
		return bad_ar(r, c, "is code that cannot be read");
	if (!(r->ar & SEG_AR_S))
		return bad_ar(r, c, "is a system segment");
	return common_valid(r, c);
}

static bool v86_valid(const struct seg *r, struct state_check *c)
{
	if (r->base != (u64)r->sel << 4)
		return state_refuse(c, r->base_name, r->base, "is not 16 times the selector in virtual-8086 mode");
	if (r->limit != 0xffff)
		return state_refuse(c, r->limit_name, r->limit, "is not FFFFh in virtual-8086 mode");
	if (r->ar != AR_V86)
		return bad_ar(r, c, "is not F3h in virtual-8086 mode");
	return true;
}

static bool bases_valid(const struct seg r[NR_SEGS], const struct gstate_limits *l, struct state_check *c)
{
	static const u8 canonical[] = { TR, FS, GS, LDTR };

	for (u32 i = 0; i < ARRAY_SIZE(canonical); i++) {
		const struct seg *x = &r[canonical[i]];

		if ((canonical[i] != LDTR || usable(x)) && !crs_canonical(x->base, l->linear_bits))
			return state_refuse(c, x->base_name, x->base, "is not canonical");
	}
	for (u32 i = ES; i <= DS; i++)
		if ((i == CS || usable(&r[i])) && r[i].base >> 32)
			return state_refuse(c, r[i].base_name, r[i].base, "is above 4 GiB");
	return true;
}

static bool system_valid(const struct gstate *s, const struct seg *tr, const struct seg *ldtr, struct state_check *c)
{
	if (tr->sel & SELECTOR_TI)
		return state_refuse(c, tr->sel_name, tr->sel, "is in the LDT");
	if (usable(ldtr) && ldtr->sel & SELECTOR_TI)
		return state_refuse(c, ldtr->sel_name, ldtr->sel, "is in the LDT");
	if (SEG_AR_TYPE(tr->ar) != TYPE_TSS32_BUSY && (gstate_ia32e(s) || SEG_AR_TYPE(tr->ar) != TYPE_TSS16_BUSY))
		return bad_ar(tr, c, "is no busy TSS of this mode");
	if (tr->ar & SEG_AR_S)
		return bad_ar(tr, c, "is no system segment");
	if (!usable(tr))
		return bad_ar(tr, c, "is unusable");
	if (!common_valid(tr, c))
		return false;
	if (!usable(ldtr))
		return true;
	if (SEG_AR_TYPE(ldtr->ar) != TYPE_LDT || ldtr->ar & SEG_AR_S)
		return bad_ar(ldtr, c, "is no LDT");
	return common_valid(ldtr, c);
}

static bool tables_valid(const struct gstate *s, const struct gstate_limits *l, struct state_check *c)
{
	if (!crs_canonical(s->gdtr_base, l->linear_bits))
		return state_refuse(c, "gdtr_base", s->gdtr_base, "is not canonical");
	if (!crs_canonical(s->idtr_base, l->linear_bits))
		return state_refuse(c, "idtr_base", s->idtr_base, "is not canonical");
	if (s->gdtr_limit >> 16)
		return state_refuse(c, "gdtr_limit", s->gdtr_limit, "is above FFFFh");
	if (s->idtr_limit >> 16)
		return state_refuse(c, "idtr_limit", s->idtr_limit, "is above FFFFh");
	return true;
}

bool gstate_segments_valid(const struct gstate *s, const struct gstate_limits *l, struct state_check *c)
{
	const struct seg r[NR_SEGS] = { SEG(s, es), SEG(s, cs), SEG(s, ss),   SEG(s, ds),
		                        SEG(s, fs), SEG(s, gs), SEG(s, ldtr), SEG(s, tr) };

	if (!bases_valid(r, l, c))
		return false;
	if (gstate_v86(s)) {
		for (u32 i = ES; i <= GS; i++)
			if (!v86_valid(&r[i], c))
				return false;
	} else {
		if (!code_valid(s, &r[CS], &r[SS], c) || !stack_valid(s, &r[CS], &r[SS], c))
			return false;
		for (u32 i = ES; i <= GS; i++)
			if (i != CS && i != SS && !data_valid(&r[i], c))
				return false;
	}
	return system_valid(s, &r[TR], &r[LDTR], c) && tables_valid(s, l, c);
}
