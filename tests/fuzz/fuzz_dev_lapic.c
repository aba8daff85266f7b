/* Local APICs on a bus: any sequence of guest accesses, arrivals and processor
 * actions keeps the architecture's rules. */
#include "../unit/fake_lapic.h"
#include "lib/assert.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static int top(const struct vlapic *l, u32 reg)
{
	for (int v = 255; v >= 0; v--)
		if (vlapic_test_bit(l, reg, (u8)v))
			return v;
	return -1;
}

static void check_priorities(struct vlapic *l)
{
	int isr = top(l, APIC_ISR), irr = top(l, APIC_IRR), got;
	u32 tpr = vlapic_rd(l, APIC_TPR), ppr, classes = 0;

	assert(tpr <= 0xff && !(vlapic_rd(l, APIC_IRR) & 0xffff) && !(vlapic_rd(l, APIC_ISR) & 0xffff));
	/* An interrupt is taken only above the class of all in service: at most one of each class. */
	for (u32 v = 16; v < 256; v++) {
		if (!vlapic_test_bit(l, APIC_ISR, (u8)v))
			continue;
		assert(!(classes & 1u << (v >> 4)));
		classes |= 1u << (v >> 4);
	}
	ppr = isr >= 0 && (u32)isr >> 4 > tpr >> 4 ? (u32)isr & 0xf0 : tpr;
	assert(vlapic_rd(l, APIC_PPR) == ppr);
	got = vlapic_pending_vector(l);
	assert(got == (vlapic_enabled(l) && irr >= 0 && (u32)irr >> 4 > ppr >> 4 ? irr : -1));
	assert(vlapic_tpr_threshold(l) <= vlapic_cr8(l));
	if (vlapic_tpr_threshold(l))
		assert(got < 0);
	assert(vlapic_intr_status(l) == ((isr < 0 ? 0 : isr << 8) | (irr < 0 || !vlapic_enabled(l) ? 0 : irr)));
}

static void check_registers(struct vlapic *l, u32 id)
{
	static const struct {
		u16 off;
		u32 bits;
	} lvt[] = { { APIC_LVT_TIMER, 0x700ff }, { APIC_LVT_THERMAL, 0x107ff }, { APIC_LVT_PMC, 0x107ff },
		    { APIC_LVT_LINT0, 0x1e7ff }, { APIC_LVT_LINT1, 0x1e7ff },   { APIC_LVT_ERROR, 0x100ff } };
	bool x2 = vlapic_is_x2apic(l);

	assert(!x2 || vlapic_enabled(l));
	for (u32 i = 0; i < ARRAY_SIZE(lvt); i++) {
		assert(!(vlapic_rd(l, lvt[i].off) & ~lvt[i].bits));
		assert(vlapic_sw_enabled(l) || (vlapic_rd(l, lvt[i].off) & LVT_MASKED));
	}
	for (u32 pin = 0; pin < 2; pin++) {
		u32 v = vlapic_rd(l, APIC_LVT_LINT0 + pin * 16);

		assert(!!(v & LVT_REMOTE_IRR) == l->s.lint_rirr[pin]);
		assert(!(v & LVT_REMOTE_IRR) || (v & LVT_LEVEL));
	}
	assert(vlapic_rd(l, APIC_ID) == (x2 ? id : id << 24));
	assert(vlapic_rd(l, APIC_VERSION) == 0x01050014);
	if (x2)
		assert(vlapic_rd(l, APIC_LDR) == ((id >> 4) << 16 | 1u << (id & 15)));
	assert(!(vlapic_rd(l, APIC_SVR) & ~0x13ffu) && !(vlapic_rd(l, APIC_ICR) & ~0xccfffu));
	assert((vlapic_rd(l, APIC_DFR) & 0x0fffffff) == 0x0fffffff);
	assert(!(vlapic_rd(l, APIC_ESR) & ~0xe0u) && !vlapic_rd(l, APIC_EOI) && !vlapic_rd(l, APIC_SELF_IPI));
	assert(l->s.nmi <= 2);
}

static void check_timer(struct vlapic *l, u64 now)
{
	u32 mode = vlapic_rd(l, APIC_LVT_TIMER) >> 17 & 3;

	if (mode >= 2)
		assert(!l->s.running && !vlapic_rd(l, APIC_TIMER_INIT) && !vlapic_timer_current(l, now));
	if (mode != 2)
		assert(!l->s.deadline && !vlapic_get_deadline(l));
	assert((l->timer.deadline != TIMER_OFF) == (l->s.running || l->s.deadline) ||
	       (l->s.deadline && l->timer.deadline == TIMER_OFF)); /* further away than time goes */
	assert(vlapic_timer_current(l, now) <= vlapic_rd(l, APIC_TIMER_INIT));
	assert(l->lvt_timer_seen == vlapic_rd(l, APIC_LVT_TIMER) && l->div_seen == vlapic_rd(l, APIC_TIMER_DIV));
}

