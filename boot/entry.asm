; The multiboot1/2 entry: 32-bit protected mode, paging off, loaded at any 2-MiB aligned address below 4 GiB.
; Builds the first page tables, enters long mode and calls hv_main(magic, info address, load delta).
; Sources: Multiboot2 Specification 2.0 (Machine state, Header); Multiboot Specification 0.6.96;
; SDM vol. 3 "Initializing IA-32e Mode".

KERNEL_VMA	equ 0xffffffff80000000
MB2_MAGIC	equ 0xe85250d6
MB1_MAGIC	equ 0x1badb002
MB1_FLAGS	equ (1 << 0) | (1 << 1) | (1 << 16)	; page-align modules, memory map, address fields

CR0_PE		equ 1 << 0
CR0_MP		equ 1 << 1
CR0_ET		equ 1 << 4
CR0_NE		equ 1 << 5
CR0_WP		equ 1 << 16
CR0_PG		equ 1 << 31
CR4_PAE		equ 1 << 5
CR4_OSFXSR	equ 1 << 9
CR4_OSXMMEXCPT	equ 1 << 10
PAT_MSR		equ 0x277
PAT_LOW		equ 0x00070406		; PAT_HOST of arch/x86/cpu.h: WB, WT, UC-, UC
PAT_HIGH	equ 0x00070106		; and WB, WC, UC-, UC
EFER_MSR	equ 0xc0000080
FS_BASE_MSR	equ 0xc0000100
GS_BASE_MSR	equ 0xc0000101
EFER_LME	equ 1 << 8
EFER_NXE	equ 1 << 11

%define PHYS(sym) ((sym) - KERNEL_VMA)

extern image_start, load_end, image_end, hv_main
extern trap_vectors, trap_idt, boot_cpu
global entry32, entry64, boot_pml4, boot_start_tsc, boot_stack_top

section .multiboot align=8
mb2_header:
	dd MB2_MAGIC, 0, mb2_end - mb2_header, 0x100000000 - (MB2_MAGIC + (mb2_end - mb2_header))
	; information request: command line, modules, memory map (required)
	dw 1, 0
	dd 8 + 3 * 4
	dd 1, 3, 6
	align 8
	; information request, optional: framebuffer, EFI64 system table, ACPI old and new RSDP, load base
	dw 1, 1
	dd 8 + 5 * 4
	dd 8, 12, 14, 15, 21
	align 8
	; relocatable: lowest 2-MiB aligned place from 2 MiB up to 4 GiB
	dw 10, 1
	dd 24
	dd 0x200000, 0xffffffff, 0x200000, 1
	; console: no console required, EGA text supported
	dw 4, 1
	dd 12
	dd 2
	align 8
	; framebuffer, optional, of any size: without this tag GRUB gives none, and by UEFI there is no other screen. It has
	; GRUB set gfxpayload to "auto" at the multiboot2 command: what is to be otherwise is set after that.
	dw 5, 1
	dd 20
	dd 0, 0, 0
	align 8
	; modules page aligned
	dw 6, 1
	dd 8
	dw 0, 0
	dd 8
mb2_end:

	align 4
mb1_header:
	dd MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
	dd PHYS(mb1_header), PHYS(image_start), PHYS(load_end), PHYS(image_end), PHYS(entry32)

section .text
bits 32
entry32:
	cli
	cld
	; There is no stack yet: borrow the loader's information block's second word for one CALL, and put it back.
	mov ecx, [ebx + 4]
	lea esp, [ebx + 8]
	call .here
.here:
	pop ebp
	mov [ebx + 4], ecx
	sub ebp, PHYS(.here)		; EBP = load delta
	mov esi, eax			; ESI = loader's magic
	lea esp, [ebp + PHYS(boot_stack_top)]
	push esi
	push dword 2			; all flags off
	popfd
	rdtsc
	mov [ebp + PHYS(boot_start_tsc)], eax
	mov [ebp + PHYS(boot_start_tsc) + 4], edx

	; Long mode is needed before anything can be said in C.
	pushfd
	pop eax
	mov ecx, eax
	xor eax, 1 << 21
	push eax
	popfd
	pushfd
	pop eax
	xor eax, ecx
	jz no_long_mode
	mov edi, ebx
	mov eax, 0x80000000
	cpuid
	cmp eax, 0x80000001
	jb no_long_mode
	mov eax, 0x80000001
	cpuid
	bt edx, 29
	jnc no_long_mode
	; NX is needed for W^X.
	bt edx, 20
	jnc no_nx
	mov ebx, edi

	; Identity map of the first 4 GiB and the image at KERNEL_VMA, both in 2-MiB pages.
	lea edi, [ebp + PHYS(boot_pd)]
	mov eax, 0x83
	mov ecx, 2048
.fill_low:
	mov [edi], eax
	mov dword [edi + 4], 0
	add eax, 0x200000
	add edi, 8
	loop .fill_low
	lea edi, [ebp + PHYS(boot_pd_high)]
	lea eax, [ebp + 0x83]
	mov ecx, 64
