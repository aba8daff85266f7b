; A second processor's start: from the start-up IPI in real mode to ap_main() in 64-bit mode.
; SDM vol. 3 "MP Initialization Protocol Requirements and Restrictions".

extern rt_gdt
extern rt_cr3
extern rt_load_idt
extern ap_main

section .text
; Copied to a page below 1 MiB; CS is that page's.
bits 16
global ap_start
global ap_start_end
ap_start:
	cli
	mov ax, cs
	mov ds, ax
	o32 lgdt [gdtr - ap_start]
	mov eax, cr0
	or al, 1
	mov cr0, eax
	jmp dword 0x18:ap32
gdtr:
	dw 0x57
	dd rt_gdt
ap_start_end:

bits 32
ap32:
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov eax, cr4
	or eax, 0x20 ; PAE
	mov cr4, eax
	mov eax, [rt_cr3]
	mov cr3, eax
	mov ecx, 0xc0000080
	rdmsr
	or eax, 0x100 ; LME
	wrmsr
	mov eax, cr0
	and eax, ~0x6000000c & 0xffffffff ; CD, NW, TS, EM
	or eax, 0x80010023                ; PG, WP, NE, MP, PE
	mov cr0, eax
	jmp 0x08:ap64
bits 64
ap64:
	mov rsp, ap_stack_top
	xor ebp, ebp
	call rt_load_idt
	call ap_main
	cli
	hlt
	jmp $ - 1

section .bss
alignb 16
	resb 16384
ap_stack_top:
