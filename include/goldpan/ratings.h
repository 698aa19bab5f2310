/* SPDX-License-Identifier: MIT
 * Ratings for and from other programs: the marks of a catalog as XMP, in image files or beside them
 * (docs/formats.md, "Ratings").  Include <goldpan.h>, which explains the conventions. */
#ifndef GOLDPAN_RATINGS_H
#define GOLDPAN_RATINGS_H

#include "catalog.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where gp_ratings_write writes. */
typedef enum gp_ratings_place {
    GP_RATINGS_DARKTABLE, /* a file beside the image: cat.png.xmp, as darktable and digiKam */
    GP_RATINGS_ADOBE,     /* a file beside the image: cat.xmp, as the programs of Adobe */
    GP_RATINGS_EMBED      /* the image file itself */
} gp_ratings_place;

typedef struct gp_ratings_options {
    size_t size;
    const char *const *paths; /* [path_count] image files, or folders; NULL: all images */
    uint64_t path_count;
    gp_ratings_place place; /* gp_ratings_write: where to write */
    bool replace;           /* replace other values; false: they stay and are counted */
    bool dry_run;           /* count what the call would do, and change nothing */
    bool keep_time;         /* gp_ratings_write: image files keep their modification time */
    /* Called for each file that fails; may be NULL.  The stage of the failure is "ratings". */
    void (*failed)(void *user, const gp_failure *failure);
    gp_progress_fn progress;
    void *user; /* of `failed` and `progress` */
} gp_ratings_options;

typedef struct gp_ratings_report {
    size_t size;
    uint64_t done; /* read: images with new marks; write: files written */
    uint64_t
        unchanged; /* read: images whose marks stay; write: files that have these marks already */
    uint64_t without;  /* read: images whose files have no ratings; write: images without marks */
    uint64_t kept;     /* images or files of `done` and `unchanged` with another value that stays */
    uint64_t untagged; /* read: keywords that cannot be tags, such as those with a comma */
    uint64_t failed;   /* files that could not be read or written */
} gp_ratings_report;

/* Read ratings, pick flags, labels and keywords from image files and from the files beside them,
 * and mark the images with them.  A mark of the catalog stays, unless `replace` is set; tags are
 * only added.
 * report: may be NULL.
 * Errors: USAGE, NOT_FOUND (the catalog has no image at a path), CATALOG, IO, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_ratings_read(gp_catalog *catalog, const gp_ratings_options *options,
                                         gp_ratings_report *report, gp_error *err);

/* Write the marks of the images to XMP packets.  A packet that exists keeps all its other
 * properties; a rating, flag or label in it stays unless `replace` is set; keywords are only added.
 * In an image file only metadata changes, never a byte of the compressed pixels, and the catalog
 * records the new content.  A file is replaced at once, so it is never incomplete.
 * report: may be NULL.
 * Errors: USAGE, NOT_FOUND (the catalog has no image at a path), CATALOG, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_ratings_write(gp_catalog *catalog, const gp_ratings_options *options,
                                          gp_ratings_report *report, gp_error *err);

#ifdef __cplusplus
}
#endif
#endif
