/* The injection choice: SDM vol. 3 "Event Injection", "Interrupt 8-Double Fault Exception",
 * "Checks on Guest State". */
#include "arch/x86/vmx/vmx_bits.h"
#include "suite.h"
#include "vmm/policy/inject.h"

#define VALID INTR_INFO_VALID
#define HWEXC INTR_INFO_HW_EXCEPTION
#define ERRC  INTR_INFO_ERROR_CODE
#define STI   INTERRUPTIBILITY_STI
#define MOVSS INTERRUPTIBILITY_MOV_SS
#define NMI   INTERRUPTIBILITY_NMI

#define GP_EVENT  (VALID | HWEXC | ERRC | 13)
#define NMI_EVENT (VALID | INTR_INFO_NMI | 2)
#define INT_EVENT (VALID | INTR_INFO_EXTERNAL | 0x40)

enum source { NONE, VECTORING, EXCEPTION, NMI_SRC, INTERRUPT };

struct row {
	const char *name;
	u32 vectoring, exception;
	bool nmi, intr, rflags_if;
	u32 blocking;
	enum source taken;
	u32 info;
	bool intr_window, nmi_window;
	u32 blocking_out;
};

static const struct row rows[] = {
	{ "nothing", 0, 0, false, false, true, 0, NONE, 0, false, false, 0 },
	{ "nothing, blocking kept", 0, 0, false, false, true, STI | NMI, NONE, 0, false, false, STI | NMI },
	{ "interrupt", 0, 0, false, true, true, 0, INTERRUPT, INT_EVENT, false, false, 0 },
	{ "interrupt, IF 0", 0, 0, false, true, false, 0, NONE, 0, true, false, 0 },
	{ "interrupt, STI", 0, 0, false, true, true, STI, NONE, 0, true, false, STI },
	{ "interrupt, MOV SS", 0, 0, false, true, true, MOVSS, NONE, 0, true, false, MOVSS },
	{ "interrupt in NMI handler", 0, 0, false, true, true, NMI, INTERRUPT, INT_EVENT, false, false, NMI },
	{ "nmi", 0, 0, true, false, false, 0, NMI_SRC, NMI_EVENT, false, false, 0 },
	{ "nmi, blocked", 0, 0, true, false, true, NMI, NONE, 0, false, true, NMI },
	{ "nmi, STI", 0, 0, true, false, true, STI, NONE, 0, true, false, STI },
	{ "nmi in NMI handler, STI", 0, 0, true, false, true, STI | NMI, NONE, 0, true, false, STI | NMI },
	{ "exception, nmi, STI", 0, GP_EVENT, true, false, true, STI, EXCEPTION, GP_EVENT, false, true, 0 },
	{ "nmi, MOV SS", 0, 0, true, false, true, MOVSS, NONE, 0, false, true, MOVSS },
	{ "nmi before interrupt", 0, 0, true, true, true, 0, NMI_SRC, NMI_EVENT, true, false, 0 },
	{ "blocked nmi, interrupt", 0, 0, true, true, true, NMI, INTERRUPT, INT_EVENT, false, true, NMI },
	{ "exception", 0, GP_EVENT, false, false, false, 0, EXCEPTION, GP_EVENT, false, false, 0 },
	{ "exception ends shadow", 0, GP_EVENT, false, false, true, MOVSS | NMI, EXCEPTION, GP_EVENT, false, false,
	  NMI },
	{ "exception before all", 0, GP_EVENT, true, true, true, 0, EXCEPTION, GP_EVENT, true, true, 0 },
	{ "vectoring before all", INT_EVENT, GP_EVENT, true, true, true, 0, VECTORING, INT_EVENT, true, true, 0 },
	{ "vectoring exception", GP_EVENT, 0, false, false, false, 0, VECTORING, GP_EVENT, false, false, 0 },
	{ "vectoring bit 12", GP_EVENT | BIT(12), 0, false, false, false, 0, VECTORING, GP_EVENT, false, false, 0 },
	{ "vectoring nmi unblocks", NMI_EVENT, 0, false, false, false, NMI, VECTORING, NMI_EVENT, false, false, 0 },
	{ "vectoring nmi, another", NMI_EVENT, 0, true, false, false, NMI, VECTORING, NMI_EVENT, false, true, 0 },
	{ "vectoring int n", VALID | INTR_INFO_SW_INTERRUPT | 0x80, 0, false, true, true, MOVSS, VECTORING,
	  VALID | INTR_INFO_SW_INTERRUPT | 0x80, true, false, 0 },
	{ "invalid vectoring", GP_EVENT & ~VALID, 0, false, true, true, 0, INTERRUPT, INT_EVENT, false, false, 0 },
};

