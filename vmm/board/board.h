/* The devices a VM has, and what they are wired to. */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/backend/blk.h"
#include "vmm/backend/fb.h"

struct vdev;
struct vm;
struct vm_image;

/* Creates, wires and attaches them; vCPUs and interrupt controllers exist.
 * OK or an error, logged; board_destroy(). */
__must_check int board_create(struct vm *vm);
void board_destroy(struct vm *vm);
/* Power-on state at VM time now: steps 0, 1 ... of it, a device or a piece of a device's memory each, until false. */
bool board_reset_step(struct vm *vm, u32 step, u64 now);
/* Its devices, in the order of their table, and how many there are. */
const struct vdev *board_devices(const struct vm *vm, u32 *nr);
/* Its screen; ops NULL: it has none. */
struct fb board_screen(struct vm *vm);
/*
 * A piece, at most 50 us, of what the disks and network cards of vm have to do, when vm->work.disks says that there is something. In a turn
 * of vm, at whose expense it is, without its lock.
 */
void board_disk_work(struct vm *vm);
/*
 * Removable media, with the VM's lock. The number of the drive called so ("cd0"), for what follows: or ERR_NOENT,
 * ERR_NOTSUP: a disk, whose medium stays.
 */
__must_check int board_drive(const struct vm *vm, const char *name);
/*
 * The medium is taken out; what was written to it is forgotten. OK, also when there was none; ERR_BUSY: the guest reads
 * from it just now; ERR_PERM: it has locked the tray, and is told that somebody would like to (unless force).
 */
__must_check int board_eject(struct vm *vm, u32 drive, bool force);
/*
 * Another is put in, called so, that lives as long as the machine. OK; ERR_BUSY: there is one; ERR_TRUNC: done, but the
 * image is incomplete; ERR_INVAL: no image for this drive. *flaw says of the last two why.
 */
__must_check int board_insert(struct vm *vm, u32 drive, const char *name, const struct vm_image *image,
                              struct blk_flaw *flaw);
/* The name of the medium that is in a drive; "": none. */
const char *board_medium(const struct vm *vm, u32 drive);
/* The guest's power button is pressed. On a vCPU's CPU, with the VM's lock. */
void board_power_button(struct vm *vm);
