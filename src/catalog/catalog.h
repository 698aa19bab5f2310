/* SPDX-License-Identifier: MIT
 * The catalog: one SQLite file (WAL), the only shared state and the only room that sees sqlite3.h.  Images are keyed by
 * content hash with all their paths; results carry everything they depend on.  Never reads image files, never prints.
 * What holds at every instant is written at the head of schema.c.  One thread at a time per handle. */
#ifndef GP_CATALOG_CATALOG_H
#define GP_CATALOG_CATALOG_H

#include "base/hash.h"
#include "base/status.h"

/* gp_catalog, gp_catalog_open/close/path/counts/failures, gp_rows_*: declared in goldpan.h; the inner forms are here.
 */
gp_status gp_cat_open(const char *path, unsigned flags, gp_catalog **out, gp_error *err);
/* A new one that is never on a disk and goes when it is closed: for trying out. */
gp_status gp_cat_open_memory(gp_catalog **out, gp_error *err);
void gp_cat_close(gp_catalog *cat);
/* Returns true if the catalog was opened with READONLY, or with READ_IF_MUST where it cannot be written. */
bool gp_cat_readonly(const gp_catalog *cat);
/* Sets a function that is called about every millisecond while a statement runs; if it returns false, the statement
 * ends with STOPPED. */
void gp_cat_watch(gp_catalog *cat, bool (*go_on)(void *user), void *user);
const char *gp_cat_path(const gp_catalog *cat);
gp_status gp_cat_counts(gp_catalog *cat, gp_counts *counts, gp_error *err);
/* Cheaper than all counts: the images without a prompt; whether any image has an embedding. */
gp_status gp_cat_without_prompt(gp_catalog *cat, uint64_t *images, gp_error *err);
gp_status gp_cat_has_embeddings(gp_catalog *cat, bool *has, gp_error *err);
gp_status gp_cat_missing(gp_catalog *cat, bool (*visit)(void *, const gp_missing *), void *user, gp_error *err);
gp_status gp_cat_failures(gp_catalog *cat, bool (*visit)(void *, const gp_failure *), void *user, gp_error *err);
gp_status gp_cat_rows_open(gp_catalog *cat, const gp_query *query, gp_rows **out, gp_error *err);
gp_status gp_cat_rows_next(gp_rows *rows, const gp_row **row, gp_error *err);
void gp_cat_rows_close(gp_rows *rows);

/* Transactions: stages write in one per batch.  Nested calls are an error. */
gp_status gp_cat_begin(gp_catalog *cat, gp_error *err); /* immediate */
gp_status gp_cat_commit(gp_catalog *cat, gp_error *err);
void gp_cat_rollback(gp_catalog *cat); /* no-op outside a transaction */

/* ------------------------------------------------------------------ images and paths */
typedef struct gp_cat_image {
    gp_hash hash; /* hash of the file's bytes */
    uint64_t bytes;
    const char *format;
    uint32_t width, height, orientation;
    const gp_hash *stream; /* hash of the compressed pixels; NULL: not known */
    const gp_hash *pixels; /* hash of the decoded pixels; NULL: not known */
    const char *apart;     /* why the image is not a candidate; NULL for a candidate */
    int64_t same_as;       /* id of the image that the path held before, if the pixels are the same; else 0 */
} gp_cat_image;
/* What the path held when it was last read, even if it holds something else now; image is 0 if that is not known. */
typedef struct gp_cat_content {
    int64_t image;
    gp_hash hash, stream, pixels;
    bool has_stream, has_pixels;
    uint32_t width, height, orientation;
} gp_cat_content;
gp_status gp_cat_content_at(gp_catalog *cat, const char *path, gp_cat_content *out, gp_error *err);
/* Is this path known with this size and time? Then *image is its id, else 0. */
gp_status gp_cat_path_known(gp_catalog *cat, const char *path, uint64_t size, int64_t mtime_ns, int64_t *image,
                            gp_error *err);
/* Finds the image by its first hash or by a later hash, else uses `same_as`, else inserts a new image.  Attaches the
 * path to that image, also if the path belonged to another image.  If the image found has no work yet (embeddings,
 * scores, ratings, picks, generations), it is merged into `same_as`.  *fresh: a new image was inserted.  Clears
 * failures of the path. */
gp_status gp_cat_image_put(gp_catalog *cat, const gp_cat_image *image, const char *path, uint64_t size,
                           int64_t mtime_ns, int64_t *id, bool *fresh, gp_error *err);
/* Calls `each` for the other paths of the image that are not marked missing, in order, at most 64, until it returns
 * false. */
gp_status gp_cat_other_paths(gp_catalog *cat, int64_t image, const char *path,
                             bool (*each)(void *user, const char *path), void *user, gp_error *err);
