/* The two DMA controllers of a PC. */
#include "vmm/dev/pc/vdma.h"

#include "lib/string.h"

#define PORT_1     0x00
#define PORT_2     0xc0 /* registers at even ports */
#define PORT_PAGES 0x80

enum {
	REG_COMMAND = 8,
	REG_REQUEST,
	REG_MASK_ONE,
	REG_MODE,
	REG_CLEAR_HIGH,
	REG_MASTER_CLEAR,
	REG_CLEAR_MASK,
	REG_MASK
};

#define COMMAND_DISABLE 0x04
#define MODE_KEPT       0xfc
#define MODE_DIRECTION  0x0c
#define MODE_WRITE      0x04 /* to memory */
#define MODE_READ       0x08
#define MODE_AUTO       0x10
#define MODE_DOWN       0x20
#define MODE_KIND       0xc0
#define MODE_CASCADE    0xc0

/* Where each channel's page register is; channel 4 has none that counts. */
static const u8 page_of[VDMA_CHANNELS] = { 7, 3, 1, 2, 15, 11, 9, 10 };

/* ---- transfers ---- */

/* Address of n transfers of 1 << shift bytes, the lowest one. */
static u64 address(const struct vdma *d, u32 ch, u32 n, u32 shift)
{
	const struct vdma_chan *c = &d->s.chan[ch];
	u32 at = c->mode & MODE_DOWN ? c->addr - (n - 1) : c->addr;
	u8 page = d->s.page[page_of[ch]];

	/* Of word channels the page's lowest bit is the address' highest. */
	return (u64)(shift ? page & 0xfe : page) << 16 | (u64)at << shift;
}

/* A run of n transfers that does not leave the page. down: the first one is at the highest address. */
static void move(struct vdma *d, u32 ch, u8 *buf, u32 n, u32 shift, bool to_memory)
{
	gpa_t gpa = { address(d, ch, n, shift) };
	u32 size = 1u << shift;
	u8 *mem = gmem_ptr(d->mem, gpa, n * size);

	if (!mem && !to_memory)
		memset(buf, 0xff, n * size);
	if (!mem)
		return;
	if (!(d->s.chan[ch].mode & MODE_DOWN)) {
		memcpy(to_memory ? mem : buf, to_memory ? buf : mem, n * size);
		return;
	}
	for (u32 i = 0; i < n; i++) {
		u8 *p = mem + (n - 1 - i) * size;

		memcpy(to_memory ? p : buf + i * size, to_memory ? buf + i * size : p, size);
	}
}

/* The channel's count has run out. */
static void terminal_count(struct vdma *d, u32 ch)
{
	struct vdma_chan *c = &d->s.chan[ch];

	d->s.status[ch / 4] |= (u8)BIT(ch % 4);
	if (c->mode & MODE_AUTO) {
		c->addr = c->base;
		c->count = c->base_count;
	} else {
		d->s.mask[ch / 4] |= (u8)BIT(ch % 4);
	}
}

/* Transfers until the address wraps within its page. */
static u32 until_wrap(const struct vdma_chan *c)
{
	return c->mode & MODE_DOWN ? c->addr + 1u : 0x10000u - c->addr;
}

u32 vdma_transfer(struct vdma *d, u32 ch, void *buf, u32 len, bool to_memory, bool *end)
{
	struct vdma_chan *c = &d->s.chan[ch];
	u32 shift = ch >= 4, left = MIN(len, VDMA_PIECE) >> shift, done = 0;
	bool moves = (c->mode & MODE_DIRECTION) == (to_memory ? MODE_WRITE : MODE_READ);

	*end = false;
	if ((d->s.command[ch / 4] & COMMAND_DISABLE) || (d->s.mask[ch / 4] & BIT(ch % 4)) ||
	    (c->mode & MODE_KIND) == MODE_CASCADE)
		return 0;
	left = MIN(left, c->count + 1u);
	while (done < left) {
		u32 n = MIN(left - done, until_wrap(c));
		u8 *p = (u8 *)buf + (done << shift);

		if (moves)
			move(d, ch, p, n, shift, to_memory);
		else if (!to_memory)
			memset(p, 0, n << shift);
		c->addr = (u16)(c->mode & MODE_DOWN ? c->addr - n : c->addr + n);
		done += n;
	}
	if (done == c->count + 1u)
		*end = true;
	c->count = (u16)(c->count - done);
	if (*end)
		terminal_count(d, ch);
	return done << shift;
}

/* ---- registers ---- */

static void master_clear(struct vdma_state *s, u32 i)
{
	s->command[i] = s->status[i] = s->request[i] = 0;
	s->high[i] = false;
	s->mask[i] = 0x0f;
}

static void write_half(u16 *base, u16 *now, u8 val, bool high)
{
	*base = high ? (u16)((*base & 0x00ff) | val << 8) : (u16)((*base & 0xff00) | val);
	*now = *base;
}

