/* VMX capability solver: required controls by name, optional ones off one by one, dependencies, control words. */
#include "quick_check.h"
#include <stdlib.h>
#include <string.h>

#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/exit_reasons.h"
#include "arch/x86/vmx/vmcs_fields.h"

static u64 ctl(u32 must1, u32 may1)
{
	return (u64)may1 << 32 | must1;
}

/* A CPU with everything: values in the style of a server of 2018, TRUE controls, CR3 exits optional. */
static struct vmx_cap_msrs full(void)
{
	struct vmx_cap_msrs m = {
		.basic = 0x00da040000000000ull | 0x12 | VMX_BASIC_TRUE_CONTROLS | VMX_BASIC_INOUTS_INFO,
		.misc = 0x7004c1e5 | VMX_MISC_ACTIVITY_HLT | VMX_MISC_ACTIVITY_WAIT_SIPI,
		.cr0_fixed0 = 0x80000021,
		.cr0_fixed1 = 0xffffffff,
		.cr4_fixed0 = 0x2000,
		.cr4_fixed1 = 0x3767ff,
		.ept_vpid = 0x00000f0106734141ull | EPT_CAP_WB,
	};

	m.pin = ctl(PIN_DEFAULT1, 0xff);
	m.proc = ctl(PROC_DEFAULT1, 0xfff9fffe);
	m.exit = ctl(EXIT_DEFAULT1, 0x7fffff | EXIT_DEFAULT1);
	m.entry = ctl(ENTRY_DEFAULT1, 0xffff);
	m.true_pin = m.pin;
	m.true_proc = ctl(PROC_DEFAULT1 & ~(PROC_CR3_LOAD_EXITING | PROC_CR3_STORE_EXITING), 0xfff9fffe);
	m.true_exit = ctl(EXIT_DEFAULT1 & ~EXIT_SAVE_DEBUG_CONTROLS, 0x7fffff | EXIT_DEFAULT1);
	m.true_entry = ctl(ENTRY_DEFAULT1 & ~ENTRY_LOAD_DEBUG_CONTROLS, 0xffff);
	m.proc2 = ctl(0, 0xffffffff);
	return m;
}

static struct vmx_caps solved(const struct vmx_cap_msrs *m, u64 disable)
{
	struct vmx_want want = { disable };
	struct vmx_caps c;
	struct caps_err err;

	ck_assert_msg(vmx_caps_solve(m, &want, &c, &err) == OK, "%s", err.what);
	return c;
}

START_TEST(everything)
{
	struct vmx_cap_msrs m = full();
	struct vmx_caps c = solved(&m, 0);

	ck_assert_uint_eq(c.features, BIT(VMX_FEATURE_COUNT) - 1);
	ck_assert_uint_eq(c.pin & (PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING | PIN_VIRTUAL_NMIS |
	                           PIN_PREEMPTION_TIMER | PIN_POSTED_INTERRUPTS),
	                  PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING | PIN_VIRTUAL_NMIS | PIN_PREEMPTION_TIMER);
	ck_assert_uint_eq(c.proc & (PROC_CR3_LOAD_EXITING | PROC_CR3_STORE_EXITING | PROC_CR8_LOAD_EXITING |
	                            PROC_INTERRUPT_WINDOW_EXITING | PROC_NMI_WINDOW_EXITING |
	                            PROC_UNCONDITIONAL_IO_EXITING | PROC_MONITOR_TRAP_FLAG | PROC_MOV_DR_EXITING),
	                  0);
	ck_assert(c.proc & PROC_SECONDARY_CONTROLS);
	ck_assert(c.proc & PROC_TPR_SHADOW);
	ck_assert(c.proc & PROC_IO_BITMAPS);
	ck_assert(c.proc & PROC_MSR_BITMAPS);
	ck_assert(c.proc & PROC_HLT_EXITING);
	ck_assert(c.proc_allowed & PROC_NMI_WINDOW_EXITING);
	ck_assert_uint_eq(c.proc2, PROC2_ENABLE_EPT | PROC2_UNRESTRICTED_GUEST | PROC2_ENABLE_VPID |
	                                   PROC2_ENABLE_RDTSCP | PROC2_ENABLE_INVPCID | PROC2_ENABLE_XSAVES |
	                                   PROC2_USER_WAIT_PAUSE | PROC2_WBINVD_EXITING);
	ck_assert_uint_eq(c.exit & (EXIT_HOST_64BIT | EXIT_ACK_INTERRUPT | EXIT_SAVE_PREEMPTION_TIMER),
	                  EXIT_HOST_64BIT | EXIT_ACK_INTERRUPT);
	ck_assert_uint_eq(c.entry & (ENTRY_LOAD_EFER | ENTRY_LOAD_PAT | ENTRY_IA32E_GUEST),
	                  ENTRY_LOAD_EFER | ENTRY_LOAD_PAT);
	ck_assert_uint_eq(c.eptp_flags, 0x5e);
	ck_assert_uint_eq(c.revision, 0x12);
	ck_assert_uint_eq(c.vmcs_size, 0x400);
	ck_assert_uint_eq(c.preemption_shift, 5);
	ck_assert_uint_eq(c.cr3_targets, 4);
	ck_assert_uint_eq(c.max_msrs, 512);
}
END_TEST

