/* Virtual local APIC: registers, priorities, modes. Expected values are the SDM's, vol. 3 "APIC". */
#include <pthread.h>

#include "fake_lapic.h"
#include "suite.h"

static struct fake_bus b;
static struct vlapic *const l = &b.cpu[0].l, *const l1 = &b.cpu[1].l;

static void deliver_to_isr(struct vlapic *a, u8 vector)
{
	vlapic_post_self(a, vector, false);
	ck_assert_int_eq(vlapic_pending_vector(a), vector);
	vlapic_accept(a, vector);
}

START_TEST(power_up_state)
{
	static const struct {
		u32 off, val;
	} regs[] = {
		{ APIC_ID, 1u << 24 },
		{ APIC_VERSION, 0x01050014 },
		{ APIC_TPR, 0 },
		{ APIC_APR, 0 },
		{ APIC_PPR, 0 },
		{ APIC_LDR, 0 },
		{ APIC_DFR, 0xffffffff },
		{ APIC_SVR, 0xff },
		{ APIC_ESR, 0 },
		{ APIC_ICR, 0 },
		{ APIC_ICR2, 0 },
		{ APIC_LVT_TIMER, 0x10000 },
		{ APIC_LVT_THERMAL, 0x10000 },
		{ APIC_LVT_PMC, 0x10000 },
		{ APIC_LVT_LINT0, 0x10000 },
		{ APIC_LVT_LINT1, 0x10000 },
		{ APIC_LVT_ERROR, 0x10000 },
		{ APIC_TIMER_INIT, 0 },
		{ APIC_TIMER_CUR, 0 },
		{ APIC_TIMER_DIV, 0 },
	};

	fake_bus_init(&b);
	for (u32 i = 0; i < ARRAY_SIZE(regs); i++)
		ck_assert_msg(fake_rd(l1, regs[i].off, 0) == regs[i].val, "%#x: %#x", regs[i].off,
		              fake_rd(l1, regs[i].off, 0));
	for (u32 off = APIC_ISR; off < APIC_ESR; off += 16)
		ck_assert_uint_eq(fake_rd(l1, off, 0), 0);
	ck_assert_uint_eq(vlapic_get_base(l1), 0xfee00800);
	ck_assert(vlapic_enabled(l1) && !vlapic_sw_enabled(l1));
	/* The bootstrap processor: virtual wire mode. */
	ck_assert_uint_eq(vlapic_get_base(l), 0xfee00900);
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_LINT0, 0), 0x700);
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_LINT1, 0), 0x400);
	ck_assert(vlapic_sw_enabled(l) && vlapic_accepts_pic(l) && !vlapic_accepts_pic(l1));
}
END_TEST

/* Writing all ones and all zeros shows which bits a register has. */
START_TEST(writable_bits)
{
	static const struct {
		u32 off, ones, zeros;
	} regs[] = {
		{ APIC_ID, 0, 0 },
		{ APIC_VERSION, 0x01050014, 0x01050014 },
		{ APIC_TPR, 0xff, 0 },
		{ APIC_LDR, 0xff000000, 0 },
		{ APIC_DFR, 0xffffffff, 0x0fffffff },
		{ APIC_ICR2, 0xff000000, 0 },
		{ 0x2f0 /* CMCI: not there */, 0, 0 },
		{ APIC_LVT_THERMAL, 0x107ff, 0 },
		{ APIC_LVT_PMC, 0x107ff, 0 },
		{ APIC_LVT_LINT0, 0x1a7ff, 0 },
		{ APIC_LVT_LINT1, 0x1a7ff, 0 },
		{ APIC_LVT_ERROR, 0x100ff, 0 },
		{ APIC_LVT_TIMER, 0x700ff, 0 },
		{ APIC_TIMER_DIV, 0xb, 0 },
		{ APIC_SVR, 0x13ff, 0 },
	};

	fake_bus_init(&b);
	for (u32 i = 0; i < ARRAY_SIZE(regs); i++) {
		fake_wr(l, regs[i].off, 0xffffffff, 0);
		ck_assert_msg(fake_rd(l, regs[i].off, 0) == regs[i].ones, "%#x: %#x", regs[i].off,
		              fake_rd(l, regs[i].off, 0));
		fake_wr(l, regs[i].off, 0, 0);
		ck_assert_uint_eq(fake_rd(l, regs[i].off, 0), regs[i].zeros);
	}
}
END_TEST

START_TEST(odd_accesses)
{
	struct io_access io = { .offset = APIC_VERSION, .value = ~0ull, .size = 1 };

	fake_bus_init(&b);
	vlapic_mmio(l, &io);
	ck_assert_uint_eq(io.value, 0x14);
	io = (struct io_access){ .offset = APIC_VERSION + 2, .value = ~0ull, .size = 2 };
	vlapic_mmio(l, &io);
	ck_assert_uint_eq(io.value, 0x0105);
	io = (struct io_access){ .offset = APIC_VERSION + 2, .value = ~0ull, .size = 4 };
	vlapic_mmio(l, &io);
	ck_assert_uint_eq(io.value, 0);
	io = (struct io_access){ .offset = APIC_VERSION, .value = ~0ull, .size = 8 };
	vlapic_mmio(l, &io);
	ck_assert_uint_eq(io.value, 0);
	io = (struct io_access){ .offset = APIC_VERSION + 4, .value = ~0ull, .size = 4 };
	vlapic_mmio(l, &io);
	ck_assert_uint_eq(io.value, 0);
	io = (struct io_access){ .offset = APIC_TPR, .value = 0x55, .size = 1, .write = true };
	vlapic_mmio(l, &io);
	io = (struct io_access){ .offset = APIC_TPR + 4, .value = 0x55, .size = 4, .write = true };
	vlapic_mmio(l, &io);
	ck_assert_uint_eq(fake_rd(l, APIC_TPR, 0), 0);
	ck_assert_uint_eq(fake_rd(l, APIC_EOI, 0), 0); /* write-only, no error */
	fake_wr(l, APIC_ESR, 0, 0);
	ck_assert_uint_eq(fake_rd(l, APIC_ESR, 0), 0);
}
END_TEST

