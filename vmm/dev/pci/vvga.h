/*
 * VGA with the Bochs VBE extensions, a PCI function (1234:1111). Pure. Sources: IBM Personal System/2 Hardware
 * Interface Technical Reference, "Video Subsystem"; FreeVGA; the Bochs VBE display API.
 *
 * BAR 0 is the video memory as a linear framebuffer, BAR 2 has the VGA's ports from 3C0h on at 400h and the VBE
 * registers at 500h, the ROM BAR the VGA BIOS. The legacy window A0000h-BFFFFh and the ports 3B0h-3BBh, 3C0h-3DFh,
 * 1CEh-1D1h are there while the function decodes memory and ports, from reset on (firmware without PCI finds a VGA).
 *
 * Where planes are in video memory (vvga_mem.c). A byte of plane p at address a of its first 64 KiB lies so that the
 * two layouts that guests write byte by byte are also those of memory, and the window can be that memory, without
 * exits: text (odd/even: characters in plane 0, attributes in plane 1, both at even addresses) and chain 4 (the planes
 * at every fourth). Both want the same bytes next to others, so that there are two blocks of 64 KiB, X and Y, whose
 * halves of each four bytes change places from the one to the other; it is done in pieces, at the accesses that
 * follow a change of mode. Odd addresses lie in the 128 KiB behind. Beyond 64 KiB the planes are interleaved.
 *
 *	text:     X[4g..] = p0 p1 of 4g, p0 p1 of 4g+2     Y[4g..] = p2 p3 of 4g+2, p2 p3 of 4g
 *	chain 4:  X[4g..] = p0 p1 p2 p3 of 4g              Y[4g..] = p2 p3 p0 p1 of 4g+2
 *
 * What differs: accesses through a window that is mapped do not load the latches; writing a palette register does not
 * ask for its address source bit; no interrupts, no light pen, no interlace, no border; A0000h-BFFFFh and ports stay
 * where they are whatever port 3C3h says.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/backend/fb.h"
#include "vmm/dev/pci/vpci.h"

#define VVGA_NR_CRTC 25
#define VVGA_NR_SEQ  5
#define VVGA_NR_GC   9
#define VVGA_NR_ATTR 21

#define VVGA_VRAM_MAX    (16u << 20)
#define VVGA_VRAM_MIN    (256u << 10)
#define VVGA_PLANE       65536u
#define VVGA_GROUPS      (VVGA_PLANE / 4)
#define VVGA_WINDOW      0xa0000u
#define VVGA_WINDOW_LEN  0x20000u
#define VVGA_MMIO_LEN    4096u
#define VVGA_MMIO_PORTS  0x400u
#define VVGA_MMIO_VBE    0x500u
#define VVGA_CLEAN_PAGES (VVGA_VRAM_MAX / PAGE_SIZE)

#define VVGA_MAX_WIDTH  1920u
#define VVGA_MAX_HEIGHT 1200u

enum vvga_vbe_reg {
	VBE_ID,
	VBE_XRES,
	VBE_YRES,
	VBE_BPP,
	VBE_ENABLE,
	VBE_BANK,
	VBE_VIRT_WIDTH,
	VBE_VIRT_HEIGHT,
	VBE_X_OFFSET,
	VBE_Y_OFFSET,
	VBE_MEMORY_64K,
	VBE_NR
};
#define VBE_ID_FIRST   0xb0c0
#define VBE_ID_LAST    0xb0c5
#define VBE_ENABLED    0x01
#define VBE_GETCAPS    0x02
#define VBE_8BIT_DAC   0x20
#define VBE_LFB        0x40
#define VBE_NOCLEAR    0x80
#define VBE_ENABLE_ALL (VBE_ENABLED | VBE_GETCAPS | VBE_8BIT_DAC | VBE_LFB | VBE_NOCLEAR)

#define VVGA_STATE(T, F, A, S)                                                                                \
	F(T, u8, misc)    /* miscellaneous output */                                                          \
	F(T, u8, feature) /* feature control */                                                               \
	F(T, u8, subsystem)                                                                                   \
	F(T, u8, crtc_index)                                                                                  \
	A(T, u8, crtc, VVGA_NR_CRTC)                                                                          \
	F(T, u8, seq_index)                                                                                   \
	A(T, u8, seq, VVGA_NR_SEQ)                                                                            \
	F(T, u8, gc_index)                                                                                    \
	A(T, u8, gc, VVGA_NR_GC)                                                                              \
	F(T, u8, attr_index)  /* bit 5: the picture has the palette */                                        \
	F(T, bool, attr_data) /* the flip-flop: the next write is data */                                     \
	A(T, u8, attr, VVGA_NR_ATTR)                                                                          \
	F(T, u8, dac_mask)                                                                                    \
	F(T, u8, dac_write)                                                                                   \
	F(T, u8, dac_read)                                                                                    \
	F(T, u8, dac_part) /* of a colour: 0 to 2 */                                                          \
	F(T, bool, dac_reading)                                                                               \
	A(T, u8, dac_held, 2) /* red and green, until blue comes */                                           \
	A(T, u8, dac, 768)    /* as written: 6 or 8 bits */                                                   \
	F(T, u32, latch)      /* plane p: bits 8p to 8p+7 */                                                  \
	F(T, u16, vbe_index)                                                                                  \
	A(T, u16, vbe, VBE_NR)                                                                                \
	F(T, u16, chained) /* groups of four addresses, from 0 on, that lie as chain 4 wants; others: text */ \
	A(T, u64, unclean, VVGA_CLEAN_PAGES / 64) /* bit n: page n of video memory reads 0, whatever is there */
