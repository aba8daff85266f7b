/* e1000: frames out by all kinds of descriptors, frames in, filters, pieces, rings that cannot be. */
#include "quick_check.h"

#include "suite.h"
#include "ve1000_rig.h"

enum {
	CTRL = 0,
	ICR = 0xc0,
	IMS = 0xd0,
	RCTL = 0x100,
	TCTL = 0x400,
	RXRING = 0x2800,
	RDTR = 0x2820,
	RADV = 0x282c,
	TXRING = 0x3800,
	TDH = 0x3810,
	TDT = 0x3818,
	RDH = 0x2810,
	RDT = 0x2818,
	TIDV = 0x3820,
	TADV = 0x382c
};
enum { EOP = 1, IC = 4, TSE = 4, RS = 8, DEXT = 0x20, VLE = 0x40, IDE = 0x80 };

#define TX    0x1000u /* the rings, of 64 */
#define RX    0x2000u
#define BUF   0x8000u
#define EN    2u
#define PSP   8u
#define BAM   0x8000u
#define SECRC (1u << 26)

static struct nic_rig r;
static u32 tail;

static void ring(u32 reg, u32 at, u32 nr)
{
	nic_wr(&r, reg, at);
	nic_wr(&r, reg + 4, 0);
	nic_wr(&r, reg + 8, nr * 16);
	nic_wr(&r, reg + 16, 0);
	nic_wr(&r, reg + 24, 0);
}

static void setup(bool plugged)
{
	nic_rig_init(&r, plugged);
	for (u32 i = 0; i < NIC_RAM - BUF; i++)
		r.ram[BUF + i] = (u8)(i * 7 + (i >> 8));
	nic_wr(&r, CTRL, 0x41);
	nic_rd(&r, ICR);
	ring(TXRING, TX, 64);
	ring(RXRING, RX, 64);
	nic_wr(&r, TCTL, EN);
	tail = 0;
}

/* A descriptor at the ring's end; without telling. */
static void put(u64 addr, u32 lower, u32 upper)
{
	memcpy(r.ram + TX + 16 * tail, &addr, 8);
	memcpy(r.ram + TX + 16 * tail + 8, &lower, 4);
	memcpy(r.ram + TX + 16 * tail + 12, &upper, 4);
	tail = (tail + 1) % 64;
}
static u32 go(void)
{
	nic_wr(&r, TDT, tail);
	return nic_work(&r);
}
static u32 status_of(u32 n)
{
	return r.ram[TX + 16 * n + 12];
}
static u32 get16(const u8 *p)
{
	return (u32)p[0] << 8 | p[1];
}
static u32 be16(u32 at)
{
	return get16(r.last + at);
}

START_TEST(a_frame_goes_out)
{
	setup(true);
	put(BUF, (EOP | RS) << 24 | 100, 0);
	r.kicks = 0;
	nic_wr(&r, TDT, 1);
	ck_assert(r.kicks == 1 && !r.nr_sent);
	nic_work(&r);
	ck_assert(r.nr_sent == 1 && r.sent[0].len == 100 && !r.sent[0].csum_at);
	ck_assert(!memcmp(r.last, r.ram + BUF, 100));
	ck_assert(status_of(0) == 1 && nic_rd(&r, TDH) == 1);
	/* Written back, and the ring is empty. */
	ck_assert_uint_eq(nic_rd(&r, ICR), 3);
	/* Several buffers, no report; padded when that is wanted. */
	put(BUF, 14, 0);
	put(BUF + 1000, 20, 0);
	nic_wr(&r, TDT, 3);
	nic_work(&r);
	ck_assert(r.nr_sent == 1 && nic_rd(&r, TDH) == 3);
	nic_rd(&r, ICR);
	nic_wr(&r, TCTL, EN | PSP);
	put(BUF + 2000, EOP << 24 | 3, 0);
	go();
	ck_assert(r.nr_sent == 2 && r.sent[1].len == 60 && nic_rd(&r, ICR) == 2);
	ck_assert(!memcmp(r.last, r.ram + BUF, 14) && !memcmp(r.last + 14, r.ram + BUF + 1000, 20) &&
	          !memcmp(r.last + 34, r.ram + BUF + 2000, 3) && !r.last[37] && !r.last[59]);
	ck_assert(status_of(1) == 0 && status_of(3) == 0);
	/* Statistics: two frames, 104 and 64 bytes with their check sequences; read, they are gone. */
	ck_assert_uint_eq(nic_rd(&r, 0x4080), 2);
	ck_assert_uint_eq(nic_rd(&r, 0x40d4), 2);
	ck_assert_uint_eq(nic_rd(&r, 0x40d8), 1);
	ck_assert_uint_eq(nic_rd(&r, 0x40dc), 1);
	ck_assert_uint_eq(nic_rd(&r, 0x4090), 168);
	ck_assert_uint_eq(nic_rd(&r, 0x4090), 168);
	ck_assert_uint_eq(nic_rd(&r, 0x4094), 0);
	ck_assert_uint_eq(nic_rd(&r, 0x4090) | nic_rd(&r, 0x4080), 0);
}
END_TEST

