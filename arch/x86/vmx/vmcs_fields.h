/*
 * Every architected VMCS field: one X-macro table that yields the enum, the names, the widths, the dump and the
 * checks of the encodings. Source: Intel SDM vol. 3, appendix "Field Encoding in VMCS". Names follow the SDM,
 * shortened; the enum constant is VMCS_<name>.
 *
 * Usage: VMCS_FIELDS(X) calls X(encoding, name, width, kind) per field; width is one of 16, 64, 32, NAT (natural: 64
 * bits here), kind one of CONTROL, INFO (read-only data), GUEST, HOST. Not every field exists on every CPU: VMREAD of
 * one that does not exist fails with error 12, so a dump skips what fails.
 */
#pragma once

#include "lib/types.h"

/* Bits 14:13 and 11:10 of an encoding. Bit 0 asks for the high half of a 64-bit field in 32-bit mode: unused here. */
enum vmcs_width { VMCS_WIDTH_16 = 0, VMCS_WIDTH_64 = 1, VMCS_WIDTH_32 = 2, VMCS_WIDTH_NAT = 3 };
enum vmcs_kind { VMCS_KIND_CONTROL = 0, VMCS_KIND_INFO = 1, VMCS_KIND_GUEST = 2, VMCS_KIND_HOST = 3 };

/* 16-bit control fields */
#define VMCS_FIELDS_16_CONTROL(X)                \
	X(0x0000, VPID, 16, CONTROL)             \
	X(0x0002, POSTED_INTR_NV, 16, CONTROL)   \
	X(0x0004, EPTP_INDEX, 16, CONTROL)       \
	X(0x0006, HLAT_PREFIX_SIZE, 16, CONTROL) \
	X(0x0008, LAST_PID_POINTER_INDEX, 16, CONTROL)

/* 16-bit guest-state fields */
#define VMCS_FIELDS_16_GUEST(X)                 \
	X(0x0800, GUEST_ES_SEL, 16, GUEST)      \
	X(0x0802, GUEST_CS_SEL, 16, GUEST)      \
	X(0x0804, GUEST_SS_SEL, 16, GUEST)      \
	X(0x0806, GUEST_DS_SEL, 16, GUEST)      \
	X(0x0808, GUEST_FS_SEL, 16, GUEST)      \
	X(0x080a, GUEST_GS_SEL, 16, GUEST)      \
	X(0x080c, GUEST_LDTR_SEL, 16, GUEST)    \
	X(0x080e, GUEST_TR_SEL, 16, GUEST)      \
	X(0x0810, GUEST_INTR_STATUS, 16, GUEST) \
	X(0x0812, PML_INDEX, 16, GUEST)         \
	X(0x0814, GUEST_UINV, 16, GUEST)

/* 16-bit host-state fields */
#define VMCS_FIELDS_16_HOST(X)           \
	X(0x0c00, HOST_ES_SEL, 16, HOST) \
	X(0x0c02, HOST_CS_SEL, 16, HOST) \
	X(0x0c04, HOST_SS_SEL, 16, HOST) \
	X(0x0c06, HOST_DS_SEL, 16, HOST) \
	X(0x0c08, HOST_FS_SEL, 16, HOST) \
	X(0x0c0a, HOST_GS_SEL, 16, HOST) \
	X(0x0c0c, HOST_TR_SEL, 16, HOST)

