/* Power-off and reset of the machine through the FADT. */
#pragma once

#include "arch/x86/acpi_tables.h"

/*
 * What the FADT and the DSDT say; both may be NULL (then only the legacy ways are tried). The structs are copied.
 * map_mmio maps a reset register that lies in memory.
 */
void power_init(const struct acpi_fadt *fadt, const struct acpi_s5 *s5, void *(*map_mmio)(u64 pa, u64 len));
/* ACPI S5. Returns only when the machine does not do it. */
void power_off(void);
/* The FADT's reset register, CF9h, the keyboard controller, a triple fault. */
__noreturn void power_reset(void);
