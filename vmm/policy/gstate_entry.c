/*
 * What VM entry demands of the guest-state area and of the event it injects, in the SDM's order. SDM vol. 3 "Checks
 * on the Guest State Area". Each function is a section there; gstate_seg.c has those on segments.
 */
#include "arch/x86/vmx/vmx_bits.h"
#include "vmm/policy/gstate_priv.h"

#define VEC_DB 1
#define VEC_MC 18

#define SHADOW (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)

#define CR0_DEFINED (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)

#define PAT_TYPES 0xf3u /* UC WC WT WP WB UC- */

/* CR0 and CR4 are as the guest sees them: which bits it has is its CPU's,
 * NW and ET are as the CPU itself keeps them. */
static bool control_registers(const struct gstate *s, const struct gstate_limits *l, struct state_check *c)
{
	if (s->cr0 & ~CR0_DEFINED)
		return state_refuse(c, "cr0", s->cr0, "has reserved bits");
	if (!(s->cr0 & CR0_ET))
		return state_refuse(c, "cr0", s->cr0, "lacks ET");
	if (s->cr0 & CR0_NW && !(s->cr0 & CR0_CD))
		return state_refuse(c, "cr0", s->cr0, "has NW without CD");
	if (s->cr0 & CR0_PG && !(s->cr0 & CR0_PE))
		return state_refuse(c, "cr0", s->cr0, "has PG without PE");
	if (s->cr4 & ~l->crs->cr4)
		return state_refuse(c, "cr4", s->cr4, "has bits that the guest's CPU does not have");
	if (gstate_ia32e(s) && !(s->cr0 & CR0_PG))
		return state_refuse(c, "cr0", s->cr0, "lacks PG in IA-32e mode");
	if (gstate_ia32e(s) && !(s->cr4 & CR4_PAE))
		return state_refuse(c, "cr4", s->cr4, "lacks PAE in IA-32e mode");
	if (!gstate_ia32e(s) && s->cr4 & CR4_PCIDE)
		return state_refuse(c, "cr4", s->cr4, "has PCIDE outside IA-32e mode");
	if (s->cr3 >> l->crs->phys_bits)
		return state_refuse(c, "cr3", s->cr3, "is beyond the physical-address width");
	return true;
}

static bool pat_valid(u64 pat)
{
	for (u32 i = 0; i < 64; i += 8)
		if ((pat >> i & 0xff) > 7 || !(PAT_TYPES >> (pat >> i & 7) & 1))
			return false;
	return true;
}

/* "Checks on Guest Control Registers, Debug Registers, and MSRs" */
static bool registers(const struct gstate *s, const struct gstate_limits *l, struct state_check *c)
{
	bool active = s->cr0 & CR0_PG && s->efer & EFER_LME;

	if (!control_registers(s, l, c))
		return false;
	/* LBR is dropped when it is written (vmm/policy/msr.c). */
	if (s->debugctl & ~DEBUGCTL_BTF)
		return state_refuse(c, "debugctl", s->debugctl, "has other bits than BTF");
	if (s->dr7 >> 32)
		return state_refuse(c, "dr7", s->dr7, "has bits above 31");
	if (!crs_canonical(s->sysenter_esp, l->linear_bits))
		return state_refuse(c, "sysenter_esp", s->sysenter_esp, "is not canonical");
	if (!crs_canonical(s->sysenter_eip, l->linear_bits))
		return state_refuse(c, "sysenter_eip", s->sysenter_eip, "is not canonical");
	if (!pat_valid(s->pat))
		return state_refuse(c, "pat", s->pat, "has a byte that is no memory type");
	if (s->efer & ~l->crs->efer)
		return state_refuse(c, "efer", s->efer, "has bits that the guest's CPU does not have");
	if (gstate_ia32e(s) != active)
		return state_refuse(c, "efer", s->efer, "has an LMA that does not fit LME and CR0.PG");
	return true;
}

#define RFLAGS_RESERVED (~0x3fffffull | BIT(15) | BIT(5) | BIT(3))
#define RFLAGS_ONE      BIT(1)

/* "Checks on Guest RIP, RFLAGS, and SSP" */
static bool rip_rflags(const struct gstate *s, const struct gstate_limits *l, struct state_check *c)
{
	bool wide = gstate_ia32e(s) && s->cs_ar & SEG_AR_L;

	if (!wide && s->rip >> 32)
		return state_refuse(c, "rip", s->rip, "is above 4 GiB outside 64-bit mode");
	if (!crs_canonical(s->rip, l->linear_bits))
		return state_refuse(c, "rip", s->rip, "is not canonical");
	if (s->rflags & RFLAGS_RESERVED || !(s->rflags & RFLAGS_ONE))
		return state_refuse(c, "rflags", s->rflags, "has reserved bits that are wrong");
	if (gstate_v86(s) && (gstate_ia32e(s) || !(s->cr0 & CR0_PE)))
		return state_refuse(c, "rflags", s->rflags, "has VM outside legacy protected mode");
	return true;
}

/* BLD and RTM are of CPUs with bus-lock detection and transactions. */
#define PENDING_BLD      BIT(11)
#define PENDING_RESERVED (~0x17fffull | BIT(15) | BIT(13) | 0x7f0ull)

