/*
 * What a device model is to the board: one row of its table (vmm/board/pc.c). A device sees the world through its
 * vdev_env and the back-ends in its configuration, and through nothing else.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "mm/guest_mem.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/irqchip.h"
#include "vmm/base/timer.h"
#include "vmm/state/fields.h"

struct vpci;

/* What a device is plugged into. Lives as long as the device. */
struct vdev_env {
	struct io_bus *pio, *mmio;
	const struct irqchip *irq;
	struct timerq *timers;
	const struct guest_mem *mem;
	struct vpci *pci;
};

/* A part of a device's state: a described struct at `offset` in the device or, if indirect, where a pointer there
 * says. */
struct vdev_part {
	const struct state_desc *desc; /* NULL: no (further) part */
	u32 offset;
	bool indirect; /* NULL pointer: this device has no such part */
};
#define VDEV_PARTS 3

/*
 * All but detach and idle must be there: a device that cannot be reset, saved and checked is no device (vdev_check in
 * tests/unit/test_state.c). The VM's lock is held, or no vCPU runs.
 */
struct vdev_ops {
	const char *name; /* also its tag in a stream, unless the row has a better one */
	struct vdev_part state[VDEV_PARTS];
	/* Sets dev, zeroed memory, up and onto env's buses. cfg: the device's own struct. OK or an error: nothing
	 * stays added. */
	int (*attach)(void *dev, const struct vdev_env *env, const void *cfg);
	/* Off the buses, no timer set. Of a device that was attached. */
	void (*detach)(void *dev);
	/* Power-on state at VM time now. */
	void (*reset)(void *dev, u64 now);
	/*
	 * Whether a state that came from outside can be: everything that the device's code takes for granted. part[i]
	 * has the layout of state[i] (NULL: absent, as it is in dev); dev, attached, tells only how the device was
	 * configured. A state that is refused is told by state_refuse(). Touches nothing.
	 */
	bool (*valid)(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c);
	/* After its state was put in place: drives lines, arms timers, maps windows. */
	void (*restored)(void *dev, u64 now);
	/* No request of it is under way. NULL: it has none. */
	bool (*idle)(void *dev);
};

/* Where part i of dev's state is, or NULL when dev has no such part. */
static inline void *vdev_part(const struct vdev_ops *ops, void *dev, u32 i)
{
	const struct vdev_part *p = &ops->state[i];

	if (!p->desc)
		return NULL;
	return p->indirect ? *(void **)((char *)dev + p->offset) : (char *)dev + p->offset;
}
