/* SPDX-License-Identifier: MIT
 * Quality measures of pixels. They are computed from a sample. All pixels are read only if the sample suggests that the
 * frame shows nothing. */
#include "image/quality.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_FULL_SIDE = 192,      /* pixels; a side of up to this length is sampled completely */
    WINDOWS = 8,              /* windows along a longer side */
    WINDOW_SIDE = 24,         /* pixels per side of a window */
    MIN_FRAME_SIDE = 64,      /* images with a shorter side always count as normal frames */
    BLOCK_SIDE = 16,          /* pixels per side of the blocks whose means are compared for noise */
    BLACK_LUMA = 16,          /* 99.9 % of the luma values of a black frame are below this */
    BLACK_MAX_LUMA = 32,      /* every luma value of a black frame is below this */
    UNIFORM_RANGE = 4,        /* maximum difference of levels within a channel of a uniform frame */
    NOISE_MIN_DEVIATION = 25, /* minimum standard deviation of luma in a noise frame */
    LEVELS = 256,
};
/* maximum absolute correlation of the luma of pixels at distance 1 or 2 in a noise frame */
static const double NOISE_MAX_CORRELATION = 0.2;
/* maximum ratio of the standard deviation of block means to the standard deviation of the pixels in a noise frame */
static const double NOISE_MAX_BLOCKS = 0.1;
/* minimum ratio of Immerkaer's noise estimate to the standard deviation of luma in a noise frame */
static const double NOISE_MIN_ESTIMATE = 0.5;

typedef struct sums {
    /* number of pixels in `histogram`, in `saturation`, and in the sums of the filters */
    uint64_t pixels, coloured, filtered;
    double saturation;
    int64_t laplace;
    uint64_t laplace_squared, ripple;
    uint32_t histogram[LEVELS], other[LEVELS]; /* histograms of luma; measure_sample adds `other` to `histogram` */
} sums;

static inline uint8_t luma_of(const uint8_t *c)
{
    return (uint8_t)((19595u * c[0] + 38470u * c[1] + 7471u * c[2] + 0x8000u) >> 16);
}

static void read_luma(const uint8_t *restrict rgb, size_t n, uint8_t *restrict luma)
{
    for (size_t i = 0; i < n; i++) luma[i] = luma_of(rgb + 3 * i);
}

/* Adds the saturation of every fourth pixel of a row to the sums. */
static void add_saturation(const uint8_t *rgb, size_t n, sums *s)
{
    float sum = 0;
    for (size_t i = 0; i < n; i += 4) {
        const uint8_t *c = rgb + 3 * i;
        uint8_t high = c[0] > c[1] ? c[0] : c[1], low = c[0] < c[1] ? c[0] : c[1];
        high = c[2] > high ? c[2] : high, low = c[2] < low ? c[2] : low;
        sum += (float)(high - low) / (float)(high + !high);
    }
    s->saturation += (double)sum;
    s->coloured += (n + 3) / 4;
}

/* Adds a row [n] of luma to the histograms. Pixels alternate between two histograms: equal neighbours would otherwise
 * increment the same counter, and each increment would wait for the one before. */
static void add_histogram(const uint8_t *luma, size_t n, sums *s)
{
    for (size_t i = 0; i + 1 < n; i += 2) s->histogram[luma[i]]++, s->other[luma[i + 1]]++;
    if (n % 2) s->histogram[luma[n - 1]]++;
    s->pixels += n;
}

/* Applies the Laplacian and Immerkaer's filter to a row [n], given the rows above and below. Adds the results to the
 * sums. Leaves out the first and the last pixel, which have a neighbour on one side only. */
static void filter_row(const uint8_t *restrict up, const uint8_t *restrict at, const uint8_t *restrict down, size_t n,
                       sums *s)
{
    int32_t sum = 0;
    uint32_t squares = 0, ripple = 0;
    for (size_t i = 1; i + 1 < n; i++) {
        int laplace = up[i] + down[i] + at[i - 1] + at[i + 1] - 4 * at[i];
        int corners = up[i - 1] + up[i + 1] + down[i - 1] + down[i + 1];
        /* corners - 2 * sides + 4 * middle of the 3 x 3 pixels */
        int wave = corners - 2 * (up[i] + down[i] + at[i - 1] + at[i + 1]) + 4 * at[i];
        sum += laplace;
        squares += (uint32_t)(laplace * laplace);
        ripple += (uint32_t)abs(wave);
    }
    s->laplace += sum;
    s->laplace_squared += squares;
    s->ripple += ripple;
}

