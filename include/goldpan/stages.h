/* SPDX-License-Identifier: MIT
 * Stages over a catalog: add, generate, score, pick.  Include <goldpan.h>, which explains the
 * conventions.
 * Each stage computes only results that the catalog lacks.  A stage can be stopped at any time and
 * called again.  If the process is killed, at most the current batches are lost. */
#ifndef GOLDPAN_STAGES_H
#define GOLDPAN_STAGES_H

#include "catalog.h"
#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ add */

typedef struct gp_add_options {
    size_t size;
    const char *const *roots; /* [root_count] files, or folders with their subfolders */
    size_t root_count;
    const char *prompts;      /* table (CSV, TSV, JSON, JSONL, Parquet), or NULL */
    const char *image_column; /* column of image paths; NULL: found by name (file_name, path ...) */
    const char *prompt_column; /* column of prompts; NULL: found by name (prompt, text, caption
                                * ...) */
    uint64_t max_pixels;       /* larger images are rejected */
    int threads;               /* 0: all processors */
    gp_progress_fn progress;
    void *user;
    gp_note_fn note; /* which files were skipped, and why; may be NULL */
    void *note_user;
    const char *prompt_from; /* pattern of paths that contain the prompt, such as
                              * "{prompt}_{seed}"; NULL: none */
} gp_add_options;

/* Find images, read their content hash, header and prompt, and add them to the catalog.  A file
 * with unchanged size and time is skipped, unless its row of the table or its sidecar file has
 * changed.  A moved file keeps its results.  A prompt comes from the table, else from metadata in
 * the file, else from a sidecar file, else from the path by prompt_from, else from a guess.
 * report: may be NULL.
 * Errors: NOT_FOUND (a root or the table), FORMAT (the table), USAGE (a column that does not
 * exist, a wrong pattern), CATALOG, IO, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_add(gp_catalog *catalog, const gp_add_options *options,
                                gp_report *report, gp_error *err);

typedef struct gp_import_options {
    size_t size;
    const char *embeddings;   /* .npy [rows of the table, d] */
    const char *score_column; /* column of the table with the scores; NULL: no scores */
    bool lower_better;        /* lower scores are better */
    const char *name;         /* name of the model of these embeddings; NULL: the file's name */
} gp_import_options;

/* Add images with embeddings, and scores, that other programs computed.  Row i of the array
 * belongs to the image of row i of the table (add->prompts).  The scores get their own scorer,
 * which becomes the scorer used last.
 * added: the report of gp_add; may be NULL.  report: counts of the embeddings; may be NULL.
 * Errors: as gp_add; USAGE also if the rows do not match.
 * Threads: one. */
GP_API GP_MUST gp_status gp_import_embeddings(gp_catalog *catalog, const gp_add_options *add,
                                              const gp_import_options *options, gp_report *added,
                                              gp_report *report, gp_error *err);

typedef struct gp_unpack_options {
    size_t size;
    const char *const *files; /* [file_count] tar archives and Parquet files */
    size_t file_count;
    const char *into;         /* folder for the folders of all files; NULL: beside each file */
    const char *image_column; /* column of a Parquet file with the images; NULL: the first */
    gp_progress_fn progress;
    void *user;
    gp_note_fn note; /* what was not unpacked, and why; may be NULL */
    void *note_user;
} gp_unpack_options;

/* Unpack the images of tar archives (WebDataset, img2dataset) and of Parquet files (Hugging Face),
 * with their prompts, so that gp_add can add them.  x.tar becomes a folder x.  Files that exist are
 * not overwritten: with the same content they count as skipped, with another content as failed.
 * report: `done` images were written; may be NULL.
 * Errors: NOT_FOUND (a file, or images in it), FORMAT, LIMIT, IO, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_unpack(const gp_unpack_options *options, gp_report *report,
                                   gp_error *err);

/* ------------------------------------------------------------------ generate */

typedef enum gp_regenerate_source {
    GP_REGENERATE_NONE,
    GP_REGENERATE_PICKS,  /* goldpan's picks */
    GP_REGENERATE_FLAGGED /* the images that you flagged as picked */
} gp_regenerate_source;

