/* SPDX-License-Identifier: MIT
 * Recognises image formats by the extensions of file names. */
#include "base/image_names.h"

#include "base/file.h"
#include "base/str.h"

#include <string.h>
#include <strings.h>

static const char *const known[] = {
    ".png",  ".apng",  ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib",
#ifdef GP_HAVE_GIF
    ".gif",
#endif
#ifdef GP_HAVE_TIFF
    ".tif",  ".tiff",
#endif
#ifdef GP_HAVE_AVIF
    ".avif", ".avifs",
#endif
#ifdef GP_HAVE_JXL
    ".jxl",
#endif
};

bool gp_name_is_image_sized(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i]);
        if (size > n && strncasecmp(name + size - n, known[i], n) == 0) return name[size - n - 1] != '/';
    }
    return false;
}

const char *gp_name_image_ending(size_t i)
{
    return i < sizeof known / sizeof *known ? known[i] : NULL;
}

const char *gp_name_unbuilt_format(const char *name)
{
    static const struct {
        const char *ending, *format;
    } unbuilt[] = {
#ifndef GP_HAVE_GIF
        {".gif", "GIF"},
#endif
#ifndef GP_HAVE_TIFF
        {".tif", "TIFF"},    {".tiff", "TIFF"},
#endif
#ifndef GP_HAVE_AVIF
        {".avif", "AVIF"},   {".avifs", "AVIF"},
#endif
#ifndef GP_HAVE_JXL
        {".jxl", "JPEG XL"},
#endif
        {NULL, NULL},
    };
    const char *ending = gp_path_extension(name);
    for (size_t i = 0; unbuilt[i].ending; i++)
        if (strcasecmp(ending, unbuilt[i].ending) == 0) return unbuilt[i].format;
    return NULL;
}

bool gp_name_is_image(const char *name)
{
    return gp_name_is_image_sized(name, strlen(name));
}

const char *gp_name_other_format(const char *name)
{
    static const struct {
        const char *word, *endings;
    } formats[] = {
        {"HEIC", ".heic .heif .hif .heics"},
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

bool gp_name_ends(const char *name, size_t size, const char *ending)
{
    size_t n = strlen(ending);
    return size >= n && strncasecmp(name + size - n, ending, n) == 0;
}

bool gp_name_is_set(const char *name)
{
    static const char *const endings[] = {".tar", ".tar.gz", ".tgz", ".tar.zst", ".parquet"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (gp_name_ends(name, strlen(name), endings[i])) return true;
    return false;
}
