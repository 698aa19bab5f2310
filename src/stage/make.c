/* SPDX-License-Identifier: MIT
 * Generate: table -> plan (rows) -> back end -> file -> row, and scores while others are drawn.
 *
 * The calling thread plans, hands out and writes; each worker has a connection of its own; one thread more scores, by a
 * handle of its own.  A row says `submitted` before the picture is asked for and `got` after its file is whole on the
 * disk (picture.c), so that a kill at any moment loses at most what was being drawn. */
#include "stage/stage.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "ingest/table.h"
#include "stage/make.h"
#include "stage/passed.h"
#include "stage/pipe.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STRENGTH_TABLE = 3, MOST_TIMES = 3 /* adaptive: of per_prompt */, AHEAD = 4, WAIT_LINES = 60 /* seconds */ };

/* A prompt and its pictures so far. */
typedef struct subject {
    const char *prompt, *negative;   /* from the table, or owned below */
    char *extras;                    /* owned */
    char *again_prompt;              /* owned: text of `prompt` where it is not in the table; else NULL */
    char *again_negative, *settings; /* owned: of an image that is generated again; else NULL */
    bool has_seed;                   /* `seed` is set */
    uint64_t seed;
    int64_t *ids; /* owned: [count] rows of the plan */
    uint32_t count, capacity;
} subject;

typedef struct making {
    gp_catalog *cat;
    const gp_clip *clip; /* NULL: nothing is scored */
    const char *model_name;
    const gp_generate_options *o;
    gp_table *table;
    subject *subjects;
    size_t subject_count;
    uint64_t empty_rows, double_rows;   /* of the table: without a prompt; with the prompt of an earlier row */
    char *settings, *workflow, *folder; /* owned: asked for, as JSON; the graph; where */
    gp_json *given;                     /* owned: settings, read */
    gp_gen_backend **backends;          /* [jobs] */
    int64_t *todo;                      /* of this round: [todo_count] rows */
    size_t todo_count, todo_next;
    gp_generate_report *counts;
    pthread_mutex_t telling;
    gp_ticker ticker;
    double told_to_wait; /* time of the last note that the generator asks to wait; 0: none yet */
    atomic_bool stop;
    /* the scoring thread */
    pthread_mutex_t mutex;
    pthread_cond_t news;
    uint64_t fresh; /* pictures that it has not heard of */
    bool ended;
    gp_status score_status;
    gp_error score_error;
} making;

/* Asked by whoever waits: the progress is told by one thread at a time. */
static bool go_on(void *user)
{
    making *m = user;
    pthread_mutex_lock(&m->telling);
    const gp_generate_report *n = m->counts;
    if (!gp_ticker_update(&m->ticker, n->got + n->had + n->failed + n->refused, n->failed + n->refused))
        atomic_store(&m->stop, true);
    pthread_mutex_unlock(&m->telling);
    return !atomic_load(&m->stop);
}

/* Told by whoever waits: how far its picture is. */
static void on_part(void *user, double part, const gp_bytes *preview)
{
    making *m = user;
    pthread_mutex_lock(&m->telling);
    m->ticker.state.part = part;
    if (m->o->preview && preview->size) /* whole or not at all; nothing else hangs on it */
        (void)gp_file_replace(m->o->preview, preview->data, preview->size, NULL);
    pthread_mutex_unlock(&m->telling);
}

/* Called by a waiting thread.  Sends a note, at most once a minute. */
static void on_wait(void *user, double asked, double seconds)
{
    making *m = user;
    double now = gp_clock_now();
    pthread_mutex_lock(&m->telling);
    if (m->o->note && (m->told_to_wait <= 0 || now - m->told_to_wait >= (double)WAIT_LINES)) {
        m->told_to_wait = now;
        uint64_t count = (uint64_t)fmin(asked, 1e15);
        if (seconds < asked)
            gp_note_say(m->o->note, m->o->note_user, "generator-waits", count,
                        "the generator asks to wait %.0f s; trying again after %.0f s", asked, seconds);
        else
            gp_note_say(m->o->note, m->o->note_user, "generator-waits", count, "the generator asks to wait %.0f s",
                        asked);
    }
    pthread_mutex_unlock(&m->telling);
}

