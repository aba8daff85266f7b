/* Virtual local APIC: what is saved of it, and whether what is to be restored can be. */
#include "lib/atomic.h"
#include "vmm/dev/irq/vlapic_priv.h"

#define ESR_BITS   (ESR_SEND_ILLEGAL | ESR_RECEIVE_ILLEGAL | ESR_ILLEGAL_REG)
#define DEST_XAPIC 0xff000000u /* an 8-bit destination in ICR2 or LDR */

/* Registers are 16 bytes apart; the page has 4 of each. */
struct vlapic_word {
	u32 value;
	u32 gap[3];
};
static const struct state_field word_fields[] = { STATE_FIELD_F(vlapic_word, u32, value) };
static const struct state_desc vlapic_word_desc = {
	.name = "vlapic_word",
	.size = sizeof(struct vlapic_word),
	.version = 1,
	.nr = ARRAY_SIZE(word_fields),
	.sparse = true,
	.fields = word_fields,
};
STATE_DESC(vlapic_state, VLAPIC_STATE, 1);

#define REG(off, name_)                                                                              \
	{                                                                                            \
		.name = (name_), .offset = (off), .count = 1, .size = sizeof(u32), .type = STATE_U32 \
	}
#define VECTORS(off, name_)                                                                                      \
	{                                                                                                        \
		.name = (name_), .offset = (off), .count = 8, .size = sizeof(struct vlapic_word), .array = true, \
		.type = STATE_GROUP, .group = &vlapic_word_desc                                                  \
	}

static const struct state_field page_fields[] = {
	REG(APIC_TPR, "tpr"),
	REG(APIC_LDR, "ldr"),
	REG(APIC_DFR, "dfr"),
	REG(APIC_SVR, "svr"),
	VECTORS(APIC_ISR, "isr"),
	VECTORS(APIC_TMR, "tmr"),
	VECTORS(APIC_IRR, "irr"),
	REG(APIC_ESR, "esr"),
	REG(APIC_ICR, "icr"),
	REG(APIC_ICR2, "icr2"),
	REG(APIC_LVT_TIMER, "lvt_timer"),
	REG(APIC_LVT_THERMAL, "lvt_thermal"),
	REG(APIC_LVT_PMC, "lvt_pmc"),
	REG(APIC_LVT_LINT0, "lvt_lint0"),
	REG(APIC_LVT_LINT1, "lvt_lint1"),
	REG(APIC_LVT_ERROR, "lvt_error"),
	REG(APIC_TIMER_INIT, "timer_init"),
	REG(APIC_TIMER_DIV, "timer_div"),
};

const struct state_desc vlapic_page_desc = {
	.name = "vlapic_page",
	.size = APIC_SELF_IPI + sizeof(struct vlapic_word),
	.version = 1,
	.nr = ARRAY_SIZE(page_fields),
	.sparse = true,
	.fields = page_fields,
};

/* ---- what can be ---- */

static u32 rd(const u8 *page, u32 off)
{
	return *(const u32 *)(const void *)(page + off);
}

static bool base_valid(const struct vlapic *l, const struct vlapic_state *s, struct state_check *c)
{
	if (s->base & ~(VLAPIC_BASE_ADDR | VLAPIC_BASE_BSP | vlapic_base_modes(l)))
		return state_refuse(c, "base", s->base, "has bits that IA32_APIC_BASE lacks");
	if ((s->base & VLAPIC_BASE_MODE) == VLAPIC_BASE_X2APIC)
		return state_refuse(c, "base", s->base, "is in x2APIC mode without being enabled");
	return true;
}

