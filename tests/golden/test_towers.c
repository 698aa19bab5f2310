/* SPDX-License-Identifier: MIT
 * Small models of many kinds (tests/golden/towers, made by tools/reference.py), written to disk by the recipe. */
#include "towers.h"

#include "base/file.h"
#include "base/json.h"
#include "model/config.h"

static recipe_sizes sizes_of(const char *config_path)
{
    gp_error err = {0};
    gp_bytes text;
    gp_json *root;
    gp_clip_config c;
    assert_ok(gp_file_read(config_path, 1 << 20, &text, &err));
    assert_ok(gp_encoder_parse_config((char *)text.data, text.size, config_path, &root, &err));
    assert_ok(gp_clip_config_read(root, config_path, &c, &err));
    gp_json_free(root);
    gp_bytes_clear(&text);
    return (recipe_sizes){c.has_image,  c.has_text,    c.image.width, c.image.layers, c.image.mlp, c.side,     c.patch,
                          c.text.width, c.text.layers, c.text.mlp,    c.vocabulary,   c.context,   c.embedding};
}

static void check_one(const gp_json *model, towers_worst *worst)
{
    gp_error err = {0};
    gp_bytes config;
    uint64_t shards = 1, images = 0;
    const char *name = gp_json_text(gp_json_get(model, "name"), NULL);
    char golden[1100], path[1200];
    gp_json_u64(gp_json_get(model, "shards"), &shards);
    gp_json_u64(gp_json_get(model, "images"), &images);
    snprintf(golden, sizeof golden, "%s/%s", source_path("tests/golden/towers"), name);
    snprintf(path, sizeof path, "%s/config.json", golden);
    recipe_sizes sizes = sizes_of(path);
    recipe_how how = {gp_json_text(gp_json_get(model, "dtype"), NULL), (unsigned)shards,
                      gp_json_bool(gp_json_get(model, "position_ids"), false)};
    char *folder = recipe_folder_new();
    assert_ok(gp_file_read(path, 1 << 20, &config, &err));
    assert_int_equal(recipe_write_text(folder, "config.json", (char *)config.data), 0);
    assert_int_equal(recipe_write(folder, &sizes, &how), 0);
    gp_bytes_clear(&config);

    size_t plane = 3 * (size_t)sizes.side * sizes.side;
    uint8_t *pixels = calloc(images * plane + 1, 1);
    float *planes = calloc(images * plane + 1, sizeof *planes);
    recipe_pixels(sizes.side, (unsigned)images, pixels);
    for (size_t i = 0; i < images; i++) recipe_planes(pixels + i * plane, sizes.side, planes + i * plane);
    towers_case c = {name, folder, golden, planes, images};
    for (size_t i = 0; i < TOWERS_WAYS; i++)
        towers_check(&c, towers_ways[i].precision, towers_ways[i].engine, &worst[i]);
    free(pixels), free(planes);
    recipe_folder_free(folder);
}

static void test_small_models(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_bytes text;
    gp_json *root;
    towers_worst worst[TOWERS_WAYS];
    for (size_t i = 0; i < TOWERS_WAYS; i++) worst[i] = (towers_worst){.cosine = 1};
    assert_ok(gp_file_read(source_path("tests/golden/towers/models.json"), 1 << 20, &text, &err));
    assert_ok(gp_json_parse((char *)text.data, text.size, true, 0, &root, &err));
    const gp_json *models = gp_json_get(root, "models");
    assert_true(gp_json_count(models) >= 18);
    for (size_t i = 0; i < gp_json_count(models); i++) check_one(gp_json_at(models, i), worst);
    printf("%zu models\n", gp_json_count(models));
    towers_print(worst);
    gp_json_free(root);
    gp_bytes_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_small_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
