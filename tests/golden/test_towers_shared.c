/* SPDX-License-Identifier: MIT
 * The 17 tiny models with weights of the shared golden values, if these are present. */
#include "towers.h"

static const struct {
    const char *name;
    unsigned side;
} models[] = {
    {"b32", 224},         {"b16-336", 336},        {"l14", 224},         {"l14-336", 336},     {"h14-head80", 224},
    {"g14-head88", 224},  {"bigg14-head104", 224}, {"mini112-p16", 112}, {"mini112-p14", 112}, {"sharded", 224},
    {"eos-low", 112},     {"defaults", 224},       {"config-dict", 224}, {"eps", 112},         {"deep", 112},
    {"vision-only", 224}, {"text-only", 224},
};

static void test_shared_models(void **state)
{
    (void)state;
    const char *root = shared_path("golden/encode/towers", "17 tiny models");
    towers_worst worst[TOWERS_WAYS];
    if (!root) skip();
    for (size_t i = 0; i < TOWERS_WAYS; i++) worst[i] = (towers_worst){.cosine = 1};
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        char folder[1100], golden[1200], path[1200];
        snprintf(folder, sizeof folder, "%s/%s", root, models[m].name);
        snprintf(golden, sizeof golden, "%s/golden", folder);
        snprintf(path, sizeof path, "%s/pixels-%u.npy", root, models[m].side);
        npy pixels = npy_load(path);
        size_t n = pixels.shape[0], plane = 3 * (size_t)models[m].side * models[m].side;
        float *planes = calloc(n * plane, sizeof *planes);
        for (size_t i = 0; i < n; i++)
            recipe_planes((uint8_t *)pixels.data + i * plane, models[m].side, planes + i * plane);
        towers_case c = {models[m].name, folder, golden, planes, n};
        for (size_t i = 0; i < TOWERS_WAYS; i++)
            towers_check(&c, towers_ways[i].precision, towers_ways[i].engine, &worst[i]);
        free(planes), npy_free(&pixels);
    }
    towers_print(worst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shared_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
