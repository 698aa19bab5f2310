/* SPDX-License-Identifier: MIT
 * Plans the images of a round. Each image gets one row in the catalog, which later runs find by its key. */
#include "base/mem.h"
#include "base/str.h"
#include "generation/generate_private.h"

#include <string.h>

/* Computes the key of an image from the protocol and from everything that goldpan requests. Requests with the same key
 * give the same image if the server uses the same models. The server's address and the models that it has loaded are
 * not part of the key, because they may change between runs. */
static void make_key(const gp_generation *m, const gp_subject *s, uint32_t number, uint64_t seed, bool has_seed,
                     gp_str *text, char hex[33])
{
    gp_str_reset(text);
    gp_str_printf(text, "goldpan generation 1%c%s%c%s%c%s%c%s%c", 0, gp_gen_protocol(m->backends[0]), 0, s->prompt, 0,
                  s->negative ? s->negative : "", 0, s->settings ? s->settings : m->settings, 0);
    if (gp_gen_can(m->backends[0], GP_GEN_PROGRAM)) gp_str_printf(text, "command %s%c", m->o->backend, 0);
    for (size_t i = 0; i < m->o->set_count; i++) gp_str_printf(text, "set %s%c", m->o->set[i], 0);
    gp_str_printf(text, has_seed ? "seed %llu" : "number %llu", has_seed ? (unsigned long long)seed : number + 0ull);
    gp_hash_hex(gp_hash_of(text->data, text->size), hex);
}

/* Writes the settings with the generator's address. The address is not part of the key, because a server may move. */
static void put_address(const gp_generation *m, const char *settings, gp_str *text)
{
    const char *address = gp_gen_address(m->backends[0]);
    size_t size = strlen(settings);
    gp_str_reset(text);
    gp_str_add(text, settings, address ? size - 1 : size);
    if (!address) return;
    gp_json_put_name(text, "backend");
    gp_json_put_string(text, address);
    gp_str_putc(text, '}');
}

/* Counts an image that an earlier run received, and the other images of its batch. */
static gp_status count_existing(gp_generation *m, const char *key, gp_error *err)
{
    bool there = true;
    for (uint32_t index = 2; there; index++) {
        char hex[33];
        gp_generate_job_extra_key(key, index, hex);
        m->counts->had++;
        GP_TRY(gp_cat_generation_has(m->cat, hex, &there, err));
        m->counts->planned += there;
    }
    return GP_OK;
}

/* Adds a row for one more image of a prompt. Adds the row to `todo` too, unless goldpan received the image in an
 * earlier run or the generator refused to make it. */
static gp_status plan_image(gp_generation *m, gp_subject *s, gp_str *text, gp_error *err)
{
    char hex[33];
    bool has_seed = gp_gen_can(m->backends[0], GP_GEN_SEEDS);
    uint64_t first = s->has_seed ? s->seed : m->o->seed;
    gp_cat_gen_state state;
    gp_cat_generation g = {.prompt = s->prompt,
                           .negative = s->negative,
                           .number = s->count,
                           .has_seed = has_seed,
                           .seed = (first + s->count) & INT64_MAX,
                           .protocol = gp_gen_protocol(m->backends[0]),
                           .settings = s->settings ? s->settings : m->settings,
                           .extras = s->extras};
    make_key(m, s, s->count, g.seed, has_seed, text, hex);
    put_address(m, g.settings, text);
    g.settings = text->data;
    if (text->failed) return gp_fail_memory(err, "the generation plan");
    g.key = hex;
    if (s->count == s->capacity) {
        uint32_t capacity = s->capacity ? s->capacity * 2 : 8;
        int64_t *ids = gp_mem_resize(s->ids, capacity, sizeof *ids);
        if (!ids) return gp_fail_memory(err, "the generation plan");
        s->ids = ids, s->capacity = capacity;
    }
    GP_TRY(gp_cat_generation_put(m->cat, &g, &s->ids[s->count], &state, err));
    int64_t id = s->ids[s->count++];
    m->counts->planned++;
    if (state == GP_CAT_GOT)
        GP_TRY(count_existing(m, hex, err));
    else if (state == GP_CAT_REFUSED)
        m->counts->refused++;
    else
        m->todo[m->todo_count++] = id;
    return GP_OK;
}

gp_status gp_generation_plan(gp_generation *m, const uint32_t *wanted, gp_error *err)
{
    gp_str text = GP_STR_INIT;
    uint64_t all = 0;
    uint32_t most = 0;
    gp_status st = GP_OK;
    for (size_t i = 0; i < m->subject_count; i++) all += wanted[i], most = wanted[i] > most ? wanted[i] : most;
    gp_mem_free(m->todo);
    m->todo = NULL, m->todo_count = m->todo_next = 0;
    GP_TRY(gp_alloc((void **)&m->todo, (size_t)all, sizeof *m->todo, "the generation plan", err));
    GP_TRY(gp_cat_begin(m->cat, err));
    for (uint32_t turn = 0; turn < most; turn++)
        for (size_t i = 0; i < m->subject_count; i++)
            if (wanted[i] > turn) GP_TRY_GOTO(plan_image(m, &m->subjects[i], &text, err));
    GP_TRY_GOTO(gp_cat_commit(m->cat, err));
out:
    if (st != GP_OK) gp_cat_rollback(m->cat);
    gp_str_clear(&text);
    m->ticker.state.total += m->todo_count; /* images of earlier runs do not count for the progress or the rate */
    return st;
}
