/* The operator's console. */
#include "vmm/console.h"

#include "lib/log.h"
#include "vmm/vm.h"

#define MAX_CONSOLES 4
#define INPUT_CHUNK  64

static struct console *consoles[MAX_CONSOLES];
static struct log_sink sinks[MAX_CONSOLES];
static u32 nr_consoles;
/* Input that the guest's FIFO had no room for. */
static u8 held[INPUT_CHUNK];
static u32 nr_held;

static void sink_write(void *ctx, const char *text, size_t len)
{
	struct console *con = ctx;

	con->write(con, text, len);
}

void console_add(struct console *con)
{
	if (nr_consoles == MAX_CONSOLES)
		return;
	consoles[nr_consoles] = con;
	sinks[nr_consoles] = (struct log_sink){ .write = sink_write, .ctx = con };
	log_add_sink(&sinks[nr_consoles]);
	nr_consoles++;
}

void console_guest_output(struct vm *vm, const u8 *buf, size_t len)
{
	/* The log's lines go to the same devices, from any processor. */
	log_lock();
	for (u32 i = 0; i < nr_consoles; i++)
		consoles[i]->write(consoles[i], (const char *)buf, len);
	log_unlock();
}

/* The first running guest with a console UART. */
static struct vm *console_owner(void)
{
	for (struct vm *vm = vm_list; vm; vm = vm->next)
		for (u32 i = 0; i < CONFIG_NR_COM; i++)
			if (vm->state == VM_RUNNING && vm->config.com[i] == VM_SERIAL_CONSOLE)
				return vm;
	return NULL;
}

void console_poll(void)
{
	struct vm *vm = console_owner();
	size_t taken;

	if (!vm)
		return;
	for (u32 i = 0; i < nr_consoles; i++) {
		while (consoles[i]->getc && nr_held < INPUT_CHUNK) {
			int c = consoles[i]->getc(consoles[i]);

			if (c < 0)
				break;
			held[nr_held++] = (u8)c;
		}
	}
	if (!nr_held)
		return;
	taken = devices_console_input(vm, held, nr_held);
	for (u32 i = (u32)taken; i < nr_held; i++)
		held[i - taken] = held[i];
	nr_held -= (u32)taken;
}
