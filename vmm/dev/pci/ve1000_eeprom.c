/*
 * e1000: its EEPROM of 64 words, a 93C46 by which the guest talks bit by bit through EECD. It is written as the chip is:
 * what it holds lasts as long as the VM. The manual's chapter 5, "EEPROM Interface", says what is in it.
 */
#include "vmm/dev/pci/ve1000_priv.h"

#define CHECKSUM      0xbaba /* of all words, the last one makes it so */
#define ADDRESS_BITS  6
#define COMMAND_BITS  (2 + ADDRESS_BITS) /* behind the start bit */
#define ADDRESS       (VE1000_EEPROM - 1)
#define OP_READ       2
#define OP_WRITE      1
#define OP_ERASE      3
#define EXT_WRITE_OFF 0 /* of opcode 0, by the address' two upper bits */
#define EXT_WRITE_ALL 1
#define EXT_ERASE_ALL 2
#define EXT_WRITE_ON  3
#define WORD_BITS     16

void ve1000_eeprom_init(struct ve1000_state *s, const u8 mac[NET_MAC_LEN])
{
	u16 sum = 0, *e = s->eeprom;

	for (u32 i = 0; i < VE1000_EEPROM; i++)
		e[i] = 0xffff;
	for (u32 i = 0; i < NET_MAC_LEN / 2; i++)
		e[i] = (u16)(mac[2 * i] | mac[2 * i + 1] << 8);
	e[0x03] = 0x0000; /* compatibility */
	e[0x0a] = 0x4408; /* initialization control 1: valid, identities as in the next words */
	e[0x0b] = 0x001e; /* subsystem */
	e[0x0c] = 0x8086;
	e[0x0d] = 0x100e; /* device */
	e[0x0e] = 0x8086;
	e[0x0f] = 0x3040; /* initialization control 2 */
	for (u32 i = 0; i < VE1000_EEPROM - 1; i++)
		sum += e[i];
	e[VE1000_EEPROM - 1] = (u16)(CHECKSUM - sum);
}

/* Start bit, opcode and address have come. */
static void command(struct ve1000_state *s)
{
	u8 op = s->ee_shift >> ADDRESS_BITS & 3, at = s->ee_shift & ADDRESS, ext = at >> (ADDRESS_BITS - 2);

	s->ee_op = op;
	s->ee_addr = at;
	s->ee_bits = 0;
	s->ee_shift = 0;
	s->ee_phase = VE1000_EE_DONE;
	if (op == OP_READ) {
		s->ee_phase = VE1000_EE_READ;
		s->ee_out = false; /* a zero before the first bit */
	} else if (op == OP_WRITE || (!op && ext == EXT_WRITE_ALL)) {
		s->ee_phase = VE1000_EE_WRITE;
	} else if (op == OP_ERASE && s->ee_write) {
		s->eeprom[at] = 0xffff;
	} else if (!op && ext == EXT_ERASE_ALL && s->ee_write) {
		memset(s->eeprom, 0xff, sizeof(s->eeprom));
	} else if (!op && (ext == EXT_WRITE_ON || ext == EXT_WRITE_OFF)) {
		s->ee_write = ext == EXT_WRITE_ON;
	}
}

static void word_written(struct ve1000_state *s)
{
	s->ee_phase = VE1000_EE_DONE;
	s->ee_bits = 0;
	for (u32 i = 0; i < VE1000_EEPROM && s->ee_write; i++)
		if (s->ee_op != OP_WRITE || i == s->ee_addr)
			s->eeprom[i] = s->ee_shift;
}

static void take_bit(struct ve1000_state *s, bool bit)
{
	s->ee_shift = (u16)(s->ee_shift << 1 | bit);
	s->ee_bits++;
}

/* The clock rises: a bit in, or one out. */
static void clock(struct ve1000_state *s, bool bit)
{
	switch (s->ee_phase) {
	case VE1000_EE_IDLE:
		if (bit)
			s->ee_phase = VE1000_EE_COMMAND;
		break;
	case VE1000_EE_COMMAND:
		take_bit(s, bit);
		if (s->ee_bits == COMMAND_BITS)
			command(s);
		break;
	case VE1000_EE_READ:
		s->ee_out = s->eeprom[s->ee_addr] >> (WORD_BITS - 1 - s->ee_bits) & 1;
		if (++s->ee_bits == WORD_BITS) {
			s->ee_bits = 0;
			s->ee_addr = (s->ee_addr + 1) & ADDRESS;
		}
		break;
	case VE1000_EE_WRITE:
		take_bit(s, bit);
		if (s->ee_bits == WORD_BITS)
			word_written(s);
		break;
	default: break;
	}
}

/* Not selected it forgets the command; selected again it says that it is ready. */
static void deselect(struct ve1000_state *s)
{
	s->ee_phase = VE1000_EE_IDLE;
	s->ee_bits = 0;
	s->ee_shift = 0;
	s->ee_out = true;
}

void ve1000_eeprom_write(struct ve1000_state *s, u32 val)
{
	u8 old = s->eecd;

	s->eecd = val & EECD_DRIVEN;
	if (!(s->eecd & EECD_CS))
		deselect(s);
	else if ((s->eecd & EECD_SK) && !(old & EECD_SK) && (old & EECD_CS))
		clock(s, s->eecd & EECD_DI);
}

/* It is given to whoever asks: nobody else wants it. */
u32 ve1000_eeprom_eecd(const struct ve1000_state *s)
{
	return s->eecd | EECD_PRES | (s->eecd & EECD_REQ ? EECD_GNT : 0) | (s->ee_out ? EECD_DO : 0);
}

void ve1000_eeprom_reset(struct ve1000_state *s)
{
	deselect(s);
	s->eecd = EECD_NO_FWE;
	s->ee_write = false;
}

bool ve1000_eeprom_valid(const struct ve1000_state *s, struct state_check *c)
{
	u32 bits = s->ee_phase == VE1000_EE_COMMAND                                  ? COMMAND_BITS
	           : s->ee_phase == VE1000_EE_READ || s->ee_phase == VE1000_EE_WRITE ? WORD_BITS
	                                                                             : 1;

	if (s->eecd & ~EECD_DRIVEN)
		return state_refuse(c, "eecd", s->eecd, "has bits that the guest does not drive");
	if (s->ee_phase > VE1000_EE_DONE)
		return state_refuse(c, "ee_phase", s->ee_phase, "is no phase");
	if (s->ee_bits >= bits)
		return state_refuse(c, "ee_bits", s->ee_bits, "is more than the phase takes");
	if (s->ee_addr > ADDRESS || s->ee_op > 3)
		return state_refuse(c, "ee_addr", s->ee_addr, "or ee_op has bits that the command lacks");
	return true;
}
