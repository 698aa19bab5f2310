/* SPDX-License-Identifier: MIT
 * Infotext and ComfyUI graphs made by hand: each case tests one difficulty of the two formats. */
#include "ingest_support.h"

/* Texts for the parsers have no NUL after them, so that ASan detects a read past the end. */
static gp_meta parse(gp_status (*parser)(const char *, size_t, gp_meta *, gp_error *), const char *text)
{
    gp_error err = {0};
    gp_meta meta = {0};
    size_t size = strlen(text);
    char *block = malloc(size ? size : 1);
    assert_non_null(block);
    memcpy(block, text, size);
    assert_ok(parser(block, size, &meta, &err));
    free(block);
    return meta;
}

static gp_meta a1111(const char *text)
{
    return parse(gp_meta_a1111, text);
}

static gp_status without_file(const char *text, size_t size, gp_meta *out, gp_error *err)
{
    return gp_meta_comfy(text, size, NULL, out, err);
}

static gp_meta comfy(const char *text)
{
    return parse(without_file, text);
}

/* ------------------------------------------------------------------ infotext */

typedef struct infotext {
    /* settings: the expected settings; NULL: they are not compared */
    const char *text, *prompt, *negative, *settings;
} infotext;

static const infotext infotexts[] = {
    {"a cat\nNegative prompt: a dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x768, Model hash: "
     "abc, Model: sd15, Clip skip: 2",
     "a cat", "a dog",
     "{\"steps\": 20, \"sampler\": \"Euler a\", \"cfg_scale\": 7, \"seed\": 42, \"width\": 512, \"height\": 768, "
     "\"model_hash\": \"abc\", \"model\": \"sd15\", \"clip_skip\": 2}"},
    /* a prompt of several lines; a seed above 2^53, which a double cannot hold */
    {"two\nlines, of it\nNegative prompt: bad,\nworse\nSteps: 5, Sampler: DDIM, CFG scale: 1.5, Seed: "
     "18446744073709551615",
     "two\nlines, of it", "bad,\nworse",
     "{\"steps\": 5, \"sampler\": \"DDIM\", \"cfg_scale\": 1.5, \"seed\": 18446744073709551615}"},
    /* a text without a negative prompt, with CRLF, and with white space at the ends */
    {"  a cat \r\nSteps: 1, Sampler: LCM, Seed: 0\r\n", "a cat", NULL,
     "{\"steps\": 1, \"sampler\": \"LCM\", \"seed\": 0}"},
    /* a text without a prompt, and a text with only a negative prompt */
    {"Steps: 1, Sampler: LCM, Seed: 0", NULL, NULL, NULL},
    {"\nNegative prompt: mud\nSteps: 1, Sampler: LCM, Seed: 0", NULL, "mud", NULL},
    /* quoted values contain commas, colons and line breaks; nested braces are matched */
    {"x\nSteps: 9, Seed: 1, Lora hashes: \"a: 1, b: 2\", Note: \"say \\\"hi\\\",\\nnow\", Hashes: {\"m, n\": [1, "
     "\"]\"]}, "
     "Version: 1",
     "x", NULL,
     "{\"steps\": 9, \"seed\": 1, \"Lora hashes\": \"a: 1, b: 2\", \"Note\": \"say \\\"hi\\\",\\nnow\", \"Hashes\": "
     "\"{\\\"m, n\\\": [1, \\\"]\\\"]}\", \"version\": \"1\"}"},
    /* quotes and braces that never close, or that close inside a value, are ordinary characters */
    {"x\nSteps: 9, Seed: 1, Odd: \"five, Model: {a, Wall: \"a\" b, RNG: CPU", "x", NULL,
     "{\"steps\": 9, \"seed\": 1, \"Odd\": \"\\\"five\", \"model\": \"{a\", \"Wall\": \"\\\"a\\\" b\", \"rng\": "
     "\"CPU\"}"},
    /* a prompt whose last line looks like settings, without real settings after it: nothing is found */
    {"colours: red, size: big, mood: calm, light: dim", NULL, NULL, NULL},
    /* a similar prompt with settings after it is kept completely */
    {"Camera: Leica, Lens: 50, Film: Portra\nSteps: 20, Sampler: Euler, Seed: 7",
     "Camera: Leica, Lens: 50, Film: Portra", NULL, NULL},
    /* "Negative prompt:" inside a line is prose if line breaks are kept */
    {"the words Negative prompt: on a wall\nNegative prompt: blur\nSteps: 20, Sampler: Euler, Seed: 7",
     "the words Negative prompt: on a wall", "blur", NULL},
    /* line breaks were lost */
    {"a cat Negative prompt: a dog Steps: 20, Sampler: Euler, Seed: 7", "a cat", "a dog",
     "{\"steps\": 20, \"sampler\": \"Euler\", \"seed\": 7}"},
    /* an extension has written its prompt templates after the settings line */
    {"a cat\nSteps: 20, Sampler: Euler, Seed: 7\nTemplate: a {animal}\nNegative Template: none", "a cat", NULL,
     "{\"steps\": 20, \"sampler\": \"Euler\", \"seed\": 7, \"Template\": \"a {animal}\", \"Negative Template\": "
     "\"none\"}"},
    /* the settings are missing */
    {"a cat\nNegative prompt: a dog", "a cat", "a dog", "{}"},
    /* infotext of stable-diffusion.cpp: "Model: " is empty, each file of the model has its own key, and numbers look
     * like C's %f and inf */
    {"a cat<lora:lcm:0.5>\nSteps: 4, CFG scale: 1.000000, Eta: inf, Seed: 42, Size: 512x1024, Model: , RNG: cuda, "
     "Sampler: "
     "euler, TE: t5, Unet: flux.gguf, VAE: ae.sft, Version: stable-diffusion.cpp, SDCPP: "
     "{\"a\":{\"b\":[1,2]},\"seed\":1}",
     "a cat<lora:lcm:0.5>", NULL,
     "{\"steps\": 4, \"cfg_scale\": 1, \"eta\": \"inf\", \"seed\": 42, \"width\": 512, \"height\": 1024, \"rng\": "
     "\"cuda\", "
     "\"sampler\": \"euler\", \"TE\": \"t5\", \"Unet\": \"flux.gguf\", \"vae\": \"ae.sft\", \"version\": "
     "\"stable-diffusion.cpp\", \"SDCPP\": \"{\\\"a\\\":{\\\"b\\\":[1,2]},\\\"seed\\\":1}\", \"model\": \"flux.gguf\", "
     "\"loras\": \"lcm:0.5\"}"},
    /* templates of an extension after the settings, over many lines; one line looks like settings */
    {"Steps: one, two: three, b: c\na fox\nNegative prompt: mud\nSteps: 20, Sampler: Euler a, Seed: 42, Model: sd15\n"
     "Template: Steps: one, two: three, b: c\n{a fox\n|an owl\n|a hare\n|a deer\n|a wolf\n|a lynx\n|a crow\n|a stoat\n"
     "|a mole\n|a newt\n}\n\nNegative Template: mud\n{or\n|nothing}",
     "Steps: one, two: three, b: c\na fox", "mud",
     "{\"steps\": 20, \"sampler\": \"Euler a\", \"seed\": 42, \"model\": \"sd15\", \"Template\": \"Steps: one, two: "
     "three, "
     "b: c\\n{a fox\\n|an owl\\n|a hare\\n|a deer\\n|a wolf\\n|a lynx\\n|a crow\\n|a stoat\\n|a mole\\n|a newt\\n}\", "
     "\"Negative Template\": \"mud\\n{or\\n|nothing}\"}"},
    /* the last line counts as settings if it has only known settings, at least one of them with a number */
    {"a fox\nSeed: 901", "a fox", NULL, "{\"seed\": 901}"},
    {"a fox\nNegative prompt: mud\nSeed: 901, Size: 64x32", "a fox", "mud",
     "{\"seed\": 901, \"width\": 64, \"height\": 32}"},
    /* without a prompt, the settings of the sampler are kept */
    {"Steps: 20, Sampler: Euler a, Seed: 42", NULL, NULL, "{\"steps\": 20, \"sampler\": \"Euler a\", \"seed\": 42}"},
    /* a setting that occurs twice, and an invalid size */
    {"x\nSteps: 1, Seed: 2, TE: a, TE: b, Size: huge, Seed: 3", "x", NULL,
     "{\"steps\": 1, \"seed\": 2, \"TE\": \"a\", \"TE 2\": \"b\", \"Size\": \"huge\", \"Seed\": \"3\"}"},
    {"\v\nNegative prompt:\v \f\nSteps: 1, Sampler: x, Seed: 3", NULL, NULL, NULL},
    {"x\nSteps: 1, Sampler: x, Seed: 3, A\xE9: 1, A\xE8: 2, Bb: \xE9", "x", NULL,
     "{\"steps\": 1, \"sampler\": \"x\", \"seed\": 3, \"Bb\": \"\xEF\xBF\xBD\"}"},
    /* text that is not UTF-8 is read as Latin-1 */
    {"caf\xE9\nSteps: 1, Sampler: x, Seed: 3", "caf\xC3\xA9", NULL, NULL},
    {"\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88\nSteps: 1, Sampler: x, Seed: 3", "\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88",
     NULL, NULL},
};

