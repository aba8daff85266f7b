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
#include "vmm/state/stream.h"

struct vpci;

/*
 * What a device may do to the guest's memory map. It is so before the vCPU whose access is handled goes on; at a reset
 * and in `restored`, before the first one starts. With the VM's lock, as all that devices do.
 */
struct vdev_memory {
	void *ctx;
	/*
	 * Shadow RAM: a segment, 0 to 11 of 16 KiB each from C0000h on, 12 the 64 KiB at F0000h. read: it is read from
	 * RAM, else from ROM; write: writes go to RAM, else nowhere.
	 */
	void (*pam)(void *ctx, u32 segment, bool read, bool write);
	/*
	 * The device's memory number slot (below VDEV_MEMORY_SLOTS, each has one owner) is at gpa now, and no longer
	 * where it was: nr whole pages of hypervisor memory that the board allocated, contiguous and aligned as large
	 * pages want it. The guest then reaches it without an exit. It need not come true: where RAM, ROM or another
	 * device is, or gpa and size do not suit, accesses go to env's mmio as before, so the device answers there, too,
	 * with the same bytes.
	 */
	void (*map)(void *ctx, u32 slot, u64 gpa, const void *pages, u64 nr, bool read_only);
	void (*unmap)(void *ctx, u32 slot);
};
#define VDEV_MEMORY_SLOTS 8u
/* The PCI bus' own: of the ROM that is there. It suits anywhere within 2 MiB, page by page. */
#define VDEV_MEMORY_ROM 6u

/* What a device is plugged into. Lives as long as the device. */
struct vdev_env {
	struct io_bus *pio, *mmio;
	const struct irqchip *irq;
	struct timerq *timers;
	const struct guest_mem *mem;
	struct vpci *pci;
	const struct vdev_memory *memory; /* of a PC; NULL elsewhere, and in tests */
};

/* A part of a device's state: a described struct at `offset` in the device or,
 * if indirect, where a pointer there says. */
struct vdev_part {
	const struct state_desc *desc; /* NULL: no (further) part */
	u32 offset;
	bool indirect; /* NULL pointer: this device has no such part */
};
#define VDEV_PARTS 3

/*
 * For .state: `member` of a device, which must be the very struct that STATE_STRUCT(tag, ...) made; or, indirect, the
 * pointer there, to what desc describes. Anything else does not build.
 */
#define VDEV_STATE(device, member, tag)                                                                             \
	{                                                                                                           \
		.desc = &tag##_desc,                                                                                \
		.offset =                                                                                           \
		        offsetof(struct device, member) +                                                           \
		        0 * sizeof(struct {                                                                         \
			        _Static_assert(_Generic(((struct device *)0)->member, struct tag : 1, default : 0), \
			                       #member " of struct " #device " must be a described struct " #tag);  \
			        int unused;                                                                         \
		        }),                                                                                         \
	}
#define VDEV_STATE_AT(device, member, tag)                                                       \
	{                                                                                        \
		.desc = &tag##_desc, .offset = offsetof(struct device, member), .indirect = true \
	}

/*
 * All but detach and idle must be there: a device that cannot be reset, saved and checked is no device (`rows` in
 * tests/unit/test_state.c). The VM's lock is held, or no vCPU runs.
 */
struct vdev_ops {
	const char *name; /* of its kind; in streams and messages a device has its row's tag */
	struct vdev_part state[VDEV_PARTS];
	/* Sets dev, zeroed memory, up and onto env's buses. cfg: the device's own struct.
	 * OK or an error: nothing stays added. */
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
	/*
	 * After its state, and that of all others, was put in place: drives lines that are high (a low one may be
	 * another's that shares it), arms timers, maps windows. Changes no field: what is due comes by its timer.
	 */
	void (*restored)(void *dev, u64 now);
	/* No request of it is under way. NULL: it has none. */
	bool (*idle)(void *dev);
};

/*
 * The row of a device, `const struct vdev_ops device_ops`: VDEV_OPS(vpit, "pit", VDEV_STATE(vpit, s, vpit_state),
 * .attach = attach, ...). One without a description does not build: state0 has no default.
 */
#define VDEV_OPS(device, name_, state0, ...) \
	const struct vdev_ops device##_ops = { .name = (name_), .state[0] = state0, __VA_ARGS__ }

/* Where part i of dev's state is, or NULL when dev has no such part. */
static inline void *vdev_part(const struct vdev_ops *ops, void *dev, u32 i)
{
	const struct vdev_part *p = &ops->state[i];

	if (!dev || !p->desc)
		return NULL;
	return p->indirect ? *(void **)((char *)dev + p->offset) : (char *)dev + p->offset;
}

/* ---- all devices of a board, in the order of its table ---- */

struct vdev {
	const struct vdev_ops *ops;
	void *dev;
	char tag[STATE_NAME_MAX]; /* in streams and messages; no two the same */
};

/*
 * Attaches row by row; cfg[i] is row i's. OK or the error of the first that cannot be attached: those before it are
 * detached again, the last one first; *failed, if not NULL, is its number.
 */
__must_check int vdev_attach_all(const struct vdev *rows, u32 nr, const struct vdev_env *env, const void *const *cfg,
                                 u32 *failed);
/* The last one first. */
void vdev_detach_all(const struct vdev *rows, u32 nr);
void vdev_reset_all(const struct vdev *rows, u32 nr, u64 now);
/* The first device with a request under way, or NULL. */
const struct vdev *vdev_busy(const struct vdev *rows, u32 nr);

/* All states into a stream: *len is what it needs. OK or ERR_NOSPC (buf NULL with cap 0: to find *len). */
__must_check int vdev_save_all(const struct vdev *rows, u32 nr, void *buf, size_t cap, size_t *len);

/* What vdev_restore_all() needs of scratch memory, bytes. */
size_t vdev_scratch_size(const struct vdev *rows, u32 nr);
/*
 * All states from a stream, at VM time now (ns). Every record is decoded to scratch (of that size, aligned to 8),
 * then every device is asked whether the state can be; only then is anything put in place, and then every device
 * told. The stream must have just one record for every part of every row. OK or ERR_INVAL: refused, nothing has
 * changed.
 */
__must_check int vdev_restore_all(const struct vdev *rows, u32 nr, const void *stream, size_t len, void *scratch,
                                  u64 now, struct state_refusal *refusal);
