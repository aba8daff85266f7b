/*
 * Where a UART is, and how the words of console= and control= say it. Pure.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

#define UART_REGISTERS    8      /* it has */
#define UART_CLOCK        115200 /* baud rate at divisor 1 */
#define UART_DEFAULT_PORT 0x3f8
#define UART_DEFAULT_BAUD 115200
#define UART_VALUE_MAX    64 /* of console= and control=, with the terminating NUL */

enum uart_at { UART_AT_PORT, UART_AT_MEM, UART_AT_PCI };

struct uart_place {
	enum uart_at at;
	u64 addr;  /* port, or physical address of register 0 */
	u16 bdf;   /* UART_AT_PCI: bus, device (5 bits), function (3 bits) */
	u8 stride; /* bytes from one register to the next; 0: 1, and in memory what answers of 1 and 4 */
	u8 width;  /* of an access, bytes: 1, 2, 4; with stride */
	u32 baud;  /* 0: as it is set */
	bool poll; /* it is not to interrupt */
};

/*
 * Parses the value of a console= or control= option: "uart", then, each after a comma and each may be left out or
 * empty: where, a speed, "poll". Where: com1 to com4, a port (numbers as fmt_parse_u64), "pci" and bus:device.function
 * in hexadecimal as lspci shows them, or "mmio" and an address. What is missing stays in *p as the caller has set it.
 * NULL, else what is wrong with it, to be told; then *p stays as it is.
 */
__must_check const char *uart_place_parse(const char *value, struct uart_place *p);

/* Whether the registers of two UARTs, neither of them UART_AT_PCI, overlap. */
bool uart_place_overlap(const struct uart_place *a, const struct uart_place *b);

/* What uart_place_show() needs at most. */
#define UART_PLACE_TEXT 64
/* "port 0x3f8", "memory 0xfe030000", with its speed. */
void uart_place_show(const struct uart_place *p, char *buf, size_t size);
