/* COM1 as Linux' 8250 driver looks at it: a 16550A with loopback, FIFO and THRE interrupts. (PC16550D data sheet) */
#include "tests/guest/rt/rt.h"

#define COM 0x3f8
#define VEC 0x73
enum { RBR, IER, IIR, LCR, MCR, LSR, MSR_, SCR };

/* What this test finds is printed at the end, as printing is what it disturbs. */
static struct {
	bool ok;
	const char *text;
	u32 a, b;
} results[64];
static u32 nr_results;

static void note(bool ok, const char *text, u32 a, u32 b)
{
	if (nr_results < ARRAY_SIZE(results)) {
		results[nr_results].ok = ok;
		results[nr_results].text = text;
		results[nr_results].a = a;
		results[nr_results++].b = b;
	}
}
#define report(cond, ...)            NOTE_(cond, __VA_ARGS__, 0, 0, 0)
#define NOTE_(cond, text, a, b, ...) note(cond, text, (u32)(a), (u32)(b))
#define report_eq(got, want, text)                                  \
	do {                                                        \
		u32 got_ = (u32)(got);                              \
                                                                    \
		note(got_ == (u32)(want), text, got_, (u32)(want)); \
	} while (0)

static volatile u32 count;
static volatile u8 iirs[8];

static u8 rd(u32 r)
{
	return inb((u16)(COM + r));
}
static void wr(u32 r, u8 v)
{
	outb((u16)(COM + r), v);
}
static void on_uart(struct frame *f)
{
	u8 iir = rd(IIR);

	if (count < 8)
		iirs[count] = iir;
	count++;
	if ((iir & 0xf) == 4 || (iir & 0xf) == 0xc)
		(void)rd(RBR);
	if ((iir & 0xf) == 6)
		(void)rd(LSR);
	if ((iir & 0xf) == 0)
		(void)rd(MSR_);
	apic_eoi();
}
static void drain(void)
{
	for (u32 i = 0; i < 1000000 && !(rd(LSR) & 0x40); i++)
		cpu_pause();
}

/* What drivers/tty/serial's autoconfig does, in our words. */
static void detection(void)
{
	u8 s1, s2, mcr, st;

	wr(SCR, 0x5a);
	report_eq(rd(SCR), 0x5a, "scratch register: not an 8250");
	wr(IER, 0);
	outb(0x80, 0xff);
	s1 = rd(IER) & 0xf;
	wr(IER, 0xf);
	s2 = rd(IER) & 0xf;
	wr(IER, 0);
	report(s1 == 0 && s2 == 0xf, "IER keeps four bits");
	mcr = rd(MCR);
	wr(MCR, 0x10 | 0xa);
	st = rd(MSR_) & 0xf0;
	wr(MCR, mcr);
	report_eq(st, 0x90, "loopback: RTS and OUT2 come back as CTS and DCD");
	wr(LCR, 0x83);
	wr(IIR, 1);
	report_eq(rd(IIR) >> 6, 3, "FIFO enabled: IIR[7:6] = 3, a 16550A");
	wr(LCR, 3);
	wr(IIR, 0);
	report_eq(rd(IIR) >> 6, 0, "FIFO off: IIR[7:6] = 0");
	/* no 16750, no 16650 */
	wr(IIR, 0x21);
	report_eq(rd(IIR) >> 5, 6, "no 64-byte FIFO");
	wr(LCR, 0xbf);
	wr(LCR, 3);
	/* divisor latch */
	wr(LCR, 0x83);
	s1 = rd(0);
	s2 = rd(1);
	wr(0, 0x0c);
	wr(1, 0x01);
	report(rd(0) == 0x0c && rd(1) == 0x01, "divisor latch");
	wr(0, s1);
	wr(1, s2);
	wr(LCR, 3);
	report_eq(rd(LCR), 3, "LCR");
	report_eq(rd(LSR) & 0x60, 0x60, "LSR: THRE and TEMT");
}