/* 64-bit control fields */
#define VMCS_FIELDS_64_CONTROL(X)                     \
	X(0x2000, IO_BITMAP_A, 64, CONTROL)           \
	X(0x2002, IO_BITMAP_B, 64, CONTROL)           \
	X(0x2004, MSR_BITMAP, 64, CONTROL)            \
	X(0x2006, EXIT_MSR_STORE_ADDR, 64, CONTROL)   \
	X(0x2008, EXIT_MSR_LOAD_ADDR, 64, CONTROL)    \
	X(0x200a, ENTRY_MSR_LOAD_ADDR, 64, CONTROL)   \
	X(0x200c, EXECUTIVE_VMCS_PTR, 64, CONTROL)    \
	X(0x200e, PML_ADDR, 64, CONTROL)              \
	X(0x2010, TSC_OFFSET, 64, CONTROL)            \
	X(0x2012, VIRTUAL_APIC_ADDR, 64, CONTROL)     \
	X(0x2014, APIC_ACCESS_ADDR, 64, CONTROL)      \
	X(0x2016, POSTED_INTR_DESC_ADDR, 64, CONTROL) \
	X(0x2018, VMFUNC_CONTROLS, 64, CONTROL)       \
	X(0x201a, EPTP, 64, CONTROL)                  \
	X(0x201c, EOI_EXIT_BITMAP0, 64, CONTROL)      \
	X(0x201e, EOI_EXIT_BITMAP1, 64, CONTROL)      \
	X(0x2020, EOI_EXIT_BITMAP2, 64, CONTROL)      \
	X(0x2022, EOI_EXIT_BITMAP3, 64, CONTROL)      \
	X(0x2024, EPTP_LIST_ADDR, 64, CONTROL)        \
	X(0x2026, VMREAD_BITMAP, 64, CONTROL)         \
	X(0x2028, VMWRITE_BITMAP, 64, CONTROL)        \
	X(0x202a, VE_INFO_ADDR, 64, CONTROL)          \
	X(0x202c, XSS_EXIT_BITMAP, 64, CONTROL)       \
	X(0x202e, ENCLS_EXIT_BITMAP, 64, CONTROL)     \
	X(0x2030, SPP_TABLE_PTR, 64, CONTROL)         \
	X(0x2032, TSC_MULTIPLIER, 64, CONTROL)        \
	X(0x2034, PROC3_CONTROLS, 64, CONTROL)        \
	X(0x2036, ENCLV_EXIT_BITMAP, 64, CONTROL)     \
	X(0x2038, LOW_PASID_DIR, 64, CONTROL)         \
	X(0x203a, HIGH_PASID_DIR, 64, CONTROL)        \
	X(0x203c, SHARED_EPTP, 64, CONTROL)           \
	X(0x203e, PCONFIG_EXIT_BITMAP, 64, CONTROL)   \
	X(0x2040, HLATP, 64, CONTROL)                 \
	X(0x2042, PID_POINTER_TABLE, 64, CONTROL)     \
	X(0x2044, EXIT2_CONTROLS, 64, CONTROL)        \
	X(0x204a, SPEC_CTRL_MASK, 64, CONTROL)        \
	X(0x204c, SPEC_CTRL_SHADOW, 64, CONTROL)      \
	X(0x2052, INJECTED_EVENT_DATA, 64, CONTROL)

/* 64-bit read-only data fields */
#define VMCS_FIELDS_64_INFO(X)                   \
	X(0x2400, GUEST_PHYSICAL_ADDR, 64, INFO) \
	X(0x2404, ORIGINAL_EVENT_DATA, 64, INFO)

/* 64-bit guest-state fields */
#define VMCS_FIELDS_64_GUEST(X)                      \
	X(0x2800, LINK_PTR, 64, GUEST)               \
	X(0x2802, GUEST_DEBUGCTL, 64, GUEST)         \
	X(0x2804, GUEST_PAT, 64, GUEST)              \
	X(0x2806, GUEST_EFER, 64, GUEST)             \
	X(0x2808, GUEST_PERF_GLOBAL_CTRL, 64, GUEST) \
	X(0x280a, GUEST_PDPTE0, 64, GUEST)           \
	X(0x280c, GUEST_PDPTE1, 64, GUEST)           \
	X(0x280e, GUEST_PDPTE2, 64, GUEST)           \
	X(0x2810, GUEST_PDPTE3, 64, GUEST)           \
	X(0x2812, GUEST_BNDCFGS, 64, GUEST)          \
	X(0x2814, GUEST_RTIT_CTL, 64, GUEST)         \
	X(0x2816, GUEST_LBR_CTL, 64, GUEST)          \
	X(0x2818, GUEST_PKRS, 64, GUEST)             \
	X(0x281a, GUEST_FRED_CONFIG, 64, GUEST)      \
	X(0x281c, GUEST_FRED_RSP1, 64, GUEST)        \
	X(0x281e, GUEST_FRED_RSP2, 64, GUEST)        \
	X(0x2820, GUEST_FRED_RSP3, 64, GUEST)        \
	X(0x2822, GUEST_FRED_STKLVLS, 64, GUEST)     \
	X(0x2824, GUEST_FRED_SSP1, 64, GUEST)        \
	X(0x2826, GUEST_FRED_SSP2, 64, GUEST)        \
	X(0x2828, GUEST_FRED_SSP3, 64, GUEST)

