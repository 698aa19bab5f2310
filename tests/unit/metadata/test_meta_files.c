/* SPDX-License-Identifier: MIT
 * Metadata of real files.  The expected prompts were read from the raw metadata with Pillow and
 * json, or come from upstream's tests (expected.json).  Where goldpan differs from upstream, `differences` states the
 * reason. */
#include "ingest_support.h"
#include "real_prompts.h"

#include <math.h>
#include <zlib.h>

/* ------------------------------------------------------------------ expected.json */

/* Differences from expected.json that are intended: file, field, goldpan's result, and the reason. */
static const struct difference {
    const char *file, *field, *ours, *why;
} differences[] = {
    {"png/comfyui-comfyroll.png", "clip skip", "", "no clip-skip node lies on the way to the saved picture's sampler"},
    {"png/comfyui-comfyroll.png", "hires scale", "", "a node computes the saved size; 1.5 is of a previewed branch"},
    {"png/comfyui-comfyroll.png", "hires steps", "10", "of the pass that was saved, not of a previewed branch"},
    {"png/comfyui-comfyroll.png", "hires denoise", "0.3", "of the pass that was saved, not of a previewed branch"},
    {"png/comfyui-anima.png", "hires scale", "", "the size comes from a third-party node's second output"},
    {"png/ruined-fooocus.png", "negativePrompt", "bad quality, worst quality, worst detail, sketch, censor, ",
     "the text ends with a blank, and we keep prompts as written"},
    {"png/stability-matrix.png", "prompt",
     "general, masterpiece, best quality, amazing quality, \r\n1girl, solo, hatsune miku, "
     "#\343\203\206\343\202\271\343\203\210",
     "we trim an infotext"},
    {"png/stability-matrix.png", "negativePrompt", "bad quality, worst quality, worst detail, sketch, censor,",
     "we trim an infotext"},
    {"png/stability-matrix.png", "sampler", "Euler Ancestral Karras", "infotext before graph: its own words"},
    {"png/stability-matrix.png", "scheduler", "", "infotext before graph: it names none"},
    {"png/stability-matrix.png", "clip skip", "", "infotext before graph: it names none"},
};

typedef struct comparison {
    const char *file;
    const gp_meta *meta;
    size_t fields, wrong, differences;
} comparison;

static bool is_known_difference(const comparison *c, const char *field, const char *ours)
{
    for (size_t i = 0; i < sizeof differences / sizeof *differences; i++)
        if (strcmp(differences[i].file, c->file) == 0 && strcmp(differences[i].field, field) == 0)
            return strcmp(differences[i].ours, ours) == 0;
    return false;
}

static void compare(comparison *c, const char *field, const char *ours, const char *theirs)
{
    c->fields++;
    if (strcmp(ours, theirs) == 0) return;
    if (is_known_difference(c, field, ours)) {
        c->differences++;
        return;
    }
    c->wrong++;
    print_error("%s: %s is '%s', expected.json has '%s'\n", c->file, field, ours, theirs);
}

static void compare_number(comparison *c, const char *field, const char *key, const gp_json *theirs)
{
    double a, b;
    const char *ours = setting(c->meta, key);
    if (gp_json_kind_of(theirs) == GP_JSON_NULL) return; /* the upstream reader does not return this field */
    gp_str text = GP_STR_INIT;
    gp_json_write(&text, theirs);
    bool same = gp_json_real(theirs, &b) && gp_parse_double(ours, &a) && fabs(a - b) <= 1e-9 * fabs(b);
    compare(c, field, same ? text.data : ours, text.data);
    gp_str_clear(&text);
}

static void compare_text(comparison *c, const char *field, const char *key, const gp_json *theirs)
{
    const char *text = gp_json_text(theirs, NULL);
    if (text) compare(c, field, setting(c->meta, key), text);
}

static void compare_file(comparison *c, const gp_json *theirs)
{
    const gp_json *model = gp_json_get(theirs, "model"), *sampling = gp_json_get(theirs, "sampling");
    const char *prompt = gp_json_text(gp_json_get(theirs, "prompt"), NULL);
    const char *negative = gp_json_text(gp_json_get(theirs, "negativePrompt"), NULL);
    compare(c, "prompt", c->meta->prompt ? c->meta->prompt : "", prompt ? prompt : "");
    compare(c, "negativePrompt", c->meta->negative ? c->meta->negative : "", negative ? negative : "");
    compare_number(c, "width", "width", gp_json_get(theirs, "width"));
    compare_number(c, "height", "height", gp_json_get(theirs, "height"));
    compare_text(c, "model", "model", gp_json_get(model, "name"));
    compare_text(c, "model hash", "model_hash", gp_json_get(model, "hash"));
    compare_text(c, "sampler", "sampler", gp_json_get(sampling, "sampler"));
    compare_text(c, "scheduler", "scheduler", gp_json_get(sampling, "scheduler"));
    compare_number(c, "steps", "steps", gp_json_get(sampling, "steps"));
    compare_number(c, "cfg", "cfg_scale", gp_json_get(sampling, "cfg"));
    compare_number(c, "seed", "seed", gp_json_get(sampling, "seed"));
    compare_number(c, "clip skip", "clip_skip", gp_json_get(sampling, "clipSkip"));
    const gp_json *hires = gp_json_get(theirs, "hires");
    compare_number(c, "hires scale", "hires_scale", gp_json_get(hires, "scale"));
    compare_text(c, "hires upscaler", "hires_upscaler", gp_json_get(hires, "upscaler"));
    compare_number(c, "hires steps", "hires_steps", gp_json_get(hires, "steps"));
    compare_number(c, "hires denoise",
                   strcmp(c->meta->tool, "a1111") == 0 ? "denoising_strength" : "hires_denoising_strength",
                   gp_json_get(hires, "denoise"));
}

