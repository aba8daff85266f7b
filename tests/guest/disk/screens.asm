; A disk that firmware boots: sets modes by INT 10h, draws in each what tests/system/screen_model.py knows, says so on
; the first serial port and goes on when a byte comes from there. Ends through port F4h.
	bits 16
	org 7c00h
%include "tests/guest/disk/boot.inc"

SECTORS	equ 8			; behind this one

start:
	jmp 0:.here
.here:
	xor ax, ax
	mov ds, ax
	mov ss, ax
	mov sp, 7c00h
	mov si, packet
	mov ah, 42h
	int 13h
	jnc rest
	mov al, 1
	jmp exit

exit:
	mov dx, EXIT
	out dx, al
	hlt

print_routine

	align 4
packet:
	db 16, 0
	dw SECTORS, 7e00h, 0
	dq 1

	sector_end 63

; ---- the rest ----

rest:
	mov si, steps
.step:
	mov ax, [si]
	mov bx, [si + 2]
	push si
	int 10h
	pop si
	push si
	cld
	call [si + 4]
	mov si, drawn
	call print
	mov al, [number]
	call digit
	inc byte [number]
	pop si
	; Its timer wakes it, and the byte may have come by then.
.wait:
	sti
	hlt
	mov dx, COM + 5
	in al, dx
	test al, 1
	jz .wait
	mov dx, COM
	in al, dx
	add si, 6
	cmp si, steps_end
	jb .step
	mov ax, 3
	int 10h
	mov si, over
	call print
	xor al, al
	jmp exit

digit:				; al as two digits, and the line's end
	aam
	add ax, "00"
	push ax
	mov al, ah
	mov dx, COM
	out dx, al
	pop ax
	out dx, al
	mov al, 10
	out dx, al
	ret

; Bytes of the pattern from es:di on, cx of them: 7 times the low byte of the address and 29 times the high one, and
; [plane] times 53.
pattern:
	mov al, [plane]
	mov ah, 53
	mul ah
	mov dl, al
.next:
	mov ax, di
	mov bl, ah
	mov ah, 7
	mul ah
	mov bh, al
	mov al, bl
	mov ah, 29
	mul ah
	add al, bh
	add al, dl
	stosb
	loop .next
	ret

; cx bytes from A000:di on of each of four planes.
planes:
	push word 0a000h
	pop es
	mov byte [plane], 0
.next:
	push cx
	push di
	mov cl, [plane]
	mov ah, 1
	shl ah, cl
	mov al, 2
	mov dx, 3c4h
	out dx, ax
	pop di
	pop cx
	push cx
	push di
	call pattern
	pop di
	pop cx
	inc byte [plane]
	cmp byte [plane], 4
	jb .next
	mov ax, 0f02h
	mov dx, 3c4h
	out dx, ax
	mov byte [plane], 0
	ret

; 256 colours.
dac:
	mov dx, 3c8h
	xor al, al
	out dx, al
	inc dx
	xor cx, cx
.next:
	mov al, cl
	and al, 63
	out dx, al
	mov al, cl
	mov ah, 3
	mul ah
	and al, 63
	out dx, al
	mov al, cl
	mov ah, 5
	mul ah
	add al, 7
	and al, 63
	out dx, al
	inc cl
	jnz .next
	ret

; Registers from si on: port, words of index and value, 0.
registers:
	lodsw
	mov dx, ax
.next:
	lodsw
	test ax, ax
	jz .done
	out dx, ax
	jmp .next
.done:
	ret

pan:				; al: the attribute controller's 13h
	mov bl, al
	mov dx, 3dah
	in al, dx
	mov dx, 3c0h
	mov al, 33h
	out dx, al
	mov al, bl
	out dx, al
	ret

; A diagonal of colour 5 by the BIOS.
diagonal:
	mov si, 40
.next:
	mov ax, 0c05h
	xor bh, bh
	mov cx, si
	mov dx, si
	push si
	int 10h
	pop si
	inc si
	cmp si, 72
	jb .next
	ret

; ---- text: bp characters, all of them and all attributes ----

text_at:			; es: memory
	xor di, di
	xor cx, cx