/* 64-bit host-state fields */
#define VMCS_FIELDS_64_HOST(X)                     \
	X(0x2c00, HOST_PAT, 64, HOST)              \
	X(0x2c02, HOST_EFER, 64, HOST)             \
	X(0x2c04, HOST_PERF_GLOBAL_CTRL, 64, HOST) \
	X(0x2c06, HOST_PKRS, 64, HOST)             \
	X(0x2c08, HOST_FRED_CONFIG, 64, HOST)      \
	X(0x2c0a, HOST_FRED_RSP1, 64, HOST)        \
	X(0x2c0c, HOST_FRED_RSP2, 64, HOST)        \
	X(0x2c0e, HOST_FRED_RSP3, 64, HOST)        \
	X(0x2c10, HOST_FRED_STKLVLS, 64, HOST)     \
	X(0x2c12, HOST_FRED_SSP1, 64, HOST)        \
	X(0x2c14, HOST_FRED_SSP2, 64, HOST)        \
	X(0x2c16, HOST_FRED_SSP3, 64, HOST)

/* 32-bit control fields */
#define VMCS_FIELDS_32_CONTROL(X)                     \
	X(0x4000, PIN_CONTROLS, 32, CONTROL)          \
	X(0x4002, PROC_CONTROLS, 32, CONTROL)         \
	X(0x4004, EXCEPTION_BITMAP, 32, CONTROL)      \
	X(0x4006, PF_ERROR_MASK, 32, CONTROL)         \
	X(0x4008, PF_ERROR_MATCH, 32, CONTROL)        \
	X(0x400a, CR3_TARGET_COUNT, 32, CONTROL)      \
	X(0x400c, EXIT_CONTROLS, 32, CONTROL)         \
	X(0x400e, EXIT_MSR_STORE_COUNT, 32, CONTROL)  \
	X(0x4010, EXIT_MSR_LOAD_COUNT, 32, CONTROL)   \
	X(0x4012, ENTRY_CONTROLS, 32, CONTROL)        \
	X(0x4014, ENTRY_MSR_LOAD_COUNT, 32, CONTROL)  \
	X(0x4016, ENTRY_INTR_INFO, 32, CONTROL)       \
	X(0x4018, ENTRY_EXCEPTION_ERROR, 32, CONTROL) \
	X(0x401a, ENTRY_INSN_LEN, 32, CONTROL)        \
	X(0x401c, TPR_THRESHOLD, 32, CONTROL)         \
	X(0x401e, PROC2_CONTROLS, 32, CONTROL)        \
	X(0x4020, PLE_GAP, 32, CONTROL)               \
	X(0x4022, PLE_WINDOW, 32, CONTROL)            \
	X(0x4024, INSTRUCTION_TIMEOUT, 32, CONTROL)

/* 32-bit read-only data fields */
#define VMCS_FIELDS_32_INFO(X)                   \
	X(0x4400, INSTRUCTION_ERROR, 32, INFO)   \
	X(0x4402, EXIT_REASON, 32, INFO)         \
	X(0x4404, EXIT_INTR_INFO, 32, INFO)      \
	X(0x4406, EXIT_INTR_ERROR, 32, INFO)     \
	X(0x4408, IDT_VECTORING_INFO, 32, INFO)  \
	X(0x440a, IDT_VECTORING_ERROR, 32, INFO) \
	X(0x440c, EXIT_INSN_LEN, 32, INFO)       \
	X(0x440e, EXIT_INSN_INFO, 32, INFO)