/* What the processor does with APIC-register virtualization: stores, then exits. */
static void virtualized_write(struct vlapic *l, u32 off, u32 val, u64 now)
{
	static const u16 regs[] = { APIC_ID,        APIC_TPR,       APIC_EOI,        APIC_LDR,
		                    APIC_DFR,       APIC_SVR,       APIC_ESR,        APIC_ICR,
		                    APIC_ICR2,      APIC_LVT_TIMER, APIC_LVT_PMC,    APIC_LVT_LINT0,
		                    APIC_LVT_LINT1, APIC_LVT_ERROR, APIC_TIMER_INIT, APIC_TIMER_DIV };

	if (!vlapic_enabled(l) || vlapic_is_x2apic(l))
		return;
	off = regs[off % ARRAY_SIZE(regs)];
	*vlapic_reg(l, off) = val;
	vlapic_write_effect(l, off, now);
}

static void step(struct fake_bus *b, u8 op, u8 a, u32 val, u64 *now)
{
	struct fake_cpu *c = &b->cpu[op & 1];
	struct vlapic *l = &c->l;
	struct io_access io = { .offset = a * 16u | (op >> 5 == 7 ? val & 0xf : 0),
		                .value = val,
		                .now = *now,
		                .size = op >> 5 == 7 ? 1u << (val >> 4 & 3) : 4,
		                .write = op & 0x10 };
	u64 v;
	int vec;

	switch (op >> 1 & 7) {
	case 0:
		if (vlapic_mmio_claims(l, vlapic_get_base(l)) && io.offset + io.size <= PAGE_SIZE)
			vlapic_mmio(l, &io);
		break;
	case 1:
		if (op & 0x10)
			(void)!vlapic_msr_write(l, 0x800 + a % 0x40, op & 0x20 ? (u64)val << 32 | val : val, *now);
		else if (!vlapic_msr_read(l, 0x800 + a, &v, *now) && a != 0x30)
			assert(v <= 0xffffffff);
		break;
	case 2: virtualized_write(l, a, val, *now); break;
	case 3:
		if (op & 0x10)
			vlapic_post(l, a, val & 1);
		else if (op & 0x20)
			vlapic_lint(l, a & 3, val & 1);
		else
			irqchip_send_msi(&b->irq.chip, 0xfee00000 | (val & 0xfffff), a | (val >> 16 & 0xff00));
		break;
	case 4:
		vlapic_sync(l);
		vec = vlapic_pending_vector(l);
		if (vec >= 0)
			vlapic_accept(l, (u8)vec);
		break;
	case 5:
		if (op & 0x10)
			vlapic_set_cr8(l, a & 0xf);
		else
			vlapic_eoi(l);
		break;
	case 6:
		if (op & 0x10)
			vlapic_set_deadline(l, fake_tsc_now(c, *now) + (s64)(s32)val, *now);
		else if (op & 0x20)
			(void)!vlapic_set_base(l, VLAPIC_DEFAULT_BASE | (u64)(a & 0xf) << 8, *now);
		else if (a == 1)
			vlapic_init_signal(l, *now);
		else if (a == 2)
			vlapic_restored(l, *now);
		else if (a == 3)
			vlapic_reset(l, *now);
		else
			vlapic_take_nmi(l);
		break;
	default:
		*now += op & 0x10 ? val : val & 0xfff;
		assert(timerq_run(&b->cpu[0].tq, *now) <= 1);
		assert(timerq_run(&b->cpu[1].tq, *now) <= 1);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct fake_bus b;
	u64 now = 1000;
	u32 id = size && (data[0] & 1) ? 0x124 : 0;

	fake_bus_init_ids(&b, id);
	if (size && (data[0] & 2))
		fake_enable(&b);
	for (size_t i = 1; i + 6 <= size; i += 6) {
		u32 val;

		memcpy(&val, data + i + 2, 4);
		step(&b, data[i], data[i + 1], val, &now);
		for (u32 n = 0; n < 2; n++) {
			check_registers(&b.cpu[n].l, id + n);
			check_priorities(&b.cpu[n].l);
			check_timer(&b.cpu[n].l, now);
		}
	}
	return 0;
}
