; Instructions of 16-bit code on the VGA's planar memory, where each access exits, against the same on RAM: memory, all
; registers and the flags that are defined. As programs and BIOSes use them there. Wants platform = "pc".

%include "tests/guest/rt/low.inc"

%define RAM   0x8000  ; segments
%define VGA   0xa000
%define LEN   256     ; bytes that are looked at
%define ALL   0x8d5   ; CF PF AF ZF SF OF
%define NO_AF 0x8c5
%define NO_OF 0x0d5
%define NO_AF_OF 0x0c5
%define CF    0x001
%define CF_OF 0x801
%define ZF    0x040
%define NONE  0

; form FLAGS, "text", then its code up to done. It begins with DS, ES and FS for the memory, SI 20h, DI 60h, BX 40h, BP 44h,
; CX 3, EAX, EDX; SS is what it always is.
%macro form 2
	section .data
	dw %%code, %%text, %1
	section .text
	%%text: db %2, 0
	%%code:
%endmacro
%define done ret
%macro one 2+ ; flags, one instruction
	%defstr %%s %2
	form %1, %%s
	%2
	done
%endmacro

; On a stack in the memory.
%macro stack_there 0
	mov [cs:old_sp], sp
	mov [cs:old_ss], ss
	push ds
	pop ss
	mov sp, 0x80
%endmacro
%macro stack_back 0
	mov ss, [cs:old_ss]
	mov sp, [cs:old_sp]
%endmacro

low_start "planar"

	call vga_planar
	mov eax, cr4
	or eax, 0x200 ; SSE
	mov cr4, eax
	fninit
	mov si, table
.next:
	cmp si, table_end
	je .end
	push si
	call both
	pop si
	jz .same
	push si
	mov si, [si + 2]
	call differs
	pop si
	or byte [wrong], 1
.same:
	inc word [tried]
	add si, 6
	jmp .next
.end:
	cmp byte [wrong], 0
	check "each of the forms is the same on planar memory and on RAM"
	cmp word [tried], (table_end - table) / 6
	check "all of them were tried"
	jmp finish

; The screen's memory as plain bytes: plane 0, 64 KiB from A0000h, write mode 0.
vga_planar:
	mov dx, 0x3c2
	mov al, 0x67
	out dx, al
	mov dx, 0x3c4
	mov ax, 0x0102
	out dx, ax
	mov ax, 0x0604
	out dx, ax
	mov ax, 0x0300
	out dx, ax
	mov dx, 0x3ce
	mov si, .graphics
	mov cx, 9
.out:
	lodsw
	out dx, ax
	loop .out
	ret
section .data
.graphics: dw 0x0000, 0x0001, 0x0002, 0x0003, 0x0004, 0x0005, 0x0506, 0x0007, 0xff08
section .text

; SI: row of the table; ZF: the two are alike
both:
	mov ax, RAM
	mov di, on_ram
	call try
	mov ax, VGA
	mov di, on_vga
	call try
	mov ax, [si + 4]
	and [on_ram + 32], ax
	and [on_vga + 32], ax
	push si
	mov si, on_ram
	mov di, on_vga
	mov cx, 34
	repe cmpsb
	jne .out
	push ds
	mov ax, RAM
	mov ds, ax
	mov ax, VGA
	mov es, ax
	xor si, si
	xor di, di
	mov cx, LEN / 4
	repe cmpsd
	pop ds
	push ds
	pop es
.out:
	pop si
	ret

; AX: segment, SI: row, DI: where registers go: eight, and the flags
try:
	pusha
	mov [result], di
	mov [code], si
	mov es, ax
	xor di, di
	mov si, pattern
	mov cx, LEN / 4
	rep movsd
	mov ds, ax
	mov fs, ax
	; What CALL, JMP, LES, BOUND find
	mov word [0xa0], target
	mov word [0xa2], 0
	mov word [0xa4], far_target
	mov word [0xa6], 0
	mov word [0xa8], -2 ; bounds
	mov word [0xaa], 100
	mov dword [0xac], 0x3fc00000 ; 1.5
	mov bx, [cs:code]
	mov ax, [cs:bx]
	mov [cs:code], ax
	mov eax, 0x12345678
	mov edx, 0x0000000b
	mov ecx, 3
	mov ebx, 0x40
	mov ebp, 0x44
	mov esi, 0x20
	mov edi, 0x60
	push word 0x8d5 & ~0x10 | 2
	popf
	call [cs:code]
	pushf
	pop word [cs:flags]
	cld
	mov [cs:regs], eax
	mov [cs:regs + 4], ecx
	mov [cs:regs + 8], edx
	mov [cs:regs + 12], ebx
	mov [cs:regs + 16], ebp
	mov [cs:regs + 20], esi
	mov [cs:regs + 24], edi
	xor ax, ax
	mov ds, ax
	mov ax, [flags]
	mov [regs + 32], ax
	xor ax, ax
	mov es, ax
	mov fs, ax
	mov si, regs
	mov di, [result]
	mov cx, 34
	rep movsb
	popa
	ret

