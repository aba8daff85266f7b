/* isa-debug-exit, pc-testdev, fw_cfg and debugcon. */
#include "vmm/dev/pc/vdebug.h"

#include "lib/string.h"

#define DEBUGCON_ID 0xe9

static void exit_io(void *dev, struct io_access *io)
{
	struct vdebug *d = dev;

	if (io->write)
		d->cfg.exit(d->cfg.arg, (u32)io->value << 1 | 1);
	else
		io->value = 0;
}

/* size bytes of the latch at byte offset off; off + size <= 4. */
static void latch_access(struct vdebug *d, struct io_access *io, u32 off)
{
	u32 shift = off * 8;
	u32 mask = (io->size >= 4 ? ~0u : (1u << (io->size * 8)) - 1) << shift;

	if (io->write)
		d->s.latch = (d->s.latch & ~mask) | ((u32)io->value << shift & mask);
	else
		io->value = (d->s.latch & mask) >> shift;
}

static void latch_io(void *dev, struct io_access *io)
{
	latch_access(dev, io, (u32)io->offset);
}

/* E8h-EBh: the latch by bytes, with debugcon in its midst. */
static void byte_io(void *dev, struct io_access *io)
{
	struct vdebug *d = dev;

	if (d->cfg.debugcon && io->offset == 1 && io->size == 1) {
		if (io->write)
			d->cfg.putc(d->cfg.arg, (char)io->value);
		else
			io->value = DEBUGCON_ID;
		return;
	}
	if (d->cfg.testdev)
		latch_access(d, io, (u32)io->offset);
}

static void firmware_io(void *dev, struct io_access *io)
{
	struct vdebug *d = dev;

	if (io->write)
		d->cfg.firmware(d->cfg.arg, (char)io->value);
	else
		io->value = DEBUGCON_ID;
}

static void flush_io(void *dev, struct io_access *io)
{
	struct vdebug *d = dev;

	if (io->write && d->cfg.flush_page)
		d->cfg.flush_page(d->cfg.arg, ALIGN_DOWN(io->value, PAGE_SIZE));
}

static void irq_io(void *dev, struct io_access *io)
{
	struct vdebug *d = dev;
	u32 line = (u32)io->offset;

	if (!io->write || io->size != 1)
		return;
	d->s.irq_levels = (d->s.irq_levels & ~(u32)BIT(line)) | (io->value ? (u32)BIT(line) : 0);
	irqchip_set_line(d->cfg.irq, line, io->value != 0);
}

static void iomem_io(void *dev, struct io_access *io)
{
	struct vdebug *d = dev;

	if (io->write) {
		memcpy(d->cfg.iomem + io->offset, &io->value, io->size);
	} else {
		io->value = 0;
		memcpy(&io->value, d->cfg.iomem + io->offset, io->size);
	}
}

/* The value of a fw_cfg number, and how many bytes it has: 0 when there is no such number. */
static u64 fwcfg_value(const struct vdebug *d, u16 key, u32 *len)
{
	switch (key) {
	case 0: *len = 4; return 'Q' | 'E' << 8 | 'M' << 16 | 'U' << 24;
	case 1: *len = 4; return 0;
	case 3: *len = 8; return d->cfg.ram_bytes;
	case 5:
	case 0xf: *len = 2; return d->cfg.cpus;
	default: *len = 0; return 0;
	}
}

static void fwcfg_io(void *dev, struct io_access *io)
{
	struct vdebug *d = dev;
	u32 len;
	u64 val;

	if (io->write) {
		if (io->offset == 0) {
			d->s.fwcfg_key = (u16)io->value;
			d->s.fwcfg_at = 0;
		}
		return;
	}
	if (io->offset == 0 || io->size != 1)
		return; /* all ones */
	val = fwcfg_value(d, d->s.fwcfg_key, &len);
	io->value = d->s.fwcfg_at < len ? val >> d->s.fwcfg_at * 8 & 0xff : 0;
	if (d->s.fwcfg_at < len)
		d->s.fwcfg_at++;
}

