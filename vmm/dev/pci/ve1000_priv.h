/* What the files of the e1000 share. Bits are those of the manual's chapter 13, "Register Descriptions". */
#pragma once

#include "lib/string.h"
#include "vmm/dev/pci/ve1000.h"

#define BIT32(n) (1u << (n))

#define CTRL_FD      BIT32(0)
#define CTRL_SLU     BIT32(6)
#define CTRL_1000    BIT32(9)
#define CTRL_RST     BIT32(26)
#define CTRL_VME     BIT32(30)
#define CTRL_PHY_RST BIT32(31)

#define CTRL_EXT_EE_RST BIT32(13)

#define RCTL_EN    BIT32(1)
#define RCTL_UPE   BIT32(3)
#define RCTL_MPE   BIT32(4)
#define RCTL_LPE   BIT32(5)
#define RCTL_BAM   BIT32(15)
#define RCTL_VFE   BIT32(18)
#define RCTL_CFIEN BIT32(19)
#define RCTL_CFI   BIT32(20)
#define RCTL_BSEX  BIT32(25)
#define RCTL_SECRC BIT32(26)

#define TCTL_EN  BIT32(1)
#define TCTL_PSP BIT32(3)

#define RDTR_FPD BIT32(31) /* RDTR's and TIDV's */

/* Interrupt causes. */
#define ICR_TXDW   BIT32(0)
#define ICR_TXQE   BIT32(1)
#define ICR_LSC    BIT32(2)
#define ICR_RXDMT0 BIT32(4)
#define ICR_RXT0   BIT32(7)
#define ICR_MDAC   BIT32(9)
#define ICR_CAUSES 0x0001ffdfu

#define EECD_SK     0x01u
#define EECD_CS     0x02u
#define EECD_DI     0x04u
#define EECD_DO     0x08u
#define EECD_FWE    0x30u
#define EECD_NO_FWE 0x10u
#define EECD_REQ    0x40u
#define EECD_GNT    0x80u
#define EECD_PRES   0x100u
#define EECD_DRIVEN (EECD_SK | EECD_CS | EECD_DI | EECD_FWE | EECD_REQ)

/* Statistics, by their place behind 4000h. */
enum stat {
	ST_PRC64 = 0x5c / 4,
	ST_GPRC = 0x74 / 4,
	ST_BPRC = 0x78 / 4,
	ST_MPRC = 0x7c / 4,
	ST_GPTC = 0x80 / 4,
	ST_GORC = 0x88 / 4, /* two registers, as the next ones */
	ST_GOTC = 0x90 / 4,
	ST_RNBC = 0xa0 / 4,
	ST_RUC = 0xa4 / 4,
	ST_ROC = 0xac / 4,
	ST_TOR = 0xc0 / 4,
	ST_TOT = 0xc8 / 4,
	ST_TPR = 0xd0 / 4,
	ST_TPT = 0xd4 / 4,
	ST_PTC64 = 0xd8 / 4,
	ST_MPTC = 0xf0 / 4,
	ST_BPTC = 0xf4 / 4,
	ST_TSCTC = 0xf8 / 4,
	ST_TSCTFC = 0xfc / 4,
};

/* What a frame's first descriptor asks for: IP's checksum, TCP's or UDP's. */
#define POPTS_IXSM 1u
#define POPTS_TXSM 2u

#define DESC_LEN  16u
#define FCS_LEN   4u
#define ETH_MIN   60u
#define ETH_MAX   1518u /* without check sequence, with a VLAN tag */
#define PHY_RESET 0x8000u

/* What ve1000_work() may spend in one piece: bytes, and what a descriptor counts for. */
#define WORK_PIECE      12288u
#define WORK_DESCRIPTOR 2048u
#define WORK_CHECKSUM   (2 * WORK_DESCRIPTOR) /* of an IP header */

/* A ring of descriptors, as its registers say. */
struct ring {
	u64 base;
	u32 nr, head, tail;
};
static inline struct ring ve1000_ring(const struct ve1000_state *s, enum ve1000_reg low)
{
	return (struct ring){ .base = s->reg[low] | (u64)s->reg[low + 1] << 32,
		              .nr = s->reg[low + 2] / DESC_LEN,
		              .head = s->reg[low + 3],
		              .tail = s->reg[low + 4] };
}
_Static_assert(E_RDT - E_RDBAL == 4 && E_TDT - E_TDBAL == 4, "a ring's registers follow one another");

