/* The VMX capability solver. See caps.h. */
#include "arch/x86/vmx/caps.h"

#include "lib/assert.h"
#include "lib/fmt.h"
#include "lib/string.h"

enum word { W_PIN, W_PROC, W_PROC2, W_EXIT, W_ENTRY, WORDS };

static const char *const word_name[WORDS] = { "pin-based", "primary processor-based", "secondary processor-based",
	                                      "VM-exit", "VM-entry" };

/* Allowed settings of one control word: bits that must be 1, bits that may be 1. */
struct allowed {
	u32 must1, may1;
};

#define ADVICE_CPU                                                                                  \
	"Bulkhead needs an Intel CPU with EPT and unrestricted guest (Westmere of 2010 or later); " \
	"under another hypervisor, give this VM nested VT-x"

struct required {
	enum word word;
	u32 bit;
	const char *what;
};

/* Ordered: the first one missing is the message, so what a user may have heard of comes first. */
static const struct required required_controls[] = {
	{ W_PROC, PROC_SECONDARY_CONTROLS, "no EPT (no secondary processor-based controls)" },
	{ W_PROC2, PROC2_ENABLE_EPT, "no EPT" },
	{ W_PROC2, PROC2_UNRESTRICTED_GUEST, "no unrestricted guest" },
	{ W_PIN, PIN_EXTERNAL_INTERRUPT_EXITING, "no external-interrupt exiting" },
	{ W_PIN, PIN_NMI_EXITING, "no NMI exiting" },
	/* Without them nobody tells when a guest's NMI handler ends. Older than unrestricted guest. */
	{ W_PIN, PIN_VIRTUAL_NMIS, "no virtual NMIs" },
	{ W_PROC, PROC_NMI_WINDOW_EXITING, "no NMI-window exiting" },
	{ W_PROC, PROC_HLT_EXITING, "no HLT exiting" },
	{ W_PROC, PROC_MWAIT_EXITING, "no MWAIT exiting" },
	{ W_PROC, PROC_MONITOR_EXITING, "no MONITOR exiting" },
	{ W_PROC, PROC_RDPMC_EXITING, "no RDPMC exiting" },
	{ W_PROC, PROC_TSC_OFFSETTING, "no TSC offsetting" },
	{ W_PROC, PROC_IO_BITMAPS, "no I/O bitmaps" },
	{ W_PROC, PROC_MSR_BITMAPS, "no MSR bitmaps" },
	{ W_EXIT, EXIT_HOST_64BIT, "no 64-bit host" },
	{ W_EXIT, EXIT_ACK_INTERRUPT, "no acknowledge-interrupt-on-exit" },
	{ W_EXIT, EXIT_SAVE_DEBUG_CONTROLS, "no save of debug controls" },
	{ W_EXIT, EXIT_SAVE_PAT, "no save of IA32_PAT on exit" },
	{ W_EXIT, EXIT_LOAD_PAT, "no load of IA32_PAT on exit" },
	{ W_EXIT, EXIT_SAVE_EFER, "no save of IA32_EFER on exit" },
	{ W_EXIT, EXIT_LOAD_EFER, "no load of IA32_EFER on exit" },
	{ W_ENTRY, ENTRY_LOAD_DEBUG_CONTROLS, "no load of debug controls" },
	{ W_ENTRY, ENTRY_LOAD_PAT, "no load of IA32_PAT on entry" },
	{ W_ENTRY, ENTRY_LOAD_EFER, "no load of IA32_EFER on entry" },
};

/* Where a feature comes from; a row may ask for control bits in two words and for bits of one capability MSR. */
struct feature {
	u32 pin, proc, proc2, exit, entry;
	u64 ept_vpid, misc, basic; /* bits of the MSRs */
	u64 needs;                 /* features that must all be there */
	u64 needs_any;             /* features of which one must be there, 0 = none */
	bool base;                 /* its controls belong to the base words */
};