static void test_infotexts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof infotexts / sizeof *infotexts; i++) {
        const infotext *t = &infotexts[i];
        gp_meta meta = a1111(t->text);
        assert_string_equal(or_none(meta.prompt), or_none(t->prompt));
        assert_string_equal(or_none(meta.negative), or_none(t->negative));
        if (t->settings) assert_string_equal(or_none(meta.settings_json), t->settings);
        assert_int_equal(meta.evidence, meta.prompt ? GP_EVIDENCE_STATED : GP_EVIDENCE_NONE);
        gp_meta_clear(&meta);
    }
}

static void test_no_infotext(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n\n",
        "a cat",
        "a cat, a dog: big, a house",
        "Steps: 20",
        "Steps: 20, Seed: 3",
        "a poster\nModel: Anna",
        "a poster\nSeed: a sunflower",
        "a poster\nSeed: 3, petals: 5",
        "{\"sui_image_params\": {\"prompt\": \"a cat\", \"steps\": 20, \"seed\": 3, \"model\": \"x\"}}",
        "colours: red, size: big, mood: calm, light: dim",
        "Screen Shot: 1, of: 2, them: 3",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        gp_meta meta = a1111(texts[i]);
        if (meta.found) fail_msg("'%s' is no infotext", texts[i]);
        assert_null(meta.settings_json);
    }
}

