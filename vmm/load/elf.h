/*
 * ELF images of x86 kernels: ELF32 and ELF64, PT_LOAD segments to their physical addresses. Pure.
 * Sources: System V ABI, "ELF Header", "Program Header" and "Note Section"; the PVH boot protocol ("x86/HVM direct
 * boot ABI" of the Xen documentation).
 */
#pragma once

#include "vmm/load/load.h"

/* What the checked headers say. */
struct elf_info {
	bool is64;   /* ELFCLASS64 */
	u16 machine; /* EM_386 or EM_X86_64 (a relabelled image may have class and machine apart) */
	u64 entry;   /* e_entry */
	u64 phoff;   /* program headers: phnum of phentsize bytes at phoff, all inside the image */
	u16 phentsize, phnum;
};

/* One program header of either class. */
struct elf_phdr {
	u32 type;
	u32 flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

/* Checks the headers of an image. OK; ERR_TRUNC, ERR_INVAL, ERR_NOTSUP with a text in why (may be NULL). */
__must_check int elf_parse(const void *image, u64 len, struct elf_info *info, char *why, size_t why_size);

/* Program header i < info->phnum of an image that elf_parse accepted. */
void elf_get_phdr(const void *image, const struct elf_info *info, u32 i, struct elf_phdr *ph);

/* true when a PT_NOTE segment has XEN_ELFNOTE_PHYS32_ENTRY (name "Xen", type 18); *entry gets the address. */
bool elf_find_pvh(const void *image, u64 len, u32 *entry);

/* The segments placed so far, by address; none overlaps another. */
struct elf_placed {
	u32 nr;
	u8 by_addr[LOAD_SEGMENTS_MAX];
};
_Static_assert(LOAD_SEGMENTS_MAX <= 256, "a header's number fits");

/*
 * Puts program header i, a PT_LOAD that does not wrap, among the placed. ERR_EXIST: it overlaps one of them, and which
 * one wins would depend on the loader; out->why. In a time that grows with the logarithm of their number: an image of
 * LOAD_SEGMENTS_MAX has 8,128 pairs.
 */
__must_check int elf_place(const struct load_in *in, struct load_out *out, const struct elf_info *info, u32 i,
                           struct elf_placed *pl);

/*
 * Copies the PT_LOAD segments to p_paddr (as load_claim() allows, no two may overlap) and zeroes the tails. *base and
 * *end get the bounds. Errors as for elf_parse, ERR_RANGE when a segment is outside RAM; out->why.
 */
__must_check int elf_load_segments(const struct load_in *in, struct load_out *out, const struct elf_info *info,
                                   u64 *base, u64 *end);

/*
 * elf_parse and elf_load_segments, then checks the entry point: *entry (0: take e_entry) must lie in a segment by its
 * physical or its virtual address and becomes the physical one.
 */
__must_check int elf_load(const struct load_in *in, struct load_out *out, struct elf_info *info, u64 *entry);

/* One past what a loaded image occupies of low RAM (at least 1 MiB): where modules may start. */
u64 elf_low_end(const struct load_in *in, const struct elf_info *info);

/* PVH: 32-bit start with EBX = hvm_start_info (version 1); modules, command line, memory map and RSDP. */
__must_check int load_elf_pvh(const struct load_in *in, struct load_out *out);

/*
 * Raw: no information structure. An ELF64 starts in 64-bit mode at e_entry (RSI = the command line's address), an
 * ELF32 in 32-bit mode (ESI likewise). Modules are refused.
 */
__must_check int load_elf_raw(const struct load_in *in, struct load_out *out);
