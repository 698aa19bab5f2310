/* SPDX-License-Identifier: MIT
 *
 * goldpan: find the few generated images worth keeping.
 *
 * goldpan scores every image against its prompt with a CLIP model, keeps
 * embeddings and scores in one SQLite file (the catalog), picks the best
 * candidates and writes them out.  This header is the whole library; the
 * `goldpan` command uses nothing else.
 *
 *     #include <goldpan.h>
 *     #include <stdio.h>
 *
 *     int main(int argc, char **argv)
 *     {
 *         gp_error err = {0};
 *         gp_catalog *cat = NULL;
 *         gp_model *model = NULL;
 *         gp_add_options add = GP_ADD_DEFAULTS;
 *         gp_report report = {0};
 *         const char *roots[] = {argc > 1 ? argv[1] : "."};
 *         add.roots = roots, add.root_count = 1;
 *         if (gp_catalog_open("catalog.db", GP_CATALOG_CREATE, &cat, &err) ||
 *             gp_model_open("openai/clip-vit-base-patch32", NULL, &model, &err) ||
 *             gp_add(cat, &add, &report, &err) ||
 *             gp_score(cat, model, NULL, &report, &err) ||
 *             gp_pick(cat, model, NULL, &report, &err))
 *             fprintf(stderr, "%s\n", err.message);
 *         gp_model_close(model);
 *         gp_catalog_close(cat);
 *         return err.status != GP_OK;
 *     }
 *
 * CONVENTIONS, said once
 * - Arrays are row-major and dense; shapes are written [n, d].  n images,
 *   t tokens, d embedding width, s side of the model's square input.
 * - Text is UTF-8; paths are bytes; sizes are size_t, row ids int64_t.
 * - Pixels are 8-bit sRGB, RGB order.  Cosine lies in -1..1.  A CLIP score is
 *   100 * max(cosine, 0).
 * - Same input and options give the same result, whatever the number of
 *   threads.
 * - Every function that can fail returns gp_status; `err` may be NULL.  On
 *   failure err->message says what failed, in lower case, without full stop,
 *   with the file in quotes.  Outputs are written only on success unless said
 *   otherwise.
 * - Ownership: *borrowed* (valid until the named object is closed), *owned*
 *   (yours: release it with the named function), *taken* (no longer yours if
 *   the call succeeds).
 * - Threads: *any* (call from any number of threads at once on one handle),
 *   *one* (one thread at a time on one handle).
 * - Option structs start with their own size; the GP_..._DEFAULTS initialiser
 *   fills them, and NULL means the defaults.  Later versions only append.
 */
#ifndef GOLDPAN_H
#define GOLDPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define GP_API  __attribute__((visibility("default")))
#define GP_MUST __attribute__((warn_unused_result))
#else
#define GP_API
#define GP_MUST
#endif

#define GP_VERSION "0.1.0"

/* Laid out by hand: the initialisers stay on one line. */
/* clang-format off */

/* ------------------------------------------------------------------------
 * 1. Status, error, version, machine
 * ------------------------------------------------------------------------ */

typedef enum gp_status {
    GP_OK = 0,
    GP_ERR_USAGE,       /* an argument is wrong: the caller's mistake */
    GP_ERR_MEMORY,      /* an allocation failed */
    GP_ERR_IO,          /* the system refused to read or write */
    GP_ERR_NOT_FOUND,   /* no such file, model, image, column */
    GP_ERR_FORMAT,      /* foreign bytes are damaged or of another kind */
    GP_ERR_LIMIT,       /* larger than a stated limit */
    GP_ERR_UNSUPPORTED, /* well-formed, but goldpan does not do it */
    GP_ERR_NETWORK,     /* the other side did not answer as it should */
    GP_ERR_CATALOG,     /* the catalog is locked, damaged or too new */
    GP_ERR_STOPPED      /* the progress callback asked to stop; work so far is kept */
} gp_status;

typedef struct gp_error {
    gp_status status;
    char message[1000];
    int number; /* errno of the failed system call, or 0 */
} gp_error;

/* Short English name of a status ("format", "not found").  Threads: any. */
GP_API const char *gp_status_name(gp_status status);

/* Version of the library, equal to GP_VERSION it was built with.  Threads: any. */
GP_API const char *gp_version(void);

typedef struct gp_machine {
    int threads;       /* processors this process may use */
    char isa[32];      /* instruction set chosen for goldpan's own kernels */
    char matmul[64];   /* who multiplies matrices, e.g. "oneDNN 2.6.3" */
    bool bf16_default; /* whether precision AUTO means bf16 here */
} gp_machine;

/* What this machine offers and what was chosen.  Threads: any. */
GP_API void gp_machine_describe(gp_machine *machine);

/* Progress of a long call.  Called from the calling thread only, at most some
 * ten times a second and once at the end.  Return false to stop: the call
 * finishes what is under way, saves it, and returns GP_ERR_STOPPED. */
typedef struct gp_progress {
    const char *stage; /* "add", "score", "download" ...: borrowed for the call */
    uint64_t done, total; /* items (bytes for "download"); total 0: not known */
    uint64_t failed;
    double seconds; /* since the stage began */
    double part;    /* share of the picture that is being drawn, where the generator says it; else 0 */
    uint32_t ahead; /* "generate": other users' jobs that the generator draws before ours; 0 also if it reports none */
    double waiting; /* the part of `seconds` in which the generator drew such jobs */
} gp_progress;
typedef bool (*gp_progress_fn)(void *user, const gp_progress *progress);

/* A note: something the user should know although the call goes on, such as
 * skipped files or rows of a table that could not be read. */
typedef struct gp_note {
    const char *code;    /* the kind of note, such as "other-formats"; does not change between versions */
    const char *message; /* one English sentence without full stop; both strings borrowed until the callback returns */
    uint64_t count;      /* number of files, rows or images concerned; seconds of "generator-waits" */
} gp_note;
/* Called from the calling thread, once for each kind of note, before the call returns. */
typedef void (*gp_note_fn)(void *user, const gp_note *note);

/* Counts of a stage.  A bad file is counted here and kept in the catalog's
 * list of failures; it is not an error of the call.  Filled also when the call
 * was stopped or failed: what was done until then. */
typedef struct gp_report {
    uint64_t done;    /* items that this call worked on */
    uint64_t skipped; /* items that already had their result */
    uint64_t failed;  /* items that could not be worked on, now or in an earlier call */
    uint64_t without_prompt; /* images for which no prompt is known */
    uint64_t duplicates;     /* paths whose content was already known */
    uint64_t rows_without_image; /* rows of the prompt table whose file was not found */
    double seconds;
    double decode_seconds, resize_seconds, image_tower_seconds, text_tower_seconds; /* summed over threads */
    double read_seconds;  /* of the encoding: files, summed over threads */
    double write_seconds; /* into the catalog, while others work on */
    uint64_t guesses;     /* only from gp_add: images whose prompt is a guess */
} gp_report;

/* ------------------------------------------------------------------------
 * 2. Catalog: one SQLite file with everything goldpan knows (docs/catalog.md)
 * ------------------------------------------------------------------------ */

typedef struct gp_catalog gp_catalog;

/* READ_IF_MUST: opens for writing, or read-only if the file or its folder cannot be written. */
enum { GP_CATALOG_CREATE = 1, GP_CATALOG_READONLY = 2, GP_CATALOG_READ_IF_MUST = 4 };

/* Open the catalog at `path`, creating it (and its folder) if GP_CATALOG_CREATE
 * is given.  Older schemas are migrated; read-only, in a temporary copy.
 * Opening for writing also makes the journal of marks beside the file agree
 * with it (docs/catalog.md).  Owns: *out is owned, gp_catalog_close.
 * Errors: NOT_FOUND (absent, not created), CATALOG (not a catalog, damaged, or
 * made by a newer goldpan), IO.  Threads: one. */
GP_API GP_MUST gp_status gp_catalog_open(const char *path, unsigned flags, gp_catalog **out, gp_error *err);
GP_API void gp_catalog_close(gp_catalog *catalog);

/* Returns whether the catalog was opened read-only. */
GP_API bool gp_catalog_readonly(const gp_catalog *catalog);

/* Sets a function that is called about every millisecond while a query runs.  If `go_on` returns false, the query ends
 * with STOPPED.  NULL removes the function. */
GP_API void gp_catalog_watch(gp_catalog *catalog, bool (*go_on)(void *user), void *user);

/* The catalog's own path, borrowed. */
GP_API const char *gp_catalog_path(const gp_catalog *catalog);

typedef struct gp_counts {
    uint64_t images, paths, missing_paths, prompts, images_with_prompt;
    uint64_t image_embeddings, prompt_embeddings, scores, picks, failures;
    uint64_t apart;         /* images that are not candidates, such as grids */
    uint64_t missing_picks; /* picks whose files are all missing */
    uint64_t contested;     /* prompts with at least two candidates */
    uint64_t stated, derived, guesses; /* images by how sure their prompt is; the sum is images_with_prompt */
    uint64_t measured;              /* images with quality measures */
    uint64_t black, noise; /* images set apart because they show nothing; part of `apart` */
} gp_counts;
GP_API GP_MUST gp_status gp_catalog_counts(gp_catalog *catalog, gp_counts *counts, gp_error *err);