/* PPR: the higher class of TPR and the highest in-service vector; TPR's subclass only when TPR's class wins. */
START_TEST(processor_priority)
{
	static const struct {
		u8 tpr, isr, ppr, deliverable, blocked;
	} t[] = {
		{ 0x00, 0x00, 0x00, 0x10, 0 },    { 0x0f, 0x00, 0x0f, 0x10, 0 },    { 0x20, 0x00, 0x20, 0x30, 0x2f },
		{ 0x2f, 0x00, 0x2f, 0x30, 0x2e }, { 0x00, 0x35, 0x30, 0x40, 0x3f }, { 0x3c, 0x35, 0x3c, 0x40, 0x3f },
		{ 0x25, 0x51, 0x50, 0x60, 0x5f }, { 0x61, 0x51, 0x61, 0x70, 0x6f }, { 0xf0, 0x00, 0xf0, 0, 0xff },
		{ 0xe0, 0x00, 0xe0, 0xf0, 0xef },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		fake_bus_init(&b);
		if (t[i].isr)
			deliver_to_isr(l, t[i].isr);
		fake_wr(l, APIC_TPR, t[i].tpr, 0);
		ck_assert_uint_eq(vlapic_rd(l, APIC_PPR), t[i].ppr); /* the page itself is right */
		ck_assert_uint_eq(fake_rd(l, APIC_PPR, 0), t[i].ppr);
		if (t[i].blocked) {
			vlapic_post(l, t[i].blocked, false);
			vlapic_sync(l);
			ck_assert_int_eq(vlapic_pending_vector(l), -1);
		}
		if (t[i].deliverable) {
			vlapic_post(l, t[i].deliverable, false);
			vlapic_sync(l);
			ck_assert_int_eq(vlapic_pending_vector(l), t[i].deliverable);
		}
	}
}
END_TEST

START_TEST(nesting_and_eoi)
{
	fake_bus_init(&b);
	deliver_to_isr(l, 0x31);
	deliver_to_isr(l, 0x92);
	deliver_to_isr(l, 0xe0);
	ck_assert_uint_eq(fake_rd(l, APIC_PPR, 0), 0xe0);
	vlapic_post_self(l, 0x93, false);
	ck_assert_int_eq(vlapic_pending_vector(l), -1);
	fake_wr(l, APIC_EOI, 0x1234, 0); /* the value does not matter */
	ck_assert_uint_eq(fake_rd(l, APIC_PPR, 0), 0x90);
	ck_assert_int_eq(vlapic_pending_vector(l), -1); /* same class */
	fake_wr(l, APIC_EOI, 0, 0);
	ck_assert_int_eq(vlapic_pending_vector(l), 0x93);
	vlapic_accept(l, 0x93);
	ck_assert_uint_eq(fake_rd(l, APIC_ISR + 4 * 16, 0), 1u << (0x93 & 31));
	ck_assert_uint_eq(fake_rd(l, APIC_IRR + 4 * 16, 0), 0);
	fake_wr(l, APIC_EOI, 0, 0);
	fake_wr(l, APIC_EOI, 0, 0);
	ck_assert_uint_eq(fake_rd(l, APIC_PPR, 0), 0);
	fake_wr(l, APIC_EOI, 0, 0); /* nothing in service: no effect */
	ck_assert_uint_eq(b.cpu[0].eois, 0);
}
END_TEST

/* What PV EOI asks before it lets the guest leave the register alone. */
START_TEST(simple_eoi)
{
	fake_bus_init(&b);
	ck_assert(!vlapic_eoi_is_simple(l)); /* nothing in service */
	deliver_to_isr(l, 0x41);
	ck_assert(vlapic_eoi_is_simple(l));
	deliver_to_isr(l, 0x81);
	ck_assert(vlapic_eoi_is_simple(l)); /* it is about the highest */
	vlapic_post_self(l, 0x31, false);
	ck_assert(!vlapic_eoi_is_simple(l)); /* an EOI may let that through */
	vlapic_eoi(l);
	vlapic_eoi(l);
	vlapic_accept(l, 0x31);
	ck_assert(vlapic_eoi_is_simple(l));
	vlapic_eoi(l);
	vlapic_post_self(l, 0x51, true);
	vlapic_accept(l, 0x51);
	ck_assert(!vlapic_eoi_is_simple(l)); /* the I/O APIC waits for it */
}
END_TEST

START_TEST(all_vectors)
{
	fake_bus_init(&b);
	for (u32 v = 0; v < 256; v++)
		vlapic_post(l, (u8)v, v & 1);
	vlapic_sync(l);
	for (u32 v = 255; v >= 16; v--) {
		ck_assert_int_eq(vlapic_pending_vector(l), (int)v);
		ck_assert(vlapic_test_bit(l, APIC_TMR, (u8)v) == (v & 1));
		vlapic_accept(l, (u8)v);
		ck_assert_uint_eq(vlapic_intr_status(l) >> 8, v);
		vlapic_eoi(l);
	}
	ck_assert_int_eq(vlapic_pending_vector(l), -1);
	ck_assert_uint_eq(b.cpu[0].eois, 120);
	fake_wr(l, APIC_ESR, 0, 0);
	ck_assert_uint_eq(fake_rd(l, APIC_ESR, 0), ESR_RECEIVE_ILLEGAL);
}
END_TEST

