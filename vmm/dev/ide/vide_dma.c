/* IDE: the bus master's registers and descriptor tables. */
#include "vmm/dev/ide/vide_priv.h"

/* A piece: bytes, and what a descriptor counts for beside its own. */
#define PIECE      12288
#define DESCRIPTOR 768

bool vide_dma_ready(const struct vide_channel *c)
{
	const struct vide_channel_state *s = c->s;
	bool to_memory = s->bm_command & BM_TO_MEMORY;

	return s->phase == VIDE_DMA && (s->bm_status & BM_ACTIVE) && to_memory == (s->action != VIDE_WRITE) &&
	       (c->ide->pci.s.cfg[PCI_COMMAND] & PCI_CMD_MASTER);
}

/* The table names memory that is not there: an abort on the bus. */
static void abort_bus(struct vide_channel *c, const char *what, u64 value)
{
	const struct vide_cfg *cfg = &c->ide->cfg;

	c->s->bm_status = (c->s->bm_status & (u8)~BM_ACTIVE) | BM_ERROR;
	if (cfg->complain)
		cfg->complain(cfg->arg, c->nr, what, value);
	if (vide_kind(c, c->s->unit) == VIDE_CD)
		vide_packet_end(c, 0xb, 0x08, 0); /* aborted command, communication failure */
	else
		vide_finish(c, ST_GOOD | ST_ERR, ER_ABRT);
}

/* The next descriptor: 4 bytes address, 2 bytes count (0: 64 KiB), end bit. Whether it could be read. */
static bool next_descriptor(struct vide_channel *c)
{
	struct vide_channel_state *s = c->s;
	u32 prd[2];

	if (gmem_read(c->ide->mem, GPA(s->prd_next), prd, sizeof(prd))) {
		abort_bus(c, "bus master descriptor outside of RAM at", s->prd_next);
		return false;
	}
	s->prd_base = prd[0] & ~1u;
	s->prd_left = prd[1] & 0xfffe;
	if (!s->prd_left)
		s->prd_left = 0x10000;
	s->prd_last = prd[1] & PRD_LAST;
	s->prd_next = (s->prd_next & ~PRD_TABLE_END) | ((s->prd_next + 8) & PRD_TABLE_END);
	return true;
}

/* Up to the end of the descriptor or of the buffer. Whether it went well. */
static bool copy(struct vide_channel *c)
{
	struct vide_channel_state *s = c->s;
	u32 n = MIN(s->prd_left, s->fill - s->pos);
	void *p = gmem_ptr(c->ide->mem, GPA(s->prd_base), n);

	if (!p) {
		abort_bus(c, "bus master's memory is no RAM at", s->prd_base);
		return false;
	}
	if (s->action == VIDE_WRITE)
		memcpy(s->buf + s->pos, p, n);
	else
		memcpy(p, s->buf + s->pos, n);
	s->pos += n;
	s->prd_base += n;
	s->prd_left -= n;
	if (!s->prd_left && s->prd_last)
		s->bm_status &= (u8)~BM_ACTIVE;
	return true;
}

void vide_dma_piece(struct vide_channel *c)
{
	struct vide_channel_state *s = c->s;
	u32 spent = 0;

	while (spent < PIECE && s->pos < s->fill && (s->bm_status & BM_ACTIVE)) {
		u32 from = s->pos;

		if (!s->prd_left && !next_descriptor(c))
			return;
		if (!copy(c))
			return;
		spent += s->pos - from + DESCRIPTOR;
	}
	if (s->pos == s->fill)
		vide_dma_done(c);
}

/* ---- registers ---- */

static void write_bm_command(struct vide_channel *c, u8 val)
{
	struct vide_channel_state *s = c->s;
	u8 old = s->bm_command;

	s->bm_command = val & (BM_START | BM_TO_MEMORY);
	if (!(val & BM_START)) {
		s->bm_status &= (u8)~BM_ACTIVE;
	} else if (!(old & BM_START)) {
		s->bm_status |= BM_ACTIVE;
		s->prd_next = s->prd;
		s->prd_base = s->prd_left = 0;
		s->prd_last = false;
	}
	if (vide_dma_ready(c))
		vide_kick(c);
}

static u8 read_bm(const struct vide_channel *c, u32 reg)
{
	switch (reg) {
	case 0: return c->s->bm_command;
	case 2: return c->s->bm_status;
	case 4:
	case 5:
	case 6:
	case 7: return (u8)(c->s->prd >> 8 * (reg - 4));
	default: return 0;
	}
}

static void write_bm(struct vide_channel *c, u32 reg, u8 val)
{
	struct vide_channel_state *s = c->s;

	switch (reg) {
	case 0: write_bm_command(c, val); break;
	case 2:
		s->bm_status = (s->bm_status & (u8)~BM_CAPABLE) | (val & BM_CAPABLE);
		s->bm_status &= (u8) ~(val & (BM_ERROR | BM_INTERRUPT));
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		s->prd = (s->prd & ~(0xffu << 8 * (reg - 4))) | (u32)val << 8 * (reg - 4);
		s->prd &= ~3u;
		break;
	default: break;
	}
}

void vide_bm_io(void *dev, struct io_access *io)
{
	struct vide *d = dev;

	if (!io->write)
		io->value = 0;
	for (u32 i = 0; i < io->size; i++) {
		u32 at = (u32)io->offset + i;

		if (io->write)
			write_bm(&d->ch[at / 8], at % 8, (u8)(io->value >> 8 * i));
		else
			io->value |= (u64)read_bm(&d->ch[at / 8], at % 8) << 8 * i;
	}
}
