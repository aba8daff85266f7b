/* What the processor has for guests, and whether it is right. */
#include "arch/x86/cpu.h"
#include "arch/x86/fpu.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/cpu/priv.h"
#include "vmm/policy/xsave.h"

/* State components that a switch of vCPUs replaces. */
#define XCR0_SWITCHED (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_OPMASK | XCR0_ZMM_HI | XCR0_HI16_ZMM | XCR0_PKRU)

#define HAVE_XSAVEC BIT(1) /* of CPUID(0Dh,1).EAX */
#define HAVE_XSAVES BIT(3)

struct vcpu_host vcpu_host;

/* Areas of the check: the registers as they were, initial ones, the pattern, what is saved. A page each. */
struct areas {
	u8 before[XSAVE_AREA_MAX], initial[XSAVE_AREA_MAX], pattern[XSAVE_AREA_MAX], out[XSAVE_AREA_MAX];
};

/*
 * Patterns in all extended components, saved in compacted format, looked at, restored, looked at again by XSAVE. XCR0
 * has all of mask; the registers stay changed.
 */
static bool compact_right(struct areas *a, const struct cpuid_leaf *d, u64 mask, bool supervisor,
                          struct xsave_fault *f)
{
	fpu_restore(a->pattern, mask, true);
	memset(a->out, 0, sizeof(a->out));
	fpu_save_compact(a->out, mask, supervisor);
	if (!xsave_check_saved(a->out, d, mask, f))
		return false;
	fpu_restore(a->initial, mask, true);
	if (!fpu_restore_compact(a->out, mask, supervisor)) {
		f->kind = XSAVE_RESTORE;
		return false;
	}
	memset(a->out, 0, sizeof(a->out));
	fpu_save(a->out, mask, true);
	return xsave_check_restored(a->out, d, mask, f);
}

static bool try_compact(struct areas *a, const struct cpuid_leaf *d, bool supervisor)
{
	struct xsave_fault f;
	char text[100];

	if (compact_right(a, d, vcpu_host.xcr0, supervisor, &f))
		return true;
	xsave_fault_text(&f, supervisor, text, sizeof(text));
	log_warn("cpu: this processor's %s: hidden from guests (%s)\n", text,
	         supervisor ? "xsaves" : "xsavec, xsaves");
	return false;
}

/* XSAVES is hidden with XSAVEC, so it is tried only when that is right. */
static int check_compact(const struct cpuid_leaf *d)
{
	u64 xcr0 = cpu_xgetbv(0);
	struct areas *a;

	if (!(d[1].eax & (HAVE_XSAVEC | HAVE_XSAVES)))
		return OK;
	a = hv_zalloc(sizeof(*a));
	if (!a)
		return ERR_NOMEM;
	cpu_xsetbv(0, vcpu_host.xcr0);
	fpu_save(a->before, vcpu_host.xcr0, true);
	fpu_area_init(a->initial);
	xsave_pattern(a->pattern, d, vcpu_host.xcr0);
	if (d[1].eax & HAVE_XSAVEC)
		vcpu_host.xsavec = try_compact(a, d, false);
	if (d[1].eax & HAVE_XSAVES && vcpu_host.xsavec)
		vcpu_host.xsaves = try_compact(a, d, true);
	fpu_restore(a->before, vcpu_host.xcr0, true);
	cpu_xsetbv(0, xcr0);
	hv_zfree(a, sizeof(*a));
	return OK;
}

int vcpu_look_at_host(bool compact, bool check_vid)
{
	struct cpuid_leaf d[CPUID_NR_XSAVE];
	u64 sizeless;

	vcpu_host.xsavec = vcpu_host.xsaves = true;
	vcpu_host.hasty_vid = check_vid && vmx_caps_vid_hasty(&vmx_caps);
	vcpu_host.ibpb = cpu_cpuid(0, 0).eax >= 7 && cpu_cpuid(7, 0).edx & BIT(26);
	if (!(cpu_read_cr4() & CR4_OSXSAVE))
		return OK;
	for (u32 i = 0; i < CPUID_NR_XSAVE; i++) {
		struct cpuid_regs r = cpu_cpuid(0xd, i);

		d[i] = (struct cpuid_leaf){ r.eax, r.ebx, r.ecx, r.edx };
	}
	sizeless = xsave_sizeless(d, XCR0_SWITCHED);
	for (u32 i = 0; i < CPUID_NR_XSAVE; i++)
		if (sizeless >> i & 1)
			log_warn("cpu: CPUID gives state component %u no size: hidden from guests\n", i);
	vcpu_host.xcr0 = xsave_offered(d, XCR0_SWITCHED);
	return compact && vcpu_host.xcr0 ? check_compact(d) : OK;
}
