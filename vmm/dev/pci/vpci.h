/*
 * PCI bus 0 of a guest: configuration mechanism #1 at CF8h/CFCh, configuration space with write masks, BARs that come
 * and go on the I/O buses, capabilities, INTx routing, MSI and MSI-X. Pure.
 * Source: PCI Local Bus Specification 3.0, "Configuration Space", "Base Addresses", "Message Signaled Interrupts".
 *
 * A device: vpci_dev_init, vpci_bar_init, vpci_cap_add/msi/msix, then vpci_attach. Its INTx pin is routed as the DSDT
 * says: pin p (0 = INTA) of slot s to PIRQ (s + p) & 3, which is GSI 16..19 and, for guests that use the 8259s, ISA
 * IRQ 10 or 11 as well. With a chip set (vpci_set_router) that is PIRQ (s - 1 + p) & 3, which goes where the chip set's
 * registers say, and to no other GSI. Ports CF8h-CFBh belong to this file; a byte access to CF9h (the reset control
 * register) is handed to the handler given with vpci_set_cf9.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"
#include "vmm/base/io_bus.h"
#include "vmm/base/irqchip.h"
#include "vmm/dev/vdev.h"

#define VPCI_SLOTS     32
#define VPCI_FNS       8
#define VPCI_BARS      6
#define VPCI_ROM       6 /* the expansion ROM's place among the BARs */
#define VPCI_BAR_ROOM  7
#define VPCI_MSIX_MAX  64 /* vectors of one function */
#define VPCI_GSI_BASE  16
#define VPCI_ADDR_PORT 0xcf8
#define VPCI_DATA_PORT 0xcfc
#define VPCI_NOWHERE   (~0ull) /* the address of a BAR that is not decoded */

/* Configuration registers of a router, one each of PIRQ A to D: PIRQRC of Intel's PIIX and what came after it. */
#define VPCI_PIRQ_ROUTE 0x60
#define VPCI_PIRQ_OFF   0x80    /* not routed; else bits 0-3 are an ISA IRQ */
#define VPCI_PIRQ_IRQS  0xdef8u /* those that can be: not 0, 1, 2, 8, 13, which are reserved */
#define VPCI_NO_IRQ     0xffu

/*
 * Default host bridge id: 1b36:0008, which the PCI ID list names a generic host bridge of an emulated machine. No
 * operating system has a quirk for it, unlike for the 440FX (8086:1237), which guest firmware may want instead.
 */
#define VPCI_HOST_BRIDGE_VENDOR 0x1b36
#define VPCI_HOST_BRIDGE_DEVICE 0x0008

/* Standard header registers. */
enum vpci_reg {
	PCI_VENDOR = 0x00,
	PCI_DEVICE = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION = 0x08,
	PCI_PROG_IF = 0x09,
	PCI_SUBCLASS = 0x0a,
	PCI_CLASS = 0x0b,
	PCI_CACHE_LINE = 0x0c,
	PCI_LATENCY = 0x0d,
	PCI_HEADER_TYPE = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_SUBSYS_VENDOR = 0x2c,
	PCI_SUBSYS_DEVICE = 0x2e,
	PCI_ROM = 0x30,
	PCI_CAP_PTR = 0x34,
	PCI_INT_LINE = 0x3c,
	PCI_INT_PIN = 0x3d,
};

#define PCI_CMD_IO           0x0001
#define PCI_CMD_MEM          0x0002
#define PCI_CMD_MASTER       0x0004
#define PCI_CMD_INTX_DISABLE 0x0400
#define PCI_STATUS_INTX      0x0008
#define PCI_STATUS_CAP_LIST  0x0010

#define PCI_CAP_ID_MSI    0x05
#define PCI_CAP_ID_VENDOR 0x09
#define PCI_CAP_ID_MSIX   0x11

enum vpci_bar_kind {
	VPCI_BAR_NONE,
	VPCI_BAR_IO,
	VPCI_BAR_MEM32,
	VPCI_BAR_MEM64, /* takes two slots */
	VPCI_BAR_ROM,   /* VPCI_ROM alone */
	VPCI_BAR_PORTS, /* no BAR: ports whose base is in a register of the function's own (vpci_ports_init) */
};

