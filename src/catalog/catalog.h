/* SPDX-License-Identifier: MIT
 * The catalog: one SQLite file in WAL mode. It is the only state that processes share, and only this module includes
 * sqlite3.h. An image is identified by its content hash and may have several paths. Each result is stored with a key of
 * what it depends on, such as the model's weights and the precision. The module never reads image files and prints
 * nothing. schema/schema.c lists the invariants at its top. A handle may be used by one thread at a time. */
#ifndef GP_CATALOG_CATALOG_H
#define GP_CATALOG_CATALOG_H

#include "base/hash.h"
#include "base/status.h"

/* goldpan.h declares gp_catalog and the functions gp_catalog_* and gp_rows_*. This header declares the functions that
 * implement them. */
gp_status gp_cat_open(const char *path, unsigned flags, gp_catalog **out, gp_error *err);
/* Opens a new catalog in memory, for dry runs. Closing deletes it. */
gp_status gp_cat_open_memory(gp_catalog **out, gp_error *err);
void gp_cat_close(gp_catalog *cat);
/* Returns true if the catalog was opened with READONLY, or with READ_IF_MUST and cannot be written. */
bool gp_cat_readonly(const gp_catalog *cat);
/* Sets a function that is called about every millisecond while a statement runs. If it returns false, the statement
 * ends with STOPPED. */
void gp_cat_watch(gp_catalog *cat, bool (*go_on)(void *user), void *user);
const char *gp_cat_path(const gp_catalog *cat);
gp_status gp_cat_counts(gp_catalog *cat, gp_counts *counts, gp_error *err);
/* These calls are faster than gp_cat_counts. gp_cat_without_prompt counts the images without a prompt;
 * gp_cat_has_embeddings tells whether any image has an embedding. */
gp_status gp_cat_without_prompt(gp_catalog *cat, uint64_t *images, gp_error *err);
gp_status gp_cat_has_embeddings(gp_catalog *cat, bool *has, gp_error *err);
gp_status gp_cat_missing(gp_catalog *cat, bool (*visit)(void *, const gp_missing *), void *user, gp_error *err);
gp_status gp_cat_failures(gp_catalog *cat, bool (*visit)(void *, const gp_failure *), void *user, gp_error *err);
gp_status gp_cat_rows_open(gp_catalog *cat, const gp_query *query, gp_rows **out, gp_error *err);
gp_status gp_cat_rows_next(gp_rows *rows, const gp_row **row, gp_error *err);
void gp_cat_rows_close(gp_rows *rows);

/* Stages write in one transaction per batch. Nested calls are an error. */
gp_status gp_cat_begin(gp_catalog *cat, gp_error *err); /* takes the write lock immediately */
gp_status gp_cat_commit(gp_catalog *cat, gp_error *err);
void gp_cat_rollback(gp_catalog *cat); /* does nothing outside a transaction */

/* ------------------------------------------------------------------ images and paths */
typedef struct gp_cat_image {
    gp_hash hash; /* hash of the file's bytes */
    uint64_t bytes;
    const char *format;
    uint32_t width, height, orientation;
    const gp_hash *stream; /* hash of the compressed pixels; NULL: not known */
    const gp_hash *pixels; /* hash of the decoded pixels; NULL: not known */
    const char *apart;     /* why the image is not a candidate; NULL for a candidate */
    int64_t same_as;       /* id of the image that the path held before, if its pixels equal this image's; else 0 */
    int readers;           /* version of the readers that read the metadata; 0: not read, the recorded version stays */
} gp_cat_image;
/* What was recorded about the path when its file was last read; the file may have changed since. image is 0 if nothing
 * is recorded. */
typedef struct gp_cat_content {
    int64_t image;
    gp_hash hash, stream, pixels;
    bool has_stream, has_pixels;
    uint32_t width, height, orientation;
} gp_cat_content;
gp_status gp_cat_content_at(gp_catalog *cat, const char *path, gp_cat_content *out, gp_error *err);
/* Sets *image to the path's image if the path is recorded with this size and time, else to 0. *readers: version of the
 * readers that read the file; may be NULL. */
