/*
 * 8042 keyboard and auxiliary device controller at 60h/64h with a PS/2 keyboard (IRQ 1) and a wheel mouse (IRQ 12).
 * Pure. IBM PS/2 Technical Reference, "Keyboard and Auxiliary Device Controller"; Intel UPI-41/42 data sheet for the
 * output buffer and its flags. Keyboard and mouse themselves: vps2kbd.h, vps2mouse.h.
 *
 * A byte takes a millisecond from its device to the output buffer, as on the wire: programs that read port 60h twice
 * for one interrupt get the same byte twice. What the controller itself answers is there at once; a device's byte that
 * it finds in the output buffer comes again after it. The input buffer is always empty. Port 92h and reset by CF9h are
 * vreset's (vreset.h), whose A20 gate this controller's commands move.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/backend/input.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/irqchip.h"
#include "vmm/base/timer.h"
#include "vmm/dev/pc/vps2kbd.h"
#include "vmm/dev/pc/vps2mouse.h"
#include "vmm/dev/vdev.h"

#define V8042_DATA    0x60
#define V8042_CMD     0x64
#define V8042_KBD_GSI 1
#define V8042_AUX_GSI 12
#define V8042_RAM     32
#define V8042_WIRE_NS 1000000u /* a byte of 11 bits at 11 kHz */

enum v8042_source { V8042_CONTROLLER, V8042_KBD, V8042_AUX, V8042_AS_AUX, V8042_SOURCES };

#define V8042_STATE(T, F, A, S)                                                            \
	A(T, u8, ram, V8042_RAM) /* its byte 0 is the command byte */                      \
	F(T, u8, cmd)            /* command that waits for its data byte, 0: none */       \
	F(T, bool, last_cmd)     /* the last write was to the command port */              \
	F(T, u8, out)            /* output buffer; stays when it was read */               \
	F(T, u8, source)         /* of out: enum v8042_source */                           \
	F(T, bool, full)                                                                   \
	F(T, u8, kept)        /* a device's byte that a controller's answer came before */ \
	F(T, u8, kept_source) /* V8042_CONTROLLER: none */                                 \
	F(T, bool, released)  /* translation: a break code's prefix has come */            \
	F(T, u64, ready_at)   /* ns from which on the output buffer takes a device's byte */
STATE_STRUCT(v8042_state, V8042_STATE);

struct v8042_cfg {
	/* The guest resets the machine; how: a constant, for messages. */
	void (*reset)(void *arg, const char *how);
	/* The A20 gate: what the output port's bit 1 is set to, and reads as. */
	void (*set_a20)(void *arg, bool open);
	bool (*a20)(void *arg);
	void *arg;
	struct input input; /* what is behind the keyboard */
};

struct v8042 {
	struct v8042_state s;
	struct vps2kbd_state kbd;
	struct vps2mouse_state mouse;
	struct v8042_cfg cfg;
	bool line[2]; /* GSI 1, 12 as driven */
	const struct irqchip *irq;
	struct timer timer;
	struct io_region data_region, cmd_region;
	struct io_bus *pio;
};
extern const struct vdev_ops v8042_ops; /* cfg: struct v8042_cfg */
/* For back-ends: the device is a struct v8042. */
extern const struct input_dev_ops v8042_input;
