/* SPDX-License-Identifier: MIT
 * darktable and digiKam add ".xmp" to the whole name of the image. Programs of Adobe replace the extension, so one such
 * file may belong to several images; their property photoshop:SidecarForExtension then says to which. */
#include "ratings/xmp_sidecar.h"

#include "base/file.h"
#include "base/mem.h"
#include "ratings/xmp_doc.h"

#include <string.h>
#include <unistd.h>

char *gp_sidecar_path(const char *image, bool adobe)
{
    gp_str s = GP_STR_INIT;
    size_t size = strlen(image), extension = strlen(gp_path_extension(image));
    gp_str_add(&s, image, adobe ? size - extension : size);
    gp_str_puts(&s, ".xmp");
    return gp_str_take(&s);
}

gp_status gp_sidecar_read(const char *path, gp_str *packet, bool *exists, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_error why = {0};
    *exists = false;
    gp_status st = gp_file_read(path, GP_XMP_LARGEST, &bytes, &why);
    if (st == GP_ERR_NOT_FOUND) return GP_OK;
    if (st != GP_OK) return gp_fail_as(err, st, &why);
    *exists = true;
    gp_str_add(packet, bytes.data, bytes.size);
    gp_bytes_clear(&bytes);
    return packet->failed ? gp_fail_memory_path(err, "'%s'", path) : GP_OK;
}

/* Returns the name of another image file with the same stem, or NULL. */
static gp_status find_twin(const char *image, gp_str *twin, gp_error *err)
{
    static const char *const extensions[] = {"png", "jpg",  "jpeg", "webp", "avif", "jxl", "gif", "tif", "tiff",
                                             "bmp", "heic", "dng",  "cr2",  "cr3",  "nef", "arw", "raf", "orf",
                                             "rw2", "PNG",  "JPG",  "JPEG", "WEBP", "TIF", "DNG", "CR2", "CR3",
                                             "NEF", "ARW",  "RAF",  "ORF",  "RW2",  NULL};
    const char *own = gp_path_extension(image);
    size_t stem = strlen(image) - strlen(own);
    for (const char *const *e = extensions; *e; e++) {
        if (*own == '.' && strcmp(own + 1, *e) == 0) continue;
        gp_str_reset(twin);
        gp_str_add(twin, image, stem);
        gp_str_printf(twin, ".%s", *e);
        if (twin->failed) return gp_fail_memory_path(err, "'%s'", image);
        if (access(twin->data, F_OK) == 0) return GP_OK;
    }
    gp_str_reset(twin);
    return GP_OK;
}

gp_status gp_sidecar_check(const char *image, const gp_xmp_marks *marks, gp_error *err)
{
    gp_str twin = GP_STR_INIT;
    const char *own = gp_path_extension(image);
    if (marks->extension)
        return *own == '.' && gp_str_equal_nocase(own + 1, marks->extension)
                   ? GP_OK
                   : gp_fail(err, GP_ERR_UNSUPPORTED, "the file beside it states that it belongs to a %s file",
                             marks->extension);
    gp_status st = find_twin(image, &twin, err);
    if (st == GP_OK && twin.size)
        st = gp_fail(err, GP_ERR_UNSUPPORTED, "the file beside it may also belong to '%s'", gp_path_base(twin.data));
    gp_str_clear(&twin);
    return st;
}
