/* SPDX-License-Identifier: MIT
 * The catalog as the explorer's page reads it (docs/api.md): a read-only snapshot in memory, with columns as binary
 * arrays.  The server and the static site use it.  It never decodes an image and never uses the network.
 * Memory: about 150 bytes for each image, and the texts; each prompt is stored once.  Read-only after gp_view_new, so
 * any thread may read it; for gp_view_rate see below. */
#ifndef GP_VIEW_VIEW_H
#define GP_VIEW_VIEW_H

#include "base/hash.h"
#include "base/status.h"
#include "base/str.h"

typedef struct gp_view gp_view;

/* Reads the catalog.  scorer: key of the scorer; NULL: the scorer used last.  Without scores, the view has no score
 * columns.  Owns: *out. */
gp_status gp_view_new(gp_catalog *cat, const char *scorer, gp_view **out, gp_error *err);
void gp_view_free(gp_view *view);

size_t gp_view_count(const gp_view *view); /* number of rows */
size_t gp_view_columns(const gp_view *view);
/* Returns the row of the image with this content hash; SIZE_MAX: the view lacks the image. */
size_t gp_view_find(const gp_view *view, const gp_hash *hash);
const gp_hash *gp_view_hash(const gp_view *view, size_t row);
/* Returns the hash of the file now at the row's path; differs from gp_view_hash if only the metadata has changed. */
const gp_hash *gp_view_file_hash(const gp_view *view, size_t row);
int64_t gp_view_image(const gp_view *view, size_t row); /* id in the catalog */
/* Returns a path of the row's image, the first that exists.  Owns: *path, gp_mem_free. */
gp_status gp_view_path(const gp_view *view, size_t row, char **path, gp_error *err);
/* "png" "jpeg" "webp" */
const char *gp_view_format(const gp_view *view, size_t row);
uint32_t gp_view_orientation(const gp_view *view, size_t row);

/* Return the column's name, and the bytes of data/col/N.bin and data/words/N.bin.  Borrowed; NULL: the column has no
 * such file. */
const char *gp_view_column_name(const gp_view *view, size_t column);
const void *gp_view_column(const gp_view *view, size_t column, size_t *size);
const void *gp_view_words(const gp_view *view, size_t column, size_t *size);
const void *gp_view_slices(const gp_view *view, size_t *size); /* the bytes of data/slices.bin */

/* Values of the manifest that the caller provides. */
typedef struct gp_view_manifest {
    bool live, readonly, search_text, search_image, search_like;
    bool open_folder;      /* the server can open the folder of an image */
    bool trash;            /* the server can move files to the trash */
    const char *generated; /* folder in which the server writes images that it generates; NULL: it generates none */
    const char *generator; /* generator for all images; NULL: the one that the catalog records for each image */
    uint64_t revision;
    const uint32_t *thumbs;
    size_t thumb_count;
    const char *image_ext; /* or NULL */
    uint32_t near_k;       /* 0: no data/near.bin */
} gp_view_manifest;
gp_status gp_view_write_manifest(const gp_view *view, const gp_view_manifest *manifest, gp_str *out, gp_error *err);
/* Writes data/detail/K.json, read from the catalog; NOT_FOUND: K is too large.  short_paths: file names only. */
enum { GP_VIEW_SHARD = 64 };
gp_status gp_view_write_detail(const gp_view *view, gp_catalog *cat, size_t shard, bool short_paths, gp_str *out,
                               gp_error *err);
/* Writes data/tags.json, read from the catalog: each tag with the rows of the view that have it. */
gp_status gp_view_write_tags(const gp_view *view, gp_catalog *cat, gp_str *out, gp_error *err);
/* Returns the text that a site shows for a setting: the file name of an absolute path of any system, else the text
 * itself. */
const char *gp_view_short(const char *text);
/* Stores a rating in the column in memory (flag -1..1, stars 0..5).  Must not be called while another thread reads the
 * column. */
void gp_view_rate(gp_view *view, size_t row, int flag, unsigned stars);
void gp_view_rating(const gp_view *view, size_t row, int *flag, unsigned *stars);

#endif
