/* KVM's paravirtual interfaces, as a guest sees them in its memory. */
#include "quick_check.h"
#include <stdlib.h>

#include "guest_ram.h"
#include "suite.h"
#include "vmm/dev/irq/vlapic.h"
#include "vmm/policy/pv.h"

#define RAM  (4ull << 20)
#define AREA 0x123400ull
#define ON   (AREA | 1)
#define WALL 1700000000123456789ull
#define GHZ  1000000000ull

static struct guest_ram ram;
static struct pv pv;
static struct pv_env env;

static void start(u32 features)
{
	guest_ram_init(&ram, RAM);
	memset(ram.mem.base, 0, RAM);
	pv_init(&pv, features);
	env = (struct pv_env){ .mem = &ram.mem, .tsc_base = 5000, .wall_base = WALL };
	pv_scale_init(&env.scale, 2 * GHZ);
}

static u64 get(u64 off, u32 size)
{
	return guest_ram_get(&ram, AREA + off, size);
}

static void put(u64 off, u32 size, u64 val)
{
	ck_assert_int_eq(gmem_write(&ram.mem, GPA(AREA + off), &val, size), OK);
}

static bool wr(u32 idx, u64 val)
{
	return pv_msr_write(&pv, &env, idx, val);
}

/* All of RAM is as it was: zero. */
static bool untouched(void)
{
	for (u64 i = 0; i < RAM; i++)
		if (ram.mem.base[i])
			return false;
	return true;
}

START_TEST(features)
{
	ck_assert_uint_eq(pv_features(~0u, true), PV_ALL & ~PV_EOI);
	ck_assert_uint_eq(pv_features(~0u, false), PV_ALL);
	ck_assert_uint_eq(pv_features(0, false), 0);
	ck_assert_uint_eq(pv_features(PV_ALL & ~PV_STEAL_TIME, false),
	                  PV_ALL & ~(PV_STEAL_TIME | PV_TLB_FLUSH | PV_SCHED_YIELD));
	ck_assert_uint_eq(pv_features(PV_CLOCK_STABLE | PV_EOI, false), PV_EOI);
	ck_assert_uint_eq(pv_features(PV_CLOCK_STABLE | PV_CLOCKSOURCE, false), PV_CLOCK_STABLE | PV_CLOCKSOURCE);
	/* Async page faults, polling, map-GPA-range: not there whoever asks. */
	ck_assert_uint_eq(pv_features(1u << 4 | 1u << 12 | 1u << 14 | 1u << 16, false), 0);
}
END_TEST

/* As a guest computes it. */
static u64 clock_ns(u64 tsc)
{
	u64 delta = tsc - get(8, 8);
	s8 shift = (s8)get(28, 1);

	delta = shift >= 0 ? delta << shift : delta >> -shift;
	return get(16, 8) + (u64)((unsigned __int128)delta * (u32)get(24, 4) >> 32);
}

START_TEST(scale)
{
	static const u64 rates[] = { 1000000,    46000000,   999999999,  1000000000,  1000000001,
		                     2100000000, 2194918400, 4000000000, 100000000000 };

	for (u32 i = 0; i < ARRAY_SIZE(rates); i++) {
		struct pv_scale s;
		u64 ticks = rates[i] * 10000, ns;

		pv_scale_init(&s, rates[i]);
		ck_assert_uint_ge(s.mul, 1u << 31);
		ticks = s.shift >= 0 ? ticks << s.shift : ticks >> -s.shift;
		ns = (u64)((unsigned __int128)ticks * s.mul >> 32);
		/* 10000 s: within 5 us, never fast. */
		ck_assert_uint_le(ns, 10000 * GHZ);
		ck_assert_uint_le(10000 * GHZ - ns, 5000);
	}
}
END_TEST

START_TEST(extreme_rates)
{
	struct pv_scale s;

	pv_scale_init(&s, 1);
	ck_assert_uint_ge(s.mul, 1u << 31);
	pv_scale_init(&s, ~0ull);
	ck_assert_uint_ne(s.mul, 0);
	ck_assert_int_ge(s.shift, -31);
}
END_TEST