static void count(making *m, uint64_t *what)
{
    pthread_mutex_lock(&m->telling);
    ++*what;
    m->ticker.state.part = 0;
    pthread_mutex_unlock(&m->telling);
}

/* ------------------------------------------------------------------ the table */

/* A list of prompts, a line each, as a table. */
static gp_status open_list(const char *path, gp_table **out, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_str csv = GP_STR_INIT;
    GP_TRY(gp_file_read(path, (uint64_t)1 << 30, &bytes, err));
    gp_str_puts(&csv, "prompt\n");
    bool marked = bytes.size >= 3 && memcmp(bytes.data, "\xef\xbb\xbf", 3) == 0; /* as some editors begin a text */
    for (char *line = (char *)bytes.data + (marked ? 3 : 0), *end; *line; line = end) {
        size_t length = strcspn(line, "\n");
        end = line[length] ? line + length + 1 : line + length;
        while (length && strchr(" \t\r", line[length - 1])) length--;
        if (!length) continue;
        gp_str_putc(&csv, '"');
        for (size_t i = 0; i < length; i++) gp_str_puts(&csv, line[i] == '"' ? "\"\"" : (char[]){line[i], 0});
        gp_str_puts(&csv, "\"\n");
    }
    gp_bytes_clear(&bytes);
    gp_status st = csv.failed ? gp_fail(err, GP_ERR_MEMORY, "out of memory for '%s'", path)
                              : gp_table_parse(gp_path_base(path), csv.data, csv.size, "csv", out, err);
    gp_str_clear(&csv);
    return st;
}

static gp_status put_extras(making *m, size_t row, size_t prompt, size_t negative, char **out, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    gp_str_putc(&s, '{');
    gp_table_put_extras(m->table, row, prompt, negative, &s);
    gp_str_putc(&s, '}');
    bool some = s.size > 2;
    *out = gp_str_take(&s);
    if (!*out) return gp_fail(err, GP_ERR_MEMORY, "out of memory for the prompts");
    if (!some) gp_mem_free(*out), *out = NULL;
    return GP_OK;
}

typedef struct twin {
    gp_hash hash;
    size_t at;
} twin;

