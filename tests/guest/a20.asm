; Address line 20, closed by either of a PC's gates: odd megabytes are even ones, for data, code, page tables and devices,
; on both vCPUs. In real mode as DOS' memory managers look at it, in protected mode with paging. Wants platform = "pc",
; two vCPUs and 64 MiB.

%include "tests/guest/rt/low.inc"

%define LOW    0x500   ; a place below 1 MiB, and
%define HIGH   0x510   ; the same offset beyond it, in FFFFh's segment
%define CODE   0x600
%define AP     0x7000  ; where the second vCPU starts
%define SEES   0x704   ; what it sees at 100700h, and how often it has looked
%define LOOKS  0x708
%define PD     0x10000 ; page tables, as those who close A20 find them: in the megabyte behind, too
%define PT     0x11000
%define ODD    0x100000
%define MIB    0x100000

low_start "a20"

	call big_fs
	call both_differ
	check "A20 is open at the start"
	call get_92
	cmp al, 2
	check "port 92h: it says so"

	; ---- port 92h ----
	mov al, 0
	call set_92
	call both_are_one
	check "port 92h: closed, 10FFEFh is FFEFh"
	call get_92
	cmp al, 0
	check "port 92h: it says so"
	call kbc_outport
	test al, 2
	check "the 8042's output port says so"
	call himem
	check "closed as HIMEM.SYS looks at it"
	call run_high
	cmp bx, 0x1234
	check "closed, code beyond 1 MiB is that at 0"
	call big
	check "closed, odd megabytes are even ones up to the end of memory"
	call devices_closed
	check "closed, odd megabytes of devices are even ones"
	call wrap
	check "closed, an operand at the end of a megabyte goes on at its beginning"
	mov al, 2
	call set_92
	call both_differ
	check "port 92h: open"
	call run_high
	cmp bx, 0x5678
	check "open, code beyond 1 MiB is its own"
	call himem
	setz al
	cmp al, 0
	check "open as HIMEM.SYS looks at it"
	call devices_open
	check "open, odd megabytes of devices are their own"

	; ---- the 8042 ----
	mov al, 0xdd
	call kbc_out
	call both_are_one
	check "the 8042, data DDh for D1h: closed"
	call get_92
	cmp al, 0
	check "port 92h says so"
	mov al, 0xdf
	call kbc_out
	call both_differ
	check "the 8042, data DFh for D1h: open"
	mov al, 0xdd
	out 0x64, al
	call both_are_one
	check "the 8042, command DDh: closed"
	mov al, 0xdf
	out 0x64, al
	call both_differ
	check "the 8042, command DFh: open"

	; ---- protected mode ----
	call tables
	mov al, 0
	call set_92
	call paged
	cmp ebx, 0xe0e0e0e0
	check "closed, with paging: tables and page are those of even megabytes"
	mov al, 2
	call set_92
	call paged
	cmp ebx, 0x0d0d0d0d
	check "open, with paging: they are those of odd ones"

	; ---- two vCPUs, and many turns of the gate ----
	call start_ap
	mov cx, 40
.turn:
	mov al, 0
	call set_92
	call both_are_one
	jnz .turned
	mov edx, 'low '
	call ap_sees
	jnz .turned
	mov al, 2
	call set_92
	call both_differ
	jnz .turned
	mov edx, 'high'
	call ap_sees
	jnz .turned
	loop .turn
.turned:
	test cx, cx
	check "the other vCPU's addresses go with it, 40 times"
	mov al, 0
	call set_92
	mov cx, 4
.again:
	call big
	loopz .again
	check "and while it goes on, all of memory is gone through"
	mov al, 2
	call set_92
	jmp finish

; ---- the gates ----

get_92: ; AL: bit 1
	in al, 0x92
	and al, 2
	ret

set_92: ; AL: 0 or 2
	push bx
	mov bl, al
	in al, 0x92
	and al, 0xfc
	or al, bl
	out 0x92, al
	pop bx
	ret

kbc_ready:
	in al, 0x64
	test al, 2
	jnz kbc_ready
	ret

kbc_out: ; AL: to the output port
	push ax
	call kbc_ready
	mov al, 0xd1
	out 0x64, al
	call kbc_ready
	pop ax
	out 0x60, al
	jmp kbc_ready

kbc_outport: ; AL
	call kbc_ready
	mov al, 0xd0
	out 0x64, al
.wait:
	in al, 0x64
	test al, 1
	jz .wait
	in al, 0x60
	ret

; ---- real mode ----

both_are_one: ; ZF
	call write_both
	cmp dword [LOW], 0x22222222
	ret

both_differ: ; ZF
	call write_both
	cmp dword [LOW], 0x11111111
	ret

write_both:
	mov ax, 0xffff
	mov gs, ax
	mov dword [LOW], 0x11111111
	mov dword [gs:HIGH], 0x22222222
	ret

himem: ; ZF: four words at 0:0080h are those at FFFF:0090h
	push cx
	mov ax, 0xffff
	mov es, ax
	mov si, 0x80
	mov di, 0x90
	mov cx, 4
	; Those of HMA are others, where they are.
	mov eax, [si]
	not eax
	push dword [si]
	mov [es:di], eax
	cmp [si], eax
	pop dword [si]
	jne .differ
	repe cmpsw
.differ:
	pop cx
	mov ax, 0
	mov es, ax
	ret

