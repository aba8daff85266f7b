; A program for the 8086's mode, on a floppy of its own: what old software asks of a BIOS, and a little more, each with a
; line on the screen that says whether it was as it should be. Text, planar graphics, disk, memory, A20, 4-GiB segments,
; keys; then it asks for another floppy, and looks at that. Ends through port F4h: 0 when all was well.
	bits 16
	org 7c00h

EXIT	equ 0f4h
SECTORS	equ 12			; of this program, the first one included
HIGH	equ 200000h		; memory above 1 MiB that nobody uses
BUF	equ 3000h		; segments of memory below that nobody uses
COPY	equ 4000h

start:
	jmp 0:.here
.here:
	xor ax, ax
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov sp, 7c00h
	mov [drive], dl
	; The program is longer than a sector: a track at once.
	mov ax, 200h + SECTORS - 1
	mov cx, 2
	xor dh, dh
	mov bx, 7e00h
	int 13h
	jnc rest
	mov ax, 0e21h		; '!'
	mov bx, 7
	int 10h
	hlt

drive	db 0
bad	db 0			; of the tests
	times 510 - ($ - $$) db 0
	dw 0aa55h

; ---- shared ----

print:				; si: text
	pusha
.next:
	lodsb
	test al, al
	jz .done
	mov ah, 0eh
	mov bx, 7
	int 10h
	jmp .next
.done:
	popa
	ret

; A test's line: its name after the call, its outcome in the carry flag.
%macro report 1
	call outcome
	db %1, 0
%endmacro
outcome:
	pushf
	pop bp
	xor ax, ax
	mov ds, ax
	mov es, ax
	cld
	mov si, passed
	test bp, 1
	jz .say
	mov si, failed
	inc byte [bad]
.say:
	call print
	pop si
	call print
.end:
	lodsb
	test al, al
	jnz .end
	push si
	mov si, newline
	jmp print		; and back behind the name

passed	db "PASS: ", 0
failed	db "FAIL: ", 0
newline	db 13, 10, 0

; ---- the tests ----

rest:
	; First: it clears the screen.
	call planes
	pushf
	mov ax, 3
	int 10h
	mov si, hello
	call print
	popf
	report "INT 10h: mode 12h, planes, set/reset, bit mask, a pixel read back"
	call text
	report "INT 10h: text mode, cursor, character read back"
	call floppy
	report "INT 13h: sectors of both heads and many cylinders, one that is not there"
	call memory_map
	report "INT 15h: E820h, 88h"
	call move
	report "INT 15h: 87h moves above 1 MiB and back"
	call a20
	report "INT 15h: 2400h to 2403h, the gate A20 as told"
	call big_real
	report "4-GiB segments in real mode: copies above 1 MiB"
	mov si, keys_text
	call print
	call keys
	report "INT 16h: keys"
	mov si, other_text
	call print
	call other
	report "INT 13h: another floppy of another size"
	mov si, all_text
	cmp byte [bad], 0
	je .end
	mov si, some_text
.end:
	call print
	xor ah, ah		; until somebody has read it
	int 16h
	mov al, [bad]
	mov dx, EXIT
	out dx, al
	hlt

hello		db "floppy16", 13, 10, 0
keys_text	db "type: go, Enter", 13, 10, 0
other_text	db "now the other floppy", 13, 10, 0
all_text	db "all as it should be", 13, 10, 0
some_text	db "not all as it should be", 13, 10, 0

; In the mode that the firmware set: a character at a place, and what is there.
text:
	mov ah, 0fh
	int 10h
	cmp al, 3
	jne wrong
	cmp ah, 80
	jne wrong
	mov ah, 3
	xor bh, bh
	int 10h
	push dx
	mov ah, 2
	mov dx, 0c28h		; row 12, column 40
	int 10h
	mov ax, 0958h		; 'X'
	mov bx, 1eh
	mov cx, 1
	int 10h
	mov ah, 8
	int 10h
	mov si, ax
	mov ax, 0b800h
	mov es, ax
	mov di, [es:(12 * 80 + 40) * 2]
	mov ah, 2
	pop dx
	int 10h
	cmp si, 1e58h
	jne wrong
	cmp di, 1e58h
	jne wrong
right:
	clc
	ret
wrong:
	stc
	ret

; Each sector of the image behind the program begins with its own number (below).
floppy:
	mov si, .list
