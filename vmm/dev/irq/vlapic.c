/* Virtual local APIC: interrupt state and priorities, reset, modes. */
#include "vmm/dev/irq/vlapic.h"

#include "lib/atomic.h"
#include "lib/string.h"
#include "vmm/dev/irq/vlapic_priv.h"

u32 vlapic_id(const struct vlapic *l)
{
	return vlapic_is_x2apic(l) ? l->x2apic_id : l->x2apic_id & 0xff;
}

bool vlapic_sw_enabled(const struct vlapic *l)
{
	return vlapic_enabled(l) && (vlapic_rd(l, APIC_SVR) & SVR_ENABLE);
}

/* ---- priorities. SDM vol. 3 "Task and Processor Priorities" ---- */

/* Unrolled: runs several times before most entries. */
static int highest(const struct vlapic *l, u32 reg)
{
#pragma GCC unroll 8
	for (u32 i = 8; i-- > 0;) {
		u32 w = vlapic_rd(l, reg + i * 16);

		if (w)
			return (int)(i * 32 + 31 - (u32)__builtin_clz(w));
	}
	return -1;
}

u32 vlapic_update_ppr(struct vlapic *l)
{
	u32 tpr = vlapic_rd(l, APIC_TPR) & 0xff;
	int isr = highest(l, APIC_ISR);
	u32 isrv = isr < 0 ? 0 : (u32)isr;
	u32 ppr = tpr >> 4 >= isrv >> 4 ? tpr : isrv & 0xf0;

	*vlapic_reg(l, APIC_PPR) = ppr;
	return ppr;
}

/*
 * A software-disabled APIC still hands out what is in IRR (SDM "Local APIC State After It Has Been Software
 * Disabled": held, to be masked or handled by the CPU); a disabled one has lost it.
 */
int vlapic_pending_vector(struct vlapic *l)
{
	int v;

	if (!vlapic_enabled(l))
		return -1;
	v = highest(l, APIC_IRR);
	if (v < 0 || ((u32)v & 0xf0) <= (vlapic_update_ppr(l) & 0xf0))
		return -1;
	return v;
}

void vlapic_accept(struct vlapic *l, u8 vector)
{
	vlapic_clear_bit(l, APIC_IRR, vector);
	vlapic_set_bit(l, APIC_ISR, vector);
	vlapic_update_ppr(l);
}

static void broadcast_eoi(struct vlapic *l, u8 vector)
{
	if (likely(!vlapic_test_bit(l, APIC_TMR, vector)))
		return;
	vlapic_lint_eoi(l, vector);
	if (!(vlapic_rd(l, APIC_SVR) & SVR_SUPPRESS_EOI))
		l->ops->eoi(l->ctx, vector);
}

void vlapic_eoi(struct vlapic *l)
{
	int v = highest(l, APIC_ISR);

	if (v < 0)
		return;
	vlapic_clear_bit(l, APIC_ISR, (u8)v);
	vlapic_update_ppr(l);
	broadcast_eoi(l, (u8)v);
}

bool vlapic_eoi_is_simple(const struct vlapic *l)
{
	int isr = highest(l, APIC_ISR);

	return isr >= 0 && highest(l, APIC_IRR) < 0 && !vlapic_test_bit(l, APIC_TMR, (u8)isr);
}

void vlapic_eoi_virtualized(struct vlapic *l, u8 vector)
{
	broadcast_eoi(l, vector);
}

bool vlapic_accepts_pic(const struct vlapic *l)
{
	u32 lvt = vlapic_rd(l, APIC_LVT_LINT0);

	if (!vlapic_enabled(l))
		return true;
	return !(lvt & LVT_MASKED) && LVT_MODE(lvt) == APIC_MODE_EXTINT;
}

u8 vlapic_cr8(const struct vlapic *l)
{
	return (u8)(vlapic_rd(l, APIC_TPR) >> 4 & 0xf);
}

void vlapic_set_cr8(struct vlapic *l, u8 cr8)
{
	*vlapic_reg(l, APIC_TPR) = (u32)(cr8 & 0xf) << 4;
	vlapic_update_ppr(l);
	if (vlapic_pending_vector(l) >= 0)
		l->ops->kick(l->ctx);
}

u32 vlapic_tpr_threshold(struct vlapic *l)
{
	int irr = vlapic_enabled(l) ? highest(l, APIC_IRR) : -1, isr = highest(l, APIC_ISR);
	u32 tpr = vlapic_rd(l, APIC_TPR) >> 4 & 0xf;

	/* Only when the TPR alone holds the interrupt back does lowering it matter. */
	if (irr < 0 || (isr >= 0 && isr >> 4 >= irr >> 4))
		return 0;
	return tpr < (u32)irr >> 4 ? 0 : (u32)irr >> 4;
}

u16 vlapic_intr_status(struct vlapic *l)
{
	int irr = vlapic_enabled(l) ? highest(l, APIC_IRR) : -1, isr = highest(l, APIC_ISR);

	return (u16)((isr < 0 ? 0 : (u32)isr << 8) | (irr < 0 ? 0 : (u32)irr));
}

