/* States of a guest's processor that are all right, and the guest whose they are. For test_gstate.c, fuzz_gstate.c.
 */
#pragma once

#include <stdlib.h>

#include "arch/x86/vmx/vmx_bits.h"
#include "fake_cpu.h"
#include "lib/assert.h"
#include "lib/string.h"
#include "vmm/policy/gstate.h"

struct gstate_guest {
	struct cpuid_table cpuid;
	struct crs_caps crs;
	struct gstate_limits limits;
};

/* disable: as of the configuration, or NULL. bsp: vCPU 0. */
static inline void gstate_guest_init(struct gstate_guest *g, const struct cpuid_mask *disable, bool bsp)
{
	static const struct cpuid_host skylake = { fake_cpuid, NULL };
	struct cpuid_guest_cfg cfg = fake_guest();

	if (disable)
		cfg.disable = *disable;
	assert(cpuid_build(&g->cpuid, &skylake, &cfg) == OK);
	crs_caps_init(&g->crs, &g->cpuid);
	g->limits = (struct gstate_limits){ &g->cpuid, &g->crs, 48, bsp };
}

#define SAMPLE_SEG(s, r, sel, base, limit, ar) \
	((s)->r##_sel = (sel), (s)->r##_base = (base), (s)->r##_limit = (limit), (s)->r##_ar = (ar))

/* Power-up: SDM vol. 3, table "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT". */
static inline void sample_reset(struct gstate *s)
{
	memset(s, 0, sizeof(*s));
	s->rip = 0xfff0;
	s->rflags = 2;
	s->cr0 = CR0_CD | CR0_NW | CR0_ET;
	SAMPLE_SEG(s, es, 0, 0, 0xffff, 0x93);
	SAMPLE_SEG(s, cs, 0xf000, 0xffff0000, 0xffff, 0x9b);
	SAMPLE_SEG(s, ss, 0, 0, 0xffff, 0x93);
	SAMPLE_SEG(s, ds, 0, 0, 0xffff, 0x93);
	SAMPLE_SEG(s, fs, 0, 0, 0xffff, 0x93);
	SAMPLE_SEG(s, gs, 0, 0, 0xffff, 0x93);
	SAMPLE_SEG(s, ldtr, 0, 0, 0xffff, 0x82);
	SAMPLE_SEG(s, tr, 0, 0, 0xffff, 0x8b);
	s->gdtr_limit = s->idtr_limit = 0xffff;
	s->dr7 = DR7_INIT;
	s->dr6 = DR6_INIT;
	s->pat = 0x0007040600070406;
	s->xcr0 = XCR0_X87;
}

/* Real mode, as a boot loader runs: CS is data, "big real" DS. */
static inline void sample_real(struct gstate *s)
{
	sample_reset(s);
	SAMPLE_SEG(s, cs, 0x1000, 0x10000, 0xffff, 0x93);
	s->ds_limit = 0xffffffff;
	s->ds_ar = 0x8093;
	s->cr0 = CR0_ET;
	s->rip = 0x7c00;
	s->rflags = 0x202;
}

/* 32-bit code with PAE paging. */
static inline void sample_pae(struct gstate *s)
{
	sample_reset(s);
	SAMPLE_SEG(s, cs, 0x60, 0, 0xffffffff, 0xc09b);
	SAMPLE_SEG(s, ss, 0x68, 0, 0xffffffff, 0xc093);
	SAMPLE_SEG(s, ds, 0x7b, 0, 0xffffffff, 0xc0f3);
	SAMPLE_SEG(s, es, 0x7b, 0, 0xffffffff, 0xc0f3);
	SAMPLE_SEG(s, fs, 0, 0, 0, SEG_AR_UNUSABLE);
	SAMPLE_SEG(s, gs, 0, 0, 0, SEG_AR_UNUSABLE);
	SAMPLE_SEG(s, ldtr, 0, 0, 0, SEG_AR_UNUSABLE);
	SAMPLE_SEG(s, tr, 0x80, 0xc0100000, 0x67, 0x8b);
	s->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	s->cr3 = 0x1234020;
	s->cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR;
	s->pdpte0 = 0x1001;
	s->pdpte3 = 0x2001;
	s->efer = EFER_NXE;
	s->rip = 0xc0101234;
	s->rflags = 0x246;
}

/* The same, running a virtual-8086 task. */
static inline void sample_v86(struct gstate *s)
{
	sample_pae(s);
	SAMPLE_SEG(s, es, 0x40, 0x400, 0xffff, 0xf3);
	SAMPLE_SEG(s, cs, 0xf000, 0xf0000, 0xffff, 0xf3);
	SAMPLE_SEG(s, ss, 0x9000, 0x90000, 0xffff, 0xf3);
	SAMPLE_SEG(s, ds, 0, 0, 0xffff, 0xf3);
	SAMPLE_SEG(s, fs, 0xffff, 0xffff0, 0xffff, 0xf3);
	SAMPLE_SEG(s, gs, 0, 0, 0xffff, 0xf3);
	s->rip = 0x1234;
	s->rflags = 0x23202;
}

/* A 64-bit kernel in its idle loop, just woken. */
static inline void sample_long(struct gstate *s)
{
	sample_reset(s);
	SAMPLE_SEG(s, cs, 0x10, 0, 0xffffffff, 0xa09b);
	SAMPLE_SEG(s, ss, 0x18, 0, 0xffffffff, 0xc093);
	SAMPLE_SEG(s, ds, 0, 0, 0xffffffff, SEG_AR_UNUSABLE);
	SAMPLE_SEG(s, es, 0, 0, 0xffffffff, SEG_AR_UNUSABLE);
	SAMPLE_SEG(s, fs, 0, 0x7f0012345678, 0xffffffff, SEG_AR_UNUSABLE);
	SAMPLE_SEG(s, gs, 0, 0xffff888012340000, 0xffffffff, SEG_AR_UNUSABLE);
	SAMPLE_SEG(s, ldtr, 0, 0, 0, SEG_AR_UNUSABLE);
	SAMPLE_SEG(s, tr, 0x40, 0xfffffe0000003000, 0x4087, 0x8b);
	s->gdtr_base = 0xfffffe0000001000;
	s->idtr_base = 0xfffffe0000000000;
	s->gdtr_limit = 0x7f;
	s->idtr_limit = 0xfff;
	s->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
	s->cr3 = 0x12345000;
	s->cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_FSGSBASE | CR4_SMEP | CR4_PCIDE;
	s->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	s->rip = 0xffffffff81234567;
	s->rsp = 0xffffffff82003eb8;
	s->rflags = 0x246;
	s->star = 0x0023001000000000;
	s->lstar = 0xffffffff81800010;
	s->cstar = 0xffffffff81801000;
	s->fmask = 0x47700;
	s->kernel_gs_base = 0x7f0000000000;
	s->sysenter_cs = 0x10;
	s->sysenter_esp = 0xfffffe0000002200;
	s->sysenter_eip = 0xffffffff81802000;
	s->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	s->dr[0] = 0x8000000000000000; /* the processor does not check it */
	s->guest_tsc = 0x123456789abc;
}

/* Its user: an interrupt's delivery was interrupted. */
static inline void sample_user(struct gstate *s)
{
	sample_long(s);
	SAMPLE_SEG(s, cs, 0x33, 0, 0xffffffff, 0xa0fb);
	SAMPLE_SEG(s, ss, 0x2b, 0, 0xffffffff, 0xc0f3);
	s->rip = 0x55d012345678;
	s->rsp = 0x7ffe00001000;
	s->vectoring[0].info = INTR_INFO_VALID | INTR_INFO_EXTERNAL | 0xec;
	s->nmis = 1;
}

/* Its 32-bit program. */
static inline void sample_compat(struct gstate *s)
{
	sample_user(s);
	SAMPLE_SEG(s, cs, 0x23, 0, 0xffffffff, 0xc0fb);
	s->rip = 0xf7001234;
	s->vectoring[0].info = INTR_INFO_VALID | INTR_INFO_SW_INTERRUPT | 0x80;
	s->vectoring[0].insn_len = 2;
}

typedef void gstate_sample(struct gstate *s);
static gstate_sample *const gstate_samples[] = { sample_reset, sample_real, sample_pae,   sample_v86,
	                                         sample_long,  sample_user, sample_compat };
