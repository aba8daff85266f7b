/*
 * Intel 82540EM gigabit Ethernet controller ("e1000"), a PCI function (8086:100E). Pure. Source: Intel PCI/PCI-X Family
 * of Gigabit Ethernet Controllers Software Developer's Manual (317453), Marvell's registers of its PHY (88E1011) as that
 * describes them, and the data sheet of Microwire EEPROMs (93C46). Linux: e1000.
 *
 * BAR 0 has the registers, BAR 2 a window of ports onto them. The guest's transmit ring is walked by ve1000_work(), in
 * turns of the VM; each frame is put together in the state's buffer, descriptor by descriptor, and then goes to the
 * back-end (vmm/backend/net.h). Received frames are copied from the back-end's memory to the guest's, in pieces, too.
 *
 * Without a back-end the link is down and frames sent are lost, though counted as sent.
 */
#pragma once

#include "vmm/backend/net.h"
#include "vmm/base/timer.h"
#include "vmm/dev/pci/vpci.h"
#include "vmm/dev/vdev.h"

#define VE1000_ROM_MAX (512u << 10) /* bytes of an option ROM */
#define VE1000_EEPROM  64           /* words */
#define VE1000_PHY     32
#define VE1000_STATS   64
#define VE1000_HASH    128
#define VE1000_RA      32 /* 16 addresses, low and high */
#define VE1000_TAG     4  /* bytes of a VLAN tag, for which there is room before a frame */

/* Registers that keep what is written: ve1000_regs.c says where each is and what of it can be written. */
enum ve1000_reg {
	E_CTRL,
	E_EERD,
	E_CTRL_EXT,
	E_MDIC,
	E_FCAL,
	E_FCAH,
	E_FCT,
	E_VET,
	E_ITR,
	E_RCTL,
	E_FCTTV,
	E_TXCW,
	E_TCTL,
	E_TIPG,
	E_AIT,
	E_LEDCTL,
	E_PBA,
	E_FCRTL,
	E_FCRTH,
	E_RDBAL,
	E_RDBAH,
	E_RDLEN,
	E_RDH,
	E_RDT,
	E_RDTR,
	E_RXDCTL,
	E_RADV,
	E_RSRPD,
	E_TDBAL,
	E_TDBAH,
	E_TDLEN,
	E_TDH,
	E_TDT,
	E_TIDV,
	E_TXDCTL,
	E_TADV,
	E_TSPMT,
	E_RXCSUM,
	E_WUC,
	E_WUFC,
	E_MANC,
	VE1000_NR_REGS
};

/* What a context descriptor says, in its own terms. */
#define VE1000_CONTEXT(T, F, A, S)                                           \
	F(T, u8, ipcss)                                                      \
	F(T, u8, ipcso)                                                      \
	F(T, u16, ipcse) /* inclusive; 0: to the frame's end, as the next */ \
	F(T, u8, tucss)                                                      \
	F(T, u8, tucso)                                                      \
	F(T, u16, tucse)                                                     \
	F(T, u32, paylen)                                                    \
	F(T, u8, tucmd)                                                      \
	F(T, u8, hdrlen)                                                     \
	F(T, u16, mss)
STATE_STRUCT(ve1000_context, VE1000_CONTEXT);

