/* A VM's interrupt controllers: local APICs and pc_irqchip. */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

struct vm;

/* vCPUs exist. OK or a negative error; lapics_destroy(). */
__must_check int lapics_create(struct vm *vm);
void lapics_destroy(struct vm *vm);
/* Power-on state at VM time now. */
void lapics_reset(struct vm *vm, u64 now);
