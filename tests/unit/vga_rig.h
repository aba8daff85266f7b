/* Test helper: a VGA on a bus of its own, with the maps that it asks for. */
#pragma once

#include <stdlib.h>

#include "fake_irq.h"
#include "lib/string.h"
#include "suite.h"
#include "vmm/dev/pci/vvga.h"

#define VGA_SLOT    2
#define VGA_LFB     0xe0000000u
#define VGA_MMIO    0xe2000000u
#define VGA_ROM     0xe3000000u
#define VGA_ROM_LEN 7096u /* a page and 3000 bytes */

static struct {
	struct vvga v;
	struct vpci pci;
	struct vpci_dev host;
	struct io_bus pio, mmio;
	struct io_region *pio_store[16], *mmio_store[16];
	struct fake_irq irq;
	struct vdev_env env;
	u8 *vram;
	u8 rom[VGA_ROM_LEN] __attribute__((aligned(PAGE_SIZE)));
	bool maps; /* what is asked for is mapped */
	struct {
		u64 gpa;
		u32 offset, len;
	} map[VVGA_NR_MAPS];
	u32 map_calls;
	struct vdev_memory memory;
	u64 rom_at, rom_pages; /* what is mapped of the ROM; 0: nothing */
	u64 now;
} vga;

static bool vga_map(void *arg, enum vvga_map which, u64 gpa, u32 offset, u32 len)
{
	ck_assert(arg == &vga && IS_ALIGNED(gpa, PAGE_SIZE) && IS_ALIGNED(offset, PAGE_SIZE) &&
	          offset + len <= 16u << 20);
	ck_assert(!len || !vga.map[which].len); /* no map over another one */
	vga.map_calls++;
	vga.map[which].gpa = gpa;
	vga.map[which].offset = offset;
	vga.map[which].len = vga.maps ? len : 0;
	return len && vga.maps;
}

static void vga_map_rom(void *ctx, u32 slot, u64 gpa, const void *pages, u64 nr, bool read_only)
{
	ck_assert(ctx == &vga && slot == VDEV_MEMORY_ROM && pages == vga.rom && read_only && nr);
	vga.rom_at = gpa;
	vga.rom_pages = nr;
}

static void vga_unmap_rom(void *ctx, u32 slot)
{
	ck_assert(ctx == &vga && slot == VDEV_MEMORY_ROM && vga.rom_at);
	vga.rom_at = vga.rom_pages = 0;
}

static inline void vga_start(u32 vram_len)
{
	struct vpci_host_bridge_cfg bridge = { { 0, 0 }, 0x8086, 0x1237 };
	struct vvga_cfg cfg = {
		.at.slot = VGA_SLOT,
		.vram_len = vram_len,
		.rom = vga.rom,
		.rom_len = sizeof(vga.rom),
		.map = vga_map,
		.arg = &vga,
	};

	free(vga.vram);
	memset(&vga, 0, sizeof(vga));
	vga.vram = aligned_alloc(PAGE_SIZE, vram_len);
	memset(vga.vram, 0, vram_len);
	cfg.vram = vga.vram;
	for (u32 i = 0; i < sizeof(vga.rom); i++)
		vga.rom[i] = (u8)(i * 7);
	fake_irq_init(&vga.irq);
	io_bus_init(&vga.pio, vga.pio_store, ARRAY_SIZE(vga.pio_store), 0xffff);
	io_bus_init(&vga.mmio, vga.mmio_store, ARRAY_SIZE(vga.mmio_store), ~0ull);
	vga.memory = (struct vdev_memory){ .ctx = &vga, .map = vga_map_rom, .unmap = vga_unmap_rom };
	vga.env = (struct vdev_env){ .pio = &vga.pio, .mmio = &vga.mmio, .irq = &vga.irq.chip, .pci = &vga.pci };
	vga.env.memory = &vga.memory;
	ck_assert_int_eq(vpci_ops.attach(&vga.pci, &vga.env, NULL), OK);
	ck_assert_int_eq(vpci_host_bridge_ops.attach(&vga.host, &vga.env, &bridge), OK);
	ck_assert_int_eq(vvga_ops.attach(&vga.v, &vga.env, &cfg), OK);
	vvga_ops.reset(&vga.v, 0);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_BAR0, 4, VGA_LFB, 0);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_BAR0 + 8, 4, VGA_MMIO, 0);
}

