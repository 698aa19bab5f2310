/* SPDX-License-Identifier: MIT
 * catalog_fill FILE: makes a small catalog with rows in every table, for the test of docs/catalog.md. */
#include "catalog/analysis.h"
#include "catalog/catalog.h"
#include <stdio.h>
#include <stdlib.h>

enum { DIMS = 4, PROMPTS = 3, EACH = 4 };

static void must(gp_status st, const gp_error *err)
{
    if (st == GP_OK) return;
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static int64_t image_put(gp_catalog *cat, unsigned n, const char *path)
{
    gp_error err = {0};
    gp_cat_image image = {.bytes = 1000, .format = "png", .width = 64, .height = 48};
    int64_t id = 0;
    bool fresh;
    image.hash = gp_hash_of(&n, sizeof n);
    must(gp_cat_image_put(cat, &image, path, 1000, 1, &id, &fresh, &err), &err);
    return id;
}

static void images_put(gp_catalog *cat, int64_t *images)
{
    static const char *const texts[PROMPTS] = {"a red fox", "a blue whale", "a fox and a whale"};
    gp_error err = {0};
    char path[64], settings[96];
    for (unsigned i = 0; i < PROMPTS * EACH; i++) {
        snprintf(path, sizeof path, "/pictures/%u.png", i);
        snprintf(settings, sizeof settings, "{\"sampler\":\"%s\",\"seed\":%u,\"category\":\"sea\"}",
                 i % 2 ? "Euler a" : "DPM++ 2M", i);
        const char *text = texts[i / EACH];
        gp_cat_prompt prompt = {text, text, "blurry", "a1111: parameters", 2, settings, "stated", NULL};
        images[i] = image_put(cat, i, path);
        must(gp_cat_prompt_put(cat, images[i], &prompt, NULL, &err), &err);
    }
    gp_quality quality = {.sharpness = 100, .noise = 2, .exposure = 0.5, .entropy = 7, .spread = 0.2};
    bool apart;
    for (unsigned i = 0; i < PROMPTS * EACH; i++)
        must(gp_cat_quality_put(cat, images[i], &quality, true, &apart, &err), &err);
    image_put(cat, 0, "/pictures/a copy.png");
    image_put(cat, 1000, "/pictures/without prompt.png");
    must(gp_cat_failure_put(cat, "/pictures/bad.png", 5, 1, 0, "add", "is a text file", false, &err), &err);
}

/* Writes embeddings and scores of a model. `turn` determines which image of a prompt has the best score. */
static void model_put(gp_catalog *cat, const char *model, unsigned turn, const int64_t *images)
{
    gp_error err = {0};
    int64_t id = 0;
    gp_cat_encoder encoder = {model, model, "fp32", "pre", "clip-bpe/cut-keeps-end", DIMS};
    gp_cat_todo todo = {0};
    float v[DIMS] = {1, 0, 0, 0};
    must(gp_cat_encoder_put(cat, &encoder, &id, &err), &err);
    gp_cat_scorer scorer = {model, "clip", "100*max(cos,0)", id, true, NULL, "pair"};
    must(gp_cat_scorer_put(cat, &scorer, &err), &err);
    must(gp_cat_prompts_todo(cat, id, NULL, 0, PROMPTS, &todo, &err), &err);
    for (unsigned p = 0; p < todo.count; p++)
        must(gp_cat_prompt_embedding_put(cat, todo.ids[p], id, v, DIMS, p ? 9 : 90, p == 0, NULL, &err), &err);
    for (unsigned i = 0; i < PROMPTS * EACH; i++) {
        double value = 20 + 3 * ((i + turn) % EACH) + i / EACH;
        must(gp_cat_image_embedding_put(cat, images[i], id, v, DIMS, &err), &err);
        must(gp_cat_score_put(cat, images[i], todo.ids[i / EACH], model, value, &err), &err);
    }
    gp_cat_todo_clear(&todo);
}

/* Writes two categories, one slice and one pair of near-duplicates. */
static void analysis_put(gp_catalog *cat, const int64_t *images)
{
    enum { N = PROMPTS * EACH };
    static const uint32_t rows[3] = {1, 2, 3};
    gp_error err = {0};
    uint32_t cluster[N];
    int32_t category[N], group[N];
    float likeness[N], place[2 * N];
    double z[N], percentile[N];
    for (int i = 0; i < N; i++) {
        cluster[i] = (uint32_t)i / EACH, category[i] = i % 2, group[i] = i < 2 ? 0 : -1, likeness[i] = 0.99f;
        z[i] = i, percentile[i] = i, place[2 * i] = (float)i, place[2 * i + 1] = 1;
    }
    gp_cat_level level = {PROMPTS, cluster, NULL};
    gp_cat_category categories[2] = {{"foxes", "your words", 6, 24, 2, 0.5}, {"whales", "your words", 6, 25, 2, 0.5}};
    gp_cat_slice slice = {.space = "images",
                          .category = -1,
                          .support = 3,
                          .rows = rows,
                          .value = 27,
                          .lift = 2,
                          .low = 1,
                          .high = 3,
                          .effect = 1,
                          .p = 0.01,
                          .p_corrected = 0.02,
                          .parent = -1,
                          .title = "red",
                          .reasons_json = "[]"};
    gp_cat_group pair = {0, 1, "highest score"};
    gp_cat_analysis a = {.scorer = "large",
                         .settings_json = "{}",
                         .n = N,
                         .images = images,
                         .levels = &level,
                         .level_count = 1,
                         .categories = categories,
                         .category_count = 2,
                         .category = category,
                         .slices = &slice,
                         .slice_count = 1,
                         .groups = &pair,
                         .group_count = 1,
                         .group = group,
                         .likeness = likeness,
                         .z_prompt = z,
                         .z_category = z,
                         .percentile = percentile,
                         .corrected = z};
    must(gp_cat_analysis_put(cat, &a, &err), &err);
    must(gp_cat_map_put(cat, 2, "{}", images, place, N, true, &err), &err);
}

int main(int argc, char **argv)
{
    gp_error err = {0};
    gp_catalog *cat = NULL;
    int64_t images[PROMPTS * EACH], picks[PROMPTS];
    uint32_t ranks[PROMPTS];
    if (argc != 2) return 2;
    must(gp_cat_open(argv[1], GP_CATALOG_CREATE, &cat, &err), &err);
    images_put(cat, images);
    model_put(cat, "small", 1, images);
    model_put(cat, "large", 0, images);
    for (unsigned p = 0; p < PROMPTS; p++) picks[p] = images[p * EACH + EACH - 1], ranks[p] = 1;
    unsigned rated_image = 7;
    gp_cat_rating rated = {.hash = gp_hash_of(&rated_image, sizeof rated_image), .has_stars = true, .stars = 4};
    gp_cat_tagging tagged = {rated.hash, "castle", false};
    must(gp_cat_marks_put(cat, &rated, 1, &tagged, 1, NULL, &err), &err);
    must(gp_cat_picks_replace(cat, "large", picks, ranks, PROMPTS, "picks per-prompt=1", NULL, NULL, &err), &err);
    analysis_put(cat, images);
    gp_cat_close(cat);
    return 0;
}
