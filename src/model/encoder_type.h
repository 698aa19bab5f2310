/* SPDX-License-Identifier: MIT
 * Private to model: one architecture of encoders, as a table of functions.
 * A new architecture needs one gp_encoder_type and one line in the table of encoder.c.  The structs of its encoder and
 * worker begin with gp_encoder and gp_encoder_worker, which is all that encoder.c uses. */
#ifndef GP_MODEL_ENCODER_TYPE_H
#define GP_MODEL_ENCODER_TYPE_H

#include "base/file.h"
#include "base/json.h"
#include "model/encoder.h"

/* The names by which config.json may name an architecture. */
typedef struct gp_architecture {
    const char *model_type; /* like "clip" */
    const char *name;       /* entry of `architectures`, like "CLIPModel"; used if model_type is missing */
} gp_architecture;

typedef struct gp_encoder_type {
    const gp_architecture *architectures; /* ends with {NULL, NULL}; messages name the type by the first architecture */
    const gp_tokenizer_kind *tokenizer_kind;
    size_t size; /* size of the type's encoder struct; gp_encoder_open allocates it, filled with zeros */
    /* Reads all files except config.json.  config: the parsed config.json, called `file` in messages.  After an error
     * the caller calls `clear`. */
    gp_status (*open)(gp_encoder *encoder, const gp_json *config, const char *file, gp_error *err);
    void (*clear)(gp_encoder *encoder); /* frees what `open` allocated, except the members of gp_encoder */
    /* Fills in the facts that encoder.c does not fill in: sizes, towers, parameters, operations. */
    void (*facts)(const gp_encoder *encoder, gp_model_facts *facts);
    size_t (*tokens_used)(const gp_encoder *encoder, const int32_t *ids, size_t count);
    gp_status (*worker_new)(const gp_encoder *encoder, size_t images, size_t tokens, gp_encoder_worker **out,
                            gp_error *err);
    void (*worker_free)(gp_encoder_worker *worker);
    gp_status (*run_images)(gp_encoder_worker *worker, const float *planes, size_t n, float *out, gp_error *err);
    gp_status (*run_texts)(gp_encoder_worker *worker, const int32_t *ids, const size_t *counts, size_t n, float *out,
                           gp_error *err);
} gp_encoder_type;

struct gp_encoder {
    const gp_encoder_type *type;
    char *folder;
    gp_precision precision; /* resolved: not "auto" */
    gp_engine engine;
    char engine_name[64], hash[33]; /* hash of all tensors in hex, set by `open` */
    uint32_t dims;                  /* set by `open` */
    bool has_image;                 /* set by `open`: `preprocess` is filled in */
    gp_preprocess_config preprocess;
    gp_tokenizer *tokenizer; /* may be NULL */
    gp_long_prompt long_prompt;
    char *heads; /* folder of the bundled heads; may be NULL */
};

struct gp_encoder_worker {
    const gp_encoder *encoder;
    const gp_task *task; /* may be NULL; if the task stops, run_images and run_texts end with STOPPED */
};

/* Returns the entry of the list for the architecture that the parsed config.json names; NULL if the list has no such
 * entry.  The list ends with {NULL, NULL}. */
const gp_architecture *gp_architecture_find(const gp_architecture *list, const gp_json *config);

/* encoder_files.c: files that the folders of all architectures have. */

/* Reads the file folder/name.  If the file does not exist, returns GP_OK with data NULL. The caller frees *out with
 * gp_bytes_clear and *path with gp_mem_free. */
gp_status gp_encoder_read_file(const char *folder, const char *name, gp_bytes *out, char **path, gp_error *err);
/* Reads config.json of a folder; open_clip_config.json if the folder has no config.json of transformers. */
gp_status gp_encoder_read_config(const char *folder, gp_bytes *out, char **path, gp_error *err);
/* Parses the text of config.json, called `file` in messages.  The caller frees *out with gp_json_free. */
gp_status gp_encoder_parse_config(const char *text, size_t size, const char *file, gp_json **out, gp_error *err);
/* Reads preprocessor_config.json or processor_config.json, or uses the defaults.  Fails unless the preprocessing gives
 * images of side x side pixels. */
gp_status gp_encoder_read_preprocess(gp_encoder *encoder, uint32_t side, gp_error *err);
/* Reads preprocess_cfg of the parsed open_clip_config.json, as gp_encoder_read_preprocess. */
gp_status gp_encoder_read_open_clip(gp_encoder *encoder, const gp_json *root, const char *file, uint32_t side,
                                    gp_error *err);
/* Opens the tokenizer if the folder has one.  Fails if the tokenizer has an id of `vocabulary` or more. */
gp_status gp_encoder_read_tokenizer(gp_encoder *encoder, uint32_t vocabulary, gp_error *err);

#endif
