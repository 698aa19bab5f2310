/* SPDX-License-Identifier: MIT
 * A whole model folder: facts, errors that name the tensor, and the guarantees of workers.  Results do not depend on
 * the batch or the thread, and every allocation may fail.  (tests/golden compares the numbers.) */
#include "../../recipe.h"
#include "../../support.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "model/clip.h"

#include <errno.h>

static const char config[] =
    "{\"model_type\":\"clip\",\"projection_dim\":24,"
    "\"vision_config\":{\"hidden_size\":32,\"intermediate_size\":64,\"num_hidden_layers\":2,\"num_attention_heads\":2,"
    "\"image_size\":48,\"patch_size\":16},"
    "\"text_config\":{\"hidden_size\":16,\"intermediate_size\":40,\"num_hidden_layers\":2,\"num_attention_heads\":2,"
    "\"vocab_size\":60,\"max_position_embeddings\":12,\"eos_token_id\":59,\"hidden_act\":\"gelu\"}}";
static const recipe_sizes sizes = {true, true, 32, 2, 64, 48, 16, 16, 2, 40, 60, 12, 24};
enum { SIDE = 48, PLANES = 3 * SIDE * SIDE, E = 24, MOST = 8 };

/* text i consists of the start token, i + 1 ids and the end token */
static const int32_t ids[] = {58, 3, 59, 58, 7, 9, 59, 58, 1, 2, 3, 59, 58, 50, 40, 30, 20, 59, 58, 5, 5, 5, 5, 5, 59};
static const size_t counts[] = {3, 4, 5, 6, 7};
enum { TEXTS = 5, TOKENS = 25 };

static char *folder_of(const recipe_sizes *s, const char *json, const char *dtype, unsigned shards)
{
    char *folder = recipe_folder_new();
    recipe_how how = {dtype, shards, false};
    assert_int_equal(recipe_write_text(folder, "config.json", json), 0);
    assert_int_equal(recipe_write(folder, s, &how), 0);
    return folder;
}

static float *planes_of(size_t n)
{
    uint8_t *pixels = malloc(n * PLANES);
    float *planes = malloc(n * PLANES * sizeof *planes);
    recipe_pixels(SIDE, (unsigned)n, pixels);
    for (size_t i = 0; i < n; i++) recipe_planes(pixels + i * PLANES, SIDE, planes + i * PLANES);
    free(pixels);
    return planes;
}

static gp_encoder *open_in(const char *folder, gp_precision precision, gp_engine engine)
{
    gp_error err = {0};
    gp_encoder *clip = NULL;
    assert_ok(gp_encoder_open(folder, precision, engine, &clip, &err));
    return clip;
}

static void test_facts(void **state)
{
    (void)state;
    char *one = folder_of(&sizes, config, "F16", 1), *three = folder_of(&sizes, config, "F16", 3),
         *other = folder_of(&sizes, config, "BF16", 1);
    gp_encoder *a = open_in(one, GP_PRECISION_FP32, GP_ENGINE_PLAIN),
               *b = open_in(three, GP_PRECISION_BF16, GP_ENGINE_PLAIN),
               *c = open_in(other, GP_PRECISION_AUTO, GP_ENGINE_AUTO);
    gp_model_facts f = GP_INIT(gp_model_facts), g = GP_INIT(gp_model_facts), h = GP_INIT(gp_model_facts);
    gp_encoder_facts(a, &f), gp_encoder_facts(b, &g), gp_encoder_facts(c, &h);
    assert_string_equal(f.folder, one);
    assert_string_equal(f.precision, "fp32");
    assert_string_equal(g.precision, "bf16");
    assert_true(gp_str_starts(f.engine, "plain C")); /* the name of the instruction set follows this prefix */
    assert_string_equal(f.dtype, "F16");
    assert_string_equal(h.dtype, "BF16");
    assert_string_equal(f.activation, "quick_gelu");
    assert_true(f.has_image_tower && f.has_text_tower);
    assert_int_equal(f.image_side, 48);
    assert_int_equal(f.patch, 16);
    assert_int_equal(f.image_width, 32);
    assert_int_equal(f.image_layers, 2);
    assert_int_equal(f.image_heads, 2);
    assert_int_equal(f.text_width, 16);
    assert_int_equal(f.context, 12);
    assert_int_equal(f.vocabulary, 60);
    assert_int_equal(f.embedding, 24);
    assert_true(f.logit_scale > 99.5 && f.logit_scale < 100.5);
    /* the number of parameters, for width d and MLP width m: a block has 4d^2+4d (attention), 2dm+m+d (MLP) and 4d
     * (norms); then embeddings, norms, projections and logit_scale */
    uint64_t image = 2 * (4 * 32 * 32 + 2 * 32 * 64 + 64 + 9 * 32) + 32 + 32 * 3 * 256 + 10 * 32 + 4 * 32 + 24 * 32;
    uint64_t text = 2 * (4 * 16 * 16 + 2 * 16 * 40 + 40 + 9 * 16) + 60 * 16 + 12 * 16 + 2 * 16 + 24 * 16;
    assert_int_equal(f.parameters, image + text + 1);
    /* the hash does not depend on how the weights are divided into files; other weights give another hash */
    assert_int_equal(strlen(f.weight_hash), 32);
    assert_string_equal(f.weight_hash, g.weight_hash);
    assert_string_not_equal(f.weight_hash, h.weight_hash);
    assert_non_null(f.preprocess_id);
    assert_non_null(gp_encoder_preprocess(a));
    assert_int_equal(gp_encoder_preprocess(a)->crop_w, 48);
    assert_null(gp_encoder_tokenizer(a));
    gp_encoder_close(a), gp_encoder_close(b), gp_encoder_close(c);
    recipe_folder_free(one), recipe_folder_free(three), recipe_folder_free(other);
}

