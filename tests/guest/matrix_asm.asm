; The instructions of matrix.c, for code of 16, 32 and 64 bits, and what runs one of them.
%define CODE64 0x08
%define DATA   0x10
%define CODE32 0x18
%define CODE16 0x58 ; matrix.c sets it up

; What is undefined afterwards: bits of RFLAGS. Above those, what there is to arrange: see matrix.c.
%define CF      1
%define PF      4
%define AF      0x10
%define ZF      0x40
%define SF      0x80
%define OF      0x800
%define STRING  0x10000 ; with either end in other RAM, too
%define SHORT   0x20000 ; rDX is 0
%define EQUAL   0x40000 ; rDX:rAX is what memory holds
%define EQUAL16 0x80000 ; the same for CMPXCHG16B
%define DOWN    0x100000 ; DF is set
%define JUMP    0x200000 ; memory has where the code goes on: an offset
%define FAR     0x400000 ; and a selector behind it
%define CALLS   0x800000 ; where the return is near, or with FAR a far one

%macro RETURN 0
	%if %[BITS_] == 64
	ret
	%else
	o32 retf
	%endif
%endmacro

; X instruction: one that stands in the table with its text and what KIND says.
%macro X 1+
	%defstr %%text %1
	section .matrix_code
	%%code:
	%1
	RETURN
	section .rodata
	%%name: db %%text, 0
	section .matrix_table
	dq %%name, %%code, KIND, 0
%endmacro

; X2 instruction, another: the second one undoes the first one's change of the stack, or uses what it stored.
%macro X2 2
	%defstr %%text %1, %2
	section .matrix_code
	%%code:
	%1
	%2
	RETURN
	section .rodata
	%%name: db %%text, 0
	section .matrix_table
	dq %%name, %%code, KIND, 0
%endmacro

; XS instruction: with the stack where rBP points.
%macro XS 1+
	%defstr %%text %1
	section .matrix_code
	%%code:
	xchg rsp, rbp
	%1
	xchg rsp, rbp
	RETURN
	section .rodata
	%%name: db "on that stack: ", %%text, 0
	section .matrix_table
	dq %%name, %%code, KIND, 0
%endmacro

%macro ENTRY 1+
	section .matrix_table
	dq %1
%endmacro

; Registers of an operand's width, and the width's name.
%macro FOR_ALU 1
	X %1 [M], al
	X %1 [M], ch
	X %1 [M], ax
	X %1 [M], eax
	X %1 dl, [M]
	X %1 ah, [M]
	X %1 dx, [M]
	X %1 edx, [M]
	X %1 byte [M], 0x85
	X %1 word [M + 2], 0x1234
	X %1 word [M + 2], -3
	X %1 dword [M + 4], 0x12345678
	X %1 dword [M + 4], -3
	%if BITS_ == 64
	X %1 [M], rax
	X %1 rdx, [M + 1]
	X %1 qword [M + 8], -3
	X %1 qword [M + 8], 0x12345678
	%endif
%endmacro
%macro FOR_LOCK 1
	X lock %1 [M], al
	X lock %1 [M], ax
	X lock %1 [M], eax
	X lock %1 [M + 1], eax
	%if BITS_ == 64
	X lock %1 [M], rax
	%endif
%endmacro
%macro FOR_SIZES 1-2+ ; one operand, or a second one
	%if %0 == 1
	X %1 byte [M]
	X %1 word [M]
	X %1 dword [M]
	%else
	X %1 byte [M], %2
	X %1 word [M], %2
	X %1 dword [M], %2
	%endif
	%if BITS_ == 64
	%if %0 == 1
	X %1 qword [M]
	%else
	X %1 qword [M], %2
	%endif
	%endif
%endmacro
%macro FOR_WIDE 1 ; register from memory, no bytes
	X %1 dx, [M]
	X %1 edx, [M]
	%if BITS_ == 64
	X %1 rdx, [M]
	%endif
%endmacro
%macro FOR_WIDE_STORE 1-2+
	%if %0 == 1
	X %1 [M], ax
	X %1 [M], eax
	%else
	X %1 [M], ax, %2
	X %1 [M], eax, %2
	%endif
	%if BITS_ == 64
	%if %0 == 1
	X %1 [M], rax
	%else
	X %1 [M], rax, %2
	%endif
	%endif
%endmacro
%macro FOR_STRING 1
	X %1b
	X %1w
	X %1d
	X fs %1b
	X a32 %1w
	%if BITS_ == 64
	X %1q
	%else
	X a16 %1d
	%endif