START_TEST(posting)
{
	fake_bus_init(&b);
	ck_assert(!vlapic_has_posted(l));
	vlapic_post(l, 0x41, false);
	vlapic_post(l, 0x41, false);
	ck_assert_uint_eq(b.cpu[0].kicks, 1); /* the second says nothing new */
	ck_assert(vlapic_has_posted(l));
	ck_assert_uint_eq(vlapic_rd(l, APIC_IRR + 2 * 16), 0);
	ck_assert(fake_irr(l, 0x41));
	ck_assert(!vlapic_has_posted(l));
	vlapic_post(l, 0x41, false); /* in IRR, not taken yet: posted again, merged */
	ck_assert_uint_eq(b.cpu[0].kicks, 2);
	vlapic_sync(l);
	vlapic_accept(l, 0x41);
	vlapic_eoi(l);
	ck_assert_int_eq(vlapic_pending_vector(l), -1);
	/* The trigger mode is the latest message's. */
	vlapic_post(l, 0x41, true);
	ck_assert(fake_irr(l, 0x41) && vlapic_test_bit(l, APIC_TMR, 0x41));
	vlapic_post(l, 0x41, false);
	ck_assert(fake_irr(l, 0x41) && !vlapic_test_bit(l, APIC_TMR, 0x41));
	vlapic_post_self(l, 0x42, true);
	ck_assert(vlapic_test_bit(l, APIC_TMR, 0x42));
	vlapic_post_self(l, 0x42, false);
	ck_assert(!vlapic_test_bit(l, APIC_TMR, 0x42));
	/* Reading IRR brings in what was posted. */
	vlapic_post(l, 0x80, false);
	ck_assert_uint_eq(fake_rd(l, APIC_IRR + 4 * 16, 0), 1);
}
END_TEST

START_TEST(level_eoi_and_suppression)
{
	u32 w[8] = { 0 };

	fake_bus_init(&b);
	ck_assert(!vlapic_eoi_exits_changed(l, w));
	vlapic_post(l, 0x55, true);
	vlapic_post(l, 0xc1, true);
	vlapic_sync(l);
	ck_assert(vlapic_eoi_exits_changed(l, w));
	ck_assert(!w[0] && !w[1] && w[2] == BIT(0x15) && !w[3] && !w[4] && !w[5] && w[6] == BIT(1) && !w[7]);
	ck_assert(!vlapic_eoi_exits_changed(l, w));
	vlapic_accept(l, 0xc1);
	vlapic_eoi(l);
	ck_assert(b.cpu[0].eois == 1 && b.cpu[0].eoi_vector == 0xc1);
	vlapic_eoi_virtualized(l, 0xc1); /* the processor's own EOI: TMR still tells */
	ck_assert_uint_eq(b.cpu[0].eois, 2);
	vlapic_eoi_virtualized(l, 0xc2);
	ck_assert_uint_eq(b.cpu[0].eois, 2);
	fake_wr(l, APIC_SVR, 0x11ff, 0);
	vlapic_accept(l, 0x55);
	vlapic_eoi(l);
	ck_assert_uint_eq(b.cpu[0].eois, 2);
}
END_TEST

START_TEST(software_disable)
{
	fake_bus_init(&b);
	fake_wr(l, APIC_LVT_TIMER, 0x20, 0);
	fake_wr(l, APIC_LVT_THERMAL, 0x21, 0);
	vlapic_post_self(l, 0x61, false);
	fake_wr(l, APIC_SVR, 0xff, 0);
	ck_assert(!vlapic_sw_enabled(l) && vlapic_enabled(l));
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_TIMER, 0), 0x10020);
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_THERMAL, 0), 0x10021);
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_LINT0, 0), 0x10700);
	ck_assert(!vlapic_accepts_pic(l));
	fake_wr(l, APIC_LVT_TIMER, 0x20, 0); /* cannot be unmasked now */
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_TIMER, 0), 0x10020);
	/* What was in IRR is held and handed out; new fixed interrupts are not accepted, NMI and INIT are. */
	ck_assert_int_eq(vlapic_pending_vector(l), 0x61);
	ck_assert(!vlapic_deliver(l, &(struct apic_msg){ .vector = 0x71 }));
	ck_assert(!fake_irr(l, 0x71));
	ck_assert(vlapic_deliver(l, &(struct apic_msg){ .mode = APIC_MODE_NMI }));
	ck_assert(vlapic_take_nmi(l));
	ck_assert(vlapic_deliver(l, &(struct apic_msg){ .mode = APIC_MODE_INIT, .assert_ = true }));
	ck_assert_uint_eq(b.cpu[0].inits, 1);
	/* It can still send IPIs. */
	fake_wr(l1, APIC_SVR, 0x1ff, 0);
	fake_wr(l, APIC_ICR2, 1u << 24, 0);
	fake_wr(l, APIC_ICR, 0x4071, 0);
	ck_assert(fake_irr(l1, 0x71));
	fake_wr(l, APIC_SVR, 0x1ff, 0);
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_TIMER, 0), 0x10020); /* masks stay */
}
END_TEST

