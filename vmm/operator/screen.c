/*
 * The one frozen screen that there is: of the guest, and for the one, who asked last. Its memory is that guest's, and so
 * in its VM's address space alone, which is there for as long as the machine runs; the work is done in the pieces, and at
 * the expense, of the asker's command.
 */
#include "arch/x86/cpu.h"
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
	struct vm *vm; /* whose it is; NULL: there is none */
	void *mem;
	const struct fb_ops *ops;
	u64 asker;
	u32 guest;
	u32 generation; /* counts */
	bool whole;     /* all of it is copied */
	u64 used;       /* last; clock_now() */
} shot;

static bool is_mine(u64 asker, u32 generation)
{
	return shot.vm && shot.asker == asker && shot.generation == generation;
}

static void drop(void)
{
	shot.vm = NULL;
	shot.whole = false;
}

/* From the address space that we are in to a VM's, in which our memory is as well; and back. */
static u64 enter(struct vm *vm)
{
	u64 cr3 = cpu_read_cr3();

	cpu_write_cr3(hostpt_cr3(&vm->pt));
	return cr3;
}

static void leave(u64 cr3)
{
	cpu_write_cr3(cr3);
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

/* The registers. */
static int begin(u32 guest, u64 asker)
{
	struct fb fb;
	struct vm *vm;
	u64 cr3;
	int err;

	mon_fresh(&monitor_mon);
	vm = lock_screen(guest, &fb);
	if (!vm)
		return ERR_BUSY;
	if (shot.vm && shot.asker != asker) {
		vm_unlock(vm);
		return ERR_BUSY;
	}
	cr3 = enter(vm);
	err = fb.ops->freeze(fb.ctx, fb.memory, fb.room, vm_now(vm));
	leave(cr3);
	vm_unlock(vm);
	if (err)
		return ERR_NOMEM;
	shot.vm = vm;
	shot.mem = fb.memory;
	shot.ops = fb.ops;
	shot.asker = asker;
	shot.guest = guest;
	shot.used = clock_now();
	shot.generation += shot.generation == ~0u ? 2 : 1;
	return OK;
}

static bool copy_piece(struct vm *vm, const struct fb *fb)
{
	u64 cr3 = enter(vm);
	bool more = fb->ops->copy(fb->ctx, shot.mem);

	leave(cr3);
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
	u64 cr3;

	cr3 = enter(shot.vm);
	shot.ops->shape(shot.mem, &shape);
	leave(cr3);
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
	if (shot.vm && shot.asker != asker && clock_now() - shot.used < KEPT_NS)
		return ERR_BUSY;
	drop();
	err = begin(guest, asker);
	if (!err)
		err = copy(guest, asker);
	if (err && shot.vm && shot.asker == asker)
		drop();
	if (!err)
		tell(s);
	return err;
}

bool monitor_screen_pixels(void *ctx, u64 asker, u32 generation, u32 x, u32 y, u32 n, u8 *rgb)
{
	u64 cr3;

	if (!is_mine(asker, generation) || !shot.whole)
		return false;
	shot.used = clock_now();
	cr3 = enter(shot.vm);
	shot.ops->pixels(shot.mem, x, y, n, rgb);
	leave(cr3);
	return true;
}

u32 monitor_screen_same(void *ctx, u64 asker, u32 generation, u32 x, u32 y, u32 n)
{
	u64 cr3;

	if (!is_mine(asker, generation) || !shot.whole)
		return 0;
	shot.used = clock_now();
	cr3 = enter(shot.vm);
	n = shot.ops->same(shot.mem, x, y, n);
	leave(cr3);
	return n;
}

size_t monitor_screen_text(void *ctx, u64 asker, u32 generation, u32 col, u32 row, u32 n, char *text)
{
	size_t len;
	u64 cr3;

	if (!is_mine(asker, generation) || !shot.whole)
		return 0;
	shot.used = clock_now();
	cr3 = enter(shot.vm);
	len = shot.ops->text(shot.mem, col, row, n, text);
	leave(cr3);
	return len;
}

void monitor_screen_done(void *ctx, u64 asker, u32 generation)
{
	if (is_mine(asker, generation))
		drop();
}
