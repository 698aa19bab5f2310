/* SPDX-License-Identifier: MIT
 * A catalog of small real images with scores, for the tests of export and sheet. */
#ifndef GP_TESTS_REPORT_SUPPORT_H
#define GP_TESTS_REPORT_SUPPORT_H

#include "../catalog/catalog_support.h"
#include "base/file.h"
#include "image/image.h"
#include "png.h"
#include "report/report.h"

#define SCORER "clip/w"

/* Writes an image of one colour with a darker diagonal. Images with different colours have different content. */
static inline void picture_write(const char *path, uint32_t w, uint32_t h, uint32_t colour)
{
    gp_error err = {0};
    uint8_t *rgb = malloc((size_t)w * h * 3);
    assert_non_null(rgb);
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++)
            for (uint32_t c = 0; c < 3; c++) {
                uint32_t v = colour >> (8 * (2 - c)) & 255;
                rgb[((size_t)y * w + x) * 3 + c] = (uint8_t)(x == y ? v / 2 : v);
            }
    char *folder = gp_path_folder(path);
    assert_ok(gp_folder_make(folder, &err));
    png_write(path, rgb, w, h);
    gp_mem_free(folder);
    free(rgb);
}

typedef struct candidate {
    const char *name, *prompt; /* name: path of the image, relative to the test's folder */
    double score;
    const char *settings, *negative, *raw;
    /* if these are 0, the image is 64 wide and 48 high, and its colour depends on its name */
    uint32_t width, height, colour;
    bool picked;
} candidate;

static inline gp_hash file_hash(const char *path)
{
    gp_error err = {0};
    gp_bytes bytes = {0};
    assert_ok(gp_file_read(path, 1 << 24, &bytes, &err));
    gp_hash hash = gp_hash_of(bytes.data, bytes.size);
    gp_bytes_clear(&bytes);
    return hash;
}

static inline int64_t candidate_put(gp_catalog *cat, const candidate *c, int64_t encoder)
{
    gp_error err = {0};
    gp_cat_image image = {.format = "png", .width = c->width ? c->width : 64, .height = c->height ? c->height : 48};
    gp_cat_prompt prompt = {.text = c->prompt,
                            .raw = c->raw ? c->raw : c->prompt,
                            .negative = c->negative,
                            .source = "table:p.csv",
                            .strength = 3,
                            .settings_json = c->settings};
    const char *path = at(c->name);
    gp_hash seed = gp_hash_of(c->name, strlen(c->name));
    uint32_t own = (uint32_t)seed.bytes[0] << 16 | (uint32_t)seed.bytes[1] << 8 | seed.bytes[2];
    int64_t id = 0, text = 0;
    bool fresh;
    picture_write(path, image.width, image.height, c->colour ? c->colour : own);
    image.hash = file_hash(path);
    assert_ok(gp_cat_image_put(cat, &image, path, 1, 1, &id, &fresh, &err));
    assert_ok(gp_cat_prompt_put(cat, id, &prompt, NULL, &err));
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT prompt FROM image_prompts WHERE image = %lld", (long long)id);
    text = ask(cat, sql);
    put_scorer(cat, SCORER, encoder);
    assert_ok(gp_cat_score_put(cat, id, text, SCORER, c->score, &err));
    return id;
}

/* Makes a new catalog NAME with these candidates, scored and picked. */
static inline gp_catalog *candidates_catalog(const char *name, const candidate *list, size_t count)
{
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at(name), GP_CATALOG_CREATE);
    int64_t encoder = put_encoder(cat, "w"), picks[64];
    uint32_t ranks[64], n = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t id = candidate_put(cat, &list[i], encoder);
        if (list[i].picked) picks[n] = id, ranks[n++] = 1;
    }
    assert_ok(gp_cat_picks_replace(cat, SCORER, picks, ranks, n, "per_prompt=1", NULL, NULL, &err));
    return cat;
}

static inline bool file_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static inline size_t files_in(const char *folder)
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    if (!dir) return 0;
    for (struct dirent *e; (e = readdir(dir));) n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(dir);
    return n;
}

#endif