START_TEST(error_status)
{
	fake_bus_init(&b);
	fake_wr(l, APIC_LVT_ERROR, 0xfe, 0);
	fake_rd(l, 0x40, 0);
	ck_assert_uint_eq(fake_rd(l, APIC_ESR, 0), 0); /* latched by a write only */
	ck_assert(fake_irr(l, 0xfe));
	vlapic_accept(l, 0xfe);
	vlapic_eoi(l);
	fake_wr(l, APIC_ICR, 0x400f, 0); /* send illegal vector */
	ck_assert(!fake_irr(l, 0xfe));   /* not rearmed */
	ck_assert_uint_eq(b.cpu[0].sends, 0);
	vlapic_post(l, 5, false);
	vlapic_post_self(l, 15, false);
	fake_wr(l, APIC_ESR, 0, 0);
	ck_assert_uint_eq(fake_rd(l, APIC_ESR, 0), ESR_ILLEGAL_REG | ESR_SEND_ILLEGAL | ESR_RECEIVE_ILLEGAL);
	fake_wr(l, APIC_ESR, 0xffffffff, 0);
	ck_assert_uint_eq(fake_rd(l, APIC_ESR, 0), 0);
	fake_wr(l, APIC_SELF_IPI, 0x40, 0); /* x2APIC only: an illegal register here */
	ck_assert(!fake_irr(l, 0x40) && fake_irr(l, 0xfe));
	fake_wr(l, APIC_ESR, 0, 0);
	ck_assert_uint_eq(fake_rd(l, APIC_ESR, 0), ESR_ILLEGAL_REG);
	/* An error entry with an illegal vector of its own reports that, and ends there. */
	fake_wr(l, APIC_LVT_ERROR, 3, 0);
	fake_rd(l, 0x3d0, 0);
	fake_wr(l, APIC_ESR, 0, 0);
	ck_assert_uint_eq(fake_rd(l, APIC_ESR, 0), ESR_ILLEGAL_REG | ESR_RECEIVE_ILLEGAL);
	/* Masked: no interrupt. */
	fake_wr(l, APIC_LVT_ERROR, 0x100f0, 0);
	fake_rd(l, 0x3d0, 0);
	ck_assert(!fake_irr(l, 0xf0));
}
END_TEST

/* "x2APIC State Transitions": from every mode to every mode. */
START_TEST(apic_base_transitions)
{
	static const u64 mode[] = { 0, VLAPIC_BASE_ENABLE, VLAPIC_BASE_ENABLE | VLAPIC_BASE_X2APIC,
		                    VLAPIC_BASE_X2APIC };
	static const bool ok[3][4] = {
		{ true, true, false, false }, /* disabled */
		{ true, true, true, false },  /* xAPIC */
		{ true, false, true, false }, /* x2APIC */
	};

	for (u32 from = 0; from < 3; from++) {
		for (u32 to = 0; to < 4; to++) {
			u64 old;

			fake_bus_init(&b);
			if (from == 0)
				ck_assert_int_eq(vlapic_set_base(l, 0xfee00100, 0), OK);
			if (from == 2)
				fake_x2apic(l);
			old = vlapic_get_base(l);
			ck_assert_uint_eq(old, 0xfee00100 | mode[from]);
			ck_assert_msg((vlapic_set_base(l, 0xfee00100 | mode[to], 0) == OK) == ok[from][to],
			              "%u -> %u", from, to);
			ck_assert_uint_eq(vlapic_get_base(l), ok[from][to] ? 0xfee00100 | mode[to] : old);
		}
	}
	/* Reserved bits. */
	fake_bus_init(&b);
	ck_assert_int_eq(vlapic_set_base(l, 0xfee00900 | BIT(9), 0), ERR_INVAL);
	ck_assert_int_eq(vlapic_set_base(l, 0xfee00900 | BIT(0), 0), ERR_INVAL);
	ck_assert_int_eq(vlapic_set_base(l, 0xfee00900 | BIT(52), 0), ERR_INVAL);
	ck_assert_int_eq(vlapic_set_base(l, 0xfee00900 | BIT(51), 0), OK);
}
END_TEST

/* Bits of what CPUID does not tell of are reserved. */
START_TEST(hidden_features)
{
	u64 base;

	fake_bus_init(&b);
	base = vlapic_get_base(l);
	vlapic_hide(l, VLAPIC_NO_X2APIC);
	ck_assert_int_eq(vlapic_set_base(l, base | VLAPIC_BASE_X2APIC, 0), ERR_INVAL);
	ck_assert_uint_eq(vlapic_get_base(l), base);
	ck_assert_int_eq(vlapic_set_base(l, base & ~VLAPIC_BASE_ENABLE, 0), OK);
	ck_assert_int_eq(vlapic_set_base(l, base, 0), OK);

	fake_bus_init(&b);
	vlapic_hide(l, VLAPIC_NO_DEADLINE);
	fake_wr(l, APIC_SVR, 0x1ff, 0);
	fake_wr(l, APIC_LVT_TIMER, 0x40040, 0); /* ignored: one-shot */
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_TIMER, 0), 0x40);
	fake_x2apic(l);
	ck_assert_int_eq(vlapic_msr_write(l, 0x832, 0x40040, 0), ERR_INVAL);
	ck_assert_int_eq(vlapic_msr_write(l, 0x832, 0x20040, 0), OK);
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_TIMER, 0), 0x20040);
}
END_TEST

START_TEST(apic_base_claims)
{
	fake_bus_init(&b);
	ck_assert(vlapic_mmio_claims(l, 0xfee00000) && vlapic_mmio_claims(l, 0xfee00fff));
	ck_assert(!vlapic_mmio_claims(l, 0xfee01000) && !vlapic_mmio_claims(l, 0xfedfffff));
	ck_assert_int_eq(vlapic_set_base(l, 0x200000012900, 0), OK);
	ck_assert(vlapic_mmio_claims(l, 0x200000012004) && !vlapic_mmio_claims(l, 0xfee00000));
	ck_assert(!vlapic_mmio_claims(l, 0x12004));
	ck_assert_int_eq(vlapic_set_base(l, 0xfee00100, 0), OK);
	ck_assert(!vlapic_mmio_claims(l, 0xfee00000));
	ck_assert_int_eq(vlapic_set_base(l, 0xfee00900, 0), OK);
	fake_x2apic(l);
	ck_assert(!vlapic_mmio_claims(l, 0xfee00000));
}
END_TEST

/* A guest may change the flag; the next reset makes each what it was built as. */
START_TEST(bootstrap_flag)
{
	fake_bus_init(&b);
	for (u32 i = 0; i < 2; i++) {
		struct vlapic *each = &b.cpu[i].l;

		ck_assert_int_eq(vlapic_set_base(each, 0xfee00800 | (i ? VLAPIC_BASE_BSP : 0), 0), OK);
		vlapic_reset(each, 0);
		ck_assert_uint_eq(vlapic_get_base(each), i ? 0xfee00800 : 0xfee00900);
		ck_assert_uint_eq(fake_rd(each, APIC_LVT_LINT0, 0), i ? 0x10000 : APIC_MODE_EXTINT << 8);
	}
}
END_TEST