static void write_reg(struct vdma_state *s, u32 i, u32 reg, u8 val)
{
	struct vdma_chan *c = &s->chan[i * 4 + reg / 2 % 4];
	u8 bit = (u8)BIT(val & 3);

	switch (reg) {
	case REG_COMMAND: s->command[i] = val; break;
	case REG_REQUEST: s->request[i] = (u8)(val & 4 ? s->request[i] | bit : s->request[i] & ~bit); break;
	case REG_MASK_ONE: s->mask[i] = (u8)(val & 4 ? s->mask[i] | bit : s->mask[i] & ~bit); break;
	case REG_MODE: s->chan[i * 4 + (val & 3)].mode = val & MODE_KEPT; break;
	case REG_CLEAR_HIGH: s->high[i] = false; break;
	case REG_MASTER_CLEAR: master_clear(s, i); break;
	case REG_CLEAR_MASK: s->mask[i] = 0; break;
	case REG_MASK: s->mask[i] = val & 0x0f; break;
	default:
		if (reg & 1)
			write_half(&c->base_count, &c->count, val, s->high[i]);
		else
			write_half(&c->base, &c->addr, val, s->high[i]);
		s->high[i] = !s->high[i];
		break;
	}
}

static u8 read_reg(struct vdma_state *s, u32 i, u32 reg)
{
	const struct vdma_chan *c = &s->chan[i * 4 + reg / 2 % 4];
	u16 val = reg & 1 ? c->count : c->addr;
	u8 status = s->status[i];

	switch (reg) {
	case REG_COMMAND: s->status[i] = 0; return status;
	case REG_MASTER_CLEAR: return 0; /* the temporary register, of memory-to-memory transfers */
	case REG_MASK: return s->mask[i] | 0xf0;
	case REG_REQUEST:
	case REG_MASK_ONE:
	case REG_MODE:
	case REG_CLEAR_HIGH:
	case REG_CLEAR_MASK: return 0xff; /* for writing alone */
	default: s->high[i] = !s->high[i]; return (u8)(s->high[i] ? val : val >> 8);
	}
}

/* Wider accesses are bytes one after the other. spread: of the second controller, registers are at even ports. */
static void access(struct vdma *d, struct io_access *io, u32 i, u32 spread)
{
	u64 val = 0;

	for (u32 k = 0; k < io->size; k++) {
		u32 port = (u32)io->offset + k;
		u8 byte = (u8)(io->value >> k * 8);

		if (port & spread)
			val |= 0xffull << k * 8;
		else if (io->write)
			write_reg(&d->s, i, port >> spread, byte);
		else
			val |= (u64)read_reg(&d->s, i, port >> spread) << k * 8;
	}
	if (!io->write)
		io->value = val;
}

static void first_io(void *dev, struct io_access *io)
{
	access(dev, io, 0, 0);
}

static void second_io(void *dev, struct io_access *io)
{
	access(dev, io, 1, 1);
}

static void page_io(void *dev, struct io_access *io)
{
	struct vdma *d = dev;
	u64 val = 0;

	for (u32 k = 0; k < io->size; k++) {
		u8 *page = &d->s.page[io->offset + k];

		if (io->write)
			*page = (u8)(io->value >> k * 8);
		val |= (u64)*page << k * 8;
	}
	if (!io->write)
		io->value = val;
}

/* ---- as a device of the board ---- */

STATE_DESC(vdma_chan, VDMA_CHAN, 1);
STATE_DESC(vdma_state, VDMA_STATE, 1);

static void reset(void *dev, u64 now)
{
	struct vdma *d = dev;

	memset(&d->s, 0, sizeof(d->s));
	for (u32 i = 0; i < 2; i++)
		master_clear(&d->s, i);
}

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct vdma *d = dev;
	struct io_region *regions[] = { &d->regs[0], &d->regs[1], &d->pages };

	d->mem = env->mem;
	d->pio = env->pio;
	d->regs[0] = (struct io_region){ .base = PORT_1, .len = 16, .fn = first_io, .dev = d, .name = "dma-1" };
	d->regs[1] = (struct io_region){ .base = PORT_2, .len = 32, .fn = second_io, .dev = d, .name = "dma-2" };
	d->pages = (struct io_region){ .base = PORT_PAGES, .len = 16, .fn = page_io, .dev = d, .name = "dma-pages" };
	reset(d, 0);
	for (u32 i = 0; i < ARRAY_SIZE(regions); i++) {
		int err = io_bus_add(d->pio, regions[i]);

		if (!err)
			continue;
		while (i--)
			io_bus_remove(d->pio, regions[i]);
		return err;
	}
	return OK;
}

static void detach(void *dev)
{
	struct vdma *d = dev;

	io_bus_remove(d->pio, &d->regs[0]);
	io_bus_remove(d->pio, &d->regs[1]);
	io_bus_remove(d->pio, &d->pages);
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vdma_state *s = part[0];

	for (u32 i = 0; i < VDMA_CHANNELS; i++)
		if (s->chan[i].mode & ~MODE_KEPT)
			return state_refuse(c, "chan.mode", s->chan[i].mode, "has bits that are not kept");
	for (u32 i = 0; i < 2; i++)
		if ((s->mask[i] | s->status[i] | s->request[i]) & 0xf0)
			return state_refuse(c, "mask", s->mask[i],
			                    "has bits that are no channels, or status or request");
	return true;
}

static void restored(void *dev, u64 now) {}

VDEV_OPS(vdma, "dma", VDEV_STATE(vdma, s, vdma_state), .attach = attach, .detach = detach, .reset = reset,
         .valid = valid, .restored = restored);