static struct inject_in input(const struct row *r)
{
	return (struct inject_in){
		.vectoring = { .info = r->vectoring, .error = 0x11, .insn_len = 2 },
		.exception = { .info = r->exception, .error = 0x22, .insn_len = 3 },
		.nmi = r->nmi,
		.interrupt = r->intr ? 0x40 : INJECT_NONE,
		.virtual_nmis = true,
		.rflags_if = r->rflags_if,
		.interruptibility = r->blocking,
	};
}

START_TEST(choices)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		struct inject_in in = input(r);
		struct inject_plan p;

		inject_choose(&in, &p);
		ck_assert_msg(p.event.info == r->info, "%s: info %#x", r->name, p.event.info);
		ck_assert_msg(
		        p.take_vectoring == (r->taken == VECTORING) && p.take_exception == (r->taken == EXCEPTION) &&
		                p.take_nmi == (r->taken == NMI_SRC) && p.take_interrupt == (r->taken == INTERRUPT),
		        "%s: taken", r->name);
		ck_assert_msg(p.interrupt_window == r->intr_window, "%s: interrupt window", r->name);
		ck_assert_msg(p.nmi_window == r->nmi_window, "%s: NMI window", r->name);
		ck_assert_msg(p.interruptibility == r->blocking_out, "%s: blocking %#x", r->name, p.interruptibility);
		ck_assert_uint_eq(p.activity, ACTIVITY_ACTIVE);
		ck_assert(!p.soft_nmi_blocked);
		if (r->taken == VECTORING || r->taken == EXCEPTION) {
			ck_assert_uint_eq(p.event.error, r->taken == VECTORING ? 0x11 : 0x22);
			ck_assert_uint_eq(p.event.insn_len, r->taken == VECTORING ? 2 : 3);
		}
	}
}
END_TEST

static u32 take(u32 *k, u32 count)
{
	u32 v = *k % count;

	*k /= count;
	return v;
}

/* What VM entry checks of the plan, over every combination of inputs. */
START_TEST(plan_passes_entry_checks)
{
	static const u32 events[] = { 0, GP_EVENT, NMI_EVENT, INT_EVENT, VALID | INTR_INFO_SW_EXCEPTION | 3 };

	for (u32 n = 0; n < 5 * 5 * 2 * 2 * 2 * 16 * 2 * 4 * 2; n++) {
		u32 k = n;
		struct inject_in in = { 0 };
		struct inject_plan p;
		u32 type;

		in.vectoring.info = events[take(&k, 5)];
		in.exception.info = events[take(&k, 5)];
		in.nmi = take(&k, 2);
		in.interrupt = take(&k, 2) ? 0x30 : INJECT_NONE;
		in.rflags_if = take(&k, 2);
		in.interruptibility = take(&k, 16);
		in.virtual_nmis = take(&k, 2);
		in.activity = take(&k, 4);
		in.soft_nmi_blocked = take(&k, 2);
		inject_choose(&in, &p);
		ck_assert_uint_le(p.take_vectoring + p.take_exception + p.take_nmi + p.take_interrupt, 1);
		ck_assert((p.event.info != 0) ==
		          (p.take_vectoring + p.take_exception + p.take_nmi + p.take_interrupt == 1));
		ck_assert_uint_eq(p.event.info & 0x7ffff000, 0);
		if (!p.event.info) {
			ck_assert_uint_eq(p.activity, in.activity);
			ck_assert_uint_eq(p.interruptibility, in.interruptibility);
			continue;
		}
		type = p.event.info & INTR_INFO_TYPE_MASK;
		ck_assert_uint_eq(p.activity, ACTIVITY_ACTIVE);
		ck_assert_uint_eq(p.interruptibility & (STI | MOVSS), 0);
		if (type == INTR_INFO_NMI)
			ck_assert_uint_eq(p.interruptibility & NMI, 0);
		if (p.take_interrupt)
			ck_assert(in.rflags_if);
		/* What is not injected keeps a window open, so that it cannot be forgotten. */
		if (in.nmi && !p.take_nmi)
			ck_assert(in.virtual_nmis ? p.nmi_window : p.interrupt_window);
		if (in.interrupt != INJECT_NONE && !p.take_interrupt)
			ck_assert(p.interrupt_window);
	}
}
END_TEST