#define F(id) (1ull << VMX_FEAT_##id)

static const struct feature features[VMX_FEATURE_COUNT] = {
	[VMX_FEAT_VPID] = { .proc2 = PROC2_ENABLE_VPID,
	                    .needs_any = F(INVVPID_SINGLE) | F(INVVPID_ALL),
	                    .base = true },
	[VMX_FEAT_INVVPID_ADDR] = { .ept_vpid = VPID_CAP_INVVPID | VPID_CAP_ADDR },
	[VMX_FEAT_INVVPID_SINGLE] = { .ept_vpid = VPID_CAP_INVVPID | VPID_CAP_SINGLE },
	[VMX_FEAT_INVVPID_ALL] = { .ept_vpid = VPID_CAP_INVVPID | VPID_CAP_ALL },
	[VMX_FEAT_INVVPID_NONGLOBAL] = { .ept_vpid = VPID_CAP_INVVPID | VPID_CAP_SINGLE_NONGLOBAL },
	[VMX_FEAT_INVEPT_SINGLE] = { .ept_vpid = EPT_CAP_INVEPT | EPT_CAP_INVEPT_SINGLE },
	[VMX_FEAT_INVEPT_ALL] = { .ept_vpid = EPT_CAP_INVEPT | EPT_CAP_INVEPT_ALL },
	[VMX_FEAT_EPT_AD] = { .ept_vpid = EPT_CAP_AD },
	[VMX_FEAT_EPT_2M] = { .ept_vpid = EPT_CAP_2M },
	[VMX_FEAT_EPT_1G] = { .ept_vpid = EPT_CAP_1G },
	[VMX_FEAT_EPT_EXEC_ONLY] = { .ept_vpid = EPT_CAP_EXEC_ONLY },
	[VMX_FEAT_PREEMPTION_TIMER] = { .pin = PIN_PREEMPTION_TIMER, .base = true },
	[VMX_FEAT_PREEMPTION_SAVE] = { .exit = EXIT_SAVE_PREEMPTION_TIMER, .needs = F(PREEMPTION_TIMER) },
	[VMX_FEAT_TPR_SHADOW] = { .proc = PROC_TPR_SHADOW, .base = true },
	[VMX_FEAT_APIC_ACCESS] = { .proc2 = PROC2_VIRTUALIZE_APIC_ACCESSES },
	[VMX_FEAT_X2APIC_VIRT] = { .proc2 = PROC2_VIRTUALIZE_X2APIC, .needs = F(TPR_SHADOW) },
	[VMX_FEAT_APIC_REG_VIRT] = { .proc2 = PROC2_APIC_REGISTER_VIRT, .needs = F(TPR_SHADOW) },
	[VMX_FEAT_VID] = { .proc2 = PROC2_VIRTUAL_INTERRUPT_DELIVERY, .needs = F(TPR_SHADOW) },
	[VMX_FEAT_POSTED_INTR] = { .pin = PIN_POSTED_INTERRUPTS, .needs = F(VID) },
	[VMX_FEAT_PML] = { .proc2 = PROC2_ENABLE_PML, .needs = F(EPT_AD) },
	[VMX_FEAT_TSC_SCALING] = { .proc2 = PROC2_TSC_SCALING },
	[VMX_FEAT_RDTSCP] = { .proc2 = PROC2_ENABLE_RDTSCP, .base = true },
	[VMX_FEAT_INVPCID] = { .proc2 = PROC2_ENABLE_INVPCID, .base = true },
	[VMX_FEAT_XSAVES] = { .proc2 = PROC2_ENABLE_XSAVES, .base = true },
	[VMX_FEAT_USER_WAIT] = { .proc2 = PROC2_USER_WAIT_PAUSE, .base = true },
	[VMX_FEAT_PLE] = { .proc2 = PROC2_PAUSE_LOOP_EXITING },
	[VMX_FEAT_DESCRIPTOR_EXIT] = { .proc2 = PROC2_DESCRIPTOR_TABLE_EXITING },
	[VMX_FEAT_WBINVD_EXIT] = { .proc2 = PROC2_WBINVD_EXITING, .base = true },
	[VMX_FEAT_MTF] = { .proc = PROC_MONITOR_TRAP_FLAG },
	[VMX_FEAT_MBEC] = { .proc2 = PROC2_MODE_BASED_EXECUTE },
	[VMX_FEAT_VMCS_SHADOWING] = { .proc2 = PROC2_VMCS_SHADOWING },
	[VMX_FEAT_PERF_GLOBAL_CTRL] = { .exit = EXIT_LOAD_PERF_GLOBAL_CTRL, .entry = ENTRY_LOAD_PERF_GLOBAL_CTRL },
	[VMX_FEAT_INOUTS_INFO] = { .basic = VMX_BASIC_INOUTS_INFO },
	[VMX_FEAT_ACTIVITY_HLT] = { .misc = VMX_MISC_ACTIVITY_HLT },
	[VMX_FEAT_ACTIVITY_WAIT_SIPI] = { .misc = VMX_MISC_ACTIVITY_WAIT_SIPI },
};

