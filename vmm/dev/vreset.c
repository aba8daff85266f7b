/* Reset ports and the keyboard controller without a keyboard. */
#include "vmm/dev/vreset.h"

#include "lib/string.h"

#define CF9_SYS_RST 0x02
#define CF9_RST_CPU 0x04
#define KBC_OBF     0x01
#define KBC_SYS     0x04

void vreset_cf9(void *dev, struct io_access *io)
{
	struct vreset *r = dev;
	u8 old = r->s.cf9;

	if (!io->write) {
		io->value = old & 0x0e;
		return;
	}
	r->s.cf9 = (u8)io->value;
	/* RST_CPU going from 0 to 1 resets; the FADT's value 6 does both at once. */
	if ((r->s.cf9 & CF9_RST_CPU) && !(old & CF9_RST_CPU))
		r->reset(r->arg,
		         r->s.cf9 & CF9_SYS_RST ? "hard reset through port CF9h" : "soft reset through port CF9h");
}

static void port92(void *dev, struct io_access *io)
{
	struct vreset *r = dev;
	u8 old = r->s.port92;

	if (!io->write) {
		io->value = old;
		return;
	}
	r->s.port92 = (u8)io->value;
	if ((r->s.port92 & 1) && !(old & 1))
		r->reset(r->arg, "fast reset through port 92h");
}

static void put(struct vreset *r, u8 val)
{
	r->s.kbc_out = val;
	r->s.kbc_full = true;
}

static void kbc_data(void *dev, struct io_access *io)
{
	struct vreset *r = dev;

	if (!io->write) {
		io->value = r->s.kbc_out;
		r->s.kbc_full = false;
		return;
	}
	switch (r->s.kbc_cmd) {
	case 0x60: r->s.kbc_ctl = (u8)io->value; break;
	case 0xd1:
		r->s.kbc_outport = (u8)io->value;
		if (!(r->s.kbc_outport & 1))
			r->reset(r->arg, "reset through the keyboard controller's output port");
		break;
	case 0xd2:
	case 0xd3: put(r, (u8)io->value); break;
	default: break; /* no keyboard or mouse hears it */
	}
	r->s.kbc_cmd = 0;
}

static void kbc_command(struct vreset *r, u8 cmd)
{
	r->s.kbc_cmd = 0;
	switch (cmd) {
	case 0x20: put(r, r->s.kbc_ctl); break;
	case 0x60:
	case 0xd1:
	case 0xd2:
	case 0xd3:
	case 0xd4: r->s.kbc_cmd = cmd; break;
	case 0xa7: r->s.kbc_ctl |= 0x20; break;
	case 0xa8: r->s.kbc_ctl &= (u8)~0x20; break;
	case 0xa9: put(r, 0xff); break; /* mouse interface test: no such interface */
	case 0xaa: put(r, 0x55); break; /* self test passed */
	case 0xab: put(r, 0x00); break;
	case 0xad: r->s.kbc_ctl |= 0x10; break;
	case 0xae: r->s.kbc_ctl &= (u8)~0x10; break;
	case 0xc0: put(r, 0x80); break;
	case 0xd0: put(r, r->s.kbc_outport); break;
	default:
		/* F0h-FFh pulse output lines low; line 0 is the processor's reset. */
		if (cmd >= 0xf0 && !(cmd & 1))
			r->reset(r->arg, "reset through the keyboard controller");
		break;
	}
}

static void kbc_cmd(void *dev, struct io_access *io)
{
	struct vreset *r = dev;

	if (io->write)
		kbc_command(r, (u8)io->value);
	else
		io->value = KBC_SYS | 0x10 | (r->s.kbc_full ? KBC_OBF : 0);
}

void vreset_init(struct vreset *r, void (*reset)(void *arg, const char *how), void *arg)
{
	memset(r, 0, sizeof(*r));
	r->reset = reset;
	r->arg = arg;
	r->port92_region = (struct io_region){ .base = 0x92, .len = 1, .fn = port92, .dev = r, .name = "port92" };
	r->kbc_data_region =
	        (struct io_region){ .base = 0x60, .len = 1, .fn = kbc_data, .dev = r, .name = "kbc-data" };
	r->kbc_cmd_region =
	        (struct io_region){ .base = 0x64, .len = 1, .fn = kbc_cmd, .dev = r, .name = "kbc-command" };
	vreset_reset(r);
}

int vreset_attach(struct vreset *r, struct io_bus *pio)
{
	int err = io_bus_add(pio, &r->port92_region);

	if (!err)
		err = io_bus_add(pio, &r->kbc_data_region);
	return err ? err : io_bus_add(pio, &r->kbc_cmd_region);
}

void vreset_reset(struct vreset *r)
{
	/* A20 is open, as GRUB and the loaders' protocols promise. */
	r->s = (struct vreset_state){ .port92 = 0x02, .kbc_ctl = 0x14, .kbc_outport = 0xdf };
}
