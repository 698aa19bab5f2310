/* SPDX-License-Identifier: MIT
 * Scorers: the registry, ids, the CLIP score, and linear heads, compared with plain C. */
#include "../../npy.h"
#include "../../recipe.h"
#include "../../support.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/scorer.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

/* A model whose embeddings have 512 numbers, as those of ViT-B/32. */
enum { D = 512 };
static const char config[] =
    "{\"model_type\":\"clip\",\"projection_dim\":512,"
    "\"vision_config\":{\"hidden_size\":32,\"intermediate_size\":64,\"num_hidden_layers\":1,\"num_attention_heads\":2,"
    "\"image_size\":32,\"patch_size\":16},"
    "\"text_config\":{\"hidden_size\":16,\"intermediate_size\":40,\"num_hidden_layers\":1,\"num_attention_heads\":2,"
    "\"vocab_size\":60,\"max_position_embeddings\":12,\"eos_token_id\":59}}";
static const recipe_sizes sizes = {true, true, 32, 1, 64, 32, 16, 16, 1, 40, 60, 12, D};
static char *folder;
static gp_encoder *encoder;
static gp_model_facts facts = GP_INIT(gp_model_facts);

static int open_model(void **state)
{
    (void)state;
    gp_error err = {0};
    recipe_how how = {"F32", 1, false};
    folder = recipe_folder_new();
    assert_int_equal(recipe_write_text(folder, "config.json", config), 0);
    assert_int_equal(recipe_write(folder, &sizes, &how), 0);
    assert_ok(gp_encoder_open(folder, GP_PRECISION_FP32, GP_ENGINE_PLAIN, &encoder, &err));
    gp_encoder_facts(encoder, &facts);
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    gp_encoder_close(encoder);
    recipe_folder_free(folder);
    return 0;
}

/* ------------------------------------------------------------------ files of heads */

static float weight_at(size_t i)
{
    return recipe_value("head", 1, i);
}

/* Writes the safetensors file folder/name with `header` (JSON) and bytes. Returns "linear:" followed by the path. */
static const char *write_head(const char *name, const char *header, const void *bytes, size_t size)
{
    static char named[700];
    uint64_t length = strlen(header);
    snprintf(named, sizeof named, "linear:%s/%s", folder, name);
    FILE *file = fopen(named + strlen("linear:"), "wb");
    assert_non_null(file);
    /* the numbers are written in the machine's byte order; all machines that run the tests are little endian */
    fwrite(&length, 8, 1, file);
    fwrite(header, 1, strlen(header), file);
    fwrite(bytes, 1, size, file);
    fclose(file);
    return named;
}

/* Writes a head of `d` float32 numbers and the bias 3.5, with metadata (a JSON object or NULL).  `prefix` is a prefix
 * of the tensor names. */
static const char *write_floats(const char *name, const char *prefix, size_t d, const char *metadata)
{
    char header[1000];
    float values[1024];
    for (size_t i = 0; i < d; i++) values[i] = weight_at(i);
    values[d] = 3.5f;
    snprintf(header, sizeof header,
             "{%s%s%s\"%sweight\":{\"dtype\":\"F32\",\"shape\":[1,%zu],\"data_offsets\":[0,%zu]},"
             "\"%sbias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[%zu,%zu]}}",
             metadata ? "\"__metadata__\":" : "", metadata ? metadata : "", metadata ? "," : "", prefix, d, 4 * d,
             prefix, 4 * d, 4 * d + 4);
    return write_head(name, header, values, (d + 1) * sizeof *values);
}

static gp_scorer *open_scorer(const char *named)
{
    gp_error err = {0};
    gp_scorer *scorer = NULL;
    assert_ok(gp_scorer_open(named, encoder, "org/model", &scorer, &err));
    return scorer;
}

static void expect_refusal(const char *named, gp_status status, const char *says, const char *also)
{
    gp_error err = {0};
    gp_scorer *scorer = NULL;
    gp_status st = gp_scorer_open(named, encoder, "org/model", &scorer, &err);
    if (st != status || !strstr(err.message, says) || !strstr(err.message, also))
        fail_msg("'%s': status %d, \"%s\"; expected %d, \"%s\" and \"%s\"", named, st, err.message, status, says, also);
    assert_null(strchr(err.message, '\n'));
    assert_null(scorer);
}