static bool pending_debug(const struct gstate *s, const struct gstate_limits *l, struct state_check *c)
{
	u64 pending = s->pending_debug;
	bool step = s->rflags & RFLAGS_TF && !(s->debugctl & DEBUGCTL_BTF);

	if (pending & PENDING_RESERVED)
		return state_refuse(c, "pending_debug", pending, "has reserved bits");
	if (pending & PENDING_BLD)
		return state_refuse(c, "pending_debug", pending, "has a bus lock, which no guest is told of");
	if ((s->interruptibility & SHADOW || s->activity == ACTIVITY_HLT) && !(pending & PENDING_DEBUG_BS) == step)
		return state_refuse(c, "pending_debug", pending, "has a BS that does not fit RFLAGS.TF when blocked");
	if (!(pending & PENDING_DEBUG_RTM))
		return true;
	if (!cpuid_has(l->cpuid, CPUID_FEAT_RTM))
		return state_refuse(c, "pending_debug", pending, "has RTM, which the guest's CPU does not have");
	if (pending != (PENDING_DEBUG_RTM | PENDING_DEBUG_ENABLED_BP) ||
	    s->interruptibility & INTERRUPTIBILITY_MOV_SS)
		return state_refuse(c, "pending_debug", pending, "has more beside RTM, or RTM behind MOV SS");
	return true;
}

/* "Checks on Guest Non-Register State" */
static bool non_register_state(const struct gstate *s, const struct gstate_limits *l, struct state_check *c)
{
	u32 blocked = s->interruptibility;

	if (s->activity > ACTIVITY_WAIT_SIPI)
		return state_refuse(c, "activity", s->activity, "is no activity state");
	if (s->activity == ACTIVITY_HLT && SEG_AR_DPL(s->ss_ar))
		return state_refuse(c, "activity", s->activity, "is HLT, and SS's DPL is not 0");
	if (s->activity != ACTIVITY_ACTIVE && blocked & SHADOW)
		return state_refuse(c, "activity", s->activity, "is not active behind STI or MOV SS");
	if (blocked & ~(SHADOW | INTERRUPTIBILITY_NMI))
		return state_refuse(c, "interruptibility", blocked, "has reserved bits, SMI or an enclave");
	if ((blocked & SHADOW) == SHADOW)
		return state_refuse(c, "interruptibility", blocked, "is behind both STI and MOV SS");
	if (blocked & INTERRUPTIBILITY_STI && !(s->rflags & RFLAGS_IF))
		return state_refuse(c, "interruptibility", blocked, "is behind STI, and RFLAGS.IF is 0");
	return pending_debug(s, l, c);
}

/* "Checks on Guest Page-Directory-Pointer-Table Entries" */
static bool pdptes(const struct gstate *s, const struct gstate_limits *l, struct state_check *c)
{
	static const char *const names[] = { "pdpte0", "pdpte1", "pdpte2", "pdpte3" };
	const u64 pdpte[] = { s->pdpte0, s->pdpte1, s->pdpte2, s->pdpte3 };

	for (u32 i = 0; gstate_pae(s) && i < ARRAY_SIZE(pdpte); i++)
		if (!crs_pdpte_valid(l->crs, pdpte[i]))
			return state_refuse(c, names[i], pdpte[i], "has reserved bits");
	return true;
}

bool gstate_area_valid(const struct gstate *s, const struct gstate_limits *l, struct state_check *c)
{
	return registers(s, l, c) && gstate_segments_valid(s, l, c) && rip_rflags(s, l, c) &&
	       non_register_state(s, l, c) && pdptes(s, l, c);
}

/* Whether the event can come in this activity state: what would wake the processor from it. */
static bool wakes(u32 info, u32 activity)
{
	u32 type = info & INTR_INFO_TYPE_MASK, vector = INTR_INFO_VECTOR(info);

	switch (activity) {
	case ACTIVITY_ACTIVE: return true;
	case ACTIVITY_HLT:
		return type == INTR_INFO_EXTERNAL || type == INTR_INFO_NMI ||
		       (type == INTR_INFO_HW_EXCEPTION && (vector == VEC_DB || vector == VEC_MC));
	case ACTIVITY_SHUTDOWN: return type == INTR_INFO_NMI || (type == INTR_INFO_HW_EXCEPTION && vector == VEC_MC);
	default: return false;
	}
}

/* The sentences of those sections, and of "VM-Entry Control Fields",
 * that name the VM-entry interruption information. */
static bool event(const struct gstate *s, struct state_check *c)
{
	const struct inject_event *e = s->vectoring[0].info ? &s->vectoring[0] : &s->exception[0];
	const char *name = e == &s->vectoring[0] ? "vectoring.info" : "exception.info";
	const char *why = inject_event_wrong(e, s->cr0 & CR0_PE);
	u32 type = e->info & INTR_INFO_TYPE_MASK;

	if (why)
		return state_refuse(c, name, e->info, why);
	if (!e->info)
		return true;
	if (type == INTR_INFO_EXTERNAL && !(s->rflags & RFLAGS_IF))
		return state_refuse(c, "rflags", s->rflags, "lacks IF, and an interrupt is injected");
	if (!wakes(e->info, s->activity))
		return state_refuse(c, "activity", s->activity, "is not ended by the event that is injected");
	if (type == INTR_INFO_EXTERNAL && s->interruptibility & SHADOW)
		return state_refuse(c, "interruptibility", s->interruptibility,
		                    "blocks the interrupt that is injected");
	if (type == INTR_INFO_NMI && s->interruptibility)
		return state_refuse(c, "interruptibility", s->interruptibility, "blocks the NMI that is injected");
	return true;
}

bool gstate_entry_valid(const struct gstate *s, const struct gstate_limits *l, struct state_check *c)
{
	return event(s, c) && gstate_area_valid(s, l, c);
}