START_TEST(off_and_on)
{
	fake_bus_init(&b);
	fake_wr(l, APIC_TPR, 0x40, 0);
	fake_wr(l, APIC_LVT_TIMER, 0x20030, 0);
	fake_wr(l, APIC_TIMER_INIT, 1000, 0);
	vlapic_post(l, 0x50, false);
	vlapic_post_self(l, 0x51, false);
	vlapic_post_nmi(l);
	ck_assert_int_eq(vlapic_set_base(l, 0xfee00100, 0), OK);
	ck_assert(!vlapic_enabled(l) && vlapic_accepts_pic(l));
	ck_assert_int_eq(vlapic_pending_vector(l), -1);
	ck_assert_uint_eq(vlapic_intr_status(l), 0);
	ck_assert_uint_eq(timerq_next(&b.cpu[0].tq), TIMER_OFF);
	ck_assert(!vlapic_match(l, &(struct apic_msg){ .dest = 0xff }));
	ck_assert(vlapic_take_nmi(l)); /* the processor's, not the APIC's */
	ck_assert_uint_eq(vlapic_cr8(l), 0);
	ck_assert_int_eq(vlapic_set_base(l, 0xfee00900, 0), OK);
	ck_assert_uint_eq(fake_rd(l, APIC_SVR, 0), 0xff);
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_TIMER, 0), 0x10000);
	ck_assert(!fake_irr(l, 0x50) && !fake_irr(l, 0x51));
	/* xAPIC to x2APIC keeps nearly everything; off and back does not. */
	fake_wr(l, APIC_SVR, 0x1ff, 0);
	fake_wr(l, APIC_TPR, 0x10, 0);
	fake_wr(l, APIC_ICR2, 0x05000000, 0);
	vlapic_post_self(l, 0x51, false);
	fake_x2apic(l);
	ck_assert(vlapic_is_x2apic(l) && vlapic_sw_enabled(l));
	ck_assert_int_eq(vlapic_pending_vector(l), 0x51);
	ck_assert_uint_eq(vlapic_cr8(l), 1);
	ck_assert_uint_eq(vlapic_rd(l, APIC_ICR2), 0);
	ck_assert_int_eq(vlapic_set_base(l, 0xfee00100, 0), OK);
	ck_assert_int_eq(vlapic_set_base(l, 0xfee00900, 0), OK);
	ck_assert(!vlapic_is_x2apic(l) && !vlapic_sw_enabled(l));
	ck_assert_int_eq(vlapic_pending_vector(l), -1);
}
END_TEST

START_TEST(init_signal)
{
	fake_bus_init(&b);
	fake_x2apic(l1);
	fake_enable(&b);
	ck_assert_int_eq(vlapic_msr_write(l1, 0x808, 0x30, 0), OK);
	vlapic_post_nmi(l1);
	vlapic_post(l1, 0x50, false);
	vlapic_init_signal(l1, 0);
	ck_assert_uint_eq(vlapic_get_base(l1), 0xfee00c00);
	ck_assert_uint_eq(vlapic_id(l1), 1);
	ck_assert_uint_eq(vlapic_rd(l1, APIC_LDR), 2);
	ck_assert_uint_eq(vlapic_cr8(l1), 0);
	ck_assert(!vlapic_take_nmi(l1) && !fake_irr(l1, 0x50) && !vlapic_sw_enabled(l1));
}
END_TEST

START_TEST(x2apic_registers)
{
	u64 v;

	fake_bus_init_ids(&b, 0x124);
	ck_assert_uint_eq(vlapic_id(l), 0x24); /* xAPIC: eight bits */
	ck_assert_uint_eq(fake_rd(l, APIC_ID, 0), 0x24000000);
	ck_assert_int_eq(vlapic_msr_read(l, 0x802, &v, 0), ERR_INVAL); /* not in xAPIC mode */
	ck_assert_int_eq(vlapic_msr_write(l, 0x80b, 0, 0), ERR_INVAL);
	fake_x2apic(l);
	ck_assert_int_eq(vlapic_msr_read(l, 0x802, &v, 0), OK);
	ck_assert_uint_eq(v, 0x124);
	ck_assert_int_eq(vlapic_msr_read(l, 0x80d, &v, 0), OK);
	ck_assert_uint_eq(v, 0x00120010); /* cluster 12h, bit 4 */
	ck_assert_int_eq(vlapic_msr_read(l, 0x803, &v, 0), OK);
	ck_assert_uint_eq(v, 0x01050014);
	ck_assert_int_eq(vlapic_msr_write(l, 0x838, 0x12345678, 0), OK);
	ck_assert_int_eq(vlapic_msr_read(l, 0x838, &v, 0), OK);
	ck_assert_uint_eq(v, 0x12345678);
	ck_assert_int_eq(vlapic_msr_write(l, 0x830, 0x0000012500004055ull, 0), OK);
	ck_assert_int_eq(vlapic_msr_read(l, 0x830, &v, 0), OK);
	ck_assert_uint_eq(v, 0x0000012500004055ull);
	/* Reading the LVT back after writing its read-only bits. */
	ck_assert_int_eq(vlapic_msr_write(l, 0x835, 0x5700, 0), OK);
	ck_assert_int_eq(vlapic_msr_read(l, 0x835, &v, 0), OK);
	ck_assert_uint_eq(v, 0x700);
}
END_TEST