START_TEST(cr_fixed_bits)
{
	struct vmx_cap_msrs m = full();
	struct vmx_caps c = solved(&m, 0);

	/* Unrestricted guest: PE and PG are free, NE is not. */
	ck_assert_uint_eq(c.guest_cr0_must1, 0x20);
	ck_assert_uint_eq(c.host_cr0_must1, 0x80000021);
	ck_assert(vmx_caps_guest_cr0_ok(&c, 0x20));
	ck_assert(vmx_caps_guest_cr0_ok(&c, 0x80000021));
	ck_assert(!vmx_caps_guest_cr0_ok(&c, 0x80000001));
	ck_assert(!vmx_caps_guest_cr0_ok(&c, 0x100000020ull));
	ck_assert(vmx_caps_guest_cr4_ok(&c, 0x2020));
	ck_assert(!vmx_caps_guest_cr4_ok(&c, 0x20));
	ck_assert(!vmx_caps_guest_cr4_ok(&c, 0x2000 | BIT(22)));
}
END_TEST

/* Every base word must be a legal setting: forced bits set, nothing outside allowed. */
static void check_words(const struct vmx_caps *c)
{
	ck_assert_uint_eq(c->pin & c->pin_forced, c->pin_forced);
	ck_assert_uint_eq(c->proc & c->proc_forced, c->proc_forced);
	ck_assert_uint_eq(c->proc2 & c->proc2_forced, c->proc2_forced);
	ck_assert_uint_eq(c->exit & c->exit_forced, c->exit_forced);
	ck_assert_uint_eq(c->entry & c->entry_forced, c->entry_forced);
	ck_assert_uint_eq(c->pin & ~c->pin_allowed, 0);
	ck_assert_uint_eq(c->proc & ~c->proc_allowed, 0);
	ck_assert_uint_eq(c->proc2 & ~c->proc2_allowed, 0);
	ck_assert_uint_eq(c->exit & ~c->exit_allowed, 0);
	ck_assert_uint_eq(c->entry & ~c->entry_allowed, 0);
}

