/*
 * The host bridge of the PC: Intel 440FX, the PCI and memory controller 82441FX (8086:1237), function 0.0. Pure.
 * Source: Intel 440FX PCIset data sheet (290549), chapter "PMC Register Description".
 *
 * What it has of effect are the Programmable Attribute Map registers, 59h to 5Fh: of each segment of C0000h to FFFFFh
 * whether reads and writes go to memory or, the way it comes up, to PCI, where the firmware's ROM is. That is told to
 * whoever makes the guest's memory (vi440fx_cfg). All else is kept as the data sheet's masks have it, for there is no
 * DRAM to be set up and no SMM: SMRAM (72h) locks as it should, but A0000h to BFFFFh is always video memory.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/dev/pci/vpci.h"

#define VI440FX_VENDOR 0x8086
#define VI440FX_DEVICE 0x1237

/* Configuration registers beside the header that have a meaning here. */
#define VI440FX_PAM       0x59 /* to 5Fh, two segments each, but 59h, whose low half is reserved */
#define VI440FX_PAM_READ  0x1  /* of a segment's four bits: reads go to memory */
#define VI440FX_PAM_WRITE 0x2  /* writes do */
#define VI440FX_SMRAM     0x72

/* 0 to 11: 16 KiB each from C0000h on; 12: the 64 KiB at F0000h. */
#define VI440FX_SEGMENTS 13
static inline u32 vi440fx_segment_base(u32 segment)
{
	return 0xc0000 + segment * 0x4000;
}
static inline u32 vi440fx_segment_size(u32 segment)
{
	return segment == VI440FX_SEGMENTS - 1 ? 0x10000 : 0x4000;
}

struct vi440fx {
	struct vpci_dev pci; /* its state is all there is */
	void (*pam)(void *arg, u32 segment, bool read, bool write);
	void *arg;
	u8 told[VI440FX_SEGMENTS]; /* PAM_READ and PAM_WRITE as pam heard them last */
};

struct vi440fx_cfg {
	struct vpci_slot at;
	/*
	 * Segment's reads (writes) go to memory, or else to the ROM (nowhere). Told of changes, of which one access of
	 * a guest makes eight at most; after a reset or a restore, of all segments. NULL: nobody wants to know.
	 */
	void (*pam)(void *arg, u32 segment, bool read, bool write);
	void *arg;
};
/* Behind the bus (env->pci). cfg: vi440fx_cfg. */
extern const struct vdev_ops vi440fx_ops;

/* Whether a segment's reads and writes go to memory, as the registers say. */
bool vi440fx_pam_read(const struct vi440fx *d, u32 segment);
bool vi440fx_pam_write(const struct vi440fx *d, u32 segment);