/* A scorer: a model together with everything else that its scores depend on. */
typedef struct gp_scorer_facts {
    const char *id;        /* identifies all of that; every string here is borrowed until the callback returns */
    const char *name, *model, *precision, *preprocess_id; /* name: "clip"; model: as it was last opened */
    int64_t used_at;       /* Unix time of the last use; 0: not recorded */
    uint64_t images;       /* number of images with a score from this scorer for their present prompt */
    uint64_t picks;        /* number of present picks if this scorer's scores chose them, else 0 */
    bool last;             /* true for the scorer used last, which is the default where no scorer is named */
} gp_scorer_facts;
/* Visits the scorers of the catalog, the scorer used last first.  The callback returns false to end early. */
GP_API GP_MUST gp_status gp_catalog_scorers(gp_catalog *catalog, bool (*visit)(void *user, const gp_scorer_facts *scorer),
                                            void *user, gp_error *err);

/* What an image shows.  BLACK (such as the image of a safety filter) and NOISE show nothing.  docs/method.md defines them. */
typedef enum gp_frame { GP_FRAME_NORMAL, GP_FRAME_BLACK, GP_FRAME_UNIFORM, GP_FRAME_NOISE } gp_frame;
/* Measures of an image's pixels (docs/method.md, "Quality measures"); luma has the levels 0..255. */
typedef struct gp_quality {
    double sharpness;  /* variance of the Laplacian of luma */
    double noise;      /* estimated standard deviation of white noise in luma, by Immerkaer 1996 */
    double exposure;   /* mean luma, 0..1 */
    double saturation; /* mean of (max - min) / max of R, G and B, 0..1 */
    double entropy;    /* bits of the histogram of luma, 0..8 */
    double spread;     /* standard deviation of luma, 0..0.5 */
    gp_frame frame;
} gp_quality;

/* A row: one image with its prompt, score and pick.  All strings are borrowed
 * until the next gp_rows_next or gp_rows_close; absent ones are NULL. */
typedef struct gp_row {
    int64_t image;
    const char *path;      /* one of its paths: the first that still exists */
    uint64_t path_count;
    const char *hash;      /* 32 hex digits of the content */
    const char *format;    /* "png", "jpeg", "webp" */
    uint32_t width, height, orientation; /* pixels as stored; EXIF 1..8, 0 unknown */
    const char *prompt;    /* as the text tower reads it */
    const char *prompt_raw;/* as it was found */
    const char *negative;
    const char *prompt_source; /* "table:prompts.csv", "a1111: parameters", "sidecar" */
    const char *settings_json; /* generation settings and table columns, one JSON object */
    bool has_score;
    double score;          /* in the scorer's scale */
    uint32_t rank;         /* 1 = best of its prompt; 0 without score */
    uint32_t candidates;   /* scored images of the same prompt */
    bool picked;
    const char *failure;   /* last failure of this image, if any */
    int flag;              /* by hand: 1 picked, -1 rejected, 0 neither */
    uint32_t stars;        /* by hand: 0..5 */
    const char *file_hash; /* hash of the file now at `path`; differs from `hash` if only metadata has changed */
    const char *apart;     /* why the image is not a candidate, such as "grid"; NULL for a candidate */
    const char *evidence;  /* how sure the prompt is: "stated", "derived", "guess", "none" (docs/formats.md) */
    bool has_quality;      /* false: the pixels were not measured yet */
    gp_quality quality;
} gp_row;

typedef enum gp_order { GP_ORDER_PROMPT, GP_ORDER_SCORE, GP_ORDER_PATH } gp_order;

typedef struct gp_query {
    size_t size;
    const char *scorer;   /* scorer id; NULL: the one used last, with picked_only the one they were picked by */
    const char *path;     /* only the image at this path, or NULL */
    bool picked_only;
    gp_order order;       /* PROMPT: by prompt, then rank */
    bool by_hand;         /* with picked_only: without what was rejected by hand, with what was picked by hand */
    uint32_t min_stars;   /* only images with so many stars */
} gp_query;
#define GP_QUERY_DEFAULTS {sizeof(gp_query), NULL, NULL, false, GP_ORDER_PROMPT, false, 0}

typedef struct gp_rows gp_rows;
/* A cursor over rows.  Owns: *out is owned, gp_rows_close, before its catalog.
 * gp_rows_next returns GP_OK with *row = NULL after the last.  Threads: one. */
GP_API GP_MUST gp_status gp_rows_open(gp_catalog *catalog, const gp_query *query, gp_rows **out, gp_error *err);
GP_API GP_MUST gp_status gp_rows_next(gp_rows *rows, const gp_row **row, gp_error *err);
GP_API void gp_rows_close(gp_rows *rows);

typedef struct gp_failure {
    const char *path, *stage, *message; /* borrowed until the callback returns; the message does not repeat the path */
    bool passing; /* true for a temporary error that the file did not cause; the next run tries again */
} gp_failure;
/* Known images whose files are all missing, by the folder that held them. */
typedef struct gp_missing {
    const char *folder; /* borrowed until the callback returns */
    uint64_t images, picks;
} gp_missing;
/* Visits those folders, the folder with the most missing images first.  The callback returns false to end early. */
GP_API GP_MUST gp_status gp_catalog_missing(gp_catalog *catalog, bool (*visit)(void *user, const gp_missing *missing),
                                            void *user, gp_error *err);

/* Visit the failures on record, in order of path.  The callback returns false to end early. */
GP_API GP_MUST gp_status gp_catalog_failures(gp_catalog *catalog, bool (*visit)(void *user, const gp_failure *failure),
                                             void *user, gp_error *err);

/* A problem of a catalog (`what`) and what to do about it (`advice`): one English sentence each, borrowed until the
 * callback returns. */
typedef struct gp_catalog_problem {
    const char *what, *advice;
    uint64_t count; /* number of damaged rows, lines or places */
} gp_catalog_problem;
/* Checks the catalog at `path` and its journal of marks; changes nothing.  Damage is reported to `visit` as a problem,
 * not returned as an error.  `visit` returns false to end the visits.  `go_on` works as in gp_catalog_watch.
 * Both may be NULL.  Errors: NOT_FOUND, IO. */
GP_API GP_MUST gp_status gp_catalog_check(const char *path, bool (*go_on)(void *user), void *go_on_user,
                                          bool (*visit)(void *user, const gp_catalog_problem *problem), void *user,
                                          uint64_t *problems, gp_error *err);

typedef struct gp_rescue_options {
    size_t size;
    const char *out; /* path of the new catalog, which must not exist; NULL: the new catalog replaces the old one */
    gp_note_fn note; /* "rescue-table": number of rows read from a table; other codes: what could not be read */
    void *note_user;
    bool (*go_on)(void *user); /* as in gp_catalog_watch; may be NULL */
    void *go_on_user;
} gp_rescue_options;
#define GP_RESCUE_DEFAULTS {sizeof(gp_rescue_options), NULL, NULL, NULL, NULL, NULL}
typedef struct gp_rescue_report {
    bool sound;                          /* the old catalog had no damage */
    uint64_t rows, lost;                 /* rows read from the old catalog; rows and places that could not be read */
    uint64_t marks, views, picks, plans; /* restored from the journal of marks */
    uint64_t waiting;                    /* journal entries whose image is not in the catalog until gp_add finds it */
    char kept[1024];                     /* new path of the old catalog; "" if it was not moved */
} gp_rescue_report;
/* Makes a new catalog from the readable rows of the catalog at `path` and from the journal of marks beside it.  No
 * process may have that catalog open.  The old file is kept under another name.  An undamaged catalog stays as it is and
 * only receives the marks it lacks, unless `out` is given.  Call gp_add next.  Errors: NOT_FOUND (neither catalog nor
 * journal exists), CATALOG (in use by another process), USAGE (`out` exists), IO. */
GP_API GP_MUST gp_status gp_catalog_rescue(const char *path, const gp_rescue_options *options,
                                           gp_rescue_report *report, gp_error *err);

/* ------------------------------------------------------------------------
 * 3. Model: a CLIP in the Hugging Face layout
 * ------------------------------------------------------------------------ */

typedef struct gp_model gp_model;

typedef enum gp_precision { GP_PRECISION_AUTO, GP_PRECISION_FP32, GP_PRECISION_BF16, GP_PRECISION_INT8 } gp_precision;
typedef enum gp_engine { GP_ENGINE_AUTO, GP_ENGINE_PLAIN, GP_ENGINE_ONEDNN } gp_engine;

typedef struct gp_model_options {
    size_t size;
    gp_precision precision; /* AUTO: bf16 where the machine has AMX or AVX512-BF16, else fp32 */
    gp_engine engine;       /* PLAIN: goldpan's own C; the reference for oneDNN. AUTO: the faster one here */
    const char *revision;   /* of a hub name; NULL: main */
    /* JPEGs more than twice as large as what the tower reads are decoded at 1/2, 1/4 or 1/8 of their size.  Embeddings
     * differ a little, and so does preprocess_id: they and their scores are kept apart from exact ones. */
    bool fast_decode;
} gp_model_options;
#define GP_MODEL_DEFAULTS {sizeof(gp_model_options), GP_PRECISION_AUTO, GP_ENGINE_AUTO, NULL, false}