/* Returns embeddings of length 1 whose numbers follow a formula. */
static float *embeddings(size_t n)
{
    float *rows = malloc(n * D * sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        double norm = 0;
        for (size_t j = 0; j < D; j++) {
            rows[i * D + j] = recipe_value("rows", 1, i * D + j);
            norm += (double)rows[i * D + j] * (double)rows[i * D + j];
        }
        for (size_t j = 0; j < D; j++) rows[i * D + j] = (float)((double)rows[i * D + j] / sqrt(norm));
    }
    return rows;
}

/* ------------------------------------------------------------------ tests */

static void test_clip(void **state)
{
    (void)state;
    static const float a[] = {0.6f, 0.8f}, b[] = {1, 0}, c[] = {-1, 0};
    char id[512], expected[512];
    double score;
    gp_scorer *usual = open_scorer(NULL), *clip = open_scorer("clip");
    gp_scorer_default_id(encoder, id, sizeof id);
    snprintf(expected, sizeof expected, "clip/%s/fp32/%s/clip-bpe/cut-keeps-end", facts.weight_hash,
             facts.preprocess_id);
    assert_string_equal(id, expected);
    assert_string_equal(usual->id, id);
    assert_string_equal(clip->id, id);
    assert_string_equal(clip->name, "clip");
    assert_string_equal(clip->scale, "100*max(cos,0)");
    assert_string_equal(clip->parameters, "");
    assert_string_equal(gp_scorer_needs_name(clip->needs), "pair");
    assert_true(clip->higher_better);
    assert_int_equal(clip->dims, D);
    gp_scorer_clip_scores(a, b, 1, 2, &score);
    assert_true(score == 100 * (double)0.6f);
    gp_scorer_clip_scores(a, c, 1, 2, &score);
    assert_true(score == 0);
    gp_scorer_close(usual);
    gp_scorer_close(clip);
}

static void test_registry(void **state)
{
    (void)state;
    expect_refusal("CLIP", GP_ERR_USAGE, "there is no scorer 'CLIP'",
                   "clip, pickscore, aesthetic-v2, aesthetic-v1, clip-iqa, probe:TEXT, longclip, linear:FILE");
    expect_refusal("", GP_ERR_USAGE, "there is no scorer ''", "");
    expect_refusal("clip:x", GP_ERR_USAGE, "nothing may follow the name of scorer 'clip'", "clip:x");
    expect_refusal("linear", GP_ERR_USAGE, "scorer 'linear' needs a file: linear:FILE", "");
    expect_refusal("linear:", GP_ERR_USAGE, "scorer 'linear' needs a file: linear:FILE", "");
    expect_refusal("probe", GP_ERR_USAGE, "scorer 'probe' needs a text: probe:TEXT", "");
    expect_refusal("clip-iqa:", GP_ERR_USAGE, "scorer 'clip-iqa' needs a text: clip-iqa:PAIR", "");
    expect_refusal("clip-iqa:beauty", GP_ERR_USAGE, "no pair 'beauty': it must be one of quality, brightness",
                   "relaxing");
    expect_refusal("clip-iqa", GP_ERR_UNSUPPORTED, "model 'org/model' has no tokenizer: scorer 'clip-iqa' needs one",
                   "");
    expect_refusal("probe:a|b|c", GP_ERR_USAGE, "the probe 'a|b|c' has more than two texts", "");
    expect_refusal("probe:a| ", GP_ERR_USAGE, "the probe 'a| ' has an empty text", "");
    expect_refusal("probe:-", GP_ERR_USAGE, "the probe '-' has an empty text", "");
}

typedef struct kinds_seen {
    size_t count;
    char names[200];
} kinds_seen;

static bool see_kind(void *user, const gp_scorer_kind *kind)
{
    kinds_seen *seen = user;
    seen->count++;
    strcat(strcat(seen->names, kind->name), kind->needs_text ? "+ " : " ");
    assert_non_null(kind->licence);
    assert_non_null(kind->looks_at);
    assert_true(*kind->scale && kind->higher_better);
    return true;
}

