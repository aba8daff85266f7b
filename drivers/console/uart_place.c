#include "drivers/console/uart_place.h"

#include "lib/fmt.h"
#include "lib/string.h"

#define PARTS    5 /* "uart,mmio,ADDR,BAUD,poll" */
#define PART_MAX 20
#define PHYS_END BIT(52)

#define WRONG_KIND \
	"only uart[,PORT[,BAUD]], uart,pci,B:D.F[,BAUD] and uart,mmio,ADDR[,BAUD] are known, each with ,poll"
#define WRONG_PORT  "PORT is com1 to com4 or a number up to 0xfff8"
#define WRONG_PCI   "B:D.F is bus, device and function in hexadecimal, such as 00:16.3"
#define WRONG_MMIO  "ADDR is a physical address below 2^52"
#define WRONG_SPEED "the speed must divide 115200"
#define WRONG_END   "only poll may follow the speed"

/* Parts between commas; a part that is not there is "". false: too many, or one too long. */
static bool split(const char *s, char part[PARTS][PART_MAX])
{
	memset(part, 0, PARTS * PART_MAX);
	for (u32 i = 0, n = 0; *s; s++) {
		if (*s == ',') {
			if (++i == PARTS)
				return false;
			n = 0;
		} else {
			if (n + 1 == PART_MAX)
				return false;
			part[i][n++] = *s;
		}
	}
	return true;
}

static const char *parse_port(const char *s, struct uart_place *p)
{
	static const u16 com[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
	u64 v;

	p->at = UART_AT_PORT;
	p->stride = p->width = 1;
	if (!strncmp(s, "com", 3) && s[3] >= '1' && s[3] <= '4' && !s[4]) {
		p->addr = com[s[3] - '1'];
		return NULL;
	}
	if (fmt_parse_u64(s, false, &v) || v == 0 || v > 0xffff - UART_REGISTERS + 1)
		return WRONG_PORT;
	p->addr = v;
	return NULL;
}

/* A hexadecimal number up to max, which the character end follows; its end, or NULL. */
static const char *hex(const char *s, u32 max, char end, u32 *v)
{
	const char *first = s;

	for (*v = 0; *s && *s != end; s++) {
		char c = *s;
		u32 digit = c >= '0' && c <= '9'   ? (u32)(c - '0')
		            : c >= 'a' && c <= 'f' ? (u32)(c - 'a' + 10)
		            : c >= 'A' && c <= 'F' ? (u32)(c - 'A' + 10)
		                                   : 16;

		*v = *v << 4 | digit;
		if (digit == 16 || *v > max)
			return NULL;
	}
	return *s == end && s > first ? s : NULL;
}

static const char *parse_pci(const char *s, struct uart_place *p)
{
	u32 bus, dev, fn;

	s = hex(s, 0xff, ':', &bus);
	s = s ? hex(s + 1, 0x1f, '.', &dev) : NULL;
	s = s ? hex(s + 1, 7, '\0', &fn) : NULL;
	if (!s)
		return WRONG_PCI;
	p->at = UART_AT_PCI;
	p->bdf = (u16)(bus << 8 | dev << 3 | fn);
	return NULL;
}

static const char *parse_mmio(const char *s, struct uart_place *p)
{
	u64 v;

	if (fmt_parse_u64(s, false, &v) || v == 0 || v >= PHYS_END)
		return WRONG_MMIO;
	p->at = UART_AT_MEM;
	p->addr = v;
	p->stride = p->width = 0;
	return NULL;
}

const char *uart_place_parse(const char *value, struct uart_place *p)
{
	char part[PARTS][PART_MAX];
	struct uart_place at = *p;
	const char *wrong = NULL;
	u32 next = 2;
	u64 v;

	if (strncmp(value, "uart", 4) || (value[4] && value[4] != ',') || !split(value, part))
		return WRONG_KIND;
	if (!strcmp(part[1], "pci"))
		wrong = parse_pci(part[next++], &at);
	else if (!strcmp(part[1], "mmio"))
		wrong = parse_mmio(part[next++], &at);
	else if (part[1][0])
		wrong = parse_port(part[1], &at);
	if (wrong)
		return wrong;
	if (part[next][0]) {
		if (fmt_parse_u64(part[next], false, &v) || v == 0 || v > UART_CLOCK || UART_CLOCK % v)
			return WRONG_SPEED;
		at.baud = (u32)v;
	}
	if (part[++next][0] && strcmp(part[next], "poll"))
		return WRONG_END;
	at.poll |= part[next][0] != '\0';
	if (next + 1 < PARTS && part[next + 1][0])
		return WRONG_END;
	*p = at;
	return NULL;
}

static u64 size_of(const struct uart_place *p)
{
	return UART_REGISTERS * MAX((u64)p->stride, p->at == UART_AT_MEM ? 4ull : 1ull);
}

bool uart_place_overlap(const struct uart_place *a, const struct uart_place *b)
{
	return a->at == b->at && a->addr < b->addr + size_of(b) && b->addr < a->addr + size_of(a);
}

void uart_place_show(const struct uart_place *p, char *buf, size_t size)
{
	int n = fmt_snprintf(buf, size, p->at == UART_AT_PORT ? "port %#lx" : "memory %#lx", p->addr);

	if (p->baud && n > 0 && (size_t)n < size)
		fmt_snprintf(buf + n, size - (size_t)n, ", %u baud", p->baud);
}
