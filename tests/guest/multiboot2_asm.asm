; The header by which multiboot2.c is a multiboot2 kernel too. Multiboot2 Specification 2.0, "Multiboot2 header".

section .multiboot align=8
header:
	dd 0xe85250d6
	dd 0 ; 32-bit protected mode of i386
	dd header_end - header
	dd -(0xe85250d6 + header_end - header)

	dw 1, 0 ; information request
	dd 8 + 8 * 4
	dd 1, 2, 3, 4, 6, 8, 14, 15

	dw 4, 0 ; console flags: one is wanted, a text screen will do
	dd 12
	dd 3
	align 8, db 0

	dw 6, 0 ; modules on page boundaries
	dd 8

	dw 77, 1 ; nobody knows it, and it is optional
	dd 12
	dd 0
	align 8, db 0

	dw 0, 0
	dd 8
header_end:
