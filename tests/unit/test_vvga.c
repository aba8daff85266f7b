/* VGA: the function, its registers, the VBE, what is mapped and cleared, and states that cannot be. */
#include "vga_rig.h"

#include "state_bad.h"
#include "state_subjects_pci.h"

/* ---- the function ---- */

START_TEST(function)
{
	vga_start(VVGA_VRAM_MAX);
	ck_assert_uint_eq(vpci_cfg_read(&vga.pci, VGA_SLOT, 0, 0, 4, 0), 0x11111234);
	ck_assert_uint_eq(vpci_cfg_read(&vga.pci, VGA_SLOT, 0, 8, 4, 0) >> 8, 0x030000);
	ck_assert_uint_eq(vpci_cfg_read(&vga.pci, VGA_SLOT, 0, PCI_SUBSYS_VENDOR, 4, 0), 0x11001af4);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_BAR0, 4, ~0u, 0);
	ck_assert_uint_eq(vpci_cfg_read(&vga.pci, VGA_SLOT, 0, PCI_BAR0, 4, 0), 0xff000008);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_BAR0 + 8, 4, ~0u, 0);
	ck_assert_uint_eq(vpci_cfg_read(&vga.pci, VGA_SLOT, 0, PCI_BAR0 + 8, 4, 0), 0xfffff000);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_ROM, 4, VGA_ROM | 1, 0);
	ck_assert_uint_eq(vga_read(VGA_ROM + 11, 2), (11 * 7) | (12 * 7) << 8);
	ck_assert_uint_eq(vga_read(VGA_ROM + 7094, 4), 0xffff0000u | (u8)(7094 * 7) | (u8)(7095 * 7) << 8);
	ck_assert_uint_eq(vga_read(VGA_ROM + 8191, 1), 0xff);
}
END_TEST

/* Whole pages of the ROM are memory where its BAR says, while that is decoded; the rest of it comes by accesses. */
START_TEST(rom_pages)
{
	static const u32 rom_on = VGA_ROM | 1;
	struct vdev_memory *m = &vga.memory;
	struct vvga_cfg cfg;

	vga_start(VVGA_VRAM_MIN);
	ck_assert_uint_eq(vga.rom_at, 0);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_ROM, 4, VGA_ROM, 0);
	ck_assert_uint_eq(vga.rom_at, 0);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_ROM, 4, rom_on, 0);
	ck_assert(vga.rom_at == VGA_ROM && vga.rom_pages == 1);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_ROM, 4, rom_on + 0x10000, 0);
	ck_assert_uint_eq(vga.rom_at, VGA_ROM + 0x10000);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_COMMAND, 2, PCI_CMD_IO, 0);
	ck_assert_uint_eq(vga.rom_at, 0);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_COMMAND, 2, PCI_CMD_MEM, 0);
	ck_assert_uint_eq(vga.rom_at, VGA_ROM + 0x10000);
	/* Over the frame buffer it is not. */
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_ROM, 4, VGA_LFB | 1, 0);
	ck_assert_uint_eq(vga.rom_at, 0);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_ROM, 4, rom_on, 0);
	vga.rom_pages = 0;
	vpci_restored(&vga.pci);
	ck_assert(vga.rom_at == VGA_ROM && vga.rom_pages == 1);
	vvga_ops.reset(&vga.v, 0);
	ck_assert_uint_eq(vga.rom_at, 0);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_ROM, 4, rom_on, 0);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_COMMAND, 2, PCI_CMD_MEM, 0);
	ck_assert_uint_eq(vga.rom_at, VGA_ROM);
	cfg = vga.v.cfg;
	vvga_ops.detach(&vga.v);
	ck_assert_uint_eq(vga.rom_at, 0);
	/* One that is not on pages of its own is not mapped, and one where nothing can be. */
	for (u32 i = 0; i < 2; i++) {
		vga.env.memory = vga.pci.memory = i ? NULL : m;
		cfg.rom = vga.rom + (i ? 0 : 16);
		cfg.rom_len = 5000;
		ck_assert_int_eq(vvga_ops.attach(&vga.v, &vga.env, &cfg), OK);
		vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_ROM, 4, rom_on, 0);
		ck_assert_uint_eq(vga.rom_at, 0);
		ck_assert_uint_eq(vga_read(VGA_ROM, 1), vga.rom[i ? 0 : 16]);
		vvga_ops.detach(&vga.v);
	}
}
END_TEST