/* A pending trap comes before NMIs and interrupts, which an injected one of would discard. */
START_TEST(pending_trap)
{
	for (u32 k = 0; k < 8; k++) {
		struct inject_in in = { .trap = true,
			                .nmi = k & 1,
			                .interrupt = k & 2 ? 0x40 : INJECT_NONE,
			                .virtual_nmis = k & 4,
			                .rflags_if = true };
		struct inject_plan p;

		inject_choose(&in, &p);
		ck_assert(!p.event.info && !p.take_nmi && !p.take_interrupt);
		ck_assert_int_eq(p.nmi_window, (k & 5) == 5);
		ck_assert_int_eq(p.interrupt_window, (k & 2) || (k & 5) == 1);
		in.exception.info = GP_EVENT;
		inject_choose(&in, &p);
		ck_assert(p.take_exception);
	}
}
END_TEST

START_TEST(activity_states)
{
	struct inject_in in = {
		.interrupt = 0x40, .virtual_nmis = true, .rflags_if = true, .activity = ACTIVITY_HLT
	};
	struct inject_plan p;

	inject_choose(&in, &p);
	ck_assert(p.take_interrupt && p.activity == ACTIVITY_ACTIVE);
	in.rflags_if = false;
	inject_choose(&in, &p);
	ck_assert(!p.event.info && p.activity == ACTIVITY_HLT);
	in.rflags_if = in.nmi = true;
	in.activity = ACTIVITY_WAIT_SIPI;
	inject_choose(&in, &p);
	ck_assert(!p.event.info && !p.nmi_window && !p.interrupt_window && p.activity == ACTIVITY_WAIT_SIPI);
	in.activity = ACTIVITY_SHUTDOWN;
	inject_choose(&in, &p);
	ck_assert(p.take_nmi && p.activity == ACTIVITY_ACTIVE);
	in.nmi = false;
	inject_choose(&in, &p);
	ck_assert(!p.event.info && p.activity == ACTIVITY_SHUTDOWN);
}
END_TEST

/* Without virtual NMIs: in service until interrupts are possible again. */
START_TEST(no_virtual_nmis)
{
	struct inject_in in = { .nmi = true, .interrupt = INJECT_NONE, .interruptibility = NMI };
	struct inject_plan p;

	inject_choose(&in, &p);
	ck_assert(p.take_nmi && p.event.info == NMI_EVENT && p.soft_nmi_blocked && !p.nmi_window);
	in.soft_nmi_blocked = p.soft_nmi_blocked;
	inject_choose(&in, &p);
	ck_assert(!p.take_nmi && p.interrupt_window && !p.nmi_window && p.soft_nmi_blocked);
	in.rflags_if = true;
	in.interruptibility = STI;
	inject_choose(&in, &p);
	ck_assert(!p.take_nmi && p.soft_nmi_blocked);
	in.interruptibility = 0;
	inject_choose(&in, &p);
	ck_assert(p.take_nmi && p.soft_nmi_blocked);
	in.nmi = false;
	inject_choose(&in, &p);
	ck_assert(!p.soft_nmi_blocked);
	/* One whose delivery was interrupted is in service, too. */
	in.vectoring.info = NMI_EVENT;
	inject_choose(&in, &p);
	ck_assert(p.take_vectoring && p.soft_nmi_blocked);
}
END_TEST

