/* Bring-up: from the boot loader's hands to the run loop. */
#include "arch/x86/acpi_tables.h"
#include "arch/x86/cpu.h"
#include "arch/x86/io.h"
#include "arch/x86/lapic.h"
#include "arch/x86/lock.h"
#include "arch/x86/percpu.h"
#include "arch/x86/power.h"
#include "arch/x86/smp.h"
#include "arch/x86/trap.h"
#include "arch/x86/tsc.h"
#include "arch/x86/vmx/exit_reasons.h"
#include "arch/x86/vmx/vmx.h"
#include "boot/boot_info.h"
#include "boot/bringup.h"
#include "boot/cmdline.h"
#include "boot/mb1.h"
#include "boot/mb2.h"
#include "drivers/fb_text.h"
#include "drivers/ps2_kbd.h"
#include "drivers/vga_text.h"
#include "lib/assert.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/version.h"
#include "mm/hvmem.h"
#include "vmm/config.h"
#include "vmm/guests.h"
#include "vmm/monitor.h"
#include "vmm/run.h"
#include "vmm/vm.h"
#include "vmm/walltime.h"

#define LOW_END     0xa0000ull /* the AP start page has to lie below 640 KiB */
#define BOOT_MAPPED (4 * SIZE_1G)

void hv_main(u32 magic, u32 info, u64 delta);

extern const u64 boot_start_tsc;
extern const char image_start[], image_end[];

struct boot_info bi;
static struct acpi acpi;
static struct acpi_madt madt;
static struct acpi_fadt fadt;
static bool have_fadt, acpi_opened, x2apic_opt_out;
static struct vga_text vga;
static struct fb_text fb;
static struct ps2_kbd kbd;
static struct spinlock console_lock;
static u64 image_delta;
static struct hv_config hv_config;
static u32 vmx_cpus;

/* ---- the end ---- */

enum at_end { END_HALT, END_POWEROFF, END_RESET };

/* Comes back when the machine is to halt, or cannot do anything else. */
static void leave(enum at_end what)
{
	if (what != END_HALT)
		tsc_delay_us(20000); /* the console's FIFO has to drain */
	if (what == END_POWEROFF)
		power_off();
	if (what == END_RESET)
		power_reset();
}

static __noreturn void end(enum at_end what)
{
	previous_end();
	monitor_release();
	leave(what);
	log_info("bulkhead: halted\n");
	cpu_halt_forever();
}

/* What on-fatal= says: halt (default), poweroff, reset. */
static enum at_end on_fatal(void)
{
	char word[16];

	if (cmdline_get(bi.cmdline, "on-fatal", word, sizeof(word)) != OK)
		return END_HALT;
	return !strcmp(word, "poweroff") ? END_POWEROFF : !strcmp(word, "reset") ? END_RESET : END_HALT;
}

static void panic_end(void)
{
	previous_keep_words();
	cpu_wbinvd();
	leave(on_fatal());
}

static void open_acpi(const struct acpi_mem *mem);
static const void *map_early(void *ctx, u64 pa, u64 len);

/* Something the user has to mend: what is wrong, and what to do about it. */
void fatal(const char *what, const char *advice)
{
	const struct acpi_mem early = { .map = map_early };

	log_err("bulkhead: cannot start: %s\n", what);
	log_err("bulkhead: what to do: %s\n", advice);
	/* Power-off and reset are ACPI's, also before its turn has come. */
	if (!acpi_opened && on_fatal() != END_HALT)
		open_acpi(&early);
	end(on_fatal());
}

/* ---- consoles ---- */

static void log_take(void)
{
	spin_lock(&console_lock);
}

static void log_release(void)
{
	spin_unlock(&console_lock);
}

static u64 log_now(void)
{
	return (cpu_rdtsc() - boot_start_tsc) / (tsc_hz() / 1000000 ? tsc_hz() / 1000000 : 1);
}

static void console_screen(void)
{
	static u8 shadow[FB_TEXT_SHADOW_MAX];
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
		g.pixels = hv_map_mmio(bi.fb.addr, (u64)bi.fb.pitch * bi.fb.height);
		if (g.pixels && fb_text_init(&fb, &g, &fb_font_default, shadow) == OK)
			monitor_add_console(&fb.con);
	} else if (bi.efi_systab == 0) {
		vga_text_init(&vga, hv_map_mmio(VGA_TEXT_PA, VGA_TEXT_SIZE));
		monitor_add_console(&vga.con);
	}
}

/* The FADT says since ACPI 2.0, revision 3, whether there is a keyboard controller: "IA-PC Boot Architecture Flags".
 */
