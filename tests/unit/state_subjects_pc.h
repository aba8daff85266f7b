/* Subjects of the tests of states: the devices of vmm/dev/pc. */
#pragma once

#include "state_subject.h"
#include "vmm/dev/pc/vcrtc.h"
#include "vmm/dev/pc/vdebug.h"
#include "vmm/dev/pc/vflash.h"
#include "vmm/dev/pc/vpit.h"
#include "vmm/dev/pc/vpm.h"
#include "vmm/dev/pc/vreset.h"
#include "vmm/dev/pc/vrtc.h"
#include "vmm/dev/pc/vuart.h"

enum { NOTE_SLEEP = 1, NOTE_RESET, NOTE_TX, NOTE_TAKEN, NOTE_EXIT, NOTE_PUTC, NOTE_FLUSH, NOTE_A20 };

/* ---- 8254 ---- */

static inline int subject_pit_attach(struct state_world *w)
{
	return w->ops->attach(w->dev, &w->env, NULL);
}

/* A whole count, so that short ones come about. */
static inline void subject_pit_program(struct state_world *w, struct state_dice *d)
{
	u8 which = (u8)d_below(d, 3), how = d_u8(d), count = d_u8(d);

	world_out(w, VPIT_PORT + 3, (u8)(which << 6 | (how & 0x0f) | 0x10 << (how >> 4 & 1)));
	world_out(w, VPIT_PORT + which, count);
}

static inline void subject_pit_step(struct state_world *w, struct state_dice *d)
{
	u8 op = d_u8(d);

	switch (op & 7) {
	case 0: subject_pit_program(w, d); break;
	case 1: world_access(w, d, &w->pio, VPIT_PORT - 1, 5); break;
	case 2: world_access(w, d, &w->pio, VPIT_PORT_61H, 1); break;
	case 3: world_out(w, VPIT_PORT + 3, d_u8(d)); break;
	case 4: world_out(w, VPIT_PORT + d_below(d, 3), d_u8(d)); break;
	case 5: world_in(w, op & 8 ? VPIT_PORT_61H : VPIT_PORT + d_below(d, 3)); break;
	case 6: world_pass(w, op & 8 ? d_u8(d) * 500 : d_span(d)); break;
	default: world_pass(w, op * 4000); break;
	}
}

static inline void subject_pit_invariants(struct state_world *w)
{
	const struct vpit *p = w->dev;

	assert(w->level[VPIT_GSI] == p->s.line);
	for (u32 i = 0; i < VPIT_CHANNELS; i++)
		assert(p->s.chan[i].n >= 1 && p->s.chan[i].n <= VPIT_COUNT_MAX);
	assert(p->s.chan[0].gate && p->s.chan[1].gate);
}

/* ---- real-time clock ---- */

static inline void subject_rtc_step(struct state_world *w, struct state_dice *d)
{
	static const u8 often[] = { 0x0a, 0x0b, 0x0c, 0, 2, 4, 6, 7, 8, 9, 1, 3, 5, 0x32, 0x0d, 0x40 };
	u8 op = d_u8(d);

	switch (op & 7) {
	case 0:
	case 1: world_out(w, VRTC_PORT, often[op >> 4]); break;
	case 2: world_in(w, VRTC_PORT + 1); break;
	case 3: world_out(w, VRTC_PORT + 1, d_u8(d)); break;
	case 4: world_access(w, d, &w->pio, VRTC_PORT - 1, 4); break;
	case 5: /* what drivers write to A and B */
		world_out(w, VRTC_PORT, op & 8 ? 0x0b : 0x0a);
		world_out(w, VRTC_PORT + 1, op & 8 ? d_u8(d) & 0x7e : 0x20 | op >> 4);
		break;
	case 6:
		if (op >> 3 == 0)
			vrtc_set_time(w->dev, d_span(d), w->now);
		else
			world_pass(w, d_span(d));
		break;
	default: world_pass(w, (u64)d_u8(d) << 22); break;
	}
}

static inline void subject_rtc_invariants(struct state_world *w)
{
	const struct vrtc_state *s = &((struct vrtc *)w->dev)->s;

	assert(w->level[VRTC_GSI] == s->line && s->line == !!(s->reg[12] & s->reg[11] & 0x70));
	assert((s->reg[11] & 0x90) != 0x90 && s->reg[13] == 0x80 && s->index < VRTC_SIZE);
}

/* ---- ACPI ---- */

