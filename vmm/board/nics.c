/* A VM's network cards. There are no networks yet: their cables are not plugged in. */
#include "lib/log.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/board/board.h"
#include "vmm/board/priv.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/vm/vm.h"

static const struct vm_nic *find(const struct vm_config *c, u32 nr)
{
	for (u32 i = 0; i < c->nr_nics; i++)
		if (c->nics[i].nr == nr)
			return &c->nics[i];
	return NULL;
}

bool board_nic_wanted(const struct vm_config *c, u32 n)
{
	return find(c, n);
}

static void kick(void *arg)
{
	board_work_wanted(arg);
}

static void complain(void *arg, const char *what, u64 value)
{
	const struct vm *vm = arg;

	vcpu_log(vm->vcpus[0], LOG_WARN, "e1000: %s %#lx: dropped\n", what, value);
}

int board_nic_config(struct vm *vm, u32 n, union board_cfg *cfg)
{
	const struct vm_nic *nic = find(&vm->config, n);

	if (!nic) /* a row that is not wanted */
		return ERR_NOENT;
	vm->board->nic[n] = hv_zalloc(sizeof(struct ve1000));
	if (!vm->board->nic[n])
		return ERR_NOMEM;
	cfg->nic = (struct ve1000_cfg){ .at.slot = (u8)(CONFIG_NIC_SLOT + n),
		                        .rom = vm->nic_rom.data,
		                        .rom_len = (u32)vm->nic_rom.len,
		                        .kick = kick,
		                        .complain = complain,
		                        .arg = vm };
	memcpy(cfg->nic.mac, nic->mac, sizeof(cfg->nic.mac));
	return OK;
}

void board_nics_destroy(struct vm *vm)
{
	struct board *b = vm->board;

	for (u32 i = 0; i < CONFIG_MAX_NICS; i++)
		if (b->nic[i])
			hv_zfree(b->nic[i], sizeof(*b->nic[i]));
}