/* For each row, a worker with a batch of one must give the same bits as a worker with a larger batch. */
static void check_batches(gp_precision precision, gp_engine engine)
{
    gp_error err = {0};
    char *folder = folder_of(&sizes, config, "F32", 1);
    gp_encoder *clip = open_in(folder, precision, engine);
    gp_encoder_worker *w = NULL;
    float *planes = planes_of(MOST), all[MOST * E], some[MOST * E], texts[TEXTS * E], text[E];
    assert_ok(gp_encoder_worker_new(clip, MOST, TOKENS, &w, &err));
    assert_ok(gp_encoder_run_images(w, planes, MOST, all, &err));
    assert_ok(gp_encoder_run_texts(w, ids, counts, TEXTS, texts, &err));
    for (size_t n = 1; n < MOST; n += 2)
        for (size_t at = 0; at + n <= MOST; at += n) {
            gp_encoder_worker *small = NULL;
            assert_ok(gp_encoder_worker_new(clip, n, 0, &small, &err));
            assert_ok(gp_encoder_run_images(small, planes + at * PLANES, n, some, &err));
            assert_memory_equal(some, all + at * E, n * E * sizeof(float));
            /* a worker that was used before also gives the same bits */
            assert_ok(gp_encoder_run_images(w, planes + at * PLANES, n, some, &err));
            assert_memory_equal(some, all + at * E, n * E * sizeof(float));
            gp_encoder_worker_free(small);
        }
    for (size_t i = 0, at = 0; i < TEXTS; at += counts[i++]) {
        assert_ok(gp_encoder_run_texts(w, ids + at, counts + i, 1, text, &err));
        assert_memory_equal(text, texts + i * E, sizeof text);
    }
    for (size_t i = 0; i < MOST; i++)
        for (size_t k = 0; k < i; k++) assert_memory_not_equal(all + i * E, all + k * E, E * sizeof(float));
    free(planes);
    gp_encoder_worker_free(w);
    gp_encoder_close(clip);
    recipe_folder_free(folder);
}

static void test_batch_does_not_matter(void **state)
{
    (void)state;
    check_batches(GP_PRECISION_FP32, GP_ENGINE_PLAIN);
    check_batches(GP_PRECISION_BF16, GP_ENGINE_PLAIN);
#ifdef GP_HAVE_ONEDNN
    check_batches(GP_PRECISION_FP32, GP_ENGINE_ONEDNN);
    check_batches(GP_PRECISION_BF16, GP_ENGINE_ONEDNN);
#endif
}

