/* The machine's serial ports: the operator's console, and the control channel beside it. */
#include "arch/x86/acpi_tables.h"
#include "arch/x86/trap.h"
#include "boot/bringup.h"
#include "boot/cmdline.h"
#include "drivers/con_poll.h"
#include "drivers/console/uart16550.h"
#include "drivers/console/uart_pci.h"
#include "lib/log.h"
#include "mm/hvmem.h"
#include "vmm/cpu/request.h"
#include "vmm/operator/console.h"

#define CONTROL_DEFAULT_PORT 0x2f8 /* com2 */
#define ISA_IRQS             16

/*
 * early: at a port, opened first of all. late: what takes page tables or the ACPI tables to open. One of them is the
 * console.
 */
static struct uart16550 early, late, control;
static int late_irq = -1;

static const struct uart_place default_place = {
	.at = UART_AT_PORT, .addr = UART_DEFAULT_PORT, .stride = 1, .width = 1, .baud = UART_DEFAULT_BAUD
};

/* Opens it. NULL, else what is wrong. */
static const char *open_uart(struct uart16550 *u, struct uart_place place)
{
	const char *wrong = place.at == UART_AT_PCI ? uart_pci_find(&place) : NULL;

	if (wrong)
		return wrong;
	switch (uart16550_init(u, &place, hv_map_mmio)) {
	case OK: return NULL;
	case ERR_NOMEM: return "its memory cannot be mapped";
	default: return "no UART answers there";
	}
}

/*
 * The first value of console= that can be used: NULL and *place. Else what is wrong with the last one, or "" when there
 * is none. What is wrong with those before is said when tell is set.
 */
static const char *find_console(struct uart_place *place, char value[UART_VALUE_MAX], bool tell)
{
	const char *wrong = "";

	for (u32 i = 0;; i++) {
		int r = cmdline_get_nth(bi.cmdline, "console", i, value, UART_VALUE_MAX);

		if (r == ERR_NOENT)
			return wrong;
		*place = default_place;
		wrong = r ? "the value is too long" : uart_place_parse(value, place);
		if (!wrong)
			return NULL;
		if (tell)
			log_err("console=%s: %s\n", value, wrong);
	}
}

void serial_console(void)
{
	struct uart_place place;
	char value[UART_VALUE_MAX];

	early.dead = late.dead = control.dead = true;
	if (find_console(&place, value, true))
		place = default_place;
	if (place.at != UART_AT_PORT)
		return;
	if (!open_uart(&early, place))
		monitor_add_console(&early.con);
	else if (value[0])
		log_err("console=%s: no UART answers there\n", value);
}

/* The port of the firmware's own console. false: there is none that could be ours. */
static bool firmware_place(struct uart_place *place, int *irq)
{
	struct acpi_spcr s;

	if (!firmware_spcr(&s))
		return false;
	*place = (struct uart_place){ .at = s.io ? UART_AT_PORT : UART_AT_MEM,
		                      .addr = s.addr,
		                      .stride = s.stride,
		                      .width = s.width,
		                      .baud = s.baud,
		                      .poll = s.pci };
	*irq = s.irq;
	return true;
}

static bool same_port(const struct uart_place *a, const struct uart_place *b)
{
	return a->at == b->at && a->addr == b->addr && (a->baud == b->baud || !b->baud);
}

void serial_console_late(void)
{
	char value[UART_VALUE_MAX], text[UART_PLACE_TEXT];
	struct uart_place place;
	const char *wrong = find_console(&place, value, false);
	bool firmware = false;

	if (wrong && *wrong == '\0')
		firmware = firmware_place(&place, &late_irq);
	if (firmware ? !early.dead && same_port(&early.place, &place) : wrong || place.at == UART_AT_PORT)
		return;
	wrong = open_uart(&late, place);
	uart_place_show(wrong ? &place : &late.place, text, sizeof(text));
	if (wrong && firmware)
		log_warn("acpi: SPCR: the console at %s is not used: %s\n", text, wrong);
	else if (wrong)
		log_err("console=%s: %s\n", value, wrong);
	if (wrong)
		return;
	/* What was said so far, the new one says again. */
	if (!early.dead)
		uart16550_close(&early);
	log_info("%s %s\n", firmware ? "acpi: SPCR: the console is at" : "console: serial", text);
	monitor_add_console(&late.con);
}

/* What is wrong with control=value, or NULL: then control is open. */
static const char *open_control(const char *value)
{
	struct uart_place place = default_place;
	const char *wrong;

	place.addr = CONTROL_DEFAULT_PORT;
	wrong = uart_place_parse(value, &place);
	if (!wrong && place.at == UART_AT_PCI)
		wrong = uart_pci_find(&place);
	if (wrong)
		return wrong;
	if ((!early.dead && uart_place_overlap(&place, &early.place)) ||
	    (!late.dead && uart_place_overlap(&place, &late.place)))
		return "that port is the console's";
	return open_uart(&control, place);
}

void serial_control(void)
{
	char value[UART_VALUE_MAX];
	const char *wrong;
	int r = cmdline_get(bi.cmdline, "control", value, sizeof(value));

	if (r == ERR_NOENT)
		return;
	wrong = r ? "the value is too long" : open_control(value);
	if (wrong)
		log_err("control=%s: %s; there is no control channel on a serial port\n", value, wrong);
}

/* ---- interrupts ---- */

static struct uart16550 *routed[3];
static u32 nr_routed;

/* Whose it was: the only one's, or theirs that have something to be read. */
static void on_uart(void)
{
	for (u32 i = 0; i < nr_routed; i++)
		if (nr_routed == 1 || uart16550_has_input(routed[i]))
			con_poll_end(&routed[i]->con);
	housekeep_soon();
}

/* irq: of the ISA bus; -1: as PCs have it. Until the first one came, and when none can come, it is polled. */
static void route(struct uart16550 *u, int irq)
{
	if (u->dead || u->place.poll || (irq < 0 && u->place.at != UART_AT_PORT) || irq >= ISA_IRQS)
		return;
	if (irq < 0)
		irq = u->place.addr == 0x3f8 || u->place.addr == 0x3e8 ? 4 : 3;
	if (!route_irq((u32)irq, VEC_UART))
		return;
	routed[nr_routed++] = u;
	uart16550_enable_interrupt(u);
}

void serial_route(void)
{
	irq_register(VEC_UART, on_uart);
	route(&early, -1);
	route(&late, late_irq);
	route(&control, -1);
}

void serial_start_control(void)
{
	char text[UART_PLACE_TEXT];

	if (control.dead)
		return;
	control.con.raw = true;
	if (monitor_add_control_port(&control.con)) {
		log_err("control=: out of memory; there is no control channel on a serial port\n");
		return;
	}
	uart_place_show(&control.place, text, sizeof(text));
	log_info("control channel: serial %s\n", text);
}
