/* The tables behind vmcs_fields.h and exit_reasons.h. */
#include "arch/x86/vmx/exit_reasons.h"
#include "arch/x86/vmx/vmcs_fields.h"

const struct vmcs_field_info vmcs_field_table[VMCS_FIELD_COUNT] = {
#define VMCS_X(enc, name, width, kind) { (enc), VMCS_WIDTH_##width, VMCS_KIND_##kind, #name },
	VMCS_FIELDS(VMCS_X)
#undef VMCS_X
};

const char *vmcs_field_name(u32 encoding)
{
	for (u32 i = 0; i < ARRAY_SIZE(vmcs_field_table); i++) {
		if (vmcs_field_table[i].encoding == encoding)
			return vmcs_field_table[i].name;
	}
	return "?";
}

const char *exit_reason_name(u32 basic)
{
	static const char *const names[EXIT_REASON_COUNT] = {
#define EXIT_X(nr, name) [nr] = #name,
		EXIT_REASONS(EXIT_X)
#undef EXIT_X
	};

	if (basic < EXIT_REASON_COUNT && names[basic])
		return names[basic];
	return "reserved";
}
