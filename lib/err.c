#include "lib/err.h"

const char *err_str(int err)
{
	switch (err) {
	case OK: return "ok";
	case ERR_INVAL: return "malformed";
	case ERR_NOMEM: return "out of memory";
	case ERR_RANGE: return "out of range";
	case ERR_EXIST: return "overlaps something else";
	case ERR_NOENT: return "not found";
	case ERR_NOTSUP: return "not supported";
	case ERR_TRUNC: return "truncated";
	case ERR_CHECKSUM: return "bad checksum";
	case ERR_BUSY: return "busy";
	case ERR_TIMEOUT: return "timed out";
	case ERR_NOSPC: return "full";
	case ERR_PERM: return "not allowed";
	case ERR_FAULT: return "bad guest address";
	}
	return "unknown error";
}
