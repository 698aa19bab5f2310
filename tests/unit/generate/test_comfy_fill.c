/* SPDX-License-Identifier: MIT
 * Fills in random graphs of the kinds that people use: texts and numbers by links, encoders of SDXL, SD3 and Flux,
 * refiners, custom samplers.  The reader of metadata must find the requested values in each graph. */
#include "support.h"

#include "base/rng.h"
#include "generate/comfy_fill.h"
#include "metadata/meta.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GRAPHS = 4000, MOST_NODES = 64, LOADER_LINK = 40 };

/* A graph under construction: its nodes, in the order in which they were made. */
typedef struct building {
    uint64_t seed, drawn;
    char *nodes[MOST_NODES], ids[MOST_NODES][16];
    int count;
    bool joined, has_cfg, has_negative; /* joined: the graph adds another text to the prompt; has_...: the graph has
                                         * an input for this value */
    char said[16][300];                 /* notes */
    int notes;
} building;

static uint32_t pick(building *g, uint32_t below)
{
    return (uint32_t)(gp_rng_at(g->seed * 1000003, g->drawn++) % below);
}

/* Adds a node and returns its number. inputs: JSON members. */
static int node(building *g, const char *type, const char *inputs)
{
    int i = g->count++;
    assert_true(g->count <= MOST_NODES);
    snprintf(g->ids[i], sizeof g->ids[i], pick(g, 4) ? "%d" : "7:%d", i + 3);
    assert_true(asprintf(&g->nodes[i], "\"%s\":{\"class_type\":\"%s\",\"inputs\":{%s}}", g->ids[i], type, inputs) > 0);
    return i;
}

#define NODE(g, type, ...) (snprintf(text, sizeof text, __VA_ARGS__), node(g, type, text))

/* Writes the value of a text input to `value`: the text `old` itself, or a link to a node with this text. joins: the
 * node may also join the text with another text. */
static void put_text(building *g, const char *old, bool joins, char value[LOADER_LINK])
{
    char text[700];
    int box;
    switch (pick(g, 5)) {
    case 0: box = NODE(g, "PrimitiveString", "\"value\":\"%s\"", old); break;
    case 1: box = NODE(g, "CR Prompt Text", "\"prompt\":\"%s\"", old); break;
    case 2:
        box = NODE(g, "PrimitiveStringMultiline", "\"value\":\"%s\"", old);
        box = NODE(g, "Reroute", "\"\":[\"%s\",0]", g->ids[box]);
        break;
    case 3:
        if (!joins) goto own;
        box = NODE(g, "PrimitiveString", "\"value\":\"%s\"", old);
        box = NODE(g, "StringConcatenate", "\"string_a\":[\"%s\",0],\"string_b\":\"masterpiece\",\"delimiter\":\", \"",
                   g->ids[box]);
        g->joined = true;
        break;
    default:
    own:
        snprintf(value, LOADER_LINK, "\"%s\"", old);
        return;
    }
    snprintf(value, LOADER_LINK, "[\"%s\",0]", g->ids[box]);
}

/* Writes the value of a number input to `value`: the number itself, or a link to a node with this number. */
static void put_number(building *g, const char *number, char value[LOADER_LINK])
{
    char text[200];
    snprintf(value, LOADER_LINK, "%s", number);
    if (pick(g, 3)) return;
    snprintf(value, LOADER_LINK, "[\"%s\",0]", g->ids[NODE(g, "PrimitiveInt", "\"value\":%s", number)]);
}

static int encoder(building *g, const char *old, bool joins)
{
    char value[LOADER_LINK], text[700];
    put_text(g, old, joins, value);
    switch (pick(g, 4)) {
    case 0:
        return NODE(g, "CLIPTextEncodeSDXL",
                    "\"text_g\":%s,\"text_l\":%s,\"width\":1024,\"height\":1024,\"clip\":[\"%s\",1]", value, value,
                    g->ids[0]);
    case 1:
        return NODE(g, "CLIPTextEncodeFlux", "\"clip_l\":%s,\"t5xxl\":%s,\"guidance\":3.5,\"clip\":[\"%s\",1]", value,
                    value, g->ids[0]);
    case 2:
        return NODE(g, "CLIPTextEncodeSD3",
                    "\"clip_l\":%s,\"clip_g\":%s,\"t5xxl\":%s,\"empty_padding\":\"none\",\"clip\":[\"%s\",1]", value,
                    value, value, g->ids[0]);
    default: return NODE(g, "CLIPTextEncode", "\"text\":%s,\"clip\":[\"%s\",1]", value, g->ids[0]);
    }
}

