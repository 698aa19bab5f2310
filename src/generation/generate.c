/* SPDX-License-Identifier: MIT
 * Stage generate: table -> plan (rows) -> generator -> file -> row. Finished images are scored while others are
 * generated. */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "generation/generate_private.h"
#include "generation/generation.h"

#include <string.h>

/* Sends a note about images that are not new. The generator took them from its cache, or made the same image for
 * another request. */
static void note_same(const gp_generation *m)
{
    const gp_generate_options *o = m->o;
    if (m->same)
        gp_note_say(
            o->note, o->note_user, "generator-same-image", m->same,
            "%llu %s already in the catalog, byte for byte: the generator returned the same image for different "
            "requests",
            (unsigned long long)m->same, gp_plural(m->same, "image was", "images were"));
}

static void clear(gp_generation *m)
{
    for (int i = 0; m->backends && i < m->workers; i++) gp_gen_close(m->backends[i]);
    for (size_t i = 0; i < m->subject_count; i++) {
        gp_mem_free(m->subjects[i].ids);
        gp_mem_free(m->subjects[i].extras);
        gp_mem_free(m->subjects[i].again_prompt);
        gp_mem_free(m->subjects[i].again_negative);
        gp_mem_free(m->subjects[i].settings);
    }
    gp_mem_free(m->todo);
    gp_mem_free(m->backends);
    gp_mem_free(m->folder);
    gp_mem_free(m->address);
    gp_mem_free(m->workflow);
    gp_json_free(m->given);
    gp_mem_free(m->settings);
    gp_mem_free(m->subjects);
    gp_table_close(m->table);
    pthread_cond_destroy(&m->news);
    pthread_mutex_destroy(&m->mutex);
    pthread_mutex_destroy(&m->report_mutex);
}

static void begin(gp_generation *m)
{
    pthread_mutex_init(&m->report_mutex, NULL);
    pthread_mutex_init(&m->mutex, NULL);
    pthread_cond_init(&m->news, NULL);
    gp_progress_meter_init(&m->ticker, "generate", 0, m->o->progress, m->o->user);
}

/* Checks everything that can be checked before anything is written. */
static gp_status prepare(gp_generation *m, gp_error *err)
{
    static const gp_generate_options usual = GP_GENERATE_DEFAULTS;
    const gp_generate_options *o = m->o;
    if (!o->again) GP_TRY(gp_generation_read_table(m, err));
    GP_TRY(gp_generation_open(m, err));
    if (o->again && !gp_gen_can(m->backends[0], GP_GEN_SEEDS))
        return gp_fail(err, GP_ERR_USAGE,
                       "the protocol %s does not support seeds, so goldpan cannot generate the same image again",
                       gp_gen_protocol(m->backends[0]));
    if (o->seed != usual.seed && !gp_gen_can(m->backends[0], GP_GEN_SEEDS | GP_GEN_PROGRAM))
        return gp_fail(err, GP_ERR_USAGE, "the protocol %s does not support seeds: leave out --seed",
                       gp_gen_protocol(m->backends[0]));
    if (o->hires > 0 && !gp_gen_can(m->backends[0], GP_GEN_HIRES))
        return gp_fail(err, GP_ERR_USAGE, "the protocol %s does not support --hires: give --width and --height instead",
                       gp_gen_protocol(m->backends[0]));
    return GP_OK;
}

gp_status gp_stage_generate_check(const gp_generate_options *options, gp_error *err)
{
    gp_generate_report counts = {0};
    gp_generation m = {.o = options, .counts = &counts, .quiet = true};
    begin(&m);
    gp_status st = prepare(&m, err);
    /* after an error the caller does not call gp_stage_generate, which sends the notes, so send them here */
    if (st != GP_OK) gp_generation_tell_table(&m);
    clear(&m);
    return st;
}

static gp_status run(gp_generation *m, gp_generate_report *report, gp_error *err)
{
    double start = gp_clock_now();
    gp_generate_report counts = {0};
    gp_status st = GP_OK;
    m->counts = &counts;
    begin(m);
    GP_TRY_GOTO(prepare(m, err));
    gp_generation_tell_table(m);
    if (m->more)
        GP_TRY_GOTO(gp_generation_read_one(m, err));
    else if (m->o->again)
        GP_TRY_GOTO(gp_generation_read_winners(m, err));
    GP_TRY_GOTO(gp_folder_make(m->folder, err));
    st = gp_generation_run(m, err);
    note_same(m);
    GP_TRY_GOTO(st);
    gp_progress_meter_finish(&m->ticker);
out:
    clear(m);
    counts.seconds = gp_clock_now() - start;
    *report = counts;
    return st;
}

gp_status gp_stage_generate(gp_catalog *cat, const gp_encoder *encoder, const char *model_name,
                            const gp_generate_options *options, gp_generate_report *report, gp_error *err)
{
    gp_generation m = {.cat = cat, .encoder = encoder, .model_name = model_name, .o = options};
    return run(&m, report, err);
}

gp_status gp_stage_regenerate(gp_catalog *cat, const gp_hash *image, uint32_t count, const gp_generate_options *options,
                              gp_generate_report *report, gp_error *err)
{
    gp_generate_options o = *options;
    gp_generate_more more = {.image = *image, .new_seeds = count > 0};
    gp_generation m = {.cat = cat, .o = &o, .more = &more};
    o.again = GP_REGENERATE_PICKS; /* as in `goldpan regenerate`, a request has the settings of its image */
    o.per_prompt = count ? count : 1;
    gp_status st = run(&m, report, err);
    gp_mem_free(more.prompt);
    return st;
}