/* Tokens after the pooled token, such as padding or a second end token, do not change the embedding. */
static void test_text_ends_at_the_pooled_token(void **state)
{
    (void)state;
    gp_error err = {0};
    char *folder = folder_of(&sizes, config, "F32", 1);
    gp_encoder *clip = open_in(folder, GP_PRECISION_FP32, GP_ENGINE_PLAIN);
    gp_encoder_worker *w = NULL;
    static const int32_t plain[] = {58, 3, 59}, padded[] = {58, 3, 59, 59, 7, 59, 0, 0}, endless[] = {58, 3, 4},
                         first[] = {58};
    size_t n3 = 3, n8 = 8, n1 = 1;
    float a[E], b[E];
    assert_int_equal(gp_encoder_tokens_used(clip, padded, 8), 3);
    assert_int_equal(gp_encoder_tokens_used(clip, endless, 3), 1);
    assert_ok(gp_encoder_worker_new(clip, 0, 12, &w, &err));
    assert_ok(gp_encoder_run_texts(w, plain, &n3, 1, a, &err));
    assert_ok(gp_encoder_run_texts(w, padded, &n8, 1, b, &err));
    assert_memory_equal(a, b, sizeof a);
    assert_ok(gp_encoder_run_texts(w, endless, &n3, 1, a, &err));
    assert_ok(gp_encoder_run_texts(w, first, &n1, 1, b, &err));
    assert_memory_equal(a, b, sizeof a);
    gp_encoder_worker_free(w);
    gp_encoder_close(clip);
    recipe_folder_free(folder);
}

static void test_legacy_end_token(void **state)
{
    (void)state;
    char json[sizeof config + 10];
    strcpy(json, config);
    char *at = strstr(json, "\"eos_token_id\":59");
    memcpy(at, "\"eos_token_id\":2 ", 17);
    char *folder = folder_of(&sizes, json, "F32", 1);
    gp_encoder *clip = open_in(folder, GP_PRECISION_FP32, GP_ENGINE_PLAIN);
    static const int32_t row[] = {58, 2, 59, 3, 59}, endless[] = {1, 7, 7};
    assert_int_equal(gp_encoder_tokens_used(clip, row, 5), 3);
    assert_int_equal(gp_encoder_tokens_used(clip, endless, 3), 2);
    gp_encoder_close(clip);
    recipe_folder_free(folder);
}

static void test_worker_refuses(void **state)
{
    (void)state;
    gp_error err = {0};
    char *folder = folder_of(&sizes, config, "F32", 1);
    gp_encoder *clip = open_in(folder, GP_PRECISION_FP32, GP_ENGINE_PLAIN);
    gp_encoder_worker *w = NULL;
    float *planes = planes_of(2), out[MOST * E];
    static const int32_t high[] = {58, 60, 59}, low[] = {58, -1, 59}, thirteen[13] = {0};
    size_t n3 = 3, n0 = 0, n13 = 13, many[] = {12, 12};
    assert_int_equal(gp_encoder_worker_new(clip, SIZE_MAX, 0, &w, &err), GP_ERR_LIMIT);
    assert_int_equal(gp_encoder_worker_new(clip, 0, SIZE_MAX, &w, &err), GP_ERR_LIMIT);
    assert_ok(gp_encoder_worker_new(clip, 1, 20, &w, &err));
    assert_int_equal(gp_encoder_run_images(w, planes, 2, out, &err), GP_ERR_USAGE);
    assert_ok(gp_encoder_run_images(w, planes, 0, out, &err));
    assert_int_equal(gp_encoder_run_texts(w, high, &n3, 1, out, &err), GP_ERR_USAGE);
    assert_non_null(strstr(err.message, "token id 60"));
    assert_int_equal(gp_encoder_run_texts(w, low, &n3, 1, out, &err), GP_ERR_USAGE);
    assert_int_equal(gp_encoder_run_texts(w, low, &n0, 1, out, &err), GP_ERR_USAGE);
    assert_int_equal(gp_encoder_run_texts(w, thirteen, &n13, 1, out, &err), GP_ERR_USAGE);
    int32_t zeros[24] = {0};
    assert_int_equal(gp_encoder_run_texts(w, zeros, many, 2, out, &err), GP_ERR_USAGE);
    assert_ok(gp_encoder_run_texts(w, zeros, many, 0, out, &err));
    gp_encoder_worker_free(w);
    gp_encoder_close(clip);
    free(planes);
    recipe_folder_free(folder);
}

static void expect_refusal(const char *folder, gp_status status, const char *says, const char *also)
{
    gp_error err = {0};
    gp_encoder *clip = NULL;
    gp_status st = gp_encoder_open(folder, GP_PRECISION_FP32, GP_ENGINE_PLAIN, &clip, &err);
    if (st != status || !strstr(err.message, says) || !strstr(err.message, also))
        fail_msg("status %d, says \"%s\", not \"%s\" and \"%s\"", st, err.message, says, also);
    assert_null(clip);
}

