/*
 * Interrupts that wait while the guest has them off stay where they are, whatever comes to the machine meanwhile: what
 * is typed on the console makes its serial port interrupt the processor under the guest. (SDM vol. 3 "Virtual-
 * Interrupt Delivery": a pending virtual interrupt is recognised, and waits for RFLAGS.IF.) Bochs 2.7 delivers it at
 * once when an interrupt of the machine's own comes in such a moment. The test's script types when it is told to.
 */
#include "tests/guest/rt/rt.h"

#define LOW   0x41
#define HIGH  0x91
#define COM   0x3f8
#define KEYS  24      /* typed each time */
#define SPIN  200000u /* turns without an exit, between looks for a key */
#define LOOKS 50000u  /* at most */

static volatile u32 got[2], wrong; /* got: of LOW, HIGH; wrong: with IF clear where it was delivered */
static volatile u32 typed, high_waits;

/* Keys that came, once there were so many. */
static u32 until_typed(u32 want)
{
	u32 n = 0;

	for (u32 i = 0; i < LOOKS && n < want; i++) {
		for (u32 j = 0; j < SPIN; j++)
			__asm__ volatile("cli; pause" ::: "memory");
		while (inb(COM + 5) & 1) {
			(void)inb(COM);
			n++;
		}
	}
	return n;
}

static void on_low(struct frame *f)
{
	got[0]++;
	wrong += !(f->rflags & BIT(9));
	apic_eoi();
}

static void on_high(struct frame *f)
{
	got[1]++;
	wrong += !(f->rflags & BIT(9));
	apic_eoi();
	if (high_waits)
		typed = until_typed(high_waits);
}

static void none(void)
{
	got[0] = got[1] = wrong = typed = 0;
}

static void self(u32 vector)
{
	apic_icr(0, 0x44000 | vector);
}

static void waits(const char *mode)
{
	none();
	self(LOW);
	rt_printf("%s: type now\n", mode);
	typed = until_typed(KEYS);
	report_eq(typed, KEYS, "%s: keys typed while an interrupt waits", mode);
	report(!got[0] && !wrong, "%s: it waits for STI (%u came, %u with interrupts off)", mode, got[0], wrong);
	sti_nop_cli();
	report(got[0] == 1 && !wrong, "%s: STI lets it in (%u)", mode, got[0]);
}

/* TPR holds it back first, and is lowered with interrupts off. */
static void lowered(const char *mode)
{
	none();
	apic_write(APIC_TPR, 0xf0);
	self(LOW);
	sti_nop_cli();
	report_eq(got[0], 0, "%s: TPR holds it back", mode);
	apic_write(APIC_TPR, 0);
	rt_printf("%s: type now\n", mode);
	typed = until_typed(KEYS);
	report_eq(typed, KEYS, "%s: keys typed after TPR was lowered", mode);
	report(!got[0] && !wrong, "%s: it waits for STI (%u came, %u with interrupts off)", mode, got[0], wrong);
	sti_nop_cli();
	report(got[0] == 1 && !wrong, "%s: STI lets it in (%u)", mode, got[0]);
}

/* The second of two waits in the first one's handler, behind its EOI. */
static void behind(const char *mode)
{
	none();
	high_waits = KEYS;
	self(LOW);
	self(HIGH);
	rt_printf("%s: type now\n", mode);
	sti_nop_cli();
	high_waits = 0;
	report_eq(typed, KEYS, "%s: keys typed in the handler of the first of two", mode);
	report(got[0] == 1 && got[1] == 1 && !wrong,
	       "%s: the second waits for its IRET (%u, %u, %u with interrupts off)", mode, got[0], got[1], wrong);
}

static void all(const char *mode)
{
	waits(mode);
	lowered(mode);
	behind(mode);
}

void main(const char *cmdline)
{
	cli();
	apic_init();
	rt_set_handler(LOW, on_low);
	rt_set_handler(HIGH, on_high);
	outb(COM + 2, 7); /* FIFOs */
	while (inb(COM + 5) & 1)
		(void)inb(COM);
	all("xAPIC");
	if (!apic_to_x2())
		return;
	all("x2APIC");
	/* The write that the processor can carry out itself. */
	none();
	wrmsr(0x83f, LOW);
	rt_printf("SELF_IPI: type now\n");
	typed = until_typed(KEYS);
	report(typed == KEYS && !got[0] && !wrong, "SELF_IPI: waits for STI (%u typed, %u came)", typed, got[0]);
	sti_nop_cli();
	report(got[0] == 1 && !wrong, "SELF_IPI: STI lets it in (%u)", got[0]);
}
