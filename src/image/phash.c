/* SPDX-License-Identifier: MIT
 * Perceptual hash (pHash) from the low frequencies of a discrete cosine transform (DCT). */
#include "image/phash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 32, LOW = 8 };

/* Reduces the image to grey [SIDE, SIDE]. Each output value is the mean of an area of pixels. The areas do not overlap
 * unless the image is smaller than SIDE. */
static void average_areas(const gp_pixels *p, double *grey)
{
    for (uint32_t y = 0; y < SIDE; y++) {
        uint64_t top = (uint64_t)y * p->height / SIDE, bottom = (uint64_t)(y + 1) * p->height / SIDE;
        if (bottom == top) bottom = top + 1;
        for (uint32_t x = 0; x < SIDE; x++) {
            uint64_t left = (uint64_t)x * p->width / SIDE, right = (uint64_t)(x + 1) * p->width / SIDE;
            if (right == left) right = left + 1;
            uint64_t sum = 0; /* Rec. 601 luma times 1000 */
            for (uint64_t i = top; i < bottom; i++) {
                const uint8_t *c = p->rgb + (i * p->width + left) * 3;
                for (uint64_t j = left; j < right; j++, c += 3) sum += 299u * c[0] + 587u * c[1] + 114u * c[2];
            }
            grey[y * SIDE + x] = (double)sum / (1000.0 * (double)((bottom - top) * (right - left)));
        }
    }
}

/* Computes the LOW x LOW lowest DCT frequencies, starting with the mean (0, 0). */
static void low_frequencies(const double *grey, double *low)
{
    double wave[LOW][SIDE], half[SIDE][LOW];
    for (int f = 0; f < LOW; f++)
        for (int i = 0; i < SIDE; i++) wave[f][i] = cos(3.14159265358979323846 / (double)SIDE * (i + 0.5) * f);
    for (int y = 0; y < SIDE; y++)
        for (int f = 0; f < LOW; f++) {
            half[y][f] = 0;
            for (int x = 0; x < SIDE; x++) half[y][f] += grey[y * SIDE + x] * wave[f][x];
        }
    for (int g = 0; g < LOW; g++)
        for (int f = 0; f < LOW; f++) {
            double sum = 0;
            for (int y = 0; y < SIDE; y++) sum += half[y][f] * wave[g][y];
            low[g * LOW + f] = sum;
        }
}

static int by_value(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

gp_status gp_image_phash(const gp_pixels *pixels, uint64_t *hash, gp_error *err)
{
    double grey[SIDE * SIDE], low[LOW * LOW], sorted[LOW * LOW];
    uint64_t bits = 0;
    if (!pixels->rgb || !pixels->width || !pixels->height)
        return gp_fail(err, GP_ERR_USAGE, "a perceptual hash needs an image with pixels");
    average_areas(pixels, grey);
    low_frequencies(grey, low);
    low[0] = 0; /* the mean is excluded, because brightness must not change the hash */
    memcpy(sorted, low, sizeof low);
    qsort(sorted + 1, LOW * LOW - 1, sizeof *sorted, by_value);
    double median = sorted[1 + (LOW * LOW - 1) / 2];
    for (int i = 1; i < LOW * LOW; i++) bits |= (uint64_t)(low[i] > median) << i;
    *hash = bits;
    return GP_OK;
}
