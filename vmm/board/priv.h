/* What board.c, pc.c and serial.c share: struct board and the rows of its table. */
#pragma once

#include "arch/x86/lock.h"
#include "vmm/backend/chr.h"
#include "vmm/backend/ramdisk.h"
#include "vmm/base/irq_gate.h"
#include "vmm/board/input.h"
#include "vmm/board/serial.h"
#include "vmm/dev/ide/vide.h"
#include "vmm/dev/pc/v8042.h"
#include "vmm/dev/pc/vcrtc.h"
#include "vmm/dev/pc/vdebug.h"
#include "vmm/dev/pc/vdma.h"
#include "vmm/dev/pc/vfdc.h"
#include "vmm/dev/pc/vflash.h"
#include "vmm/dev/pc/vfwcfg.h"
#include "vmm/dev/pc/vhpet.h"
#include "vmm/dev/pc/vlpt.h"
#include "vmm/dev/pc/vpit.h"
#include "vmm/dev/pc/vpm.h"
#include "vmm/dev/pc/vreset.h"
#include "vmm/dev/pc/vrtc.h"
#include "vmm/dev/pc/vuart.h"
#include "vmm/dev/pci/ve1000.h"
#include "vmm/dev/pci/vi440fx.h"
#include "vmm/dev/pci/vi6300esb.h"
#include "vmm/dev/pci/vpci.h"
#include "vmm/dev/pci/vpiix3.h"
#include "vmm/dev/pci/vpiix4pm.h"
#include "vmm/dev/pci/vvga.h"
#include "vmm/dev/vdev.h"

struct vm;
struct board_disk;
struct vm_image;

/* A serial port's way back to its VM. */
struct com_port {
	struct vm *vm;
	enum vm_serial kind; /* what it is connected to now */
	struct {             /* of the log */
		char text[120];
		u32 len;
	} line;
};

/* What is being typed at the keyboard. */
struct board_typing {
	struct spinlock lock;
	struct input_key key[BOARD_KEYS_MAX];
	u32 nr;             /* events, 0: none; atomic */
	u32 at;             /* the next one */
	u32 tries;          /* in which there was no room for it */
	bool waits;         /* they have just come; atomic */
	struct timer timer; /* the VM's lock */
};

#define PIIX_SLOT  1 /* of the PC: function 1 is IDE */
#define BOARD_ROWS 40

/* What a device is configured with: as each of them wants it. */
union board_cfg {
	struct vrtc_cfg rtc;
	struct vpm_cfg pm;
	struct vreset_cfg reset;
	struct v8042_cfg kbc;
	struct vhpet_cfg hpet;
	struct vfdc_cfg floppy;
	struct vpci_host_bridge_cfg host_bridge;
	struct vi440fx_cfg i440fx;
	struct vpiix3_cfg piix3;
	struct vpiix4pm_cfg piix4pm;
	struct vi6300esb_cfg watchdog;
	struct vide_cfg ide;
	struct ve1000_cfg nic;
	struct vuart_cfg uart;
	struct vdebug_config debug;
	struct vvga_cfg vga;
	struct vfwcfg_cfg fwcfg;
	struct vflash_cfg flash;
};

/* Whose each slot of env's memory is. */
enum { MEMORY_SLOT_FLASH = VDEV_MEMORY_SLOTS - 1 };
/* ---- disks.c ---- */

/*
 * A disk or a card of the VM has something to do: before the vCPU that asked for it goes on, or in the next turn. Any
 * CPU, any lock held.
 */
void board_work_wanted(struct vm *vm);
/* The configuration of the IDE function: all drives with their media. OK or an error, logged. */
int board_ide_config(struct vm *vm, u32 n, union board_cfg *cfg);
/* The same of the floppy controller. Both tell CMOS memory, so the clock's row is before theirs. */
int board_floppy_config(struct vm *vm, u32 n, union board_cfg *cfg);
/*
 * Whether the image can be in that drive: OK, ERR_TRUNC or ERR_INVAL, with *flaw unless OK. *medium: bytes that its medium
 * has.
 */
int board_check_image(const struct vm_drive *drive, const struct vm_image *image, u64 *medium, struct blk_flaw *flaw);
/* What all media of such a drive have in common: all but the image, and what is written. */
struct ramdisk_cfg board_medium_cfg(struct board_disk *d);

/* ---- nics.c ---- */