%endmacro
%macro FOR_REP 2
	X %1 %2b
	X %1 %2w
	X %1 %2d
	X %1 fs %2d
	%if BITS_ == 64
	X %1 %2q
	%endif
%endmacro

%macro TABLE 0
	%assign KIND 0
	FOR_ALU mov
	FOR_ALU add
	FOR_ALU adc
	FOR_ALU sub
	FOR_ALU sbb
	FOR_ALU cmp
	%assign KIND AF
	FOR_ALU and
	FOR_ALU or
	FOR_ALU xor
	FOR_SIZES test, 0x55
	X test [M], ax
	X test [M], edx
	%assign KIND 0
	FOR_LOCK add
	FOR_LOCK adc
	FOR_LOCK sub
	FOR_LOCK sbb
	FOR_LOCK xadd
	FOR_LOCK xchg
	FOR_LOCK cmpxchg
	FOR_SIZES inc
	FOR_SIZES dec
	FOR_SIZES not
	FOR_SIZES neg
	FOR_SIZES {lock inc}
	FOR_SIZES {lock neg}
	X xchg [M], dl
	X xchg [M], dx
	X xchg [M], edx
	X xadd [M], al
	X xadd [M], dx
	X cmpxchg [M], dl
	X cmpxchg [M], dx
	X cmpxchg8b [M]
	X lock cmpxchg8b [M]
	%assign KIND AF
	FOR_LOCK and
	FOR_LOCK or
	FOR_LOCK xor
	%assign KIND EQUAL
	FOR_LOCK cmpxchg
	X cmpxchg8b [M]
	X lock cmpxchg8b [M]
	%if BITS_ == 64
	%assign KIND EQUAL16
	X cmpxchg16b [M]
	X lock cmpxchg16b [M]
	%assign KIND 0
	X cmpxchg16b [M]
	%endif
	; Bits: the register's reach beyond the operand.
	%assign KIND OF | SF | AF | PF | ZF
	X bt [M], dx
	X bt [M], edx
	X bts [M], dx
	X btr [M], edx
	X btc [M], dx
	X lock bts [M], edx
	X lock btr [M], edx
	X lock btc [M], dx
	%if BITS_ == 64
	X lock bts [M], rdx
	%endif
	X bt word [M], 13
	X bts dword [M], 29
	X btr word [M], 3
	X btc dword [M], 40
	X lock bts dword [M], 9
	%assign KIND OF | SF | AF | PF | CF
	FOR_WIDE bsf
	FOR_WIDE bsr
	%assign KIND AF | OF
	FOR_SIZES shl, 3
	FOR_SIZES shr, 3
	FOR_SIZES sar, 3
	FOR_SIZES rol, 3
	FOR_SIZES ror, 3
	FOR_SIZES rcl, 3
	FOR_SIZES rcr, 3
	FOR_SIZES shl, cl
	FOR_SIZES sar, cl
	FOR_SIZES rcl, cl
	FOR_SIZES ror, 1
	FOR_WIDE_STORE shld, 7
	FOR_WIDE_STORE shld, cl
	FOR_WIDE_STORE shrd, 7
	FOR_WIDE_STORE shrd, cl
	%assign KIND SF | ZF | AF | PF
	FOR_WIDE imul
	X imul dx, [M], 77
	X imul edx, [M], 0x12345
	FOR_SIZES mul
	FOR_SIZES imul
	%assign KIND SHORT | CF | OF | SF | ZF | AF | PF
	FOR_SIZES div
	FOR_SIZES idiv
	%assign KIND 0
	X movzx dx, byte [M]
	X movzx edx, byte [M]
	X movzx edx, word [M]
	X movsx dx, byte [M]
	X movsx edx, byte [M]
	X movsx edx, word [M]
	%if BITS_ == 64
	X movzx rdx, byte [M]
	X movsx rdx, word [M]
	X movsxd rdx, dword [M]
	%endif
	X setc [M]
	X setnz [M]
	X sets [M]
	X cmovc edx, [M]
	X cmovnc edx, [M]
	X cmovz dx, [M]
	X cmovns dx, [M]
	X xlatb
	X movbe dx, [M]
	X movbe edx, [M]
	X movbe [M], ax
	X movbe [M], eax
	X movnti [M], eax
	X popcnt edx, [M]
	X mov [M], cs
	%if BITS_ == 64
	X movnti [M], rax
	X movbe [M], rax
	%endif
	; Stack and jumps
	X2 {push word [M]}, {pop dx}
	X2 {push dx}, {pop word [M]}
	%if BITS_ == 64
	X2 {push qword [M]}, {pop rdx}
	X2 {push rdx}, {pop qword [M]}
	%else
	X2 {push dword [M]}, {pop edx}
	X2 {push edx}, {pop dword [M]}
	%endif
	%if BITS_ == 64
	XS push rdx
	XS push dx
	XS push -3
	XS push word 0x1234
	XS push qword [rsp + 8]
	XS pop rdx
	XS pop dx
	XS pop qword [rsp + 8]
	XS pushfq
	XS push fs
	XS call $ + 5
	XS add [rsp], rdx
	%endif
	%assign KIND JUMP
	X jmp NEAR_ [M]
	%assign KIND JUMP | CALLS
	X call NEAR_ [M]
	%assign KIND JUMP | FAR
	X jmp far dword [M]
	X lfs edx, [M]
	X lgs edx, [M]
	%if BITS_ != 64
	X les edx, [M]
	X lds edx, [M]
	%endif
	%assign KIND JUMP | FAR | CALLS
	X call far dword [M]
	; Strings
	%assign KIND STRING
	FOR_STRING movs
	FOR_STRING lods
	FOR_STRING cmps
	X stosb
	X stosw
	X stosd
	X scasb
	X scasw
	X scasd
	FOR_REP rep, movs
	FOR_REP rep, lods
	FOR_REP repe, cmps
	FOR_REP repne, cmps
	X rep stosb
	X rep stosw
	X rep stosd
	X repne scasb
	X repe scasd
	%assign KIND STRING | DOWN
	FOR_STRING movs
	FOR_STRING lods
	FOR_STRING cmps
	X stosb
	X stosd
	X scasw
	FOR_REP rep, movs
	FOR_REP repne, cmps
	X rep stosb
	X rep stosd
	X repne scasw
	; x87
	%assign KIND 0
	X fld dword [M]
	X fld qword [M]
	X fld tword [M]
	X fild word [M]
	X fild dword [M]
	X fild qword [M]
	X fbld [M]
	X fst dword [M]
	X fst qword [M]
	X fstp dword [M]
	X fstp qword [M]
	X fstp tword [M]
	X fist word [M]
	X fist dword [M]
	X fistp word [M]
	X fistp dword [M]
	X fistp qword [M]
	X fisttp dword [M]
	X fbstp [M]
	X fadd dword [M]
	X fsub qword [M]
	X fmul dword [M]
	X fidiv word [M]
	X fcom qword [M]
	X fnstsw [M]
	X2 {fnstcw [M]}, {fldcw [M]}
	; MMX, SSE
	X movd mm1, [M]
	X movd [M], mm5
	X movq mm1, [M]
	X movq [M], mm5
	X movntq [M], mm5
	X maskmovq mm5, mm7
	X movups xmm1, [M + 1]
	X movups [M + 1], xmm1
	X movaps xmm1, [M]
	X movaps [M], xmm1
	X movapd xmm1, [M]
	X movupd [M + 3], xmm1
	X movss xmm1, [M]
	X movss [M], xmm1
	X movsd xmm1, [M]
	X movsd [M], xmm1
	X movlps xmm1, [M]
	X movlps [M], xmm1
	X movhps xmm1, [M]
	X movhps [M], xmm1
	X movlpd xmm1, [M]
	X movhpd [M], xmm1
	X movdqa xmm1, [M]
	X movdqa [M], xmm1
	X movdqu xmm1, [M + 5]
	X movdqu [M + 5], xmm1
	X movd xmm1, [M]
	X movd [M], xmm1
	X movq xmm1, [M]
	X movq [M], xmm1
	X movntps [M], xmm1
	X movntpd [M], xmm1
	X movntdq [M], xmm1
	X movntdqa xmm1, [M]
	X maskmovdqu xmm1, xmm2
	X lddqu xmm1, [M + 7]
	X movsldup xmm1, [M]
	X movshdup xmm1, [M]
	X movddup xmm1, [M + 3]
	X2 {stmxcsr [M]}, {ldmxcsr [M]}
	; AVX
	X vmovups ymm1, [M + 1]
	X vmovups [M + 1], ymm1
	X vmovups xmm1, [M + 1]
	X vmovupd [M], xmm1
	X vmovaps ymm1, [M]
	X vmovaps [M], ymm1
	X vmovdqa ymm1, [M]
	X vmovdqa [M], xmm1
	X vmovdqu ymm1, [M + 9]
	X vmovdqu [M + 9], ymm1
	X vmovss xmm1, [M]
	X vmovss [M], xmm1
	X vmovsd xmm1, [M]
	X vmovsd [M], xmm1
	X vmovd xmm1, [M]
	X vmovd [M], xmm1
	X vmovq xmm1, [M]
	X vmovq [M], xmm1
	X vmovlps xmm1, xmm2, [M]
	X vmovlps [M], xmm1
	X vmovhps xmm1, xmm2, [M]
	X vmovhps [M], xmm1
	X vmovlpd xmm1, xmm2, [M]
	X vmovhpd [M], xmm1
	X vmovsldup ymm1, [M + 1]
	X vmovshdup xmm1, [M]
	X vmovddup xmm1, [M]
	X vmovddup ymm1, [M]
	X vmovntps [M], ymm1
	X vmovntpd [M], xmm1
	X vmovntdq [M], ymm1
	X vmovntdqa xmm1, [M]
	X vmovntdqa ymm1, [M]
	X vlddqu ymm1, [M + 3]
	X vbroadcastss ymm1, [M]
	X vbroadcastss xmm1, [M]
	X vbroadcastsd ymm1, [M]
	X vbroadcastf128 ymm1, [M]
	X vbroadcasti128 ymm1, [M]
	X vpbroadcastb ymm1, [M]
	X vpbroadcastw xmm1, [M]
	X vpbroadcastd ymm1, [M]
	X vpbroadcastq ymm1, [M]
	X vmaskmovps ymm1, ymm2, [M]
	X vmaskmovps [M], ymm2, ymm1
	X vmaskmovpd xmm1, xmm2, [M]
	X vmaskmovpd [M], ymm2, ymm1
	X vpmaskmovd ymm1, ymm2, [M]
	X vpmaskmovq [M], ymm2, ymm1
	%if BITS_ == 64
	X movq mm1, [M]
	X vmovq [M], xmm1
	%endif
