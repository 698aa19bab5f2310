/* SPDX-License-Identifier: MIT
 * A catalog with scored images, and an analysis of them made by formulas, so that tests know the expected values. */
#ifndef GP_TESTS_ANALYSIS_SUPPORT_H
#define GP_TESTS_ANALYSIS_SUPPORT_H

#include "catalog_support.h"
#include "catalog/analysis.h"
#include <math.h>

/* Adds n images, with embeddings by encoder "w". Image i has the path "/x/i.png" and the score 10 + i % 4. Its prompt
 * is "prompt p" with p = i / 4. */
static inline gp_status fill(gp_catalog *cat, unsigned n, const char *scorer, gp_error *err)
{
    int64_t encoder, image;
    gp_status st;
    bool fresh;
    char path[64], text[64];
    gp_cat_todo todo = {0};
    gp_cat_encoder by = {"test/model", "w", "fp32", "pre", "keep-end", DIMS};
    gp_cat_scorer s = {scorer, "clip", "100*max(cos,0)", 0, true, NULL, "pair"};
    GP_TRY(gp_cat_begin(cat, err));
    GP_TRY_GOTO(gp_cat_encoder_put(cat, &by, &encoder, err));
    for (unsigned i = 0; i < n; i++) {
        gp_cat_image content = image_of(i);
        gp_cat_prompt prompt = {.text = text, .raw = text, .source = "a1111", .strength = 2};
        float v[DIMS] = {(float)i, 1, 0, 0};
        snprintf(path, sizeof path, "/x/%u.png", i);
        snprintf(text, sizeof text, "prompt %u", i / 4);
        GP_TRY_GOTO(gp_cat_image_put(cat, &content, path, 1000 + i, 77, &image, &fresh, err));
        GP_TRY_GOTO(gp_cat_prompt_put(cat, image, &prompt, NULL, err));
        GP_TRY_GOTO(gp_cat_image_embedding_put(cat, image, encoder, v, DIMS, err));
    }
    GP_TRY_GOTO(gp_cat_prompts_todo(cat, encoder, NULL, 0, n, &todo, err));
    for (size_t i = 0; i < todo.count; i++) {
        float v[DIMS] = {0, 0, (float)i, 1};
        GP_TRY_GOTO(gp_cat_prompt_embedding_put(cat, todo.ids[i], encoder, v, DIMS, 3, false, NULL, err));
    }
    s.encoder = encoder;
    GP_TRY_GOTO(gp_cat_scorer_put(cat, &s, err));
    GP_TRY_GOTO(gp_db_exec(
        cat,
        "INSERT OR REPLACE INTO scores(scorer, prompt, image, value) SELECT (SELECT max(id) FROM scorers), ip.prompt,"
        " ip.image, 10 + CAST(substr(p.path, 4) AS INTEGER) % 4"
        " FROM image_prompts ip JOIN paths p ON p.image = ip.image",
        err));
    GP_TRY_GOTO(gp_cat_commit(cat, err));
out:
    gp_cat_todo_clear(&todo);
    gp_cat_rollback(cat);
    return st;
}

/* An analysis of n images. Level l has 2 << l clusters, and row i is in cluster i % (2 << l). There are two categories,
 * for even and odd rows; every 7th row has no category. There are three slices: the third slice is within the second
 * category, and its parent is the first slice. The first n / 4 rows are pairs of near-duplicates: rows 0 and 1, rows 2
 * and 3, and so on. `mark` is a part of every text and number, so that parts of two analyses can be distinguished. */
enum { MADE_LEVELS = 6 };
typedef struct made {
    gp_cat_analysis a;
    gp_cat_level levels[MADE_LEVELS];
    gp_cat_category categories[2];
    gp_cat_slice slices[3];
    char texts[4][32];
    uint32_t *cluster, *parent, *rows;
    int32_t *category, *group;
    float *likeness;
    double *numbers; /* for each image: z_prompt, z_category, percentile, corrected score */
    gp_cat_group *groups;
} made;

static inline void made_clear(made *m)
{
    free(m->cluster), free(m->parent), free(m->rows), free(m->category), free(m->group), free(m->likeness);
    free(m->numbers), free(m->groups);
}

static inline void made_levels(made *m, size_t n)
{
    m->cluster = calloc(MADE_LEVELS * n, sizeof *m->cluster);
    m->parent = calloc((size_t)2 << MADE_LEVELS, sizeof *m->parent);
    uint32_t *parent = m->parent;
    for (unsigned l = 0; l < MADE_LEVELS; l++) {
        uint32_t count = 2u << l, *cluster = m->cluster + l * n;
        for (size_t i = 0; i < n; i++) cluster[i] = (uint32_t)(i % count);
        for (uint32_t c = 0; c < count; c++) parent[c] = c % (count / 2);
        m->levels[l] = (gp_cat_level){count, cluster, l ? parent : NULL};
        parent += count;
    }
    m->a.levels = m->levels, m->a.level_count = MADE_LEVELS;
}

