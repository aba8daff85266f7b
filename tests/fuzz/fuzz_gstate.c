/*
 * Random states of a processor: refused, with a field and a reason, or right. What is right is said here a second
 * time, in other words; and whatever event is then chosen, VM entry takes it.
 */
#include <stdio.h>

#include "../unit/gstate_samples.h"
#include "mm/gwalk.h"
#include "vmm/policy/inject.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gstate_guest guest;

static bool canonical(u64 a, u32 bits)
{
	u64 high = a >> (bits - 1);

	return high == 0 || high == ~0ull >> (bits - 1);
}

/* The rules of the control registers are written down in crs.c, too; outside IA-32e mode CS.L means nothing. */
static void check_registers(const struct gstate *s)
{
	struct crs_state crs = { .cr0 = s->cr0, .cr3 = s->cr3, .cr4 = s->cr4, .efer = s->efer };
	bool lma = s->efer & EFER_LMA;

	crs.cs_l = lma && s->cs_ar & SEG_AR_L;
	crs.tss16 = !(s->tr_ar & 8);
	assert(crs_state_valid(&guest.crs, &crs));
	/* What the guest may do next leads to such states again. */
	for (u32 bit = 0; bit < 64; bit++) {
		struct crs_state next = crs;
		struct crs_out out = { 0 };

		if (crs_cr0_write(&guest.crs, &crs, s->cr0 ^ BIT(bit), &out) == CRS_OK) {
			next.cr0 = out.value;
			next.efer = out.efer;
			next.cs_l = crs.cs_l && next.efer & EFER_LMA;
			assert(crs_state_valid(&guest.crs, &next));
		}
		next = crs;
		if (crs_cr4_write(&guest.crs, &crs, s->cr4 ^ BIT(bit), &out) == CRS_OK) {
			next.cr4 = out.value;
			assert(crs_state_valid(&guest.crs, &next));
		}
	}
	assert(canonical(s->fs_base, 48) && canonical(s->gs_base, 48) && canonical(s->tr_base, 48));
	assert(canonical(s->gdtr_base, 48) && canonical(s->idtr_base, 48) && canonical(s->rip, 48));
	assert(canonical(s->lstar, 48) && canonical(s->cstar, 48) && canonical(s->kernel_gs_base, 48));
	assert(canonical(s->sysenter_esp, 48) && canonical(s->sysenter_eip, 48));
	assert(s->dr6 <= 0xffffffff && s->dr7 <= 0xffffffff && s->fmask <= 0xffffffff && s->tsc_aux <= 0xffffffff);
	assert(s->gdtr_limit <= 0xffff && s->idtr_limit <= 0xffff);
	assert(s->xcr0 & XCR0_X87 && !(s->xcr0 & ~(guest.crs.xcr0 | XCR0_X87)) && !s->xss);
	assert(s->rflags & 2 && !(s->rflags & 0xffffffffffc08028ull));
}

/* A limit counts bytes, or pages: one more byte in it must have a descriptor that says so. */
static void check_segment(u64 base, u32 limit, u32 ar, bool wide)
{
	if (ar & SEG_AR_UNUSABLE)
		return;
	assert(ar & SEG_AR_P && !(ar & 0xfffe0f00));
	if (ar & SEG_AR_G)
		assert(((limit >> 12) << 12 | 0xfff) == limit);
	else
		assert(limit < BIT(20));
	assert(wide || base <= 0xffffffff);
}

static void check_segments(const struct gstate *s)
{
	u32 cpl = SEG_AR_DPL(s->ss_ar);

	check_segment(s->es_base, s->es_limit, s->es_ar, false);
	check_segment(s->cs_base, s->cs_limit, s->cs_ar, false);
	check_segment(s->ss_base, s->ss_limit, s->ss_ar, false);
	check_segment(s->ds_base, s->ds_limit, s->ds_ar, false);
	check_segment(s->fs_base, s->fs_limit, s->fs_ar, true);
	check_segment(s->gs_base, s->gs_limit, s->gs_ar, true);
	check_segment(s->ldtr_base, s->ldtr_limit, s->ldtr_ar, true);
	check_segment(s->tr_base, s->tr_limit, s->tr_ar, true);
	assert(!(s->tr_ar & (SEG_AR_UNUSABLE | SEG_AR_S)) && (s->tr_ar & 7) == 3);
	assert(!(s->cr0 & CR0_PE) ? cpl == 0 : true);
	assert(!(s->rflags & BIT(17)) || (cpl == 3 && s->cs_base == s->cs_sel * 16ull && s->cr0 & CR0_PE));
	/* Code at the CPL, at most, and never with data as code but at CPL 0. */
	assert(SEG_AR_DPL(s->cs_ar) <= cpl && (s->cs_ar & 8 || cpl == 0 || s->rflags & BIT(17)));
	assert(s->run != GSTATE_HALTED || cpl == 0);
}

/* The vCPU's code takes these numbers as indices, counts and times. */
static void check_events(const struct gstate *s)
{
	assert(s->run < GSTATE_NR_RUN && s->activity == ACTIVITY_ACTIVE);
	assert(s->nmis <= 2 && s->kept_interrupt < 0x200 && (!s->kept_interrupt || s->kept_interrupt >= 0x100));
	assert(!(s->interruptibility & ~0xbu) && (s->interruptibility & 3) != 3);
}

