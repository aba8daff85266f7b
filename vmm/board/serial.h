/* A VM's serial ports, and what they are connected to. */
#pragma once

#include "vmm/backend/chr.h"
#include "vmm/config/config.h"

struct vm;

/* Who may be at the other end. What all ports send goes to the watcher, too. */
enum serial_end { SERIAL_CONSOLE, SERIAL_CONTROL, SERIAL_WATCH, SERIAL_NR_ENDS };

/* chr, which is copied, is vm's console, control channel or watcher from now on. Before its first start. */
void serial_set_end(struct vm *vm, enum serial_end end, const struct chr *chr);
/* Port n is connected to another end while the guest runs: a standby guest takes its primary's. */
void serial_connect(struct vm *vm, u32 n, enum vm_serial kind);

/* Keys for the guest's console port, from any CPU; returns how many were taken. */
size_t serial_queue_input(struct vm *vm, const u8 *buf, size_t len);
/* Whether there are keys or answers for the guest; moves what its UARTs have room for, with the VM's lock held. */
bool serial_input_waits(const struct vm *vm);
void serial_take_input(struct vm *vm);
/*
 * A piece, at most 50 us, of what the ends of vm's ports have to do, when vm->work.ends says that there is something. In a
 * turn of vm, at whose expense it is, without its lock; another vCPU may be loaded afterwards.
 */
void serial_work(struct vm *vm);
/* Room of the control port's receiver, and bytes for it. With the VM's lock held. */
size_t serial_control_space(struct vm *vm);
void serial_control_input(struct vm *vm, const u8 *buf, size_t len);
