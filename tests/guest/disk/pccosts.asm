; A disk that firmware boots and that tells what a PC's screen costs, in ticks of the TSC: the best of eight each. Then
; it draws again and again what should cost no exits, between stops at which it waits for a byte on the first serial port.
; Ends through port F4h.
	bits 16
	org 7c00h
%include "tests/guest/disk/boot.inc"

RAM	equ 2000h		; segment
TRIES	equ 8
PICTURES equ 8		; 3 bits

start:
	mov bl, dl
	rdtsc
	mov ecx, eax
	jmp 0:.here
.here:
	xor ax, ax
	mov ds, ax
	mov ss, ax
	mov sp, 7c00h
	mov [booted], ecx
	mov [booted + 4], edx
	mov dl, bl
	mov si, packet
	mov ah, 42h
	int 13h
	jnc rest
	mov al, 1
exit:
	mov dx, EXIT
	out dx, al
	hlt

print_routine

decimal:			; eax
	mov ebx, 10
	xor cx, cx
.divide:
	xor edx, edx
	div ebx
	push dx
	inc cx
	test eax, eax
	jnz .divide
.digit:
	pop ax
	add al, '0'
	mov dx, COM
	out dx, al
	loop .digit
	ret

	align 4
booted	dd 0, 0
packet:
	db 16, 0
	dw 4, 7e00h, 0
	dq 1

	sector_end 63

; ---- the rest ----

; What is timed, whatever came before: registers but si, sp and bp are its own.
%macro measure 1
	mov si, %1
	call measured
%endmacro

rest:
	cld
	; Thousands: the TSC counts from power on.
	mov eax, [booted]
	mov edx, [booted + 4]
	mov ebx, 1000
	div ebx
	mov [best], eax
	mov si, power_on
	call report
	measure line_bios
	measure line_direct
	measure line_ram
	mov ax, 13h
	int 10h
	measure row_13h
	mov ax, 12h
	int 10h
	measure planar_write
	measure planar_row
	mov ax, 0105h
	mov dx, 3ceh
	out dx, ax
	measure planar_copy
	mov ax, 0005h
	mov dx, 3ceh
	out dx, ax
	mov ax, 4f02h
	mov bx, 101h
	int 10h
	measure row_vbe
	call stop
	mov ax, 3
	int 10h
	; From one vertical retrace to the next, in mode 3: the mean. What the BIOS has told of the mode is to be on the
	; terminal before: a retrace is as short as the monitor's piece of work and a look.
	cli
	mov cx, PICTURES
.wait:
	call retrace
	loop .wait
	rdtsc
	mov [began], eax
	mov cx, PICTURES
.picture:
	call retrace
	loop .picture
	rdtsc
	sti
	sub eax, [began]
	shr eax, 3
	mov [best], eax
	mov si, frame
	call report
	; Text, then 64,000 bytes of colours, a hundred times each.
	call screen_3
	call stop
	mov bp, 100
.text:
	call screen_3
	dec bp
	jnz .text
	call stop
	mov ax, 13h
	int 10h
	mov bp, 3
.first:
	call screen_13h
	dec bp
	jnz .first
	call stop
	mov bp, 100
.bytes:
	call screen_13h
	dec bp
	jnz .bytes
	call stop
	xor al, al
	jmp exit

stop:
	inc byte [number]
	mov si, stopped
	call print
.wait:
	sti
	hlt
	mov dx, COM + 5
	in al, dx
	test al, 1
	jz .wait
	mov dx, COM
	in al, dx
	ret

retrace:			; until the next one begins
	mov dx, 3dah
.in:
	in al, dx
	test al, 8
	jnz .in
.out:
	in al, dx
	test al, 8
	jz .out
	ret

screen_3:
	push word 0b800h
	pop es
	xor di, di
	mov cx, 2000
	mov ax, 0741h
	rep stosw
	ret

screen_13h:
	push word 0a000h
	pop es
	xor di, di
	mov cx, 32000
	mov ax, 2a2ah
	rep stosw
	ret

; si: what is called, the text behind it. Its ticks, without those of calling nothing.
measured:
	mov dword [best], -1
	mov bp, TRIES
.again:
	push si
	cli
	rdtsc
	mov [began], eax
	call [si]
	rdtsc
	sti
	pop si
	sub eax, [began]
	cmp eax, [best]
	jae .slower
	mov [best], eax
.slower:
	dec bp
	jnz .again
	add si, 2
report:
	push si
	mov si, name
	call print
	pop si
	call print
	mov eax, [best]
	call decimal
	mov si, ticks
	jmp print

bios_line:
	mov si, letters
	mov cx, 80
.next:
	lodsb
	mov ah, 0eh
	mov bx, 7
	push cx
	int 10h
	pop cx
	loop .next
	ret

direct_line:
	push word 0b800h
	pop es
	jmp some_line

ram_line:
	push word RAM
	pop es
some_line:
	xor di, di
	mov cx, 80
	mov si, letters
	mov ah, 7
.next:
	lodsb
	stosw
	loop .next
	ret

row_of_320:
	push word 0a000h
	pop es
	xor di, di
	mov cx, 320
	mov al, 5
	rep stosb
	ret

row_of_640:
	push word 0a000h
	pop es
	xor di, di
	mov cx, 640
	mov al, 5
	rep stosb
	ret

sixteen_writes:
	push word 0a000h
	pop es
	xor di, di
	mov cx, 16
	mov al, 55h
.next:
	mov [es:di], al
	inc di
	loop .next
	ret

planes_row:
	push word 0a000h
	pop es
	xor di, di
	mov cx, 80
	mov al, 55h
	rep stosb
	ret

planes_copy:
	push ds
	push word 0a000h
	pop es
	push word 0a000h
	pop ds
	xor si, si
	mov di, 80
	mov cx, 80
	rep movsb
	pop ds
	ret

	align 4
began	dd 0
best	dd 0
line_bios	dw bios_line
	db "a text line by INT 10h: ", 0
line_direct	dw direct_line
	db "a text line at B8000h: ", 0
line_ram	dw ram_line
	db "the same in RAM: ", 0
row_13h	dw row_of_320
	db "mode 13h, a row: ", 0
row_vbe	dw row_of_640
	db "VBE 640x480x8, a row: ", 0
planar_write	dw sixteen_writes
	db "mode 12h, 16 writes: ", 0
planar_row	dw planes_row
	db "mode 12h, REP STOSB of a row: ", 0
planar_copy	dw planes_copy
	db "mode 12h, a row copied in write mode 1: ", 0
frame		db "from retrace to retrace: ", 0
power_on	db "thousands from power-on to boot sector: ", 0
name	db "pc-costs: ", 0
ticks	db " ticks", 10, 0
stopped	db "pc-costs: stop "
number	db "0", 10, 0
letters	times 80 db 'a'

	times 64 * 512 - ($ - $$) db 0
