/*
 * How late a guest is that waits for its timer, beside guests that do what they can to keep the processor. "clock" is
 * the one that waits: for a TSC deadline a few milliseconds ahead, in HLT, and tells at the end the worst lateness of
 * each second.
 * The others sleep, but for the second that "at=N" gives, in which they do one thing over and over: "ports", "mmio" and
 * "rtc" with repeated string instructions, "apicbase", "pit", "inits" (at its other vCPUs), "flood" (their console),
 * "lines" and "commands" (their control channel), "exits", "ring3" (a program that faults on device memory), "starts"
 * (the guest "victim", by the control channel), "wakes" (they sleep and spin in turn). Times are those of each guest's
 * own TSC, which all start together.
 */
#include "tests/guest/rt/rt.h"

#define HZ           50000000ull
#define VEC          0x61
#define TSC_DEADLINE 0x6e0
#define COUNT        4096u

static volatile u64 fired;

static void on_timer(struct frame *f)
{
	fired = rdtsc();
	apic_eoi();
}

/* Until then, in HLT. Gives how late it was. */
static u64 sleep_until(u64 at)
{
	fired = 0;
	wrmsr(TSC_DEADLINE, at);
	while (!fired)
		sti_hlt_cli();
	return fired - at;
}

/* Told at the end: what prints is work for others, too. */
static void watch(u64 seconds)
{
	static u64 worst_of[64], times[64];

	for (u64 s = 0; s < seconds && s < 64; s++) {
		u64 worst = 0, n = 0;

		for (; rdtsc() < (s + 1) * HZ; n++) {
			u64 late = sleep_until(rdtsc() + 150000 + (rt_random() & 0x1ffff));

			worst = late > worst ? late : worst;
		}
		worst_of[s] = worst;
		times[s] = n;
	}
	for (u64 s = 0; s < seconds && s < 64; s++)
		rt_printf("second %llu: worst %llu of %llu\n", (unsigned long long)s, (unsigned long long)worst_of[s],
		          (unsigned long long)times[s]);
}

/* ---- what the others do: one round each ---- */

static u8 ram[COUNT * 8 + 64];

#define REP_IN(size, port)                                                                      \
	({                                                                                      \
		void *to = ram;                                                                 \
		u64 n = COUNT;                                                                  \
		asm volatile("rep ins" size : "+D"(to), "+c"(n) : "d"((u16)(port)) : "memory"); \
	})
#define REP_OUT(size, port)                                                                        \
	({                                                                                         \
		const void *from = ram;                                                            \
		u64 n = COUNT;                                                                     \
		asm volatile("rep outs" size : "+S"(from), "+c"(n) : "d"((u16)(port)) : "memory"); \
	})
#define REP_MEM(insn, from, to)                                                                     \
	({                                                                                          \
		u64 s_ = (u64)(from), d_ = (u64)(to), n_ = COUNT;                                   \
		asm volatile("rep " insn : "+S"(s_), "+D"(d_), "+c"(n_) : "a"(0) : "memory", "cc"); \
	})

static u32 turn;
static bool failed; /* a round did not do what it was to */

static void ports(void)
{
	static const u16 list[] = { 0x20,  0x21,  0xa0,  0xa1,  0x40,   0x42,   0x43,  0x61,
		                    0x70,  0x71,  0x92,  0xcf8, 0xcfc,  0xcfe,  0x2f8, 0x3f8,
		                    0x3fd, 0x3d5, 0x604, 0x608, 0x5000, 0xffff, 0x4d0, 0x60 };
	u16 p = list[turn % ARRAY_SIZE(list)];

	switch (turn++ / ARRAY_SIZE(list) % 4) {
	case 0: REP_IN("b", p); break;
	case 1: REP_IN("w", p); break;
	case 2: REP_IN("l", p); break;
	default: /* what harms nobody but this guest, and does not end it */
		memset(ram, 0, sizeof(ram));
		if (p != 0x92 && p != 0x604 && p != 0xcf8)
			REP_OUT("l", p);
	}
}

static void rtc(void)
{
	outb(0x70, 0x0b);
	outb(0x71, 2);
	for (u32 i = 1; i <= 5; i += 2) { /* never: 99 is no second, minute, hour */
		outb(0x70, (u8)i);
		outb(0x71, 0x99);
	}
	outb(0x70, (u8)(turn++ & 0x3f));
	REP_IN("b", 0x71);
	REP_IN("l", 0x70);
}

static void mmio(void)
{
	static const u64 at[] = { 0xfec00000, 0xfec00ffc, 0xfed00000,
		                  0xfee00000, 0xfee00ffd, 0xd0000000,
		                  0xd0000ffb, 0xe0000000, 0xfffffff0 - COUNT * 8,
		                  0xb8000 };
	u64 a = at[turn % ARRAY_SIZE(at)], b = at[(turn / 3) % ARRAY_SIZE(at)];

	switch (turn++ % 7) {
	case 0: REP_MEM("movsb", a, ram); break;
	case 1: REP_MEM("movsq", a, ram + 3); break;
	case 2: REP_MEM("movsl", a, b); break;
	case 3: REP_MEM("cmpsq", a, a); break;
	case 4: REP_MEM("scasb", 0, a); break;
	case 5: REP_MEM("lodsw", a, 0); break;
	default: REP_MEM("movsw", a + 1, 0xd0000fff); break;
	}
}