differs: ; SI: text
	push si
	mov si, fail
	call puts
	pop si
	call puts
	mov si, newline
	jmp puts

target: ; of CALL and JMP in the memory
	mov dx, 0x7777
	ret
far_target: ; of CALL and JMP in the memory
	mov dx, 0x8888
	retf

section .data
align 4
regs: times 34 db 0
on_ram: times 34 db 0
on_vga: times 34 db 0
result: dw 0
code: dw 0
flags: dw 0
old_sp: dw 0
old_ss: dw 0
pattern:
%assign i 0
%rep LEN
	db (3 + i * 0x35) & 0xff
%assign i i + 1
%endrep
tried: dw 0
wrong: db 0
section .text

; ---- the forms; nothing else goes to .data between them ----

section .data
align 2
table:
section .text

; moves
one ALL, mov al, [bx]
one ALL, mov [bx + 1], dl
one ALL, mov ax, [bx + si]
one ALL, mov [bx + di + 3], ax
one ALL, mov eax, [si]
one ALL, mov [di + 1], edx
one ALL, mov byte [di], 0x5a
one ALL, mov word [di], 0x5aa5
one ALL, mov dword [di], 0xdeadbeef
one ALL, mov al, [0x21]
one ALL, mov [0x23], ax
one ALL, mov eax, [ebx + esi * 2 + 4]
one ALL, mov [dword ebp + 0x10], eax
one ALL, mov ax, [fs:bp]
one ALL, mov [es:bp + 2], eax
one ALL, movzx eax, byte [bx]
one ALL, movzx eax, word [bx]
one ALL, movsx eax, byte [bx + 5]
one ALL, movsx eax, word [bx + 5]
one ALL, movsx ax, byte [bx + 5]
one ALL, xchg al, [bx]
one ALL, xchg ax, [bx + 1]
one ALL, xchg eax, [di]
one ALL, cmovz eax, [di]
one ALL, cmovnz eax, [di]
one ALL, bswap eax
one ALL, xlat
one ALL, es xlat
one ALL, mov [di], ss
one ALL, lea ax, [bx + si]
; arithmetic
one ALL, add [di], al
one ALL, add [di], ax
one ALL, add eax, [di]
one ALL, adc [di], eax
one ALL, adc al, [bx]
one ALL, sub [bx], dx
one ALL, sbb [bx], edx
one ALL, sbb ax, [bx]
one NO_AF, and [bx], eax
one NO_AF, and al, [bx]
one NO_AF, or [bx], al
one NO_AF, or byte [bx], 0x80
one NO_AF, xor [bx], ax
one NO_AF, xor dword [bx], 0x55aa55aa
one ALL, cmp [bx], al
one ALL, cmp eax, [bx]
one ALL, cmp word [bx], 0x1234
one ALL, cmp word [bx], -1
one NO_AF, test [bx], eax
one NO_AF, test byte [bx], 0x11
one ALL, inc byte [bx]
one ALL, inc word [bx]
one ALL, dec dword [bx]
one ALL, neg word [bx]
one ALL, not dword [bx]
one CF_OF, mul byte [bx]
one CF_OF, mul word [bx]
one CF_OF, imul dword [bx]
one CF_OF, imul ax, [bx]
one CF_OF, imul eax, [bx], 0x1234
one CF_OF, imul ax, [bx], -3
one NONE, div dword [di + 3]
one NONE, idiv dword [di + 3]
one NO_AF, shl byte [bx], 1
one NO_AF, shr word [bx], 1
one NO_AF, sar dword [bx], 1
one ALL, rol byte [bx], 1
one ALL, rcr word [bx], 1
one NO_AF_OF, shl word [bx], cl
one NO_AF_OF, sar byte [bx], cl
one NO_OF, rcl dword [bx], cl
one NO_OF, ror dword [bx], 5
one NO_AF_OF, shld [bx], ax, 4
one NO_AF_OF, shrd [bx], eax, cl
one CF, bt [bx], dx
one CF, bts word [bx], 3
one CF, btr [bx], edx
one CF, btc dword [bx], 31
one CF, bts [bx], ax
one ZF, bsf eax, [bx]
one ZF, bsr ax, [bx]
one ALL, setc [bx]
one ALL, setnz [bx]
one ALL, xadd [bx], al
one ALL, xadd [bx], eax
one ALL, cmpxchg [bx], dl
one ALL, cmpxchg [bx], edx
one ALL, cmpxchg8b [bx]
one ALL, lock add [bx], ax
one NO_AF, lock or byte [bx], 0x40
one CF, lock btc [bx], dx
one ALL, lock inc dword [bx]
one ALL, lock xadd [bx], edx
one ALL, lock cmpxchg [bx], dx
one ALL, lock cmpxchg8b [bx]
; strings
one ALL, movsb
one ALL, movsw
one ALL, movsd
one ALL, fs movsb
one ALL, rep movsb
one ALL, rep movsw
one ALL, rep movsd
one ALL, rep fs movsw
one ALL, stosb
one ALL, rep stosw
one ALL, rep stosd
one ALL, lodsb
one ALL, fs lodsw
one ALL, rep lodsd
one ALL, cmpsb
one ALL, repe cmpsw
one ALL, repne fs cmpsb
one ALL, scasb
one ALL, repne scasb
one ALL, repe scasd
form ALL, "std; rep movsb"
	std
	rep movsb
	done
