/* SPDX-License-Identifier: MIT
 * config.json of a CLIP model: the sizes of the two towers, with the defaults and precedence of fields of transformers.
 */
#ifndef GP_MODEL_CONFIG_H
#define GP_MODEL_CONFIG_H

#include "model/encoder_type.h"

extern const gp_architecture gp_clip_architectures[]; /* ends with NULL */

typedef enum gp_activation { GP_QUICK_GELU, GP_GELU } gp_activation;

typedef struct gp_tower_config {
    uint32_t width, mlp, layers, heads; /* width = heads * head size */
    float eps;                          /* of the layer norms */
    gp_activation activation;
} gp_tower_config;

typedef struct gp_clip_config {
    bool has_image, has_text;
    bool open_clip;     /* the tensors have the names of open_clip */
    uint32_t embedding; /* width of the shared embedding space */
    gp_tower_config image, text;
    uint32_t side, patch;         /* image: side x side pixels, patches of patch x patch */
    uint32_t vocabulary, context; /* text: number of token ids, maximum number of tokens */
    int64_t eos;                  /* id of the pooled token; 2: the pooled token is the first one with the largest id */
} gp_clip_config;

/* Reads the parsed config.json, called `file` in messages.  Checks all sizes, so that the sizes of buffers can be
 * computed from them without overflow.  Errors: FORMAT, LIMIT, UNSUPPORTED; the message names the field. */
gp_status gp_clip_config_read(const gp_json *root, const char *file, gp_clip_config *out, gp_error *err);
/* As gp_clip_config_read, for the parsed open_clip_config.json (open_clip.c).  A field that changes the model in a way
 * that goldpan does not support is an error UNSUPPORTED, which names the field. */
gp_status gp_open_clip_config_read(const gp_json *root, const char *file, gp_clip_config *out, gp_error *err);
/* Returns true if the parsed file is an open_clip_config.json. */
bool gp_open_clip_is(const gp_json *root);
/* The limits of sizes, for both layouts. */
enum {
    GP_CLIP_MAX_WIDTH = 16384,
    GP_CLIP_MAX_MLP = 65536,
    GP_CLIP_MAX_LAYERS = 256,
    GP_CLIP_MAX_SIDE = 2048,
    GP_CLIP_MAX_TOKENS = 20000,
    GP_CLIP_MAX_CONTEXT = 8192,
    GP_CLIP_MAX_VOCABULARY = 1 << 22
};
const char *gp_activation_name(gp_activation activation);

/* Returns the number of tokens of an image: its patches and the class token. */
static inline size_t gp_clip_image_tokens(const gp_clip_config *config)
{
    size_t grid = config->side / config->patch;
    return grid * grid + 1;
}

/* Returns the number of floating-point operations of the image tower for one image.  If `done` is true,
 * counts only the operations that goldpan executes, otherwise all operations of the tower (see gp_model_facts). */
double gp_clip_image_flop(const gp_clip_config *config, bool done);

#endif
