/* States of interrupt controllers from outside: what cannot be is refused, with the field; what can be is not. */
#include "fake_lapic.h"
#include "suite.h"

static struct fake_bus b;
static struct io_bus pio, mmio;
static struct io_region *pio_storage[8], *mmio_storage[4];
static struct vlapic *const l = &b.cpu[1].l;

/* What is asked about, copies. */
static struct pc_irqchip_state wiring;
static struct vpic_state pic;
static struct vioapic_state ioapic;
static struct vlapic_state apic;
static u8 page[PAGE_SIZE] __aligned(8);

/* "" when it can be, else the field that cannot. */
static const char *refusal(const struct vdev_ops *ops, const void *dev, const void *part0, const void *part1,
                           const void *part2, u64 now)
{
	const void *part[VDEV_PARTS] = { part0, part1, part2 };
	struct state_check c = { .now = now, .field = "" };

	ck_assert_int_eq(ops->valid(dev, part, &c), !c.field[0]);
	ck_assert(!c.field[0] || c.reason);
	return c.field;
}

static const char *chip(void)
{
	return refusal(&pc_irqchip_ops, &b.irq, &wiring, &pic, &ioapic, 0);
}

static const char *lapic(u64 now)
{
	return refusal(&vlapic_ops, l, &apic, page, NULL, now);
}

static void take_chip(void)
{
	wiring = b.irq.s;
	pic = b.irq.pic.s;
	ioapic = b.irq.ioapic.s;
}

static void take_lapic(void)
{
	apic = l->s;
	memcpy(page, l->page, sizeof(page));
}

#define CHIP(change, field)                      \
	do {                                     \
		take_chip();                     \
		change;                          \
		ck_assert_str_eq(chip(), field); \
	} while (0)
#define LAPIC(change, now, field)                    \
	do {                                         \
		take_lapic();                        \
		change;                              \
		ck_assert_str_eq(lapic(now), field); \
	} while (0)
#define REG(off) (*(u32 *)(void *)(page + (off)))

static void setup(void)
{
	fake_bus_init(&b);
	fake_enable(&b);
	io_bus_init(&pio, pio_storage, ARRAY_SIZE(pio_storage), 0xffff);
	io_bus_init(&mmio, mmio_storage, ARRAY_SIZE(mmio_storage), ~0ull);
	ck_assert_int_eq(pc_irqchip_attach(&b.irq, &pio, &mmio), OK);
}

START_TEST(pics)
{
	setup();
	CHIP((void)0, "");
	CHIP(wiring.next_lowest = FAKE_LAPICS, "");
	CHIP(wiring.next_lowest = FAKE_LAPICS + 1, "next_lowest");
	CHIP(pic.chip[1].lowest = 8, "chip[1].lowest");
	CHIP(pic.chip[0].base = 0x21, "chip[0].base");
	CHIP(pic.chip[0].init = 1, "chip[0].init");
	CHIP(pic.chip[0].init = 5, "chip[0].init");
	CHIP(pic.chip[0].init = 3, "");
	CHIP((pic.chip[0].init = 3, pic.chip[0].single = true), "chip[0].init");
	CHIP(pic.chip[0].init = 4, "chip[0].init");
	CHIP((pic.chip[0].init = 4, pic.chip[0].icw4 = true), "");
	CHIP(pic.chip[0].elcr = 1, "chip[0].elcr");
	CHIP(pic.chip[1].elcr = 1, "chip[1].elcr");
	CHIP(pic.chip[1].irr = 2, "chip[1].irr");
	CHIP((pic.chip[1].elcr = 2, pic.chip[1].level = 2), "chip[1].irr");
	CHIP((pic.chip[0].irr = 4, pic.chip[0].level = 4), "chip[0].irr");
	CHIP(pic.chip[0].level = 4, "chip[0].level");
	CHIP(pic.intr = true, "intr");
	/* A request of the slave that is not masked there has to be the master's, and INTR when it is not masked. */
	CHIP((pic.chip[1].irr = 2, pic.chip[1].level = 2, pic.chip[1].imr = 0), "chip[0].irr");
	CHIP((pic.chip[1].irr = 2, pic.chip[1].level = 2, pic.chip[1].imr = 0, pic.chip[0].irr = 4,
	      pic.chip[0].level = 4, wiring.isa = 0x200, ioapic.lines = 0x200),
	     "");
	CHIP((pic.chip[1].irr = 2, pic.chip[1].level = 2, pic.chip[1].imr = 0, pic.chip[0].irr = 4,
	      pic.chip[0].level = 4, pic.chip[0].imr = 0),
	     "intr");
}
END_TEST