static inline u64 vga_in(u32 port, u8 size)
{
	u64 v = 0;

	(void)io_bus_access(&vga.pio, port, size, false, &v, vga.now);
	return v;
}

static inline void vga_out(u32 port, u8 size, u64 v)
{
	(void)io_bus_access(&vga.pio, port, size, true, &v, vga.now);
}

static inline u64 vga_read(u64 addr, u8 size)
{
	u64 v = 0;

	(void)io_bus_access(&vga.mmio, addr, size, false, &v, vga.now);
	return v;
}

static inline void vga_write(u64 addr, u8 size, u64 v)
{
	(void)io_bus_access(&vga.mmio, addr, size, true, &v, vga.now);
}

/* Index and data as one word. */
static inline void vga_seq(u32 i, u32 v)
{
	vga_out(0x3c4, 2, v << 8 | i);
}
static inline void vga_gc(u32 i, u32 v)
{
	vga_out(0x3ce, 2, v << 8 | i);
}
static inline void vga_crtc(u32 i, u32 v)
{
	vga_out(0x3d4, 2, v << 8 | i);
}
static inline void vga_attr(u32 i, u32 v)
{
	vga_in(0x3da, 1);
	vga_out(0x3c0, 1, i);
	vga_out(0x3c0, 1, v);
}
static inline void vga_vbe(u32 i, u32 v)
{
	vga_out(0x1ce, 2, i);
	vga_out(0x1cf, 2, v);
}
static inline u32 vga_vbe_get(u32 i)
{
	vga_out(0x1ce, 2, i);
	return (u32)vga_in(0x1d0, 2);
}

/* A VBE mode, from a disabled one. */
static inline void vga_vbe_mode(u32 x, u32 y, u32 bpp, u32 flags)
{
	vga_vbe(VBE_ENABLE, 0);
	vga_vbe(VBE_XRES, x);
	vga_vbe(VBE_YRES, y);
	vga_vbe(VBE_BPP, bpp);
	vga_vbe(VBE_ENABLE, VBE_ENABLED | flags);
}

/* A standard mode: the registers that the IBM reference lists for it. */
struct vga_mode {
	u8 misc, seq[4], crtc[25], gc[9], attr[21];
};

static inline void vga_set_mode(const struct vga_mode *m)
{
	vga_out(0x3c2, 1, m->misc | 1); /* the tests know the colour ports */
	for (u32 i = 0; i < 4; i++)
		vga_seq(i + 1, m->seq[i]);
	vga_crtc(0x11, 0);
	for (u32 i = 0; i < 25; i++)
		vga_crtc(i, m->crtc[i]);
	for (u32 i = 0; i < 9; i++)
		vga_gc(i, m->gc[i]);
	for (u32 i = 0; i < 21; i++)
		vga_attr(i, m->attr[i]);
	vga_in(0x3da, 1);
	vga_out(0x3c0, 1, 0x20);
}

#define VGA_EGA_PALETTE 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f
#define VGA_CGA_PALETTE 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17
#define VGA_ONE_TO_ONE  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f

static const struct vga_mode vga_mode_3
        __attribute__((unused)) = { /* 80x25, 9x16 */
	                            0x67,
	                            { 0x00, 0x03, 0x00, 0x02 },
	                            { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0,
	                              0,    0,    0,    0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff },
	                            { 0, 0, 0, 0, 0, 0x10, 0x0e, 0x0f, 0xff },
	                            { VGA_EGA_PALETTE, 0x0c, 0x00, 0x0f, 0x08, 0x00 }
        };