/* Open a model by folder, or by hub name ("openai/clip-vit-large-patch14") in
 * the Hugging Face cache; nothing is downloaded.  Owns: *out is owned,
 * gp_model_close.  Errors: NOT_FOUND (with the command that fetches it),
 * FORMAT (names the file and tensor), UNSUPPORTED.  Threads: any.
 * Cost: weights are mapped; packed copies for the matrix products are made
 * once (4 bytes a weight in fp32, 2 in bf16). */
GP_API GP_MUST gp_status gp_model_open(const char *name_or_folder, const gp_model_options *options, gp_model **out,
                                       gp_error *err);
GP_API void gp_model_close(gp_model *model);

typedef struct gp_model_facts {
    const char *name;      /* as opened; borrowed, like all strings here */
    const char *folder;
    const char *weight_hash;   /* 32 hex digits over all tensors' bytes */
    const char *preprocess_id; /* what is done to pixels, e.g. "pillow-bicubic-224-crop-..." */
    const char *precision;     /* "fp32", "bf16" or "int8" */
    const char *engine;
    const char *dtype;         /* of the stored weights: "F32", "F16", "BF16", "mixed" */
    const char *activation;    /* "quick_gelu" or "gelu" */
    bool has_image_tower, has_text_tower;
    uint32_t image_side, patch, image_width, image_layers, image_heads;
    uint32_t text_width, text_layers, text_heads, context, vocabulary, embedding; /* embedding: d */
    uint64_t parameters;
    double logit_scale; /* exp of the stored value */
    /* operations for one picture, a product and its addition being two: of the shape, and as goldpan does it, which of the
     * last layer computes no more than the one row that is wanted */
    double image_flop, image_flop_done;
} gp_model_facts;
GP_API void gp_model_info(const gp_model *model, gp_model_facts *facts);

/* Find the folder of a model without opening it.  Owns: *folder owned, gp_free. */
GP_API GP_MUST gp_status gp_model_find(const char *name_or_folder, const char *revision, char **folder, gp_error *err);

typedef struct gp_cached_model {
    const char *name, *folder, *revision; /* borrowed until the callback returns */
    uint64_t bytes;
    bool usable; /* has config.json, a tokenizer and weights that goldpan reads */
    bool bundled; /* the model that comes with goldpan for its sample: not in the cache, `revision` NULL */
    const char *lacks; /* first missing file of an incomplete model, which gp_model_fetch completes; else NULL */
} gp_cached_model;
/* Visits the bundled model, then the models in the Hugging Face cache in order of name. */
GP_API GP_MUST gp_status gp_model_list(bool (*visit)(void *user, const gp_cached_model *model), void *user, gp_error *err);

typedef struct gp_fetch_options {
    size_t size;
    const char *revision; /* NULL: main */
    bool force;           /* ask the hub again even if everything is there */
    gp_progress_fn progress;
    void *user;
} gp_fetch_options;
#define GP_FETCH_DEFAULTS {sizeof(gp_fetch_options), NULL, false, NULL, NULL}
/* Download what goldpan needs of a model into the Hugging Face cache (shared
 * with huggingface_hub), resuming what was begun and checking hashes.
 * Environment: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_HUB_OFFLINE.
 * Owns: *folder owned, gp_free (may be NULL).  Errors: NETWORK, IO, NOT_FOUND,
 * FORMAT (a hash that does not match), STOPPED. */
GP_API GP_MUST gp_status gp_model_fetch(const char *name, const gp_fetch_options *options, char **folder, gp_error *err);

/* Release what this header calls owned by gp_free.  NULL is allowed. */
GP_API void gp_free(void *memory);

/* ------------------------------------------------------------------------
 * 4. Stages over a catalog: each adds what is missing, can be stopped at any
 *    moment (a kill loses at most the batch under way) and called again.
 * ------------------------------------------------------------------------ */

typedef struct gp_add_options {
    size_t size;
    const char *const *roots; /* files or folders (walked) */
    size_t root_count;
    const char *prompts;       /* table (CSV, TSV, JSON, JSONL, Parquet) or NULL */
    const char *image_column;  /* NULL: found by name (file_name, image, path ...) */
    const char *prompt_column; /* NULL: found by name (prompt, text, caption ...) */
    uint64_t max_pixels;       /* larger images are refused */
    int threads;               /* 0: all processors */
    gp_progress_fn progress;
    void *user;
    gp_note_fn note;           /* which files were skipped, and why; may be NULL */
    void *note_user;
} gp_add_options;
#define GP_MAX_PIXELS 178956970u /* Pillow's own limit of warning */
#define GP_ADD_DEFAULTS {sizeof(gp_add_options), NULL, 0, NULL, NULL, NULL, GP_MAX_PIXELS, 0, NULL, NULL, NULL, NULL}
/* Find images, read their content hash, header and prompt, and put them in the
 * catalog.  A file whose size and time are unchanged is skipped, unless its row
 * of the table or its side-car has changed; one that was moved keeps its work.  Prompt precedence: table, metadata inside the file,
 * sidecar file, a guess from metadata.  Errors: NOT_FOUND (a root or the table), FORMAT (the table),
 * USAGE (a column that is not there).  Threads: one. */
GP_API GP_MUST gp_status gp_add(gp_catalog *catalog, const gp_add_options *options, gp_report *report, gp_error *err);

typedef enum gp_regenerate_source { GP_REGENERATE_NONE, GP_REGENERATE_PICKS, GP_REGENERATE_FLAGGED } gp_regenerate_source;
typedef struct gp_generate_options {
    size_t size;
    gp_regenerate_source again;            /* draw the picks again, or what a person flagged: same prompt, seed, settings, but for those below */
    const char *prompts;       /* else: table, or .txt with a prompt a line */
    const char *prompt_column; /* NULL: found by name */
    const char *backend;       /* http(s)://host:port, host:port, or a command with {prompt} and {out}, or with
                                * {requests}; NULL: only with `again`, the generator that drew the picks */
    const char *protocol;      /* "a1111", "comfyui", "sdcpp", "swarmui", "openai", "command"; NULL: found out */
    const char *folder;        /* pictures go below it */
    uint32_t per_prompt;       /* pictures of each prompt; adaptive: on average at most */
    uint64_t seed;             /* of the first picture of each prompt; the next has one more */
    const char *negative;      /* where the table has no column "negative"; NULL: none */
    uint32_t width, height, steps; /* 0, NULL: as the generator has it; so with all that follow */
    double cfg;
    const char *sampler, *scheduler, *model, *refiner;
    double refiner_at, hires;  /* hires: drawn as it is, then made so many times larger (a1111, sdcpp) */
    const char *login, *token; /* "user:password"; bearer token: never stored, never shown */
    const char *workflow;      /* ComfyUI: file of the graph in API format, or an image with the graph in it */
    const char *const *set;    /* ComfyUI: "NODE.INPUT=VALUE" [set_count] */
    size_t set_count;
    int jobs;                  /* pictures asked for at once */
    uint32_t tries;            /* of a picture */
    double timeout;            /* seconds for each request to the generator, from connecting to the last byte of its
                                * answer, and for each run of a command; 0: no limit */
    const char *preview;       /* file that always shows what is being drawn, where the generator shows it; NULL: none */
    bool adaptive;             /* with a model: prompts whose best would hardly rise get no more, others up to 3 per_prompt */
    double min_gain;           /* expected rise of the best, in deviations within prompts, that is worth a picture */
    uint64_t max_pixels;
    int threads;               /* for scoring */
    gp_progress_fn progress;   /* called by one thread at a time, not always the same */
    void *user;
    gp_note_fn note;           /* "generator-waits": the generator asks to wait; "generator-...": its answers;
                                * "graph-...": values that the workflow has no place for, or keeps; "job-left": a
                                * job that the generator is still drawing; "table-...": skipped rows and cells;
                                * may be NULL; same thread rule as `progress` */
    void *note_user;
    bool no_seed;              /* the generator chooses its own seeds: images are numbered, and no seed is sent or
                                * recorded unless the image's file states one.  Not with `again` or another `seed` */
} gp_generate_options;
#define GP_GENERATE_DEFAULTS {.size = sizeof(gp_generate_options), .per_prompt = 4, .seed = 1, .jobs = 1, .tries = 5, \
    .min_gain = 0.1, .max_pixels = GP_MAX_PIXELS}
typedef struct gp_generate_report {
    uint64_t planned, got, had, failed, refused, scored; /* had: got in an earlier run */
    uint64_t interrupted; /* jobs stopped in the generator's own interface; the next run requests them again */
    uint64_t untried;     /* not requested, because the first images all failed for the same reason */
    uint32_t rounds;
    double seconds;
    char why[400]; /* the last failure or refusal in words; else empty */
} gp_generate_report;
/* Checks everything that gp_generate checks before it plans: options, table, back end, graph.  Connects to the
 * generator to identify its program.  Writes nothing, so a failed check leaves neither a catalog nor a folder.
 * Errors: as gp_generate. */
GP_API GP_MUST gp_status gp_generate_check(const gp_generate_options *options, gp_error *err);
/* Generate images, per_prompt of each prompt, and put them into the catalog as they come; with a model they are scored
 * while others are drawn.  The plan is in the catalog: what a run has not got, or was not told of, the next run gets; a
 * picture is on the disk before its row says so.  What fails is tried again with growing pauses, or when the server
 * says; what is refused is not.  Errors: USAGE, NOT_FOUND, FORMAT (the table, the back end), NETWORK (nobody there). */