/* If a tensor does not fit config.json, the message has the name of the tensor, the expected and the actual shape. */
static void test_refuses_wrong_weights(void **state)
{
    (void)state;
    recipe_sizes s = sizes;
    s.image_layers = 1;
    char *folder = folder_of(&s, config, "F32", 1);
    expect_refusal(folder, GP_ERR_FORMAT, "tensor 'vision_model.encoder.layers.1.layer_norm1.weight' [32] is missing",
                   "model.safetensors'");
    recipe_folder_free(folder);
    s = sizes, s.text_mlp = 41;
    folder = folder_of(&s, config, "F32", 1);
    expect_refusal(folder, GP_ERR_FORMAT, "tensor 'text_model.encoder.layers.0.mlp.fc1.weight' has the shape [41, 16]",
                   "config.json needs [40, 16]");
    recipe_folder_free(folder);
    s = sizes, s.patch = 12;
    folder = folder_of(&s, config, "F32", 1);
    expect_refusal(folder, GP_ERR_FORMAT,
                   "tensor 'vision_model.embeddings.position_embedding.weight' has the shape [17, 32]",
                   "needs [10, 32]");
    recipe_folder_free(folder);
    folder = folder_of(&sizes, config, "I64", 1);
    expect_refusal(folder, GP_ERR_UNSUPPORTED, "is stored as I64; goldpan reads F32, F16 and BF16",
                   "tensor 'vision_model.");
    recipe_folder_free(folder);
}

static void test_refuses_folders(void **state)
{
    (void)state;
    char *folder = recipe_folder_new();
    expect_refusal("/nonexistent/model", GP_ERR_NOT_FOUND, "no folder '/nonexistent/model'", "");
    expect_refusal(folder, GP_ERR_NOT_FOUND, "has no config.json", folder);
    assert_int_equal(recipe_write_text(folder, "open_clip_config.json", "{}"), 0);
    expect_refusal(folder, GP_ERR_FORMAT, "has no object model_cfg", "open_clip_config.json'");
    assert_int_equal(recipe_write_text(folder, "config.json", "{\"model_type\":\"siglip\"}"), 0);
    expect_refusal(folder, GP_ERR_UNSUPPORTED, "model_type is 'siglip'; goldpan reads models of type clip",
                   "config.json'");
    assert_int_equal(recipe_write_text(folder, "config.json", "{\"architectures\":[\"SiglipModel\"]}"), 0);
    expect_refusal(folder, GP_ERR_UNSUPPORTED, "has no model_type, and its architecture is 'SiglipModel'",
                   "config.json'");
    assert_int_equal(recipe_write_text(folder, "config.json", "{\"model_type\":7}"), 0);
    expect_refusal(folder, GP_ERR_UNSUPPORTED, "has no model_type; goldpan reads models of type clip", "config.json'");
    assert_int_equal(recipe_write_text(folder, "config.json", "[]"), 0);
    expect_refusal(folder, GP_ERR_FORMAT, "is not a JSON object", "config.json'");
    assert_int_equal(recipe_write_text(folder, "config.json", config), 0);
    expect_refusal(folder, GP_ERR_NOT_FOUND, "has no model.safetensors", folder);
    assert_int_equal(recipe_write_text(folder, "pytorch_model.bin", "x"), 0);
    expect_refusal(folder, GP_ERR_FORMAT, "is not a PyTorch checkpoint", "pytorch_model.bin'");
    assert_int_equal(recipe_write_text(folder, "model.safetensors", "{}"), 0);
    expect_refusal(folder, GP_ERR_FORMAT, "model.safetensors' is too short", "");
    assert_int_equal(recipe_write_text(folder, "preprocessor_config.json", "{\"size\":224,\"crop_size\":224}"), 0);
    expect_refusal(folder, GP_ERR_FORMAT, "crops images to 224 x 224, but the model needs 48 x 48",
                   "preprocessor_config.json'");
    recipe_folder_free(folder);
}

/* The preprocessing may be described in preprocessor_config.json, in processor_config.json (transformers 5), or in no
 * file. */