/* Window and ports are there while the function decodes; taken off, nothing stays. */
START_TEST(decoding)
{
	vga_start(VVGA_VRAM_MIN);
	ck_assert_uint_eq(vga_in(0x3cc, 1), 1);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_COMMAND, 2, PCI_CMD_MEM, 0);
	ck_assert_uint_eq(vga_in(0x3cc, 1), 0xff);
	vga_write(VVGA_WINDOW, 1, 1);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_COMMAND, 2, PCI_CMD_IO, 0);
	ck_assert_uint_eq(vga_in(0x3cc, 1), 1);
	ck_assert(!io_bus_find(&vga.mmio, VVGA_WINDOW));
	vvga_ops.reset(&vga.v, 0);
	ck_assert(io_bus_find(&vga.mmio, VVGA_WINDOW) && io_bus_find(&vga.pio, 0x1ce));
	vvga_ops.detach(&vga.v);
	ck_assert(!vga.mmio.nr && vga.pio.nr == 2 && !vga.v.pci.pci);
}
END_TEST

START_TEST(attach_is_all_or_nothing)
{
	static const u32 ports[] = { 0x3b4, 0x3df, 0x1d0 };

	for (u32 i = 0; i <= ARRAY_SIZE(ports); i++) {
		struct io_region taken = { i < 3 ? ports[i] : 0xbffff, 1, (io_fn)abort, NULL, "x" };
		struct io_bus *bus = i < 3 ? &vga.pio : &vga.mmio;
		struct vvga_cfg cfg;

		vga_start(VVGA_VRAM_MIN);
		cfg = vga.v.cfg;
		vvga_ops.detach(&vga.v);
		ck_assert_int_eq(io_bus_add(bus, &taken), OK);
		ck_assert_int_eq(vvga_ops.attach(&vga.v, &vga.env, &cfg), ERR_EXIST);
		ck_assert_uint_eq(vga.pio.nr + vga.mmio.nr, 3);
		cfg.vram_len = 3 << 20;
		ck_assert_int_eq(vvga_ops.attach(&vga.v, &vga.env, &cfg), ERR_INVAL);
		io_bus_remove(bus, &taken);
	}
}
END_TEST

/* ---- registers ---- */

/* Every register keeps the bits that it has, alone. */
START_TEST(read_back)
{
	static const u8 seq[] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e }, gc[] = { 15, 15, 15, 31, 3, 0x7b, 15, 15, 255 };
	static const u8 attr[] = { 0xef, 0xff, 0x3f, 0x0f, 0x0f };

	vga_start(VVGA_VRAM_MIN);
	for (u32 val = 0; val < 256; val += 0x33) {
		for (u32 i = 0; i < 8; i++) {
			vga_seq(i, val);
			ck_assert_uint_eq(vga_in(0x3c4, 2), (i < 5 ? val & seq[i] : 0) << 8 | i);
		}
		for (u32 i = 0; i < 16; i++) {
			vga_gc(i, val);
			ck_assert_uint_eq(vga_in(0x3ce, 2), (i < 9 ? val & gc[i] : 0) << 8 | i);
		}
		for (u32 i = 0; i < 32; i++) {
			vga_attr(i, val);
			vga_in(0x3da, 1);
			vga_out(0x3c0, 1, i);
			ck_assert_uint_eq(vga_in(0x3c0, 2), (i < 16   ? val & 0x3f
			                                     : i < 21 ? val & attr[i - 16]
			                                              : 0) << 8 |
			                                            i);
		}
		vga_crtc(0x11, 0);
		for (u32 i = 0; i < 32; i++) {
			vga_crtc(i, i == 0x11 ? val & 0x7f : val);
			ck_assert_uint_eq(vga_in(0x3d4, 2), (i < 25 ? (i == 0x11 ? val & 0x7f : val) : 0) << 8 | i);
		}
		vga_out(0x3c6, 1, val);
		ck_assert_uint_eq(vga_in(0x3c6, 1), val);
		vga_out(0x3da, 1, val);
		ck_assert_uint_eq(vga_in(0x3ca, 1), val & 0xb);
		vga_out(0x3c2, 1, val | 1);
		ck_assert_uint_eq(vga_in(0x3cc, 1), (val | 1) & 0xef);
	}
	ck_assert_uint_eq(vga_in(0x3c2, 1), 0x10);
	/* Protected are 0 to 7, but for the line compare bit. */
	vga_crtc(0, 0x5f);
	vga_crtc(7, 0x1f);
	vga_crtc(0x11, 0x80);
	vga_crtc(0, 0);
	vga_crtc(7, 0);
	vga_crtc(9, 0x4f);
	ck_assert(vga.v.s.crtc[0] == 0x5f && vga.v.s.crtc[7] == 0x0f && vga.v.s.crtc[9] == 0x4f);
}
END_TEST

