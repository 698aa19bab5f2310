/* SPDX-License-Identifier: MIT
 * Whole images from file to float planes compared with the reference: 100 synthetic files at 224, 336 and 112, crops
 * without resizing, exact squares, and (if ../shared exists) 164 real images.  All values are equal in every bit, by
 * CRC32. */
#include "picture.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/image.h"
#include "image/preprocess.h"

static gp_error err;

static gp_pixels decode(const char *path)
{
    gp_bytes bytes;
    gp_pixels pixels = GP_INIT(gp_pixels);
    assert_ok(gp_file_read(path, 64 << 20, &bytes, &err));
    if (gp_image_decode_bytes(bytes.data, bytes.size, GP_MAX_PIXELS, &pixels, &err) != GP_OK)
        fail_msg("%s: %s", path, err.message);
    gp_bytes_clear(&bytes);
    return pixels;
}

static void check_refused(const char *path)
{
    gp_bytes bytes;
    gp_pixels pixels = GP_INIT(gp_pixels);
    assert_ok(gp_file_read(path, 64 << 20, &bytes, &err));
    assert_int_equal(gp_image_decode_bytes(bytes.data, bytes.size, GP_MAX_PIXELS, &pixels, &err), GP_ERR_FORMAT);
    gp_bytes_clear(&bytes);
}

static gp_json *read_json(const char *name)
{
    char path[200];
    gp_bytes bytes;
    gp_json *root;
    snprintf(path, sizeof path, "tests/golden/images/%s", name);
    assert_ok(gp_file_read(source_path(path), 8 << 20, &bytes, &err));
    assert_ok(gp_json_parse((const char *)bytes.data, bytes.size, true, 64, &root, &err));
    gp_bytes_clear(&bytes);
    return root;
}

static const char *text_of(const gp_json *row, const char *key)
{
    const char *text = gp_json_text(gp_json_get(row, key), NULL);
    assert_non_null(text);
    return text;
}

static uint32_t number(const gp_json *array, size_t i)
{
    uint64_t n = 0;
    assert_true(gp_json_u64(gp_json_at(array, i), &n));
    return (uint32_t)n;
}

static void check_crc(const char *file, const char *what, const void *bytes, size_t size, const char *want)
{
    if (crc_of(bytes, size) != strtoul(want, NULL, 16)) fail_msg("%s: %s differs", file, what);
}

static gp_preprocess_config square(uint32_t side)
{
    gp_preprocess_config c;
    gp_preprocess_defaults(&c);
    c.shortest_edge = c.crop_w = c.crop_h = side;
    return c;
}

static void check_crop(const gp_preprocess_config *c, const gp_pixels *p, const char *file, const char *crop_crc,
                       const char *planes_crc)
{
    const size_t n = (size_t)c->crop_w * c->crop_h * 3;
    uint8_t *crop = malloc(n);
    float *planes = malloc(n * sizeof *planes);
    assert_ok(gp_preprocess_crop(c, p, crop, &err));
    check_crc(file, "crop", crop, n, crop_crc);
    if (planes_crc) {
        assert_ok(gp_preprocess_planes(c, p, planes, &err));
        check_crc(file, "values", planes, n * sizeof *planes, planes_crc);
    }
    free(planes);
    free(crop);
}

static void check_target(const gp_pixels *p, const char *file, const char *side, const gp_json *golden)
{
    const gp_preprocess_config c = square((uint32_t)strtoul(side, NULL, 10));
    const gp_json *size = gp_json_get(golden, "resized");
    uint32_t w, h;
    gp_preprocess_size(&c, p->width, p->height, &w, &h);
    assert_int_equal(w, number(size, 0));
    assert_int_equal(h, number(size, 1));
    const size_t n = (size_t)w * h * 3;
    uint8_t *whole = malloc(n);
    assert_ok(gp_resize_rgb(p->rgb, p->width, p->height, whole, w, h, GP_FILTER_BICUBIC, &err));
    check_crc(file, "resize", whole, n, text_of(golden, "resized_crc32"));
    free(whole);
    check_crop(&c, p, file, text_of(golden, "crop_crc32"), text_of(golden, "pixel_values_crc32"));
}

