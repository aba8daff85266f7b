; Vector, mask and x87 registers of xsave.c, from and to its struct regs: the C code has general registers only.

global load_xmm, load_ymm, load_zmm, load_k, load_x87, store_xmm, store_ymm, store_zmm, store_k, store_x87

K_AT   equ 2048
X87_AT equ 2112

section .text
bits 64

%macro each 4 ; function, instruction, register, how many
load_%1:
%assign i 0
%rep %4
	%2 %3 %+ i, [rdi + 64 * i]
%assign i i + 1
%endrep
	ret
store_%1:
%assign i 0
%rep %4
	%2 [rdi + 64 * i], %3 %+ i
%assign i i + 1
%endrep
	ret
%endmacro

	each xmm, movups, xmm, 16
	each ymm, vmovups, ymm, 16
	each zmm, vmovups, zmm, 32

load_k:
%assign i 0
%rep 8
	kmovw k %+ i, [rdi + K_AT + 8 * i]
%assign i i + 1
%endrep
	ret
store_k:
%assign i 0
%rep 8
	kmovw [rdi + K_AT + 8 * i], k %+ i
%assign i i + 1
%endrep
	ret

; ST(i) is the struct's i-th. Storing leaves the x87 state initial.
load_x87:
	fninit
%assign i 7
%rep 8
	fld tword [rdi + X87_AT + 16 * i]
%assign i i - 1
%endrep
	ret
store_x87:
%assign i 0
%rep 8
	fstp tword [rdi + X87_AT + 16 * i]
%assign i i + 1
%endrep
	fninit
	ret