/* The table of scorers, and what a list of names opens. */
static void test_lists(void **state)
{
    (void)state;
    gp_error err = {0};
    kinds_seen seen = {0};
    gp_scorer_list list;
    const char *const probe = "sharp|blurry";
    gp_scorer_visit(see_kind, &seen);
    assert_string_equal(seen.names, "clip+ pickscore+ aesthetic-v2 aesthetic-v1 clip-iqa probe longclip+ linear ");
    assert_ok(gp_scorer_list_open("longclip,pickscore,longclip", NULL, 0, encoder, "org/model", &list, &err));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0]->name, "longclip");
    assert_true(gp_str_starts(list.items[1]->id, "pickscore/"));
    assert_true(gp_str_ends(list.items[1]->id, "/clip-bpe/cut-keeps-end"));
    gp_scorer_list_close(&list);
    assert_int_equal(gp_scorer_list_open("clip,,pickscore", NULL, 0, encoder, "org/model", &list, &err), GP_ERR_USAGE);
    assert_string_equal(err.message, "the list of scorers 'clip,,pickscore' has an empty name");
    gp_scorer_list_close(&list);
    assert_int_equal(gp_scorer_list_open(NULL, &probe, 1, encoder, "org/model", &list, &err), GP_ERR_UNSUPPORTED);
    gp_scorer_list_close(&list);
}

static void test_linear(void **state)
{
    (void)state;
    enum { N = 5 };
    float *rows = embeddings(N);
    double scores[N], one;
    gp_scorer *head = open_scorer(write_floats("plain.safetensors", "", D, NULL));
    gp_scorer_run(head, &(gp_scorer_batch){.n = N, .images = rows}, scores);
    for (size_t i = 0; i < N; i++) {
        double sum = 3.5;
        for (size_t j = 0; j < D; j++) sum += (double)weight_at(j) * (double)rows[i * D + j];
        if (!(fabs(sum - scores[i]) <= 1e-12)) fail_msg("row %zu: %.17g instead of %.17g", i, scores[i], sum);
        gp_scorer_run(head, &(gp_scorer_batch){.n = 1, .images = rows + i * D}, &one);
        assert_true(one == scores[i]); /* the score in a batch equals the score alone */
    }
    assert_string_equal(head->name, "plain");
    assert_string_equal(head->scale, "w*x+b");
    assert_string_equal(gp_scorer_needs_name(head->needs), "image");
    assert_true(head->higher_better);
    gp_scorer_close(head);
    free(rows);
}

/* The id of the scorer contains the hash of the head's parameters, and no text rule. The hash depends on nothing else
 * in the file. */
static void test_linear_id(void **state)
{
    (void)state;
    char expected[512];
    float changed[D + 1];
    gp_scorer *a = open_scorer(write_floats("a.safetensors", "", D, NULL));
    gp_scorer *b = open_scorer(write_floats("b.safetensors", "deep.head.", D, "{\"by\":\"somebody\"}"));
    snprintf(expected, sizeof expected, "linear/%s+%s/fp32/%s/", facts.weight_hash, a->parameters, facts.preprocess_id);
    assert_int_equal(strlen(a->parameters), 32);
    assert_string_equal(a->id, expected);
    assert_string_equal(b->id, a->id);
    for (size_t i = 0; i < D; i++) changed[i] = weight_at(i);
    changed[D] = 3.25f;
    gp_scorer *c = open_scorer(write_head("c.safetensors",
                                          "{\"weight\":{\"dtype\":\"F32\",\"shape\":[512],\"data_offsets\":[0,2048]},"
                                          "\"bias\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[2048,2052]}}",
                                          changed, sizeof changed));
    assert_string_not_equal(c->parameters, a->parameters);
    gp_scorer_close(a);
    gp_scorer_close(b);
    gp_scorer_close(c);
}

static void test_linear_halves(void **state)
{
    (void)state;
    float *rows = embeddings(1);
    uint16_t halves[D + 1];
    double score;
    for (size_t i = 0; i <= D; i++) halves[i] = 0x3c00; /* the number 1 in F16 */
    const char *named = write_head("half.safetensors",
                                   "{\"weight\":{\"dtype\":\"F16\",\"shape\":[1,512],\"data_offsets\":[0,1024]},"
                                   "\"bias\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[1024,1026]}}",
                                   halves, sizeof halves);
    gp_scorer *head = open_scorer(named);
    gp_scorer_run(head, &(gp_scorer_batch){.n = 1, .images = rows}, &score);
    double sum = 1;
    for (size_t j = 0; j < D; j++) sum += (double)rows[j];
    assert_true(fabs(sum - score) <= 1e-12);
    gp_scorer_close(head);
    free(rows);
}

