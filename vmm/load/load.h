/*
 * What all guest loaders share: their input, their answer and the detection of an image's kind. Pure.
 *
 * A loader places the image, its modules and the information structures into guest RAM (through mm/guest_mem.h, so
 * that it cannot write elsewhere) and says in which state the boot processor starts. It never reads beyond the image
 * and never trusts a field of it. A refusal is a negative error and a sentence in load_out.why naming the field and
 * its value.
 *
 * Guest memory below 640 KiB that the loaders use (all of it ordinary RAM that the guest may reuse once it has read
 * what it needs):
 *
 *   0x01000  GDT                       0x08000  boot_params / hvm_start_info / multiboot information
 *   0x02000  PML4, PDPT, 4 page directories (identity map of 4 GiB in 2-MiB pages)
 *   0x09000  memory map and module lists
 *   0x0f000  top of a one-page stack   0x10000  command line (at most 64 KiB)
 *   0x20000  module strings, setup_data, multiboot2 information (up to 0x90000)
 *
 * An ELF or multiboot image that itself lies below 0x60000 (real-mode programs do) shifts all of this up behind it.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "mm/guest_mem.h"
#include "vmm/base/guest_map.h"

#define LOAD_GDT_GPA     0x1000ull
#define LOAD_PML4_GPA    0x2000ull
#define LOAD_INFO_GPA    0x8000ull
#define LOAD_LISTS_GPA   0x9000ull /* one KiB short of 0xf000 used by the lists */
#define LOAD_LISTS_END   0xe000ull
#define LOAD_STACK_GPA   0xf000ull
#define LOAD_CMDLINE_GPA 0x10000ull
#define LOAD_CMDLINE_END 0x20000ull
#define LOAD_EXTRA_GPA   0x20000ull
#define LOAD_EXTRA_END   0x90000ull

/* Where low images may lie: above the real-mode vectors and the BIOS data area, leaving room for the above. */
#define LOAD_IMAGE_LOW     0x1000ull
#define LOAD_IMAGE_LOW_END 0x60000ull

/* GDT selectors of every start state (Linux's __BOOT_CS/__BOOT_DS, which suit the others too). */
#define LOAD_CS 0x10
#define LOAD_DS 0x18

/* Characters of a command line that Linux keeps when it is started through PVH: COMMAND_LINE_SIZE - 1 of x86. */
#define LOAD_PVH_CMDLINE 2047u

#define LOAD_WHY_MAX      160
#define LOAD_MODULES_MAX  16  /* CONFIG_NR_MODULES */
#define LOAD_SEGMENTS_MAX 128 /* program headers of an ELF */
#define LOAD_COPIES_MAX   (LOAD_SEGMENTS_MAX + LOAD_MODULES_MAX + 1)

enum load_kind {
	LOAD_UNKNOWN,
	LOAD_BZIMAGE,    /* Linux boot protocol header */
	LOAD_MULTIBOOT1, /* multiboot1 header in the first 8 KiB */
	LOAD_MULTIBOOT2, /* multiboot2 header in the first 32 KiB, and none of multiboot1 */
	LOAD_ELF_PVH,    /* x86 ELF with a PHYS32_ENTRY note */
	LOAD_ELF,        /* x86 ELF without one: entered raw at e_entry */
};

struct load_module {
	const void *data; /* len bytes, any alignment */
	u64 len;
	const char *cmdline; /* module string (multiboot, PVH); NULL: none */
};

/*
 * Parts of files on their way into guest RAM, for those who cannot wait until all is copied. A loader that is given
 * this leaves the copying to load_copy_some(), and refuses an image of more parts than there is room for: none that
 * keeps the other limits has as many. No two parts overlap, nor does what the loader has written itself.
 */
struct load_copies {
	u32 nr;
	u64 done; /* bytes of the last one */
	struct {
		u64 gpa, len, size; /* len bytes of data, zeros behind them up to size */
		const void *data;
	} part[LOAD_COPIES_MAX];
};

struct load_in {
	const void *kernel; /* the image file */
	u64 kernel_len;
	/* What is known of it, so that it is not looked for again: its kind (LOAD_UNKNOWN: not known) and where a
	 * multiboot1 or multiboot2 header is (0: not known; beyond where they are looked for: there is none). */
	enum load_kind kind;
	u32 mb1_at, mb2_at;
	const char *name;    /* image name: first word of multiboot1's command line; NULL: "kernel" */
	const char *cmdline; /* NULL: empty */
	/* multiboot, PVH: all of them in this order; bzImage: module 0 is the initrd (more than one is refused). */
	const struct load_module *modules;
	u32 nr_modules;
	const struct guest_mem *mem;
	const struct guest_map *map;
	gpa_t rsdp;           /* GPA(0): none */
	const void *rng_seed; /* bzImage: handed on as SETUP_RNG_SEED; NULL: none */
	u32 rng_seed_len;
	struct load_copies *copies; /* NULL: what is loaded is copied at once */
};

enum load_mode {
	LOAD_MODE_PROT32, /* protected mode, paging off, flat 4-GiB segments, A20 on; IF=0 */
	LOAD_MODE_LONG64, /* 64-bit mode, paging through cr3 (PAE, LME, LMA, PG), flat segments; IF=0 */
};

/*
 * The start state. CS/DS/ES/SS are LOAD_CS and LOAD_DS (flat, DPL 0, as in the GDT at gdt_base; CS.L in
 * LOAD_MODE_LONG64); general registers not named are 0; RFLAGS is 2; IDT at 0, limit 3FFh (the real-mode vectors;
 * LOAD_MODE_LONG64: 0). TR: any busy TSS that VM entry accepts.
 */
struct load_out {
	enum load_mode mode;
	u64 rip, rsp, rax, rbx, rsi;
	u64 cr3; /* LOAD_MODE_LONG64: the PML4; else 0 */
	u64 gdt_base;
	u16 gdt_limit;
	u64 load_base, load_end;       /* guest-physical bounds of the placed image, for messages */
	u64 modules_base, modules_end; /* both 0: no modules */
	u64 shift;                     /* added to LOAD_*_GPA and LOAD_CMDLINE_END: what a low image takes */
	char why[LOAD_WHY_MAX];        /* filled when the loader refuses */
};

/* What the first bytes of an image say it is; only the loader's own checks say whether it is well formed. */
enum load_kind load_detect(const void *image, u64 len);

/* Name of a kind for messages ("Linux bzImage", ...). */
const char *load_kind_str(enum load_kind kind);

/* Copies up to max bytes (at least 1) of c's parts into mem, which is the loader's. False when nothing is left. */
bool load_copy_some(const struct guest_mem *mem, struct load_copies *c, u64 max);

/* Detects the kind and calls its loader: load_bzimage, load_multiboot1 or 2, load_elf_pvh or load_elf_raw. */
__must_check int load_image(const struct load_in *in, struct load_out *out);
