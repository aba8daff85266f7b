; How v86_32.c enters virtual-8086 mode and comes back from there, by whatever exception or interrupt.
%define DS32 0x10
%define FROM_V86 11 ; vector, error code, EIP, CS, EFLAGS, ESP, SS, ES, DS, FS, GS

section .text
bits 32

; void vm_enter(void): to vm_cs:0 with vm_eflags, ES 9000h, DS 600h, SS:SP 800h:vm_sp.
global vm_enter
vm_enter:
	pushad
	pushfd
	mov [vm_esp], esp
	push dword 0
	push dword 0
	push dword 0x600
	push dword 0x9000
	push dword [vm_ss]
	push dword [vm_sp]
	push dword [vm_eflags]
	push dword 0x700
	push dword 0
	mov eax, 0x11223344
	xor ecx, ecx
	xor edx, edx
	xor ebx, ebx
	xor esi, esi
	xor edi, edi
	iretd

; One stub of 16 bytes for each vector to 7Fh.
align 16
global vm_stubs
vm_stubs:
%assign v 0
%rep 128
	align 16
	%if !(v == 8 || (v >= 10 && v <= 14) || v == 17)
	push dword 0
	%endif
	push strict dword v
	jmp strict near vm_leave
%assign v v + 1
%endrep

vm_leave:
	pushad
	push dword DS32
	pop ds
	push dword DS32
	pop es
	cld
	mov esi, esp
	mov edi, vm_frame
	mov ecx, 8 + FROM_V86
	rep movsd
	mov esp, [vm_esp]
	popfd
	popad
	ret

section .bss
alignb 4
global vm_esp
global vm_sp
global vm_ss
global vm_eflags
global vm_frame
vm_esp: resd 1
vm_sp: resd 1
vm_ss: resd 1
vm_eflags: resd 1
vm_frame: resd 8 + FROM_V86