/* Does another file at or below the folder of `path` hold the image with this content now? */
gp_status gp_cat_image_near(gp_catalog *cat, const gp_hash *hash, const char *path, bool *near, gp_error *err);
/* Records that the path no longer holds an image. */
gp_status gp_cat_path_gone(gp_catalog *cat, const char *path, gp_error *err);
/* Records that the content of the path may have changed: the next add reads the file even if its size and time match.
 */
gp_status gp_cat_path_doubt(gp_catalog *cat, const char *path, gp_error *err);
/* Stores the hash of the decoded pixels (gp_cat_image.pixels) once they are decoded. */
gp_status gp_cat_pixels_put(gp_catalog *cat, int64_t image, const gp_hash *pixels, gp_error *err);
/* A file that could not be read, or an image that could not be decoded. image 0: not known.  stage "add", "score"
 * or "export".  passing: a temporary error (gp_error_passes), after which the image is tried again. */
gp_status gp_cat_failure_put(gp_catalog *cat, const char *path, uint64_t size, int64_t mtime_ns, int64_t image,
                             const char *stage, const char *message, bool passing, gp_error *err);
/* Deletes the temporary errors of "add" at or below `root` (absolute).  The next add of `root` records those that
 * remain. */
gp_status gp_cat_failures_forget(gp_catalog *cat, const char *root, gp_error *err);
/* Deletes the "add" failures of files that no longer exist (tested with `exists`). */
gp_status gp_cat_failures_sweep(gp_catalog *cat, bool (*exists)(void *, const char *path), void *user, gp_error *err);
gp_status gp_cat_failure_clear(gp_catalog *cat, int64_t image, const char *stage, gp_error *err);
/* Mark paths under these roots that no longer exist on disk (the catalog asks `exists`); their work stays.
 * *lost: the number of images that had a path and have none now; may be NULL. */
gp_status gp_cat_paths_mark_missing(gp_catalog *cat, bool (*exists)(void *, const char *path), void *user,
                                    uint64_t *lost, gp_error *err);

/* ------------------------------------------------------------------ prompts */
typedef struct gp_cat_prompt {
    const char *text;     /* what the tower reads; NULL: the file has settings or a negative prompt but no prompt */
    const char *raw;      /* as found */
    const char *negative; /* or NULL */
    const char *source;   /* "table:x.csv", "a1111", "comfyui: node 6", "sidecar" */
    int strength;         /* priority; a higher one replaces a lower one: table 3, metadata 2, sidecar file 1, a guess
                             or no prompt 0 */
    const char *settings_json; /* object or NULL */
    const char *evidence;      /* "stated" (the same as NULL), "derived", "guess"; ignored and "none" without text */
    const gp_hash *file_read;  /* hash of the bytes whose metadata was just read, or NULL.  If it is the image's first
                                  hash, this prompt replaces a recorded prompt of strength 2. */
} gp_cat_prompt;
/* Give the image its prompt unless it has one from a stronger source; replacing drops nothing of the old prompt's work.
 * A prompt without text, negative and settings only removes an earlier prompt that came from metadata.  *changed may be
 * NULL. */
gp_status gp_cat_prompt_put(gp_catalog *cat, int64_t image, const gp_cat_prompt *prompt, bool *changed, gp_error *err);
gp_status gp_cat_has_prompt(gp_catalog *cat, int64_t image, bool *has, gp_error *err);
/* What is on record of an image's prompt; without one strength is 0 and the texts are NULL. */
typedef struct gp_cat_kept_prompt {
    int strength;
    char *raw, *source, *settings_json; /* owned: gp_cat_kept_prompt_clear */
    bool guess;                         /* the evidence is "guess" */
    uint64_t paths;                     /* where the image is now */
} gp_cat_kept_prompt;
gp_status gp_cat_prompt_get(gp_catalog *cat, int64_t image, gp_cat_kept_prompt *out, gp_error *err);
void gp_cat_kept_prompt_clear(gp_cat_kept_prompt *prompt);

/* ------------------------------------------------------------------ encoders and embeddings */

/* An encoder is a (weight hash, precision, preprocess id, text rule); the model's name is kept beside it, as it was
 * last opened, for people. */
typedef struct gp_cat_encoder {
    const char *model, *weight_hash, *precision, *preprocess_id, *text_rule;
    uint32_t dims;
} gp_cat_encoder;
gp_status gp_cat_encoder_put(gp_catalog *cat, const gp_cat_encoder *encoder, int64_t *id, gp_error *err);

/* Work that is missing: up to `limit` images with id > after, in order of id, that lack an embedding by this encoder
 * (and, unless retry_failed, have no "score" failure).  Arrays owned, gp_cat_todo_clear. */
