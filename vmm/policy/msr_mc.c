/* Machine check: banks that never report anything. (SDM vol. 3, "Machine-Check MSRs".) */
#include "vmm/policy/msr_priv.h"

#define MSR_MCG_STATUS 0x17au

enum msr_result msr_rd_mcg(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val)
{
	(void)d;
	*val = idx == MSR_MCG_STATUS ? m->s.mcg_status : m->s.mcg_ctl;
	return MSR_OK;
}

bool msr_mcg_status_ok(u64 val)
{
	return !(val & ~0xfull);
}

bool msr_mcg_ctl_ok(u64 val)
{
	return !val || !~val;
}

/* All ones or zero; systems are known to leave bit 0 or bit 10 out. */
bool msr_mc_ctl_ok(u64 val)
{
	return !val || !~(val | BIT(0) | BIT(10));
}

enum msr_result msr_wr_mcg(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	(void)d;
	if (!(idx == MSR_MCG_STATUS ? msr_mcg_status_ok(val) : msr_mcg_ctl_ok(val)))
		return MSR_GP;
	if (idx == MSR_MCG_STATUS)
		m->s.mcg_status = val;
	else
		m->s.mcg_ctl = val;
	return MSR_OK;
}

enum msr_result msr_rd_mc_bank(struct vmsr *m, const struct msr_def *d, u32 idx, u64 *val)
{
	u32 n = idx - d->first;
	const u64 regs[] = { m->s.mc[n / 4].ctl, m->s.mc[n / 4].status, m->s.mc[n / 4].addr, m->s.mc[n / 4].misc };

	*val = regs[n % 4];
	return MSR_OK;
}

enum msr_result msr_wr_mc_bank(struct vmsr *m, const struct msr_def *d, u32 idx, u64 val)
{
	u32 n = idx - d->first;

	switch (n % 4) {
	case 0:
		if (!msr_mc_ctl_ok(val))
			return MSR_GP;
		m->s.mc[n / 4].ctl = val;
		break;
	case 1:
		if (val)
			return MSR_GP;
		m->s.mc[n / 4].status = 0;
		break;
	case 2: m->s.mc[n / 4].addr = val; break;
	default: m->s.mc[n / 4].misc = val; break;
	}
	return MSR_OK;
}