%endmacro
section .matrix_code progbits alloc exec nowrite align=16
section .matrix_table progbits alloc noexec nowrite align=8

%define BITS_ 16
%define M bx
%define NEAR_ word
section .matrix_code
bits 16
global matrix_code16
matrix_code16:
global matrix_jump16
matrix_jump16:
	add eax, 0x1111
	o32 retf
global matrix_near16
matrix_near16:
	add eax, 0x2222
	ret
global matrix_far16
matrix_far16:
	add eax, 0x3333
	o32 retf
section .matrix_table
global matrix_table16
matrix_table16:
TABLE
	ENTRY 0, 0, 0, 0

%define BITS_ 32
%define M ebx
%define NEAR_ dword
section .matrix_code
bits 32
global matrix_jump32
matrix_jump32:
	add eax, 0x1111
	retf
global matrix_near32
matrix_near32:
	add eax, 0x2222
	ret
global matrix_far32
matrix_far32:
	add eax, 0x3333
	retf
section .matrix_table
global matrix_table32
matrix_table32:
TABLE
	ENTRY 0, 0, 0, 0

%define BITS_ 64
%define M rbp ; CMPXCHG8B stores rBX
%define NEAR_ qword
section .matrix_code
bits 64
global matrix_jump64
matrix_jump64:
	add eax, 0x1111
	ret