static inline void subject_pm_sleep(void *arg, u8 slp_typ)
{
	assert(slp_typ < 8);
	world_note(arg, NOTE_SLEEP, slp_typ);
}

static inline int subject_pm_attach(struct state_world *w)
{
	const struct vpm_cfg cfg = { .sleep = subject_pm_sleep, .arg = w };

	return w->ops->attach(w->dev, &w->env, &cfg);
}

static inline void subject_pm_step(struct state_world *w, struct state_dice *d)
{
	u8 op = d_u8(d);

	switch (op & 7) {
	case 0:
	case 1: world_access(w, d, &w->pio, VPM_BASE - 1, 14); break;
	case 2: world_access(w, d, &w->pio, VPM_GPE - 1, 6); break;
	case 3: world_access(w, d, &w->pio, VPM_SMI_CMD - 1, 4); break;
	case 4: world_out(w, VPM_SMI_CMD, op & 8 ? VPM_ACPI_ENABLE : VPM_ACPI_DISABLE); break;
	case 5: vpm_power_button(w->dev, w->now); break;
	case 6: vpm_raise_gpe(w->dev, op >> 3); break;
	default: world_pass(w, op & 8 ? d_span(d) : (u64)d_u8(d) << 32); break;
	}
}

static inline void subject_pm_invariants(struct state_world *w)
{
	const struct vpm_state *s = &((struct vpm *)w->dev)->s;
	bool sci = (s->cnt & PM1_SCI_EN) && ((s->sts & s->en) || (s->gpe_sts & s->gpe_en));

	assert(w->level[VPM_SCI] == sci && s->line == sci);
}

/* ---- resets and the 8042 ---- */

static inline void subject_reset_how(void *arg, const char *how)
{
	world_note(arg, NOTE_RESET, strlen(how));
}

static inline void subject_reset_cf9(void *dev, struct io_access *io)
{
	if (io->size == 1)
		vreset_cf9(dev, io);
}

static inline void subject_reset_a20(void *arg, bool open)
{
	world_note(arg, NOTE_A20, open);
}

static inline int subject_reset_plug(struct state_world *w, bool pc)
{
	const struct vreset_cfg cfg = {
		.reset = subject_reset_how, .a20 = pc ? subject_reset_a20 : NULL, .arg = w, .other_kbc = pc
	};
	struct io_region *cf9 = w->extra;

	*cf9 = (struct io_region){ .base = 0xcf9, .len = 1, .fn = subject_reset_cf9, .dev = w->dev, .name = "cf9" };
	assert(io_bus_add(&w->pio, cf9) == OK);
	return w->ops->attach(w->dev, &w->env, &cfg);
}

static inline int subject_reset_attach(struct state_world *w)
{
	return subject_reset_plug(w, false);
}

/* With the 8042 somewhere else, and an A20 gate that gates. */
static inline int subject_gate_attach(struct state_world *w)
{
	return subject_reset_plug(w, true);
}

static inline void subject_reset_detach(struct state_world *w)
{
	assert(io_bus_remove(&w->pio, w->extra) == OK);
}

static inline void subject_reset_step(struct state_world *w, struct state_dice *d)
{
	static const u16 ports[] = { VRESET_KBC_DATA, VRESET_KBC_CMD, VRESET_PORT92, 0xcf9 };
	u8 op = d_u8(d);

	if (op & 0x10)
		world_out(w, ports[op & 3], d_u8(d));
	else if (op & 0x20) /* commands with data */
		world_out(w, VRESET_KBC_CMD, op & 3 ? 0xd0 | (op & 7) : 0x60);
	else
		world_in(w, ports[op & 3]);
}

static inline void subject_reset_invariants(struct state_world *w)
{
	const struct vreset_state *s = &((struct vreset *)w->dev)->s;

	assert(!(s->cf9 & ~0x0e) && !(s->port92 & ~0x03));
}

/* ---- CRT controller ---- */

static inline void subject_crtc_step(struct state_world *w, struct state_dice *d)
{
	u8 op = d_u8(d);

	switch (op & 7) {
	case 0:
	case 1: world_out(w, VCRTC_PORT, op >> 3); break;
	case 2: world_out(w, VCRTC_PORT + 1, d_u8(d)); break;
	case 3: world_in(w, VCRTC_PORT + (op >> 7)); break;
	case 4: world_access(w, d, &w->pio, VCRTC_PORT - 1, 4); break;
	case 5: world_in(w, VCRTC_STATUS); break;
	default: world_pass(w, d_span(d)); break;
	}
}

