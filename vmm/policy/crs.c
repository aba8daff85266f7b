/* Control and debug register rules. */
#include "vmm/policy/crs.h"

#define CR0_DEFINED  (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define CR3_NO_FLUSH BIT(63)

#define XCR0_AVX512 (XCR0_OPMASK | XCR0_ZMM_HI | XCR0_HI16_ZMM)
#define XCR0_MPX    (XCR0_BNDREGS | XCR0_BNDCSR)

void crs_caps_init(struct crs_caps *caps, const struct cpuid_table *cpuid)
{
	static const struct {
		u32 feat;
		u64 cr4;
	} bits[] = {
		{ CPUID_FEAT_VME, CR4_VME | CR4_PVI },
		{ CPUID_FEAT_TSC, CR4_TSD },
		{ CPUID_FEAT_DE, CR4_DE },
		{ CPUID_FEAT_PSE, CR4_PSE },
		{ CPUID_FEAT_PAE, CR4_PAE },
		{ CPUID_FEAT_MCE, CR4_MCE },
		{ CPUID_FEAT_PGE, CR4_PGE },
		{ CPUID_FEAT_FXSR, CR4_OSFXSR },
		{ CPUID_FEAT_SSE, CR4_OSXMMEXCPT },
		{ CPUID_FEAT_UMIP, CR4_UMIP },
		{ CPUID_FEAT_LA57, CR4_LA57 },
		{ CPUID_FEAT_FSGSBASE, CR4_FSGSBASE },
		{ CPUID_FEAT_PCID, CR4_PCIDE },
		{ CPUID_FEAT_XSAVE, CR4_OSXSAVE },
		{ CPUID_FEAT_SMEP, CR4_SMEP },
		{ CPUID_FEAT_SMAP, CR4_SMAP },
		{ CPUID_FEAT_PKU, CR4_PKE },
	};

	caps->cr4 = CR4_PCE;
	for (u32 i = 0; i < ARRAY_SIZE(bits); i++)
		if (cpuid_has(cpuid, bits[i].feat))
			caps->cr4 |= bits[i].cr4;
	caps->efer = (cpuid_has(cpuid, CPUID_FEAT_SYSCALL) ? EFER_SCE : 0) |
	             (cpuid_has(cpuid, CPUID_FEAT_LM) ? EFER_LME | EFER_LMA : 0) |
	             (cpuid_has(cpuid, CPUID_FEAT_NX) ? EFER_NXE : 0);
	caps->xcr0 = cpuid->xcr0;
	caps->xss = cpuid->xss;
	caps->phys_bits = (u8)(cpuid->ext[8].eax & 0xff);
}

static bool pae_paging(u64 cr0, u64 cr4, u64 efer)
{
	return cr0 & CR0_PG && cr4 & CR4_PAE && !(efer & EFER_LMA);
}

/* Turning paging on: with LME this activates IA-32e mode (SDM vol. 3, "Initializing IA-32e Mode"). */
static enum crs_result paging_on(const struct crs_state *old, struct crs_out *out)
{
	if (!(old->efer & EFER_LME))
		return CRS_OK;
	if (!(old->cr4 & CR4_PAE) || old->cs_l || old->tss16)
		return CRS_GP;
	out->efer |= EFER_LMA;
	out->todo |= CRS_DO_EFER;
	return CRS_OK;
}

static enum crs_result paging_off(const struct crs_state *old, struct crs_out *out)
{
	if (old->cr4 & CR4_PCIDE || (old->efer & EFER_LMA && old->cs_l))
		return CRS_GP;
	if (old->efer & EFER_LMA) {
		out->efer &= ~EFER_LMA;
		out->todo |= CRS_DO_EFER;
	}
	out->todo |= CRS_DO_FLUSH;
	return CRS_OK;
}

enum crs_result crs_cr0_write(const struct crs_caps *caps, const struct crs_state *old, u64 val, struct crs_out *out)
{
	enum crs_result r = CRS_OK;
	u64 changed;

