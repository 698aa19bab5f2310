/* SPDX-License-Identifier: MIT
 * Sizes, allocations that fail on request, and the arena (with its red zones under AddressSanitizer). */
#include "support.h"

#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define WATCHED 1
#endif
#endif

static void sizes(void **state)
{
    (void)state;
    size_t n = 7;
    assert_true(gp_size_mul(3, 5, &n) && n == 15);
    assert_true(gp_size_mul(SIZE_MAX, 1, &n) && n == SIZE_MAX);
    assert_false(gp_size_mul(SIZE_MAX / 2 + 1, 2, &n));
    assert_true(gp_size_mul(0, SIZE_MAX, &n) && n == 0);
    assert_true(gp_size_add(SIZE_MAX - 1, 1, &n) && n == SIZE_MAX);
    assert_false(gp_size_add(SIZE_MAX, 1, &n));
}

static void too_large(void **state)
{
    (void)state;
    gp_error err = {0};
    void *out = &err;
    assert_null(gp_mem_new(SIZE_MAX, 2));
    assert_null(gp_mem_zero(SIZE_MAX / 2, 3));
    assert_null(gp_mem_aligned(SIZE_MAX, 1));
    assert_null(gp_mem_resize(NULL, SIZE_MAX, SIZE_MAX));
    assert_int_equal(gp_alloc(&out, SIZE_MAX, 16, "pixels", &err), GP_ERR_MEMORY);
    assert_string_equal(err.message, "out of memory for pixels (more bytes than a program can address)");
    assert_ptr_equal(out, &err); /* `out` is written only on success */
    assert_int_equal(gp_alloc(&out, SIZE_MAX, 1, "pixels", NULL), GP_ERR_MEMORY);
}

static void blocks(void **state)
{
    (void)state;
    int64_t before = gp_mem_live();
    uint8_t *empty = gp_mem_new(0, 8), *zero = gp_mem_zero(100, 3), *aligned = gp_mem_aligned(3, 5);
    assert_non_null(empty);
    assert_non_null(zero);
    for (int i = 0; i < 300; i++) assert_int_equal(zero[i], 0);
    assert_int_equal((uintptr_t)aligned % 64, 0);
    assert_int_equal(gp_mem_live() - before, 3);
    zero[299] = 9;
    zero = gp_mem_resize(zero, 100000, 1);
    assert_int_equal(zero[299], 9);
    assert_int_equal(gp_mem_live() - before, 3);
    gp_mem_free(empty);
    gp_mem_free(zero);
    gp_mem_free(aligned);
    gp_mem_free(NULL);
    assert_int_equal(gp_mem_live(), before);
}

static void fails_on_demand(void **state)
{
    (void)state;
    gp_error err = {0};
    void *kept = gp_mem_new(1, 1), *out = NULL;
    gp_mem_fail_at(2);
    void *first = gp_mem_new(1, 1);
    assert_non_null(first);
    /* the second allocation fails, and the memory that `kept` points to stays valid */
    assert_null(gp_mem_resize(kept, 2, 1));
    void *third = gp_mem_zero(1, 1);
    assert_non_null(third);
    assert_int_equal(gp_mem_fail_at(1), 3);
    assert_int_equal(gp_alloc_aligned(&out, 10, 1, "weights", &err), GP_ERR_MEMORY);
    assert_string_equal(err.message, "out of memory for weights (10 bytes)");
    assert_int_equal(err.status, GP_ERR_MEMORY);
    assert_int_equal(gp_mem_fail_at(0), 1);
    assert_int_equal(gp_alloc_aligned(&out, 10, 1, "weights", &err), GP_OK);
    gp_mem_free(out);
    gp_mem_free(first);
    gp_mem_free(third);
    gp_mem_free(kept);
}

static void arena(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_arena a;
    size_t need = gp_arena_part(10, 4) + gp_arena_part(0, 4) + gp_arena_part(64, 1);
    assert_ok(gp_arena_init(&a, need, &err));
    uint8_t *x = gp_arena_take(&a, 10, 4), *y = gp_arena_take(&a, 0, 4), *z = gp_arena_take(&a, 64, 1);
    assert_non_null(x);
    assert_non_null(y);
    assert_non_null(z);
    assert_int_equal((uintptr_t)x % 64 + (uintptr_t)y % 64 + (uintptr_t)z % 64, 0);
    assert_true(z >= x + 40 + 64);
    memset(x, 1, 40);
    memset(z, 1, 64);
    assert_int_equal(a.used, need);
    assert_null(gp_arena_take(&a, 0, 0)); /* the arena is full */
    assert_int_equal(gp_arena_part(SIZE_MAX, 2), SIZE_MAX);
    assert_int_equal(gp_arena_part(SIZE_MAX - 100, 1), SIZE_MAX);
    assert_null(gp_arena_take(&a, SIZE_MAX, 2));
#ifdef WATCHED
    assert_false(__asan_address_is_poisoned(x + 39));
    assert_true(__asan_address_is_poisoned(x + 40));
    assert_true(__asan_address_is_poisoned(y));
    assert_true(__asan_address_is_poisoned(z + 64));
#endif
    assert_int_equal(a.peak, need);
    gp_arena_clear(&a);
    assert_null(a.base);
    gp_arena_clear(&a);
    assert_int_equal(gp_arena_init(&a, SIZE_MAX, &err), GP_ERR_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes), cmocka_unit_test(too_large), cmocka_unit_test(blocks),
                                       cmocka_unit_test(fails_on_demand), cmocka_unit_test(arena)};
    return cmocka_run_group_tests_name("base/mem", tests, NULL, NULL);
}
