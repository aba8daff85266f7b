/* Paravirtual interfaces of KVM: features, MSRs, and what they share with the guest in its memory. */
#include "vmm/policy/pv.h"

#include "lib/atomic.h"
#include "lib/bytes.h"

#define ENABLE      BIT(0)
#define EOI_MASK    BIT(1)  /* reserved */
#define STEAL_MASK  0x3eull /* reserved */
#define NS_PER_S    1000000000ull
#define CLOCK_FLAGS 29 /* offset in the system time structure */

/* struct pvclock_vcpu_time_info */
enum { TI_VERSION = 0, TI_TSC = 8, TI_SYSTEM = 16, TI_MUL = 24, TI_SHIFT = 28, TI_FLAGS = CLOCK_FLAGS, TI_SIZE = 32 };
#define TI_FLAG_STABLE  1u
#define TI_FLAG_STOPPED 2u

/* struct pvclock_wall_clock */
enum { WC_VERSION = 0, WC_SEC = 4, WC_NSEC = 8, WC_SIZE = 12 };

/* struct kvm_steal_time */
enum { ST_STEAL = 0, ST_VERSION = 8, ST_FLAGS = 12, ST_PREEMPTED = 16, ST_SIZE = 64 };
#define ST_FLAG_PREEMPTED 1u
#define ST_FLAG_FLUSH_TLB 2u

u32 pv_features(u32 mask, bool virtual_eoi)
{
	u32 f = mask & PV_ALL;

	if (virtual_eoi)
		f &= ~PV_EOI;
	/* Both ask the steal-time area who is preempted. */
	if (!(f & PV_STEAL_TIME))
		f &= ~(PV_TLB_FLUSH | PV_SCHED_YIELD);
	if (!(f & (PV_CLOCKSOURCE | PV_CLOCKSOURCE2)))
		f &= ~PV_CLOCK_STABLE;
	return f;
}

void pv_scale_init(struct pv_scale *s, u64 tsc_hz)
{
	unsigned __int128 mul = ((unsigned __int128)NS_PER_S << 32) / tsc_hz; /* ns per tick, 32 fraction bits */

	s->shift = 0;
	while (mul >> 32) {
		mul >>= 1;
		s->shift++;
	}
	/* All 32 bits of the factor: from the fraction again, not by shifting zeros in. */
	for (; s->shift > -31 && !(mul >> 31); s->shift--)
		mul = ((unsigned __int128)NS_PER_S << (33 - s->shift)) / tsc_hz;
	s->mul = (u32)mul;
}

void pv_init(struct pv *p, u32 features)
{
	*p = (struct pv){ .features = features };
}

void pv_reset(struct pv *p)
{
	pv_init(p, p->features);
}

/* ---- shared memory: stores in the order written; the guest's other vCPUs may be reading ---- */

static void barrier(void)
{
	atomic_fence_release();
}

