/* SPDX-License-Identifier: MIT
 * Outputs of a catalog: exported files, contact sheet, tour, static site, explorer.  Include
 * <goldpan.h>, which explains the conventions. */
#ifndef GOLDPAN_OUTPUTS_H
#define GOLDPAN_OUTPUTS_H

#include "catalog.h"
#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ export */

typedef enum gp_export_mode {
    GP_EXPORT_COPY,
    GP_EXPORT_HARDLINK,
    GP_EXPORT_SYMLINK,
    GP_EXPORT_NONE,    /* tables only */
    GP_EXPORT_MOVE,    /* the file itself; the catalog records its new path */
    GP_EXPORT_REFLINK, /* a copy that shares the blocks of the file; Btrfs, XFS and others */
    GP_EXPORT_STRIP /* a copy without metadata (docs/formats.md); not with HF_PARQUET, WEBDATASET */
} gp_export_mode;

/* Data sets for other programs (docs/formats.md), as bits of gp_export_options.formats. */
typedef enum gp_export_format {
    GP_EXPORT_RECORDS = 1,         /* picks.json: an array of objects */
    GP_EXPORT_PARQUET = 2,         /* picks.parquet */
    GP_EXPORT_HF_PARQUET = 4,      /* data/train-00000-of-00001.parquet ..., with the images */
    GP_EXPORT_WEBDATASET = 8,      /* 00000.tar ..., with the images */
    GP_EXPORT_NPY = 16,            /* embeddings.npy, and embeddings.jsonl in the same order */
    GP_EXPORT_CLIP_RETRIEVAL = 32, /* img_emb/, text_emb/, metadata/ */
    GP_EXPORT_FIFTYONE = 64,       /* samples.json, metadata.json */
    GP_EXPORT_LABEL_STUDIO = 128,  /* tasks.json */
    GP_EXPORT_HTML = 256           /* report.html: a page with thumbnails */
} gp_export_format;

typedef struct gp_export_options {
    size_t size;
    const char *folder;  /* created if missing; goldpan overwrites no file in the folder */
    gp_export_mode mode; /* how the image files get into the folder */
    bool csv;            /* write picks.csv */
    bool jsonl;          /* write picks.jsonl */
    bool imagefolder;    /* write metadata.csv as Hugging Face datasets reads it */
    bool all;            /* every scored image, not only the picks */
    uint64_t min_stars;  /* images with at least this rating instead of the picks; 0: the picks */
    gp_progress_fn progress;
    void *user;
    bool mine;      /* only your own picks */
    bool suggested; /* with mine: add the picks of prompts in which you picked no image */
    const char *const *images; /* only these images, instead of the picks: 32 hex digits of each
                                  content; NULL: the picks */
    uint64_t image_count;
    const char *const *tags; /* images with at least one of these tags instead of the picks; NULL:
                                the picks */
    uint64_t tag_count;
    uint64_t formats;     /* data sets to write: GP_EXPORT_RECORDS | ...; 0: none */
    bool embeddings;      /* add columns with the embeddings; needs PARQUET or HF_PARQUET */
    uint64_t shard_bytes; /* maximum size of a shard of HF_PARQUET and WEBDATASET; a larger image
                           * has its own shard; 0: 500,000,000 */
    /* Called for each finished file of a data set, with its path and its size in bytes; may be
     * NULL. */
    void (*written)(void *user, const char *path, uint64_t bytes);
    void *written_user;
    const char *name; /* pattern of the paths within the folder, such as
                       * "{category}/{rank:03}_{seed}{ext}" (docs/formats.md); NULL: the names of
                       * the files */
    gp_note_fn note;  /* "undo" (count: the number for gp_undo) and "no-undo"; may be NULL */
    void *note_user;
} gp_export_options;