START_TEST(system_time)
{
	u64 val;

	start(PV_ALL);
	ck_assert(wr(PV_MSR_SYSTEM_TIME, ON));
	ck_assert(pv_msr_read(&pv, PV_MSR_SYSTEM_TIME, &val));
	ck_assert_uint_eq(val, ON);
	ck_assert_uint_eq(get(0, 4), 2);
	ck_assert_uint_eq(get(8, 8), 5000);
	ck_assert_uint_eq(get(16, 8), 0);
	ck_assert_uint_eq(get(29, 1), 1);
	ck_assert_uint_eq(clock_ns(5000), 0);
	ck_assert_uint_eq(clock_ns(5000 + 2 * GHZ), GHZ);
	/* A moved TSC: the same time for the same moment. */
	env.tsc_base -= 777;
	pv_clock_update(&pv, &env);
	ck_assert_uint_eq(get(0, 4), 4);
	ck_assert_uint_eq(clock_ns(5000 - 777 + 2 * GHZ), GHZ);
	/* Off: nothing is written any more. */
	ck_assert(wr(PV_MSR_SYSTEM_TIME, AREA));
	put(0, 4, 0);
	pv_clock_update(&pv, &env);
	ck_assert_uint_eq(get(0, 4), 0);
	guest_ram_free(&ram);
}
END_TEST

START_TEST(old_numbers)
{
	start(PV_CLOCKSOURCE);
	ck_assert(wr(PV_MSR_SYSTEM_TIME_OLD, ON));
	ck_assert_uint_eq(get(0, 4), 2);
	ck_assert_uint_eq(get(29, 1), 0);
	ck_assert(wr(PV_MSR_WALL_CLOCK_OLD, AREA + 64));
	ck_assert_uint_eq(get(68, 4), WALL / GHZ);
	ck_assert(!wr(PV_MSR_SYSTEM_TIME, ON));
	ck_assert(!wr(PV_MSR_WALL_CLOCK, AREA));
	guest_ram_free(&ram);
}
END_TEST

START_TEST(odd_version_is_mended)
{
	start(PV_ALL);
	put(0, 4, 7);
	ck_assert(wr(PV_MSR_SYSTEM_TIME, ON));
	ck_assert_uint_eq(get(0, 4), 10);
	put(64, 4, 0xffffffff);
	ck_assert(wr(PV_MSR_WALL_CLOCK, AREA + 64));
	ck_assert_uint_eq(get(64, 4), 2);
	guest_ram_free(&ram);
}
END_TEST

START_TEST(wall_clock)
{
	start(PV_ALL);
	ck_assert(wr(PV_MSR_WALL_CLOCK, AREA));
	ck_assert_uint_eq(get(0, 4), 2);
	ck_assert_uint_eq(get(4, 4), 1700000000);
	ck_assert_uint_eq(get(8, 4), 123456789);
	ck_assert(wr(PV_MSR_WALL_CLOCK, AREA));
	ck_assert_uint_eq(get(0, 4), 4);
	guest_ram_free(&ram);
}
END_TEST

START_TEST(stopped_is_told_once)
{
	start(PV_ALL);
	ck_assert(wr(PV_MSR_SYSTEM_TIME, ON));
	pv_guest_stopped(&pv);
	ck_assert(!pv_sched_in(&pv, &env, 0));
	ck_assert_uint_eq(get(29, 1), 3);
	/* It stays until the guest takes it away. */
	pv_clock_update(&pv, &env);
	ck_assert_uint_eq(get(29, 1), 3);
	put(29, 1, 1);
	ck_assert(!pv_sched_in(&pv, &env, 0));
	pv_clock_update(&pv, &env);
	ck_assert_uint_eq(get(29, 1), 1);
	guest_ram_free(&ram);
}
END_TEST

