/* Virtual local APIC: interrupt state, delivery, registers. The timer is in vlapic_timer.c. */
#include "vmm/dev/vlapic.h"

#include "lib/string.h"
#include "vmm/dev/vlapic_priv.h"

#define VERSION      0x00060015u /* 82489DX successor, LVT entries 0..6 */
#define LVT_MASK_BIT 0x10000u

u32 vlapic_id(const struct vlapic *l)
{
	return vlapic_is_x2apic(l) ? l->s.x2apic_id : vlapic_rd(l, APIC_ID) >> 24;
}

bool vlapic_sw_enabled(const struct vlapic *l)
{
	return vlapic_enabled(l) && (vlapic_rd(l, APIC_SVR) & 0x100);
}

/* ---- bit vectors of 256 in the page: eight words, 16 bytes apart ---- */

static void set_bit(struct vlapic *l, u32 reg, u8 v)
{
	*vlapic_reg(l, reg + (v >> 5) * 16) |= 1u << (v & 31);
}

static void clear_bit(struct vlapic *l, u32 reg, u8 v)
{
	*vlapic_reg(l, reg + (v >> 5) * 16) &= ~(1u << (v & 31));
}

static bool test_bit(const struct vlapic *l, u32 reg, u8 v)
{
	return vlapic_rd(l, reg + (v >> 5) * 16) >> (v & 31) & 1;
}

static int highest(const struct vlapic *l, u32 reg)
{
	for (int i = 7; i >= 0; i--) {
		u32 w = vlapic_rd(l, reg + (u32)i * 16);

		if (w)
			return i * 32 + 31 - __builtin_clz(w);
	}
	return -1;
}

static u32 update_ppr(struct vlapic *l)
{
	u32 tpr = vlapic_rd(l, APIC_TPR) & 0xff;
	int isr = highest(l, APIC_ISR);
	u32 isrv = isr < 0 ? 0 : (u32)isr;
	u32 ppr = (tpr >> 4) >= (isrv >> 4) ? tpr : isrv & 0xf0;

	*vlapic_reg(l, APIC_PPR) = ppr;
	return ppr;
}

/* ---- arriving ---- */

static void kick(struct vlapic *l)
{
	__atomic_store_n(&l->posted, 1, __ATOMIC_RELEASE);
	l->ops->kick(l->ctx);
}

void vlapic_error(struct vlapic *l, u32 bit)
{
	u32 lvt = vlapic_rd(l, APIC_LVT_ERROR);

	if (l->s.esr_pending & bit)
		return;
	l->s.esr_pending |= bit;
	if (!(lvt & LVT_MASK_BIT) && (lvt & 0xff) >= 16)
		vlapic_post(l, (u8)lvt, false);
}

void vlapic_post(struct vlapic *l, u8 vector, bool level)
{
	u64 bit = 1ull << (vector & 63);

	if (vector < 16) {
		vlapic_error(l, ESR_RECEIVE_ILLEGAL);
		return;
	}
	if (level)
		__atomic_fetch_or(&l->s.pending_tmr[vector >> 6], bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&l->s.pending_tmr[vector >> 6], ~bit, __ATOMIC_RELAXED);
	__atomic_fetch_or(&l->s.pending[vector >> 6], bit, __ATOMIC_RELEASE);
	kick(l);
}

void vlapic_post_nmi(struct vlapic *l)
{
	__atomic_store_n(&l->s.nmi, true, __ATOMIC_RELEASE);
	kick(l);
}

bool vlapic_take_nmi(struct vlapic *l)
{
	if (likely(!__atomic_load_n(&l->s.nmi, __ATOMIC_RELAXED)))
		return false;
	return __atomic_exchange_n(&l->s.nmi, false, __ATOMIC_ACQUIRE);
}

void vlapic_sync_slow(struct vlapic *l)
{
	__atomic_store_n(&l->posted, 0, __ATOMIC_SEQ_CST);
	for (u32 q = 0; q < 4; q++) {
		u64 got;

		if (!__atomic_load_n(&l->s.pending[q], __ATOMIC_RELAXED))
			continue;
		got = __atomic_exchange_n(&l->s.pending[q], 0, __ATOMIC_ACQUIRE);
		while (got) {
			u8 v = (u8)(q * 64 + (u32)__builtin_ctzll(got));

			got &= got - 1;
			set_bit(l, APIC_IRR, v);
			if (l->s.pending_tmr[q] >> (v & 63) & 1)
				set_bit(l, APIC_TMR, v);
			else
				clear_bit(l, APIC_TMR, v);
		}
	}
}

