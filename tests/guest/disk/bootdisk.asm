; A disk that firmware boots: reads, writes and times its own drive, by INT 13h and at the ports, and says so on the
; first serial port. Ends through port F4h: 0 when all was as it should be.
	bits 16
	org 7c00h
%include "tests/guest/disk/boot.inc"

BUF	equ 1000h		; segments
COPY	equ 2000h
SPAN	equ 64			; sectors that are read, behind this one

start:
	jmp 0:.here
.here:
	xor ax, ax
	mov ds, ax
	mov ss, ax
	mov sp, 7c00h
	mov [drive], dl
	mov si, hello
	call print
	; The program is longer than a sector.
	mov si, rest_packet
	mov ah, 42h
	mov dl, [drive]
	int 13h
	jc failed
	jmp rest

; ---- shared ----

print_routine

number:				; eax, in decimal
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

failed:
	mov si, bad
	call print
	mov al, 1
	mov dx, EXIT
	out dx, al
	hlt

hello	db 0
bad	db "bootdisk: FAILED", 10, 0
drive	db 0
	align 4
rest_packet:
	db 16, 0
	dw 3, 7e00h, 0
	dq 1

	sector_end 255

; ---- the rest ----

rest:
	; 64 sectors by the firmware.
	mov si, span_packet
	mov ah, 42h
	call time_int13
	mov eax, [took]
	mov [read_took], eax
	call check_span
	; One is written, by the firmware, and read at the ports.
	mov ax, COPY
	mov es, ax
	xor di, di
	mov cx, 256
	mov ax, 5aa5h
	rep stosw
	mov si, write_packet
	mov ah, 43h
	xor al, al
	call time_int13
	mov ebx, 100
	mov al, 20h
	mov ah, 1
	call command
	mov ax, BUF
	mov es, ax
	xor di, di
	mov cx, 256
	mov dx, 1f0h
	rep insw
	cmp word [es:0], 5aa5h
	jne failed
	cmp word [es:510], 5aa5h
	jne failed
	; Sixteen sectors a block: 4096 words in one instruction.
	mov dx, 1f2h
	mov al, 16
	out dx, al
	mov dx, 1f7h
	mov al, 0c6h
	out dx, al
	; The best of four: who has printed may have to wait meanwhile.
	mov bp, 4
	mov dword [words_took], -1
.again:
	mov ebx, 1
	mov al, 0c4h
	mov ah, 16
	call command
	xor di, di
	mov cx, 4096
	rdtsc
	mov [took], eax
	mov dx, 1f0h
	rep insw
	rdtsc
	sub eax, [took]
	cmp word [es:8 * 512], 9
	jne failed
	cmp word [es:8190], 16
	jne failed
	cmp eax, [words_took]
	jae .slower
	mov [words_took], eax
.slower:
	dec bp
	jnz .again
	; The same, a sector at a time: command, status, data.
	mov ebx, 1
	rdtsc
	mov [took], eax
	mov al, 20h
	mov ah, 1
	call command
	xor di, di
	mov cx, 256
	mov dx, 1f0h
	rep insw
	rdtsc
	sub eax, [took]
	push eax
	call by_dma
	; Said at the end: who prints waits until it is shown.
	mov si, read_text
	mov eax, [read_took]
	call report
	mov si, words_text
	mov eax, [words_took]
	call report
	pop eax
	mov si, sector_text
	call report
	mov si, dma_text
	mov eax, [dma_took]
	call report
	mov si, passed
	call print
	xor al, al
	mov dx, EXIT
	out dx, al
	hlt

report:				; eax, after text si
	push eax
	call print
	pop eax
	call number
	mov si, ticks
	jmp print

; INT 13h with packet si and function ax; its ticks.
time_int13:
	push eax
	rdtsc
	mov [took], eax
	pop eax
	mov dl, [drive]
	int 13h
	jc failed
	rdtsc
	sub eax, [took]
	mov [took], eax
	ret

; Command al with ah sectors from ebx on (below 256), until it has data. dx, ax are lost.
command:
	call send
.wait:
	in al, dx
	test al, 80h
	jnz .wait
	test al, 8
	jz failed
	ret

send:
	push ax
	mov dx, 1f6h
	mov al, 0e0h
	out dx, al
	mov dx, 1f2h
	mov al, ah
	out dx, al
	inc dx
	mov al, bl
	out dx, al
	inc dx
	xor al, al
	out dx, al
	inc dx
	out dx, al
	mov dx, 1f7h
	pop ax
	out dx, al
	ret

; Sixteen sectors by the bus master; its ticks.
by_dma:
	mov eax, 80000904h	; 00:01.1, command register
	call select
	in ax, dx
	or al, 5
	out dx, ax
	mov eax, 80000920h	; BAR 4
	call select
	in ax, dx
	and ax, 0fff0h
	mov bp, ax
	lea dx, [bp + 4]
	mov eax, prd
	out dx, eax
	lea dx, [bp + 2]
	mov al, 6
	out dx, al
	mov dx, bp
	mov al, 8
	out dx, al
	rdtsc
	mov [took], eax
	mov ebx, 1
	mov al, 0c8h
	mov ah, 16
	call send
	mov dx, bp
	mov al, 9
	out dx, al
	lea dx, [bp + 2]
.wait:
	in al, dx
	test al, 4
	jz .wait
	test al, 3
	jnz failed
	mov dx, 1f7h
	in al, dx
	test al, 81h
	jnz failed
	rdtsc
	sub eax, [took]
	mov [dma_took], eax
	mov ax, COPY
	mov es, ax
	cmp word [es:8 * 512], 9
	jne failed
	cmp word [es:8190], 16
	jne failed
	ret

select:
	mov dx, 0cf8h
	out dx, eax
	mov dx, 0cfch
	ret

; Sectors from 1 on: behind the program each word is the sector's number.
check_span:
	mov ax, BUF
	mov es, ax
	mov di, 8 * 512
	mov cx, 9
.sector:
	cmp [es:di], cx
	jne failed
	cmp [es:di + 510], cx
	jne failed
	add di, 512
	inc cx
	cmp cx, SPAN + 1
	jb .sector
	ret

	align 4
took		dd 0
read_took	dd 0
words_took	dd 0
dma_took	dd 0
	align 8
prd		dd COPY * 16, 80002000h
span_packet:
	db 16, 0
	dw SPAN, 0, BUF
	dq 1
write_packet:
	db 16, 0
	dw 1, 0, COPY
	dq 100
read_text	db "bootdisk: INT 13h, 64 sectors: ", 0
words_text	db "bootdisk: REP INSW, 4096 words: ", 0
dma_text	db "bootdisk: 16 sectors by DMA: ", 0
sector_text	db "bootdisk: one sector by PIO: ", 0
ticks		db " ticks", 10, 0
passed		db "bootdisk: all as it should be", 10, 0

	times 9 * 512 - ($ - $$) db 0
%assign n 9
%rep 256 - 9
	times 256 dw n
%assign n n + 1
%endrep
