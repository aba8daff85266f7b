/*
 * What v86_32.c, which alone includes this, compares with: what becomes of each sensitive instruction in virtual-8086 mode.
 * SDM vol. 3 "8086 Emulation", tables "Software Interrupt Handling Methods While in Virtual-8086 Mode", and vol. 2.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEL_TSS 0x58
#define CS32    0x18
#define DS32    0x10
#define TF      0x100u
#define IF      0x200u
#define IOPL    0x3000u
#define VM      0x20000u
#define VIF     0x80000u
#define VIP     0x100000u
#define CODE    ((volatile u8 *)0x7000)
#define STACK   0x8000u
#define SP      0x100u
#define DATA    ((volatile u8 *)0x6000)
#define WINDOW  0x90000u /* the local APIC's page, where 16-bit code reaches it */
#define BACK    0x40     /* where IRET goes */
#define VECTOR  0x60     /* where the IVT's entries point */

enum { UD = 6, GP = 13, NOT = 0xdead };

struct frame {
	u32 edi, esi, ebp, esp0, ebx, edx, ecx, eax;
	u32 vector, error, eip, cs, eflags, esp, ss, es, ds, fs, gs;
};
struct tss {
	u32 prev, esp0, ss0, unused[22];
	u16 trap, iomap;
	u8 redirection[32], io[8193];
};

static u32 vme, entry; /* of the run under way */

/* What the SDM says becomes of a run. */
struct outcome {
	u32 vector, error, eip, eflags, sp;
	u32 pushed; /* the flags on the stack, 16 bits of them; NOT: none */
};

static u32 iopl(void)
{
	return entry >> 12 & 3;
}

static void gp(struct outcome *o)
{
	*o = (struct outcome){ .vector = GP, .eflags = entry, .sp = SP, .pushed = NOT };
}

static void want_cli(struct outcome *o, u32 image)
{
	if (iopl() == 3)
		o->eflags &= ~IF;
	else if (vme)
		o->eflags &= ~VIF;
	else
		gp(o);
}

static void want_sti(struct outcome *o, u32 image)
{
	if (iopl() == 3)
		o->eflags |= IF;
	else if (vme && !(entry & VIP))
		o->eflags |= VIF;
	else
		gp(o);
}

/* As 16-bit code sees its flags: VIF in the place of IF, IOPL 3. */
static u32 seen(void)
{
	if (iopl() == 3)
		return entry & 0xffff;
	return (entry & 0xffff & ~IF) | IOPL | (entry & VIF ? IF : 0);
}

static void want_pushf(struct outcome *o, u32 image)
{
	o->sp -= 2;
	o->pushed = seen();
	if (iopl() != 3 && !vme)
		gp(o);
}

static void take_flags(struct outcome *o, u32 image)
{
	if (iopl() == 3)
		o->eflags = (entry & ~IF) | (image & IF);
	else if (vme && !(image & IF && entry & VIP))
		o->eflags = (entry & ~VIF) | (image & IF ? VIF : 0);
	else
		gp(o);
}

static void want_popf(struct outcome *o, u32 image)
{
	o->sp += 2;
	take_flags(o, image);
}

static void want_pushfd(struct outcome *o, u32 image)
{
	o->sp -= 4;
	o->pushed = entry & 0xffff;
	if (iopl() != 3)
		gp(o);
}

static void want_popfd(struct outcome *o, u32 image)
{
	o->sp += 4;
	o->eflags = (entry & ~IF) | (image & IF);
	if (iopl() != 3)
		gp(o);
}

static void want_iret(struct outcome *o, u32 image)
{
	o->sp += 6;
	o->eip = BACK;
	take_flags(o, image);
}

/* INT 31h's bit in the redirection map is clear: with VME it stays in virtual-8086 mode, at any IOPL. */
static void want_int31(struct outcome *o, u32 image)
{
	if (vme) {
		o->eip = VECTOR;
		o->sp -= 6;
		o->pushed = seen();
		o->eflags &= iopl() == 3 ? ~IF : ~VIF;
	} else if (iopl() == 3) {
		o->vector = 0x31;
	} else {
		gp(o);
	}
}

static void want_int30(struct outcome *o, u32 image)
{
	o->vector = 0x30;
	if (iopl() != 3)
		gp(o);
}

/* Its gate has DPL 0. */
static void want_int32(struct outcome *o, u32 image)
{
	gp(o);
	if (iopl() == 3)
		o->error = 0x32 * 8 + 2;
}

static void want_int3(struct outcome *o, u32 image)
{
	o->vector = 3;
}

static void want_gp(struct outcome *o, u32 image)
{
	gp(o);
}

static const struct instruction {
	const char *name;
	u8 code[4], len;
	void (*want)(struct outcome *o, u32 image);
} instructions[] = {
	{ "CLI", { 0xfa }, 1, want_cli },
	{ "STI", { 0xfb }, 1, want_sti },
	{ "PUSHF", { 0x9c }, 1, want_pushf },
	{ "POPF", { 0x9d }, 1, want_popf },
	{ "PUSHFD", { 0x66, 0x9c }, 2, want_pushfd },
	{ "POPFD", { 0x66, 0x9d }, 2, want_popfd },
	{ "IRET", { 0xcf }, 1, want_iret },
	{ "INT n, redirected", { 0xcd, 0x31 }, 2, want_int31 },
	{ "INT n, not redirected", { 0xcd, 0x30 }, 2, want_int30 },
	{ "INT n, DPL 0", { 0xcd, 0x32 }, 2, want_int32 },
	{ "INT3", { 0xcc }, 1, want_int3 },
	{ "HLT", { 0xf4 }, 1, want_gp },
	{ "MOV from CR0", { 0x0f, 0x20, 0xc0 }, 3, want_gp },
	{ "MOV to DR7", { 0x0f, 0x23, 0xf8 }, 3, want_gp },
	{ "CLTS", { 0x0f, 0x06 }, 2, want_gp },
};
