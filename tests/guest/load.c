/*
 * A guest that keeps its processor busy in one way for ever (or for "ms=N" of its TSC's time), for tests of the
 * scheduler and of isolation: "spin" computes, "exits" executes CPUID, "ipis" sends interrupts to itself, "timers"
 * has a timer due at all times, "dodge" sleeps a little and often, "cli" spins with interrupts off, "idle" wakes as
 * often as Linux when it has nothing to do, "halt" does nothing, "triple" faults, "mark" fills its memory with a
 * pattern and checks it again and again, "wild" writes to memory, ports and MSRs at random, "escapes" prints what may
 * harm a terminal, "flood" prints without end, "pv" tells what it sees of the hypervisor, "asker" asks its control
 * channel (COM2) about the guest "primary" each second and prints the answers. With "seconds", "spin" prints a line
 * each second; with "crash" it ends by page tables where no memory is; with "ready" it says so first; with "half" it
 * prints half a line; "cycles" starts and destroys the guest "victim" "times=N" by its control channel, and tells the
 * machine's memory before and after; with "asks=COMMAND" it gives that on its control channel and prints the answer before all else.
 */
#include "tests/guest/rt/rt.h"

static volatile u64 count;
static u64 deadline; /* TSC, 0: none */

static void on_irq(struct frame *f)
{
	count++;
	MMIO32(APIC_PHYS + APIC_EOI) = 0; /* as a kernel does it, which knows its mode */
}

static bool over(void)
{
	return deadline && rdtsc() >= deadline;
}

/* The word of the command line that begins so; NULL: none. */
static const char *option_word(const char *cmdline, const char *name)
{
	for (const char *p = cmdline; *p; p++)
		if ((p == cmdline || p[-1] == ' ') && !strncmp(p, name, strlen(name)))
			return p;
	return NULL;
}

static u64 option_number(const char *cmdline, const char *name)
{
	const char *p = option_word(cmdline, name);
	u64 v = 0;

	for (p = p ? p + strlen(name) : ""; *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (u64)(*p - '0');
	return v;
}

static u64 hz = 50000000;

/* ---- the control channel ---- */

#define COM2        0x2f8
#define LSR_DATA    1
#define LSR_EMPTY   0x20
#define ANSWER_TIME (2 * hz)

static void com2_puts(const char *s)
{
	for (; *s; s++) {
		while (!(inb(COM2 + 5) & LSR_EMPTY))
			;
		outb(COM2, (u8)*s);
	}
}

/* A line, cut to size; false: none came in time. */
static bool com2_gets(char *line, u32 size, u64 until)
{
	u32 n = 0;

	while (rdtsc() < until) {
		char c;

		if (!(inb(COM2 + 5) & LSR_DATA))
			continue;
		c = (char)inb(COM2);
		if (c == '\n') {
			line[n] = '\0';
			return true;
		}
		if (n + 1 < size)
			line[n++] = c;
	}
	return false;
}

static void ask(const char *cmdline)
{
	u64 until = rdtsc() + ANSWER_TIME;
	char line[100], command[16];
	u32 n = 0;

	for (cmdline += strlen("asks="); *cmdline && *cmdline != ' ' && n + 1 < sizeof(command); cmdline++)
		command[n++] = *cmdline;
	command[n] = '\0';
	com2_puts("\n{\"cmd\":\"");
	com2_puts(command);
	com2_puts("\"}\n");
	while (com2_gets(line, sizeof(line), until))
		if (strncmp(line, "{\"event", 7)) {
			rt_printf("answer: %s\n", line);
			return;
		}
	rt_printf("no answer\n");
}

static void spin(void)
{
	bool seconds = rt_option("seconds");
	bool gaps = rt_option("gaps");
	u64 next = rdtsc() + hz, last = rdtsc(), n = 0;

	while (!over()) {
		for (u32 i = 0; i < 10000; i++)
			count++;
		/* Others may run for some ms meanwhile; while the guest is paused, its time stands still. */
		if (gaps && rdtsc() - last > hz / 2)
			rt_printf("FAIL: %llu ticks went by at once\n", (unsigned long long)(rdtsc() - last));
		last = rdtsc();
		if (!seconds || rdtsc() < next)
			continue;
		rt_printf("second %llu\n", (unsigned long long)++n);
		next += hz;
	}
	if (rt_option("crash"))
		write_cr3(0xd0000000); /* where no memory is: nothing that a guest can be told */
}

static void exits(void)
{
	while (!over())
		for (u32 i = 0; i < 1000; i++, count++)
			(void)cpuid(0, 0);
}

static void ipis(void)
{
	sti();
	while (!over())
		for (u32 i = 0; i < 100; i++)
			apic_self_ipi(0x60);
}

static void timers(void)
{
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, 0x20000 | 0x60); /* periodic, every tick of the bus */
	apic_write(APIC_TMICT, 1);
	sti();
	spin();
}