/* The CRTC and its status are at 3Dxh or at 3Bxh; reading the status resets the attribute controller's flip-flop. */
START_TEST(mono_and_colour)
{
	vga_start(VVGA_VRAM_MIN);
	vga_crtc(0x0e, 0x12);
	ck_assert_uint_eq(vga_in(0x3b4, 2), 0xffff);
	vga_out(0x3c2, 1, 0);
	ck_assert(vga_in(0x3d4, 2) == 0xffff && vga_in(0x3da, 1) == 0xff);
	ck_assert_uint_eq(vga_in(0x3b4, 2), 0x120e);
	vga_out(0x3c0, 1, 5);
	vga_in(0x3da, 1);
	vga_out(0x3c0, 1, 0x2a);
	ck_assert(vga.v.s.attr[5] == 0x2a && vga.v.s.attr_index == 5);
	vga_in(0x3ba, 1);
	vga_out(0x3c0, 1, 6);
	ck_assert(vga.v.s.attr_index == 6 && vga.v.s.attr[5] == 0x2a);
}
END_TEST

START_TEST(dac)
{
	vga_start(VVGA_VRAM_MIN);
	vga_out(0x3c8, 1, 254);
	for (u32 i = 0; i < 9; i++)
		vga_out(0x3c9, 1, 0xc0 + i);
	/* Colours 254, 255 and 0; 6 bits. */
	ck_assert(vga.v.s.dac[762] == 0 && vga.v.s.dac[767] == 5 && vga.v.s.dac[2] == 8);
	ck_assert(vga_in(0x3c8, 1) == 1 && vga_in(0x3c7, 1) == 0);
	/* Two of three parts change nothing. */
	vga_out(0x3c9, 1, 0x3f);
	vga_out(0x3c9, 1, 0x3f);
	vga_out(0x3c7, 1, 255);
	ck_assert(vga_in(0x3c7, 1) == 3 && vga.v.s.dac[3] == 0);
	for (u32 i = 3; i < 9; i++)
		ck_assert_uint_eq(vga_in(0x3c9, 1), i);
	vga_vbe(VBE_ENABLE, VBE_8BIT_DAC);
	vga_out(0x3c8, 1, 7);
	for (u32 i = 0; i < 3; i++)
		vga_out(0x3c9, 1, 0xfd + i);
	ck_assert(vga.v.s.dac[21] == 0xfd && vga.v.s.dac[23] == 0xff);
}
END_TEST

