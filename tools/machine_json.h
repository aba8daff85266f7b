/* The control channel's answer to `describe` (docs/control.md), as the machine it describes. Pure. */
#pragma once

#include "vmm/config/machine.h"
#include "vmm/mon/json.h"

#define MACHINE_JSON_TOKENS 16384u /* of 256 processors with room for keys yet to come */

/*
 * text: the answer as it came, or its result alone (`bhctl describe -o json`); toks: room for cap tokens. OK;
 * ERR_INVAL with what is wrong in err.
 */
__must_check int machine_from_json(const char *text, size_t len, struct json_tok *toks, u32 cap, struct machine *m,
                                   struct config_err *err);
