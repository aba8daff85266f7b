/* A processor's state: its description, what the vCPU's code takes for granted in it, its canonical form. */
#include "vmm/policy/gstate.h"

#include "arch/x86/vmx/vmx_bits.h"
#include "lib/string.h"
#include "vmm/policy/gstate_priv.h"

STATE_DESC(gstate, GSTATE, 1);
STATE_DESC(gstate_xsave, GSTATE_XSAVE_STATE, 1);

/* ---- what is loaded outside of VM entry: no write of it may fault ---- */

#define DR6_ONES  (DR6_INIT & ~(BIT(11) | BIT(16))) /* BLD and RTM are zero at times */
#define DR6_ZEROS (~0xffffffffull | BIT(12))
#define DR7_ZEROS (~0xffffffffull | BIT(15) | BIT(14) | BIT(12))

static bool debug_registers(const struct gstate *s, struct state_check *c)
{
	/* DR0-3 take any address, canonical or not (SDM vol. 3 "Debug Registers and Intel 64 Processors"). */
	if (s->dr6 & DR6_ZEROS || (s->dr6 & DR6_ONES) != DR6_ONES)
		return state_refuse(c, "dr6", s->dr6, "has reserved bits that are wrong");
	if (s->dr7 & DR7_ZEROS || !(s->dr7 & DR7_INIT))
		return state_refuse(c, "dr7", s->dr7, "has reserved bits that are wrong");
	return true;
}

static bool msrs(const struct gstate *s, const struct gstate_limits *l, struct state_check *c)
{
	if (!crs_canonical(s->lstar, l->linear_bits))
		return state_refuse(c, "lstar", s->lstar, "is not canonical");
	if (!crs_canonical(s->cstar, l->linear_bits))
		return state_refuse(c, "cstar", s->cstar, "is not canonical");
	if (!crs_canonical(s->kernel_gs_base, l->linear_bits))
		return state_refuse(c, "kernel_gs_base", s->kernel_gs_base, "is not canonical");
	if (s->fmask >> 32)
		return state_refuse(c, "fmask", s->fmask, "has bits above 31");
	if (s->tsc_aux >> 32)
		return state_refuse(c, "tsc_aux", s->tsc_aux, "has bits above 31");
	if (s->tsc_aux && !cpuid_has(l->cpuid, CPUID_FEAT_RDTSCP))
		return state_refuse(c, "tsc_aux", s->tsc_aux, "is an MSR that the guest does not have");
	if (crs_xss_write(l->crs, s->xss) != CRS_OK)
		return state_refuse(c, "xss", s->xss, "has components that the guest does not have");
	return true;
}

static bool xcr0_valid(const struct gstate *s, const struct gstate_limits *l, struct state_check *c)
{
	if (l->crs->xcr0 ? crs_xcr_write(l->crs, 0, s->xcr0) != CRS_OK : s->xcr0 != XCR0_X87)
		return state_refuse(c, "xcr0", s->xcr0, "is no set of components that XSETBV takes from this guest");
	return true;
}

/* ---- events ---- */

/* The injection clears the blocking by STI, MOV SS and NMIs (inject_choose()); IF must be as it was. */
static bool vectoring(const struct gstate *s, struct state_check *c)
{
	const struct inject_event *e = &s->vectoring[0];
	const char *why = inject_event_wrong(e, s->cr0 & CR0_PE);

	if (why)
		return state_refuse(c, "vectoring.info", e->info, why);
	if (e->info && (e->info & INTR_INFO_TYPE_MASK) == INTR_INFO_EXTERNAL && !(s->rflags & RFLAGS_IF))
		return state_refuse(c, "vectoring.info", e->info, "is an interrupt, and RFLAGS.IF is 0");
	return true;
}

static bool exception(const struct gstate *s, struct state_check *c)
{
	const struct inject_event *e = &s->exception[0];
	const char *why = inject_event_wrong(e, s->cr0 & CR0_PE);
	u32 type = e->info & INTR_INFO_TYPE_MASK;

	if (why)
		return state_refuse(c, "exception.info", e->info, why);
	if (e->info && (type == INTR_INFO_EXTERNAL || type == INTR_INFO_NMI))
		return state_refuse(c, "exception.info", e->info, "is no exception");
	return true;
}

static bool events(const struct gstate *s, struct state_check *c)
{
	if (!vectoring(s, c) || !exception(s, c))
		return false;
	if (s->nmis > 2)
		return state_refuse(c, "nmis", s->nmis, "is more than one delivered and one latched");
	if (s->kept_interrupt && s->kept_interrupt >> 8 != 1)
		return state_refuse(c, "kept_interrupt", s->kept_interrupt, "is no vector with 100h");
	return true;
}