/* 70 pictures a second in mode 3: 400 lines of 449 shown, two of them the retrace's; and it never stops. */
START_TEST(retrace)
{
	u32 shown = 0, sync = 0, pictures = 0;
	u64 end = 1000000000ull, step = 1000;
	bool was = false;

	vga_start(VVGA_VRAM_MIN);
	vga_set_mode(&vga_mode_3);
	for (vga.now = 0; vga.now < end; vga.now += step) {
		u8 status = (u8)vga_in(0x3da, 1);

		shown += !(status & 1);
		sync += status >> 3 & 1;
		pictures += (status & 8) && !was;
		was = status & 8;
	}
	ck_assert_uint_eq(pictures, 70);
	ck_assert(shown > 711000 && shown < 714500); /* 400 / 449 * 720 / 900 */
	ck_assert(sync > 4300 && sync < 4600);       /* 2 / 449 */
	/* Whatever the registers say, retrace comes and goes. */
	for (u32 i = 0; i < 25; i++)
		vga_crtc(i, i == 0x11 ? 0 : 0);
	for (u32 seen = 0; seen != 3; vga.now += 100)
		seen |= vga_in(0x3da, 1) & 8 ? 1 : 2;
	vga_vbe_mode(1, 1, 8, 0);
	for (u32 seen = 0; seen != 3; vga.now += 1000)
		seen |= vga_in(0x3da, 1) & 8 ? 1 : 2;
}
END_TEST

/* ---- VBE ---- */

START_TEST(vbe_registers)
{
	vga_start(VVGA_VRAM_MAX);
	for (u32 id = 0xb0bf; id <= 0xb0c6; id++) {
		vga_vbe(VBE_ID, id);
		ck_assert_uint_eq(vga_vbe_get(VBE_ID), id < 0xb0c0 ? 0xb0c5 : MIN(id, 0xb0c5u));
	}
	ck_assert_uint_eq(vga_vbe_get(VBE_MEMORY_64K), 256);
	vga_vbe(VBE_ENABLE, VBE_GETCAPS);
	ck_assert(vga_vbe_get(VBE_XRES) == 1920 && vga_vbe_get(VBE_YRES) == 1200 && vga_vbe_get(VBE_BPP) == 32);
	vga_vbe_mode(1024, 768, 32, VBE_LFB);
	ck_assert(vga_vbe_get(VBE_ENABLE) == 0x41 && vga_vbe_get(VBE_VIRT_WIDTH) == 1024);
	ck_assert_uint_eq(vga_vbe_get(VBE_VIRT_HEIGHT), 4096);
	/* A mode that is on does not change. */
	vga_vbe(VBE_XRES, 640);
	vga_vbe(VBE_BPP, 8);
	ck_assert(vga_vbe_get(VBE_XRES) == 1024 && vga_vbe_get(VBE_BPP) == 32);
	vga_vbe(VBE_VIRT_WIDTH, 2048);
	ck_assert(vga_vbe_get(VBE_VIRT_WIDTH) == 2048 && vga_vbe_get(VBE_VIRT_HEIGHT) == 2048);
	vga_vbe(VBE_VIRT_WIDTH, 1000);
	vga_vbe(VBE_VIRT_WIDTH, 0xfff0);
	ck_assert_uint_eq(vga_vbe_get(VBE_VIRT_WIDTH), 2048);
	vga_vbe(VBE_X_OFFSET, 1024);
	vga_vbe(VBE_X_OFFSET, 1025);
	vga_vbe(VBE_Y_OFFSET, 1280);
	vga_vbe(VBE_Y_OFFSET, 0xffff);
	ck_assert(vga_vbe_get(VBE_X_OFFSET) == 1024 && vga_vbe_get(VBE_Y_OFFSET) == 1280);
	vga_vbe(VBE_VIRT_WIDTH, 1024);
	ck_assert_uint_eq(vga_vbe_get(VBE_X_OFFSET), 0);
	vga_vbe(VBE_BANK, 255);
	vga_vbe(VBE_BANK, 256);
	ck_assert_uint_eq(vga_vbe_get(VBE_BANK), 255);
	ck_assert_uint_eq(vga_vbe_get(VBE_NR), 0xffff);
}
END_TEST

