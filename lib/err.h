/* Negative error codes: what the environment (firmware, blob, image, machine) does wrong. */
#pragma once

enum err {
	OK = 0,
	ERR_INVAL = -1,    /* malformed argument, table or image */
	ERR_NOMEM = -2,    /* out of memory of the kind asked for */
	ERR_RANGE = -3,    /* address or value outside what is allowed */
	ERR_EXIST = -4,    /* overlaps something already there */
	ERR_NOENT = -5,    /* not found */
	ERR_NOTSUP = -6,   /* the machine or this build cannot do it */
	ERR_TRUNC = -7,    /* input ends before it should */
	ERR_CHECKSUM = -8, /* checksum does not match */
	ERR_BUSY = -9,     /* resource in use; try later */
	ERR_TIMEOUT = -10, /* bounded wait ran out */
	ERR_NOSPC = -11,   /* fixed table or ring is full */
	ERR_PERM = -12,    /* not allowed */
	ERR_FAULT = -13,   /* guest address does not translate */
};

/* Short lower-case text of an error code, for messages. */
const char *err_str(int err);
