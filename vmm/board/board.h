/* The devices a VM has, and what they are wired to. */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/backend/fb.h"

struct vdev;
struct vm;

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
 * A piece, at most 50 us, of what the disks of vm have to do, when vm->work.disks says that there is something. In a turn
 * of vm, at whose expense it is, without its lock.
 */
void board_disk_work(struct vm *vm);
/* The guest's power button is pressed. On a vCPU's CPU, with the VM's lock. */
void board_power_button(struct vm *vm);
