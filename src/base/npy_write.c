/* SPDX-License-Identifier: MIT
 *
 * Format: numpy.lib.format, version 1.0: "\x93NUMPY" 1 0, u16 length of what follows, a Python dict padded with blanks
 * so that the data begins at a multiple of 64, a newline.  The header has the same size (128) for every number of rows.
 * It is written again at the end, when the number of rows is known, so the rows need not stay in memory. */
#include "base/npy_write.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { HEADER = 128 };
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "rows are written as they lie in memory, which must be little-endian"
#endif

struct gp_npy {
    gp_atomic_file *file;
    size_t width, rows;
    char kind; /* 'f' float32, 'i' int32 */
};

static void make_header(const gp_npy *f, char header[HEADER + 1])
{
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = HEADER - 10;
    header[9] = 0;
    int n = snprintf(header + 10, HEADER - 10, "{'descr': '<%c4', 'fortran_order': False, 'shape': (%zu, %zu), }",
                     f->kind, f->rows, f->width);
    memset(header + 10 + n, ' ', (size_t)(HEADER - 11 - n));
    header[HEADER - 1] = '\n';
}

gp_status gp_npy_open(const char *path, char kind, size_t width, gp_npy **out, gp_error *err)
{
    char header[HEADER + 1];
    gp_npy *f = gp_mem_zero(1, sizeof *f);
    if (!f) return gp_fail_memory(err, "a NumPy array");
    f->width = width, f->kind = kind;
    make_header(f, header);
    gp_status st = gp_atomic_file_open(path, &f->file, err);
    if (st == GP_OK) st = gp_atomic_file_write(f->file, header, HEADER, err);
    if (st == GP_OK)
        *out = f;
    else
        gp_npy_abort(f);
    return st;
}

gp_status gp_npy_add(gp_npy *f, const void *row, gp_error *err)
{
    GP_TRY(gp_atomic_file_write(f->file, row, 4 * f->width, err));
    f->rows++;
    return GP_OK;
}

size_t gp_npy_rows(const gp_npy *f)
{
    return f->rows;
}

gp_status gp_npy_end(gp_npy *f, int *fd, gp_error *err)
{
    char header[HEADER + 1];
    make_header(f, header);
    GP_TRY(gp_atomic_file_write_at(f->file, 0, header, HEADER, err));
    *fd = gp_atomic_file_fd(f->file);
    return gp_atomic_file_sync(f->file, err);
}

gp_status gp_npy_commit(gp_npy *f, gp_error *err)
{
    char header[HEADER + 1];
    make_header(f, header);
    gp_status st = gp_atomic_file_write_at(f->file, 0, header, HEADER, err);
    if (st == GP_OK) {
        st = gp_atomic_file_commit(f->file, err);
        f->file = NULL;
    }
    gp_npy_abort(f);
    return st;
}

void gp_npy_abort(gp_npy *f)
{
    if (!f) return;
    gp_atomic_file_abort(f->file);
    gp_mem_free(f);
}

gp_status gp_npy_write(const char *path, char kind, const void *rows, size_t n, size_t width, gp_error *err)
{
    gp_npy *file = NULL;
    gp_status st = gp_npy_open(path, kind, width, &file, err);
    for (size_t i = 0; st == GP_OK && i < n; i++) st = gp_npy_add(file, (const char *)rows + i * width * 4, err);
    if (st != GP_OK) {
        gp_npy_abort(file);
        return st;
    }
    return gp_npy_commit(file, err);
}