static void dodge(void)
{
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, 0x60);
	while (!over()) {
		for (u32 i = 0; i < 20000; i++)
			count++;
		apic_write(APIC_TMICT, 5000);
		asm volatile("sti\n\thlt\n\tcli");
	}
}

/* A wake-up each 150 ms: Debian's kernel with a shell that waits for a key has between six and seven a second. */
static void idle(void)
{
	bool seconds = rt_option("seconds");
	u64 told = 0;

	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, 0x20000 | 0x60);
	apic_write(APIC_TMICT, cpuid(0x40000010, 0).b * 150); /* EBX: the APIC timer's kHz */
	while (!over()) {
		asm volatile("sti\n\thlt\n\tcli");
		if (seconds && count * 150 / 1000 > told)
			rt_printf("second %llu\n", (unsigned long long)++told);
	}
}

static void halt(void)
{
	for (;;)
		asm volatile("cli\n\thlt");
}

static void triple(void)
{
	static const u16 none[5];

	asm volatile("lidt %0\n\tud2" : : "m"(none));
}

/* Everything behind the image, a pattern of its own in each quadword. */
static void mark(void)
{
	struct mmap_entry m[16];
	u64 *first = (u64 *)ALIGN_UP((u64)image_end, PAGE_SIZE), *end = first, bad = 0;

	for (u32 n = rt_memory_map(m, 16), i = 0; i < n; i++)
		if (m[i].type == 1 && m[i].base <= (u64)first && m[i].base + m[i].len > (u64)first)
			end = (u64 *)(m[i].base + m[i].len);
	for (u64 *p = first; p < end; p++)
		*p = (u64)p * 0x9e3779b97f4a7c15ull;
	do {
		for (u64 *p = first; p < end; p++)
			bad += *p != (u64)p * 0x9e3779b97f4a7c15ull;
		count++;
	} while (!over());
	report(!bad && count, "memory is as it was written (%llu times looked at)", (unsigned long long)count);
}

static void poke(void *arg)
{
	*(volatile u64 *)(rt_random() & 0xffffffff8) = rt_random();
}

static void wild(void)
{
	while (!over()) {
		rt_guard(poke, NULL);
		(void)!wrmsr_safe((u32)rt_random() & 0xfff, rt_random());
		outb((u16)(0x5000 + (rt_random() & 0xfff)), 0);
		count++;
	}
}

/* Its APIC's page, over and over, into regions of 2 MiB where nothing is. */
static void moves(void)
{
	u64 flags = rdmsr(MSR_APIC_BASE) & 0xfff;

	while (!over())
		for (u64 i = 0; i < 256; i++, count++)
			wrmsr(MSR_APIC_BASE, (1ull << 32) + (i << 21) + flags);
}

static void escapes(void)
{
	for (;;) {
		rt_printf("\033]0;FORGED\007\033P$qFORGED\033\\\033_FORGED\033\\\005\033c\033[6n\033[c\033[!p\033["
		          "21t\033(0\016");
		rt_printf("\033[?1049h\033[2J\033[5;10r\033[?25l\033[31mred\033[38;5;1");
		rt_delay(hz / 10);
	}
}

