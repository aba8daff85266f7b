/* What the files of the bring-up share. */
#pragma once

#include "boot/boot_info.h"
#include "vmm/config.h"

extern struct boot_info bi;

/* Something the user has to mend: what is wrong, and what to do about it. Ends as on-fatal= says. */
__noreturn void fatal(const char *what, const char *advice);

/* Routes an ISA interrupt to this processor, the bootstrap processor. false: there is no I/O APIC that has it. */
bool route_irq(u32 irq, u8 vector);

/* The serial console that console= names, as early as possible. */
void serial_console(void);
/* Opens the port that control= names; says in the log why when it cannot. */
void serial_control(void);
/* Routes the interrupts of both, so that what they receive wakes this processor. */
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

/* Creates all guests of it, and has those started that start by themselves. *hv: the blob's hypervisor node. */
void guests_create(const void *blob, struct hv_config *hv);
