/* The hypervisor's own exceptions and interrupts. */
#pragma once

#include "lib/types.h"

struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

/* Host interrupt vectors, above everything the LAPIC reserves; a guest's vectors are never among them. */
#define VEC_TIMER    0xf0
#define VEC_KICK     0xf1
#define VEC_UART     0xf2
#define VEC_KBD      0xf4
#define VEC_ERROR    0xfe
#define VEC_SPURIOUS 0xff

typedef void (*irq_fn)(void);

/*
 * Gives the bootstrap processor stacks of their own for NMI, #DF and #MC; first of all. Until the next percpu_load() it
 * is boot_cpu. What boot/entry.asm has loaded before reports other traps from the first instruction of long mode on.
 */
void trap_init(void);
/* An NMI that came before the bootstrap processor's own data: once, true. */
bool trap_boot_nmi(void);
/* Registers the handler of a host interrupt vector. It runs with interrupts off, from the IDT or from a VM exit. */
void irq_register(u8 vector, irq_fn fn);
/* Runs the handler of a vector taken by a VM exit with "acknowledge interrupt on exit", and EOIs. */
void irq_dispatch(u8 vector);

/* Text of a code address, "symbol+0x12"; buf gets at most size bytes. */
void symbol_format(u64 addr, char *buf, size_t size);

/* Called first in a panic, before anything is printed. */
void panic_set_begin(void (*fn)(void));
/* Extra dump printed by panic (the exit ring, current guest); registered by the layer above. */
void panic_set_dump(void (*fn)(void));
/* What panic does at its end: halt (default), or reset through the registered function. */
void panic_set_final(void (*fn)(void));
