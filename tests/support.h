/* SPDX-License-Identifier: MIT
 * Shared by the tests: cmocka, and the paths of the sources and of the third-party test data that only some machines
 * have. */
#ifndef GP_TESTS_SUPPORT_H
#define GP_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define CMOCKA_DISABLE_DEPRECATION_WARNINGS 1 /* cmocka 2 declares the function names of cmocka 1 as deprecated */
#include <cmocka.h>
#undef stop /* cmocka 2 defines this macro */

/* Returns "<source>/" and the path in one of four static buffers, which are used in turn. */
static inline const char *source_path(const char *relative)
{
    static char buffers[4][1024];
    static int turn;
    char *out = buffers[turn++ & 3];
    const char *root = getenv("GOLDPAN_SOURCE");
    snprintf(out, sizeof buffers[0], "%s/%s", root ? root : ".", relative);
    return out;
}

/* Returns a path inside the shared test data ("data/decode", "golden/encode/towers"), or prints which test is skipped
 * and returns NULL. */
static inline const char *shared_path(const char *relative, const char *what)
{
    static char buffers[4][1024];
    static int turn;
    char *out = buffers[turn++ & 3];
    const char *root = getenv("GOLDPAN_SHARED");
    if (root)
        snprintf(out, sizeof buffers[0], "%s/%s", root, relative);
    else
        snprintf(out, sizeof buffers[0], "%s/../shared/%s", source_path("."), relative);
    if (access(out, R_OK) == 0) return out;
    printf("skipped: %s (no ../shared/%s here)\n", what, relative);
    return NULL;
}

#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        gp_status support_status = (call);                                                                             \
        if (support_status != GP_OK) fail_msg("%s: %s", #call, err.message);                                           \
    } while (0)

#endif