/* Halts and waiting for a SIPI are the run loop's: VM entry always finds the activity state active. */
static bool run(const struct gstate *s, const struct gstate_limits *l, struct state_check *c)
{
	if (s->run >= GSTATE_NR_RUN)
		return state_refuse(c, "run", s->run, "is neither runnable, halted nor waiting for a SIPI");
	if (s->run == GSTATE_WAIT_SIPI && l->bsp)
		return state_refuse(c, "run", s->run,
		                    "is a wait for a SIPI, which the bootstrap processor never does");
	if (s->run == GSTATE_HALTED && SEG_AR_DPL(s->ss_ar))
		return state_refuse(c, "run", s->run, "is a HLT, and the CPL is not 0");
	if (s->activity != ACTIVITY_ACTIVE)
		return state_refuse(c, "activity", s->activity, "is not active");
	return true;
}

bool gstate_valid(const struct gstate *s, const struct gstate_limits *l, struct state_check *c)
{
	return gstate_area_valid(s, l, c) && run(s, l, c) && debug_registers(s, c) && msrs(s, l, c) &&
	       xcr0_valid(s, l, c) && events(s, c);
}

static void tidy_event(struct inject_event *e)
{
	if (!(e->info & INTR_INFO_VALID)) {
		*e = (struct inject_event){ 0 };
		return;
	}
	e->info &= ~INTR_INFO_NMI_UNBLOCKED; /* an exit's information */
	if (!(e->info & INTR_INFO_ERROR_CODE))
		e->error = 0;
	if (INTR_INFO_TYPE(e->info) < 4)
		e->insn_len = 0;
}

void gstate_tidy(struct gstate *s)
{
	if (!gstate_pae(s))
		s->pdpte0 = s->pdpte1 = s->pdpte2 = s->pdpte3 = 0;
	tidy_event(&s->vectoring[0]);
	tidy_event(&s->exception[0]);
	if (!s->sipi_pending)
		s->sipi_vector = 0;
}

/* ---- the XSAVE area: SDM vol. 1 "XSAVE Area", "Operation of XRSTOR" ---- */

#define MXCSR          24u
#define MXCSR_RESERVED 0xffff0000u
#define X87_REGS       32u /* ST0-ST7 */
#define XMM_REGS       160u
#define XMM_END        416u
#define HEADER         512u /* XSTATE_BV, XCOMP_BV, reserved */
#define HEADER_END     576u
#define FCW_INIT       0x37fu

#define LEGACY (XCR0_X87 | XCR0_SSE)

static u64 xstate_bv(const u8 *area)
{
	u64 bv;

	memcpy(&bv, area + HEADER, sizeof(bv));
	return bv;
}

bool gstate_xsave_valid(const struct gstate_xsave *x, const struct gstate_limits *l, struct state_check *c)
{
	u64 bv = xstate_bv(x->area);
	u32 mxcsr;

	memcpy(&mxcsr, x->area + MXCSR, sizeof(mxcsr));
	if (mxcsr & MXCSR_RESERVED)
		return state_refuse(c, "area", mxcsr, "has reserved bits in MXCSR");
	/* Not the present XCR0: what the guest has switched off there keeps its state. */
	if (bv & ~(l->crs->xcr0 | LEGACY))
		return state_refuse(c, "area", bv, "has components in XSTATE_BV that the guest does not have");
	for (u32 i = HEADER + sizeof(bv); i < HEADER_END; i++)
		if (x->area[i])
			return state_refuse(c, "area", x->area[i],
			                    "is compacted, or has reserved bytes in its header");
	if (cpuid_xsave_size(l->cpuid, l->crs->xcr0) > sizeof(x->area))
		return state_refuse(c, "area", bv, "is too small for the components that the guest has");
	return true;
}

/* The components that are in bv; what is not gets its initial state. MXCSR is there always. */
static void copy_area(u8 *dst, const u8 *src, const struct gstate_limits *l, u64 bv)
{
	const u16 fcw = FCW_INIT;

	memset(dst, 0, GSTATE_XSAVE_SIZE);
	memcpy(dst, &fcw, sizeof(fcw));
	if (bv & XCR0_X87) {
		memcpy(dst, src, MXCSR);
		memcpy(dst + X87_REGS, src + X87_REGS, XMM_REGS - X87_REGS);
	}
	memcpy(dst + MXCSR, src + MXCSR, sizeof(u32)); /* without its mask, which is the processor's */
	if (bv & XCR0_SSE)
		memcpy(dst + XMM_REGS, src + XMM_REGS, XMM_END - XMM_REGS);
	memcpy(dst + HEADER, &bv, sizeof(bv));
	for (u32 i = 2; i < CPUID_NR_XSAVE; i++) {
		const struct cpuid_leaf *leaf = &l->cpuid->xsave[i];

		if (bv >> i & 1 && leaf->ebx >= HEADER_END && leaf->ebx + leaf->eax <= GSTATE_XSAVE_SIZE)
			memcpy(dst + leaf->ebx, src + leaf->ebx, leaf->eax);
	}
}

void gstate_xsave_take(struct gstate_xsave *x, const struct gstate_limits *l, const u8 *area, bool have_xsave)
{
	copy_area(x->area, area, l, have_xsave ? xstate_bv(area) & (l->crs->xcr0 | LEGACY) : LEGACY);
}

void gstate_xsave_give(const struct gstate_xsave *x, const struct gstate_limits *l, u8 *area)
{
	copy_area(area, x->area, l, xstate_bv(x->area));
}