/* Table "Conditions for Generating a Double Fault". */
START_TEST(double_fault_matrix)
{
	static const u8 benign[] = { 1, 2, 3, 4, 5, 6, 7, 9, 16, 17, 18, 19 };
	static const u8 contributory[] = { 0, 10, 11, 12, 13, 21 };
	static const u8 page_fault[] = { 14, 20 };
	static const struct {
		const u8 *v;
		u32 nr;
	} cls[3] = { { benign, 12 }, { contributory, 6 }, { page_fault, 2 } };
	static const enum inject_merge want[3][3] = {
		{ INJECT_SECOND, INJECT_SECOND, INJECT_SECOND },
		{ INJECT_SECOND, INJECT_DOUBLE_FAULT, INJECT_SECOND },
		{ INJECT_SECOND, INJECT_DOUBLE_FAULT, INJECT_DOUBLE_FAULT },
	};

	for (u32 a = 0; a < 3; a++)
		for (u32 c = 0; c < 3; c++)
			for (u32 i = 0; i < cls[a].nr; i++)
				for (u32 j = 0; j < cls[c].nr; j++)
					ck_assert_msg(inject_combine(VALID | HWEXC | cls[a].v[i], cls[c].v[j]) ==
					                      want[a][c],
					              "%u then %u", cls[a].v[i], cls[c].v[j]);
	for (u32 c = 0; c < 3; c++)
		for (u32 j = 0; j < cls[c].nr; j++)
			ck_assert_int_eq(inject_combine(VALID | HWEXC | ERRC | 8, cls[c].v[j]),
			                 c ? INJECT_TRIPLE_FAULT : INJECT_SECOND);
}
END_TEST

START_TEST(combine_with_events)
{
	static const u32 first[] = { 0,
		                     HWEXC | 14, /* not valid */
		                     VALID | INTR_INFO_EXTERNAL | 14,
		                     NMI_EVENT,
		                     VALID | INTR_INFO_SW_INTERRUPT | 13,
		                     VALID | INTR_INFO_SW_INTERRUPT | 8,
		                     VALID | INTR_INFO_SW_EXCEPTION | 3,
		                     VALID | INTR_INFO_PRIV_SW_EXC | 1 };

	for (u32 i = 0; i < ARRAY_SIZE(first); i++)
		for (u32 v = 0; v < 32; v++)
			ck_assert_int_eq(inject_combine(first[i], (u8)v), INJECT_SECOND);
}
END_TEST

START_TEST(error_codes)
{
	u32 with = 0;

	for (u32 v = 0; v < 256; v++)
		if (inject_has_error((u8)v)) {
			ck_assert_uint_lt(v, 32);
			with |= 1u << v;
		}
	ck_assert_uint_eq(with, 1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 17 | 1u << 21);
}
END_TEST

START_TEST(single_step)
{
	const u64 tf = BIT(8), btf = BIT(1), bs = PENDING_DEBUG_BS, other = PENDING_DEBUG_ENABLED_BP | 3;

	ck_assert_uint_eq(inject_advance_debug(0, tf | 2, 0), bs);
	ck_assert_uint_eq(inject_advance_debug(other, tf, 0), other | bs);
	ck_assert_uint_eq(inject_advance_debug(0, tf, btf), 0);
	ck_assert_uint_eq(inject_advance_debug(other | bs, 2, 0), other);
	ck_assert_uint_eq(inject_advance_debug(0, 0x202, 0), 0);
}
END_TEST

SUITE_MAIN("inject", choices, pending_trap, plan_passes_entry_checks, activity_states, no_virtual_nmis,
           double_fault_matrix, combine_with_events, error_codes, single_step)
