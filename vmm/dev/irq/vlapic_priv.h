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

/* The timer's. */
#define LVT_TIMER_MODE(lvt) ((lvt) >> 17 & 3)
#define MODE_ONESHOT        0
#define MODE_PERIODIC       1
#define MODE_DEADLINE       2 /* 3 is reserved: nothing counts, nothing fires */

#define SVR_ENABLE       0x100u
#define SVR_SUPPRESS_EOI 0x1000u

/* Integrated APIC, LVT entries 0..5 (no CMCI: IA32_MCG_CAP has none either), EOI-broadcast suppression. */
#define VLAPIC_VERSION 0x01050014u

#define VLAPIC_BASE_MODE (VLAPIC_BASE_ENABLE | VLAPIC_BASE_X2APIC)
/* How much of it there is, the caller of vlapic_set_base() checks. */
#define VLAPIC_BASE_ADDR 0x000ffffffffff000ull

/* Writable bits of registers; read-only ones in them are named above. */
#define LVT_TIMER_W  0x000700ffu
#define LVT_DEADLINE 0x00040000u /* of these, what TSC-deadline mode has */
#define LVT_LOCAL_W  0x000107ffu /* thermal, performance counters */
#define LVT_LINT_W   0x0001a7ffu
#define LVT_ERROR_W  0x000100ffu
#define SVR_W        (SVR_SUPPRESS_EOI | 0x3ffu)
#define ICR_W        0x000ccfffu
#define TIMER_DIV_W  0xbu
#define DFR_RESERVED 0x0fffffffu /* read 1 */

#define VLAPIC_MAX_NMIS 2

/*
 * A period shorter than this is answered by as many interrupts as this allows: a guest that asks for an interrupt
 * every few ns would else never run, and its CPU do nothing but timer exits.
 */
#define VLAPIC_MIN_PERIOD_NS 100000

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

/* The modes that a guest may choose by IA32_APIC_BASE, the bits that its timer's LVT entry has. */
static inline u64 vlapic_base_modes(const struct vlapic *l)
{
	return l->hidden & VLAPIC_NO_X2APIC ? VLAPIC_BASE_ENABLE : VLAPIC_BASE_MODE;
}
static inline u32 vlapic_lvt_timer_bits(const struct vlapic *l)
{
	return l->hidden & VLAPIC_NO_DEADLINE ? LVT_TIMER_W & ~LVT_DEADLINE : LVT_TIMER_W;
}
/* ID register, and LDR in x2APIC mode, as the mode and the APIC's ID say. */
void vlapic_set_id(struct vlapic *l);
static inline u32 vlapic_x2apic_ldr(u32 id)
{
	return (id >> 4) << 16 | 1u << (id & 15);
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
/* ns that these values of the initial count and divide configuration registers take. */
u64 vlapic_timer_period(const struct vlapic *l, u32 init, u32 div);
/* Sets the timer as the state and the registers say. */
void vlapic_timer_restored(struct vlapic *l);