static void test_linear_metadata(void **state)
{
    (void)state;
    char made_for[200];
    gp_scorer *head = open_scorer(write_floats(
        "d.safetensors", "", D, "{\"encoder\":\"org/model\",\"scale\":\"0..1\",\"higher_better\":\"false\"}"));
    assert_string_equal(head->scale, "0..1");
    assert_false(head->higher_better);
    gp_scorer_close(head);
    snprintf(made_for, sizeof made_for, "{\"encoder\":\"%s\"}", facts.weight_hash);
    gp_scorer_close(open_scorer(write_floats("e.safetensors", "", D, made_for)));
    expect_refusal(write_floats("f.safetensors", "", D, "{\"encoder\":\"org/other\"}"), GP_ERR_USAGE,
                   "f.safetensors' is a head for the model 'org/other', not for 'org/model'", facts.weight_hash);
    expect_refusal(write_floats("f.safetensors", "", D, "{\"higher_better\":\"yes\"}"), GP_ERR_FORMAT,
                   "higher_better must be true or false, not 'yes'", "f.safetensors'");
    expect_refusal(write_floats("f.safetensors", "", D, "{\"scale\":\"\"}"), GP_ERR_FORMAT,
                   "scale must have 1 to 59 bytes", "f.safetensors'");
}

/* If lower is better, the id contains this direction.  So a head whose direction is corrected is another scorer. */
static void test_linear_direction(void **state)
{
    (void)state;
    gp_scorer *usual = open_scorer(write_floats("i.safetensors", "", D, NULL));
    gp_scorer *higher = open_scorer(write_floats("i.safetensors", "", D, "{\"higher_better\":\"true\"}"));
    gp_scorer *lower = open_scorer(write_floats("i.safetensors", "", D, "{\"higher_better\":\"false\"}"));
    float values[D + 1];
    char hex[33];
    for (size_t i = 0; i < D; i++) values[i] = weight_at(i);
    values[D] = 3.5f;
    gp_hash_hex(gp_hash_of(values, sizeof values), hex);
    /* the hash of a head without a direction must never change, because catalogs contain ids with this hash */
    assert_string_equal(usual->parameters, hex);
    assert_string_equal(higher->id, usual->id);
    assert_string_not_equal(lower->id, usual->id);
    gp_scorer_close(usual);
    gp_scorer_close(higher);
    gp_scorer_close(lower);
}