/* Lines as fast as one instruction can send them. */
static void flood(void)
{
	static char lines[4096];

	for (u32 i = 0; i < sizeof(lines); i++)
		lines[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : (char)('A' + i / 64 % 26);
	for (;;) {
		const char *from = lines;
		u64 n = sizeof(lines);

		asm volatile("rep outsb" : "+S"(from), "+c"(n) : "d"((u16)0x3f8) : "memory");
	}
}

/* What the hypervisor shows of itself: by CPUID, and by VMCALL (10: SEND_IPI, which "ipi" stands for). */
static void pv(void)
{
	struct regs4 r = cpuid(0x40000000, 0);
	bool kvm = r.b == 0x4b4d564b && r.c == 0x564b4d56 && r.d == 0x4d;
	u64 answer = 0;
	u32 vector = TRY("vmcall", : "=a"(answer) : "0"(10ull), "b"(0), "c"(0), "d"(0), "S"(0x60) : "memory");

	rt_printf("hypervisor bit %u, %s, features 0x%x, VMCALL: vector %u, answer %lld\n", cpuid(1, 0).c >> 31,
	          kvm ? "KVM" : "no signature", kvm ? cpuid(0x40000001, 0).a : 0, vector,
	          vector == EXC_NONE ? (long long)answer : 0);
	halt();
}

static void asker(void)
{
	char line[60];

	for (;;) {
		u64 until = rdtsc() + hz;

		com2_puts("\n{\"cmd\":\"info\",\"args\":[\"primary\"]}\n");
		while (com2_gets(line, sizeof(line), until))
			if (!strncmp(line, "{\"id\"", 5)) /* no event */
				rt_printf("answer: %s\n", line);
	}
}

static u64 nr_cycles;

/* Asks, with the guest's name or without. Whether it was done; line: the answer. */
static bool command(const char *name, const char *guest, char *line, u32 size)
{
	u64 until = rdtsc() + ANSWER_TIME;

	com2_puts("\n{\"cmd\":\"");
	com2_puts(name);
	if (guest) {
		com2_puts("\",\"args\":[\"");
		com2_puts(guest);
		com2_puts("\"]}\n");
	} else {
		com2_puts("\"}\n");
	}
	while (com2_gets(line, size, until))
		if (!strncmp(line, "{\"id\"", 5)) /* no event */
			return strstr(line, "\"ok\":true") != NULL;
	return false;
}

static void tell_memory(const char *when)
{
	static const char *const keys[] = { "\"hypervisor_bytes\":", "\"free_bytes\":" };
	static char line[16384];
	u64 v[2] = { 0 };

	if (!command("describe", NULL, line, sizeof(line)))
		rt_printf("FAIL: no answer to describe\n");
	for (u32 i = 0; i < 2; i++) {
		const char *p = strstr(line, keys[i]);

		for (p = p ? p + strlen(keys[i]) : ""; *p >= '0' && *p <= '9'; p++)
			v[i] = v[i] * 10 + (u64)(*p - '0');
	}
	rt_printf("memory %s: hypervisor %llu, free %llu\n", when, (unsigned long long)v[0],
	          (unsigned long long)v[1]);
}

/* What is refused because the guest has not ended yet, or not started, is asked again. */
static void until_done(const char *name)
{
	char line[200];

	while (!command(name, "victim", line, sizeof(line)))
		rt_delay(hz / 1000);
}

static void cycles(void)
{
	u64 n;

	until_done("destroy");
	tell_memory("before");
	for (n = 0; n < nr_cycles && !over(); n++) {
		until_done("start");
		rt_delay(hz / 100); /* in which it runs */
		until_done("destroy");
	}
	tell_memory("after");
	report(n == nr_cycles, "%llu times started and destroyed", (unsigned long long)n);
}

void main(const char *cmdline)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} kinds[] = { { "spin", spin },     { "exits", exits }, { "ipis", ipis },   { "timers", timers },
		      { "dodge", dodge },   { "cli", spin },    { "halt", halt },   { "idle", idle },
		      { "triple", triple }, { "mark", mark },   { "wild", wild },   { "escapes", escapes },
		      { "flood", flood },   { "pv", pv },       { "asker", asker }, { "cycles", cycles },
		      { "moves", moves } };
	u64 ms = option_number(cmdline, "ms=");
	const char *asks = option_word(cmdline, "asks=");

	nr_cycles = option_number(cmdline, "times=");
	if (ms)
		deadline = rdtsc() + ms * (hz / 1000);
	apic_init();
	rt_set_handler(0x60, on_irq);
	/* All but these: Bochs holds a key's interrupt back from the hypervisor while the guest has them off. */
	if (!rt_option("cli") && !rt_option("wild"))
		sti();
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!rt_option(kinds[i].name))
			continue;
		rt_printf("load %s\n", kinds[i].name);
		if (asks)
			ask(asks);
		if (rt_option("ready"))
			rt_printf("ready\n");
		if (rt_option("half"))
			rt_printf("half a line, ");
		kinds[i].fn();
		cli();
		report(true, "%s: %llu", kinds[i].name, (unsigned long long)count);
		return;
	}
	report(false, "no kind of load is named on the command line");
}
