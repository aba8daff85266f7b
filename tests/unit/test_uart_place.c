/* Where UARTs are: the words of console= and control=, PCI devices, what overlaps. */
#include <string.h>

#include "drivers/console/uart_pci.h"
#include "drivers/console/uart_place.h"
#include "drivers/pci/config.h"
#include "suite.h"

static const struct uart_place start = { .at = UART_AT_PORT, .addr = 0x2f8, .stride = 1, .width = 1, .baud = 9600 };

/* What stands in all messages about that part. */
#define KIND  "only uart"
#define PORT  "PORT is"
#define PCI   "B:D.F is"
#define MMIO  "ADDR is"
#define SPEED "the speed must divide 115200"
#define END   "only poll"

START_TEST(values)
{
	static const struct {
		const char *value, *wrong; /* of what: how its message begins; NULL: nothing */
		enum uart_at at;
		u64 addr; /* or the PCI device */
		u32 baud;
		bool poll;
	} t[] = {
		{ "uart", NULL, UART_AT_PORT, 0x2f8, 9600, false },
		{ "uart,0x3e8", NULL, UART_AT_PORT, 0x3e8, 9600, false },
		{ "uart,com2,115200", NULL, UART_AT_PORT, 0x2f8, 115200, false },
		{ "uart,com1", NULL, UART_AT_PORT, 0x3f8, 9600, false },
		{ "uart,com3", NULL, UART_AT_PORT, 0x3e8, 9600, false },
		{ "uart,com4", NULL, UART_AT_PORT, 0x2e8, 9600, false },
		{ "uart,,57600", NULL, UART_AT_PORT, 0x2f8, 57600, false },
		{ "uart,1016,38400", NULL, UART_AT_PORT, 0x3f8, 38400, false },
		{ "uart,0xfff8", NULL, UART_AT_PORT, 0xfff8, 9600, false },
		{ "uart,0x3f8,", NULL, UART_AT_PORT, 0x3f8, 9600, false },
		{ "uart,com1,115200,poll", NULL, UART_AT_PORT, 0x3f8, 115200, true },
		{ "uart,,,poll", NULL, UART_AT_PORT, 0x2f8, 9600, true },
		{ "uart,pci,0:3.0", NULL, UART_AT_PCI, 0x18, 9600, false },
		{ "uart,pci,00:16.3,115200", NULL, UART_AT_PCI, 0xb3, 115200, false },
		{ "uart,pci,fF:1f.7,,poll", NULL, UART_AT_PCI, 0xffff, 9600, true },
		{ "uart,mmio,0xfe030000", NULL, UART_AT_MEM, 0xfe030000, 9600, false },
		{ "uart,mmio,0xfffffffffffff,19200,poll", NULL, UART_AT_MEM, 0xfffffffffffff, 19200, true },
		{ "", KIND, 0, 0, 0, false },
		{ "vga", KIND, 0, 0, 0, false },
		{ "ttyS0", KIND, 0, 0, 0, false },
		{ "uart16550", KIND, 0, 0, 0, false },
		{ "uartuartuartuartuart", KIND, 0, 0, 0, false },
		{ "uart,0x0000000000000000000003f8", KIND, 0, 0, 0, false },
		{ "uart,mmio,0xfe030000,9600,poll,", KIND, 0, 0, 0, false },
		{ "uart,com5", PORT, 0, 0, 0, false },
		{ "uart,com12", PORT, 0, 0, 0, false },
		{ "uart,x", PORT, 0, 0, 0, false },
		{ "uart,0", PORT, 0, 0, 0, false },
		{ "uart,0xfff9", PORT, 0, 0, 0, false },
		{ "uart,PCI,0:3.0", PORT, 0, 0, 0, false },
		{ "uart,pci", PCI, 0, 0, 0, false },
		{ "uart,pci,", PCI, 0, 0, 0, false },
		{ "uart,pci,:3.0", PCI, 0, 0, 0, false },
		{ "uart,pci,0:3", PCI, 0, 0, 0, false },
		{ "uart,pci,0:3.", PCI, 0, 0, 0, false },
		{ "uart,pci,0:3.0.0", PCI, 0, 0, 0, false },
		{ "uart,pci,0:3.8", PCI, 0, 0, 0, false },
		{ "uart,pci,0:20.0", PCI, 0, 0, 0, false },
		{ "uart,pci,100:0.0", PCI, 0, 0, 0, false },
		{ "uart,pci,0:g.0", PCI, 0, 0, 0, false },
		{ "uart,pci,100000000:0.0", PCI, 0, 0, 0, false },
		{ "uart,mmio", MMIO, 0, 0, 0, false },
		{ "uart,mmio,0", MMIO, 0, 0, 0, false },
		{ "uart,mmio,com1", MMIO, 0, 0, 0, false },
		{ "uart,mmio,0x10000000000000", MMIO, 0, 0, 0, false },
		{ "uart,0x3f8,fast", SPEED, 0, 0, 0, false },
		{ "uart,com2,7", SPEED, 0, 0, 0, false },
		{ "uart,0x3f8,0", SPEED, 0, 0, 0, false },
		{ "uart,0x3f8,230400", SPEED, 0, 0, 0, false },
		{ "uart,pci,0:3.0,100000", SPEED, 0, 0, 0, false },
		{ "uart,mmio,4096,poll", SPEED, 0, 0, 0, false },
		{ "uart,com1,9600,pol", END, 0, 0, 0, false },
		{ "uart,com1,9600,poll,poll", END, 0, 0, 0, false },
		{ "uart,com1,9600,,x", END, 0, 0, 0, false },
		{ "uart,pci,0:3.0,9600,8n1", END, 0, 0, 0, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct uart_place p = start;
		const char *wrong = uart_place_parse(t[i].value, &p);

		if (t[i].wrong) {
			ck_assert_msg(wrong && !strncmp(wrong, t[i].wrong, strlen(t[i].wrong)), "%s: %s", t[i].value,
			              wrong ? wrong : "nothing wrong");
			ck_assert_mem_eq(&p, &start, sizeof(p));
			continue;
		}
		ck_assert_msg(!wrong, "%s: %s", t[i].value, wrong);
		ck_assert_msg(p.at == t[i].at, "%s", t[i].value);
		ck_assert_msg((p.at == UART_AT_PCI ? p.bdf : p.addr) == t[i].addr, "%s", t[i].value);
		ck_assert_msg(p.baud == t[i].baud && p.poll == t[i].poll, "%s", t[i].value);
		ck_assert_uint_eq(p.stride, p.at == UART_AT_MEM ? 0 : 1);
	}
}
END_TEST

START_TEST(overlapping)
{
	static const struct {
		struct uart_place a, b;
		bool overlap;
	} t[] = {
		{ { .addr = 0x3f8, .stride = 1 }, { .addr = 0x3f8, .stride = 1 }, true },
		{ { .addr = 0x3f8, .stride = 1 }, { .addr = 0x3ff, .stride = 1 }, true },
		{ { .addr = 0x3f8, .stride = 1 }, { .addr = 0x400, .stride = 1 }, false },
		{ { .addr = 0x3f0, .stride = 1 }, { .addr = 0x3f8, .stride = 1 }, false },
		{ { .addr = 0x3f8, .stride = 1 }, { .at = UART_AT_MEM, .addr = 0x3f8, .stride = 1 }, false },
		/* In memory they may turn out to be four bytes apart. */
		{ { .at = UART_AT_MEM, .addr = 0x1000 }, { .at = UART_AT_MEM, .addr = 0x101f }, true },
		{ { .at = UART_AT_MEM, .addr = 0x1000 }, { .at = UART_AT_MEM, .addr = 0x1020 }, false },
		{ { .at = UART_AT_MEM, .addr = 0x1000, .stride = 16 }, { .at = UART_AT_MEM, .addr = 0x107f }, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		ck_assert_msg(uart_place_overlap(&t[i].a, &t[i].b) == t[i].overlap, "%zu", i);
		ck_assert_msg(uart_place_overlap(&t[i].b, &t[i].a) == t[i].overlap, "%zu", i);
	}
}
END_TEST

START_TEST(shown)
{
	struct uart_place p = start;
	char text[UART_PLACE_TEXT];

	uart_place_show(&p, text, sizeof(text));
	ck_assert_str_eq(text, "port 0x2f8, 9600 baud");
	p = (struct uart_place){ .at = UART_AT_MEM, .addr = 0xfffffffffffff, .baud = 115200 };
	uart_place_show(&p, text, sizeof(text));
	ck_assert_str_eq(text, "memory 0xfffffffffffff, 115200 baud");
	p.baud = 0;
	uart_place_show(&p, text, sizeof(text));
	ck_assert_str_eq(text, "memory 0xfffffffffffff");
}
END_TEST

/* ---- PCI ---- */

#define BDF 0xb3

static u32 config[16];

u32 pci_config_read(u16 bdf, u32 reg)
{
	ck_assert_uint_eq(reg % 4, 0);
	return bdf == BDF && reg < sizeof(config) ? config[reg / 4] : ~0u;
}

void pci_config_write(u16 bdf, u32 reg, u32 v)
{
	ck_assert_uint_eq(bdf, BDF);
	ck_assert_uint_eq(reg, PCI_COMMAND);
	ck_assert_uint_eq(v >> 16, 0); /* no bit of the status register is cleared */
	config[reg / 4] = (config[reg / 4] & 0xffff0000) | v;
}

START_TEST(pci_devices)
{
	static const struct {
		u32 class, header;
		u32 bar[6];
		enum uart_at at;
		u64 addr; /* 0: it is refused */
		u32 command;
	} t[] = {
		{ 0x07000200, 0, { 0xc001 }, UART_AT_PORT, 0xc000, 0x101 },
		{ 0x07000200, 0x00800000, { 0xc001, 0xc009 }, UART_AT_PORT, 0xc000, 0x101 },
		{ 0x07000200, 0, { 0x1, 0xc009 }, UART_AT_PORT, 0xc008, 0x101 },
		{ 0x07000200, 0, { 0xfe800000 }, UART_AT_MEM, 0xfe800000, 0x102 },
		{ 0x11800000, 0, { 0xfe800008 }, UART_AT_MEM, 0xfe800000, 0x102 },
		{ 0x07800000, 0, { 0xfe800004, 0x12 }, UART_AT_MEM, 0x12fe800000, 0x102 },
		{ 0x07000000, 0, { 0x4, 0, 0xd001 }, UART_AT_PORT, 0xd000, 0x101 },
		{ 0x07000000, 0, { 0x4, 0x12 }, UART_AT_MEM, 0x1200000000, 0x102 },
		{ 0x07000000, 0, { 0, 0, 0, 0, 0, 0xd001 }, UART_AT_PORT, 0xd000, 0x101 },
		{ 0x07000000, 0, { 0, 0, 0, 0, 0, 4 }, 0, 0, 0x100 },
		{ 0x07000200, 0, { 0 }, 0, 0, 0x100 },
		{ 0x02000000, 0, { 0xc001 }, 0, 0, 0x100 },
		{ 0x01060100, 0, { 0xfe800000 }, 0, 0, 0x100 },
		{ 0x07000200, 0x00010000, { 0xc001 }, 0, 0, 0x100 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct uart_place p = { .at = UART_AT_PCI, .bdf = BDF, .baud = 9600 };
		const char *wrong;

		memset(config, 0, sizeof(config));
		config[0] = 0x00021b36;
		config[1] = 0xffff0100; /* all of the status bits are set */
		config[2] = t[i].class;
		config[3] = t[i].header;
		memcpy(config + 4, t[i].bar, sizeof(t[i].bar));
		wrong = uart_pci_find(&p);
		ck_assert_msg((wrong == NULL) == (t[i].addr != 0), "%zu: %s", i, wrong ? wrong : "taken");
		ck_assert_uint_eq(config[1], 0xffff0000 | t[i].command);
		ck_assert_uint_eq(p.baud, 9600);
		if (wrong) {
			ck_assert(p.at == UART_AT_PCI && p.bdf == BDF && !p.poll);
			continue;
		}
		ck_assert_msg(p.at == t[i].at && p.addr == t[i].addr, "%zu: %#lx", i, (unsigned long)p.addr);
		ck_assert(p.poll);
	}
}
END_TEST

START_TEST(pci_nobody)
{
	struct uart_place p = { .at = UART_AT_PCI, .bdf = 0x1234 };

	ck_assert_str_eq(uart_pci_find(&p), "there is no such PCI device");
}
END_TEST

SUITE_MAIN("uart_place", values, overlapping, shown, pci_devices, pci_nobody)