/* ---- UART ---- */

#define SUBJECT_UART_BASE 0x3f8
#define SUBJECT_UART_GSI  4

static inline void subject_uart_tx(void *arg, const u8 *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		world_note(arg, NOTE_TX, buf[i]);
}

static inline int subject_uart_attach(struct state_world *w)
{
	static const struct chr_ops ops = { .out = subject_uart_tx };
	const struct vuart_cfg cfg = { .base = SUBJECT_UART_BASE, .gsi = SUBJECT_UART_GSI, .chr = { &ops, w } };

	return w->ops->attach(w->dev, &w->env, &cfg);
}

static inline void subject_uart_receive(struct state_world *w, struct state_dice *d)
{
	u8 buf[24], len = (u8)d_below(d, sizeof(buf));

	for (u32 i = 0; i < len; i++)
		buf[i] = d_u8(d);
	world_note(w, NOTE_TAKEN, vuart_rx_space(w->dev));
	world_note(w, NOTE_TAKEN, vuart_rx(w->dev, buf, len, w->now));
}

static inline void subject_uart_step(struct state_world *w, struct state_dice *d)
{
	u8 op = d_u8(d);

	switch (op & 15) {
	case 0:
	case 1:
	case 2:
	case 3: world_in(w, SUBJECT_UART_BASE + (op >> 5)); break;
	case 4:
	case 5:
	case 6: world_out(w, SUBJECT_UART_BASE + (op >> 5), d_u8(d)); break;
	case 7: world_access(w, d, &w->pio, SUBJECT_UART_BASE - 2, 12); break;
	case 8:
	case 9:
	case 10: subject_uart_receive(w, d); break;
	case 11: vuart_rx_break(w->dev, w->now); break;
	case 12: /* what drivers write */
		world_out(w, SUBJECT_UART_BASE + 3, op & 16 ? 0x03 : 0x1b);
		world_out(w, SUBJECT_UART_BASE + 2, (u8)(op & 0xc0) | 1);
		world_out(w, SUBJECT_UART_BASE + 1, 0x0f);
		world_out(w, SUBJECT_UART_BASE + 4, 0x0b);
		break;
	case 13: world_pass(w, d_span(d)); break;
	default: world_pass(w, (u64)d_u8(d) << (op >> 4)); break;
	}
}

static inline void subject_uart_invariants(struct state_world *w)
{
	const struct vuart_state *s = &((struct vuart *)w->dev)->s;

	assert(w->level[SUBJECT_UART_GSI] == s->line && (!s->line || (s->mcr & 8)));
	assert(s->rx_head < VUART_FIFO_SIZE && s->rx_count <= (s->fcr & 1 ? VUART_FIFO_SIZE : 1));
}

/* ---- debug devices ---- */

static inline void subject_debug_exit(void *arg, u32 code)
{
	world_note(arg, NOTE_EXIT, code);
}

static inline void subject_debug_putc(void *arg, char c)
{
	world_note(arg, NOTE_PUTC, (u8)c);
}

static inline void subject_debug_flush(void *arg, u64 gpa)
{
	world_note(arg, NOTE_FLUSH, gpa);
}

static inline int subject_debug_plug(struct state_world *w, bool testdev)
{
	const struct vdebug_config cfg = {
		.exit_port = true,
		.testdev = testdev,
		.debugcon = true,
		.exit = subject_debug_exit,
		.putc = subject_debug_putc,
		.flush_page = subject_debug_flush,
		.arg = w,
		.iomem = testdev ? w->extra : NULL,
		.ram_bytes = 0x123456789a,
		.cpus = 3,
	};

	return w->ops->attach(w->dev, &w->env, &cfg);
}

static inline int subject_debug_attach(struct state_world *w)
{
	return subject_debug_plug(w, true);
}

/* Without the test device: its memory is a part that is not there. */
static inline int subject_console_attach(struct state_world *w)
{
	return subject_debug_plug(w, false);
}

