/* Media that come and go: CDs and floppies are taken out, others put in. */
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/board/board.h"
#include "vmm/board/priv.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/vm/vm.h"

/* The longest map that a medium with an overlay needs is that of a floppy of 2.88M: a page. */
_Static_assert((2880u << 10) / RAMDISK_PAGE * sizeof(u32) <= PAGE_SIZE, "create_overlay's map is of whole pages");

int board_drive(const struct vm *vm, const char *name)
{
	for (u32 i = 0; i < vm->config.nr_drives; i++) {
		const struct vm_drive *d = &vm->config.drives[i];
		char is[16];

		fmt_snprintf(is, sizeof(is), "%s%u", config_drive_kind_str(d->kind), d->nr);
		if (!strcmp(is, name))
			return d->kind == VM_DRIVE_DISK ? ERR_NOTSUP : (int)i;
	}
	return ERR_NOENT;
}

const char *board_medium(const struct vm *vm, u32 drive)
{
	const char *name = vm->board->disk[drive].name;

	return name ? name : "";
}

int board_eject(struct vm *vm, u32 drive, bool force)
{
	struct board *b = vm->board;
	struct board_disk *d = &b->disk[drive];
	u32 place = d->drive->place;
	int err;

	if (!d->name)
		return OK;
	if (d->drive->model == VM_DRIVE_FDC)
		err = vfdc_eject(&b->floppy, place);
	else if (!force && vide_locked(&b->ide, place))
		err = vide_eject(&b->ide, place, false) ? ERR_PERM : OK;
	else
		err = vide_eject(&b->ide, place, force);
	if (!err)
		d->name = NULL;
	return err;
}

int board_insert(struct vm *vm, u32 drive, const char *name, const struct vm_image *image, struct blk_flaw *flaw)
{
	struct board *b = vm->board;
	struct board_disk *d = &b->disk[drive];
	struct ramdisk_cfg cfg = board_medium_cfg(d), old = d->rd.cfg;
	struct blk blk = { &ramdisk_ops, &d->rd };
	int torn, err;

	if (d->name)
		return ERR_BUSY;
	torn = board_check_image(d->drive, image, &cfg.size, flaw);
	if (torn && torn != ERR_TRUNC)
		return torn;
	cfg.image = image->data;
	cfg.have = image->len;
	/* What the guest writes goes where it went before, or nowhere. */
	cfg.map = old.map;
	cfg.pages = old.pages;
	cfg.nr_pages = old.nr_pages;
	err = ramdisk_init(&d->rd, &cfg);
	if (err)
		return err;
	if (d->drive->model == VM_DRIVE_FDC)
		err = vfdc_insert(&b->floppy, d->drive->place, &blk);
	else
		err = vide_insert(&b->ide, d->drive->place, &blk);
	if (err)
		return err;
	d->name = name;
	return torn;
}