static void put32(u8 *p, u32 v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

static void put64(u8 *p, u64 v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

/* An odd version says that an update is under way. */
static u32 update_begin(u8 *version)
{
	u32 v = get32(version);

	v = v & 1 ? v + 2 : v + 1;
	put32(version, v);
	barrier();
	return v;
}

static void update_end(u8 *version, u32 v)
{
	barrier();
	put32(version, v + 1);
}

/* ---- clocks ---- */

/*
 * The pair (TSC, time) is that of VM time 0 and so the same on all vCPUs whatever their offsets: readings on
 * different vCPUs can be compared, and nothing has to be written again until a TSC is moved.
 */
static void write_system_time(struct pv *p, const struct pv_env *e)
{
	u8 *t = p->system_time & ENABLE ? gmem_ptr(e->mem, GPA(p->system_time & ~ENABLE), TI_SIZE) : NULL;
	u8 flags = p->features & PV_CLOCK_STABLE ? TI_FLAG_STABLE : 0;
	u32 version;

	if (!t)
		return;
	version = update_begin(t + TI_VERSION);
	if (atomic_exchange_relaxed(&p->stopped, 0) || (t[TI_FLAGS] & TI_FLAG_STOPPED))
		flags |= TI_FLAG_STOPPED; /* stays until the guest clears it */
	put32(t + 4, 0);
	put64(t + TI_TSC, e->tsc_base);
	put64(t + TI_SYSTEM, 0);
	put32(t + TI_MUL, e->scale.mul);
	t[TI_SHIFT] = (u8)e->scale.shift;
	t[TI_FLAGS] = flags;
	t[30] = t[31] = 0;
	update_end(t + TI_VERSION, version);
}

void pv_clock_update(struct pv *p, const struct pv_env *e)
{
	write_system_time(p, e);
}

void pv_guest_stopped(struct pv *p)
{
	atomic_store_relaxed(&p->stopped, 1);
}

static void write_wall_clock(const struct pv *p, const struct pv_env *e)
{
	u8 *w = gmem_ptr(e->mem, GPA(p->wall_clock), WC_SIZE);
	u32 version;

	if (!w)
		return;
	version = update_begin(w + WC_VERSION);
	put32(w + WC_SEC, (u32)(e->wall_base / NS_PER_S));
	put32(w + WC_NSEC, (u32)(e->wall_base % NS_PER_S));
	update_end(w + WC_VERSION, version);
}

/* ---- steal time ---- */

static u8 *steal_area(const struct pv *p, const struct guest_mem *mem)
{
	return p->steal_time & ENABLE ? gmem_ptr(mem, GPA(p->steal_time & ~ENABLE), ST_SIZE) : NULL;
}

/* Counts on from what the area holds: it outlives the vCPU's INIT, and must not go backwards then. */
static bool steal_update(struct pv *p, const struct guest_mem *mem, u64 steal_ns)
{
	u8 *s = steal_area(p, mem), was;
	u32 version;

	if (!s)
		return false;
	/* Another vCPU asks for a flush only as long as it sees "preempted". */
	was = atomic_exchange(s + ST_PREEMPTED, 0);
	if (steal_ns || get32(s + ST_VERSION) & 1) {
		version = update_begin(s + ST_VERSION);
		put64(s + ST_STEAL, get64(s + ST_STEAL) + steal_ns);
		update_end(s + ST_VERSION, version);
	}
	return p->features & PV_TLB_FLUSH && was & ST_FLAG_FLUSH_TLB;
}

void pv_sched_out(struct pv *p, const struct guest_mem *mem)
{
	u8 *s = steal_area(p, mem);

	if (s)
		atomic_store_release(s + ST_PREEMPTED, ST_FLAG_PREEMPTED);
}

bool pv_sched_in(struct pv *p, const struct pv_env *e, u64 steal_ns)
{
	if (unlikely(atomic_load_relaxed(&p->stopped)))
		write_system_time(p, e);
	return steal_update(p, e->mem, steal_ns);
}

/* ---- EOI ---- */

static u8 *eoi_word(const struct pv *p, const struct guest_mem *mem)
{
	return p->eoi & ENABLE ? gmem_ptr(mem, GPA(p->eoi & ~3ull), 4) : NULL;
}

bool pv_eoi_taken(struct pv *p, const struct guest_mem *mem)
{
	const u8 *w = eoi_word(p, mem);

	if (!p->eoi_set || !w || atomic_load_acquire(w) & 1)
		return false;
	p->eoi_set = false;
	return true;
}

void pv_eoi_offer(struct pv *p, const struct guest_mem *mem, bool want)
{
	u8 *w;

	if (want == p->eoi_set)
		return;
	w = eoi_word(p, mem);
	if (!w)
		return;
	/* Only this vCPU's own code touches the word, and it is not running. */
	atomic_store_release(w, want ? *w | 1 : *w & ~1);
	p->eoi_set = want;
}

/* ---- unhalt ---- */

void pv_unhalt(struct pv *p)
{
	atomic_store(&p->unhalted, 1);
}

bool pv_take_unhalt(struct pv *p)
{
	return atomic_load_relaxed(&p->unhalted) && atomic_exchange(&p->unhalted, 0);
}

/* ---- MSRs, and states ---- */

STATE_DESC(pv, PV_STATE, 1);

/*
 * Addresses may be any: they are looked up at each use. What is on in a guest that is not offered it would act behind
 * its back.
 */
bool pv_valid(const struct pv *p, u32 features, struct state_check *c)
{
	u32 clocks = features & (PV_CLOCKSOURCE | PV_CLOCKSOURCE2);

	if (p->features != features)
		return state_refuse(c, "features", p->features, "is not what this guest is offered");
	if (p->system_time && !clocks)
		return state_refuse(c, "system_time", p->system_time, "is an MSR that the guest does not have");
	if (p->wall_clock && !clocks)
		return state_refuse(c, "wall_clock", p->wall_clock, "is an MSR that the guest does not have");
	if (p->steal_time && !(features & PV_STEAL_TIME))
		return state_refuse(c, "steal_time", p->steal_time, "is an MSR that the guest does not have");
	if (p->steal_time & STEAL_MASK)
		return state_refuse(c, "steal_time", p->steal_time, "has reserved bits");
	if (p->eoi && !(features & PV_EOI))
		return state_refuse(c, "eoi", p->eoi, "is an MSR that the guest does not have");
	if (p->eoi & EOI_MASK)
		return state_refuse(c, "eoi", p->eoi, "has reserved bits");
	if (p->eoi_set && !(p->eoi & ENABLE))
		return state_refuse(c, "eoi_set", p->eoi_set, "is set in a word that is not there");
	if (p->unhalted > 1)
		return state_refuse(c, "unhalted", p->unhalted, "is neither 0 nor 1");
	if (p->stopped > 1)
		return state_refuse(c, "stopped", p->stopped, "is neither 0 nor 1");
	return true;
}

static u64 *msr_slot(struct pv *p, u32 idx)
{
	static const struct {
		u32 idx, feature;
		size_t slot;
	} msrs[] = {
		{ PV_MSR_WALL_CLOCK_OLD, PV_CLOCKSOURCE, offsetof(struct pv, wall_clock) },
		{ PV_MSR_SYSTEM_TIME_OLD, PV_CLOCKSOURCE, offsetof(struct pv, system_time) },
		{ PV_MSR_WALL_CLOCK, PV_CLOCKSOURCE2, offsetof(struct pv, wall_clock) },
		{ PV_MSR_SYSTEM_TIME, PV_CLOCKSOURCE2, offsetof(struct pv, system_time) },
		{ PV_MSR_STEAL_TIME, PV_STEAL_TIME, offsetof(struct pv, steal_time) },
		{ PV_MSR_EOI, PV_EOI, offsetof(struct pv, eoi) },
	};

	for (u32 i = 0; i < ARRAY_SIZE(msrs); i++)
		if (msrs[i].idx == idx && p->features & msrs[i].feature)
			return (u64 *)(void *)((u8 *)p + msrs[i].slot);
	return NULL;
}

bool pv_msr_read(const struct pv *p, u32 idx, u64 *val)
{
	/* msr_slot() does not write. */
	const u64 *slot = msr_slot((struct pv *)(uintptr_t)p, idx);

	if (slot)
		*val = *slot;
	return slot;
}

static bool write_eoi(struct pv *p, const struct pv_env *e, u64 val)
{
	if (val & EOI_MASK || (val & ENABLE && !gmem_ptr(e->mem, GPA(val & ~3ull), 4)))
		return false;
	pv_eoi_offer(p, e->mem, false);
	p->eoi = val;
	return true;
}

bool pv_msr_write(struct pv *p, const struct pv_env *e, u32 idx, u64 val)
{
	u64 *slot = msr_slot(p, idx);

	if (!slot)
		return false;
	switch (idx) {
	case PV_MSR_EOI: return write_eoi(p, e, val);
	case PV_MSR_STEAL_TIME:
		if (val & STEAL_MASK)
			return false;
		p->steal_time = val;
		/* Just switched on: a flush that the area asks for was asked of nobody. */
		(void)steal_update(p, e->mem, 0);
		break;
	case PV_MSR_WALL_CLOCK:
	case PV_MSR_WALL_CLOCK_OLD:
		p->wall_clock = val;
		write_wall_clock(p, e);
		break;
	default:
		p->system_time = val;
		write_system_time(p, e);
		break;
	}
	return true;
}
