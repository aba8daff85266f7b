/* What vlapic.c, vlapic_bus.c, vlapic_regs.c and vlapic_timer.c share. */
#pragma once

#include "vmm/dev/irq/vlapic.h"

#define ESR_SEND_ILLEGAL    (1u << 5)
#define ESR_RECEIVE_ILLEGAL (1u << 6)
#define ESR_ILLEGAL_REG     (1u << 7)

#define LVT_VECTOR(lvt) ((u8)(lvt))
#define LVT_MODE(lvt)   ((lvt) >> 8 & 7)
#define LVT_STATUS      0x1000u
#define LVT_REMOTE_IRR  0x4000u
#define LVT_LEVEL       0x8000u
#define LVT_MASKED      0x10000u

#define SVR_ENABLE       0x100u
#define SVR_SUPPRESS_EOI 0x1000u

static inline u32 *vlapic_reg(struct vlapic *l, u32 off)
{
	return (u32 *)(void *)(l->page + off);
}

static inline u32 vlapic_rd(const struct vlapic *l, u32 off)
{
	return *(const u32 *)(const void *)(l->page + off);
}

/* ISR, TMR and IRR: 256 bits in eight words, 16 bytes apart. */
static inline void vlapic_set_bit(struct vlapic *l, u32 reg, u8 v)
{
	*vlapic_reg(l, reg + (v >> 5) * 16u) |= 1u << (v & 31);
}

static inline void vlapic_clear_bit(struct vlapic *l, u32 reg, u8 v)
{
	*vlapic_reg(l, reg + (v >> 5) * 16u) &= ~(1u << (v & 31));
}

static inline bool vlapic_test_bit(const struct vlapic *l, u32 reg, u8 v)
{
	return vlapic_rd(l, reg + (v >> 5) * 16u) >> (v & 31) & 1;
}

/* Recomputes PPR from TPR and ISR; the processor may have changed both in the page. */
u32 vlapic_update_ppr(struct vlapic *l);
/* Something happened to an error this APIC detects: ESR, LVT error. Any CPU. */
void vlapic_error(struct vlapic *l, u32 bit);
/* ICR written: sends. dest as the register holds it. */
void vlapic_icr(struct vlapic *l, u32 low, u32 dest);
/* LVT LINT0 or LINT1 written (pin 0 or 1): a level may now pass. */
void vlapic_lint_changed(struct vlapic *l, u32 pin);
/* EOI of a level-triggered vector: is it a LINT pin's? */
void vlapic_lint_eoi(struct vlapic *l, u8 vector);

void vlapic_timer_fire(void *arg, u64 now);
void vlapic_timer_stop(struct vlapic *l);
/* LVT timer, initial count or divider written; old: the register before. */
void vlapic_timer_lvt(struct vlapic *l, u32 old_lvt, u64 now);
void vlapic_timer_init_count(struct vlapic *l, u64 now);
void vlapic_timer_divider(struct vlapic *l, u32 old_div, u64 now);
u32 vlapic_timer_current(const struct vlapic *l, u64 now);
