/* The ways a PC guest resets itself: CF9h, port 92h, and the 8042's pulse command with its A20 gate. Pure.
 * ICH data sheets, "RST_CNT"; IBM PS/2 Technical Reference, "System Control Port A", "8042". */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/io_bus.h"

/* Plain, saveable. */
struct vreset_state {
	u8 cf9, port92;
	u8 kbc_cmd;     /* command that waits for its data byte, 0: none */
	u8 kbc_ctl;     /* controller command byte */
	u8 kbc_out;     /* output buffer */
	u8 kbc_outport; /* bit 0 reset (active low), bit 1 A20 */
	bool kbc_full;  /* output buffer holds kbc_out */
};

struct vreset {
	struct vreset_state s;
	void (*reset)(void *arg, const char *how);
	void *arg;
	struct io_region port92_region, kbc_data_region, kbc_cmd_region;
};

void vreset_init(struct vreset *r, void (*reset)(void *arg, const char *how), void *arg);
/* CF9h itself belongs to the PCI configuration ports: hand vreset_cf9 to vpci_set_cf9(). */
__must_check int vreset_attach(struct vreset *r, struct io_bus *pio);
void vreset_cf9(void *dev, struct io_access *io);
void vreset_reset(struct vreset *r);
