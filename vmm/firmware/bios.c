/*
 * What a BIOS leaves below 1 MiB that programs look at without calling it: its data area, and the entry at FFFF0h.
 * IBM PS/2 and PC BIOS Interface Technical Reference, "BIOS Data Area" and "ROM tables".
 */
#include "vmm/firmware/priv.h"

#define MODE_80X25  3
#define COLUMNS     80
#define ROWS        25
#define PAGE_BYTES  0x1000 /* of the screen's memory */
#define CHAR_HEIGHT 16
#define CRTC_PORT   0x3d4

#define EQUIPMENT_FPU   0x0002
#define EQUIPMENT_COLOR 0x0020 /* starts in 80x25 of a colour adapter */

static void text_screen(u8 *low)
{
	low[0x449] = MODE_80X25;
	fw_put16(low, 0x44a, COLUMNS);
	fw_put16(low, 0x44c, PAGE_BYTES);
	fw_put16(low, 0x460, 0x0d0e); /* the cursor's lines */
	fw_put16(low, 0x463, CRTC_PORT);
	low[0x465] = 0x29; /* mode control: 80x25 text, picture on, blinking */
	low[0x484] = ROWS - 1;
	fw_put16(low, 0x485, CHAR_HEIGHT);
}

void fw_bda_build(const struct fw_config *cfg, u8 *low)
{
	static const u16 com_ports[4] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
	u16 coms = 0;

	for (u32 i = 0; i < 4; i++) {
		fw_put16(low, 0x400 + 2 * i, cfg->com_mask & BIT(i) ? com_ports[i] : 0);
		coms += !!(cfg->com_mask & BIT(i));
	}
	fw_put16(low, 0x40e, (u16)(GUEST_EBDA_BASE >> 4));
	fw_put16(low, 0x410, (u16)(EQUIPMENT_FPU | EQUIPMENT_COLOR | coms << 9));
	fw_put16(low, 0x413, (u16)(GUEST_EBDA_BASE >> 10));
	low[GUEST_EBDA_BASE] = (u8)((GUEST_VGA_BASE - GUEST_EBDA_BASE) >> 10);
	text_screen(low);
}

/*
 * The processor's entry after a reset, to which real-mode programs jump (FFFF:0000) to restart the machine, goes on to
 * F000:FFE0. There, by the port that the FADT names: cli; mov dx, 0CF9h; mov al, 02h; out dx, al (should RST_CPU be
 * 1); mov al, 06h; out dx, al; and hlt for ever. Behind the entry the BIOS' date and the model: an AT.
 */
void fw_reset_entry_build(u8 *rom)
{
	static const u8 code[] = { 0xfa, 0xba, 0xf9, 0x0c, 0xb0, 0x02, 0xee, 0xb0, 0x06, 0xee, 0xf4, 0xeb, 0xfd };
	static const u8 entry[16] = { 0xea, 0xe0, 0xff, 0x00, 0xf0, '0', '1', '/', '0', '1', '/', '2', '5', 0, 0xfc };
	_Static_assert(sizeof(code) <= FW_RESET_ENTRY - FW_RESET_CODE, "the code ends before the entry");
	_Static_assert(FW_RESET_CODE == 0xfffe0 && FW_RESET_PORT == 0xcf9 && FW_RESET_VALUE == 6, "as written there");

	memcpy(rom, code, sizeof(code));
	memcpy(rom + (FW_RESET_ENTRY - FW_RESET_CODE), entry, sizeof(entry));
}
