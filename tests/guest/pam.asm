; Shadow RAM and ROM, seen from the reset vector: the image of a firmware, 64 KiB at F0000h and below 4 GiB. From a copy of
; itself in low memory it walks the 13 segments of the 440FX's Programmable Attribute Map through all settings ("PAM",
; 440FX data sheet), then resets the machine by CF9h and looks once more. Wants on-reset = "restart".

%define STAGE    0x7f
%define COPY     0x1000 ; segment: where the image runs from
%define SEGMENTS 13
%define PAM0     0x59
%define READ     1
%define WRITE    2

%include "tests/guest/rt/rom_macros.inc"

bits 16
org 0

entry:
	cli
	cld
	mov ax, 0xf000
	mov ds, ax
	mov ax, COPY
	mov es, ax
	xor si, si
	xor di, di
	mov cx, 0x4000
	rep movsd
	jmp COPY:copied

; DS and SS are the copy's, FS is flat.
copied:
	mov ax, cs
	mov ds, ax
	mov ax, 0x3000
	mov ss, ax
	mov sp, 0x8000
	lgdt [gdt_ptr]
	mov eax, cr0
	or al, 1
	mov cr0, eax
	mov bx, 8
	mov fs, bx
	and al, 0xfe
	mov cr0, eax
	call serial_init
	mov al, STAGE
	call cmos
	test al, al
	jnz after_reset

	call closed
	check "power-on: all segments closed"
	mov bp, take_rom
	call each
	check "power-on: ROM at F0000h"

	; Write a pattern of each setting's own, and see what is read then.
	mov al, READ | WRITE
	mov bl, 0xa0
	mov bp, memory
	call setting
	check "read and write: memory"
	mov al, READ
	mov bl, 0xb0
	mov bp, kept
	mov byte [expect], 0xa0
	call setting
	check "read only: memory, writes are dropped"
	mov al, 0
	mov bl, 0xc0
	mov bp, rom
	call setting
	check "closed: ROM, writes are dropped"
	mov al, READ
	call all
	mov bp, kept
	call each
	check "open again: memory is what it was"
	mov al, WRITE
	mov bl, 0xd0
	mov bp, rom
	call setting
	check "write only: reads are ROM's"
	mov al, READ
	call all
	mov byte [expect], 0xd0
	mov bp, kept
	call each
	check "open again: memory has what was written"

	; One segment alone.
	mov al, 0
	call all
	mov bp, alone
	call each
	check "each alone: no other one opens"

	; Code in shadow RAM, read-only.
	mov al, READ | WRITE
	call all
	mov bp, place_code
	call each
	mov al, READ
	call all
	mov bp, run_code
	call each
	check "code runs from each segment"

	; Below 4 GiB it stays ROM.
	mov eax, [fs:dword 0xfffffff0]
	mov dword [fs:dword 0xfffffff0], 0x12345678
	mov byte [fs:dword 0xffff0000], 0x55
	cmp eax, [fs:dword 0xfffffff0]
	jne .high
	mov al, [0]
	cmp al, [fs:dword 0xffff0000]
.high:
	check "below 4 GiB: writes are dropped"

	mov ax, STAGE | 1 << 8
	call set_cmos
	mov dx, 0xcf9
	mov al, 0x02
	out dx, al
	mov al, 0x06
	out dx, al
	cli
	hlt

after_reset:
	call closed
	jne .report
	mov bp, rom_again
	call each
.report:
	check "reset: all segments closed, ROM at F0000h"
	jmp finish

; ---- the map ----

set_pam: ; CX: segment, AL: its setting
	pusha
	mov bl, al
	mov bh, 0x0f ; the half that it has of its register
	mov si, cx
	shr si, 1
	inc si ; PAM1 has the first two
	cmp cl, SEGMENTS - 1
	je .last
	test cl, 1
	jz .low
	jmp .high
.last:
	xor si, si ; F0000h: PAM0's high half
