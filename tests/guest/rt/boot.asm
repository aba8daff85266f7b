; Guest payloads' start: multiboot1 header, 32-bit entry, long mode with 4 GiB mapped one to one (2 MiB pages, user
; accessible, the last GiB uncached), GDT, TSS, trap stubs, recovery from exceptions, user mode, 32-bit calls.
; Multiboot Specification 0.6.96, "OS image format", "Machine state".

%define SEL_CODE64 0x08
%define SEL_DATA   0x10
%define SEL_CODE32 0x18
%define SEL_UDATA  0x2b
%define SEL_UCODE  0x33
%define SEL_TSS    0x48

extern rt_start
extern rt_trap

section .multiboot align=4
	dd 0x1badb002
	dd 3 ; page-aligned modules, memory information
	dd -(0x1badb002 + 3)

section .text
bits 32
global start32
start32:
	cli
	cld
	mov esp, rt_stack_top
	mov [rt_mb_magic], eax
	mov [rt_mb_info], ebx

	; page tables: PML4 -> PDPT -> 4 page directories
	mov dword [rt_pml4], rt_pdpt + 7
	mov dword [rt_pdpt], rt_pd + 7
	mov dword [rt_pdpt + 8], rt_pd + 0x1007
	mov dword [rt_pdpt + 16], rt_pd + 0x2007
	mov dword [rt_pdpt + 24], rt_pd + 0x3007
	xor ecx, ecx
	mov eax, 0x87 ; present, writable, user, 2 MiB
.fill:
	cmp ecx, 1536 ; from 3 GiB: PCD, PWT
	jne .store
	or eax, 0x18
.store:
	mov [rt_pd + ecx * 8], eax
	mov dword [rt_pd + ecx * 8 + 4], 0
	add eax, 0x200000
	inc ecx
	cmp ecx, 2048
	jb .fill

	; TSS base into its descriptor
	mov eax, rt_tss
	mov [rt_gdt + SEL_TSS + 2], ax
	shr eax, 16
	mov [rt_gdt + SEL_TSS + 4], al
	mov [rt_gdt + SEL_TSS + 7], ah

	call enter_long ; returns in 64-bit mode
bits 64
	mov ax, SEL_TSS
	ltr ax
	mov rsp, rt_stack_top
	xor ebp, ebp
	call rt_start
	cli
	hlt
	jmp $ - 1

; Called in 32-bit protected mode without paging, returns (to a 32-bit return address) in 64-bit mode.
bits 32
global enter_long
enter_long:
	lgdt [rt_gdt_ptr]
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
	jmp SEL_CODE64:.long
bits 64
.long:
	mov eax, SEL_DATA
	mov ss, eax
	mov ds, eax
	mov es, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov eax, [rsp]
	add rsp, 4
	jmp rax

; void rt_call32(void (*fn)(void)): runs fn in 32-bit protected mode, flat segments, no paging, no IDT of its own.
; fn must leave GDTR's selectors as they are; everything else is put back.
global rt_call32
rt_call32:
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	pushfq
	cli
	sidt [rt_idt_save]
	mov ebx, edi
	mov rax, cr4
	mov [rt_cr4_save], rax
	mov rax, cr3
	mov [rt_cr3], eax
	mov dword [far32], .compat
	mov word [far32 + 4], SEL_CODE32
	jmp dword far [far32]
bits 32
.compat:
	mov eax, SEL_DATA
	mov ds, eax
	mov es, eax
	mov fs, eax
	mov gs, eax
	mov ss, eax
	mov eax, cr0
	and eax, 0x7fffffff
	mov cr0, eax
	mov ecx, 0xc0000080
	rdmsr
	and eax, ~0x100
	wrmsr
	mov eax, cr4
	and eax, ~0x20
	mov cr4, eax
	call ebx
	cli
	cld
	call enter_long
bits 64
	mov rax, [rt_cr4_save]
	mov cr4, rax
	mov byte [rt_gdt + SEL_TSS + 5], 0x89 ; not busy
	mov ax, SEL_TSS
	ltr ax
	lidt [rt_idt_save]
	popfq
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret

; int rt_guard(void (*fn)(void *), void *arg): 0 when fn returns; 1 when an exception nobody handles ended it
; (rt_exc tells which).
global rt_guard
rt_guard:
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	pushfq
	push qword [rt_guard_sp]
	mov [rt_guard_sp], rsp
	sub rsp, 8
	mov rax, rdi
	mov rdi, rsi
	call rax
	xor eax, eax
