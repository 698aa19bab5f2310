/* SPDX-License-Identifier: MIT
 * Checked sizes, allocations that tests can make fail, and the arena.
 * The arena keeps 64 bytes between its parts in every build, so that sizes are the same everywhere.  Under
 * AddressSanitizer these bytes, and all unused bytes, are poisoned. */
#include "base/mem.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define GP_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GP_ASAN 1
#endif
#endif
#ifdef GP_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum { ALIGN = 64, RED_ZONE = 64 };

/* The module's only global variables.  They count allocations.  They change a result only if a test sets them. */
static atomic_uint_fast64_t seen;
static atomic_uint_fast64_t fail_at = UINT64_MAX; /* UINT64_MAX: GOLDPAN_FAIL_ALLOC has not been read yet */
static atomic_int_fast64_t live;

bool gp_size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool gp_size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static bool must_fail(void)
{
    uint64_t target = atomic_load_explicit(&fail_at, memory_order_relaxed);
    if (target == UINT64_MAX) {
        const char *text = getenv("GOLDPAN_FAIL_ALLOC");
        target = text ? strtoull(text, NULL, 10) : 0;
        if (target == UINT64_MAX) target = 0;
        atomic_store_explicit(&fail_at, target, memory_order_relaxed);
    }
    uint64_t n = atomic_fetch_add_explicit(&seen, 1, memory_order_relaxed) + 1;
    return target != 0 && n == target;
}

uint64_t gp_mem_fail_at(uint64_t n)
{
    atomic_store(&fail_at, n == UINT64_MAX ? 0 : n);
    return atomic_exchange(&seen, 0);
}

int64_t gp_mem_live(void)
{
    return atomic_load(&live);
}

static void *counted(void *memory)
{
    if (memory) atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return memory;
}

void *gp_mem_new(size_t count, size_t size)
{
    size_t bytes;
    if (must_fail() || !gp_size_mul(count, size, &bytes) || bytes > PTRDIFF_MAX) return NULL;
    return counted(malloc(bytes ? bytes : 1));
}

void *gp_mem_zero(size_t count, size_t size)
{
    size_t bytes;
    if (must_fail() || !gp_size_mul(count, size, &bytes) || bytes > PTRDIFF_MAX) return NULL;
    return counted(calloc(bytes ? bytes : 1, 1));
}

void *gp_mem_aligned(size_t count, size_t size)
{
    size_t bytes;
    if (must_fail() || !gp_size_mul(count, size, &bytes) || bytes > PTRDIFF_MAX - ALIGN) return NULL;
    void *memory = NULL;
    return posix_memalign(&memory, ALIGN, bytes ? bytes : 1) == 0 ? counted(memory) : NULL;
}

void *gp_mem_resize(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (must_fail() || !gp_size_mul(count, size, &bytes) || bytes > PTRDIFF_MAX) return NULL;
    void *memory = realloc(old, bytes ? bytes : 1);
    return old ? memory : counted(memory);
}

void gp_mem_free(void *memory)
{
    if (memory) atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(memory);
}

static gp_status out_of_memory(size_t count, size_t size, const char *what, gp_error *err)
{
    size_t bytes;
    if (!gp_size_mul(count, size, &bytes))
        return gp_fail_memory(err, "%s (more bytes than a program can address)", what);
    return gp_fail_memory(err, "%s (%zu bytes)", what, bytes);
}

gp_status gp_alloc(void **out, size_t count, size_t size, const char *what, gp_error *err)
{
    void *memory = gp_mem_new(count, size);
    if (!memory) return out_of_memory(count, size, what, err);
    *out = memory;
    return GP_OK;
}

gp_status gp_alloc_aligned(void **out, size_t count, size_t size, const char *what, gp_error *err)
{
    void *memory = gp_mem_aligned(count, size);
    if (!memory) return out_of_memory(count, size, what, err);
    *out = memory;
    return GP_OK;
}

gp_status gp_arena_init(gp_arena *arena, size_t size, gp_error *err)
{
    void *base = NULL;
    GP_TRY(gp_alloc_aligned(&base, size, 1, "working memory", err));
    *arena = (gp_arena){.base = base, .size = size};
    ASAN_POISON_MEMORY_REGION(arena->base, arena->size);
    return GP_OK;
}

size_t gp_arena_part(size_t count, size_t size)
{
    size_t bytes;
    if (!gp_size_mul(count, size, &bytes) || bytes > SIZE_MAX - ALIGN - RED_ZONE) return SIZE_MAX;
    return (bytes + ALIGN - 1) / ALIGN * ALIGN + RED_ZONE;
}

void *gp_arena_take(gp_arena *arena, size_t count, size_t size)
{
    size_t part = gp_arena_part(count, size);
    assert(arena->used <= arena->size);
    if (part > arena->size - arena->used) return NULL;
    uint8_t *memory = arena->base + arena->used;
    arena->used += part;
    if (arena->used > arena->peak) arena->peak = arena->used;
    ASAN_UNPOISON_MEMORY_REGION(memory, count * size);
    return memory;
}

void gp_arena_clear(gp_arena *arena)
{
    if (arena->base) ASAN_UNPOISON_MEMORY_REGION(arena->base, arena->size);
    gp_mem_free(arena->base);
    *arena = (gp_arena){0};
}