/* Which of the MSRs 800h-8FFh exist, and what they refuse. */
START_TEST(x2apic_access)
{
	static const u16 readable[] = { 0x802, 0x803, 0x808, 0x80a, 0x80d, 0x80f, 0x828, 0x830, 0x832,
		                        0x833, 0x834, 0x835, 0x836, 0x837, 0x838, 0x839, 0x83e };
	static const u16 writable[] = { 0x808, 0x80b, 0x80f, 0x828, 0x832, 0x833,
		                        0x834, 0x835, 0x836, 0x837, 0x838, 0x83e };
	static const struct {
		u16 msr;
		u64 val;
	} bad[] = {
		{ 0x808, 0x100 },   { 0x80b, 1 },          { 0x80f, 0x400 },   { 0x828, 1 },      { 0x830, BIT(13) },
		{ 0x830, BIT(16) }, { 0x830, BIT(20) },    { 0x830, BIT(31) }, { 0x832, BIT(8) }, { 0x832, BIT(19) },
		{ 0x835, BIT(17) }, { 0x837, BIT(11) },    { 0x838, BIT(32) }, { 0x83e, 4 },      { 0x83f, 0x100 },
		{ 0x808, BIT(32) }, { 0x80d, 0 },          { 0x802, 0 },       { 0x803, 0 },      { 0x80a, 0 },
		{ 0x839, 0 },       { 0x80e, 0xffffffff }, { 0x831, 0 },
	};
	u64 v;

	fake_bus_init(&b);
	fake_x2apic(l);
	for (u32 msr = 0x800, r = 0, w = 0; msr < 0x900; msr++) {
		bool can_read = (msr >= 0x810 && msr < 0x828) || (r < ARRAY_SIZE(readable) && readable[r] == msr);
		bool can_write = w < ARRAY_SIZE(writable) && writable[w] == msr;

		if (r < ARRAY_SIZE(readable) && readable[r] == msr)
			r++;
		w += can_write;
		ck_assert_msg((vlapic_msr_read(l, msr, &v, 0) == OK) == can_read, "read %#x", msr);
		if (msr == 0x830 || msr == 0x83f)
			continue;
		ck_assert_msg((vlapic_msr_write(l, msr, 0, 0) == OK) == can_write, "write %#x", msr);
	}
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(vlapic_msr_write(l, bad[i].msr, bad[i].val, 0) == ERR_INVAL, "%#x", bad[i].msr);
	/* The delivery status may be written to ICR, and reads 0. */
	ck_assert_int_eq(vlapic_msr_write(l, 0x830, 0x0000000300005044ull, 0), OK);
	ck_assert_int_eq(vlapic_msr_read(l, 0x830, &v, 0), OK);
	ck_assert_uint_eq(v, 0x0000000300004044ull);
}
END_TEST

START_TEST(self_ipi)
{
	fake_bus_init(&b);
	fake_x2apic(l);
	ck_assert_int_eq(vlapic_msr_write(l, 0x83f, 0x33, 0), OK);
	ck_assert_int_eq(vlapic_pending_vector(l), 0x33);
	ck_assert_uint_eq(b.cpu[0].sends, 0);
	ck_assert_int_eq(vlapic_msr_write(l, 0x83f, 0x03, 0), OK);
	ck_assert_int_eq(vlapic_msr_write(l, 0x828, 0, 0), OK);
	ck_assert_uint_eq(vlapic_rd(l, APIC_ESR), ESR_SEND_ILLEGAL);
	ck_assert_int_eq(vlapic_msr_write(l, 0x80b, 0, 0), OK);
}
END_TEST

/* By its own ID an APIC is reached without the bus; whatever names others as well goes there. */
START_TEST(icr_to_itself)
{
	fake_bus_init(&b);
	fake_enable(&b);
	fake_wr(l, APIC_ICR2, 0, 0);
	fake_wr(l, APIC_ICR, 0x4041, 0);
	ck_assert(fake_irr(l, 0x41));
	ck_assert_uint_eq(b.cpu[0].sends, 0);
	fake_wr(l, APIC_ICR2, 0xffu << 24, 0); /* all */
	fake_wr(l, APIC_ICR, 0x4042, 0);
	ck_assert_uint_eq(b.cpu[0].sends, 1);
	ck_assert(fake_irr(l, 0x42) && fake_irr(l1, 0x42));
	fake_wr(l, APIC_ICR2, 0, 0);
	fake_wr(l, APIC_ICR, 0xc4043, 0); /* the shorthand counts, not the ID */
	ck_assert(!fake_irr(l, 0x43) && fake_irr(l1, 0x43));
	fake_wr(l, APIC_SVR, 0xff, 0); /* software-disabled: refused */
	fake_wr(l, APIC_ICR, 0x4044, 0);
	ck_assert(!fake_irr(l, 0x44));

	fake_bus_init(&b);
	fake_x2apic(l);
	ck_assert_int_eq(vlapic_msr_write(l, 0x830, 0x4041, 0), OK);
	ck_assert_int_eq(vlapic_pending_vector(l), 0x41);
	ck_assert_uint_eq(b.cpu[0].sends, 0);
}
END_TEST