bool vlapic_several_wait(const struct vlapic *l)
{
	u32 one = 0;

	for (u32 i = 0; i < 8; i++) {
		u32 w = vlapic_rd(l, APIC_IRR + i * 16);

		if (w & (w - 1) || (w && one))
			return true;
		one |= w;
	}
	return false;
}

bool vlapic_eoi_exits_changed(const struct vlapic *l, u32 words[8])
{
	u32 diff = 0;

#pragma GCC unroll 8
	for (u32 i = 0; i < 8; i++)
		diff |= words[i] ^ vlapic_rd(l, APIC_TMR + i * 16);
	if (likely(!diff))
		return false;
	for (u32 i = 0; i < 8; i++)
		words[i] = vlapic_rd(l, APIC_TMR + i * 16);
	return true;
}

/* ---- reset. SDM vol. 3 "Local APIC State After Power-Up or Reset", "... After an INIT Reset" ---- */

void vlapic_set_id(struct vlapic *l)
{
	u32 id = l->x2apic_id;

	if (vlapic_is_x2apic(l)) {
		*vlapic_reg(l, APIC_ID) = id;
		*vlapic_reg(l, APIC_LDR) = vlapic_x2apic_ldr(id);
	} else {
		*vlapic_reg(l, APIC_ID) = id << 24;
	}
}

static void reset_registers(struct vlapic *l)
{
	static const u16 lvts[] = { APIC_LVT_TIMER, APIC_LVT_THERMAL, APIC_LVT_PMC,
		                    APIC_LVT_LINT0, APIC_LVT_LINT1,   APIC_LVT_ERROR };

	memset(l->page, 0, PAGE_SIZE);
	*vlapic_reg(l, APIC_VERSION) = VLAPIC_VERSION;
	*vlapic_reg(l, APIC_DFR) = 0xffffffff;
	*vlapic_reg(l, APIC_SVR) = 0xff;
	for (u32 i = 0; i < ARRAY_SIZE(lvts); i++)
		*vlapic_reg(l, lvts[i]) = LVT_MASKED;
	vlapic_set_id(l);
	for (u32 i = 0; i < 4; i++)
		atomic_store_relaxed(&l->s.pending[i], 0);
	l->s.esr_pending = 0;
	l->s.deadline = 0;
	l->s.lint_rirr[0] = l->s.lint_rirr[1] = false;
	l->lvt_timer_seen = LVT_MASKED;
	l->div_seen = 0;
	vlapic_timer_stop(l);
}

void vlapic_init(struct vlapic *l, u8 *page, u32 id, bool bsp, const struct vlapic_ops *ops, void *ctx,
                 struct timerq *tq)
{
	memset(l, 0, sizeof(*l));
	l->page = page;
	l->ops = ops;
	l->ctx = ctx;
	l->clock_ns = 1;
	l->x2apic_id = id;
	l->bsp = bsp;
	l->s.base = VLAPIC_DEFAULT_BASE | (bsp ? VLAPIC_BASE_BSP : 0);
	timer_init(&l->timer, tq, vlapic_timer_fire, l);
}

void vlapic_reset(struct vlapic *l, u64 now)
{
	l->s.base = VLAPIC_DEFAULT_BASE | VLAPIC_BASE_ENABLE | (l->bsp ? VLAPIC_BASE_BSP : 0);
	reset_registers(l);
	l->s.nmi = 0;
	l->s.lint[0] = l->s.lint[1] = false;
	if (l->bsp) {
		*vlapic_reg(l, APIC_LVT_LINT0) = APIC_MODE_EXTINT << 8;
		*vlapic_reg(l, APIC_LVT_LINT1) = APIC_MODE_NMI << 8;
		*vlapic_reg(l, APIC_SVR) = SVR_ENABLE | 0xff;
	}
}

void vlapic_init_signal(struct vlapic *l, u64 now)
{
	reset_registers(l);
	l->s.nmi = 0;
}

u64 vlapic_get_base(const struct vlapic *l)
{
	return l->s.base;
}

/* SDM vol. 3 "Enabling or Disabling the Local APIC", "x2APIC State Transitions". */
int vlapic_set_base(struct vlapic *l, u64 val, u64 now)
{
	u64 old = l->s.base & VLAPIC_BASE_MODE, want = val & VLAPIC_BASE_MODE;

	if (val & ~(VLAPIC_BASE_ADDR | VLAPIC_BASE_BSP | vlapic_base_modes(l)))
		return ERR_INVAL;
	if (want == VLAPIC_BASE_X2APIC)
		return ERR_INVAL;
	if (old == VLAPIC_BASE_MODE && want == VLAPIC_BASE_ENABLE)
		return ERR_INVAL;
	if (old == 0 && want == VLAPIC_BASE_MODE)
		return ERR_INVAL;
	l->s.base = val;
	if (want == old)
		return OK;
	if (want == VLAPIC_BASE_MODE) {
		/* Everything is kept except what has another format. */
		*vlapic_reg(l, APIC_ICR2) = 0;
		vlapic_set_id(l);
	} else {
		/* Off, or on again: as after power-up ("prior initialization may be lost"). */
		reset_registers(l);
	}
	return OK;
}
