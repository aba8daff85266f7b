/*
 * What the boot loader told us, the same whichever protocol it spoke. Self-contained: all strings are copied,
 * nothing points into the loader's memory (which is reserved nevertheless until the modules are consumed).
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "mm/e820.h"
#include "vmm/config/config.h"

#define BOOT_MAX_MODULES CONFIG_MAX_MODULES
#define BOOT_CMDLINE_MAX 2048                     /* with the terminating NUL */
#define BOOT_MODSTR_MAX  (CONFIG_MODULE_LINE + 1) /* of one module, with it */
#define BOOT_STRINGS_MAX CONFIG_MODULE_LINES      /* of all modules, with them */
#define BOOT_RSDP_MAX    36

struct boot_module {
	u64 start; /* physical, bytes */
	u64 len;   /* bytes, may be 0 */
	/*
	 * The module's command line string: name is its first word, args the rest ("" when there is none).
	 * Both point into the boot_info's strings.
	 */
	const char *name;
	const char *args;
};

enum boot_fb_type { BOOT_FB_NONE, BOOT_FB_INDEXED, BOOT_FB_RGB, BOOT_FB_TEXT };

struct boot_fb {
	enum boot_fb_type type;
	u64 addr;  /* physical */
	u32 pitch; /* bytes per line */
	u32 width; /* pixels, or characters for BOOT_FB_TEXT */
	u32 height;
	u32 bpp;                                                          /* bits per pixel */
	u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size; /* BOOT_FB_RGB: bits */
};

struct boot_info {
	const char *protocol; /* "multiboot1", "multiboot2" */
	char loader[64];      /* "" when unknown; cut when longer */
	char cmdline[BOOT_CMDLINE_MAX];
	u32 nr_modules;
	struct boot_module modules[BOOT_MAX_MODULES];
	char strings[BOOT_STRINGS_MAX]; /* of the modules, one behind the other */
	u32 strings_len;
	const char *advice;               /* what to do about what a function below refused; NULL: nothing was */
	struct e820_map map;              /* as given: call e820_sanitize */
	u32 mem_lower_kib, mem_upper_kib; /* basic memory information; 0 when absent */
	struct boot_fb fb;
	/* The loader's copy of the RSDP, rsdp_len bytes (20 or 36, not validated); 0: search the BIOS areas. */
	u8 rsdp[BOOT_RSDP_MAX];
	u32 rsdp_len;
	u64 efi_systab; /* physical; 0 when not booted by EFI */
	bool efi_bs;    /* boot services were not terminated */
	u64 load_base;  /* physical load address after relocation; 0 when the loader did not say */
	u64 info_pa;    /* where the loader's structure lies, to be reserved; 0/0 when not one piece */
	u64 info_len;
	bool strings_cut; /* a loader-supplied string was longer than our buffer (names only; cmdline is an error) */
};

/* Empty structure. */
void boot_info_init(struct boot_info *bi, const char *protocol);

/*
 * Adds a module; str need not be terminated (str_len bytes at most). OK; ERR_NOSPC (more than BOOT_MAX_MODULES,
 * or their strings are longer than BOOT_STRINGS_MAX); ERR_RANGE (string too long, end below start or above 2^52). err
 * gets a text, and bi->advice.
 */
__must_check int boot_info_add_module(struct boot_info *bi, u64 start, u64 end, const char *str, size_t str_len,
                                      char *err, size_t err_size);

/* Sets the command line from str (at most str_len bytes). OK or ERR_RANGE with a text and advice. */
__must_check int boot_info_set_cmdline(struct boot_info *bi, const char *str, size_t str_len, char *err,
                                       size_t err_size);

/* Sets the loader's name; a longer one is cut. */
void boot_info_set_loader(struct boot_info *bi, const char *str, size_t str_len);

/*
 * Module whose name is name, else the first whose name's last path component is name; NULL when there is none. (GRUB
 * passes only what follows the file name; QEMU's -initrd passes the path too.)
 */
const struct boot_module *boot_info_module(const struct boot_info *bi, const char *name);

/*
 * Whether an earlier module is named like module i, or is the path of another file of the same name: then that one is
 * found in its place. Returns its index, or i.
 */
u32 boot_info_namesake(const struct boot_info *bi, u32 i);

/*
 * Marks what the loader placed in RAM (modules, its information structure) as E820_MODULE in bi->map, which must be
 * sanitized, in whole pages. OK or ERR_NOSPC.
 */
__must_check int boot_info_reserve(struct boot_info *bi);
