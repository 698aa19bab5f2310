/* SPDX-License-Identifier: MIT
 * Reads files of test corpora: members of gzipped tar archives, and lines of TSV tables. */
#ifndef GP_TESTS_CORPUS_H
#define GP_TESTS_CORPUS_H

#include "support.h"

#include "base/file.h"
#include "base/mem.h"
#include "image/image.h"

#include <zlib.h>

static inline uint32_t crc_of(const void *bytes, size_t size)
{
    return (uint32_t)crc32_z(0, bytes, size);
}

static inline uint32_t crc_of_pixels(const gp_pixels *p)
{
    return crc_of(p->rgb, 3 * (size_t)p->width * p->height);
}

/* Calls `visit` for every regular file in a .tar.gz archive (ustar, GNU long names, pax paths). */
static inline void each_tar_member(const char *path,
                                   void (*visit)(void *user, const char *name, const uint8_t *bytes, size_t size),
                                   void *user)
{
    gzFile file = gzopen(path, "rb");
    assert_non_null(file);
    unsigned char head[512];
    char name[1024] = "";
    while (gzread(file, head, 512) == 512 && head[0]) {
        size_t size = strtoul((char *)head + 124, NULL, 8);
        /* the memory block has exactly the size of the file, so that ASan detects a read past the end */
        uint8_t *bytes = malloc(size + 513);
        assert_non_null(bytes);
        assert_int_equal(gzread(file, bytes, (unsigned)((size + 511) / 512 * 512)), (int)((size + 511) / 512 * 512));
        uint8_t *exact = malloc(size ? size : 1);
        assert_non_null(exact);
        memcpy(exact, bytes, size);
        char *p = bytes[0] && head[156] == 'x' ? strstr((char *)bytes, " path=") : NULL;
        if (head[156] == 'L') {
            snprintf(name, sizeof name, "%.*s", (int)size, (char *)bytes);
        } else if (p) {
            snprintf(name, sizeof name, "%.*s", (int)strcspn(p + 6, "\n"), p + 6);
        } else if (head[156] == '0' || head[156] == 0) {
            if (!name[0] && memcmp(head + 257, "ustar", 5) == 0 && head[345])
                snprintf(name, sizeof name, "%.155s/%.100s", (char *)head + 345, (char *)head);
            else if (!name[0])
                snprintf(name, sizeof name, "%.100s", (char *)head);
            visit(user, name, exact, size);
            name[0] = 0;
        }
        free(exact);
        free(bytes);
    }
    gzclose(file);
}

/* Splits a line at its tabs, in place; missing cells are "". */
static inline void split_line(char *line, const char **cells, size_t count)
{
    for (size_t i = 0; i < count; i++) cells[i] = "";
    line[strcspn(line, "\n")] = 0;
    for (size_t i = 0; i < count && line; i++) {
        cells[i] = line;
        line = strchr(line, '\t');
        if (line) *line++ = 0;
    }
}

/* Compares the fast PNG decoder with the full decoder.  Returns true if both give the same result, or if the fast
 * decoder does not support the file.  *answered: the fast decoder succeeded. */
static inline bool fast_equals_full(const uint8_t *bytes, size_t size, uint64_t max_pixels, bool *answered)
{
    gp_pixels fast = GP_INIT(gp_pixels), full = GP_INIT(gp_pixels);
    gp_status a = gp_image_png_fast(bytes, size, max_pixels, &fast, NULL);
    gp_status b = gp_image_png_full(bytes, size, max_pixels, &full, NULL);
    bool same = a == GP_ERR_UNSUPPORTED ||
                (a == b && (a || (fast.width == full.width && fast.height == full.height &&
                                  memcmp(fast.rgb, full.rgb, 3 * (size_t)fast.width * fast.height) == 0)));
    *answered = a == GP_OK;
    gp_pixels_clear(&fast);
    gp_pixels_clear(&full);
    return same;
}

#endif
