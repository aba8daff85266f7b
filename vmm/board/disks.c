/* A VM's drives: the boot modules that are their media, and the turns in which their bytes, and those of cards, move. */
#include "arch/x86/percpu.h"
#include "lib/atomic.h"
#include "lib/log.h"
#include "vmm/board/board.h"
#include "vmm/board/priv.h"
#include "vmm/cpu/request.h"
#include "vmm/vm/vm.h"

/* ---- turns ---- */

void board_work_wanted(struct vm *vm)
{
	struct vcpu *v = this_cpu()->current;

	atomic_store(&vm->work.disks, 1);
	if (v && v->vm == vm)
		vcpu_request_self(v, VCPU_REQ_INPUT);
	else
		vcpu_request(vm->vcpus[0], VCPU_REQ_INPUT);
}

static void kick(void *arg)
{
	board_work_wanted(arg);
}

static void kick_disk(void *arg)
{
	kick(((struct board_disk *)arg)->vm);
}

/* The card whose turn n is, or NULL. */
static struct ve1000 *card(const struct vm *vm, u32 n)
{
	u32 first = vm->config.nr_drives + VIDE_CHANNELS;

	return n < first ? NULL : vm->board->nic[n - first];
}

/* Whose turn n is: a medium's, a channel's of the IDE function, or a network card's. */
static bool has_work(const struct vm *vm, u32 n)
{
	const struct board *b = vm->board;
	u32 media = vm->config.nr_drives;

	if (n < media)
		return b->disk[n].rd.head != NULL;
	if (n < media + VIDE_CHANNELS)
		return vide_has_work(&b->ide, n - media);
	return card(vm, n) && ve1000_has_work(card(vm, n));
}

static void do_piece(struct vm *vm, u32 n)
{
	struct board *b = vm->board;
	u32 media = vm->config.nr_drives;

	if (n < media)
		ramdisk_work(&b->disk[n].rd);
	else if (n < media + VIDE_CHANNELS)
		vide_work(&b->ide, n - media);
	else
		ve1000_work(card(vm, n), vm_now(vm));
}

void board_disk_work(struct vm *vm)
{
	struct board *b = vm->board;
	u32 all = vm->config.nr_drives + VIDE_CHANNELS + CONFIG_MAX_NICS, at = b->disk_turn;

	vm_lock(vm);
	atomic_store(&vm->work.disks, 0);
	for (u32 i = 0; i < all; i++) {
		at = at + 1 < all ? at + 1 : 0;
		if (!has_work(vm, at))
			continue;
		do_piece(vm, at);
		break;
	}
	b->disk_turn = at;
	for (u32 i = 0; i < all; i++)
		if (has_work(vm, i))
			atomic_store(&vm->work.disks, 1);
	vm_unlock(vm);
}

/* ---- what is told ---- */

static void overlay_full(void *arg, u64 sector)
{
	const struct board_disk *d = arg;

	vcpu_log(d->vm->vcpus[0], LOG_WARN,
	         "%s%u: its overlay of %lu KiB is in use: writes fail from now on, the first one to sector %lu\n",
	         config_drive_kind_str(d->drive->kind), d->drive->nr, d->drive->overlay >> 10, sector);
}

static void complain(void *arg, u32 channel, const char *what, u64 value)
{
	const struct vm *vm = arg;

	vcpu_log(vm->vcpus[0], LOG_WARN, "ide%u: %s %#lx: its command is aborted\n", channel, what, value);
}

/* ---- configuration ---- */

/* Memory for what the guest writes, of its account. */
static int create_overlay(struct vm *vm, const struct vm_drive *drive, struct ramdisk_cfg *cfg)
{
	/* Whole pages: the floppies that may follow have their places, too. */
	u64 map = ALIGN_UP(ramdisk_map_len(cfg->size) * sizeof(u32), PAGE_SIZE);
	void *p;
	int err = vm_devmem_alloc(vm, map, 0, &p);

	if (err)
		return err;
	cfg->map = p;
	cfg->nr_pages = (u32)MIN(drive->overlay / RAMDISK_PAGE, RAMDISK_ZERO - 2ull);
	err = vm_devmem_alloc(vm, drive->overlay, 0, &p);
	cfg->pages = p;
	return err;
}