static inline void made_groups(made *m, size_t n, const char *reason)
{
    size_t pairs = n / 8;
    m->group = calloc(n, sizeof *m->group);
    m->likeness = calloc(n, sizeof *m->likeness);
    m->groups = calloc(pairs + 1, sizeof *m->groups);
    for (size_t i = 0; i < n; i++) m->group[i] = i < 2 * pairs ? (int32_t)(i / 2) : -1, m->likeness[i] = 1;
    for (size_t g = 0; g < pairs; g++) {
        m->groups[g] = (gp_cat_group){(uint32_t)(2 * g), (uint32_t)(2 * g + 1), reason};
        m->likeness[2 * g + 1] = 0.96f;
    }
    m->a.group = m->group, m->a.likeness = m->likeness, m->a.groups = m->groups, m->a.group_count = pairs;
}

static inline made *make_analysis(const char *scorer, const int64_t *images, size_t n, int mark)
{
    made *m = calloc(1, sizeof *m);
    for (int t = 0; t < 4; t++)
        snprintf(m->texts[t], sizeof m->texts[t], "%s %d",
                 (const char *[]){"animals", "houses", "red foxes", "sharper"}[t], mark);
    m->a = (gp_cat_analysis){.scorer = scorer, .settings_json = "{\"seed\":7}", .n = n, .images = images};
    made_levels(m, n);
    made_groups(m, n, m->texts[3]);
    m->category = calloc(n, sizeof *m->category);
    m->numbers = calloc(4 * n, sizeof *m->numbers);
    m->rows = calloc(n, sizeof *m->rows);
    for (size_t i = 0; i < n; i++) {
        m->category[i] = i % 7 == 6 ? -1 : (int32_t)(i % 2);
        m->rows[i] = (uint32_t)i;
        for (size_t k = 0; k < 4; k++) m->numbers[k * n + i] = mark + (double)(k * 1000 + i);
        if (i % 5 == 4) m->numbers[i] = (double)NAN; /* this image is the only image of its prompt */
    }
    for (int c = 0; c < 2; c++)
        m->categories[c] = (gp_cat_category){m->texts[c], "column Category", (uint32_t)n / 2, mark + c, NAN, 0.5};
    for (uint32_t s = 0; s < 3; s++)
        m->slices[s] = (gp_cat_slice){.space = s == 1 ? "prompts" : "images",
                                      .category = s == 2 ? 1 : -1,
                                      .level = s,
                                      .cluster = s,
                                      .support = (uint32_t)(n / (s + 1)),
                                      .rows = m->rows,
                                      .value = mark,
                                      .lift = 9 - s,
                                      .low = 1,
                                      .high = s == 2 ? (double)NAN : 12,
                                      .effect = 1.5,
                                      .p = 0.001,
                                      .p_corrected = 0.02,
                                      .parent = s == 2   ? 0
                                                : s == 0 ? 1
                                                         /* the parent of a slice may come after the slice in the
                                                          * list */
                                                         : -1,
                                      .title = m->texts[2],
                                      .reasons_json = "[]"};
    m->a.categories = m->categories, m->a.category_count = 2, m->a.category = m->category;
    m->a.slices = m->slices, m->a.slice_count = 3;
    m->a.z_prompt = m->numbers, m->a.z_category = m->numbers + n, m->a.percentile = m->numbers + 2 * n,
    m->a.corrected = m->numbers + 3 * n;
    return m;
}

static inline void put_analysis(gp_catalog *cat, const char *scorer, const int64_t *images, size_t n, int mark)
{
    gp_error err = {0};
    made *m = make_analysis(scorer, images, n, mark);
    assert_ok(gp_cat_analysis_put(cat, &m->a, &err));
    made_clear(m);
    free(m);
}

/* Checks that the catalog contains `analyses` complete analyses, each of n images. */
static inline void assert_whole(gp_catalog *cat, int64_t analyses, int64_t n)
{
    assert_int_equal(ask(cat, "SELECT count(*) FROM analyses"), analyses);
    assert_int_equal(ask(cat, "SELECT sum(images) FROM analyses"), analyses * n);
    assert_int_equal(ask(cat, "SELECT count(*) FROM clusters"), analyses * 126);
    assert_int_equal(ask(cat, "SELECT sum(support) FROM clusters"), analyses * n * MADE_LEVELS);
    assert_int_equal(ask(cat, "SELECT count(*) FROM clusters c WHERE support <> (SELECT count(*) FROM cluster_images m"
                              " WHERE m.analysis = c.analysis AND m.level = c.level AND m.cluster = c.cluster)"),
                     0);
    assert_int_equal(ask(cat, "SELECT count(*) FROM cluster_images"), analyses * n * MADE_LEVELS);
    assert_int_equal(ask(cat, "SELECT count(*) FROM categories"), analyses * 2);
    assert_int_equal(ask(cat, "SELECT count(*) FROM standings"), analyses * n);
    assert_int_equal(ask(cat, "SELECT count(*) FROM slices"), analyses * 3);
    assert_int_equal(ask(cat, "SELECT count(*) FROM slice_images"), analyses * (n + n / 2 + n / 3));
    assert_int_equal(ask(cat, "SELECT count(*) FROM duplicate_groups"), analyses * (n / 8));
    assert_int_equal(ask(cat, "SELECT count(*) FROM duplicates"), analyses * (n / 8) * 2);
    assert_int_equal(ask(cat, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

#endif
