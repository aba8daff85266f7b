; A disk that firmware boots: comes back from protected mode to real mode as on an 80286, which has no other way: a
; shutdown code in CMOS 0Fh, an address at 40:67, a reset of the processor; the firmware then goes to the address. Says on
; the first serial port how each way went; ends through port F4h.
	bits 16
	org 7c00h
%include "tests/guest/disk/boot.inc"

MARK	equ 600h		; memory that has to stay
WAYS	equ 4

start:
	jmp 0:.here
.here:
	mov dword [cs:MARK], 600d1deah
next:
	cli
	cld
	xor ax, ax
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov sp, 7c00h
	mov al, [way]
	cmp al, WAYS
	je done
	movzx si, al
	; What the firmware finds on a stack at 40:67, for IRET and far RET; for the jumps 40:67 is the address itself.
	mov dword [467h], back
	cmp al, 2
	jb .code
	mov dword [467h], 7b00h
	mov dword [7b00h], back
	mov word [7b04h], 2
.code:
	mov al, 0fh
	out 70h, al
	mov al, [codes + si]
	out 71h, al
	shl si, 1
	lgdt [gdt_ptr]
	mov eax, cr0
	or al, 1
	mov cr0, eax
	jmp 8:.protected
.protected:
	mov ax, 10h
	mov ds, ax
	mov ss, ax
	jmp [resets + si]

by_8042:
	mov al, 0feh
	out 64h, al
	jmp $
by_shutdown:
	lidt [no_idt]
	int3
by_92:
	in al, 92h
	and al, 0feh
	out 92h, al
	or al, 1
	out 92h, al
	jmp $

back:
	mov ebx, cr0
	xor ax, ax
	mov ds, ax
	mov ss, ax
	mov sp, 7c00h
	mov si, pass
	test bl, 1
	jnz .bad
	cmp dword [MARK], 600d1deah
	jne .bad
	mov al, 0fh		; the firmware clears it
	out 70h, al
	in al, 71h
	test al, al
	jz .say
.bad:
	mov si, fail
	inc byte [failed]
.say:
	call print
	mov bl, [way]
	mov bh, 0
	shl bx, 1
	mov si, [names + bx]
	call print
	mov si, newline
	call print
	inc byte [way]
	jmp next

done:
	mov si, finished
	call print
	mov al, [failed]
	mov dx, EXIT
	out dx, al
	hlt

print_routine

way	db 0
failed	db 0
codes	db 0ah, 05h, 0bh, 0ch
resets	dw by_8042, by_shutdown, by_92, by_8042
names	dw .0, .1, .2, .3
.0	db "0Ah, 8042", 0
.1	db "05h, shutdown", 0
.2	db "0Bh, port 92h", 0
.3	db "0Ch, 8042", 0
pass	db "PASS: ", 0
fail	db "FAIL: ", 0
finished db "SUMMARY return286", 13
newline	db 13, 10, 0
	align 8
gdt:
	dq 0
	dq 00009b000000ffffh
	dq 000093000000ffffh
gdt_ptr	dw gdt_ptr - gdt - 1
	dd gdt
no_idt	dw 0
	dd 0

	sector_end 63
	times 64 * 512 - ($ - $$) db 0
