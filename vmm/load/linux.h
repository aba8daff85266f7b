/*
 * Linux bzImage through the 64-bit boot protocol where the kernel says that it has that entry, else (32-bit kernels,
 * old ones, programs in their guise) through the 32-bit one. Pure.
 * Source: Linux Documentation, "The Linux/x86 Boot Protocol", sections "The Real-Mode Kernel Header", "32-bit Boot
 * Protocol" and "64-bit Boot Protocol", and "Zero Page".
 */
#pragma once

#include "vmm/load/load.h"

/* true when image starts with a boot sector that carries the protocol's header ("HdrS"). */
bool linux_is_bzimage(const void *image, u64 len);

/*
 * Needs protocol 2.04 or newer and a bzImage (LOADED_HIGH). The kernel goes to pref_address (before 2.10: 1 MiB) when
 * RAM allows, else to the lowest aligned fit when it is relocatable.
 * OK; ERR_TRUNC, ERR_INVAL, ERR_NOTSUP, ERR_RANGE, ERR_NOMEM with out->why.
 */
__must_check int load_bzimage(const struct load_in *in, struct load_out *out);