/* A '#' in the name of a folder does not begin the name of a head. */
static void test_linear_folder(void **state)
{
    (void)state;
    char path[700];
    snprintf(path, sizeof path, "%s/a#b", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    gp_scorer *head = open_scorer(write_floats("a#b/j.safetensors", "", D, NULL));
    assert_string_equal(head->name, "j");
    gp_scorer_close(head);
    head = open_scorer(strcat(strcpy(path, write_floats("a#b/j.safetensors", "k.", D, NULL)), "#k"));
    assert_string_equal(head->name, "k");
    gp_scorer_close(head);
    remove(strstr(write_floats("a#b/j.safetensors", "", D, NULL), "/"));
    snprintf(path, sizeof path, "%s/a#b", folder);
    rmdir(path);
}

/* A '#' with nothing after it names the head without a prefix. */
static void test_linear_bare(void **state)
{
    (void)state;
    static const char two[] = "{\"%sweight\":{\"dtype\":\"F32\",\"shape\":[1,512],\"data_offsets\":[0,2048]},"
                              "\"%sbias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2048,2052]},"
                              "\"weight\":{\"dtype\":\"F32\",\"shape\":[1,512],\"data_offsets\":[2052,4100]},"
                              "\"bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4100,4104]}}";
    float values[2 * D + 2] = {0}, *rows = embeddings(1);
    char header[1000], named[800];
    double score;
    values[2 * D + 1] = 2; /* 3.5 is the bias of the head without a prefix */
    snprintf(header, sizeof header, two, "x.", "x.");
    expect_refusal(write_head("y", header, values, sizeof values), GP_ERR_USAGE, "has 2 heads", "/y#x'");
    snprintf(header, sizeof header, two, "a.", "a.");
    expect_refusal(write_head("y", header, values, sizeof values), GP_ERR_USAGE, "has 2 heads", "/y#'");
    snprintf(named, sizeof named, "linear:%s/y#", folder);
    gp_scorer *head = open_scorer(named);
    gp_scorer_run(head, &(gp_scorer_batch){.n = 1, .images = rows}, &score);
    assert_true(score == 2);
    assert_string_equal(head->name, "y");
    gp_scorer_close(head);
    snprintf(named, sizeof named, "%s#", write_floats("z", "x.", D, NULL));
    expect_refusal(named, GP_ERR_NOT_FOUND, "/z' has no tensor 'weight'", "");
    free(rows);
}

static void test_linear_refuses(void **state)
{
    (void)state;
    float values[2 * D + 2] = {0};
    char named[800];
    expect_refusal("linear:/nonexistent/head.safetensors", GP_ERR_NOT_FOUND, "/nonexistent/head.safetensors", "");
    expect_refusal(write_head("x", "", values, 4), GP_ERR_FORMAT, "is not a safetensors file", "");
    expect_refusal(write_floats("x", "", 768, NULL), GP_ERR_USAGE, "is a head for embeddings with 768 dimensions",
                   "embeddings of 'org/model' have 512");
    expect_refusal(write_head("x", "{\"bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", values, 4),
                   GP_ERR_FORMAT, "has no tensor 'weight'", "");
    expect_refusal(
        write_head("x", "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[1,512],\"data_offsets\":[0,2048]}}", values, 2048),
        GP_ERR_FORMAT, "has no tensor 'a.bias'", "");
    expect_refusal(write_head("x",
                              "{\"weight\":{\"dtype\":\"F32\",\"shape\":[2,256],\"data_offsets\":[0,2048]},"
                              "\"bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2048,2052]}}",
                              values, 2052),
                   GP_ERR_FORMAT, "tensor 'weight' must have the shape [1, d]", "");
    expect_refusal(write_head("x",
                              "{\"weight\":{\"dtype\":\"F32\",\"shape\":[1,512],\"data_offsets\":[0,2048]},"
                              "\"bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[2048,2056]}}",
                              values, 2056),
                   GP_ERR_FORMAT, "tensor 'bias' must be one number", "");
    expect_refusal(write_head("x",
                              "{\"weight\":{\"dtype\":\"I32\",\"shape\":[1,512],\"data_offsets\":[0,2048]},"
                              "\"bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2048,2052]}}",
                              values, 2052),
                   GP_ERR_UNSUPPORTED, "tensor 'weight' is I32; a head must be F32, F16 or BF16", "");
    const char *two = "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[1,512],\"data_offsets\":[0,2048]},"
                      "\"a.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2048,2052]},"
                      "\"b.weight\":{\"dtype\":\"F32\",\"shape\":[1,512],\"data_offsets\":[2052,4100]},"
                      "\"b.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4100,4104]}}";
    expect_refusal(write_head("x", two, values, 4104), GP_ERR_USAGE, "has 2 heads: name one, such as '", "/x#b'");
    snprintf(named, sizeof named, "linear:%s/x#a", folder);
    gp_scorer *head = open_scorer(named);
    assert_string_equal(head->name, "a");
    gp_scorer_close(head);
    snprintf(named, sizeof named, "linear:%s/x#c", folder);
    expect_refusal(named, GP_ERR_NOT_FOUND, "has no tensor 'c.weight'", "");
    values[7] = NAN;
    expect_refusal(write_head("x", two, values, 4104), GP_ERR_USAGE, "has 2 heads", "");
    snprintf(named, sizeof named, "linear:%s/x#a", folder);
    expect_refusal(named, GP_ERR_FORMAT, "tensor 'a.weight' has a number that is not finite", "");
}

static void test_towers(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_scorer *scorer = NULL;
    gp_encoder *all = encoder, *one = NULL;
    recipe_sizes texts = sizes;
    recipe_how how = {"F32", 1, false};
    char *here = recipe_folder_new();
    char *named = strdup(write_floats("g.safetensors", "", D, NULL));
    texts.image = false;
    assert_int_equal(recipe_write_text(here, "config.json",
                                       "{\"model_type\":\"clip_text_model\",\"projection_dim\":512,\"hidden_size\":16,"
                                       "\"intermediate_size\":40,\"num_hidden_layers\":1,\"num_attention_heads\":2,"
                                       "\"vocab_size\":60,\"max_position_embeddings\":12,\"eos_token_id\":59}"),
                     0);
    assert_int_equal(recipe_write(here, &texts, &how), 0);
    assert_ok(gp_encoder_open(here, GP_PRECISION_FP32, GP_ENGINE_PLAIN, &one, &err));
    assert_int_equal(gp_scorer_open("clip", one, "org/texts", &scorer, &err), GP_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "model 'org/texts' has no image tower: it cannot score pairs"));
    assert_int_equal(gp_scorer_open(named, one, "org/texts", &scorer, &err), GP_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "model 'org/texts' has no image tower: scorer 'linear' needs one"));
    encoder = all;
    free(named);
    gp_encoder_close(one);
    recipe_folder_free(here);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    char *named = strdup(write_floats("h.safetensors", "", D, "{\"scale\":\"0..1\"}"));
    long before = (long)gp_mem_live();
    for (int n = 1;; n++) {
        gp_error err = {0};
        gp_scorer *scorer = NULL;
        gp_mem_fail_at((uint64_t)n);
        gp_status st = gp_scorer_open(named, encoder, "org/model", &scorer, &err);
        gp_mem_fail_at(0);
        gp_scorer_close(scorer);
        assert_int_equal((long)gp_mem_live(), before);
        if (st == GP_OK) {
            assert_in_range(n, 5, 100);
            break;
        }
        assert_int_equal(st, GP_ERR_MEMORY);
    }
    free(named);
}