gp_status gp_cat_path_known(gp_catalog *cat, const char *path, uint64_t size, int64_t mtime_ns, int64_t *image,
                            int *readers, gp_error *err);
/* Finds the image by its first hash or by a later hash; else uses `same_as`; else inserts a new image. Then attaches
 * the path to that image, even if the path belonged to another image before. If the image that was found by a hash has
 * no work yet (embeddings, scores, ratings, tags, picks, generations), it is merged into `same_as`. Sets *inserted if a
 * new image was inserted. Deletes the recorded failures of the path. */
gp_status gp_cat_image_put(gp_catalog *cat, const gp_cat_image *image, const char *path, uint64_t size,
                           int64_t mtime_ns, int64_t *id, bool *inserted, gp_error *err);
/* Calls `each` for at most 64 paths of the image, sorted. Leaves out `path` itself and paths that are marked missing.
 * Stops when `each` returns false. */
gp_status gp_cat_other_paths(gp_catalog *cat, int64_t image, const char *path,
                             bool (*each)(void *user, const char *path), void *user, gp_error *err);
/* Sets *near if the image with this content has another path that is not marked missing, in or below the folder of
 * `path`. */
gp_status gp_cat_image_near(gp_catalog *cat, const gp_hash *hash, const char *path, bool *near, gp_error *err);
/* Sets *path to the first path of the image that is not marked missing, or to NULL. The caller frees it with
 * gp_mem_free. */
gp_status gp_cat_path_of(gp_catalog *cat, int64_t image, char **path, gp_error *err);
/* Finds the image that `name` names: 32 hex digits of its content, or one of its paths, also a missing one. Relative
 * paths start at the current folder. `hash` [33] gets the 32 hex digits, or "" if there is no such image. */
gp_status gp_cat_find_image(gp_catalog *cat, const char *name, char *hash, gp_error *err);
/* gp_cat_path_gone records that the path no longer holds an image. gp_cat_path_back records that the path holds the
 * same file again. */
gp_status gp_cat_path_gone(gp_catalog *cat, const char *path, gp_error *err);
gp_status gp_cat_path_back(gp_catalog *cat, const char *path, gp_error *err);
/* Records that the file at `from` is now at `to`. hash NULL: the file changed meanwhile, and the next add reads it;
 * else it has this hash, size and time. Does nothing if `from` is not recorded. */
gp_status gp_cat_path_moved(gp_catalog *cat, const char *from, const char *to, const gp_hash *hash, uint64_t size,
                            int64_t mtime_ns, gp_error *err);
/* Returns the category of an image in the newest analysis, else the category by which it was picked. NULL: none. The
 * caller owns *category: gp_mem_free. */
gp_status gp_cat_image_category(gp_catalog *cat, int64_t image, char **category, gp_error *err);
/* Reads the flag of an image, and calls `visit` for each path of the image, sorted, including missing paths. `visit`
 * gets the hash that the file at the path had when it was last read. `visit` returns false if memory ran out. NOT_FOUND
 * if there is no such image. */
gp_status gp_cat_image_files(gp_catalog *cat, const gp_hash *image, int *flag,
                             bool (*visit)(void *user, const char *path, const gp_hash *hash, bool missing), void *user,
                             gp_error *err);
/* Records that the file may have changed. The next add reads it even if its size and time match. */
gp_status gp_cat_path_doubt(gp_catalog *cat, const char *path, gp_error *err);
/* Stores the hash of the decoded pixels (gp_cat_image.pixels). It is known only after the image has been decoded. */
gp_status gp_cat_pixels_put(gp_catalog *cat, int64_t image, const gp_hash *pixels, gp_error *err);
/* Records a file that could not be read, or an image that could not be decoded. image 0: no image is recorded for the
 * file. stage: "add", "score" or "export". passing: a temporary error (gp_error_passes); the image is tried again. */
gp_status gp_cat_failure_put(gp_catalog *cat, const char *path, uint64_t size, int64_t mtime_ns, int64_t image,
                             const char *stage, const char *message, bool passing, gp_error *err);
/* Deletes the temporary "add" errors at or below `root` (absolute). The next add of `root` records again those errors
 * that still occur. */