/* APIC-write VM exits: the processor has stored the guest's value in the page. */
START_TEST(write_effect)
{
	fake_bus_init_ids(&b, 4);
	fake_enable(&b);
	*vlapic_reg(l, APIC_ID) = 0x99000000;
	vlapic_write_effect(l, APIC_ID, 0);
	ck_assert_uint_eq(fake_rd(l, APIC_ID, 0), 4u << 24);
	*vlapic_reg(l, APIC_DFR) = 0;
	vlapic_write_effect(l, APIC_DFR, 0);
	ck_assert_uint_eq(vlapic_rd(l, APIC_DFR), 0x0fffffff);
	*vlapic_reg(l, APIC_SVR) = 0xffffffff;
	vlapic_write_effect(l, APIC_SVR, 0);
	ck_assert_uint_eq(vlapic_rd(l, APIC_SVR), 0x13ff);
	deliver_to_isr(l, 0x44);
	*vlapic_reg(l, APIC_EOI) = 7;
	vlapic_write_effect(l, APIC_EOI, 0);
	ck_assert_uint_eq(vlapic_rd(l, APIC_EOI), 0);
	ck_assert_uint_eq(fake_rd(l, APIC_PPR, 0), 0);
	*vlapic_reg(l, APIC_TPR) = 0x1234;
	vlapic_write_effect(l, APIC_TPR, 0);
	ck_assert_uint_eq(vlapic_rd(l, APIC_PPR), 0x34);
	*vlapic_reg(l, APIC_ICR2) = 0x05ffffff;
	vlapic_write_effect(l, APIC_ICR2, 0);
	ck_assert_uint_eq(vlapic_rd(l, APIC_ICR2), 0x05000000);
	*vlapic_reg(l, APIC_ICR) = 0x5071;
	vlapic_write_effect(l, APIC_ICR, 0);
	ck_assert_uint_eq(vlapic_rd(l, APIC_ICR), 0x4071);
	ck_assert(fake_irr(l1, 0x71));
	*vlapic_reg(l, APIC_ESR) = 0xffff;
	vlapic_write_effect(l, APIC_ESR, 0);
	ck_assert_uint_eq(vlapic_rd(l, APIC_ESR), 0);
	/* The timer's mode change is judged by the value before, although the page has lost it. */
	fake_wr(l, APIC_LVT_TIMER, 0x40, 0);
	fake_wr(l, APIC_TIMER_INIT, 1000, 0);
	*vlapic_reg(l, APIC_LVT_TIMER) = 0x40040;
	vlapic_write_effect(l, APIC_LVT_TIMER, 10);
	ck_assert_uint_eq(timerq_next(&b.cpu[0].tq), TIMER_OFF);
	/* With x2APIC virtualization self-IPIs come this way without virtual-interrupt delivery. */
	fake_x2apic(l);
	*vlapic_reg(l, APIC_SELF_IPI) = 0x66;
	vlapic_write_effect(l, APIC_SELF_IPI, 0);
	ck_assert(fake_irr(l, 0x66) && vlapic_rd(l, APIC_SELF_IPI) == 0);
	*vlapic_reg(l, APIC_ID) = 0;
	vlapic_write_effect(l, APIC_ID, 0);
	ck_assert_uint_eq(vlapic_rd(l, APIC_ID), 4);
	vlapic_write_effect(l, 0x1000, 0);
	vlapic_write_effect(l, 0x40, 0);
}
END_TEST

START_TEST(cr8)
{
	fake_bus_init(&b);
	fake_wr(l, APIC_TPR, 0x3f, 0);
	ck_assert_uint_eq(vlapic_cr8(l), 3);
	vlapic_set_cr8(l, 0xa);
	ck_assert_uint_eq(fake_rd(l, APIC_TPR, 0), 0xa0);
	ck_assert_uint_eq(fake_rd(l, APIC_PPR, 0), 0xa0);
	vlapic_post_self(l, 0x95, false);
	b.cpu[0].kicks = 0;
	vlapic_set_cr8(l, 9);
	ck_assert_uint_eq(b.cpu[0].kicks, 0);
	vlapic_set_cr8(l, 8);
	ck_assert_uint_eq(b.cpu[0].kicks, 1);
}
END_TEST

