/*
 * The 82540EM of a PC as its drivers begin with it: address by the EEPROM, PHY, frames out, and what the card says of
 * them. (PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual)
 */
#include "tests/guest/rt/rt.h"

#define ID     0x100e8086u
#define SLOT   3u
#define FRAMES 48u
#define RING   64u

enum {
	CTRL = 0,
	STATUS = 8,
	EERD = 0x14,
	MDIC = 0x20,
	ICR = 0xc0,
	TCTL = 0x400,
	TDBAL = 0x3800,
	TDBAH = 0x3804,
	TDLEN = 0x3808,
	TDH = 0x3810,
	TDT = 0x3818,
	GPTC = 0x4080,
	RAL = 0x5400,
	RAH = 0x5404
};

static volatile u8 *bar;
static u8 frame[16000];
static struct {
	u64 addr;
	u32 lower;
	volatile u32 upper;
} ring[RING] __attribute__((aligned(128)));

static u32 cfg_read(u32 reg)
{
	outl(0xcf8, 0x80000000u | SLOT << 11 | reg);
	return inl(0xcfc);
}
static u32 rd(u32 reg)
{
	return *(volatile u32 *)(bar + reg);
}
static void wr(u32 reg, u32 val)
{
	*(volatile u32 *)(bar + reg) = val;
}

static u32 word(u32 at)
{
	wr(EERD, at << 8 | 1);
	return rd(EERD) & 0x10 ? rd(EERD) >> 16 : ~0u;
}

static void identity(void)
{
	u32 sum = 0;

	for (u32 i = 0; i < 64; i++)
		sum += word(i);
	report_eq(sum & 0xffff, 0xbaba, "the EEPROM's checksum");
	report(word(0) == 0x5452 && word(1) == 0x1200 && word(2) == 0x5634, "the address is 52:54:00:12:34:56");
	report_eq(rd(RAL), 0x12005452, "and in the first of those that are received, low");
	report_eq(rd(RAH), 0x80005634, "and high");
	wr(MDIC, 2u << 26 | 1u << 21 | 2u << 16);
	report_eq(rd(MDIC) & 0x1000ffff, 0x10000141, "the PHY is Marvell's");
	wr(CTRL, 0x41);
	report_eq(rd(STATUS) & 3, 1, "there is no link");
}

/* n frames of len bytes: ticks until the card has taken them all. */
static u64 send(u32 n, u32 len)
{
	u32 at = rd(TDT);
	u64 t = rdtsc();

	for (u32 i = 0; i < n; i++) {
		ring[(at + i) % RING].addr = (uintptr_t)frame;
		ring[(at + i) % RING].lower = 9u << 24 | len;
		ring[(at + i) % RING].upper = 0;
	}
	wr(TDT, (at + n) % RING);
	while (rd(TDH) != (at + n) % RING)
		;
	t = rdtsc() - t;
	for (u32 i = 0; i < n; i++)
		if (!(ring[(at + i) % RING].upper & 1))
			report(false, "descriptor %u is written back", i);
	return t;
}

static void frames(void)
{
	u64 t;

	wr(TDBAL, (u32)(uintptr_t)ring);
	wr(TDBAH, 0);
	wr(TDLEN, sizeof(ring));
	wr(TCTL, 2);
	rd(ICR);
	send(1, 60);
	report_eq(rd(ICR), 3, "a frame is sent: written back, the ring is empty");
	t = send(FRAMES, 60);
	report(t, "%u frames of 60 bytes: %lu ticks each", FRAMES, t / FRAMES);
	t = send(8, sizeof(frame));
	report(t, "8 frames of 16000 bytes: %lu ticks each", t / 8);
	report_eq(rd(GPTC), FRAMES + 9, "all are counted");
	report_eq(rd(GPTC), 0, "once");
	/* A ring that is nowhere is the guest's own loss. */
	wr(TDBAH, 0xff);
	wr(TDT, 7);
	while (rd(TDH) != rd(TDT))
		;
	report_eq(rd(GPTC), 0, "a ring outside of RAM sends nothing");
}

void main(const char *cmdline)
{
	if (!report(cfg_read(0) == ID || !rt_hv(), "the card is in slot 3") || !rt_hv())
		return;
	report_eq(cfg_read(8) >> 8, 0x020000, "class: Ethernet");
	/* Bus master, too. */
	outl(0xcf8, 0x80000000u | SLOT << 11 | 4);
	outl(0xcfc, 7);
	bar = (volatile u8 *)(uintptr_t)(cfg_read(0x10) & ~15u);
	identity();
	frames();
}
