/* Every rule for a processor's state, broken once: the SDM's in its order, then the vCPU's own. For test_gstate.c. */
#pragma once

#include "gstate_samples.h"

#define EXT (INTR_INFO_VALID | INTR_INFO_EXTERNAL)
#define EXC (INTR_INFO_VALID | INTR_INFO_HW_EXCEPTION)

/* One or two fields of a sample are changed; refused is the field it is then refused for, NULL: it is still right. */
static const struct rule {
	gstate_sample *sample;
	const char *name;
	u64 val;
	const char *refused;
	const char *name2;
	u64 val2;
} rules[] = {
	/* "Checks on Guest Control Registers, Debug Registers, and MSRs" */
	{ sample_reset, "cr0", CR0_ET | BIT(6), "cr0", NULL, 0 },
	{ sample_reset, "cr0", CR0_ET | BIT(32), "cr0", NULL, 0 },
	{ sample_reset, "cr0", 0, "cr0", NULL, 0 },
	{ sample_reset, "cr0", CR0_ET | CR0_NW, "cr0", NULL, 0 },
	{ sample_reset, "cr0", CR0_ET | CR0_PG, "cr0", NULL, 0 },
	{ sample_reset, "cr4", CR4_VMXE, "cr4", NULL, 0 },
	{ sample_reset, "cr4", CR4_LA57, "cr4", NULL, 0 },
	{ sample_reset, "cr4", CR4_PCIDE, "cr4", NULL, 0 },
	{ sample_long, "cr0", CR0_PE | CR0_ET, "cr0", NULL, 0 },
	{ sample_long, "cr4", 0, "cr4", NULL, 0 },
	{ sample_long, "cr3", BIT(46), "cr3", NULL, 0 },
	{ sample_long, "cr3", BIT(46) - 1, NULL, NULL, 0 },
	{ sample_long, "cr3", BIT(63), "cr3", NULL, 0 },
	{ sample_long, "debugctl", 2, NULL, NULL, 0 },
	{ sample_long, "debugctl", 1, "debugctl", NULL, 0 },
	{ sample_long, "dr7", DR7_INIT | BIT(32), "dr7", NULL, 0 },
	{ sample_long, "sysenter_esp", BIT(47), "sysenter_esp", NULL, 0 },
	{ sample_long, "sysenter_eip", 0xffff000000000000, "sysenter_eip", NULL, 0 },
	{ sample_long, "pat", 0x0007040600070402, "pat", NULL, 0 },
	{ sample_long, "pat", 0x0807040600070406, "pat", NULL, 0 },
	{ sample_long, "efer", EFER_LME | EFER_LMA | BIT(1), "efer", NULL, 0 },
	{ sample_pae, "efer", EFER_LME, "efer", NULL, 0 },
	{ sample_long, "efer", EFER_LMA, "efer", NULL, 0 },
	/* "Checks on Guest Segment Registers" */
	{ sample_long, "tr_base", BIT(50), "tr_base", NULL, 0 },
	{ sample_long, "fs_base", BIT(50), "fs_base", NULL, 0 },
	{ sample_long, "gs_base", BIT(50), "gs_base", NULL, 0 },
	{ sample_long, "ldtr_base", BIT(50), NULL, NULL, 0 },
	{ sample_reset, "ldtr_base", BIT(50), "ldtr_base", NULL, 0 },
	{ sample_long, "cs_base", BIT(32), "cs_base", NULL, 0 },
	{ sample_pae, "ss_base", BIT(32), "ss_base", NULL, 0 },
	{ sample_pae, "es_base", BIT(32), "es_base", NULL, 0 },
	{ sample_long, "ds_base", BIT(32), NULL, NULL, 0 },
	{ sample_v86, "cs_base", 0xf0001, "cs_base", NULL, 0 },
	{ sample_v86, "gs_limit", 0xfffff, "gs_limit", NULL, 0 },
	{ sample_v86, "ss_ar", 0xf7, "ss_ar", NULL, 0 },
	{ sample_pae, "cs_ar", 0xc09a, "cs_ar", NULL, 0 }, /* not accessed */
	{ sample_pae, "cs_ar", 0xc097, "cs_ar", NULL, 0 }, /* expand-down data */
	{ sample_pae, "cs_ar", 0xc093, NULL, NULL, 0 },    /* unrestricted guest */
	{ sample_pae, "cs_ar", 0xc099, NULL, NULL, 0 },    /* execute-only */
	{ sample_pae, "ds_ar", 0xc0f1, NULL, NULL, 0 },    /* read-only */
	{ sample_long, "ldtr_sel", 4, NULL, NULL, 0 },
	{ sample_pae, "cs_ar", 0xc0b3, "cs_ar", NULL, 0 },        /* but with DPL 0 */
	{ sample_pae, "cs_ar", 0xc08b, "cs_ar", NULL, 0 },        /* S */
	{ sample_pae, "cs_ar", 0xc0fb, "cs_ar", NULL, 0 },        /* DPL 3, SS 0 */
	{ sample_user, "cs_ar", 0xa09b, "cs_ar", NULL, 0 },       /* DPL 0, SS 3 */
	{ sample_user, "cs_ar", 0xa09f, NULL, NULL, 0 },          /* conforming */
	{ sample_long, "cs_ar", 0xa0ff, "cs_ar", NULL, 0 },       /* above SS's */
	{ sample_long, "cs_ar", 0xe09b, "cs_ar", NULL, 0 },       /* L and D */
	{ sample_pae, "cs_ar", 0xe09b, NULL, NULL, 0 },           /* L means nothing */
	{ sample_pae, "cs_ar", 0xc01b, "cs_ar", NULL, 0 },        /* P */
	{ sample_pae, "cs_ar", 0xc19b, "cs_ar", NULL, 0 },        /* bit 8 */
	{ sample_pae, "cs_ar", 0x2c09b, "cs_ar", NULL, 0 },       /* bit 17 */
	{ sample_pae, "cs_ar", 0x409b, "cs_ar", NULL, 0 },        /* G for that limit */
	{ sample_pae, "cs_limit", 0xfffff0ff, "cs_ar", NULL, 0 }, /* no such page */
	{ sample_reset, "cs_limit", 0xfffff, NULL, NULL, 0 },     /* without G */
	{ sample_reset, "cs_limit", 0x100000, "cs_ar", NULL, 0 },
	{ sample_pae, "ss_ar", 0xc091, "ss_ar", NULL, 0 }, /* read-only */
	{ sample_pae, "ss_ar", 0xc097, NULL, NULL, 0 },    /* expand-down */
	{ sample_pae, "ss_ar", 0xc083, "ss_ar", NULL, 0 },
	{ sample_pae, "ss_ar", 0x10000, NULL, NULL, 0 },
	{ sample_reset, "ss_ar", 0xf3, "cs_ar", NULL, 0 },
	{ sample_real, "ss_ar", 0xf3, "ss_ar", NULL, 0 }, /* real mode's CPL is 0 */
	{ sample_pae, "ss_ar", 0xc013, "ss_ar", NULL, 0 },
	{ sample_pae, "ds_ar", 0xc0f2, "ds_ar", NULL, 0 },
	{ sample_pae, "ds_ar", 0xc0f9, "ds_ar", NULL, 0 }, /* execute-only */
	{ sample_pae, "ds_ar", 0xc0fb, NULL, NULL, 0 },
	{ sample_pae, "es_ar", 0xc0e3, "es_ar", NULL, 0 },
	{ sample_pae, "fs_ar", 0x73, "fs_ar", NULL, 0 },
	{ sample_pae, "gs_ar", 0x4f3, "gs_ar", NULL, 0 },
	{ sample_pae, "tr_sel", 0x84, "tr_sel", NULL, 0 },
	{ sample_reset, "ldtr_sel", 4, "ldtr_sel", NULL, 0 },
	{ sample_pae, "tr_ar", 0x83, NULL, NULL, 0 },
	{ sample_long, "tr_ar", 0x83, "tr_ar", NULL, 0 },
	{ sample_pae, "tr_ar", 0x89, "tr_ar", NULL, 0 },
	{ sample_pae, "tr_ar", 0x9b, "tr_ar", NULL, 0 },
	{ sample_pae, "tr_ar", 0x1008b, "tr_ar", NULL, 0 },
	{ sample_pae, "tr_ar", 0x0b, "tr_ar", NULL, 0 },
	{ sample_reset, "ldtr_ar", 0x83, "ldtr_ar", NULL, 0 },
	{ sample_reset, "ldtr_ar", 0x92, "ldtr_ar", NULL, 0 },
	{ sample_reset, "ldtr_ar", 0x02, "ldtr_ar", NULL, 0 },
	/* "Checks on Guest Descriptor-Table Registers" */
	{ sample_long, "gdtr_base", BIT(48), "gdtr_base", NULL, 0 },
	{ sample_long, "idtr_base", BIT(48), "idtr_base", NULL, 0 },
	{ sample_long, "gdtr_limit", 0x10000, "gdtr_limit", NULL, 0 },
	{ sample_long, "idtr_limit", 0x10000, "idtr_limit", NULL, 0 },
	/* "Checks on Guest RIP, RFLAGS, and SSP" */
	{ sample_pae, "rip", BIT(32), "rip", NULL, 0 },
	{ sample_compat, "rip", BIT(32), "rip", NULL, 0 },
	{ sample_long, "rip", BIT(47), "rip", NULL, 0 },
	{ sample_long, "rflags", 0, "rflags", NULL, 0 },
	{ sample_long, "rflags", 2 | BIT(3), "rflags", NULL, 0 },
	{ sample_long, "rflags", 2 | BIT(22), "rflags", NULL, 0 },
	{ sample_v86, "cr0", CR0_ET, "rflags", "ss_ar", 0xf3 },
	/* "Checks on Guest Non-Register State" */
	{ sample_long, "activity", 4, "activity", NULL, 0 },
	{ sample_user, "activity", ACTIVITY_HLT, "activity", NULL, 0 },
	{ sample_long, "activity", ACTIVITY_SHUTDOWN, "activity", "interruptibility", 1 },
	{ sample_long, "interruptibility", 4, "interruptibility", NULL, 0 },
	{ sample_long, "interruptibility", 16, "interruptibility", NULL, 0 },
	{ sample_long, "interruptibility", 32, "interruptibility", NULL, 0 },
	{ sample_long, "interruptibility", 3, "interruptibility", NULL, 0 },
	{ sample_long, "interruptibility", 1, NULL, NULL, 0 },
	{ sample_long, "interruptibility", 10, NULL, NULL, 0 },
	{ sample_reset, "interruptibility", 1, "interruptibility", NULL, 0 },
	{ sample_long, "pending_debug", BIT(4), "pending_debug", NULL, 0 },
	{ sample_long, "pending_debug", BIT(11), "pending_debug", NULL, 0 },
	{ sample_long, "pending_debug", BIT(13), "pending_debug", NULL, 0 },
	{ sample_long, "pending_debug", BIT(15), "pending_debug", NULL, 0 },
	{ sample_long, "pending_debug", BIT(17), "pending_debug", NULL, 0 },
	{ sample_long, "pending_debug", BIT(16) | BIT(12), "pending_debug", NULL, 0 },
	{ sample_long, "pending_debug", BIT(12) | 5, NULL, NULL, 0 },
	{ sample_long, "pending_debug", BIT(14), NULL, NULL, 0 },
	{ sample_long, "pending_debug", BIT(14), "pending_debug", "interruptibility", 2 },
	{ sample_long, "rflags", 0x346, "pending_debug", "interruptibility", 2 },
	{ sample_long, "rflags", 0x346, NULL, NULL, 0 },
	/* "Checks on Guest Page-Directory-Pointer-Table Entries" */
	{ sample_pae, "pdpte0", 0x1003, "pdpte0", NULL, 0 },
	{ sample_pae, "pdpte1", 0x1002, NULL, NULL, 0 },
	{ sample_pae, "pdpte2", BIT(46) | 1, "pdpte2", NULL, 0 },
	{ sample_pae, "pdpte3", 0x21, "pdpte3", NULL, 0 },
	{ sample_long, "pdpte0", 0x1003, NULL, NULL, 0 },
	/* The run loop's */
	{ sample_long, "run", GSTATE_HALTED, NULL, NULL, 0 },
	{ sample_long, "run", 3, "run", NULL, 0 },
	{ sample_reset, "run", GSTATE_WAIT_SIPI, "run", NULL, 0 },
	{ sample_user, "run", GSTATE_HALTED, "run", NULL, 0 },
	{ sample_long, "activity", ACTIVITY_HLT, "activity", NULL, 0 },
	{ sample_long, "activity", ACTIVITY_WAIT_SIPI, "activity", NULL, 0 },
	/* What would fault when it is loaded */
	{ sample_long, "dr6", DR6_INIT | BIT(32), "dr6", NULL, 0 },
	{ sample_long, "dr6", DR6_INIT | BIT(12), "dr6", NULL, 0 },
	{ sample_long, "dr6", 0, "dr6", NULL, 0 },
	{ sample_long, "dr6", (DR6_INIT | 0xe00f) & ~BIT(16), NULL, NULL, 0 },
	{ sample_long, "dr7", 0, "dr7", NULL, 0 },
	{ sample_long, "dr7", DR7_INIT | BIT(14), "dr7", NULL, 0 },
	{ sample_long, "dr7", 0xffff2fff, NULL, NULL, 0 },
	{ sample_long, "lstar", BIT(47), "lstar", NULL, 0 },
	{ sample_long, "cstar", BIT(63), "cstar", NULL, 0 },
	{ sample_long, "kernel_gs_base", BIT(50), "kernel_gs_base", NULL, 0 },
	{ sample_long, "fmask", BIT(32), "fmask", NULL, 0 },
	{ sample_long, "tsc_aux", BIT(32), "tsc_aux", NULL, 0 },
	{ sample_long, "tsc_aux", 7, NULL, NULL, 0 },
	{ sample_long, "xss", BIT(8), "xss", NULL, 0 },
	{ sample_long, "xcr0", 0, "xcr0", NULL, 0 },
	{ sample_long, "xcr0", 5, "xcr0", NULL, 0 },
	{ sample_long, "xcr0", 0x27, "xcr0", NULL, 0 },
	{ sample_long, "xcr0", BIT(18) | 7, "xcr0", NULL, 0 },
	{ sample_long, "xcr0", 0x2e7, NULL, NULL, 0 },
	/* Events */
	{ sample_long, "vectoring.info", 0xec, "vectoring.info", NULL, 0 },
	{ sample_long, "vectoring.info", EXT | BIT(12), "vectoring.info", NULL, 0 },
	{ sample_long, "vectoring.info", EXT | BIT(11), "vectoring.info", NULL, 0 },
	{ sample_long, "vectoring.info", INTR_INFO_VALID | 1u << 8 | 2, "vectoring.info", NULL, 0 },
	{ sample_long, "vectoring.info", INTR_INFO_VALID | 7u << 8, "vectoring.info", NULL, 0 },
	{ sample_reset, "vectoring.info", EXT | 8, "vectoring.info", NULL, 0 },
	{ sample_long, "vectoring.info", EXT | 8, NULL, "interruptibility", 1 },
	{ sample_long, "vectoring.info", INTR_INFO_VALID | INTR_INFO_NMI | 2, NULL, "interruptibility", 8 },
	{ sample_long, "vectoring.info", INTR_INFO_VALID | INTR_INFO_NMI | 3, "vectoring.info", NULL, 0 },
	{ sample_long, "vectoring.info", EXC | 14, "vectoring.info", NULL, 0 },
	{ sample_long, "vectoring.info", EXC | INTR_INFO_ERROR_CODE | 14, NULL, NULL, 0 },
	{ sample_long, "vectoring.info", EXC | INTR_INFO_ERROR_CODE | 6, "vectoring.info", NULL, 0 },
	{ sample_long, "vectoring.info", EXC | 32, "vectoring.info", NULL, 0 },
	{ sample_long, "vectoring.info", EXC | 2, "vectoring.info", NULL, 0 },
	{ sample_long, "vectoring.info", EXC | INTR_INFO_ERROR_CODE | 21, "vectoring.info", NULL, 0 },
	{ sample_long, "vectoring.info", EXC | INTR_INFO_ERROR_CODE | 13, "vectoring.info", "vectoring.error",
	  0x8000 },
	{ sample_long, "vectoring.info", EXC | 6, NULL, "vectoring.error", 0x8000 },
	{ sample_long, "vectoring.info", EXC | 6, NULL, "rflags", 2 },
	{ sample_long, "exception.info", INTR_INFO_VALID | INTR_INFO_SW_EXCEPTION | 4, NULL, "exception.insn_len",
	  1 },
	{ sample_real, "exception.info", EXC | 13, NULL, NULL, 0 },
	{ sample_real, "exception.info", EXC | INTR_INFO_ERROR_CODE | 13, "exception.info", NULL, 0 },
	{ sample_long, "exception.info", EXT | 8, "exception.info", NULL, 0 },
	{ sample_long, "exception.info", INTR_INFO_VALID | INTR_INFO_NMI | 2, "exception.info", NULL, 0 },
	{ sample_long, "exception.info", INTR_INFO_VALID | INTR_INFO_SW_EXCEPTION | 3, "exception.info", NULL, 0 },
	{ sample_long, "exception.info", INTR_INFO_VALID | INTR_INFO_SW_EXCEPTION | 3, NULL, "exception.insn_len",
	  1 },
	{ sample_long, "exception.info", INTR_INFO_VALID | INTR_INFO_SW_EXCEPTION | 5, "exception.info",
	  "exception.insn_len", 1 },
	{ sample_long, "exception.info", INTR_INFO_VALID | INTR_INFO_PRIV_SW_EXC | 1, NULL, "exception.insn_len",
	  15 },
	{ sample_long, "exception.info", INTR_INFO_VALID | INTR_INFO_PRIV_SW_EXC | 2, "exception.info",
	  "exception.insn_len", 1 },
	{ sample_long, "exception.info", INTR_INFO_VALID | INTR_INFO_SW_INTERRUPT | 2, "exception.info",
	  "exception.insn_len", 16 },
	{ sample_long, "nmis", 2, NULL, NULL, 0 },
	{ sample_long, "nmis", 3, "nmis", NULL, 0 },
	{ sample_long, "kept_interrupt", 0x1ff, NULL, NULL, 0 },
	{ sample_long, "kept_interrupt", 0x30, "kept_interrupt", NULL, 0 },
	{ sample_long, "kept_interrupt", 0x230, "kept_interrupt", NULL, 0 },
};
