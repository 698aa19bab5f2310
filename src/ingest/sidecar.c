/* SPDX-License-Identifier: MIT
 * Sidecar files: text files beside an image that contain its prompt. Training tools write "x.txt" or, as kohya's
 * scripts do by default, "x.caption". Taggers and gallery-dl append their extension to the whole name ("x.png.txt"). */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "table/encoding.h"
#include "metadata/clean_prompt.h"

#include <string.h>

enum { MAX_SIDECAR = 1 << 20, MAX_NAME = 255 /* bytes; the limit of common file systems */ };

/* Records why a file was skipped. Records only the first skipped file. */
static gp_status record_skip(const char *path, const char *why, char **refused, gp_error *err)
{
    gp_str text = GP_STR_INIT;
    if (*refused) return GP_OK;
    gp_str_printf(&text, "the sidecar file '%s' %s: its text is not used", path, why);
    *refused = gp_str_take(&text);
    return *refused ? GP_OK : gp_fail_memory(err, "a sidecar file");
}

/* Reads the text of one file; *out is NULL if the file is missing, blank or skipped. */
static gp_status read_text(const char *path, char **out, char **refused, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_error reason = {0};
    *out = NULL;
    if (strlen(gp_path_base(path)) > MAX_NAME) return GP_OK;
    gp_status st = gp_file_read(path, MAX_SIDECAR, &bytes, &reason);
    if (st == GP_ERR_NOT_FOUND) return GP_OK;
    if (st == GP_ERR_LIMIT) return record_skip(path, "is larger than 1 MiB", refused, err);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &reason);
    if (st != GP_OK) return record_skip(path, "cannot be read", refused, err); /* a folder, or no permission */
    st = gp_text_decode(path, &bytes, NULL, NULL, err);
    size_t size = bytes.size;
    while (size && !bytes.data[size - 1]) size--; /* zero bytes after the text are harmless */
    if (st == GP_OK && size && memchr(bytes.data, 0, size))
        st = record_skip(path, "is not text, because it contains NUL bytes", refused, err);
    else if (st == GP_OK && bytes.data[strspn((const char *)bytes.data, " \t\r\n")]) {
        *out = (char *)bytes.data;
        bytes.data = NULL;
    }
    gp_bytes_clear(&bytes);
    return st;
}

gp_status gp_prompt_sidecar(const char *image_path, char **out, char **refused, gp_error *err)
{
    static const char *const endings[] = {".txt", ".caption"};
    size_t whole = strlen(image_path), stem = whole - strlen(gp_path_extension(image_path));
    gp_str path = GP_STR_INIT;
    gp_status st = GP_OK;
    char *text = NULL;
    *refused = NULL;
    for (size_t i = 0; i < 4 && st == GP_OK && !text; i++) {
        if (i >= 2 && stem == whole) break;
        gp_str_reset(&path);
        gp_str_add(&path, image_path, i < 2 ? stem : whole);
        gp_str_puts(&path, endings[i % 2]);
        st = path.failed ? gp_fail_memory(err, "a sidecar file") : read_text(path.data, &text, refused, err);
    }
    gp_str_clear(&path);
    if (st == GP_OK) *out = text;
    if (st != GP_OK) gp_mem_free(*refused), *refused = NULL;
    return st;
}
