/*
 * A guest against the paravirtual interfaces: any MSRs, memory contents, scheduling and hypercalls. Nothing outside
 * of the guest's RAM is touched (ASan), hypercalls stay within the vCPUs, and what is not offered is not there.
 * Input: 4 bytes of features, then records: what to do, an argument, 8 bytes of value.
 */
#include <string.h>

#include "lib/assert.h"
#include "vmm/policy/pv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAGE 4096u
#define NR   70u

/* Two ranges with a hole, which belongs to nobody. */
static u8 ram[4 * PAGE];
static struct guest_mem mem = { .base = ram, .nr_ranges = 2, .ranges = { { 0, PAGE }, { 2 * PAGE, 2 * PAGE } } };
static u32 sends;

static u32 op_nr(void *ctx)
{
	return NR;
}
static u32 op_id(void *ctx, u32 i)
{
	assert(i < NR);
	return i * 3;
}
static bool op_send(void *ctx, u32 i, u8 mode, u8 vector)
{
	assert(i < NR && mode < 8);
	sends++;
	return vector >= 16;
}
static void op_one(void *ctx, u32 i)
{
	assert(i < NR);
}
static void op_now(void *ctx, u64 *wall, u64 *tsc)
{
	*wall = *tsc = 12345678901234567ull;
}

static u32 enough; /* bits: whether a piece ends at the next one, and so on */

static bool op_enough(void *ctx)
{
	enough = enough >> 1 | enough << 31;
	return enough & 1;
}

static void hypercall(struct pv *p, const u8 *r, u64 val)
{
	static const struct pv_call_ops ops = { op_nr, op_id, op_send, op_one, op_one, op_now, op_enough };
	struct pv_call c = { r[1] & 15, { val, val >> 7, val >> 13 & 0xff, val >> 3 }, r[1] >> 4 & 3, r[1] & 0x80 };
	u64 rax;

	sends = 0;
	enough = (u32)(val >> 20);
	do {
		u32 before = c.next;

		rax = pv_hypercall(p, &mem, &c, &ops, NULL);
		assert(!c.next || c.next > before);
	} while (c.next);
	assert(c.long_mode || !(rax >> 32));
	assert(sends <= NR && (!sends || (rax <= sends && p->features & PV_SEND_IPI && !c.cpl)));
	if (c.cpl)
		assert((u32)rax == (u32)-PV_EPERM);
}

static void msr(struct pv *p, const struct pv_env *e, const u8 *r, u64 val)
{
	static const u32 idx[] = { PV_MSR_WALL_CLOCK_OLD,
		                   PV_MSR_SYSTEM_TIME_OLD,
		                   PV_MSR_WALL_CLOCK,
		                   PV_MSR_SYSTEM_TIME,
		                   0x4b564d02,
		                   PV_MSR_STEAL_TIME,
		                   PV_MSR_EOI,
		                   0x4b564d05 };
	u32 i = idx[r[1] & 7];
	u64 back = ~val;

	if (r[1] & 0x80)
		val &= 4 * PAGE - 1;
	if (!pv_msr_write(p, e, i, val))
		return;
	assert(pv_msr_read(p, i, &back) && back == val);
	if (i == PV_MSR_SYSTEM_TIME && val & 1 && gmem_ptr(&mem, GPA(val & ~1ull), 32))
		assert(!(ram[val & ~1ull] & 1)); /* complete when the guest goes on */
}

static void eoi(struct pv *p, bool want)
{
	bool was = p->eoi_set, taken = pv_eoi_taken(p, &mem);

	assert(!taken || was);
	assert(p->eoi_set == (was && !taken));
	pv_eoi_offer(p, &mem, want);
	assert(!p->eoi_set || (want && p->eoi & 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pv_env e = { .mem = &mem, .tsc_base = 77, .wall_base = 1700000000123456789ull };
	struct pv p;
	u32 mask;

	if (size < 4)
		return 0;
	memset(ram, 0, sizeof(ram));
	memset(ram + PAGE, 0x5a, PAGE);
	memcpy(&mask, data, 4);
	pv_init(&p, pv_features(mask, mask >> 31));
	pv_scale_init(&e.scale, (u64)mask << 8 | 1);
	for (size_t i = 4; i + 10 <= size; i += 10) {
		const u8 *r = data + i;
		u64 val;

		memcpy(&val, r + 2, 8);
		switch (r[0] % 8) {
		case 0: msr(&p, &e, r, val); break;
		case 1: hypercall(&p, r, val); break;
		case 2: pv_sched_out(&p, &mem); break;
		case 3: assert(!pv_sched_in(&p, &e, val) || p.features & PV_TLB_FLUSH); break;
		case 4: eoi(&p, r[1] & 1); break;
		case 5: /* the guest writes */
			if (val % sizeof(ram) / PAGE != 1)
				ram[val % sizeof(ram)] = r[1];
			break;
		case 6: pv_guest_stopped(&p); break;
		default:
			e.tsc_base = val;
			pv_clock_update(&p, &e);
			break;
		}
	}
	assert(pv_valid(&p, p.features, &(struct state_check){ 0 }));
	for (u32 i = 0; i < PAGE; i++)
		assert(ram[PAGE + i] == 0x5a);
	return 0;
}
