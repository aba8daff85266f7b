/* Properties of a guest about the machine it finds: its platform, and the firmware that starts it. */
#include "lib/string.h"
#include "vmm/config/internal.h"

static const char *const platform_words[] = { "minimal", "pc", NULL };
/* Those of enum vm_firmware but its first, which nobody has to write. */
static const char *const firmware_words[] = { "bios", "uefi", NULL };

const char *config_platform_str(enum vm_platform p)
{
	return (u32)p < ARRAY_SIZE(platform_words) - 1 ? platform_words[p] : "?";
}
const char *config_firmware_str(enum vm_firmware f)
{
	if (f == VM_FIRMWARE_NONE)
		return "none";
	return (u32)f < ARRAY_SIZE(firmware_words) ? firmware_words[f - 1] : "?";
}

void cfg_vm_platform(struct where *w, const struct value *v, const struct target *t)
{
	u32 i;

	if (cfg_word(w, v, platform_words, &i))
		t->vm->platform = (enum vm_platform)i;
}

void cfg_vm_firmware(struct where *w, const struct value *v, const struct target *t)
{
	u32 i;

	if (cfg_word(w, v, firmware_words, &i))
		t->vm->firmware = (enum vm_firmware)(i + 1);
}

void cfg_vm_firmware_image(struct where *w, const struct value *v, const struct target *t)
{
	t->vm->firmware_image = cfg_module(w, v, t);
}

void cfg_vm_boot_menu(struct where *w, const struct value *v, const struct target *t)
{
	t->vm->boot_menu = cfg_flag(w, v);
}

/* What is of no use without another property, which is not there. */
static void only_with(struct where *w, const char *name, bool there, const char *other)
{
	if (there)
		cfg_fail(w, "%s is only for guests with %s", name, other);
}

void cfg_check_platform(struct where *w, struct vm_config *vm, const struct config_limits *lim,
                        bool (*has)(u64 seen, const char *name), u64 seen)
{
	const struct target t = { .vm = vm, .lim = lim };

	if (vm->firmware && !has(seen, "platform"))
		vm->platform = VM_PLATFORM_PC;
	if (vm->firmware && vm->platform == VM_PLATFORM_MINIMAL)
		cfg_fail(w,
		         "firmware \"%s\" does not run on platform \"minimal\", which has not the devices it needs: "
		         "platform = \"pc\"",
		         config_firmware_str(vm->firmware));
	if (vm->nr_drives && vm->platform == VM_PLATFORM_MINIMAL)
		cfg_fail(w, "drives are not for platform \"minimal\", which has no controller for them: "
		            "platform = \"pc\"");
	if (vm->nr_nics && vm->platform == VM_PLATFORM_MINIMAL)
		cfg_fail(w, "network cards are not for platform \"minimal\": platform = \"pc\"");
	if (!has(seen, "firmware")) {
		only_with(w, "firmware-image", has(seen, "firmware-image"), "firmware");
		only_with(w, "boot-menu", has(seen, "boot-menu"), "firmware");
		return;
	}
	if (!has(seen, "firmware-image") && vm->firmware) {
		vm->firmware_image = config_firmware_str(vm->firmware);
		w->prop = "firmware";
		cfg_need_module(w, &t, vm->firmware_image);
		w->prop = NULL;
	}
	if (has(seen, "kernel"))
		return;
	only_with(w, "initrd", has(seen, "initrd"), "kernel");
	only_with(w, "modules", has(seen, "modules"), "kernel");
	only_with(w, "cmdline", has(seen, "cmdline"), "kernel");
	only_with(w, "protocol", has(seen, "protocol"), "kernel");
}