.fill_high:
	mov [edi], eax
	mov dword [edi + 4], 0
	add eax, 0x200000
	add edi, 8
	loop .fill_high
	lea eax, [ebp + PHYS(boot_pd) + 3]
	lea edi, [ebp + PHYS(boot_pdpt)]
	mov ecx, 4
.fill_pdpt:
	mov [edi], eax
	add eax, 0x1000
	add edi, 8
	loop .fill_pdpt
	lea eax, [ebp + PHYS(boot_pd_high) + 3]
	mov [ebp + PHYS(boot_pdpt_high) + 510 * 8], eax
	lea eax, [ebp + PHYS(boot_pdpt) + 3]
	mov [ebp + PHYS(boot_pml4)], eax
	mov [ebp + PHYS(boot_pml4) + 256 * 8], eax	; the direct map's slot: mm/hvmem.h
	lea eax, [ebp + PHYS(boot_pdpt_high) + 3]
	mov [ebp + PHYS(boot_pml4) + 511 * 8], eax

	; Gates for all traps, so that the first one of long mode is told. Their handlers lie in the image's top 2 GiB.
	lea edi, [ebp + PHYS(trap_idt)]
	lea esi, [ebp + PHYS(trap_vectors)]
	mov ecx, 256
.fill_idt:
	mov edx, [esi]
	movzx eax, dx
	or eax, 8 << 16			; the code segment
	mov [edi], eax
	mov dx, 0x8e00			; present, 64-bit interrupt gate
	mov [edi + 4], edx
	mov dword [edi + 8], 0xffffffff
	add esi, 8
	add edi, 16
	loop .fill_idt
	lea eax, [ebp + PHYS(trap_idt)]
	mov [ebp + PHYS(boot_idtr) + 2], eax

	; Everything of the loader's goes: what remained might mean something else in long mode (5-level paging), or act
	; on its own (breakpoints, flags).
	xor eax, eax
	mov dr7, eax
	lldt ax
	lea eax, [ebp + PHYS(boot_gdt)]
	mov [ebp + PHYS(boot_gdtr) + 2], eax
	lgdt [ebp + PHYS(boot_gdtr)]
	lea eax, [ebp + PHYS(boot_pml4)]
	mov cr3, eax
	mov eax, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT
	mov cr4, eax
	mov ecx, EFER_MSR
	mov eax, EFER_LME | EFER_NXE
	xor edx, edx
	wrmsr
	mov ecx, PAT_MSR
	mov eax, PAT_LOW
	mov edx, PAT_HIGH
	wrmsr
	; FS and GS: per-CPU data, of which traps and the stack protector's canary (FS:28h) need some from the start.
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov eax, boot_cpu - KERNEL_VMA + (KERNEL_VMA & 0xffffffff)
	mov edx, KERNEL_VMA >> 32
	mov ecx, FS_BASE_MSR
	wrmsr
	mov ecx, GS_BASE_MSR
	wrmsr
	lidt [ebp + PHYS(boot_idtr)]
	mov esi, [esp]			; the loader's magic, saved above
	mov eax, CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG
	mov cr0, eax
	lea eax, [ebp + PHYS(entry64)]
	push dword 8
	push eax
	retf
bits 64
entry64:
	mov rax, .high
	jmp rax
.high:
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov rsp, boot_stack_top
	mov edi, esi
	mov esi, ebx
	mov edx, ebp
	xor ebp, ebp
	call hv_main
.halt:
	cli
	hlt
	jmp .halt

bits 32
no_nx:
	lea esi, [ebp + PHYS(msg_no_nx)]
	jmp early_stop
no_long_mode:
	lea esi, [ebp + PHYS(msg_no_long_mode)]
; Prints ESI on COM1 and on the VGA text screen, then halts: nothing else can run here.
early_stop:
	mov edi, 0xb8000
.char:
	lodsb
	test al, al
	jz .stop
	mov ah, 7
	stosw
	mov dx, 0x3f8
	out dx, al
	jmp .char
.stop:
	cli
	hlt
	jmp .stop

section .rodata
msg_no_long_mode: db "bulkhead: this processor has no 64-bit mode; a CPU with Intel 64 and VT-x is needed. Halted.", 13, 10, 0
msg_no_nx: db "bulkhead: execute-disable (NX) is off; turn it on in the firmware setup. Halted.", 13, 10, 0

section .data
align 8
boot_gdt:
	dq 0
	dq 0x00af9b000000ffff	; 08h: 64-bit code
	dq 0x00cf93000000ffff	; 10h: data
	dq 0x00cf9b000000ffff	; 18h: 32-bit code (the AP trampoline's)
boot_gdtr:
	dw $ - boot_gdt - 1
	dd 0
boot_idtr:
	dw 256 * 16 - 1
	dd 0

section .bss
alignb 4096
boot_pml4:	resb 4096
boot_pdpt:	resb 4096
boot_pdpt_high:	resb 4096
boot_pd:	resb 4096 * 4
boot_pd_high:	resb 4096
boot_stack:	resb 16384
boot_stack_top:
boot_start_tsc:	resq 1