START_TEST(steal_time)
{
	start(PV_ALL);
	pv_sched_out(&pv, &ram.mem);
	ck_assert(!pv_sched_in(&pv, &env, 100));
	ck_assert(untouched());
	ck_assert(wr(PV_MSR_STEAL_TIME, ON));
	ck_assert_uint_eq(get(0, 8), 0);
	pv_sched_out(&pv, &ram.mem);
	ck_assert_uint_eq(get(16, 1), 1);
	ck_assert(!pv_sched_in(&pv, &env, 100));
	ck_assert_uint_eq(get(16, 1), 0);
	ck_assert_uint_eq(get(0, 8), 100);
	ck_assert_uint_eq(get(8, 4), 2);
	ck_assert_uint_eq(get(12, 4), 0);
	/* Back from HLT at once: no new version. */
	pv_sched_out(&pv, &ram.mem);
	ck_assert(!pv_sched_in(&pv, &env, 0));
	ck_assert_uint_eq(get(8, 4), 2);
	/* The counter in the area outlives INIT. */
	pv_reset(&pv);
	ck_assert(!pv_sched_in(&pv, &env, 1));
	ck_assert(wr(PV_MSR_STEAL_TIME, ON));
	ck_assert(!pv_sched_in(&pv, &env, 11));
	ck_assert_uint_eq(get(0, 8), 111);
	guest_ram_free(&ram);
}
END_TEST

START_TEST(tlb_flush)
{
	start(PV_ALL);
	ck_assert(wr(PV_MSR_STEAL_TIME, ON));
	pv_sched_out(&pv, &ram.mem);
	put(16, 1, 3); /* preempted | flush */
	ck_assert(pv_sched_in(&pv, &env, 0));
	ck_assert_uint_eq(get(16, 1), 0);
	ck_assert(!pv_sched_in(&pv, &env, 0));
	guest_ram_free(&ram);
	/* Not offered: not heeded. */
	start(PV_STEAL_TIME);
	ck_assert(wr(PV_MSR_STEAL_TIME, ON));
	put(16, 1, 3);
	ck_assert(!pv_sched_in(&pv, &env, 0));
	guest_ram_free(&ram);
}
END_TEST

START_TEST(eoi)
{
	start(PV_ALL);
	put(0, 4, 0xf0);
	pv_eoi_offer(&pv, &ram.mem, true);
	ck_assert(!pv.eoi_set);
	ck_assert(wr(PV_MSR_EOI, ON));
	pv_eoi_offer(&pv, &ram.mem, true);
	ck_assert(pv.eoi_set);
	ck_assert_uint_eq(get(0, 4), 0xf1);
	/* Not yet. */
	ck_assert(!pv_eoi_taken(&pv, &ram.mem));
	ck_assert(pv.eoi_set);
	put(0, 1, 0xf0);
	ck_assert(pv_eoi_taken(&pv, &ram.mem));
	/* Once only. */
	ck_assert(!pv_eoi_taken(&pv, &ram.mem));
	/* Withdrawn: the guest has to write the APIC's register. */
	pv_eoi_offer(&pv, &ram.mem, true);
	pv_eoi_offer(&pv, &ram.mem, false);
	ck_assert_uint_eq(get(0, 4), 0xf0);
	ck_assert(!pv_eoi_taken(&pv, &ram.mem));
	/* Switched off with the bit out. */
	pv_eoi_offer(&pv, &ram.mem, true);
	ck_assert(wr(PV_MSR_EOI, 0));
	ck_assert_uint_eq(get(0, 4), 0xf0);
	ck_assert(!pv.eoi_set);
	pv_eoi_offer(&pv, &ram.mem, true);
	ck_assert_uint_eq(get(0, 4), 0xf0);
	guest_ram_free(&ram);
}
END_TEST

START_TEST(unhalt)
{
	start(PV_ALL);
	ck_assert(!pv_take_unhalt(&pv));
	pv_unhalt(&pv);
	pv_unhalt(&pv);
	ck_assert(pv_take_unhalt(&pv));
	ck_assert(!pv_take_unhalt(&pv));
	pv_unhalt(&pv);
	pv_reset(&pv);
	ck_assert(!pv_take_unhalt(&pv));
	guest_ram_free(&ram);
}
END_TEST