START_TEST(without_a_network_it_is_lost_and_counted)
{
	setup(false);
	for (u32 i = 0; i < 63; i++)
		put(BUF, (EOP | RS) << 24 | 60, 0);
	go();
	ck_assert(nic_rd(&r, TDH) == 63 && status_of(62) == 1);
	ck_assert_uint_eq(nic_rd(&r, 0x4080), 63);
}
END_TEST

START_TEST(the_back_end_has_no_room)
{
	setup(true);
	r.busy = true;
	put(BUF, (EOP | RS) << 24 | 100, 0);
	put(BUF + 100, (EOP | RS) << 24 | 70, 0);
	nic_wr(&r, TDT, 2);
	ck_assert(nic_work(&r) == 1 && !r.nr_sent && nic_rd(&r, TDH) == 1);
	/* Until it says so. */
	r.busy = false;
	ck_assert(nic_work(&r) == 0);
	r.front.changed(r.front.arg);
	nic_work(&r);
	ck_assert(r.nr_sent == 2 && r.sent[0].len == 100 && r.sent[1].len == 70 && nic_rd(&r, TDH) == 2);
}
END_TEST

START_TEST(checksums_are_asked_for)
{
	setup(true);
	/* Legacy: from 14 to the end, into 24. */
	put(BUF, (EOP | IC) << 24 | 24 << 16 | 90, 14 << 8);
	go();
	ck_assert(r.sent[0].csum_start == 14 && r.sent[0].csum_end == 90 && r.sent[0].csum_at == 24);
	/* A context: IP header 14 to 33, its sum at 24; TCP from 34 on, its sum at 50. */
	memset(r.ram + BUF + 24, 0, 2);
	put(14 | 24 << 8 | 33 << 16 | 34ull << 32 | 50ull << 40, (u32)DEXT << 24, 0);
	put(BUF, (u32)(EOP | DEXT) << 24 | 1u << 20 | 200, 3 << 8);
	go();
	ck_assert(r.nr_sent == 2 && r.sent[1].csum_start == 34 && r.sent[1].csum_end == 200 &&
	          r.sent[1].csum_at == 50);
	{
		u32 sum = 0;

		for (u32 i = 14; i < 34; i += 2)
			sum += be16(i);
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		ck_assert_uint_eq(sum, 0xffff);
	}
	/* A header of an odd length ends as if a 0 followed. */
	put(14 | 24 << 8 | 32 << 16, (u32)DEXT << 24, 0);
	put(BUF, (u32)(EOP | DEXT) << 24 | 1u << 20 | 200, 1 << 8);
	go();
	{
		u32 sum = (u32)r.last[32] << 8;

		for (u32 i = 14; i < 32; i += 2)
			sum += be16(i);
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		ck_assert(r.nr_sent == 3 && sum == 0xffff);
	}
	/* One that would be outside of the frame is none. */
	put(BUF, (EOP | IC) << 24 | 89 << 16 | 90, 14 << 8);
	go();
	ck_assert(r.nr_sent == 4 && !r.sent[3].csum_at);
}
END_TEST