static inline bool ve1000_ring_has(const struct ring *r)
{
	return r->head != r->tail && r->head < r->nr && r->tail < r->nr;
}
static inline bool ve1000_is_master(const struct ve1000 *d)
{
	return d->pci.s.cfg[PCI_COMMAND] & PCI_CMD_MASTER;
}
/* Told by the next piece of work; of several the first. */
static inline void ve1000_complain(struct ve1000 *d, const char *what, u64 value)
{
	if (d->wrong)
		return;
	d->wrong = what;
	d->wrong_at = value;
}

/* ---- ve1000_regs.c ---- */

u32 ve1000_read(struct ve1000 *d, u32 off, u64 now);
void ve1000_write(struct ve1000 *d, u32 off, u32 val, u64 now);
/* Registers at power-on, or after CTRL.RST; EEPROM and PHY keep theirs. */
void ve1000_regs_reset(struct ve1000 *d);
bool ve1000_regs_valid(const struct ve1000_state *s, struct state_check *c);
/* A counter that stays at its end; two registers of them, up to 64 bits. */
void ve1000_count(struct ve1000_state *s, u32 stat, u32 n);
void ve1000_count_long(struct ve1000_state *s, u32 stat, u32 n);
/* A frame of len bytes, its check sequence not counted, by its size and its address. */
void ve1000_count_frame(struct ve1000_state *s, const u8 *frame, u32 len, bool out);

/* ---- ve1000_irq.c ---- */

/* Causes come; the line follows. */
void ve1000_raise(struct ve1000 *d, u32 causes, u64 now);
/* The line and the timer, after masks, causes or times have changed. */
void ve1000_update(struct ve1000 *d, u64 now);
/* Something was sent whose interrupt may wait, or was received. */
void ve1000_raise_tx(struct ve1000 *d, bool delay, u64 now);
void ve1000_raise_rx(struct ve1000 *d, u64 now);
/* Delayed interrupts come at once. */
void ve1000_flush_tx(struct ve1000 *d, u64 now);
void ve1000_flush_rx(struct ve1000 *d, u64 now);
void ve1000_irq_reset(struct ve1000 *d);
bool ve1000_irq_valid(const struct ve1000_state *s, const struct vpci_dev_state *pci, struct state_check *c);

/* ---- ve1000_eeprom.c ---- */

void ve1000_eeprom_init(struct ve1000_state *s, const u8 mac[NET_MAC_LEN]);
void ve1000_eeprom_write(struct ve1000_state *s, u32 val);
u32 ve1000_eeprom_eecd(const struct ve1000_state *s);
/* Its bus at rest. */
void ve1000_eeprom_reset(struct ve1000_state *s);
bool ve1000_eeprom_valid(const struct ve1000_state *s, struct state_check *c);

/* ---- ve1000_phy.c ---- */

void ve1000_phy_reset(struct ve1000_state *s);
/* MDIC was written. */
void ve1000_phy_access(struct ve1000 *d, u32 val, u64 now);
/* Whether the link is up for the guest; the guest is told when that has changed. */
bool ve1000_link_up(const struct ve1000 *d);
void ve1000_link_check(struct ve1000 *d, u64 now);

/* ---- ve1000_tx.c, ve1000_seg.c, ve1000_rx.c: pieces of the work; what they have spent ---- */

bool ve1000_tx_ready(const struct ve1000 *d);
u32 ve1000_tx(struct ve1000 *d, u64 now);
void ve1000_tx_forget(struct ve1000_state *s);
bool ve1000_tx_valid(const struct ve1000_state *s, struct state_check *c);

/* The context of the frame under way. */
static inline const struct ve1000_context *ve1000_context(const struct ve1000_state *s)
{
	return &s->ctx[s->tx_what & VE1000_TX_TSE ? 1 : 0];
}
/* Bytes that the frame under way, or its next segment, may have in the buffer. */
u32 ve1000_seg_size(const struct ve1000_state *s);
/* Of a segment, once, when it is complete: its headers. */
void ve1000_seg_headers(struct ve1000_state *s);
/* What is in the buffer as the back-end wants it, with the checksums that its descriptors ask for. */
struct net_frame ve1000_seg_frame(struct ve1000_state *s);

bool ve1000_rx_ready(const struct ve1000 *d);
/* spent: what the piece has already. */
u32 ve1000_rx(struct ve1000 *d, u32 spent, u64 now);