static const struct {
	u32 idx;
	u64 val;
	bool ok;
} odd[] = {
	{ PV_MSR_EOI, ON | 2, false },
	{ PV_MSR_EOI, 2, false },
	{ PV_MSR_EOI, RAM | 1, false },
	{ PV_MSR_EOI, ~2ull, false },
	{ PV_MSR_EOI, (RAM - 4) | 1, true },
	{ PV_MSR_EOI, ~3ull, true }, /* off */
	{ PV_MSR_STEAL_TIME, ON | 2, false },
	{ PV_MSR_STEAL_TIME, ON | 0x20, false },
	{ PV_MSR_STEAL_TIME, RAM | 1, true },
	{ PV_MSR_STEAL_TIME, (RAM - 64) | 1, true },
	{ PV_MSR_STEAL_TIME, ~0x3eull, true },
	{ PV_MSR_SYSTEM_TIME, RAM | 1, true },
	{ PV_MSR_SYSTEM_TIME, (RAM - 31) | 1, true },
	{ PV_MSR_SYSTEM_TIME, ~0ull, true },
	{ PV_MSR_WALL_CLOCK, RAM - 11, true },
	{ PV_MSR_WALL_CLOCK, ~0ull, true },
	{ 0x4b564d02, 0, false },
	{ 0x4b564d05, 1, false },
	{ 0x4b564d06, 0, false },
	{ 0x10, 0, false },
};

/* Whatever address is given: the refusals of the documentation, no access outside of RAM (ASan looks). */
START_TEST(odd_addresses)
{
	u64 val = 7;

	start(PV_ALL);
	ck_assert_msg(wr(odd[_i].idx, odd[_i].val) == odd[_i].ok, "WRMSR %x %llx", odd[_i].idx,
	              (unsigned long long)odd[_i].val);
	pv_eoi_offer(&pv, &ram.mem, true);
	pv_sched_out(&pv, &ram.mem);
	ck_assert(!pv_sched_in(&pv, &env, 5));
	pv_guest_stopped(&pv);
	ck_assert(!pv_sched_in(&pv, &env, 5));
	if (odd[_i].ok) {
		ck_assert(pv_msr_read(&pv, odd[_i].idx, &val));
		ck_assert_uint_eq(val, odd[_i].val);
	}
	guest_ram_free(&ram);
}
END_TEST

START_TEST(not_offered)
{
	static const u32 all[] = { PV_MSR_WALL_CLOCK_OLD, PV_MSR_SYSTEM_TIME_OLD, PV_MSR_WALL_CLOCK,
		                   PV_MSR_SYSTEM_TIME,    PV_MSR_STEAL_TIME,      PV_MSR_EOI };
	u64 val = 7;

	start(0);
	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		ck_assert(!wr(all[i], ON));
		ck_assert(!pv_msr_read(&pv, all[i], &val));
	}
	ck_assert_uint_eq(val, 7);
	ck_assert(untouched());
	guest_ram_free(&ram);
}
END_TEST

/* ---- hypercalls ---- */

#define NR 200

static struct {
	u32 sent[NR], unhalted[NR], yields, last_yield;
	u8 mode, vector;
	u32 deaf; /* accepts nothing */
	u32 pieces, in_piece;
} calls;

static u32 op_nr(void *ctx)
{
	return NR;
}
/* IDs with a gap: the second hundred begins at 128. */
static u32 op_id(void *ctx, u32 i)
{
	return i < 100 ? i : i + 28;
}
static bool op_send(void *ctx, u32 i, u8 mode, u8 vector)
{
	ck_assert_uint_lt(i, NR);
	calls.sent[i]++;
	calls.mode = mode;
	calls.vector = vector;
	return i != calls.deaf;
}
static void op_unhalt(void *ctx, u32 i)
{
	calls.unhalted[i]++;
}
static void op_yield(void *ctx, u32 i)
{
	calls.yields++;
	calls.last_yield = i;
}
static void op_now(void *ctx, u64 *wall, u64 *tsc)
{
	*wall = WALL;
	*tsc = 4242;
}
static u32 at_once = NR; /* interrupts in one piece */