/* 32-bit guest-state fields */
#define VMCS_FIELDS_32_GUEST(X)                      \
	X(0x4800, GUEST_ES_LIMIT, 32, GUEST)         \
	X(0x4802, GUEST_CS_LIMIT, 32, GUEST)         \
	X(0x4804, GUEST_SS_LIMIT, 32, GUEST)         \
	X(0x4806, GUEST_DS_LIMIT, 32, GUEST)         \
	X(0x4808, GUEST_FS_LIMIT, 32, GUEST)         \
	X(0x480a, GUEST_GS_LIMIT, 32, GUEST)         \
	X(0x480c, GUEST_LDTR_LIMIT, 32, GUEST)       \
	X(0x480e, GUEST_TR_LIMIT, 32, GUEST)         \
	X(0x4810, GUEST_GDTR_LIMIT, 32, GUEST)       \
	X(0x4812, GUEST_IDTR_LIMIT, 32, GUEST)       \
	X(0x4814, GUEST_ES_AR, 32, GUEST)            \
	X(0x4816, GUEST_CS_AR, 32, GUEST)            \
	X(0x4818, GUEST_SS_AR, 32, GUEST)            \
	X(0x481a, GUEST_DS_AR, 32, GUEST)            \
	X(0x481c, GUEST_FS_AR, 32, GUEST)            \
	X(0x481e, GUEST_GS_AR, 32, GUEST)            \
	X(0x4820, GUEST_LDTR_AR, 32, GUEST)          \
	X(0x4822, GUEST_TR_AR, 32, GUEST)            \
	X(0x4824, GUEST_INTERRUPTIBILITY, 32, GUEST) \
	X(0x4826, GUEST_ACTIVITY, 32, GUEST)         \
	X(0x4828, GUEST_SMBASE, 32, GUEST)           \
	X(0x482a, GUEST_SYSENTER_CS, 32, GUEST)      \
	X(0x482e, PREEMPTION_TIMER, 32, GUEST)

/* 32-bit host-state fields */
#define VMCS_FIELDS_32_HOST(X) X(0x4c00, HOST_SYSENTER_CS, 32, HOST)

/* natural-width control fields */
#define VMCS_FIELDS_NAT_CONTROL(X)               \
	X(0x6000, CR0_MASK, NAT, CONTROL)        \
	X(0x6002, CR4_MASK, NAT, CONTROL)        \
	X(0x6004, CR0_READ_SHADOW, NAT, CONTROL) \
	X(0x6006, CR4_READ_SHADOW, NAT, CONTROL) \
	X(0x6008, CR3_TARGET0, NAT, CONTROL)     \
	X(0x600a, CR3_TARGET1, NAT, CONTROL)     \
	X(0x600c, CR3_TARGET2, NAT, CONTROL)     \
	X(0x600e, CR3_TARGET3, NAT, CONTROL)

/* natural-width read-only data fields */
#define VMCS_FIELDS_NAT_INFO(X)                  \
	X(0x6400, EXIT_QUALIFICATION, NAT, INFO) \
	X(0x6402, IO_RCX, NAT, INFO)             \
	X(0x6404, IO_RSI, NAT, INFO)             \
	X(0x6406, IO_RDI, NAT, INFO)             \
	X(0x6408, IO_RIP, NAT, INFO)             \
	X(0x640a, GUEST_LINEAR_ADDR, NAT, INFO)

/* natural-width guest-state fields */
#define VMCS_FIELDS_NAT_GUEST(X)                   \
	X(0x6800, GUEST_CR0, NAT, GUEST)           \
	X(0x6802, GUEST_CR3, NAT, GUEST)           \
	X(0x6804, GUEST_CR4, NAT, GUEST)           \
	X(0x6806, GUEST_ES_BASE, NAT, GUEST)       \
	X(0x6808, GUEST_CS_BASE, NAT, GUEST)       \
	X(0x680a, GUEST_SS_BASE, NAT, GUEST)       \
	X(0x680c, GUEST_DS_BASE, NAT, GUEST)       \
	X(0x680e, GUEST_FS_BASE, NAT, GUEST)       \
	X(0x6810, GUEST_GS_BASE, NAT, GUEST)       \
	X(0x6812, GUEST_LDTR_BASE, NAT, GUEST)     \
	X(0x6814, GUEST_TR_BASE, NAT, GUEST)       \
	X(0x6816, GUEST_GDTR_BASE, NAT, GUEST)     \
	X(0x6818, GUEST_IDTR_BASE, NAT, GUEST)     \
	X(0x681a, GUEST_DR7, NAT, GUEST)           \
	X(0x681c, GUEST_RSP, NAT, GUEST)           \
	X(0x681e, GUEST_RIP, NAT, GUEST)           \
	X(0x6820, GUEST_RFLAGS, NAT, GUEST)        \
	X(0x6822, GUEST_PENDING_DEBUG, NAT, GUEST) \
	X(0x6824, GUEST_SYSENTER_ESP, NAT, GUEST)  \
	X(0x6826, GUEST_SYSENTER_EIP, NAT, GUEST)  \
	X(0x6828, GUEST_S_CET, NAT, GUEST)         \
	X(0x682a, GUEST_SSP, NAT, GUEST)           \
	X(0x682c, GUEST_INTR_SSP_TABLE, NAT, GUEST)

