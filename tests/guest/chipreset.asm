; A PC's resets, seen from its reset vector: this is no program but the image of a firmware, 64 KiB at F0000h and below
; 4 GiB. Each of the chip set's ways is walked; CMOS memory, which outlives them all, has how far it has come (7Fh) and
; what passed (7Eh) and failed (7Dh). With a shutdown byte (0Fh) the soft ones reset the processor alone: registers of
; the chip set and memory are as they were left. Wants on-reset = "restart"; two of the resets are restarts.

%define SHUTDOWN 0x0f
%define STAGE    0x7f
%define STAGES   8

; Configuration registers that are marked: PAM1 of the host bridge, PIRQRCA of the ISA bridge, PMBA of power management.
%define PAM   0x80000058
%define PIRQ  0x80000860
%define PMBA  0x80000b40
%define MAGIC 0x600d1dea ; in memory, at MEMORY
%define MEMORY 0x500

%include "tests/guest/rt/rom_macros.inc"

bits 16
org 0

entry:
	cli
	cld
	xor ax, ax
	mov ds, ax
	mov ss, ax
	mov sp, 0x7c00
	call serial_init
	mov al, STAGE
	call cmos
	cmp al, STAGES
	jae finish
	movzx bx, al
	add bx, bx
	jmp [cs:bx + stages]

stages: dw power_on, after_cf9, after_92, after_8042, after_shutdown, after_init, after_restart, after_hard

power_on:
	call as_at_power_on
	check "power-on values"
	call mark
	next_stage 1
	call close_a20
	mov dx, 0xcf9
	mov al, 0
	out dx, al
	mov al, 0x04
	out dx, al
	jmp wait_for_it

after_cf9:
	call as_marked
	check "CF9h, soft: the chip set's registers and memory stay"
	mov dx, 0xcf9
	in al, dx
	cmp al, 0x04
	check "CF9h, soft: its own bit too"
	next_stage 2
	mov al, 0x02
	out 0x92, al
	mov al, 0x03
	out 0x92, al
	jmp wait_for_it

after_92:
	call as_marked
	check "port 92h: they stay"
	in al, 0x92
	cmp al, 0x03
	check "port 92h: its own bit too"
	mov al, 0x02
	out 0x92, al
	next_stage 3
	mov al, 0xfe
	out 0x64, al
	jmp wait_for_it

after_8042:
	call as_marked
	check "the 8042's pulse: they stay"
	next_stage 4
	call close_a20
	lidt [cs:no_idt]
	int3
	jmp wait_for_it

after_shutdown:
	call as_marked
	check "a processor's shutdown: they stay"
	sidt [0x600]
	cmp word [0x600], 0xffff
	check "a processor's shutdown: the processor has its registers from INIT"
	next_stage 5
	; The local APIC's ICR is beyond 1 MiB: DS gets a large limit.
	lgdt [cs:gdt_ptr]
	mov eax, cr0
	or al, 1
	mov cr0, eax
	mov bx, 8
	mov ds, bx
	and al, 0xfe
	mov cr0, eax
	mov dword [dword 0xfee00310], 0
	mov dword [dword 0xfee00300], 0x4500 ; INIT, to APIC ID 0
	jmp wait_for_it

after_init:
	call as_marked
	check "INIT of the local APIC: they stay"
	; No shutdown byte: the same way is a restart now.
	mov ax, SHUTDOWN
	call set_cmos
	next_stage 6
	mov al, 0x02
	out 0x92, al
	mov al, 0x03
	out 0x92, al
	jmp wait_for_it

after_restart:
	call as_at_power_on
	check "port 92h without a shutdown byte: power-on values again"
	call mark
	next_stage 7
	mov dx, 0xcf9
	mov al, 0x02
	out dx, al
	mov al, 0x06
	out dx, al
	jmp wait_for_it

after_hard:
	call as_at_power_on
	check "CF9h, hard: power-on values, whatever the shutdown byte"
	mov al, SHUTDOWN
	call cmos
	cmp al, 0x0a
	check "CMOS memory stays"
	jmp finish

wait_for_it: ; not for the next exit that something else makes
	mov cx, 0xffff
	loop $
	or al, 1 ; not ZF
	check "a reset comes at once"
	jmp finish

; ---- what resets leave ----

mark:
	mov ax, SHUTDOWN | 0x0a << 8
	call set_cmos
	mov eax, PAM
	mov ebx, 0x00110000
	call set_config
	mov eax, PIRQ
	mov ebx, 0x0b0b0a0a
	call set_config
	mov eax, PMBA
	mov ebx, 0x601
	call set_config
	mov dword [MEMORY], MAGIC
	ret

; The reset vector is in an odd megabyte: who comes to it finds the gate open.
close_a20:
	in al, 0x92
	and al, 0xfc
	out 0x92, al
	ret

as_marked: ; ZF
	in al, 0x92
	test al, 0x02
	jz .closed
	mov eax, PAM
	call config
	and eax, 0x00ff0000
	cmp eax, 0x00110000
	jne .out
	mov eax, PIRQ
	call config
	cmp eax, 0x0b0b0a0a
	jne .out
	mov eax, PMBA
	call config
	cmp eax, 0x601
	jne .out
	cmp dword [MEMORY], MAGIC
	jne .out
	mov al, SHUTDOWN
	call cmos
	cmp al, 0x0a
.out:
	ret
.closed:
	inc al ; not ZF
	ret

as_at_power_on: ; ZF
	mov eax, PAM
	call config
	test eax, 0xffff0000
	jnz .out
	mov eax, PIRQ
	call config
	cmp eax, 0x80808080
	jne .out
	mov eax, PMBA
	call config
	cmp eax, 1
	jne .out
	in al, 0x92
	cmp al, 0x02
	jne .out
	mov dx, 0xcf9
	in al, dx
	cmp al, 0
.out:
	ret

%include "tests/guest/rt/rom.inc"

align 8
gdt:
	dq 0
	dq 0x00cf93000000ffff ; data, 4 GiB
gdt_ptr: dw gdt_ptr - gdt - 1
	dd 0xf0000 + gdt
no_idt: dw 0
	dd 0
summary: db "SUMMARY chipreset: ", 0

	times 0xfff0 - ($ - $$) db 0xff
	jmp 0xf000:entry
	times 0x10000 - ($ - $$) db 0xff
