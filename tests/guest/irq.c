/*
 * IOAPIC, PICs and PIT: edge and level interrupts, masks, remote IRR, ExtINT, counter modes, port 61h. Lines are
 * driven through the testdev's ports 2000h + n, the PIT works on the bare machine too.
 */
#include "tests/guest/rt/rt.h"

#define VEC            0x71
#define WAIT           50000000ull
#define LINE(n, level) outb((u16)(0x2000 + (n)), (level))

static volatile u32 count, pic_count;
static bool lower;   /* the handler lowers the line before EOI */
static u32 gsi = 20; /* nobody else's */
static bool remote_irr_seen, tmr_seen, isr_seen;

static void on_irq(struct frame *f)
{
	count++;
	remote_irr_seen = ioapic_rte(gsi) >> 14 & 1;
	tmr_seen = apic_bit(APIC_TMR, VEC);
	if (lower)
		LINE(gsi, 0);
	if (count > 50) /* a storm ends the test, not the machine */
		ioapic_set_rte(gsi, 0x10000);
	apic_eoi();
}

static void edge(void)
{
	u64 dest = (u64)apic_id() << 56;

	lower = false;
	LINE(gsi, 0);
	ioapic_set_rte(gsi, dest | VEC);
	count = 0;
	LINE(gsi, 1);
	sti_nop_cli();
	report(count == 1 && !tmr_seen && !remote_irr_seen, "edge: one interrupt for a rising line (%u)", count);
	sti_nop_cli();
	LINE(gsi, 1);
	sti_nop_cli();
	report_eq(count, 1, "edge: no more while it stays high");
	LINE(gsi, 0);
	sti_nop_cli();
	report_eq(count, 1, "edge: none for the falling line");
	LINE(gsi, 1);
	LINE(gsi, 0);
	sti_nop_cli();
	report_eq(count, 2, "edge: a short pulse is kept");
	ioapic_set_rte(gsi, dest | 0x10000 | VEC);
	LINE(gsi, 1);
	LINE(gsi, 0);
	ioapic_set_rte(gsi, dest | VEC);
	sti_nop_cli();
	report_eq(count, 2, "edge: what came while masked is lost");
	ioapic_set_rte(gsi, dest | BIT(13) | VEC);
	LINE(gsi, 1);
	count = 0;
	LINE(gsi, 0);
	sti_nop_cli();
	rt_printf("active low, edge: %u interrupts\n", count);
	/* logical destination */
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 0x04000000);
	ioapic_set_rte(gsi, 4ull << 56 | 0x800 | VEC);
	count = 0;
	LINE(gsi, 0);
	LINE(gsi, 1);
	sti_nop_cli();
	report_eq(count, 1, "edge: logical destination");
	ioapic_set_rte(gsi, 8ull << 56 | 0x800 | VEC);
	LINE(gsi, 0);
	LINE(gsi, 1);
	sti_nop_cli();
	report_eq(count, 1, "edge: another's logical destination");
	ioapic_set_rte(gsi, 4ull << 56 | 0x900 | VEC);
	LINE(gsi, 0);
	LINE(gsi, 1);
	sti_nop_cli();
	report_eq(count, 2, "edge: lowest priority");
	LINE(gsi, 0);
	ioapic_set_rte(gsi, 0x10000);
}

static void level(void)
{
	u64 dest = (u64)apic_id() << 56;

	lower = true;
	LINE(gsi, 0);
	ioapic_set_rte(gsi, dest | BIT(15) | VEC);
	count = 0;
	LINE(gsi, 1);
	sti_nop_cli();
	report(count == 1 && tmr_seen && remote_irr_seen, "level: one interrupt, TMR and remote IRR set (%u)", count);
	report_eq(ioapic_rte(gsi) >> 14 & 1, 0, "level: EOI clears remote IRR");
	sti_nop_cli();
	report_eq(count, 1, "level: quiet when the line is low");
	lower = false;
	count = 0;
	LINE(gsi, 1);
	sti();
	for (u32 i = 0; i < 1000 && count < 5; i++)
		asm volatile("nop");
	cli();
	report(count >= 3, "level: comes again at each EOI while high (%u)", count);
	lower = true;
	sti_nop_cli();
	LINE(gsi, 0);
	sti_nop_cli();
	ioapic_set_rte(gsi, dest | BIT(15) | 0x10000 | VEC);
	count = 0;
	LINE(gsi, 1);
	sti_nop_cli();
	report_eq(count, 0, "level: masked");
	ioapic_set_rte(gsi, dest | BIT(15) | VEC);
	sti_nop_cli();
	report_eq(count, 1, "level: unmasking delivers what is high");
	sti_nop_cli();
	/* masked in service: remote IRR still ends with the EOI */
	report_eq(ioapic_rte(gsi) >> 14 & 1, 0, "level: remote IRR clear at the end");
	/* the line falls before it is taken: it is still delivered, it is in IRR */
	count = 0;
	LINE(gsi, 1);
	LINE(gsi, 0);
	sti_nop_cli();
	report_eq(count, 1, "level: in IRR already when the line falls");
	ioapic_set_rte(gsi, 0x10000);
}