static bool console_keyboard(void)
{
	bool there = !have_fadt || fadt.revision < 3 || fadt.boot_arch & ACPI_BOOT_8042, answers;
	int r;

	if (!cmdline_flag(bi.cmdline, "keyboard", there))
		return false;
	r = ps2_kbd_init(&kbd, &answers);
	if (r) {
		log_info("keyboard: none: %s\n",
		         r == ERR_CHECKSUM ? "the controller's self-test failed" : "no controller");
		return false;
	}
	log_info("keyboard: %s\n", answers ? "ready" : "none answers at its port yet");
	monitor_add_console(&kbd.con);
	return true;
}

/* ---- what the loader said ---- */

static const void *map_early(void *ctx, u64 pa, u64 len)
{
	if (pa >= BOOT_MAPPED || len > BOOT_MAPPED - pa)
		return NULL;
	return phys_to_virt(HPA(pa));
}

static void parse_boot_info(u32 magic, u32 info)
{
	const struct mb1_mem mem = { .map = map_early };
	const void *p = phys_to_virt(HPA(info));
	char err[160] = "";
	int r = ERR_INVAL;

	if (magic == MB2_BOOTLOADER_MAGIC) {
		u32 len = mb2_total_size(p);

		r = len ? mb2_parse(p, len, info, &bi, err, sizeof(err)) : ERR_INVAL;
	} else if (magic == MB1_BOOTLOADER_MAGIC) {
		r = mb1_parse(&mem, info, &bi, err, sizeof(err));
	} else {
		fmt_snprintf(err, sizeof(err), "magic %#x is neither multiboot2's nor multiboot1's", magic);
	}
	serial_console();
	if (r)
		fatal(err, "boot Bulkhead with GRUB's multiboot2 command or QEMU's -kernel");
}

static void set_log_level(void)
{
	static const char *const names[] = { "err", "warn", "info", "debug" };
	char word[16];

	if (cmdline_get(bi.cmdline, "loglevel", word, sizeof(word)) != OK)
		return;
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(word, names[i]))
			log_set_level((enum log_level)i);
}

static void setup_memory(u64 delta)
{
	u64 base = (u64)image_start - IMAGE_BASE + delta, len = (u64)(image_end - image_start);

	if (e820_sanitize(&bi.map) || e820_retype(&bi.map, base, len, E820_RAM, E820_HV) || boot_info_reserve(&bi))
		fatal("the memory map is too fragmented", "use another firmware or boot loader");
	e820_align_ram(&bi.map, PAGE_SIZE);
	if (hvmem_init(&bi.map, delta))
		fatal("no usable memory: the hypervisor needs 16 MiB of RAM below 4 GiB, and more for guests",
		      "give the machine more memory");
	log_info("memory: %lu MiB for guests, %lu KiB for the hypervisor\n", guest_frames_free_bytes() >> 20,
	         hv_pool_total_bytes() >> 10);
}

/* ---- processor ---- */

static void cpu_features(void)
{
	struct cpuid_regs f7 = { 0 };
	u64 cr4 = cpu_read_cr4();

	if (cpu_cpuid(0, 0).eax >= 7)
		f7 = cpu_cpuid(7, 0);
	if (f7.ebx & BIT(7))
		cr4 |= CR4_SMEP;
	if (f7.ebx & BIT(20))
		cr4 |= CR4_SMAP;
	if (f7.ecx & BIT(2))
		cr4 |= CR4_UMIP;
	if (f7.ecx & BIT(3))
		cr4 |= CR4_PKE;
	if (cpu_cpuid(1, 0).ecx & BIT(26))
		cr4 |= CR4_OSXSAVE;
	cpu_write_cr4(cr4 | CR4_MCE);
	/* What firmware left there, guests' XSAVES would save. */
	(void)!cpu_wrmsr_safe(MSR_XSS, 0);
}

/*
 * One time base: a guest's clock must not depend on where it runs. Time stamp counters start together at reset;
 * what firmware added to one of them since then is made the same for all.
 */
static void same_tsc(void)
{
	static u64 adjust;
	u64 mine;

	if (!cpu_rdmsr_safe(MSR_TSC_ADJUST, &mine))
		return;
	if (this_cpu()->index == 0)
		adjust = mine;
	else if (mine != adjust)
		(void)!cpu_wrmsr_safe(MSR_TSC_ADJUST, adjust);
}

static __noreturn void fatal_caps(const struct caps_err *err)
{
	fatal(err->what, err->advice);
}

