/* SPDX-License-Identifier: MIT
 * AUTOMATIC1111's web API and compatible programs (Forge, SD.Next, a subset in stable-diffusion.cpp).  POST
 * /sdapi/v1/txt2img blocks until the image is finished.  The first image of a response may be a grid of all images
 * (info.index_of_first_image).  `info` is JSON in a string, and may be empty. */
#include "generate/backend.h"

#include <math.h>
#include <string.h>

static void put_request(const gp_gen_request *r, gp_str *s)
{
    gp_str_putc(s, '{');
    gp_gen_put_picture(s, r, "negative_prompt");
    if (r->steps) gp_gen_put_u64(s, "steps", r->steps);
    gp_gen_put_real(s, "cfg_scale", r->cfg);
    gp_gen_put_text(s, "sampler_name", r->sampler);
    gp_gen_put_text(s, "scheduler", r->scheduler);
    gp_gen_put_text(s, "refiner_checkpoint", r->refiner);
    gp_gen_put_real(s, "refiner_switch_at", r->refiner_at);
    if (r->model) {
        gp_json_put_name(s, "override_settings");
        gp_str_puts(s, "{\"sd_model_checkpoint\":");
        gp_json_put_string(s, r->model);
        gp_str_putc(s, '}');
    }
    if (isfinite(r->hires)) {
        gp_json_put_name(s, "enable_hr");
        gp_str_puts(s, "true");
        gp_gen_put_real(s, "hr_scale", r->hires);
    }
    gp_gen_put_u64(s, "batch_size", 1);
    gp_gen_put_u64(s, "n_iter", 1);
    gp_json_put_name(s, "send_images");
    gp_str_puts(s, "true");
    gp_json_put_name(s, "save_images");
    gp_str_puts(s, "false");
    gp_gen_put_text(s, "force_task_id", r->key);
    gp_str_putc(s, '}');
}

static void copy_number(gp_str *s, const char *name, const gp_json *value)
{
    if (gp_json_kind_of(value) != GP_JSON_INT && gp_json_kind_of(value) != GP_JSON_REAL) return;
    gp_json_put_name(s, name);
    gp_json_write(s, value);
}

/* Writes the settings that the server reports, else those of the request. */
static void take_settings(const gp_gen_request *r, const gp_json *info, size_t image, gp_str *s)
{
    const gp_json *seed = gp_json_at(gp_json_get(info, "all_seeds"), image);
    if (!info) {
        gp_gen_put_asked(s, r);
        gp_gen_put_text(s, "model", r->model);
        return;
    }
    copy_number(s, "seed", seed ? seed : gp_json_get(info, "seed"));
    copy_number(s, "steps", gp_json_get(info, "steps"));
    gp_gen_put_text(s, "sampler", gp_json_text(gp_json_get(info, "sampler_name"), NULL));
    gp_gen_put_text(s, "scheduler", r->scheduler);
    copy_number(s, "cfg_scale", gp_json_get(info, "cfg_scale"));
    gp_gen_put_text(s, "model", gp_json_text(gp_json_get(info, "sd_model_name"), NULL));
    gp_gen_put_text(s, "model_hash", gp_json_text(gp_json_get(info, "sd_model_hash"), NULL));
    copy_number(s, "width", gp_json_get(info, "width"));
    copy_number(s, "height", gp_json_get(info, "height"));
    gp_gen_put_text(s, "refiner", r->refiner);
    gp_gen_put_real(s, "refiner_switch_at", r->refiner_at);
    gp_gen_put_real(s, "hires", r->hires);
}

static gp_status make(gp_gen_backend *b, const gp_gen_request *r, gp_gen_result *out, gp_error *err)
{
    gp_str body = GP_STR_INIT;
    gp_gen_answer answer = {0};
    gp_json *info = NULL;
    gp_status st = GP_OK;
    put_request(r, &body);
    if (body.failed) GP_TRY_GOTO(gp_fail_memory(err, "a request"));
    GP_TRY_GOTO(gp_gen_call(b, "/sdapi/v1/txt2img", body.data, &answer, out, err));
    if (!answer.root) goto out;
    size_t size, count = gp_json_count(gp_json_get(answer.root, "images"));
    const char *text = gp_json_text(gp_json_get(answer.root, "info"), &size);
    if (text && size && gp_json_parse(text, size, false, 64, &info, NULL) == GP_ERR_MEMORY)
        GP_TRY_GOTO(gp_fail_memory(err, "an answer of the generator"));
    uint64_t first = 0;
    if (!gp_json_u64(gp_json_get(info, "index_of_first_image"), &first) || first >= count) first = 0;
    /* extensions append other images (maps, masks); the batch is one image for each seed, from `first` on */
    size_t seeds = gp_json_count(gp_json_get(info, "all_seeds")), rest = count > first ? count - (size_t)first : 0;
    size_t most = !seeds ? 1 : seeds < rest ? seeds : rest;
    GP_TRY_GOTO(gp_gen_take_batch(gp_json_get(answer.root, "images"), (size_t)first, most, NULL, out, err));
    for (size_t i = 0; i < out->extra_count; i++)
        out->extras[i].has_seed = gp_json_u64(gp_json_at(gp_json_get(info, "all_seeds"), i + 1), &out->extras[i].seed);
    if (out->outcome == GP_GEN_DONE) take_settings(r, info, 0, &out->settings);
out:
    gp_json_free(info);
    gp_gen_answer_clear(&answer);
    gp_str_clear(&body);
    return st;
}

static void watch(gp_gen_backend *b)
{
    gp_gen_result image = {0};
    double part = 0;
    gp_json *root = gp_gen_poll(b, b->o.previews ? "/sdapi/v1/progress?skip_current_image=false"
                                                 : "/sdapi/v1/progress?skip_current_image=true");
    const gp_json *current = gp_json_get(root, "current_image");
    if (gp_json_real(gp_json_get(root, "progress"), &part) && part >= 0 && part <= 1) {
        if (gp_json_text(current, NULL))
            (void)gp_gen_take_base64(current, &image, NULL); /* on an error the preview stays empty */
        b->o.on_part(b->o.user, part, &image.image);
    }
    gp_gen_result_clear(&image);
    gp_json_free(root);
}

const gp_gen_protocol_table gp_gen_a1111 = {"a1111", GP_GEN_SEEDS | GP_GEN_HIRES, "/sdapi/v1/options", make, watch,
                                            NULL};
