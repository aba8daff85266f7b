/*
 * What programs for the text screen ask of a display adapter that is not there: the registers of a colour VGA's CRT
 * controller (cursor, start of the screen), which keep what is written, and the moments of the retrace. Pure. IBM
 * Personal System/2 Hardware Interface Technical Reference, "Video Subsystem": "CRT Controller Registers", "Input
 * Status Register 1". The screen's memory at B8000h is ordinary RAM (vmm/base/guest_map.h).
 *
 * Nothing is shown. The firmware tables say that there is no VGA; but many small kernels look at nothing before they
 * print, and with the FFh of empty ports they put the cursor beyond the screen, or wait for a retrace for ever.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/base/io_bus.h"
#include "vmm/dev/vdev.h"

#define VCRTC_PORT   0x3d4 /* index; data at 3D5h */
#define VCRTC_STATUS 0x3da
#define VCRTC_NR     25 /* registers, 00h to 18h; those above read 0 */

/* Lines of text mode 3, 720x400 at 70 Hz, in ns. */
#define VCRTC_LINE_NS    31778u
#define VCRTC_SHOWN_NS   25422u /* of a line: 80 of 100 characters */
#define VCRTC_LINES      449u
#define VCRTC_SHOWN      400u
#define VCRTC_RETRACE    412u
#define VCRTC_RETRACE_TO 414u

#define VCRTC_STATE(T, F, A, S) \
	F(T, u8, index)         \
	A(T, u8, reg, VCRTC_NR)
STATE_STRUCT(vcrtc_state, VCRTC_STATE);

struct vcrtc {
	struct vcrtc_state s;
	struct io_region port_region, status_region;
	struct io_bus *pio; /* set by attach */
};

extern const struct vdev_ops vcrtc_ops; /* needs no cfg */

void vcrtc_init(struct vcrtc *v);
/* OK or io_bus_add's error (nothing stays added). */
__must_check int vcrtc_attach(struct vcrtc *v, struct io_bus *pio);
/* Text mode 3, as a PC's firmware leaves it, the cursor in the upper left corner. */
void vcrtc_reset(struct vcrtc *v);
