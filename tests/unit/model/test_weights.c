/* SPDX-License-Identifier: MIT
 * Weights as other programs save them: names with a prefix, and numbers that are not finite. */
#include "../../recipe.h"
#include "../../support.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/clip.h"

#include <math.h>
#include <unistd.h>

static const char config[] =
    "{\"model_type\":\"clip\",\"projection_dim\":24,"
    "\"vision_config\":{\"hidden_size\":32,\"intermediate_size\":64,\"num_hidden_layers\":2,\"num_attention_heads\":2,"
    "\"image_size\":48,\"patch_size\":16},"
    "\"text_config\":{\"hidden_size\":16,\"intermediate_size\":40,\"num_hidden_layers\":2,\"num_attention_heads\":2,"
    "\"vocab_size\":60,\"max_position_embeddings\":12,\"eos_token_id\":59,\"hidden_act\":\"gelu\"}}";
static const recipe_sizes sizes = {true, true, 32, 2, 64, 48, 16, 16, 2, 40, 60, 12, 24};
enum { SIDE = 48, PLANES = 3 * SIDE * SIDE, E = 24 };

static char *new_folder(const char *dtype)
{
    char *folder = recipe_folder_new();
    recipe_how how = {dtype, 1, true};
    assert_int_equal(recipe_write_text(folder, "config.json", config), 0);
    assert_int_equal(recipe_write(folder, &sizes, &how), 0);
    return folder;
}

/* model.safetensors: its header as text, and the bytes after it. */
typedef struct weights {
    char *path;
    gp_bytes file;
    gp_str header;
    const uint8_t *data;
    size_t size;
} weights;

static weights read_weights(const char *folder)
{
    weights w = {.path = gp_path_join(folder, "model.safetensors"), .header = GP_STR_INIT};
    size_t length = 0;
    gp_error err = {0};
    assert_ok(gp_file_read(w.path, 1 << 24, &w.file, &err));
    for (int i = 7; i >= 0; i--) length = length << 8 | w.file.data[i];
    gp_str_add(&w.header, (const char *)w.file.data + 8, length);
    w.data = w.file.data + 8 + length, w.size = w.file.size - 8 - length;
    return w;
}

static void write_weights(weights *w)
{
    gp_str all = GP_STR_INIT;
    gp_error err = {0};
    for (int i = 0; i < 8; i++) gp_str_putc(&all, (char)(w->header.size >> 8 * i & 255));
    gp_str_add(&all, w->header.data, w->header.size);
    gp_str_add(&all, (const char *)w->data, w->size);
    assert_ok(gp_file_replace(w->path, all.data, all.size, &err));
    gp_str_clear(&all);
    gp_str_clear(&w->header);
    gp_bytes_clear(&w->file);
    gp_mem_free(w->path);
}

/* Puts `prefix` before the names of the tensors that begin with `begin`. */
static void rename_tensors(const char *folder, const char *begin, const char *prefix)
{
    static const char mark[] = "\":{\"dtype\"";
    weights w = read_weights(folder);
    gp_str out = GP_STR_INIT;
    const char *at = w.header.data;
    for (const char *next; (next = strstr(at, mark)) != NULL; at = next + sizeof mark - 1) {
        const char *name = next;
        while (name[-1] != '"') name--;
        gp_str_add(&out, at, (size_t)(name - at));
        if (gp_str_starts(name, begin)) gp_str_puts(&out, prefix);
        gp_str_add(&out, name, (size_t)(next - name) + sizeof mark - 1);
    }
    gp_str_puts(&out, at);
    gp_str_clear(&w.header);
    w.header = out;
    write_weights(&w);
}