static void measure_window(const gp_pixels *p, uint32_t left, uint32_t top, uint32_t width, uint32_t height, sums *s)
{
    uint8_t rows[3][MAX_FULL_SIDE];
    for (uint32_t y = 0; y < height; y++) {
        const uint8_t *rgb = p->rgb + ((size_t)(top + y) * p->width + left) * 3;
        uint8_t *row = rows[y % 3];
        read_luma(rgb, width, row);
        if (y % 2 == 0) add_histogram(row, width, s), add_saturation(rgb, width, s);
        if (y >= 2) filter_row(rows[(y - 2) % 3], rows[(y - 1) % 3], row, width, s);
    }
    if (width > 2 && height > 2) s->filtered += (uint64_t)(width - 2) * (height - 2);
}

/* Returns the first pixel of window i along a side. */
static uint32_t window_at(uint32_t side, uint32_t i)
{
    return side <= MAX_FULL_SIDE ? 0 : (uint32_t)((uint64_t)side * (2 * i + 1) / (2 * WINDOWS)) - WINDOW_SIDE / 2;
}

static void measure_sample(const gp_pixels *p, sums *s)
{
    uint32_t columns = p->width <= MAX_FULL_SIDE ? 1 : WINDOWS, rows = p->height <= MAX_FULL_SIDE ? 1 : WINDOWS;
    uint32_t width = p->width <= MAX_FULL_SIDE ? p->width : WINDOW_SIDE,
             height = p->height <= MAX_FULL_SIDE ? p->height : WINDOW_SIDE;
    for (uint32_t j = 0; j < rows; j++)
        for (uint32_t i = 0; i < columns; i++)
            measure_window(p, window_at(p->width, i), window_at(p->height, j), width, height, s);
    for (int v = 0; v < LEVELS; v++) s->histogram[v] += s->other[v];
}

static void sum_up(const sums *s, gp_quality *out)
{
    double n = (double)s->pixels, mean = 0, square = 0, bits = 0;
    for (int v = 0; v < LEVELS; v++) {
        double share = s->histogram[v] / n;
        mean += share * v, square += share * v * v;
        if (share > 0) bits -= share * log2(share);
    }
    out->exposure = mean / 255;
    out->spread = sqrt(fmax(square - mean * mean, 0)) / 255;
    out->entropy = bits > 0 ? bits : 0; /* avoids -0 */
    out->saturation = s->saturation / (double)s->coloured;
    if (!s->filtered) return;
    double m = (double)s->filtered, slope = (double)s->laplace / m;
    out->sharpness = (double)s->laplace_squared / m - slope * slope;
    out->noise = sqrt(acos(-1.0) / 2) / 6 * (double)s->ripple / m;
}

/* ------------------------------------------------------------------ frames that show nothing */

static bool is_black(const gp_pixels *p)
{
    uint64_t n = (uint64_t)p->width * p->height, bright = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint8_t luma = luma_of(p->rgb + 3 * i);
        if (luma >= BLACK_MAX_LUMA) return false;
        bright += luma >= BLACK_LUMA;
    }
    return bright <= n / 1000;
}

static bool is_uniform(const gp_pixels *p)
{
    uint64_t n = (uint64_t)p->width * p->height;
    uint8_t low[3] = {255, 255, 255}, high[3] = {0, 0, 0};
    for (uint64_t i = 0; i < n; i++)
        for (int c = 0; c < 3; c++) {
            uint8_t v = p->rgb[3 * i + (unsigned)c];
            if (v < low[c]) low[c] = v;
            if (v > high[c]) high[c] = v;
            if (high[c] - low[c] > UNIFORM_RANGE) return false;
        }
    return true;
}

static double luma_at(const gp_pixels *p, uint32_t x, uint32_t y)
{
    return luma_of(p->rgb + ((size_t)y * p->width + x) * 3);
}

/* Returns the covariance of the luma of two pixels that lie (dx, dy) apart. */
static double covariance(const gp_pixels *p, double mean, uint32_t dx, uint32_t dy)
{
    double sum = 0;
    for (uint32_t y = 0; y + dy < p->height; y++)
        for (uint32_t x = 0; x + dx < p->width; x++)
            sum += (luma_at(p, x, y) - mean) * (luma_at(p, x + dx, y + dy) - mean);
    return sum / ((double)(p->width - dx) * (p->height - dy));
}