/* Opens an encoder whose embeddings have `dims` numbers. */
static gp_encoder *open_sized(uint32_t dims, char **out)
{
    gp_error err = {0};
    gp_encoder *sized = NULL;
    recipe_sizes other = sizes;
    recipe_how how = {"F32", 1, false};
    char text[600];
    const char *after = strchr(config, ',') + strlen(",\"projection_dim\":512");
    other.embedding = dims;
    snprintf(text, sizeof text, "{\"model_type\":\"clip\",\"projection_dim\":%u%s", dims, after);
    *out = recipe_folder_new();
    assert_int_equal(recipe_write_text(*out, "config.json", text), 0);
    assert_int_equal(recipe_write(*out, &other, &how), 0);
    assert_ok(gp_encoder_open(*out, GP_PRECISION_FP32, GP_ENGINE_PLAIN, &sized, &err));
    return sized;
}

static double number_at(const gp_json *list, size_t i)
{
    double value = NAN;
    assert_true(gp_json_real(gp_json_at(list, i), &value));
    return value;
}

/* Five layers without activations, folded into one vector: tests/golden/heads.  The embeddings are rows of an identity
 * matrix for the weights, and those of the reference for the scores. */
static void test_layers(void **state)
{
    (void)state;
    enum { W = 48 };
    gp_error err = {0};
    gp_bytes text = {0};
    gp_json *json = NULL;
    char *here, named[1200];
    float x[W] = {0};
    double score, bias, want;
    gp_scorer *head = NULL;
    gp_encoder *sized = open_sized(W, &here);
    snprintf(named, sizeof named, "linear:%s", source_path("tests/golden/heads/layers.safetensors"));
    assert_ok(gp_scorer_open(named, sized, "org/model", &head, &err));
    assert_ok(gp_file_read(source_path("tests/golden/heads/golden.json"), 1 << 20, &text, &err));
    assert_ok(gp_json_parse((char *)text.data, text.size, true, 0, &json, &err));
    gp_scorer_run(head, &(gp_scorer_batch){.n = 1, .images = x}, &bias);
    assert_true(gp_json_real(gp_json_get(json, "folded_bias"), &want));
    assert_true(fabs(bias - want) <= 1e-9); /* measured: 0 */
    for (size_t i = 0; i < W; i++) {
        x[i] = 1;
        gp_scorer_run(head, &(gp_scorer_batch){.n = 1, .images = x}, &score);
        x[i] = 0;
        assert_true(fabs(score - bias - number_at(gp_json_get(json, "folded_weight"), i)) <= 1e-9);
    }
    npy rows = npy_load(source_path("tests/golden/heads/image_pooled.npy"));
    for (size_t i = 0; i < rows.shape[0]; i++) {
        const float *row = (const float *)rows.data + i * W;
        double norm = 0;
        for (size_t j = 0; j < W; j++) norm += (double)row[j] * (double)row[j];
        for (size_t j = 0; j < W; j++) x[j] = (float)((double)row[j] / sqrt(norm));
        gp_scorer_run(head, &(gp_scorer_batch){.n = 1, .images = x}, &score);
        assert_true(fabs(score - number_at(gp_json_get(json, "scores"), i)) <= 1e-4); /* measured: 2e-8 */
    }
    assert_string_equal(head->name, "layers");
    npy_free(&rows);
    gp_json_free(json);
    gp_bytes_clear(&text);
    gp_scorer_close(head);
    expect_refusal(named, GP_ERR_USAGE,
                   "is a head for embeddings with 48 dimensions, but the embeddings of 'org/model'",
                   "layers.safetensors'");
    gp_encoder_close(sized);
    recipe_folder_free(here);
}

