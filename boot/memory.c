/* The machine's memory: what the loader's map leaves, divided between the hypervisor's pool and the guests. */
#include "arch/x86/early_log.h"
#include "boot/bringup.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "mm/hvmem.h"

extern const char image_start[], image_end[];

static __noreturn void no_memory(u64 ram)
{
	static char what[200];

	fmt_snprintf(
	        what, sizeof(what),
	        "no usable memory: the hypervisor needs 16 MiB of RAM in one piece below 4 GiB, and more for guests; "
	        "found are %lu KiB there, and %lu MiB of RAM in all",
	        hvmem_plan()->low_run >> 10, ram >> 20);
	fatal(what, "give the machine more memory");
}

void memory_setup(u64 delta)
{
	u64 base = (u64)image_start - IMAGE_BASE + delta, len = (u64)(image_end - image_start), ram;

	if (e820_sanitize(&bi.map) || e820_retype(&bi.map, base, len, E820_RAM, E820_HV) || boot_info_reserve(&bi))
		fatal("the memory map is too fragmented",
		      "load fewer boot modules, or use another firmware or boot loader");
	e820_align_ram(&bi.map, PAGE_SIZE);
	early_log_unmapped();
	ram = e820_total(&bi.map, E820_RAM);
	if (hvmem_init(&bi.map, delta, guests_small_code()))
		no_memory(ram);
	if (ram > e820_total(&bi.map, E820_RAM) + hvmem_plan()->got)
		log_warn("memory: RAM above %llu GiB is not used\n", DIRECT_SIZE >> 30);
	if (hvmem_plan()->got < hvmem_plan()->want)
		log_warn("memory: the hypervisor would have %lu MiB; guests may lack tables\n",
		         hvmem_plan()->want >> 20);
	log_info("memory: %lu MiB for guests, %lu KiB for the hypervisor\n", guest_frames_free_bytes() >> 20,
	         hv_pool_total_bytes() >> 10);
}