static int by_hash(const void *a, const void *b)
{
    const twin *x = a, *y = b;
    int order = memcmp(&x->hash, &y->hash, sizeof x->hash);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* A prompt that is there twice is one prompt: the first row's. */
static gp_status drop_doubles(making *m, gp_error *err)
{
    twin *twins = NULL;
    size_t n = m->subject_count, kept = 0;
    GP_TRY(gp_alloc((void **)&twins, n, sizeof *twins, "the prompts", err));
    for (size_t i = 0; i < n; i++) {
        const subject *s = &m->subjects[i];
        gp_hash parts[2] = {gp_hash_of(s->prompt, strlen(s->prompt)),
                            gp_hash_of(s->negative ? s->negative : "", s->negative ? strlen(s->negative) : 0)};
        twins[i] = (twin){gp_hash_of(parts, sizeof parts), i};
    }
    qsort(twins, n, sizeof *twins, by_hash);
    for (size_t i = 1; i < n; i++)
        if (memcmp(&twins[i].hash, &twins[i - 1].hash, sizeof twins[i].hash) == 0)
            m->subjects[twins[i].at].prompt = NULL;
    for (size_t i = 0; i < n; i++) {
        if (m->subjects[i].prompt)
            m->subjects[kept++] = m->subjects[i];
        else
            gp_mem_free(m->subjects[i].extras), gp_mem_free(m->subjects[i].again_prompt);
    }
    m->subject_count = kept;
    m->double_rows = n - kept;
    gp_mem_free(twins);
    return GP_OK;
}

static gp_status read_subjects(making *m, gp_error *err)
{
    size_t prompt, negative = SIZE_MAX;
    const char *path = m->o->prompts;
    if (gp_str_ends(path, ".txt"))
        GP_TRY(open_list(path, &m->table, err));
    else
        GP_TRY(gp_table_open(path, &m->table, err));
    GP_TRY(gp_table_prompt_column(m->table, m->o->prompt_column, &prompt, err));
    negative = gp_table_find(m->table, "negative");
    if (negative == SIZE_MAX) negative = gp_table_find(m->table, "negative_prompt");
    size_t rows = gp_table_rows(m->table);
    GP_TRY(gp_alloc((void **)&m->subjects, rows, sizeof *m->subjects, "the prompts", err));
    for (size_t i = 0; i < rows; i++) {
        gp_str first = GP_STR_INIT; /* first caption, where the cell is a list of captions */
        const char *text = gp_table_text(m->table, i, prompt, &first);
        const char *not = negative == SIZE_MAX ? NULL : gp_table_cell(m->table, i, negative);
        if (first.failed) return gp_fail(err, GP_ERR_MEMORY, "out of memory for the prompts");
        if (!text || !*text) {
            m->empty_rows++;
            gp_str_clear(&first);
            continue;
        }
        subject *s = &m->subjects[m->subject_count];
        *s = (subject){.prompt = text, .negative = not &&*not ? not : m->o->negative, .again_prompt = first.data};
        m->subject_count++;
        GP_TRY(put_extras(m, i, prompt, negative, &s->extras, err));
    }
    GP_TRY(drop_doubles(m, err));
    return m->subject_count ? GP_OK : gp_fail(err, GP_ERR_FORMAT, "'%s' holds no prompt", path);
}

/* Sends the notes about what was not read from the table or not drawn. */
static void tell_table(const making *m)
{
    const gp_generate_options *o = m->o;
    if (!m->table) return;
    gp_table_notes(m->table, o->note, o->note_user);
    if (m->empty_rows)
        gp_note_say(o->note, o->note_user, "table-empty-prompts", m->empty_rows,
                    "'%s': %llu %s no prompt and %s passed over", gp_table_name(m->table),
                    (unsigned long long)m->empty_rows, gp_plural(m->empty_rows, "row has", "rows have"),
                    gp_plural(m->empty_rows, "is", "are"));
    if (m->double_rows)
        gp_note_say(o->note, o->note_user, "table-same-prompts", m->double_rows,
                    "'%s': %llu %s the prompt of an earlier row and %s passed over", gp_table_name(m->table),
                    (unsigned long long)m->double_rows, gp_plural(m->double_rows, "row has", "rows have"),
                    gp_plural(m->double_rows, "is", "are"));
}

/* ------------------------------------------------------------------ pictures that are drawn again */

typedef struct merging {
    gp_str *out;
    const gp_json *other; /* wins */
} merging;

/* Of an image's settings those that a request has; what was asked for now comes instead. */
static bool keep_setting(void *user, const char *name, const gp_json *value)
{
    static const char *const names[] = {"width",     "height", "steps",   "cfg_scale",         "sampler",
                                        "scheduler", "model",  "refiner", "refiner_switch_at", "workflow"};
    merging *g = user;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) || gp_json_get(g->other, name)) continue;
        gp_json_put_name(g->out, name);
        gp_json_write(g->out, value);
    }
    return true;
}

