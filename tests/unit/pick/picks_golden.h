/* SPDX-License-Identifier: MIT
 * Reads the JSON files of tests/golden/analyze/picks: arrays by name, for the tests of this module. */
#ifndef GP_TESTS_PICKS_GOLDEN_H
#define GP_TESTS_PICKS_GOLDEN_H

#include "support.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <math.h>

static inline gp_json *golden_file(const char *path)
{
    gp_error err = {0};
    gp_json *root = NULL;
    FILE *f = fopen(source_path(path), "rb");
    if (!f) fail_msg("cannot open %s", path);
    static char text[1 << 17];
    size_t size = fread(text, 1, sizeof text, f);
    fclose(f);
    assert_in_range(size, 1000, sizeof text - 1);
    assert_ok(gp_json_parse(text, size, true, 64, &root, &err));
    return root;
}

static inline gp_json *picks_golden(void)
{
    return golden_file("tests/golden/analyze/picks/picks.json");
}

static inline double golden_real(const gp_json *object, const char *name)
{
    double value = 0;
    if (!gp_json_real(gp_json_get(object, name), &value)) fail_msg("golden file: no number '%s'", name);
    return value;
}

/* Copies an array to out [capacity]; returns its length. */
static inline size_t golden_reals(const gp_json *object, const char *name, double *out, size_t capacity)
{
    const gp_json *array = gp_json_get(object, name);
    size_t n = gp_json_count(array);
    if (!n || n > capacity) fail_msg("golden file: '%s' has %zu numbers", name, n);
    for (size_t i = 0; i < n; i++) assert_true(gp_json_real(gp_json_at(array, i), &out[i]));
    return n;
}

static inline size_t golden_ints(const gp_json *object, const char *name, int32_t *out, size_t capacity)
{
    static double real[4096];
    size_t n = golden_reals(object, name, real, capacity < 4096 ? capacity : 4096);
    for (size_t i = 0; i < n; i++) out[i] = (int32_t)real[i];
    return n;
}

static inline void assert_near(double got, double want, double within)
{
    if (!(fabs(got - want) <= within)) fail_msg("%.17g, not %.17g", got, want);
}

#endif