/* SDM vol. 3 "Determining IPI Destination", "Logical Destination Mode". */
bool vlapic_match(const struct vlapic *l, const struct apic_msg *m)
{
	u32 ldr, mda = m->dest;

	if (!vlapic_enabled(l))
		return false;
	if (m->x2apic ? mda == 0xffffffff : mda == 0xff)
		return true;
	if (!m->logical)
		return mda == vlapic_id(l) || (!vlapic_is_x2apic(l) && m->x2apic && mda == l->s.x2apic_id);
	if (vlapic_is_x2apic(l)) {
		ldr = vlapic_rd(l, APIC_LDR);
		if (!m->x2apic) /* an 8-bit destination reaches cluster 0 */
			return (ldr >> 16) == 0 && (ldr & mda & 0xff);
		return (ldr >> 16) == (mda >> 16) && (ldr & mda & 0xffff);
	}
	ldr = vlapic_rd(l, APIC_LDR) >> 24;
	if (vlapic_rd(l, APIC_DFR) >> 28 == 0xf)
		return ldr & mda;
	return (ldr >> 4) == (mda >> 4) && (ldr & mda & 0xf);
}

void vlapic_deliver(struct vlapic *l, const struct apic_msg *m)
{
	switch (m->mode) {
	case APIC_MODE_FIXED:
	case APIC_MODE_LOWEST:
		if (vlapic_sw_enabled(l))
			vlapic_post(l, m->vector, m->level);
		break;
	case APIC_MODE_NMI: vlapic_post_nmi(l); break;
	case APIC_MODE_INIT:
		if (m->assert_)
			l->ops->init(l->ctx);
		break;
	case APIC_MODE_STARTUP: l->ops->sipi(l->ctx, m->vector); break;
	default: break; /* SMI: there is no SMM; ExtINT comes by LINT0 only */
	}
}

/* ---- to the processor ---- */

int vlapic_pending_vector(struct vlapic *l)
{
	int v;

	if (!vlapic_enabled(l))
		return -1;
	v = highest(l, APIC_IRR);
	if (v < 0 || ((u32)v & 0xf0) <= (update_ppr(l) & 0xf0))
		return -1;
	return v;
}

void vlapic_accept(struct vlapic *l, u8 vector)
{
	clear_bit(l, APIC_IRR, vector);
	set_bit(l, APIC_ISR, vector);
	update_ppr(l);
}

static void broadcast_eoi(struct vlapic *l, u8 vector)
{
	if (test_bit(l, APIC_TMR, vector))
		l->ops->eoi(l->ctx, vector);
}

void vlapic_eoi(struct vlapic *l)
{
	int v = highest(l, APIC_ISR);

	if (v < 0)
		return;
	clear_bit(l, APIC_ISR, (u8)v);
	update_ppr(l);
	broadcast_eoi(l, (u8)v);
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
	return !(lvt & LVT_MASK_BIT) && (lvt >> 8 & 7) == APIC_MODE_EXTINT;
}

u8 vlapic_cr8(const struct vlapic *l)
{
	return (u8)(vlapic_rd(l, APIC_TPR) >> 4 & 0xf);
}

void vlapic_set_cr8(struct vlapic *l, u8 cr8)
{
	*vlapic_reg(l, APIC_TPR) = (u32)(cr8 & 0xf) << 4;
	update_ppr(l);
	l->ops->kick(l->ctx);
}

u32 vlapic_tpr_threshold(struct vlapic *l)
{
	int irr = highest(l, APIC_IRR), isr = highest(l, APIC_ISR);
	u32 tpr = vlapic_rd(l, APIC_TPR) >> 4 & 0xf;

	/* Only when the TPR alone holds the interrupt back does lowering it matter. */
	if (irr < 0 || (isr >= 0 && (isr >> 4) >= (irr >> 4)))
		return 0;
	return tpr < (u32)irr >> 4 ? 0 : (u32)irr >> 4;
}

u16 vlapic_intr_status(struct vlapic *l)
{
	int irr = vlapic_sw_enabled(l) ? highest(l, APIC_IRR) : -1, isr = highest(l, APIC_ISR);

	return (u16)((isr < 0 ? 0 : (u32)isr << 8) | (irr < 0 ? 0 : (u32)irr));
}