/* natural-width host-state fields */
#define VMCS_FIELDS_NAT_HOST(X)                 \
	X(0x6c00, HOST_CR0, NAT, HOST)          \
	X(0x6c02, HOST_CR3, NAT, HOST)          \
	X(0x6c04, HOST_CR4, NAT, HOST)          \
	X(0x6c06, HOST_FS_BASE, NAT, HOST)      \
	X(0x6c08, HOST_GS_BASE, NAT, HOST)      \
	X(0x6c0a, HOST_TR_BASE, NAT, HOST)      \
	X(0x6c0c, HOST_GDTR_BASE, NAT, HOST)    \
	X(0x6c0e, HOST_IDTR_BASE, NAT, HOST)    \
	X(0x6c10, HOST_SYSENTER_ESP, NAT, HOST) \
	X(0x6c12, HOST_SYSENTER_EIP, NAT, HOST) \
	X(0x6c14, HOST_RSP, NAT, HOST)          \
	X(0x6c16, HOST_RIP, NAT, HOST)          \
	X(0x6c18, HOST_S_CET, NAT, HOST)        \
	X(0x6c1a, HOST_SSP, NAT, HOST)          \
	X(0x6c1c, HOST_INTR_SSP_TABLE, NAT, HOST)

#define VMCS_FIELDS(X)             \
	VMCS_FIELDS_16_CONTROL(X)  \
	VMCS_FIELDS_16_GUEST(X)    \
	VMCS_FIELDS_16_HOST(X)     \
	VMCS_FIELDS_64_CONTROL(X)  \
	VMCS_FIELDS_64_INFO(X)     \
	VMCS_FIELDS_64_GUEST(X)    \
	VMCS_FIELDS_64_HOST(X)     \
	VMCS_FIELDS_32_CONTROL(X)  \
	VMCS_FIELDS_32_INFO(X)     \
	VMCS_FIELDS_32_GUEST(X)    \
	VMCS_FIELDS_32_HOST(X)     \
	VMCS_FIELDS_NAT_CONTROL(X) \
	VMCS_FIELDS_NAT_INFO(X)    \
	VMCS_FIELDS_NAT_GUEST(X)   \
	VMCS_FIELDS_NAT_HOST(X)

enum vmcs_field {
#define VMCS_X(enc, name, width, kind) VMCS_##name = (enc),
	VMCS_FIELDS(VMCS_X)
#undef VMCS_X
};

static inline enum vmcs_width vmcs_field_width(u32 encoding)
{
	return (enum vmcs_width)(encoding >> 13 & 3);
}

static inline enum vmcs_kind vmcs_field_kind(u32 encoding)
{
	return (enum vmcs_kind)(encoding >> 10 & 3);
}

/* The declared width and kind agree with the encoding; reserved bits 12 and 15 and the access-type bit are clear. */
#define VMCS_X(enc, name, width, kind)                                                       \
	_Static_assert(((enc) >> 13 & 3) == VMCS_WIDTH_##width, "VMCS field width: " #name); \
	_Static_assert(((enc) >> 10 & 3) == VMCS_KIND_##kind, "VMCS field kind: " #name);    \
	_Static_assert(((enc)&0x9001) == 0, "VMCS field encoding: " #name);
VMCS_FIELDS(VMCS_X)
#undef VMCS_X

/* One row of the table, for dumps. */
struct vmcs_field_info {
	u16 encoding;
	u8 width; /* enum vmcs_width */
	u8 kind;  /* enum vmcs_kind */
	const char *name;
};

/* All fields in ascending order within width and kind; VMCS_FIELD_COUNT rows. In names.c. */
#define VMCS_X(enc, name, width, kind) +1
enum { VMCS_FIELD_COUNT = 0 VMCS_FIELDS(VMCS_X) };
#undef VMCS_X
extern const struct vmcs_field_info vmcs_field_table[VMCS_FIELD_COUNT];

/* Name of a field ("GUEST_RIP"), "?" for an encoding not in the table. In names.c. */
const char *vmcs_field_name(u32 encoding);
