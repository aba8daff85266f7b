/*
 * Parallel port at 378h without anything plugged in. Pure. IBM PS/2 Technical Reference, "Parallel Port Controller":
 * data and control read back, the status is that of a port whose inputs are pulled up, and IRQ 7 never comes.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/base/io_bus.h"
#include "vmm/dev/vdev.h"

#define VLPT_PORT 0x378

#define VLPT_STATE(T, F, A, S) \
	F(T, u8, data)         \
	F(T, u8, control) /* bits 0-4 */
STATE_STRUCT(vlpt_state, VLPT_STATE);

struct vlpt {
	struct vlpt_state s;
	struct io_region region;
	struct io_bus *pio;
};
extern const struct vdev_ops vlpt_ops; /* no configuration */
