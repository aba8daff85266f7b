/* Virtual local APIC: messages in and out, local interrupt pins.
 * What is called from other CPUs is all in this file. */
#include "lib/atomic.h"
#include "vmm/dev/irq/vlapic_priv.h"

#define DFR_FLAT    0xfu
#define DFR_CLUSTER 0x0u

#define SHORTHAND_SELF 1
#define SHORTHAND_ALL  2 /* including itself */

static void kick(struct vlapic *l)
{
	atomic_store(&l->posted, 1);
	l->ops->kick(l->ctx);
}

/* The first error since ESR was written raises the error interrupt; writing ESR rearms it. SDM "Error Handling". */
void vlapic_error(struct vlapic *l, u32 bit)
{
	u32 lvt = vlapic_rd(l, APIC_LVT_ERROR);

	if (atomic_or_relaxed(&l->s.esr_pending, bit))
		return;
	if (!(lvt & LVT_MASKED) && vlapic_sw_enabled(l))
		vlapic_post(l, LVT_VECTOR(lvt), false); /* an illegal vector comes back here, and ends above */
}

void vlapic_post(struct vlapic *l, u8 vector, bool level)
{
	u64 bit = 1ull << (vector & 63);

	if (vector < 16) {
		vlapic_error(l, ESR_RECEIVE_ILLEGAL);
		return;
	}
	if (level)
		atomic_or_relaxed(&l->s.pending_tmr[vector >> 6], bit);
	else
		atomic_and_relaxed(&l->s.pending_tmr[vector >> 6], ~bit);
	/* Who set the bit first kicks; until vlapic_sync() takes it, there is nothing new. */
	if (!(atomic_fetch_or(&l->s.pending[vector >> 6], bit) & bit))
		kick(l);
}

void vlapic_post_self(struct vlapic *l, u8 vector, bool level)
{
	if (vector < 16) {
		vlapic_error(l, ESR_RECEIVE_ILLEGAL);
		return;
	}
	vlapic_set_bit(l, APIC_IRR, vector);
	if (level)
		vlapic_set_bit(l, APIC_TMR, vector);
	else
		vlapic_clear_bit(l, APIC_TMR, vector);
	l->ops->kick(l->ctx);
}

/* While one NMI waits to be delivered a second is latched, a third is lost. SDM "Nonmaskable Interrupt (NMI)". */
void vlapic_post_nmi(struct vlapic *l)
{
	u32 n = atomic_load_relaxed(&l->s.nmi);

	do {
		if (n >= VLAPIC_MAX_NMIS)
			return;
	} while (!atomic_cas_release(&l->s.nmi, &n, n + 1));
	kick(l);
}

bool vlapic_take_nmi(struct vlapic *l)
{
	/* Only this CPU counts down. */
	if (likely(!atomic_load_relaxed(&l->s.nmi)))
		return false;
	atomic_sub_acquire(&l->s.nmi, 1);
	return true;
}

void vlapic_sync_slow(struct vlapic *l)
{
	/* Before the bitmap is looked at: a post after this sets the flag again. */
	atomic_store(&l->posted, 0);
	for (u32 q = 0; q < 4; q++) {
		u64 got, tmr;

		if (!atomic_load_relaxed(&l->s.pending[q]))
			continue;
		got = atomic_exchange(&l->s.pending[q], 0);
		tmr = atomic_load_relaxed(&l->s.pending_tmr[q]);
		for (u32 half = 0; half < 2; half++, got >>= 32, tmr >>= 32) {
			u32 off = (q * 2 + half) * 16, *t = vlapic_reg(l, APIC_TMR + off);

			*vlapic_reg(l, APIC_IRR + off) |= (u32)got;
			*t = (*t & ~(u32)got) | ((u32)got & (u32)tmr);
		}
	}
}

/* SDM vol. 3 "Determining IPI Destination", "Logical x2APIC ID", "Logical Destination Mode". */
static bool match_logical(const struct vlapic *l, const struct apic_msg *m)
{
	u32 mda = m->dest, ldr = vlapic_rd(l, APIC_LDR);

	if (vlapic_is_x2apic(l)) {
		if (!m->x2apic) /* an 8-bit destination reaches cluster 0 */
			return ldr >> 16 == 0 && (ldr & mda & 0xff);
		return ldr >> 16 == mda >> 16 && (ldr & mda & 0xffff);
	}
	if (mda > 0xff)
		return false;
	ldr >>= 24;
	switch (vlapic_rd(l, APIC_DFR) >> 28) {
	case DFR_FLAT: return ldr & mda;
	case DFR_CLUSTER: return ldr >> 4 == mda >> 4 && (ldr & mda & 0xf);
	default: return false;
	}
}

bool vlapic_match(const struct vlapic *l, const struct apic_msg *m)
{
	if (!vlapic_enabled(l))
		return false;
	if (m->dest == (m->x2apic ? 0xffffffff : 0xff))
		return true;
	return m->logical ? match_logical(l, m) : m->dest == vlapic_id(l);
}