START_TEST(tpr_threshold)
{
	static const struct {
		u8 tpr, isr, irr, threshold;
	} t[] = {
		{ 0x00, 0, 0, 0 },       { 0x50, 0, 0, 0 },     { 0x50, 0, 0x41, 4 },
		{ 0x40, 0, 0x41, 4 },    { 0x30, 0, 0x41, 0 },  { 0x50, 0x42, 0x41, 0 },
		{ 0x50, 0x31, 0x41, 4 }, { 0xf0, 0, 0xff, 15 }, { 0xf0, 0xe0, 0xff, 15 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		fake_bus_init(&b);
		if (t[i].isr)
			deliver_to_isr(l, t[i].isr);
		if (t[i].irr)
			vlapic_post_self(l, t[i].irr, false);
		fake_wr(l, APIC_TPR, t[i].tpr, 0);
		ck_assert_uint_eq(vlapic_tpr_threshold(l), t[i].threshold);
		/* VM entry insists that the threshold is not above the TPR's class. */
		ck_assert(vlapic_tpr_threshold(l) <= vlapic_cr8(l));
	}
	ck_assert_int_eq(vlapic_set_base(l, 0xfee00100, 0), OK);
	ck_assert_uint_eq(vlapic_tpr_threshold(l), 0);
}
END_TEST

START_TEST(interrupt_status)
{
	fake_bus_init(&b);
	ck_assert_uint_eq(vlapic_intr_status(l), 0);
	deliver_to_isr(l, 0x31);
	deliver_to_isr(l, 0x52);
	ck_assert(!vlapic_several_wait(l));
	vlapic_post_self(l, 0x44, false);
	ck_assert(!vlapic_several_wait(l));
	vlapic_post_self(l, 0x43, false);
	ck_assert_uint_eq(vlapic_intr_status(l), 0x5244);
	ck_assert(vlapic_several_wait(l));
}
END_TEST

/* Two in one word of IRR or in two. */
START_TEST(several_wait)
{
	for (u32 first = 16; first < 256; first += 5)
		for (u32 second = 16; second < 256; second += 7) {
			fake_bus_init(&b);
			vlapic_post_self(l, (u8)first, false);
			ck_assert(!vlapic_several_wait(l));
			vlapic_post_self(l, (u8)second, false);
			ck_assert(vlapic_several_wait(l) == (first != second));
		}
}
END_TEST

START_TEST(nmis)
{
	fake_bus_init(&b);
	ck_assert(!vlapic_take_nmi(l) && !vlapic_nmi_waits(l));
	vlapic_post_nmi(l);
	vlapic_post_nmi(l);
	vlapic_post_nmi(l); /* lost */
	ck_assert_uint_eq(b.cpu[0].kicks, 2);
	ck_assert(vlapic_take_nmi(l) && vlapic_nmi_waits(l) && vlapic_take_nmi(l) && !vlapic_nmi_waits(l));
	ck_assert(!vlapic_take_nmi(l));
}
END_TEST

START_TEST(lint_pins)
{
	fake_bus_init(&b);
	vlapic_lint(l, 1, true);
	ck_assert(vlapic_take_nmi(l));
	vlapic_lint(l, 1, true); /* no new edge */
	ck_assert(!vlapic_take_nmi(l));
	vlapic_lint(l, 1, false);
	vlapic_lint(l, 2, true); /* there is none */
	vlapic_lint(l, 0, true); /* ExtINT: by acknowledge only */
	ck_assert_uint_eq(vlapic_intr_status(l), 0);
	/* Edge. */
	fake_wr(l, APIC_LVT_LINT0, 0x45, 0);
	ck_assert(!fake_irr(l, 0x45));
	vlapic_lint(l, 0, false);
	vlapic_lint(l, 0, true);
	ck_assert(fake_irr(l, 0x45) && !vlapic_test_bit(l, APIC_TMR, 0x45));
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_LINT0, 0), 0x45);
	vlapic_accept(l, 0x45);
	vlapic_eoi(l);
	/* Level: the pin is still asserted, so it asks as soon as the entry says level. */
	fake_wr(l, APIC_LVT_LINT0, 0x8045, 0);
	ck_assert(fake_irr(l, 0x45) && vlapic_test_bit(l, APIC_TMR, 0x45));
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_LINT0, 0), 0xc045); /* remote IRR */
	vlapic_lint(l, 0, false);
	vlapic_lint(l, 0, true);
	vlapic_accept(l, 0x45);
	vlapic_eoi(l);
	ck_assert(fake_irr(l, 0x45)); /* asserted: again */
	fake_wr(l, APIC_LVT_LINT0, 0x8045, 0);
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_LINT0, 0), 0xc045); /* read-only */
	vlapic_lint(l, 0, false);
	vlapic_accept(l, 0x45);
	vlapic_eoi(l);
	ck_assert(!fake_irr(l, 0x45));
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_LINT0, 0), 0x8045);
	/* To edge: remote IRR goes. An illegal vector never sets it. */
	vlapic_lint(l, 0, true);
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_LINT0, 0), 0xc045);
	fake_wr(l, APIC_LVT_LINT0, 0x46, 0);
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_LINT0, 0), 0x46);
	fake_wr(l, APIC_LVT_LINT0, 0x8005, 0);
	ck_assert_uint_eq(fake_rd(l, APIC_LVT_LINT0, 0), 0x8005);
	/* INIT, SMI (ignored), and the pin as NMI when the APIC is off. */
	fake_wr(l, APIC_LVT_LINT1, 0x500, 0);
	vlapic_lint(l, 1, true);
	ck_assert_uint_eq(b.cpu[0].inits, 1);
	fake_wr(l, APIC_LVT_LINT1, 0x200, 0);
	vlapic_lint(l, 1, false);
	vlapic_lint(l, 1, true);
	vlapic_lint(l, 1, false);
	ck_assert_int_eq(vlapic_set_base(l, 0xfee00100, 0), OK);
	vlapic_lint(l, 1, true);
	ck_assert(vlapic_take_nmi(l));
}
END_TEST

/* Three CPUs post, each waiting until its last interrupt was seen: one lost would stop the test. */
#define POSTERS    3
#define POSTS_EACH 3000

static u32 seen[POSTERS];

static void *poster(void *arg)
{
	u32 n = (u32)(uintptr_t)arg;

	for (u32 i = 1; i <= POSTS_EACH; i++) {
		vlapic_post(l, (u8)(0x40 + n * 21), i & 1);
		while (__atomic_load_n(&seen[n], __ATOMIC_ACQUIRE) != i)
			sched_yield();
	}
	return NULL;
}

START_TEST(posting_from_other_cpus)
{
	pthread_t t[POSTERS];
	u32 done = 0;

	fake_bus_init(&b);
	for (u32 n = 0; n < POSTERS; n++)
		ck_assert_int_eq(pthread_create(&t[n], NULL, poster, (void *)(uintptr_t)n), 0);
	while (done < POSTERS * POSTS_EACH) {
		if (!vlapic_has_posted(l)) {
			sched_yield();
			continue;
		}
		vlapic_sync(l);
		for (u32 n = 0; n < POSTERS; n++) {
			u8 v = (u8)(0x40 + n * 21);

			if (!vlapic_test_bit(l, APIC_IRR, v))
				continue;
			vlapic_clear_bit(l, APIC_IRR, v);
			done++;
			ck_assert(vlapic_test_bit(l, APIC_TMR, v) == ((seen[n] + 1) & 1));
			__atomic_fetch_add(&seen[n], 1, __ATOMIC_RELEASE);
		}
	}
	for (u32 n = 0; n < POSTERS; n++)
		ck_assert_int_eq(pthread_join(t[n], NULL), 0);
}
END_TEST

SUITE_MAIN("vlapic", power_up_state, several_wait, writable_bits, odd_accesses, processor_priority, nesting_and_eoi,
           simple_eoi, all_vectors, posting, level_eoi_and_suppression, software_disable, error_status,
           apic_base_transitions, hidden_features, apic_base_claims, bootstrap_flag, off_and_on, init_signal,
           x2apic_registers, x2apic_access, self_ipi, icr_to_itself, write_effect, cr8, tpr_threshold,
           interrupt_status, nmis, lint_pins, posting_from_other_cpus)