_Static_assert(VMX_FEATURE_COUNT <= 64, "features fit their bitmap");

static const char *const feature_names[VMX_FEATURE_COUNT] = {
#define VMX_X(id, name) [VMX_FEAT_##id] = name,
	VMX_FEATURES(VMX_X)
#undef VMX_X
};

static const struct {
	const char *name;
	u64 mask;
} feature_groups[] = {
	{ "apicv", F(APIC_ACCESS) | F(X2APIC_VIRT) | F(APIC_REG_VIRT) | F(VID) | F(POSTED_INTR) },
	{ "large-pages", F(EPT_2M) | F(EPT_1G) },
	{ "invvpid", F(INVVPID_ADDR) | F(INVVPID_SINGLE) | F(INVVPID_ALL) | F(INVVPID_NONGLOBAL) },
	{ "preemption", F(PREEMPTION_TIMER) | F(PREEMPTION_SAVE) },
	{ "vid", F(VID) },
	{ "ple", F(PLE) },
	{ "mtf", F(MTF) },
};

static int fail(struct caps_err *err, int code, const char *what, const char *advice)
{
	fmt_snprintf(err->what, sizeof(err->what), "%s", what);
	fmt_snprintf(err->advice, sizeof(err->advice), "%s", advice);
	return code;
}

static struct allowed allowed_from(u64 msr)
{
	return (struct allowed){ .must1 = (u32)msr, .may1 = (u32)(msr >> 32) | (u32)msr };
}

/* The TRUE MSRs tell which default-1 controls may be 0; CPUs without them pin all of those to 1. */
static void read_allowed(const struct vmx_cap_msrs *m, struct allowed a[WORDS])
{
	bool true_msrs = m->basic & VMX_BASIC_TRUE_CONTROLS;

	a[W_PIN] = allowed_from(true_msrs ? m->true_pin : m->pin);
	a[W_PROC] = allowed_from(true_msrs ? m->true_proc : m->proc);
	a[W_EXIT] = allowed_from(true_msrs ? m->true_exit : m->exit);
	a[W_ENTRY] = allowed_from(true_msrs ? m->true_entry : m->entry);
	a[W_PROC2] = (struct allowed){ 0, 0 };
	if (a[W_PROC].may1 & PROC_SECONDARY_CONTROLS)
		a[W_PROC2] = allowed_from(m->proc2);
}

