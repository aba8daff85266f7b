/* The machine's serial ports: the operator's console, and the control channel beside it. */
#include "arch/x86/trap.h"
#include "boot/bringup.h"
#include "boot/cmdline.h"
#include "drivers/console/uart16550.h"
#include "lib/log.h"
#include "vmm/operator/console.h"

#define CONTROL_DEFAULT_PORT 0x2f8 /* com2 */

static struct uart16550 console, control;

void serial_console(void)
{
	u16 port = UART16550_DEFAULT_PORT;
	u32 baud = UART16550_DEFAULT_BAUD;
	char value[64];

	for (u32 i = 0; cmdline_get_nth(bi.cmdline, "console", i, value, sizeof(value)) != ERR_NOENT; i++)
		if (uart16550_parse(value, &port, &baud) == OK)
			break;
	if (uart16550_init(&console, port, baud) == OK)
		monitor_add_console(&console.con);
}

/* What is wrong with control=value, or NULL: then control is open. */
static const char *open_control(const char *value)
{
	u16 port = CONTROL_DEFAULT_PORT;
	u32 baud = UART16550_DEFAULT_BAUD;

	switch (uart16550_parse(value, &port, &baud)) {
	case OK: break;
	case ERR_NOENT: return "only uart[,PORT[,BAUD]] is known";
	case ERR_RANGE: return "the speed must divide 115200, and the port be below 0xfff9";
	default: return "PORT is com1 to com4 or a number, BAUD a number";
	}
	if (port < console.port + UART16550_PORTS && console.port < port + UART16550_PORTS)
		return "that port is the console's";
	if (uart16550_init(&control, port, baud))
		return "no UART answers there";
	return NULL;
}

void serial_control(void)
{
	char value[64];
	const char *wrong;
	int r = cmdline_get(bi.cmdline, "control", value, sizeof(value));

	control.dead = true;
	if (r == ERR_NOENT)
		return;
	wrong = r ? "the value is too long" : open_control(value);
	if (wrong)
		log_err("control=%s: %s; there is no control channel on a serial port\n", value, wrong);
}

static void route(const struct uart16550 *u)
{
	u32 irq = u->port == 0x3f8 || u->port == 0x3e8 ? 4 : 3;

	if (!u->dead && route_irq(irq, VEC_UART))
		uart16550_enable_interrupt(u);
}

void serial_route(void)
{
	route(&console);
	route(&control);
}

void serial_start_control(void)
{
	if (control.dead)
		return;
	control.con.raw = true;
	if (monitor_add_control_port(&control.con))
		log_err("control=: out of memory; there is no control channel on a serial port\n");
	else
		log_info("control channel: serial port %#x, %u baud\n", control.port, control.baud);
}
