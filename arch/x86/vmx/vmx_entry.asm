; VM entry and exit: the hot path. The exit side saves the general registers and calls one C dispatcher; as long as
; that answers 0 the guest is resumed from here. SDM vol. 3 "VM Entries", "VM Exits".

global vmx_run, vmx_exit_entry

HOST_RSP	equ 0x6c14

%define R(n) [rdi + (n) * 8]
LAUNCHED	equ 16

section .text
bits 64
align 64
; int vmx_run(struct vmx_regs *regs (RDI), int (*dispatch)(struct vmx_regs *) (RSI))
vmx_run:
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	push rsi		; [rsp + 8] dispatcher
	push rdi		; [rsp] regs; the stack is 8 mod 16 here, so that CALL below aligns it
	sub rsp, 8
	mov rax, HOST_RSP
	vmwrite rax, rsp
	jbe .fail
.enter:
	cmp qword R(LAUNCHED), 0
	mov rax, R(0)
	mov rcx, R(1)
	mov rdx, R(2)
	mov rbx, R(3)
	mov rbp, R(5)
	mov rsi, R(6)
	mov r8, R(8)
	mov r9, R(9)
	mov r10, R(10)
	mov r11, R(11)
	mov r12, R(12)
	mov r13, R(13)
	mov r14, R(14)
	mov r15, R(15)
	je .launch
	mov rdi, R(7)
	vmresume
	jmp .fail
.launch:
	mov qword R(LAUNCHED), 1
	mov rdi, R(7)
	vmlaunch
	mov rdi, [rsp + 8]
	mov qword R(LAUNCHED), 0
.fail:
	mov eax, -1
	jmp vmx_run_out
align 64
vmx_exit_entry:
	mov [rsp], rdi
	mov rdi, [rsp + 8]
	mov R(0), rax
	mov R(1), rcx
	mov R(2), rdx
	mov R(3), rbx
	mov R(5), rbp
	mov R(6), rsi
	mov rax, [rsp]
	mov R(7), rax
	mov R(8), r8
	mov R(9), r9
	mov R(10), r10
	mov R(11), r11
	mov R(12), r12
	mov R(13), r13
	mov R(14), r14
	mov R(15), r15
	call [rsp + 16]
	test eax, eax
	mov rdi, [rsp + 8]
	jz vmx_run_again
vmx_run_out:
	add rsp, 24
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret
vmx_run_again:
	jmp vmx_run.enter