START_TEST(a_tag_is_put_in)
{
	setup(true);
	put(BUF, (u32)(EOP | VLE) << 24 | 80, 0x0123u << 16);
	go();
	ck_assert_uint_eq(r.sent[0].len, 80); /* CTRL.VME is not set */
	nic_wr(&r, CTRL, 0x40000041);
	put(BUF, (u32)(EOP | VLE | IC) << 24 | 50 << 16 | 80, 0x0123u << 16 | 34 << 8);
	r.busy = true;
	go();
	r.busy = false;
	r.front.changed(r.front.arg);
	nic_work(&r);
	ck_assert(r.nr_sent == 2 && r.sent[1].len == 84 && r.sent[1].csum_start == 38 && r.sent[1].csum_at == 54);
	ck_assert(!memcmp(r.last, r.ram + BUF, 12) && !memcmp(r.last + 16, r.ram + BUF + 12, 68));
	ck_assert(be16(12) == 0x8100 && be16(14) == 0x0123);
}
END_TEST

/* Of legacy descriptors the last one says what is to be done. */
START_TEST(the_last_legacy_descriptor_counts)
{
	setup(true);
	nic_wr(&r, CTRL, 0x40000041);
	put(BUF, (u32)(VLE | IC) << 24 | 50 << 16 | 40, 0x0123u << 16 | 34 << 8);
	put(BUF + 40, EOP << 24 | 60 << 16 | 40, 0x0456u << 16 | 14 << 8);
	go();
	ck_assert(r.nr_sent == 1 && r.sent[0].len == 80 && !r.sent[0].csum_at);
	put(BUF, 50 << 16 | 40, 0x0123u << 16 | 34 << 8);
	put(BUF + 40, (u32)(EOP | VLE | IC) << 24 | 60 << 16 | 40, 0x0456u << 16 | 14 << 8);
	go();
	ck_assert(r.nr_sent == 2 && r.sent[1].len == 84 && be16(14) == 0x0456);
	ck_assert(r.sent[1].csum_start == 18 && r.sent[1].csum_at == 64 && r.sent[1].csum_end == 84);
	/* Of extended ones it is the first. */
	put(BUF, (u32)(VLE | DEXT) << 24 | 1u << 20 | 40, 0x0123u << 16);
	put(BUF + 40, (u32)(EOP | DEXT) << 24 | 1u << 20 | 40, 0);
	go();
	ck_assert(r.nr_sent == 3 && r.sent[2].len == 84 && be16(14) == 0x0123);
}
END_TEST

/* 54 bytes of headers, 1000 a segment, 2500 in all: three of them; IPv4 and TCP. */
static void put_segments(u32 split)
{
	u8 *h = r.ram + BUF;

	memset(h + 16, 0, 2);
	h[18] = 0x12;
	h[19] = 0xff; /* identification */
	h[38] = h[39] = h[40] = 0;
	h[41] = 5;    /* sequence number */
	h[47] = 0x19; /* FIN, PSH, ACK */
	h[50] = 0xff;
	h[51] = 0xf0; /* the pseudo header's sum */
	put(14 | 24 << 8 | 33 << 16 | 34ull << 32 | 50ull << 40, (u32)(DEXT | TSE | 3) << 24 | 2500,
	    1000u << 16 | 54 << 8);
	put(BUF, (u32)(DEXT | TSE) << 24 | 1u << 20 | 54, 3 << 8);
	put(BUF + 0x100, (u32)(DEXT | TSE) << 24 | 1u << 20 | split, 3 << 8);
	put(BUF + 0x100 + split, (u32)(EOP | RS | DEXT | TSE) << 24 | 1u << 20 | (2500 - split), 3 << 8);
}