static void apicbase(void)
{
	u64 flags = rdmsr(0x1b) & 0xfff;

	for (u64 i = 0; i < 256; i++)
		wrmsr(0x1b, (1ull << 32) + (i << 21) + flags);
	wrmsr(0x1b, APIC_PHYS + flags);
}

static void pit(void)
{
	outb(0x43, 0x34);
	outb(0x40, 20);
	outb(0x40, 0);
	for (u32 i = 0; i < 100000; i++)
		cpu_pause();
}

static void inits(void)
{
	apic_icr(0, 0xc4500); /* all but this one */
}

static void flood(void)
{
	memset(ram, 'A', COUNT);
	for (u32 i = 79; i < COUNT; i += 80)
		ram[i] = '\n';
	REP_OUT("b", 0x3f8);
}

static void com2(const char *s)
{
	for (; *s; s++)
		outb(0x2f8, (u8)*s);
	while (inb(0x2fd) & 1)
		(void)inb(0x2f8);
}

/* Keys that differ late and only when decoded. */
static void lines(void)
{
	char key[120];

	com2("{");
	for (u32 i = 0; i < 31; i++) {
		memset(key, 'a', sizeof(key));
		fmt_snprintf(key + 90, sizeof(key) - 90, "\\u00%02x\":%u,", 0x41 + i, i);
		com2("\"");
		com2(key);
	}
	com2("\"cmd\":\"list\"}\n");
}

static void commands(void)
{
	static const char *const all[] = { "list",    "help", "version", "describe",
		                           "metrics", "log",  "ready",   "previous" };
	static const char *const of_guest[] = { "info", "exits", "regs", "dump", "trace", "console" };
	char text[100];

	if (turn % 3)
		fmt_snprintf(text, sizeof(text), "{\"cmd\":\"%s\",\"args\":[\"clock\"]}\n",
		             of_guest[turn % ARRAY_SIZE(of_guest)]);
	else if (turn % 2)
		fmt_snprintf(text, sizeof(text), "{\"cmd\":\"trace\",\"args\":[\"500\"]}\n");
	else
		fmt_snprintf(text, sizeof(text), "{\"cmd\":\"%s\"}\n", all[turn / 6 % ARRAY_SIZE(all)]);
	turn++;
	com2(text);
}

static void exits(void)
{
	for (u32 i = 0; i < 1000; i++)
		(void)cpuid(0, 0);
}

/* A program in ring 3 that faults on device memory: by what no device can carry out, and by a jump there. */
static u64 user_store(u64 at)
{
	asm volatile("fxsave (%0)" : : "r"(at) : "memory");
	return 0;
}

static u64 user_jump(u64 at)
{
	return ((u64(*)(u64))at)(at);
}

static void ring3(void)
{
	static const u64 at[] = { 0xfed00000, 0xfee00000, 0xfec00000, 0xd0000000 };
	u64 a = at[turn / 2 % ARRAY_SIZE(at)];

	if (turn < 2 * ARRAY_SIZE(at))
		rt_map(a, a, PTE_P | PTE_W | PTE_U | PTE_PCD);
	failed |= rt_run_user(turn % 2 ? user_jump : user_store, a, 2) != 1;
	turn++;
	sti();
}

/* "victim" is started, reset, and ended. The answers are not waited for: what comes too early is refused. */
static void starts(void)
{
	static const char *const commands[] = { "start", "reset", "destroy" };
	char text[60];

	fmt_snprintf(text, sizeof(text), "{\"cmd\":\"%s\",\"args\":[\"victim\"]}\n", commands[turn++ % 3]);
	com2(text);
	(void)sleep_until(rdtsc() + HZ / 100);
	sti();
}

/* Comes back from sleep again and again, and then wants the processor. */
static void wakes(void)
{
	u64 until = rdtsc() + HZ / 40;

	while (rdtsc() < until)
		cpu_pause();
	(void)sleep_until(rdtsc() + HZ / 50);
	sti();
}

static u64 number(const char *cmdline, const char *name)
{
	const char *p = strstr(cmdline, name);
	u64 v = 0;

	for (p = p ? p + strlen(name) : ""; *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (u64)(*p - '0');
	return v;
}

void main(const char *cmdline)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} kinds[] = { { "ports", ports },       { "rtc", rtc },     { "mmio", mmio },   { "apicbase", apicbase },
		      { "pit", pit },           { "inits", inits }, { "flood", flood }, { "lines", lines },
		      { "commands", commands }, { "exits", exits }, { "ring3", ring3 }, { "starts", starts },
		      { "wakes", wakes } };
	u64 at = number(cmdline, "at=");

	cli();
	apic_init();
	rt_set_handler(VEC, on_timer);
	apic_write(APIC_LVTT, 0x40000 | VEC);
	if (rt_option("victim"))
		for (;;)
			sti_hlt_cli();
	if (rt_option("clock")) {
		watch(number(cmdline, "seconds="));
		report(true, "watched");
		return;
	}
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!rt_option(kinds[i].name))
			continue;
		(void)sleep_until(at * HZ + HZ / 10);
		sti(); /* Bochs keeps the hypervisor's own interrupts back from a guest that has them off */
		while (rdtsc() < (at + 1) * HZ - HZ / 10)
			kinds[i].fn();
		rt_exit(failed); /* with all that its devices would go on to do */
	}
	report(false, "nothing to do is named on the command line");
}