.next:
	lodsw
	cmp ax, -1
	je .missing
	mov di, ax		; the number
	mov bl, 36
	div bl			; al: cylinder
	mov ch, al
	mov al, ah
	xor ah, ah
	mov bl, 18
	div bl			; al: head, ah: sector - 1
	mov dh, al
	mov cl, ah
	inc cl
	mov dl, [drive]
	mov bx, BUF
	mov es, bx
	xor bx, bx
	mov ax, 201h
	int 13h
	jc wrong
	cmp [es:0], di
	jne wrong
	cmp word [es:510], 0f10ch
	jne wrong
	jmp .next
.missing:
	mov ax, 201h
	mov cx, 0013h		; sector 19
	xor dh, dh
	xor bx, bx
	int 13h
	cmc
	jc wrong
	mov ah, 8
	mov dl, [drive]
	int 13h
	jc wrong
	cmp cx, 4f12h		; 80 cylinders of 18 sectors
	jne wrong
	cmp dh, 1
	jne wrong
	jmp right
.list	dw 12, 17, 18, 35, 36, 1000, 1439, 2879, 40, -1

; Its RAM goes from 0 on, and to where 88h says: the same.
memory_map:
	xor ebx, ebx
	xor esi, esi		; KiB from 1 MiB on
.next:
	mov ax, BUF
	mov es, ax
	xor di, di
	mov eax, 0e820h
	mov edx, 534d4150h	; "SMAP"
	mov ecx, 20
	int 15h
	jc .end
	cmp eax, 534d4150h
	jne wrong
	cmp ecx, 20
	jne wrong
	cmp dword [es:0], 100000h
	jne .more
	cmp dword [es:16], 1
	jne wrong
	mov esi, [es:8]
	shr esi, 10
.more:
	test ebx, ebx
	jnz .next
.end:
	cmp esi, 1024
	jb wrong
	mov ah, 88h
	int 15h
	jc wrong
	and eax, 0ffffh
	; What it holds back (tables at the end) is less than 1 MiB; it tells of 63 MiB at most.
	sub esi, eax
	add esi, 1024
	cmp esi, 2048
	ja wrong
	jmp right

; 87h: es:si is a table of descriptors, the third where from, the fourth where to; cx in words.
move:
	mov ax, BUF
	mov es, ax
	xor di, di
	mov ax, 1234h
	mov cx, 8192
.fill:
	stosw
	add ax, 7
	loop .fill
	xor ax, ax
	mov es, ax
	mov eax, BUF * 16
	mov ebx, HIGH
	call .one
	jc wrong
	mov eax, HIGH
	mov ebx, COPY * 16
	call .one
	jc wrong
	jmp compare
.one:
	mov [.from + 2], eax
	mov byte [.from + 5], 93h
	mov [.to + 2], ebx
	mov byte [.to + 5], 93h
	mov si, .table
	mov cx, 8192
	mov ah, 87h
	int 15h
	ret
	align 8
.table:
	dq 0, 0
.from	dw 0ffffh, 0, 9300h, 0
.to	dw 0ffffh, 0, 9300h, 0
	dq 0, 0

; BUF and COPY, 16 KiB, are the same.
compare:
	push ds
	mov ax, BUF
	mov ds, ax
	mov ax, COPY
	mov es, ax
	xor si, si
	xor di, di
	mov cx, 8192
	repe cmpsw
	pop ds
	jne wrong
	jmp right

; FFFF:0510 is 0:0500 when A20 is closed.
a20:
	mov ax, 2403h
	int 15h
	jc wrong
	mov ax, 2400h
	int 15h
	jc wrong
	mov ax, 2402h
	int 15h
	jc wrong
	test al, al
	jnz wrong
	call .same
	mov si, .masked
	je .tell
	mov si, .open
.tell:
	call print
	mov ax, 2401h
	int 15h
	jc wrong
	mov ax, 2402h
	int 15h
	jc wrong
	cmp al, 1
	jne wrong
	call .same
	je wrong
	jmp right
; Told, and no test: the machine may leave it open.
.masked	db "A20 is masked when closed", 13, 10, 0
.open	db "A20 is open when closed", 13, 10, 0
.same:
	mov ax, 0ffffh
	mov es, ax
	mov word [500h], 1111h
	mov word [es:510h], 2222h
	cmp word [500h], 2222h
	ret

; Segments of 4 GiB, by a moment of protected mode: copies that no segment reaches.
big_real:
	cli
	lgdt [.gdtr]
	mov eax, cr0
	or al, 1
	mov cr0, eax
	jmp .protected
