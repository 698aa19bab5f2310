/* SPDX-License-Identifier: MIT
 * Detects grids by three kinds of evidence, the strongest first. 1: a grid's file name in a folder of grids. 2: a
 * grid's file name and a size larger than one image. 3: a size that is a multiple of one image, with an edge in the
 * pixels at every border between cells. An upscaled image can also have such a size, but it has no edges there. */
#include "stage/apart.h"

#include "base/file.h"
#include "base/json.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

/* ------------------------------------------------------------------ names */

/* Returns true for "grid-0000.png", "xyz_grid-0003-1234.png", "prompt_matrix-0001.png": a known word, '-' or '_', a
 * number. */
static bool has_grid_name(const char *path)
{
    static const char *const words[] = {"grid", "xyz_grid", "xy_grid", "x_y_grid", "prompt_matrix"};
    const char *name = gp_path_base(path);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t size = strlen(words[i]);
        if (strncasecmp(name, words[i], size) == 0 && (name[size] == '-' || name[size] == '_') &&
            isdigit((unsigned char)name[size + 1]))
            return true;
    }
    return false;
}

/* Returns true if a folder in the path is named "grids", or its name ends in "-grids" or "_grids", such as
 * "txt2img-grids". */
static bool has_grid_folder(const char *path)
{
    for (const char *at = path, *end; (end = strchr(at, '/')); at = end + 1) {
        size_t size = (size_t)(end - at);
        bool ends = size >= 5 && strncasecmp(end - 5, "grids", 5) == 0;
        if (ends && (size == 5 || end[-6] == '-' || end[-6] == '_')) return true;
    }
    return false;
}

/* ------------------------------------------------------------------ sizes */

typedef struct cells {
    uint32_t width, height; /* size of one image in pixels, from the settings; 0: not known */
} cells;

static uint32_t number_of(const gp_json *settings, const char *key)
{
    double value = 0;
    const gp_json *found = gp_json_get(settings, key);
    if (!found || !gp_json_real(found, &value) || !(value >= 1) || value > 1000000) return 0;
    return (uint32_t)value;
}

/* Returns the size of one image: the requested size times the upscaling factor in the settings. */
static cells read_cells(const gp_json *settings)
{
    cells c = {number_of(settings, "width"), number_of(settings, "height")};
    cells larger = {number_of(settings, "hires_width"), number_of(settings, "hires_height")};
    double scale = 1;
    const gp_json *scaled = gp_json_get(settings, "hires_scale");
    if (!c.width || !c.height) return (cells){0, 0};
    if (larger.width && larger.height) return larger;
    if (scaled && gp_json_real(scaled, &scale) && scale > 1 && scale < 16) {
        c.width = (uint32_t)lround(c.width * scale);
        c.height = (uint32_t)lround(c.height * scale);
    }
    return c;
}

/* Counts columns and rows of cells. Returns false if the size is not a multiple of a cell, or if there is only one
 * cell. */
static bool count_cells(const gp_image_info *head, cells c, uint32_t *columns, uint32_t *rows)
{
    if (!c.width || head->width % c.width || head->height % c.height) return false;
    *columns = head->width / c.width, *rows = head->height / c.height;
    return *columns * *rows > 1;
}

/* ------------------------------------------------------------------ pixels */

static unsigned difference(const uint8_t *a, const uint8_t *b)
{
    unsigned sum = 0;
    for (int i = 0; i < 3; i++) sum += (unsigned)(a[i] > b[i] ? a[i] - b[i] : b[i] - a[i]);
    return sum;
}

/* Returns the mean difference between the columns (or rows) `at - 1` and `at`: sum of R, G and B, 0 to 765. */
static double step_at(const gp_pixels *p, uint32_t at, bool columns)
{
    double sum = 0;
    uint32_t n = columns ? p->height : p->width;
    size_t line = (size_t)p->width * 3;
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *pixel = columns ? p->rgb + i * line + (size_t)at * 3 : p->rgb + at * line + (size_t)i * 3;
        sum += difference(pixel, pixel - (columns ? 3 : line));
    }
    return sum / n;
}

/* Returns true if there is an edge: the step at `at` is large, and much larger than the largest step nearby. */
static bool has_edge_at(const gp_pixels *p, uint32_t at, bool columns)
{
    enum { AROUND = 6 };
    const double MIN_RATIO = 2.0,
                 /* MIN_RATIO: minimum ratio of the step to the largest step nearby; MIN_STEP: minimum step (the largest
                  * possible is 765) */
        MIN_STEP = 6.0;
    double step = step_at(p, at, columns), largest = 0;
    for (uint32_t k = 2; k <= AROUND; k++) {
        double before = step_at(p, at - k, columns), after = step_at(p, at + k, columns);
        largest = fmax(largest, fmax(before, after));
    }
    return step >= MIN_STEP && step >= MIN_RATIO * largest;
}

static bool has_edges_everywhere(const gp_pixels *p, uint32_t columns, uint32_t rows)
{
    /* cells with a side below 16 pixels are too small for this test */
    if (p->width / columns < 16 || p->height / rows < 16) return false;
    for (uint32_t i = 1; i < columns; i++)
        if (!has_edge_at(p, i * (p->width / columns), true)) return false;
    for (uint32_t i = 1; i < rows; i++)
        if (!has_edge_at(p, i * (p->height / rows), false)) return false;
    return true;
}

/* ------------------------------------------------------------------ decision */

gp_status gp_apart_is_grid(const char *path, const gp_image_info *head, const char *settings_json, const uint8_t *bytes,
                           size_t size, uint64_t max_pixels, bool *grid, gp_error *err)
{
    gp_json *settings = NULL;
    gp_pixels pixels = {0};
    gp_error ignored = {0};
    uint32_t columns = 0, rows = 0;
    bool named = has_grid_name(path);
    *grid = named && has_grid_folder(path);
    if (*grid || !settings_json) return GP_OK;
    gp_status st = gp_json_parse(settings_json, strlen(settings_json), false, 64, &settings, &ignored);
    if (st != GP_OK) return st == GP_ERR_MEMORY ? gp_fail_as(err, st, &ignored) : GP_OK;
    cells c = read_cells(settings);
    gp_json_free(settings);
    if (named && c.width) /* cells may have borders and labels, or be reduced in size */
        *grid = head->width > c.width || head->height > c.height;
    if (*grid || !count_cells(head, c, &columns, &rows)) return GP_OK;
    st = gp_image_decode_bytes(bytes, size, max_pixels, &pixels, &ignored);
    if (st == GP_OK) *grid = has_edges_everywhere(&pixels, columns, rows);
    gp_pixels_clear(&pixels);
    /* errors other than a lack of memory are ignored here, because `score` reports them */
    return st == GP_ERR_MEMORY ? gp_fail_as(err, st, &ignored) : GP_OK;
}
