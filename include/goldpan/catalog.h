/* SPDX-License-Identifier: MIT
 * The catalog: one SQLite file with every image, prompt, embedding, score and pick.
 * docs/catalog.md describes the file.  Include <goldpan.h>, which explains the conventions. */
#ifndef GOLDPAN_CATALOG_H
#define GOLDPAN_CATALOG_H

#include "core.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ open and close */

typedef struct gp_catalog gp_catalog;

enum {
    GP_CATALOG_CREATE = 1,      /* create the file and its folder if they do not exist */
    GP_CATALOG_READONLY = 2,    /* never write */
    GP_CATALOG_READ_IF_MUST = 4 /* open read-only if the file or its folder cannot be written */
};

/* Open the catalog at `path`.  An older schema is migrated; a read-only catalog is migrated in a
 * temporary copy.  When goldpan opens a catalog for writing, it also compares the catalog with the
 * journal of marks beside it: entries that are missing from the catalog are added to the catalog,
 * and entries that are missing from the journal are added to the journal (docs/catalog.md).
 * flags: GP_CATALOG_... values, combined with `|`.
 * Owns: *out is owned, gp_catalog_close.
 * Errors: NOT_FOUND (missing, and CREATE is not set), CATALOG (not a catalog, damaged, or written
 * by a newer goldpan), UNSUPPORTED (an unknown flag), IO.
 * Threads: one. */
GP_API GP_MUST gp_status gp_catalog_open(const char *path, unsigned flags, gp_catalog **out,
                                         gp_error *err);

/* Close a catalog.  NULL is allowed.  Close its gp_rows first.
 * Threads: one. */
GP_API void gp_catalog_close(gp_catalog *catalog);

/* Returns whether the catalog was opened read-only.
 * Threads: one. */
GP_API bool gp_catalog_readonly(const gp_catalog *catalog);

/* Returns the path of the catalog, borrowed until gp_catalog_close.
 * Threads: one. */
GP_API const char *gp_catalog_path(const gp_catalog *catalog);

/* Set a function that is called about every millisecond while a query runs.  If `go_on` returns
 * false, the query ends with STOPPED.  NULL removes the function.
 * Threads: one. */
GP_API void gp_catalog_watch(gp_catalog *catalog, bool (*go_on)(void *user), void *user);

/* ------------------------------------------------------------------ counts and scorers */

/* Images that gp_generate planned, by state.  The next run requests the planned, failed and
 * interrupted images.  This struct never grows. */
struct gp_requests {
    uint64_t planned; /* not requested yet, or without a result so far */
    uint64_t got;
    uint64_t failed;
    uint64_t refused;
    uint64_t interrupted; /* the job was stopped in the generator */
};

typedef struct gp_counts {
    size_t size;
    uint64_t images;        /* distinct contents */
    uint64_t paths;         /* files */
    uint64_t missing_paths; /* files that no longer exist */
    uint64_t prompts;
    uint64_t images_with_prompt;
    uint64_t stated;  /* images whose prompt is stated */
    uint64_t derived; /* images whose prompt is derived */
    uint64_t guesses; /* images whose prompt is a guess; stated + derived + guesses =
                       * images_with_prompt */
    uint64_t image_embeddings;
    uint64_t prompt_embeddings;
    uint64_t scores;
    uint64_t picks;
    uint64_t missing_picks; /* picks whose files are all missing */
    uint64_t failures;
    uint64_t apart;     /* images that are not candidates, such as grids */
    uint64_t black;     /* black images among them */
    uint64_t noise;     /* noise images among them */
    uint64_t contested; /* prompts with at least two candidates */
    uint64_t measured;  /* images with quality measures */
    struct gp_requests requests;
} gp_counts;

/* Count the contents of the catalog.
 * Errors: CATALOG, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_catalog_counts(gp_catalog *catalog, gp_counts *counts, gp_error *err);

/* A scorer: a model together with everything else that its scores depend on.  Strings are
 * borrowed until the callback returns. */