typedef struct gp_cat_todo {
    int64_t *ids;
    char **paths;    /* one path per image, the first not marked missing; or prompt texts */
    gp_hash *hashes; /* hashes of the files at those paths; NULL for prompts */
    size_t count;
} gp_cat_todo;
gp_status gp_cat_images_todo(gp_catalog *cat, int64_t encoder, int64_t after, size_t limit, bool retry_failed,
                             gp_cat_todo *out, gp_error *err);
gp_status gp_cat_images_todo_count(gp_catalog *cat, int64_t encoder, bool retry_failed, uint64_t *todo, uint64_t *have,
                                   gp_error *err);
/* Prompts (of any image) that lack a text embedding; paths[] holds their texts. */
gp_status gp_cat_prompts_todo(gp_catalog *cat, int64_t encoder, int64_t after, size_t limit, gp_cat_todo *out,
                              gp_error *err);
void gp_cat_todo_clear(gp_cat_todo *todo);
/* vector [dims] float32, normalised; replaces an older one of the same key. */
gp_status gp_cat_image_embedding_put(gp_catalog *cat, int64_t image, int64_t encoder, const float *vector,
                                     uint32_t dims, gp_error *err);
gp_status gp_cat_prompt_embedding_put(gp_catalog *cat, int64_t prompt, int64_t encoder, const float *vector,
                                      uint32_t dims, uint32_t tokens, bool truncated, gp_error *err);

/* ------------------------------------------------------------------ quality measures */

/* Lists images on disk without measures: ids above `after`, ascending, at most `limit`.  Images whose file could not be
 * decoded before are left out.  Owns: gp_cat_todo_clear. */
gp_status gp_cat_quality_todo(gp_catalog *cat, int64_t after, size_t limit, gp_cat_todo *out, gp_error *err);
gp_status gp_cat_quality_todo_count(gp_catalog *cat, uint64_t *count, gp_error *err);
/* Stores the measures.  If set_apart, an image whose frame is black or noise stops being a candidate and a pick.
 * *apart: whether this call set the image apart. */
gp_status gp_cat_quality_put(gp_catalog *cat, int64_t image, const gp_quality *quality, bool set_apart, bool *apart,
                             gp_error *err);
/* Visits the measures of all images that have them, by id. */
gp_status gp_cat_quality_visit(gp_catalog *cat, void (*visit)(void *user, int64_t image, const gp_quality *quality),
                               void *user, gp_error *err);
/* Makes images that were set apart as black or noise candidates again.  *images: their number. */
gp_status gp_cat_frames_keep(gp_catalog *cat, uint64_t *images, gp_error *err);

/* ------------------------------------------------------------------ scores */
typedef struct gp_cat_scorer {
    const char *id;    /* gp_scorer.id */
    const char *name;  /* "clip" */
    const char *scale; /* "100*max(cos,0)" */
    int64_t encoder;   /* 0: none */
    bool higher_better;
    const char *parameters; /* hash of the scorer's own parameters; NULL or "": none */
    const char *needs;      /* "image", "pair" or "pixels" (gp_scorer_needs) */
} gp_cat_scorer;
gp_status gp_cat_scorer_put(gp_catalog *cat, const gp_cat_scorer *scorer,
                            gp_error *err); /* also marks it as used last */
/* The scorer used last, or NOT_FOUND ("nothing is scored yet ...").  Owns: *id, gp_mem_free. */
gp_status gp_cat_scorer_last(gp_catalog *cat, char **id, gp_error *err);
/* Name of the model behind a scorer, as it was last opened; scorer NULL: the one used last.  Owns: *model, gp_mem_free.
 */
gp_status gp_cat_scorer_model(gp_catalog *cat, const char *scorer, char **model, gp_error *err);
/* The scorer `preferred` if the catalog has it, else the one that used this encoder last; *id NULL: neither.
 * Owns: *id, gp_mem_free. */
gp_status gp_cat_scorer_of_encoder(gp_catalog *cat, const gp_cat_encoder *encoder, const char *preferred, char **id,
                                   gp_error *err);
/* Finds the scorer that the user named by its key, its name, its model, or "model:precision".  Errors: NOT_FOUND (no such
 * scorer), USAGE (several match).  Owns: *id, gp_mem_free. */
gp_status gp_cat_scorer_find(gp_catalog *cat, const char *named, char **id, gp_error *err);
/* Visits all scorers, the scorer used last first; see gp_catalog_scorers. */
gp_status gp_cat_scorers_visit(gp_catalog *cat, bool (*visit)(void *user, const gp_scorer_facts *scorer), void *user,
                               gp_error *err);
