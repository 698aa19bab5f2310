/* SPDX-License-Identifier: MIT
 * Walks over the JPEG markers (ITU-T T.81 B.1.1) before the first scan. Damage there is an error exactly where it is
 * one in Pillow. libjpeg checks the data inside the scans. */
#include "image/jpeg_scan.h"
#include "image/bytes.h"
#include "image/exif.h"

#include <string.h>

enum {
    SOF0 = 0xc0,
    DHT = 0xc4,
    JPG = 0xc8,
    DAC = 0xcc,
    RST0 = 0xd0,
    SOI = 0xd8,
    EOI = 0xd9,
    SOS = 0xda,
    DQT = 0xdb,
    DNL = 0xdc,
    DHP = 0xde,
    APP0 = 0xe0,
    APP1 = 0xe1,
    APP14 = 0xee,
    JPG0 = 0xf0,
    JPG13 = 0xfd
};

int gp_jpeg_next(const uint8_t *bytes, size_t size, size_t *at, gp_jpeg_segment *out)
{
    size_t p = *at;
    for (;;) {
        while (p < size && bytes[p] != 0xff) p++; /* skip junk */
        while (p < size && bytes[p] == 0xff) p++; /* skip fill bytes */
        if (p >= size) return 0;
        if (bytes[p] != 0) break; /* ff 00 is not a marker */
    }
    unsigned marker = bytes[p++];
    *out = (gp_jpeg_segment){marker, bytes + p, 0};
    *at = p;
    if (marker < SOF0) return -2;
    bool bare =
        marker == JPG || (marker >= RST0 && marker <= EOI) || (marker >= JPG0 && marker <= JPG13) || marker == 0xff;
    if (bare) return 1;
    if (size - p < 2) return -1;
    size_t length = gp_be16(bytes + p);
    length = length < 2 ? 0 : length - 2;
    if (length > size - p - 2) return -1;
    out->data = bytes + p + 2, out->length = length;
    *at = p + 2 + length;
    return 1;
}

static bool is_frame(unsigned marker)
{
    return marker == DHP || (marker >= SOF0 && marker <= 0xcf && marker != DHT && marker != JPG && marker != DAC);
}

static gp_status read_frame(const gp_jpeg_segment *s, gp_jpeg_info *header, gp_error *err)
{
    if (s->length < 6) return gp_fail(err, GP_ERR_FORMAT, "JPEG header is damaged");
    if (s->data[0] != 8)
        return gp_fail(err, GP_ERR_UNSUPPORTED, "is a JPEG with %d bits per sample, which goldpan does not read",
                       s->data[0]);
    int n = s->data[5];
    if (n != 1 && n != 3 && n != 4)
        return gp_fail(err, GP_ERR_UNSUPPORTED, "is a JPEG with %d channels, which goldpan does not read", n);
    if ((s->length - 6) % 3) return gp_fail(err, GP_ERR_FORMAT, "JPEG header is damaged");
    header->height = gp_be16(s->data + 1), header->width = gp_be16(s->data + 3);
    header->components = n;
    return GP_OK;
}

static bool tables_whole(const gp_jpeg_segment *s)
{
    for (size_t i = 0; i < s->length;) {
        size_t one = s->data[i] < 16 ? 65 : 129;
        if (s->length - i < one) return false;
        i += one;
    }
    return true;
}

static gp_status read_segment(const gp_jpeg_segment *s, gp_jpeg_info *header, gp_error *err)
{
    if (is_frame(s->marker)) return read_frame(s, header, err);
    if (s->marker == DQT && !tables_whole(s)) return gp_fail(err, GP_ERR_FORMAT, "JPEG quantisation table is damaged");
    bool jfif = s->marker == APP0 && s->length >= 4 && memcmp(s->data, "JFIF", 4) == 0;
    bool adobe = s->marker == APP14 && s->length >= 5 && memcmp(s->data, "Adobe", 5) == 0;
    if ((jfif || adobe) && s->length < 7)
        return gp_fail(err, GP_ERR_FORMAT, "JPEG marker %s is too short", jfif ? "JFIF" : "Adobe");
    if (s->marker == APP1 && s->length > 6 && memcmp(s->data, "Exif\0\0", 6) == 0 && !header->orientation)
        header->orientation = gp_exif_orientation(s->data, s->length);
    return GP_OK;
}

gp_status gp_jpeg_scan(const uint8_t *bytes, size_t size, gp_jpeg_info *out, gp_error *err)
{
    if (size < 3 || memcmp(bytes, "\xff\xd8\xff", 3) != 0) return gp_fail(err, GP_ERR_FORMAT, "is not a JPEG image");
    gp_jpeg_info header = {0};
    size_t at = 2;
    for (;;) {
        gp_jpeg_segment s;
        int got = gp_jpeg_next(bytes, size, &at, &s);
        if (got == 0 || got == -1) return gp_fail(err, GP_ERR_FORMAT, "JPEG data is truncated");
        if (got < 0) return gp_fail(err, GP_ERR_FORMAT, "JPEG markers are damaged at byte %zu", at - 1);
        GP_TRY(read_segment(&s, &header, err));
        if (s.marker == SOS) break;
    }
    if (!header.components) return gp_fail(err, GP_ERR_FORMAT, "JPEG has no header before its data");
    *out = header;
    return GP_OK;
}