static gp_status add_winner(void *user, const char *path, const char *prompt, const char *negative,
                            const char *settings_json, gp_error *err)
{
    making *m = user;
    gp_json *settings = NULL;
    gp_str text = GP_STR_INIT, extras = GP_STR_INIT;
    gp_status st = GP_OK;
    subject *more = gp_mem_resize(m->subjects, m->subject_count + 1, sizeof *more);
    if (!more) return gp_fail(err, GP_ERR_MEMORY, "out of memory for the picks");
    m->subjects = more;
    subject *s = &m->subjects[m->subject_count++];
    *s = (subject){.again_prompt = gp_str_dup(prompt), .again_negative = negative ? gp_str_dup(negative) : NULL};
    s->prompt = s->again_prompt, s->negative = s->again_negative;
    if (settings_json) GP_GO(gp_json_parse(settings_json, strlen(settings_json), false, 64, &settings, err));
    s->has_seed = gp_json_u64(gp_json_get(settings, "seed"), &s->seed) && s->seed <= INT64_MAX;
    gp_str_putc(&text, '{');
    gp_json_each(settings, keep_setting, &(merging){&text, m->given});
    if (gp_json_count(m->given) && text.size > 1) gp_str_putc(&text, ',');
    gp_str_puts(&text, m->settings + 1);
    gp_str_puts(&extras, "{\"regenerated_from\":");
    gp_json_put_string(&extras, path);
    gp_str_putc(&extras, '}');
    s->settings = gp_str_take(&text), s->extras = gp_str_take(&extras);
    if (!s->prompt || !s->settings || !s->extras || !s->negative != !negative)
        GP_GO(gp_fail(err, GP_ERR_MEMORY, "out of memory for the picks"));
    if (!s->has_seed) { /* nobody knows how it came about */
        gp_mem_free(s->again_prompt), gp_mem_free(s->again_negative), gp_mem_free(s->settings), gp_mem_free(s->extras);
        m->subject_count--;
        m->counts->failed++;
    }
out:
    gp_json_free(settings);
    gp_str_clear(&extras);
    gp_str_clear(&text);
    return st;
}

static gp_status read_winners(making *m, gp_error *err)
{
    GP_TRY(gp_cat_winners(m->cat, m->o->again == GP_AGAIN_FLAGGED, add_winner, m, err));
    if (m->subject_count) return GP_OK;
    return gp_fail(err, GP_ERR_NOT_FOUND, m->counts->failed ? "no pick has its seed on record" : "nothing is picked");
}

/* ------------------------------------------------------------------ the plan */

/* All that we say of the picture: the same key means the same picture, by the same models behind the same protocol
 * (where the server is, and what it has loaded, may change from run to run). */
static void make_key(const making *m, const subject *s, uint32_t number, uint64_t seed, bool has_seed, gp_str *text,
                     char hex[33])
{
    gp_str_reset(text);
    gp_str_printf(text, "goldpan generation 1%c%s%c%s%c%s%c%s%c", 0, gp_gen_protocol(m->backends[0]), 0, s->prompt, 0,
                  s->negative ? s->negative : "", 0, s->settings ? s->settings : m->settings, 0);
    if (gp_gen_can(m->backends[0], GP_GEN_PROGRAM)) gp_str_printf(text, "command %s%c", m->o->backend, 0);
    for (size_t i = 0; i < m->o->set_count; i++) gp_str_printf(text, "set %s%c", m->o->set[i], 0);
    gp_str_printf(text, has_seed ? "seed %llu" : "number %llu", has_seed ? (unsigned long long)seed : number + 0ull);
    gp_hash_hex(gp_hash_of(text->data, text->size), hex);
}

/* One more picture of a prompt: its row, and whether it is to be drawn. */
static gp_status plan_one(making *m, subject *s, gp_str *text, gp_error *err)
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
    if (text->failed) return gp_fail(err, GP_ERR_MEMORY, "out of memory for the plan");
    g.key = hex;
    if (s->count == s->capacity) {
        uint32_t capacity = s->capacity ? s->capacity * 2 : 8;
        int64_t *ids = gp_mem_resize(s->ids, capacity, sizeof *ids);
        if (!ids) return gp_fail(err, GP_ERR_MEMORY, "out of memory for the plan");
        s->ids = ids, s->capacity = capacity;
    }
    GP_TRY(gp_cat_generation_put(m->cat, &g, &s->ids[s->count], &state, err));
    int64_t id = s->ids[s->count++];
    m->counts->planned++;
    if (state == GP_CAT_GOT)
        m->counts->had++;
    else if (state == GP_CAT_REFUSED)
        m->counts->refused++;
    else
        m->todo[m->todo_count++] = id;
    return GP_OK;
}

