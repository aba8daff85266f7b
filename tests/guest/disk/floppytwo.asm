; A floppy of 720 KiB with nothing on it but words in its first and its last sector: what floppy16 is given instead of its
; own.
	db "two0"
	times 720 * 1024 - 4 - ($ - $$) db 0
	db "two9"
