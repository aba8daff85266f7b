/*
 * SMBIOS for a guest: entry points 3.0 and 2.8 over one structure table. Offsets are those of DMTF DSP0134 3.0,
 * "SMBIOS structures".
 */
#include "vmm/firmware/priv.h"

#define SM3_LEN 24
#define SM_LEN  FW_SMBIOS_ANCHOR

/* Handles: type << 8 | index. */
#define H_BIOS    0x0000
#define H_SYSTEM  0x0100
#define H_CHASSIS 0x0300
#define H_CPU     0x0400
#define H_ARRAY   0x1000
#define H_DIMM    0x1100
#define H_MAPPED  0x1300
#define H_BOOT    0x2000
#define H_END     0x7f00

/*
 * Appends a structure of len formatted bytes and its strings (NULL-terminated list); the caller fills the body
 * through the pointer (NULL: full). String n of the list is number n + 1.
 */
static u8 *structure(struct fw_smbios *s, u8 type, u16 handle, u8 len, const char *const *strings)
{
	u32 size = len, n = 0;
	u64 gpa;
	u8 *p, *text;

	for (n = 0; strings && strings[n]; n++)
		size += (u32)strlen(strings[n]) + 1;
	size += n ? 1 : 2;
	p = fw_alloc(s->a, size, 1, &gpa);
	if (!p)
		return NULL;
	p[0] = type;
	p[1] = len;
	fw_put16(p, 2, handle);
	text = p + len;
	for (u32 i = 0; i < n; i++) {
		u32 l = (u32)strlen(strings[i]) + 1;

		memcpy(text, strings[i], l);
		text += l;
	}
	s->nr++;
	s->largest = MAX(s->largest, size);
	return p;
}

static void bios_information(struct fw_smbios *s)
{
	static const char *const strings[] = { "Bulkhead", "1", "01/01/2025", NULL };
	u8 *p = structure(s, 0, H_BIOS, 24, strings);

	if (!p)
		return;
	p[4] = 1;
	p[5] = 2;
	fw_put16(p, 6, 0xe000); /* start segment */
	p[8] = 3;
	p[9] = 1;              /* 128 KiB: (n + 1) * 64 KiB */
	fw_put64(p, 10, 0x80); /* PCI is supported */
	p[18] = 0x01;          /* extension byte 1: ACPI */
	p[19] = 0x14;          /* extension byte 2: virtual machine, targeted content distribution */
	p[20] = p[21] = 1;
	p[22] = p[23] = 0xff; /* no embedded controller */
}