struct vpci;
struct vpci_dev;

/* One BAR: fixed description and its place on a bus. */
struct vpci_bar {
	enum vpci_bar_kind kind;
	bool prefetch;
	bool mapped;             /* region is on a bus; but while states are restored as s.decoded says */
	u64 size;                /* power of two; >= 4 (I/O, at most 256) or >= 16 (memory), 2048 (ROM) */
	struct io_region region; /* fn, dev, name set by vpci_bar_init; base follows the guest */
	u8 base_reg, enable_reg; /* of VPCI_BAR_PORTS, as the next */
	bool command;
	const void *pages; /* of VPCI_BAR_ROM: nr_pages that are its beginning (vpci_rom_pages) */
	u32 nr_pages;
};

#define VPCI_MSIX_ENTRY(T, F, A, S) \
	F(T, u64, addr)             \
	F(T, u32, data)             \
	F(T, u32, ctrl) /* bit 0: masked */
STATE_STRUCT(vpci_msix_entry, VPCI_MSIX_ENTRY);

/* The lines a bus drives, and where regions are on the I/O buses, follow from these (vpci_dev_restored). */
#define VPCI_DEV_STATE(T, F, A, S)                                                                         \
	A(T, u8, cfg, 256) /* the pending bits of MSI are in here only */                                  \
	F(T, u8, decoded)  /* bit n: BAR n has the place it wants, and not someone who was there before */ \
	F(T, bool, intx)   /* the device's own request, before the disable bit */                          \
	F(T, u64, msix_pending)                                                                            \
	S(T, vpci_msix_entry, msix, VPCI_MSIX_MAX)
STATE_STRUCT(vpci_dev_state, VPCI_DEV_STATE);

struct vpci_dev {
	struct vpci_dev_state s;
	const char *name;
	struct vpci *pci;      /* set by vpci_attach */
	struct vpci_dev *next; /* of those attached, by slot and function */
	u8 slot, fn;
	bool own_ports;     /* it has some VPCI_BAR_PORTS */
	bool multifunction; /* function 0 says so even when it is alone; set before vpci_attach */
	u8 reset_cfg[256];  /* s.cfg as it was attached */
	u8 wmask[256];      /* bits the guest may write */
	u8 w1cmask[256];    /* bits cleared by writing 1 */
	u8 omask[256];      /* bits the device itself changes: what is in none of the three stays as attached */
	struct vpci_bar bars[VPCI_BAR_ROOM];
	u8 refused;  /* bit n: the place that BAR n wants is somebody else's. No state: follows from the BARs */
	u8 cap_end;  /* first free byte of capability space */
	u8 cap_last; /* offset of the last capability, 0: none */
	u8 msi_cap;  /* offset, 0: none */
	u8 msix_cap; /* offset, 0: none */
	u8 msix_bar; /* BAR holding table and pending bits */
	u16 msix_nr; /* vectors */
	u8 msi_nr;   /* vectors */
	/*
	 * BAR index has come to base, or (VPCI_NOWHERE) has gone from where it was. For what maps memory there; called
	 * in detach and restored, too. May be NULL.
	 */
	void (*bar_moved)(struct vpci_dev *dev, u32 index, u64 base);
	/* Called after a guest's configuration write took effect (off, size as accessed); may be NULL. */
	void (*cfg_written)(struct vpci_dev *dev, u32 off, u32 size, u64 now);
	/* Called before a guest's configuration read of off: may refresh s.cfg; may be NULL. */
	void (*cfg_reading)(struct vpci_dev *dev, u32 off, u32 size, u64 now);
};

#define VPCI_STATE(T, F, A, S) F(T, u32, addr) /* CONFIG_ADDRESS */
STATE_STRUCT(vpci_state, VPCI_STATE);

