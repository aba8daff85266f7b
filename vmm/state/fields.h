/*
 * What the state of a device, a vCPU or a VM is, said once: a list of fields that yields both the struct the code
 * works with and the description by which it is saved, checked, restored and shown. Pure.
 * In the style of arch/x86/vmx/vmcs_fields.h.
 *
 *	#define VUART_STATE(T, F, A, S)                                        \
 *		F(T, u8, ier)                   interrupt enable register      \
 *		A(T, u8, rx, VUART_FIFO_SIZE)                                  \
 *		S(T, vuart_line, line, 2)
 *	STATE_STRUCT(vuart_state, VUART_STATE);         in the header: struct vuart_state
 *	STATE_DESC(vuart_state, VUART_STATE, 1);        in the source: const struct state_desc vuart_state_desc
 *
 * F: one field; A: an array of them; S: an array of structs that are described themselves (their description must be
 * in sight); T passes through. Types are u8, u16, u32, u64 and bool. A field's name is what streams, messages and
 * `info GUEST state` call it. The version is that of the list:
 * it rises when a field comes, goes or changes its meaning.
 */
#pragma once

#include "lib/types.h"

enum state_type { STATE_U8, STATE_U16, STATE_U32, STATE_U64, STATE_BOOL, STATE_GROUP, STATE_NR_TYPES };

struct state_desc;

struct state_field {
	const char *name;
	u32 offset;                     /* in its struct */
	u32 count;                      /* elements, at least 1 */
	u16 size;                       /* of an element, bytes */
	u8 type;                        /* enum state_type */
	bool array;                     /* declared as one, be it of one element */
	const struct state_desc *group; /* of STATE_GROUP */
};

struct state_desc {
	const char *name; /* of the struct */
	u32 size;         /* of the struct, bytes */
	u16 version;
	u16 nr;
	bool sparse; /* by hand, over hardware's layout: what lies between the fields is no state */
	const struct state_field *fields;
};

/*
 * What a check of a state looks at beside it, and what it says when it refuses: state_refuse(). The texts live for
 * ever.
 */
struct state_check {
	u64 now;           /* VM time of the state, ns */
	const char *field; /* the first one that cannot be */
	u64 value;
	const char *reason;
};

/* For `return state_refuse(c, "ier", s->ier, "has bits that the register lacks");`: always false. */
static inline bool state_refuse(struct state_check *c, const char *field, u64 value, const char *reason)
{
	c->field = field;
	c->value = value;
	c->reason = reason;
	return false;
}

/* ---- how the lists are read ---- */

#define STATE_MEMBER_F(T, type, name)        type name;
#define STATE_MEMBER_A(T, type, name, count) type name[count];
#define STATE_MEMBER_S(T, tag, name, count)  struct tag name[count];

#define STATE_STRUCT(tag, LIST)                                           \
	struct tag {                                                      \
		LIST(tag, STATE_MEMBER_F, STATE_MEMBER_A, STATE_MEMBER_S) \
	};                                                                \
	extern const struct state_desc tag##_desc

#define STATE_TYPE(type) \
	_Generic((type)0, u8 : STATE_U8, u16 : STATE_U16, u32 : STATE_U32, u64 : STATE_U64, bool : STATE_BOOL)

#define STATE_FIELD(T, name_, count_, size_, type_, array_, group_) \
	{ .name = #name_,                                           \
	  .offset = offsetof(struct T, name_),                      \
	  .count = (count_),                                        \
	  .size = (size_),                                          \
	  .type = (type_),                                          \
	  .array = (array_),                                        \
	  .group = (group_) },
#define STATE_FIELD_F(T, type, name)    STATE_FIELD(T, name, 1, sizeof(type), STATE_TYPE(type), false, NULL)
#define STATE_FIELD_A(T, type, name, n) STATE_FIELD(T, name, n, sizeof(type), STATE_TYPE(type), true, NULL)
#define STATE_FIELD_S(T, tag, name, n)  STATE_FIELD(T, name, n, sizeof(struct tag), STATE_GROUP, true, &tag##_desc)

#define STATE_DESC(tag, LIST, version_)                                                                              \
	static const struct state_field tag##_fields[] = { LIST(tag, STATE_FIELD_F, STATE_FIELD_A, STATE_FIELD_S) }; \
	const struct state_desc tag##_desc = { .name = #tag,                                                         \
		                               .size = sizeof(struct tag),                                           \
		                               .version = (version_),                                                \
		                               .nr = ARRAY_SIZE(tag##_fields),                                       \
		                               .fields = tag##_fields }