gp_status gp_cat_failures_forget(gp_catalog *cat, const char *root, gp_error *err);
/* Deletes the "add" failures of files that no longer exist according to `exists`. */
gp_status gp_cat_failures_sweep(gp_catalog *cat, bool (*exists)(void *, const char *path), void *user, gp_error *err);
gp_status gp_cat_failure_clear(gp_catalog *cat, int64_t image, const char *stage, gp_error *err);
/* Marks paths as missing if `exists` returns false for them. Results of their images are kept. *lost: number of images
 * that lost their last path through this call; may be NULL. */
gp_status gp_cat_paths_mark_missing(gp_catalog *cat, bool (*exists)(void *, const char *path), void *user,
                                    uint64_t *lost, gp_error *err);

/* ------------------------------------------------------------------ prompts */
typedef struct gp_cat_prompt {
    /* prompt as the text tower reads it; NULL: the file has settings or a negative prompt but no prompt */
    const char *text;
    const char *raw;      /* as written in the file */
    const char *negative; /* may be NULL */
    const char *source;   /* "table:x.csv", "a1111", "comfyui: node 6", "sidecar" */
    int strength;         /* priority: a prompt replaces one of lower or equal priority. Table 3, metadata 2, sidecar
                             file 1, a guess or no prompt 0 */
    const char *settings_json; /* JSON object or NULL */
    const char *evidence;      /* "stated" (default for NULL), "derived" or "guess"; without text it is stored as
                                  "none" */
    const gp_hash *file_read;  /* hash of the bytes whose metadata was just read, or NULL. If it equals the image's
                                  first hash, this prompt replaces a recorded prompt of strength 2 */
} gp_cat_prompt;
/* Assigns the prompt to the image, unless the image has a prompt of higher priority (see `strength` and `file_read`).
 * Embeddings and scores of the former prompt are kept. If `prompt` has no text, no negative prompt and no settings,
 * removes the former prompt and assigns nothing. changed may be NULL. */
gp_status gp_cat_prompt_put(gp_catalog *cat, int64_t image, const gp_cat_prompt *prompt, bool *changed, gp_error *err);
/* Returns the id of the image's prompt; 0: the image has no prompt. */
gp_status gp_cat_prompt_of(gp_catalog *cat, int64_t image, int64_t *prompt, gp_error *err);
/* The recorded prompt of an image. Without a record, strength is 0 and the texts are NULL. */
typedef struct gp_cat_kept_prompt {
    int strength;
    char *raw, *source, *settings_json; /* owned: gp_cat_kept_prompt_clear */
    bool guess;                         /* the evidence is "guess" */
    uint64_t paths;                     /* number of paths that hold the image now */
} gp_cat_kept_prompt;
gp_status gp_cat_prompt_get(gp_catalog *cat, int64_t image, gp_cat_kept_prompt *out, gp_error *err);
void gp_cat_kept_prompt_clear(gp_cat_kept_prompt *prompt);

/* ------------------------------------------------------------------ encoders and embeddings */

/* An encoder is identified by weight hash, precision, preprocess id and text rule. `model` is the name by which it was
 * last opened; it is only for display. */
typedef struct gp_cat_encoder {
    const char *model, *weight_hash, *precision, *preprocess_id, *text_rule;
    uint32_t dims;
} gp_cat_encoder;
gp_status gp_cat_encoder_put(gp_catalog *cat, const gp_cat_encoder *encoder, int64_t *id, gp_error *err);

/* A list of images, or of prompts, that a stage must still process. */
typedef struct gp_cat_todo {
    int64_t *ids;
    char **paths;    /* for images: the first path of each that is not marked missing; for prompts: the texts */
    gp_hash *hashes; /* hashes of the files at those paths; NULL for prompts */
    size_t count;
} gp_cat_todo;
/* Lists up to `limit` images with id > after, by id, that lack an embedding by this encoder. Images with a permanent
 * "score" failure are left out unless retry_failed is set. The caller owns the arrays: gp_cat_todo_clear. */
gp_status gp_cat_images_todo(gp_catalog *cat, int64_t encoder, int64_t after, size_t limit, bool retry_failed,
                             gp_cat_todo *out, gp_error *err);
