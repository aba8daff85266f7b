; Start of application processors: 16-bit entry at RT_AP_PAGE, copied there by rt_smp_start(), then long mode, a stack
; each, rt_ap_entry(). SDM vol. 3 "Multiple-Processor (MP) Initialization".

%define SEL_CODE64 0x08
%define SEL_DATA   0x10
%define SEL_CODE32 0x18
%define AP_STACK   16384
%define MAX_CPUS   16

extern enter_long
extern rt_gdt_ptr
extern rt_gdt
extern rt_ap_entry

section .rodata
global rt_ap_code
global rt_ap_code_end
align 16
rt_ap_code:
bits 16
	cli
	cld
	mov ax, cs
	mov ds, ax
	o32 lgdt [.gdt - rt_ap_code]
	mov eax, cr0
	or al, 1
	mov cr0, eax
	jmp dword SEL_CODE32:ap32
align 8
.gdt:
	dw 0x2f
	dd rt_gdt
rt_ap_code_end:

section .text
bits 32
ap32:
	mov eax, SEL_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov eax, 1
	lock xadd [rt_ap_started], eax
	cmp eax, MAX_CPUS - 1
	jae .too_many
	mov edi, eax
	inc edi ; number of this CPU: 1 and up, in the order of arrival
	imul eax, edi, AP_STACK
	lea esp, [ap_stacks + eax]
	call enter_long
bits 64
	mov edi, edi
	xor ebp, ebp
	call rt_ap_entry
bits 32
.too_many:
	cli
	hlt
	jmp .too_many

section .data
global rt_ap_started
align 4
rt_ap_started: dd 0

section .bss align=4096
ap_stacks: resb AP_STACK * MAX_CPUS
