/* What vlapic.c, vlapic_regs.c and vlapic_timer.c share. */
#pragma once

#include "vmm/dev/vlapic.h"

#define ESR_SEND_ILLEGAL    (1u << 5)
#define ESR_RECEIVE_ILLEGAL (1u << 6)
#define ESR_ILLEGAL_REG     (1u << 7)

static inline u32 *vlapic_reg(struct vlapic *l, u32 off)
{
	return (u32 *)(void *)(l->page + off);
}

static inline u32 vlapic_rd(const struct vlapic *l, u32 off)
{
	return *(const u32 *)(const void *)(l->page + off);
}

void vlapic_eoi(struct vlapic *l);
void vlapic_error(struct vlapic *l, u32 bit);
void vlapic_timer_fire(void *arg, u64 now);
void vlapic_timer_stop(struct vlapic *l);
/* LVT timer, initial count or divider written. */
void vlapic_timer_lvt(struct vlapic *l, u32 old_lvt, u64 now);
void vlapic_timer_init_count(struct vlapic *l, u64 now);
void vlapic_timer_divider(struct vlapic *l, u32 old_div, u64 now);
u32 vlapic_timer_current(const struct vlapic *l, u64 now);
/* ICR written: sends. dest as the register holds it. */
void vlapic_icr(struct vlapic *l, u32 low, u32 dest);