static void vmx_on(void)
{
	struct pcpu *p = this_cpu();
	struct caps_err err;

	p->vmxon = hv_alloc_pages(1);
	if (!p->vmxon) {
		log_err("CPU %u: no memory for VMXON\n", p->index);
		return;
	}
	p->vmxon_pa = virt_to_phys(p->vmxon).v;
	if (vmx_enable(p->vmxon, p->vmxon_pa, &err)) {
		log_err("CPU %u (APIC ID %u): %s; %s\n", p->index, p->apic_id, err.what, err.advice);
		return;
	}
	p->vmx_on = true;
	__atomic_fetch_add(&vmx_cpus, 1, __ATOMIC_SEQ_CST);
}

static bool go;

static void ap_entry(void)
{
	cpu_features();
	same_tsc();
	vmx_on();
	/* Either we see go, or the bootstrap processor sees us. */
	__atomic_store_n(&this_cpu()->online, true, __ATOMIC_SEQ_CST);
	/* Idle until the bootstrap processor has set the guests up: its kick wakes us. */
	while (!__atomic_load_n(&go, __ATOMIC_SEQ_CST))
		cpu_sti_hlt_cli();
	if (!this_cpu()->vmx_on)
		for (;;)
			cpu_sti_hlt_cli();
	run_loop();
}

static void *alloc(u64 size)
{
	return hv_zalloc(size);
}

static u64 image_pa(const void *p)
{
	hpa_t pa = HPA(0);

	return hostpt_lookup(&kernel_pt, (u64)p, &pa, NULL, NULL) ? 0 : pa.v;
}

static void *alloc_as_is(u64 size)
{
	return hv_alloc_pages_as_is(ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE);
}

static struct smp_mem smp_mem = { .alloc = alloc,
	                          .alloc_as_is = alloc_as_is,
	                          .alloc_stack = hv_alloc_stack,
	                          .map_low = hv_map_low,
	                          .image_pa = image_pa,
	                          .cr3 = hvmem_cr3 };

static void start_aps(void)
{
	u64 page;

	if (nr_pcpus < 2)
		return;
	if (e820_find(&bi.map, PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, LOW_END, true, &page))
		log_warn("smp: no free page below 640 KiB to start the other processors from\n");
	else
		smp_start(page, ap_entry);
}

/* Which optional VMX features the command line switches off: disable=NAME[,NAME...]. */
static void parse_disable(struct vmx_want *want)
{
	char list[256], bad[64] = "";

	for (u32 i = 0; cmdline_get_nth(bi.cmdline, "disable", i, list, sizeof(list)) == OK; i++) {
		if (vmx_features_parse_list(list, &want->disable, bad, sizeof(bad))) {
			log_err("bulkhead: disable=%s: there is no optional VMX feature of that name\n", bad);
			fatal("bad command line", "see \"disable=\" in docs/hardware.md for the names");
		}
	}
}

static void log_features(void)
{
	char text[480];
	size_t n = 0;

	for (u32 i = 0; i < VMX_FEATURE_COUNT; i++)
		if (vmx_caps_has(&vmx_caps, (enum vmx_feature)i) && n < sizeof(text))
			n += (size_t)fmt_snprintf(text + n, sizeof(text) - n, " %s",
			                          vmx_feature_name((enum vmx_feature)i));
	log_info("vmx:%s\n", text);
}

/* ---- ACPI ---- */

static const void *map_acpi(void *ctx, u64 pa, u64 len)
{
	return hv_map_phys(pa, len);
}

static void *map_mmio(u64 pa, u64 len)
{
	return hv_map_mmio(pa, len);
}

static void parse_madt(const struct acpi_table *t)
{
	if (acpi_parse_madt(t, &madt))
		log_warn("acpi: MADT ends early\n");
	madt.cpus = hv_zalloc(MAX(madt.nr_cpus, 1) * sizeof(*madt.cpus));
	madt.ioapics = hv_zalloc(MAX(madt.nr_ioapics, 1) * sizeof(*madt.ioapics));
	madt.isos = hv_zalloc(MAX(madt.nr_isos, 1) * sizeof(*madt.isos));
	assert(madt.cpus && madt.ioapics && madt.isos);
	madt.cap_cpus = madt.nr_cpus;
	madt.cap_ioapics = madt.nr_ioapics;
	madt.cap_isos = madt.nr_isos;
	(void)!acpi_parse_madt(t, &madt);
}