/* A value of 0 or NULL leaves a generation setting to the generator. */
typedef struct gp_generate_options {
    size_t size;
    gp_regenerate_source again; /* generate these images again: same prompt, seed and settings,
                                 * except for those given below */
    uint32_t per_prompt; /* images of each prompt; adaptive: the maximum of the average over the
                          * prompts */
    const char *prompts; /* without `again`: table, or .txt with one prompt a line */
    const char *prompt_column; /* NULL: found by name */
    const char *backend; /* http(s)://host:port, host:port, or a command with {prompt} and {out}, or
                          * with {requests}.  NULL, only with `again`: the generator that made the
                          * picks */
    const char *protocol; /* "a1111", "comfyui", "sdcpp", "swarmui", "openai", "command"; NULL:
                           * detected */
    const char *folder;   /* where the images are written */
    uint64_t seed;        /* seed of the first image of each prompt; each further image adds 1 */
    const char *negative; /* negative prompt, if the table has no column of negative prompts */
    uint32_t width;
    uint32_t height;
    uint32_t steps;
    uint32_t tries; /* attempts for an image */
    double cfg;
    const char *sampler;
    const char *scheduler;
    const char *model;
    const char *refiner;
    double refiner_at;      /* share of the steps after which the refiner starts */
    double hires;           /* enlarge the finished image by this factor (a1111, sdcpp) */
    const char *login;      /* "user:password"; never stored, never shown */
    const char *token;      /* bearer token; never stored, never shown */
    const char *workflow;   /* ComfyUI: file of the graph in API format, or an image that has it */
    const char *const *set; /* ComfyUI: [set_count] "NODE.INPUT=VALUE" */
    size_t set_count;
    double timeout;      /* seconds for each request, from connecting to the last byte of its reply,
                          * and for each run of a command; 0: no limit */
    const char *preview; /* file that receives each preview of the unfinished image */
    double min_gain;     /* adaptive: smallest expected rise of the best score that is worth another
                          * image, in standard deviations within prompts */
    uint64_t max_pixels;
    int threads;   /* threads for scoring; 0: all processors */
    int jobs;      /* images requested at once */
    bool adaptive; /* with a model: prompts with a small expected gain get no more images, other
                    * prompts up to 3 * per_prompt */
    bool no_seed;  /* the generator chooses its own seeds: images are numbered, and no seed is sent
                    * or recorded unless the image's file states one.  Not with `again` or another
                    * `seed` */
    gp_progress_fn progress; /* called by one thread at a time, not always by the same thread */
    void *user;
    gp_note_fn note; /* "generator-waits": the generator asks to wait; "generator-...": about the
                      * generator's responses; "graph-...": values for which the workflow has no
                      * input, or values of the workflow that stay; "job-left": a job is still
                      * running; "table-...": skipped rows and cells.  May be NULL.  Called by one
                      * thread at a time, like `progress` */
    void *note_user;
} gp_generate_options;

typedef struct gp_generate_report {
    size_t size;
    uint64_t planned;     /* images of the plan */
    uint64_t got;         /* generated by this call */
    uint64_t had;         /* generated by an earlier call */
    uint64_t failed;      /* gave an error after all tries */
    uint64_t refused;     /* rejected by the generator */
    uint64_t scored;      /* scored by this call */
    uint64_t interrupted; /* stopped in the generator's own interface; the next run requests them */
    uint64_t untried; /* not requested, because the first images all failed for the same reason */
    uint64_t rounds;  /* adaptive: number of rounds */
    double seconds;
    char why[400]; /* the last failure or rejection; else empty */
} gp_generate_report;

/* Check everything that gp_generate checks before it plans: options, table, generator, workflow.
 * goldpan connects to the generator to identify its program.  Nothing is written.
 * Errors: as gp_generate. */
GP_API GP_MUST gp_status gp_generate_check(const gp_generate_options *options, gp_error *err);

/* Generate images for prompts and add them to the catalog.  With a model, images are scored while
 * others are generated.  The plan is stored in the catalog: the next call continues it.  A file is
 * complete on the disk before its row is updated.  A failed request is repeated after growing
 * pauses, or after the pause that the server requests.  A rejected request is not repeated.
 * model: may be NULL.  report: may be NULL.
 * Errors: USAGE, NOT_FOUND, FORMAT (the table, the generator), NETWORK (no answer), CATALOG, IO,
 * STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_generate(gp_catalog *catalog, const gp_model *model,
                                     const gp_generate_options *options, gp_generate_report *report,
                                     gp_error *err);

/* ------------------------------------------------------------------ score */

