/*
 * e1000: sending. The manual's chapter 3.3, "Packet Transmission": legacy descriptors, and extended ones with contexts of
 * checksums and segmentation. A frame grows in the state's buffer, descriptor by descriptor; when it, or a segment of
 * it, is there, it goes to the back-end, and nothing else happens before that has taken it.
 */
#include "vmm/dev/pci/ve1000_priv.h"

/* The commands of all descriptors, in their third dword. */
#define CMD_EOP  BIT32(24)
#define CMD_IC   BIT32(26) /* of legacy descriptors */
#define CMD_TSE  BIT32(26) /* of extended ones */
#define CMD_RS   BIT32(27)
#define CMD_RPS  BIT32(28)
#define CMD_DEXT BIT32(29)
#define CMD_VLE  BIT32(30)
#define CMD_IDE  BIT32(31)

#define DTYP(lower) ((lower) >> 20 & 15)
#define STA_DD      1u

struct desc {
	u64 addr;
	u32 lower, upper;
};
_Static_assert(sizeof(struct desc) == DESC_LEN, "as in memory");

bool ve1000_tx_ready(const struct ve1000 *d)
{
	struct ring r = ve1000_ring(&d->s, E_TDBAL);

	if (d->s.tx_what & VE1000_TX_READY)
		return !d->blocked;
	return (d->s.reg[E_TCTL] & TCTL_EN) && ve1000_is_master(d) && ve1000_ring_has(&r);
}

void ve1000_tx_forget(struct ve1000_state *s)
{
	s->tx_what = s->tx_popts = s->tx_cso = s->tx_css = s->tx_flags = 0;
	s->tx_tag = s->tx_sum = 0;
	s->tx_off = s->tx_len = s->tx_left = s->tx_segs = 0;
}

/* ---- descriptors ---- */

static void take_context(struct ve1000_state *s, const struct desc *t)
{
	u32 low = (u32)t->addr, high = (u32)(t->addr >> 32);

	/* Its frame begins with the next one. */
	if (s->tx_what & VE1000_TX_BEGUN)
		s->tx_what |= VE1000_TX_SKIP;
	s->ctx[t->lower & CMD_TSE ? 1 : 0] = (struct ve1000_context){
		.ipcss = (u8)low,
		.ipcso = (u8)(low >> 8),
		.ipcse = (u16)(low >> 16),
		.tucss = (u8)high,
		.tucso = (u8)(high >> 8),
		.tucse = (u16)(high >> 16),
		.paylen = t->lower & 0xfffff,
		.tucmd = (u8)(t->lower >> 24),
		.hdrlen = (u8)(t->upper >> 8),
		.mss = (u16)(t->upper >> 16),
	};
}

static void want_tag(struct ve1000_state *s, const struct desc *t)
{
	if (!(t->lower & CMD_VLE) || !(s->reg[E_CTRL] & CTRL_VME))
		return;
	s->tx_what |= VE1000_TX_TAG;
	s->tx_tag = (u16)(t->upper >> 16);
}

/* The first descriptor of a frame says what is to be done with it, but for legacy ones. */
static void begin(struct ve1000_state *s, const struct desc *t)
{
	const struct ve1000_context *c;

	s->tx_what = VE1000_TX_BEGUN;
	if (!(t->lower & CMD_DEXT))
		return;
	want_tag(s, t);
	s->tx_what |= VE1000_TX_EXTENDED;
	s->tx_popts = t->upper >> 8 & 3;
	if (!(t->lower & CMD_TSE))
		return;
	s->tx_what |= VE1000_TX_TSE;
	c = ve1000_context(s);
	s->tx_left = c->paylen;
	if (!c->hdrlen || !c->mss || c->hdrlen + c->mss > NET_FRAME_MAX)
		s->tx_what |= VE1000_TX_SKIP;
}

/* Of legacy ones the last one does: VLE, IC and what belongs to them count with EOP only. */
static void take_legacy_end(struct ve1000_state *s, const struct desc *t)
{
	want_tag(s, t);
	if (!(t->lower & CMD_IC))
		return;
	s->tx_what |= VE1000_TX_IC;
	s->tx_cso = (u8)(t->lower >> 16);
	s->tx_css = (u8)(t->upper >> 8);
}