/* The tables, and what switching the machine off takes. */
static void open_acpi(const struct acpi_mem *mem)
{
	const struct acpi_table *t;
	struct acpi_s5 s5;
	const void *rsdp = bi.rsdp;
	size_t len = bi.rsdp_len;
	u64 pa;

	acpi_opened = true;
	if (!len) {
		if (acpi_find_rsdp(mem, &pa)) {
			log_warn("acpi: no RSDP; one processor, and power-off by hand\n");
			return;
		}
		rsdp = mem->map(mem->ctx, pa, BOOT_RSDP_MAX);
		len = BOOT_RSDP_MAX;
	}
	if (!rsdp || acpi_open(&acpi, mem, rsdp, len))
		return;
	t = acpi_find(&acpi, "FACP", 0);
	have_fadt = t && acpi_parse_fadt(t, &fadt) == OK;
	power_init(have_fadt ? &fadt : NULL, acpi_find_s5(&acpi, &s5) == OK ? &s5 : NULL, map_mmio);
}

#define MAX_MCFG 8 /* of those shown */

static void parse_mcfg(const struct acpi_table *t)
{
	struct acpi_mcfg m[MAX_MCFG];
	u32 nr = 0;

	if (acpi_parse_mcfg(t, m, MAX_MCFG, &nr))
		log_warn("acpi: MCFG ends early\n");
	for (u32 i = 0; i < MIN(nr, (u32)MAX_MCFG); i++)
		log_info("acpi: PCI segment %u, buses %u to %u: configuration space at %#lx\n", m[i].segment,
		         m[i].bus_start, m[i].bus_end, m[i].base);
}

static void parse_dmar(const struct acpi_table *t)
{
	struct acpi_dmar d = { 0 };

	if (acpi_parse_dmar(t, &d))
		log_warn("acpi: DMAR ends early\n");
	x2apic_opt_out = d.x2apic_opt_out;
	log_info("acpi: %u DMA remapping units, %u reserved regions%s\n", d.nr_drhds, d.nr_rmrrs,
	         x2apic_opt_out ? ", the firmware asks for xAPIC mode" : "");
}

static void setup_acpi(void)
{
	static const struct acpi_mem mem = { .map = map_acpi };
	const struct acpi_table *t;

	open_acpi(&mem);
	t = acpi_find(&acpi, "APIC", 0);
	if (t)
		parse_madt(t);
	t = acpi_find(&acpi, "MCFG", 0);
	if (t)
		parse_mcfg(t);
	t = acpi_find(&acpi, "DMAR", 0);
	if (t)
		parse_dmar(t);
}

/* ---- interrupts of the host ---- */

static void on_timer(void)
{
	/* It only has to end the HLT, or the guest's turn: the run loop looks at the timers. */
}

static void on_console_key(void)
{
	run_poll_soon();
}

static void on_kick(void)
{
	__atomic_store_n(&this_cpu()->kick, 1, __ATOMIC_SEQ_CST);
}

static void mask_ioapics(void)
{
	for (u32 i = 0; i < madt.nr_ioapics; i++)
		ioapic_mask_all(hv_map_mmio(madt.ioapics[i].addr, PAGE_SIZE));
}

bool route_irq(u32 irq, u8 vector)
{
	u32 gsi = irq;
	bool level = false, low = false;

	for (u32 i = 0; i < madt.nr_isos; i++) {
		if (madt.isos[i].irq != irq)
			continue;
		gsi = madt.isos[i].gsi;
		low = (madt.isos[i].flags & 3) == 3;
		level = (madt.isos[i].flags >> 2 & 3) == 3;
	}
	for (u32 i = 0; i < madt.nr_ioapics; i++) {
		u32 base = madt.ioapics[i].gsi_base;

		if (gsi < base || gsi - base >= 24)
			continue;
		ioapic_route(hv_map_mmio(madt.ioapics[i].addr, PAGE_SIZE), gsi - base, vector, lapic_id(), level,
		             low);
		return true;
	}
	return false;
}

static void setup_interrupts(void)
{
	irq_register(VEC_TIMER, on_timer);
	irq_register(VEC_KICK, on_kick);
	irq_register(VEC_UART, on_console_key);
	irq_register(VEC_KBD, on_console_key);
	pic8259_disable();
	lapic_init_bsp(map_mmio, cmdline_flag(bi.cmdline, "x2apic", !x2apic_opt_out));
	lapic_init_cpu();
}

/* ---- the run ---- */