void vlapic_eoi_exit_bitmap(const struct vlapic *l, u64 bitmap[4])
{
	for (u32 i = 0; i < 4; i++)
		bitmap[i] = vlapic_rd(l, APIC_TMR + i * 32) | (u64)vlapic_rd(l, APIC_TMR + i * 32 + 16) << 32;
}

/* ---- reset ---- */

static void set_ldr_x2apic(struct vlapic *l)
{
	u32 id = l->s.x2apic_id;

	*vlapic_reg(l, APIC_ID) = id;
	*vlapic_reg(l, APIC_LDR) = (id >> 4) << 16 | 1u << (id & 15);
}

static void reset_registers(struct vlapic *l)
{
	static const u16 lvts[] = { APIC_LVT_CMCI,  APIC_LVT_TIMER, APIC_LVT_THERMAL, APIC_LVT_PMC,
		                    APIC_LVT_LINT0, APIC_LVT_LINT1, APIC_LVT_ERROR };

	memset(l->page, 0, PAGE_SIZE);
	*vlapic_reg(l, APIC_ID) = l->s.x2apic_id << 24;
	*vlapic_reg(l, APIC_VERSION) = VERSION;
	*vlapic_reg(l, APIC_DFR) = 0xffffffff;
	*vlapic_reg(l, APIC_SVR) = 0xff;
	for (u32 i = 0; i < ARRAY_SIZE(lvts); i++)
		*vlapic_reg(l, lvts[i]) = LVT_MASK_BIT;
	if (vlapic_is_x2apic(l))
		set_ldr_x2apic(l);
	for (u32 i = 0; i < 4; i++)
		l->s.pending[i] = l->s.pending_tmr[i] = 0;
	l->s.esr_pending = 0;
	l->s.deadline = 0;
	l->s.nmi = false;
	vlapic_timer_stop(l);
}

void vlapic_init(struct vlapic *l, u8 *page, u32 id, bool bsp, const struct vlapic_ops *ops, void *ctx,
                 struct timerq *tq)
{
	memset(l, 0, sizeof(*l));
	l->page = page;
	l->ops = ops;
	l->ctx = ctx;
	l->s.x2apic_id = id;
	l->s.base = VLAPIC_DEFAULT_BASE | (bsp ? VLAPIC_BASE_BSP : 0);
	timer_init(&l->timer, tq, vlapic_timer_fire, l);
}

void vlapic_reset(struct vlapic *l, u64 now)
{
	l->s.base = VLAPIC_DEFAULT_BASE | VLAPIC_BASE_ENABLE | (l->s.base & VLAPIC_BASE_BSP);
	reset_registers(l);
	/* Without firmware: virtual wire, as a PC's firmware leaves the bootstrap processor. */
	if (l->s.base & VLAPIC_BASE_BSP) {
		*vlapic_reg(l, APIC_LVT_LINT0) = APIC_MODE_EXTINT << 8;
		*vlapic_reg(l, APIC_LVT_LINT1) = APIC_MODE_NMI << 8;
		*vlapic_reg(l, APIC_SVR) = 0x1ff;
	}
}

void vlapic_init_signal(struct vlapic *l, u64 now)
{
	reset_registers(l);
}

u64 vlapic_get_base(const struct vlapic *l)
{
	return l->s.base;
}

/* SDM vol. 3 "x2APIC State Transitions". */
int vlapic_set_base(struct vlapic *l, u64 val, u64 now)
{
	const u64 mode = VLAPIC_BASE_ENABLE | VLAPIC_BASE_X2APIC;
	u64 old = l->s.base & mode, want = val & mode;

	if (val & ~(0x3ffffffff000ull | VLAPIC_BASE_BSP | mode))
		return ERR_INVAL;
	if (want == VLAPIC_BASE_X2APIC)
		return ERR_INVAL;
	if (old == mode && want == VLAPIC_BASE_ENABLE)
		return ERR_INVAL;
	if (old == 0 && want == mode)
		return ERR_INVAL;
	l->s.base = val;
	if (want == old)
		return OK;
	if (want == 0) {
		reset_registers(l);
	} else if (want == mode) {
		*vlapic_reg(l, APIC_ICR2) = 0;
		set_ldr_x2apic(l);
	} else {
		reset_registers(l);
	}
	return OK;
}