/* Segment n of put_segments(), whole. */
static void check_segment(u32 n)
{
	u32 len = n < 2 ? 1054 : 554, sum = 0;
	const u8 *p = r.first[n];

	ck_assert_uint_eq(r.sent[n].len, len);
	ck_assert_uint_eq(get16(p + 16), len - 14);
	ck_assert_uint_eq(get16(p + 18), 0x12ff + n);
	for (u32 k = 14; k < 34; k += 2)
		sum += get16(p + k);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	ck_assert_uint_eq(sum, 0xffff);
	ck_assert_uint_ne(get16(p + 24), 0);
	ck_assert_uint_eq(get16(p + 38) << 16 | get16(p + 40), 5 + n * 1000);
	ck_assert_uint_eq(p[47], n < 2 ? 0x10 : 0x19);
	/* FFF0h and the length of TCP, folded. */
	ck_assert_uint_eq(get16(p + 50), len - 34 - 15);
	ck_assert(r.sent[n].csum_start == 34 && r.sent[n].csum_at == 50);
	ck_assert(!memcmp(p + 54, r.ram + BUF + 0x100 + n * 1000, len - 54));
}

/* However the payload is split, and however often each is refused before it is taken. */
START_TEST(segments)
{
	static const u32 splits[] = { 1, 999, 1000, 1001, 2000, 2499, 2500 };

	for (u32 i = 0; i < ARRAY_SIZE(splits) * 3; i++) {
		setup(true);
		put_segments(splits[i / 3]);
		nic_wr(&r, TDT, tail);
		r.refuse = r.refusals = i % 3;
		for (u32 n = 0; r.nr_sent < 3 && n < 20; n++) {
			nic_work(&r);
			r.front.changed(r.front.arg);
		}
		nic_work(&r);
		ck_assert(r.nr_sent == 3 && nic_rd(&r, TDH) == tail && nic_rd(&r, 0x40f8) == 1);
		for (u32 n = 0; n < 3; n++)
			check_segment(n);
	}
}
END_TEST

/* What cannot be sent is not, and what comes behind it is. */
START_TEST(frames_that_cannot_be)
{
	setup(true);
	put(NIC_RAM - 10, (EOP | RS) << 24 | 60, 0); /* leaves RAM */
	put(BUF, 0x4000, 0);                         /* too long, by a byte */
	put(BUF, (EOP | RS) << 24 | 1, 0);
	put(BUF, (EOP | RS) << 24 | 0, 0); /* nothing */
	put(14, (u32)(DEXT | TSE) << 24 | 100, 54 << 8);
	put(BUF, (u32)(EOP | RS | DEXT | TSE) << 24 | 1u << 20 | 154, 0); /* segments of nothing */
	put(14, (u32)(DEXT | TSE) << 24 | 100, 50u << 16 | 54 << 8);
	put(BUF, (u32)(DEXT | TSE) << 24 | 1u << 20 | 60, 0);
	put(14, (u32)DEXT << 24, 0); /* a context in the middle */
	put(BUF, (u32)(EOP | DEXT | TSE) << 24 | 1u << 20 | 60, 0);
	go();
	ck_assert(!r.nr_sent && nic_rd(&r, TDH) == tail && r.complaints == 1);
	ck_assert(status_of(0) == 1 && status_of(2) == 1 && status_of(3) == 1);
	put(BUF, (EOP | RS) << 24 | 0x3f00, 0);
	put(BUF, 0x3f00, 0);
	put(BUF, (EOP | RS) << 24 | 0x100, 0); /* just as long as can be */
	go();
	ck_assert(r.nr_sent == 2 && r.sent[0].len == 0x3f00 && r.sent[1].len == 0x4000);
}
END_TEST