static const struct {
	enum vmx_feature f;
	u64 also_off; /* what depends on it */
	u32 pin, proc, proc2, exit, entry;
} control_rows[] = {
	{ VMX_FEAT_VPID, 0, 0, 0, PROC2_ENABLE_VPID, 0, 0 },
	{ VMX_FEAT_PREEMPTION_TIMER, 1ull << VMX_FEAT_PREEMPTION_SAVE, PIN_PREEMPTION_TIMER, 0, 0,
	  EXIT_SAVE_PREEMPTION_TIMER, 0 },
	{ VMX_FEAT_PREEMPTION_SAVE, 0, 0, 0, 0, EXIT_SAVE_PREEMPTION_TIMER, 0 },
	{ VMX_FEAT_TPR_SHADOW,
	  1ull << VMX_FEAT_X2APIC_VIRT | 1ull << VMX_FEAT_APIC_REG_VIRT | 1ull << VMX_FEAT_VID |
	          1ull << VMX_FEAT_POSTED_INTR,
	  PIN_POSTED_INTERRUPTS, PROC_TPR_SHADOW,
	  PROC2_VIRTUALIZE_X2APIC | PROC2_APIC_REGISTER_VIRT | PROC2_VIRTUAL_INTERRUPT_DELIVERY, 0, 0 },
	{ VMX_FEAT_VID, 1ull << VMX_FEAT_POSTED_INTR, PIN_POSTED_INTERRUPTS, 0, PROC2_VIRTUAL_INTERRUPT_DELIVERY, 0,
	  0 },
	{ VMX_FEAT_EPT_AD, 1ull << VMX_FEAT_PML, 0, 0, PROC2_ENABLE_PML, 0, 0 },
	{ VMX_FEAT_APIC_ACCESS, 0, 0, 0, PROC2_VIRTUALIZE_APIC_ACCESSES, 0, 0 },
	{ VMX_FEAT_RDTSCP, 0, 0, 0, PROC2_ENABLE_RDTSCP, 0, 0 },
	{ VMX_FEAT_INVPCID, 0, 0, 0, PROC2_ENABLE_INVPCID, 0, 0 },
	{ VMX_FEAT_XSAVES, 0, 0, 0, PROC2_ENABLE_XSAVES, 0, 0 },
	{ VMX_FEAT_PLE, 0, 0, 0, PROC2_PAUSE_LOOP_EXITING, 0, 0 },
	{ VMX_FEAT_MTF, 0, 0, PROC_MONITOR_TRAP_FLAG, 0, 0, 0 },
	{ VMX_FEAT_TSC_SCALING, 0, 0, 0, PROC2_TSC_SCALING, 0, 0 },
	{ VMX_FEAT_DESCRIPTOR_EXIT, 0, 0, 0, PROC2_DESCRIPTOR_TABLE_EXITING, 0, 0 },
	{ VMX_FEAT_MBEC, 0, 0, 0, PROC2_MODE_BASED_EXECUTE, 0, 0 },
};

START_TEST(each_off)
{
	struct vmx_cap_msrs m = full();
	u64 all = BIT(VMX_FEATURE_COUNT) - 1;

	for (u32 i = 0; i < ARRAY_SIZE(control_rows); i++) {
		u64 bit = BIT(control_rows[i].f);
		struct vmx_caps c = solved(&m, bit);

		ck_assert_msg(c.features == (all & ~bit & ~control_rows[i].also_off), "%s: %llx",
		              vmx_feature_name(control_rows[i].f), (unsigned long long)c.features);
		ck_assert_uint_eq(c.pin_allowed & control_rows[i].pin, 0);
		ck_assert_uint_eq(c.proc_allowed & control_rows[i].proc, 0);
		ck_assert_uint_eq(c.proc2_allowed & control_rows[i].proc2, 0);
		ck_assert_uint_eq(c.exit_allowed & control_rows[i].exit, 0);
		check_words(&c);
	}
	/* Everything off at once but the INVEPT types. */
	{
		struct vmx_caps c = solved(&m, all & ~VMX_F_INVEPT_SINGLE);

		ck_assert_uint_eq(c.features, VMX_F_INVEPT_SINGLE);
		ck_assert_uint_eq(c.proc2, PROC2_ENABLE_EPT | PROC2_UNRESTRICTED_GUEST);
		ck_assert(c.proc & PROC_CR8_LOAD_EXITING && c.proc & PROC_CR8_STORE_EXITING);
		ck_assert_uint_eq(c.eptp_flags, 0x1e);
		check_words(&c);
	}
}
END_TEST

START_TEST(vpid_needs_invvpid)
{
	struct vmx_cap_msrs m = full();
	struct vmx_caps c = solved(&m, VMX_F_INVVPID_SINGLE);

	ck_assert(c.features & VMX_F_VPID);
	c = solved(&m, VMX_F_INVVPID_SINGLE | VMX_F_INVVPID_ALL);
	ck_assert(!(c.features & VMX_F_VPID));
	ck_assert(!(c.proc2 & PROC2_ENABLE_VPID));
	m.ept_vpid &= ~VPID_CAP_INVVPID;
	c = solved(&m, 0);
	ck_assert(!(c.features & (VMX_F_VPID | VMX_F_INVVPID_ADDR)));
}
END_TEST

