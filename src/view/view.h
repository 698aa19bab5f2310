/* SPDX-License-Identifier: MIT
 * The catalog as the explorer's page reads it (docs/api.md): one snapshot in memory, columns as binary arrays.  Used by
 * the server and by the static site.  Never decodes an image, never touches the network.
 * Memory: about 150 bytes an image and the texts; prompts once each.  Read-only after gp_view_new: any thread. */
#ifndef GP_VIEW_VIEW_H
#define GP_VIEW_VIEW_H

#include "base/hash.h"
#include "base/status.h"
#include "base/str.h"

typedef struct gp_view gp_view;

/* scorer: its key, or NULL for the one used last; an unscored catalog is a view without scores.  Owns: *out. */
gp_status gp_view_new(gp_catalog *cat, const char *scorer, gp_view **out, gp_error *err);
void gp_view_free(gp_view *view);

size_t gp_view_count(const gp_view *view); /* rows */
size_t gp_view_columns(const gp_view *view);
/* Row of an image by its content; SIZE_MAX: none. */
size_t gp_view_find(const gp_view *view, const gp_hash *hash);
const gp_hash *gp_view_hash(const gp_view *view, size_t row);
/* Returns the hash of the file now at the row's path; differs from gp_view_hash if only the metadata has changed. */
const gp_hash *gp_view_file_hash(const gp_view *view, size_t row);
int64_t gp_view_image(const gp_view *view, size_t row); /* id in the catalog */
/* A path of the row's image, the first that is there.  Owns: *path, gp_mem_free. */
gp_status gp_view_path(const gp_view *view, size_t row, char **path, gp_error *err);
/* "png" "jpeg" "webp" */
const char *gp_view_format(const gp_view *view, size_t row);
uint32_t gp_view_orientation(const gp_view *view, size_t row);

/* The bytes of data/col/N.bin and of data/words/N.bin (NULL: column has none); borrowed. */
const char *gp_view_column_name(const gp_view *view, size_t column);
const void *gp_view_column(const gp_view *view, size_t column, size_t *size);
const void *gp_view_words(const gp_view *view, size_t column, size_t *size);
const void *gp_view_slices(const gp_view *view, size_t *size); /* data/slices.bin */

/* What the manifest says besides what the view knows. */
typedef struct gp_view_manifest {
    bool live, readonly, search_text, search_image, search_like;
    uint64_t revision;
    const uint32_t *thumbs;
    size_t thumb_count;
    const char *image_ext; /* or NULL */
    uint32_t near_k;       /* 0: no data/near.bin */
} gp_view_manifest;
gp_status gp_view_write_manifest(const gp_view *view, const gp_view_manifest *manifest, gp_str *out, gp_error *err);
/* data/detail/K.json, read from the catalog; NOT_FOUND beyond the last.  short_paths: file names only. */
enum { GP_VIEW_SHARD = 64 };
gp_status gp_view_write_detail(const gp_view *view, gp_catalog *cat, size_t shard, bool short_paths, gp_str *out,
                               gp_error *err);
/* What a site says of a setting: an absolute path of any system is its file's name, any other text is itself. */
const char *gp_view_short(const char *text);
/* Take over a rating in the column kept in memory (flag -1..1, stars 0..5).  Not while others read. */
void gp_view_rate(gp_view *view, size_t row, int flag, unsigned stars);
void gp_view_rating(const gp_view *view, size_t row, int *flag, unsigned *stars);

#endif