.high:
	shl bx, 4
	mov bh, 0xf0
.low:
	add si, PAM0
	movzx eax, si
	and al, 0xfc
	or eax, 0x80000000
	mov dx, 0xcf8
	out dx, eax
	mov dx, si
	and dx, 3
	add dx, 0xcfc
	in al, dx
	not bh
	and al, bh
	or al, bl
	out dx, al
	popa
	ret

all: ; AL: the setting of all segments
	mov cx, SEGMENTS - 1
.next:
	call set_pam
	dec cx
	jns .next
	ret

closed: ; gives ZF
	mov eax, 0x80000058
	call config
	shr eax, 8
	jnz .out
	mov eax, 0x8000005c
	call config
	test eax, eax
.out:
	ret

; ---- each segment ----

each: ; calls BP with CX and ES the segment, BX offset of its last byte; ZF: each of them gave ZF
	mov cx, SEGMENTS - 1
.next:
	mov ax, cx
	shl ax, 10
	add ax, 0xc000
	mov es, ax
	mov bx, 0x3fff
	cmp cx, SEGMENTS - 1
	jne .go
	mov bx, 0xffff
.go:
	push cx
	call bp
	pop cx
	jne .out
	dec cx
	jns .next
	cmp al, al
.out:
	ret

; AL: a setting, BL: a pattern; every segment gets both, then BP looks. ZF as each gives.
setting:
	mov [pattern], bl
	call all
	push bp
	mov bp, write_pattern
	call each
	pop bp
	jmp each

write_pattern:
	mov al, [pattern]
	add al, cl
	mov [es:0], al
	not al
	mov [es:bx], al
	cmp al, al
	ret

memory:
	mov al, [pattern]
	jmp kept.is
kept:
	mov al, [expect]
.is:
	add al, cl
	cmp [es:0], al
	jne .out
	not al
	cmp [es:bx], al
.out:
	ret

; What is read when closed at power-on; F0000h is the image's.
take_rom:
	mov di, cx
	mov al, [es:0]
	mov [rom_first + di], al
	mov al, [es:bx]
	mov [rom_last + di], al
rom_again:
	cmp cx, SEGMENTS - 1
	jne .good
	mov al, [es:0x100]
	cmp al, [0x100]
	jne .out
	mov eax, [es:0xfff0]
	cmp eax, [0xfff0]
	ret
.good:
	cmp al, al
.out:
	ret

rom:
	mov di, cx
	mov al, [es:0]
	cmp al, [rom_first + di]
	jne .out
	mov al, [es:bx]
	cmp al, [rom_last + di]
.out:
	ret

; Opens this one, looks at all, closes it.
alone:
	mov al, READ
	call set_pam
	mov [one], cl
	mov byte [expect], 0xd0
	push bp
	mov bp, .look
	call each
	pop bp
	pushf
	mov cl, [one]
	mov ch, 0
	mov al, 0
	call set_pam
	popf
	ret
.look:
	cmp cl, [one]
	je kept
	jmp rom

place_code:
	mov byte [es:0x40], 0xb0 ; MOV AL, number
	mov [es:0x41], cl
	mov byte [es:0x42], 0xcb ; RETF
	cmp al, al
	ret

run_code:
	push cs
	push word .back
	push es
	push word 0x40
	mov al, 0xff
	retf
.back:
	cmp al, cl
	ret

%include "tests/guest/rt/rom.inc"

align 8
gdt:
	dq 0
	dq 0x00cf93000000ffff ; data, 4 GiB
gdt_ptr: dw gdt_ptr - gdt - 1
	dd COPY * 16 + gdt
pattern: db 0
expect: db 0
one: db 0
rom_first: times SEGMENTS db 0
rom_last: times SEGMENTS db 0
summary: db "SUMMARY pam: ", 0

	times 0xfff0 - ($ - $$) db 0xff
	jmp 0xf000:entry
	times 0x10000 - ($ - $$) db 0xff