/* ------------------------------------------------------------------ graphs */

#define SAVE   "\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"8\",0]}},"
#define DECODE "\"8\":{\"class_type\":\"VAEDecode\",\"inputs\":{\"samples\":[\"3\",0],\"vae\":[\"4\",2]}},"
#define KSAMPLER                                                                                                       \
    "\"3\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":18446744073709551615,\"steps\":20,\"cfg\":7.5,"           \
    "\"sampler_name\":\"euler\",\"scheduler\":\"normal\",\"denoise\":1.0,\"model\":[\"4\",0],\"positive\":[\"6\",0],"  \
    "\"negative\":[\"7\",0],\"latent_image\":[\"5\",0]}},"
#define LATENT "\"5\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":832,\"height\":384,\"batch_size\":1}},"
#define MODEL  "\"4\":{\"class_type\":\"CheckpointLoaderSimple\",\"inputs\":{\"ckpt_name\":\"sd15.ckpt\"}},"
#define BAD    "\"7\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"bad\",\"clip\":[\"4\",1]}}"
#define USUAL  SAVE DECODE KSAMPLER LATENT MODEL BAD
/* The usual graph with the given node 6 as the positive encoder. */
#define GRAPH(six) "{" USUAL ",\"6\":" six "}"

typedef struct graph_case {
    const char *text, *prompt, *where;
} graph_case;

