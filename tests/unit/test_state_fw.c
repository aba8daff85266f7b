/* States of fw_cfg that cannot be. */
#include "state_bad.h"
#include "state_subjects_fw.h"

START_TEST(fwcfg)
{
	static const struct state_bad bad[] = {
		{ "key=3 offset=8", "" },
		{ "key=3 offset=9", "offset: 9: is behind the item's end" },
		{ "key=0x4003 offset=8", "" },
		{ "key=0x1fff", "" },
		{ "key=0x1fff offset=1", "offset: 1: is behind the item's end" },
		{ "key=0x21 offset=5 dma_high=0xffffffff", "" },
		{ "left=1", "left: 1: or an address is kept of no transfer" },
		{ "desc=16", "left: 0: or an address is kept of no transfer" },
		{ "at=16", "left: 0: or an address is kept of no transfer" },
		{ "next_at=1", "left: 0: is nothing, but a transfer is under way" },
		{ "next_at=1 left=0xffffffff at=0xffffffffffffffff desc=0xffffffffffffffff", "" },
		{ "next_at=5000000001 left=1", "" },
		{ "next_at=5000000002 left=1", "next_at: 5000000002: is later than the next piece comes" },
	};

	state_bad_check(&state_subjects_fw[0], 0, bad, ARRAY_SIZE(bad));
}
END_TEST

SUITE_MAIN("state_fw", fwcfg)
