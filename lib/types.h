/* Fixed-width types, address wrappers and the few macros every file uses. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

/* Struct-wrapped so that mixing them does not compile. */
typedef struct {
	u64 v;
} gpa_t; /* guest-physical */
typedef struct {
	u64 v;
} hpa_t; /* host-physical */
typedef struct {
	u64 v;
} gva_t; /* guest-virtual (linear) */

#define GPA(x) ((gpa_t){ (x) })
#define HPA(x) ((hpa_t){ (x) })
#define GVA(x) ((gva_t){ (x) })

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ull
#define SIZE_2M    (2ull << 20)
#define SIZE_1G    (1ull << 30)

#define BIT(n)                (1ull << (n))
#define ARRAY_SIZE(a)         (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a)        (((x) + ((a)-1)) & ~((a)-1))
#define ALIGN_DOWN(x, a)      ((x) & ~((a)-1))
#define IS_ALIGNED(x, a)      (((x) & ((a)-1)) == 0)
#define MIN(a, b)             ((a) < (b) ? (a) : (b))
#define MAX(a, b)             ((a) > (b) ? (a) : (b))
#define container_of(p, t, m) ((t *)((char *)(p)-offsetof(t, m)))

#define __must_check   __attribute__((warn_unused_result))
#define __packed       __attribute__((packed))
#define __aligned(n)   __attribute__((aligned(n)))
#define __noreturn     __attribute__((noreturn))
#define __printf(f, a) __attribute__((format(printf, f, a)))
#define likely(x)      __builtin_expect(!!(x), 1)
#define unlikely(x)    __builtin_expect(!!(x), 0)