typedef struct gp_scorer_facts {
    const char *id;            /* identifies the scorer */
    const char *name;          /* "clip" */
    const char *model;         /* name of the model as last opened */
    const char *precision;     /* "fp32", "bf16" or "int8" */
    const char *preprocess_id; /* see gp_model_facts */
    int64_t used_at;           /* Unix time of the last use; 0: not recorded */
    uint64_t images;           /* images with a score of this scorer for their present prompt */
    uint64_t picks;            /* present picks that were made with scores of this scorer */
    bool last;                 /* the scorer used last, which is used if a call names no scorer */
} gp_scorer_facts;

/* Visit the scorers of the catalog, the one used last first.  `visit` returns false to end early.
 * Errors: CATALOG, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_catalog_scorers(gp_catalog *catalog,
                                            bool (*visit)(void *user,
                                                          const gp_scorer_facts *scorer),
                                            void *user, gp_error *err);

/* ------------------------------------------------------------------ rows */

/* Kind of image content, defined in docs/method.md.  GP_FRAME_BLACK: a black image, such as a
 * safety filter writes.  GP_FRAME_NOISE: an image of noise.  Images of these two kinds show no
 * subject. */
typedef enum gp_frame {
    GP_FRAME_NORMAL,
    GP_FRAME_BLACK,
    GP_FRAME_UNIFORM,
    GP_FRAME_NOISE
} gp_frame;

/* Measures of the pixels of an image (docs/method.md, "Quality measures").  Luma has the levels
 * 0..255.  This struct never grows. */
typedef struct gp_quality {
    double sharpness;  /* variance of the Laplacian of luma */
    double noise;      /* estimated standard deviation of white noise in luma (Immerkaer 1996) */
    double exposure;   /* mean luma, 0..1 */
    double saturation; /* mean of (max - min) / max of R, G and B, 0..1 */
    double entropy;    /* bits of the histogram of luma, 0..8 */
    double spread;     /* standard deviation of luma, 0..0.5 */
    gp_frame frame;
} gp_quality;

/* One image with its prompt, score and pick.  Strings are borrowed until the next gp_rows_next or
 * gp_rows_close.  A missing string is NULL. */
typedef struct gp_row {
    int64_t image;             /* id of the image in this catalog */
    const char *path;          /* path of the image: the first that still exists */
    uint64_t path_count;       /* number of paths of the image */
    const char *hash;          /* 32 hex digits of the content */
    const char *format;        /* "png", "jpeg", "webp" */
    uint32_t width;            /* pixels as stored */
    uint32_t height;           /* pixels as stored */
    uint32_t orientation;      /* EXIF 1..8; 0 unknown */
    const char *prompt;        /* prompt as the text tower reads it */
    const char *prompt_raw;    /* as found */
    const char *negative;      /* negative prompt */
    const char *prompt_source; /* origin of the prompt: "table:prompts.csv", "a1111: parameters",
                                * "sidecar" ... */
    const char *settings_json; /* generation settings and table columns, one JSON object */
    bool has_score;
    double score;          /* score on the scale of the scorer */
    uint32_t rank;         /* rank among the images of the prompt; 1: best; 0: no score */
    uint32_t candidates;   /* scored images of the same prompt */
    bool picked;           /* goldpan picked it */
    const char *failure;   /* last failure of this image */
    int flag;              /* your decision: 1 picked, -1 rejected, 0 neither */
    uint32_t stars;        /* your rating, 0..5 */
    const char *file_hash; /* hash of the file now at `path`; not `hash` if another program changed
                            * the metadata */
    const char *apart;     /* why the image is not a candidate, such as "grid"; else NULL */
    const char *evidence;  /* "stated", "derived", "guess" or "none" (docs/formats.md) */
    bool has_quality;      /* false: the pixels were not measured yet */
    gp_quality quality;
    const char *tags; /* your tags, sorted, separated by ", "; a tag has no comma */
    bool prompt_cut;  /* the score depends only on a part of the prompt, because the prompt has more
                       * tokens than the model's context */
    double preferred; /* scorer "pickscore": probability that people prefer the image among the
                       * candidates of its prompt; 0: unknown.  Only with gp_query.path */
} gp_row;

typedef enum gp_order {
    GP_ORDER_PROMPT, /* by prompt, then by rank */
    GP_ORDER_SCORE,  /* best first */
    GP_ORDER_PATH
} gp_order;

