/*
 * Every architected basic exit reason. Source: Intel SDM vol. 3, appendix "VMX Basic Exit Reasons".
 * EXIT_REASONS(X) calls X(number, name) per reason; the enum constant is EXIT_REASON_<name>.
 */
#pragma once

#include "lib/types.h"

#define EXIT_REASONS(X)            \
	X(0, EXCEPTION_NMI)        \
	X(1, EXTERNAL_INTERRUPT)   \
	X(2, TRIPLE_FAULT)         \
	X(3, INIT)                 \
	X(4, SIPI)                 \
	X(5, IO_SMI)               \
	X(6, OTHER_SMI)            \
	X(7, INTERRUPT_WINDOW)     \
	X(8, NMI_WINDOW)           \
	X(9, TASK_SWITCH)          \
	X(10, CPUID)               \
	X(11, GETSEC)              \
	X(12, HLT)                 \
	X(13, INVD)                \
	X(14, INVLPG)              \
	X(15, RDPMC)               \
	X(16, RDTSC)               \
	X(17, RSM)                 \
	X(18, VMCALL)              \
	X(19, VMCLEAR)             \
	X(20, VMLAUNCH)            \
	X(21, VMPTRLD)             \
	X(22, VMPTRST)             \
	X(23, VMREAD)              \
	X(24, VMRESUME)            \
	X(25, VMWRITE)             \
	X(26, VMXOFF)              \
	X(27, VMXON)               \
	X(28, CR_ACCESS)           \
	X(29, MOV_DR)              \
	X(30, IO)                  \
	X(31, RDMSR)               \
	X(32, WRMSR)               \
	X(33, INVALID_GUEST_STATE) \
	X(34, MSR_LOADING)         \
	X(36, MWAIT)               \
	X(37, MONITOR_TRAP_FLAG)   \
	X(39, MONITOR)             \
	X(40, PAUSE)               \
	X(41, ENTRY_MACHINE_CHECK) \
	X(43, TPR_BELOW_THRESHOLD) \
	X(44, APIC_ACCESS)         \
	X(45, VIRTUALIZED_EOI)     \
	X(46, GDTR_IDTR)           \
	X(47, LDTR_TR)             \
	X(48, EPT_VIOLATION)       \
	X(49, EPT_MISCONFIG)       \
	X(50, INVEPT)              \
	X(51, RDTSCP)              \
	X(52, PREEMPTION_TIMER)    \
	X(53, INVVPID)             \
	X(54, WBINVD)              \
	X(55, XSETBV)              \
	X(56, APIC_WRITE)          \
	X(57, RDRAND)              \
	X(58, INVPCID)             \
	X(59, VMFUNC)              \
	X(60, ENCLS)               \
	X(61, RDSEED)              \
	X(62, PML_FULL)            \
	X(63, XSAVES)              \
	X(64, XRSTORS)             \
	X(65, PCONFIG)             \
	X(66, SPP_EVENT)           \
	X(67, UMWAIT)              \
	X(68, TPAUSE)              \
	X(69, LOADIWKEY)           \
	X(70, ENCLV)               \
	X(72, ENQCMD_PASID)        \
	X(73, ENQCMDS_PASID)       \
	X(74, BUS_LOCK)            \
	X(75, INSTRUCTION_TIMEOUT) \
	X(76, SEAMCALL)            \
	X(77, TDCALL)              \
	X(78, RDMSRLIST)           \
	X(79, WRMSRLIST)           \
	X(80, URDMSR)              \
	X(81, UWRMSR)              \
	X(84, RDMSR_IMM)           \
	X(85, WRMSRNS_IMM)

enum exit_reason {
#define EXIT_X(nr, name) EXIT_REASON_##name = (nr),
	EXIT_REASONS(EXIT_X)
#undef EXIT_X
	        EXIT_REASON_COUNT /* size for tables indexed by basic reason; entries without a name are reserved */
};

/* The 32-bit exit reason field: SDM vol. 3, "Basic VM-Exit Information". */
#define EXIT_REASON_BASIC(r)      ((r)&0xffffu)
#define EXIT_REASON_BUS_LOCK_FLAG (1u << 26)
#define EXIT_REASON_ENCLAVE_MODE  (1u << 27)
#define EXIT_REASON_PENDING_MTF   (1u << 28)
#define EXIT_REASON_FROM_VMX_ROOT (1u << 29)
#define EXIT_REASON_ENTRY_FAILURE (1u << 31)

/* Name of a basic exit reason ("EPT_VIOLATION"), "reserved" for one that the SDM does not define. In names.c. */
const char *exit_reason_name(u32 basic);