static void test_drawn(void **state)
{
    (void)state;
    static const char *const sides[] = {"224", "336", "112"};
    gp_json *root = read_json("images.json");
    const gp_json *images = gp_json_get(root, "images");
    assert_int_equal(gp_json_count(images), 100);
    for (size_t i = 0; i < 100; i++) {
        const gp_json *row = gp_json_at(images, i);
        char path[200];
        snprintf(path, sizeof path, "tests/golden/images/%s", text_of(row, "file"));
        gp_pixels p = decode(source_path(path));
        check_crc(path, "rgb", p.rgb, (size_t)p.width * p.height * 3, text_of(row, "rgb_crc32"));
        for (size_t t = 0; t < 3; t++)
            check_target(&p, path, sides[t], gp_json_get(gp_json_get(row, "targets"), sides[t]));
        gp_mem_free(p.rgb);
    }
    gp_json_free(root);
}

/* Tests the preprocessing with do_resize false. The larger images of crops.json are not in this repository, so the test
 * skips them. */
static void test_crops(void **state)
{
    (void)state;
    gp_json *root = read_json("crops.json");
    const gp_json *cases = gp_json_get(root, "cases");
    size_t done = 0;
    for (size_t i = 0; i < gp_json_count(cases); i++) {
        const gp_json *k = gp_json_at(cases, i);
        char path[200];
        uint64_t side;
        snprintf(path, sizeof path, "tests/golden/images/%s", text_of(k, "in"));
        if (access(source_path(path), R_OK) != 0) continue;
        assert_true(gp_json_u64(gp_json_get(k, "crop"), &side));
        gp_preprocess_config c = square((uint32_t)side);
        c.do_resize = false;
        gp_pixels p = decode(source_path(path));
        check_crop(&c, &p, path, text_of(k, "crc32"), NULL);
        gp_mem_free(p.rgb);
        done++;
    }
    assert_int_equal(done, 14);
    gp_json_free(root);
}

/* Resizes to an exact square, with mean and std 0.5. */
static void test_squares(void **state)
{
    (void)state;
    gp_json *root = read_json("square.json");
    const gp_json *cases = gp_json_get(root, "cases");
    assert_int_equal(gp_json_count(cases), 12);
    for (size_t i = 0; i < 12; i++) {
        const gp_json *k = gp_json_at(cases, i), *size = gp_json_get(k, "size");
        char json[300], path[200];
        gp_preprocess_config c;
        snprintf(json, sizeof json,
                 "{\"size\": {\"width\": %u, \"height\": %u}, \"do_center_crop\": false, \"resample\": %d,"
                 "\"image_mean\": [0.5, 0.5, 0.5], \"image_std\": [0.5, 0.5, 0.5]}",
                 number(size, 0), number(size, 1), strcmp(text_of(k, "resample"), "bilinear") == 0 ? 2 : 3);
        assert_ok(gp_preprocess_parse(json, strlen(json), &c, &err));
        snprintf(path, sizeof path, "tests/golden/images/%s", text_of(k, "file"));
        gp_pixels p = decode(source_path(path));
        check_crop(&c, &p, path, text_of(k, "crc32"), text_of(k, "pixel_values_crc32"));
        gp_mem_free(p.rgb);
    }
    gp_json_free(root);
}

/* Columns of data_pictures.tsv: file, sha256, format, mode, size, and four CRC-32 values: of the pixels, the pixels on
 * white, the crop at 224 pixels, the values at 224 pixels.  One file cannot be decoded: its format is "error", and its
 * mode is the class of Pillow's error. */
static void test_real(void **state)
{
    (void)state;
    const char *list = shared_path("golden/encode/images/data_pictures.tsv", "164 real pictures");
    if (!list || !shared_path("data/generated", "164 real pictures")) return;
    gp_bytes file;
    assert_ok(gp_file_read(list, 1 << 20, &file, &err));
    const gp_preprocess_config c = square(224);
    char *at = strchr((char *)file.data, '\n') + 1;
    size_t done = 0;
    for (char *line; (line = strsep(&at, "\n")) && *line; done++) {
        char *field[9], path[600];
        for (int i = 0; i < 9; i++) assert_non_null(field[i] = strsep(&line, "\t"));
        snprintf(path, sizeof path, "data/%s", field[0]);
        const char *full = shared_path(path, "picture");
        assert_non_null(full);
        if (strcmp(field[2], "error") == 0) {
            check_refused(full);
            continue;
        }
        gp_pixels p = decode(full);
        check_crc(path, "rgb", p.rgb, (size_t)p.width * p.height * 3, field[5]);
        check_crop(&c, &p, path, field[7], field[8]);
        gp_mem_free(p.rgb);
    }
    assert_int_equal(done, 164);
    gp_bytes_clear(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drawn),
        cmocka_unit_test(test_crops),
        cmocka_unit_test(test_squares),
        cmocka_unit_test(test_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