/* The guest has a network card with row n's number, its configuration; its memory goes with the VM. */
bool board_nic_wanted(const struct vm_config *c, u32 n);
int board_nic_config(struct vm *vm, u32 n, union board_cfg *cfg);
void board_nics_destroy(struct vm *vm);

struct board_row {
	const struct vdev_ops *ops;
	u32 offset;                                                /* of the device, in struct board */
	bool pointer;                                              /* there is one to it, which config sets */
	const char *tag;                                           /* in streams and messages */
	u32 n;                                                     /* which of its kind */
	bool (*wanted)(const struct vm_config *c, u32 n);          /* NULL: always */
	int (*config)(struct vm *vm, u32 n, union board_cfg *cfg); /* NULL: it needs none. OK or an error */
};
extern const struct board_row board_pc[];
extern const u32 board_pc_rows;

struct board {
	struct vdev_env env;
	struct vdev_memory memory;
	struct vdev rows[BOARD_ROWS]; /* those wanted */
	u32 nr_rows;
	bool attached;
	struct irq_gate gate; /* on a PC: of 8254 and RTC, in env */
	struct vhpet hpet;    /* on a PC */
	struct vpit pit;
	struct vrtc rtc;
	struct vcmos_cfg cmos; /* on the PC, for rtc: rows behind its add to it before any is attached */
	struct vpm pm;
	struct vreset reset;
	struct v8042 kbc; /* on a PC */
	struct vdma dma;
	struct vfdc floppy;
	struct vlpt lpt; /* likewise */
	struct vcrtc crtc;
	struct vpci pci;
	struct vpci_dev host_bridge; /* on the minimal machine */
	struct vi440fx i440fx;       /* on the PC, as the next ones */
	struct vpiix3 piix3;
	struct vpiix4pm piix4pm;
	struct vi6300esb watchdog; /* with VM_WATCHDOG_I6300ESB */
	struct vide ide;           /* of the PC */
	struct vide_drive_cfg ide_drive[VIDE_DRIVES];
	struct board_disk {
		struct ramdisk rd;
		struct vm *vm;
		const struct vm_drive *drive;
		const char *name;            /* of the module that is in it; NULL: none */
	} disk[CONFIG_MAX_DRIVES];           /* the media, in the configuration's order of drives */
	struct ve1000 *nic[CONFIG_MAX_NICS]; /* NULL: it has no such card */
	u32 disk_turn;                       /* whose piece is next: media first, then IDE's channels, then cards */
	struct vuart com[CONFIG_NR_COM];
	struct com_port port[CONFIG_NR_COM];
	struct com_port firmware_log; /* what goes to port 402h */
	struct chr chr[SERIAL_NR_ENDS];
	struct vdebug debug;
	struct vvga vga;
	void *screen;                    /* memory of CONFIG_SCREEN_MEMORY bytes for a frozen one */
	struct vfwcfg fwcfg;             /* on a PC */
	struct board_firmware *firmware; /* what it tells */
	u8 *iomem;                       /* the pc-testdev's I/O RAM */
	struct board_typing typing;
	struct vflash flash;
	struct { /* keys on their way to the console UART */
		struct spinlock lock;
		u8 buf[64];
		u32 nr; /* atomic */
	} keys;
};

/* ---- input.c ---- */

/* No key is on its way, of a VM just created or reset. */
void input_init(struct vm *vm);
void input_reset(struct vm *vm);

/* For rows of devices that only one of the platforms has. */
static inline bool board_is_pc(const struct vm_config *c, u32 n)
{
	return c->platform == VM_PLATFORM_PC;
}
static inline bool board_is_minimal(const struct vm_config *c, u32 n)
{
	return c->platform == VM_PLATFORM_MINIMAL;
}

/* ---- memory.c ---- */

/* For env.memory, which is set. */
void board_memory_create(struct vm *vm);
/* ctx: the struct vm. As vdev_memory's, for a device that takes it by its configuration. */
void board_pam(void *ctx, u32 segment, bool read, bool write);
/* ctx: the struct vm. Address line 20 is open, or is not. With the VM's lock, or while it stops or starts. */
void board_a20(void *ctx, bool open);

/* ---- serial.c ---- */

/* A character of the firmware's log, which goes to the hypervisor's line by line. */
void serial_firmware_log(struct com_port *log, u8 c);
/* Row n's UART. */
int serial_config(struct vm *vm, u32 n, union board_cfg *cfg);
/* What was typed for, and begun by, the guest as it ran before is forgotten. */
void serial_reset(struct vm *vm);
