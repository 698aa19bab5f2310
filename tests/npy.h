/* SPDX-License-Identifier: MIT
 * Reads .npy files of golden values: version 1.0, C order, little endian; floats, ints or bytes.  A failure ends the
 * test. */
#ifndef GP_TESTS_NPY_H
#define GP_TESTS_NPY_H

#include "support.h"

typedef struct npy {
    char kind[4]; /* "f4", "f8", "u1", "i4" */
    size_t shape[4], dims, count;
    void *data; /* owned, npy_free */
} npy;

static inline npy npy_load(const char *path)
{
    npy a = {.count = 1};
    unsigned char head[10];
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("cannot open '%s'", path);
    if (fread(head, 1, 10, f) != 10 || memcmp(head, "\x93NUMPY\x01", 7) != 0) fail_msg("'%s' is not .npy 1.0", path);
    size_t n = head[8] + 256u * head[9];
    char *text = calloc(n + 1, 1);
    if (fread(text, 1, n, f) != n) fail_msg("'%s' is cut off", path);
    const char *descr = strstr(text, "'descr': '"), *shape = strstr(text, "'shape': (");
    if (!descr || !shape || strstr(text, "True")) fail_msg("'%s': header not understood", path);
    memcpy(a.kind, descr + 11, 2);
    for (const char *p = shape + 10; *p && *p != ')';) {
        char *end;
        unsigned long long size = strtoull(p, &end, 10);
        if (end == p)
            p++; /* skip a comma or a blank */
        else
            a.shape[a.dims++] = (size_t)size, a.count *= (size_t)size, p = end;
    }
    size_t bytes = a.count * (size_t)(a.kind[1] - '0');
    a.data = malloc(bytes ? bytes : 1);
    if (fread(a.data, 1, bytes, f) != bytes) fail_msg("'%s' is cut off", path);
    free(text);
    fclose(f);
    return a;
}

static inline void npy_free(npy *a)
{
    free(a->data);
    a->data = NULL;
}

#endif
