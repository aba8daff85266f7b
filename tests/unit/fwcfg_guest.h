/* Test helper: fw_cfg plugged into a rig with some guest memory, and what firmware does with it. */
#pragma once

#include <stdlib.h>

#include "dev_rig.h"
#include "lib/bytes.h"
#include "vmm/dev/pc/vfwcfg.h"

#define FWCFG_RAM  (256u << 10)
#define FWCFG_DESC 0x1000 /* where this guest has its descriptor */

struct fwcfg_guest {
	struct rig rig;
	struct guest_mem mem;
	struct vfwcfg dev;
	u32 pieces; /* of the last transfer, after the first */
};

static inline int fwcfg_guest_try(struct fwcfg_guest *g, const struct vfwcfg_cfg *cfg)
{
	struct vdev_env env = { 0 };
	int err;

	memset(&g->dev, 0, sizeof(g->dev));
	rig_init(&g->rig);
	g->mem = (struct guest_mem){ .base = malloc(FWCFG_RAM), .nr_ranges = 1, .ranges = { { 0, FWCFG_RAM } } };
	memset(g->mem.base, 0xa5, FWCFG_RAM);
	env.pio = &g->rig.pio;
	env.timers = &g->rig.tq;
	env.mem = &g->mem;
	err = vfwcfg_ops.attach(&g->dev, &env, cfg);
	if (err)
		free(g->mem.base);
	else
		vfwcfg_ops.reset(&g->dev, 0);
	return err;
}

static inline void fwcfg_guest_free(struct fwcfg_guest *g)
{
	vfwcfg_ops.detach(&g->dev);
	free(g->mem.base);
}

static inline void fwcfg_out(struct fwcfg_guest *g, u32 port, u8 size, u64 v)
{
	io_bus_access(&g->rig.pio, port, size, true, &v, g->rig.now);
}

static inline u64 fwcfg_in(struct fwcfg_guest *g, u32 port, u8 size)
{
	u64 v = 0;

	io_bus_access(&g->rig.pio, port, size, false, &v, g->rig.now);
	return v;
}

static inline void fwcfg_select(struct fwcfg_guest *g, u16 key)
{
	fwcfg_out(g, VFWCFG_PORT, 2, key);
}

static inline void fwcfg_bytes(struct fwcfg_guest *g, void *buf, u32 len)
{
	for (u32 i = 0; i < len; i++)
		((u8 *)buf)[i] = (u8)fwcfg_in(g, VFWCFG_PORT + 1, 1);
}

static inline void fwcfg_put_be32(u8 *p, u32 v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, 4);
}

static inline u32 fwcfg_be32(const u8 *p)
{
	return __builtin_bswap32(get32(p));
}

/* A descriptor is put at desc and its address written, upper half first. */
static inline void fwcfg_submit(struct fwcfg_guest *g, u64 desc, u32 control, u32 len, u64 addr)
{
	u8 d[16];

	fwcfg_put_be32(d, control);
	fwcfg_put_be32(d + 4, len);
	fwcfg_put_be32(d + 8, (u32)(addr >> 32));
	fwcfg_put_be32(d + 12, (u32)addr);
	if (gmem_ptr(&g->mem, GPA(desc), sizeof(d)))
		memcpy(g->mem.base + desc, d, sizeof(d));
	fwcfg_out(g, VFWCFG_DMA, 4, __builtin_bswap32((u32)(desc >> 32)));
	fwcfg_out(g, VFWCFG_DMA + 4, 4, __builtin_bswap32((u32)desc));
}

static inline u32 fwcfg_control(const struct fwcfg_guest *g, u64 desc)
{
	return fwcfg_be32(g->mem.base + desc);
}

/* The whole transfer, as drivers wait for it: until control has nothing but the error bit. Returns that. */
static inline u32 fwcfg_dma(struct fwcfg_guest *g, u32 control, u32 len, u64 addr)
{
	fwcfg_submit(g, FWCFG_DESC, control, len, addr);
	for (g->pieces = 0; fwcfg_control(g, FWCFG_DESC) & ~(u32)VFWCFG_DMA_ERROR; g->pieces++) {
		assert(timerq_next(&g->rig.tq) != TIMER_OFF);
		rig_jump_to(&g->rig, timerq_next(&g->rig.tq));
	}
	return fwcfg_control(g, FWCFG_DESC);
}

static inline u32 fwcfg_select_read(u16 key)
{
	return (u32)key << 16 | VFWCFG_DMA_SELECT | VFWCFG_DMA_READ;
}

/* The number and length of a file by the directory; 0: there is none of this name. */
static inline u16 fwcfg_find(struct fwcfg_guest *g, const char *name, u32 *len)
{
	u8 entry[VFWCFG_DIR_ENTRY];
	u32 n;

	fwcfg_select(g, VFWCFG_FILE_DIR);
	fwcfg_bytes(g, entry, 4);
	n = fwcfg_be32(entry);
	for (u32 i = 0; i < n; i++) {
		fwcfg_bytes(g, entry, sizeof(entry));
		if (!strcmp((const char *)entry + 8, name)) {
			*len = fwcfg_be32(entry);
			return (u16)(entry[4] << 8 | entry[5]);
		}
	}
	*len = 0;
	return 0;
}
