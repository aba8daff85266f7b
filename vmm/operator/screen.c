/*
 * The one frozen screen that there is: of the guest, and for the one, who asked last. Its memory is the hypervisor's,
 * for as long as it is looked at; the work is done in the pieces, and at the expense, of the asker's command.
 */
#include "arch/x86/cpu.h"
#include "lib/string.h"
#include "mm/hvmem.h"
#include "vmm/backend/fb.h"
#include "vmm/board/board.h"
#include "vmm/operator/ops.h"
#include "vmm/pcpu/clock.h"
#include "vmm/vm/vm.h"

#define KEPT_NS 2000000000ull /* for one who does not come back, while another asks */
#define TRIES   10000u        /* for the VM's lock */

_Static_assert(MON_SCREEN_CELLS <= FB_TEXT_MAX && MON_SCREEN_UTF8 == FB_UTF8_MAX, "as it is asked for");

/* Of who has the one below: the row of pixels before (mon_screen). */
static u32 shot_row[MON_SCREEN_WIDTH];

/* monitor_lock; a command that pauses looks again whether it is still its own */
static struct {
	void *mem;
	size_t size;
	const struct fb_ops *ops;
	u64 asker;
	u32 guest;
	u32 generation; /* counts */
	bool whole;     /* all of it is copied */
	u64 used;       /* last; clock_now() */
} shot;

static bool is_mine(u64 asker, u32 generation)
{
	return shot.mem && shot.asker == asker && shot.generation == generation;
}

static void drop(void)
{
	if (shot.mem)
		hv_zfree(shot.mem, shot.size);
	shot.mem = NULL;
	shot.whole = false;
}

/*
 * The VM's lock, and its screen; NULL: there is none any more, or no coming by the lock. Whoever has a VM's lock may
 * wait for the monitor's, which we have: it is not waited for.
 */
static struct vm *lock_screen(u32 guest, struct fb *fb)
{
	for (u32 i = 0; i < TRIES; i++) {
		struct vm *vm = vm_by_id(guest);

		if (!vm)
			return NULL;
		if (spin_trylock(&vm->lock)) {
			*fb = board_screen(vm);
			if (fb->ops)
				return vm;
			vm_unlock(vm);
			return NULL;
		}
		cpu_pause();
		mon_point(&monitor_mon);
	}
	return NULL;
}

/* The registers, with memory for what they show. */
static int begin(u32 guest, u64 asker)
{
	int err = ERR_NOSPC;

	for (u32 i = 0; i < 4 && err == ERR_NOSPC; i++) {
		struct fb fb;
		struct vm *vm = lock_screen(guest, &fb);
		size_t size;

		if (!vm)
			return ERR_BUSY;
		size = fb.ops->size(fb.ctx);
		vm_unlock(vm);
		mon_fresh(&monitor_mon);
		if (shot.mem && shot.asker != asker)
			return ERR_BUSY;
		drop();
		shot.mem = hv_alloc_pages_as_is(ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE);
		if (!shot.mem)
			return ERR_NOMEM;
		shot.size = size;
		shot.asker = asker;
		shot.guest = guest;
		shot.used = clock_now();
		shot.generation += shot.generation == ~0u ? 2 : 1;
		vm = lock_screen(guest, &fb);
		if (!vm)
			return ERR_BUSY;
		/* The mode may have become a larger one. */
		err = shot.mem && shot.asker == asker ? fb.ops->freeze(fb.ctx, shot.mem, shot.size, vm_now(vm))
		                                      : ERR_BUSY;
		shot.ops = fb.ops;
		vm_unlock(vm);
	}
	return err;
}

/* Video memory is the VM's: in its own address space alone, in which our memory is as well. */
static bool copy_piece(struct vm *vm, const struct fb *fb)
{
	u64 cr3 = cpu_read_cr3();
	bool more;

	cpu_write_cr3(hostpt_cr3(&vm->pt));
	more = fb->ops->copy(fb->ctx, shot.mem);
	cpu_write_cr3(cr3);
	return more;
}

static int copy(u32 guest, u64 asker)
{
	u32 generation = shot.generation;
	bool more = true;

	while (more) {
		struct fb fb;
		struct vm *vm;

		mon_fresh(&monitor_mon);
		vm = lock_screen(guest, &fb);
		if (!vm)
			return ERR_BUSY;
		more = is_mine(asker, generation) && copy_piece(vm, &fb);
		vm_unlock(vm);
		if (!is_mine(asker, generation))
			return ERR_BUSY;
		shot.used = clock_now();
	}
	shot.whole = true;
	return OK;
}

static void tell(struct mon_screen *s)
{
	static const enum mon_screen_kind kinds[] = {
		[FB_BLANK] = MON_SCREEN_BLANK, [FB_TEXT] = MON_SCREEN_TEXT, [FB_GRAPHICS] = MON_SCREEN_GRAPHICS
	};
	struct fb_shape shape;

	shot.ops->shape(shot.mem, &shape);
	*s = (struct mon_screen){
		.kind = kinds[shape.kind],
		.generation = shot.generation,
		.width = MIN(shape.width, MON_SCREEN_WIDTH),
		.height = shape.height,
		.row = shot_row,
		.cols = MIN(shape.cols, MON_SCREEN_COLS),
		.rows = shape.rows,
		.cursor = shape.cursor,
		.cursor_col = shape.cursor_col,
		.cursor_row = shape.cursor_row,
	};
}

int monitor_screen(void *ctx, u32 guest, u64 asker, u32 generation, struct mon_screen *s)
{
	struct vm *vm = vm_by_id(guest);
	int err;

	if (!vm)
		return ERR_NOENT;
	if (!board_screen(vm).ops)
		return ERR_NOTSUP;
	if (generation) {
		if (!is_mine(asker, generation) || shot.guest != guest || !shot.whole)
			return ERR_RANGE;
		shot.used = clock_now();
		tell(s);
		return OK;
	}
	if (shot.mem && shot.asker != asker && clock_now() - shot.used < KEPT_NS)
		return ERR_BUSY;
	drop();
	err = begin(guest, asker);
	if (!err)
		err = copy(guest, asker);
	if (err && shot.mem && shot.asker == asker)
		drop();
	if (!err)
		tell(s);
	return err;
}

void monitor_screen_pixels(void *ctx, u64 asker, u32 generation, u32 x, u32 y, u32 n, u8 *rgb)
{
	memset(rgb, 0, (size_t)3 * n);
	if (!is_mine(asker, generation) || !shot.whole)
		return;
	shot.used = clock_now();
	shot.ops->pixels(shot.mem, x, y, n, rgb);
}

u32 monitor_screen_same(void *ctx, u64 asker, u32 generation, u32 x, u32 y, u32 n)
{
	if (!is_mine(asker, generation) || !shot.whole)
		return 0;
	shot.used = clock_now();
	return shot.ops->same(shot.mem, x, y, n);
}

size_t monitor_screen_text(void *ctx, u64 asker, u32 generation, u32 col, u32 row, u32 n, char *text)
{
	if (!is_mine(asker, generation) || !shot.whole)
		return 0;
	shot.used = clock_now();
	return shot.ops->text(shot.mem, col, row, n, text);
}

void monitor_screen_done(void *ctx, u64 asker, u32 generation)
{
	if (is_mine(asker, generation))
		drop();
}
