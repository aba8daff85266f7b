/* Subjects of the tests of states: interrupt controllers. */
#pragma once

#include "state_subject.h"
#include "vmm/dev/irq/pc_irqchip.h"
#include "vmm/dev/irq/vlapic_priv.h"

enum { NOTE_APIC_MSG = 0x100, NOTE_EOI, NOTE_KICK, NOTE_INIT, NOTE_SIPI, NOTE_VECTOR, NOTE_IRR = 0x10000 };

/* ---- local APIC: on its own, with a TSC of two ticks a nanosecond ---- */

static inline void subject_apic_send(void *ctx, struct vlapic *from, const struct apic_msg *m)
{
	world_note(ctx, NOTE_APIC_MSG,
	           (u64)m->dest << 32 | (u64)m->vector << 24 | (u64)m->mode << 16 | (u64)m->shorthand << 8 |
	                   (u64)m->level << 3 | (u64)m->assert_ << 2 | (u64)m->logical << 1 | m->x2apic);
}

static inline void subject_apic_eoi(void *ctx, u8 vector)
{
	world_note(ctx, NOTE_EOI, vector);
}

static inline void subject_apic_kick(void *ctx)
{
	world_note(ctx, NOTE_KICK, 0);
}

static inline void subject_apic_init(void *ctx)
{
	world_note(ctx, NOTE_INIT, 0);
}

static inline void subject_apic_sipi(void *ctx, u8 vector)
{
	world_note(ctx, NOTE_SIPI, vector);
}

static inline u64 subject_apic_tsc(void *ctx, u64 now)
{
	return now * 2;
}

static inline u64 subject_apic_tsc_to_ns(void *ctx, u64 tsc)
{
	return tsc / 2 + (tsc & 1);
}

static const struct vlapic_ops subject_apic_ops = {
	.send = subject_apic_send,
	.eoi = subject_apic_eoi,
	.kick = subject_apic_kick,
	.init = subject_apic_init,
	.sipi = subject_apic_sipi,
	.tsc_now = subject_apic_tsc,
	.tsc_to_ns = subject_apic_tsc_to_ns,
};

static inline int subject_lapic_attach_as(struct state_world *w, u32 id, bool bsp)
{
	struct vlapic_cfg cfg = {
		.page = w->extra, .id = id, .bsp = bsp, .clock_ns = 1, .ops = &subject_apic_ops, .ctx = w
	};

	return w->ops->attach(w->dev, &w->env, &cfg);
}

static inline int subject_bsp_attach(struct state_world *w)
{
	return subject_lapic_attach_as(w, 0, true);
}

static inline int subject_lapic_attach(struct state_world *w)
{
	return subject_lapic_attach_as(w, 0x124, false);
}

/* What the processor does with APIC-register virtualization: stores, then exits. */
static inline void subject_lapic_virtualized(struct state_world *w, u8 which, u32 val)
{
	static const u16 regs[] = { APIC_TPR,       APIC_EOI,       APIC_LDR,       APIC_DFR,
		                    APIC_SVR,       APIC_ESR,       APIC_ICR,       APIC_LVT_TIMER,
		                    APIC_LVT_LINT0, APIC_LVT_LINT1, APIC_TIMER_INIT };
	struct vlapic *l = w->dev;
	u32 off = regs[which % ARRAY_SIZE(regs)];

	if (!vlapic_enabled(l) || vlapic_is_x2apic(l))
		return;
	*vlapic_reg(l, off) = val;
	vlapic_write_effect(l, off, w->now);
}

static inline void subject_lapic_access(struct state_world *w, struct state_dice *d)
{
	struct vlapic *l = w->dev;
	u8 how = d_u8(d), reg = d_u8(d) & 0x3f;
	u32 val = how & 2 ? d_u32(d) : d_u8(d) | (how & 0xc0u) << 10;
	u64 got = 0;

	if (vlapic_is_x2apic(l)) {
		if (how & 1)
			world_note(w, NOTE_READ, vlapic_msr_write(l, 0x800 + reg, val, w->now) == OK);
		else if (vlapic_msr_read(l, 0x800 + reg, &got, w->now) == OK)
			world_note(w, NOTE_READ, got);
	} else if (vlapic_mmio_claims(l, vlapic_get_base(l))) {
		struct io_access io = {
			.offset = reg * 16u, .value = val, .now = w->now, .size = 4, .write = how & 1
		};

		vlapic_mmio(l, &io);
		if (!io.write)
			world_note(w, NOTE_READ, io.value);
	}
}

