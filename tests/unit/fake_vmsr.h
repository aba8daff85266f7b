/* The engine's side of the MSR policy, kept in an array. */
#pragma once

#include "fake_cpu.h"
#include "vmm/policy/msr.h"

struct fake_vmsr {
	u64 reg[VMSR_NR];
	u64 tsc, apic_base, deadline;
	u64 x2apic[256], pv[8];
	bool x2apic_on;
	struct crs_state crs;
	u32 sets; /* calls of set */
};

static u64 fv_get(void *ctx, enum vmsr_reg reg)
{
	return ((struct fake_vmsr *)ctx)->reg[reg];
}
static void fv_set(void *ctx, enum vmsr_reg reg, u64 val)
{
	struct fake_vmsr *f = ctx;

	f->reg[reg] = val;
	f->sets++;
}
static void fv_crs(void *ctx, struct crs_state *s)
{
	*s = ((struct fake_vmsr *)ctx)->crs;
}
static u64 fv_tsc(void *ctx)
{
	return ((struct fake_vmsr *)ctx)->tsc;
}
static void fv_tsc_move(void *ctx, u64 delta)
{
	((struct fake_vmsr *)ctx)->tsc += delta;
}
static u64 fv_apic_base_read(void *ctx)
{
	return ((struct fake_vmsr *)ctx)->apic_base;
}
static bool fv_apic_base_write(void *ctx, u64 val)
{
	/* x2APIC without enable: one of the transitions an APIC refuses */
	if ((val & 0xc00) == 0x400)
		return false;
	((struct fake_vmsr *)ctx)->apic_base = val;
	return true;
}
static bool fv_x2apic_read(void *ctx, u32 reg, u64 *val)
{
	struct fake_vmsr *f = ctx;

	*val = f->x2apic[reg];
	return f->x2apic_on;
}
static bool fv_x2apic_write(void *ctx, u32 reg, u64 val)
{
	struct fake_vmsr *f = ctx;

	if (f->x2apic_on)
		f->x2apic[reg] = val;
	return f->x2apic_on;
}
static bool fv_pv_read(void *ctx, u32 idx, u64 *val)
{
	*val = ((struct fake_vmsr *)ctx)->pv[idx & 7];
	return true;
}
static bool fv_pv_write(void *ctx, u32 idx, u64 val)
{
	/* a reserved bit */
	if (val & 2)
		return false;
	((struct fake_vmsr *)ctx)->pv[idx & 7] = val;
	return true;
}
static u64 fv_deadline_read(void *ctx)
{
	return ((struct fake_vmsr *)ctx)->deadline;
}
static void fv_deadline_write(void *ctx, u64 val)
{
	((struct fake_vmsr *)ctx)->deadline = val;
}

static const struct vmsr_ops fake_vmsr_ops = {
	.get = fv_get,
	.set = fv_set,
	.crs = fv_crs,
	.tsc = fv_tsc,
	.tsc_move = fv_tsc_move,
	.apic_base_read = fv_apic_base_read,
	.apic_base_write = fv_apic_base_write,
	.x2apic_read = fv_x2apic_read,
	.x2apic_write = fv_x2apic_write,
	.pv_read = fv_pv_read,
	.pv_write = fv_pv_write,
	.tsc_deadline_read = fv_deadline_read,
	.tsc_deadline_write = fv_deadline_write,
};
