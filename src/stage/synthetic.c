/* SPDX-License-Identifier: MIT
 * Synthetic images: clouds of three sizes in each colour, and a little grain. They compress like a painting. A flat
 * colour would decode too fast, and noise too slowly. */
#include "stage/synthetic.h"

#include "base/mem.h"
#include "base/rng.h"
#include "image/image.h"

#include <stdio.h>

static const struct layer {
    uint32_t cell; /* pixels between two grid points; a power of two */
    float height;
} layers[] = {{256, 80}, {64, 40}, {16, 12}};
enum { LAYERS = sizeof layers / sizeof *layers };
#define GRAIN 3.0f

/* Returns the value of a layer at a grid point, -1..1. */
static float grid_value(uint64_t seed, uint32_t x, uint32_t y)
{
    return (float)(gp_rng_at(seed, (uint64_t)y << 32 | x) >> 40) * 0x1p-23f - 1.0f;
}

static float ease(float t)
{
    return t * t * (3 - 2 * t);
}

/* Adds one row of a layer to sums [GP_SYNTHETIC_SIDE]. */
static void add_layer(const struct layer *l, uint64_t seed, uint32_t y, float *sums)
{
    const float down = ease((float)(y % l->cell) / (float)l->cell);
    for (uint32_t x = 0; x < GP_SYNTHETIC_SIDE; x += l->cell) {
        const uint32_t column = x / l->cell, row = y / l->cell;
        const float left = grid_value(seed, column, row) * (1 - down) + grid_value(seed, column, row + 1) * down;
        const float right =
            grid_value(seed, column + 1, row) * (1 - down) + grid_value(seed, column + 1, row + 1) * down;
        for (uint32_t i = 0; i < l->cell; i++)
            sums[x + i] += l->height * (left + (right - left) * ease((float)i / (float)l->cell));
    }
}

static void draw(uint64_t seed, uint8_t *rgb)
{
    float sums[GP_SYNTHETIC_SIDE];
    for (uint32_t y = 0; y < GP_SYNTHETIC_SIDE; y++)
        for (uint32_t c = 0; c < 3; c++) {
            const uint64_t stream = gp_rng_mix(seed * 64 + c * 16);
            for (uint32_t x = 0; x < GP_SYNTHETIC_SIDE; x++)
                /* random grain: the values of grid points that no layer uses */
                sums[x] = 128 + GRAIN * grid_value(stream, x, y + (1u << 20));
            for (size_t i = 0; i < LAYERS; i++) add_layer(&layers[i], gp_rng_mix(stream + 1 + i), y, sums);
            for (uint32_t x = 0; x < GP_SYNTHETIC_SIDE; x++) {
                const float v = sums[x] < 0 ? 0 : sums[x] > 255 ? 255 : sums[x];
                rgb[3 * ((size_t)y * GP_SYNTHETIC_SIDE + x) + c] = (uint8_t)v;
            }
        }
}

gp_status gp_synthetic_png(uint64_t seed, gp_str *out, gp_error *err)
{
    uint8_t *rgb = NULL;
    GP_TRY(gp_alloc((void **)&rgb, (size_t)GP_SYNTHETIC_SIDE * GP_SYNTHETIC_SIDE, 3, "an image", err));
    draw(seed, rgb);
    gp_status st = gp_image_png_bytes(rgb, GP_SYNTHETIC_SIDE, GP_SYNTHETIC_SIDE, out, err);
    gp_mem_free(rgb);
    return st;
}

void gp_synthetic_prompt(uint64_t i, char *out, size_t size)
{
    static const char *const subjects[] = {"a red fox",    "an old harbour", "three paper boats", "a lighthouse",
                                           "a glass city", "two owls",       "a quiet street",    "a bowl of cherries",
                                           "an astronaut", "a stone bridge", "a market at dawn"};
    static const char *const styles[] = {"oil painting", "watercolour", "photograph", "pencil drawing", "digital art"};
    static const char *const details[] = {"warm light, highly detailed, sharp focus",
                                          "muted colours, soft shadows",
                                          "in the snow, seen from above, wide angle",
                                          "at night, long exposure",
                                          "in thick fog, cinematic, depth of field, film grain",
                                          "intricate, vivid colours",
                                          "minimalist"};
    snprintf(out, size, "%s, %s, %s", subjects[i % 11], styles[i / 11 % 5], details[i / 55 % 7]);
}