/* Returns whether the block means of a channel differ as little as in white noise. */
static bool has_even_blocks(const gp_pixels *p, unsigned channel)
{
    uint64_t n = (uint64_t)p->width * p->height;
    uint32_t columns = p->width / BLOCK_SIDE, rows = p->height / BLOCK_SIDE;
    double mean = 0, variance = 0, blocks = 0;
    for (uint64_t i = 0; i < n; i++) mean += p->rgb[3 * i + channel];
    mean /= (double)n;
    for (uint64_t i = 0; i < n; i++) variance += (p->rgb[3 * i + channel] - mean) * (p->rgb[3 * i + channel] - mean);
    variance /= (double)n;
    for (uint32_t j = 0; j < rows; j++)
        for (uint32_t i = 0; i < columns; i++) {
            double block = 0;
            for (uint32_t y = j * BLOCK_SIDE; y < (j + 1) * BLOCK_SIDE; y++)
                for (uint32_t x = i * BLOCK_SIDE; x < (i + 1) * BLOCK_SIDE; x++)
                    block += p->rgb[((size_t)y * p->width + x) * 3 + channel] - mean;
            blocks += block * block;
        }
    blocks /= (double)columns * rows * BLOCK_SIDE * BLOCK_SIDE * BLOCK_SIDE * BLOCK_SIDE;
    return blocks <= NOISE_MAX_BLOCKS * NOISE_MAX_BLOCKS * variance;
}

static bool is_noise(const gp_pixels *p)
{
    double mean = 0;
    for (uint32_t y = 0; y < p->height; y++)
        for (uint32_t x = 0; x < p->width; x++) mean += luma_at(p, x, y);
    mean /= (double)p->width * p->height;
    double variance = covariance(p, mean, 0, 0);
    if (variance < NOISE_MIN_DEVIATION * NOISE_MIN_DEVIATION || !has_even_blocks(p, 0) || !has_even_blocks(p, 1) ||
        !has_even_blocks(p, 2))
        return false;
    for (uint32_t d = 1; d <= 2; d++)
        if (fabs(covariance(p, mean, d, 0)) > NOISE_MAX_CORRELATION * variance ||
            fabs(covariance(p, mean, 0, d)) > NOISE_MAX_CORRELATION * variance)
            return false;
    return true;
}

/* Finds the darkest and the brightest luma in s->histogram, which counts only a sample of the pixels. */
static void range_of(const sums *s, int *low, int *high)
{
    for (*low = 0; *low < LEVELS - 1 && !s->histogram[*low]; ++*low) {
    }
    for (*high = LEVELS - 1; *high > 0 && !s->histogram[*high]; --*high) {
    }
}

/* Decides whether the frame shows nothing. For most images the sample already proves that the frame shows something.
 * For the other images the function reads all pixels. */
static gp_frame frame_kind(const gp_pixels *p, const sums *s, const gp_quality *q)
{
    int low, high;
    if (p->width < MIN_FRAME_SIDE || p->height < MIN_FRAME_SIDE) return GP_FRAME_NORMAL;
    range_of(s, &low, &high);
    if (high < BLACK_MAX_LUMA && is_black(p)) return GP_FRAME_BLACK;
    if (high - low <= UNIFORM_RANGE + 1 && is_uniform(p))
        return GP_FRAME_UNIFORM; /* UNIFORM_RANGE + 1: the rounding of luma can increase the range of levels by 1 */
    if (q->noise > NOISE_MIN_ESTIMATE * NOISE_MIN_DEVIATION && q->noise > NOISE_MIN_ESTIMATE * 255 * q->spread &&
        is_noise(p))
        return GP_FRAME_NOISE;
    return GP_FRAME_NORMAL;
}

gp_status gp_image_quality(const gp_pixels *pixels, bool plain, gp_quality *out, gp_error *err)
{
    sums s = {0};
    gp_quality q = {0};
    if (!pixels->rgb || !pixels->width || !pixels->height)
        return gp_fail(err, GP_ERR_USAGE, "quality measures need an image with pixels");
    measure_sample(pixels, &s);
    sum_up(&s, &q);
    q.frame = plain ? frame_kind(pixels, &s, &q) : GP_FRAME_NORMAL;
    *out = q;
    return GP_OK;
}