int vdebug_init(struct vdebug *d, const struct vdebug_config *cfg, struct io_bus *pio, struct io_bus *mmio)
{
	const struct {
		struct io_region *region;
		struct io_bus *bus;
		u64 base, len;
		io_fn fn;
		const char *name;
		bool wanted;
	} parts[] = {
		{ &d->exit_region, pio, VDEBUG_EXIT_PORT, 4, exit_io, "debug-exit", cfg->exit_port },
		{ &d->latch_region, pio, VDEBUG_LATCH_PORT, 4, latch_io, "testdev-latch", cfg->testdev },
		{ &d->flush_region, pio, VDEBUG_FLUSH_PORT, 4, flush_io, "testdev-flush", cfg->testdev },
		{ &d->byte_region, pio, VDEBUG_BYTE_PORT, 4, byte_io, "testdev-bytes",
		  cfg->testdev || cfg->debugcon },
		{ &d->irq_region, pio, VDEBUG_IRQ_PORT, VDEBUG_NR_IRQS, irq_io, "testdev-irq", cfg->testdev },
		{ &d->iomem_region, mmio, VDEBUG_IOMEM_BASE, VDEBUG_IOMEM_LEN, iomem_io, "testdev-memory",
		  cfg->testdev && cfg->iomem },
		{ &d->fwcfg_region, pio, VDEBUG_FWCFG_PORT, 2, fwcfg_io, "fw-cfg", cfg->testdev && !cfg->no_fwcfg },
		{ &d->firmware_region, pio, VDEBUG_FIRMWARE_PORT, 1, firmware_io, "firmware-log", cfg->firmware },
	};

	if ((cfg->exit_port && !cfg->exit) || (cfg->debugcon && !cfg->putc) || (cfg->testdev && !cfg->irq))
		return ERR_INVAL;
	memset(d, 0, sizeof(*d));
	d->cfg = *cfg;
	d->pio = pio;
	d->mmio = mmio;
	for (u32 i = 0; i < ARRAY_SIZE(parts); i++) {
		int r = OK;

		*parts[i].region = (struct io_region){ parts[i].base, parts[i].len, parts[i].fn, d, parts[i].name };
		if (parts[i].wanted)
			r = io_bus_add(parts[i].bus, parts[i].region);
		if (r == OK)
			continue;
		while (i--) {
			if (parts[i].wanted)
				io_bus_remove(parts[i].bus, parts[i].region);
		}
		return r;
	}
	return OK;
}

void vdebug_restored(struct vdebug *d)
{
	/* Those that are low here may be high, and others'. */
	for (u32 i = 0; d->cfg.testdev && i < VDEBUG_NR_IRQS; i++)
		if (d->s.irq_levels & BIT(i))
			irqchip_set_line(d->cfg.irq, i, true);
}

void vdebug_reset(struct vdebug *d)
{
	u32 was = d->s.irq_levels;

	memset(&d->s, 0, sizeof(d->s));
	for (u32 i = 0; i < VDEBUG_NR_IRQS; i++) {
		if (was & BIT(i))
			irqchip_set_line(d->cfg.irq, i, false);
	}
}

/* ---- as a device of the board ---- */

STATE_DESC(vdebug_state, VDEBUG_STATE, 1);
STATE_DESC(vdebug_iomem, VDEBUG_IOMEM, 1);

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct vdebug_config c = *(const struct vdebug_config *)cfg;

	c.irq = env->irq;
	return vdebug_init(dev, &c, env->pio, env->mmio);
}

static void detach(void *dev)
{
	struct vdebug *d = dev;
	struct io_region *ports[] = { &d->exit_region, &d->latch_region, &d->flush_region,   &d->byte_region,
		                      &d->irq_region,  &d->fwcfg_region, &d->firmware_region };

	for (u32 i = 0; i < ARRAY_SIZE(ports); i++)
		io_bus_remove(d->pio, ports[i]); /* those that were not wanted are not there */
	io_bus_remove(d->mmio, &d->iomem_region);
}

static void reset(void *dev, u64 now)
{
	vdebug_reset(dev);
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vdebug *d = dev;
	const struct vdebug_state *s = part[0];
	u32 len;

	fwcfg_value(d, s->fwcfg_key, &len);
	if (s->irq_levels >> VDEBUG_NR_IRQS)
		return state_refuse(c, "irq_levels", s->irq_levels, "has lines that do not exist");
	if (s->irq_levels && !d->cfg.testdev)
		return state_refuse(c, "irq_levels", s->irq_levels, "needs the test device");
	if (s->fwcfg_at > len)
		return state_refuse(c, "fwcfg_at", s->fwcfg_at, "is behind the value's end");
	return true;
}

static void restored(void *dev, u64 now)
{
	vdebug_restored(dev);
}

VDEV_OPS(vdebug, "debug", VDEV_STATE(vdebug, s, vdebug_state),
         .state[1] = VDEV_STATE_AT(vdebug, cfg.iomem, vdebug_iomem), .attach = attach, .detach = detach,
         .reset = reset, .valid = valid, .restored = restored);