GP_API GP_MUST gp_status gp_generate(gp_catalog *catalog, const gp_model *model, const gp_generate_options *options,
                              gp_generate_report *report, gp_error *err);

typedef struct gp_score_options {
    size_t size;
    uint64_t max_pixels;
    int threads;      /* 0: all processors */
    int batch;        /* images a worker encodes at once; 0: chosen by model */
    bool retry_failed;/* also try images whose file could not be decoded; temporary errors are always tried again */
    gp_progress_fn progress;
    void *user;
    gp_note_fn note;  /* codes: "prompts-cut" (prompts too long for the model), "frames-black" and "frames-noise"
                       * (images set apart), "frames-kept" (images that are candidates again); may be NULL */
    void *note_user;
    bool guesses;     /* also score images against prompts that are guesses */
    bool keep_frames; /* black and noise images stay candidates; those set apart before become candidates again */
} gp_score_options;
#define GP_SCORE_DEFAULTS {sizeof(gp_score_options), GP_MAX_PIXELS, 0, 0, false, NULL, NULL, NULL, NULL, false, false}
/* Embed every image and prompt that lacks an embedding by this model, then
 * score every image against its prompt: 100 * max(cosine, 0), as torchmetrics'
 * CLIPScore for one pair, except that long prompts keep the end token.
 * The report counts images encoded (done), encoded before (skipped), failed,
 * and all those without a prompt, which get an embedding but no score.
 * Cost: memory threads * batch * 12 * s * s bytes, whatever the number of
 * images.  Threads: one. */
GP_API GP_MUST gp_status gp_score(gp_catalog *catalog, const gp_model *model, const gp_score_options *options,
                                  gp_report *report, gp_error *err);

/* Candidates: all (the best of each prompt by per_prompt; of each category), or members of the slices that stand out
 * over all images or within their category (the article's selection).  All but PROMPT need what gp_analyze recorded. */
typedef enum gp_pick_strategy { GP_PICK_PROMPT, GP_PICK_SLICES, GP_PICK_CATEGORY_SLICES, GP_PICK_CATEGORY } gp_pick_strategy;
/* What is compared.  SCORE: the raw score.  CORRECTED: the score corrected for its category (docs/method.md).  Z_CATEGORY,
 * Z_PROMPT: standard deviations above the mean of the category or prompt.  PERCENTILE: in the category.  DIFFICULTY: the
 * score corrected for the difficulty of its prompt (gp_difficulty_correct); needs no gp_analyze.  min_score always limits the
 * raw score. */
typedef enum gp_pick_by {
    GP_BY_SCORE, GP_BY_CORRECTED, GP_BY_Z_CATEGORY, GP_BY_Z_PROMPT, GP_BY_PERCENTILE, GP_BY_DIFFICULTY
} gp_pick_by;
typedef enum gp_pick_diversity { GP_DIVERSITY_NONE, GP_DIVERSITY_MMR, GP_DIVERSITY_FACILITY } gp_pick_diversity;
typedef struct gp_pick_options {
    size_t size;
    uint32_t per_prompt; /* best K of each prompt, whether in a slice or not; 0: no such limit */
    uint64_t top;        /* then the best K over all; 0: no such limit */
    bool has_min_score;
    double min_score;    /* and at least this */
    gp_pick_strategy strategy; gp_pick_by by;
    uint32_t per_category; /* best K of each category, in every strategy; 0: no such limit, but 5 for CATEGORY */
    uint32_t per_slice;    /* best K of each slice; 0: all its members */
    bool one_per_duplicate;/* at most one of a group of near copies */
    gp_pick_diversity diversity; /* the K of per_category, per_slice, top: good and unlike; needs one of the three */
    double balance;        /* of diversity: 1 only how good, 0 only how unlike */
    uint32_t min_support;  /* slices of fewer images do not count */
    double lift_factor;    /* CATEGORY_SLICES: slices so many standard deviations above their category's mean count */
    bool has_min_lift; double min_lift; /* SLICES: those so much above the mean of all; CATEGORY_SLICES: the same, not lift_factor */
    /* why each pick is there; or, for the images at these paths, why each is or is not.  Strings borrowed for the call. */
    void (*explain)(void *user, const char *path, bool picked, const char *sentence);
    void *explain_user;
    const char *const *explain_paths;
    size_t explain_count;
    /* where `model` is NULL: a scorer's id, its model, or "model:precision"; NULL: the scorer used last */
    const char *scorer;
    gp_note_fn note;       /* "one-candidate", "by-category" (gp_run chose by category), "picks-away" (picks kept although
                            * their files are missing); with GP_BY_DIFFICULTY: "difficulty" (how much of the scores the
                            * prompts predict), "difficulty-without" (images that keep the raw score), "no-difficulty"
                            * (nothing is corrected, so the raw score is compared); may be NULL */
    void *note_user;
    /* limits that a pick's quality measures (gp_quality) must meet, such as "noise<5": a name, one of < <= > >=, a number.
     * An image without measures meets no limit. */
    const char *const *where;
    size_t where_count;
} gp_pick_options;
#define GP_PICK_DEFAULTS {sizeof(gp_pick_options), 1, 0, false, 0.0, GP_PICK_PROMPT, GP_BY_SCORE, 0, 0, false, \
                          GP_DIVERSITY_NONE, 0.7, 2, 0.9, false, 0.0, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0}
/* Choose from the best down, and record the choice in place of the one before.  A candidate is skipped once the limit of
 * its prompt, category, slice or group of near copies is reached.  Ties go to the smaller content hash.  model NULL: uses options->scorer.
 * If no image passes (report->done is 0), nothing is recorded and the earlier picks stay.
 * Errors: NOT_FOUND (nothing is scored, or by this model; not analysed, if that is needed; a path to explain is not in the
 * catalog), USAGE (what cannot go together). */
GP_API GP_MUST gp_status gp_pick(gp_catalog *catalog, const gp_model *model, const gp_pick_options *options,
                                 gp_report *report, gp_error *err);

typedef enum gp_export_mode { GP_EXPORT_COPY, GP_EXPORT_HARDLINK, GP_EXPORT_SYMLINK, GP_EXPORT_NONE } gp_export_mode;
typedef struct gp_export_options {
    size_t size;
    const char *folder;    /* written to; created; nothing in it is overwritten */
    gp_export_mode mode;   /* how the picked files get there; NONE: tables only */
    bool csv, jsonl;       /* picks.csv, picks.jsonl */
    bool imagefolder;      /* metadata.csv as Hugging Face datasets read it */
    bool all;              /* every scored image, not only the picks */
    gp_progress_fn progress;
    void *user;
    uint32_t min_stars;    /* images with at least so many stars, instead of the picks; 0: the picks */
} gp_export_options;
#define GP_EXPORT_DEFAULTS {sizeof(gp_export_options), NULL, GP_EXPORT_COPY, true, false, false, false, NULL, NULL, 0}
/* What was decided by hand counts: an image rejected is no pick, one picked by hand is. */
GP_API GP_MUST gp_status gp_export(gp_catalog *catalog, const gp_export_options *options, gp_report *report, gp_error *err);

typedef enum gp_site_images { GP_SITE_ORIGINALS, GP_SITE_RESIZED, GP_SITE_THUMBNAILS } gp_site_images;
typedef struct gp_site_options {
    size_t size;
    const char *folder;    /* appears whole; an older site of goldpan's there is replaced, anything else never */
    gp_site_images images; /* the files themselves; JPEGs of at most 1280 pixels a side; thumbnails only */
    int threads;           /* 0: all processors */
    gp_progress_fn progress;
    void *user;
} gp_site_options;
#define GP_SITE_DEFAULTS {sizeof(gp_site_options), NULL, GP_SITE_ORIGINALS, 0, NULL, NULL}
/* The explorer's page, read-only, as files for any web host (docs/api.md).  Of paths only the files' names go out.
 * Images that cannot be read are counted as failed and on record.  Errors: USAGE (the folder is not empty and no site of
 * goldpan's), NOT_FOUND (no images), IO, STOPPED. */
GP_API GP_MUST gp_status gp_site(gp_catalog *catalog, const gp_site_options *options, gp_report *report, gp_error *err);

typedef enum gp_sheet_by { GP_SHEET_PROMPTS, GP_SHEET_SLICES, GP_SHEET_CATEGORIES } gp_sheet_by;
typedef struct gp_sheet_options {
    size_t size;
    const char *file;     /* .png or .jpg */
    uint32_t thumb;       /* longest side of a candidate in pixels */
    uint32_t max_prompts; /* rows: prompts in order of how much the pick gains; 0: all (up to the sheet's limit) */
    uint32_t max_candidates; /* columns */
    gp_progress_fn progress;
    void *user;
    gp_sheet_by by; /* rows: prompts with a pick; slices or categories as found last, with their best images */
} gp_sheet_options;
#define GP_SHEET_DEFAULTS {sizeof(gp_sheet_options), NULL, 160, 24, 8, NULL, NULL, GP_SHEET_PROMPTS}
/* The contact sheet: a row a prompt, its candidates in order of score, the pick marked. */
GP_API GP_MUST gp_status gp_sheet(gp_catalog *catalog, const gp_sheet_options *options, gp_report *report, gp_error *err);

