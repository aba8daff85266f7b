/*
 * PS/2 mouse with wheel, as it is at the far end of the 8042's wire. Pure. IBM PS/2 Technical Reference, "Mouse";
 * Microsoft's IntelliMouse for the knock (sample rates 200, 100, 80) that makes a fourth
 * byte of it: ID 3, the wheel.
 *
 * What moves faster than the sample rate or a packet's 9 bits allow is told by the following packets: nothing is
 * lost, and the overflow bits stay clear. The resolution is told back, but counts are the back-end's.
 */
#pragma once

#include "lib/types.h"
#include "vmm/state/fields.h"

struct input_motion;

#define VPS2MOUSE_OUT 8 /* acknowledgement and what follows it */

#define VPS2MOUSE_STATE(T, F, A, S)                                                                  \
	A(T, u8, out, VPS2MOUSE_OUT) /* to be sent; stays until the next, for Resend */              \
	F(T, u8, out_at)                                                                             \
	F(T, u8, out_end)                                                                            \
	F(T, u8, cmd)        /* command that waits for its argument, 0: none */                      \
	F(T, u8, id)         /* 0: three buttons; 3: a wheel as well */                              \
	F(T, u8, knock)      /* how many of the three sample rates have come */                      \
	F(T, u8, rate)       /* samples a second, 1 to 200 */                                        \
	F(T, u8, resolution) /* 0 to 3 */                                                            \
	F(T, bool, doubled)  /* scaling 2:1 */                                                       \
	F(T, bool, remote)   /* tells only when asked */                                             \
	F(T, bool, wrap)     /* echoes */                                                            \
	F(T, bool, enabled)  /* in stream mode */                                                    \
	F(T, bool, refused)  /* the last byte was refused: a second time is an error */              \
	F(T, u8, buttons)    /* input.h's */                                                         \
	F(T, u8, told)       /* those that the last packet told of */                                \
	F(T, u32, dx)        /* counts not told yet, as s32: -32768 to 32767; dy's up is positive */ \
	F(T, u32, dy)                                                                                \
	F(T, u32, dz)                                                                                \
	F(T, u64, sample_at) /* ns before which no packet is made */
STATE_STRUCT(vps2mouse_state, VPS2MOUSE_STATE);

/* Power-on: stream mode, disabled. */
void vps2mouse_init(struct vps2mouse_state *s);
void vps2mouse_motion(struct vps2mouse_state *s, const struct input_motion *m);
/* A byte from the controller. */
void vps2mouse_write(struct vps2mouse_state *s, u8 val, u64 now);
/* Whether it has a byte to send; that byte. */
bool vps2mouse_has(const struct vps2mouse_state *s);
u8 vps2mouse_read(struct vps2mouse_state *s);
/* Makes a packet when there is something to tell and time for it. */
void vps2mouse_run(struct vps2mouse_state *s, u64 now);
/* When vps2mouse_run() will make one, ns; TIMER_OFF: not before something happens. */
u64 vps2mouse_next(const struct vps2mouse_state *s);
bool vps2mouse_valid(const struct vps2mouse_state *s, struct state_check *c);