/* `wanted` [subjects] more of each: the first of all, then the second of all ... */
static gp_status plan(making *m, const uint32_t *wanted, gp_error *err)
{
    gp_str text = GP_STR_INIT;
    uint64_t all = 0;
    uint32_t most = 0;
    gp_status st = GP_OK;
    for (size_t i = 0; i < m->subject_count; i++) all += wanted[i], most = wanted[i] > most ? wanted[i] : most;
    gp_mem_free(m->todo);
    m->todo = NULL, m->todo_count = m->todo_next = 0;
    GP_TRY(gp_alloc((void **)&m->todo, (size_t)all, sizeof *m->todo, "the plan", err));
    GP_TRY(gp_cat_begin(m->cat, err));
    for (uint32_t turn = 0; turn < most; turn++)
        for (size_t i = 0; i < m->subject_count; i++)
            if (wanted[i] > turn) GP_GO(plan_one(m, &m->subjects[i], &text, err));
    GP_GO(gp_cat_commit(m->cat, err));
out:
    if (st != GP_OK) gp_cat_rollback(m->cat);
    gp_str_clear(&text);
    m->ticker.state.total = m->counts->planned;
    return st;
}

/* ------------------------------------------------------------------ drawing */

typedef struct opening {
    making *m;
    int64_t id;
    gp_picture *picture;
} opening;

static gp_status open_picture(void *user, const gp_cat_generation *g, gp_error *err)
{
    opening *o = user;
    return gp_picture_new(g, o->id, o->m->folder, &o->picture, err);
}

static gp_status next_picture(void *user, void **job, gp_error *err)
{
    making *m = user;
    if (atomic_load(&m->stop)) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    if (m->todo_next == m->todo_count) return GP_OK;
    opening o = {m, m->todo[m->todo_next++], NULL};
    GP_TRY(gp_cat_generation_get(m->cat, o.id, open_picture, &o, err));
    gp_status st = gp_picture_look(o.picture, m->o->max_pixels, err);
    if (st == GP_OK && !o.picture->found)
        st = gp_cat_generation_set(m->cat, o.id, GP_CAT_SUBMITTED, NULL, 0, NULL, err);
    if (st != GP_OK) {
        gp_picture_free(o.picture);
        return st;
    }
    *job = o.picture;
    return GP_OK;
}

static void draw(void *user, int thread, void *job)
{
    making *m = user;
    gp_picture *p = job;
    if (atomic_load(&m->stop))
        gp_fail(&p->error, GP_ERR_STOPPED, "stopped");
    else if (!p->found)
        gp_picture_make(p, m->backends[thread], m->o->tries, m->o->max_pixels);
}

static gp_status put_picture(making *m, const gp_picture *p, gp_error *err)
{
    int64_t image = 0;
    bool fresh;
    gp_str source = GP_STR_INIT;
    gp_status st = GP_OK;
    gp_cat_image row = {.hash = p->hash,
                        .bytes = p->size,
                        .format = gp_image_format_name(p->head.format),
                        .width = p->head.width,
                        .height = p->head.height,
                        .orientation = p->head.orientation,
                        .stream = p->has_stream ? &p->stream : NULL};
    gp_str_printf(&source, "generated: %s", gp_gen_protocol(m->backends[0]));
    if (source.failed) return gp_fail(err, GP_ERR_MEMORY, "out of memory for a picture");
    gp_cat_prompt prompt = {.text = p->prompt,
                            .raw = p->prompt,
                            .negative = p->negative,
                            .source = source.data,
                            .strength = STRENGTH_TABLE,
                            .settings_json = p->settings};
    GP_GO(gp_cat_begin(m->cat, err));
    GP_GO(gp_cat_image_put(m->cat, &row, p->path, p->size, p->mtime_ns, &image, &fresh, err));
    GP_GO(gp_cat_prompt_put(m->cat, image, &prompt, NULL, err));
    GP_GO(gp_cat_generation_set(m->cat, p->id, GP_CAT_GOT, p->path, image, NULL, err));
    GP_GO(gp_cat_commit(m->cat, err));
out:
    if (st != GP_OK) gp_cat_rollback(m->cat);
    gp_str_clear(&source);
    return st;
}