typedef struct gp_query {
    size_t size;
    const char *scorer; /* id of a scorer; NULL: with picked_only the scorer of the picks, else the
                         * scorer used last */
    const char *path;   /* only the image at this path; NULL: all images */
    bool picked_only;
    bool by_hand;   /* with picked_only: also images that you picked, but none that you rejected */
    bool mine;      /* only your own picks */
    bool suggested; /* with mine: add the picks of prompts in which you picked no image */
    gp_order order;
    uint64_t min_stars; /* only images with at least this rating */
    const char *const
        *tags; /* [tag_count] only images with at least one of these tags; NULL: all */
    uint64_t tag_count;
} gp_query;

typedef struct gp_rows gp_rows;

/* Open a cursor over the images of the catalog.
 * Owns: *out is owned, gp_rows_close, before its catalog is closed.
 * Errors: NOT_FOUND (no such scorer or path), USAGE (a text is no tag), CATALOG, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_rows_open(gp_catalog *catalog, const gp_query *query, gp_rows **out,
                                      gp_error *err);

/* Read the next image.  *row is borrowed until the next call.  After the last image the function
 * returns GP_OK and sets *row to NULL.
 * Errors: CATALOG, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_rows_next(gp_rows *rows, const gp_row **row, gp_error *err);

/* Close a cursor.  NULL is allowed.
 * Threads: one. */
GP_API void gp_rows_close(gp_rows *rows);

/* Find the image that `name` names: the 32 hex digits of its content, or the path of one of its
 * files, as recorded in the catalog or relative to the current folder.  The file need not exist.
 * hash: [33] gets the 32 hex digits of the image, or "" if the catalog has no such image.
 * Errors: CATALOG, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_catalog_find_image(gp_catalog *catalog, const char *name, char *hash,
                                               gp_error *err);

/* ------------------------------------------------------------------ files without a catalog */

/* One text in the metadata of an image file, and what one of goldpan's readers found in it.
 * Strings are borrowed until the callback returns. */
typedef struct gp_metadata_text {
    const char *text; /* name of the text: "parameters", "exif:UserComment", "xmp", "stealth" ... */
    uint64_t bytes;   /* size of the text in UTF-8 */
    bool damaged;     /* its checksum is wrong, or only its beginning could be read */
    const char *reader;   /* program whose form was tried; NULL: goldpan does not read this text */
    bool found;           /* the text has this form */
    const char *evidence; /* "stated", "derived", "guess" or "none": the prompt in this text */
    bool used;            /* goldpan uses the prompt and the settings of this text */
    const char *summary;  /* "parameters (409 bytes) by SwarmUI: used, evidence stated" */
} gp_metadata_text;

/* Read what an image file itself states: its prompt and settings, but no table, sidecar file or
 * catalog.  `visit` gets one row without score and marks.  After that, `visit_text` gets each text
 * with each reader that may read it, in the order of the file.  `visit_text` may be NULL.
 * visit_text returns false to end its visits; the result of visit is ignored.
 * Errors: IO, FORMAT, UNSUPPORTED (not an image of a known format), MEMORY. */
GP_API GP_MUST gp_status gp_read_metadata(
    const char *path, bool (*visit)(void *user, const gp_row *image),
    bool (*visit_text)(void *user, const gp_metadata_text *text), void *user, gp_error *err);

/* ------------------------------------------------------------------ marks */

/* A field of gp_mark_options with this value leaves the marks as they are. */
enum { GP_MARK_KEEP = 9 };

/* A tag is UTF-8 text of at most 100 characters, without control characters and commas.  goldpan
 * stores it in the normal form NFC, with each run of white space as one space, and without white
 * space at its ends.  Two tags are equal if the stored texts are equal; "Cat" and "cat" are
 * different tags. */
typedef struct gp_mark_options {
    size_t size;
    const char *const *images; /* [image_count] the images to mark: 32 hex digits of each content */
    uint64_t image_count;
    const char *const *tags; /* [tag_count] tags to add; may be NULL */
    uint64_t tag_count;
    const char *const *untags; /* [untag_count] tags to remove; may be NULL */
    uint64_t untag_count;
    int flag;  /* 1 pick, -1 reject, 0 neither, or GP_MARK_KEEP */
    int stars; /* 0..5, or GP_MARK_KEEP */
} gp_mark_options;

