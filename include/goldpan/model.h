/* SPDX-License-Identifier: MIT
 * Models: find, download and open a CLIP model; images and texts to embeddings; CLIP scores.
 * Nothing here needs a catalog.  Include <goldpan.h>, which explains the conventions. */
#ifndef GOLDPAN_MODEL_H
#define GOLDPAN_MODEL_H

#include "core.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GP_MAX_PIXELS 178956970u /* larger images are rejected, as by Pillow */

/* ------------------------------------------------------------------ open a model */

typedef struct gp_model gp_model;

typedef enum gp_precision {
    GP_PRECISION_AUTO, /* bf16 where the machine has AMX or AVX512-BF16, else fp32 */
    GP_PRECISION_FP32,
    GP_PRECISION_BF16,
    GP_PRECISION_INT8
} gp_precision;

typedef enum gp_engine {
    GP_ENGINE_AUTO,  /* the faster engine on this machine */
    GP_ENGINE_PLAIN, /* goldpan's own kernels */
    GP_ENGINE_ONEDNN
} gp_engine;

/* How a text with more tokens than the model's context is encoded (CLIP: more than 77).  CHUNKS:
 * the mean of the embeddings of its parts, weighted by their numbers of tokens, and normalised.  A
 * part fits the context and ends after a comma if one is near; at most 256 parts. */
typedef enum gp_long_prompt {
    GP_LONG_PROMPT_TRUNCATE, /* only the first tokens, as the reference packages do */
    GP_LONG_PROMPT_CHUNKS,
    GP_LONG_PROMPT_FIRST_SENTENCE, /* only the first sentence, truncated */
    GP_LONG_PROMPTS
} gp_long_prompt;

typedef struct gp_model_options {
    size_t size;
    gp_precision precision;
    gp_engine engine;
    bool fast_decode; /* decode JPEGs at 1/2, 1/4 or 1/8 of their size if they are more than
                           * twice as large as the model's input.  The embeddings differ a little
                           * from exact embeddings.  They have another preprocess_id, so goldpan
                           * never mixes scores of the two kinds */
    gp_long_prompt long_prompt; /* part of a scorer's id: scores by different rules never mix */
    const char *revision;       /* branch, tag or commit of the model on the hub; NULL: main */
} gp_model_options;

/* Open a model by folder, or by hub name ("openai/clip-vit-large-patch14") in the Hugging Face
 * cache.  Nothing is downloaded.
 * Cost: memory of 4 bytes a weight in fp32, 2 in bf16, for copies packed for matrix products.
 * Owns: *out is owned, gp_model_close.
 * Errors: NOT_FOUND (the message names the command that downloads it), FORMAT (the message names
 * the file and the tensor), UNSUPPORTED, IO.
 * Threads: any. */
GP_API GP_MUST gp_status gp_model_open(const char *name_or_folder, const gp_model_options *options,
                                       gp_model **out, gp_error *err);

/* Close a model.  NULL is allowed.
 * Threads: one; no other call may use the model. */
GP_API void gp_model_close(gp_model *model);

/* Strings are borrowed until gp_model_close. */
typedef struct gp_model_facts {
    size_t size;
    const char *name;          /* as opened */
    const char *folder;        /* where its files are */
    const char *weight_hash;   /* 32 hex digits over the bytes of all tensors */
    const char *preprocess_id; /* names the preprocessing, such as "pillow-bicubic-224-crop-..." */
    const char *precision;     /* "fp32", "bf16" or "int8" */
    const char *engine;
    const char *dtype;      /* type of the stored weights: "F32", "F16", "BF16", "mixed" */
    const char *activation; /* "quick_gelu" or "gelu" */
    bool has_image_tower;
    bool has_text_tower;
    uint32_t image_side; /* pixels of a side of the model's square input (s) */
    uint32_t patch;      /* pixels of a side of a patch */
    uint32_t image_width;
    uint32_t image_layers;
    uint32_t image_heads;
    uint32_t text_width;
    uint32_t text_layers;
    uint32_t text_heads;
    uint32_t context;    /* maximum number of tokens of a text */
    uint32_t vocabulary; /* number of token ids */
    uint32_t embedding;  /* numbers of an embedding (d) */
    uint64_t parameters;
    double logit_scale;     /* exp of the stored value */
    double image_flop;      /* FLOPs of the whole image tower for one image */
    double image_flop_done; /* FLOPs of goldpan's forward pass (last layer: pooled token only) */
    const char *licence;    /* licence of the weights; NULL: goldpan does not know it */
} gp_model_facts;