static bool lvts_valid(const struct vlapic *l, const u8 *page, const struct vlapic_state *s, struct state_check *c)
{
	const struct {
		u16 off;
		u32 bits;
		const char *name;
	} lvt[] = {
		{ APIC_LVT_TIMER, vlapic_lvt_timer_bits(l), "lvt_timer" },
		{ APIC_LVT_THERMAL, LVT_LOCAL_W, "lvt_thermal" },
		{ APIC_LVT_PMC, LVT_LOCAL_W, "lvt_pmc" },
		{ APIC_LVT_LINT0, LVT_LINT_W | LVT_REMOTE_IRR, "lvt_lint0" },
		{ APIC_LVT_LINT1, LVT_LINT_W | LVT_REMOTE_IRR, "lvt_lint1" },
		{ APIC_LVT_ERROR, LVT_ERROR_W, "lvt_error" },
	};
	bool enabled = (s->base & VLAPIC_BASE_ENABLE) && (rd(page, APIC_SVR) & SVR_ENABLE);

	for (u32 i = 0; i < ARRAY_SIZE(lvt); i++) {
		u32 v = rd(page, lvt[i].off);

		if (v & ~lvt[i].bits)
			return state_refuse(c, lvt[i].name, v, "has bits that the register lacks");
		if (!enabled && !(v & LVT_MASKED))
			return state_refuse(c, lvt[i].name, v, "is not masked though the APIC is disabled");
	}
	for (u32 pin = 0; pin < 2; pin++) {
		u32 v = rd(page, APIC_LVT_LINT0 + pin * 16);

		if (!!(v & LVT_REMOTE_IRR) != s->lint_rirr[pin])
			return state_refuse(c, "lint_rirr", s->lint_rirr[pin], "is not the register's remote IRR");
		if ((v & LVT_REMOTE_IRR) && !(v & LVT_LEVEL))
			return state_refuse(c, "lint_rirr", v, "is set though the pin is edge triggered");
	}
	return true;
}

/* An interrupt is taken only above the class of all in service: at most one of each. */
static bool vectors_valid(const u8 *page, const struct vlapic_state *s, struct state_check *c)
{
	static const struct {
		u16 off;
		const char *name;
	} reg[] = { { APIC_ISR, "isr[0]" }, { APIC_TMR, "tmr[0]" }, { APIC_IRR, "irr[0]" } };

	for (u32 i = 0; i < ARRAY_SIZE(reg); i++)
		if (rd(page, reg[i].off) & 0xffff)
			return state_refuse(c, reg[i].name, rd(page, reg[i].off), "has vectors below 16");
	for (u32 i = 0; i < 8; i++) {
		u32 w = rd(page, APIC_ISR + i * 16), low = w & 0xffff, high = w >> 16;

		if ((low & (low - 1)) || (high & (high - 1)))
			return state_refuse(c, "isr", w, "has two interrupts of one class in service");
	}
	if (s->pending[0] & 0xffff)
		return state_refuse(c, "pending[0]", s->pending[0], "has vectors below 16");
	if (s->pending_tmr[0] & 0xffff)
		return state_refuse(c, "pending_tmr[0]", s->pending_tmr[0], "has vectors below 16");
	return true;
}

static bool registers_valid(const struct vlapic *l, const u8 *page, const struct vlapic_state *s,
                            struct state_check *c)
{
	bool x2 = s->base & VLAPIC_BASE_X2APIC;
	u32 ldr = rd(page, APIC_LDR), icr2 = rd(page, APIC_ICR2);

