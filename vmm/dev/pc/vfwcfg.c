/* fw_cfg: items, the ports to read them by, and DMA in pieces. */
#include "vmm/dev/pc/vfwcfg.h"

#include "lib/string.h"

#define KEY_WRITE 0x4000 /* of the selector: the item was to be written */

#define DESC_SIZE 16

#define IS_OFF(s) ((s)->next_at == TIMER_OFF)

static const u8 signature[4] = { 'Q', 'E', 'M', 'U' };
static const u8 id[4] = { 3 }; /* ports and DMA */
static const u8 dma_signature[8] = { 'Q', 'E', 'M', 'U', ' ', 'C', 'F', 'G' };

static void put_be32(u8 *p, u32 v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}

static u32 get_be32(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

/* ---- items ---- */

static const struct vfwcfg_item *find(const struct vfwcfg *f, u16 key)
{
	for (u32 i = 0; i < f->nr; i++)
		if (f->items[i].key == (key & ~KEY_WRITE))
			return &f->items[i];
	return NULL;
}

static u32 item_len(const struct vfwcfg_item *item)
{
	return item ? item->len : 0;
}

/* What follows from the key. */
static void look_up(struct vfwcfg *f)
{
	f->item = find(f, f->s.key);
	if (f->item && f->item->built)
		f->build(f->arg);
}

static void select_item(struct vfwcfg *f, u16 key)
{
	f->s.key = key;
	f->s.offset = 0;
	look_up(f);
}

static u8 next_byte(struct vfwcfg *f)
{
	if (f->s.offset >= item_len(f->item))
		return 0;
	return ((const u8 *)f->item->data)[f->s.offset++];
}

static void port_io(void *dev, struct io_access *io)
{
	struct vfwcfg *f = dev;

	if (io->write && io->offset == 0 && io->size == 2 && IS_OFF(&f->s))
		select_item(f, (u16)io->value);
	else if (!io->write && io->offset == 1)
		io->value = IS_OFF(&f->s) ? next_byte(f) : 0;
}

/* ---- DMA ---- */

static void answer(const struct vfwcfg *f, u64 desc, bool error)
{
	u8 control[4];

	put_be32(control, error ? VFWCFG_DMA_ERROR : 0);
	/* It was there to be read; if it is not any more nobody looks. */
	(void)!gmem_write(f->mem, GPA(desc), control, sizeof(control));
}

static void finish(struct vfwcfg *f, bool error)
{
	u64 desc = f->s.desc;

	f->s.left = 0;
	f->s.desc = f->s.at = 0;
	f->s.next_at = TIMER_OFF;
	timer_cancel(&f->timer);
	answer(f, desc, error);
}

/* The next piece: what the item still has, then zeros. */
static void move_piece(struct vfwcfg *f, u64 now)
{
	u32 n = MIN(f->s.left, VFWCFG_PIECE);
	u32 of_item = MIN(item_len(f->item) - f->s.offset, n);
	u8 *to = gmem_ptr(f->mem, GPA(f->s.at), n);

	if (!to) {
		finish(f, true);
		return;
	}
	if (of_item)
		memcpy(to, (const u8 *)f->item->data + f->s.offset, of_item);
	memset(to + of_item, 0, n - of_item);
	f->s.offset += of_item;
	f->s.left -= n;
	f->s.at += n;
	if (!f->s.left) {
		finish(f, false);
		return;
	}
	f->s.next_at = now + 1;
	timer_set(&f->timer, f->s.next_at);
}

static void next_piece(void *arg, u64 now)
{
	move_piece(arg, now);
}

static void start_transfer(struct vfwcfg *f, u64 desc, u64 now)
{
	u8 raw[DESC_SIZE];
	u32 control, len;

	/* There is no place to say that something is wrong with the place. */
	if (gmem_read(f->mem, GPA(desc), raw, sizeof(raw)) != OK)
		return;
	if (!IS_OFF(&f->s)) {
		answer(f, desc, true);
		return;
	}
	control = get_be32(raw);
	len = get_be32(raw + 4);
	if (control & VFWCFG_DMA_SELECT)
		select_item(f, (u16)(control >> 16));
	f->s.desc = desc;
	if (!(control & VFWCFG_DMA_READ)) {
		/* "Read" goes before "write" goes before "skip". */
		if ((control & (VFWCFG_DMA_WRITE | VFWCFG_DMA_SKIP)) == VFWCFG_DMA_SKIP)
			f->s.offset += MIN(item_len(f->item) - f->s.offset, len);
		finish(f, control & VFWCFG_DMA_WRITE);
		return;
	}
	f->s.at = (u64)get_be32(raw + 8) << 32 | get_be32(raw + 12);
	f->s.left = len;
	if (len)
		move_piece(f, now);
	else
		finish(f, false);
}

static void dma_io(void *dev, struct io_access *io)
{
	struct vfwcfg *f = dev;
	u64 desc;

	if (!io->write) {
		io->value = 0;
		memcpy(&io->value, dma_signature + io->offset, MIN(io->size, sizeof(dma_signature) - io->offset));
		return;
	}
	if (io->size != 4)
		return;
	if (io->offset == 0) {
		f->s.dma_high = __builtin_bswap32((u32)io->value);
	} else if (io->offset == 4) {
		desc = (u64)f->s.dma_high << 32 | __builtin_bswap32((u32)io->value);
		f->s.dma_high = 0;
		start_transfer(f, desc, io->now);
	}
}

/* ---- as a device of the board ---- */

static int add_item(struct vfwcfg *f, const struct vfwcfg_item *item)
{
	if (f->nr == ARRAY_SIZE(f->items))
		return ERR_NOSPC;
	if (find(f, item->key) || (item->key & KEY_WRITE) || (item->built && !f->build))
		return ERR_INVAL;
	f->items[f->nr++] = *item;
	return OK;
}

/* A file and its entry of the directory: size, number, two reserved bytes, name; big-endian. */
static int add_file(struct vfwcfg *f, const struct vfwcfg_item *item, u32 n)
{
	struct vfwcfg_item numbered = *item;
	size_t len = strlen(item->file);
	u8 *entry = f->dir + 4 + n * VFWCFG_DIR_ENTRY;

	if (n == VFWCFG_FILES)
		return ERR_NOSPC;
	if (!len || len > VFWCFG_NAME_MAX)
		return ERR_INVAL;
	numbered.key = (u16)(VFWCFG_FILE_FIRST + n);
	put_be32(entry, item->len);
	put_be32(entry + 4, (u32)numbered.key << 16);
	memcpy(entry + 8, item->file, len);
	return add_item(f, &numbered);
}

static int add_items(struct vfwcfg *f, const struct vfwcfg_cfg *cfg)
{
	const struct vfwcfg_item own[] = {
		{ .key = VFWCFG_SIGNATURE, .len = sizeof(signature), .data = signature },
		{ .key = VFWCFG_ID, .len = sizeof(id), .data = id },
	};
	u32 files = 0;
	int err = OK;

	if (cfg->nr > VFWCFG_ITEMS)
		return ERR_NOSPC;
	for (u32 i = 0; i < ARRAY_SIZE(own) && !err; i++)
		err = add_item(f, &own[i]);
	for (u32 i = 0; i < cfg->nr && !err; i++)
		err = cfg->items[i].file ? add_file(f, &cfg->items[i], files++) : add_item(f, &cfg->items[i]);
	if (err)
		return err;
	put_be32(f->dir, files);
	return add_item(f, &(struct vfwcfg_item){
	                           .key = VFWCFG_FILE_DIR, .len = 4 + files * VFWCFG_DIR_ENTRY, .data = f->dir });
}

static int attach(void *dev, const struct vdev_env *env, const void *cfg)
{
	struct vfwcfg *f = dev;
	const struct vfwcfg_cfg *c = cfg;
	int err;

	f->build = c->build;
	f->arg = c->arg;
	f->mem = env->mem;
	f->pio = env->pio;
	f->s.next_at = TIMER_OFF;
	timer_init(&f->timer, env->timers, next_piece, f);
	err = add_items(f, c);
	if (err)
		return err;
	f->item = find(f, 0);
	f->port = (struct io_region){ .base = VFWCFG_PORT, .len = 2, .fn = port_io, .dev = f, .name = "fw-cfg" };
	f->dma = (struct io_region){ .base = VFWCFG_DMA, .len = 8, .fn = dma_io, .dev = f, .name = "fw-cfg-dma" };
	err = io_bus_add(env->pio, &f->port);
	if (err)
		return err;
	err = io_bus_add(env->pio, &f->dma);
	if (err)
		io_bus_remove(env->pio, &f->port);
	return err;
}

static void detach(void *dev)
{
	struct vfwcfg *f = dev;

	timer_cancel(&f->timer);
	io_bus_remove(f->pio, &f->port);
	io_bus_remove(f->pio, &f->dma);
}

/* What a transfer has put into guest memory stays there; its descriptor is never answered. */
static void reset(void *dev, u64 now)
{
	struct vfwcfg *f = dev;

	f->s = (struct vfwcfg_state){ .next_at = TIMER_OFF };
	f->item = find(f, 0);
	timer_cancel(&f->timer);
}

STATE_DESC(vfwcfg_state, VFWCFG_STATE, 1);

static bool valid(const void *dev, const void *const part[VDEV_PARTS], struct state_check *c)
{
	const struct vfwcfg *f = dev;
	const struct vfwcfg_state *s = part[0];

	if (s->offset > item_len(find(f, s->key)))
		return state_refuse(c, "offset", s->offset, "is behind the item's end");
	if (IS_OFF(s) && (s->left || s->desc || s->at))
		return state_refuse(c, "left", s->left, "or an address is kept of no transfer");
	if (!IS_OFF(s) && !s->left)
		return state_refuse(c, "left", s->left, "is nothing, but a transfer is under way");
	if (!IS_OFF(s) && s->next_at > c->now && s->next_at - c->now > 1)
		return state_refuse(c, "next_at", s->next_at, "is later than the next piece comes");
	return true;
}

static void restored(void *dev, u64 now)
{
	struct vfwcfg *f = dev;

	look_up(f);
	timer_set(&f->timer, f->s.next_at);
}

VDEV_OPS(vfwcfg, "fwcfg", VDEV_STATE(vfwcfg, s, vfwcfg_state), .attach = attach, .detach = detach, .reset = reset,
         .valid = valid, .restored = restored);
