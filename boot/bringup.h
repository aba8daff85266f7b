/* What the files of the bring-up share. */
#pragma once

#include "boot/boot_info.h"
#include "vmm/config.h"

extern struct boot_info bi;

/* Something the user has to mend: what is wrong, and what to do about it. Ends as on-fatal= says. */
__noreturn void fatal(const char *what, const char *advice);

/* The checked blob, or fatal(). */
const void *guests_blob(void);
/* Creates all guests of it, and has those started that start by themselves. *hv: the blob's hypervisor node. */
void guests_create(const void *blob, struct hv_config *hv);
