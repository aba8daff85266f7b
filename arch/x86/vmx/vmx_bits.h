/*
 * VMX control bits, capability-MSR layouts and the formats of VMCS fields, under their SDM names.
 * Sources: Intel SDM vol. 3, "Virtual Machine Control Structures" and appendix "VMX Capability Reporting Facility".
 */
#pragma once

#include "arch/x86/seg.h"
#include "lib/types.h"

/* Capability MSRs. */
#define MSR_VMX_BASIC          0x480
#define MSR_VMX_PINBASED       0x481
#define MSR_VMX_PROCBASED      0x482
#define MSR_VMX_EXIT           0x483
#define MSR_VMX_ENTRY          0x484
#define MSR_VMX_MISC           0x485
#define MSR_VMX_CR0_FIXED0     0x486
#define MSR_VMX_CR0_FIXED1     0x487
#define MSR_VMX_CR4_FIXED0     0x488
#define MSR_VMX_CR4_FIXED1     0x489
#define MSR_VMX_VMCS_ENUM      0x48a
#define MSR_VMX_PROCBASED2     0x48b
#define MSR_VMX_EPT_VPID_CAP   0x48c
#define MSR_VMX_TRUE_PINBASED  0x48d
#define MSR_VMX_TRUE_PROCBASED 0x48e
#define MSR_VMX_TRUE_EXIT      0x48f
#define MSR_VMX_TRUE_ENTRY     0x490
#define MSR_VMX_VMFUNC         0x491
#define MSR_VMX_PROCBASED3     0x492
#define MSR_VMX_EXIT2          0x493

/* IA32_VMX_BASIC. */
#define VMX_BASIC_REVISION(v)   ((u32)((v)&0x7fffffff))
#define VMX_BASIC_SIZE(v)       ((u32)((v) >> 32 & 0x1fff))
#define VMX_BASIC_32BIT_ADDR    BIT(48)
#define VMX_BASIC_DUAL_MONITOR  BIT(49)
#define VMX_BASIC_MEMTYPE(v)    ((u32)((v) >> 50 & 0xf))
#define VMX_BASIC_INOUTS_INFO   BIT(54)
#define VMX_BASIC_TRUE_CONTROLS BIT(55)
#define VMX_BASIC_ANY_ERRCODE   BIT(56) /* hardware exceptions may be injected with or without an error code */

/* IA32_VMX_MISC. */
#define VMX_MISC_PREEMPTION_SHIFT(v) ((u32)((v)&0x1f))
#define VMX_MISC_STORE_LMA           BIT(5)
#define VMX_MISC_ACTIVITY_HLT        BIT(6)
#define VMX_MISC_ACTIVITY_SHUTDOWN   BIT(7)
#define VMX_MISC_ACTIVITY_WAIT_SIPI  BIT(8)
#define VMX_MISC_PT_IN_VMX           BIT(14)
#define VMX_MISC_CR3_TARGETS(v)      ((u32)((v) >> 16 & 0x1ff))
#define VMX_MISC_MAX_MSRS(v)         (512u * ((u32)((v) >> 25 & 7) + 1))
#define VMX_MISC_VMWRITE_ANY         BIT(29)
#define VMX_MISC_ZERO_LEN_INJECT     BIT(30)

/* IA32_VMX_EPT_VPID_CAP. */
#define EPT_CAP_EXEC_ONLY         BIT(0)
#define EPT_CAP_WALK4             BIT(6)
#define EPT_CAP_WALK5             BIT(7)
#define EPT_CAP_UC                BIT(8)
#define EPT_CAP_WB                BIT(14)
#define EPT_CAP_2M                BIT(16)
#define EPT_CAP_1G                BIT(17)
#define EPT_CAP_INVEPT            BIT(20)
#define EPT_CAP_AD                BIT(21)
#define EPT_CAP_ADVANCED_INFO     BIT(22)
#define EPT_CAP_SHADOW_STACK      BIT(23)
#define EPT_CAP_INVEPT_SINGLE     BIT(25)
#define EPT_CAP_INVEPT_ALL        BIT(26)
#define VPID_CAP_INVVPID          BIT(32)
#define VPID_CAP_ADDR             BIT(40)
#define VPID_CAP_SINGLE           BIT(41)
#define VPID_CAP_ALL              BIT(42)
#define VPID_CAP_SINGLE_NONGLOBAL BIT(43)