#define VE1000_STATE(T, F, A, S)                                                                    \
	A(T, u32, reg, VE1000_NR_REGS)                                                              \
	F(T, u32, icr)                                                                              \
	F(T, u32, ims)                                                                              \
	A(T, u32, ra, VE1000_RA)                                                                    \
	A(T, u32, mta, VE1000_HASH)                                                                 \
	A(T, u32, vfta, VE1000_HASH)                                                                \
	A(T, u32, stats, VE1000_STATS) /* 4000h to 40FCh */                                         \
	F(T, u32, ioaddr)                                                                           \
	A(T, u16, phy, VE1000_PHY)                                                                  \
	F(T, bool, link) /* as the guest was told */                                                \
	A(T, u16, eeprom, VE1000_EEPROM)                                                            \
	F(T, u8, eecd)      /* bits the guest drives */                                             \
	F(T, u8, ee_phase)  /* enum ve1000_ee_phase */                                              \
	F(T, u8, ee_bits)   /* of the command, or of the word, that have been */                    \
	F(T, u16, ee_shift) /* them, or those still to go out */                                    \
	F(T, u8, ee_addr)                                                                           \
	F(T, u8, ee_op)                                                                             \
	F(T, bool, ee_out) /* DO */                                                                 \
	F(T, bool, ee_write)                                                                        \
	F(T, u64, itr_until) /* ns: no interrupt before that */                                     \
	F(T, u64, tx_due)    /* delayed ones, each the timer's and the absolute one's; TIMER_OFF */ \
	F(T, u64, tx_latest)                                                                        \
	F(T, u64, rx_due)                                                                           \
	F(T, u64, rx_latest)                                                                        \
	S(T, ve1000_context, ctx, 2) /* of checksums, of segmentation */                            \
	F(T, u8, tx_what)            /* of the frame under way: VE1000_TX_ flags */                 \
	F(T, u8, tx_popts)                                                                          \
	F(T, u8, tx_cso) /* of a legacy descriptor */                                               \
	F(T, u8, tx_css)                                                                            \
	F(T, u16, tx_tag)                                                                           \
	F(T, u32, tx_off)  /* bytes done of the descriptor at TDH */                                \
	F(T, u32, tx_len)  /* bytes in frame, behind the room for a tag */                          \
	F(T, u32, tx_left) /* of a segmented one: payload that is still to go out with it */        \
	F(T, u32, tx_segs) /* and what has been */                                                  \
	F(T, u8, tx_flags) /* of its TCP header, as the guest made it */                            \
	F(T, u16, tx_sum)  /* and the checksum that is there */                                     \
	F(T, u32, rx_off)  /* bytes of the back-end's next frame that the guest has already */      \
	A(T, u8, frame, VE1000_TAG + NET_FRAME_MAX)
STATE_STRUCT(ve1000_state, VE1000_STATE);

#define VE1000_TX_BEGUN    0x01
#define VE1000_TX_EXTENDED 0x02 /* data descriptors */
#define VE1000_TX_TSE      0x04
#define VE1000_TX_TAG      0x08
#define VE1000_TX_IC       0x10 /* a legacy descriptor's checksum */
#define VE1000_TX_SKIP     0x20 /* it cannot be: nothing of it goes out */
#define VE1000_TX_READY    0x40 /* complete, or as much as makes a segment: waits for the back-end */
#define VE1000_TX_LAST     0x80 /* and nothing of it follows */

/* Where a serial EEPROM is in a command. */
enum ve1000_ee_phase { VE1000_EE_IDLE, VE1000_EE_COMMAND, VE1000_EE_READ, VE1000_EE_WRITE, VE1000_EE_DONE };

struct ve1000_cfg {
	struct vpci_slot at;
	u8 mac[NET_MAC_LEN];
	const u8 *rom; /* its option ROM, whole; NULL: none */
	u32 rom_len;
	struct net net;
	/* ve1000_work() is wanted in a turn of the VM. Any CPU, any lock held. */
	void (*kick)(void *arg);
	/* The guest did something that cannot be: for a message that names it. NULL: nobody wants to know. */
	void (*complain)(void *arg, const char *what, u64 value);
	void *arg;
};

struct ve1000 {
	struct ve1000_state s;
	struct vpci_dev pci;
	struct ve1000_cfg cfg;
	struct timer timer;
	const struct guest_mem *mem;
	bool blocked;      /* the back-end had no room */
	u32 changed;       /* it has called; atomic */
	const char *wrong; /* what the guest did that is still to be told; NULL: nothing */
	u64 wrong_at;
};

/* The row's operations. cfg: struct ve1000_cfg. */
extern const struct vdev_ops ve1000_ops;

/*
 * A piece (about 12 KiB, 6 descriptors at most) of what is to be sent and received, at VM time now, or a message. In
 * a turn of the VM, with its lock. Whether there is more.
 */
bool ve1000_work(struct ve1000 *d, u64 now);
bool ve1000_has_work(const struct ve1000 *d);
