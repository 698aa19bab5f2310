/* SPDX-License-Identifier: MIT
 * The OpenAI images API and compatible programs: POST /v1/images/generations.  The API has no seed, so each request
 * returns a new image.  A request that moderation rejects is not retried. */
#include "generate/backend.h"

#include <stdio.h>
#include <string.h>

static const double check_seconds = 10;

static bool is_refusal(const gp_json *wrong)
{
    static const char *const signs[] = {"moderation", "content_policy", "safety"};
    const gp_json *error = gp_json_get(wrong, "error");
    const char *words[] = {gp_json_text(gp_json_get(error, "code"), NULL),
                           gp_json_text(gp_json_get(error, "type"), NULL)};
    for (int w = 0; w < 2; w++)
        for (int i = 0; words[w] && i < 3; i++)
            if (strstr(words[w], signs[i])) return true;
    return false;
}

/* Returns true if an error with HTTP status 429 means that the account has no credit, so that waiting does not help. */
static bool is_without_money(const gp_json *wrong)
{
    static const char *const signs[] = {"insufficient_quota", "billing"};
    const gp_json *error = gp_json_get(wrong, "error");
    const char *words = gp_json_text(gp_json_get(error, "code"), NULL);
    if (!words) words = gp_json_text(gp_json_get(error, "type"), NULL);
    for (int i = 0; words && i < 2; i++)
        if (strstr(words, signs[i])) return true;
    return false;
}

static gp_status make(gp_gen_backend *b, const gp_gen_request *r, gp_gen_result *out, gp_error *err)
{
    gp_str body = GP_STR_INIT;
    gp_gen_answer answer = {0};
    char size[32];
    gp_status st = GP_OK;
    gp_str_putc(&body, '{');
    gp_json_put_name(&body, "prompt");
    gp_json_put_string(&body, r->prompt);
    gp_gen_put_text(&body, "model", r->model);
    gp_gen_put_u64(&body, "n", 1);
    snprintf(size, sizeof size, "%ux%u", r->width, r->height);
    if (r->width && r->height) gp_gen_put_text(&body, "size", size);
    if (r->model && gp_str_starts(r->model, "gpt-image")) gp_gen_put_text(&body, "output_format", "png");
    gp_str_putc(&body, '}');
    if (body.failed) GP_TRY_GOTO(gp_fail_memory(err, "a request"));
    bool based = gp_str_ends(b->address, "/v1"); /* addresses of servers with OpenAI's API usually end with "/v1" */
    GP_TRY_GOTO(gp_gen_call(b, based ? "/images/generations" : "/v1/images/generations", body.data, &answer, out, err));
    if (answer.wrong && answer.code == 400 && is_refusal(answer.wrong)) out->outcome = GP_GEN_REFUSED;
    if (answer.wrong && out->outcome == GP_GEN_RETRY && is_without_money(answer.wrong)) out->outcome = GP_GEN_FAILED;
    if (!answer.root) goto out;
    const gp_json *image = gp_json_at(gp_json_get(answer.root, "data"), 0);
    const char *url = gp_json_text(gp_json_get(image, "url"), NULL);
    if (url && *url && !gp_json_text(gp_json_get(image, "b64_json"), NULL))
        GP_TRY_GOTO(gp_gen_fetch(b, url, out, err));
    else {
        const gp_json *all = gp_json_get(answer.root, "data");
        GP_TRY_GOTO(gp_gen_take_batch(all, 0, gp_json_count(all), "b64_json", out, err));
    }
    if (out->outcome != GP_GEN_DONE) goto out;
    gp_gen_put_text(&out->settings, "model", r->model);
    gp_gen_put_text(&out->settings, "size", gp_json_text(gp_json_get(answer.root, "size"), NULL));
    gp_gen_put_text(&out->settings, "quality", gp_json_text(gp_json_get(answer.root, "quality"), NULL));
    gp_gen_put_text(&out->settings, "revised_prompt", gp_json_text(gp_json_get(image, "revised_prompt"), NULL));
out:
    gp_gen_answer_clear(&answer);
    gp_str_clear(&body);
    return st;
}

/* Rejects stable-diffusion.cpp's server if it uses one seed for all images, which is its default, because all images of
 * a prompt would then be equal. */
static gp_status check_one_seed(gp_gen_backend *b, gp_error *err)
{
    static const char public_api[] = "https://api.openai.com";
    uint64_t seed = 0;
    gp_status st = GP_OK;
    if (b->o.per_prompt < 2 || gp_str_starts(b->address, public_api)) return GP_OK;
    gp_json *root =
        gp_gen_quick(b, gp_str_ends(b->address, "/v1") ? "/../sdcpp/v1/capabilities" : "/sdcpp/v1/capabilities", NULL,
                     check_seconds);
    if (gp_json_u64(gp_json_get(gp_json_get(root, "defaults"), "seed"), &seed))
        st = gp_fail(err, GP_ERR_USAGE,
                     "this server uses seed %llu for every image of a prompt: use --protocol sdcpp, or start the "
                     "server with --seed -1",
                     (unsigned long long)seed);
    gp_json_free(root);
    return st;
}

static gp_status check(gp_gen_backend *b, gp_error *err)
{
    static const char *const ignored[] = {"--negative",  "--steps",   "--cfg",        "--sampler",
                                          "--scheduler", "--refiner", "--refiner-at", NULL};
    gp_gen_note_ignored(b, ignored);
    return check_one_seed(b, err);
}

const gp_gen_protocol_table gp_gen_openai = {"openai", 0, "/v1/models", make, NULL, check};