/* A timer that soon does something; sometimes a very short period. */
static inline void subject_lapic_timer(struct state_world *w, struct state_dice *d)
{
	struct vlapic *l = w->dev;
	u8 how = d_u8(d), count = d_u8(d);
	u32 regs[3] = { APIC_LVT_TIMER, APIC_TIMER_DIV, APIC_TIMER_INIT };
	u32 vals[3] = { (how & 3u) << 17 | 0x80u | (how >> 2 & 7), how >> 5, (u32)count << (how & 16 ? 4 : 12) };

	for (u32 i = 0; i < 3; i++) {
		struct io_access io = {
			.offset = regs[i], .value = vals[i], .now = w->now, .size = 4, .write = true
		};

		if (vlapic_is_x2apic(l))
			(void)!vlapic_msr_write(l, 0x800 + regs[i] / 16, vals[i], w->now);
		else if (vlapic_enabled(l))
			vlapic_mmio(l, &io);
	}
	vlapic_set_deadline(l, 2 * w->now + vals[2], w->now);
}

/* An interrupt from outside, of any kind. */
static inline void subject_lapic_arrival(struct state_world *w, struct state_dice *d)
{
	struct vlapic *l = w->dev;
	u8 how = d_u8(d), vector = d_u8(d);
	struct apic_msg m = { .mode = how & 7, .vector = vector, .level = how & 8, .assert_ = true };

	if (how & 16)
		vlapic_post(l, vector, how & 8);
	else if (how & 32)
		vlapic_lint(l, how >> 6 & 1, how >> 7);
	else
		world_note(w, NOTE_VECTOR, vlapic_deliver(l, &m));
}

/* What the vCPU does before an entry. */
static inline void subject_lapic_take(struct state_world *w)
{
	struct vlapic *l = w->dev;
	int vector;

	vlapic_sync(l);
	vector = vlapic_pending_vector(l);
	world_note(w, NOTE_VECTOR, (u32)vector);
	world_note(w, NOTE_VECTOR, (u32)vlapic_intr_status(l) << 8 | vlapic_tpr_threshold(l));
	if (vector >= 0)
		vlapic_accept(l, (u8)vector);
	world_note(w, NOTE_VECTOR, vlapic_take_nmi(l));
}

/* Rarely, for it forgets everything. */
static inline void subject_lapic_mode(struct state_world *w, struct state_dice *d)
{
	struct vlapic *l = w->dev;
	u8 how = d_u8(d);

	if (how < 0x40)
		world_note(w, NOTE_READ,
		           vlapic_set_base(l, VLAPIC_DEFAULT_BASE | (u64)(how & 0xf) << 8, w->now) == OK);
	else if (how == 0x40)
		vlapic_init_signal(l, w->now);
	else if (how == 0x41)
		vlapic_reset(l, w->now);
	else if (how < 0x80)
		subject_lapic_virtualized(w, APIC_SVR, 0x1ff); /* enabled, most of the time */
	else
		vlapic_set_cr8(l, how & 0xf);
}

static inline void subject_lapic_step(struct state_world *w, struct state_dice *d)
{
	struct vlapic *l = w->dev;
	u8 op = d_u8(d);

	switch (op & 15) {
	case 0:
	case 1:
	case 2:
	case 3: subject_lapic_access(w, d); break;
	case 4: subject_lapic_virtualized(w, d_u8(d), d_u32(d)); break;
	case 5: subject_lapic_timer(w, d); break;
	case 6:
	case 7:
	case 8: subject_lapic_arrival(w, d); break;
	case 9:
	case 10: subject_lapic_take(w); break;
	case 11: vlapic_eoi(l); break;
	case 12: subject_lapic_mode(w, d); break;
	case 13: world_pass(w, d_u8(d) * 64); break;
	case 14: world_pass(w, d_u8(d) * 4096); break;
	default: world_pass(w, d_span(d)); break;
	}
}

