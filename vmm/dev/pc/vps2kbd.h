/*
 * PS/2 keyboard, as it is at the far end of the 8042's wire: takes bytes, has bytes. Pure. IBM PS/2 Technical
 * Reference, "Keyboards (101- and 102-Key)": commands, scan code sets 1 to 3, typematic, the 16-byte buffer.
 *
 * The self test takes no time. Keys that were down when the guest disables or resets the keyboard are forgotten. The
 * shifts that a keyboard sends around the grey keys while Num Lock is on are not sent: the codes say which key it is.
 */
#pragma once

#include "lib/types.h"
#include "vmm/state/fields.h"

#define VPS2KBD_BUFFER 16
#define VPS2KBD_REPLY  4
#define VPS2KBD_CODES  0x90 /* set 3's codes are below */

#define VPS2KBD_STATE(T, F, A, S)                                                                    \
	A(T, u8, buf, VPS2KBD_BUFFER) /* scan codes not sent yet */                                  \
	F(T, u8, head)                                                                               \
	F(T, u8, count)                                                                              \
	F(T, bool, overrun)            /* the last one in buf says that more were lost */            \
	A(T, u8, reply, VPS2KBD_REPLY) /* sent before those */                                       \
	F(T, u8, reply_at)                                                                           \
	F(T, u8, reply_end)                                                                          \
	F(T, u8, cmd)  /* command that waits for its argument, 0: none */                            \
	F(T, u8, last) /* sent last: for Resend */                                                   \
	F(T, u8, set)  /* 1 to 3 */                                                                  \
	F(T, u8, leds)                                                                               \
	F(T, u8, typematic) /* rate and delay as set */                                              \
	F(T, bool, scanning)                                                                         \
	F(T, u8, mods)                         /* shift, control and alternate keys that are down */ \
	F(T, u16, repeat)                      /* key that repeats, as in input.h, 0: none */        \
	F(T, u64, repeat_at)                   /* ns of its next repeat, TIMER_OFF: none */          \
	A(T, u8, no_break, VPS2KBD_CODES / 8)  /* set 3: a bit for each code that has no break */    \
	A(T, u8, no_repeat, VPS2KBD_CODES / 8) /* set 3: and that does not repeat */
STATE_STRUCT(vps2kbd_state, VPS2KBD_STATE);

/* Power-on: set 2, scanning, nothing to send. */
void vps2kbd_init(struct vps2kbd_state *s);
/* A key goes down or up: vmm/backend/input.h. */
void vps2kbd_key(struct vps2kbd_state *s, u16 key, bool down, u64 now);
/* How many key events its buffer has room for, whichever they are. */
u32 vps2kbd_room(const struct vps2kbd_state *s);
/* A byte from the controller. */
void vps2kbd_write(struct vps2kbd_state *s, u8 val, u64 now);
/* Whether it has a byte to send; that byte. */
bool vps2kbd_has(const struct vps2kbd_state *s);
u8 vps2kbd_read(struct vps2kbd_state *s);
/* A repeat that is due: one, however late. The next one, if any, is at repeat_at, which is later than now. */
void vps2kbd_run(struct vps2kbd_state *s, u64 now);
bool vps2kbd_valid(const struct vps2kbd_state *s, struct state_check *c);

/* ---- vps2codes.c ---- */

#define VPS2_CODES_MAX 8 /* bytes of the longest sequence */

/*
 * What a key sends in a set: number of bytes, 0: nothing. mods: of VPS2_SHIFT ..., those that are down.
 */
#define VPS2_SHIFT(right) (0x01u << (right))
#define VPS2_CTRL(right)  (0x04u << (right))
#define VPS2_ALT(right)   (0x10u << (right))
u32 vps2_codes(u8 set, u16 key, bool down, u8 mods, u8 out[VPS2_CODES_MAX]);
/* Set 3's code of a key, 0: it has none. */
u8 vps2_set3(u16 key);
/* Set 2's code as the 8042 translates it to set 1 (without F0h, which makes it set bit 7). */
u8 vps2_translate(u8 code);