static bool op_enough(void *ctx)
{
	return ++calls.in_piece >= at_once;
}
static const struct pv_call_ops ops = { op_nr, op_id, op_send, op_unhalt, op_yield, op_now, op_enough };

static u64 vmcall(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct pv_call c = { nr, { a0, a1, a2, a3 }, 0, true, 0, 0 };
	u64 answer;

	memset(&calls, 0, sizeof(calls));
	calls.deaf = NR;
	do {
		calls.in_piece = 0;
		answer = pv_hypercall(&pv, &ram.mem, &c, &ops, NULL);
		ck_assert_uint_le(calls.in_piece, at_once);
		calls.pieces++;
	} while (c.next);
	return answer;
}

static u32 total(void)
{
	u32 n = 0;

	for (u32 i = 0; i < NR; i++)
		n += calls.sent[i];
	return n;
}

START_TEST(send_ipi)
{
	start(PV_ALL);
	ck_assert_uint_eq(vmcall(PV_HC_SEND_IPI, 0x5, 1, 1, 0x40f3), 3);
	ck_assert(calls.sent[1] == 1 && calls.sent[3] == 1 && calls.sent[65] == 1 && total() == 3);
	ck_assert(calls.mode == APIC_MODE_FIXED && calls.vector == 0xf3);
	/* Over the gap: IDs 90..99 and 128..217 */
	ck_assert_uint_eq(vmcall(PV_HC_SEND_IPI, ~0ull, ~0ull, 90, 0x4400), 100);
	ck_assert(calls.sent[89] == 0 && calls.sent[90] == 1 && calls.sent[99] == 1 && calls.sent[100] == 1);
	ck_assert(calls.sent[189] == 1 && calls.sent[190] == 0 && calls.mode == APIC_MODE_NMI);
	/* Beyond everything, and where the sum wraps. */
	ck_assert_uint_eq(vmcall(PV_HC_SEND_IPI, ~0ull, ~0ull, 228, 0xf3), 0);
	ck_assert_uint_eq(vmcall(PV_HC_SEND_IPI, ~0ull, ~0ull, 0xffffffff, 0xf3), 0);
	ck_assert_uint_eq(total(), 0);
	/* Logical destinations and shorthands are not for this call. */
	ck_assert_uint_eq(vmcall(PV_HC_SEND_IPI, 1, 0, 0, 0x8f3), (u64)-22);
	ck_assert_uint_eq(vmcall(PV_HC_SEND_IPI, 1, 0, 0, 0x400f3), (u64)-22);
	ck_assert_uint_eq(vmcall(PV_HC_SEND_IPI, 1, 0, 0, 0x800f3), (u64)-22);
	ck_assert_uint_eq(vmcall(PV_HC_SEND_IPI, 1, 0, 0, 0x8500), 0);
	ck_assert_uint_eq(total(), 0);
	ck_assert_uint_eq(vmcall(PV_HC_SEND_IPI, 1, 0, 0, 0xc500), 1);
	guest_ram_free(&ram);
}
END_TEST

/* A piece at a time, in either mode, it is the same call: everybody once, and the sum of all. */
START_TEST(send_ipi_in_pieces)
{
	struct pv_call c = { PV_HC_SEND_IPI, { ~0ull, ~0ull, ~0ull << 32 | 10, 0xf3 }, 0, false, 0, 0 };
	u32 pieces = 1;

	start(PV_ALL);
	for (at_once = 1; at_once <= 64; at_once *= 4) {
		ck_assert_uint_eq(vmcall(PV_HC_SEND_IPI, ~0ull, ~0ull, 0, 0xf3), 100);
		ck_assert_uint_eq(total(), 100);
		ck_assert_uint_eq(calls.pieces, (100 + at_once - 1) / at_once + (at_once == 1 || at_once == 4));
		for (u32 i = 0; i < 100; i++)
			ck_assert_uint_eq(calls.sent[i], 1);
	}
	at_once = 7;
	memset(&calls, 0, sizeof(calls));
	calls.deaf = 20;
	while (pv_hypercall(&pv, &ram.mem, &c, &ops, NULL), c.next) {
		ck_assert_uint_eq(calls.in_piece, 7);
		calls.in_piece = 0;
		pieces++;
	}
	ck_assert_uint_eq(total(), 64);
	ck_assert_int_eq(c.count, 63);
	ck_assert_uint_eq(pieces, 10);
	at_once = NR;
	guest_ram_free(&ram);
}
END_TEST