static void loopback(void)
{
	u32 n = 0;
	u8 b[16];

	wr(IIR, 7);
	wr(MCR, 0x10);
	(void)rd(MSR_);
	wr(RBR, 0x55);
	for (u32 i = 0; i < 100000 && !(rd(LSR) & 1); i++)
		cpu_pause();
	report(rd(LSR) & 1 && rd(RBR) == 0x55, "loopback: a byte comes back");
	report(!(rd(LSR) & 1), "loopback: read once");
	for (u32 i = 0; i < 16; i++)
		wr(RBR, (u8)(0x80 + i));
	drain();
	rt_delay(200000);
	while (n < 16 && rd(LSR) & 1)
		b[n++] = rd(RBR);
	report(n == 16 && b[0] == 0x80 && b[15] == 0x8f, "loopback: 16 bytes through the FIFO", n);
	/* overrun */
	for (u32 i = 0; i < 17; i++) {
		if (i)
			drain(); /* reads LSR: after the last byte that would clear OE */
		wr(RBR, (u8)i);
	}
	rt_delay(200000);
	note(rd(LSR) & 2 || !rt_hv(), "overrun with a full FIFO (Bochs sets no OE in loopback)", 0, 0);
	report(!(rd(LSR) & 2), "overrun clears on read");
	wr(IIR, 7);
	note(!(rd(LSR) & 1) || !rt_hv(), "FIFO reset empties it (Bochs leaves LSR.DR)", 0, 0);
	for (u32 i = 0; i < 32 && rd(LSR) & 1; i++)
		(void)rd(RBR);
	/* modem lines and their deltas */
	wr(MCR, 0x10);
	(void)rd(MSR_);
	wr(MCR, 0x1f);
	n = rd(MSR_);
	report_eq(n & 0xf0, 0xf0, "loopback: all modem lines");
	report_eq(n & 0x0b, 0x0b, "deltas of CTS, DSR, DCD");
	report_eq(rd(MSR_) & 0x0f, 0, "deltas clear on read");
	wr(MCR, 0x1b);
	report(rd(MSR_) & 4, "trailing edge of RI");
	wr(MCR, 3);
}

static void interrupts(void)
{
	rt_set_handler(VEC, on_uart);
	ioapic_set_rte(4, (u64)apic_id() << 56 | VEC);
	drain();
	wr(IIR, 7);
	(void)rd(MSR_);
	(void)rd(IIR);
	wr(MCR, 0xb); /* OUT2 gates the line */
	count = 0;
	wr(IER, 2);
	sti_nop_cli();
	report(count == 1 && (iirs[0] & 0xf) == 2, "THRE interrupt when enabled with an empty register", count,
	       iirs[0]);
	report_eq(rd(IIR) & 0xf, 1, "reading IIR ended it");
	wr(RBR, ' ');
	sti();
	rt_wait_change(&count, 1, 10000000);
	cli();
	report(count == 2, "THRE interrupt after a byte was sent", count);
	wr(IER, 0);
	/* received data, through the loopback (which cuts the line off on OUT2 no, data yes) */
	wr(MCR, 0x1b);
	wr(IIR, 1);
	count = 0;
	(void)rd(MSR_);
	wr(IER, 1);
	wr(RBR, 'x');
	sti();
	rt_wait_change(&count, 0, 10000000);
	cli();
	report(count == 0 || (iirs[0] & 0xf) == 4, "received-data interrupt", count, iirs[0]);
	wr(IER, 0);
	while (rd(LSR) & 1)
		(void)rd(RBR);
	wr(MCR, 3);
	count = 0;
	wr(IER, 2);
	sti_nop_cli();
	report_eq(count, 0, "no interrupt with OUT2 low");
	wr(IER, 0);
	wr(MCR, 0xb);
	sti_nop_cli();
	ioapic_set_rte(4, 0x10000);
}

void main(const char *cmdline)
{
	cli();
	apic_init();
	drain();
	detection();
	drain();
	loopback();
	drain();
	interrupts();
	wr(IIR, 7);
	wr(MCR, 3);
#undef report
	for (u32 i = 0; i < nr_results; i++)
		report(results[i].ok, "%s (0x%x, 0x%x)", results[i].text, results[i].a, results[i].b);
}