/* Files of layers that are not folded: nothing says that there are no activations, or a shape or a bias is wrong. */
static void test_layers_refuses(void **state)
{
    (void)state;
    static const char form[] = "{%s\"a.0.weight\":{\"dtype\":\"F32\",\"shape\":[2,512],\"data_offsets\":[0,4096]},"
                               "\"a.0.bias\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[4096,%d]},"
                               "\"a.%d.weight\":{\"dtype\":\"F32\",\"shape\":[1,%d],\"data_offsets\":[%d,%d]},"
                               "\"a.%d.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[%d,%d]}}";
    static const char none[] = "\"__metadata__\":{\"activation\":\"none\"},";
    float values[2 * D + 16] = {0};
    char header[1000];
    snprintf(header, sizeof header, form, "", 2, 4104, 2, 2, 4104, 4112, 2, 4112, 4116);
    expect_refusal(write_head("x", header, values, 4116), GP_ERR_USAGE, "has several layers, but its metadata", "none");
    snprintf(header, sizeof header, form, none, 1, 4100, 2, 2, 4100, 4108, 2, 4108, 4112);
    expect_refusal(write_head("x", header, values, 4112), GP_ERR_FORMAT, "has no tensor 'a.0.bias' with 2 numbers", "");
    snprintf(header, sizeof header, form, none, 2, 4104, 2, 3, 4104, 4116, 2, 4116, 4120);
    expect_refusal(write_head("x", header, values, 4120), GP_ERR_FORMAT, "'a.0.weight' must have the shape [3, n]", "");
    snprintf(header, sizeof header, form, none, 2, 4104, 2, 2, 4104, 4112, 2, 4112, 4116);
    values[2 * D + 2] = INFINITY;
    expect_refusal(write_head("x", header, values, 4116), GP_ERR_FORMAT, "'a.2.weight' has a number that is not finite",
                   "");
}