/* Describe an open model.
 * Errors: USAGE.
 * Threads: any. */
GP_API gp_status gp_model_info(const gp_model *model, gp_model_facts *facts, gp_error *err);

/* Returns the licence of the weights of a well-known model by its hub name, such as
 * "openai/clip-vit-base-patch32"; NULL: goldpan does not know it.
 * Threads: any. */
GP_API const char *gp_model_licence(const char *name);

/* ------------------------------------------------------------------ scorers */

/* A scorer that gp_score_options.scorer can name.  Strings are never freed. */
typedef struct gp_scorer_kind {
    const char *name;       /* such as "pickscore" */
    const char *argument;   /* what follows the name and a colon, such as "FILE"; NULL: nothing */
    bool argument_optional; /* the argument may be left out */
    bool needs_text;        /* the score depends on the prompt */
    bool higher_better;     /* the file of a linear head may say the opposite */
    const char *model;      /* hub name of the model that the scorer needs; NULL: any CLIP model */
    const char *licence;
    const char *scale;    /* how the score is computed, such as "100*max(cos,0)" */
    const char *looks_at; /* what the score measures, in a few words */
} gp_scorer_kind;

/* Visit all scorers that goldpan has, the default first.  `visit` returns false to end early.
 * Errors: USAGE.
 * Threads: any. */
GP_API GP_MUST gp_status gp_scorer_kinds(bool (*visit)(void *user, const gp_scorer_kind *kind),
                                         void *user, gp_error *err);

/* ------------------------------------------------------------------ find and download */

/* Find the folder of a model without opening it.
 * Owns: *folder is owned, gp_free.
 * Errors: NOT_FOUND (the message names the command that downloads it).
 * Threads: any. */
GP_API GP_MUST gp_status gp_model_find(const char *name_or_folder, const char *revision,
                                       char **folder, gp_error *err);

/* Strings are borrowed until the callback returns. */
typedef struct gp_cached_model {
    const char *name;
    const char *folder;
    const char *revision; /* NULL for the bundled model */
    const char *lacks;    /* first missing file, which gp_model_fetch downloads; else NULL */
    uint64_t bytes;
    bool usable;  /* has config.json, a tokenizer and weights that goldpan reads */
    bool bundled; /* the model that comes with goldpan for its sample; not in the cache */
} gp_cached_model;

/* Visit the bundled model, then the models in the Hugging Face cache in order of name.  `visit`
 * returns false to end early.
 * Errors: IO.
 * Threads: any. */
GP_API GP_MUST gp_status gp_model_list(bool (*visit)(void *user, const gp_cached_model *model),
                                       void *user, gp_error *err);

typedef struct gp_fetch_options {
    size_t size;
    const char *revision; /* NULL: main */
    bool force;           /* ask the hub again even if every file is there */
    gp_progress_fn progress;
    void *user;
} gp_fetch_options;

/* Download the files that goldpan needs of a model into the Hugging Face cache, which
 * huggingface_hub shares.  A partial download is resumed, and hashes are checked.
 * Environment: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_HUB_OFFLINE.
 * folder: may be NULL.
 * Owns: *folder is owned, gp_free.
 * Errors: NETWORK, IO, NOT_FOUND, FORMAT (a hash that does not match), STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_model_fetch(const char *name, const gp_fetch_options *options,
                                        char **folder, gp_error *err);

/* ------------------------------------------------------------------ image to planes */

typedef struct gp_pixels {
    size_t size;
    uint32_t width;
    uint32_t height;
    uint8_t *rgb; /* [height, width, 3] */
} gp_pixels;

/* Decode an image file to RGB as Pillow's Image.convert("RGB") does: alpha is dropped,
 * the orientation is not applied, and an animation gives its first frame.
 * max_pixels: 0 means GP_MAX_PIXELS.
 * Owns: *out is owned, gp_pixels_clear.
 * Errors: IO, NOT_FOUND, FORMAT, LIMIT, UNSUPPORTED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_image_decode(const char *path, uint64_t max_pixels, gp_pixels *out,
                                         gp_error *err);

/* Release the pixels.  A cleared struct may be cleared again.
 * Threads: any. */