/* As events_prepare() does, with an interrupt on offer or without. */
static void check_entry(const struct gstate *s, int interrupt)
{
	struct inject_in in = {
		.vectoring = s->vectoring[0],
		.exception = s->exception[0],
		.trap = s->pending_debug & (PENDING_DEBUG_BS | PENDING_DEBUG_ENABLED_BP),
		.nmi = s->nmis,
		.interrupt = s->kept_interrupt ? (u8)s->kept_interrupt : interrupt,
		.virtual_nmis = true,
		.rflags_if = s->rflags & BIT(9),
		.interruptibility = s->interruptibility,
	};
	struct gstate e = *s;
	struct state_check c = { 0 };
	struct inject_plan plan;

	inject_choose(&in, &plan);
	e.vectoring[0] = plan.event;
	e.exception[0] = (struct inject_event){ 0 };
	e.interruptibility = plan.interruptibility;
	if (!gstate_entry_valid(&e, &guest.limits, &c)) {
		fprintf(stderr, "%s %llx %s\n", c.field, (unsigned long long)c.value, c.reason);
		abort();
	}
}

/* The page walk takes any state that is right. */
static void check_walk(const struct gstate *s)
{
	static u8 ram[8192];
	static const struct guest_mem mem = { .base = ram, .nr_ranges = 1, .ranges = { { 0, sizeof(ram) } } };
	struct gwalk_state w = {
		.cr0 = s->cr0,
		.cr3 = s->cr3,
		.cr4 = s->cr4,
		.efer = s->efer,
		.rflags = s->rflags,
		.cpl = SEG_AR_DPL(s->ss_ar),
		.phys_bits = guest.crs.phys_bits,
		.have_pdptes = true,
		.pdpte = { s->pdpte0, s->pdpte1, s->pdpte2, s->pdpte3 },
		.mem = &mem,
	};
	struct gwalk_result r;

	(void)gwalk(&w, GVA(s->rip + s->cs_base), GWALK_EXEC, &r);
	(void)gwalk(&w, GVA(s->gdtr_base), GWALK_IMPLICIT, &r);
}

/* Field by number, groups' fields included: three bytes each of number, element, way, then the value's eight. */
static void change(const struct state_desc *d, u8 *state, const u8 *how)
{
	const struct state_field *f = &d->fields[how[0] % d->nr];
	u8 *p = state + f->offset + (size_t)(how[1] % f->count) * f->size;
	u64 val, was = 0;

	memcpy(&val, how + 3, sizeof(val));
	if (f->type == STATE_GROUP) {
		u8 again[11];

		memcpy(again, how, sizeof(again));
		again[0] = how[1];
		change(f->group, p, again);
		return;
	}
	memcpy(&was, p, f->size);
	switch (how[2] & 3) {
	case 0: break;
	case 1: val = was ^ BIT(val & 63); break;
	case 2: val = was + (u64)(s64)(s8)val; break;
	default: val = (u64)(s64)(s16)val << (how[2] >> 2); break;
	}
	if (f->type == STATE_BOOL)
		val &= 1; /* so it comes out of a stream */
	memcpy(p, &val, f->size);
}

static void check_xsave(const uint8_t *data, size_t size)
{
	static struct gstate_xsave x, y;
	static u8 area[GSTATE_XSAVE_SIZE];
	struct state_check c = { 0 };

	memset(&x, 0, sizeof(x));
	for (size_t i = 0; i + 3 <= size; i += 3)
		x.area[(data[i] | data[i + 1] << 8) % sizeof(x.area)] = data[i + 2];
	if (!gstate_xsave_valid(&x, &guest.limits, &c)) {
		assert(c.field && c.reason);
		return;
	}
	/* What was given is taken again, and is then what it stays. */
	gstate_xsave_give(&x, &guest.limits, area);
	gstate_xsave_take(&x, &guest.limits, area, true);
	assert(gstate_xsave_valid(&x, &guest.limits, &c));
	gstate_xsave_give(&x, &guest.limits, area);
	gstate_xsave_take(&y, &guest.limits, area, true);
	assert(!memcmp(&x, &y, sizeof(x)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpuid_mask off = { 0 };
	struct state_check c = { 0 };
	struct gstate s;

	if (size < 4)
		return 0;
	off.w[data[0] % CPUID_NR_WORDS] = data[0] & 0x80 ? 1u << (data[1] & 31) : 0;
	gstate_guest_init(&guest, &off, data[1] & 0x80);
	if (data[2] == 0xff) {
		check_xsave(data + 3, size - 3);
		return 0;
	}
	gstate_samples[data[2] % ARRAY_SIZE(gstate_samples)](&s);
	for (size_t i = 4; i + 11 <= size; i += 11)
		change(&gstate_desc, (u8 *)&s, data + i);
	if (data[3] & 1)
		gstate_tidy(&s);
	if (!gstate_valid(&s, &guest.limits, &c)) {
		assert(c.field && c.reason);
		return 0;
	}
	assert(!c.field);
	check_registers(&s);
	check_segments(&s);
	check_events(&s);
	check_entry(&s, INJECT_NONE);
	check_entry(&s, data[3]);
	check_walk(&s);
	return 0;
}