	if (rd(page, APIC_TPR) & ~0xffu)
		return state_refuse(c, "tpr", rd(page, APIC_TPR), "has bits that the register lacks");
	if (x2 && ldr != vlapic_x2apic_ldr(l->x2apic_id))
		return state_refuse(c, "ldr", ldr, "is not what x2APIC mode makes of the ID");
	if (!x2 && (ldr & ~DEST_XAPIC))
		return state_refuse(c, "ldr", ldr, "has bits that the register lacks");
	if ((rd(page, APIC_DFR) & DFR_RESERVED) != DFR_RESERVED)
		return state_refuse(c, "dfr", rd(page, APIC_DFR), "lacks bits that always read 1");
	if (rd(page, APIC_SVR) & ~SVR_W)
		return state_refuse(c, "svr", rd(page, APIC_SVR), "has bits that the register lacks");
	if (rd(page, APIC_ESR) & ~ESR_BITS)
		return state_refuse(c, "esr", rd(page, APIC_ESR), "has errors that are not detected");
	if (s->esr_pending & ~ESR_BITS)
		return state_refuse(c, "esr_pending", s->esr_pending, "has errors that are not detected");
	if (rd(page, APIC_ICR) & ~ICR_W)
		return state_refuse(c, "icr", rd(page, APIC_ICR), "has bits that the register lacks");
	if (!x2 && (icr2 & ~DEST_XAPIC))
		return state_refuse(c, "icr2", icr2, "has bits that the register lacks");
	if (s->nmi > VLAPIC_MAX_NMIS)
		return state_refuse(c, "nmi", s->nmi, "is more than can wait");
	return true;
}

static bool timer_valid(const struct vlapic *l, const u8 *page, const struct vlapic_state *s, struct state_check *c)
{
	u32 mode = LVT_TIMER_MODE(rd(page, APIC_LVT_TIMER));
	u32 init = rd(page, APIC_TIMER_INIT), div = rd(page, APIC_TIMER_DIV);
	u64 p, end;

	if (div & ~TIMER_DIV_W)
		return state_refuse(c, "timer_div", div, "has bits that the register lacks");
	if (s->deadline && mode != MODE_DEADLINE)
		return state_refuse(c, "deadline", s->deadline, "is set outside of TSC-deadline mode");
	if (init && mode > MODE_PERIODIC)
		return state_refuse(c, "timer_init", init, "counts in a mode without a count");
	if (!s->running)
		return true;
	if (!init)
		return state_refuse(c, "running", 1, "is said of a count of 0");
	p = vlapic_timer_period(l, init, div);
	end = s->period_start + p;
	/* It may have ended, without the timer queue having come to it. */
	if (end > c->now &&
	    end - c->now > p + (mode == MODE_PERIODIC && p < VLAPIC_MIN_PERIOD_NS ? VLAPIC_MIN_PERIOD_NS : 0))
		return state_refuse(c, "period_start", s->period_start, "ends the count later than its period");
	return true;
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vlapic *l = dev;
	const struct vlapic_state *s = part[0];
	const u8 *page = part[1];

	return base_valid(l, s, c) && registers_valid(l, page, s, c) && lvts_valid(l, page, s, c) &&
	       vectors_valid(page, s, c) && timer_valid(l, page, s, c);
}

/* ---- as a device ---- */

void vlapic_restored(struct vlapic *l, u64 now)
{
	*vlapic_reg(l, APIC_VERSION) = VLAPIC_VERSION;
	vlapic_set_id(l);
	vlapic_update_ppr(l);
	vlapic_timer_restored(l);
	l->lvt_timer_seen = vlapic_rd(l, APIC_LVT_TIMER);
	l->div_seen = vlapic_rd(l, APIC_TIMER_DIV);
	atomic_store_release(&l->posted, 1);
}

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	const struct vlapic_cfg *g = cfg;

	vlapic_init(dev, g->page, g->id, g->bsp, g->ops, g->ctx, env->timers);
	vlapic_set_clock(dev, g->clock_ns);
	vlapic_hide(dev, g->hidden);
	return OK;
}

static void detach(void *dev)
{
	timer_cancel(&((struct vlapic *)dev)->timer);
}

static void reset(void *dev, u64 now)
{
	vlapic_reset(dev, now);
}

static void restored(void *dev, u64 now)
{
	vlapic_restored(dev, now);
}

VDEV_OPS(vlapic, "lapic", VDEV_STATE(vlapic, s, vlapic_state), .state[1] = VDEV_STATE_AT(vlapic, page, vlapic_page),
         .attach = attach, .detach = detach, .reset = reset, .valid = valid, .restored = restored);