global matrix_near64
matrix_near64:
	add eax, 0x2222
	ret
global matrix_far64
matrix_far64:
	add eax, 0x3333
	retf
section .matrix_table
global matrix_table64
matrix_table64:
TABLE
	ENTRY 0, 0, 0, 0

; void matrix_run(u32 bits, u32 code): with the registers of matrix_gpr, matrix_flags and matrix_seg (DS, ES, FS), which get
; what they are afterwards. code: the address; with 16 bits the offset from matrix_code16.
section .text
bits 64
global matrix_run
matrix_run:
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	pushfq
	mov esi, esi
	mov [code], rsi
	cmp edi, 64
	jne .other
	push qword [matrix_flags]
	mov rax, [matrix_gpr + 0]
	mov rcx, [matrix_gpr + 8]
	mov rdx, [matrix_gpr + 16]
	mov rbx, [matrix_gpr + 24]
	mov rbp, [matrix_gpr + 40]
	mov rsi, [matrix_gpr + 48]
	mov rdi, [matrix_gpr + 56]
	mov r8, [matrix_gpr + 64]
	mov r9, [matrix_gpr + 72]
	mov r10, [matrix_gpr + 80]
	mov r11, [matrix_gpr + 88]
	mov r12, [matrix_gpr + 96]
	mov r13, [matrix_gpr + 104]
	mov r14, [matrix_gpr + 112]
	mov r15, [matrix_gpr + 120]
	popfq
	call [code]
	mov [matrix_gpr + 0], rax
	mov [matrix_gpr + 8], rcx
	mov [matrix_gpr + 16], rdx
	mov [matrix_gpr + 24], rbx
	mov [matrix_gpr + 40], rbp
	mov [matrix_gpr + 48], rsi
	mov [matrix_gpr + 56], rdi
	mov [matrix_gpr + 64], r8
	mov [matrix_gpr + 72], r9
	mov [matrix_gpr + 80], r10
	mov [matrix_gpr + 88], r11
	mov [matrix_gpr + 96], r12
	mov [matrix_gpr + 104], r13
	mov [matrix_gpr + 112], r14
	mov [matrix_gpr + 120], r15
	pushfq
	pop qword [matrix_flags]
