/* The parts of bhcfg. */
#pragma once

#include "vmm/config/place.h"

/* Prints what the hypervisor and each guest of an accepted blob get. m may be NULL; list: config_place's result. */
void bhcfg_show(const void *blob, const struct machine *m, const struct place *list);
