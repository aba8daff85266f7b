/* What taskswitch.c and taskswitch_load.c share: descriptors, segments, and how a step reaches the world. */
#pragma once

#include "arch/x86/exc.h"
#include "vmm/policy/taskswitch.h"

#define CR0_PG    BIT(31)
#define EFLAGS_VM BIT(17)

/* Segment access rights, VMCS format. */
#define AR_A        0x1u
#define AR_W        0x2u /* data: writable */
#define AR_R        0x2u /* code: readable */
#define AR_C        0x4u /* code: conforming */
#define AR_CODE     0x8u
#define AR_S        0x10u
#define AR_P        0x80u
#define AR_DB       0x4000u
#define AR_UNUSABLE 0x10000u
#define AR_DPL(a)   ((a) >> 5 & 3)
#define AR_TYPE(a)  ((a)&0xf)

/* System descriptor types; bit 1 = busy, bit 3 = 32 bits. */
#define TYPE_TSS16 1u
#define TYPE_LDT   2u
#define TYPE_BUSY  2u
#define TYPE_32    8u

/* ---- taskswitch.c ---- */

/* Ends the switch with a fault whose error code is a selector; always false, as the steps return it. */
bool ts_fail(struct taskswitch *t, u8 vector, u32 selector);
void ts_unpack(u64 desc, u16 sel, struct ts_seg *s);
/* Linear address of a GDT descriptor; false when the selector is not in the GDT. */
bool ts_gdt_slot(const struct ts_regs *regs, u16 sel, u64 *addr);

static inline bool ts_read(struct taskswitch *t, u64 addr, void *buf, u32 len)
{
	return t->ops->read(t->ctx, (u32)addr, buf, len, &t->r.fault) == 0;
}

static inline bool ts_write(struct taskswitch *t, u64 addr, const void *buf, u32 len)
{
	return t->ops->write(t->ctx, (u32)addr, buf, len, &t->r.fault) == 0;
}

static inline bool ts_probe(struct taskswitch *t, u64 addr, u32 len)
{
	return t->ops->probe(t->ctx, (u32)addr, len, &t->r.fault) == 0;
}

static inline bool ts_is_null(u16 sel)
{
	return !(sel & 0xfffc);
}

/* ---- taskswitch_load.c: the steps in the new task. false: a fault there, in t->r ---- */

/* Until they are loaded, the segments are such that VM entry takes them and a fault can be delivered. */
void ts_blank_segments(struct ts_regs *n);
bool ts_load_cr3(struct taskswitch *t);
bool ts_load_ldtr(struct taskswitch *t);
bool ts_load_cs(struct taskswitch *t);
bool ts_load_ss(struct taskswitch *t);
/* One of DS, ES, FS, GS. */
bool ts_load_data(struct taskswitch *t, enum ts_seg_index i);
/* The error code's push, and whether EIP lies in CS. */
bool ts_arrive(struct taskswitch *t);