static const struct vga_mode vga_mode_1
        __attribute__((unused)) = { /* 40x25, 9x16 */
	                            0x67,
	                            { 0x08, 0x03, 0x00, 0x02 },
	                            { 0x2d, 0x27, 0x28, 0x90, 0x2b, 0xa0, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0,
	                              0,    0,    0,    0x9c, 0x8e, 0x8f, 0x14, 0x1f, 0x96, 0xb9, 0xa3, 0xff },
	                            { 0, 0, 0, 0, 0, 0x10, 0x0e, 0x0f, 0xff },
	                            { VGA_EGA_PALETTE, 0x0c, 0x00, 0x0f, 0x08, 0x00 }
        };
static const struct vga_mode vga_mode_4
        __attribute__((unused)) = { /* 320x200, 4 colours, CGA */
	                            0x63,
	                            { 0x09, 0x03, 0x00, 0x02 },
	                            { 0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0,    0,   0,
	                              0,    0,    0,    0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xa2, 0xff },
	                            { 0, 0, 0, 0, 0, 0x30, 0x0f, 0x0f, 0xff },
	                            { 0x00, 0x13, 0x15, 0x17, 0x02, 0x04, 0x06, 0x07, 0x10, 0x11, 0x12,
	                              0x13, 0x14, 0x15, 0x16, 0x17, 0x01, 0x00, 0x03, 0x00, 0x00 }
        };
static const struct vga_mode vga_mode_6
        __attribute__((unused)) = { /* 640x200, 2 colours, CGA */
	                            0x63,
	                            { 0x01, 0x01, 0x00, 0x06 },
	                            { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0,    0,   0,
	                              0,    0,    0,    0x9c, 0x8e, 0x8f, 0x28, 0x00, 0x96, 0xb9, 0xc2, 0xff },
	                            { 0, 0, 0, 0, 0, 0x00, 0x0d, 0x0f, 0xff },
	                            { 0x00, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17,
	                              0x17, 0x17, 0x17, 0x17, 0x17, 0x01, 0x00, 0x01, 0x00, 0x00 }
        };
static const struct vga_mode vga_mode_d
        __attribute__((unused)) = { /* 320x200, 16 colours */
	                            0x63,
	                            { 0x09, 0x0f, 0x00, 0x06 },
	                            { 0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc0, 0,    0,   0,
	                              0,    0,    0,    0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xe3, 0xff },
	                            { 0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff },
	                            { VGA_CGA_PALETTE, 0x01, 0x00, 0x0f, 0x00, 0x00 }
        };
static const struct vga_mode vga_mode_10
        __attribute__((unused)) = { /* 640x350, 16 colours */
	                            0xa3,
	                            { 0x01, 0x0f, 0x00, 0x06 },
	                            { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x40, 0,    0,   0,
	                              0,    0,    0,    0x83, 0x85, 0x5d, 0x28, 0x0f, 0x63, 0xba, 0xe3, 0xff },
	                            { 0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff },
	                            { VGA_EGA_PALETTE, 0x01, 0x00, 0x0f, 0x00, 0x00 }
        };
static const struct vga_mode vga_mode_12
        __attribute__((unused)) = { /* 640x480, 16 colours */
	                            0xe3,
	                            { 0x01, 0x0f, 0x00, 0x06 },
	                            { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x00, 0x40, 0,    0,   0,
	                              0,    0,    0,    0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff },
	                            { 0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff },
	                            { VGA_EGA_PALETTE, 0x01, 0x00, 0x0f, 0x00, 0x00 }
        };
static const struct vga_mode vga_mode_13
        __attribute__((unused)) = { /* 320x200, 256 colours */
	                            0x63,
	                            { 0x01, 0x0f, 0x00, 0x0e },
	                            { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0,    0,   0,
	                              0,    0,    0,    0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff },
	                            { 0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff },
	                            { VGA_ONE_TO_ONE, 0x41, 0x00, 0x0f, 0x00, 0x00 }
        };