.next:
	mov al, cl
	mov ah, 7
	mul ah
	mov bl, al
	mov al, ch
	mov ah, 29
	mul ah
	add al, bl
	mov ah, al
	mov al, cl
	stosw
	inc cx
	cmp cx, bp
	jb .next
	ret

text:
	push word 0b800h
	pop es
	mov bp, 512
	call text_at
	; And what the BIOS writes, behind which is the cursor.
	mov ah, 2
	xor bh, bh
	mov dx, 0f05h
	int 10h
	mov si, hello
.next:
	lodsb
	test al, al
	jz .done
	mov ah, 0eh
	mov bx, 7
	push si
	int 10h
	pop si
	jmp .next
.done:
	ret

; Rows of eight lines, no blinking, no cursor; begins at row 3, moved to the left, and again from row 0 at line 101.
small_text:
	mov ax, 1112h
	xor bl, bl
	int 10h
	mov ax, 1003h
	xor bl, bl
	int 10h
	mov ah, 1
	mov cx, 2000h
	int 10h
	push word 0b800h
	pop es
	mov bp, 1024
	call text_at
	mov si, split_100
	call registers
	mov al, 3
	jmp pan

; Eight dots, a cursor of three lines, from line 4 of row 1 on.
narrow_text:
	call text
	mov ah, 1
	mov cx, 0204h
	int 10h
	mov si, eight_dots
	call registers
	mov si, row_1
	jmp registers

cga:
	push word 0b800h
	pop es
	xor di, di
	mov cx, 500h
	call pattern
	mov di, 2000h
	mov cx, 500h
	jmp pattern

; ---- planes ----

ega:
	xor di, di
	mov cx, 640
	call planes
	jmp diagonal

two_colours:
	push word 0a000h
	pop es
	xor di, di
	mov cx, 640
	jmp pattern

split_planes:
	xor di, di
	mov cx, 640
	call planes
	call diagonal
	mov si, split_200
	call registers
	mov al, 5
	jmp pan

; ---- bytes ----

bytes:
	call dac
	push word 0a000h
	pop es
	xor di, di
	mov cx, 6400
	call pattern
	jmp diagonal

unchained:
	call dac
	mov si, plain
	call registers
	mov si, plain_crtc
	call registers
	xor di, di
	mov cx, 1600
	jmp planes

; Of a VBE mode: banks 0 and 1.
banks:
	call dac
	push word 0a000h
	pop es
	xor bp, bp
.next:
	mov ax, 4f05h
	xor bx, bx
	mov dx, bp
	int 10h
	mov ax, bp
	mov [plane], al
	xor di, di
	mov cx, 10000
	call pattern
	inc bp
	cmp bp, 2
	jb .next
	mov byte [plane], 0
	ret

vbe_planes:
	xor di, di
	mov cx, 1000
	jmp planes

number	db 0
plane	db 0
drawn	db "screens: drawn ", 0
over	db "screens: over", 10, 0
hello	db "It is 7 o'clock.", 0
	align 2
; Line compare bits 8 and 9 of these modes are in 07h (bit 4) and 09h (bit 6), which keep the rest.
split_100	dw 3d4h, 000ch, 0f00dh, 6418h, 0f07h, 0709h, 0
split_200	dw 3d4h, 0c818h, 2e07h, 0009h, 0
row_1		dw 3d4h, 500dh, 0408h, 0
eight_dots	dw 3c4h, 0101h, 0
plain		dw 3c4h, 0604h, 0
plain_crtc	dw 3d4h, 010ch, 0014h, 0e317h, 0
steps:
	dw 0003h, 0, text
	dw 0001h, 0, text
	dw 0003h, 0, small_text
	dw 0003h, 0, narrow_text
	dw 0004h, 0, cga
	dw 0006h, 0, cga
	dw 000dh, 0, ega
	dw 0010h, 0, ega
	dw 0011h, 0, two_colours
	dw 0012h, 0, split_planes
	dw 0013h, 0, bytes
	dw 0013h, 0, unchained
	dw 4f02h, 101h, banks
	dw 4f02h, 111h, banks
	dw 4f02h, 112h, banks
	dw 4f02h, 142h, banks
	dw 4f02h, 102h, vbe_planes
steps_end:

	times 64 * 512 - ($ - $$) db 0
