/* e1000: receiving. The manual's chapter 3.2, "Packet Reception": which frames are taken, and where they go. */
#include "vmm/dev/pci/ve1000_priv.h"

#define RAH_AV 0x80000000u

#define ST_DD   0x01u
#define ST_EOP  0x02u
#define ST_IXSM 0x04u /* no checksums were looked at */
#define ST_VP   0x08u

#define TYPE_AT 12u /* of the tag's type, behind the addresses */

struct desc {
	u64 addr;
	u16 len, sum;
	u8 status, errors;
	u16 special;
};
_Static_assert(sizeof(struct desc) == DESC_LEN, "as in memory");

bool ve1000_rx_ready(const struct ve1000 *d)
{
	struct ring r = ve1000_ring(&d->s, E_RDBAL);

	if ((d->s.reg[E_RCTL] & RCTL_EN) && !(ve1000_is_master(d) && ve1000_ring_has(&r)))
		return false;
	return net_next(&d->cfg.net);
}

/* ---- filters ---- */

static bool is_tagged(const struct ve1000_state *s, const struct net_frame *f)
{
	return f->len >= TYPE_AT + VE1000_TAG + 2 &&
	       (u32)(f->data[TYPE_AT] << 8 | f->data[TYPE_AT + 1]) == s->reg[E_VET];
}

static bool has_bit(const u32 *bits, u32 n)
{
	return bits[n / 32] >> n % 32 & 1;
}

static bool vlan_passes(const struct ve1000_state *s, const struct net_frame *f)
{
	u32 rctl = s->reg[E_RCTL];

	if (!(rctl & RCTL_VFE) || !is_tagged(s, f))
		return true;
	if ((rctl & RCTL_CFIEN) && !(f->data[14] & 0x10) != !(rctl & RCTL_CFI))
		return false;
	return has_bit(s->vfta, (f->data[14] & 0xfu) << 8 | f->data[15]);
}

static bool is_ours(const struct ve1000_state *s, const u8 *mac)
{
	u32 low = (u32)mac[0] | (u32)mac[1] << 8 | (u32)mac[2] << 16 | (u32)mac[3] << 24;
	u32 high = (u32)mac[4] | (u32)mac[5] << 8;

	for (u32 i = 0; i < VE1000_RA; i += 2)
		if ((s->ra[i + 1] & RAH_AV) && s->ra[i] == low && (s->ra[i + 1] & 0xffff) == high)
			return true;
	return false;
}

static bool address_passes(const struct ve1000_state *s, const u8 *mac)
{
	static const u8 shift[] = { 4, 3, 2, 0 };
	u32 rctl = s->reg[E_RCTL], high = (u32)mac[4] | (u32)mac[5] << 8;
	bool all = true;

	for (u32 i = 0; i < NET_MAC_LEN; i++)
		all &= mac[i] == 0xff;
	if ((all && (rctl & RCTL_BAM)) || is_ours(s, mac))
		return true;
	if (!(mac[0] & 1))
		return rctl & RCTL_UPE;
	return (rctl & RCTL_MPE) || has_bit(s->mta, high >> shift[rctl >> 12 & 3] & 0xfff);
}

static bool passes(struct ve1000_state *s, const struct net_frame *f)
{
	if (f->len < TYPE_AT || f->len > NET_FRAME_MAX)
		return false;
	if (f->len > ETH_MAX && !(s->reg[E_RCTL] & RCTL_LPE)) {
		ve1000_count(s, ST_ROC, 1);
		return false;
	}
	return address_passes(s, f->data) && vlan_passes(s, f);
}

/* ---- into the guest's memory ---- */

static u32 buffer_size(const struct ve1000_state *s)
{
	u32 shift = s->reg[E_RCTL] >> 16 & 3;

	if (s->reg[E_RCTL] & RCTL_BSEX)
		return shift ? 32768u >> shift : 0;
	return 2048u >> shift;
}

/* n bytes of it from `at` on, without the tag if that is stripped; behind its end there are zeros. */
static void copy_out(u8 *to, const struct net_frame *f, bool strip, u32 at, u32 n)
{
	while (n) {
		u32 from = strip && at >= TYPE_AT ? at + VE1000_TAG : at;
		u32 end = strip && at < TYPE_AT ? TYPE_AT : f->len, part = n;

		if (from < f->len) {
			part = MIN(n, end - from);
			memcpy(to, f->data + from, part);
		} else {
			memset(to, 0, n);
		}
		to += part;
		at += part;
		n -= part;
	}
}

/* The frame is done with. */
static void end_frame(struct ve1000 *d)
{
	d->s.rx_off = 0;
	net_taken(&d->cfg.net);
}

static void tell(struct ve1000 *d, const struct ring *r, u64 now)
{
	struct ve1000_state *s = &d->s;
	u32 left = (r->tail + r->nr - s->reg[E_RDH]) % r->nr;

	if (left == r->nr >> (1 + (s->reg[E_RCTL] >> 8 & 3)))
		ve1000_raise(d, ICR_RXDMT0, now);
	ve1000_raise_rx(d, now);
}

/* The next buffer gets the next part of the frame; returns how many bytes. */
static u32 fill_buffer(struct ve1000 *d, const struct net_frame *f, u64 now)
{
	struct ve1000_state *s = &d->s;
	struct ring r = ve1000_ring(s, E_RDBAL);
	u64 at = r.base + (u64)r.head * DESC_LEN;
	bool tagged = is_tagged(s, f), strip = tagged && (s->reg[E_CTRL] & CTRL_VME);
	u32 fcs = s->reg[E_RCTL] & RCTL_SECRC ? 0 : FCS_LEN;
	u32 total = MAX(f->len - (strip ? VE1000_TAG : 0), ETH_MIN) + fcs;
	u32 n = MIN(buffer_size(s), total - MIN(s->rx_off, total));
	struct desc t;
	u8 *p = NULL;

	if (gmem_read(d->mem, GPA(at), &t, sizeof(t)) == OK)
		p = gmem_ptr(d->mem, GPA(t.addr), n);
	s->reg[E_RDH] = r.head + 1 < r.nr ? r.head + 1 : 0;
	if (!p || !n) {
		ve1000_complain(d, "receive descriptor or buffer (RDBAL) is no RAM, descriptor at", at);
		end_frame(d);
		return 0;
	}
	copy_out(p, f, strip, s->rx_off, n);
	s->rx_off += n;
	t = (struct desc){ .addr = t.addr, .len = (u16)n, .status = ST_DD | ST_IXSM };
	if (strip) {
		t.status |= ST_VP;
		t.special = (u16)(f->data[14] << 8 | f->data[15]);
	}
	t.status |= s->rx_off >= total ? ST_EOP : 0;
	if (gmem_write(d->mem, GPA(at), &t, sizeof(t)) != OK || s->rx_off < total)
		return n;
	ve1000_count_frame(s, f->data, f->len, false);
	end_frame(d);
	tell(d, &r, now);
	return n;
}

u32 ve1000_rx(struct ve1000 *d, u32 spent, u64 now)
{
	while (spent < WORK_PIECE && ve1000_rx_ready(d)) {
		const struct net_frame *f = net_next(&d->cfg.net);

		spent += WORK_DESCRIPTOR;
		/* One that was begun goes on, unless receiving was switched off meanwhile. */
		if (!(d->s.reg[E_RCTL] & RCTL_EN) || (!d->s.rx_off && !passes(&d->s, f)))
			end_frame(d);
		else
			spent += fill_buffer(d, f, now);
	}
	return spent;
}
