/* The machine's own screen and keyboard as consoles. */
#include "vmm/operator/console.h"
#include "arch/x86/acpi_tables.h"
#include "arch/x86/trap.h"
#include "boot/bringup.h"
#include "boot/cmdline.h"
#include "drivers/con_poll.h"
#include "drivers/console/fb_text.h"
#include "drivers/console/vga_text.h"
#include "drivers/input/ps2_kbd.h"
#include "lib/log.h"
#include "mm/hvmem.h"
#include "vmm/cpu/request.h"

static struct vga_text vga;
static struct fb_text fb;
static struct ps2_kbd kbd;

void console_screen(void)
{
	static u8 memory[FB_TEXT_MEMORY_MAX];
	struct fb_geometry g = {
		.pitch = bi.fb.pitch,
		.width = bi.fb.width,
		.height = bi.fb.height,
		.bpp = bi.fb.bpp,
		.red_pos = bi.fb.red_pos,
		.red_size = bi.fb.red_size,
		.green_pos = bi.fb.green_pos,
		.green_size = bi.fb.green_size,
		.blue_pos = bi.fb.blue_pos,
		.blue_size = bi.fb.blue_size,
	};

	if (!cmdline_flag(bi.cmdline, "screen", true))
		return;
	if (bi.fb.type == BOOT_FB_RGB) {
		g.pixels = hv_map_wc(bi.fb.addr, (u64)bi.fb.pitch * bi.fb.height);
		if (!g.pixels || fb_text_init(&fb, &g, &fb_font_default, memory)) {
			log_warn("screen: a framebuffer of %u by %u pixels, %u bits each, at %#lx cannot be used\n",
			         g.width, g.height, g.bpp, bi.fb.addr);
			return;
		}
		log_info("screen: %u by %u characters on a framebuffer of %u by %u pixels\n", fb.screen.cols,
		         fb.screen.rows, g.width, g.height);
		monitor_add_console(&fb.con);
	} else if (bi.efi_systab == 0) {
		vga_text_init(&vga, hv_map_wc(VGA_TEXT_PA, VGA_TEXT_SIZE));
		monitor_add_console(&vga.con);
	}
}

static void on_key(void)
{
	con_poll_end(&kbd.con);
	housekeep_soon();
}

/* The FADT says since ACPI 2.0, revision 3, whether there is a keyboard controller:
 * "IA-PC Boot Architecture Flags". */
void console_keyboard(void)
{
	const struct acpi_fadt *fadt = firmware_fadt();
	bool there = !fadt || fadt->revision < 3 || fadt->boot_arch & ACPI_BOOT_8042, answers;
	int r;

	if (!cmdline_flag(bi.cmdline, "keyboard", there))
		return;
	r = ps2_kbd_init(&kbd, &answers);
	if (r) {
		log_info("keyboard: none: %s\n",
		         r == ERR_CHECKSUM ? "the controller's self-test failed" : "no controller");
		return;
	}
	log_info("keyboard: %s\n", answers ? "ready" : "none answers at its port yet");
	monitor_add_console(&kbd.con);
	irq_register(VEC_KBD, on_key);
	(void)route_irq(PS2_KBD_IRQ, VEC_KBD);
}