static int check_required(const struct vmx_cap_msrs *m, const struct allowed a[WORDS], struct caps_err *err)
{
	for (u32 i = 0; i < ARRAY_SIZE(required_controls); i++) {
		const struct required *r = &required_controls[i];

		if (!(a[r->word].may1 & r->bit))
			return fail(err, ERR_NOTSUP, r->what, ADVICE_CPU);
	}
	if (!(m->ept_vpid & EPT_CAP_WALK4))
		return fail(err, ERR_NOTSUP, "no EPT page walk of 4 levels", ADVICE_CPU);
	if (!(m->ept_vpid & EPT_CAP_WB))
		return fail(err, ERR_NOTSUP, "no write-back EPT paging structures", ADVICE_CPU);
	if (!(m->ept_vpid & EPT_CAP_INVEPT) || !(m->ept_vpid & (EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVEPT_ALL)))
		return fail(err, ERR_NOTSUP, "no INVEPT", ADVICE_CPU);
	if (VMX_BASIC_SIZE(m->basic) == 0 || VMX_BASIC_SIZE(m->basic) > PAGE_SIZE)
		return fail(err, ERR_NOTSUP, "VMCS region size is not 1 to 4096 bytes", ADVICE_CPU);
	if (m->basic & VMX_BASIC_32BIT_ADDR)
		return fail(err, ERR_NOTSUP, "VMX structures limited to 32-bit addresses", ADVICE_CPU);
	return OK;
}

static bool feature_there(const struct feature *f, const struct vmx_cap_msrs *m, const struct allowed a[WORDS])
{
	return (a[W_PIN].may1 & f->pin) == f->pin && (a[W_PROC].may1 & f->proc) == f->proc &&
	       (a[W_PROC2].may1 & f->proc2) == f->proc2 && (a[W_EXIT].may1 & f->exit) == f->exit &&
	       (a[W_ENTRY].may1 & f->entry) == f->entry && (m->ept_vpid & f->ept_vpid) == f->ept_vpid &&
	       (m->misc & f->misc) == f->misc && (m->basic & f->basic) == f->basic;
}

/* What the CPU has and the user allows, less what lacks something it needs.
 * Each round only takes away, so it ends. */
static u64 solve_features(const struct vmx_cap_msrs *m, const struct allowed a[WORDS], u64 disable)
{
	u64 have = 0, before;

	for (u32 i = 0; i < VMX_FEATURE_COUNT; i++) {
		if (feature_there(&features[i], m, a))
			have |= BIT(i);
	}
	have &= ~disable;
	do {
		before = have;
		for (u32 i = 0; i < VMX_FEATURE_COUNT; i++) {
			const struct feature *f = &features[i];

			if ((have & f->needs) != f->needs || (f->needs_any && !(have & f->needs_any)))
				have &= ~BIT(i);
		}
	} while (have != before);
	return have;
}

static void collect_base(u64 have, u32 want[WORDS], u32 denied[WORDS])
{
	for (u32 i = 0; i < ARRAY_SIZE(required_controls); i++)
		want[required_controls[i].word] |= required_controls[i].bit;
	for (u32 i = 0; i < VMX_FEATURE_COUNT; i++) {
		const struct feature *f = &features[i];
		bool has = have & BIT(i);

		if (!has) {
			denied[W_PIN] |= f->pin;
			denied[W_PROC] |= f->proc;
			denied[W_PROC2] |= f->proc2;
			denied[W_EXIT] |= f->exit;
			denied[W_ENTRY] |= f->entry;
		} else if (f->base) {
			want[W_PIN] |= f->pin;
			want[W_PROC] |= f->proc;
			want[W_PROC2] |= f->proc2;
			want[W_EXIT] |= f->exit;
			want[W_ENTRY] |= f->entry;
		}
	}
	/* The window is opened when an NMI waits, not before. */
	want[W_PROC] &= ~PROC_NMI_WINDOW_EXITING;
	/*
	 * SDM vol. 3, "Algorithms for Determining VMX Capabilities": default-1 controls whose meaning is not known
	 * stay 1. Those known here and not wanted are the CR3 exits.
	 */
	want[W_PIN] |= PIN_DEFAULT1;
	want[W_PROC] |= PROC_DEFAULT1 & ~(PROC_CR3_LOAD_EXITING | PROC_CR3_STORE_EXITING);
	want[W_EXIT] |= EXIT_DEFAULT1;
	want[W_ENTRY] |= ENTRY_DEFAULT1;
}