static void on_all_stopped(void)
{
	if (vm_ending())
		hv_config.on_idle = vm_ending() == VM_END_HALT ? HV_IDLE_HALT : HV_IDLE_POWEROFF;
	log_info("bulkhead: no guest is running; %s\n", config_on_idle_str(hv_config.on_idle));
	monitor_finish();
	end(hv_config.on_idle == HV_IDLE_POWEROFF ? END_POWEROFF
	    : hv_config.on_idle == HV_IDLE_RESET  ? END_RESET
	                                          : END_HALT);
}

static u64 housekeeping(void)
{
	if (guests_run())
		run_poll_soon(); /* who was started just now comes before the console */
	else
		monitor_poll();
	if ((!guests_any_alive() && !vm_any_leaving()) || (vm_ending() && !vm_any_on()))
		on_all_stopped();
	return MIN(monitor_deadline(), guests_deadline());
}

static void dump_exits(void)
{
	struct pcpu *p = this_cpu();
	u64 n = MIN(p->exit_count, 16);

	log_err("last exits of CPU %u:\n", p->index);
	for (u64 i = p->exit_count - n; i < p->exit_count; i++) {
		const struct exit_record *r = &p->exits[i & (EXIT_RING_ENTRIES - 1)];

		log_err("  %lu vm%u.%u %s rip %lx\n", r->tsc, r->who >> 16, r->who & 0xffff,
		        exit_reason_name(EXIT_REASON_BASIC(r->reason)), r->rip);
	}
}

static __noreturn void hv_main2(void)
{
	struct vmx_want want = { 0 };
	struct caps_err err;
	const char *source = "";
	const void *blob;
	u64 hz;

	percpu_load(pcpus[0]);
	cpu_features();
	same_tsc();
	panic_set_begin(monitor_release);
	panic_set_dump(dump_exits);
	panic_set_final(panic_end);
	hz = tsc_calibrate(have_fadt && fadt.pm_tmr.space == ACPI_SPACE_IO ? (u16)fadt.pm_tmr.addr : 0, &source);
	lapic_timer_calibrate(hz);
	walltime_init();
	log_info("tsc: %lu Hz (from %s)\n", hz, source);
	previous_show();
	parse_disable(&want);
	if (vmx_detect(&want, &err))
		fatal_caps(&err);
	log_features();
	vmx_on();
	this_cpu()->online = true;
	if (!this_cpu()->vmx_on)
		fatal("VMX root operation cannot be entered", "see the message above");
	start_aps();
	log_info("smp: %u of %u processors in VMX root operation (%s)\n", vmx_cpus, nr_pcpus,
	         lapic_is_x2apic() ? "x2APIC" : "xAPIC");
	mask_ioapics();
	serial_route();
	if (console_keyboard())
		(void)route_irq(PS2_KBD_IRQ, VEC_KBD);
	if (run_init(boot_start_tsc))
		fatal("out of memory for per-CPU data", "give the machine more memory");
	blob = guests_blob();
	guests_create(blob, &hv_config);
	if (monitor_init(true))
		fatal("out of memory for the monitor", "give the machine more memory");
	serial_start_control();
	run_set_poll(housekeeping);
	__atomic_store_n(&go, true, __ATOMIC_SEQ_CST);
	for (u32 i = 1; i < nr_pcpus; i++)
		if (__atomic_load_n(&pcpus[i]->online, __ATOMIC_SEQ_CST))
			lapic_send_ipi(pcpus[i]->apic_id, VEC_KICK);
	run_loop();
}

void hv_main(u32 magic, u32 info, u64 delta)
{
	image_delta = delta;
	boot_info_init(&bi, "none");
	parse_boot_info(magic, info);
	set_log_level();
	log_set_hooks(log_take, log_release, log_now);
	log_info("Bulkhead %s, started by %s (%s) at tick %lu\n", BULKHEAD_VERSION,
	         bi.loader[0] ? bi.loader : "unknown", bi.protocol, boot_start_tsc);
	if (bi.efi_bs)
		fatal("EFI boot services are still running", "boot with GRUB's multiboot2 command, which ends them");
	trap_init();
	setup_memory(delta);
	console_screen();
	serial_control();
	setup_acpi();
	setup_interrupts();
	smp_mem.start_tsc = boot_start_tsc;
	if (smp_init(madt.cpus, madt.cap_cpus ? madt.nr_cpus : 0, &smp_mem))
		fatal("out of memory for per-CPU data", "give the machine more memory");
	/* On to the bootstrap processor's own stack, with guard pages. */
	__asm__ volatile("movq %0, %%rsp\n\tpushq $0\n\tjmp *%1"
	                 :
	                 : "r"(pcpus[0]->stack_top), "r"(hv_main2)
	                 : "memory");
	__builtin_unreachable();
}