/* A segment is complete when its payload is, any frame at its end. */
static void look_if_ready(struct ve1000_state *s, bool last)
{
	bool tse = s->tx_what & VE1000_TX_TSE;
	u32 min = tse ? ve1000_context(s)->hdrlen : 0;

	if (last && ((s->tx_what & VE1000_TX_SKIP) || s->tx_len <= min)) {
		ve1000_tx_forget(s);
		return;
	}
	if (last || (tse && !(s->tx_what & VE1000_TX_SKIP) && s->tx_len > min && s->tx_len == ve1000_seg_size(s)))
		s->tx_what |= VE1000_TX_READY;
	if (last)
		s->tx_what |= VE1000_TX_LAST;
	if (tse && (s->tx_what & VE1000_TX_READY))
		ve1000_seg_headers(s);
}

/* As much of what a descriptor has as there is room for; returns the bytes copied. */
static u32 take_data(struct ve1000 *d, const struct desc *t, u32 len)
{
	struct ve1000_state *s = &d->s;
	u32 left = len > s->tx_off ? len - s->tx_off : 0,
	    n = MIN(MIN(left, WORK_PIECE), ve1000_seg_size(s) - s->tx_len);
	const void *p = gmem_ptr(d->mem, GPA(t->addr + s->tx_off), n);

	if (!p && !(s->tx_what & VE1000_TX_SKIP))
		ve1000_complain(d, "transmit buffer (TDBAL) is no RAM at", t->addr + s->tx_off);
	/* There is no such memory, or the frame is longer than frames can be. */
	if (!p || (left && !n))
		s->tx_what |= VE1000_TX_SKIP;
	if (!p || (s->tx_what & VE1000_TX_SKIP)) {
		s->tx_off = len;
		return 0;
	}
	memcpy(s->frame + VE1000_TAG + s->tx_len, p, n);
	s->tx_len += n;
	s->tx_off += n;
	return n;
}

/* The descriptor at TDH is done with. */
static void end_descriptor(struct ve1000 *d, const struct desc *t, const struct ring *r, u64 now)
{
	struct ve1000_state *s = &d->s;
	u32 upper = t->upper | STA_DD;

	s->tx_off = 0;
	s->reg[E_TDH] = r->head + 1 < r->nr ? r->head + 1 : 0;
	if (t->lower & (CMD_RS | CMD_RPS)) {
		if (gmem_write(d->mem, GPA(r->base + (u64)r->head * DESC_LEN + 12), &upper, sizeof(upper)) != OK)
			return;
		ve1000_raise_tx(d, t->lower & CMD_IDE, now);
	}
	if (s->reg[E_TDH] == r->tail)
		ve1000_raise(d, ICR_TXQE, now);
}

static u32 take_descriptor(struct ve1000 *d, u64 now)
{
	struct ve1000_state *s = &d->s;
	struct ring r = ve1000_ring(s, E_TDBAL);
	u32 len, n;
	struct desc t;

	if (gmem_read(d->mem, GPA(r.base + (u64)r.head * DESC_LEN), &t, sizeof(t)) != OK) {
		ve1000_complain(d, "transmit descriptor (TDBAL) is no RAM at", r.base + (u64)r.head * DESC_LEN);
		s->reg[E_TDH] = s->reg[E_TDT];
		ve1000_tx_forget(s);
		return WORK_DESCRIPTOR;
	}
	if ((t.lower & CMD_DEXT) && DTYP(t.lower) == 0) {
		take_context(s, &t);
		end_descriptor(d, &t, &r, now);
		return WORK_DESCRIPTOR;
	}
	if (!(s->tx_what & VE1000_TX_BEGUN))
		begin(s, &t);
	len = t.lower & (t.lower & CMD_DEXT ? 0xfffff : 0xffff);
	if (!(t.lower & CMD_DEXT) && (t.lower & CMD_EOP) && !(s->tx_what & VE1000_TX_EXTENDED))
		take_legacy_end(s, &t);
	n = take_data(d, &t, len);
	look_if_ready(s, s->tx_off >= len && (t.lower & CMD_EOP));
	if (s->tx_off >= len || !s->tx_what)
		end_descriptor(d, &t, &r, now);
	return n + WORK_DESCRIPTOR;
}

/* ---- frames ---- */

/* A VLAN tag goes between the addresses and the type; what it takes the place of comes back. */
static void put_tag(struct ve1000_state *s, u8 *frame)
{
	u16 type = (u16)s->reg[E_VET];

	memmove(frame - VE1000_TAG, frame, 12);
	frame[8] = (u8)(type >> 8);
	frame[9] = (u8)type;
	frame[10] = (u8)(s->tx_tag >> 8);
	frame[11] = (u8)s->tx_tag;
}

