/* What a PC tells its firmware: fw_cfg's items, from the guest's configuration and images. */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

struct board;
struct vm;
union board_cfg;

/* fw_cfg's row. Must come after those of all devices that the tables tell of. */
int firmware_config(struct vm *vm, u32 n, union board_cfg *cfg);
void firmware_destroy(struct board *b);