/* The names of programs in expected.json, and the metadata that goldpan must find in their files (NULL: any). */
static const struct writer {
    const char *software, *tool;
} writers[] = {{"forge-neo", "a1111"},    {"forge-classic", "a1111"}, {"reforge", "a1111"},
               {"easy-reforge", "a1111"}, {"sd-next", "a1111"},       {"sd-webui", "a1111"},
               {"comfyui", "comfyui"},    {"stability-matrix", NULL}, {"swarmui", "swarmui"},
               {"novelai", "novelai"},    {"invokeai", "invokeai"},   {"ruined-fooocus", "ruined-fooocus"}};

typedef struct totals {
    const char *folder;
    size_t files, fields, wrong, differences;
} totals;

static bool each_expected(void *user, const char *name, const gp_json *theirs)
{
    totals *t = user;
    const char *software = gp_json_text(gp_json_get(theirs, "software"), NULL);
    for (size_t i = 0; software && i < sizeof writers / sizeof *writers; i++) {
        if (strcmp(writers[i].software, software) != 0) continue;
        gp_meta meta = meta_of_file(in_folder(t->folder, name));
        comparison c = {.file = name, .meta = &meta};
        if (!meta.found || (writers[i].tool && strcmp(meta.tool, writers[i].tool) != 0)) {
            print_error("%s: read as %s, written by %s\n", name, or_none(meta.tool), software);
            c.wrong++;
        }
        if (meta.found) compare_file(&c, theirs);
        t->files++, t->fields += c.fields, t->wrong += c.wrong, t->differences += c.differences;
        gp_meta_clear(&meta);
    }
    return true;
}

static void test_expected(void **state)
{
    (void)state;
    gp_error err = {0};
    totals t = {.folder = shared_path("data/metadata-twins/sd-metadata", "real metadata of 35 files")};
    if (!t.folder) skip();
    gp_bytes bytes = {0};
    gp_json *root = NULL;
    assert_ok(gp_file_read(in_folder(t.folder, "expected.json"), 1 << 24, &bytes, &err));
    assert_ok(gp_json_parse((const char *)bytes.data, bytes.size, true, 16, &root, &err));
    gp_json_each(root, each_expected, &t);
    gp_json_free(root);
    gp_bytes_clear(&bytes);
    print_message("%zu files, %zu fields, %zu wrong, %zu known differences\n", t.files, t.fields, t.wrong,
                  t.differences);
    assert_int_equal(t.wrong, 0);
}

/* ------------------------------------------------------------------ prompts that were read with another program */

static void test_real_prompts(void **state)
{
    (void)state;
    const char *data =
        shared_path("data/metadata-twins/sdcpp", "prompts of real files") ? shared_path("data", "") : NULL;
    size_t count = sizeof real_prompts / sizeof *real_prompts, wrong = 0;
    if (!data) skip();
    for (size_t i = 0; i < count; i++) {
        const struct real_prompt *real = &real_prompts[i];
        gp_meta meta = meta_of_file(in_folder(data, real->file));
        size_t size = meta.prompt ? strlen(meta.prompt) : 0;
        bool same = size ? crc32_z(0, (const uint8_t *)meta.prompt, size) == real->crc : !real->crc;
        if (!meta.found || !same || strcmp(or_none(meta.tool), real->tool) != 0) {
            print_error("%s: %s: '%s' instead of '%s...'\n", real->file, or_none(meta.tool), or_none(meta.prompt),
                        real->beginning);
            wrong++;
        }
        gp_meta_clear(&meta);
    }
    print_message("%zu files, %zu wrong\n", count, wrong);
    assert_int_equal(wrong, 0);
}

/* For files without a generator's metadata, goldpan must find nothing rather than a wrong prompt. */
static void test_others(void **state)
{
    (void)state;
    static const char *const files[] = {"sd-metadata/jpg/gimp.jpg", "sd-metadata/webp/gimp.webp",
                                        "sd-parsers/bad_images/empty_file.png", "sd-parsers/bad_images/empty_image.jpg",
                                        "sd-parsers/bad_images/empty_image.png"};
    const char *twins = shared_path("data/metadata-twins", "files of other writers");
    if (!twins) skip();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        gp_meta meta = meta_of_file(in_folder(twins, files[i]));
        if (meta.found) fail_msg("%s: read as %s", files[i], meta.tool);
    }
}

/* Tests A1111 files that expected.json does not list. */
static void test_sd_parsers(void **state)
{
    (void)state;
    static const char *const files[] = {"parsers/AUTOMATIC1111/automatic1111_cropped.png",
                                        "parsers/AUTOMATIC1111/automatic1111_cropped.jpg",
                                        "bad_images/text_after_idat.png"};
    const char *folder = shared_path("data/metadata-twins/sd-parsers", "files of sd-parsers");
    if (!folder) skip();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        gp_meta meta = meta_of_file(in_folder(folder, files[i]));
        assert_string_equal(or_none(meta.prompt), "photo of a duck");
        assert_string_equal(or_none(meta.negative), "monochrome");
        assert_string_equal(meta.settings_json,
                            "{\"steps\": 15, \"sampler\": \"UniPC\", \"cfg_scale\": 5, \"seed\": 235284042, "
                            "\"width\": 512, \"height\": 400, \"model_hash\": \"c0d1994c73\", \"model\": "
                            "\"realistic_realisticVisionV20_v20\"}");
        gp_meta_clear(&meta);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expected),
        cmocka_unit_test(test_real_prompts),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_sd_parsers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
