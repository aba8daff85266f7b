/* The CRT controller of a display adapter that is not there. */
#include "vmm/dev/pc/vcrtc.h"

#include "lib/string.h"

#define STATUS_BLANK   0x01 /* "display enable" is off: nothing of the picture is drawn */
#define STATUS_RETRACE 0x08 /* vertical */

/* The registers of text mode 3. */
static const u8 mode3[VCRTC_NR] = { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
	                            0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff };

static u8 read_byte(const struct vcrtc_state *s, u64 off)
{
	if (off == 0)
		return s->index;
	return s->index < VCRTC_NR ? s->reg[s->index] : 0;
}

static void write_byte(struct vcrtc_state *s, u64 off, u8 val)
{
	if (off == 0)
		s->index = val;
	else if (s->index < VCRTC_NR)
		s->reg[s->index] = val;
}

/* A word is index and data at once. */
static void crtc_io(void *dev, struct io_access *io)
{
	struct vcrtc *v = dev;
	u64 val = 0;

	for (u32 i = 0; i < io->size; i++) {
		if (io->write)
			write_byte(&v->s, io->offset + i, (u8)(io->value >> i * 8));
		else
			val |= (u64)read_byte(&v->s, io->offset + i) << i * 8;
	}
	if (!io->write)
		io->value = val;
}

/* Reads only: what is written there is a feature control register, of which nothing is kept. */
static void status_io(void *dev, struct io_access *io)
{
	u64 line = io->now / VCRTC_LINE_NS % VCRTC_LINES;
	bool shown = line < VCRTC_SHOWN && io->now % VCRTC_LINE_NS < VCRTC_SHOWN_NS;

	if (!io->write)
		io->value = (shown ? 0 : STATUS_BLANK) |
		            (line >= VCRTC_RETRACE && line < VCRTC_RETRACE_TO ? STATUS_RETRACE : 0);
}

/* ---- for the owner ---- */

void vcrtc_init(struct vcrtc *v)
{
	memset(v, 0, sizeof(*v));
	v->port_region = (struct io_region){ .base = VCRTC_PORT, .len = 2, .fn = crtc_io, .dev = v, .name = "crtc" };
	v->status_region = (struct io_region){
		.base = VCRTC_STATUS, .len = 1, .fn = status_io, .dev = v, .name = "crtc-status"
	};
	vcrtc_reset(v);
}

int vcrtc_attach(struct vcrtc *v, struct io_bus *pio)
{
	int err = io_bus_add(pio, &v->port_region);

	v->pio = pio;
	if (err)
		return err;
	err = io_bus_add(pio, &v->status_region);
	if (err)
		io_bus_remove(pio, &v->port_region);
	return err;
}

void vcrtc_reset(struct vcrtc *v)
{
	v->s.index = 0;
	memcpy(v->s.reg, mode3, sizeof(mode3));
}

/* ---- as a device of the board ---- */

STATE_DESC(vcrtc_state, VCRTC_STATE, 1);

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	vcrtc_init(dev);
	return vcrtc_attach(dev, env->pio);
}

static void detach(void *dev)
{
	struct vcrtc *v = dev;

	io_bus_remove(v->pio, &v->port_region);
	io_bus_remove(v->pio, &v->status_region);
}

static void reset(void *dev, u64 now)
{
	vcrtc_reset(dev);
}

/* A guest can write whatever the fields hold, and nothing is made of it. */
static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	return true;
}

static void restored(void *dev, u64 now) {}

VDEV_OPS(vcrtc, "crtc", VDEV_STATE(vcrtc, s, vcrtc_state), .attach = attach, .detach = detach, .reset = reset,
         .valid = valid, .restored = restored);
