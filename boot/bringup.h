/* What the files of the bring-up share. */
#pragma once

#include "arch/x86/acpi_tables.h"
#include "boot/boot_info.h"
#include "vmm/config/config.h"

extern struct boot_info bi;

/* Something the user has to mend: what is wrong, and what to do about it. Ends as on-fatal= says. */
__noreturn void fatal(const char *what, const char *advice);

/* Takes the memory map over: pools, final page tables; or fatal(). delta: load address minus linked address. */
void memory_setup(u64 delta);

/* The ACPI tables, and what switching the machine off takes; once. */
void firmware_open(const struct acpi_mem *mem);
/* The same, with memory mapped, and what MADT, MCFG and DMAR say. */
void firmware_setup(void);
/* What was found; the FADT is NULL when there is none. */
const struct acpi_madt *firmware_madt(void);
const struct acpi_fadt *firmware_fadt(void);
/* false: there is no SPCR, or none that says something we understand. */
bool firmware_spcr(struct acpi_spcr *s);
/* The host's interrupts on this processor, the bootstrap processor: its local APIC, the handlers. */
void firmware_setup_interrupts(void);
void firmware_mask_ioapics(void);

/* Routes an ISA interrupt to this processor, the bootstrap processor. false: there is no I/O APIC that has it. */
bool route_irq(u32 irq, u8 vector);

/* The screen, and the PS/2 keyboard, whose interrupt is routed here, as consoles. */
void console_screen(void);
void console_keyboard(void);

/* The serial console that console= names, as early as possible: one at a port. Says what is wrong with a value. */
void serial_console(void);
/* The same for those that take page tables; and where there is no console=, the firmware's own (SPCR). */
void serial_console_late(void);
/* Opens the port that control= names; says in the log why when it cannot. */
void serial_control(void);
/* Routes the interrupts of all, so that what they receive wakes this processor; what has none is polled. */
void serial_route(void);
/* Has the monitor serve the control port. After monitor_init. */
void serial_start_control(void);

/* The checked blob, or fatal(). */
const void *guests_blob(void);
/* previous.c: tells of a run before that was cut off, by what it left in memory. The clock must be known. */
void previous_show(void);
/* In a panic, last: the end of the log stays for the next run. */
void previous_keep_words(void);
/* This run ends in order: the next one has nothing to tell. */
void previous_end(void);

/* Whether guests execute from small pages only: small-code-pages, else as the processor's erratum asks for. */
bool guests_small_code(void);
/* Creates all guests of it, and has those started that start by themselves. *hv: the blob's hypervisor node. */
void guests_create(const void *blob, struct hv_config *hv);