/* Adds up to two nodes after node `at`.  The new nodes pass on the conditioning of node `at`.  Returns the number of
 * the last node. */
static int pass_on(building *g, int at)
{
    char text[300];
    for (uint32_t i = pick(g, 3); i > 0; i--) switch (pick(g, 3)) {
        case 0: at = NODE(g, "FluxGuidance", "\"guidance\":3.5,\"conditioning\":[\"%s\",0]", g->ids[at]); break;
        case 1:
            at = NODE(g, "ConditioningSetTimestepRange", "\"start\":0.0,\"end\":1.0,\"conditioning\":[\"%s\",0]",
                      g->ids[at]);
            break;
        default: at = NODE(g, "Reroute", "\"\":[\"%s\",0]", g->ids[at]);
        }
    return at;
}

/* Adds one sampler, and perhaps a second sampler that continues from the latent of the first.  Returns the number of
 * the last sampler. */
static int usual_sampler(building *g, const char *seed, int positive, int negative, int latent)
{
    char text[700], steps[LOADER_LINK];
    put_number(g, "20", steps);
    uint32_t kind = pick(g, 3);
    if (kind == 0)
        return NODE(
            g, "KSampler",
            "\"seed\":%s,\"steps\":%s,\"cfg\":7.0,\"sampler_name\":\"euler\",\"scheduler\":\"normal\",\"denoise\":1.0,"
            "\"model\":[\"%s\",0],\"positive\":[\"%s\",0],\"negative\":[\"%s\",0],\"latent_image\":[\"%s\",0]",
            seed, steps, g->ids[0], g->ids[positive], g->ids[negative], g->ids[latent]);
    int base = NODE(
        g, "KSamplerAdvanced",
        "\"add_noise\":\"enable\",\"noise_seed\":%s,\"steps\":%s,\"cfg\":7.0,\"sampler_name\":\"euler\",\"scheduler\":"
        "\"normal\",\"start_at_step\":0,\"end_at_step\":%d,\"return_with_leftover_noise\":\"disable\",\"model\":[\"%"
        "s\","
        "0],\"positive\":[\"%s\",0],\"negative\":[\"%s\",0],\"latent_image\":[\"%s\",0]",
        seed, steps, kind == 1 ? 10000 : 16, g->ids[0], g->ids[positive], g->ids[negative], g->ids[latent]);
    if (kind == 1) return base;
    int refined = encoder(g, pick(g, 2) ? "old words" : "other old words", false);
    return NODE(
        g, "KSamplerAdvanced",
        "\"add_noise\":\"disable\",\"noise_seed\":0,\"steps\":20,\"cfg\":7.0,\"sampler_name\":\"euler\",\"scheduler\":"
        "\"normal\",\"start_at_step\":16,\"end_at_step\":10000,\"return_with_leftover_noise\":\"disable\",\"model\":["
        "\"%s\","
        "0],\"positive\":[\"%s\",0],\"negative\":[\"%s\",0],\"latent_image\":[\"%s\",0]",
        g->ids[0], g->ids[refined], g->ids[negative], g->ids[base]);
}

static int custom_sampler(building *g, const char *seed, int positive, int negative, int latent)
{
    char text[700];
    int noise = NODE(g, "RandomNoise", "\"noise_seed\":%s", seed);
    int kind = NODE(g, "KSamplerSelect", "\"sampler_name\":\"euler\"");
    int sigmas = NODE(g, "BasicScheduler", "\"scheduler\":\"normal\",\"steps\":20,\"denoise\":1.0,\"model\":[\"%s\",0]",
                      g->ids[0]);
    int guider;
    if (pick(g, 2)) {
        g->has_cfg = g->has_negative = false;
        guider =
            NODE(g, "BasicGuider", "\"model\":[\"%s\",0],\"conditioning\":[\"%s\",0]", g->ids[0], g->ids[positive]);
    } else
        guider =
            NODE(g, "CFGGuider", "\"model\":[\"%s\",0],\"positive\":[\"%s\",0],\"negative\":[\"%s\",0],\"cfg\":7.0",
                 g->ids[0], g->ids[positive], g->ids[negative]);
    return NODE(g, "SamplerCustomAdvanced",
                "\"noise\":[\"%s\",0],\"guider\":[\"%s\",0],\"sampler\":[\"%s\",0],\"sigmas\":[\"%s\",0],\"latent_"
                "image\":[\"%s\",0]",
                g->ids[noise], g->ids[guider], g->ids[kind], g->ids[sigmas], g->ids[latent]);
}