START_TEST(send_ipi_counts_the_accepted)
{
	struct pv_call c = { PV_HC_SEND_IPI, { 7, 0, 0, 0xf3 }, 0, true, 0, 0 };

	start(PV_ALL);
	memset(&calls, 0, sizeof(calls));
	calls.deaf = 1;
	ck_assert_uint_eq(pv_hypercall(&pv, &ram.mem, &c, &ops, NULL), 2);
	ck_assert_uint_eq(total(), 3);
	guest_ram_free(&ram);
}
END_TEST

START_TEST(calls_32_bit)
{
	struct pv_call c = {
		0xabc00000000ull | PV_HC_SEND_IPI, { ~0ull << 32 | 1, ~0ull << 32 | 1, 0, 0xf3 }, 0, false, 0, 0
	};

	start(PV_ALL);
	memset(&calls, 0, sizeof(calls));
	calls.deaf = NR;
	ck_assert_uint_eq(pv_hypercall(&pv, &ram.mem, &c, &ops, NULL), 2);
	ck_assert(calls.sent[0] == 1 && calls.sent[32] == 1 && total() == 2);
	c.nr = 77;
	ck_assert_uint_eq(pv_hypercall(&pv, &ram.mem, &c, &ops, NULL), (u32)-1000);
	c.cpl = 3;
	ck_assert_uint_eq(pv_hypercall(&pv, &ram.mem, &c, &ops, NULL), (u32)-1);
	guest_ram_free(&ram);
}
END_TEST

START_TEST(kick_and_yield)
{
	start(PV_ALL);
	ck_assert_uint_eq(vmcall(PV_HC_KICK_CPU, 0, 129, 0, 0), 0);
	ck_assert(calls.unhalted[101] == 1 && calls.yields == 1 && calls.last_yield == 101);
	ck_assert_uint_eq(vmcall(PV_HC_KICK_CPU, 0, 110, 0, 0), 0); /* nobody */
	ck_assert_uint_eq(vmcall(PV_HC_KICK_CPU, 0, 1ull << 32, 0, 0), 0);
	ck_assert(calls.unhalted[0] == 0 && calls.yields == 0);
	ck_assert_uint_eq(vmcall(PV_HC_SCHED_YIELD, 3, 0, 0, 0), 0);
	ck_assert(calls.yields == 1 && calls.last_yield == 3);
	ck_assert_uint_eq(vmcall(PV_HC_SCHED_YIELD, ~0ull, 0, 0, 0), 0);
	ck_assert_uint_eq(calls.yields, 0);
	ck_assert_uint_eq(vmcall(PV_HC_VAPIC_POLL_IRQ, 0, 0, 0, 0), 0);
	guest_ram_free(&ram);
}
END_TEST

START_TEST(clock_pairing)
{
	start(PV_ALL);
	memset(ram.mem.base + AREA, 0xff, 64);
	ck_assert_uint_eq(vmcall(PV_HC_CLOCK_PAIRING, AREA, 0, 0, 0), 0);
	ck_assert(get(0, 8) == WALL / GHZ && get(8, 8) == WALL % GHZ && get(16, 8) == 4242);
	for (u32 i = 24; i < 64; i++)
		ck_assert_uint_eq(get(i, 1), 0);
	ck_assert_uint_eq(vmcall(PV_HC_CLOCK_PAIRING, AREA, 1, 0, 0), (u64)-95);
	ck_assert_uint_eq(vmcall(PV_HC_CLOCK_PAIRING, RAM - 63, 0, 0, 0), (u64)-14);
	ck_assert_uint_eq(vmcall(PV_HC_CLOCK_PAIRING, ~0ull, 0, 0, 0), (u64)-14);
	guest_ram_free(&ram);
}
END_TEST