.back:
	popfq
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret
.other:
	mov word [code + 4], CODE16
	cmp edi, 16
	je .go
	mov word [code + 4], CODE32
.go:
	mov dword [to32], .code32
	mov word [to32 + 4], CODE32
	jmp far dword [to32]
bits 32
.code32:
	mov eax, DATA
	mov ss, eax
	mov ds, [ss:matrix_seg]
	mov es, [ss:matrix_seg + 2]
	mov fs, [ss:matrix_seg + 4]
	push dword [ss:matrix_flags]
	mov eax, [ss:matrix_gpr + 0]
	mov ecx, [ss:matrix_gpr + 8]
	mov edx, [ss:matrix_gpr + 16]
	mov ebx, [ss:matrix_gpr + 24]
	mov ebp, [ss:matrix_gpr + 40]
	mov esi, [ss:matrix_gpr + 48]
	mov edi, [ss:matrix_gpr + 56]
	popfd
	call far dword [ss:code]
	mov [ss:matrix_gpr + 0], eax
	mov [ss:matrix_gpr + 8], ecx
	mov [ss:matrix_gpr + 16], edx
	mov [ss:matrix_gpr + 24], ebx
	mov [ss:matrix_gpr + 40], ebp
	mov [ss:matrix_gpr + 48], esi
	mov [ss:matrix_gpr + 56], edi
	pushfd
	pop dword [ss:matrix_flags]
	mov eax, DATA
	mov ds, eax
	mov es, eax
	mov fs, eax
	mov gs, eax
	jmp CODE64:.back

bits 64
; void matrix_vectors(void *ymm, u32 how): loads (0) or stores (1) XMM0 to XMM7, or (2, 3) YMM0 to YMM7: 32 bytes each.
global matrix_vectors
matrix_vectors:
	cmp esi, 1
	je .store128
	cmp esi, 2
	je .load256
	cmp esi, 3
	je .store256
	movups xmm0, [rdi + 0]
	movups xmm1, [rdi + 32]
	movups xmm2, [rdi + 64]
	movups xmm3, [rdi + 96]
	movups xmm4, [rdi + 128]
	movups xmm5, [rdi + 160]
	movups xmm6, [rdi + 192]
	movups xmm7, [rdi + 224]
	ret
.store128:
	movups [rdi + 0], xmm0
	movups [rdi + 32], xmm1
	movups [rdi + 64], xmm2
	movups [rdi + 96], xmm3
	movups [rdi + 128], xmm4
	movups [rdi + 160], xmm5
	movups [rdi + 192], xmm6
	movups [rdi + 224], xmm7
	ret
.load256:
	vmovups ymm0, [rdi + 0]
	vmovups ymm1, [rdi + 32]
	vmovups ymm2, [rdi + 64]
	vmovups ymm3, [rdi + 96]
	vmovups ymm4, [rdi + 128]
	vmovups ymm5, [rdi + 160]
	vmovups ymm6, [rdi + 192]
	vmovups ymm7, [rdi + 224]
	ret
.store256:
	vmovups [rdi + 0], ymm0
	vmovups [rdi + 32], ymm1
	vmovups [rdi + 64], ymm2
	vmovups [rdi + 96], ymm3
	vmovups [rdi + 128], ymm4
	vmovups [rdi + 160], ymm5
	vmovups [rdi + 192], ymm6
	vmovups [rdi + 224], ymm7
	ret

section .bss
alignb 8
global matrix_gpr
matrix_gpr: resq 16
global matrix_flags
matrix_flags: resq 1
global matrix_seg
matrix_seg: resw 4
code: resq 1
to32: resq 1
