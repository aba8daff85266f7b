/*
 * The nodes in that of a guest: its drives, and (nics.c) its network cards. Their names are a kind and a number, "disk0",
 * and the number says where they are plugged in; what follows later (more models) keeps to that.
 */
#include <libfdt.h>

#include "lib/fmt.h"
#include "lib/string.h"
#include "vmm/config/internal.h"

#define IDE_PLACES    4u /* two channels of two */
#define IDE_SECONDARY 2u /* the first place of the secondary one: CDs are there */
#define FDC_PLACES    2u
#define OVERLAY_MIN   (64ull << 10) /* bytes: less is hardly what was meant */
#define SOURCE_MODULE "module:"

static const char *const kind_words[] = { "disk", "cd", "floppy", NULL };
static const char *const model_words[] = { "ide", "fdc", NULL };
/* What the property takes for disks and CDs; a floppy drive is always at the floppy controller. */
static const char *const ide_words[] = { "ide", NULL };
static const char *const fdc_words[] = { "fdc", NULL };

const char *config_drive_kind_str(enum vm_drive_kind k)
{
	return (u32)k < ARRAY_SIZE(kind_words) - 1 ? kind_words[k] : "?";
}
const char *config_drive_model_str(enum vm_drive_model m)
{
	return (u32)m < ARRAY_SIZE(model_words) - 1 ? model_words[m] : "?";
}

u64 config_account(const struct vm_config *vm)
{
	u64 sum = vm->memory + (vm->platform == VM_PLATFORM_PC ? CONFIG_VIDEO_MEMORY + CONFIG_SCREEN_MEMORY : 0) +
	          (vm->firmware == VM_FIRMWARE_UEFI ? CONFIG_FLASH_MEMORY : 0);

	for (u32 i = 0; i < vm->nr_drives; i++)
		if (__builtin_add_overflow(sum, vm->drives[i].overlay, &sum))
			return ~0ull;
	return sum;
}

static void drive_model(struct where *w, const struct value *v, const struct target *t)
{
	u32 i;

	(void)cfg_word(w, v, t->drive->kind == VM_DRIVE_FLOPPY ? fdc_words : ide_words, &i);
}

static void drive_source(struct where *w, const struct value *v, const struct target *t)
{
	const char *s = cfg_name(w, v);
	size_t n = strlen(SOURCE_MODULE);

	if (!s)
		return;
	if (strncmp(s, SOURCE_MODULE, n) != 0 || !s[n]) {
		cfg_fail(w, "\"%.60s\" is no source: \"module:NAME\", a boot module", s);
		return;
	}
	t->drive->source = s + n;
	cfg_need_module(w, t, t->drive->source);
}

static void drive_read_only(struct where *w, const struct value *v, const struct target *t)
{
	t->drive->read_only = t->drive->said_read_only = cfg_flag(w, v);
}

static void drive_overlay(struct where *w, const struct value *v, const struct target *t)
{
	u64 n;

	if (!cfg_u64(w, v, &n))
		return;
	if (n % PAGE_SIZE)
		cfg_fail(w, "must be a multiple of 4 KiB");
	else if (n < OVERLAY_MIN)
		cfg_fail(w, "must be at least %llu KiB", OVERLAY_MIN >> 10);
	else if (t->lim && t->lim->memory && n > t->lim->memory)
		cfg_fail(w, "%llu MiB are more than the machine has for guests: %llu MiB",
		         (unsigned long long)(n >> 20), (unsigned long long)(t->lim->memory >> 20));
	t->drive->overlay = n;
}

static void drive_serial(struct where *w, const struct value *v, const struct target *t)
{
	const char *s = cfg_name(w, v);

	if (s && strlen(s) > CONFIG_SERIAL_MAX)
		cfg_fail(w, "must not be longer than %u characters", CONFIG_SERIAL_MAX);
	t->drive->serial = s;
}

void cfg_boot_order(struct where *w, const struct value *v, u32 *out)
{
	u32 n;

	if (!cfg_u32(w, v, &n))
		return;
	if (n < 1 || n > CONFIG_MAX_BOOT_ORDER)
		cfg_fail(w, "must be 1 to %u", CONFIG_MAX_BOOT_ORDER);
	else
		*out = n;
}

static void drive_boot_order(struct where *w, const struct value *v, const struct target *t)
{
	cfg_boot_order(w, v, &t->drive->boot_order);
}

static const struct prop_def drive_props[] = {
	{ "model", drive_model },     { "source", drive_source }, { "read-only", drive_read_only },
	{ "overlay", drive_overlay }, { "serial", drive_serial }, { "boot-order", drive_boot_order },
};