/* A page of (image, prompt) pairs that lack a score. */
enum { GP_CAT_PAIR_PAGE = 256 };
typedef struct gp_cat_pairs {
    size_t count; /* 1 to GP_CAT_PAIR_PAGE */
    uint32_t dims;
    const int64_t *images, *prompts; /* [count] */
    const float *image_vectors;      /* [count, dims] */
    const float *prompt_vectors;     /* [count, dims]; NULL if the scorer needs only the image */
} gp_cat_pairs;
/* Visits, page by page, the pairs that have the embeddings which the scorer needs, by its encoder, and lack its score.
 * Guessed prompts are visited only if `guesses` is true.  visit may write and commit; it returns false to end early. */
gp_status gp_cat_pairs_todo(gp_catalog *cat, const char *scorer, bool guesses,
                            bool (*visit)(void *user, const gp_cat_pairs *pairs), void *user, gp_error *err);
gp_status gp_cat_score_put(gp_catalog *cat, int64_t image, int64_t prompt, const char *scorer, double value,
                           gp_error *err);

/* Visit the scores of images on disk for their present prompts, in order of prompt and image.  text borrowed until
 * visit returns, which returns false to end early. */
gp_status gp_cat_scores_visit(gp_catalog *cat, const char *scorer, bool *higher_better,
                              bool (*visit)(void *user, int64_t prompt, const char *text, double score), void *user,
                              gp_error *err);

/* ------------------------------------------------------------------ picks */

/* Candidates are read by gp_cat_matrix_read (analysis.h). */
/* The scorer by which the picks were made; *id NULL when nothing is picked.  Owns: *id, gp_mem_free. */
gp_status gp_cat_picks_scorer(gp_catalog *cat, char **id, gp_error *err);
/* Counts the prompts of images that are longer than the encoder's limit. */
gp_status gp_cat_prompts_cut(gp_catalog *cat, int64_t encoder, uint64_t *count, gp_error *err);
/* Replace the picks by these images (one transaction).  Earlier picks whose folder is missing stay:
 * the folder and those below it hold no known image.  Such a pick is removed when its prompt gets another pick, or by
 * the next call after the folder is back.  rule: how all were chosen, may be NULL.  reasons, categories [count]: why
 * each was picked, and from which category; both may be NULL and hold NULL. */
gp_status gp_cat_picks_replace(gp_catalog *cat, const char *scorer, const int64_t *images, const uint32_t *ranks,
                               size_t count, const char *rule, const char *const *reasons,
                               const char *const *categories, gp_error *err);

/* ------------------------------------------------------------------ what a person decided by hand */
typedef struct gp_cat_rating {
    gp_hash hash;             /* of the image; one that is not known is passed over */
    bool has_flag, has_stars; /* what is not given stays */
    int flag;                 /* -1 rejected, 0, 1 picked */
    int stars;                /* 0..5 */
} gp_cat_rating;
/* One transaction, on the disk before it returns.  *changed, may be NULL: images that were found. */
gp_status gp_cat_ratings_put(gp_catalog *cat, const gp_cat_rating *ratings, size_t count, size_t *changed,
                             gp_error *err);
/* Views kept by name, on the disk likewise: a JSON object, NULL forgets it. */
gp_status gp_cat_saved_put(gp_catalog *cat, const char *name, const char *json, gp_error *err);
gp_status gp_cat_saved_visit(gp_catalog *cat, bool (*visit)(void *user, const char *name, const char *json), void *user,
                             gp_error *err);

/* ------------------------------------------------------------------ journal of marks (marks.h) */
typedef struct gp_cat_brought {
    uint64_t ratings, views, picks, plans; /* rows restored from the journal */
    uint64_t waiting;                      /* entries whose image is not in the catalog */
} gp_cat_brought;
/* Merges journal entries whose images have been added since.  Reports all that was merged since the catalog was opened
 * or since the last call.  Not inside a transaction. */
gp_status gp_cat_marks_bring(gp_catalog *cat, gp_cat_brought *brought, gp_error *err);

/* gp_catalog_check and gp_catalog_rescue of goldpan.h; all fields of the options are set. */
gp_status gp_cat_check(const char *path, bool (*go_on)(void *user), void *go_on_user,
                       bool (*visit)(void *user, const gp_catalog_problem *problem), void *user, uint64_t *problems,
                       gp_error *err);
/* Checks the catalog file only, not the journal; *sound: no problem was found. */
gp_status gp_cat_sound(const char *path, bool (*go_on)(void *user), void *user, bool *sound, gp_error *err);
gp_status gp_cat_rescue(const char *path, const gp_rescue_options *options, gp_rescue_report *report, gp_error *err);

/* Counts up whenever another handle, of this process or another, has committed. */
gp_status gp_cat_data_version(gp_catalog *cat, int64_t *version, gp_error *err);

#endif