	(void)caps;
	if (val >> 32)
		return CRS_GP;
	/* Reserved bits of the lower half are ignored, ET is hardwired. */
	val = (val & CR0_DEFINED) | CR0_ET;
	if ((val & CR0_PG && !(val & CR0_PE)) || (val & CR0_NW && !(val & CR0_CD)))
		return CRS_GP;
	*out = (struct crs_out){ .value = val, .efer = old->efer };
	changed = val ^ old->cr0;
	if (changed & CR0_PG)
		r = val & CR0_PG ? paging_on(old, out) : paging_off(old, out);
	if (r == CRS_OK && changed & (CR0_PG | CR0_CD | CR0_NW) && pae_paging(val, old->cr4, out->efer))
		out->todo |= CRS_DO_PDPTES;
	return r;
}

u64 crs_lmsw(u64 cr0, u16 src)
{
	return (cr0 & ~(CR0_MP | CR0_EM | CR0_TS)) | (src & (CR0_PE | CR0_MP | CR0_EM | CR0_TS));
}

enum crs_result crs_cr3_write(const struct crs_caps *caps, const struct crs_state *old, u64 val, struct crs_out *out)
{
	bool keep = old->cr4 & CR4_PCIDE && val & CR3_NO_FLUSH;

	if (old->cr4 & CR4_PCIDE)
		val &= ~CR3_NO_FLUSH;
	/* Outside IA-32e mode the register takes 32 bits and checks none of them. */
	if (old->efer & EFER_LMA && val >> caps->phys_bits)
		return CRS_GP;
	*out = (struct crs_out){ .value = val, .efer = old->efer, .todo = keep ? 0 : CRS_DO_FLUSH };
	if (pae_paging(old->cr0, old->cr4, old->efer))
		out->todo |= CRS_DO_PDPTES;
	return CRS_OK;
}

enum crs_result crs_cr4_write(const struct crs_caps *caps, const struct crs_state *old, u64 val, struct crs_out *out)
{
	u64 changed = val ^ old->cr4;
	bool lma = old->efer & EFER_LMA;

	if (val & ~caps->cr4)
		return CRS_GP;
	if (lma && (!(val & CR4_PAE) || changed & CR4_LA57))
		return CRS_GP;
	if (changed & val & CR4_PCIDE && (!lma || old->cr3 & 0xfff))
		return CRS_GP;
	*out = (struct crs_out){ .value = val, .efer = old->efer };
	if (changed & (CR4_PGE | CR4_PAE | CR4_PSE) || changed & val & CR4_SMEP || changed & old->cr4 & CR4_PCIDE)
		out->todo |= CRS_DO_FLUSH;
	if (changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP) && pae_paging(old->cr0, val, old->efer))
		out->todo |= CRS_DO_PDPTES;
	return CRS_OK;
}

enum crs_result crs_cr8_write(u64 val)
{
	return val & ~0xfull ? CRS_GP : CRS_OK;
}

enum crs_result crs_efer_write(const struct crs_caps *caps, const struct crs_state *old, u64 val, u64 *efer)
{
	if (val & ~caps->efer)
		return CRS_GP;
	if (old->cr0 & CR0_PG && (val ^ old->efer) & EFER_LME)
		return CRS_GP;
	*efer = (val & ~EFER_LMA) | (old->efer & EFER_LMA);
	return CRS_OK;
}

enum crs_result crs_xcr_write(const struct crs_caps *caps, u32 index, u64 val)
{
	if (index != 0 || val & ~caps->xcr0 || !(val & XCR0_X87))
		return CRS_GP;
	if (val & XCR0_AVX && !(val & XCR0_SSE))
		return CRS_GP;
	if (val & XCR0_AVX512 && ((val & XCR0_AVX512) != XCR0_AVX512 || !(val & XCR0_AVX)))
		return CRS_GP;
	if (val & XCR0_MPX && (val & XCR0_MPX) != XCR0_MPX)
		return CRS_GP;
	return CRS_OK;
}

enum crs_result crs_xss_write(const struct crs_caps *caps, u64 val)
{
	return val & ~caps->xss ? CRS_GP : CRS_OK;
}