GP_API void gp_pixels_clear(gp_pixels *pixels);

/* Turn pixels into the input of the image tower: resize, crop, rescale and normalise as the
 * model's preprocessor_config.json says.
 * Shape: planes [3, s, s].
 * Source: Pillow's resampling; transformers' CLIPImageProcessor.
 * Errors: UNSUPPORTED (the model has no image tower).
 * Threads: any. */
GP_API GP_MUST gp_status gp_preprocess(const gp_model *model, const gp_pixels *pixels,
                                       float *planes, gp_error *err);

/* ------------------------------------------------------------------ text to tokens */

/* Turn a text into token ids with start and end token.  A long text is cut to the model's context,
 * and the end token is kept.  Only the tokenizer is needed.
 * Shape: ids [capacity].  *count: number of ids written.  *full (may be NULL): number of ids before
 * the cut.
 * Source: CLIPTokenizerFast of transformers.
 * Errors: NOT_FOUND (the model has no tokenizer), USAGE (capacity is less than the context).
 * Threads: any. */
GP_API GP_MUST gp_status gp_tokens(const gp_model *model, const char *text, int32_t *ids,
                                   size_t capacity, size_t *count, size_t *full, gp_error *err);

typedef struct gp_tokenizer gp_tokenizer;

/* Open the tokenizer of a model alone, by folder or hub name.
 * Owns: *out is owned, gp_tokenizer_close.
 * Errors: NOT_FOUND, FORMAT, IO.
 * Threads: any. */
GP_API GP_MUST gp_status gp_tokenizer_open(const char *name_or_folder, gp_tokenizer **out,
                                           gp_error *err);

/* Close a tokenizer.  NULL is allowed.
 * Threads: one; no other call may use the tokenizer. */
GP_API void gp_tokenizer_close(gp_tokenizer *tokenizer);

/* Turn a text into all its ids, without a cut.
 * Shape: ids [count].
 * Owns: *ids is owned, gp_free.
 * Errors: MEMORY.
 * Threads: any. */
GP_API GP_MUST gp_status gp_tokenizer_ids(const gp_tokenizer *tokenizer, const char *text,
                                          int32_t **ids, size_t *count, gp_error *err);

/* Returns the vocabulary entry of an id, such as "cat</w>"; NULL if there is none.  Borrowed until
 * gp_tokenizer_close.
 * Threads: any. */
GP_API const char *gp_tokenizer_entry(const gp_tokenizer *tokenizer, int32_t id);

/* ------------------------------------------------------------------ embeddings and scores */

/* For gp_encode_images and gp_encode_texts. */
typedef struct gp_encode_options {
    size_t size;
    int threads;             /* 0: all processors */
    gp_progress_fn progress; /* at least every 0.2 s, "encode" in images or texts */
    void *user;
} gp_encode_options;

/* Turn preprocessed images into embeddings of length 1.
 * Shape: planes [n, 3, s, s] -> out [n, d], dense, allocated by the caller.  After STOPPED some
 * rows may be written.
 * Errors: UNSUPPORTED (the model has no image tower), STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_encode_images(const gp_model *model, const float *planes, size_t n,
                                          const gp_encode_options *options, float *out,
                                          gp_error *err);

/* Turn texts into embeddings of length 1.  Texts are computed in groups of similar length; row i
 * of `out` belongs to texts[i].
 * Shape: texts [n] -> out [n, d], dense, allocated by the caller.  After STOPPED some rows may be
 * written.
 * Errors: UNSUPPORTED (the model has no text tower), USAGE (a text is NULL), STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_encode_texts(const gp_model *model, const char *const *texts, size_t n,
                                         const gp_encode_options *options, float *out,
                                         gp_error *err);

typedef struct gp_embed_options {
    size_t size;
    uint64_t max_pixels;     /* larger images fail */
    int threads;             /* 0: all processors */
    int batch;               /* images that a thread encodes at once; 0: chosen for the model */
    gp_progress_fn progress; /* at least every 0.2 s, "embed" in images.  After a stop the images
                              * under way are given up */
    /* Called for each image that failed, in order of the list.  path: path of the source; NULL if
     * the source has no path.  May be NULL. */
    void (*failed)(void *user, size_t index, const char *path, const char *message);
    /* Called for each image that goldpan itself made (sheets, tours), which is then not encoded.
     * path: as above.  NULL: such images are encoded like others. */
    void (*own)(void *user, size_t index, const char *path);
    void *user; /* for the three functions */
} gp_embed_options;