static inline void subject_lapic_invariants(struct state_world *w)
{
	struct vlapic *l = w->dev;
	u32 id = l->x2apic_id, timer = vlapic_rd(l, APIC_LVT_TIMER);
	bool x2 = vlapic_is_x2apic(l);

	assert(!x2 || vlapic_enabled(l));
	assert(vlapic_rd(l, APIC_ID) == (x2 ? id : id << 24) && vlapic_rd(l, APIC_VERSION) == VLAPIC_VERSION);
	assert(!x2 || vlapic_rd(l, APIC_LDR) == vlapic_x2apic_ldr(id));
	assert(l->lvt_timer_seen == timer && l->div_seen == vlapic_rd(l, APIC_TIMER_DIV));
	assert(l->s.nmi <= 2 && vlapic_timer_current(l, w->now) <= vlapic_rd(l, APIC_TIMER_INIT));
	assert(l->timer.deadline != TIMER_OFF || !l->s.running);
	assert(l->timer.deadline == TIMER_OFF || l->s.running || l->s.deadline);
	assert(!(vlapic_rd(l, APIC_IRR) & 0xffff) && !(vlapic_rd(l, APIC_ISR) & 0xffff));
	assert(vlapic_pending_vector(l) < 256 && vlapic_tpr_threshold(l) <= vlapic_cr8(l));
	for (u32 off = APIC_LVT_TIMER; off <= APIC_LVT_ERROR; off += 16)
		assert(vlapic_sw_enabled(l) || (vlapic_rd(l, off) & LVT_MASKED));
	for (u32 pin = 0; pin < 2; pin++)
		assert(!!(vlapic_rd(l, APIC_LVT_LINT0 + pin * 16) & LVT_REMOTE_IRR) == l->s.lint_rirr[pin]);
}

/* ---- 8259As, I/O APIC and their wiring. The local APICs are the world's: what they got is noted and forgotten ----
 */

#define SUBJECT_LAPICS 4

struct subject_lapics {
	struct vlapic l[SUBJECT_LAPICS], *ptr[SUBJECT_LAPICS];
	u8 page[SUBJECT_LAPICS][PAGE_SIZE] __aligned(8);
};

static inline void subject_irqchip_changed(void *arg)
{
	world_note(arg, NOTE_KICK, 0x100);
}

static inline void subject_irqchip_waits(void *arg)
{
	world_note(arg, NOTE_KICK, 0x200);
}

static inline int subject_irqchip_attach(struct state_world *w)
{
	struct subject_lapics *x = w->extra;
	struct pc_irqchip_cfg cfg = { .lapics = x->ptr,
		                      .nr = SUBJECT_LAPICS,
		                      .ioapic_id = 20,
		                      .pic_changed = subject_irqchip_changed,
		                      .waits = subject_irqchip_waits,
		                      .arg = w };

	for (u32 i = 0; i < SUBJECT_LAPICS; i++) {
		vlapic_init(&x->l[i], x->page[i], i, i == 0, &subject_apic_ops, w, &w->tq);
		vlapic_reset(&x->l[i], w->now);
		/* The last one accepts nothing. */
		*vlapic_reg(&x->l[i], APIC_SVR) = i == SUBJECT_LAPICS - 1 ? 0xff : 0x1ff;
		*vlapic_reg(&x->l[i], APIC_LDR) = 0x01000000u << i;
		x->ptr[i] = &x->l[i];
	}
	return w->ops->attach(w->dev, &w->env, &cfg);
}

/* The local APICs are as they were: what is saved does not have them. */
static inline void subject_irqchip_drain(struct state_world *w)
{
	struct subject_lapics *x = w->extra;

	for (u32 i = 0; i < SUBJECT_LAPICS; i++) {
		struct vlapic *l = &x->l[i];

		vlapic_sync_slow(l);
		for (u32 k = 0; k < 8; k++) {
			u32 *irr = vlapic_reg(l, APIC_IRR + k * 16), *tmr = vlapic_reg(l, APIC_TMR + k * 16);

			if (*irr)
				world_note(w, NOTE_IRR + (i << 8 | k << 4), (u64)*irr << 32 | *tmr);
			*irr = *tmr = 0;
		}
		while (vlapic_take_nmi(l))
			world_note(w, NOTE_VECTOR, i);
		l->s.esr_pending = 0;
	}
}

static inline void subject_irqchip_message(struct state_world *w, struct state_dice *d)
{
	struct pc_irqchip *c = w->dev;
	u8 how = d_u8(d), vector = d_u8(d);
	struct apic_msg m = { .dest = how & 0x80 ? 0xff : how & 0xf,
		              .logical = how & 0x10,
		              .mode = how & 0x20 ? APIC_MODE_LOWEST : APIC_MODE_FIXED,
		              .vector = vector,
		              .assert_ = true };

	if (how & 0x40)
		irqchip_send_msi(&c->chip, 0xfee00000 | (u64)d_u8(d) << 12 | (how & 0xc),
		                 vector | (how & 0x23u) << 8);
	else
		world_note(w, NOTE_VECTOR, pc_irqchip_send(c, NULL, &m));
}