STATE_STRUCT(vvga_state, VVGA_STATE);

/* What of the guest's memory can be video memory, instead of an access for each byte. */
enum vvga_map { VVGA_MAP_LFB, VVGA_MAP_WINDOW, VVGA_NR_MAPS };

struct vvga_cfg {
	struct vpci_slot at;
	u8 *vram;      /* page-aligned, for as long as the device lives; saved apart */
	u32 vram_len;  /* power of two, VVGA_VRAM_MIN to VVGA_VRAM_MAX */
	const u8 *rom; /* the VGA BIOS, rom_len bytes; NULL: no ROM BAR */
	u32 rom_len;
	/*
	 * Guest memory [gpa, gpa + len) is from now on video memory from offset on (writable, pages), or, with len 0,
	 * the place told last for this map is none any more. Both at once: when it returns no vCPU may still use what
	 * was. Whether it does anything is its own affair: false, and accesses go on coming to the device, which is
	 * right, too; it is asked again at later ones. NULL: as if always false.
	 */
	bool (*map)(void *arg, enum vvga_map which, u64 gpa, u32 offset, u32 len);
	void *arg;
};

/* How the legacy window is decoded: follows from the registers (vvga_update). */
enum vvga_decode {
	VVGA_PLANES, /* the whole machinery, byte by byte */
	VVGA_TEXT,   /* odd/even, and bytes go through as they are: block X in the text layout */
	VVGA_CHAIN4, /* the same of chain 4 */
	VVGA_LINEAR, /* a bank of the VBE */
};

struct vvga {
	struct vvga_state s;
	struct vpci_dev pci;
	struct vvga_cfg cfg;
	struct io_bus *pio, *mmio;
	struct io_region window, ports[3];
	bool attached;
	enum vvga_decode decode;
	u32 win_at, win_len; /* of the legacy window, what is decoded */
	bool window_on, ports_on[3];
	bool mapped[VVGA_NR_MAPS];
	u16 mapped_bank;
	bool clearing; /* some page may be unclean */
	u32 generation;
};

/* Behind the bus (env->pci). Its reset is that of the function, too. cfg: vvga_cfg. */
extern const struct vdev_ops vvga_ops;
/* What shows its screen; ctx is the struct vvga. */
extern const struct fb_ops vvga_fb_ops;

/*
 * A frozen screen: at the beginning of what fb_ops.freeze is given, its memory behind it. The first 64 KiB of the planes
 * are copied so that each eighth of blocks X and Y comes at one instant, with the layout that it then had.
 */
#define VVGA_SHOT_PARTS 8u
struct vvga_shot {
	struct vvga_state s;
	u64 now;
	u32 generation;
	u32 base, len; /* of video memory: what is shown; of a VBE mode without planes only that of each line */
	u32 pitch;     /* of those lines, as they are here */
	u32 copied;
	u16 chained[VVGA_SHOT_PARTS];
	u8 mem[] __attribute__((aligned(8)));
};
/* Bytes that are enough but for a virtual screen with planes, and more lines than are shown. */
#define VVGA_SHOT_MAX (sizeof(struct vvga_shot) + VVGA_MAX_WIDTH * VVGA_MAX_HEIGHT * 4)