START_TEST(ioapics)
{
	u64 v = 3ull << 24;

	setup();
	CHIP(ioapic.rte[23] = 0xff0000000001afffull, "");
	CHIP(ioapic.rte[23] = BIT(12), "rte");
	CHIP(ioapic.rte[3] = BIT(20), "rte");
	CHIP(ioapic.rte[3] = BIT(14), "rte");
	CHIP(ioapic.rte[3] = BIT(15) | BIT(14), "");
	CHIP(ioapic.rte[3] = BIT(15) | BIT(14) | APIC_MODE_NMI << 8, "rte");
	CHIP(ioapic.lines = 0xff0000, "");
	/* Lines of ISA and the inputs of both chips: pin 2 is line 0, and line 2 is none. */
	CHIP(ioapic.lines = 0xff0002, "isa");
	CHIP(pic.chip[0].level = 2, "isa");
	CHIP((pic.chip[0].level = 2, ioapic.lines = 2), "isa");
	CHIP((pic.chip[0].level = 2, ioapic.lines = 2, wiring.pirq = 2), "");
	CHIP((pic.chip[0].level = 2, ioapic.lines = 2, wiring.isa = 2), "");
	CHIP((pic.chip[0].level = 1, ioapic.lines = 4, wiring.isa = 1), "");
	CHIP((pic.chip[0].level = 1, ioapic.lines = 1, wiring.isa = 1), "isa");
	CHIP(wiring.isa = 4, "");
	CHIP(wiring.isa = 0x8000, "isa");
	CHIP(ioapic.lines = 0x1000000, "lines");
	CHIP(ioapic.id = 15, "");
	CHIP(ioapic.id = 16, "id");
	/* One that no guest could have written, but it is what the tables say. */
	b.irq.ioapic.id = 40;
	pc_irqchip_reset(&b.irq);
	CHIP((void)0, "");
	ck_assert_uint_eq(ioapic.id, 40);
	/* Whatever a guest makes of it, the next one finds what its tables say. */
	ck_assert(io_bus_access(&mmio, VIOAPIC_BASE + 0x10, 4, true, &v, 0));
	ck_assert_uint_eq(b.irq.ioapic.s.id, 3);
	pc_irqchip_reset(&b.irq);
	ck_assert_uint_eq(b.irq.ioapic.s.id, 40);
}
END_TEST

START_TEST(lapic_registers)
{
	setup();
	LAPIC((void)0, 0, "");
	LAPIC(apic.base |= BIT(9), 0, "base");
	LAPIC(apic.base |= BIT(52), 0, "base");
	LAPIC(apic.base = VLAPIC_BASE_X2APIC, 0, "base");
	LAPIC(REG(APIC_TPR) = 0x100, 0, "tpr");
	LAPIC(REG(APIC_LDR) = 1, 0, "ldr");
	LAPIC(REG(APIC_DFR) = 0xf0000000, 0, "dfr");
	LAPIC(REG(APIC_SVR) = 0x3ff | BIT(13), 0, "svr");
	LAPIC(REG(APIC_ESR) = 1, 0, "esr");
	LAPIC(apic.esr_pending = 1, 0, "esr_pending");
	LAPIC(REG(APIC_ICR) = BIT(12), 0, "icr");
	LAPIC(REG(APIC_ICR2) = 1, 0, "icr2");
	LAPIC(apic.nmi = 3, 0, "nmi");
	LAPIC(REG(APIC_LVT_PMC) = LVT_MASKED | BIT(15), 0, "lvt_pmc");
	LAPIC(REG(APIC_SVR) = 0xff, 0, "");
	LAPIC((REG(APIC_SVR) = 0xff, REG(APIC_LVT_ERROR) = 0x40), 0, "lvt_error");
	LAPIC(apic.base &= ~VLAPIC_BASE_ENABLE, 0, "");
	LAPIC((apic.base &= ~VLAPIC_BASE_ENABLE, REG(APIC_LVT_ERROR) = 0x40), 0, "lvt_error");
	LAPIC(apic.lint_rirr[0] = true, 0, "lint_rirr");
	LAPIC((apic.lint_rirr[1] = true, REG(APIC_LVT_LINT1) = LVT_REMOTE_IRR), 0, "lint_rirr");
	LAPIC((apic.lint_rirr[1] = true, REG(APIC_LVT_LINT1) = LVT_REMOTE_IRR | LVT_LEVEL), 0, "");
	LAPIC(REG(APIC_ISR) = 0x8000, 0, "isr[0]");
	LAPIC(REG(APIC_TMR) = 1, 0, "tmr[0]");
	LAPIC(REG(APIC_IRR) = 1, 0, "irr[0]");
	LAPIC(apic.pending[0] = 1, 0, "pending[0]");
	LAPIC(apic.pending_tmr[0] = 1, 0, "pending_tmr[0]");
	LAPIC(REG(APIC_ISR + 0x70) = 0x80010000, 0, "isr");
	LAPIC(REG(APIC_ISR + 0x70) = 0x80000001, 0, "");
	LAPIC(REG(APIC_LVT_TIMER) = LVT_MASKED | LVT_DEADLINE, 0, "");
	vlapic_hide(l, VLAPIC_NO_DEADLINE);
	LAPIC(REG(APIC_LVT_TIMER) = LVT_MASKED | LVT_DEADLINE, 0, "lvt_timer");
	fake_x2apic(l);
	LAPIC(REG(APIC_ICR2) = 1, 0, "");
	LAPIC(REG(APIC_LDR) = 4, 0, "ldr");
	LAPIC((void)0, 0, "");
	vlapic_hide(l, VLAPIC_NO_X2APIC);
	LAPIC((void)0, 0, "base");
}
END_TEST