guard_out:
	mov rsp, [rt_guard_sp]
	pop qword [rt_guard_sp]
	popfq
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret

; int rt_run_user(u64 (*fn)(u64), u64 arg, u64 rflags): the same with fn at CPL 3; its result in rt_user_result.
global rt_run_user
rt_run_user:
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	pushfq
	push qword [rt_guard_sp]
	mov [rt_guard_sp], rsp
	mov rax, rsp
	sub rax, 0x408
	and rax, -16
	mov [rt_tss + 4], rax
	mov rcx, rt_user_stack_top - 8
	mov qword [rcx], user_return
	push SEL_UDATA
	push rcx
	push rdx
	push SEL_UCODE
	push rdi
	mov rdi, rsi
	iretq
user_return:
	int 0x81
global rt_user_done
rt_user_done:
	mov [rt_user_result], rax
	mov eax, SEL_DATA
	mov ss, eax
	xor eax, eax
	jmp guard_out
; rt_trap sends unhandled exceptions of guarded code here
global rt_guard_unwind
rt_guard_unwind:
	mov eax, SEL_DATA
	mov ss, eax
	cld
	mov eax, 1
	jmp guard_out

; trap stubs, 16 bytes apart
align 16
global rt_stubs
rt_stubs:
%assign v 0
%rep 256
	align 16
	%if !(v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30)
	push 0
	%endif
	push strict dword v
	jmp strict near trap_common
%assign v v + 1
%endrep

trap_common:
	push rax
	push rcx
	push rdx
	push rbx
	push rbp
	push rsi
	push rdi
	push r8
	push r9
	push r10
	push r11
	push r12
	push r13
	push r14
	push r15
	cld
	mov rdi, rsp
	mov rbx, rsp
	and rsp, -16
	call rt_trap
	mov rsp, rbx
	pop r15
	pop r14
	pop r13
	pop r12
	pop r11
	pop r10
	pop r9
	pop r8
	pop rdi
	pop rsi
	pop rbp
	pop rbx
	pop rdx
	pop rcx
	pop rax
	add rsp, 16
	iretq

section .data
global rt_gdt
global rt_gdt_ptr
align 8
rt_gdt:
	dq 0
	dq 0x00af9b000000ffff ; 08 code64
	dq 0x00cf93000000ffff ; 10 data
	dq 0x00cf9b000000ffff ; 18 code32
	dq 0x00cffb000000ffff ; 20 user code32
	dq 0x00cff3000000ffff ; 28 user data
	dq 0x00affb000000ffff ; 30 user code64
	dq 0x00009b000000ffff ; 38 code16, base 0
	dq 0x000093000000ffff ; 40 data16, base 0
	dq 0x0000890000000067 ; 48 TSS
	dq 0
	times 21 dq 0         ; 58.. for tests
rt_gdt_end:
rt_gdt_ptr:
	dw rt_gdt_end - rt_gdt - 1
	dq rt_gdt
align 8
global rt_tss
rt_tss:
	dd 0
	dq rt_stack0_top, 0, 0, 0
	dq rt_ist_top, rt_ist_top + 0x2000, rt_ist_top + 0x4000, 0, 0, 0, 0
	dq 0
	dw 0, 0x68
global rt_cr3
rt_cr3: dd rt_pml4
	dd 0

section .bss align=4096
global rt_pml4
global rt_pdpt
global rt_pd
global rt_guard_sp
global rt_user_result
global rt_user_stack_top
global rt_stack_top
global rt_mb_magic
global rt_mb_info
alignb 4096
rt_pml4: resb 4096
rt_pdpt: resb 4096
rt_pd: resb 16384
resb 65536
rt_stack_top:
resb 16384
rt_stack0_top: ; ring 0 stack of interrupts out of user mode, until rt_run_user sets another
resb 8192
rt_ist_top: ; IST1, then two more of 8 KiB
resb 16384
resb 16384
rt_user_stack_top:
rt_guard_sp: resq 1
rt_user_result: resq 1
rt_cr4_save: resq 1
rt_idt_save: resb 16
far32: resb 8
rt_mb_magic: resd 1
rt_mb_info: resd 1
