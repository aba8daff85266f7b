; From one stack to another: lib/task.h. What the callee keeps by the System V ABI for x86-64 is kept on the stack that
; is left, with the stack protector's canary (FS:28h), which belongs to the functions on that stack.

global task_enter, task_switch

CANARY	equ 0x28

%macro keep 0
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	push qword [fs:CANARY]
	mov [rdi], rsp
%endmacro

section .text
bits 64
; void task_enter(u64 *save (RDI), u64 top (RSI), void (*fn)(void *) (RDX), void *arg (RCX)): fn does not return.
task_enter:
	keep
	mov rsp, rsi
	xor ebp, ebp
	mov rdi, rcx
	call rdx
	ud2

; void task_switch(u64 *save (RDI), u64 sp (RSI))
task_switch:
	keep
	mov rsp, rsi
	pop qword [fs:CANARY]
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