static u32 send(struct ve1000 *d)
{
	struct ve1000_state *s = &d->s;
	u8 *start = s->frame + VE1000_TAG;
	bool tag = (s->tx_what & VE1000_TX_TAG) && s->tx_len <= NET_FRAME_MAX - VE1000_TAG;
	u32 spent = s->tx_len + WORK_DESCRIPTOR, header = ve1000_context(s)->hdrlen;
	struct net_frame f;
	int err;

	if (s->tx_popts & POPTS_IXSM)
		spent += WORK_CHECKSUM;
	f = ve1000_seg_frame(s);
	if (tag) {
		put_tag(s, start);
		f.data -= VE1000_TAG;
		f.len += VE1000_TAG;
		f.csum_start += VE1000_TAG;
		f.csum_end += VE1000_TAG;
		f.csum_at += f.csum_at ? VE1000_TAG : 0;
	}
	err = net_send(&d->cfg.net, &f);
	if (err != ERR_BUSY)
		ve1000_count_frame(s, f.data, f.len, true);
	if (tag)
		memmove(start, start - VE1000_TAG, 12);
	if (err == ERR_BUSY) {
		d->blocked = true;
		return spent;
	}
	if ((s->tx_what & VE1000_TX_TSE) && ((s->tx_what & VE1000_TX_LAST) || s->tx_left == s->tx_len - header))
		ve1000_count(s, ST_TSCTC, 1);
	if (s->tx_what & VE1000_TX_LAST) {
		ve1000_tx_forget(s);
		return spent;
	}
	s->tx_left -= s->tx_len - header;
	s->tx_len = header;
	s->tx_segs++;
	s->tx_what &= (u8)~VE1000_TX_READY;
	if (!s->tx_left)
		s->tx_what |= VE1000_TX_SKIP; /* more data than it said */
	return spent;
}

u32 ve1000_tx(struct ve1000 *d, u64 now)
{
	u32 spent = 0;

	while (spent < WORK_PIECE && ve1000_tx_ready(d))
		spent += d->s.tx_what & VE1000_TX_READY ? send(d) : take_descriptor(d, now);
	return spent;
}

/* ---- what can be ---- */

static bool segment_valid(const struct ve1000_state *s, struct state_check *c)
{
	const struct ve1000_context *x = ve1000_context(s);

	if (!(s->tx_what & VE1000_TX_EXTENDED))
		return state_refuse(c, "tx_what", s->tx_what, "segments a frame of legacy descriptors");
	if (s->tx_what & VE1000_TX_SKIP)
		return true;
	if (!x->hdrlen || !x->mss || x->hdrlen + x->mss > NET_FRAME_MAX)
		return state_refuse(c, "ctx", x->mss, "is a segment size that cannot be");
	if (s->tx_left > 0xfffff)
		return state_refuse(c, "tx_left", s->tx_left, "is more than a context can say");
	if (s->tx_len > x->hdrlen + MIN((u32)x->mss, s->tx_left))
		return state_refuse(c, "tx_len", s->tx_len, "is more than a segment");
	if ((s->tx_what & VE1000_TX_READY) && s->tx_len <= x->hdrlen)
		return state_refuse(c, "tx_len", s->tx_len, "is a segment without payload");
	return true;
}

bool ve1000_tx_valid(const struct ve1000_state *s, struct state_check *c)
{
	bool ready = s->tx_what & VE1000_TX_READY;

	if (s->tx_len > NET_FRAME_MAX)
		return state_refuse(c, "tx_len", s->tx_len, "is more than the buffer has room for");
	if (s->tx_popts > 3)
		return state_refuse(c, "tx_popts", s->tx_popts, "has bits that a descriptor lacks");
	if (!(s->tx_what & VE1000_TX_BEGUN) && (s->tx_what || s->tx_len))
		return state_refuse(c, "tx_what", s->tx_what, "is of a frame that was not begun");
	if (ready && ((s->tx_what & VE1000_TX_SKIP) || !s->tx_len))
		return state_refuse(c, "tx_what", s->tx_what, "has nothing ready that can go out");
	if ((s->tx_what & VE1000_TX_LAST) && !ready)
		return state_refuse(c, "tx_what", s->tx_what, "is at its end, and not ready");
	if (ready && !(s->tx_what & (VE1000_TX_LAST | VE1000_TX_TSE)))
		return state_refuse(c, "tx_what", s->tx_what, "is ready before its end");
	return !(s->tx_what & VE1000_TX_TSE) || segment_valid(s, c);
}