/* Mark images with your flag, stars and tags.  The marks are on the disk when the function returns,
 * in the catalog and in the journal of marks.  After an error nothing is changed.
 * Errors: USAGE (a field is not valid, or a text is no tag), NOT_FOUND (an image is not in the
 * catalog), CATALOG, IO.
 * Threads: one. */
GP_API GP_MUST gp_status gp_mark(gp_catalog *catalog, const gp_mark_options *options,
                                 gp_error *err);

/* ------------------------------------------------------------------ failures, missing files */

/* A recorded failure.  Strings are borrowed until the callback returns. */
typedef struct gp_failure {
    const char *path;
    const char *stage;   /* such as "decode" */
    const char *message; /* does not repeat the path */
    bool passing;        /* temporary, not caused by the file; the next run tries again */
} gp_failure;

/* Visit the recorded failures in order of path.  `visit` returns false to end early.
 * Errors: CATALOG, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_catalog_failures(gp_catalog *catalog,
                                             bool (*visit)(void *user, const gp_failure *failure),
                                             void *user, gp_error *err);

/* A folder whose images are known, but whose files are all missing. */
typedef struct gp_missing {
    const char *folder; /* borrowed until the callback returns */
    uint64_t images;
    uint64_t picks;
} gp_missing;

/* Visit the folders whose files are all missing, the folder with the most images first.  `visit`
 * returns false to end early.
 * Errors: CATALOG, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_catalog_missing(gp_catalog *catalog,
                                            bool (*visit)(void *user, const gp_missing *missing),
                                            void *user, gp_error *err);

/* ------------------------------------------------------------------ check and rescue */

/* A problem of a catalog.  Strings are one English sentence each, borrowed until the callback
 * returns. */
typedef struct gp_catalog_problem {
    const char *what;
    const char *advice;
    uint64_t count; /* damaged rows, lines or places */
} gp_catalog_problem;

/* Check the catalog at `path` and its journal of marks.  Nothing is changed.  goldpan passes each
 * problem to `visit` and does not return it as an error.  `visit` returns false to end the visits.
 * `go_on` works as in gp_catalog_watch.  Both functions may be NULL.
 * *problems: number of problems.
 * Errors: NOT_FOUND, IO, STOPPED. */
GP_API GP_MUST gp_status gp_catalog_check(const char *path, bool (*go_on)(void *user),
                                          void *go_on_user,
                                          bool (*visit)(void *user,
                                                        const gp_catalog_problem *problem),
                                          void *user, uint64_t *problems, gp_error *err);

typedef struct gp_rescue_options {
    size_t size;
    const char *out; /* path of the new catalog, which must not exist; NULL: replace the old one */
    gp_note_fn note; /* "rescue-table": rows read from a table; other codes: unreadable parts */
    void *note_user;
    bool (*go_on)(void *user); /* as in gp_catalog_watch; may be NULL */
    void *go_on_user;
} gp_rescue_options;

typedef struct gp_rescue_report {
    size_t size;
    bool sound;     /* the old catalog had no damage */
    uint64_t rows;  /* rows read from the old catalog */
    uint64_t lost;  /* rows and places that could not be read */
    uint64_t marks; /* marks restored from the journal; the next three are restored from it too */
    uint64_t views; /* saved views */
    uint64_t picks;
    uint64_t plans;   /* generation plans */
    uint64_t waiting; /* journal entries whose image is not in the catalog yet */
    char kept[1024];  /* new path of the old catalog; "" if it was not moved */
} gp_rescue_report;

/* Make a new catalog from the readable rows of the catalog at `path` and from the journal of marks
 * beside it.  No process may have that catalog open.  goldpan keeps the old file under another
 * name.  Unless `out` is given, an undamaged catalog is not replaced and only receives the marks
 * that it lacks.  Call gp_add next.
 * Errors: NOT_FOUND (neither catalog nor journal exists), CATALOG (in use by another process),
 * USAGE (`out` exists), IO, STOPPED. */
GP_API GP_MUST gp_status gp_catalog_rescue(const char *path, const gp_rescue_options *options,
                                           gp_rescue_report *report, gp_error *err);

#ifdef __cplusplus
}
#endif
#endif
