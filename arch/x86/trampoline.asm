; Application-processor start: copied to a page below 1 MiB, entered in real mode by a start-up IPI.
; SDM vol. 3 "Multiple-Processor (MP) Initialization".

global trampoline_start, trampoline_end, trampoline_cr3
extern ap_count, ap_apic_ids, ap_stacks, ap_fs_blocks, ap_main

section .rodata
bits 16
trampoline_start:
	cli
	cld
	mov ax, cs
	mov ds, ax
	; DS-relative: the page's own address is CS << 4. Patch the pointers that need linear addresses.
	movzx ebx, ax
	shl ebx, 4
	lea eax, [ebx + tr_gdt - trampoline_start]
	mov [tr_gdtr - trampoline_start + 2], eax
	lea eax, [ebx + tr_long - trampoline_start]
	mov [tr_jump - trampoline_start], eax
	o32 lgdt [tr_gdtr - trampoline_start]
	mov eax, [trampoline_cr3 - trampoline_start]
	mov cr3, eax
	; Constants, as in boot/entry.asm: PAE, OSFXSR, OSXMMEXCPT; LME, NXE.
	mov eax, (1 << 5) | (1 << 9) | (1 << 10)
	mov cr4, eax
	mov ecx, 0xc0000080
	mov eax, (1 << 8) | (1 << 11)
	xor edx, edx
	wrmsr
	mov ecx, 0x277				; PAT_HOST of arch/x86/cpu.h: WB, WT, UC-, UC, WB, WC, UC-, UC
	mov eax, 0x00070406
	mov edx, 0x00070106
	wrmsr
	mov eax, (1 << 0) | (1 << 1) | (1 << 4) | (1 << 5) | (1 << 16) | (1 << 31)
	mov cr0, eax
	jmp far dword [tr_jump - trampoline_start]
bits 64
tr_long:
	mov rax, ap_entry64
	jmp rax
align 8
tr_gdt:
	dq 0
	dq 0x00af9b000000ffff
	dq 0x00cf93000000ffff
tr_gdtr:
	dw $ - tr_gdt - 1
	dd 0
tr_jump:
	dd 0
	dw 8
align 8
trampoline_cr3:
	dd 0
trampoline_end:

section .text
ap_entry64:
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	; The final page tables, where the lists and the stacks are mapped.
	mov rax, [rel ap_final_cr3]
	mov cr3, rax
	; Our APIC ID: of 32 bits in leaf 0BH, if there is one, else of 8 bits.
	xor eax, eax
	cpuid
	cmp eax, 0x0b
	jb .short_id
	mov eax, 0x0b
	xor ecx, ecx
	cpuid
	test ebx, ebx
	jnz .find
.short_id:
	mov eax, 1
	cpuid
	shr ebx, 24
	mov edx, ebx
.find:	; EDI = this processor's index: where the list has EDX
	mov rax, [rel ap_apic_ids]
	xor edi, edi
.next:
	inc edi
	cmp edi, [rel ap_count]
	jae .halt
	cmp [rax + rdi * 4], edx
	jne .next
	mov rax, [rel ap_stacks]
	mov rsp, [rax + rdi * 8]
	mov rax, [rel ap_fs_blocks]
	mov rax, [rax + rdi * 8]
	mov rdx, rax
	shr rdx, 32
	mov ecx, 0xc0000100			; FS base: the stack protector's canary
	wrmsr
	mov ecx, 0xc0000101			; GS base: per-CPU data
	wrmsr
	xor ebp, ebp
	call ap_main
.halt:
	cli
	hlt
	jmp .halt

extern ap_final_cr3
