; What tasks_32.c switches with and to: the instructions, the new task, the handlers of its faults. Each attempt ends in
; tm_recover, whichever task has the processor by then, and whatever is left of its segments.
%define CS32     0x18
%define DS32     0x10
%define SEL_NEW  0x60
%define SEL_GATE 0x68
%define WINDOW   0x80000000

section .text
bits 32

; void tm_attempt(void): jumps to tm_insn with known registers. EAX is a selector behind the GDT's limit.
global tm_attempt
tm_attempt:
	pushad
	pushfd
	mov [tm_esp], esp
	mov eax, 0x1f8
	mov ecx, 0x11111111
	mov edx, 0x22222222
	mov ebx, 0x33333333
	mov ebp, 0x55555555
	mov esi, 0x66666666
	mov edi, 0x77777777
	jmp [tm_insn]

%macro way 2+
global tm_%1
global tm_%1_end
tm_%1:
	%2
tm_%1_end:
	jmp tm_recover
%endmacro
	way jmp, jmp SEL_NEW:0x1234
	way call, call SEL_NEW:0x1234
	way int, int 0x30
	way jmp_gate, jmp SEL_GATE:0x1234
	way call_gate, call SEL_GATE:0x1234
	way ud, ud2
	way gp, mov es, eax
	way iret, iretd
; IRET finds NT set.
global tm_nested
tm_nested:
	pushfd
	or dword [esp], 0x4000
	popfd
	jmp tm_iret

; The new task. DS may be null; SS is not.
global tm_ok
tm_ok:
	push ds
	push dword DS32
	pop ds
	mov [tm_gpr], eax
	mov [tm_gpr + 4], ecx
	mov [tm_gpr + 8], edx
	mov [tm_gpr + 12], ebx
	mov [tm_gpr + 16], esp
	mov [tm_gpr + 20], ebp
	mov [tm_gpr + 24], esi
	mov [tm_gpr + 28], edi
	pushfd
	pop dword [tm_flags]
	mov dword [tm_vector], 0x100
	mov eax, cr0
	mov [tm_cr0], eax
	mov eax, dr7
	mov [tm_dr7], eax
	mov eax, cr3
	mov [tm_cr3], eax
	mov eax, [WINDOW]
	mov [tm_window], eax
	sldt [tm_ldt]
	str [tm_where]
	pop eax
	mov [tm_seg], ax
	mov [tm_seg + 2], es
	mov [tm_seg + 4], fs
	mov [tm_seg + 6], gs
	jmp CS32:tm_recover

; Faults through interrupt gates: of the old task, and #DB.
%macro trap 1
global tm_trap%1
tm_trap%1:
	mov dword [tm_vector], %1
	jmp trap_error
%endmacro
	trap 8
	trap 10
	trap 11
	trap 12
	trap 13
	trap 14
global tm_trap1
tm_trap1:
	mov dword [tm_vector], 1
	push dword 0
	mov eax, dr6
	mov [tm_dr6], eax
trap_error:
	pop dword [tm_error]
	pop dword [tm_eip]
	str [tm_where]
	mov eax, cr2
	mov [tm_cr2], eax
	jmp tm_recover

; Faults of the new task, whose segments may be unusable: tasks of their own. Which vector it was is in TR.
global tm_fault
tm_fault:
	pop dword [tm_error]
	mov eax, dr6
	mov [tm_dr6], eax
	mov eax, cr2
	mov [tm_cr2], eax
	str [tm_handler]

tm_recover:
	mov eax, DS32
	mov ss, eax
	mov esp, [tm_esp]
	mov ds, eax
	mov es, eax
	mov fs, eax
	mov gs, eax
	mov eax, [tm_main_cr3]
	mov cr3, eax
	xor eax, eax
	lldt ax
	clts
	popfd
	popad
	ret

section .bss
alignb 4
%macro var 2
global %1
%1: resd %2
%endmacro
	var tm_insn, 1
	var tm_esp, 1
	var tm_main_cr3, 1
	var tm_vector, 1
	var tm_error, 1
	var tm_eip, 1
	var tm_where, 1
	var tm_handler, 1
	var tm_cr2, 1
	var tm_dr6, 1
	var tm_dr7, 1
	var tm_cr0, 1
	var tm_cr3, 1
	var tm_window, 1
	var tm_flags, 1
	var tm_ldt, 1
	var tm_seg, 2
	var tm_gpr, 8