gp_status gp_cat_images_todo_count(gp_catalog *cat, int64_t encoder, bool retry_failed, uint64_t *todo, uint64_t *have,
                                   gp_error *err);
/* How an encoder reads texts: the name of the rule for texts with more tokens than its context. */
typedef struct gp_cat_text_rule {
    const char *name; /* "truncate", "chunks", "first-sentence" */
    uint32_t context;
} gp_cat_text_rule;
/* Lists the prompts that belong to an image and lack a text embedding by this rule; NULL: by any rule. Prompts that fit
 * the context have the same embedding by every rule. out->paths holds the texts of the prompts. */
gp_status gp_cat_prompts_todo(gp_catalog *cat, int64_t encoder, const gp_cat_text_rule *rule, int64_t after,
                              size_t limit, gp_cat_todo *out, gp_error *err);
void gp_cat_todo_clear(gp_cat_todo *todo);
/* Stores a normalised vector [dims] float32. rule NULL: "truncate". The vector replaces an earlier vector of the same image (or prompt) and
 * encoder. */
gp_status gp_cat_image_embedding_put(gp_catalog *cat, int64_t image, int64_t encoder, const float *vector,
                                     uint32_t dims, gp_error *err);
gp_status gp_cat_prompt_embedding_put(gp_catalog *cat, int64_t prompt, int64_t encoder, const float *vector,
                                      uint32_t dims, uint32_t tokens, bool truncated, const gp_cat_text_rule *rule,
                                      gp_error *err);

/* ------------------------------------------------------------------ quality measures */

/* Lists images on disk that have no measures: ids above `after`, ascending, at most `limit`. Images whose file could
 * not be decoded before are left out. The caller owns *out: gp_cat_todo_clear. */
gp_status gp_cat_quality_todo(gp_catalog *cat, int64_t after, size_t limit, gp_cat_todo *out, gp_error *err);
gp_status gp_cat_quality_todo_count(gp_catalog *cat, uint64_t *count, gp_error *err);
/* Stores the measures. If set_apart is true and the frame is black or noise, the image is set apart: it is no longer a
 * candidate or a pick. *apart: this call set the image apart. */
gp_status gp_cat_quality_put(gp_catalog *cat, int64_t image, const gp_quality *quality, bool set_apart, bool *apart,
                             gp_error *err);
/* Calls visit for every image that has measures, by id. */
gp_status gp_cat_quality_visit(gp_catalog *cat, void (*visit)(void *user, int64_t image, const gp_quality *quality),
                               void *user, gp_error *err);
/* Restores all images that were set apart because they are black or noise: they are candidates again. *images: number
 * of these images. */
gp_status gp_cat_frames_keep(gp_catalog *cat, uint64_t *images, gp_error *err);

/* ------------------------------------------------------------------ scores */
typedef struct gp_cat_scorer {
    const char *id;    /* key, see gp_scorer.id */
    const char *name;  /* such as "clip" */
    const char *scale; /* formula, such as "100*max(cos,0)" */
    int64_t encoder;   /* 0: the scorer needs no encoder */
    bool higher_better;
    const char *parameters; /* hash of the scorer's own parameters; NULL or "": none */
    const char *needs;      /* "image", "pair" or "pixels" (gp_scorer_needs) */
} gp_cat_scorer;
gp_status gp_cat_scorer_put(gp_catalog *cat, const gp_cat_scorer *scorer,
                            gp_error *err); /* also marks the scorer as used last */
/* Returns whether a scorer, given by its key, is fused from other scorers (stage/fuse_stage.h). */
bool gp_cat_scorer_is_fused(const char *key);
/* Records a scorer without marking it as used last, and removes other scorers of the same name, with their scores,
 * unless picks or an analysis use them. */
gp_status gp_cat_scorer_put_alone(gp_catalog *cat, const gp_cat_scorer *scorer, gp_error *err);
/* Returns the scorer used last, or NOT_FOUND ("... no scores yet"). The caller owns *id: gp_mem_free. */
gp_status gp_cat_scorer_last(gp_catalog *cat, char **id, gp_error *err);
/* Returns the name of the scorer's model as it was last opened. scorer NULL: the scorer used last. The caller owns
 * *model: gp_mem_free. */
