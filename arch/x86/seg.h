/*
 * Segment registers as the VMCS has them: their order, and access rights, which are the descriptor's bits 55:40 with
 * 51:48 cleared, plus "unusable". SDM vol. 3 "Guest Register State", table "Format of Access Rights".
 */
#pragma once

enum seg_nr { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEG_NR };

#define SEG_AR_TYPE(ar) ((ar)&0xf)
#define SEG_AR_S        (1u << 4)
#define SEG_AR_DPL(ar)  ((ar) >> 5 & 3)
#define SEG_AR_P        (1u << 7)
#define SEG_AR_AVL      (1u << 12)
#define SEG_AR_L        (1u << 13)
#define SEG_AR_DB       (1u << 14)
#define SEG_AR_G        (1u << 15)
#define SEG_AR_UNUSABLE (1u << 16)

/* Whole values: present, DPL 0, accessed; code is readable, data writable. 32 and 64: with a limit in pages. */
#define SEG_AR_DATA16     0x0093u
#define SEG_AR_CODE16     0x009bu
#define SEG_AR_DATA32     0xc093u
#define SEG_AR_CODE32     0xc09bu
#define SEG_AR_CODE64     0xa09bu
#define SEG_AR_LDT        0x0082u
#define SEG_AR_TSS32_BUSY 0x008bu
/* Data as virtual-8086 mode has it: DPL 3. */
#define SEG_AR_VM86 0x00f3u
