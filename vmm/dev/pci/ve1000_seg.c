/* e1000: headers of segments, and checksums. The manual's chapter 3.5, "TCP Segmentation", and 3.6, "Checksum". */
#include "vmm/dev/pci/ve1000_priv.h"

#define TUCMD_TCP 1u
#define TUCMD_IP  2u /* IPv4 */

#define TCP_FIN_PSH 0x09u
#define IPV6_HEADER 40u
#define HEADER_MAX  64u /* bytes of an IP header whose checksum is made here */

static u32 get_be16(const u8 *p)
{
	return (u32)p[0] << 8 | p[1];
}
static void put_be16(u8 *p, u32 val)
{
	p[0] = (u8)(val >> 8);
	p[1] = (u8)val;
}

static u32 fold(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

u32 ve1000_seg_size(const struct ve1000_state *s)
{
	const struct ve1000_context *c = ve1000_context(s);
	u32 room = s->tx_what & VE1000_TX_TSE ? c->hdrlen + MIN(c->mss, s->tx_left) : NET_FRAME_MAX;

	return MAX(room, s->tx_len);
}

/* A field of the frame's headers, or NULL where the buffer has nothing. */
static u8 *field(struct ve1000_state *s, u32 at, u32 len)
{
	return at + len <= s->tx_len ? s->frame + VE1000_TAG + at : NULL;
}

/* Inclusive in descriptors, 0 for the end of the frame. */
static u32 end_of(u32 end, u32 len)
{
	return end ? MIN(end + 1, len) : len;
}

static void ip_checksum(struct ve1000_state *s, const struct ve1000_context *c)
{
	u32 end = end_of(c->ipcse, s->tx_len), i = c->ipcss, sum = 0;
	u8 *at = field(s, c->ipcso, 2);
	u16 word;

	if (!at || end <= c->ipcss || end - c->ipcss > HEADER_MAX)
		return;
	/* The sum of words is the same in either order of their bytes. */
	for (; i + 1 < end; i += 2) {
		memcpy(&word, s->frame + VE1000_TAG + i, 2);
		sum += word;
	}
	if (i < end)
		sum += s->frame[VE1000_TAG + i];
	word = (u16)~fold(sum);
	memcpy(at, &word, 2);
}

static void ip_header(struct ve1000_state *s, const struct ve1000_context *c)
{
	u8 *len = field(s, c->ipcss + (c->tucmd & TUCMD_IP ? 2u : 4u), 2), *id = field(s, c->ipcss + 4u, 2);
	u8 *sum = field(s, c->ipcso, 2);

	if (!(c->tucmd & TUCMD_IP)) {
		if (len && s->tx_len >= c->ipcss + IPV6_HEADER)
			put_be16(len, s->tx_len - c->ipcss - IPV6_HEADER);
		return;
	}
	if (len)
		put_be16(len, s->tx_len - MIN(c->ipcss, s->tx_len));
	if (id && s->tx_segs)
		put_be16(id, get_be16(id) + 1);
	if (sum && (s->tx_popts & POPTS_IXSM)) {
		put_be16(sum, 0);
		ip_checksum(s, c);
	}
}

static void tcp_header(struct ve1000_state *s, const struct ve1000_context *c)
{
	u8 *seq = field(s, c->tucss + 4u, 4), *flags = field(s, c->tucss + 13u, 1);
	u32 payload = s->tx_len - c->hdrlen;

	if (flags && !s->tx_segs)
		s->tx_flags = *flags;
	if (flags && ((s->tx_what & VE1000_TX_LAST) || s->tx_left <= payload))
		*flags = s->tx_flags;
	else if (flags)
		*flags = s->tx_flags & (u8)~TCP_FIN_PSH;
	if (seq && s->tx_segs) {
		u32 n = get_be16(seq) << 16 | get_be16(seq + 2);

		n += c->mss; /* all segments but the last one have as much */
		put_be16(seq, n >> 16);
		put_be16(seq + 2, n);
	}
}

void ve1000_seg_headers(struct ve1000_state *s)
{
	const struct ve1000_context *c = ve1000_context(s);
	u8 *sum = field(s, c->tucso, 2), *udp_len = field(s, c->tucss + 4u, 2);

	ip_header(s, c);
	if (c->tucmd & TUCMD_TCP)
		tcp_header(s, c);
	else if (udp_len)
		put_be16(udp_len, s->tx_len - MIN(c->tucss, s->tx_len));
	/* What is there is the sum of the pseudo header without the length, which is each segment's own. */
	if (sum && !s->tx_segs)
		s->tx_sum = (u16)get_be16(sum);
	if (sum && (s->tx_popts & POPTS_TXSM))
		put_be16(sum, fold(s->tx_sum + s->tx_len - MIN(c->tucss, s->tx_len)));
}

struct net_frame ve1000_seg_frame(struct ve1000_state *s)
{
	const struct ve1000_context *c = ve1000_context(s);
	struct net_frame f = { .data = s->frame + VE1000_TAG, .len = s->tx_len };
	u32 start = 0, at = 0, end = 0;

	if ((s->reg[E_TCTL] & TCTL_PSP) && f.len < ETH_MIN) {
		memset(s->frame + VE1000_TAG + f.len, 0, ETH_MIN - f.len);
		f.len = ETH_MIN;
	}
	if (!(s->tx_what & VE1000_TX_EXTENDED)) {
		if (s->tx_what & VE1000_TX_IC) {
			start = s->tx_css;
			at = s->tx_cso;
			end = s->tx_len;
		}
	} else {
		/* Once: the sum of what has its checksum is 0. Segments have theirs with their headers. */
		if ((s->tx_popts & POPTS_IXSM) && !(s->tx_what & VE1000_TX_TSE)) {
			ip_checksum(s, c);
			s->tx_popts &= (u8)~POPTS_IXSM;
		}
		if (s->tx_popts & POPTS_TXSM) {
			start = c->tucss;
			at = c->tucso;
			end = end_of(c->tucse, s->tx_len);
		}
	}
	if (at && at + 2 <= s->tx_len && start <= end) {
		f.csum_start = start;
		f.csum_at = at;
		f.csum_end = end;
	}
	return f;
}