static gp_status take_picture(void *user, void *job, gp_error *err)
{
    making *m = user;
    gp_picture *p = job;
    gp_status st = GP_OK;
    if (p->error.status == GP_ERR_STOPPED) GP_GO(gp_fail(err, GP_ERR_STOPPED, "stopped"));
    if (p->error.status != GP_OK) GP_GO(gp_fail(err, p->error.status, "%s", p->error.message));
    if (p->outcome == GP_GEN_GOT) {
        GP_GO(put_picture(m, p, err));
        count(m, p->found ? &m->counts->had : &m->counts->got);
        pthread_mutex_lock(&m->mutex);
        m->fresh++;
        pthread_cond_signal(&m->news);
        pthread_mutex_unlock(&m->mutex);
    } else {
        bool refused = p->outcome == GP_GEN_REFUSED;
        GP_GO(gp_cat_generation_set(m->cat, p->id, refused ? GP_CAT_REFUSED : GP_CAT_FAILED, NULL, 0, p->message, err));
        snprintf(m->counts->why, sizeof m->counts->why, "%s", p->message);
        count(m, refused ? &m->counts->refused : &m->counts->failed);
    }
    if (!go_on(m)) st = gp_fail(err, GP_ERR_STOPPED, "stopped");
out:
    gp_picture_free(p);
    return st;
}

static void drop_picture(void *user, void *job)
{
    (void)user;
    gp_picture_free(job);
}

/* ------------------------------------------------------------------ scores as they come */

static bool score_on(void *user, const gp_progress *progress)
{
    making *m = user;
    (void)progress;
    return !atomic_load(&m->stop);
}

static gp_status score_some(making *m, gp_catalog *cat, gp_error *err)
{
    gp_score_options score = GP_SCORE_DEFAULTS;
    gp_report report = {0};
    score.threads = m->o->threads, score.max_pixels = m->o->max_pixels;
    score.progress = score_on, score.user = m;
    gp_status st = gp_stage_score(cat, m->clip, m->model_name, &score, &report, err);
    pthread_mutex_lock(&m->telling);
    m->counts->scored += report.done;
    pthread_mutex_unlock(&m->telling);
    return st == GP_ERR_STOPPED ? GP_OK : st; /* the pipe says that */
}

static void score_thread(void *user, int index)
{
    making *m = user;
    gp_catalog *cat = NULL;
    (void)index;
    gp_status st = gp_cat_open(gp_cat_path(m->cat), 0, &cat, &m->score_error);
    while (st == GP_OK) {
        pthread_mutex_lock(&m->mutex);
        while (!m->fresh && !m->ended) pthread_cond_wait(&m->news, &m->mutex);
        bool last = m->ended && !m->fresh;
        m->fresh = 0;
        pthread_mutex_unlock(&m->mutex);
        if (last) break;
        st = score_some(m, cat, &m->score_error);
    }
    m->score_status = st;
    if (st != GP_OK) atomic_store(&m->stop, true); /* pictures without scores are not what was asked for */
    gp_cat_close(cat);
}

/* ------------------------------------------------------------------ rounds */

static gp_status draw_round(making *m, gp_error *err)
{
    gp_threads *scorer = NULL;
    gp_pipe pipe = {.threads = m->o->jobs,
                    .window = (size_t)m->o->jobs * AHEAD, /* one that takes long does not keep the others waiting */
                    .next = next_picture,
                    .work = draw,
                    .take = take_picture,
                    .drop = drop_picture};
    m->ended = false, m->fresh = m->clip != NULL; /* also what an earlier run left */
    if (m->clip) GP_TRY(gp_threads_start(1, score_thread, m, &scorer, err));
    gp_status st = gp_pipe_run(&pipe, m, err);
    pthread_mutex_lock(&m->mutex);
    m->ended = true;
    pthread_cond_signal(&m->news);
    pthread_mutex_unlock(&m->mutex);
    gp_threads_join(scorer);
    if ((st == GP_OK || st == GP_ERR_STOPPED) && m->score_status != GP_OK)
        st = gp_fail(err, m->score_status, "%s", m->score_error.message);
    m->counts->rounds++;
    return st;
}

