/* The MSRs kept in software as a state: what is said of them once, and what they can be. */
#include "vmm/policy/msr_priv.h"

STATE_DESC(vmsr_mc, VMSR_MC_STATE, 1);
STATE_DESC(vmsr_state, VMSR_STATE, 1);

static bool mtrrs_valid(const struct vmsr *m, const struct vmsr_state *s, struct state_check *c)
{
	if (!msr_mtrr_def_ok(s->mtrr_def_type))
		return state_refuse(c, "mtrr_def_type", s->mtrr_def_type, "has reserved bits, or no memory type");
	for (u32 i = 0; i < VMSR_NR_FIXED; i++)
		if (!msr_mtrr_fixed_ok(s->mtrr_fixed[i]))
			return state_refuse(c, "mtrr_fixed", s->mtrr_fixed[i], "has a byte that is no memory type");
	for (u32 i = 0; i < VMSR_MTRR_VAR; i++) {
		if (!msr_mtrr_var_ok(m, s->mtrr_base[i], false))
			return state_refuse(c, "mtrr_base", s->mtrr_base[i], "has reserved bits, or no memory type");
		if (!msr_mtrr_var_ok(m, s->mtrr_mask[i], true))
			return state_refuse(c, "mtrr_mask", s->mtrr_mask[i], "has reserved bits");
	}
	return true;
}

/* No bank ever reports an error; its address and what else it keeps are the guest's own. */
static bool machine_check_valid(const struct vmsr_state *s, struct state_check *c)
{
	if (!msr_mcg_status_ok(s->mcg_status))
		return state_refuse(c, "mcg_status", s->mcg_status, "has reserved bits");
	if (!msr_mcg_ctl_ok(s->mcg_ctl))
		return state_refuse(c, "mcg_ctl", s->mcg_ctl, "is neither 0 nor all ones");
	for (u32 i = 0; i < VMSR_MC_BANKS; i++) {
		if (!msr_mc_ctl_ok(s->mc[i].ctl))
			return state_refuse(c, "mc.ctl", s->mc[i].ctl, "is neither 0 nor all ones");
		if (s->mc[i].status)
			return state_refuse(c, "mc.status", s->mc[i].status, "reports an error: no bank does");
	}
	return true;
}

bool vmsr_valid(const struct vmsr *m, const struct vmsr_state *s, struct state_check *c)
{
	if (!msr_misc_enable_ok(s->misc_enable))
		return state_refuse(c, "misc_enable", s->misc_enable, "has reserved bits");
	if (!(s->bios_sign_id >> 32))
		return state_refuse(c, "bios_sign_id", s->bios_sign_id, "is the microcode revision 0");
	return mtrrs_valid(m, s, c) && machine_check_valid(s, c);
}