typedef struct gp_score_options {
    size_t size;
    uint64_t max_pixels; /* larger images fail */
    int threads;         /* 0: all processors */
    int batch;           /* images that a thread encodes at once; 0: chosen for the model */
    bool retry_failed;   /* try again all images that could not be decoded; false: only images with
                        * temporary errors */
    bool guesses;        /* also score images whose prompt is a guess */
    bool keep_frames;    /* black and noise images stay candidates, or become candidates again */
    gp_progress_fn progress;
    void *user;
    gp_note_fn note; /* "prompts-cut" (prompts too long for the model), "frames-black" and
                      * "frames-noise" (images set apart), "frames-kept" (images that are candidates
                      * again); may be NULL */
    void *note_user;
    const char *scorer; /* one scorer or several, separated by commas: names of gp_scorer_kinds,
                         * with NAME:ARGUMENT where a scorer has an argument, such as
                         * "clip,aesthetic-v2,linear:FILE" (docs/model.md); NULL: "clip".  The
                         * first one counts as the scorer used last */
    const char *const *probes; /* [probe_count] further scorers: the similarity to the user's own
                                * texts, "TEXT|OPPOSITE", "TEXT", or "-TEXT" */
    size_t probe_count;
} gp_score_options;

/* Embed every image and prompt that has no embedding of this model, and score every image by each
 * scorer.  Several scorers share the embeddings.  The scores of a batch are written with its
 * embeddings.  The scorer "clip" gives 100 * max(cosine, 0), as torchmetrics' CLIPScore for one
 * pair, except that long prompts keep the end token.
 * report (may be NULL): images encoded (done), encoded before (skipped), failed, and without a
 * prompt.  Only scorers that need no text score images without a prompt.
 * Cost: memory threads * batch * 12 * s * s bytes, for any number of images.
 * Errors: USAGE (no such scorer, or a head for another model), UNSUPPORTED (the model lacks a
 * tower), FORMAT (the head's file), CATALOG, IO, STOPPED.
 * Threads: one for the catalog, any for the model. */
GP_API GP_MUST gp_status gp_score(gp_catalog *catalog, const gp_model *model,
                                  const gp_score_options *options, gp_report *report,
                                  gp_error *err);

/* ------------------------------------------------------------------ pick */

/* Which images may become picks.  All strategies except PROMPT need an analysis (gp_analyze). */
typedef enum gp_pick_strategy {
    GP_PICK_PROMPT,          /* the best of each prompt */
    GP_PICK_SLICES,          /* members of significant slices over all images */
    GP_PICK_CATEGORY_SLICES, /* members of significant slices within their category, as in the
                              * article that docs/method.md describes */
    GP_PICK_CATEGORY         /* the best of each category */
} gp_pick_strategy;

/* The value by which images are compared. */
typedef enum gp_pick_by {
    GP_BY_SCORE,      /* the score itself */
    GP_BY_CORRECTED,  /* the score corrected for its category (docs/method.md) */
    GP_BY_Z_CATEGORY, /* standard deviations above the mean of the category */
    GP_BY_Z_PROMPT,   /* standard deviations above the mean of the prompt */
    GP_BY_PERCENTILE, /* percentile in the category */
    GP_BY_DIFFICULTY  /* the score corrected for its prompt (gp_difficulty_correct); needs no
                       * analysis */
} gp_pick_by;

typedef enum gp_pick_diversity {
    GP_DIVERSITY_NONE,
    GP_DIVERSITY_MMR,     /* maximal marginal relevance */
    GP_DIVERSITY_FACILITY /* facility location, greedy */
} gp_pick_diversity;

/* Which score compares the candidates of a prompt if the catalog has scores by several scorers.
 * The fused score is the mean over the scorers of the score's z within its prompt
 * (docs/method.md). */
typedef enum gp_pick_fuse {
    GP_PICK_FUSE_AUTO, /* Z if two scorers have scores and the options compare only images of the
                        * same prompt; else OFF */
    GP_PICK_FUSE_OFF,  /* the scorer that the options name */
    GP_PICK_FUSE_Z,    /* the mean of z */
    GP_PICK_FUSE_RANK  /* the mean of normal ranks */
} gp_pick_fuse;