static inline void subject_irqchip_ioapic(struct state_world *w, struct state_dice *d)
{
	u8 reg = d_u8(d), how = d_u8(d);

	world_io(w, &w->mmio, VIOAPIC_BASE, 4, true, reg < 0x80 ? 0x10u + reg % 48 : reg & 0x1f);
	if (how & 1)
		/* Vectors of a few, so that EOIs meet them; mostly not masked. */
		world_io(w, &w->mmio, VIOAPIC_BASE + 0x10, 4, true,
		         how & 2 ? d_u32(d) : 0x40u + (how >> 6) + (how & 0x8u) * 0x1000 + (how & 0x30u) * 0x40);
	else
		world_io(w, &w->mmio, VIOAPIC_BASE + 0x10, 4, false, 0);
}

static inline void subject_irqchip_pic(struct state_world *w, struct state_dice *d)
{
	static const u16 ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
	u8 how = d_u8(d);
	u16 port = ports[(how & 7) % ARRAY_SIZE(ports)];

	if (how & 0x10)
		world_out(w, port, d_u8(d));
	else if (how & 0x20)
		world_access(w, d, &w->pio, port & ~1u, 2);
	else
		world_in(w, port);
}

static inline void subject_irqchip_step(struct state_world *w, struct state_dice *d)
{
	struct pc_irqchip *c = w->dev;
	u8 op = d_u8(d);

	switch (op & 7) {
	case 0:
	case 1: subject_irqchip_pic(w, d); break;
	case 2:
	case 3:
		if (op & 0x10)
			irqchip_set_pirq(&c->chip, d_u8(d) % 17, op & 8);
		else
			irqchip_set_line(&c->chip, d_u8(d) % 26, op & 8);
		break;
	case 4: subject_irqchip_ioapic(w, d); break;
	case 5:
		if (op & 8)
			vioapic_eoi(&c->ioapic, 0x40 + (op >> 4 & 7));
		else
			world_access(w, d, &w->mmio, VIOAPIC_BASE, 0x50);
		break;
	case 6:
		if (op & 8)
			pc_irqchip_go_on(c);
		else
			subject_irqchip_message(w, d);
		break;
	default:
		world_note(w, NOTE_VECTOR, vpic_pending(&c->pic));
		if (vpic_pending(&c->pic) || (op & 8))
			world_note(w, NOTE_VECTOR, vpic_ack(&c->pic));
		break;
	}
	subject_irqchip_drain(w);
}

static inline void subject_irqchip_invariants(struct state_world *w)
{
	struct pc_irqchip *c = w->dev;
	struct subject_lapics *x = w->extra;
	u32 under_way = 0;

	assert(c->s.next_lowest <= SUBJECT_LAPICS && x->l[0].s.lint[0] == c->pic.s.intr);
	for (u32 n = 0; n < 2; n++) {
		const struct vpic_chip *p = &c->pic.s.chip[n];

		assert((p->irr & p->elcr) == (p->level & p->elcr) && !(p->irr & ~p->level));
		assert(p->lowest < 8 && !(p->base & 7) && p->init != 1 && p->init <= 4);
	}
	for (u32 pin = 0; pin < VIOAPIC_PINS; pin++)
		assert(!(c->ioapic.s.rte[pin] & 0x00fffffffffe0000ull));
	for (u32 i = 0; i < c->s.nr_waiting; i++)
		under_way |= c->s.waiting[i].pin == IRQ_NO_PIN ? 0 : BIT(c->s.waiting[i].pin);
	assert(vioapic_under_way(&c->ioapic.s) == under_way);
	assert(c->ioapic.s.lines < BIT(VIOAPIC_PINS) && (c->ioapic.s.id < 16 || c->ioapic.s.id == 20));
	for (u32 n = 0; n < 16; n++) {
		bool on = (c->s.isa | c->s.pirq) >> n & 1;

		if (n != 2)
			assert((c->pic.s.chip[n >> 3].level >> (n & 7) & 1) == on &&
			       (c->ioapic.s.lines >> (n ? n : 2) & 1) == on);
	}
}

static const struct state_subject state_subjects_irq[] = {
	{ "lapic-bsp", &vlapic_ops, sizeof(struct vlapic), PAGE_SIZE, subject_bsp_attach, subject_lapic_step,
	  subject_lapic_invariants, NULL },
	{ "lapic", &vlapic_ops, sizeof(struct vlapic), PAGE_SIZE, subject_lapic_attach, subject_lapic_step,
	  subject_lapic_invariants, NULL },
	{ "irqchip", &pc_irqchip_ops, sizeof(struct pc_irqchip), sizeof(struct subject_lapics),
	  subject_irqchip_attach, subject_irqchip_step, subject_irqchip_invariants, NULL },
};
