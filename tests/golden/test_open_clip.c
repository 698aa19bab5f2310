/* SPDX-License-Identifier: MIT
 * Models in open_clip's layout: embeddings and pixel values equal those of open_clip.  tests/golden/openclip has small
 * random models of open_clip's own classes; the fourth is in the shared data only. */
#include "../npy.h"
#include "../recipe.h"
#include "../support.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/image.h"
#include "model/encoder.h"

#include <math.h>
#include <zlib.h>

static void near(const char *what, const float *got, const float *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - (double)want[i]) <= 1e-4))
            fail_msg("%s: number %zu is %g, not %g", what, i, (double)got[i], (double)want[i]);
}

static npy load(const char *folder, const char *name)
{
    char path[1400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return npy_load(path);
}

static gp_encoder *open_model(const char *folder)
{
    gp_error err = {0};
    gp_encoder *encoder = NULL;
    assert_ok(gp_encoder_open(folder, GP_PRECISION_FP32, GP_ENGINE_AUTO, &encoder, &err));
    return encoder;
}

/* Compares the embeddings of the eight crops and of all texts with those of open_clip. */
static void compare(const char *folder, const char *golden)
{
    gp_error err = {0};
    gp_encoder *encoder = open_model(folder);
    gp_encoder_worker *worker = NULL;
    const gp_preprocess_config *values = gp_encoder_preprocess(encoder);
    npy pixels = npy_load(source_path("tests/golden/openclip/pixels-112.npy"));
    npy ids = load(golden, "ids.npy"), images = load(golden, "image_embeds.npy"),
        texts = load(golden, "text_embeds.npy");
    const size_t n = images.shape[0], d = images.shape[1], plane = (size_t)112 * 112, m = ids.shape[0],
                 length = ids.shape[1];
    assert_int_equal(pixels.count, n * 3 * plane);
    float *planes = malloc(n * 3 * plane * sizeof *planes), *out = malloc((n + m) * d * sizeof *out);
    for (size_t i = 0; i < n * plane; i++)
        for (size_t c = 0; c < 3; c++)
            planes[(i / plane * 3 + c) * plane + i % plane] =
                values->table[c][((const uint8_t *)pixels.data)[3 * i + c]];
    int32_t *list = malloc(ids.count * sizeof *list);
    size_t *counts = malloc(m * sizeof *counts);
    for (size_t i = 0; i < ids.count; i++) list[i] = ((const int32_t *)ids.data)[i];
    for (size_t i = 0; i < m; i++) counts[i] = length;
    assert_ok(gp_encoder_worker_new(encoder, n, ids.count, &worker, &err));
    assert_ok(gp_encoder_run_images(worker, planes, n, out, &err));
    near(folder, out, images.data, n * d);
    assert_ok(gp_encoder_run_texts(worker, list, counts, m, out, &err));
    near(folder, out, texts.data, m * d);
    free(counts), free(list), free(planes), free(out);
    npy_free(&ids), npy_free(&images), npy_free(&texts), npy_free(&pixels);
    gp_encoder_worker_free(worker);
    gp_encoder_close(encoder);
}

static const char *in_tree(const char *name)
{
    char relative[200];
    snprintf(relative, sizeof relative, "tests/golden/openclip/%s", name);
    return source_path(relative);
}

static void test_embeddings(void **state)
{
    (void)state;
    static const char *const names[] = {"custom-text", "quickgelu-half", "quickgelu"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) compare(in_tree(names[i]), in_tree(names[i]));
    const char *shared = shared_path("golden/encode/later/openclip-gelu", "a model with mlp_ratio 3.6");
    char golden[1200];
    if (!shared) return;
    snprintf(golden, sizeof golden, "%s/golden", shared);
    compare(shared, golden);
}

/* From the file to the embedding: squash, and the shortest edge with torchvision's crop. */
static void test_pictures(void **state)
{
    (void)state;
    static const char *const names[] = {"custom-text", "quickgelu-half"};
    for (size_t k = 0; k < 2; k++) {
        gp_error err = {0};
        gp_bytes text = {0};
        gp_json *root = NULL;
        char path[1300];
        gp_encoder *encoder = open_model(in_tree(names[k]));
        gp_encoder_worker *worker = NULL;
        const gp_preprocess_config *config = gp_encoder_preprocess(encoder);
        float *planes = malloc(3 * 112 * 112 * sizeof *planes), out[64];
        snprintf(path, sizeof path, "%s/golden.json", in_tree(names[k]));
        assert_ok(gp_file_read(path, 1 << 20, &text, &err));
        assert_ok(gp_json_parse((const char *)text.data, text.size, false, 0, &root, &err));
        assert_ok(gp_encoder_worker_new(encoder, 1, 0, &worker, &err));
        const gp_json *pictures = gp_json_get(root, "pictures");
        assert_int_equal(gp_json_count(pictures), 7);
        for (size_t i = 0; i < gp_json_count(pictures); i++) {
            const gp_json *picture = gp_json_at(pictures, i), *want = gp_json_get(picture, "embedding");
            const char *file = gp_json_text(gp_json_get(picture, "file"), NULL);
            gp_bytes bytes = {0};
            gp_pixels pixels = {0};
            float first[8];
            snprintf(path, sizeof path, "%s/%s", source_path("tests/golden/images/in"), file);
            assert_ok(gp_file_read(path, 1 << 24, &bytes, &err));
            assert_ok(gp_image_decode_bytes(bytes.data, bytes.size, 1 << 28, &pixels, &err));
            assert_ok(gp_preprocess_planes(config, &pixels, planes, &err));
            unsigned long sum = crc32_z(0, (const uint8_t *)planes, 3 * 112 * 112 * sizeof *planes);
            if (sum != strtoul(gp_json_text(gp_json_get(picture, "pixel_values_crc32"), NULL), NULL, 16))
                fail_msg("%s: the pixel values of %s differ", names[k], file);
            assert_ok(gp_encoder_run_images(worker, planes, 1, out, &err));
            for (size_t j = 0; j < 8; j++) {
                double number = 0;
                assert_true(gp_json_real(gp_json_at(want, j), &number));
                first[j] = (float)number;
            }
            near(file, out, first, 8);
            gp_pixels_clear(&pixels);
            gp_bytes_clear(&bytes);
        }
        free(planes);
        gp_json_free(root);
        gp_bytes_clear(&text);
        gp_encoder_worker_free(worker);
        gp_encoder_close(encoder);
    }
}

/* Fields of open_clip_config.json that goldpan must reject, with the name that the message must have. */
static const struct {
    const char *root, *image, *text, *preprocess, *says;
} wrong[] = {
    {"", "\"timm_model_name\":\"eva02_large_patch14_clip_224\"", "", "", "vision_cfg.timm_model_name"},
    {"", "\"layers\":[3,4,6,3]", "", "", "vision_cfg.layers"},
    {"", "\"ls_init_value\":0.1", "", "", "vision_cfg.ls_init_value"},
    {"", "\"attentional_pool\":true", "", "", "vision_cfg.attentional_pool"},
    {"", "\"no_ln_pre\":true", "", "", "vision_cfg.no_ln_pre"},
    {"", "\"final_ln_after_pool\":true", "", "", "vision_cfg.final_ln_after_pool"},
    {"", "\"pool_type\":\"avg\"", "", "", "vision_cfg.pool_type"},
    {"", "\"pos_embed_type\":\"sin_cos_2d\"", "", "", "vision_cfg.pos_embed_type"},
    {"", "\"qk_norm\":true", "", "", "vision_cfg.qk_norm"},
    {"", "\"scale_heads\":true", "", "", "vision_cfg.scale_heads"},
    {"", "\"norm_kwargs\":{\"eps\":1e-6}", "", "", "vision_cfg.norm_kwargs"},
    {"", "\"something_new\":1", "", "", "vision_cfg.something_new"},
    {"", "\"image_size\":[224,112]", "", "", "vision_cfg.image_size"},
    {"", "\"head_width\":7", "", "", "vision_cfg.width"},
    {"", "\"mlp_ratio\":-1", "", "", "vision_cfg.mlp_ratio"},
    {"", "", "\"no_causal_mask\":true", "", "text_cfg.no_causal_mask"},
    {"", "", "\"proj_type\":\"none\"", "", "text_cfg.proj_type"},
    {"", "", "\"proj_bias\":true", "", "text_cfg.proj_bias"},
    {"", "", "\"embed_cls\":true", "", "text_cfg.embed_cls"},
    {"", "", "\"pool_type\":\"last\"", "", "text_cfg.pool_type"},
    {"", "", "\"hf_model_name\":\"xlm-roberta-base\"", "", "text_cfg.hf_model_name"},
    {"\"multimodal_cfg\":{\"width\":8},", "", "", "", "model_cfg.multimodal_cfg"},
    {"\"init_logit_bias\":-10,", "", "", "", "model_cfg.init_logit_bias"},
    {"\"quick_gelu\":1,", "", "", "", "model_cfg.quick_gelu"},
    {"", "", "", "\"resize_mode\":\"stretch\"", "resize_mode"},
    {"", "", "", "\"interpolation\":\"nearest\"", "interpolation"},
    {"", "", "", "\"fill_color\":300", "fill_color"},
    {"", "", "", "\"size\":112", "preprocess_cfg.size"},
    {"", "", "", "", "has no open_clip_model.safetensors"}, /* the config is right */
};

static void test_refuses(void **state)
{
    (void)state;
    char *folder = recipe_folder_new(), json[1000];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        gp_error err = {0};
        gp_encoder *encoder = NULL;
        snprintf(json, sizeof json, "{\"model_cfg\":{%s\"vision_cfg\":{%s},\"text_cfg\":{%s}},\"preprocess_cfg\":{%s}}",
                 wrong[i].root, wrong[i].image, wrong[i].text, wrong[i].preprocess);
        assert_int_equal(recipe_write_text(folder, "open_clip_config.json", json), 0);
        gp_status st = gp_encoder_open(folder, GP_PRECISION_FP32, GP_ENGINE_AUTO, &encoder, &err);
        if (st == GP_OK || !strstr(err.message, wrong[i].says)) fail_msg("%s: %s", json, err.message);
    }
    recipe_folder_free(folder);
}

