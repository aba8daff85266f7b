/*
 * VMREAD and VMWRITE of the current VMCS, checked: CF (no current VMCS) and ZF (bad field, read-only field) are our
 * bugs and panic with the field's name. SDM vol. 3 "VMX Instruction Reference", "Conventions".
 */
#pragma once

#include "arch/x86/seg.h"
#include "arch/x86/vmx/vmcs_fields.h"

__noreturn void vmcs_read_failed(u32 field);
__noreturn void vmcs_write_failed(u32 field, u64 value);

/* With CONFIG_VMCS_COUNT (make VMCS_COUNT=1) every access is counted, for the bench's figures. */
#ifdef CONFIG_VMCS_COUNT
extern u64 vmcs_reads, vmcs_writes;
#define VMCS_COUNT(x) ((x)++)
#else
#define VMCS_COUNT(x) ((void)0)
#endif

static inline u64 vmcs_read(enum vmcs_field field)
{
	u64 v;

	VMCS_COUNT(vmcs_reads);
	__asm__ goto("vmread %1, %0\n\tjbe %l2" : "=r"(v) : "r"((u64)field) : "cc" : failed);
	return v;
failed:
	vmcs_read_failed(field);
}

static inline u32 vmcs_read32(enum vmcs_field field)
{
	return (u32)vmcs_read(field);
}

static inline void vmcs_write(enum vmcs_field field, u64 v)
{
	VMCS_COUNT(vmcs_writes);
	__asm__ goto("vmwrite %0, %1\n\tjbe %l2" : : "r"(v), "r"((u64)field) : "cc" : failed);
	return;
failed:
	vmcs_write_failed(field, v);
}

/* Number i of fields of one kind that follow each other: segments' parts, PDPTEs, bitmaps. */
static inline enum vmcs_field vmcs_nth(enum vmcs_field first, u32 i)
{
	return (enum vmcs_field)(first + 2 * i);
}

/* One of the guest's segment registers. */
struct vmcs_seg {
	u16 sel;
	u32 limit, ar;
	u64 base;
};

static inline struct vmcs_seg vmcs_seg_get(enum seg_nr nr)
{
	return (struct vmcs_seg){
		.sel = (u16)vmcs_read(vmcs_nth(VMCS_GUEST_ES_SEL, nr)),
		.limit = vmcs_read32(vmcs_nth(VMCS_GUEST_ES_LIMIT, nr)),
		.ar = vmcs_read32(vmcs_nth(VMCS_GUEST_ES_AR, nr)),
		.base = vmcs_read(vmcs_nth(VMCS_GUEST_ES_BASE, nr)),
	};
}

static inline void vmcs_seg_set(enum seg_nr nr, struct vmcs_seg seg)
{
	vmcs_write(vmcs_nth(VMCS_GUEST_ES_SEL, nr), seg.sel);
	vmcs_write(vmcs_nth(VMCS_GUEST_ES_BASE, nr), seg.base);
	vmcs_write(vmcs_nth(VMCS_GUEST_ES_LIMIT, nr), seg.limit);
	vmcs_write(vmcs_nth(VMCS_GUEST_ES_AR, nr), seg.ar);
}

/* For dumps: false when the field does not exist on this CPU. */
static inline bool vmcs_try_read(u32 field, u64 *v)
{
	bool fail;

	__asm__ volatile("vmread %2, %0\n\tsetbe %1" : "=r"(*v), "=qm"(fail) : "r"((u64)field) : "cc");
	return !fail;
}
