/* Flash with the Intel command set. */
#include "vmm/dev/pc/vflash.h"

#include "lib/string.h"

#define CMD_PROGRAM_ALT  0x10
#define CMD_ERASE        0x20
#define CMD_PROGRAM      0x40
#define CMD_CLEAR_STATUS 0x50
#define CMD_LOCK         0x60
#define CMD_READ_STATUS  0x70
#define CMD_READ_ID      0x90
#define CMD_CFI          0x98
#define CMD_CONFIRM      0xd0

#define ID_INTEL  0x89
#define ID_DEVICE 0x18

/* Into the guest's map, or out of it: only the array is memory. */
static void show(struct vflash *f)
{
	if (!f->memory)
		return;
	if (f->s.mode == VFLASH_ARRAY)
		f->memory->map(f->memory->ctx, f->cfg.slot, f->cfg.base, f->cfg.bytes, f->cfg.size / PAGE_SIZE, true);
	else
		f->memory->unmap(f->memory->ctx, f->cfg.slot);
}

static void set_mode(struct vflash *f, enum vflash_mode mode)
{
	bool was_array = f->s.mode == VFLASH_ARRAY;

	f->s.mode = (u8)mode;
	if (was_array != (mode == VFLASH_ARRAY))
		show(f);
}

/* ---- reads ---- */

/* log2 of a size, as CFI gives sizes. */
static u8 log2_of(u32 n)
{
	return (u8)(31 - __builtin_clz(n));
}

/*
 * JESD68: 10h "QRY", primary command set 0001h (Intel) with its table at 31h; 1Bh to 26h voltages and times; 27h size;
 * 28h x8; 2Ah no write buffer; 2Ch one region of blocks: their number less one, their size in units of 256 bytes.
 */
static u8 cfi_byte(const struct vflash *f, u64 at)
{
	static const u8 head[] = {
		'Q', 'R', 'Y', 1, 0, 0x31, 0, 0, 0, 0, 0, 0x45, 0x55, 0, 0, 7, 0, 10, 0, 4, 0, 4, 0
	};
	u32 blocks = f->cfg.size / VFLASH_BLOCK - 1;
	/* The next power of two: it has no other way to say it. */
	u8 size = (u8)(log2_of(f->cfg.size) + !!(f->cfg.size & (f->cfg.size - 1)));
	const u8 tail[] = { size,
		            0,
		            0,
		            0,
		            0,
		            1,
		            (u8)blocks,
		            (u8)(blocks >> 8),
		            (u8)(VFLASH_BLOCK >> 8),
		            (u8)(VFLASH_BLOCK >> 16),
		            'P',
		            'R',
		            'I',
		            '1',
		            '0' };

	if (at - 0x10 < sizeof(head))
		return head[at - 0x10];
	return at - 0x27 < sizeof(tail) ? tail[at - 0x27] : 0;
}

static u8 read_byte(const struct vflash *f, u64 at)
{
	switch (f->s.mode) {
	case VFLASH_STATUS: return f->s.status;
	case VFLASH_ID: return at % VFLASH_BLOCK == 0 ? ID_INTEL : at % VFLASH_BLOCK == 1 ? ID_DEVICE : 0;
	case VFLASH_CFI: return cfi_byte(f, at);
	default: return f->cfg.bytes[at];
	}
}

/* ---- commands ---- */

static void second(struct vflash *f, u64 at, u8 val)
{
	u8 command = f->s.command;

	f->s.command = 0;
	f->s.status |= VFLASH_READY;
	switch (command) {
	case CMD_PROGRAM: f->cfg.bytes[at] &= val; break;
	case CMD_ERASE:
		if (val == CMD_CONFIRM)
			memset(f->cfg.bytes + ALIGN_DOWN(at, VFLASH_BLOCK), 0xff, VFLASH_BLOCK);
		else
			f->s.status |= VFLASH_SEQ_ERR;
		break;
	default: break; /* locks: there are none */
	}
}

static void command(struct vflash *f, u64 at, u8 val)
{
	if (f->s.command) {
		second(f, at, val);
		return;
	}
	switch (val) {
	case CMD_PROGRAM_ALT:
	case CMD_PROGRAM:
	case CMD_ERASE:
	case CMD_LOCK:
		f->s.command = val == CMD_PROGRAM_ALT ? CMD_PROGRAM : val;
		set_mode(f, VFLASH_STATUS);
		break;
	case CMD_CLEAR_STATUS:
		f->s.status = 0;
		set_mode(f, VFLASH_ARRAY);
		break;
	case CMD_READ_STATUS: set_mode(f, VFLASH_STATUS); break;
	case CMD_READ_ID: set_mode(f, VFLASH_ID); break;
	case CMD_CFI: set_mode(f, VFLASH_CFI); break;
	default: set_mode(f, VFLASH_ARRAY); break; /* FFh, and what is no command */
	}
}

static void flash_io(void *dev, struct io_access *io)
{
	struct vflash *f = dev;

	/* It is eight bits wide: a wider write is one to its first byte. */
	if (io->write) {
		command(f, io->offset, (u8)io->value);
		return;
	}
	io->value = 0;
	for (u32 i = 0; i < io->size; i++)
		io->value |= (u64)read_byte(f, io->offset + i) << i * 8;
}

/* ---- as a device of the board ---- */

STATE_DESC(vflash_state, VFLASH_STATE, 1);

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct vflash *f = dev;
	const struct vflash_cfg *c = cfg;

	if (!c->bytes || !c->size || c->size % VFLASH_BLOCK || c->size > VFLASH_MAX || c->base % PAGE_SIZE)
		return ERR_INVAL;
	f->cfg = *c;
	f->memory = env->memory;
	f->mmio = env->mmio;
	f->s.status = VFLASH_READY;
	f->region = (struct io_region){ c->base, c->size, flash_io, f, "flash" };
	return io_bus_add(env->mmio, &f->region);
}

static void detach(void *dev)
{
	struct vflash *f = dev;

	io_bus_remove(f->mmio, &f->region);
}

static void reset(void *dev, u64 now)
{
	struct vflash *f = dev;

	f->s = (struct vflash_state){ .mode = VFLASH_ARRAY, .status = VFLASH_READY };
	show(f);
}

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vflash_state *s = part[0];

	if (s->mode >= VFLASH_MODES)
		return state_refuse(c, "mode", s->mode, "is none");
	if (s->status & ~(VFLASH_READY | VFLASH_SEQ_ERR))
		return state_refuse(c, "status", s->status, "has bits that are never set");
	if (s->command && s->command != CMD_PROGRAM && s->command != CMD_ERASE && s->command != CMD_LOCK)
		return state_refuse(c, "command", s->command, "has no second write");
	if (s->command && s->mode != VFLASH_STATUS)
		return state_refuse(c, "command", s->command, "needs the status to be read");
	return true;
}

static void restored(void *dev, u64 now)
{
	show(dev);
}

VDEV_OPS(vflash, "flash", VDEV_STATE(vflash, s, vflash_state), .attach = attach, .detach = detach, .reset = reset,
         .valid = valid, .restored = restored);