static void build(building *g, gp_str *out)
{
    char text[700], seed[LOADER_LINK], width[LOADER_LINK], height[LOADER_LINK];
    int order[MOST_NODES];
    g->has_cfg = g->has_negative = true;
    NODE(g, "CheckpointLoaderSimple", "\"ckpt_name\":\"old.safetensors\"");
    put_number(g, "777", seed);
    put_number(g, "512", width);
    put_number(g, "512", height);
    int latent = NODE(g, pick(g, 2) ? "EmptyLatentImage" : "EmptySD3LatentImage",
                      "\"width\":%s,\"height\":%s,\"batch_size\":1", width, height);
    int positive = pass_on(g, encoder(g, "old words", true)), negative = pass_on(g, encoder(g, "old negative", false));
    int last = pick(g, 3) ? usual_sampler(g, seed, positive, negative, latent)
                          : custom_sampler(g, seed, positive, negative, latent);
    last = NODE(g, "VAEDecode", "\"samples\":[\"%s\",0],\"vae\":[\"%s\",2]", g->ids[last], g->ids[0]);
    if (!pick(g, 3)) NODE(g, "PreviewImage", "\"images\":[\"%s\",0]", g->ids[last]);
    NODE(g, "SaveImage", "\"filename_prefix\":\"g\",\"images\":[\"%s\",0]", g->ids[last]);
    for (int i = 0; i < g->count; i++) order[i] = i;
    for (int i = g->count; i > 1; i--) { /* files list their nodes in any order */
        int k = (int)pick(g, (uint32_t)i), swap = order[k];
        order[k] = order[i - 1], order[i - 1] = swap;
    }
    gp_str_puts(out, pick(g, 4) ? "{" : "{\"prompt\":{");
    bool wrapped = out->size > 1;
    for (int i = 0; i < g->count; i++) gp_str_printf(out, "%s%s", i ? "," : "", g->nodes[order[i]]);
    gp_str_puts(out, wrapped ? "}}" : "}");
    for (int i = 0; i < g->count; i++) free(g->nodes[i]);
}

static void take_note(void *user, const char *code, const char *text)
{
    building *g = user;
    if (g->notes < 16) snprintf(g->said[g->notes++], sizeof g->said[0], "%s %s", code, text);
}

static bool said(const building *g, const char *words)
{
    for (int i = 0; i < g->notes; i++)
        if (strstr(g->said[i], words)) return true;
    return false;
}

static void check_settings(const building *g, const char *graph, const gp_meta *meta)
{
    static const char *const wanted[] = {"\"seed\": 18446744073709551615", "\"steps\": 33",     "\"sampler\": \"heun\"",
                                         "\"scheduler\": \"karras\"",      "\"width\": 640",    "\"height\": 384",
                                         "\"model\": \"new.safetensors\"", "\"cfg_scale\": 4.5"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted - !g->has_cfg; i++)
        if (!strstr(meta->settings_json, wanted[i]))
            fail_msg("%s not in %s of %s", wanted[i], meta->settings_json, graph);
}

/* Fills in a graph, reads the filled-in graph, and compares the values that were read with those that were filled
 * in. */
static void check_graph(building *g, uint64_t round)
{
    static const char *const prompts[] = {"a red fox", "a \"quoted\" \\ \xe7\x8c\xab\nin two lines", "x"};
    gp_str graph = GP_STR_INIT, body = GP_STR_INIT;
    gp_error err = {0};
    gp_meta meta = {0};
    build(g, &graph);
    gp_gen_backend b = {.o = {.workflow = graph.data, .per_prompt = 2, .on_note = take_note, .user = g}};
    gp_gen_request r = {.prompt = prompts[round % 3], .negative = "blurry, bad", .has_seed = true, .seed = UINT64_MAX};
    r.width = 640, r.height = 384, r.steps = 33, r.cfg = 4.5, r.sampler = "heun", r.scheduler = "karras";
    r.model = "new.safetensors", r.refiner_at = r.hires = NAN;
    if (gp_comfy_fill(&b, &r, NULL, &body, &err) != GP_OK) fail_msg("%s: %s", err.message, graph.data);
    assert_int_equal(gp_meta_comfy(body.data, body.size, NULL, &meta, &err), GP_OK);
    if (!meta.prompt || (g->joined ? !strstr(meta.prompt, r.prompt) : strcmp(meta.prompt, r.prompt) != 0))
        fail_msg("read '%s' from %s", meta.prompt ? meta.prompt : meta.where, body.data);
    if (g->joined != said(g, "graph-adds-words")) fail_msg("joined %d: %s", g->joined, body.data);
    if (g->has_negative && (!meta.negative || strcmp(meta.negative, r.negative) != 0)) fail_msg("%s", body.data);
    if (!g->has_negative != said(g, "--negative: ")) fail_msg("%s", graph.data);
    if (!g->has_cfg != said(g, "--cfg: ")) fail_msg("%s", graph.data);
    if (strstr(body.data, "old words")) fail_msg("%s", body.data);
    check_settings(g, body.data, &meta);
    gp_meta_clear(&meta);
    gp_gen_graph_free(b.graph);
    gp_str_clear(&body);
    gp_str_clear(&graph);
}