typedef struct gp_pick_options {
    size_t size;
    gp_pick_strategy strategy;
    gp_pick_by by;
    gp_pick_diversity diversity; /* how to make the selected images diverse; needs per_category,
                                  * per_slice or top */
    uint32_t per_prompt;         /* best K of each prompt, in a slice or not; 0: no limit */
    uint32_t per_category;       /* best K of each category; 0: no limit, but 5 for CATEGORY */
    uint32_t per_slice;          /* best K of each slice; 0: all its members */
    uint32_t min_support;        /* smaller slices are ignored */
    bool one_per_duplicate;      /* at most one image of a group of near-duplicates */
    bool has_min_score;
    bool has_min_lift;
    uint64_t top;       /* after the other limits, only the best K of all; 0: no limit */
    double min_score;   /* minimum score, whatever `by` is */
    double balance;     /* diversity: 1 = quality only, 0 = diversity only */
    double lift_factor; /* CATEGORY_SLICES: minimum lift, in standard deviations of the category */
    double min_lift;    /* SLICES: minimum lift; CATEGORY_SLICES: replaces lift_factor */
    /* Called for each pick with the reason why it was picked.  If explain_paths is given, called
     * instead for each of these images with the reason why it was picked or not.  Strings are
     * borrowed until the callback returns.  May be NULL. */
    void (*explain)(void *user, const char *path, bool picked, const char *sentence);
    void *explain_user;
    const char *const *explain_paths; /* [explain_count] */
    size_t explain_count;
    const char *scorer; /* if `model` is NULL: the id of a scorer, its model, or "model:precision";
                         * NULL: the scorer used last */
    const char *const *where; /* [where_count] limits of quality measures (gp_quality), such as
                               * "noise<5": name, one of < <= > >=, number.  An image without
                               * measures meets no limit */
    size_t where_count;
    gp_note_fn note; /* "one-candidate"; "by-category" (gp_run picked by category); "picks-away"
                      * (picks kept although their files are missing); with GP_BY_DIFFICULTY:
                      * "difficulty" (share of scores that prompts predict), "difficulty-without"
                      * (images that keep the raw score), "no-difficulty" (the raw score is
                      * compared).  May be NULL */
    void *note_user;
    gp_pick_fuse fuse;
    bool pareto; /* leave out an image if another image of its prompt is at least as good by every
                  * scorer and better by one; needs two scorers */
    const char *weights; /* weights of scorers in the fused score, "NAME=NUMBER,..."; 0 leaves a
                          * scorer out; NULL: 1, and 0 for clip-iqa and probes */
} gp_pick_options;

/* Pick images, the best first, and record the picks in place of the earlier picks.  An image is
 * skipped once the limit of its prompt, category, slice or near-duplicate group is reached.  Of
 * equal values the smaller content hash is first.  If no image passes (report->done is 0), nothing
 * is recorded and the earlier picks stay.
 * model: NULL uses options->scorer.  report: may be NULL.
 * Errors: NOT_FOUND (nothing is scored, or not by this model; an analysis is needed; a path to
 * explain is not in the catalog), USAGE (options that exclude each other), CATALOG, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_pick(gp_catalog *catalog, const gp_model *model,
                                 const gp_pick_options *options, gp_report *report, gp_error *err);

/* ------------------------------------------------------------------ watch */

typedef struct gp_watch_options {
    size_t size;
    const gp_add_options *add;     /* must be given; the roots are folders */
    const gp_score_options *score; /* NULL: defaults */
    const gp_pick_options *pick;   /* pick again after new scores; NULL: pick nothing */
    bool new_only;                 /* leave out files that exist already */
    double poll; /* seconds between two searches of the folders, without inotify; 0: use inotify,
                  * and search only network folders */
    double idle; /* end after this number of seconds without a new file; 0: never */
    /* Called for each new score, with the rank of the image at that time.  May be NULL. */
    void (*scored)(void *user, const gp_row *row);
    void *scored_user;
    gp_progress_fn progress; /* called at least every 0.2 s while no image is scored */
    void *user;
} gp_watch_options;

typedef struct gp_watch_report {
    size_t size;
    uint64_t added;          /* files added, or read again because they changed */
    uint64_t scored;         /* new scores */
    uint64_t bests;          /* new scores that were the best of their prompt */
    uint64_t failed;         /* files that could not be read or decoded */
    uint64_t without_prompt; /* added images without a known prompt */
    uint64_t incomplete;     /* files whose end was still missing when the call ended */
    uint64_t picked;         /* picks of the last time */
    uint64_t batches;
    double seconds;
    double busy_seconds; /* spent with adding and scoring */
} gp_watch_report;

/* Add and score the images in folders, and go on with new images while other programs write them.
 * Each image is read when its writer has closed it, or has not changed it for half a second.  A
 * file whose end is missing is read again when it grows.  An image is scored again when its prompt
 * changes, such as by a sidecar file that arrives later.  Folders may disappear and return.  If
 * the process is killed, at most the current batch is lost.
 * Of add and score, `progress` is not called.  The call ends with STOPPED when `progress` returns
 * false, and with OK after `idle` seconds.
 * report: may be NULL.
 * Errors: as gp_add and gp_score; USAGE also if a root is not a folder; CATALOG also if another
 * call watches for the same catalog.
 * Threads: one for the catalog, any for the model. */
GP_API GP_MUST gp_status gp_watch_folders(gp_catalog *catalog, const gp_model *model,
                                          const gp_watch_options *options, gp_watch_report *report,
                                          gp_error *err);

#ifdef __cplusplus
}
#endif
#endif