int board_check_image(const struct vm_drive *drive, const struct vm_image *image, u64 *medium, struct blk_flaw *flaw)
{
	*medium = image->len;
	if (drive->kind == VM_DRIVE_FLOPPY)
		return vfdc_check(image->data, image->len, medium, flaw);
	return ramdisk_check(image->data, image->len, drive->kind == VM_DRIVE_CD, flaw);
}

struct ramdisk_cfg board_medium_cfg(struct board_disk *d)
{
	return (struct ramdisk_cfg){ .cd = d->drive->kind == VM_DRIVE_CD,
		                     .read_only = d->drive->read_only,
		                     .serial = d->drive->serial,
		                     .full = overlay_full,
		                     .kick = kick_disk,
		                     .arg = d };
}

/* The medium of drive n of the configuration; a drive may be empty. */
static int create_medium(struct vm *vm, u32 n, struct blk *blk)
{
	const struct vm_drive *drive = &vm->config.drives[n];
	const struct vm_image *image = &vm->drives[n];
	struct board_disk *d = &vm->board->disk[n];
	struct ramdisk_cfg cfg;
	struct blk_flaw flaw;
	int err;

	*d = (struct board_disk){ .vm = vm, .drive = drive };
	if (!image->data)
		return OK;
	cfg = board_medium_cfg(d);
	cfg.image = image->data;
	cfg.have = image->len;
	err = board_check_image(drive, image, &cfg.size, &flaw);
	if (err)
		log_printf(err == ERR_TRUNC ? LOG_WARN : LOG_ERR,
		           "guest %s: %s%u: module \"%s\", at offset %#lx: %s\n", vm->config.name,
		           config_drive_kind_str(drive->kind), drive->nr, drive->source, flaw.offset, flaw.reason);
	if (err && err != ERR_TRUNC)
		return err;
	err = drive->overlay ? create_overlay(vm, drive, &cfg) : OK;
	if (!err)
		err = ramdisk_init(&d->rd, &cfg);
	if (err)
		return err;
	d->name = drive->source;
	*blk = (struct blk){ &ramdisk_ops, &d->rd };
	return OK;
}

int board_ide_config(struct vm *vm, u32 n, union board_cfg *cfg)
{
	struct board *b = vm->board;

	for (u32 i = 0; i < vm->config.nr_drives; i++) {
		const struct vm_drive *drive = &vm->config.drives[i];
		struct vide_drive_cfg *ide = &b->ide_drive[drive->place];
		int err;

		if (drive->model != VM_DRIVE_IDE || drive->place >= VIDE_DRIVES)
			continue;
		ide->kind = drive->kind == VM_DRIVE_CD ? VIDE_CD : VIDE_DISK;
		ide->serial = drive->serial;
		err = create_medium(vm, i, &ide->blk);
		if (err)
			return err;
		if (drive->kind == VM_DRIVE_DISK)
			b->cmos.disk[drive->place] = vcmos_disk(blk_info(&ide->blk)->sectors);
	}
	cfg->ide = (struct vide_cfg){ .at = { .slot = PIIX_SLOT, .fn = 1 },
		                      .drive = b->ide_drive,
		                      .kick = kick,
		                      .complain = complain,
		                      .arg = vm };
	return OK;
}

int board_floppy_config(struct vm *vm, u32 n, union board_cfg *cfg)
{
	cfg->floppy = (struct vfdc_cfg){ .dma = &vm->board->dma };
	for (u32 i = 0; i < vm->config.nr_drives; i++) {
		const struct vm_drive *drive = &vm->config.drives[i];
		struct blk *blk;
		int err;

		if (drive->model != VM_DRIVE_FDC || drive->place >= VFDC_DRIVES)
			continue;
		blk = &cfg->floppy.blk[drive->place];
		cfg->floppy.present[drive->place] = true;
		err = create_medium(vm, i, blk);
		if (err)
			return err;
		vm->board->cmos.floppy[drive->place] = vfdc_drive_type(blk_info(blk)->sectors);
	}
	return OK;
}