static const graph_case graphs[] = {
    {GRAPH("{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"a cat\",\"clip\":[\"4\",1]},\"_meta\":{\"title\":"
           "\"Positive\"}}"),
     "a cat", "node 6 CLIPTextEncode 'Positive'"},
    /* the graph inside {"prompt": ...}, as a JSON object and as a JSON string; NaN as ComfyUI writes it */
    {"{\"prompt\":" GRAPH(
         "{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"a cat\",\"is_changed\":[NaN]}}") "}",
     "a cat", "node 6 CLIPTextEncode"},
    {"{\"prompt\":\"{\\\"1\\\":{\\\"class_type\\\":\\\"CLIPTextEncode\\\",\\\"inputs\\\":{\\\"text\\\":\\\"a "
     "cat\\\"}}}\"}",
     "a cat", "unsorted: node 1 CLIPTextEncode"},
    /* conditioning through a control net; if a node's title equals its class, the source has this name only once */
    {GRAPH(
         "{\"class_type\":\"ControlNetApply\",\"inputs\":{\"strength\":1,\"conditioning\":[\"20\",0],\"control_net\":["
         "\"33\",0],\"image\":[\"21\",0]}},\"20\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"a "
         "shark\"},\"_meta\":{\"title\":\"CLIPTextEncode\"}}"),
     "a shark", "node 20 CLIPTextEncode"},
    /* a control net with a positive and a negative side: each side has its own path through the graph */
    {GRAPH("{\"class_type\":\"ControlNetApplyAdvanced\",\"inputs\":{\"negative\":[\"7\",0],\"positive\":[\"20\",0]}},"
           "\"20\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"a shark\"}}"),
     "a shark", "node 20 CLIPTextEncode"},
    /* graphs with combined conditioning: a repeated text is used once, and zeroed conditioning adds no text */
    {GRAPH(
         "{\"class_type\":\"ConditioningCombine\",\"inputs\":{\"conditioning_1\":[\"20\",0],\"conditioning_2\":[\"21\","
         "0]}},\"20\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"sky\"}},\"21\":{\"class_type\":"
         "\"ConditioningCombine\",\"inputs\":{\"conditioning_1\":[\"22\",0],\"conditioning_2\":[\"23\",0]}},\"22\":{"
         "\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"sea\"}},\"23\":{\"class_type\":\"CLIPTextEncode\","
         "\"inputs\":{\"text\":\"sky\"}}"),
     "sky, sea", "node 20 CLIPTextEncode and 1 more"},
    {GRAPH("{\"class_type\":\"ConditioningZeroOut\",\"inputs\":{\"conditioning\":[\"20\",0]}},\"20\":{\"class_type\":"
           "\"CLIPTextEncode\",\"inputs\":{\"text\":\"sky\"}}"),
     NULL, "no prompt: no text leads to the sampler"},
    /* two texts in one encoder */
    {GRAPH("{\"class_type\":\"CLIPTextEncodeSDXL\",\"inputs\":{\"text_g\":\"a cat\",\"text_l\":\"soft light\"}}"),
     "a cat, soft light", "node 6 CLIPTextEncodeSDXL"},
    {GRAPH("{\"class_type\":\"CLIPTextEncodeFlux\",\"inputs\":{\"clip_l\":\"a cat\",\"t5xxl\":\"a "
           "cat\",\"guidance\":3}}"),
     "a cat", "node 6 CLIPTextEncodeFlux"},
    /* a graph in which string nodes join the text */
    {GRAPH(
         "{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":[\"20\",0]}},\"20\":{\"class_type\":\"StringConcat\","
         "\"inputs\":{\"string_a\":[\"21\",0],\"string_b\":\"at night\",\"delimiter\":\" | \"}},\"21\":{\"class_type\":"
         "\"PrimitiveString\",\"inputs\":{\"value\":\"a town\"}}"),
     "a town | at night", "node 6 CLIPTextEncode"},
    /* ids as numbers in links */
    {GRAPH(
         "{\"class_type\":\"Reroute\",\"inputs\":{\"\":[20,0]}},\"20\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{"
         "\"text\":\"a cat\"}}"),
     "a cat", "node 20 CLIPTextEncode"},
    /* cycles in the graph: conditioning that is linked to itself, text that is linked to itself */
    {GRAPH("{\"class_type\":\"ConditioningCombine\",\"inputs\":{\"conditioning_1\":[\"6\",0],\"conditioning_2\":[\"3\","
           "0]}}"),
     NULL, "no prompt: no text leads to the sampler"},
    {GRAPH("{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":[\"20\",0]}},\"20\":{\"class_type\":\"Join\","
           "\"inputs\":{\"text_a\":[\"20\",0],\"text_b\":\"x\"}}"),
     NULL, "no prompt: the text of node 20 Join is not in the file"},
    /* links to missing nodes */
    {GRAPH("{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":[\"99\",0]}}"), NULL,
     "no prompt: the graph does not tell which text was used"},
    /* in a graph without a sampler, the prompt comes from all encoders that are not negative */
    {"{\"1\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"a cat\"}},\"2\":{\"class_type\":"
     "\"CLIPTextEncode\",\"inputs\":{\"text\":\"bad\"}},\"3\":{\"class_type\":\"Odd\",\"inputs\":{\"negative\":[\"2\","
     "0]"
     "}}}",
     "a cat", "unsorted: node 1 CLIPTextEncode"},
    /* a graph with a guider between sampler and conditioning */
    {"{" SAVE DECODE MODEL LATENT "\"3\":{\"class_type\":\"SamplerCustomAdvanced\",\"inputs\":{\"noise\":[\"25\",0],"
     "\"guider\":[\"22\",0],\"sampler\":["
     "\"16\",0],\"sigmas\":[\"17\",0],\"latent_image\":[\"5\",0]}},\"22\":{\"class_type\":\"BasicGuider\",\"inputs\":{"
     "\"model\":[\"4\",0],\"conditioning\":[\"26\",0]}},\"26\":{\"class_type\":\"FluxGuidance\",\"inputs\":{"
     "\"guidance\":"
     "3.5,\"conditioning\":[\"6\",0]}},\"6\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"a "
     "fox\"}},\"25\":{"
     "\"class_type\":\"RandomNoise\",\"inputs\":{\"noise_seed\":7}},\"16\":{\"class_type\":\"KSamplerSelect\","
     "\"inputs\":{"
     "\"sampler_name\":\"euler\"}},\"17\":{\"class_type\":\"BasicScheduler\",\"inputs\":{\"scheduler\":\"simple\","
     "\"steps\":4,\"denoise\":1.0}}}",
     "a fox", "node 6 CLIPTextEncode"},
};

static void test_graphs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++) {
        gp_meta meta = comfy(graphs[i].text);
        if (!meta.found) fail_msg("graph %zu is not found", i);
        assert_string_equal(meta.tool, "comfyui");
        assert_string_equal(or_none(meta.prompt), or_none(graphs[i].prompt));
        assert_string_equal(meta.where, graphs[i].where);
        gp_meta_clear(&meta);
    }
}

static void test_graph_settings(void **state)
{
    (void)state;
    gp_meta usual = comfy(graphs[0].text), guided = comfy(graphs[sizeof graphs / sizeof *graphs - 1].text);
    assert_string_equal(usual.negative, "bad");
    assert_string_equal(usual.settings_json,
                        "{\"seed\": 18446744073709551615, \"steps\": 20, \"cfg_scale\": 7.5, \"sampler\": \"euler\", "
                        "\"scheduler\": \"normal\", \"width\": 832, \"height\": 384, \"model\": \"sd15.ckpt\"}");
    assert_null(guided.negative);
    assert_string_equal(
        guided.settings_json,
        "{\"seed\": 7, \"steps\": 4, \"sampler\": \"euler\", \"scheduler\": \"simple\", \"width\": 832, "
        "\"height\": 384, \"model\": \"sd15.ckpt\"}");
    gp_meta_clear(&guided);
    gp_meta_clear(&usual);
}

static void test_no_graph(void **state)
{
    (void)state;
    static const char *const texts[] = {"",           "a cat",
                                        "{",          "[]",
                                        "{}",         "{\"a\":1}",
                                        "null",       "{\"prompt\":\"a cat\"}",
                                        "{\"1\":{}}", "{\"1\":{\"class_type\":3}}",
                                        "{\"a\":1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        gp_meta meta = comfy(texts[i]);
        if (meta.found) fail_msg("'%s' is no graph", texts[i]);
    }
}

/* For a graph that cannot be read, only the reason is returned; any other prompt in the file is preferred. */
static void test_broken_graph(void **state)
{
    (void)state;
    char broken[] = "  {\"1\":{\"class_type\":\"x\"}", settings[] = "Steps: 20, Sampler: Euler a, Seed: 7";
    gp_error err = {0};
    gp_meta meta = comfy(broken);
    assert_true(meta.found && meta.broken);
    assert_int_equal(meta.evidence, GP_EVIDENCE_NONE);
    assert_null(meta.prompt);
    assert_string_equal(meta.where, "no prompt: the graph is not valid JSON");
    assert_string_equal(meta.settings_json, "{}");
    gp_meta_clear(&meta);
    gp_chunk chunks[] = {{.key = "prompt", .text = broken, .size = strlen(broken)},
                         {.key = "exif:Make", .text = "prompt:{\"1\":{\"class_type\":\"x\"}}", .size = 31},
                         {.key = "parameters", .text = settings, .size = strlen(settings)}};
    assert_ok(gp_meta_read(&(gp_chunks){chunks, 2, 0}, NULL, &meta, &err));
    assert_true(meta.found && !meta.broken);
    gp_meta_clear(&meta);
    assert_ok(gp_meta_read(&(gp_chunks){chunks, 3, 0}, NULL, &meta, &err));
    assert_string_equal(meta.tool, "a1111");
    gp_meta_clear(&meta);
    chunks[0] = (gp_chunk){.key = "workflow", .text = "{\"nodes\": []}", .size = 13};
    assert_ok(gp_meta_read(&(gp_chunks){chunks, 1, 0}, NULL, &meta, &err));
    assert_true(meta.found && meta.broken);
    assert_string_equal(meta.where, "no prompt: the file has only the editor's graph, not the graph that was run");
    gp_meta_clear(&meta);
    chunks[0].text = "a fox at work", chunks[0].size = 13;
    assert_ok(gp_meta_read(&(gp_chunks){chunks, 1, 0}, NULL, &meta, &err));
    assert_false(meta.found);
}

/* A hostile graph of 60,000 nodes in cycles of string nodes and conditioning: reading ends quickly. */
static void test_large_graph(void **state)
{
    (void)state;
    gp_str s = GP_STR_INIT;
    gp_str_puts(&s, "{" USUAL ",\"6\":{\"class_type\":\"Combine\",\"inputs\":{\"conditioning\":[\"t0\",0]}}");
    for (int i = 0; i < 20000; i++)
        gp_str_printf(
            &s,
            ",\"t%d\":{\"class_type\":\"Mix\",\"inputs\":{\"conditioning_1\":[\"t%d\",0],\"conditioning_2\":["
            "\"e%d\",0]}},\"e%d\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":[\"s%d\",0]}},\"s%d\":{"
            "\"class_type\":\"Join\",\"inputs\":{\"text_a\":\"w%d\",\"text_b\":[\"s%d\",0],\"text_c\":[\"s%d\","
            "0]}}",
            i, (i + 1) % 20000, i, i, i, i, i, (i + 1) % 20000, (i + 7) % 20000);
    gp_str_puts(&s, "}");
    gp_meta meta = comfy(s.data);
    assert_true(meta.found);  /* 60,007 nodes are within goldpan's limit */
    assert_null(meta.prompt); /* the links between the string nodes form loops */
    gp_meta_clear(&meta);
    gp_str_clear(&s);
}

/* ------------------------------------------------------------------ which chunk is used */

#define INFO "said\nSteps: 1, Sampler: x, Seed: 3"

static gp_meta read_chunks(const gp_chunk *items, size_t count)
{
    gp_error err = {0};
    gp_meta meta = {0};
    gp_chunk copies[4];
    assert_true(count <= 4);
    for (size_t i = 0; i < count; i++) {
        copies[i] = items[i];
        if (!copies[i].size) copies[i].size = strlen(copies[i].text);
    }
    assert_ok(gp_meta_read(&(gp_chunks){copies, count, 0}, NULL, &meta, &err));
    return meta;
}
#define READ(...)                                                                                                      \
    read_chunks((const gp_chunk[]){__VA_ARGS__}, sizeof((const gp_chunk[]){__VA_ARGS__}) / sizeof(gp_chunk))

static void expect_read(gp_meta meta, const char *tool, const char *where, const char *prompt)
{
    assert_string_equal(or_none(meta.tool), or_none(tool));
    assert_string_equal(or_none(meta.where), or_none(where));
    assert_string_equal(or_none(meta.prompt), or_none(prompt));
    gp_meta_clear(&meta);
}

static void test_chunks(void **state)
{
    (void)state;
    char *graph = gp_str_dup(graphs[0].text), *six = "node 6 CLIPTextEncode 'Positive'";
    gp_str prefixed = GP_STR_INIT;
    gp_str_printf(&prefixed, "Prompt:%s", graph);
    expect_read(READ({"parameters", INFO, 0, false}), "a1111", "parameters", "said");
    expect_read(READ({"exif:UserComment", INFO, 0, false}), "a1111", "exif:UserComment", "said");
    expect_read(READ({"prompt", graph, 0, false}), "comfyui", six, "a cat");
    expect_read(READ({"exif:UserComment", graph, 0, false}), "comfyui", six, "a cat");
    expect_read(READ({"exif:Model", prefixed.data, 0, false}), "comfyui", six, "a cat");
    expect_read(READ({"exif:Make", prefixed.data, 0, false}), "comfyui", six, "a cat");
    expect_read(READ({"exif:ImageDescription", prefixed.data, 0, false}), "comfyui", six, "a cat");
    expect_read(READ({"exif:ImageDescription", INFO, 0, false}), "a1111", "exif:ImageDescription", "said");
    expect_read(READ({"gif:comment", INFO, 0, false}), "a1111", "gif:comment", "said");
    expect_read(READ({"gif:comment", graph, 0, false}), "comfyui", six, "a cat");
    expect_read(READ({"gif:comment", "Created with GIMP", 0, false}), NULL, NULL, NULL);
    expect_read(READ({"exif:Model", graph, 0, false}), NULL, NULL,
                NULL); /* without the prefix "prompt:", the text may be a camera's model */
    /* stable-diffusion.cpp stores the text in a JPEG comment: key, NUL byte, text */
    expect_read(READ({"jpeg:comment", "parameters\0" INFO, sizeof("parameters\0" INFO) - 1, false}), "a1111",
                "jpeg:comment", "said");
    expect_read(READ({"jpeg:comment", "parameters " INFO, 0, false}), NULL, NULL, NULL);
    expect_read(READ({"jpeg:comment", "param", 0, false}), NULL, NULL, NULL);
    /* a file with infotext and graph: the infotext is used, whichever comes first, unless only the graph has a
     * prompt */
    expect_read(READ({"prompt", graph, 0, false}, {"parameters", INFO, 0, false}), "a1111", "parameters", "said");
    expect_read(READ({"parameters", "Steps: 1, Sampler: x, Seed: 3", 0, false}, {"prompt", graph, 0, false}), "comfyui",
                six, "a cat");
    expect_read(READ({"parameters", "Steps: 1, Sampler: x, Seed: 3", 0, false}, {"prompt", "{}", 0, false}), "a1111",
                "parameters", NULL);
    expect_read(READ({"parameters", "{\"sui_image_params\":{}}", 0, false}, {"prompt", graph, 0, false}), "comfyui",
                six, "a cat");
    /* a text with a wrong checksum is a guess, and any other text is preferred */
    gp_meta damaged = READ({"parameters", INFO, 0, true});
    assert_int_equal(damaged.evidence, GP_EVIDENCE_GUESS);
    expect_read(damaged, "a1111", "parameters (its checksum is wrong)", "said");
    expect_read(READ({"parameters", INFO, 0, true}, {"prompt", graph, 0, false}), "comfyui", six, "a cat");
    /* in a text chunk with the key "parameters", a text with one setting counts as infotext; in EXIF it does not */
    expect_read(READ({"parameters", "said\nModel: sd15", 0, false}), "a1111", "parameters", "said");
    expect_read(READ({"exif:UserComment", "said\nModel: sd15", 0, false}), NULL, NULL, NULL);
    /* a NUL ends a text */
    expect_read(READ({"parameters", INFO "\0, Seed: 4", sizeof(INFO "\0, Seed: 4") - 1, false}), "a1111", "parameters",
                "said");
    expect_read(READ({"parameters", "\0" INFO, sizeof("\0" INFO) - 1, false}), NULL, NULL, NULL);
    /* if the first of two chunks with the same key has no prompt, the second chunk is used */
    expect_read(READ({"parameters", "no", 0, false}, {"parameters", INFO, 0, false}), "a1111", "parameters", "said");
    expect_read(READ({"workflow", graph, 0, false}, {"Title", INFO, 0, false}), NULL, NULL, NULL);
    gp_str_clear(&prefixed);
    gp_mem_free(graph);
}

/* Long texts of one repeated byte: parsing in quadratic time would hang the test. */
static void test_long(void **state)
{
    (void)state;
    static const char *const units[] = {
        "<lora:", "a: \"", "a: {", "\"", ",", "Steps: 1, ", "\nNegative prompt:", "a: 1, ", "{\"1\":"};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        gp_str s = GP_STR_INIT;
        while (s.size < 2000000) gp_str_puts(&s, units[i]);
        gp_str_puts(&s, "\nSteps: 1, Sampler: x, Seed: 3");
        gp_meta meta = a1111(s.data);
        assert_true(meta.found);
        gp_meta_clear(&meta);
        meta = comfy(s.data);
        assert_false(meta.found);
        gp_str_clear(&s);
    }
}

/* ------------------------------------------------------------------ memory */

static void test_memory(void **state)
{
    (void)state;
    gp_chunk items[2] = {{(char *)"prompt", (char *)graphs[9].text, strlen(graphs[9].text), false},
                         {(char *)"parameters", (char *)infotexts[13].text, strlen(infotexts[13].text), false}};
    for (size_t count = 1; count <= 2; count++) {
        for (uint64_t n = 1;; n++) {
            gp_error err = {0};
            gp_meta meta = {0};
            int64_t before = gp_mem_live();
            gp_mem_fail_at(n);
            gp_status st = gp_meta_read(&(gp_chunks){items, count, 0}, NULL, &meta, &err);
            uint64_t seen = gp_mem_fail_at(0);
            if (st != GP_OK) {
                assert_int_equal(st, GP_ERR_MEMORY);
                assert_true(err.message[0]);
                assert_false(meta.found);
            }
            if (st == GP_OK) assert_true(seen < n && meta.prompt); /* no failure was ignored */
            gp_meta_clear(&meta);
            assert_int_equal(gp_mem_live(), before);
            if (st == GP_OK) break;
            assert_true(n < 100000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_infotexts),      cmocka_unit_test(test_no_infotext), cmocka_unit_test(test_graphs),
        cmocka_unit_test(test_graph_settings), cmocka_unit_test(test_no_graph),    cmocka_unit_test(test_broken_graph),
        cmocka_unit_test(test_large_graph),    cmocka_unit_test(test_chunks),      cmocka_unit_test(test_long),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