/* Export the picks: image files and tables.  Your own decisions count: an image that you rejected
 * is left out, and an image that you picked is exported.  `all`, `min_stars`, `tags`, `mine` and
 * `images` replace this choice.  `mine` and `images` exclude each other, and each of them excludes
 * `all`, `min_stars` and `tags`.  With `tags` and `min_stars` an image must meet both.
 * A data set replaces the files of an earlier export, unless they were changed since.
 * A journal beside the catalog records what is made and moved, for gp_undo.  If the folder of the
 * catalog cannot be written, nothing is recorded, and GP_EXPORT_MOVE is an error.  Only one export
 * at a time writes to a folder: a second one is a USAGE error.
 * report: may be NULL.
 * Errors: USAGE, NOT_FOUND, CATALOG, IO, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_export(gp_catalog *catalog, const gp_export_options *options,
                                   gp_report *report, gp_error *err);

/* ------------------------------------------------------------------ undo of exports */

/* An export that the journals of a catalog record. */
typedef struct gp_export_entry {
    uint64_t number;
    int64_t at; /* Unix time of its start */
    gp_export_mode mode;
    const char *folder; /* absolute; borrowed until the callback returns, like `name` */
    const char *name;   /* pattern of the names; NULL: none */
    uint64_t files;     /* files that it made or moved */
    int64_t undone_at;  /* Unix time of the last undo; 0: not undone */
    uint64_t left;      /* what the last undo left alone */
    bool running;       /* the export, or an undo of it, runs now */
    bool broken_off;    /* the export was killed; the next export or undo completes its record */
} gp_export_entry;

/* Call `visit` for each recorded export, the oldest first, until it returns false.
 * Errors: IO, MEMORY.
 * Threads: one. */
GP_API GP_MUST gp_status gp_exports(gp_catalog *catalog,
                                    bool (*visit)(void *user, const gp_export_entry *entry),
                                    void *user, gp_error *err);

typedef struct gp_undo_options {
    size_t size;
    uint64_t number; /* number of the export; 0: the last one that is not undone */
    bool dry_run;    /* report only */
    /* Called for each file, folder and table that is left alone, with the reason; may be NULL */
    void (*left)(void *user, const char *path, const char *why);
    gp_progress_fn progress;
    void *user;
} gp_undo_options;

typedef struct gp_undo_report {
    size_t size;
    uint64_t number;  /* the export that was undone */
    uint64_t removed; /* copies and links that were deleted */
    uint64_t moved;   /* files that were moved back */
    uint64_t tables;  /* tables that were deleted */
    uint64_t folders; /* folders that were deleted; 0 in a dry run */
    uint64_t gone;    /* copies, links and tables that did not exist any more */
    uint64_t left;    /* what was left alone */
    double seconds;
    uint64_t kept; /* tables that another export, which is not undone, wrote too; they stay */
} gp_undo_report;

/* Undo an export.  Deletes a copy, link or table only if it still has the content that goldpan
 * wrote, and a copy only if its original still exists.  Moves a file back only if its old path is
 * free.  Deletes folders that the export made, if they are empty.  Leaves everything else alone.
 * report: may be NULL.
 * Errors: NOT_FOUND (no such export, or nothing to undo), USAGE (the export runs now), IO, CATALOG,
 * STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_undo(gp_catalog *catalog, const gp_undo_options *options,
                                 gp_undo_report *report, gp_error *err);

/* ------------------------------------------------------------------ static site */

typedef enum gp_site_images {
    GP_SITE_ORIGINALS, /* the files themselves */
    GP_SITE_RESIZED,   /* JPEGs of at most 1280 pixels a side */
    GP_SITE_THUMBNAILS /* thumbnails only */
} gp_site_images;

typedef struct gp_site_options {
    size_t size;
    const char *folder; /* exists only after the site is complete; replaces an older site */
    gp_site_images images;
    int threads; /* 0: all processors */
    gp_progress_fn progress;
    void *user;
} gp_site_options;

/* Write the explorer's page, read-only, as files for any web host (docs/api.md).  The site contains
 * the names of files, but not their folders.  Images that cannot be read are counted as failed and
 * recorded in the catalog.
 * report: may be NULL.
 * Errors: USAGE (the folder is not empty and not a site of goldpan), NOT_FOUND (no images),
 * CATALOG, IO, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_site(gp_catalog *catalog, const gp_site_options *options,
                                 gp_report *report, gp_error *err);

/* ------------------------------------------------------------------ contact sheet */