/* Scores so far, and from them how many more of each prompt; *more: of all. */
static gp_status choose(making *m, uint32_t *wanted, uint64_t *more, gp_error *err)
{
    size_t n = m->subject_count, at = 0, pictures = 0;
    double *scores = NULL;
    const double **values = NULL;
    uint32_t *counts = NULL;
    gp_status st = GP_OK;
    gp_adaptive a = {.min_gain = m->o->min_gain, .least = m->o->per_prompt < 2 ? m->o->per_prompt : 2};
    a.most = m->o->per_prompt * MOST_TIMES;
    for (size_t i = 0; i < n; i++) pictures += m->subjects[i].count;
    GP_GO(gp_alloc((void **)&scores, pictures, sizeof *scores, "the plan", err));
    GP_GO(gp_alloc((void **)&values, n, sizeof *values, "the plan", err));
    GP_GO(gp_alloc((void **)&counts, n, sizeof *counts, "the plan", err));
    for (size_t i = 0; i < n; i++) {
        subject *s = &m->subjects[i];
        GP_GO(gp_cat_generation_scores(m->cat, s->ids, s->count, scores + at, err));
        values[i] = scores + at, counts[i] = s->count, at += s->count;
    }
    uint64_t most = (uint64_t)m->o->per_prompt * n;
    GP_GO(gp_adaptive_choose(&a, values, counts, n, most > pictures ? most - pictures : 0, wanted, err));
    *more = 0;
    for (size_t i = 0; i < n; i++) *more += wanted[i];
out:
    gp_mem_free(counts);
    gp_mem_free(values);
    gp_mem_free(scores);
    return st;
}

static gp_status run_rounds(making *m, gp_error *err)
{
    uint32_t *wanted = NULL;
    uint64_t more = 1;
    gp_status st = GP_OK;
    GP_GO(gp_alloc((void **)&wanted, m->subject_count, sizeof *wanted, "the plan", err));
    for (size_t i = 0; i < m->subject_count; i++) wanted[i] = m->o->per_prompt;
    if (m->o->adaptive) GP_GO(choose(m, wanted, &more, err));
    while (more) {
        GP_GO(plan(m, wanted, err));
        GP_GO(draw_round(m, err));
        more = 0;
        if (m->o->adaptive) GP_GO(choose(m, wanted, &more, err));
    }
out:
    gp_mem_free(wanted);
    return st;
}

/* ------------------------------------------------------------------ the whole */

static gp_status open_backends(making *m, gp_error *err)
{
    const gp_generate_options *o = m->o;
    gp_bytes graph = {0};
    if (o->workflow) GP_TRY(gp_file_read(o->workflow, (uint64_t)64 << 20, &graph, err));
    m->workflow = (char *)graph.data;
    gp_gen_options g = {.address = o->backend,
                        .protocol = o->protocol,
                        .login = o->login,
                        .token = o->token,
                        .workflow = m->workflow,
                        .set = o->set,
                        .set_count = o->set_count,
                        .timeout = o->timeout,
                        .go_on = go_on,
                        .on_part = on_part,
                        .previews = o->preview != NULL,
                        .on_wait = on_wait,
                        .user = m};
    GP_TRY(gp_alloc((void **)&m->backends, (size_t)o->jobs, sizeof *m->backends, "back ends", err));
    memset(m->backends, 0, (size_t)o->jobs * sizeof *m->backends);
    for (int i = 0; i < o->jobs; i++) {
        GP_TRY(gp_gen_open(&g, &m->backends[i], err));
        g.protocol = gp_gen_protocol(m->backends[0]), g.asked = true; /* the generator is identified only once */
    }
    return GP_OK;
}

static gp_status set_common(making *m, gp_error *err)
{
    const gp_generate_options *o = m->o;
    gp_str s = GP_STR_INIT;
    gp_gen_request like = {.width = o->width,
                           .height = o->height,
                           .steps = o->steps,
                           .cfg = o->cfg > 0 ? o->cfg : (double)NAN,
                           .sampler = o->sampler,
                           .scheduler = o->scheduler,
                           .model = o->model,
                           .refiner = o->refiner,
                           .refiner_at = o->refiner_at > 0 ? o->refiner_at : (double)NAN,
                           .hires = o->hires > 0 ? o->hires : (double)NAN};
    gp_str_putc(&s, '{');
    gp_gen_put_common(&s, &like);
    if (m->workflow) { /* another graph, another picture */
        char hex[33];
        gp_hash_hex(gp_hash_of(m->workflow, strlen(m->workflow)), hex);
        gp_json_put_name(&s, "workflow");
        gp_json_put_string(&s, hex);
    }
    gp_str_putc(&s, '}');
    m->settings = s.failed ? NULL : gp_str_take(&s);
    gp_str_clear(&s);
    m->folder = gp_path_absolute(o->folder);
    if (!m->settings || !m->folder) return gp_fail(err, GP_ERR_MEMORY, "out of memory for the plan");
    return gp_json_parse(m->settings, strlen(m->settings), false, 16, &m->given, err);
}

static void clear(making *m)
{
    for (int i = 0; m->backends && i < m->o->jobs; i++) gp_gen_close(m->backends[i]);
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
    gp_mem_free(m->workflow);
    gp_json_free(m->given);
    gp_mem_free(m->settings);
    gp_mem_free(m->subjects);
    gp_table_close(m->table);
    pthread_cond_destroy(&m->news);
    pthread_mutex_destroy(&m->mutex);
    pthread_mutex_destroy(&m->telling);
}

static void begin(making *m)
{
    pthread_mutex_init(&m->telling, NULL);
    pthread_mutex_init(&m->mutex, NULL);
    pthread_cond_init(&m->news, NULL);
    gp_ticker_init(&m->ticker, "generate", 0, m->o->progress, m->o->user);
}

/* Checks everything that can be checked before anything is written. */
static gp_status prepare(making *m, gp_error *err)
{
    const gp_generate_options *o = m->o;
    if (!o->again) GP_TRY(read_subjects(m, err));
    GP_TRY(open_backends(m, err));
    GP_TRY(set_common(m, err));
    if (o->again && !gp_gen_can(m->backends[0], GP_GEN_SEEDS))
        return gp_fail(err, GP_ERR_USAGE, "this back end has no seeds, so it cannot draw the same image again");
    if (o->hires > 0 && !gp_gen_can(m->backends[0], GP_GEN_HIRES))
        return gp_fail(err, GP_ERR_USAGE, "%s has no --hires: give a width and height instead",
                       gp_gen_protocol(m->backends[0]));
    return GP_OK;
}

gp_status gp_stage_generate_check(const gp_generate_options *options, gp_error *err)
{
    gp_generate_report counts = {0};
    making m = {.o = options, .counts = &counts};
    begin(&m);
    gp_status st = prepare(&m, err);
    if (st != GP_OK) tell_table(&m); /* else gp_stage_generate sends the notes */
    clear(&m);
    return st;
}

gp_status gp_stage_generate(gp_catalog *cat, const gp_clip *clip, const char *model_name,
                            const gp_generate_options *options, gp_generate_report *report, gp_error *err)
{
    double start = gp_clock_now();
    gp_generate_report counts = {0};
    making m = {.cat = cat, .clip = clip, .model_name = model_name, .o = options, .counts = &counts};
    gp_status st = GP_OK;
    begin(&m);
    GP_GO(prepare(&m, err));
    tell_table(&m);
    if (options->again) GP_GO(read_winners(&m, err));
    GP_GO(gp_folder_make(m.folder, err));
    GP_GO(run_rounds(&m, err));
    gp_ticker_finish(&m.ticker);
out:
    clear(&m);
    counts.seconds = gp_clock_now() - start;
    if (report) *report = counts;
    return st;
}