typedef struct gp_import_options {
    size_t size;
    const char *embeddings;   /* .npy [rows of the table, d] */
    const char *score_column; /* of the table; or NULL: none */
    bool lower_better;
    const char *name;         /* whose embeddings; NULL: the file's name */
} gp_import_options;
#define GP_IMPORT_DEFAULTS {sizeof(gp_import_options), NULL, NULL, false, NULL}
/* Add images with embeddings (and scores) made elsewhere: row i of the array belongs to the image of row i of the table
 * (add->prompts).  They count as a model of their own, used last.  Errors: USAGE (rows that do not match), as gp_add. */
GP_API GP_MUST gp_status gp_import_embeddings(gp_catalog *catalog, const gp_add_options *add, const gp_import_options *options,
                                  gp_report *added, gp_report *report, gp_error *err);

/* Find where the generator shines: hierarchy of the images' embeddings, categories, slices that stand out (over all and
 * within each category), standings, duplicates, the map. */
typedef struct gp_analyze_options {
    size_t size;
    const char *category_column; /* categories from a column of the prompt table or a generation setting; or ... */
    /* ... from words: "people", or with what belongs to it "animals=cat|dog|bird".  What a prompt names first decides; where
     * it names none of them, the label whose text embedding is nearest to the image decides, or "other" if a neutral
     * text ("a photo") is nearer; without a model the image gets no label, and the remark says so; or ... */
    const char *const *category_labels;
    size_t category_label_count;
    uint32_t min_categories, max_categories; /* ... from the level of the hierarchy with so many clusters */
    const struct gp_slices_options *slices;         /* NULL: GP_SLICES_DEFAULTS */
    const struct gp_duplicates_options *duplicates; /* NULL: GP_DUPLICATES_DEFAULTS */
    const struct gp_umap_options *map;              /* NULL: GP_UMAP_DEFAULTS */
    bool no_map, no_duplicates;
    bool new_map; /* lay the map out anew; else new images are placed on the one there is */
    int threads;    /* 0: all processors */
    gp_progress_fn progress;
    void *user;
} gp_analyze_options;
#define GP_ANALYZE_DEFAULTS {sizeof(gp_analyze_options), NULL, NULL, 0, 4, 24, NULL, NULL, NULL, false, false, false, 0, NULL, NULL}
typedef struct gp_analyze_report {
    uint64_t images, levels, categories, slices, prompt_slices, category_slices;
    uint64_t groups, duplicates; /* groups of near copies; images in them that are not the keeper */
    double seconds, hierarchy_seconds, slices_seconds, duplicates_seconds, map_seconds;
    char category_source[200]; /* where the categories come from */
    char note[400];          /* what did not fit, for the user; may be empty */
    struct gp_category_quality {
        /* Mean silhouette of the clusters that were merged, -1..1 (Rousseeuw 1987); NaN for categories by words or
         * column.  Real embeddings reach 0.1 to 0.4. */
        double cohesion;
        /* How often two images of one prompt are in one category, beyond chance: 1 always, 0 as by chance; NaN where no
         * prompt has two images.  Below 0.5 the categories cut across the prompts. */
        double agreement;
    } quality;
} gp_analyze_report;
#define GP_AGREEMENT_MIN 0.5
/* Analyse what is scored, and record it in place of the analysis before.  model NULL: by the scorer used last, without
 * category_labels and text probes.  Too few images for a hierarchy is not an error: what needs one is left out and
 * the remark says so.  Cost: memory 4 * n * d bytes for the vectors and about as much again; time as gp_hierarchy_build,
 * gp_slices_find and gp_umap say.  Errors: NOT_FOUND (nothing is scored; no such column).  Threads: one. */
GP_API GP_MUST gp_status gp_analyze(gp_catalog *catalog, const gp_model *model, const gp_analyze_options *options,
                          gp_analyze_report *report, gp_error *err);

/* What was found; strings and arrays borrowed until the callback returns, which returns false to end early.
 * scorer: id, NULL: the one used last.  NOT_FOUND: nothing was analysed yet. */
typedef struct gp_analysis_slice {
    int64_t id;
    const char *space;    /* "images", "prompts": whose clusters these are */
    const char *category; /* found within this category, or NULL: over all */
    const char *title;
    const char *reasons_json; /* array of {kind, text, strength, inside, outside} */
    double value, lift, low, high, effect, p, p_corrected;
    uint32_t level, support;
    int64_t parent;        /* id of the slice that holds it; 0 none */
    const int64_t *images; /* [support] */
} gp_analysis_slice;
GP_API GP_MUST gp_status gp_catalog_slices(gp_catalog *catalog, const char *scorer,
                                    bool (*visit)(void *user, const gp_analysis_slice *slice), void *user, gp_error *err);
typedef struct gp_analysis_category {
    const char *name, *source;
    uint32_t support;
    double mean, sd, weight; /* of the score; how far the correction trusts its mean, 0..1 */
} gp_analysis_category;
/* How good the categories of the last analysis are. */
GP_API GP_MUST gp_status gp_catalog_category_quality(gp_catalog *catalog, const char *scorer,
                                              struct gp_category_quality *out, gp_error *err);
GP_API GP_MUST gp_status gp_catalog_categories(gp_catalog *catalog, const char *scorer,
                                        bool (*visit)(void *user, const gp_analysis_category *category), void *user,
                                        gp_error *err);
typedef struct gp_analysis_group {
    const char *reason;    /* why the keeper */
    const int64_t *images; /* [count] */
    const float *likeness; /* [count] cosine to the representative */
    size_t count;
    int64_t representative, keeper;
} gp_analysis_group;
GP_API GP_MUST gp_status gp_catalog_duplicates(gp_catalog *catalog, const char *scorer,
                                        bool (*visit)(void *user, const gp_analysis_group *group), void *user,
                                        gp_error *err);

/* A word or two-word phrase of prompts, and their scores.  Each prompt counts once, by the mean of its images.  A word
 * that occurs in exactly the prompts of a longer phrase is not visited, but the phrase is. */
typedef struct gp_word {
    const char *text;
    uint64_t prompts, images; /* that have it */
    double mean, difference, low, high; /* to the mean of prompts without it; 95 % by bootstrap over prompts */
    double adjusted, p, p_corrected; /* ridge regression on all words (penalty 4); alone; Benjamini-Hochberg */
} gp_word;
typedef enum gp_words_order { GP_WORDS_EFFECT, GP_WORDS_SUPPORT, GP_WORDS_WORD } gp_words_order; /* EFFECT: adjusted, best first */
typedef struct gp_words_options {
    size_t size;
    const char *scorer; uint32_t min_support; gp_words_order order; uint64_t seed; int threads; /* as elsewhere */
} gp_words_options;
#define GP_WORDS_DEFAULTS {sizeof(gp_words_options), NULL, 3, GP_WORDS_EFFECT, 42, 0}
GP_API GP_MUST gp_status gp_catalog_words(gp_catalog *catalog, const gp_words_options *options,
                                          bool (*visit)(void *user, const gp_word *word), void *user, gp_error *err);

typedef struct gp_tour_options {
    size_t size;
    const char *file;    /* .webp: an animation without end; or NULL */
    const char *folder;  /* slice_00.png, slice_01.png ... in it; or NULL */
    uint32_t width, height;
    double seconds;      /* a frame stands */
    uint32_t max_slices; /* frames; the slices that stand out most */
    gp_progress_fn progress;
    void *user;
} gp_tour_options;
#define GP_TOUR_DEFAULTS {sizeof(gp_tour_options), NULL, NULL, 1000, 720, 1.5, 24, NULL, NULL}
/* A tour of the slices found last: the map, with the images of each slice around its place on it.  done counts frames.
 * Errors: NOT_FOUND (no analysis, no slices, no map), USAGE, IO. */
GP_API GP_MUST gp_status gp_tour(gp_catalog *catalog, const gp_tour_options *options, gp_report *report, gp_error *err);

typedef struct gp_explore_options {
    size_t size;
    const char *model, *revision; /* for searching by words and pictures; NULL: the catalog's own, where it is at hand */
    gp_precision precision;
    gp_engine engine;
    uint16_t port;     /* 0: any that is free */
    bool exact_port;   /* that port or none; else another if it is taken */
    bool readonly;     /* ratings, saved views and exports are refused; the catalog may be opened read-only */
    /* Called once, when it listens: the address with its key; a line about what cannot be done, or NULL.  May be NULL. */
    void (*listening)(void *user, const char *url, const char *note);
    gp_progress_fn progress; /* called ten times a second; false ends it */
    void *user;
} gp_explore_options;
#define GP_EXPLORE_DEFAULTS {sizeof(gp_explore_options), NULL, NULL, GP_PRECISION_AUTO, GP_ENGINE_AUTO, 0, false, false, NULL, NULL, NULL}
/* Serve the explorer's page (docs/api.md) on 127.0.0.1 until the progress callback says stop, which is a good end.
 * Ratings are on the disk before the page hears of them.  Errors: IO (cannot listen), NOT_FOUND (the model), CATALOG.
 * Threads: one handle of the catalog, the calling thread's for the whole call; more are opened inside. */
GP_API GP_MUST gp_status gp_explore(gp_catalog *catalog, const gp_explore_options *options, gp_error *err);

