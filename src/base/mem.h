/* SPDX-License-Identifier: MIT
 * Checked sizes and allocations.  All memory of the library comes from here, so that tests can make the
 * n-th allocation fail (GOLDPAN_FAIL_ALLOC, or gp_mem_fail_at) and count what is not returned. */
#ifndef GP_BASE_MEM_H
#define GP_BASE_MEM_H

#include "base/status.h"

/* a*b, a+b in *out; false on overflow. */
bool gp_size_mul(size_t a, size_t b, size_t *out);
bool gp_size_add(size_t a, size_t b, size_t *out);

/* count * size bytes, zeroed, or NULL on overflow or failure (count or size 0: one byte). Free with gp_mem_free. */
void *gp_mem_zero(size_t count, size_t size);
/* Uninitialised. */
void *gp_mem_new(size_t count, size_t size);
/* 64-byte aligned, uninitialised; for tensors.  Free with gp_mem_free. */
void *gp_mem_aligned(size_t count, size_t size);
/* Grow or shrink; the old block stays valid on failure. Not for aligned blocks. */
void *gp_mem_resize(void *old, size_t count, size_t size);
void gp_mem_free(void *memory);

/* Status form: *out set on success, message with `what` on failure. */
gp_status gp_alloc(void **out, size_t count, size_t size, const char *what, gp_error *err);
gp_status gp_alloc_aligned(void **out, size_t count, size_t size, const char *what, gp_error *err);

/* For tests: make the n-th allocation from now (1-based) fail, once; 0: none.  Returns allocations seen since the
 * last call. Counts are process-wide and atomic. */
uint64_t gp_mem_fail_at(uint64_t n);
/* Blocks given out and not yet freed, process-wide: equal before and after means nothing was lost. */
int64_t gp_mem_live(void);

/* An arena: one block sized once, parts 64-byte aligned; ASan red zones between parts. */
typedef struct gp_arena {
    uint8_t *base;
    size_t size, used, peak;
} gp_arena;
gp_status gp_arena_init(gp_arena *arena, size_t size, gp_error *err);
/* NULL when full: callers size the arena with gp_arena_part. */
void *gp_arena_take(gp_arena *arena, size_t count, size_t size);
/* Bytes that gp_arena_take(count, size) uses at most. SIZE_MAX on overflow. */
size_t gp_arena_part(size_t count, size_t size);
void gp_arena_reset(gp_arena *arena);
void gp_arena_clear(gp_arena *arena);

#endif
