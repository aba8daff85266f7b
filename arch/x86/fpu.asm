; FPU and vector register access. In NASM because the C code is built without those registers.

global fpu_get_xmm, fpu_set_xmm, fpu_get_ymm, fpu_set_ymm, fpu_get_mm, fpu_set_mm, fpu_init, fpu_clex, fpu_emms
global fpu_get_cw, fpu_set_cw, fpu_get_sw, fpu_get_csr, fpu_set_csr, fpu_read_pkru
global fpu_x87_mem, fpu_x87_get, fpu_x87_set, fpu_x87_env, fpu_x87_set_env
global fpu_save, fpu_restore, fpu_save_compact, fpu_restore_compact

section .text
bits 64

; Calls entry NR (EDI, 0..count-1) of the table of 16-byte steps that follows.
%macro step 2
	and edi, %1
	shl edi, 4
	lea rax, [rel %2]
	add rax, rdi
	jmp rax
%endmacro

fpu_get_xmm:
	step 15, get_xmm_table
fpu_set_xmm:
	step 15, set_xmm_table
fpu_get_ymm:
	step 15, get_ymm_table
fpu_set_ymm:
	step 15, set_ymm_table
fpu_get_mm:
	step 7, get_mm_table
fpu_set_mm:
	step 7, set_mm_table

align 16
get_xmm_table:
%assign i 0
%rep 16
	movups [rsi], xmm %+ i
	ret
	align 16
%assign i i + 1
%endrep
set_xmm_table:
%assign i 0
%rep 16
	movups xmm %+ i, [rsi]
	ret
	align 16
%assign i i + 1
%endrep
get_ymm_table:
%assign i 0
%rep 16
	vmovups [rsi], ymm %+ i
	ret
	align 16
%assign i i + 1
%endrep
set_ymm_table:
%assign i 0
%rep 16
	vmovups ymm %+ i, [rsi]
	ret
	align 16
%assign i i + 1
%endrep
get_mm_table:
%assign i 0
%rep 8
	movq rax, mm %+ i
	ret
	align 16
%assign i i + 1
%endrep
set_mm_table:
%assign i 0
%rep 8
	movq mm %+ i, rsi
	ret
	align 16
%assign i i + 1
%endrep

fpu_init:
	fninit
	ret
fpu_clex:
	fnclex
	ret
fpu_emms:
	emms
	ret
fpu_get_cw:
	push rax
	fnstcw [rsp]
	movzx eax, word [rsp]
	pop rdx
	ret
fpu_set_cw:
	push rdi
	fldcw [rsp]
	pop rdi
	ret
fpu_get_sw:
	fnstsw ax
	movzx eax, ax
	ret
; With a memory operand at RSI: D8h + EDI / 8, ModRM's middle EDI % 8.
fpu_x87_mem:
	step 63, x87_table
; FNSAVE, FNSTENV mask exceptions or more; whoever loads waits for one that is pending.
fpu_x87_get:
	fnsave [rdi]
	frstor [rdi]
	ret
fpu_x87_set:
	fnclex
	frstor [rdi]
	ret
fpu_x87_env:
	fnstenv [rdi]
	fnclex
	fldenv [rdi]
	ret
fpu_x87_set_env:
	fnclex
	fldenv [rdi]
	ret
	align 16, int3
x87_table:
%assign i 0
%rep 64
	align 16, int3
	db 0xd8 + i / 8, (i % 8) << 3 | 6 ; [rsi]
	ret
%assign i i + 1
%endrep
	align 16, int3
fpu_get_csr:
	push rax
	stmxcsr [rsp]
	mov eax, [rsp]
	pop rdx
	ret
fpu_set_csr:
	push rdi
	ldmxcsr [rsp]
	pop rdi
	ret
fpu_read_pkru:
	xor ecx, ecx
	db 0x0f, 0x01, 0xee	; RDPKRU
	ret

; void fpu_save(void *area, u64 mask, bool have_xsave)
fpu_save:
	test dl, dl
	jz .fx
	mov eax, esi
	mov rdx, rsi
	shr rdx, 32
	xsave64 [rdi]
	ret
.fx:
	fxsave64 [rdi]
	ret

fpu_restore:
	test dl, dl
	jz .fx
	mov eax, esi
	mov rdx, rsi
	shr rdx, 32
	xrstor64 [rdi]
	ret
.fx:
	fxrstor64 [rdi]
	ret

; void fpu_save_compact(void *area, u64 mask, bool supervisor)
fpu_save_compact:
	mov eax, esi
	mov ecx, edx
	mov rdx, rsi
	shr rdx, 32
	test cl, cl
	jnz .xsaves
	xsavec64 [rdi]
	ret
.xsaves:
	xsaves64 [rdi]
	ret

; bool fpu_restore_compact(const void *area, u64 mask, bool supervisor)
fpu_restore_compact:
	mov eax, esi
	mov ecx, edx
	mov rdx, rsi
	shr rdx, 32
	test cl, cl
	jnz .xrstors
.xrstor:
	xrstor64 [rdi]
	mov eax, 1
	ret
.xrstors:
	xrstors64 [rdi]
	mov eax, 1
	ret
.fault:
	xor eax, eax
	ret

section .ex_table progbits alloc noexec nowrite align=8
	dq fpu_restore_compact.xrstor, fpu_restore_compact.fault
	dq fpu_restore_compact.xrstors, fpu_restore_compact.fault