START_TEST(rings_that_cannot_be)
{
	setup(true);
	/* Beyond its end, of no length, outside of RAM; not bus master, not enabled. */
	nic_wr(&r, TDT, 64);
	ck_assert(nic_work(&r) == 0 && nic_rd(&r, TDH) == 0);
	nic_wr(&r, TXRING + 8, 0);
	nic_wr(&r, TDT, 1);
	ck_assert_uint_eq(nic_work(&r), 0);
	ring(TXRING, NIC_RAM, 64);
	nic_wr(&r, TDT, 9);
	ck_assert(nic_work(&r) == 2 && r.complaints == 1 && nic_rd(&r, TDH) == 9);
	ring(TXRING, TX, 64);
	put(BUF, EOP << 24 | 60, 0);
	vpci_cfg_write(&r.pci, 5, 0, PCI_COMMAND, 2, 3, 0);
	ck_assert_uint_eq(go(), 0);
	r.kicks = 0;
	vpci_cfg_write(&r.pci, 5, 0, PCI_COMMAND, 2, 7, 0);
	ck_assert_uint_eq(r.kicks, 1);
	nic_wr(&r, TCTL, 0);
	ck_assert_uint_eq(nic_work(&r), 0);
	nic_wr(&r, TCTL, EN);
	nic_work(&r);
	ck_assert_uint_eq(r.nr_sent, 1);
}
END_TEST

static u8 frame[NET_FRAME_MAX];

static void buffers(u32 nr)
{
	for (u32 i = 0; i < nr; i++) {
		u64 addr = BUF + 0x100 * (i % 64);

		memset(r.ram + RX + 16 * i, 0, 16);
		memcpy(r.ram + RX + 16 * i, &addr, 8);
	}
	nic_wr(&r, RDT, nr);
}

/* No piece is long, however much there is: at most six descriptors, and 12 KiB and what is begun. */
START_TEST(pieces)
{
	setup(true);
	for (u32 i = 0; i < 63; i++)
		put(BUF, EOP << 24 | 1, 0);
	nic_wr(&r, TDT, 63);
	for (u32 before = 0, n = 0; before < 63; before = nic_rd(&r, TDH), n++) {
		ck_assert(n < 40);
		ve1000_work(&r.nic, 0);
		ck_assert(nic_rd(&r, TDH) > before && nic_rd(&r, TDH) - before <= 6);
	}
	/* Parts of a frame, and frames that come, together; checksums count for more. */
	setup(true);
	for (u32 i = 0; i < 5; i++)
		put(BUF, 1, 0);
	nic_wr(&r, TDT, 5);
	buffers(63);
	nic_wr(&r, RCTL, EN | 0x20 | 3 << 16);
	r.in = (struct net_frame){ .data = frame, .len = 2000 };
	memcpy(frame, nic_mac, 6);
	ve1000_work(&r.nic, 0);
	ck_assert(nic_rd(&r, TDH) == 5 && nic_rd(&r, RDH) <= 1);
	setup(true);
	put(14 | 24 << 8 | 33 << 16, (u32)DEXT << 24, 0);
	for (u32 i = 0; i < 20; i++)
		put(BUF, (u32)(EOP | DEXT) << 24 | 1u << 20 | 60, 1 << 8);
	nic_wr(&r, TDT, tail);
	for (u32 n = 0; ve1000_has_work(&r.nic); n++) {
		u32 before = r.nr_sent;

		ck_assert(n < 40);
		ve1000_work(&r.nic, 0);
		ck_assert(r.nr_sent - before <= 2);
	}
	ck_assert_uint_eq(r.nr_sent, 20);
	/* A megabyte that is to be segmented from one descriptor. */
	setup(true);
	put(0, (u32)(DEXT | TSE) << 24 | 0xfffff, 9000u << 16 | 54 << 8);
	put(0, (u32)(EOP | DEXT | TSE) << 24 | 1u << 20 | 0xffff, 0);
	nic_wr(&r, TDT, 2);
	for (u32 n = 0; ve1000_has_work(&r.nic); n++) {
		u32 before = r.nr_sent;

		ck_assert(n < 100);
		ve1000_work(&r.nic, 0);
		ck_assert(r.nr_sent - before <= 2);
	}
	ck_assert_uint_eq(r.nr_sent, 8); /* 65481 bytes: 7 of 9000, and the rest */
}
END_TEST

