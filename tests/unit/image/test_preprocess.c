/* SPDX-License-Identifier: MIT
 * preprocessor_config.json in all its forms, sizes and crop offsets (tests/golden/images/sizes.json), padding, the
 * table of values, and failed allocations. test_pixels.c compares whole images with golden checksums. */
#include "picture.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/image.h"
#include "image/preprocess.h"
#include <math.h>

static gp_error err;

static gp_status parse(const char *json, gp_preprocess_config *c)
{
    return gp_preprocess_parse(json, strlen(json), c, &err);
}

static void test_defaults(void **state)
{
    (void)state;
    gp_preprocess_config a, b;
    gp_preprocess_defaults(&a);
    assert_ok(parse("{}", &b));
    assert_memory_equal(&a.table, &b.table, sizeof a.table);
    assert_string_equal(a.id, b.id);
    assert_string_equal(a.id, "pillow-bicubic-224-crop-224x224-values-clip");
    assert_true(b.do_resize && b.do_center_crop && b.do_rescale && b.do_normalize);
    assert_int_equal(b.shortest_edge, 224);
}

static void test_styles(void **state)
{
    (void)state;
    gp_preprocess_config old, new;
    assert_ok(parse(
        "{\"crop_size\": 336, \"do_center_crop\": true, \"do_normalize\": true, \"do_resize\": true,"
        "\"feature_extractor_type\": \"CLIPFeatureExtractor\", \"image_mean\": [0.48145466, 0.4578275, 0.40821073],"
        "\"image_std\": [0.26862954, 0.26130258, 0.27577711], \"resample\": 3, \"size\": 336}",
        &old));
    assert_ok(parse("{\"crop_size\": {\"height\": 336, \"width\": 336}, \"do_rescale\": true, \"do_convert_rgb\": true,"
                    "\"image_processor_type\": \"CLIPImageProcessorFast\", \"rescale_factor\": 0.00392156862745098,"
                    "\"size\": {\"shortest_edge\": 336}, \"resample\": null}",
                    &new));
    assert_string_equal(old.id, "pillow-bicubic-336-crop-336x336-values-clip");
    assert_string_equal(old.id, new.id);
    assert_memory_equal(old.table, new.table, sizeof old.table);
    assert_int_equal(new.crop_w, 336);

    assert_ok(parse("{\"size\": {\"height\": 96, \"width\": 128}, \"do_center_crop\": false, \"resample\": 2,"
                    "\"image_mean\": [0.5, 0.5, 0.5], \"image_std\": [0.5, 0.5, 0.5]}",
                    &new));
    assert_int_equal(new.shortest_edge, 0);
    assert_int_equal(new.crop_w, 128);
    assert_int_equal(new.crop_h, 96);
    assert_int_equal(new.filter, GP_FILTER_BILINEAR);
    assert_true(gp_str_starts(new.id, "pillow-bilinear-128x96-crop-none-values-"));
    assert_true(new.table[0][0] == -1.0f && new.table[2][255] == 1.0f);

    assert_ok(parse("{\"do_rescale\": false, \"do_normalize\": false}", &new));
    assert_true(new.table[1][200] == 200.0f);
    assert_ok(parse("{\"do_resize\": false, \"crop_size\": 112}", &new));
    assert_string_equal(new.id, "pillow-as-is-crop-112x112-values-clip");
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        gp_status status;
        const char *word;
    } cases[] = {
        {"", GP_ERR_FORMAT, ""},
        {"[]", GP_ERR_FORMAT, "object"},
        {"{\"size\": 0}", GP_ERR_FORMAT, "size"},
        {"{\"size\": 22.5}", GP_ERR_FORMAT, "size"},
        {"{\"size\": \"224\"}", GP_ERR_FORMAT, "size"},
        {"{\"size\": 100000}", GP_ERR_FORMAT, "size"},
        {"{\"size\": {\"height\": 224}}", GP_ERR_FORMAT, "size.width"},
        {"{\"size\": {\"shortest_edge\": -1}}", GP_ERR_FORMAT, "size.shortest_edge"},
        {"{\"size\": {\"shortest_edge\": 224, \"longest_edge\": 448}}", GP_ERR_UNSUPPORTED, "longest_edge"},
        {"{\"crop_size\": {\"height\": 224}}", GP_ERR_FORMAT, "crop_size.width"},
        {"{\"do_resize\": 1}", GP_ERR_FORMAT, "do_resize"},
        {"{\"resample\": 0}", GP_ERR_UNSUPPORTED, "resample"},
        {"{\"resample\": 5}", GP_ERR_UNSUPPORTED, "resample"},
        {"{\"resample\": \"bicubic\"}", GP_ERR_FORMAT, "resample"},
        {"{\"image_mean\": [1, 2]}", GP_ERR_FORMAT, "image_mean"},
        {"{\"image_std\": [1, 0, 1]}", GP_ERR_FORMAT, "image_std[1]"},
        {"{\"image_std\": [1, NaN, 1]}", GP_ERR_FORMAT, "image_std[1]"},
        {"{\"rescale_factor\": \"x\"}", GP_ERR_FORMAT, "rescale_factor"},
        {"{\"do_center_crop\": false}", GP_ERR_UNSUPPORTED, "do_center_crop"},
        {"{\"image_processor_type\": \"SiglipImageProcessor\"}", GP_ERR_UNSUPPORTED, "image_processor_type"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gp_preprocess_config c = {.crop_w = 7};
        err = (gp_error){0};
        if (parse(cases[i].json, &c) != cases[i].status) fail_msg("%s: %s", cases[i].json, err.message);
        if (!strstr(err.message, cases[i].word)) fail_msg("%s: %s", cases[i].json, err.message);
        assert_int_equal(c.crop_w, 7); /* if the function fails, its output is unchanged */
    }
}