static void test_read_back(void **state)
{
    (void)state;
    building *g = malloc(sizeof *g);
    for (uint64_t i = 0; i < GRAPHS; i++) {
        memset(g, 0, sizeof *g);
        g->seed = i;
        check_graph(g, i);
    }
    free(g);
}

/* ------------------------------------------------------------------ what cannot be filled in */

#define LOADER "\"4\":{\"class_type\":\"CheckpointLoaderSimple\",\"inputs\":{\"ckpt_name\":\"m\"}},"
#define LATENT "\"5\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":64,\"height\":64,\"batch_size\":1}},"
#define ENCODER(id, text)                                                                                              \
    "\"" id "\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":" text ",\"clip\":[\"4\",1]}},"
#define SAMPLER(seed, positive)                                                                                        \
    "\"3\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":" seed                                                    \
    ",\"steps\":2,\"cfg\":5,\"sampler_name\":\"euler\",\"scheduler\":\"normal\",\"denoise\":1,\"model\":[\"4\",0],"    \
    "\"positive\":[\"" positive "\",0],\"negative\":[\"7\",0],\"latent_image\":[\"5\",0]}},"
#define SAVER                                                                                                          \
    "\"8\":{\"class_type\":\"VAEDecode\",\"inputs\":{\"samples\":[\"3\",0],\"vae\":[\"4\",2]}},"                       \
    "\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"8\",0],\"filename_prefix\":\"g\"}}"
#define PLAIN(seed) "{" LOADER LATENT ENCODER("6", "\"old\"") ENCODER("7", "\"bad\"") SAMPLER(seed, "6") SAVER "}"

/* Fills in a graph with these options.  words: a part of the expected error message; NULL: no error is expected.
 * Returns the filled-in graph, which the caller frees. */
static char *fill_with(const gp_gen_options *options, const char *words, building *g)
{
    gp_gen_backend b = {.o = *options};
    gp_gen_request r = {.prompt = "a red fox", .has_seed = !options->no_seed, .seed = 42, .steps = 9, .cfg = NAN};
    gp_str body = GP_STR_INIT;
    gp_error err = {0};
    r.refiner_at = r.hires = NAN;
    if (g) memset(g, 0, sizeof *g), b.o.on_note = take_note, b.o.user = g;
    gp_status st = gp_comfy_fill(&b, &r, NULL, &body, &err);
    if (words && (st != GP_ERR_USAGE || !strstr(err.message, words))) fail_msg("%d %s", st, err.message);
    if (!words && st != GP_OK) fail_msg("%s", err.message);
    gp_gen_graph_free(b.graph);
    return gp_str_take(&body);
}

/* Fills in a graph with --set. */
static char *fill(const char *graph, const char *const *set, size_t count, const char *words, building *g)
{
    return fill_with(&(gp_gen_options){.workflow = graph, .set = set, .set_count = count, .per_prompt = 2}, words, g);
}

