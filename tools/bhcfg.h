/* The parts of bhcfg. */
#pragma once

#include "vmm/config/place.h"

/* Prints what the hypervisor and each guest of an accepted blob get. m may be NULL; list: config_place's result. */
void bhcfg_show(const void *blob, const struct machine *m, const struct place *list);

/* A boot module: its name, or its line of the boot loader's menu. 0, or 1 after a message: Bulkhead would not start. */
int bhcfg_add_module(const char *line);
/* Those that the guests of a blob name. The same. */
int bhcfg_add_all_named(const void *blob);
/* As config_limits' module_exists: whether a guest would find it. */
bool bhcfg_module_exists(void *ctx, const char *name);
/* Tells what will not keep a guest from starting, but is hardly meant. */
void bhcfg_warn(const char *file, const void *blob);