/* Each message is a piece of its own, and nothing else is done before it was told. */
START_TEST(complaints_one_at_a_time)
{
	setup(true);
	for (u32 i = 0; i < 20; i++)
		put(NIC_RAM, (EOP | RS) << 24 | 60, 0);
	nic_wr(&r, TDT, tail);
	for (u32 n = 0; ve1000_has_work(&r.nic); n++) {
		u32 before = r.complaints, head = nic_rd(&r, TDH);

		ck_assert(n < 100);
		ve1000_work(&r.nic, 0);
		ck_assert(r.complaints - before <= 1);
		ck_assert(r.complaints == before || nic_rd(&r, TDH) == head);
	}
	ck_assert(r.complaints && nic_rd(&r, TDH) == tail);
	/* Of those of one piece the first is told; a reset forgets it. */
	put(NIC_RAM + 0x100, EOP << 24 | 60, 0);
	put(NIC_RAM + 0x200, EOP << 24 | 60, 0);
	nic_wr(&r, TDT, tail);
	r.complaints = 0;
	ck_assert(ve1000_work(&r.nic, 0) && !r.complaints);
	ck_assert(!ve1000_work(&r.nic, 0) && r.complaints == 1 && r.complaint_at == NIC_RAM + 0x100);
	put(NIC_RAM, EOP << 24 | 60, 0);
	nic_wr(&r, TDT, tail);
	ck_assert(ve1000_work(&r.nic, 0));
	ve1000_ops.reset(&r.nic, 0);
	ck_assert(!ve1000_has_work(&r.nic) && r.complaints == 1);
}
END_TEST

START_TEST(delayed_interrupts)
{
	setup(true);
	nic_wr(&r, IMS, 1);
	nic_wr(&r, TIDV, 100); /* 102.4 us */
	nic_wr(&r, TADV, 150); /* 153.6 us */
	put(BUF, (u32)(EOP | RS | IDE) << 24 | 60, 0);
	go();
	ck_assert(!r.rig.level[NIC_GSI]);
	rig_run_to(&r.rig, 100000);
	put(BUF, (u32)(EOP | RS | IDE) << 24 | 60, 0);
	go();
	rig_run_to(&r.rig, 153599);
	ck_assert(!r.rig.level[NIC_GSI]);
	rig_run_to(&r.rig, 153600);
	ck_assert(r.rig.level[NIC_GSI]);
	nic_rd(&r, ICR);
	/* Written with its upper bit, it does not wait; without IDE neither. */
	put(BUF, (u32)(EOP | RS | IDE) << 24 | 60, 0);
	go();
	nic_wr(&r, TIDV, 1u << 31 | 100);
	ck_assert(r.rig.level[NIC_GSI] && (nic_rd(&r, ICR) & 1));
	put(BUF, (EOP | RS) << 24 | 60, 0);
	go();
	ck_assert(r.rig.level[NIC_GSI]);
}
END_TEST

/* ---- frames in ---- */

static void comes(const u8 *to, u32 len)
{
	for (u32 i = 0; i < len; i++)
		frame[i] = (u8)(i * 3 + 1);
	memcpy(frame, to, 6);
	r.in = (struct net_frame){ .data = frame, .len = len };
	r.front.changed(r.front.arg);
	nic_work(&r);
}
static u32 rx16(u32 n, u32 at)
{
	return r.ram[RX + 16 * n + at] | (u32)r.ram[RX + 16 * n + at + 1] << 8;
}