static void test_set(void **state)
{
    (void)state;
    static const char *const link = PLAIN("[\"42\",0]");
    char *out = fill(link, (const char *const[]){"3.seed=@seed"}, 1, NULL, NULL);
    assert_non_null(strstr(out, "\"seed\":42")); /* a link is replaced */
    free(out);
    out = fill(PLAIN("1"), (const char *const[]){"3.steps=4", "3.steps=5", "9.filename_prefix=true"}, 3, NULL, NULL);
    assert_non_null(strstr(out, "\"steps\":5")); /* the last --set is used */
    assert_non_null(strstr(out, "\"filename_prefix\":true"));
    free(out);
    free(fill(PLAIN("1"), (const char *const[]){"6.text=a fixed text"}, 1, "where the prompt goes", NULL));
    free(fill(PLAIN("1"), (const char *const[]){"3.seed=7"}, 1, "keeps its own seed 7", NULL));
    free(fill(PLAIN("1"), (const char *const[]){"3.sead=7"}, 1, "the node has seed, steps, cfg", NULL));
    free(fill(PLAIN("1"), (const char *const[]){"33.seed=7"}, 1, "no such node and input", NULL));
}

/* A graph without an input for the seed is an error, even with one image per prompt, unless the option no_seed says
 * that the generator chooses the seeds. */
static void test_seed(void **state)
{
    (void)state;
    static const char *const sets[] = {"6.prompt=@prompt", "6.prompt=@prompt", "3.seed=@seed", "3.seed=7"};
    static const char cloud[] =
        "{\"6\":{\"class_type\":\"Cloud\",\"inputs\":{\"prompt\":\"old\",\"noise_seeds\":3}},"
        "\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"6\",0],\"filename_prefix\":\"g\"}}}";
    for (uint32_t n = 1; n < 3; n++) {
        gp_gen_options o = {.workflow = cloud, .set = sets, .set_count = 1, .per_prompt = n};
        free(fill_with(
            &o,
            "does not show where the seed goes: name the input with --set NODE.INPUT=@seed, or give --no-seed "
            "if the generator chooses its own seeds.  It has: 6 Cloud noise_seeds = 3",
            NULL));
        o.needs_seed = true; /* fills in the same graph for images that are regenerated */
        free(fill_with(&o, "with --set NODE.INPUT=@seed.  It has", NULL));
        o.needs_seed = false, o.no_seed = true;
        char *out = fill_with(&o, NULL, NULL);
        assert_non_null(strstr(out, "\"noise_seeds\":3"));
        free(out);
        o = (gp_gen_options){.workflow = PLAIN("1"), .set = sets + 3, .set_count = 1, .per_prompt = n};
        free(fill_with(&o, "keeps its own seed 7: name", NULL));
        o.set++, o.set_count = 0, o.no_seed = true;
        free(fill_with(&o, n > 1 ? "has its own seed 1" : NULL, NULL));
        o.set = sets + 2, o.set_count = 1;
        free(fill_with(&o, "cannot be combined with --no-seed, because without a seed @seed has no value", NULL));
    }
}

static void test_unclear(void **state)
{
    (void)state;
    building *g = malloc(sizeof *g);
    static const char two[] = "{" LOADER LATENT ENCODER("6", "\"sky\"") ENCODER("11", "\"sea\"")
        ENCODER("7", "\"bad\"") "\"12\":{\"class_type\":\"ConditioningCombine\",\"inputs\":{\"conditioning_1\":[\"6\","
                                "0],\"conditioning_2\":[\"11\",0]}}," SAMPLER("1", "12") SAVER "}";
    static const char made[] = "{" LOADER LATENT ENCODER("6", "[\"30\",0]")
        ENCODER("7", "\"bad\"") "\"30\":{\"class_type\":\"OllamaGenerate\",\"_meta\":{\"title\":\"My "
                                "model\"},\"inputs\":{\"prompt\":\"old\",\"seed\":3}}," SAMPLER("1", "6") SAVER "}";
    free(fill(two, NULL, 0, "6 CLIPTextEncode text = 'sky'; 11 CLIPTextEncode text = 'sea'", NULL));
    free(fill(two, (const char *const[]){"6.text=@prompt"}, 1, NULL, g));
    free(fill(made, NULL, 0, "30 OllamaGenerate 'My model' prompt = 'old'", NULL));
    char *out = fill(made, (const char *const[]){"My model.prompt=@prompt"}, 1, NULL, g);
    assert_non_null(strstr(out, "\"prompt\":\"a red fox\""));
    free(out);
    free(fill("{\"nodes\":[],\"links\":[]}", NULL, 0, "Export (API)", NULL));
    free(fill("{\"a\":1}", NULL, 0, "not a ComfyUI graph", NULL));
    free(fill("a red fox\n", NULL, 0, "not a ComfyUI graph: JSON: invalid value at byte 0", NULL));
    free(fill("{\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{}}}", NULL, 0, "where the prompt goes", NULL));
    free(g);
}