/* What the memory cannot hold is not switched on. */
START_TEST(vbe_geometry)
{
	static const struct {
		u32 x, y, bpp;
		bool fits;
	} modes[] = { { 640, 480, 4, true },  { 644, 480, 4, false },  { 640, 400, 8, true },
		      { 640, 480, 8, false }, { 1, 1, 32, true },      { 0, 480, 8, false },
		      { 640, 0, 8, false },   { 320, 400, 16, true },  { 320, 410, 15, false },
		      { 320, 273, 24, true }, { 320, 274, 24, false }, { 1920, 1200, 32, false } };

	vga_start(VVGA_VRAM_MIN);
	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		vga_vbe_mode(modes[i].x, modes[i].y, modes[i].bpp, VBE_NOCLEAR);
		ck_assert_msg((vga_vbe_get(VBE_ENABLE) & 1) == modes[i].fits, "%ux%ux%u", modes[i].x, modes[i].y,
		              modes[i].bpp);
	}
	vga_start(VVGA_VRAM_MAX);
	vga_vbe_mode(1920, 1200, 32, 0);
	ck_assert(vga_vbe_get(VBE_ENABLE) == 1 && vga_vbe_get(VBE_VIRT_HEIGHT) == (16u << 20) / 7680);
	vga_vbe(VBE_ENABLE, 0);
	vga_vbe(VBE_XRES, 1921);
	vga_vbe(VBE_YRES, 1201);
	vga_vbe(VBE_BPP, 7);
	ck_assert(vga_vbe_get(VBE_XRES) == 1920 && vga_vbe_get(VBE_YRES) == 1200 && vga_vbe_get(VBE_BPP) == 32);
	vga_vbe(VBE_BPP, 0);
	ck_assert_uint_eq(vga_vbe_get(VBE_BPP), 8);
}
END_TEST

/* Banks, framebuffer and BAR 2 reach the same memory and registers. */
START_TEST(vbe_memory)
{
	vga_start(VVGA_VRAM_MAX);
	vga_vbe_mode(800, 600, 16, VBE_LFB);
	vga_write(VGA_LFB + 0x34567, 4, 0x11223344);
	vga_vbe(VBE_BANK, 3);
	vga_out(0x3c2, 1, 0x63);
	ck_assert_uint_eq(vga_read(VVGA_WINDOW + 0x4567, 2), 0x3344);
	vga_write(VVGA_WINDOW + 0xffff, 1, 0x99);
	ck_assert(vga.vram[0x3ffff] == 0x99 && vga_read(VVGA_WINDOW + 0xffff, 2) == 0xff99);
	ck_assert_uint_eq(vga_read(VGA_MMIO + 0x502, 4), 800 | 600 << 16);
	vga_write(VGA_MMIO + 0x50a, 2, 7);
	ck_assert_uint_eq(vga_vbe_get(VBE_BANK), 7);
	vga_write(VGA_MMIO + 0x40e, 2, 0x0302);
	ck_assert(vga.v.s.gc[2] == 3 && vga_read(VGA_MMIO + 0x40e, 2) == 0x0302);
	ck_assert(vga_read(VGA_MMIO, 4) == ~0u && vga_read(VGA_MMIO + 0x41e, 4) == ~0u);
}
END_TEST

/*
 * Switched on, the picture reads as zeros at once, though no access clears more than a bounded piece; behind the
 * picture everything stays, and what is drawn meanwhile does.
 */