/* The table of pixel values equals the arithmetic of the reference: first a division in double, then the other steps in
 * float32. */
static void test_table(void **state)
{
    (void)state;
    gp_preprocess_config c;
    gp_preprocess_defaults(&c);
    for (int i = 0; i < 3; i++)
        for (int v = 0; v < 256; v++) assert_true(c.table[i][v] == ((float)(v / 255.0) - c.mean[i]) / c.std[i]);
    const float want[3][3] = {{-1.7922626f, -1.7520971f, -1.4802198f},
                              {0.0763361f, 0.1688973f, 0.3399488f},
                              {1.9303361f, 2.0748837f, 2.1458969f}};
    for (int i = 0; i < 9; i++)
        assert_true(fabsf(c.table[i % 3][(int[]){0, 128, 255}[i / 3]] - want[i / 3][i % 3]) < 1e-7f);
}

static uint32_t number(const gp_json *array, size_t i)
{
    uint64_t n = 0;
    assert_true(gp_json_u64(gp_json_at(array, i), &n));
    return (uint32_t)n;
}

static void test_sizes(void **state)
{
    (void)state;
    gp_bytes bytes;
    gp_json *root;
    assert_ok(gp_file_read(source_path("tests/golden/images/sizes.json"), 1 << 20, &bytes, &err));
    assert_ok(gp_json_parse((const char *)bytes.data, bytes.size, true, 64, &root, &err));
    const gp_json *cases = gp_json_get(root, "cases");
    assert_int_equal(gp_json_count(cases), 72);
    for (size_t i = 0; i < gp_json_count(cases); i++) {
        const gp_json *k = gp_json_at(cases, i), *in = gp_json_get(k, "in"), *to = gp_json_get(k, "resized");
        uint64_t target;
        assert_true(gp_json_u64(gp_json_get(k, "target"), &target));
        gp_preprocess_config c;
        gp_preprocess_defaults(&c);
        c.shortest_edge = (uint32_t)target;
        uint32_t w, h;
        gp_preprocess_size(&c, number(in, 0), number(in, 1), &w, &h);
        assert_int_equal(w, number(to, 0));
        assert_int_equal(h, number(to, 1));
    }
    gp_json_free(root);
    gp_bytes_clear(&bytes);
}

/* Without resizing, a large image is cropped to its middle, and a small image is placed in the middle of a black
 * image. */
static void test_crop_and_pad(void **state)
{
    (void)state;
    static const struct {
        uint32_t size, crop, from, to, n;
    } axis[] = {{9, 4, 2, 0, 4}, {8, 4, 2, 0, 4}, {7, 4, 1, 0, 4}, {4, 4, 0, 0, 4}, {3, 4, 0, 1, 3}, {1, 4, 0, 2, 1}};
    gp_preprocess_config c;
    assert_ok(parse("{\"do_resize\": false, \"crop_size\": 4}", &c));
    for (size_t i = 0; i < 36; i++) {
        const uint32_t w = axis[i % 6].size, h = axis[i / 6].size;
        uint8_t *in = noise_picture(w, h), *out = malloc(4 * 4 * 3);
        memset(out, 99, 48);
        assert_ok(gp_preprocess_crop(&c, &(gp_pixels){.width = w, .height = h, .rgb = in}, out, &err));
        for (uint32_t y = 0; y < 4; y++)
            for (uint32_t x = 0; x < 4; x++) {
                const uint32_t px = x - axis[i % 6].to, py = y - axis[i / 6].to;
                const bool inside = px < axis[i % 6].n && py < axis[i / 6].n;
                const uint8_t want = inside ? in[((py + axis[i / 6].from) * w + px + axis[i % 6].from) * 3 + 1] : 0;
                assert_int_equal(out[(y * 4 + x) * 3 + 1], want);
            }
        free(out);
        free(in);
    }
}

