/* SPDX-License-Identifier: MIT
 * The kinds of files by their names, and the list of files that goldpan exported into a folder. */
#include "base/file.h"
#include "base/own.h"
#include "base/mem.h"
#include "base/str.h"
#include "ingest/walk.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool gp_walk_is_image(const char *name)
{
    static const char *const known[] = {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp"};
    const char *extension = gp_path_extension(name);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (gp_str_equal_nocase(extension, known[i])) return true;
    return false;
}

const char *gp_walk_format(const char *name)
{
    static const struct {
        const char *word, *endings;
    } formats[] = {
        {"GIF", ".gif"},
        {"BMP", ".bmp .dib"},
        {"TIFF", ".tif .tiff"},
        {"AVIF", ".avif .avifs"},
        {"HEIC", ".heic .heif .hif .heics"},
        {"JPEG XL", ".jxl"},
        {"JPEG 2000", ".jp2 .j2k .j2c .jpf .jpx .jpm"},
        {"Photoshop", ".psd .psb"},
        {"icon", ".ico .cur .icns"},
        {"TGA", ".tga"},
        {"OpenEXR", ".exr"},
        {"Radiance HDR", ".hdr"},
        {"DDS", ".dds"},
        {"QOI", ".qoi"},
        {"PNM", ".ppm .pgm .pbm .pnm .pam"},
        {"SVG", ".svg .svgz"},
        {"MNG", ".mng .jng"},
        {"Krita", ".kra"},
        {"GIMP", ".xcf"},
        {"camera raw", ".raw .arw .cr2 .cr3 .crw .nef .nrw .dng .orf .rw2 .raf .srw .pef .sr2 .x3f"},
        {"video", ".mp4 .webm .mov .mkv .avi .m4v .mpg .mpeg .wmv .flv .ogv .3gp"},
    };
    const char *extension = gp_path_extension(name);
    size_t size = strlen(extension);
    for (size_t i = 0; size > 1 && i < sizeof formats / sizeof *formats; i++)
        for (const char *at = formats[i].endings; *at; at += strspn(at, " ")) {
            size_t length = strcspn(at, " ");
            if (length == size && strncasecmp(at, extension, size) == 0) return formats[i].word;
            at += length;
        }
    return NULL;
}

/* ------------------------------------------------------------------ exports */

enum { LIST_LIMIT = 64 << 20 };

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

gp_status gp_own_names_read(const char *folder, gp_own_names *out, gp_error *err)
{
    gp_bytes bytes = {0};
    size_t lines = 1;
    *out = (gp_own_names){0};
    char *path = gp_path_join(folder, GP_MARK_EXPORT);
    if (!path) return gp_fail(err, GP_ERR_MEMORY, "out of memory for '%s'", folder);
    gp_status st = gp_file_read(path, LIST_LIMIT, &bytes, err);
    gp_mem_free(path);
    if (st == GP_ERR_MEMORY) return st;
    if (st != GP_OK) return GP_OK;
    for (size_t i = 0; i < bytes.size; i++) lines += bytes.data[i] == '\n';
    out->text = (char *)bytes.data;
    out->names = gp_mem_new(lines, sizeof *out->names);
    if (!out->names) {
        gp_own_names_clear(out);
        return gp_fail(err, GP_ERR_MEMORY, "out of memory for '%s'", folder);
    }
    for (char *at = out->text, *end = at + bytes.size, *next; at < end; at = next) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        next = line_end ? line_end + 1 : end;
        if (line_end) *line_end = 0;
        if (*at) out->names[out->count++] = at;
    }
    if (out->count) qsort(out->names, out->count, sizeof *out->names, by_name);
    return GP_OK;
}

void gp_own_names_clear(gp_own_names *names)
{
    gp_mem_free(names->names);
    gp_mem_free(names->text);
    *names = (gp_own_names){0};
}

bool gp_own_names_have(const gp_own_names *names, const char *name)
{
    return names->count && bsearch(&name, names->names, names->count, sizeof *names->names, by_name);
}