/* longest: the longer side becomes the side, the rest has the fill colour, and the offset is rounded down. */
static void test_longest(void **state)
{
    (void)state;
    static const char text[] = "{\"resize_mode\":\"longest\",\"fill_color\":7,\"interpolation\":\"bilinear\"}";
    gp_error err = {0};
    gp_json *object = NULL;
    gp_preprocess_config c;
    uint32_t w = 0, h = 0;
    uint8_t white[3 * 9 * 4], out[3 * 8 * 8];
    assert_ok(gp_json_parse(text, strlen(text), false, 0, &object, &err));
    assert_ok(gp_preprocess_open_clip(object, 8, &c, &err));
    assert_string_equal(c.id, "pillow-bilinear-longest-8-fill-7-crop-8x8-values-clip");
    gp_preprocess_size(&c, 9, 4, &w, &h); /* 4 * 8 / 9 = 3.56 */
    assert_int_equal(w * 10 + h, 84);
    gp_preprocess_size(&c, 5, 16, &w, &h); /* 5 * 8 / 16 = 2.5: half to even */
    assert_int_equal(w * 10 + h, 28);
    memset(white, 255, sizeof white);
    assert_ok(gp_preprocess_crop(&c, &(gp_pixels){.width = 9, .height = 3, .rgb = white}, out, &err));
    for (size_t y = 0; y < 8; y++) /* 3 rows; 5 are filled, 2 of them above */
        for (size_t x = 0; x < 24; x++) assert_int_equal(out[24 * y + x], y >= 2 && y < 5 ? 255 : 7);
    gp_json_free(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embeddings),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