/* INVEPT and INVVPID types. */
#define INVEPT_SINGLE_CONTEXT            1
#define INVEPT_ALL_CONTEXTS              2
#define INVVPID_INDIVIDUAL_ADDRESS       0
#define INVVPID_SINGLE_CONTEXT           1
#define INVVPID_ALL_CONTEXTS             2
#define INVVPID_SINGLE_RETAINING_GLOBALS 3

/* Pin-based VM-execution controls. */
#define PIN_EXTERNAL_INTERRUPT_EXITING (1u << 0)
#define PIN_NMI_EXITING                (1u << 3)
#define PIN_VIRTUAL_NMIS               (1u << 5)
#define PIN_PREEMPTION_TIMER           (1u << 6)
#define PIN_POSTED_INTERRUPTS          (1u << 7)
#define PIN_DEFAULT1                   0x00000016u

/* Primary processor-based VM-execution controls. */
#define PROC_INTERRUPT_WINDOW_EXITING (1u << 2)
#define PROC_TSC_OFFSETTING           (1u << 3)
#define PROC_HLT_EXITING              (1u << 7)
#define PROC_INVLPG_EXITING           (1u << 9)
#define PROC_MWAIT_EXITING            (1u << 10)
#define PROC_RDPMC_EXITING            (1u << 11)
#define PROC_RDTSC_EXITING            (1u << 12)
#define PROC_CR3_LOAD_EXITING         (1u << 15)
#define PROC_CR3_STORE_EXITING        (1u << 16)
#define PROC_TERTIARY_CONTROLS        (1u << 17)
#define PROC_CR8_LOAD_EXITING         (1u << 19)
#define PROC_CR8_STORE_EXITING        (1u << 20)
#define PROC_TPR_SHADOW               (1u << 21)
#define PROC_NMI_WINDOW_EXITING       (1u << 22)
#define PROC_MOV_DR_EXITING           (1u << 23)
#define PROC_UNCONDITIONAL_IO_EXITING (1u << 24)
#define PROC_IO_BITMAPS               (1u << 25)
#define PROC_MONITOR_TRAP_FLAG        (1u << 27)
#define PROC_MSR_BITMAPS              (1u << 28)
#define PROC_MONITOR_EXITING          (1u << 29)
#define PROC_PAUSE_EXITING            (1u << 30)
#define PROC_SECONDARY_CONTROLS       (1u << 31)
#define PROC_DEFAULT1                 0x0401e172u

/* Secondary processor-based VM-execution controls. */
#define PROC2_VIRTUALIZE_APIC_ACCESSES   (1u << 0)
#define PROC2_ENABLE_EPT                 (1u << 1)
#define PROC2_DESCRIPTOR_TABLE_EXITING   (1u << 2)
#define PROC2_ENABLE_RDTSCP              (1u << 3)
#define PROC2_VIRTUALIZE_X2APIC          (1u << 4)
#define PROC2_ENABLE_VPID                (1u << 5)
#define PROC2_WBINVD_EXITING             (1u << 6)
#define PROC2_UNRESTRICTED_GUEST         (1u << 7)
#define PROC2_APIC_REGISTER_VIRT         (1u << 8)
#define PROC2_VIRTUAL_INTERRUPT_DELIVERY (1u << 9)
#define PROC2_PAUSE_LOOP_EXITING         (1u << 10)
#define PROC2_RDRAND_EXITING             (1u << 11)
#define PROC2_ENABLE_INVPCID             (1u << 12)
#define PROC2_ENABLE_VMFUNC              (1u << 13)
#define PROC2_VMCS_SHADOWING             (1u << 14)
#define PROC2_ENCLS_EXITING              (1u << 15)
#define PROC2_RDSEED_EXITING             (1u << 16)
#define PROC2_ENABLE_PML                 (1u << 17)
#define PROC2_EPT_VIOLATION_VE           (1u << 18)
#define PROC2_CONCEAL_VMX_FROM_PT        (1u << 19)
#define PROC2_ENABLE_XSAVES              (1u << 20)
#define PROC2_PASID_TRANSLATION          (1u << 21)
#define PROC2_MODE_BASED_EXECUTE         (1u << 22)
#define PROC2_SUB_PAGE_WRITE             (1u << 23)
#define PROC2_PT_USES_GPA                (1u << 24)
#define PROC2_TSC_SCALING                (1u << 25)
#define PROC2_USER_WAIT_PAUSE            (1u << 26)
#define PROC2_ENABLE_PCONFIG             (1u << 27)
#define PROC2_ENCLV_EXITING              (1u << 28)
#define PROC2_BUS_LOCK_DETECTION         (1u << 30)
#define PROC2_INSTRUCTION_TIMEOUT        (1u << 31)