typedef struct gp_run_options {
    size_t size;
    const gp_add_options *add; /* must be given: roots */
    const gp_score_options *score;
    const gp_analyze_options *find;
    const gp_pick_options *pick;
    const gp_sheet_options *sheet; /* NULL: no sheet.  The others: NULL means the defaults */
    bool no_analysis;
    bool fit_strategy; /* where no prompt has two candidates, pick by category instead of by prompt (not with no_analysis) */
} gp_run_options;
#define GP_RUN_DEFAULTS {sizeof(gp_run_options), NULL, NULL, NULL, NULL, NULL, false, false}
typedef struct gp_run_report {
    gp_report add, score, pick, sheet;
    gp_analyze_report find;
    gp_counts counts; /* counts of the catalog when the picks were chosen */
    gp_pick_strategy strategy; /* the strategy that chose them */
} gp_run_report;
/* Everything: add, score, find, pick, sheet (when something is picked). */
GP_API GP_MUST gp_status gp_run(gp_catalog *catalog, const gp_model *model, const gp_run_options *options,
                                gp_run_report *report, gp_error *err);

/* ------------------------------------------------------------------------
 * 5. Parts without a catalog
 * ------------------------------------------------------------------------ */

typedef struct gp_pixels {
    uint32_t width, height;
    uint8_t *rgb; /* [height, width, 3], owned: gp_pixels_clear */
} gp_pixels;
/* Decode a PNG, JPEG or WebP file to RGB as Pillow's Image.convert("RGB") does:
 * alpha dropped, orientation not applied, first frame of an animation.
 * max_pixels 0: GP_MAX_PIXELS.  Errors: IO, FORMAT, LIMIT, UNSUPPORTED. Threads: any. */
GP_API GP_MUST gp_status gp_image_decode(const char *path, uint64_t max_pixels, gp_pixels *out, gp_error *err);
GP_API void gp_pixels_clear(gp_pixels *pixels);

/* Pixels to what the image tower reads: resize, crop, rescale, normalise as
 * the model's preprocessor_config.json says.  Shape: planes [3, s, s]. Threads: any.
 * Source: Pillow's resampling; transformers' CLIPImageProcessor (Pillow-backed). */
GP_API GP_MUST gp_status gp_preprocess(const gp_model *model, const gp_pixels *pixels, float *planes, gp_error *err);

/* Token ids of a text, start and end token included, cut to the model's
 * context with the end token kept.  Shape: ids [capacity]; *count is the
 * number written; *full (may be NULL) the number before the cut.  Needs only
 * the tokenizer.  Source: CLIPTokenizer (fast) of transformers. Threads: any. */
GP_API GP_MUST gp_status gp_tokens(const gp_model *model, const char *text, int32_t *ids, size_t capacity, size_t *count,
                                   size_t *full, gp_error *err);

/* A tokenizer alone, from a model folder or hub name, for gp_tokenizer_ids. */
typedef struct gp_tokenizer gp_tokenizer;
GP_API GP_MUST gp_status gp_tokenizer_open(const char *name_or_folder, gp_tokenizer **out, gp_error *err);
GP_API void gp_tokenizer_close(gp_tokenizer *tokenizer);
/* All ids of a text, uncut.  Owns: *ids owned, gp_free. Threads: any. */
GP_API GP_MUST gp_status gp_tokenizer_ids(const gp_tokenizer *tokenizer, const char *text, int32_t **ids, size_t *count,
                                          gp_error *err);
/* The vocabulary entry of an id ("cat</w>"), borrowed; NULL if there is none. */
GP_API const char *gp_tokenizer_entry(const gp_tokenizer *tokenizer, int32_t id);

/* Embeddings, L2-normalised.  Shape: planes [n, 3, s, s] -> out [n, d].
 * threads 0: all processors.  Threads: any. */
GP_API GP_MUST gp_status gp_encode_images(const gp_model *model, const float *planes, size_t n, int threads, float *out,
                                          gp_error *err);
/* Shape: texts [n] -> out [n, d].  Packed by length; order is kept. */
GP_API GP_MUST gp_status gp_encode_texts(const gp_model *model, const char *const *texts, size_t n, int threads, float *out,
                                         gp_error *err);

typedef struct gp_embed_options {
    size_t size;
    uint64_t max_pixels;
    int threads, batch;
    gp_progress_fn progress;
    void *user;
    /* told of each file that failed, in order of the list; may be NULL */
    void (*failed)(void *user, size_t index, const char *path, const char *message);
    /* told of each image that goldpan drew (sheets, tours), which is then not encoded; NULL: it is encoded like others */
    void (*own)(void *user, size_t index, const char *path);
} gp_embed_options;
#define GP_EMBED_DEFAULTS {sizeof(gp_embed_options), GP_MAX_PIXELS, 0, 0, NULL, NULL, NULL, NULL}
/* Decode, preprocess and encode many files.  Shape: paths [n] -> out [n, d];
 * ok [n] says which rows were filled, the others are zero. */
GP_API GP_MUST gp_status gp_embed_files(const gp_model *model, const char *const *paths, size_t n,
                                        const gp_embed_options *options, float *out, bool *ok, gp_report *report,
                                        gp_error *err);

/* Paths of image files under roots, sorted, each once.  Owns: *paths owned, gp_paths_free. */
GP_API GP_MUST gp_status gp_find_images(const char *const *roots, size_t root_count, char ***paths, size_t *count,
                                        gp_error *err);
GP_API void gp_paths_free(char **paths, size_t count);

/* What this machine multiplies at most: loops that stay in the processor's registers, in operations a second, a product
 * and its addition being two. */
typedef struct gp_peak {
    const char *precision;    /* "fp32", "bf16", "int8": as gp_model_facts says it */
    const char *instructions; /* "AVX-512 FMA" */
    double one, all;          /* of one thread; of `threads` together */
} gp_peak;
enum { GP_PEAKS = 3 };
/* The kinds of number for which the machine has instructions, some 1 s each.  threads 0: all processors. */
GP_API GP_MUST gp_status gp_machine_peaks(int threads, gp_peak peaks[GP_PEAKS], size_t *count, gp_error *err);

typedef struct gp_bench_options {
    size_t size;
    const char *const *roots; /* files or folders to take pictures from; NULL: pictures drawn in memory */
    size_t root_count;
    uint64_t sample;          /* pictures at most */
    double seconds;           /* about so long */
    uint64_t max_pixels;
    int threads, batch;
    gp_progress_fn progress;
    void *user;
} gp_bench_options;
#define GP_BENCH_DEFAULTS {sizeof(gp_bench_options), NULL, 0, 2000, 10.0, GP_MAX_PIXELS, 0, 0, NULL, NULL}
typedef struct gp_bench_report {
    int threads;
    uint32_t batch;
    uint64_t found;            /* image files under the roots; 0 when pictures are drawn */
    uint64_t pictures, failed; /* encoded; that could not be */
    uint64_t texts;            /* prompts encoded: those of the pictures, each once */
    double bytes;              /* of a picture's file, on average */
    double add_seconds;        /* of adding the pictures: reading, hashing, metadata, catalog */
    double seconds;            /* of encoding them, with all threads */
    double read_seconds, decode_seconds, resize_seconds, image_tower_seconds, text_tower_seconds; /* summed over threads */
    double image_tower_work;   /* processor seconds: without those in which others had the processor */
    double write_seconds;      /* into a catalog (in memory: nothing is written anywhere) */
    double rate;               /* pictures a second, adding, prompts and catalog included */
    double expected;           /* seconds for all that was found, by that rate */
    double busy;               /* processors that worked for this while encoding; far below `threads`: others did, or the disk was slow */
    uint64_t own;              /* files of the sample that goldpan drew: read, but not encoded */
} gp_bench_report;
/* How fast is this machine with this model, and where does the time go?  Pictures evenly spread over the files go the way
 * of gp_add and gp_score, into a catalog in memory.  No file is written.  Errors: NOT_FOUND (no images there), STOPPED. */
GP_API GP_MUST gp_status gp_bench(const gp_model *model, const gp_bench_options *options, gp_bench_report *report,
                                  gp_error *err);

/* CLIP score of pairs.  Shape: images [n, d], texts [n, d] (normalised) -> scores [n], 100 * max(cos, 0). */
GP_API void gp_clip_score(const float *images, const float *texts, size_t n, size_t d, double *scores);

/* ------------------------------------------------------------------------
 * 6. Analysis of plain arrays: no catalog, no model.  Rows are embeddings
 *    [n, d]; they need not be normalised.  Everything is seeded and gives the
 *    same result whatever the number of threads.  Owned results are released
 *    with the function of their name; a cleared or zeroed one may be cleared
 *    again.  Missing numbers are NaN.
 * ------------------------------------------------------------------------ */

typedef enum gp_metric { GP_METRIC_COSINE, GP_METRIC_EUCLIDEAN } gp_metric; /* 1 - cos; ||x - y|| */

