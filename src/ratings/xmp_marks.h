/* SPDX-License-Identifier: MIT
 * The ratings in an XMP packet, as darktable, digiKam, Lightroom, Bridge and others write them, and how goldpan's marks
 * are merged into a packet (docs/formats.md, "Ratings"). */
#ifndef GP_RATINGS_XMP_MARKS_H
#define GP_RATINGS_XMP_MARKS_H

#include "base/str.h"

/* A tag that begins like this is a colour label or another label: xmp:Label. */
#define GP_XMP_LABEL_TAG "label:"

typedef struct gp_xmp_marks {
    bool rated;  /* the packet has a rating */
    int rating;  /* -1 rejected, 0 unrated, 1..5 */
    int flag;    /* by a pick property: 1 picked, -1 rejected, 0 neither or no such property */
    char *label; /* owned; NULL: none */
    char **tags; /* [count] owned: the keywords, as the catalog stores tags, each once */
    size_t count;
    size_t untagged; /* keywords that cannot be tags */
    char *extension; /* owned: extension of the file that this sidecar file belongs to, such as "CR2"; NULL: not said */
} gp_xmp_marks;
/* Reads a packet; an empty one gives no marks. Errors: those of gp_xmp_parse. The caller clears *out after success. */
gp_status gp_xmp_marks_read(const char *text, size_t size, gp_xmp_marks *out, gp_error *err);
void gp_xmp_marks_clear(gp_xmp_marks *marks);
/* Returns the flag and the stars that the rating and the flag of the packet mean in goldpan; 0: none. */
int gp_xmp_marks_flag(const gp_xmp_marks *marks);
int gp_xmp_marks_stars(const gp_xmp_marks *marks);

/* The marks of an image in goldpan. */
typedef struct gp_xmp_wish {
    int flag, stars;
    const char *const *tags; /* [count] sorted */
    size_t count;
    bool replace; /* replace other values in the packet */
} gp_xmp_wish;
/* Merges the marks into a packet, which may be empty. A mark that goldpan does not have changes nothing, and keywords
 * are only added. Without `replace`, another rating, flag or label stays, and *kept is true. sidecar: a new packet gets
 * the frame of a sidecar file. Errors: those of gp_xmp_parse and gp_xmp_set. */
gp_status gp_xmp_merge(gp_str *packet, bool sidecar, const gp_xmp_wish *wish, bool *kept, gp_error *err);

#endif