START_TEST(calls_not_offered)
{
	struct pv_call user = { PV_HC_VAPIC_POLL_IRQ, { 0 }, 3, true, 0, 0 };

	start(PV_NOP_IO_DELAY);
	for (u64 nr = 0; nr < 32; nr++)
		ck_assert_uint_eq(vmcall(nr, 1, 1, 0, 0), nr == PV_HC_VAPIC_POLL_IRQ ? 0 : (u64)-1000);
	ck_assert_uint_eq(vmcall(1ull << 32 | PV_HC_VAPIC_POLL_IRQ, 0, 0, 0, 0), (u64)-1000);
	ck_assert_uint_eq(pv_hypercall(&pv, &ram.mem, &user, &ops, NULL), (u64)-1);
	ck_assert(total() == 0 && untouched());
	guest_ram_free(&ram);
}
END_TEST

/* What no guest of these features can have written. */
START_TEST(states)
{
	static const struct pv good = {
		PV_ALL, 0x1001, 0x2000, 0x3041, 0x5001, true, 1, 1,
	};
	static const struct {
		u32 offered;
		struct pv state;
		const char *refused;
	} bad[] = {
		{ PV_ALL, { .features = PV_ALL & ~PV_EOI }, "features" },
		{ 0, { .system_time = 1 }, "system_time" },
		{ 0, { .wall_clock = 0x1000 }, "wall_clock" },
		{ 0, { .steal_time = 0x1001 }, "steal_time" },
		{ PV_STEAL_TIME, { .features = PV_STEAL_TIME, .steal_time = 0x1003 }, "steal_time" },
		{ 0, { .eoi = 1 }, "eoi" },
		{ PV_EOI, { .features = PV_EOI, .eoi = 3 }, "eoi" },
		{ PV_EOI, { .features = PV_EOI, .eoi_set = true }, "eoi_set" },
		{ 0, { .unhalted = 2 }, "unhalted" },
		{ 0, { .stopped = 0x100 }, "stopped" },
	};
	struct state_check c = { 0 };

	ck_assert(pv_valid(&good, PV_ALL, &c));
	ck_assert_ptr_null(c.field);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_msg(!pv_valid(&bad[i].state, bad[i].offered, &c), "%s", bad[i].refused);
		ck_assert_str_eq(c.field, bad[i].refused);
		ck_assert_ptr_nonnull(c.reason);
	}
	ck_assert_uint_eq(pv_desc.size, sizeof(struct pv));
	ck_assert_uint_eq(pv_desc.nr, 8);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pv");
	TCase *tc = tcase_create("pv");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, features);
	tcase_add_test(tc, scale);
	tcase_add_test(tc, extreme_rates);
	tcase_add_test(tc, system_time);
	tcase_add_test(tc, old_numbers);
	tcase_add_test(tc, odd_version_is_mended);
	tcase_add_test(tc, wall_clock);
	tcase_add_test(tc, stopped_is_told_once);
	tcase_add_test(tc, steal_time);
	tcase_add_test(tc, tlb_flush);
	tcase_add_test(tc, eoi);
	tcase_add_test(tc, unhalt);
	tcase_add_loop_test(tc, odd_addresses, 0, ARRAY_SIZE(odd));
	tcase_add_test(tc, not_offered);
	tcase_add_test(tc, send_ipi);
	tcase_add_test(tc, send_ipi_in_pieces);
	tcase_add_test(tc, send_ipi_counts_the_accepted);
	tcase_add_test(tc, calls_32_bit);
	tcase_add_test(tc, kick_and_yield);
	tcase_add_test(tc, clock_pairing);
	tcase_add_test(tc, calls_not_offered);
	tcase_add_test(tc, states);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