form ALL, "std; rep fs movsd"
	std
	rep fs movsd
	done
form ALL, "std; rep stosw"
	std
	rep stosw
	done
form ALL, "std; lodsd"
	std
	lodsd
	done
form ALL, "rep movsb, overlapping"
	mov di, 0x22
	mov cx, 0x40
	rep movsb
	done
form ALL, "rep movsb, addresses of 32 bits"
	a32 rep movsb
	done
form ALL, "rep movsw, from RAM"
	push cs
	pop ds
	mov si, table
	rep movsw
	done
form ALL, "rep movsd, from RAM by an override"
	mov si, table
	rep cs movsd
	done
form ALL, "rep insb"
	mov dx, 0x3c8
	rep insb
	done
form ALL, "outsb"
	mov dx, 0xed
	outsb
	done
; stack, calls, far pointers
form ALL, "push word [bx]"
	push word [bx]
	pop ax
	done
form ALL, "push dword [bx]"
	push dword [bx]
	pop eax
	done
form ALL, "pop word [bx]"
	push ax
	pop word [bx]
	done
form ALL, "pop dword [di]"
	push eax
	pop dword [di]
	done
form ALL, "push, pop on a stack there"
	stack_there
	push ax
	push edx
	push byte 5
	push word 0x1234
	pop edi
	pop eax
	stack_back
	done
form ALL, "pusha, popad, pushf on a stack there"
	stack_there
	pusha
	popa
	pushad
	popad
	pushf
	pop ax
	stack_back
	done
form ALL, "enter, leave on a stack there"
	stack_there
	enter 8, 0
	mov [bp - 2], ax
	enter 4, 2
	leave
	leave
	stack_back
	done
form ALL, "push cs, pop fs on a stack there"
	stack_there
	push cs
	pop fs
	stack_back
	done
form ALL, "call and ret on a stack there"
	stack_there
	call target
	stack_back
	done
form ALL, "call far and retf on a stack there"
	stack_there
	call 0:far_target
	stack_back
	done
form ALL, "call [a0h]"
	call [0xa0]
	done
form ALL, "jmp [a0h]"
	jmp [0xa0]
form ALL, "call far [a4h]"
	call far [0xa4]
	done
form ALL, "jmp far [a4h]"
	push cs
	push word .back
	jmp far [0xa4]
.back:
	done
form ALL, "les di, [a4h]"
	les di, [0xa4]
	push es
	pop ax
	done
form ALL, "lds esi, [bx]"
	lds esi, [bx]
	done
form ALL, "lfs bx, [a4h]"
	lfs bx, [0xa4]
	done
form ALL, "mov es, [a6h]"
	mov es, [0xa6]
	done
form ALL, "bound ax, [a8h]"
	mov ax, 5
	bound ax, [0xa8]
	done
form ALL, "sgdt, sidt, lidt"
	sgdt [bx]
	sidt [bx + 8]
	lidt [bx + 8]
	done
form ALL, "lgdt"
	sgdt [bx]
	lgdt [bx]
	done
form ALL, "smsw"
	smsw [bx]
	done
; FPU, MMX, SSE
form ALL, "fld, fstp"
	fld dword [0xac]
	fst qword [bx]
	fstp tword [di]
	done
form ALL, "fild, fistp"
	fild qword [bx]
	fistp qword [di]
	fild word [bx]
	fiadd dword [si]
	fistp dword [di + 8]
	done
form ALL, "fstcw, fldcw, fstsw"
	fnstcw [bx]
	fldcw [bx]
	fnstsw [bx + 2]
	done
form ALL, "movq, movd"
	movq mm0, [bx]
	movq [di], mm0
	movd mm1, [bx + 3]
	movd [di + 8], mm1
	emms
	done
form ALL, "movups, movaps, movss, movlps, movntps"
	movups xmm0, [bx + 1]
	movaps [di], xmm0
	movss xmm1, [bx + 2]
	movss [di + 18], xmm1
	movlps xmm0, [si]
	movhps [di + 24], xmm0
	movntps [0x80], xmm0
	done
form ALL, "movdqu, movdqa, movq, movd"
	movdqu xmm0, [bx + 1]
	movdqa [di], xmm0
	movq xmm1, [bx + 2]
	movq [di + 18], xmm1
	movd xmm0, [si]
	movd [di + 28], xmm0
	movntdq [0x80], xmm0
	done
form ALL, "lddqu"
	lddqu xmm0, [bx + 1]
	movups [di], xmm0
	done
form ALL, "maskmovq, maskmovdqu"
	movq mm0, [si]
	movq mm1, [bx]
	maskmovq mm0, mm1
	emms
	add di, 16
	movdqu xmm0, [si]
	movdqu xmm1, [bx]
	maskmovdqu xmm0, xmm1
	done

section .data
table_end:
