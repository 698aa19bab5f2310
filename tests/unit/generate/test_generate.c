/* SPDX-License-Identifier: MIT
 * Parts of generate and of its stage: base64, texts in image files, and commands. */
#include "support.h"

#include "base/mem.h"
#include "generate/generate.h"
#include "image/chunks.h"
#include "image/image.h"
#include "image/png_text.h"
#include "metadata/meta.h"
#include "net/base64.h"
#include "generation/generate_job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check_base64(const char *text, const char *wanted)
{
    gp_bytes out = {0};
    gp_error err = {0};
    gp_status st = gp_base64_decode(text, strlen(text), &out, &err);
    if (!wanted) {
        assert_int_equal(st, GP_ERR_FORMAT);
        return;
    }
    if (st != GP_OK) fail_msg("%s: %s", text, err.message);
    assert_int_equal(out.size, strlen(wanted));
    assert_memory_equal(out.data, wanted, out.size);
    gp_bytes_clear(&out);
}

static void test_base64(void **state)
{
    (void)state;
    check_base64("", "");
    check_base64("Zg==", "f");
    check_base64("Zm8=", "fo");
    check_base64("Zm9v", "foo");
    check_base64("Zm9vYg", "foob"); /* without padding */
    check_base64("data:image/png;base64,Zm9vYmE=", "fooba");
    check_base64("Zm9v\nYmFy\r\n", "foobar");
    check_base64("Zm9vY", NULL);
    check_base64("Zm9*", NULL);
    check_base64("Zm=v", NULL);
    check_base64("\xff\xff", NULL);
}

/* Decodes long base64 texts that arrive in pieces of any size. The result must be the original bytes. */
static void test_base64_of_any_length(void **state)
{
    (void)state;
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t n = 1; n < 3000000; n = n * 3 + 1) {
        uint8_t *bytes = malloc(n + 2);
        char *text = malloc(n * 4 / 3 + 8), *at = text;
        for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)(i * 37 + i / 251);
        bytes[n] = bytes[n + 1] = 0;
        for (size_t i = 0; i < n; i += 3) {
            uint32_t three = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
            for (int k = 0; k < 4; k++) *at++ = i + (size_t)k > n ? '=' : letters[three >> (18 - 6 * k) & 63];
        }
        gp_bytes out = {0};
        assert_int_equal(gp_base64_decode(text, (size_t)(at - text), &out, NULL), GP_OK);
        assert_int_equal(out.size, n);
        assert_memory_equal(out.data, bytes, n);
        gp_bytes_clear(&out);
        free(text);
        free(bytes);
    }
}

/* A text written into a PNG is read back by the reader of metadata, and the pixels stay the same. */
static void check_text_in_png(const char *prompt, const char *negative, const char *settings)
{
    uint8_t rgb[12 * 8 * 3];
    gp_str plain = GP_STR_INIT;
    gp_bytes with = {0};
    gp_chunks chunks = {0};
    gp_meta meta = {0};
    gp_pixels pixels = GP_INIT(gp_pixels);
    gp_str text = GP_STR_INIT;
    gp_error err = {0};
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)(i * 7);
    assert_ok(gp_image_png_bytes(rgb, 12, 8, &plain, &err));
    gp_bytes png = {(uint8_t *)plain.data, plain.size};
    gp_gen_infotext(&(gp_gen_request){.prompt = prompt, .negative = negative}, settings, &text);
    assert_int_equal(gp_png_add_text(&png, "parameters", text.data, &with, &err), GP_OK);
    assert_int_equal(gp_image_decode_bytes(with.data, with.size, 1000, &pixels, &err), GP_OK);
    assert_memory_equal(pixels.rgb, rgb, sizeof rgb);
    assert_int_equal(gp_image_read_chunks(with.data, with.size, &chunks, &err), GP_OK);
    assert_int_equal(gp_meta_read(&chunks, NULL, &meta, &err), GP_OK);
    assert_true(meta.found);
    assert_string_equal(meta.prompt, prompt);
    if (negative) assert_string_equal(meta.negative, negative);
    if (!strstr(meta.settings_json, "\"seed\": 18446744073709551615")) fail_msg("%s", meta.settings_json);
    gp_meta_clear(&meta);
    gp_chunks_clear(&chunks);
    gp_pixels_clear(&pixels);
    gp_str_clear(&text);
    gp_bytes_clear(&with);
    gp_str_clear(&plain);
}

/* The settings of this test. ours: goldpan's key; written: the value in JSON, as a generator reports it; read: the key
 * and value that goldpan must read from the infotext. */
static const struct {
    const char *ours, *written, *read;
} all_settings[] = {{"steps", "20", "\"steps\": 20"},
                    {"sampler", "\"Euler a\"", "\"sampler\": \"Euler a\""},
                    {"scheduler", "\" Karras\"", "\"scheduler\": \" Karras\""},
                    {"cfg_scale", "7.5", "\"cfg_scale\": 7.5"},
                    {"seed", "901", "\"seed\": 901"},
                    {"width", "96", "\"width\": 96"},
                    {"height", "64", "\"height\": 64"},
                    {"model", "\"a: b\"", "\"model\": \"a: b\""},
                    {"model_hash", "\"{abc}\"", "\"model_hash\": \"{abc}\""},
                    {"refiner", "\"r, \\\"s\\\"\\n\"", "\"refiner\": \"r, \\\"s\\\"\\n\""},
                    {"refiner_switch_at", "0.8", "\"refiner_switch_at\": 0.8"},
                    {"quality", "\"high\"", "\"quality\": \"high\""}};
enum { SETTINGS = sizeof all_settings / sizeof *all_settings };

static void check_infotext(const char *prompt, const char *negative, unsigned set)
{
    gp_str settings = GP_STR_INIT, text = GP_STR_INIT;
    gp_meta meta = {0};
    gp_str_putc(&settings, '{');
    for (unsigned i = 0; i < SETTINGS; i++)
        if (set >> i & 1)
            gp_json_put_name(&settings, all_settings[i].ours), gp_str_puts(&settings, all_settings[i].written);
    gp_str_putc(&settings, '}');
    gp_gen_infotext(&(gp_gen_request){.prompt = prompt, .negative = negative}, settings.data, &text);
    gp_error err = {0};
    gp_status st = gp_meta_parameters(text.data, text.size, &meta, &err);
    if (st != GP_OK) fail_msg("[%s]: %s", text.data, err.message);
    if (!meta.prompt || strcmp(meta.prompt, prompt)) fail_msg("[%s] is read as [%s]", text.data, meta.prompt);
    assert_int_equal(meta.evidence, GP_EVIDENCE_STATED);
    const char *no = negative && *negative ? negative : NULL;
    if (!no != !meta.negative || (no && strcmp(no, meta.negative)))
        fail_msg("[%s] has the negative [%s]", text.data, meta.negative ? meta.negative : "none");
    for (unsigned i = 0; i < SETTINGS; i++)
        if ((set >> i & 1) != (strstr(meta.settings_json, all_settings[i].read) != NULL))
            fail_msg("%s: %s", text.data, meta.settings_json);
    gp_meta_clear(&meta);
    gp_str_clear(&text);
    gp_str_clear(&settings);
}

/* goldpan reads every prompt back unchanged from an infotext, with every subset of the settings. */
static void test_infotext_of_any_settings(void **state)
{
    (void)state;
    static const char *const prompts[] = {"two dogs on a beach",
                                          "a sign: open, Steps: many\nSeed: 3 of them",
                                          "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5",
                                          "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 1x2",
                                          "a cat\nNegative prompt: dogs",
                                          "Negative prompt: none",
                                          "a cat Negative prompt: dogs Steps: 20, Seed: 5",
                                          "  a cat  ",
                                          "a cat\r\n\r\nand a dog\n",
                                          "a cat\nTemplate: {a|b}\nNegative Template: c",
                                          "a cat\nVersion: goldpan",
                                          "a cat, Goldpan prompt: \"a dog\", Version: goldpan",
                                          "\xe6\x9c\x88\xe3\x80\x80\xf0\x9f\x90\x88, caf\xc3\xa9",
                                          "\"quoted\" \\ {a: [b]",
                                          "x",
                                          "\n",
                                          "<lora:a:0.5> {\"seed\": 3}"};
    static const char *const negatives[] = {
        NULL, "", "blurry", " \n", "bad\nSteps: 3, Seed: 4, Size: 1x1", "Negative prompt: x "};
    enum { PROMPTS_ODD = sizeof prompts / sizeof *prompts, NEGATIVES = sizeof negatives / sizeof *negatives };
    for (unsigned set = 0; set < 1u << SETTINGS; set++) check_infotext(prompts[1], negatives[2], set);
    /* all subsets of the first six settings are tested, because a line with few settings is the most difficult to
     * recognise */
    for (unsigned set = 0; set < 1u << SETTINGS; set += set < 64 ? 1 : 61)
        for (unsigned p = 0; p < PROMPTS_ODD; p++)
            for (unsigned n = 0; n < NEGATIVES; n++) check_infotext(prompts[p], negatives[n], set);
}