static bool deliver(struct vlapic *l, const struct apic_msg *m, void (*post)(struct vlapic *, u8, bool))
{
	switch (m->mode) {
	case APIC_MODE_FIXED:
	case APIC_MODE_LOWEST:
		if (!vlapic_sw_enabled(l))
			return false;
		post(l, m->vector, m->level);
		return m->vector >= 16;
	case APIC_MODE_NMI: vlapic_post_nmi(l); return true;
	case APIC_MODE_INIT:
		if (m->assert_)
			l->ops->init(l->ctx);
		return true;
	case APIC_MODE_STARTUP: l->ops->sipi(l->ctx, m->vector); return true;
	default: return false; /* SMI: there is no SMM; ExtINT comes by LINT0 only */
	}
}

bool vlapic_deliver(struct vlapic *l, const struct apic_msg *m)
{
	return deliver(l, m, vlapic_post);
}

bool vlapic_deliver_self(struct vlapic *l, const struct apic_msg *m)
{
	return deliver(l, m, vlapic_post_self);
}

/* SDM vol. 3 "Issuing Interprocessor Interrupts". The trigger mode bit matters for INIT only. */
void vlapic_icr(struct vlapic *l, u32 low, u32 dest)
{
	struct apic_msg m = {
		.dest = vlapic_is_x2apic(l) ? dest : dest >> 24,
		.x2apic = vlapic_is_x2apic(l),
		.logical = low & 0x800,
		.mode = low >> 8 & 7,
		.vector = (u8)low,
		.assert_ = true,
		.shorthand = low >> 18 & 3,
	};

	/* "Valid Combinations": what reaches the sender itself by a shorthand is of Fixed mode. */
	if (m.mode != APIC_MODE_FIXED && (m.shorthand == SHORTHAND_SELF || m.shorthand == SHORTHAND_ALL))
		return;
	if (m.mode == APIC_MODE_INIT && !(low & 0x4000) && (low & 0x8000))
		return; /* INIT level de-assert: nothing on processors since the Pentium 4 */
	if ((m.mode == APIC_MODE_FIXED || m.mode == APIC_MODE_LOWEST) && m.vector < 16) {
		vlapic_error(l, ESR_SEND_ILLEGAL);
		return;
	}
	/* To itself by name is as good as the shorthand; FFh in xAPIC mode means all. */
	if (m.shorthand == SHORTHAND_SELF ||
	    (!m.shorthand && !m.logical && m.mode == APIC_MODE_FIXED && m.dest == vlapic_id(l) && m.dest != 0xff))
		vlapic_deliver_self(l, &m);
	else
		l->ops->send(l->ctx, l, &m);
}

/* ---- local interrupt pins. SDM vol. 3 "Local Vector Table" ---- */

static void set_remote_irr(struct vlapic *l, u32 pin, bool on)
{
	u32 *lvt = vlapic_reg(l, APIC_LVT_LINT0 + pin * 16);

	l->s.lint_rirr[pin] = on;
	if (on)
		atomic_or_relaxed(lvt, LVT_REMOTE_IRR);
	else
		atomic_and_relaxed(lvt, ~LVT_REMOTE_IRR);
}

/* rising: the pin has just been asserted. */
static void lint_service(struct vlapic *l, u32 pin, bool rising)
{
	u32 lvt = vlapic_rd(l, APIC_LVT_LINT0 + pin * 16);
	bool level = LVT_MODE(lvt) == APIC_MODE_FIXED && (lvt & LVT_LEVEL);

	if (!vlapic_enabled(l)) {
		/* The pins are INTR and NMI then. */
		if (pin == 1 && rising)
			vlapic_post_nmi(l);
		return;
	}
	if ((lvt & LVT_MASKED) || !l->s.lint[pin] || !(rising || level))
		return;
	switch (LVT_MODE(lvt)) {
	case APIC_MODE_FIXED:
		if (level && l->s.lint_rirr[pin])
			return;
		if (level && LVT_VECTOR(lvt) >= 16)
			set_remote_irr(l, pin, true);
		vlapic_post(l, LVT_VECTOR(lvt), level);
		break;
	case APIC_MODE_NMI: vlapic_post_nmi(l); break;
	case APIC_MODE_INIT: l->ops->init(l->ctx); break;
	default: break;
	}
}

void vlapic_lint(struct vlapic *l, u32 pin, bool asserted)
{
	bool rising;

	if (pin > 1)
		return;
	rising = asserted && !l->s.lint[pin];
	l->s.lint[pin] = asserted;
	if (asserted)
		lint_service(l, pin, rising);
}

void vlapic_lint_changed(struct vlapic *l, u32 pin)
{
	u32 lvt = vlapic_rd(l, APIC_LVT_LINT0 + pin * 16);

	/* The bit is read-only, but means nothing for edges: as in the I/O APIC, going to edge drops it. */
	set_remote_irr(l, pin, l->s.lint_rirr[pin] && (lvt & LVT_LEVEL));
	lint_service(l, pin, false);
}

void vlapic_lint_eoi(struct vlapic *l, u8 vector)
{
	for (u32 pin = 0; pin < 2; pin++) {
		if (!l->s.lint_rirr[pin] || LVT_VECTOR(vlapic_rd(l, APIC_LVT_LINT0 + pin * 16)) != vector)
			continue;
		set_remote_irr(l, pin, false);
		lint_service(l, pin, false);
	}
}
