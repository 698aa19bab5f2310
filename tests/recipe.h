/* SPDX-License-Identifier: MIT
 * Models whose weights are a formula, for tests and benches: tools/reference.py computes the same numbers and their
 * embeddings with transformers.  Nothing here uses goldpan's own reading of safetensors. */
#ifndef GP_TESTS_RECIPE_H
#define GP_TESTS_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct recipe_sizes {
    bool image, text;
    unsigned image_width, image_layers, image_mlp, side, patch;
    unsigned text_width, text_layers, text_mlp, vocabulary, context;
    unsigned embedding;
} recipe_sizes;

typedef struct recipe_how {
    const char *dtype; /* "F32", "F16", "BF16" */
    unsigned shards;   /* 1: model.safetensors; more: that many files and an index */
    bool position_ids; /* also the I64 buffers that old checkpoints hold */
} recipe_how;

/* Sizes of a published shape: "vit-b-32", "vit-b-16", "vit-l-14", "vit-l-14-336", "vit-h-14"; false if unknown.
 * `config` (may be NULL) becomes its config.json. */
bool recipe_named(const char *name, recipe_sizes *sizes, char *config, size_t config_size);

/* Value i of tensor `name`, whose last dimensions multiply to fan_in. */
float recipe_value(const char *name, size_t fan_in, uint64_t i);
/* u8 [n, side, side, 3]: cells of colour and noise. */
void recipe_pixels(unsigned side, unsigned n, uint8_t *out);
/* u8 [side, side, 3] -> planes [3, side, side], as CLIP's preprocessing does it. */
void recipe_planes(const uint8_t *pixels, unsigned side, float *planes);

/* Write weights into the folder; 0, or -1 with errno. */
int recipe_write(const char *folder, const recipe_sizes *sizes, const recipe_how *how);
int recipe_write_text(const char *folder, const char *name, const char *text);

/* A new empty folder under TMPDIR, and its removal with the files in it. */
char *recipe_folder_new(void); /* free() */
void recipe_folder_free(char *folder);

#endif
