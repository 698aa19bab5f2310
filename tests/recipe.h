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
    /* number of weight files; 1: model.safetensors; more than 1: this number of shards and an index */
    unsigned shards;
    bool position_ids; /* also write the I64 buffers of old checkpoints */
} recipe_how;

/* Sets the sizes of a published shape: "vit-b-32", "vit-b-16", "vit-l-14", "vit-l-14-336", "vit-h-14".  Returns false
 * for another name.  `config` (may be NULL) gets its config.json. */
bool recipe_named(const char *name, recipe_sizes *sizes, char *config, size_t config_size);

/* Returns value i of tensor `name`. fan_in: the product of the tensor's last dimensions. */
float recipe_value(const char *name, size_t fan_in, uint64_t i);
/* Writes u8 [n, side, side, 3]: cells of one colour, with noise. */
void recipe_pixels(unsigned side, unsigned n, uint8_t *out);
/* Preprocesses u8 [side, side, 3] to planes [3, side, side], as CLIP does. */
void recipe_planes(const uint8_t *pixels, unsigned side, float *planes);

/* Writes weights into the folder.  Returns 0, or -1 with errno. */
int recipe_write(const char *folder, const recipe_sizes *sizes, const recipe_how *how);
int recipe_write_text(const char *folder, const char *name, const char *text);

/* Create an empty folder under TMPDIR, and remove a folder with its files. */
char *recipe_folder_new(void); /* free with free() */
void recipe_folder_free(char *folder);

#endif