typedef enum gp_sheet_by {
    GP_SHEET_PROMPTS,   /* a row for each prompt with a pick */
    GP_SHEET_SLICES,    /* a row for each slice of the last analysis, with its best images */
    GP_SHEET_CATEGORIES /* a row for each category of the last analysis, with its best images */
} gp_sheet_by;

typedef struct gp_sheet_options {
    size_t size;
    const char *file; /* .png or .jpg */
    gp_sheet_by by;
    uint32_t thumb;       /* longest side of a candidate in pixels */
    uint32_t max_prompts; /* maximum number of rows; rows whose pick score exceeds the median most
                           * come first; 0: all that fit */
    uint32_t max_candidates; /* columns */
    gp_progress_fn progress;
    void *user;
} gp_sheet_options;

/* Draw the contact sheet: one row for each prompt, its candidates in order of score, the pick
 * marked.
 * report: may be NULL.
 * Errors: USAGE, NOT_FOUND (nothing to draw), CATALOG, IO, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_sheet(gp_catalog *catalog, const gp_sheet_options *options,
                                  gp_report *report, gp_error *err);

/* ------------------------------------------------------------------ tour */

typedef struct gp_tour_options {
    size_t size;
    const char *file;    /* path of a .webp file, an endless animation; or NULL */
    const char *folder;  /* folder for slice_00.png, slice_01.png ...; or NULL */
    uint32_t width;      /* pixels */
    uint32_t height;     /* pixels */
    double seconds;      /* duration of a frame */
    uint64_t max_slices; /* maximum number of frames; the most significant slices get a frame */
    gp_progress_fn progress;
    void *user;
} gp_tour_options;

/* Draw the slices of the last analysis, one frame for each slice: the map of all images, with the
 * best images of the slice around the slice's points.
 * report (may be NULL): done counts frames.
 * Errors: NOT_FOUND (no analysis, no slices, no map), USAGE, CATALOG, IO, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_tour(gp_catalog *catalog, const gp_tour_options *options,
                                 gp_report *report, gp_error *err);

/* ------------------------------------------------------------------ explorer */

typedef struct gp_explore_options {
    size_t size;
    const char *model;    /* model for search by words and images; NULL: the catalog's model, if the
                        * cache has that model */
    const char *revision; /* branch, tag or commit of the model; NULL: main */
    gp_precision precision;
    gp_engine engine;
    uint16_t port;   /* 0: any free port */
    bool exact_port; /* fail if the port is taken; false: use another port */
    bool readonly;   /* reject ratings, saved views, exports, moves to the trash and requests to
                      * generate images; the catalog may be read-only */
    bool new_key;    /* change the key in the address; false: the catalog keeps its key */
    /* Called once when the server listens, with the address, which contains the key.  note: what
     * the explorer cannot do, or NULL.  Strings are borrowed until the callback returns.  May be
     * NULL. */
    void (*listening)(void *user, const char *url, const char *note);
    gp_progress_fn progress; /* called ten times a second; return false to end */
    void *user;
    /* Generator for the page's buttons "Make it again" and "Make more like it", as in
     * gp_generate_options; NULL: the http address that the catalog records for the image */
    const char *backend;
    const char *protocol; /* protocol of `backend`; NULL: detected */
    const char *login;    /* "user:password" for `backend`; never stored, never shown */
    const char *token;    /* bearer token for `backend`; never stored, never shown */
} gp_explore_options;

/* Serve the explorer's page (docs/api.md) on 127.0.0.1 until the progress callback returns false;
 * the call then returns GP_OK.  A rating is on the disk before the server confirms it.
 * Errors: IO (cannot listen), NOT_FOUND (the model), CATALOG.
 * Threads: one; the catalog belongs to the calling thread during the call. */
GP_API GP_MUST gp_status gp_explore(gp_catalog *catalog, const gp_explore_options *options,
                                    gp_error *err);

#ifdef __cplusplus
}
#endif
#endif
