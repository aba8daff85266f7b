/*
 * One counter of the 8254; for vpit.c. t: the clock, at least that of the call before. What is asked of a counter
 * (out, next_edge) it must have been settled for.
 */
#pragma once

#include "vmm/dev/pc/vpit.h"

u32 vpit_chan_mode(const struct vpit_chan *c);
/* Values of the counting element. */
u32 vpit_chan_modulus(const struct vpit_chan *c);
/* Lets a count that was waiting for the end of a period take effect. */
void vpit_chan_settle(struct vpit_chan *c, u64 t);
bool vpit_chan_out(const struct vpit_chan *c, u64 t);
/* Clock of the next rising edge of OUT after t, TIMER_OFF: none. */
u64 vpit_chan_next_edge(const struct vpit_chan *c, u64 t);
/* Clocks between such edges; 0: there is one at most, or a new count is to come. */
u32 vpit_chan_period(const struct vpit_chan *c);
void vpit_chan_control(struct vpit_chan *c, u8 cw, u64 t);
void vpit_chan_write(struct vpit_chan *c, u8 val, u64 t);
u8 vpit_chan_read(struct vpit_chan *c, u64 t);
void vpit_chan_latch(struct vpit_chan *c, u64 t);
void vpit_chan_latch_status(struct vpit_chan *c, u64 t);
void vpit_chan_gate(struct vpit_chan *c, bool gate, u64 t);
/* Of a state that came from outside: whether counter i can be so at clock t. */
bool vpit_chan_valid(const struct vpit_chan *c, u32 i, u64 t, struct state_check *check);