/* The bundled heads: each is accepted by name for its model, and refused for any other. */
static void test_bundled(void **state)
{
    (void)state;
    static const char large[] = "openai/clip-vit-large-patch14", *const both[] = {"aesthetic-v1", "aesthetic-v2"};
    gp_error err = {0};
    gp_scorer *scorer = NULL;
    char *here, expected[100];
    float x[768] = {0};
    double score;
    expect_refusal("aesthetic-v1", GP_ERR_NOT_FOUND, "the head of scorer 'aesthetic-v1' is not installed", "");
    assert_ok(gp_encoder_set_heads(encoder, source_path("models/heads"), &err));
    expect_refusal("aesthetic-v2", GP_ERR_USAGE,
                   "scorer 'aesthetic-v2' was made for openai/clip-vit-large-patch14, not", "'org/model' (weights ");
    expect_refusal("aesthetic-v1", GP_ERR_USAGE,
                   "patch14 or openai/clip-vit-base-patch32 or openai/clip-vit-base-patch16", "");
    assert_int_equal(gp_scorer_open("aesthetic-v2", encoder, large, &scorer, &err), GP_ERR_USAGE);
    assert_non_null(strstr(err.message, "is a head for embeddings with 768 dimensions"));
    assert_ok(gp_scorer_open("aesthetic-v1", encoder, "openai/clip-vit-base-patch16", &scorer, &err));
    gp_scorer_close(scorer);
    gp_encoder *sized = open_sized(768, &here);
    assert_ok(gp_encoder_set_heads(sized, source_path("models/heads"), &err));
    for (size_t i = 0; i < 2; i++) {
        assert_ok(gp_scorer_open(both[i], sized, large, &scorer, &err));
        assert_string_equal(scorer->name, both[i]);
        snprintf(expected, sizeof expected, "%s/", both[i]);
        assert_true(gp_str_starts(scorer->id, expected) && strchr(scorer->id, '+'));
        gp_scorer_run(scorer, &(gp_scorer_batch){.n = 1, .images = x}, &score);
        if (i == 1) assert_true(fabs(score - 5.23664584) < 1e-6); /* the bias of the folded layers */
        gp_scorer_close(scorer);
    }
    gp_encoder_close(sized);
    recipe_folder_free(here);
}

/* The published aesthetic predictor, version 1, on its own examples: scores increase from -1.470 to 11.006. */
static void test_aesthetic(void **state)
{
    (void)state;
    const char *heads = shared_path("data/heads", "the aesthetic predictor of LAION");
    char named[1100], path[1100];
    double before = -INFINITY, score = 0;
    if (!heads) skip();
    snprintf(named, sizeof named, "linear:%s/aesthetic_heads_f32.safetensors#laion_v1.vit_b_32", heads);
    gp_scorer *head = open_scorer(named);
    assert_string_equal(head->name, "laion_v1.vit_b_32");
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "%s/vit_b_32_embeddings/rating%d.npy", heads, i);
        npy row = npy_load(path);
        assert_int_equal(row.count, D);
        gp_scorer_run(head, &(gp_scorer_batch){.n = 1, .images = row.data}, &score);
        npy_free(&row);
        assert_true(score > before);
        if (i == 0) assert_true(fabs(score - -1.470) < 0.0006);
        before = score;
    }
    assert_true(fabs(score - 11.006) < 0.0006);
    gp_scorer_close(head);
}

/* The bundled head for ViT-L/14 on the published examples: scores increase from -2.458 to 11.304. */
static void test_aesthetic_bundled(void **state)
{
    (void)state;
    const char *heads = shared_path("data/heads", "the bundled aesthetic predictor");
    gp_error err = {0};
    gp_scorer *head = NULL;
    char *here, path[1100];
    double before = -INFINITY, score = 0;
    if (!heads) skip();
    char *at = strdup(heads);
    gp_encoder *sized = open_sized(768, &here);
    assert_ok(gp_encoder_set_heads(sized, source_path("models/heads"), &err));
    assert_ok(gp_scorer_open("aesthetic-v1", sized, "openai/clip-vit-large-patch14", &head, &err));
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "%s/vit_l_14_embeddings/rating%d.npy", at, i);
        npy row = npy_load(path);
        gp_scorer_run(head, &(gp_scorer_batch){.n = 1, .images = row.data}, &score);
        npy_free(&row);
        assert_true(score > before);
        if (i == 0) assert_true(fabs(score - -2.458) < 0.0006);
        before = score;
    }
    assert_true(fabs(score - 11.304) < 0.0006);
    free(at);
    gp_scorer_close(head);
    gp_encoder_close(sized);
    recipe_folder_free(here);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_linear_id),
        cmocka_unit_test(test_linear_halves),
        cmocka_unit_test(test_linear_metadata),
        cmocka_unit_test(test_linear_direction),
        cmocka_unit_test(test_linear_folder),
        cmocka_unit_test(test_linear_bare),
        cmocka_unit_test(test_linear_refuses),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_layers_refuses),
        cmocka_unit_test(test_bundled),
        cmocka_unit_test(test_towers),
        cmocka_unit_test(test_aesthetic),
        cmocka_unit_test(test_aesthetic_bundled),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
