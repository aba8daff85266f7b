/* The state of a paused guest by names. */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

struct vm;

/* A field; device NULL: none, but a place to pause. The texts are gone when it returns. */
typedef void life_state_emit(void *arg, const char *device, const char *field, const char *values);

/*
 * Tells every field of vm's clock, vCPUs, interrupt controllers and devices, or of one of these if device is not
 * NULL; a field "cannot-be-restored" says of what it is of that it would be refused, and why. OK;
 * ERR_NOENT: no such device; ERR_BUSY: it is not paused, or a vCPU is on its way out of it or within an operation of
 * many pieces, or it was resumed meanwhile: then part of it was told. emit may take its time, and return on another
 * CPU; needs 10 KiB of stack.
 */
__must_check int life_state_show(struct vm *vm, const char *device, life_state_emit *emit, void *arg);