static void test_planes(void **state)
{
    (void)state;
    gp_preprocess_config c;
    assert_ok(parse("{\"size\": 20, \"crop_size\": {\"height\": 20, \"width\": 23}}", &c));
    uint8_t *in = noise_picture(51, 40), rgb[20 * 23 * 3];
    float *planes = malloc(sizeof(float) * 20 * 23 * 3);
    assert_ok(gp_preprocess_crop(&c, &(gp_pixels){.width = 51, .height = 40, .rgb = in}, rgb, &err));
    assert_ok(gp_preprocess_planes(&c, &(gp_pixels){.width = 51, .height = 40, .rgb = in}, planes, &err));
    for (size_t i = 0; i < 20 * 23 * 3; i++)
        assert_true(planes[i] == c.table[i / (20 * 23)][rgb[i % (20 * 23) * 3 + i / (20 * 23)]]);
    free(planes);
    free(in);
}

static void test_too_long(void **state)
{
    (void)state;
    gp_preprocess_config c;
    gp_preprocess_defaults(&c);
    uint32_t w, h;
    gp_preprocess_size(&c, 1, 178956970, &w, &h);
    assert_int_equal(h, UINT32_MAX);
    uint8_t pixel[3] = {0}, *out = malloc(224 * 224 * 3);
    assert_int_equal(gp_preprocess_crop(&c, &(gp_pixels){.width = 1, .height = 178956970, .rgb = pixel}, out, &err),
                     GP_ERR_LIMIT);
    free(out);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    static const char json[] = "{\"size\": {\"height\": 9, \"width\": 30}, \"crop_size\": 12, \"image_mean\": 0.5}";
    uint8_t *in = noise_picture(40, 50);
    float planes[12 * 12 * 3];
    const int64_t before = gp_mem_live();
    gp_status st;
    int failed = 0;
    do {
        gp_preprocess_config c;
        gp_mem_fail_at((uint64_t)failed + 1);
        st = parse(json, &c);
        if (st == GP_OK)
            st = gp_preprocess_planes(&c, &(gp_pixels){.width = 40, .height = 50, .rgb = in}, planes, &err);
        assert_int_equal(gp_mem_live(), before);
        if (st != GP_OK) assert_int_equal(st, GP_ERR_MEMORY);
    } while (st != GP_OK && ++failed < 100);
    gp_mem_fail_at(0);
    assert_in_range(failed, 8, 60);
    free(in);
}

/* Tests which images are decoded at a reduced size and by which factor. The preprocessing with reduced sizes must
 * have its own id. */
static void test_fast(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        uint32_t edge, width, height;
    } rows[] = {
        /* 767 / 2 is less than 2 x 224, so this image is not reduced */
        {"in/jpg-discs-1023x767.jpg", 224, 1023, 767}, {"in/jpg-discs-1023x767.jpg", 192, 512, 384},
        {"in/jpg-discs-1023x767.jpg", 193, 1023, 767}, {"in/jpg-discs-1023x767.jpg", 96, 256, 192},
        {"in/jpg-discs-1023x767.jpg", 48, 128, 96},    {"in/jpg-discs-1023x767.jpg", 3, 128, 96},
        {"in/webp-lossy-500x333.webp", 3, 500, 333},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        gp_preprocess_config exact, fast;
        gp_pixels pixels = GP_INIT(gp_pixels);
        gp_bytes bytes;
        char json[80], path[120];
        snprintf(json, sizeof json, "{\"size\": %u, \"crop_size\": %u}", rows[i].edge, rows[i].edge);
        snprintf(path, sizeof path, "tests/golden/images/%s", rows[i].file);
        assert_ok(parse(json, &exact));
        assert_ok(parse(json, &fast));
        gp_preprocess_set_fast(&fast);
        gp_preprocess_set_fast(&fast); /* a second call of the function changes nothing */
        assert_int_equal(strncmp(fast.id, exact.id, strlen(exact.id)), 0);
        assert_string_equal(fast.id + strlen(exact.id), "-fast");
        assert_ok(gp_file_read(source_path(path), 1 << 20, &bytes, &err));
        assert_ok(gp_preprocess_decode(&exact, bytes.data, bytes.size, 0, &pixels, &err));
        assert_int_equal(pixels.width, i < 6 ? 1023 : 500);
        gp_pixels_clear(&pixels);
        assert_ok(gp_preprocess_decode(&fast, bytes.data, bytes.size, 0, &pixels, &err));
        assert_int_equal(pixels.width, rows[i].width);
        assert_int_equal(pixels.height, rows[i].height);
        gp_pixels_clear(&pixels);
        assert_int_equal(gp_preprocess_decode(&fast, bytes.data, bytes.size, 100, &pixels, &err), GP_ERR_LIMIT);
        assert_int_equal(gp_preprocess_decode(&fast, bytes.data, 40, 0, &pixels, &err), GP_ERR_FORMAT);
        gp_bytes_clear(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_styles),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_table),    cmocka_unit_test(test_sizes),    cmocka_unit_test(test_crop_and_pad),
        cmocka_unit_test(test_planes),   cmocka_unit_test(test_too_long), cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
