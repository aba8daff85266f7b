/* Bring-up: from the boot loader's hands to the run loop. */
#include "arch/x86/acpi_tables.h"
#include "arch/x86/cpu.h"
#include "arch/x86/early_log.h"
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
#include "lib/assert.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/version.h"
#include "mm/hvmem.h"
#include "vmm/config/config.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/life/guests.h"
#include "vmm/life/onoff.h"
#include "vmm/operator/console.h"
#include "vmm/pcpu/clock.h"
#include "vmm/pcpu/walltime.h"
#include "vmm/run/run.h"

#define LOW_END        0xa0000ull /* the AP start page has to lie below 640 KiB */
#define BOOT_MAPPED    (4 * SIZE_1G)
#define AFTER_START_NS 100000

void hv_main(u32 magic, u32 info, u64 delta);

extern const u64 boot_start_tsc;
extern u64 boot_pml4[];

struct boot_info bi;
static struct spinlock console_lock;
static u64 image_delta;
static struct hv_config hv_config;

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

static const void *map_early(void *ctx, u64 pa, u64 len);

/* Something the user has to mend: what is wrong, and what to do about it. */
void fatal(const char *what, const char *advice)
{
	const struct acpi_mem early = { .map = map_early };

	if (!log_has_sink()) /* the console is one that could not be opened yet, or there is none */
		early_log_open();
	log_err("bulkhead: cannot start: %s\n", what);
	log_err("bulkhead: what to do: %s\n", advice);
	/* Power-off and reset are ACPI's, also before its turn has come. */
	if (on_fatal() != END_HALT)
		firmware_open(&early);
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
		fatal(err, bi.advice ? bi.advice : "boot Bulkhead with GRUB's multiboot2 command or QEMU's -kernel");
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

/* ---- processor ---- */

static void cpu_features(void)
{
	struct cpuid_regs f7 = { 0 };
	u64 cr4 = cpu_read_cr4();

	assert(cpu_rdmsr(MSR_PAT) == PAT_HOST);
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
}

static bool go;

static void ap_entry(void)
{
	cpu_features();
	same_tsc();
	vmx_on();
	/* Either we see go, or the bootstrap processor sees us. */
	if (!smp_arrive())
		cpu_halt_forever();
	/* Idle until the bootstrap processor has set the guests up: its kick wakes us. */
	while (!atomic_load(&go))
		cpu_sti_hlt_cli();
	if (!this_cpu()->vmx_on)
		cpu_halt_forever();
	run_loop();
}

static bool runs_guests(const struct pcpu *p)
{
	return p->vmx_on;
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
	                          .cr3 = hvmem_cr3 };

static void start_aps(void)
{
	u32 all = nr_pcpus;
	u64 page;

	if (all > 1 && e820_find(&bi.map, PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, LOW_END, true, &page))
		log_warn("smp: no free page below 640 KiB to start the other processors from\n");
	else if (all > 1)
		smp_start(page, ap_entry);
	smp_keep(runs_guests);
	log_info("smp: %u of %u processors in VMX root operation (%s)\n", nr_pcpus, all,
	         lapic_is_x2apic() ? "x2APIC" : "xAPIC");
}

/* Which optional VMX features the command line switches off: disable=NAME[,NAME...]. */
static void parse_disable(struct vmx_want *want)
{
	static char list[1024];
	char bad[64] = "";
	int err = OK;

	for (u32 i = 0; !err; i++) {
		err = cmdline_get_nth(bi.cmdline, "disable", i, list, sizeof(list));
		if (!err && vmx_features_parse_list(list, &want->disable, bad, sizeof(bad))) {
			log_err("bulkhead: disable=%s: there is no optional VMX feature of that name\n", bad);
			fatal("bad command line", "see \"disable=\" in docs/hardware.md for the names");
		}
	}
	if (err != ERR_NOENT)
		fatal("bad command line: disable= is too long", "name fewer features, or their groups");
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
	if (vm_ending() && vm_end_some())
		return clock_now() + AFTER_START_NS;
	if (guests_run()) /* who was started just now comes before the console */
		return clock_now() + AFTER_START_NS;
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
	const struct acpi_fadt *fadt = firmware_fadt();
	const char *source = "";
	const void *blob;
	u64 hz;

	percpu_load(pcpus[0]);
	cpu_features();
	same_tsc();
	panic_set_final(panic_end);
	if (trap_boot_nmi())
		log_warn("CPU 0: host NMI\n");
	hz = tsc_calibrate(fadt && fadt->pm_tmr.space == ACPI_SPACE_IO ? (u16)fadt->pm_tmr.addr : 0, &source);
	lapic_timer_calibrate(hz);
	if (walltime_init())
		log_warn("rtc: the machine's clock tells no time; guests begin at 2000-01-01\n");
	log_info("tsc: %lu Hz (from %s)\n", hz, source);
	previous_show();
	parse_disable(&want);
	if (vmx_detect(&want, &err))
		fatal_caps(&err);
	log_features();
	vmx_on();
	if (!this_cpu()->vmx_on)
		fatal("VMX root operation cannot be entered", "see the message above");
	start_aps();
	firmware_mask_ioapics();
	serial_route();
	console_keyboard();
	if (run_init(boot_start_tsc))
		fatal("out of memory for per-CPU data", "give the machine more memory");
	if (vcpu_look_at_host(cmdline_flag(bi.cmdline, "xsavec-check", true),
	                      cmdline_flag(bi.cmdline, "vid-check", true)))
		fatal("out of memory to look at the processor", "give the machine more memory");
	blob = guests_blob();
	guests_create(blob, &hv_config);
	if (monitor_init(true))
		fatal("out of memory for the monitor", "give the machine more memory");
	serial_start_control();
	run_set_poll(housekeeping);
	atomic_store(&go, true);
	for (u32 i = 1; i < nr_pcpus; i++)
		lapic_send_ipi(pcpus[i]->apic_id, VEC_KICK);
	run_loop();
}

void hv_main(u32 magic, u32 info, u64 delta)
{
	const struct acpi_madt *madt = firmware_madt();

	trap_init();
	panic_set_begin(monitor_release);
	panic_set_dump(dump_exits);
	image_delta = delta;
	boot_info_init(&bi, "none");
	parse_boot_info(magic, info);
	set_log_level();
	log_set_hooks(log_take, log_release, log_now);
	log_info("Bulkhead %s, started by %s (%s) at tick %lu\n", BULKHEAD_VERSION,
	         bi.loader[0] ? bi.loader : "unknown", bi.protocol, boot_start_tsc);
	if (bi.efi_bs)
		fatal("EFI boot services are still running", "boot with GRUB's multiboot2 command, which ends them");
	memory_setup(delta);
	console_screen();
	firmware_setup();
	serial_console_late();
	serial_control();
	firmware_setup_interrupts();
	smp_mem.start_tsc = boot_start_tsc;
	smp_mem.start_pml4 = image_pa(boot_pml4);
	if (smp_init(madt->cpus, madt->cap_cpus ? madt->nr_cpus : 0, &smp_mem))
		fatal("out of memory for per-CPU data", "give the machine more memory");
	/* On to the bootstrap processor's own stack, with guard pages. */
	__asm__ volatile("movq %0, %%rsp\n\tpushq $0\n\tjmp *%1"
	                 :
	                 : "r"(pcpus[0]->stack_top), "r"(hv_main2)
	                 : "memory");
	__builtin_unreachable();
}