static void test_preprocess_files(void **state)
{
    (void)state;
    char *folder = folder_of(&sizes, config, "F32", 1);
    gp_encoder *plain = open_in(folder, GP_PRECISION_FP32, GP_ENGINE_PLAIN);
    assert_true(gp_encoder_preprocess(plain)->mean[0] == 0.48145466f);
    gp_encoder_close(plain);
    const char *nested = "{\"processor_class\":\"CLIPProcessor\",\"image_processor\":{\"size\":{\"shortest_edge\":48},"
                         "\"crop_size\":{\"height\":48,\"width\":48},\"image_mean\":[0.5,0.25,0.5]}}";
    assert_int_equal(recipe_write_text(folder, "processor_config.json", nested), 0);
    gp_encoder *five = open_in(folder, GP_PRECISION_FP32, GP_ENGINE_PLAIN);
    assert_true(gp_encoder_preprocess(five)->mean[1] == 0.25f);
    gp_encoder_close(five);
    assert_int_equal(recipe_write_text(folder, "preprocessor_config.json",
                                       "{\"size\":48,\"crop_size\":48,\"image_mean\":[0.5,0.75,0.5]}"),
                     0);
    gp_encoder *old = open_in(folder, GP_PRECISION_FP32, GP_ENGINE_PLAIN);
    assert_true(gp_encoder_preprocess(old)->mean[1] == 0.75f); /* this file has priority */
    gp_encoder_close(old);
    recipe_folder_free(folder);
    folder = folder_of(&sizes, config, "F32", 1);
    assert_int_equal(recipe_write_text(folder, "processor_config.json", "{\"image_processor\":7}"), 0);
    expect_refusal(folder, GP_ERR_FORMAT, "the object image_processor is missing", "processor_config.json'");
    recipe_folder_free(folder);
}

typedef struct shared_run {
    const gp_encoder *clip;
    const float *planes;
    float images[4][MOST * E], texts[4][TEXTS * E];
    bool ok[4];
} shared_run;

static void run_on_thread(void *user, int index)
{
    shared_run *r = user;
    gp_encoder_worker *w = NULL;
    bool ok = gp_encoder_worker_new(r->clip, MOST, TOKENS, &w, NULL) == GP_OK;
    for (int again = 0; ok && again < 5; again++)
        ok = gp_encoder_run_images(w, r->planes, MOST, r->images[index], NULL) == GP_OK &&
             gp_encoder_run_texts(w, ids, counts, TEXTS, r->texts[index], NULL) == GP_OK;
    gp_encoder_worker_free(w);
    r->ok[index] = ok;
}

static void test_threads_share_a_model(void **state)
{
    (void)state;
    gp_error err = {0};
    char *folder = folder_of(&sizes, config, "BF16", 1);
    gp_encoder *clip = open_in(folder, GP_PRECISION_FP32, GP_ENGINE_AUTO);
    float *planes = planes_of(MOST);
    shared_run *r = calloc(1, sizeof *r);
    gp_threads *threads = NULL;
    r->clip = clip, r->planes = planes;
    assert_ok(gp_threads_start(4, run_on_thread, r, &threads, &err));
    gp_threads_join(threads);
    for (size_t i = 0; i < 4; i++) {
        assert_true(r->ok[i]);
        assert_memory_equal(r->images[i], r->images[0], sizeof r->images[0]);
        assert_memory_equal(r->texts[i], r->texts[0], sizeof r->texts[0]);
    }
    free(r), free(planes);
    gp_encoder_close(clip);
    recipe_folder_free(folder);
}

/* Opens a model and makes a worker while the n-th allocation fails, for every n. */
static void test_out_of_memory(void **state)
{
    (void)state;
    char *folder = folder_of(&sizes, config, "F16", 2);
    uint64_t n = 1;
    for (;; n++) {
        gp_error err = {0};
        gp_encoder *clip = NULL;
        gp_encoder_worker *w = NULL;
        gp_mem_fail_at(n);
        gp_status st = gp_encoder_open(folder, GP_PRECISION_BF16, GP_ENGINE_AUTO, &clip, &err);
        if (st == GP_OK) st = gp_encoder_worker_new(clip, 2, 10, &w, &err);
        gp_mem_fail_at(0);
        gp_encoder_worker_free(w);
        gp_encoder_close(clip);
        if (st == GP_OK) break;
        if (st != GP_ERR_MEMORY) fail_msg("allocation %d: status %d, %s", (int)n, st, err.message);
    }
    assert_true(n > 50);
    recipe_folder_free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_batch_does_not_matter),
        cmocka_unit_test(test_text_ends_at_the_pooled_token),
        cmocka_unit_test(test_legacy_end_token),
        cmocka_unit_test(test_worker_refuses),
        cmocka_unit_test(test_refuses_wrong_weights),
        cmocka_unit_test(test_refuses_folders),
        cmocka_unit_test(test_preprocess_files),
        cmocka_unit_test(test_threads_share_a_model),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
