/* SPDX-License-Identifier: MIT
 *
 * Format: numpy.lib.format, version 1.0: "\x93NUMPY" 1 0, u16 length of what follows, a Python dict padded with blanks
 * so that the data begins at a multiple of 64, a newline.  The header has the same size (128) for every number of rows
 * and is written again at the end, so rows need no memory and files that failed leave no empty rows. */
#include "cli/npy.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HEADER = 128 };
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "rows are written as they lie in memory, which must be little-endian"
#endif

struct gp_npy {
    FILE *file;
    char *path, *temporary;
    size_t width, rows;
    char kind; /* 'f' float32, 'i' int32 */
};

static void release(gp_npy *f)
{
    if (f->file) fclose(f->file);
    gp_mem_free(f->path);
    gp_mem_free(f->temporary);
    gp_mem_free(f);
}

static gp_status cannot(const gp_npy *f, gp_error *err)
{
    return gp_fail_errno(err, GP_ERR_IO, errno, "cannot write '%s'", f->path);
}

static bool write_header(gp_npy *f)
{
    char header[HEADER + 1];
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = HEADER - 10;
    header[9] = 0;
    int n = snprintf(header + 10, HEADER - 10, "{'descr': '<%c4', 'fortran_order': False, 'shape': (%zu, %zu), }",
                     f->kind, f->rows, f->width);
    memset(header + 10 + n, ' ', (size_t)(HEADER - 11 - n));
    header[HEADER - 1] = '\n';
    return fwrite(header, 1, HEADER, f->file) == HEADER;
}

gp_status gp_npy_open(const char *path, char kind, size_t width, gp_npy **out, gp_error *err)
{
    gp_str temporary = GP_STR_INIT;
    gp_npy *f = gp_mem_zero(1, sizeof *f);
    if (!f) return gp_fail(err, GP_ERR_MEMORY, "out of memory");
    gp_str_printf(&temporary, "%s.%ld.tmp", path, (long)getpid());
    f->width = width, f->kind = kind;
    f->path = gp_str_dup(path);
    f->temporary = gp_str_take(&temporary);
    if (!f->path || !f->temporary) {
        release(f);
        return gp_fail(err, GP_ERR_MEMORY, "out of memory");
    }
    f->file = fopen(f->temporary, "wbe");
    if (!f->file || !write_header(f)) {
        gp_status st = cannot(f, err);
        gp_npy_abort(f);
        return st;
    }
    *out = f;
    return GP_OK;
}

gp_status gp_npy_add(gp_npy *f, const void *row, gp_error *err)
{
    if (fwrite(row, 4, f->width, f->file) != f->width) return cannot(f, err);
    f->rows++;
    return GP_OK;
}

size_t gp_npy_rows(const gp_npy *f)
{
    return f->rows;
}

gp_status gp_npy_commit(gp_npy *f, gp_error *err)
{
    gp_status st = GP_OK;
    if (fseek(f->file, 0, SEEK_SET) != 0 || !write_header(f) || fflush(f->file) != 0 || fsync(fileno(f->file)) != 0 ||
        rename(f->temporary, f->path) != 0) {
        st = cannot(f, err);
        unlink(f->temporary);
    }
    release(f);
    return st;
}

void gp_npy_abort(gp_npy *f)
{
    if (!f) return;
    if (f->file) unlink(f->temporary);
    release(f);
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
