; The entry of a PC's firmware at FFFF0h: a real-mode program that jumps to FFFF:0000 restarts the machine. Boots are
; counted in CMOS byte 7Fh, 7Eh holds a mark; the second boot ends well. Wants on-reset = "restart".

%include "tests/guest/rt/low.inc"

%define MARK 0xb9

low_start "biosreset"

	mov al, 0x7e
	call cmos
	cmp al, MARK
	jne .first
	mov al, 0x7f
	call cmos
	cmp al, 1
	check "the second boot"
	mov al, 0x7e
	mov ah, 0
	call set_cmos
	jmp finish

.first:
	mov ax, 0x7e | MARK << 8
	call set_cmos
	mov ax, 0x7f | 1 << 8
	call set_cmos
	mov ax, 0xf000
	mov ds, ax
	cmp byte [0xfff0], 0xea
	mov al, [0xfffe]
	mov dx, 0
	mov ds, dx
	check "a jump at FFFF0h"
	cmp al, 0xfc
	check "the model at FFFFEh is an AT"
	mov si, follows
	call puts
	jmp 0xffff:0x0000

cmos: ; AL: index; gives AL
	out 0x70, al
	in al, 0x71
	ret

set_cmos: ; AL: index, AH: value
	out 0x70, al
	mov al, ah
	out 0x71, al
	ret

section .data
follows: db "reset follows", 13, 10, 0