/* A control that the CPU forces on, that is not a default-1 one and that was
 * not asked for, changes what a guest sees. */
static int check_forced(const struct allowed a[WORDS], const u32 want[WORDS], struct caps_err *err)
{
	static const u32 harmless[WORDS] = { PIN_DEFAULT1, PROC_DEFAULT1, 0, EXIT_DEFAULT1, ENTRY_DEFAULT1 };

	for (u32 w = 0; w < WORDS; w++) {
		u32 extra = a[w].must1 & ~want[w] & ~harmless[w];

		if (extra) {
			fmt_snprintf(err->what, sizeof(err->what), "%s controls %x cannot be off", word_name[w],
			             extra);
			fmt_snprintf(err->advice, sizeof(err->advice),
			             "if a feature was switched off on the command line, leave it on; "
			             "else this CPU cannot be used");
			return ERR_NOTSUP;
		}
	}
	return OK;
}

static int set_words(const struct allowed a[WORDS], struct vmx_caps *out, struct caps_err *err)
{
	u32 want[WORDS] = { 0 }, denied[WORDS] = { 0 }, word[WORDS], may[WORDS];
	int rc;

	collect_base(out->features, want, denied);
	if (!(out->features & F(TPR_SHADOW))) {
		if (!(a[W_PROC].may1 & PROC_CR8_LOAD_EXITING) || !(a[W_PROC].may1 & PROC_CR8_STORE_EXITING))
			return fail(err, ERR_NOTSUP, "neither TPR shadow nor CR8 exiting", ADVICE_CPU);
		want[W_PROC] |= PROC_CR8_LOAD_EXITING | PROC_CR8_STORE_EXITING;
	}
	rc = check_forced(a, want, err);
	if (rc != OK)
		return rc;
	for (u32 w = 0; w < WORDS; w++) {
		word[w] = (want[w] | a[w].must1) & a[w].may1;
		may[w] = a[w].may1 & (~denied[w] | a[w].must1);
	}
	out->pin = word[W_PIN], out->pin_allowed = may[W_PIN], out->pin_forced = a[W_PIN].must1;
	out->proc = word[W_PROC], out->proc_allowed = may[W_PROC], out->proc_forced = a[W_PROC].must1;
	out->proc2 = word[W_PROC2], out->proc2_allowed = may[W_PROC2], out->proc2_forced = a[W_PROC2].must1;
	out->exit = word[W_EXIT], out->exit_allowed = may[W_EXIT], out->exit_forced = a[W_EXIT].must1;
	out->entry = word[W_ENTRY], out->entry_allowed = may[W_ENTRY], out->entry_forced = a[W_ENTRY].must1;
	return OK;
}

static void set_misc(const struct vmx_cap_msrs *m, struct vmx_caps *out)
{
	const u64 pe_pg = BIT(0) | BIT(31);

	out->host_cr0_must1 = m->cr0_fixed0;
	out->host_cr0_may1 = m->cr0_fixed1;
	out->host_cr4_must1 = m->cr4_fixed0;
	out->host_cr4_may1 = m->cr4_fixed1;
	out->guest_cr0_must1 =
	        m->cr0_fixed0 & ~pe_pg; /* SDM: "Checks on Guest Control Registers…", unrestricted guest */
	out->guest_cr0_may1 = m->cr0_fixed1;
	out->guest_cr4_must1 = m->cr4_fixed0;
	out->guest_cr4_may1 = m->cr4_fixed1;
	out->eptp_flags = 6 /* WB */ | 3 << 3 /* levels - 1 */ | (out->features & F(EPT_AD) ? BIT(6) : 0);
	out->revision = VMX_BASIC_REVISION(m->basic);
	out->vmcs_size = VMX_BASIC_SIZE(m->basic);
	out->preemption_shift = VMX_MISC_PREEMPTION_SHIFT(m->misc);
	out->cr3_targets = VMX_MISC_CR3_TARGETS(m->misc);
	out->max_msrs = VMX_MISC_MAX_MSRS(m->misc);
	out->any_error_code = m->basic & VMX_BASIC_ANY_ERRCODE;
	out->zero_len_inject = m->misc & VMX_MISC_ZERO_LEN_INJECT;
	out->ept_vpid = m->ept_vpid;
	out->misc = m->misc;
}