START_TEST(a_frame_comes_in)
{
	setup(true);
	buffers(8);
	nic_wr(&r, IMS, 0x80);
	nic_wr(&r, RCTL, EN | BAM | 3 << 16); /* 256 bytes each */
	comes(nic_mac, 600);
	ck_assert(r.nr_taken == 1 && nic_rd(&r, RDH) == 3 && r.rig.level[NIC_GSI]);
	ck_assert(rx16(0, 8) == 256 && rx16(1, 8) == 256 && rx16(2, 8) == 604 - 512);
	ck_assert(rx16(0, 12) == 5 && rx16(1, 12) == 5 && rx16(2, 12) == 7);
	ck_assert(!memcmp(r.ram + BUF, frame, 600) && !r.ram[BUF + 600] && !r.ram[BUF + 603]);
	ck_assert_uint_eq(nic_rd(&r, ICR) & 0x80, 0x80);
	/* The check sequence may be left out; short ones are filled up. */
	nic_wr(&r, RCTL, EN | BAM | SECRC | 3 << 16);
	comes(nic_mac, 20);
	ck_assert(rx16(3, 8) == 60 && rx16(3, 12) == 7);
	ck_assert_uint_eq(nic_rd(&r, 0x4074), 2);
	/* No room: it waits, until there is. */
	comes(nic_mac, 256 * 5);
	ck_assert(r.nr_taken == 2 && nic_rd(&r, RDH) == 8 && r.in.len);
	buffers(10);
	nic_work(&r);
	ck_assert(r.nr_taken == 3 && rx16(8, 12) == 7);
	/* Switched off in the middle of one, with a ring that is none any more, it is lost, and what comes then. */
	comes(nic_mac, 256 * 5);
	ck_assert(r.nr_taken == 3 && nic_rd(&r, RDH) == 10 && r.nic.s.rx_off == 256);
	nic_wr(&r, RCTL, 0);
	nic_wr(&r, RXRING + 8, 0);
	nic_work(&r);
	ck_assert(r.nr_taken == 4 && !r.nic.s.rx_off);
	comes(nic_mac, 60);
	ck_assert(r.nr_taken == 5 && nic_rd(&r, RDH) == 10);
}
END_TEST

START_TEST(filters)
{
	static const u8 all[] = { 255, 255, 255, 255, 255, 255 }, other[] = { 2, 0, 0, 0, 0, 9 };
	static const u8 group[] = { 1, 0, 0x5e, 0, 0x10, 0x20 };
	static const struct {
		u32 rctl;
		bool mine, broadcast, unicast, multicast;
	} cases[] = {
		{ EN, true, false, false, false },
		{ EN | BAM, true, true, false, false },
		{ EN | 8, true, false, true, false },
		{ EN | 0x10, true, true, false, true },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		u32 h = 0;

		setup(true);
		buffers(63);
		nic_wr(&r, RCTL, cases[i].rctl);
		comes(nic_mac, 60);
		ck_assert_uint_eq(nic_rd(&r, RDH), h += cases[i].mine);
		comes(all, 60);
		ck_assert_uint_eq(nic_rd(&r, RDH), h += cases[i].broadcast);
		comes(other, 60);
		ck_assert_uint_eq(nic_rd(&r, RDH), h += cases[i].unicast);
		comes(group, 60);
		ck_assert_uint_eq(nic_rd(&r, RDH), h += cases[i].multicast);
		/* By the hash: bits 47:36 of the address, 201h; another address of ours. */
		nic_wr(&r, 0x5200 + 4 * 16, 2);
		comes(group, 60);
		ck_assert_uint_eq(nic_rd(&r, RDH), ++h);
		nic_wr(&r, 0x5408, 2);
		nic_wr(&r, 0x540c, 0x80000900);
		comes(other, 60);
		ck_assert_uint_eq(nic_rd(&r, RDH), ++h);
		/* Too long, but for those that want them. */
		comes(nic_mac, 1519);
		ck_assert(nic_rd(&r, RDH) == h && nic_rd(&r, 0x40ac) == 1);
		nic_wr(&r, RCTL, cases[i].rctl | 0x20);
		comes(nic_mac, 1519);
		ck_assert_uint_eq(nic_rd(&r, RDH), ++h);
		ck_assert(r.nr_taken == 8 && !r.in.len);
	}
}
END_TEST