gp_status gp_cat_scorer_model(gp_catalog *cat, const char *scorer, char **model, gp_error *err);
/* Returns the scorer `preferred` if the catalog has it, else the scorer of this encoder that was used last. *id is NULL
 * if there is neither. The caller owns *id: gp_mem_free. */
gp_status gp_cat_scorer_of_encoder(gp_catalog *cat, const gp_cat_encoder *encoder, const char *preferred, char **id,
                                   gp_error *err);
/* Finds the scorer that the user named by its key, its name, its model, or "model:precision". Errors: NOT_FOUND (no
 * such scorer), USAGE (several match). The caller owns *id: gp_mem_free. */
gp_status gp_cat_scorer_find(gp_catalog *cat, const char *named, char **id, gp_error *err);
/* Calls visit for all scorers, beginning with the scorer used last; see gp_catalog_scorers. */
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
/* Calls visit page by page for pairs that have the embeddings which the scorer needs but lack its score. Guessed
 * prompts are included only if `guesses` is true. A scorer that needs no text gets every image, with the prompt 0 if the
 * image has none, and also with a guessed prompt. visit may write and commit; it returns false to stop. */
gp_status gp_cat_pairs_todo(gp_catalog *cat, const char *scorer, bool guesses,
                            bool (*visit)(void *user, const gp_cat_pairs *pairs), void *user, gp_error *err);
/* Like gp_cat_pairs_todo, only for images with after < id <= upto. */
gp_status gp_cat_pairs_todo_of(gp_catalog *cat, const char *scorer, bool guesses, int64_t after, int64_t upto,
                               bool (*visit)(void *user, const gp_cat_pairs *pairs), void *user, gp_error *err);
/* The prompt of one image, for scoring it while its embedding is in memory. */
typedef struct gp_cat_pair {
    int64_t prompt;        /* 0: the image has none */
    bool candidate, guess; /* candidate: the image is not set apart; guess: the prompt is guessed */
    bool has_vector;       /* the prompt has an embedding by the encoder */
} gp_cat_pair;
/* vector [dims]: the embedding of the prompt, if it has one. */
gp_status gp_cat_image_pair(gp_catalog *cat, int64_t image, int64_t encoder, float *vector, uint32_t dims,
                            gp_cat_pair *out, gp_error *err);
/* prompt: 0 for an image without a prompt. */
gp_status gp_cat_score_put(gp_catalog *cat, int64_t image, int64_t prompt, const char *scorer, double value,
                           gp_error *err);

/* Calls visit for each score that an image on disk has for its current prompt, in order of prompt and image. `text` is
 * borrowed until visit returns; visit returns false to stop. */
gp_status gp_cat_scores_visit(gp_catalog *cat, const char *scorer, bool *higher_better,
                              bool (*visit)(void *user, int64_t prompt, const char *text, double score), void *user,
                              gp_error *err);

/* ------------------------------------------------------------------ picks */

/* gp_cat_matrix_read (analysis.h) reads the candidates. */
/* Returns the scorer by which the newest picks were made; *id is NULL if there are no picks. The caller owns *id:
 * gp_mem_free. */
gp_status gp_cat_picks_scorer(gp_catalog *cat, char **id, gp_error *err);
/* Counts the prompts that belong to an image and that the encoder truncated because they have too many tokens. */
gp_status gp_cat_prompts_cut(gp_catalog *cat, int64_t encoder, uint64_t *count, gp_error *err);
/* Replaces the picks by these images in one transaction. Earlier picks in a missing folder stay. A folder counts as
 * missing if all known images in it and below it are missing. Such a pick is removed when its prompt gets another pick,
 * or by the first call after the folder is back. rule: how the picks were chosen; may be NULL. reasons, categories
 * [count]: why each image was picked, and its category; both may be NULL and may contain NULL. */
gp_status gp_cat_picks_replace(gp_catalog *cat, const char *scorer, const int64_t *images, const uint32_t *ranks,
                               size_t count, const char *rule, const char *const *reasons,
                               const char *const *categories, gp_error *err);

