/*
 * The ways a PC guest resets itself: CF9h, port 92h, and the 8042's pulse command with its A20 gate. Pure. ICH data
 * sheets, "RST_CNT"; IBM PS/2 Technical Reference, "System Control Port A", "Keyboard and Auxiliary Device
 * Controller".
 *
 * The 8042 is a controller with one channel and nothing plugged in: its commands answer, bytes for a keyboard go
 * nowhere, and it raises no interrupt. The firmware tables say that there is no 8042, so that operating systems do
 * not wait for a keyboard; those that look nevertheless find a sane one.
 *
 * On the minimal machine every way resets all of it, and A20 is always open whatever the gates say. On the PC there is
 * an 8042 elsewhere; CF9h knows soft and hard resets, and the others are soft, by which the processor alone starts
 * anew; and A20 is closed for real. By the chip set's data sheet its gate is open while port 92h or the 8042 want it
 * open. Here it is one gate that both move and both read, as in other virtual machines: programs that use one way find
 * that it works, whatever their firmware did by the other.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/base/io_bus.h"
#include "vmm/dev/vdev.h"

#define VRESET_PORT92   0x92
#define VRESET_KBC_DATA 0x60
#define VRESET_KBC_CMD  0x64

#define VRESET_STATE(T, F, A, S)                                                     \
	F(T, u8, cf9)                                                                \
	F(T, u8, port92)                                                             \
	F(T, u8, kbc_cmd)        /* command that waits for its data byte, 0: none */ \
	F(T, u8, kbc_ctl)        /* controller command byte */                       \
	F(T, u8, kbc_out)        /* output buffer */                                 \
	F(T, u8, kbc_outport)    /* bit 0 reset (active low), bit 1 A20 */           \
	F(T, bool, kbc_full)     /* output buffer holds kbc_out */                   \
	F(T, bool, kbc_last_cmd) /* the last write was to the command port (status bit "command/data") */
STATE_STRUCT(vreset_state, VRESET_STATE);

struct vreset {
	struct vreset_state s;
	void (*reset)(void *arg, const char *how);
	void (*soft_reset)(void *arg, const char *how);
	void (*a20)(void *arg, bool open);
	void *arg;
	bool other_kbc;
	struct io_region port92_region, kbc_data_region, kbc_cmd_region;
	struct io_bus *pio; /* set by attach */
};

struct vreset_cfg {
	void (*reset)(void *arg, const char *how);
	/* A reset of the processors alone, INIT: all other devices stay as they are, but A20 is opened. NULL: as reset. */
	void (*soft_reset)(void *arg, const char *how);
	/* A20 is let through, or is 0 in all addresses; told of changes, and after each reset or restore. NULL: it is
	 * always open, and each gate remembers what it was told. */
	void (*a20)(void *arg, bool open);
	void *arg;
	bool other_kbc; /* ports 60h and 64h are another device's: see vreset_set_a20(), vreset_pulse() */
};
extern const struct vdev_ops vreset_ops; /* cfg: struct vreset_cfg. CF9h: see vreset_attach() */

/* reset: the guest resets the machine, how says by which way (a constant, for messages). */
void vreset_init(struct vreset *r, void (*reset)(void *arg, const char *how), void *arg);
/*
 * OK or io_bus_add's error (nothing stays added). CF9h itself belongs to the PCI configuration ports: hand vreset_cf9
 * to vpci_set_cf9().
 */
__must_check int vreset_attach(struct vreset *r, struct io_bus *pio);
void vreset_cf9(void *dev, struct io_access *io);
void vreset_reset(struct vreset *r);

/* With a20: the gate, for the other 8042's output port (bit 1) and its commands. */
bool vreset_a20(const struct vreset *r);
void vreset_set_a20(struct vreset *r, bool open);
/* The other 8042 pulses the reset line, or has it low in its output port. how: as for reset. */
void vreset_pulse(struct vreset *r, const char *how);