START_TEST(tags_are_taken_out)
{
	setup(true);
	buffers(63);
	nic_wr(&r, RCTL, EN | 1u << 18); /* VFE */
	for (u32 vme = 0; vme < 2; vme++) {
		nic_wr(&r, CTRL, vme ? 0x40000041 : 0x41);
		nic_wr(&r, 0x5600 + 4 * 9, 0);
		for (u32 on = 0; on < 2; on++) {
			memcpy(frame, nic_mac, 6);
			frame[12] = 0x81;
			frame[13] = 0;
			frame[14] = 0x21;
			frame[15] = 0x23;
			r.in = (struct net_frame){ .data = frame, .len = 300 };
			r.front.changed(r.front.arg);
			nic_work(&r);
			ck_assert_uint_eq(nic_rd(&r, RDH), vme + on);
			nic_wr(&r, 0x5600 + 4 * 9, 1u << 3); /* VLAN 123h */
		}
	}
	ck_assert(rx16(0, 8) == 304 && rx16(0, 12) == 7);
	ck_assert(rx16(1, 8) == 300 && rx16(1, 12) == 0xf && rx16(1, 14) == 0x2123);
	ck_assert(!memcmp(r.ram + BUF + 0x100, frame, 12) && !memcmp(r.ram + BUF + 0x10c, frame + 16, 284));
}
END_TEST

START_TEST(buffers_that_cannot_be)
{
	u64 nowhere = NIC_RAM;

	setup(true);
	buffers(8);
	memcpy(r.ram + RX, &nowhere, 8);
	nic_wr(&r, RCTL, EN);
	comes(nic_mac, 60);
	ck_assert(r.nr_taken == 1 && r.complaints == 1 && nic_rd(&r, RDH) == 1 && !rx16(0, 12));
	comes(nic_mac, 60);
	ck_assert(r.nr_taken == 2 && nic_rd(&r, RDH) == 2 && rx16(1, 12) == 7);
	ring(RXRING, NIC_RAM, 64);
	nic_wr(&r, RDT, 5);
	comes(nic_mac, 60);
	ck_assert(r.nr_taken == 3 && r.complaints == 2);
	/* A size that is reserved. */
	ring(RXRING, RX, 64);
	nic_wr(&r, RDT, 5);
	nic_wr(&r, RCTL, EN | 1u << 25);
	comes(nic_mac, 60);
	ck_assert(r.nr_taken == 4 && r.complaints == 3);
}
END_TEST

START_TEST(received_later)
{
	setup(true);
	buffers(32);
	nic_wr(&r, IMS, 0x80 | 0x10);
	nic_wr(&r, RDTR, 10); /* 10.24 us */
	nic_wr(&r, RADV, 15); /* 15.36 us */
	nic_wr(&r, RCTL, EN);
	comes(nic_mac, 60);
	ck_assert(!r.rig.level[NIC_GSI]);
	rig_run_to(&r.rig, 10000);
	comes(nic_mac, 60);
	rig_run_to(&r.rig, 15359);
	ck_assert(!r.rig.level[NIC_GSI]);
	rig_run_to(&r.rig, 15360);
	ck_assert(r.rig.level[NIC_GSI]);
	ck_assert_uint_eq(nic_rd(&r, ICR) & 0x90, 0x80);
	/* Half of the ring is free when 32 of 64 are: told once. */
	buffers(34);
	comes(nic_mac, 60);
	ck_assert_uint_eq(nic_rd(&r, ICR) & 0x10, 0);
	nic_wr(&r, RDT, 36);
	comes(nic_mac, 60);
	ck_assert_uint_eq(nic_rd(&r, ICR) & 0x10, 0x10);
}
END_TEST

SUITE_MAIN("ve1000_ring", a_frame_goes_out, without_a_network_it_is_lost_and_counted, the_back_end_has_no_room,
           checksums_are_asked_for, a_tag_is_put_in, the_last_legacy_descriptor_counts, segments,
           frames_that_cannot_be, rings_that_cannot_be, pieces, complaints_one_at_a_time, delayed_interrupts,
           a_frame_comes_in, filters, tags_are_taken_out, buffers_that_cannot_be, received_later)