/* Sets number `index` of a tensor to these bytes. */
static void poke(const char *folder, const char *tensor, size_t index, const void *bytes, size_t size)
{
    weights w = read_weights(folder);
    char key[200];
    unsigned long begin = 0;
    snprintf(key, sizeof key, "\"%s\":{", tensor);
    const char *at = strstr(w.header.data, key), *range = at ? strstr(at, "\"data_offsets\":[") : NULL;
    assert_non_null(range);
    assert_int_equal(sscanf(range, "\"data_offsets\":[%lu", &begin), 1);
    memcpy((uint8_t *)(uintptr_t)w.data + begin + index * size, bytes, size);
    write_weights(&w);
}

static void open_facts(const char *folder, char hash[33], float images[E])
{
    gp_error err = {0};
    gp_encoder *clip = NULL;
    gp_encoder_worker *worker = NULL;
    gp_model_facts facts = GP_INIT(gp_model_facts);
    uint8_t *pixels = malloc(PLANES);
    float *planes = malloc(PLANES * sizeof *planes);
    recipe_pixels(SIDE, 1, pixels);
    recipe_planes(pixels, SIDE, planes);
    assert_ok(gp_encoder_open(folder, GP_PRECISION_FP32, GP_ENGINE_PLAIN, &clip, &err));
    gp_encoder_facts(clip, &facts);
    strcpy(hash, facts.weight_hash);
    assert_ok(gp_encoder_worker_new(clip, 1, 0, &worker, &err));
    assert_ok(gp_encoder_run_images(worker, planes, 1, images, &err));
    gp_encoder_worker_free(worker);
    gp_encoder_close(clip);
    free(planes);
    free(pixels);
}

static void refused(const char *folder, const char *says, const char *also)
{
    gp_error err = {0};
    gp_encoder *clip = NULL;
    gp_status st = gp_encoder_open(folder, GP_PRECISION_FP32, GP_ENGINE_PLAIN, &clip, &err);
    if (st != GP_ERR_FORMAT || !strstr(err.message, says) || !strstr(err.message, also))
        fail_msg("status %d, says \"%s\", not \"%s\" and \"%s\"", st, err.message, says, also);
}

/* A common prefix of all names does not change the model. */
static void test_prefix(void **state)
{
    static const char *const prefixes[] = {"clip.", "model.", "module.", "_orig_mod.module.clip_model."};
    char right[33], hash[33];
    float images[E], same[E];
    (void)state;
    char *folder = new_folder("F16");
    open_facts(folder, right, images);
    recipe_folder_free(folder);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        folder = new_folder("F16");
        rename_tensors(folder, "", prefixes[i]);
        open_facts(folder, hash, same);
        assert_string_equal(hash, right);
        assert_memory_equal(images, same, sizeof images);
        recipe_folder_free(folder);
    }
}

/* Ambiguous or incomplete prefixes are rejected. */
static void test_prefix_refused(void **state)
{
    (void)state;
    char *folder = new_folder("F32");
    rename_tensors(folder, "text_model.", "clip."); /* only some of the names */
    refused(folder, "tensor 'text_model.", "is missing");
    rename_tensors(folder, "vision_model.", "clip.");
    rename_tensors(folder, "visual_projection.", "y");
    refused(folder, "tensor 'clip.visual_projection.weight'", "is missing");
    recipe_folder_free(folder);
    folder = new_folder("F32"); /* two whole models */
    weights w = read_weights(folder);
    const char *line = w.header.data;
    gp_str two = GP_STR_INIT;
    for (const char *model = "a"; model; model = *model == 'a' ? "b" : NULL) {
        const char *at = line + 1;
        for (const char *next; (next = strstr(at, "\":{\"dtype\"")) != NULL; at = next + 10) {
            const char *name = next, *end = strchr(next, '}'), *range = strstr(next, "_offsets\":[");
            unsigned long begin, past;
            while (name[-1] != '"') name--;
            assert_int_equal(sscanf(range, "_offsets\":[%lu,%lu", &begin, &past), 2);
            if (*model == 'b') begin += w.size, past += w.size;
            gp_str_printf(&two, "%c\"%s.%.*s_offsets\":[%lu,%lu]}", two.size ? ',' : '{', model, (int)(range - name),
                          name, begin, past);
            assert_non_null(end);
        }
    }
    gp_str_putc(&two, '}');
    gp_str_clear(&w.header);
    w.header = two;
    gp_str data = GP_STR_INIT;
    for (int i = 0; i < 2; i++) gp_str_add(&data, (const char *)w.data, w.size);
    w.data = (const uint8_t *)data.data, w.size = data.size;
    write_weights(&w);
    gp_str_clear(&data);
    refused(folder, "contains two models, with the prefixes 'a.' and 'b.'", "model.safetensors'");
    recipe_folder_free(folder);
}