/* Decode, preprocess and encode image files.  Calls gp_embed_sources with GP_SOURCE_PATH.
 * Shape: paths [n] -> out [n, d], dense; ok [n]; both allocated by the caller.  ok[i] tells whether
 * row i was filled; other rows are zero.
 * report: may be NULL.  The call sets done, skipped (goldpan's own images), failed and seconds.
 * Cost: as of gp_embed_sources.
 * Errors: UNSUPPORTED (the model has no image tower), STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_embed_files(const gp_model *model, const char *const *paths, size_t n,
                                        const gp_embed_options *options, float *out, bool *ok,
                                        gp_report *report, gp_error *err);

typedef enum gp_source_kind {
    GP_SOURCE_PATH,  /* an image file */
    GP_SOURCE_BYTES, /* the bytes of such a file */
    GP_SOURCE_PIXELS /* decoded pixels, 8 bits a channel */
} gp_source_kind;

/* An image, given as a file, as its bytes or as its pixels.  Pointers are borrowed until the call
 * returns.  All elements of an array have the same `size`. */
typedef struct gp_source {
    size_t size;
    gp_source_kind kind;
    uint32_t width;      /* PIXELS */
    uint32_t height;     /* PIXELS */
    uint32_t channels;   /* PIXELS: 3 (R, G, B); 4 (alpha is dropped, not blended); 1 (gray) */
    const char *path;    /* PATH: the file; else a name for messages, or NULL */
    const uint8_t *data; /* BYTES: the file's bytes; PIXELS: rows from the top, pixels from the
                          * left, the channels of a pixel side by side */
    size_t data_size;    /* bytes at `data`; PIXELS: at least
                          * (height - 1) * stride + width * channels */
    size_t stride;       /* PIXELS: bytes from a row to the next, at least width * channels;
                          * 0: width * channels */
} gp_source;

/* Decode, preprocess and encode images from files and from memory.  An image has the same
 * embedding, bit for bit, whether it is given as file, bytes or pixels.  If a source cannot be
 * encoded, the call continues with the next source.
 * Shape: sources [n] -> out [n, d], dense; statuses [n]; both allocated by the caller.
 * statuses[i]: OK if row i was filled; other rows are zero.  IO, NOT_FOUND, FORMAT, LIMIT: as of
 * gp_image_decode.  USAGE: the source has no path or data, or its sizes contradict each other.
 * UNSUPPORTED: an unknown kind or number of channels, or an image that options->own left out.
 * STOPPED: the call ended before this source.
 * report: may be NULL.  The call sets done, skipped (goldpan's own images), failed and seconds.
 * Cost: memory a thread: its batch and one decoded image, for any n.  Pixels of 3 channels without
 * a gap between rows are not copied.
 * Errors: UNSUPPORTED (the model has no image tower; an unknown field of a source), STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_embed_sources(const gp_model *model, const gp_source *sources, size_t n,
                                          const gp_embed_options *options, float *out,
                                          gp_status *statuses, gp_report *report, gp_error *err);

/* Compute the CLIP scores of pairs: 100 * max(cosine, 0).
 * Shape: images [n, d], texts [n, d], rows of length 1 -> scores [n], allocated by the caller.
 * Threads: any. */
GP_API void gp_clip_score(const float *images, const float *texts, size_t n, size_t d,
                          double *scores);

/* ------------------------------------------------------------------ files */

/* Find the image files below some folders.  The list is sorted and contains each file once.
 * Owns: *paths [count] is owned, gp_paths_free.
 * Errors: NOT_FOUND (a root does not exist), IO.
 * Threads: any. */
GP_API GP_MUST gp_status gp_find_images(const char *const *roots, size_t root_count, char ***paths,
                                        size_t *count, gp_error *err);

/* Release a list of paths.  NULL is allowed.
 * Threads: any. */
GP_API void gp_paths_free(char **paths, size_t count);

#ifdef __cplusplus
}
#endif
#endif