/* ------------------------------------------------------------------ flags, stars, tags and saved views */
typedef struct gp_cat_rating {
    gp_hash hash;             /* content hash of the image; a rating with an unknown hash is ignored */
    bool has_flag, has_stars; /* false: the stored value stays */
    int flag;                 /* -1: rejected, 0: none, 1: picked */
    int stars;                /* 0..5 */
} gp_cat_rating;
/* Stores ratings in one transaction and syncs it to disk before returning. *changed: number of ratings whose image was
 * found; may be NULL. */
gp_status gp_cat_ratings_put(gp_catalog *cat, const gp_cat_rating *ratings, size_t count, size_t *changed,
                             gp_error *err);

typedef struct gp_cat_tagging {
    gp_hash hash;    /* of the image; a tag for an unknown hash is ignored */
    const char *tag; /* as gp_cat_tag_clean returns it */
    bool removed;    /* remove the tag instead of adding it */
} gp_cat_tagging;
enum { GP_CAT_TAG_LENGTH = 100 /* maximum characters of a tag */ };
/* Returns the text as the catalog stores a tag: in NFC, with each run of white space replaced by one space, and without
 * white space at the ends. Two tags are equal if these texts are equal. USAGE: the text cannot be a tag, because it is
 * empty, too long or not UTF-8, or has a control character or a comma. The caller owns *tag: gp_mem_free. */
gp_status gp_cat_tag_clean(const char *text, size_t size, char **tag, gp_error *err);
/* Stores ratings and tags in one transaction and syncs it to disk before returning. *changed: number of ratings whose
 * image was found, plus number of tags that were added or removed; may be NULL. */
gp_status gp_cat_marks_put(gp_catalog *cat, const gp_cat_rating *ratings, size_t count, const gp_cat_tagging *tags,
                           size_t tag_count, size_t *changed, gp_error *err);
/* Sets *known if an image has this content hash. */
gp_status gp_cat_has_image(gp_catalog *cat, const gp_hash *hash, bool *known, gp_error *err);
/* Calls visit for each tag of each image, in order of tag and image. visit returns false to stop. */
gp_status gp_cat_tags_visit(gp_catalog *cat, bool (*visit)(void *user, const char *tag, int64_t image), void *user,
                            gp_error *err);
/* Stores a view (a JSON object) under a name and syncs it to disk. json NULL deletes the view. */
gp_status gp_cat_saved_put(gp_catalog *cat, const char *name, const char *json, gp_error *err);
gp_status gp_cat_saved_visit(gp_catalog *cat, bool (*visit)(void *user, const char *name, const char *json), void *user,
                             gp_error *err);

/* ------------------------------------------------------------------ journal of marks (marks.h) */
typedef struct gp_cat_brought {
    uint64_t marks, views, picks, plans; /* rows restored from the journal; marks: ratings and tags */
    uint64_t waiting;                    /* entries whose image is not in the catalog */
} gp_cat_brought;
/* Merges those journal entries that waited for an image which has been added by now. *brought reports everything that
 * was merged since the catalog was opened or since the last call. Must not be called inside a transaction. */
gp_status gp_cat_marks_bring(gp_catalog *cat, gp_cat_brought *brought, gp_error *err);

/* Implement gp_catalog_check and gp_catalog_rescue of goldpan.h. All fields of the options must be set. */
gp_status gp_cat_check(const char *path, bool (*go_on)(void *user), void *go_on_user,
                       bool (*visit)(void *user, const gp_catalog_problem *problem), void *user, uint64_t *problems,
                       gp_error *err);
/* Checks the catalog file only, not the journal. *sound: no problem was found. */
gp_status gp_cat_sound(const char *path, bool (*go_on)(void *user), void *user, bool *sound, gp_error *err);
gp_status gp_cat_rescue(const char *path, const gp_rescue_options *options, gp_rescue_report *report, gp_error *err);

/* *version grows whenever another handle, in this process or another one, has committed. */
gp_status gp_cat_data_version(gp_catalog *cat, int64_t *version, gp_error *err);

#endif