static void ioapic_registers(void)
{
	u32 ver = ioapic_read(1), pins = (ver >> 16 & 0xff) + 1;
	u64 old = ioapic_rte(3);

	report((ver & 0xff) >= 0x11 && (ver & 0xff) <= 0x20 && pins == 24, "IOAPIC: version 0x%x, %u pins",
	       ver & 0xff, pins);
	ioapic_set_rte(3, 0xa50000000001a9b7ull);
	/* bits 12 and 14 are read-only, 17 to 55 reserved */
	report_eq(ioapic_rte(3), 0xa50000000001a9b7ull & ~(BIT(12) | BIT(14)), "IOAPIC: entry keeps its bits");
	ioapic_set_rte(3, old);
	ioapic_write(0, 0x05000000);
	report_eq(ioapic_read(0) >> 24 & 0xf, 5, "IOAPIC: ID");
	ioapic_write(0, 0);
	ioapic_write(1, 0);
	report_eq(ioapic_read(1), ver, "IOAPIC: version is read-only");
	report_eq(MMIO32(0xfec00000) & 0xff, 1, "IOAPIC: register select reads back");
}

static void on_pic(struct frame *f)
{
	pic_count++;
	outb(0x20, 0x0b); /* read ISR */
	isr_seen = inb(0x20) & 1;
	outb(0x20, 0x20);
}

static void pit_start(u32 mode, u16 n)
{
	outb(0x43, (u8)(0x30 | mode << 1));
	outb(0x40, (u8)n);
	outb(0x40, (u8)(n >> 8));
}

static void pit_and_pic(void)
{
	u32 was;
	u64 t0;

	/* ExtINT through LINT0 */
	pic_init();
	rt_set_handler(0x20, on_pic);
	ioapic_set_rte(2, 0x10000);
	apic_write(APIC_LVT0, 0x700);
	outb(0x21, 0xfe);
	pit_start(2, 11932);
	sti();
	t0 = rdtsc();
	while (pic_count < 5 && rdtsc() - t0 < 5 * WAIT)
		cpu_pause();
	cli();
	report(pic_count >= 5, "PIT interrupts through PIC and LINT0's ExtINT (%u)", pic_count);
	report(isr_seen, "PIC: ISR while in service");
	outb(0x21, 0xff);
	sti_nop_cli();
	was = pic_count;
	sti();
	rt_delay(3000000);
	cli();
	report_eq(pic_count, was, "PIC: masked");
	outb(0x21, 0xfe);
	sti_nop_cli();
	apic_write(APIC_LVT0, 0x10700);
	was = pic_count;
	sti();
	rt_delay(3000000);
	cli();
	/* Bochs' APIC lets its PIC through all the same */
	report_hv(pic_count == was, "LINT0 masked (%u more)", pic_count - was);
	/* HLT woken by it */
	apic_write(APIC_LVT0, 0x700);
	was = pic_count;
	sti_hlt_cli();
	sti_nop_cli();
	report(pic_count > was, "HLT woken by the PIC");
	outb(0x21, 0xff);
	apic_write(APIC_LVT0, 0x10000);
	/* IMR and command words */
	outb(0x21, 0xa5);
	report_eq(inb(0x21), 0xa5, "PIC: IMR reads back");
	outb(0x21, 0xff);
	outb(0x20, 0x0a);
	rt_printf("PIC: IRR 0x%x\n", inb(0x20));
	/* through the IOAPIC: GSI 2 by the customary override */
	gsi = 2;
	lower = false;
	count = 0;
	ioapic_set_rte(2, (u64)apic_id() << 56 | VEC);
	rt_set_handler(VEC, on_irq);
	pit_start(2, 11932);
	sti();
	t0 = rdtsc();
	while (count < 3 && rdtsc() - t0 < 5 * WAIT)
		cpu_pause();
	cli();
	report(count >= 3, "PIT interrupts through the IOAPIC (%u)", count);
	/* one-shot */
	pit_start(0, 11932);
	sti_nop_cli();
	count = 0;
	sti();
	t0 = rdtsc();
	while (!count && rdtsc() - t0 < WAIT)
		cpu_pause();
	rt_delay(3000000);
	cli();
	report_eq(count, 1, "PIT mode 0: one interrupt");
	ioapic_set_rte(2, 0x10000);
	gsi = 20;
}

static void pit_counters(void)
{
	u16 a, b;
	u8 st;

	pit_start(2, 50000);
	outb(0x43, 0); /* latch counter 0 */
	a = inb(0x40);
	a |= (u16)(inb(0x40) << 8);
	rt_delay(20000);
	outb(0x43, 0);
	b = inb(0x40);
	b |= (u16)(inb(0x40) << 8);
	report(a <= 50000 && b <= 50000 && a != b, "PIT: latched counts %u, %u", a, b);
	outb(0x43, 0xe2); /* read-back: status of counter 0 */
	st = inb(0x40);
	report_eq(st & 0x3f, 0x34, "PIT: read-back status");
	/* counter 2 behind port 61h */
	outb(0x61, inb(0x61) & ~3);
	outb(0x61, inb(0x61) | 1);
	outb(0x43, 0xb0);
	outb(0x42, 0);
	outb(0x42, 0x10);
	report(!(inb(0x61) & 0x20), "port 61h: output low after loading mode 0");
	rt_delay(1000000);
	report(inb(0x61) & 0x20, "port 61h: output high at the end");
	st = inb(0x61);
	outb(0x61, (u8)((st & ~3) | 1));
	report_eq(inb(0x61) & 3, 1, "port 61h: gate and speaker bits read back");
	a = 0;
	b = inb(0x61) & 0x10;
	for (u32 i = 0; i < 100000 && !a; i++)
		a = (inb(0x61) & 0x10) != b;
	report(a, "port 61h: refresh bit toggles");
}

void main(const char *cmdline)
{
	cli();
	apic_init();
	rt_set_handler(VEC, on_irq);
	ioapic_registers();
	pit_counters();
	pit_and_pic();
	if (rt_hv()) {
		edge();
		level();
		if (apic_to_x2()) {
			rt_printf("x2APIC mode\n");
			level();
		}
	} else {
		report_skip("interrupt lines: bare machine");
	}
}