/* A detailer, which redraws a part of the image, keeps its own text, and a note reports this text. If its text equals
 * the prompt of the graph, the detailer gets the new prompt. */
static void test_detailer(void **state)
{
    (void)state;
    building *g = malloc(sizeof *g);
    static const char graph[] =
        "{" LOADER LATENT ENCODER("6", "\"old\"") ENCODER("7", "\"bad\"") ENCODER("11", "\"a face\"") SAMPLER(
            "1",
            "6") "\"8\":{\"class_type\":\"VAEDecode\",\"inputs\":{\"samples\":[\"3\",0],\"vae\":[\"4\",2]}},"
                 "\"20\":{\"class_type\":\"FaceDetailer\",\"inputs\":{\"image\":[\"8\",0],\"model\":[\"4\",0],\"clip\":"
                 "[\"4\",1],"
                 "\"vae\":[\"4\",2],\"positive\":[\"11\",0],\"negative\":[\"7\",0],\"seed\":5,\"steps\":7,\"cfg\":8,"
                 "\"sampler_name\":"
                 "\"euler\",\"scheduler\":\"normal\",\"denoise\":0.4}},"
                 "\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"20\",0],\"filename_prefix\":\"g\"}}}";
    char *out = fill(graph, NULL, 0, NULL, g);
    assert_non_null(strstr(out, "\"a face\""));
    assert_non_null(strstr(out, "\"steps\":7")); /* the pass over a part of the image also keeps its own settings */
    if (!said(g, "11 CLIPTextEncode text = 'a face'")) fail_msg("%s", g->said[0]);
    free(out);
    free(g);
}

/* If samplers share the steps, goldpan does not change start_at_step and end_at_step, and a note says so. */
static void test_split_steps(void **state)
{
    (void)state;
    building *g = malloc(sizeof *g);
    static const char graph[] = "{" LOADER LATENT ENCODER("6", "\"old\"")
        ENCODER("7", "\"bad\"") "\"3\":{\"class_type\":\"KSamplerAdvanced\",\"inputs\":{"
                                "\"add_noise\":\"enable\",\"noise_seed\":1,\"steps\":20,\"cfg\":5,\"sampler_name\":"
                                "\"euler\",\"scheduler\":\"normal\","
                                "\"start_at_step\":0,\"end_at_step\":16,\"return_with_leftover_noise\":\"enable\","
                                "\"model\":[\"4\",0],\"positive\":[\"6\","
                                "0],\"negative\":[\"7\",0],\"latent_image\":[\"5\",0]}}," SAVER "}";
    free(fill(graph, NULL, 0, NULL, g));
    if (!said(g, "node 3 KSamplerAdvanced keeps its start_at_step 0 and end_at_step 16")) fail_msg("%s", g->said[0]);
    free(fill(graph, (const char *const[]){"3.end_at_step=7"}, 1, NULL, g));
    assert_int_equal(g->notes, 0);
    free(g);
}

/* If the node that has a number feeds several inputs, goldpan writes the number into the input, in place of the link,
 * and does not change the node. */
static void test_shared_number(void **state)
{
    (void)state;
    static const char graph[] =
        "{" LOADER "\"5\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":[\"50\",0],\"height\":[\"50\",0],"
        "\"batch_size\":1}},"
        "\"50\":{\"class_type\":\"PrimitiveInt\",\"inputs\":{\"value\":64}}," ENCODER("6", "\"old\"")
            ENCODER("7", "\"bad\"") SAMPLER("1", "6") SAVER "}";
    gp_gen_backend b = {.o = {.workflow = graph, .per_prompt = 2}};
    gp_gen_request r = {.prompt = "a red fox", .has_seed = true, .seed = 42, .width = 96, .height = 32, .cfg = NAN};
    gp_str body = GP_STR_INIT;
    r.refiner_at = r.hires = NAN;
    assert_int_equal(gp_comfy_fill(&b, &r, NULL, &body, NULL), GP_OK);
    assert_non_null(strstr(body.data, "\"width\":96,\"height\":32"));
    assert_non_null(strstr(body.data, "\"value\":64"));
    gp_gen_graph_free(b.graph);
    gp_str_clear(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read_back),    cmocka_unit_test(test_set),
                                       cmocka_unit_test(test_seed),         cmocka_unit_test(test_unclear),
                                       cmocka_unit_test(test_detailer),     cmocka_unit_test(test_split_steps),
                                       cmocka_unit_test(test_shared_number)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