struct vpci {
	struct vpci_state s;
	struct io_bus *pio, *mmio;
	const struct irqchip *irq;
	struct vpci_dev *devs[VPCI_SLOTS * VPCI_FNS];
	struct vpci_dev *first;
	struct io_region addr_region, data_region;
	io_fn cf9_fn;
	void *cf9_dev;
	const struct vpci_dev *router;    /* or NULL */
	const struct vdev_memory *memory; /* or NULL */
	const struct vpci_dev *rom_of;    /* whose ROM is there; NULL: nobody's. No state: follows from the BARs */
	u8 pirq_level; /* without a router, bit n: PIRQ n as last driven; no state, for it follows from the functions' */
	u16 irq_level; /* with one, bit n: ISA IRQ n as last driven; just the same */
};

/* Registers CF8h-CFFh on pio. mmio is where memory BARs appear. OK or io_bus_add's errors. */
__must_check int vpci_init(struct vpci *pci, struct io_bus *pio, struct io_bus *mmio, const struct irqchip *irq);
/* Byte accesses to port CF9h go to fn (offset 0, size 1); without it they read all-ones. */
void vpci_set_cf9(struct vpci *pci, io_fn fn, void *dev);

/* Little-endian fields of configuration space, without side effects (devices and tests). */
u32 vpci_cfg_get(const struct vpci_dev *dev, u32 off, u32 size);
void vpci_cfg_set(struct vpci_dev *dev, u32 off, u32 size, u32 value);

/* Clears dev and sets the identity; class_code is the 24-bit class/subclass/prog-if.
 * int_pin: 0 none, 1..4 INTA..D. */
void vpci_dev_init(struct vpci_dev *dev, const char *name, u16 vendor, u16 device, u32 class_code, u8 revision,
                   u8 int_pin);
void vpci_set_subsys(struct vpci_dev *dev, u16 vendor, u16 device);

/*
 * Describes BAR index (a MEM64 takes index + 1 too). Handlers get offsets into the BAR and arg as dev. Before
 * vpci_attach. OK, ERR_INVAL (size, index, kind), ERR_EXIST.
 */
__must_check int vpci_bar_init(struct vpci_dev *dev, u32 index, enum vpci_bar_kind kind, u64 size, bool prefetch,
                               io_fn fn, void *arg);
/*
 * The expansion ROM base address register (30h), index VPCI_ROM: size a power of two from 2 KiB on. It is decoded
 * while its own enable bit and the command register's memory bit are set. As vpci_bar_init.
 */
__must_check int vpci_rom_init(struct vpci_dev *dev, u64 size, io_fn fn, void *arg);
/*
 * The first nr pages of the ROM are those of hypervisor memory at pages, aligned: who reads or runs them needs no exits
 * where memory of devices can be mapped, but for when another function's ROM has come there later. Firmware has one at
 * a time. Before vpci_attach, after vpci_rom_init.
 */
void vpci_rom_pages(struct vpci_dev *dev, const void *pages, u32 nr);
/* Ports whose base the function has in a register of its own, as legacy chip sets do. */
struct vpci_ports {
	u32 size;      /* power of two, 4 to 256 */
	u8 base_reg;   /* 16 bits, bit 0 of which is 1: ports */
	u8 enable_reg; /* bit 0: they are there */
	bool command;  /* only if the command register enables ports, too */
	const char *name;
};
/*
 * The same for such ports: they take the place of BAR index, which then is none. Makes the base's bits writable; those
 * of enable_reg are the caller's. OK, ERR_INVAL, ERR_EXIST.
 */
__must_check int vpci_ports_init(struct vpci_dev *dev, u32 index, const struct vpci_ports *ports, io_fn fn,
                                 void *arg);
/* Where BAR index is mapped, or VPCI_NOWHERE when it is not decoded. */
u64 vpci_bar_addr(const struct vpci_dev *dev, u32 index);

/*
 * Appends a capability of len bytes (header included) to the list; the body is zero and read-only until the caller
 * sets s.cfg/wmask. Returns its offset (>= 40h), ERR_NOSPC or ERR_INVAL.
 */
__must_check int vpci_cap_add(struct vpci_dev *dev, u8 id, u8 len);
/* MSI with 64-bit address, per-vector masking and 1..32 vectors (power of two). */
__must_check int vpci_msi_add(struct vpci_dev *dev, u32 nr);
/* MSI-X with nr vectors in a BAR of its own (memory, 32-bit): table at 0, pending bits at 800h. */
__must_check int vpci_msix_add(struct vpci_dev *dev, u32 nr, u32 bar);