START_TEST(vbe_clears)
{
	u32 end = 1000 * 1000 * 4, accesses = 0;

	vga_start(VVGA_VRAM_MAX);
	vga.maps = true;
	memset(vga.vram, 0xee, VVGA_VRAM_MAX);
	vga_vbe_mode(1000, 1000, 32, VBE_LFB);
	ck_assert(vga.vram[0] == 0xee && !vga.map[VVGA_MAP_LFB].len);
	ck_assert_uint_eq(vga_read(VGA_LFB + end - 4, 8), 0xeeeeeeee00000000);
	vga_write(VGA_LFB + 0x200000, 4, 0x12345678);
	ck_assert_uint_eq(vga_read(VGA_LFB + 0x1ffffc, 8), 0x1234567800000000);
	/* Text mode in between: its planes are clear as well. */
	vga_vbe(VBE_ENABLE, 0);
	vga_out(0x3c2, 1, 0x63);
	ck_assert_uint_eq(vga_read(VVGA_WINDOW + 0x8001, 1), 0);
	for (; !vga.map[VVGA_MAP_LFB].len; accesses++) {
		u32 left = 0, was = 0;

		for (u32 i = 0; i < ARRAY_SIZE(vga.v.s.unclean); i++)
			was += (u32)__builtin_popcountll(vga.v.s.unclean[i]);
		ck_assert_uint_eq(vga_read(VGA_LFB, 1), 0);
		for (u32 i = 0; i < ARRAY_SIZE(vga.v.s.unclean); i++)
			left += (u32)__builtin_popcountll(vga.v.s.unclean[i]);
		ck_assert_uint_le(was - left, 5);
	}
	ck_assert_uint_le(accesses, end / 4096 / 3 + 2);
	ck_assert(vga.vram[0x200000] == 0x78 && vga.vram[0x200004] == 0 && vga.vram[end] == 0xee);
	for (u32 i = 0x200004; i < end; i++)
		ck_assert_uint_eq(vga.vram[i], 0);
	/* Asked not to, it clears nothing. */
	vga_vbe_mode(1000, 1000, 32, VBE_LFB | VBE_NOCLEAR);
	ck_assert(vga.map[VVGA_MAP_LFB].len && vga_read(VGA_LFB + 0x200000, 4) == 0x12345678);
}
END_TEST

/* ---- maps ---- */

START_TEST(maps)
{
	vga_start(VVGA_VRAM_MAX);
	vga_vbe_mode(640, 480, 8, VBE_NOCLEAR);
	vga_out(0x3c2, 1, 0x63);
	vga_read(VGA_LFB, 1);
	ck_assert_uint_eq(vga.map_calls, 1); /* asked, refused */
	vga.maps = true;
	vga_read(VGA_LFB, 1);
	vga_read(VVGA_WINDOW, 1);
	ck_assert(vga.map[VVGA_MAP_LFB].gpa == VGA_LFB && vga.map[VVGA_MAP_LFB].len == 16u << 20);
	ck_assert(vga.map[VVGA_MAP_WINDOW].gpa == 0xa0000 && vga.map[VVGA_MAP_WINDOW].len == 0x10000);
	vga_vbe(VBE_BANK, 9);
	ck_assert_uint_eq(vga.map[VVGA_MAP_WINDOW].len, 0);
	vga_read(VVGA_WINDOW, 1);
	ck_assert_uint_eq(vga.map[VVGA_MAP_WINDOW].offset, 0x90000);
	/* The framebuffer moves; the window goes with the memory bit, and with its own. */
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_BAR0, 4, 0xf0000000, 0);
	ck_assert(!vga.map[VVGA_MAP_LFB].len && vga.map[VVGA_MAP_WINDOW].len);
	vga_read(0xf0000000, 1);
	ck_assert(vga.map[VVGA_MAP_LFB].gpa == 0xf0000000 && vga.map[VVGA_MAP_LFB].len);
	vga_out(0x3c2, 1, 0x61);
	ck_assert(!vga.map[VVGA_MAP_WINDOW].len && vga_read(VVGA_WINDOW, 1) == 0xff);
	vga_out(0x3c2, 1, 0x63);
	vga_read(VVGA_WINDOW, 1);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_COMMAND, 2, 0, 0);
	ck_assert(!vga.map[VVGA_MAP_WINDOW].len && !vga.map[VVGA_MAP_LFB].len);
	/* So do reset, restoring (mapped again when it is used) and taking off. */
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_COMMAND, 2, 3, 0);
	vga_read(0xf0000000, 1);
	vga_read(VVGA_WINDOW, 1);
	ck_assert(vga.map[VVGA_MAP_WINDOW].len && vga.map[VVGA_MAP_LFB].len);
	vvga_ops.restored(&vga.v, 0);
	ck_assert(!vga.map[VVGA_MAP_WINDOW].len && !vga.map[VVGA_MAP_LFB].len);
	vga_read(0xf0000000, 1);
	vga_read(VVGA_WINDOW, 1);
	ck_assert(vga.map[VVGA_MAP_WINDOW].len && vga.map[VVGA_MAP_LFB].len);
	vvga_ops.reset(&vga.v, 0);
	ck_assert(!vga.map[VVGA_MAP_WINDOW].len && !vga.map[VVGA_MAP_LFB].len && !vga.v.s.vbe[VBE_ENABLE]);
	vpci_cfg_write(&vga.pci, VGA_SLOT, 0, PCI_BAR0, 4, VGA_LFB, 0);
	vga_read(VGA_LFB, 1);
	ck_assert(vga.map[VVGA_MAP_LFB].len);
	vvga_ops.detach(&vga.v);
	ck_assert(!vga.map[VVGA_MAP_LFB].len);
}
END_TEST

