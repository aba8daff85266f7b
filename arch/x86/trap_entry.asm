; Exception and interrupt entry of the hypervisor itself: saves everything and calls trap_handle(frame).

extern trap_handle
global trap_vectors

%macro push_all 0
	push rax
	push rbx
	push rcx
	push rdx
	push rsi
	push rdi
	push rbp
	push r8
	push r9
	push r10
	push r11
	push r12
	push r13
	push r14
	push r15
%endmacro

%macro pop_all 0
	pop r15
	pop r14
	pop r13
	pop r12
	pop r11
	pop r10
	pop r9
	pop r8
	pop rbp
	pop rdi
	pop rsi
	pop rdx
	pop rcx
	pop rbx
	pop rax
%endmacro

section .text
bits 64
trap_common:
	push_all
	cld
	mov rdi, rsp
	mov rbx, rsp
	and rsp, -16
	call trap_handle
	mov rsp, rbx
	pop_all
	add rsp, 16
	iretq

; Vectors 8, 10-14, 17, 21, 29 and 30 push an error code (SDM vol. 3, "Error Code").
%assign v 0
%rep 256
trap_stub_ %+ v:
%if (v == 8) || ((v >= 10) && (v <= 14)) || (v == 17) || (v == 21) || (v == 29) || (v == 30)
%else
	push 0
%endif
	push v
	jmp trap_common
%assign v v + 1
%endrep

section .rodata
align 8
trap_vectors:
%assign v 0
%rep 256
	dq trap_stub_ %+ v
%assign v v + 1
%endrep
