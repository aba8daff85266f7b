/* multiboot2 loader: any file. */
#include "load_check.h"
#include "vmm/load/mb2.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_guest *g = fuzz_guest();
	static const char text[256] = "console=ttyS0 a=b";
	struct load_module mods[2] = { { text, sizeof(text), "module text" }, { text, 1, NULL } };
	static struct load_copies copies;
	struct load_out out;
	struct load_in in = {
		.cmdline = text,
		.mem = &g->mem,
		.map = &g->map,
		.rsdp = GPA(0xe0000),
		.modules = mods,
	};

	if (size < 1)
		return 0;
	/* The first byte chooses the modules, the rest is the image. */
	in.nr_modules = data[0] & 3 & ~(data[0] >> 2 & 1);
	in.nr_modules = MIN(in.nr_modules, 2u);
	mods[0].len = data[0] >> 3;
	in.kernel = data + 1;
	in.kernel_len = size - 1;
	load_check(&in, &out, load_multiboot2(&in, &out));
	load_check(&in, &out, load_image(&in, &out));
	in.copies = &copies;
	load_check(&in, &out, load_image(&in, &out));
	return 0;
}