typedef struct gp_neighbours_options {
    size_t size;
    gp_metric metric;
    int threads; /* 0: all processors */
    gp_progress_fn progress;
    void *user;
    double recall; /* without queries: about this share of the true neighbours, found sooner (from 20,000 rows on) */
} gp_neighbours_options;
#define GP_NEIGHBOURS_DEFAULTS {sizeof(gp_neighbours_options), GP_METRIC_COSINE, 0, NULL, NULL, 1.0}
/* The k nearest rows of every query, nearest first, exact where recall is 1: ranked by distances
 * in double; equal ones by smaller id.  queries NULL: the rows themselves (m = n),
 * each without itself.  Shape: rows [n, d], queries [m, d] -> ids [m, k],
 * distances [m, k].  1 <= k <= n (n - 1 without queries).
 * Cost: n * m * d products, half of that among the rows themselves; memory 4 * n * d bytes (rows packed) and 32 (k + 16)
 * bytes a row.  With less recall rows are compared with the nearest of 2 sqrt(n) cells only, as many as 500 rows that
 * were compared with all call for; distances stay exact.  Threads: any. */
GP_API GP_MUST gp_status gp_neighbours(const float *rows, size_t n, size_t d, const float *queries, size_t m, size_t k,
                                       const gp_neighbours_options *options, uint32_t *ids, float *distances,
                                       gp_error *err);

/* Partitions from fine (level 0) to coarse, nested. */
typedef struct gp_hierarchy {
    size_t n, levels;
    uint32_t *sizes;    /* [levels] number of clusters, falling */
    uint32_t *labels;   /* [levels, n] cluster of each row; labels run by smallest member */
    uint32_t **parents; /* [levels - 1]: parents[t] [sizes[t]] is the cluster of level t + 1 that holds it */
} gp_hierarchy;
/* First-neighbour hierarchy: h-NNE 0.1/1.0 (Sarfraz et al., CVPR 2022), FINCH (Sarfraz et al., CVPR 2019).  Levels with fewer than 3
 * clusters are left out; none left: NOT_FOUND ("too few rows ...").  Shape: rows [n, d].  Owns: *out, gp_hierarchy_clear. */
GP_API GP_MUST gp_status gp_hierarchy_build(const float *rows, size_t n, size_t d, const gp_neighbours_options *options,
                                            gp_hierarchy *out, gp_error *err);
GP_API void gp_hierarchy_clear(gp_hierarchy *hierarchy);
/* h-NNE's projection, version 1: PCA of standardised columns, then each cluster around its anchor.  radius 0: 0.4.
 * Shape: rows [n, d] -> out [n, dims], dims 2. */
GP_API GP_MUST gp_status gp_hierarchy_project(const gp_hierarchy *hierarchy, const float *rows, size_t d, size_t dims,
                                              double radius, float *out, gp_error *err);

typedef struct gp_hdbscan_options {
    size_t size;
    gp_metric metric;
    uint32_t min_cluster_size; /* at least 2 */
    uint32_t min_samples;      /* other rows that make a core; 0: min_cluster_size */
    bool leaf;                 /* clusters are the leaves of the tree; else excess of mass */
    bool allow_single;         /* the root may be the one cluster */
    double epsilon;            /* clusters closer than this are merged; 0: none */
    int threads;
    gp_progress_fn progress;
    void *user;
} gp_hdbscan_options;
#define GP_HDBSCAN_DEFAULTS {sizeof(gp_hdbscan_options), GP_METRIC_EUCLIDEAN, 5, 0, false, false, 0.0, 0, NULL, NULL}
/* An edge of the condensed tree: at density lambda = 1 / distance, `child` leaves `parent`.  Children below n are rows
 * (size 1), others clusters; the root is n. */
typedef struct gp_hdbscan_edge {
    uint32_t parent, child, size;
    double lambda;
} gp_hdbscan_edge;
typedef struct gp_hdbscan_tree {
    size_t n, edges, clusters;
    gp_hdbscan_edge *edge;  /* [edges] the whole condensed tree, parents first */
    uint32_t *selected;     /* [clusters] the tree's node of each label */
    double *stability;      /* [clusters] */
    int32_t *labels;        /* [n] 0 .. clusters - 1, -1 noise; labels run by node */
    double *strength;       /* [n] 0..1: how firmly a row belongs ("probabilities") */
    double *outlier;        /* [n] 0..1: GLOSH */
} gp_hdbscan_tree;
/* HDBSCAN* (Campello, Moulavi, Sander 2013; McInnes and Healy 2017), exact: links of equal length count in the order in
 * which Prim finds them from row 0.  Shape: rows [n, d], n >= 2.  Owns: *out, gp_hdbscan_clear.
 * Cost: that of gp_neighbours, and at most n * n / 2 * d products more (fewer where clusters hang together by their
 * nearest neighbours); memory 4 * n * d bytes (rows packed) and 40 * max(min_samples, 32) bytes a row.  Threads: any. */
GP_API GP_MUST gp_status gp_hdbscan(const float *rows, size_t n, size_t d, const gp_hdbscan_options *options,
                                    gp_hdbscan_tree *out, gp_error *err);
GP_API void gp_hdbscan_clear(gp_hdbscan_tree *tree);

typedef struct gp_umap_options {
    size_t size;
    gp_metric metric;
    uint32_t neighbours;      /* the row itself counts, as in umap-learn */
    uint32_t dims;
    double min_dist, spread;
    double set_op_mix_ratio;  /* 1: fuzzy union, 0: intersection */
    uint32_t negative_samples;
    uint32_t epochs;          /* 0: 500 up to 10,000 rows, else 200 */
    bool pca_init;            /* else spectral, PCA where that fails */
    uint64_t seed;
    int threads;
    gp_progress_fn progress;
    void *user;
    double recall;            /* of the neighbours, as in gp_neighbours_options */
} gp_umap_options;
#define GP_UMAP_DEFAULTS \
    {sizeof(gp_umap_options), GP_METRIC_COSINE, 15, 2, 0.1, 1.0, 1.0, 5, 0, false, 42, 0, NULL, NULL, 0.98}
/* UMAP (McInnes, Healy, Melville 2018).  Shape: rows [n, d] -> out [n, dims].  Threads: any. */
GP_API GP_MUST gp_status gp_umap(const float *rows, size_t n, size_t d, const gp_umap_options *options, float *out,
                                 gp_error *err);
/* Place new rows on a map without moving it.  Shape: rows [n, d] with map [n, dims]; fresh [m, d] -> out [m, dims]. */
GP_API GP_MUST gp_status gp_umap_transform(const float *rows, const float *map, size_t n, size_t d, const float *fresh,
                                       size_t m, const gp_umap_options *options, float *out, gp_error *err);
/* Principal components, the largest loading of each positive.  Shape: rows [n, d] -> out [n, dims]. */
GP_API GP_MUST gp_status gp_pca(const float *rows, size_t n, size_t d, size_t dims, float *out, gp_error *err);

enum { GP_DIFFICULTY_MIN = 12 }; /* min prompts; fewer predict almost nothing, so scores stay unchanged */
typedef struct gp_difficulty {
    size_t prompts;    /* prompts with an embedding and a scored image */
    double penalty;    /* of the regression; NaN: nothing was corrected (too few prompts, or all embeddings are equal) */
    double explained;  /* share of the variance of the prompts' mean scores that is predicted, at most 1; NaN: unknown */
} gp_difficulty;
/* Corrects scores for the difficulty of their prompts, which is predicted from the prompts' embeddings alone:
 *     corrected = score - prediction for its prompt + mean of the scores that are corrected
 * The result is on the scale of the score.  The prediction is that of a ridge regression (Hoerl and Kennard 1970) of the
 * mean score of each prompt's images on the embeddings (scaled to length 1, less their mean), fitted without that prompt.
 * One fit is enough: the error without a prompt is e / (1 - h), with its residual e and leverage h (Allen 1974, PRESS).
 * 16 penalties are tried: the mean square of the rows times 10^-2, 10^-1.5, ... 10^5.5.  The one with the least sum of
 * squares of these errors is used.  A prompt counts once, however many images it has.
 * Shape: score [n], prompt [n] (-1: no prompt), embeddings [prompts, d] (a row of zeros, or with a number that is not
 * finite: no embedding) -> corrected [n], which the caller owns.  An image without a prompt, or whose prompt has no embedding, keeps
 * its score.  A score that is not finite gives NaN and is left out.  With fewer than GP_DIFFICULTY_MIN prompts all keep
 * their scores.  facts may be NULL.
 * Errors: USAGE (a prompt that is not below `prompts`), MEMORY, LIMIT.  threads 0: all processors; the result is the same.
 * Cost: with m = min(prompts, d), 2 prompts * d * m products; memory 8 m m bytes and 180 bytes a prompt; 100,000 prompts of
 * 768 numbers take a minute on two processors.  Threads: any. */
GP_API GP_MUST gp_status gp_difficulty_correct(const double *score, const int32_t *prompt, size_t n,
                                               const float *embeddings, size_t prompts, size_t d, int threads,
                                               double *corrected, gp_difficulty *facts, gp_error *err);

/* One column that slices are sought in or explained by. */
typedef enum gp_feature_kind { GP_FEATURE_EMBEDDING, GP_FEATURE_CATEGORY, GP_FEATURE_ORDINAL, GP_FEATURE_NUMBER } gp_feature_kind;
typedef struct gp_feature {
    const char *name;
    gp_feature_kind kind;
    const float *vectors;            /* EMBEDDING: [n, d] */
    size_t d;
    const char *const *words;        /* CATEGORY, ORDINAL: [n], NULL missing */
    const char *const *order;        /* ORDINAL: [order_count], low to high */
    size_t order_count;
    const double *numbers;           /* NUMBER: [n], NaN missing */
    bool unscaled;                   /* NUMBER: as it is ("disable_scaling") */
    double weight;                   /* EMBEDDING: 0 means 1 */
} gp_feature;