int vmx_caps_solve(const struct vmx_cap_msrs *msrs, const struct vmx_want *want, struct vmx_caps *out,
                   struct caps_err *err)
{
	struct allowed a[WORDS];
	int rc;

	memset(out, 0, sizeof(*out));
	memset(err, 0, sizeof(*err));
	read_allowed(msrs, a);
	rc = check_required(msrs, a, err);
	if (rc != OK)
		return rc;
	out->features = solve_features(msrs, a, want ? want->disable : 0);
	if (!(out->features & (F(INVEPT_SINGLE) | F(INVEPT_ALL))))
		return fail(err, ERR_INVAL, "both INVEPT types are switched off",
		            "leave invept-single or invept-all on");
	rc = set_words(a, out, err);
	if (rc != OK)
		return rc;
	set_misc(msrs, out);
	return OK;
}

u32 vmx_caps_apic_proc2(const struct vmx_caps *c, enum vmx_apic_mode mode)
{
	u32 bits;

	if (mode == VMX_APIC_XAPIC && vmx_caps_has(c, VMX_FEAT_APIC_ACCESS))
		bits = PROC2_VIRTUALIZE_APIC_ACCESSES;
	else if (mode == VMX_APIC_X2APIC && vmx_caps_has(c, VMX_FEAT_X2APIC_VIRT))
		bits = PROC2_VIRTUALIZE_X2APIC;
	else
		return 0;
	/* Without virtual-interrupt delivery nothing keeps the PPR in the page up to date with the TPR. */
	if (vmx_caps_has(c, VMX_FEAT_APIC_REG_VIRT) && vmx_caps_has(c, VMX_FEAT_VID))
		bits |= PROC2_APIC_REGISTER_VIRT;
	if (vmx_caps_has(c, VMX_FEAT_VID))
		bits |= PROC2_VIRTUAL_INTERRUPT_DELIVERY;
	return bits;
}

static int parse_name(const char *name, size_t len, u64 *mask)
{
	for (u32 i = 0; i < VMX_FEATURE_COUNT; i++) {
		if (strlen(feature_names[i]) == len && memcmp(feature_names[i], name, len) == 0) {
			*mask = BIT(i);
			return OK;
		}
	}
	for (u32 i = 0; i < ARRAY_SIZE(feature_groups); i++) {
		if (strlen(feature_groups[i].name) == len && memcmp(feature_groups[i].name, name, len) == 0) {
			*mask = feature_groups[i].mask;
			return OK;
		}
	}
	return ERR_NOENT;
}

int vmx_feature_parse(const char *name, u64 *mask)
{
	return parse_name(name, strlen(name), mask);
}

int vmx_features_parse_list(const char *list, u64 *disable, char *bad, size_t size)
{
	while (*list) {
		const char *comma = strchr(list, ',');
		size_t len = comma ? (size_t)(comma - list) : strlen(list);
		u64 mask;

		if (parse_name(list, len, &mask) != OK) {
			if (bad)
				fmt_snprintf(bad, size, "%.*s", (int)MIN(len, 64u), list);
			return ERR_NOENT;
		}
		*disable |= mask;
		list += comma ? len + 1 : len;
	}
	return OK;
}

const char *vmx_feature_name(enum vmx_feature f)
{
	assert(f < VMX_FEATURE_COUNT);
	return feature_names[f];
}