static inline void subject_debug_step(struct state_world *w, struct state_dice *d)
{
	u8 op = d_u8(d);

	switch (op & 7) {
	case 0: world_access(w, d, &w->pio, VDEBUG_LATCH_PORT, 12); break;
	case 1: world_access(w, d, &w->pio, VDEBUG_EXIT_PORT, 4); break;
	case 2: world_access(w, d, &w->pio, VDEBUG_IRQ_PORT, VDEBUG_NR_IRQS + 2); break;
	case 3: world_access(w, d, &w->mmio, VDEBUG_IOMEM_BASE, 1 << (op >> 4)); break;
	case 4: world_access(w, d, &w->mmio, VDEBUG_IOMEM_BASE, VDEBUG_IOMEM_LEN); break;
	case 5: world_io(w, &w->pio, VDEBUG_FWCFG_PORT, 2, true, op >> 4); break;
	default: world_in(w, VDEBUG_FWCFG_PORT + (op >> 7)); break;
	}
}

static inline void subject_debug_invariants(struct state_world *w)
{
	const struct vdebug_state *s = &((struct vdebug *)w->dev)->s;

	for (u32 i = 0; i < WORLD_LINES; i++)
		assert(w->level[i] == !!(s->irq_levels & BIT(i)));
	assert(s->fwcfg_at <= 8);
}

/* ---- flash ---- */

#define SUBJECT_FLASH_BASE 0xffc00000ull
#define SUBJECT_FLASH_LEN  (4 * VFLASH_BLOCK)

static inline int subject_flash_attach(struct state_world *w)
{
	const struct vflash_cfg cfg = { .base = SUBJECT_FLASH_BASE, .bytes = w->extra, .size = SUBJECT_FLASH_LEN };

	return w->ops->attach(w->dev, &w->env, &cfg);
}

/* Its bytes are memory, and saved as such: of them nothing is read here. */
static inline void subject_flash_step(struct state_world *w, struct state_dice *d)
{
	static const u8 commands[] = { 0xff, 0x70, 0x50, 0x10, 0x40, 0x20, 0x60, 0x90, 0x98, 0xd0, 0x01, 0x00 };
	const struct vflash *f = w->dev;
	u8 op = d_u8(d);
	u64 at = SUBJECT_FLASH_BASE + d_below(d, SUBJECT_FLASH_LEN), v = commands[d_below(d, ARRAY_SIZE(commands))];

	if (op & 1)
		(void)io_bus_access(&w->mmio, at, 1, true, &v, w->now);
	else if (f->s.mode != VFLASH_ARRAY && io_bus_access(&w->mmio, at, 1, false, &v, w->now))
		world_note(w, NOTE_READ, v);
}

static inline void subject_flash_invariants(struct state_world *w)
{
	const struct vflash_state *s = &((struct vflash *)w->dev)->s;

	assert(s->mode < VFLASH_MODES && (!s->command || s->mode == VFLASH_STATUS));
}

static const struct state_subject state_subjects_pc[] = {
	{ "pit", &vpit_ops, sizeof(struct vpit), 0, subject_pit_attach, subject_pit_step, subject_pit_invariants,
	  NULL },
	{ "rtc", &vrtc_ops, sizeof(struct vrtc), 0, subject_pit_attach, subject_rtc_step, subject_rtc_invariants,
	  NULL },
	{ "pm", &vpm_ops, sizeof(struct vpm), 0, subject_pm_attach, subject_pm_step, subject_pm_invariants, NULL },
	{ "reset", &vreset_ops, sizeof(struct vreset), sizeof(struct io_region), subject_reset_attach,
	  subject_reset_step, subject_reset_invariants, subject_reset_detach },
	{ "reset-pc", &vreset_ops, sizeof(struct vreset), sizeof(struct io_region), subject_gate_attach,
	  subject_reset_step, subject_reset_invariants, subject_reset_detach },
	{ "crtc", &vcrtc_ops, sizeof(struct vcrtc), 0, subject_pit_attach, subject_crtc_step, NULL, NULL },
	{ "uart", &vuart_ops, sizeof(struct vuart), 0, subject_uart_attach, subject_uart_step,
	  subject_uart_invariants, NULL },
	{ "debug", &vdebug_ops, sizeof(struct vdebug), VDEBUG_IOMEM_LEN, subject_debug_attach, subject_debug_step,
	  subject_debug_invariants, NULL },
	{ "flash", &vflash_ops, sizeof(struct vflash), SUBJECT_FLASH_LEN, subject_flash_attach, subject_flash_step,
	  subject_flash_invariants, NULL },
	{ "console", &vdebug_ops, sizeof(struct vdebug), 0, subject_console_attach, subject_debug_step,
	  subject_debug_invariants, NULL },
};