/* Tertiary processor-based VM-execution controls (64 bits, all allowed-1 in MSR_VMX_PROCBASED3). */
#define PROC3_LOADIWKEY_EXITING    BIT(0)
#define PROC3_ENABLE_HLAT          BIT(1)
#define PROC3_EPT_PAGING_WRITE     BIT(2)
#define PROC3_GUEST_PAGING_VERIFY  BIT(3)
#define PROC3_IPI_VIRTUALIZATION   BIT(4)
#define PROC3_VIRTUALIZE_SPEC_CTRL BIT(7)

/* VM-exit controls. */
#define EXIT_SAVE_DEBUG_CONTROLS   (1u << 2)
#define EXIT_HOST_64BIT            (1u << 9)
#define EXIT_LOAD_PERF_GLOBAL_CTRL (1u << 12)
#define EXIT_ACK_INTERRUPT         (1u << 15)
#define EXIT_SAVE_PAT              (1u << 18)
#define EXIT_LOAD_PAT              (1u << 19)
#define EXIT_SAVE_EFER             (1u << 20)
#define EXIT_LOAD_EFER             (1u << 21)
#define EXIT_SAVE_PREEMPTION_TIMER (1u << 22)
#define EXIT_CLEAR_BNDCFGS         (1u << 23)
#define EXIT_CONCEAL_VMX_FROM_PT   (1u << 24)
#define EXIT_CLEAR_RTIT_CTL        (1u << 25)
#define EXIT_CLEAR_LBR_CTL         (1u << 26)
#define EXIT_CLEAR_UINV            (1u << 27)
#define EXIT_LOAD_CET              (1u << 28)
#define EXIT_LOAD_PKRS             (1u << 29)
#define EXIT_SAVE_PERF_GLOBAL_CTRL (1u << 30)
#define EXIT_SECONDARY_CONTROLS    (1u << 31)
#define EXIT_DEFAULT1              0x00036dffu

/* VM-entry controls. */
#define ENTRY_LOAD_DEBUG_CONTROLS   (1u << 2)
#define ENTRY_IA32E_GUEST           (1u << 9)
#define ENTRY_TO_SMM                (1u << 10)
#define ENTRY_DEACTIVATE_DUAL       (1u << 11)
#define ENTRY_LOAD_PERF_GLOBAL_CTRL (1u << 13)
#define ENTRY_LOAD_PAT              (1u << 14)
#define ENTRY_LOAD_EFER             (1u << 15)
#define ENTRY_LOAD_BNDCFGS          (1u << 16)
#define ENTRY_CONCEAL_VMX_FROM_PT   (1u << 17)
#define ENTRY_LOAD_RTIT_CTL         (1u << 18)
#define ENTRY_LOAD_UINV             (1u << 19)
#define ENTRY_LOAD_CET              (1u << 20)
#define ENTRY_LOAD_LBR_CTL          (1u << 21)
#define ENTRY_LOAD_PKRS             (1u << 22)
#define ENTRY_DEFAULT1              0x000011ffu

/* Interruption information: VM-entry, VM-exit and IDT-vectoring
 * (SDM "Information for VM Exits Due to Vectored Events"). */
#define INTR_INFO_VECTOR(i)     ((u8)(i))
#define INTR_INFO_TYPE(i)       ((i) >> 8 & 7)
#define INTR_INFO_EXTERNAL      (0u << 8)
#define INTR_INFO_NMI           (2u << 8)
#define INTR_INFO_HW_EXCEPTION  (3u << 8)
#define INTR_INFO_SW_INTERRUPT  (4u << 8)
#define INTR_INFO_PRIV_SW_EXC   (5u << 8) /* INT1 */
#define INTR_INFO_SW_EXCEPTION  (6u << 8) /* INT3, INTO */
#define INTR_INFO_OTHER         (7u << 8) /* VM entry only: pending MTF */
#define INTR_INFO_TYPE_MASK     (7u << 8)
#define INTR_INFO_ERROR_CODE    (1u << 11)
#define INTR_INFO_NMI_UNBLOCKED (1u << 12) /* VM exit: NMI unblocking due to IRET */
#define INTR_INFO_VALID         (1u << 31)

/* Guest interruptibility state. */
#define INTERRUPTIBILITY_STI     (1u << 0)
#define INTERRUPTIBILITY_MOV_SS  (1u << 1)
#define INTERRUPTIBILITY_SMI     (1u << 2)
#define INTERRUPTIBILITY_NMI     (1u << 3)
#define INTERRUPTIBILITY_ENCLAVE (1u << 4)