bool cfg_is_numbered(const char *name, const char *word, u32 *nr)
{
	size_t n = strlen(word);
	const char *c = name + n;

	if (strncmp(name, word, n) != 0 || !*c || (*c == '0' && c[1]))
		return false;
	for (*nr = 0; *c >= '0' && *c <= '9'; c++)
		*nr = MIN(*nr * 10 + (u32)(*c - '0'), 1000u);
	return !*c;
}

/* Where its name plugs it in. false: there is no such place. */
static bool find_place(struct where *w, struct vm_drive *d)
{
	u32 first = d->kind == VM_DRIVE_CD ? IDE_SECONDARY : 0;
	u32 end = d->kind == VM_DRIVE_FLOPPY ? FDC_PLACES : IDE_PLACES;

	d->model = d->kind == VM_DRIVE_FLOPPY ? VM_DRIVE_FDC : VM_DRIVE_IDE;
	d->place = first + d->nr;
	if (d->nr < end - first)
		return true;
	cfg_fail(w, "there is no such drive: %s0 to %s%u", config_drive_kind_str(d->kind),
	         config_drive_kind_str(d->kind), end - first - 1);
	return false;
}

/* What one drive's properties say together, and beside those of the drives before it. */
static void check_drive(struct where *w, const struct vm_config *vm, struct vm_drive *d)
{
	if (!d->source && d->kind == VM_DRIVE_DISK)
		cfg_fail(w, "source is missing");
	if (d->overlay && d->kind == VM_DRIVE_CD)
		cfg_fail(w, "overlay is not for CDs, which nobody can write to");
	else if (d->overlay && !d->source)
		cfg_fail(w, "overlay is only for drives with source");
	else if (d->overlay && d->read_only)
		cfg_fail(w, "read-only and overlay exclude one another");
	if (!d->overlay)
		d->read_only = true;
	for (u32 i = 0; i < vm->nr_nics; i++)
		if (d->boot_order && vm->nics[i].boot_order == d->boot_order)
			cfg_fail(w, "boot-order %u is that of nic%u", d->boot_order, vm->nics[i].nr);
	for (const struct vm_drive *o = vm->drives; o < d; o++) {
		if (o->kind == d->kind && o->nr == d->nr)
			cfg_fail(w, "appears twice");
		else if (o->model == d->model && o->place == d->place)
			cfg_fail(w, "has the place of %s%u: both would be the %s of the secondary channel",
			         config_drive_kind_str(o->kind), o->nr, d->place & 1 ? "slave" : "master");
		if (o->boot_order && o->boot_order == d->boot_order)
			cfg_fail(w, "boot-order %u is that of %s%u", d->boot_order, config_drive_kind_str(o->kind),
			         o->nr);
	}
}

static void parse_drive(struct where *guest, const void *blob, int node, const struct config_limits *lim,
                        struct vm_config *vm, struct vm_drive *d)
{
	struct target t = { .vm = vm, .drive = d, .lim = lim };
	char prefix[sizeof(guest->path)];
	struct where w;
	u64 seen;

	fmt_snprintf(prefix, sizeof(prefix), "%s/", guest->path);
	cfg_where(&w, guest->errs, prefix, fdt_get_name(blob, node, NULL));
	if (find_place(&w, d)) {
		cfg_props(&w, blob, node, drive_props, ARRAY_SIZE(drive_props), &t, &seen);
		cfg_no_children(&w, blob, node);
		check_drive(&w, vm, d);
	}
	guest->failed |= w.failed;
}

void cfg_drives(struct where *w, const void *blob, int node, const struct config_limits *lim, struct vm_config *vm)
{
	int child;

	fdt_for_each_subnode(child, blob, node)
	{
		const char *name = fdt_get_name(blob, child, NULL);
		struct vm_drive d = { 0 };
		u32 kind = 0;

		while (kind_words[kind] && !cfg_is_numbered(name, kind_words[kind], &d.nr))
			kind++;
		if (kind_words[kind] && vm->nr_drives < CONFIG_MAX_DRIVES) {
			d.kind = (enum vm_drive_kind)kind;
			vm->drives[vm->nr_drives] = d;
			parse_drive(w, blob, child, lim, vm, &vm->drives[vm->nr_drives]);
			vm->nr_drives++;
		} else if (kind_words[kind]) {
			cfg_fail(w, "more than %u drives", CONFIG_MAX_DRIVES);
			return;
		} else if (cfg_is_numbered(name, "nic", &d.nr)) {
			cfg_nic(w, blob, child, d.nr, vm);
		} else {
			cfg_unknown_node(w, blob, child);
		}
	}
}