run_high: ; BX: what the code at FFFF:0610h gives
	mov ax, 0xffff
	mov gs, ax
	mov dword [gs:CODE + 0x10], 0xcb5678bb ; MOV BX, 5678h; RETF
	mov byte [gs:CODE + 0x11], 0x78
	mov byte [gs:CODE + 0x12], 0x56
	mov byte [gs:CODE + 0x13], 0xcb
	call get_92
	jnz .call
	mov byte [CODE], 0xbb
	mov byte [CODE + 1], 0x34
	mov byte [CODE + 2], 0x12
	mov byte [CODE + 3], 0xcb
.call:
	xor bx, bx
	call 0xffff:CODE + 0x10
	ret

big_fs: ; FS: base 0, limit 4 GiB
	lgdt [gdt_ptr]
	mov eax, cr0
	or al, 1
	mov cr0, eax
	mov bx, SEG_BIG
	mov fs, bx
	and al, 0xfe
	mov cr0, eax
	jmp .flush
.flush:
	xor bx, bx
	mov fs, bx
	ret

big: ; ZF: what goes to the odd megabytes from 3 MiB on is found in the even ones
	mov edi, 3 * MIB + 0x7c0
.write:
	mov [fs:edi], edi
	add edi, 2 * MIB
	cmp edi, 64 * MIB
	jb .write
	mov edi, 3 * MIB + 0x7c0
.read:
	mov eax, [fs:edi - MIB]
	cmp eax, edi
	jne .out
	lock xor [fs:edi], eax
	cmp dword [fs:edi - MIB], 0
	jne .out
	add edi, 2 * MIB
	cmp edi, 64 * MIB
	jb .read
	cmp ax, ax
.out:
	ret

wrap: ; ZF: a dword at 3FFFFEh is the last word of 2FFFFFh's megabyte and the first of it
	mov dword [fs:dword 2 * MIB], 0
	mov dword [fs:dword 4 * MIB - 2], 0xabcd1234
	cmp word [fs:dword 3 * MIB - 2], 0x1234
	jne .out
	; Bit 20 of 400000h is 0: there it goes on, not at 300000h nor 200000h
	cmp word [fs:dword 4 * MIB], 0xabcd
	jne .out
	mov dword [fs:dword 3 * MIB - 2], 0x98765432
	cmp word [fs:dword 2 * MIB], 0x9876
.out:
	ret

; The local APIC's version is at FEE00030h, the I/O APIC's ID register at FEC00000h; behind a bit 20 are, open, nothing
; and the HPET.
devices_closed: ; ZF
	mov eax, [fs:dword 0xfee00030]
	mov ebx, [fs:dword 0xfef00030]
	cmp eax, ebx
	jne .out
	mov dword [fs:dword 0xfed00000], 1 ; I/O APIC: index 1, version
	mov eax, [fs:dword 0xfec00000]
	cmp eax, 1
	jne .out
	mov eax, [fs:dword 0xfed00010]
	cmp eax, [fs:dword 0xfec00010]
.out:
	ret

devices_open: ; ZF
	cmp dword [fs:dword 0xfef00030], -1
	jne .out
	cmp word [fs:dword 0xfed00002], 0x8086
.out:
	ret

; ---- protected mode ----

; Linear 4 MiB is page 300000h by a table at 111000h, which a directory at 110000h knows; closed, all three of them are
; those of the even megabyte.
tables:
	mov edi, PD
	mov ecx, 0x800
.clear:
	mov dword [fs:edi], 0
	mov dword [fs:edi + ODD], 0
	add edi, 4
	loop .clear
	mov edi, PD
	call .make
	mov edi, PD + ODD
	call .make
	mov dword [fs:dword 2 * MIB], 0xe0e0e0e0
	mov dword [fs:dword 3 * MIB], 0x0d0d0d0d
	ret
.make: ; EDI: a directory, its tables behind it; both the same, for those with the bit have it in all their addresses
	mov dword [fs:edi], 0x83 ; 4 MiB, as they are
	mov dword [fs:edi + 4], (PT + ODD) | 3
	mov dword [fs:edi + 0x1000], (3 * MIB) | 3
	ret

paged: ; EBX: what is at linear 4 MiB
	mov eax, PD + ODD
	mov cr3, eax
	mov eax, cr4
	or al, 0x10
	mov cr4, eax
	mov eax, cr0
	or eax, 0x80000001
	mov cr0, eax
	mov bx, SEG_BIG
	mov gs, bx
	mov ebx, [gs:dword 4 * MIB]
	mov eax, cr0
	and eax, 0x7ffffffe
	mov cr0, eax
	xor ax, ax
	mov gs, ax
	ret

; ---- the second vCPU ----

start_ap:
	mov dword [0x700], 'low '
	mov dword [fs:dword MIB + 0x700], 'high'
	mov dword [LOOKS], 0
	mov si, ap
	mov di, AP
	mov cx, ap_end - ap
	rep movsb
	mov dword [fs:dword 0xfee000f0], 0x1ff
	mov dword [fs:dword 0xfee00300], 0xc4500 ; INIT, then start-up, to all others
	mov dword [fs:dword 0xfee00300], 0xc4600 | AP >> 12
.wait:
	cmp dword [LOOKS], 10
	jb .wait
	ret

ap:
	cli
	xor ax, ax
	mov ds, ax
	mov ax, 0xffff
	mov gs, ax
.look:
	mov eax, [gs:0x710]
	mov [SEES], eax
	inc dword [LOOKS]
	jmp .look
ap_end:

ap_sees: ; ZF: EDX, before it has looked a million times
	mov ebx, [LOOKS]
.look:
	cmp [SEES], edx
	je .out
	mov eax, [LOOKS]
	sub eax, ebx
	cmp eax, 1000000
	jb .look
	test edx, edx
.out:
	ret