typedef enum gp_slice_criterion { GP_SLICE_LIFT, GP_SLICE_SUPPORT, GP_SLICE_LIFT_SUPPORT } gp_slice_criterion;
typedef enum gp_slice_mode { GP_SLICE_HIGH, GP_SLICE_LOW } gp_slice_mode; /* sliceguard's metric_mode "min", "max" */
typedef enum gp_slice_profile {
    GP_SLICE_GOLDPAN, /* nested slices merged, only those beyond chance (see alpha) */
    GP_SLICE_FINAL,   /* sliceguard 0.0.35 */
    GP_SLICE_ARTICLE  /* sliceguard 0.0.8 */
} gp_slice_profile;
typedef struct gp_slices_options {
    size_t size;
    gp_slice_profile profile;
    gp_slice_mode mode;          /* HIGH: where the metric is exceptionally high (lift = slice - reference) */
    gp_slice_criterion criterion;/* by what n_slices are chosen */
    uint32_t min_support;        /* inclusive; 0: not given */
    bool has_min_lift;
    double min_lift;             /* inclusive */
    uint32_t n_slices;           /* 0: not given */
    bool parent_reference;       /* lift against the parent cluster; else against all rows */
    bool remove_outliers;
    double alpha;                /* GOLDPAN: corrected p below this */
    uint32_t resamples;          /* bootstrap and permutation rounds */
    bool reduce;                 /* embeddings through UMAP first, as sliceguard does */
    gp_metric metric;            /* of the hierarchy when not reduced */
    uint64_t seed;
    int threads;
    gp_progress_fn progress;
    void *user;
    /* GOLDPAN: [n] rows of one number are not independent (images of one prompt): whole groups are shuffled, and the
     * intervals are of groups.  Negative: a row by itself.  NULL: all rows are independent. */
    const int32_t *group;
} gp_slices_options;
#define GP_SLICES_DEFAULTS {sizeof(gp_slices_options), GP_SLICE_GOLDPAN, GP_SLICE_HIGH, GP_SLICE_LIFT, 0, false, 0.0, 0, false, \
                            false, 0.01, 2000, false, GP_METRIC_EUCLIDEAN, 42, 0, NULL, NULL, NULL}

typedef struct gp_slice {
    uint32_t level, cluster;   /* level 0 is the coarsest here, as in sliceguard */
    uint32_t support;          /* rows */
    const uint32_t *rows;      /* [support] ascending */
    double value;              /* mean of the metric over its rows */
    double lift;               /* distance from the reference, in the mode's direction */
    double low, high;          /* bootstrap interval of lift, 95 %; NaN in sliceguard's profiles and for one group */
    double effect;             /* lift in standard deviations (Hedges' g) */
    double p, p_corrected;     /* alone; corrected for all clusters looked at */
    int32_t parent;            /* the slice that holds it, -1 none */
} gp_slice;
/* Every cluster that was looked at, for the table of lift by support. */
typedef struct gp_slice_cluster {
    uint32_t level, cluster, support;
    int32_t parent;            /* cluster one level coarser, -1 on level 0 */
    double value, lift;
} gp_slice_cluster;
typedef struct gp_slices {
    size_t n, count, cluster_count, levels;
    gp_slice *slices;          /* [count] */
    gp_slice_cluster *clusters;/* [cluster_count] coarse to fine */
    uint32_t *labels;          /* [levels, n], level 0 the coarsest */
    uint32_t *row_block;       /* what the slices' rows point into */
    double overall;            /* mean over all rows */
    double min_lift_used;      /* thresholds as they were applied; NaN or 0: none */
    uint32_t min_support_used;
    bool fallback;             /* no hierarchy: clusters are HDBSCAN's */
    size_t groups;             /* independent groups among the rows with a metric */
} gp_slices;
/* Clusters of rows whose metric stands out (sliceguard's find_issues).  Rows whose metric is NaN are left out of every
 * sum.  Shape: features [count], each over n rows; metric [n].  tree: a hierarchy made before over the same rows, used
 * instead of building one; or NULL.  Owns: *out, gp_slices_clear. */
GP_API GP_MUST gp_status gp_slices_find(const gp_feature *features, size_t count, const double *metric, size_t n,
                                        const gp_hierarchy *tree, const gp_slices_options *options, gp_slices *out,
                                        gp_error *err);
GP_API void gp_slices_clear(gp_slices *slices);

/* What tells the rows `inside` from the others. */
typedef struct gp_reason {
    char kind[16];    /* "word", "phrase", "category", "setting", "number", "probe", "rule" */
    char *text;       /* "oil painting"; "Category = Arts"; "steps 30..50"; owned by the list */
    double strength;  /* words: z of the log-odds with a prior; importance for rules; larger says more */
    double inside, outside; /* share (or mean) inside and outside */
} gp_reason;
typedef struct gp_reasons {
    size_t count;
    gp_reason *reason; /* [count] strongest first within each kind: words and phrases, categories, settings, probes, rules */
    char *title;       /* a few words */
} gp_reasons;
typedef struct gp_reasons_input {
    size_t n;
    const char *const *texts;      /* [n] prompts, NULL entries allowed; or NULL */
    const gp_feature *features;    /* [feature_count] categories and numbers to explain by */
    size_t feature_count;
    const float *vectors;          /* [n, d] for the probes; or NULL */
    size_t d;
    const float *probes;           /* [probe_count, d] embedded words; or NULL */
    const char *const *probe_names;/* [probe_count] */
    size_t probe_count;
} gp_reasons_input;
/* Monroe, Colaresi and Quinn 2008 (log-odds with an informative prior); CART (Breiman et al. 1984) as sliceguard uses it.
 * Shape: inside [n].  max_each: reasons of a kind.  Owns: *out, gp_reasons_clear. */
GP_API GP_MUST gp_status gp_reasons_find(const gp_reasons_input *input, const bool *inside, size_t max_each, gp_reasons *out,
                                         gp_error *err);
GP_API void gp_reasons_clear(gp_reasons *reasons);

typedef struct gp_duplicates_options {
    size_t size;
    double min_cosine;     /* to the group's representative */
    uint32_t max_bits;     /* perceptual hashes may differ in so many of 64 bits; needs `phashes` */
    int threads;
    gp_progress_fn progress;
    void *user;
} gp_duplicates_options;
#define GP_DUPLICATES_DEFAULTS {sizeof(gp_duplicates_options), 0.97, 10, 0, NULL, NULL}
typedef struct gp_duplicates {
    size_t n, groups;
    int32_t *group;         /* [n] -1: alone */
    uint32_t *representative; /* [groups] row; its likeness to every member is bounded, members' to each other is not */
    uint32_t *keeper;       /* [groups] row */
    float *likeness;        /* [n] cosine to the representative */
} gp_duplicates;
/* Groups of near copies: the best row not yet in a group becomes a representative and takes the free rows within reach.
 * priority [n] orders rows (higher first; NaN last), pixels [n] breaks ties; phashes [n] perceptual hashes or NULL.
 * Owns: *out, gp_duplicates_clear. */
GP_API GP_MUST gp_status gp_duplicates_find(const float *rows, size_t n, size_t d, const double *priority, const uint64_t *pixels,
                                            const uint64_t *phashes, const gp_duplicates_options *options,
                                            gp_duplicates *out, gp_error *err);
GP_API void gp_duplicates_clear(gp_duplicates *duplicates);

/* Arrays in NumPy's format 1.0 to 3.0: f2, f4, f8 and integers, C order, 1-D (one column) or 2-D, little endian.
 * Owns: *rows [n, d], gp_free.  Errors: IO, FORMAT, UNSUPPORTED, LIMIT. */
GP_API GP_MUST gp_status gp_npy_read(const char *path, float **rows, size_t *n, size_t *d, gp_error *err);
/* A table read whole: CSV, TSV, JSON, JSONL, Parquet.
 * Notes report what was left out.  `progress` and `note` may be NULL. */
typedef struct gp_columns gp_columns;
GP_API GP_MUST gp_status gp_columns_open(const char *path, gp_progress_fn progress, void *user, gp_note_fn note,
                                         void *note_user, gp_columns **out, gp_error *err);
GP_API void gp_columns_close(gp_columns *table);
GP_API size_t gp_columns_rows(const gp_columns *table);
GP_API size_t gp_columns_count(const gp_columns *table);
/* Name of a column, or its place by name (SIZE_MAX: none). */
GP_API const char *gp_columns_name(const gp_columns *table, size_t column);
GP_API size_t gp_columns_find(const gp_columns *table, const char *name);
GP_API const char *gp_columns_cell(const gp_columns *table, size_t row, size_t column); /* borrowed; NULL: absent */
/* A whole column as numbers [rows] (absent NaN); USAGE names the first cell that is none. */
GP_API GP_MUST gp_status gp_columns_numbers(const gp_columns *table, size_t column, double *out, gp_error *err);
/* A column of vectors ("[0.1, 0.2]" or a list): Owns: *out [rows, d], gp_free. */
GP_API GP_MUST gp_status gp_columns_vectors(const gp_columns *table, size_t column, float **out, size_t *d, gp_error *err);

#ifdef __cplusplus
}
#endif
#endif
