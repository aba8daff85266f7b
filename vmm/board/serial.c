/* Serial ports of a VM: the UARTs between the guest and the console, the log, a control channel. */
#include "vmm/board/serial.h"

#include "lib/atomic.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/board/priv.h"
#include "vmm/cpu/request.h"
#include "vmm/pcpu/clock.h"
#include "vmm/vm/vm.h"

#define LINES_A_SECOND 100 /* of a guest in the log: about what a serial line takes */

void serial_set_end(struct vm *vm, enum serial_end end, const struct chr *chr)
{
	vm->board->chr[end] = *chr;
}

void serial_connect(struct vm *vm, u32 n, enum vm_serial kind)
{
	vm->board->port[n].kind = kind;
}

/* ---- from the guest ---- */

static void log_text(struct vm *vm, const char *text)
{
	u32 suppressed;

	if (!log_limit_ok(&vm->text_limit, clock_now(), LINES_A_SECOND, 1000000000, &suppressed))
		return;
	if (suppressed)
		log_info("%s: (%u lines not shown)\n", vm->config.name, suppressed);
	log_info("%s: %s\n", vm->config.name, text);
}

static void log_line(struct com_port *port, const u8 *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char *text = port->line.text;
		u32 *used = &port->line.len;

		if (buf[i] >= ' ' && buf[i] < 0x7f)
			text[(*used)++] = (char)buf[i];
		if (buf[i] != '\n' && *used < sizeof(port->line.text) - 1)
			continue;
		text[*used] = 0;
		*used = 0;
		log_text(port->vm, text);
	}
}

void serial_firmware_log(struct com_port *log, u8 c)
{
	log_line(log, &c, 1);
}

static void tx(void *arg, const u8 *buf, size_t len)
{
	struct com_port *port = arg;
	const struct chr *chr = port->vm->board->chr;

	chr_out(&chr[SERIAL_WATCH], buf, len);
	switch (port->kind) {
	case VM_SERIAL_CONSOLE: chr_out(&chr[SERIAL_CONSOLE], buf, len); break;
	case VM_SERIAL_CONTROL: chr_out(&chr[SERIAL_CONTROL], buf, len); break;
	case VM_SERIAL_LOG:
		chr_out(&chr[SERIAL_CONSOLE], buf, len);
		log_line(port, buf, len);
		break;
	default: break;
	}
}

/* ---- to the guest ---- */

static bool waits(const void *ctx)
{
	return serial_input_waits(((const struct com_port *)ctx)->vm);
}

/* The guest has made room in a UART: that is filled before an entry of vCPU 0 (serial_take_input()). */
static void room(void *ctx)
{
	vcpu_request(((struct com_port *)ctx)->vm->vcpus[0], VCPU_REQ_INPUT);
}

size_t serial_queue_input(struct vm *vm, const u8 *buf, size_t len)
{
	struct board *b = vm->board;
	size_t n;

	spin_lock(&b->keys.lock);
	n = MIN(len, sizeof(b->keys.buf) - b->keys.nr);
	memcpy(b->keys.buf + b->keys.nr, buf, n);
	atomic_store_relaxed(&b->keys.nr, b->keys.nr + (u32)n);
	spin_unlock(&b->keys.lock);
	if (n)
		vcpu_request(vm->vcpus[0], VCPU_REQ_INPUT);
	return n;
}

static struct vuart *uart_of(struct vm *vm, enum vm_serial kind)
{
	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		if (vm->board->port[i].kind == kind)
			return &vm->board->com[i];
	return NULL;
}

static void take_keys(struct vm *vm)
{
	struct vuart *u = uart_of(vm, VM_SERIAL_CONSOLE);
	struct board *b = vm->board;
	size_t n;

	spin_lock(&b->keys.lock);
	/* Nobody reads: dropped. */
	n = u ? vuart_rx(u, b->keys.buf, b->keys.nr, vm_now(vm)) : b->keys.nr;
	memmove(b->keys.buf, b->keys.buf + n, b->keys.nr - n);
	atomic_store_relaxed(&b->keys.nr, b->keys.nr - (u32)n);
	spin_unlock(&b->keys.lock);
}

void serial_take_input(struct vm *vm)
{
	if (atomic_load_relaxed(&vm->board->keys.nr))
		take_keys(vm);
	chr_room(&vm->board->chr[SERIAL_CONTROL]);
}

bool serial_input_waits(const struct vm *vm)
{
	return atomic_load_relaxed(&vm->board->keys.nr) || chr_waits(&vm->board->chr[SERIAL_CONTROL]);
}

void serial_work(struct vm *vm)
{
	for (u32 i = 0; i < SERIAL_NR_ENDS; i++)
		chr_work(&vm->board->chr[i]);
}

size_t serial_control_space(struct vm *vm)
{
	const struct vuart *u = uart_of(vm, VM_SERIAL_CONTROL);

	return u ? vuart_rx_space(u) : 0;
}

void serial_control_input(struct vm *vm, const u8 *buf, size_t len)
{
	struct vuart *u = uart_of(vm, VM_SERIAL_CONTROL); /* NULL: taken over just now */
	size_t n = u ? vuart_rx(u, buf, len, vm_now(vm)) : 0;

	if (n < len)
		log_debug("guest %s: control UART lost %lu bytes\n", vm->config.name, len - n);
}

/* ---- configuration, reset ---- */

int serial_config(struct vm *vm, u32 n, union board_cfg *cfg)
{
	static const struct chr_ops ops = { .out = tx, .waits = waits, .room = room };
	static const struct {
		u16 base;
		u8 gsi;
	} com[CONFIG_NR_COM] = { { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 } };
	struct com_port *port = &vm->board->port[n];

	*port = (struct com_port){ .vm = vm, .kind = vm->config.com[n] };
	cfg->uart = (struct vuart_cfg){
		.base = com[n].base, .gsi = com[n].gsi, .chr = { &ops, port }, .shares = &vm->board->com[n ^ 2]
	};
	return OK;
}

void serial_reset(struct vm *vm)
{
	struct board *b = vm->board;

	for (u32 i = 0; i < CONFIG_NR_COM; i++)
		b->port[i].line.len = 0;
	b->firmware_log.line.len = 0;
	spin_lock(&b->keys.lock);
	atomic_store_relaxed(&b->keys.nr, 0);
	spin_unlock(&b->keys.lock);
	for (u32 i = 0; i < SERIAL_NR_ENDS; i++)
		chr_reset(&b->chr[i]);
}
