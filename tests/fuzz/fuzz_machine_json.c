/* What claims to be the answer to `describe`: any text. What is accepted is a machine that can be described. */
#include <stdlib.h>
#include <string.h>

#include "tools/machine_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_tok toks[2000];
	struct config_err err;
	static struct machine m;
	int r = machine_from_json((const char *)data, size, toks, ARRAY_SIZE(toks), &m, &err);

	require(r == OK || (r == ERR_INVAL && err.text[0] && strnlen(err.text, sizeof(err.text)) < sizeof(err.text)));
	require(m.nr_cpus <= CPUSET_MAX);
	if (r == OK)
		require(m.nr_cpus && m.memory >= 1024);
	return 0;
}
