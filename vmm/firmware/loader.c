/* The table loader's script. Names have 56 bytes, the rest of a command depends on it. */
#include "vmm/firmware/loader.h"

#include "vmm/firmware/files.h"
#include "vmm/firmware/priv.h"

#define NAME_LEN 56

enum { ALLOCATE = 1, ADD_POINTER = 2, ADD_CHECKSUM = 3 };

static u8 *command(struct fw_loader *l, u32 what, const struct fw_loader_file *file)
{
	u8 *c = l->base + l->nr * FW_LOADER_COMMAND;

	if (l->nr++ >= l->max)
		return NULL;
	memset(c, 0, FW_LOADER_COMMAND);
	fw_put32(c, 0, what);
	memcpy(c + 4, file->name, strlen(file->name));
	return c + 4 + NAME_LEN;
}

void fw_loader_allocate(struct fw_loader *l, const struct fw_loader_file *file, u32 align, enum fw_zone zone)
{
	u8 *c = command(l, ALLOCATE, file);

	if (!c)
		return;
	fw_put32(c, 0, align);
	c[4] = (u8)zone;
}

void fw_loader_pointer(struct fw_loader *l, const struct fw_loader_file *file, u32 offset, u8 size,
                       const struct fw_loader_file *to)
{
	u8 *c = command(l, ADD_POINTER, file);

	if (!c)
		return;
	memcpy(c, to->name, strlen(to->name));
	fw_put32(c, NAME_LEN, offset);
	c[NAME_LEN + 4] = size;
}

void fw_loader_sum(struct fw_loader *l, const struct fw_loader_file *file, u32 offset, u32 start, u32 len)
{
	u8 *c = command(l, ADD_CHECKSUM, file);

	file->data[offset] = 0;
	if (!c)
		return;
	fw_put32(c, 0, offset);
	fw_put32(c, 4, start);
	fw_put32(c, 8, len);
}