START_TEST(lapic_timer)
{
	const u64 now = 1000000;

	setup();
	fake_wr(l, APIC_LVT_TIMER, MODE_PERIODIC << 17 | 0x40, now);
	fake_wr(l, APIC_TIMER_DIV, 11, now);
	fake_wr(l, APIC_TIMER_INIT, 500000, now);
	LAPIC((void)0, now, "");
	LAPIC((void)0, now + 500000, "");  /* late */
	LAPIC((void)0, now + 5000000, ""); /* very late */
	LAPIC(REG(APIC_TIMER_DIV) = 4, now, "timer_div");
	LAPIC(apic.deadline = 1, now, "deadline");
	LAPIC(REG(APIC_LVT_TIMER) = MODE_DEADLINE << 17 | 0x40, now, "timer_init");
	LAPIC(REG(APIC_TIMER_INIT) = 0, now, "running");
	LAPIC(apic.period_start = now + 1, now, "period_start");
	/* Begun before there was time: what is left of a count whose divider has changed. */
	LAPIC(apic.period_start = (u64)-499000, 0, "");
	/* Ends with no time at all. */
	LAPIC(apic.period_start = (u64)-500001, now, "period_start");
	/* Interrupts of a short period are left out, but not for long. */
	LAPIC((REG(APIC_TIMER_INIT) = 1000, apic.period_start = now + 100000), now, "");
	LAPIC((REG(APIC_TIMER_INIT) = 1000, apic.period_start = now + 100001), now, "period_start");
	LAPIC((REG(APIC_TIMER_INIT) = 1000, REG(APIC_LVT_TIMER) = 0x40, apic.period_start = now + 1), now,
	      "period_start");
	fake_wr(l, APIC_LVT_TIMER, MODE_DEADLINE << 17 | 0x40, now);
	vlapic_set_deadline(l, 10 * now, now);
	LAPIC((void)0, now, "");
	LAPIC((apic.running = true, REG(APIC_TIMER_INIT) = 1), now, "timer_init");
}
END_TEST

/* What is not saved follows from what is. */
START_TEST(lapic_derived)
{
	setup();
	fake_x2apic(l);
	*vlapic_reg(l, APIC_TPR) = 0x20;
	vlapic_set_bit(l, APIC_ISR, 0x55);
	take_lapic();
	state_copy(&vlapic_page_desc, page, l->page);
	fake_bus_init(&b);
	l->s = apic;
	memcpy(l->page, page, vlapic_page_desc.size);
	ck_assert_uint_eq(vlapic_rd(l, APIC_VERSION), 0);
	vlapic_ops.restored(l, 0);
	ck_assert_uint_eq(vlapic_rd(l, APIC_VERSION), VLAPIC_VERSION);
	ck_assert_uint_eq(vlapic_rd(l, APIC_ID), 1);
	ck_assert_uint_eq(vlapic_rd(l, APIC_LDR), 2);
	ck_assert_uint_eq(vlapic_rd(l, APIC_PPR), 0x50);
	ck_assert(vlapic_has_posted(l));
}
END_TEST

/* An irqchip whose I/O APIC has no room leaves no 8259A behind. */
START_TEST(attaching)
{
	const struct vdev_env env = { .pio = &pio, .mmio = &mmio };
	struct pc_irqchip_cfg cfg = { b.lapics, FAKE_LAPICS, 2, fake_pic_changed, NULL, &b };
	static struct pc_irqchip other;

	setup();
	pc_irqchip_ops.detach(&b.irq);
	ck_assert(!pio.nr && !mmio.nr);
	ck_assert_int_eq(pc_irqchip_ops.attach(&b.irq, &env, &cfg), OK);
	ck_assert(pio.nr == 3 && mmio.nr == 1);
	ck_assert_int_eq(pc_irqchip_ops.attach(&other, &env, &cfg), ERR_EXIST);
	io_bus_init(&pio, pio_storage, ARRAY_SIZE(pio_storage), 0xffff);
	ck_assert_int_eq(pc_irqchip_ops.attach(&other, &env, &cfg), ERR_EXIST);
	ck_assert(!pio.nr && mmio.nr == 1);
}
END_TEST

SUITE_MAIN("irq_state", pics, ioapics, lapic_registers, lapic_timer, lapic_derived, attaching)
