; A multiboot1 program linked at 16 KiB that runs in real mode: what exits there, interrupts, memory beyond 1 MiB.
; Stands alone: no runtime, 16-bit code, all below 64 KiB. Reports as the other payloads do.

%include "tests/guest/rt/low.inc"

%macro vector 2 ; number, handler
	mov word [%1 * 4], %2
	mov word [%1 * 4 + 2], 0
%endmacro

low_start "low"

	mov eax, cr0
	test al, 1
	check "real mode in an image below 64 KiB"
	mov eax, [info_flags]
	not al
	test al, 1
	check "multiboot information with memory sizes"

	mov eax, 1
	cpuid
	bt ecx, 31
	jnc .no_hv
	sidt [idt_ptr] ; a boot loader may leave anything; a PC's firmware leaves this
	cmp word [idt_ptr], 0x3ff
	check "IDTR has the limit of the real-mode vectors"
	cmp dword [idt_ptr + 2], 0
	check "IDTR has their base"
.no_hv:
	lidt [real_idt]
	call big_segment
	mov dword [gs:dword 0x00200000], 0x12345678
	mov ebx, 0x00200000
	cmp dword [gs:ebx], 0x12345678
	check "memory beyond 1 MiB by a 4-GiB segment"
	mov ebx, 0xfec00000
	mov dword [gs:ebx], 1
	mov eax, [gs:ebx + 0x10]
	and al, 0xf0
	xor al, 0x10
	and al, 0x10 ^ 0x30 ^ 0x20 ; version 1xh or 2xh
	check "I/O APIC registers from real mode"

	xor eax, eax
	cpuid
	cmp eax, 1
	setb al
	test al, al
	check "CPUID"
	mov eax, cr0
	mov ebx, eax
	or ebx, 0x40000000
	mov cr0, ebx
	smsw ecx
	mov cr0, eax
	cmp ecx, ebx
	check "SMSW shows CD"
	mov eax, 0x401
	mov dr7, eax
	mov ebx, dr7
	mov eax, 0x400
	mov dr7, eax
	cmp ebx, 0x401
	check "DR7"
	mov cx, 100
.flip:
	mov eax, cr0
	or al, 1
	mov cr0, eax
	and al, ~1
	mov cr0, eax
	loop .flip
	mov eax, cr0
	test al, 1
	check "CR0.PE on and off"
	mov ecx, 0x1b
	rdmsr
	and eax, 0xfffff000
	cmp eax, 0xfee00000
	check "RDMSR"

	mov eax, 1
	cpuid
	bt ecx, 31
	jnc .no_testdev
	mov si, string
	mov cx, 4
	mov dx, 0xe0
	rep outsb
	in al, 0xe0
	cmp al, 'd'
	check "REP OUTSB"
	mov eax, 0x44434241
	out 0xe0, eax
	mov di, buffer
	mov cx, 3
	mov dx, 0xe0
	rep insb
	cmp dword [buffer], 0x00414141
	check "REP INSB"
	a32 mov ax, 0xbeef
	out 0xe0, ax
	xor eax, eax
	in ax, 0xe0
	cmp eax, 0xbeef
	check "IN and OUT of a word"
.no_testdev:

	vector 0x60, on_int
	stc
	int 0x60
	mov al, 0
	adc al, 0
	cmp al, 1
	check "INT keeps the flags"
	cmp byte [ints], 1
	check "INT through the vector table"
	vector 0, on_de
	xor bx, bx
	mov ax, 7
	div bl
	cmp byte [faults], 1
	check "#DE through the vector table, without error code"

	; local APIC: a self-IPI
	vector 0x31, on_ipi
	mov ebx, 0xfee00000
	mov dword [gs:ebx + 0xf0], 0x1ff
	mov dword [gs:ebx + 0x310], 0
	mov eax, [gs:ebx + 0x20]
	mov [gs:ebx + 0x310], eax
	mov dword [gs:ebx + 0x300], 0x4031
	sti
	nop
	nop
	cli
	cmp byte [ipis], 1
	check "a self-IPI in real mode"

	; 8259A and 8254: ticks wake from HLT
	vector 0x20, on_tick
	mov al, 0x11
	out 0x20, al
	mov al, 0x20
	out 0x21, al
	mov al, 4
	out 0x21, al
	mov al, 1
	out 0x21, al
	mov al, 0xfe
	out 0x21, al
	mov al, 0xff
	out 0xa1, al
	mov dword [gs:ebx + 0x350], 0x700 ; LINT0: ExtINT
	mov al, 0x34
	out 0x43, al
	mov al, 0x00
	out 0x40, al
	mov al, 0x10
	out 0x40, al
	mov cx, 5
.tick:
	sti
	hlt
	cli
	loop .tick
	cmp byte [ticks], 5
	check "timer interrupts by the 8259A wake from HLT"
	mov al, 0xff
	out 0x21, al

	jmp finish

; GS gets a limit of 4 GiB.
big_segment:
	lgdt [gdt_ptr]
	mov eax, cr0
	or al, 1
	mov cr0, eax
	mov bx, SEG_BIG
	mov gs, bx
	and al, ~1
	mov cr0, eax
	ret

on_int:
	inc byte [ints]
	clc
	iret
on_de:
	inc byte [faults]
	push bp
	mov bp, sp
	add word [bp + 2], 2 ; over DIV BL
	pop bp
	iret
on_ipi:
	inc byte [ipis]
	push ebx
	mov ebx, 0xfee000b0
	mov dword [gs:ebx], 0
	pop ebx
	iret
on_tick:
	inc byte [ticks]
	push ax
	mov al, 0x20
	out 0x20, al
	pop ax
	iret

section .data
real_idt:
	dw 0x3ff
	dd 0
idt_ptr:
	dw 0
	dd 0
buffer: dd 0
ints: db 0
faults: db 0
ipis: db 0
ticks: db 0
string: db "abcd"
