/*
 * The 6300ESB's watchdog timer as Linux' driver uses it. With the word "expire": its expiry, which is a crash, and
 * after the restart the flag that tells of it. (6300ESB data sheet, "Watchdog Timer")
 */
#include "tests/guest/rt/rt.h"

#define ID      0x25ab8086u
#define CONFIG  0x60
#define LOCK    0x68
#define ENABLE  0x2u
#define RELOAD  0x100u
#define TIMEOUT 0x200u

static u32 slot;
static volatile u8 *bar;

static u32 address(u32 reg)
{
	return 0x80000000u | slot << 11 | (reg & 0xfc);
}
static u32 cfg_read(u32 reg)
{
	outl(0xcf8, address(reg));
	return inl(0xcfc);
}
static void cfg_write16(u32 reg, u16 v)
{
	outl(0xcf8, address(reg));
	outw(0xcfc + (reg & 3), v);
}
static void cfg_write8(u32 reg, u8 v)
{
	outl(0xcf8, address(reg));
	outb(0xcfc + (reg & 3), v);
}

static u32 rd32(u32 off)
{
	return *(volatile u32 *)(bar + off);
}
static u16 rd16(u32 off)
{
	return *(volatile u16 *)(bar + off);
}
static void wr32(u32 off, u32 v)
{
	*(volatile u32 *)(bar + off) = v;
}
static void wr16(u32 off, u16 v)
{
	*(volatile u16 *)(bar + off) = v;
}
static void unlock(void)
{
	wr16(0xc, 0x80);
	wr16(0xc, 0x86);
}
static void set_timers(u32 first, u32 second)
{
	unlock();
	wr32(0, first);
	unlock();
	wr32(4, second);
}
static void reload(u16 v)
{
	unlock();
	wr16(0xc, v);
}

/* TSC ticks of 10 ms, by the PIT's channel 2: the least of some, for being away only makes them more. */
static u64 ticks_10ms(void)
{
	u64 t, least = ~0ull;

	for (u32 i = 0; i < 5; i++) {
		outb(0x61, (inb(0x61) & ~2) | 1);
		outb(0x43, 0xb0);
		outb(0x42, 11932 & 0xff);
		outb(0x42, 11932 >> 8);
		t = rdtsc();
		while (!(inb(0x61) & 0x20))
			;
		t = rdtsc() - t;
		least = t < least ? t : least;
	}
	return least;
}

static bool find(void)
{
	for (slot = 0; slot < 32; slot++)
		if (cfg_read(0) == ID)
			return true;
	return false;
}

static void registers(void)
{
	report_eq(cfg_read(8) >> 8, 0x088000, "class: system peripheral");
	report(cfg_read(4) & 2, "memory decoding is on");
	report_eq(rd32(0), 0xfffff, "preload value 1 at reset");
	wr32(0, 5);
	report_eq(rd32(0), 0xfffff, "a write without unlocking changes nothing");
	set_timers(0x12345, 0x54321);
	report_eq(rd32(0), 0x12345, "preload value 1");
	report_eq(rd32(4), 0x54321, "preload value 2");
	cfg_write16(CONFIG, 0xffff);
	report_eq(cfg_read(CONFIG) & 0xffff, 0x27, "configuration register: writable bits");
	cfg_write16(CONFIG, 3);
	report_eq(cfg_read(CONFIG) & 0xffff, 3, "no interrupt, output enabled");
	report_eq(rd16(0xc), 0, "no timeout so far");
}

/* Two stages of 10 ms each, kept alive for 100 ms; then off for as long. */
static void keep_alive(u64 ten)
{
	u64 end;

	set_timers(10, 10);
	reload(RELOAD);
	cfg_write8(LOCK, ENABLE);
	report_eq(cfg_read(LOCK) & 7, ENABLE, "enabled");
	for (end = rdtsc() + 10 * ten; rdtsc() < end;)
		reload(RELOAD);
	report_eq(rd16(0xc), 0, "reloading keeps it from expiring");
	cfg_write8(LOCK, 0);
	rt_delay(5 * ten);
	report_eq(rd16(0xc), 0, "disabled, it does not expire");
}

/* Waits until ticks after start, without an exit that would disturb what is measured. */
static void until(u64 start, u64 ticks)
{
	while (rdtsc() - start < ticks)
		cpu_pause();
}

/* With the output disabled expiry only leaves its mark; the first stage leaves its own. */
static void stages(u64 ten)
{
	u32 status[2], flag[4];
	u64 start;

	cfg_write16(CONFIG, 0x22); /* SMI: status only */
	set_timers(10, 20);
	start = rdtsc();
	cfg_write8(LOCK, ENABLE);
	until(start, ten * 93 / 100);
	status[0] = rd32(8);
	until(start, ten * 107 / 100);
	status[1] = rd32(8);
	flag[0] = rd16(0xc);
	until(start, ten * 285 / 100);
	flag[1] = rd16(0xc);
	until(start, ten * 312 / 100);
	flag[2] = rd16(0xc);
	cfg_write8(LOCK, 0);
	report_eq(status[0], 0, "9.3 ms: the first stage, 9.93 ms, runs");
	report_eq(status[1], 1, "10.7 ms: it has ended");
	report_eq(flag[0], 0, "but not the second");
	report_eq(flag[1], 0, "28.5 ms: both stages, 29.79 ms, run");
	report_eq(flag[2], TIMEOUT, "31.2 ms: they have ended");
	wr32(8, 1);
	report_eq(rd32(8), 0, "the interrupt status is cleared by writing 1");
	reload(TIMEOUT);
	report_eq(rd16(0xc), 0, "so is the timeout flag");
	cfg_write16(CONFIG, 0x26); /* 1 MHz */
	set_timers(10000, 10000);
	start = rdtsc();
	cfg_write8(LOCK, ENABLE);
	until(start, ten * 185 / 100);
	flag[0] = rd16(0xc);
	until(start, ten * 205 / 100);
	flag[1] = rd16(0xc);
	report_eq(flag[0], 0, "at 1 MHz, 18.5 ms: both stages, 19.39 ms, run");
	report_eq(flag[1], TIMEOUT, "20.5 ms: they have ended");
	cfg_write8(LOCK, 0);
	reload(TIMEOUT);
}

static void expire(u64 ten)
{
	cfg_write16(CONFIG, 3);
	set_timers(20, 20);
	reload(RELOAD);
	cfg_write8(LOCK, ENABLE | 1);
	cfg_write8(LOCK, 0);
	report_eq(cfg_read(LOCK) & 7, ENABLE | 1, "locked: it cannot be disabled");
	rt_printf("hanging with interrupts off\n");
	cli();
	rt_delay(10 * ten);
	report(false, "still running after the watchdog expired");
}

void main(const char *cmdline)
{
	u64 ten = ticks_10ms();

	if (!find()) {
		report(!rt_hv(), "the watchdog is there");
		return;
	}
	report(true, "00:%02x.0 is the watchdog", slot);
	bar = (volatile u8 *)(uintptr_t)(cfg_read(0x10) & ~0xfu);
	if (rt_option("expire") && !(rd16(0xc) & TIMEOUT)) {
		expire(ten);
		return;
	}
	if (rt_option("expire")) {
		report(true, "the timeout flag survives the restart");
		reload(TIMEOUT);
	}
	registers();
	keep_alive(ten);
	stages(ten);
}
