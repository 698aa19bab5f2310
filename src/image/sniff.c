/* SPDX-License-Identifier: MIT
 * Detects a file's format from its first bytes. For a file that goldpan cannot read it also guesses the format, for the
 * error message ("is a GIF image, which goldpan does not read"). */
#include "base/file.h"
#include "base/str.h"
#include "image/bytes.h"
#include "image/image.h"

#include <string.h>

const char *gp_image_format_name(gp_format format)
{
    static const char *const names[] = {"unknown", "png", "jpeg", "webp", "bmp", "gif", "tiff", "avif", "jxl"};
    return names[(unsigned)format <= GP_FORMAT_JXL ? format : GP_FORMAT_UNKNOWN];
}

static bool at(const uint8_t *bytes, size_t size, size_t offset, const char *magic, size_t length)
{
    return size >= offset + length && memcmp(bytes + offset, magic, length) == 0;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i]) return false;
    return true;
}

static const char *text_kind(const uint8_t *bytes, size_t size)
{
    size_t n = size < 512 ? size : 512;
    for (size_t i = 0; i < n; i++)
        if (bytes[i] < 32 && !(bytes[i] >= 9 && bytes[i] <= 13)) return NULL;
    if (at(bytes, size, 0, "version https://git-lfs", 23)) return "a Git LFS pointer";
    size_t start = at(bytes, size, 0, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (start < n && (bytes[start] == ' ' || (bytes[start] >= 9 && bytes[start] <= 13))) start++;
    if (at(bytes, size, start, "<svg", 4)) return "an SVG image";
    if (at(bytes, size, start, "<!DOCTYPE html", 14) || at(bytes, size, start, "<!doctype html", 14) ||
        at(bytes, size, start, "<html", 5) || at(bytes, size, start, "<HTML", 5))
        return "an HTML page";
    if (at(bytes, size, start, "<?xml", 5)) return "an XML file";
    for (size_t i = 0; i < n; i++)
        if (bytes[i] >= 128) return gp_utf8_valid((const char *)bytes, size) ? "a text file" : NULL;
    return "a text file";
}

static const char *media_kind(const uint8_t *bytes, size_t size)
{
    static const struct {
        size_t offset, length;
        const char *magic, *name;
    } kinds[] = {
        {0, 12, "\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"},
        {0, 4, "\xff\x4f\xff\x51", "a JPEG 2000 image"},
        {4, 7, "ftyphei", "an HEIC image"},
        {4, 8, "ftypmif1", "an HEIC image"},
        {4, 4, "ftyp", "a video"},
        {0, 4, "\x1a\x45\xdf\xa3", "a video"},
        {0, 4, "8BPS", "a Photoshop file"},
        {0, 4, "qoif", "a QOI image"},
        {0, 4, "\0\0\1\0", "an icon"},
        {0, 4, "v/1\1", "an OpenEXR image"},
        {0, 5, "%PDF-", "a PDF file"},
        {0, 4, "PK\3\4", "a ZIP archive"},
        {0, 2, "\x1f\x8b", "a gzip file"},
        {0, 4, "\x28\xb5\x2f\xfd", "a zstd file"},
        {0, 6, "SQLite", "an SQLite database"},
        {0, 4,
         "\x7f"
         "ELF",
         "a program"},
        {0, 4, "\x8aMNG", "an MNG animation"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (at(bytes, size, kinds[i].offset, kinds[i].magic, kinds[i].length)) return kinds[i].name;
    if (size > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7' && (bytes[2] == '\n' || bytes[2] == ' '))
        return "a PNM image";
    return NULL;
}

/* Returns a guess: what the bytes are, and whether they are damaged or in a format that goldpan does not read. */
static gp_image_guess guess(const uint8_t *bytes, size_t size)
{
    const char *what;
    if (size == 0) return (gp_image_guess){"empty", GP_ERR_FORMAT};
    if (all_zero(bytes, size)) return (gp_image_guess){"nothing but zeros", GP_ERR_FORMAT};
    if (at(bytes, size, 1, "PNG", 3) || at(bytes, size, 0, "\x89PN", 3))
        return (gp_image_guess){"a PNG image with a damaged signature", GP_ERR_FORMAT};
    if ((what = media_kind(bytes, size)) || (what = text_kind(bytes, size)))
        return (gp_image_guess){what, GP_ERR_UNSUPPORTED};
    return (gp_image_guess){"not an image", GP_ERR_FORMAT};
}

static bool is_bmp(const uint8_t *bytes, size_t size)
{
    return at(bytes, size, 0, "BM", 2) && (at(bytes, size, 6, "\0\0\0\0", 4) || at(bytes, size, 15, "\0\0\0", 3));
}

static bool is_jxl(const uint8_t *bytes, size_t size)
{
    return at(bytes, size, 0, "\xff\x0a", 2) || at(bytes, size, 0, "\0\0\0\x0cJXL \r\n\x87\n", 12);
}

/* The first box of an AVIF file is "ftyp" with a list of brands: the main brand, a version, and compatible brands. */
static bool is_avif(const uint8_t *bytes, size_t size)
{
    if (!at(bytes, size, 4, "ftyp", 4) || size < 12) return false;
    size_t end = gp_be32(bytes);
    if (end > size) end = size;
    if (at(bytes, size, 8, "avif", 4) || at(bytes, size, 8, "avis", 4)) return true;
    if (!at(bytes, size, 8, "mif1", 4) && !at(bytes, size, 8, "msf1", 4)) return false;
    for (size_t i = 16; i + 4 <= end; i += 4)
        if (at(bytes, size, i, "avif", 4) || at(bytes, size, i, "avis", 4)) return true;
    return false;
}

static bool is_tiff(const uint8_t *bytes, size_t size)
{
    return at(bytes, size, 0, "II*\0", 4) || at(bytes, size, 0, "MM\0*", 4) || at(bytes, size, 0, "II+\0", 4) ||
           at(bytes, size, 0, "MM\0+", 4);
}

gp_format gp_image_sniff(const uint8_t *bytes, size_t size, gp_image_guess *seems)
{
    if (at(bytes, size, 0, "\x89PNG\r\n\x1a\n", 8)) return GP_FORMAT_PNG;
    if (at(bytes, size, 0, "\xff\xd8\xff", 3)) return GP_FORMAT_JPEG;
    if (at(bytes, size, 0, "RIFF", 4) && at(bytes, size, 8, "WEBP", 4)) return GP_FORMAT_WEBP;
    if (at(bytes, size, 0, "GIF87a", 6) || at(bytes, size, 0, "GIF89a", 6)) return GP_FORMAT_GIF;
    if (is_bmp(bytes, size)) return GP_FORMAT_BMP;
    if (is_tiff(bytes, size)) return GP_FORMAT_TIFF;
    if (is_avif(bytes, size)) return GP_FORMAT_AVIF;
    if (is_jxl(bytes, size)) return GP_FORMAT_JXL;
    if (seems) *seems = guess(bytes, size);
    return GP_FORMAT_UNKNOWN;
}