static void system_information(struct fw_smbios *s, const struct fw_config *cfg)
{
	const char *const strings[] = { "Bulkhead", "Bulkhead partition", "1",
		                        cfg->name && cfg->name[0] ? cfg->name : NULL, NULL };
	u8 *p = structure(s, 1, H_SYSTEM, 27, strings);

	if (!p)
		return;
	p[4] = 1;
	p[5] = 2;
	p[6] = 3;
	p[7] = strings[3] ? 4 : 0;
	/* The first three UUID fields are little-endian here. */
	for (u32 i = 0; i < 16; i++) {
		static const u8 from[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

		p[8 + i] = cfg->uuid[from[i]];
	}
	p[24] = 6; /* wake-up: power switch */
}

static void chassis(struct fw_smbios *s)
{
	static const char *const strings[] = { "Bulkhead", NULL };
	u8 *p = structure(s, 3, H_CHASSIS, 22, strings);

	if (!p)
		return;
	p[4] = 1;
	p[5] = 1;                 /* type: other */
	p[9] = p[10] = p[11] = 3; /* boot-up, power supply, thermal state: safe */
	p[12] = 2;                /* security: unknown */
}

static void processor(struct fw_smbios *s, const struct fw_config *cfg)
{
	static const char *const strings[] = { "CPU 0", "Bulkhead", NULL };
	u8 *p = structure(s, 4, H_CPU, 48, strings);
	u8 cores = (u8)MIN(cfg->nr_cpus, 255u);

	if (!p)
		return;
	p[4] = 1;
	p[5] = 3; /* central processor */
	p[6] = 1; /* family: other */
	p[7] = 2;
	p[24] = 0x41; /* populated, enabled */
	p[25] = 1;    /* upgrade: other */
	fw_put16(p, 26, 0xffff);
	fw_put16(p, 28, 0xffff);
	fw_put16(p, 30, 0xffff);
	p[35] = p[36] = p[37] = cores;
	fw_put16(p, 38, 0x04); /* 64-bit capable */
	fw_put16(p, 40, 0x01); /* other */
	fw_put16(p, 42, (u16)cfg->nr_cpus);
	fw_put16(p, 44, (u16)cfg->nr_cpus);
	fw_put16(p, 46, (u16)cfg->nr_cpus);
}

static void memory_array(struct fw_smbios *s, u64 memory)
{
	u8 *p = structure(s, 16, H_ARRAY, 23, NULL);

	if (!p)
		return;
	p[4] = 1; /* location: other */
	p[5] = 3; /* use: system memory */
	p[6] = 6; /* error correction: multi-bit ECC */
	if (memory / 1024 < 0x80000000ull) {
		fw_put32(p, 7, (u32)(memory / 1024));
	} else {
		fw_put32(p, 7, 0x80000000u);
		fw_put64(p, 15, memory);
	}
	fw_put16(p, 11, 0xfffe); /* no error information */
	fw_put16(p, 13, 1);
}

static void memory_device(struct fw_smbios *s, u64 memory)
{
	static const char *const strings[] = { "DIMM 0", "Bulkhead", NULL };
	u8 *p = structure(s, 17, H_DIMM, 40, strings);
	u64 mib = MAX(memory >> 20, 1ull);

	if (!p)
		return;
	fw_put16(p, 4, H_ARRAY);
	fw_put16(p, 6, 0xfffe);
	fw_put16(p, 8, 0xffff);
	fw_put16(p, 10, 0xffff);
	if (mib < 0x7fff) {
		fw_put16(p, 12, (u16)mib);
	} else {
		fw_put16(p, 12, 0x7fff);
		fw_put32(p, 28, (u32)mib);
	}
	p[14] = 9;          /* DIMM */
	p[16] = 1;          /* locator */
	p[18] = 7;          /* RAM */
	fw_put16(p, 19, 2); /* other */
	p[23] = 2;          /* manufacturer */
}

static void memory_mapped(struct fw_smbios *s, u32 index, u64 base, u64 end)
{
	u8 *p = structure(s, 19, (u16)(H_MAPPED + index), 31, NULL);

	if (!p)
		return;
	if (end / 1024 - 1 < 0xffffffffull) {
		fw_put32(p, 4, (u32)(base / 1024));
		fw_put32(p, 8, (u32)(end / 1024 - 1));
	} else {
		fw_put32(p, 4, 0xffffffff);
		fw_put32(p, 8, 0xffffffff);
		fw_put64(p, 15, base);
		fw_put64(p, 23, end - 1);
	}
	fw_put16(p, 12, H_ARRAY);
	p[14] = 1;
}

static void put_sm3(u8 *e, const struct fw_smbios *s, u64 table, u32 len)
{
	memcpy(e, "_SM3_", 5);
	e[6] = SM3_LEN;
	e[7] = 3;
	e[10] = 1; /* entry point revision */
	fw_put32(e, 12, len);
	fw_put64(e, 16, table);
	e[5] = fw_checksum(e, SM3_LEN);
}

/* All but the checksums. */
static void put_sm_fields(u8 *e, const struct fw_smbios *s, u64 table, u32 len)
{
	memcpy(e, "_SM_", 4);
	e[5] = SM_LEN;
	e[6] = 2;
	e[7] = 8;
	fw_put16(e, 8, (u16)s->largest);
	memcpy(e + 16, "_DMI_", 5);
	fw_put16(e, 22, (u16)len);
	fw_put32(e, 24, (u32)table);
	fw_put16(e, 28, (u16)s->nr);
	e[30] = 0x28;
}

static void put_sm(u8 *e, const struct fw_smbios *s, u64 table, u32 len)
{
	put_sm_fields(e, s, table, len);
	e[21] = fw_checksum(e + 16, 15);
	e[4] = fw_checksum(e, SM_LEN);
}

/* A piece of them. false: these were the last. */
static bool structures(struct fw_smbios *s, const struct fw_config *cfg)
{
	const struct guest_map *map = cfg->map;

	switch (s->part++) {
	case 0: bios_information(s); return true;
	case 1: system_information(s, cfg); return true;
	case 2:
		chassis(s);
		processor(s, cfg);
		return true;
	case 3:
		memory_array(s, map->memory);
		memory_device(s, map->memory);
		return true;
	default:
		memory_mapped(s, 0, 0, map->low_end);
		if (map->high_end)
			memory_mapped(s, 1, GUEST_PCI_HOLE_END, map->high_end);
		structure(s, 32, H_BOOT, 11, NULL); /* boot status 0: no errors */
		structure(s, 127, H_END, 4, NULL);
		return false;
	}
}

bool fw_smbios_files_step(struct fw_smbios *s, const struct fw_config *cfg, struct fw_area *a, u8 *anchor)
{
	if (!s->a) {
		s->a = a;
		s->first = a->at;
	}
	if (structures(s, cfg))
		return true;
	memset(anchor, 0, SM_LEN);
	put_sm_fields(anchor, s, 0, (u32)(a->at - s->first));
	return false;
}

bool fw_smbios_step(struct fw_smbios *s, const struct fw_config *cfg, struct fw_area *a)
{
	u64 gpa;

	if (!s->a) {
		s->a = a;
		s->sm3 = fw_alloc(a, SM3_LEN, 16, &gpa);
		s->sm = fw_alloc(a, SM_LEN, 16, &gpa);
		fw_alloc(a, 0, 16, &s->first);
		return true;
	}
	if (!s->whole) {
		s->whole = !structures(s, cfg);
		return true;
	}
	if (a->full)
		return false;
	put_sm3(s->sm3, s, s->first, (u32)(a->at - s->first));
	put_sm(s->sm, s, s->first, (u32)(a->at - s->first));
	return false;
}