/* Puts the device at slot.fn. OK, ERR_RANGE, ERR_EXIST. Function 0 of a slot must come first. */
__must_check int vpci_attach(struct vpci *pci, struct vpci_dev *dev, u32 slot, u32 fn);
/* Takes it off: its BARs off the I/O buses, its line down. Function 0 of a slot goes last. */
void vpci_detach(struct vpci_dev *dev);

/*
 * Firmware's part for guests started without any: gives every BAR an address (ascending slots; memory from mem_base,
 * ports from io_base), enables decoding (of ROMs not) and sets the interrupt line registers. OK or ERR_NOSPC.
 */
__must_check int vpci_assign(struct vpci *pci, u64 mem_base, u64 mem_end, u32 io_base, u32 io_end);

/* Drives the device's INTx request; the line is the OR of all that share it. */
void vpci_intx_set(struct vpci_dev *dev, bool asserted);
/* true when the guest has enabled MSI or MSI-X for dev (INTx is then not to be used). */
bool vpci_msi_enabled(const struct vpci_dev *dev);
/* Sends message vector, or holds it pending while it is masked. Without MSI enabled, does nothing. */
void vpci_msi_send(struct vpci_dev *dev, u32 vector);
/* GSI of a slot's pin (0 = INTA), without a router. */
u32 vpci_gsi(u32 slot, u32 pin);
/*
 * From now on router, a function of the bus, says by its configuration registers (VPCI_PIRQ_ROUTE) where interrupts go,
 * which are the bus' share of ISA lines. NULL: nobody does, as at first.
 */
void vpci_set_router(struct vpci *pci, const struct vpci_dev *router);
/* With a router: the ISA IRQ of PIRQ 0-3, or VPCI_NO_IRQ. */
u32 vpci_pirq_irq(const struct vpci *pci, u32 pirq);

/* Configuration access as the guest does it (tests, ECAM later): size 1, 2 or 4 bytes at off, within one dword. */
u32 vpci_cfg_read(struct vpci *pci, u32 slot, u32 fn, u32 off, u32 size, u64 now);
void vpci_cfg_write(struct vpci *pci, u32 slot, u32 fn, u32 off, u32 size, u32 value, u64 now);

/*
 * For the reset of a function's device: command register, BARs, MSI and interrupt line to their power-on values. The
 * bus' own reset is of its register alone, for all functions at once take long.
 */
void vpci_dev_reset(struct vpci_dev *dev);
/*
 * For the ops of a device that has a PCI function: whether a state can be that of dev, which is attached. Its BARs
 * lie on their bus and not over one another; that they do not lie over other devices' nobody can tell before all
 * states are in place.
 */
bool vpci_dev_valid(const struct vpci_dev *dev, const struct vpci_dev_state *s, struct state_check *c);
/*
 * After the states of all devices were put in place: maps BARs and drives lines as the function's says; functions are
 * told in any order. A BAR whose place on the I/O bus has another owner stays off it, as when a guest puts it there.
 */
void vpci_dev_restored(struct vpci_dev *dev);
/* The same for all functions of the bus. */
void vpci_restored(struct vpci *pci);

/*
 * The bus as a device. Its functions are devices of their own, behind it in a board's table; it is env->pci for them.
 * Restores all functions as well. No cfg.
 */
extern const struct vdev_ops vpci_ops;

/* Where a function goes, and what a host bridge is. */
struct vpci_slot {
	u8 slot, fn;
};
struct vpci_host_bridge_cfg {
	struct vpci_slot at;
	u16 vendor, device;
};
/* A struct vpci_dev that is a host bridge. cfg: vpci_host_bridge_cfg. */
extern const struct vdev_ops vpci_host_bridge_ops;

/* The two functions every bus has: the host bridge at 0.0 and (optional, for ISA's sake) a bridge at 1.0. */
void vpci_host_bridge_init(struct vpci_dev *dev, u16 vendor, u16 device);
void vpci_isa_bridge_init(struct vpci_dev *dev);