.protected:
	mov bx, 8
	mov ds, bx
	mov es, bx
	and al, 0feh
	mov cr0, eax
	jmp .back
.back:
	xor ax, ax
	mov ds, ax
	mov es, ax
	sti
	; The BIOS' 64 KiB to above 1 MiB, on from there, and compared.
	mov esi, 0f0000h
	mov edi, HIGH
	mov ecx, 65536 / 4
	a32 rep movsd
	mov esi, HIGH
	mov edi, HIGH + 500000h
	mov ecx, 65536 / 4
	a32 rep movsd
	mov esi, 0f0000h
	mov edi, HIGH + 500000h
	mov ecx, 65536 / 4
	a32 repe cmpsd
	jne wrong
	mov eax, HIGH
	mov dword [eax + 10h], 0deadbeefh
	cmp dword [eax + 10h], 0deadbeefh
	jne wrong
	jmp right
	align 8
.gdt:
	dq 0, 0cf92000000ffffh
	dw 0, 0, 0, 0
.gdtr	dw 23
	dd .gdt

; 640 by 480 in planes: a field of one colour by set/reset, a pixel by the bit mask, both read back by plane.
planes:
	mov ax, 12h
	int 10h
	mov ax, 0a000h
	mov es, ax
	mov dx, 3ceh
	mov ax, 0a00h		; set/reset: 1010b
	out dx, ax
	mov ax, 0f01h		; in all planes
	out dx, ax
	xor di, di
	mov cx, 80 * 480 / 2
	rep stosw
	mov ax, 0500h		; set/reset: 0101b, one pixel
	out dx, ax
	mov ax, 1008h
	out dx, ax
	mov al, [es:100 * 80 + 40]
	mov [es:100 * 80 + 40], al
	mov ax, 0ff08h
	out dx, ax
	mov ax, 1
	out dx, ax
	; Each plane.
	mov bl, 0
.plane:
	mov al, 4
	mov ah, bl
	out dx, ax
	mov bh, [es:100 * 80 + 41]
	mov ah, [es:100 * 80 + 40]
	mov cl, bl
	mov al, 0ah
	shr al, cl
	and al, 1
	neg al			; 0 or FFh: the field's
	cmp bh, al
	jne wrong
	xor al, 10h		; and there is the pixel
	cmp ah, al
	jne wrong
	inc bl
	cmp bl, 4
	jb .plane
	; The firmware's own.
	mov ah, 0ch
	mov al, 0eh
	xor bh, bh
	mov cx, 639
	mov dx, 479
	int 10h
	mov ah, 0dh
	int 10h
	cmp al, 0eh
	jne wrong
	mov ah, 0dh
	mov cx, 40 * 8 + 3
	mov dx, 100
	int 10h
	cmp al, 5
	jne wrong
	jmp right

keys:
	mov si, .want
.next:
	xor ah, ah
	int 16h
	cmp al, [si]
	jne wrong
	inc si
	cmp al, 13
	jne .next
	jmp right
.want	db "go", 13

; The change line tells of it. It has 720 KiB: the last one of its sectors is read.
other:
	mov cx, 18 * 60		; ticks
.wait:
	cli
	mov dx, 3f2h
	mov al, 1ch
	or al, [drive]
	out dx, al
	mov dx, 3f7h
	in al, dx
	sti
	test al, 80h
	jnz .changed
	hlt
	loop .wait
	jmp wrong
.changed:
	; Taken out, and what is to come is not there yet: again, until it can be read.
	mov bp, 18 * 60
.again:
	xor ah, ah
	mov dl, [drive]
	int 13h
	mov bx, BUF
	mov es, bx
	xor bx, bx
	mov ax, 201h
	mov cx, 1
	xor dh, dh
	mov dl, [drive]
	int 13h
	jnc .read
	hlt
	dec bp
	jnz .again
	jmp wrong
.read:
	cmp dword [es:0], "two0"
	jne .again		; the old one, once more
	mov ax, 201h
	mov cx, 4f09h		; cylinder 79, head 1, sector 9
	mov dx, 100h
	mov dl, [drive]
	int 13h
	jc wrong
	cmp dword [es:508], "two9"
	jne wrong
	jmp right

	times SECTORS * 512 - ($ - $$) db 0
%assign n SECTORS
%rep 2880 - SECTORS
	dw n
	times 506 db 0
	dw 0, 0f10ch
%assign n n + 1
%endrep