/* ---- states ---- */

START_TEST(bad_states)
{
	static const struct state_bad bad[] = {
		{ "misc=0x10", "misc: 16: has bits that the register lacks" },
		{ "misc=0xef", "" },
		{ "feature=4", "feature: 4: has bits that the register lacks" },
		{ "subsystem=2", "subsystem: 2: has bits that the register lacks" },
		{ "attr_index=0x40", "attr_index: 64: has bits that the register lacks" },
		{ "dac_part=3", "dac_part: 3: is no part of a colour" },
		{ "seq[4]=1", "seq: 4: is the number of a register with bits that it lacks" },
		{ "gc[5]=4", "gc: 5: is the number of a register with bits that it lacks" },
		{ "attr[16]=16", "attr: 16: is the number of a register with bits that it lacks" },
		{ "crtc_index=255 seq_index=255 gc_index=255 vbe_index=65535", "" },
		{ "vbe[0]=0xb0bf", "vbe: 45247: is no VBE ID" },
		{ "vbe[1]=1921", "vbe: 1921: and its height are more than there can be" },
		{ "vbe[2]=1201", "vbe: 0: and its height are more than there can be" },
		{ "vbe[3]=9", "vbe: 9: is no depth" },
		{ "vbe[4]=4", "vbe: 4: has bits that the register lacks" },
		{ "vbe[4]=1", "vbe: 0: and what else is set are more than the memory holds" },
		{ "vbe[5]=16", "vbe: 16: is no bank" },
		{ "vbe[10]=16", "vbe: 16: is what the configuration says" },
		{ "vbe[1]=640 vbe[2]=480 vbe[4]=1 vbe[6]=640 vbe[7]=1638", "" },
		{ "vbe[1]=640 vbe[2]=480 vbe[4]=1 vbe[6]=639 vbe[7]=1638", "vbe: 639: makes no virtual screen" },
		{ "vbe[1]=640 vbe[2]=480 vbe[4]=1 vbe[6]=640 vbe[7]=1637", "vbe: 640: makes no virtual screen" },
		{ "vbe[1]=640 vbe[2]=480 vbe[4]=1 vbe[6]=640 vbe[7]=1638 vbe[8]=1",
		  "vbe: 1: and its row lead out of the virtual screen" },
		{ "vbe[1]=640 vbe[2]=480 vbe[4]=1 vbe[6]=640 vbe[7]=1638 vbe[9]=1159",
		  "vbe: 0: and its row lead out of the virtual screen" },
		{ "chained=16384", "" },
		{ "chained=16385", "chained: 16385: is more than there are groups" },
		{ "unclean[3]=0xffffffffffffffff", "" },
		{ "unclean[4]=1", "unclean: 4: is the number of one beyond the video memory" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(state_subjects_pci); i++)
		if (!strcmp(state_subjects_pci[i].name, "vga"))
			state_bad_check(&state_subjects_pci[i], 0, bad, ARRAY_SIZE(bad));
}
END_TEST

SUITE_MAIN("vvga", function, rom_pages, decoding, attach_is_all_or_nothing, read_back, mono_and_colour, dac, retrace,
           vbe_registers, vbe_geometry, vbe_memory, vbe_clears, maps, bad_states)
