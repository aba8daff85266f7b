/*
 * The ways a PC guest resets itself: CF9h, port 92h, and the 8042's pulse command with its A20 gate. Pure. ICH data
 * sheets, "RST_CNT"; IBM PS/2 Technical Reference, "System Control Port A", "Keyboard and Auxiliary Device
 * Controller".
 *
 * The 8042 here, for machines without v8042.h's, is a controller with one channel and nothing plugged in: its commands
 * answer, bytes for a keyboard go nowhere, and it raises no interrupt. The firmware tables say that there is no 8042,
 * so that operating systems do not wait for a keyboard; those that look nevertheless find a sane one. A20 is then
 * always open whatever the gates say. Beside the real one there is one A20 gate, port 92h's bit 1: the 8042's output
 * port shows it and moves it as well.
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
	void *arg;
	void (*a20)(void *arg, bool open);
	bool no_8042;
	struct io_region port92_region, kbc_data_region, kbc_cmd_region;
	struct io_bus *pio; /* set by attach */
};

struct vreset_cfg {
	void (*reset)(void *arg, const char *how);
	void (*a20)(void *arg, bool open); /* what the gate is set to, after a reset too; NULL: it gates nothing */
	void *arg;
	bool no_8042; /* ports 60h and 64h are v8042.h's */
};
extern const struct vdev_ops vreset_ops; /* cfg: struct vreset_cfg. CF9h: see vreset_attach() */

/* reset: the guest resets the machine, how says by which way (a constant, for messages). */
void vreset_init(struct vreset *r, void (*reset)(void *arg, const char *how), void *arg);
/* The A20 gate, as the 8042's output port moves and shows it. */
void vreset_set_a20(void *dev, bool open);
bool vreset_a20(const void *dev);
/*
 * OK or io_bus_add's error (nothing stays added). CF9h itself belongs to the PCI configuration ports: hand vreset_cf9
 * to vpci_set_cf9().
 */
__must_check int vreset_attach(struct vreset *r, struct io_bus *pio);
void vreset_cf9(void *dev, struct io_access *io);
void vreset_reset(struct vreset *r);
