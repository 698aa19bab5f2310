/* SPDX-License-Identifier: MIT
 * The images of the catalog at some paths, with their marks and files. Private to this module. */
#ifndef GP_RATINGS_SELECTION_H
#define GP_RATINGS_SELECTION_H

#include "base/hash.h"
#include "base/str.h"

typedef struct gp_rated_file {
    char *path;   /* owned */
    gp_hash hash; /* of the file's bytes, as the catalog records it */
} gp_rated_file;

typedef struct gp_rated_image {
    gp_hash hash; /* identifies the image in the catalog */
    int64_t id;
    int flag, stars;
    char *tags;           /* owned: separated by ", "; NULL: none */
    char *apart;          /* owned: why the image is not a candidate; NULL for a candidate */
    gp_rated_file *files; /* [count] owned: those that exist and are selected, sorted by path */
    size_t count;
} gp_rated_image;

typedef struct gp_selection {
    gp_rated_image *images; /* [count] owned, in order of their paths */
    size_t count, capacity, file_count;
} gp_selection;

/* Finds the images at the paths of the options; without paths, all images. Errors: NOT_FOUND (the catalog has no image
 * at one of the paths), CATALOG, MEMORY. The caller clears *out, also after an error. */
gp_status gp_selection_read(gp_catalog *cat, const gp_ratings_options *options, gp_selection *out, gp_error *err);
void gp_selection_clear(gp_selection *selection);

/* Splits a text such as "a, b" into tags. *tags [count] point into *room; both are owned: gp_mem_free. */
gp_status gp_rated_tags(const char *text, char **room, const char ***tags, size_t *count, gp_error *err);

#endif