/* Guest activity state. */
#define ACTIVITY_ACTIVE    0u
#define ACTIVITY_HLT       1u
#define ACTIVITY_SHUTDOWN  2u
#define ACTIVITY_WAIT_SIPI 3u

/* Pending debug exceptions. */
#define PENDING_DEBUG_ENABLED_BP BIT(12)
#define PENDING_DEBUG_BS         BIT(14)
#define PENDING_DEBUG_RTM        BIT(16)

/* Exit qualification: EPT violations. */
#define EPT_QUAL_READ          BIT(0)
#define EPT_QUAL_WRITE         BIT(1)
#define EPT_QUAL_FETCH         BIT(2)
#define EPT_QUAL_READABLE      BIT(3)
#define EPT_QUAL_WRITABLE      BIT(4)
#define EPT_QUAL_EXECUTABLE    BIT(5)
#define EPT_QUAL_USER_EXEC     BIT(6)
#define EPT_QUAL_LINEAR_VALID  BIT(7)
#define EPT_QUAL_TRANSLATED    BIT(8) /* 1: the access itself; 0: a paging-structure access of the walk */
#define EPT_QUAL_NMI_UNBLOCKED BIT(12)

/* Exit qualification: task switch. Bits 15:0 selector, 31:30 source. */
#define TASK_QUAL_SELECTOR(q) ((u16)(q))
#define TASK_QUAL_SOURCE(q)   ((u32)((q) >> 30 & 3))
#define TASK_QUAL_SOURCE_CALL 0
#define TASK_QUAL_SOURCE_IRET 1
#define TASK_QUAL_SOURCE_JMP  2
#define TASK_QUAL_SOURCE_GATE 3

/* Exit qualification: control-register access. */
#define CR_QUAL_NUMBER(q)    ((u32)((q)&0xf))
#define CR_QUAL_ACCESS(q)    ((u32)((q) >> 4 & 3))
#define CR_QUAL_MOV_TO       0
#define CR_QUAL_MOV_FROM     1
#define CR_QUAL_CLTS         2
#define CR_QUAL_LMSW         3
#define CR_QUAL_LMSW_MEM     BIT(6)
#define CR_QUAL_GPR(q)       ((u32)((q) >> 8 & 0xf))
#define CR_QUAL_LMSW_DATA(q) ((u16)((q) >> 16))

/* Exit qualification: #DB. What DR6 would get; BLD and RTM are 1 where their DR6 bits would become 0. */
#define DB_QUAL_B   0xfull
#define DB_QUAL_BLD BIT(11)
#define DB_QUAL_BD  BIT(13)
#define DB_QUAL_BS  BIT(14)
#define DB_QUAL_RTM BIT(16)

/* Exit qualification: MOV DR. */
#define DR_QUAL_NUMBER(q) ((u32)((q)&7))
#define DR_QUAL_FROM      BIT(4)
#define DR_QUAL_GPR(q)    ((u32)((q) >> 8 & 0xf))

/* Exit qualification: I/O instruction. */
#define IO_QUAL_SIZE(q) ((u32)((q)&7) + 1)
#define IO_QUAL_IN      BIT(3)
#define IO_QUAL_STRING  BIT(4)
#define IO_QUAL_REP     BIT(5)
#define IO_QUAL_IMM     BIT(6)
#define IO_QUAL_PORT(q) ((u16)((q) >> 16))

/* VM-exit instruction information of INS and OUTS. SDM vol. 3, "Information for VM Exits Due to Instruction Execution" */
#define INSN_INFO_ADDR_SIZE(i) ((i) >> 7 & 7)  /* 0: 16 bits, 1: 32, 2: 64 */
#define INSN_INFO_SEG(i)       ((i) >> 15 & 7) /* of OUTS: ES, CS, SS, DS, FS, GS */

/* Exit qualification: APIC access. */
#define APIC_QUAL_OFFSET(q)  ((u32)((q)&0xfff))
#define APIC_QUAL_TYPE(q)    ((u32)((q) >> 12 & 0xf))
#define APIC_QUAL_READ       0
#define APIC_QUAL_WRITE      1
#define APIC_QUAL_FETCH      2
#define APIC_QUAL_EVENT      3
#define APIC_QUAL_PHYS_EVENT 10
#define APIC_QUAL_PHYS_INSN  15

/* VM-instruction error numbers worth naming in code (the rest by number in messages). */
#define VMX_ERROR_ENTRY_CONTROLS 7
#define VMX_ERROR_ENTRY_HOST     8
#define VMX_ERROR_BAD_FIELD      12