bool crs_pdpte_valid(const struct crs_caps *caps, u64 pdpte)
{
	/* Reserved: 2:1, 8:5 and what lies above the physical address width, NX included. */
	u64 reserved = 0x1e6 | ~(BIT(caps->phys_bits) - 1);

	return !(pdpte & 1) || !(pdpte & reserved);
}

bool crs_state_valid(const struct crs_caps *caps, const struct crs_state *s)
{
	bool pg = s->cr0 & CR0_PG, lma = s->efer & EFER_LMA;

	if (s->cr0 & ~CR0_DEFINED || (pg && !(s->cr0 & CR0_PE)) || (s->cr0 & CR0_NW && !(s->cr0 & CR0_CD)))
		return false;
	if (s->cr4 & ~caps->cr4 || s->efer & ~caps->efer)
		return false;
	if (lma != (pg && s->efer & EFER_LME))
		return false;
	if (lma && (!(s->cr4 & CR4_PAE) || s->tss16))
		return false;
	if (!lma && (s->cr4 & CR4_PCIDE || s->cs_l))
		return false;
	return !(s->cr3 >> caps->phys_bits);
}

enum crs_result crs_dr_read(u64 cr4, u32 *dr)
{
	if (*dr == 4 || *dr == 5) {
		if (cr4 & CR4_DE)
			return CRS_UD;
		*dr += 2;
	}
	return CRS_OK;
}

enum crs_result crs_dr_write(u64 cr4, u32 *dr, u64 *val)
{
	if (crs_dr_read(cr4, dr) != CRS_OK)
		return CRS_UD;
	if (*dr < 6)
		return CRS_OK;
	if (*val >> 32)
		return CRS_GP;
	/* DR6: B0-B3, BD, BS and BT can be written. DR7: 15, 14, 12 and 11 (no RTM) are 0, 10 is 1. */
	if (*dr == 6)
		*val = (*val & 0xe00f) | DR6_INIT;
	else
		*val = (*val & 0xffff23ff) | DR7_INIT;
	return CRS_OK;
}

u64 crs_cr0_mask(void)
{
	/*
	 * The guest owns what only matters inside it. PG decides IA-32e mode (an entry control), CD and NW are kept
	 * off in the register, NE is fixed on, and reserved bits must not reach it.
	 */
	return ~(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM);
}

u64 crs_cr4_mask(const struct crs_caps *caps)
{
	/* Bits not offered exit to be refused. MCE stays on for the hypervisor's sake; LA57 changes the page walk. */
	return ~(caps->cr4 & ~(CR4_MCE | CR4_VMXE | CR4_SMXE | CR4_LA57));
}

u64 crs_cr0_real(const struct crs_fixed *f, u64 visible)
{
	/* Unrestricted guest lifts the rule for PE and PG. A machine is not made slow by one guest's CD. */
	u64 must = f->cr0_0 & ~(CR0_PE | CR0_PG);

	return ((visible & ~(CR0_CD | CR0_NW)) | must) & f->cr0_1;
}

u64 crs_cr4_real(const struct crs_fixed *f, u64 visible)
{
	return (visible | f->cr4_0 | CR4_MCE) & f->cr4_1;
}

u32 crs_breakpoints(u64 dr7, const u64 dr[4], bool de, enum crs_access what, u64 addr, u32 len)
{
	static const u8 lengths[4] = { 1, 2, 8, 4 };
	u32 hits = 0;

	for (u32 i = 0; i < 4; i++) {
		u32 rw = dr7 >> (16 + 4 * i) & 3, n = lengths[dr7 >> (18 + 4 * i) & 3];
		u64 at = dr[i] & ~(u64)(n - 1);
		bool kind = what == CRS_ACCESS_IO      ? rw == 2 && de
		            : what == CRS_ACCESS_WRITE ? rw == 1 || rw == 3
		                                       : rw == 3;

		/* Differences instead of sums: nothing wraps. */
		if (kind && (dr7 >> (2 * i) & 3) && (addr - at < n || at - addr < len))
			hits |= 1u << i;
	}
	return hits;
}