static void test_text_in_png(void **state)
{
    (void)state;
    const char *settings =
        "{\"seed\":18446744073709551615,\"steps\":20,\"sampler\":\"DPM++ 2M, Karras\",\"cfg_scale\":7.5,"
        "\"width\":12,\"height\":8,\"model\":\"a: b\"}";
    check_text_in_png("a red cat", NULL, settings);
    check_text_in_png("caf\xc3\xa9, (a cat:1.2)", "blurry, bad", settings);
    check_text_in_png("\xe6\x9c\x88 and \xf0\x9f\x90\x88", "\xe2\x80\xa6", settings);
    gp_bytes no = {(uint8_t[]){1, 2, 3}, 3}, out;
    assert_int_equal(gp_png_add_text(&no, "parameters", "x", &out, NULL), GP_ERR_FORMAT);
}

/* ------------------------------------------------------------------ back ends that are rejected */

static void test_wrong_backends(void **state)
{
    (void)state;
    static const struct {
        const char *address, *protocol, *words;
    } cases[] = {{"draw {prompt}", NULL, "must contain {prompt} and {out}"},
                 {"draw {out}", "command", "must contain {prompt} and {out}"},
                 {"http://127.0.0.1:9", "midjourney", "not 'midjourney'"},
                 {"ftp://127.0.0.1", "a1111", "is not an http or https address"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gp_gen_backend *b = NULL;
        gp_error err = {0};
        assert_int_equal(
            gp_gen_open(&(gp_gen_options){.address = cases[i].address, .protocol = cases[i].protocol}, &b, &err),
            GP_ERR_USAGE);
        if (!strstr(err.message, cases[i].words)) fail_msg("%s", err.message);
    }
}

/* goldpan uses HTTP for an address without a scheme. No program listens at these addresses, so the call fails with
 * GP_ERR_NETWORK. */
static void test_bare_hosts(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1:9", "localhost:9", "[::1]:9", "me:pw@127.0.0.1:9", "127.0.0.1:9/x/"};
    static const char *const none[] = {"draw", "./draw:9", "127.0.0.1:999999", "a b:9", "host:port", "-:9", "a..b c"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        gp_gen_backend *b = NULL;
        gp_error err = {0};
        assert_int_equal(gp_gen_open(&(gp_gen_options){.address = hosts[i]}, &b, &err), GP_ERR_NETWORK);
        if (strstr(err.message, "pw")) fail_msg("%s", err.message);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        gp_gen_backend *b = NULL;
        gp_error err = {0};
        assert_int_equal(gp_gen_open(&(gp_gen_options){.address = none[i]}, &b, &err), GP_ERR_USAGE);
        if (!strstr(err.message, "{prompt}")) fail_msg("%s", err.message);
    }
}

/* The command is split into words before placeholders are replaced, so a prompt is always one argument. */
static void test_commands(void **state)
{
    (void)state;
    char out[] = "/tmp/goldpan-command-XXXXXX";
    close(mkstemp(out));
    static const char *const prompts[] = {"a cat", "it's \"q\" `id` $(id) ; & | \\ {seed}", "-n", "*", ""};
    gp_gen_backend *b = NULL;
    gp_gen_options o = {.address = "sh -c 'printf \"%s|%s|%s\" \"$1\" \"$2\" \"$3\" > \"$4\"' \"a name\" {prompt} "
                                   "x{seed}\\ y \"{width} {nothing}\" {out}"};
    assert_int_equal(gp_gen_open(&o, &b, NULL), GP_OK);
    assert_string_equal(gp_gen_protocol(b), "command");
    for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
        gp_gen_result r;
        char wanted[200];
        gp_gen_request q = {
            .key = "k", .prompt = prompts[i], .seed = 7, .has_seed = true, .width = 64, .cfg = NAN, .out = out};
        assert_int_equal(gp_gen_make(b, &q, &r, NULL), GP_OK);
        assert_int_equal(r.outcome, GP_GEN_DONE);
        snprintf(wanted, sizeof wanted, "%s|x7 y|64 {nothing}", prompts[i]);
        assert_int_equal(r.image.size, strlen(wanted));
        assert_memory_equal(r.image.data, wanted, r.image.size);
        gp_gen_result_clear(&r);
    }
    gp_gen_close(b);
    unlink(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64),        cmocka_unit_test(test_base64_of_any_length),
        cmocka_unit_test(test_text_in_png),   cmocka_unit_test(test_commands),
        cmocka_unit_test(test_bare_hosts),    cmocka_unit_test(test_infotext_of_any_settings),
        cmocka_unit_test(test_wrong_backends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
