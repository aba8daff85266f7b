/* KVM's hypercalls. Linux Documentation/virt/kvm/x86/hypercalls.rst */
#include "lib/bytes.h"
#include "vmm/policy/pv.h"

#define ICR_MODE(icr)    ((u8)((icr) >> 8 & 7))
#define MODE_INIT        5
#define ICR_DEST_LOGICAL 0x800u
#define ICR_ASSERT       0x4000u
#define ICR_LEVEL        0x8000u
#define ICR_SHORTHAND    0xc0000u
#define NONE             0xffffffffu
#define NS_PER_S         1000000000ull

/* struct kvm_clock_pairing */
enum { CP_SEC = 0, CP_NSEC = 8, CP_TSC = 16, CP_SIZE = 64 };
#define CP_WALLCLOCK 0

static u32 find(const struct pv_call_ops *ops, void *ctx, u64 apic_id)
{
	u32 nr = ops->nr_vcpus(ctx);

	for (u32 i = 0; i < nr; i++)
		if (ops->apic_id(ctx, i) == apic_id)
			return i;
	return NONE;
}

static s64 kick_cpu(const struct pv_call *c, const struct pv_call_ops *ops, void *ctx)
{
	u32 i = find(ops, ctx, c->a[1]);

	if (i != NONE) {
		ops->unhalt(ctx, i);
		ops->yield_to(ctx, i);
	}
	return 0;
}

static s64 sched_yield(const struct pv_call *c, const struct pv_call_ops *ops, void *ctx)
{
	u32 i = find(ops, ctx, c->a[0]);

	if (i != NONE)
		ops->yield_to(ctx, i);
	return 0;
}

/* a0, a1: bitmap of APIC IDs from a2 on; a3: ICR. How many were reached. One pass over the vCPUs, in pieces. */
static s64 send_ipi(struct pv_call *c, const struct pv_call_ops *ops, void *ctx)
{
	u32 nr = ops->nr_vcpus(ctx), width = c->long_mode ? 64 : 32, icr = (u32)c->a[3];
	u32 first = c->next;

	if (icr & (ICR_DEST_LOGICAL | ICR_SHORTHAND))
		return -PV_EINVAL;
	if (ICR_MODE(icr) == MODE_INIT && (icr & ICR_LEVEL) && !(icr & ICR_ASSERT))
		return 0; /* the old de-assert reaches nobody */
	c->next = 0;
	if (!first)
		c->count = 0;
	for (u32 i = first; i < nr; i++) {
		u64 bit = (u64)ops->apic_id(ctx, i) - (u32)c->a[2];

		if (bit >= 2 * width || !(c->a[bit >= width] >> (bit & (width - 1)) & 1))
			continue;
		c->count += ops->send(ctx, i, ICR_MODE(icr), (u8)icr);
		if (i + 1 < nr && ops->enough(ctx)) {
			c->next = i + 1;
			break;
		}
	}
	return c->count;
}

static s64 clock_pairing(const struct guest_mem *mem, const struct pv_call *c, const struct pv_call_ops *ops,
                         void *ctx)
{
	u8 buf[CP_SIZE] = { 0 };
	u64 wall, tsc, sec, nsec;

	if (c->a[1] != CP_WALLCLOCK)
		return -PV_EOPNOTSUPP;
	ops->now(ctx, &wall, &tsc);
	sec = wall / NS_PER_S;
	nsec = wall % NS_PER_S;
	__builtin_memcpy(buf + CP_SEC, &sec, 8);
	__builtin_memcpy(buf + CP_NSEC, &nsec, 8);
	__builtin_memcpy(buf + CP_TSC, &tsc, 8);
	return gmem_write(mem, GPA(c->a[0]), buf, sizeof(buf)) == OK ? 0 : -PV_EFAULT;
}

static s64 call(const struct pv *p, const struct guest_mem *mem, struct pv_call *c, const struct pv_call_ops *ops,
                void *ctx)
{
	u32 f = p->features;

	if (c->cpl)
		return -PV_EPERM;
	if (c->nr == PV_HC_VAPIC_POLL_IRQ)
		return 0;
	if (c->nr == PV_HC_KICK_CPU && f & PV_UNHALT)
		return kick_cpu(c, ops, ctx);
	if (c->nr == PV_HC_CLOCK_PAIRING && f & PV_CLOCKSOURCE2)
		return clock_pairing(mem, c, ops, ctx);
	if (c->nr == PV_HC_SEND_IPI && f & PV_SEND_IPI)
		return send_ipi(c, ops, ctx);
	if (c->nr == PV_HC_SCHED_YIELD && f & PV_SCHED_YIELD)
		return sched_yield(c, ops, ctx);
	return -PV_ENOSYS;
}

u64 pv_hypercall(const struct pv *p, const struct guest_mem *mem, struct pv_call *c, const struct pv_call_ops *ops,
                 void *ctx)
{
	struct pv_call narrow = *c;
	s64 answer;

	if (c->long_mode)
		return (u64)call(p, mem, c, ops, ctx);
	narrow.nr = (u32)c->nr;
	for (u32 i = 0; i < ARRAY_SIZE(narrow.a); i++)
		narrow.a[i] = (u32)c->a[i];
	answer = call(p, mem, &narrow, ops, ctx);
	c->next = narrow.next;
	c->count = narrow.count;
	return (u32)answer;
}
