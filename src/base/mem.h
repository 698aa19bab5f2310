/* SPDX-License-Identifier: MIT
 * Checked sizes and allocations.  All memory of the library is allocated here, so that tests can make the n-th
 * allocation fail (GOLDPAN_FAIL_ALLOC, or gp_mem_fail_at) and count blocks that are not freed. */
#ifndef GP_BASE_MEM_H
#define GP_BASE_MEM_H

#include "base/status.h"

/* Writes a*b or a+b to *out.  Returns false on overflow. */
bool gp_size_mul(size_t a, size_t b, size_t *out);
bool gp_size_add(size_t a, size_t b, size_t *out);

/* Returns count * size zeroed bytes; NULL on overflow or failure.  If count or size is 0: one byte.  Free with
 * gp_mem_free. */
void *gp_mem_zero(size_t count, size_t size);
/* Like gp_mem_zero, but uninitialised. */
void *gp_mem_new(size_t count, size_t size);
/* Like gp_mem_new, but 64-byte aligned, for tensors.  Free with gp_mem_free. */
void *gp_mem_aligned(size_t count, size_t size);
/* Grows or shrinks a block.  The old block stays valid after a failure.  Not for aligned blocks. */
void *gp_mem_resize(void *old, size_t count, size_t size);
void gp_mem_free(void *memory);

/* As gp_mem_new and gp_mem_aligned, but returns a status.  Sets *out on success; the error message names `what`. */
gp_status gp_alloc(void **out, size_t count, size_t size, const char *what, gp_error *err);
gp_status gp_alloc_aligned(void **out, size_t count, size_t size, const char *what, gp_error *err);

/* For tests: makes the n-th allocation from now (1-based) fail, once; 0: no failure.  Returns the number of
 * allocations since the last call.  Process-wide and atomic. */
uint64_t gp_mem_fail_at(uint64_t n);
/* Returns the number of blocks not yet freed, process-wide.  Equal numbers before and after a call mean no leak. */
int64_t gp_mem_live(void);

/* An arena: one block, divided into parts that are 64-byte aligned, with ASan red zones between the parts. */
typedef struct gp_arena {
    uint8_t *base;
    size_t size, used, peak;
} gp_arena;
gp_status gp_arena_init(gp_arena *arena, size_t size, gp_error *err);
/* Returns a part; NULL when the arena is full.  Callers compute the arena's size with gp_arena_part. */
void *gp_arena_take(gp_arena *arena, size_t count, size_t size);
/* Returns the maximum bytes that gp_arena_take(count, size) uses; SIZE_MAX on overflow. */
size_t gp_arena_part(size_t count, size_t size);
void gp_arena_clear(gp_arena *arena);

#endif