START_TEST(invept_types)
{
	struct vmx_cap_msrs m = full();
	struct vmx_want want = { VMX_F_INVEPT_SINGLE | VMX_F_INVEPT_ALL };
	struct vmx_caps c;
	struct caps_err err;

	ck_assert_int_eq(vmx_caps_solve(&m, &want, &c, &err), ERR_INVAL);
	ck_assert(strstr(err.advice, "invept"));
	m.ept_vpid &= ~(EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVEPT_ALL);
	ck_assert_int_eq(vmx_caps_solve(&m, NULL, &c, &err), ERR_NOTSUP);
	ck_assert_str_eq(err.what, "no INVEPT");
}
END_TEST

START_TEST(required_named)
{
	static const struct {
		int word; /* 0 pin, 1 proc, 2 proc2, 3 exit, 4 entry */
		u32 bit;
		const char *what;
	} rows[] = {
		{ 1, PROC_SECONDARY_CONTROLS, "no EPT (no secondary processor-based controls)" },
		{ 2, PROC2_ENABLE_EPT, "no EPT" },
		{ 2, PROC2_UNRESTRICTED_GUEST, "no unrestricted guest" },
		{ 0, PIN_EXTERNAL_INTERRUPT_EXITING, "no external-interrupt exiting" },
		{ 0, PIN_NMI_EXITING, "no NMI exiting" },
		{ 1, PROC_HLT_EXITING, "no HLT exiting" },
		{ 1, PROC_IO_BITMAPS, "no I/O bitmaps" },
		{ 1, PROC_MSR_BITMAPS, "no MSR bitmaps" },
		{ 3, EXIT_HOST_64BIT, "no 64-bit host" },
		{ 3, EXIT_ACK_INTERRUPT, "no acknowledge-interrupt-on-exit" },
		{ 3, EXIT_LOAD_EFER, "no load of IA32_EFER on exit" },
		{ 4, ENTRY_LOAD_EFER, "no load of IA32_EFER on entry" },
		{ 4, ENTRY_LOAD_PAT, "no load of IA32_PAT on entry" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vmx_cap_msrs m = full();
		u64 *words[] = { &m.true_pin, &m.true_proc, &m.proc2, &m.true_exit, &m.true_entry };
		struct vmx_caps c;
		struct caps_err err;

		*words[rows[i].word] &= ~((u64)rows[i].bit << 32);
		ck_assert_int_eq(vmx_caps_solve(&m, NULL, &c, &err), ERR_NOTSUP);
		ck_assert_str_eq(err.what, rows[i].what);
		ck_assert_uint_gt(strlen(err.advice), 20);
		ck_assert_uint_lt(strlen(err.advice), sizeof(err.advice) - 1);
	}
}
END_TEST

START_TEST(required_rest)
{
	struct vmx_caps c;
	struct caps_err err;
	struct vmx_cap_msrs m = full();

	m.ept_vpid &= ~EPT_CAP_WALK4;
	ck_assert_int_eq(vmx_caps_solve(&m, NULL, &c, &err), ERR_NOTSUP);
	m = full();
	m.ept_vpid &= ~EPT_CAP_WB;
	ck_assert_int_eq(vmx_caps_solve(&m, NULL, &c, &err), ERR_NOTSUP);
	m = full();
	m.basic &= ~(0x1fffull << 32);
	ck_assert_int_eq(vmx_caps_solve(&m, NULL, &c, &err), ERR_NOTSUP);
	m = full();
	m.basic |= VMX_BASIC_32BIT_ADDR;
	ck_assert_int_eq(vmx_caps_solve(&m, NULL, &c, &err), ERR_NOTSUP);
	/* Neither TPR shadow nor CR8 exits. */
	m = full();
	m.true_proc &= ~((u64)(PROC_TPR_SHADOW | PROC_CR8_LOAD_EXITING) << 32);
	ck_assert_int_eq(vmx_caps_solve(&m, NULL, &c, &err), ERR_NOTSUP);
	ck_assert(strstr(err.what, "CR8"));
	/* No VT-x at all: all MSRs zero. */
	memset(&m, 0, sizeof(m));
	ck_assert_int_eq(vmx_caps_solve(&m, NULL, &c, &err), ERR_NOTSUP);
	ck_assert(strstr(err.what, "no EPT"));
}
END_TEST

START_TEST(forced_controls)
{
	struct vmx_cap_msrs m = full();
	struct vmx_caps c;
	struct caps_err err;

	m.true_proc |= PROC_RDTSC_EXITING;
	ck_assert_int_eq(vmx_caps_solve(&m, NULL, &c, &err), ERR_NOTSUP);
	ck_assert_str_eq(err.what, "primary processor-based controls 1000 cannot be off");
	/* A forced optional that is wanted anyway is fine, and an error once switched off. */
	m = full();
	m.proc2 |= PROC2_ENABLE_RDTSCP;
	c = solved(&m, 0);
	ck_assert(c.proc2_forced & PROC2_ENABLE_RDTSCP);
	ck_assert_int_eq(vmx_caps_solve(&m, &(struct vmx_want){ VMX_F_RDTSCP }, &c, &err), ERR_NOTSUP);
}
END_TEST

START_TEST(without_true_msrs)
{
	struct vmx_cap_msrs m = full();
	struct vmx_caps c;

	m.basic &= ~VMX_BASIC_TRUE_CONTROLS;
	m.true_pin = m.true_proc = m.true_exit = m.true_entry = 0;
	c = solved(&m, 0);
	/* CR3 exits are pinned to 1 on such a CPU; the engine sees them in the word. */
	ck_assert(c.proc & PROC_CR3_LOAD_EXITING);
	ck_assert(c.proc_forced & PROC_CR3_STORE_EXITING);
	check_words(&c);
}
END_TEST

START_TEST(old_cpu)
{
	struct vmx_cap_msrs m = full();
	struct vmx_caps c;

	/* Westmere: no APIC-register virtualization, VID, EPT A/D, posted interrupts, XSAVES, INVPCID. */
	m.proc2 = ctl(0, PROC2_VIRTUALIZE_APIC_ACCESSES | PROC2_ENABLE_EPT | PROC2_DESCRIPTOR_TABLE_EXITING |
	                         PROC2_ENABLE_RDTSCP | PROC2_VIRTUALIZE_X2APIC | PROC2_ENABLE_VPID |
	                         PROC2_WBINVD_EXITING | PROC2_UNRESTRICTED_GUEST | PROC2_PAUSE_LOOP_EXITING);
	m.ept_vpid &= ~EPT_CAP_AD;
	m.true_pin = ctl(PIN_DEFAULT1, 0x7f);
	c = solved(&m, 0);
	ck_assert(!vmx_caps_vid_hasty(&c));
	ck_assert(!(c.features & (VMX_F_VID | VMX_F_APIC_REG_VIRT | VMX_F_POSTED_INTR | VMX_F_EPT_AD | VMX_F_PML |
	                          VMX_F_XSAVES | VMX_F_INVPCID | VMX_F_USER_WAIT)));
	ck_assert(c.features & VMX_F_TPR_SHADOW);
	ck_assert_uint_eq(c.eptp_flags, 0x1e);
	ck_assert_uint_eq(vmx_caps_apic_proc2(&c, VMX_APIC_XAPIC), PROC2_VIRTUALIZE_APIC_ACCESSES);
	ck_assert_uint_eq(vmx_caps_apic_proc2(&c, VMX_APIC_X2APIC), PROC2_VIRTUALIZE_X2APIC);
	check_words(&c);
}
END_TEST

START_TEST(apic_modes)
{
	struct vmx_cap_msrs m = full();
	struct vmx_caps c = solved(&m, 0);
	u64 apicv;

	ck_assert(!vmx_caps_vid_hasty(&c));
	c = solved(&m, VMX_F_POSTED_INTR); /* as Bochs has it */
	ck_assert(vmx_caps_vid_hasty(&c));
	c = solved(&m, 0);
	ck_assert_uint_eq(vmx_caps_apic_proc2(&c, VMX_APIC_OFF), 0);
	ck_assert_uint_eq(vmx_caps_apic_proc2(&c, VMX_APIC_XAPIC), PROC2_VIRTUALIZE_APIC_ACCESSES |
	                                                                   PROC2_APIC_REGISTER_VIRT |
	                                                                   PROC2_VIRTUAL_INTERRUPT_DELIVERY);
	ck_assert_uint_eq(vmx_caps_apic_proc2(&c, VMX_APIC_X2APIC),
	                  PROC2_VIRTUALIZE_X2APIC | PROC2_APIC_REGISTER_VIRT | PROC2_VIRTUAL_INTERRUPT_DELIVERY);
	for (u32 mode = 0; mode < 3; mode++)
		ck_assert_uint_eq(vmx_caps_apic_proc2(&c, (enum vmx_apic_mode)mode) & ~VMX_APIC_PROC2_MASK, 0);
	ck_assert_int_eq(vmx_feature_parse("apicv", &apicv), OK);
	c = solved(&m, apicv);
	ck_assert_uint_eq(vmx_caps_apic_proc2(&c, VMX_APIC_XAPIC), 0);
	ck_assert_uint_eq(vmx_caps_apic_proc2(&c, VMX_APIC_X2APIC), 0);
	ck_assert(c.features & VMX_F_TPR_SHADOW);
	ck_assert_uint_eq(c.proc2 & VMX_APIC_PROC2_MASK, 0);
}
END_TEST

START_TEST(names)
{
	u64 mask, off = 0;
	char bad[8];

	for (u32 f = 0; f < VMX_FEATURE_COUNT; f++) {
		ck_assert_int_eq(vmx_feature_parse(vmx_feature_name((enum vmx_feature)f), &mask), OK);
		ck_assert_uint_eq(mask, BIT(f));
	}
	ck_assert_int_eq(vmx_feature_parse("vpi", &mask), ERR_NOENT);
	ck_assert_int_eq(vmx_feature_parse("", &mask), ERR_NOENT);
	ck_assert_int_eq(vmx_features_parse_list("vpid,large-pages,ept-ad", &off, NULL, 0), OK);
	ck_assert_uint_eq(off, VMX_F_VPID | VMX_F_EPT_1G | VMX_F_EPT_2M | VMX_F_EPT_AD);
	ck_assert_int_eq(vmx_features_parse_list("", &off, NULL, 0), OK);
	ck_assert_int_eq(vmx_features_parse_list("pml,nonsense-name,mtf", &off, bad, sizeof(bad)), ERR_NOENT);
	ck_assert_str_eq(bad, "nonsens");
	ck_assert_int_eq(vmx_features_parse_list("x", &off, NULL, 0), ERR_NOENT);
}
END_TEST

/* Random MSRs: whatever is solved is a legal setting with all that is required in it. */
START_TEST(random_msrs)
{
	u32 solved_count = 0;

	srand(1);
	for (u32 n = 0; n < 20000; n++) {
		struct vmx_cap_msrs m = full();
		u64 *words[] = { &m.true_pin,   &m.true_proc, &m.proc2, &m.true_exit,
			         &m.true_entry, &m.ept_vpid,  &m.misc,  &m.basic };
		struct vmx_want want = { ((u64)rand() << 31 ^ (u64)rand()) & ((u64)rand() << 31 ^ (u64)rand()) };
		struct vmx_caps c;
		struct caps_err err;

		for (u32 k = 0; k < 3; k++)
			*words[rand() % 8] &= ~(1ull << (rand() % 64));
		if (vmx_caps_solve(&m, &want, &c, &err) != OK) {
			ck_assert_uint_gt(strlen(err.what), 0);
			ck_assert_uint_gt(strlen(err.advice), 0);
			continue;
		}
		solved_count++;
		check_words(&c);
		ck_assert_uint_eq(c.features & want.disable, 0);
		ck_assert(c.proc2 & PROC2_ENABLE_EPT && c.proc2 & PROC2_UNRESTRICTED_GUEST);
		ck_assert(c.features & VMX_F_TPR_SHADOW || c.proc & PROC_CR8_LOAD_EXITING);
		ck_assert(!(c.features & VMX_F_PML) || c.features & VMX_F_EPT_AD);
		ck_assert(!(c.features & VMX_F_POSTED_INTR) || c.features & VMX_F_VID);
	}
	ck_assert_uint_gt(solved_count, 1000);
}
END_TEST

START_TEST(tables)
{
	for (u32 i = 0; i < VMCS_FIELD_COUNT; i++) {
		const struct vmcs_field_info *f = &vmcs_field_table[i];

		ck_assert_uint_eq(f->width, vmcs_field_width(f->encoding));
		ck_assert_uint_eq(f->kind, vmcs_field_kind(f->encoding));
		ck_assert_str_eq(vmcs_field_name(f->encoding), f->name);
		if (i)
			ck_assert_uint_gt(f->encoding, vmcs_field_table[i - 1].encoding);
		for (u32 k = 0; k < i; k++)
			ck_assert_str_ne(vmcs_field_table[k].name, f->name);
	}
	ck_assert_str_eq(vmcs_field_name(0x2001), "?");
	/* Spot checks against the SDM's appendix. */
	ck_assert_uint_eq(VMCS_GUEST_RIP, 0x681e);
	ck_assert_uint_eq(VMCS_HOST_RIP, 0x6c16);
	ck_assert_uint_eq(VMCS_EPTP, 0x201a);
	ck_assert_uint_eq(VMCS_TSC_MULTIPLIER, 0x2032);
	ck_assert_uint_eq(VMCS_EXIT_INSN_INFO, 0x440e);
	ck_assert_uint_eq(VMCS_GUEST_TR_AR, 0x4822);
	ck_assert_uint_eq(VMCS_PREEMPTION_TIMER, 0x482e);
	ck_assert_uint_eq(VMCS_PROC2_CONTROLS, 0x401e);
	ck_assert_uint_eq(VMCS_PLE_WINDOW, 0x4022);
	ck_assert_uint_eq(VMCS_GUEST_PHYSICAL_ADDR, 0x2400);
	ck_assert_uint_eq(VMCS_GUEST_LINEAR_ADDR, 0x640a);
	ck_assert_uint_eq(VMCS_EXIT2_CONTROLS, 0x2044);
	ck_assert_uint_eq(VMCS_GUEST_PENDING_DEBUG, 0x6822);

	ck_assert_str_eq(exit_reason_name(0), "EXCEPTION_NMI");
	ck_assert_str_eq(exit_reason_name(EXIT_REASON_EPT_VIOLATION), "EPT_VIOLATION");
	ck_assert_uint_eq(EXIT_REASON_EPT_VIOLATION, 48);
	ck_assert_uint_eq(EXIT_REASON_XRSTORS, 64);
	ck_assert_uint_eq(EXIT_REASON_BUS_LOCK, 74);
	ck_assert_str_eq(exit_reason_name(35), "reserved");
	ck_assert_str_eq(exit_reason_name(38), "reserved");
	ck_assert_str_eq(exit_reason_name(42), "reserved");
	ck_assert_str_eq(exit_reason_name(65535), "reserved");
	ck_assert_uint_eq(EXIT_REASON_BASIC(0x80000021u), EXIT_REASON_INVALID_GUEST_STATE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("caps");
	TCase *tc = tcase_create("caps");
	SRunner *r;
	int failed;

	tcase_add_test(tc, everything);
	tcase_add_test(tc, cr_fixed_bits);
	tcase_add_test(tc, each_off);
	tcase_add_test(tc, vpid_needs_invvpid);
	tcase_add_test(tc, invept_types);
	tcase_add_test(tc, required_named);
	tcase_add_test(tc, required_rest);
	tcase_add_test(tc, forced_controls);
	tcase_add_test(tc, without_true_msrs);
	tcase_add_test(tc, old_cpu);
	tcase_add_test(tc, apic_modes);
	tcase_add_test(tc, names);
	tcase_add_test(tc, random_msrs);
	tcase_add_test(tc, tables);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