/* A single number that is not finite is rejected, wherever it is: in a matrix, a norm, a bias, the token table, or the
 * temperature. */
static void test_not_finite(void **state)
{
    static const char *const names[] = {"text_projection.weight",
                                        "vision_model.encoder.layers.1.self_attn.k_proj.weight",
                                        "text_model.encoder.layers.0.mlp.fc1.weight",
                                        "vision_model.encoder.layers.0.layer_norm2.weight",
                                        "text_model.encoder.layers.1.self_attn.v_proj.bias",
                                        "vision_model.embeddings.patch_embedding.weight",
                                        "vision_model.embeddings.class_embedding",
                                        "text_model.embeddings.token_embedding.weight",
                                        "logit_scale"};
    static const uint32_t f32[] = {0x7fc00000, 0x7f800000, 0xff800000, 0x7f800001};
    static const uint16_t f16[] = {0x7e00, 0x7c00, 0xfc00, 0x7c01}, bf16[] = {0x7fc0, 0x7f80, 0xff80, 0x7f81};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t k = 0; k < 4; k++) {
            char *folder = new_folder("F32"), *half = new_folder("F16"), *brain = new_folder("BF16");
            poke(folder, names[i], i == 8 ? 0 : 13, &f32[k], 4);
            poke(half, names[i], i == 8 ? 0 : 13, &f16[k], 2);
            poke(brain, names[i], i == 8 ? 0 : 13, &bf16[k], 2);
            refused(folder, names[i], "has 1 of ");
            refused(half, names[i], "that are not finite (NaN or infinite)");
            refused(brain, names[i], "has 1 of ");
            recipe_folder_free(folder), recipe_folder_free(half), recipe_folder_free(brain);
        }
    char *folder = new_folder("F32");
    float large = 800;
    poke(folder, "logit_scale", 0, &large, 4);
    refused(folder, "tensor 'logit_scale' is 800", "not finite");
    recipe_folder_free(folder);
}

/* If all weights are finite, but sums in the towers are not, the model returns no embedding. */
static void test_overflow(void **state)
{
    gp_error err = {0};
    gp_encoder *clip = NULL;
    gp_encoder_worker *worker = NULL;
    float *planes = calloc(PLANES, sizeof *planes), out[E], huge = 3e38f;
    static const int32_t ids[] = {58, 3, 59};
    size_t three = 3;
    char *folder = new_folder("F32");
    (void)state;
    for (size_t i = 0; i < 32; i++) {
        poke(folder, "visual_projection.weight", i, &huge, 4);
        if (i < 16) poke(folder, "text_projection.weight", i, &huge, 4);
    }
    assert_ok(gp_encoder_open(folder, GP_PRECISION_FP32, GP_ENGINE_PLAIN, &clip, &err));
    assert_ok(gp_encoder_worker_new(clip, 1, 3, &worker, &err));
    assert_int_equal(gp_encoder_run_images(worker, planes, 1, out, &err), GP_ERR_FORMAT);
    assert_non_null(strstr(err.message, "image embeddings that are not finite"));
    assert_int_equal(gp_encoder_run_texts(worker, ids, &three, 1, out, &err), GP_ERR_FORMAT);
    assert_non_null(strstr(err.message, "text embeddings that are not finite"));
    gp_encoder_worker_free(worker);
    gp_encoder_close(clip);
    recipe_folder_free(folder);
    free(planes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_prefix_refused),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
