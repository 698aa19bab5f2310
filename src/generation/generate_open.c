/* SPDX-License-Identifier: MIT
 * Opens the generator connections of a run: reads the graph, opens a connection for each worker, and receives progress
 * and notes. */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "image/chunks.h"
#include "metadata/meta.h"
#include "generation/generate_private.h"

#include <math.h>
#include <string.h>

enum { WAIT_LINES = 60 /* minimum seconds between two notes */ };

/* Called by waiting threads; reports the progress, one thread at a time. */
bool gp_generation_go_on(void *user)
{
    gp_generation *m = user;
    pthread_mutex_lock(&m->report_mutex);
    const gp_generate_report *n = m->counts;
    if (!gp_progress_meter_update(&m->ticker, m->finished, n->failed + n->refused)) atomic_store(&m->stop, true);
    pthread_mutex_unlock(&m->report_mutex);
    return !atomic_load(&m->stop);
}

/* Called by a waiting thread with the completed share of its image. */
static void on_part(void *user, double part, const gp_bytes *preview)
{
    gp_generation *m = user;
    pthread_mutex_lock(&m->report_mutex);
    m->ticker.state.part = part;
    if (m->o->preview && preview->size) /* an error is ignored, because then only the preview is missing */
        (void)gp_file_replace(m->o->preview, preview->data, preview->size, NULL);
    pthread_mutex_unlock(&m->report_mutex);
}

/* Called by a waiting thread. jobs: number of other users' jobs that come before the thread's job in the generator's
 * queue. The time that the generator spends on those jobs is excluded from the rate. */
static void on_ahead(void *user, uint32_t jobs)
{
    gp_generation *m = user;
    double now = gp_clock_now();
    pthread_mutex_lock(&m->report_mutex);
    /* no image of this run was finished after `since`, so until now the generator worked on other users' jobs */
    double since = m->ticker.state.ahead ? m->ahead_since : fmax(m->last_finish, m->ticker.started);
    if (jobs) m->ticker.state.waiting += now - since;
    m->ticker.state.ahead = jobs;
    m->ahead_since = now;
    pthread_mutex_unlock(&m->report_mutex);
}

/* Called by a thread that waits because the generator requested a pause.  Sends a note, at most once a minute. */
static void on_wait(void *user, double asked, double seconds)
{
    gp_generation *m = user;
    double now = gp_clock_now();
    pthread_mutex_lock(&m->report_mutex);
    if (m->o->note && (m->last_wait_note <= 0 || now - m->last_wait_note >= (double)WAIT_LINES)) {
        m->last_wait_note = now;
        uint64_t count = (uint64_t)fmin(asked, 1e15);
        if (seconds < asked)
            gp_note_say(m->o->note, m->o->note_user, "generator-waits", count,
                        "the generator asks to wait %.0f s; goldpan tries again after %.0f s", asked, seconds);
        else
            gp_note_say(m->o->note, m->o->note_user, "generator-waits", count, "the generator asks to wait %.0f s",
                        asked);
    }
    pthread_mutex_unlock(&m->report_mutex);
}

void gp_generation_count(gp_generation *m, uint64_t *what)
{
    pthread_mutex_lock(&m->report_mutex);
    ++*what;
    m->ticker.state.part = 0;
    m->ticker.state.ahead = 0;
    m->last_finish = gp_clock_now();
    pthread_mutex_unlock(&m->report_mutex);
}

/* Sends a note of a generator, unless the same note was sent before. */
static void on_note(void *user, const char *code, const char *text)
{
    gp_generation *m = user;
    enum { MOST = sizeof m->sent_notes / sizeof *m->sent_notes };
    gp_hash hash = gp_hash_of(text, strlen(text));
    bool known = m->quiet || !m->o->note;
    pthread_mutex_lock(&m->report_mutex);
    for (size_t i = 0; i < m->sent_count && !known; i++) known = !memcmp(&m->sent_notes[i], &hash, sizeof hash);
    if (!known && m->sent_count < MOST) {
        m->sent_notes[m->sent_count++] = hash;
        gp_note_say(m->o->note, m->o->note_user, code, 1, "%s", text);
    }
    pthread_mutex_unlock(&m->report_mutex);
}

/* ------------------------------------------------------------------ the graph */

/* Copies the graph from an image that ComfyUI wrote. */
static gp_status graph_of_image(const char *path, const gp_bytes *bytes, char **out, gp_error *err)
{
    gp_chunks chunks = {0};
    size_t size = 0;
    GP_TRY(gp_image_read_chunks(bytes->data, bytes->size, &chunks, err));
    const char *text = gp_meta_find_graph(&chunks, &size);
    bool editor = gp_chunks_find(&chunks, "workflow") != NULL;
    gp_status st = GP_OK;
    if (text && !(*out = gp_str_dup_n(text, size)))
        st = gp_fail_memory(err, "a graph");
    else if (!text)
        st = gp_fail_path(err, GP_ERR_USAGE, "'%s' contains %s: in ComfyUI, save the graph with File > Export (API)",
                          path, editor ? "only the editor's graph, not the graph that was run" : "no ComfyUI graph");
    gp_chunks_clear(&chunks);
    return st;
}

gp_status gp_generation_graph_of(const char *path, char **out, gp_error *err)
{
    gp_bytes bytes = {0};
    GP_TRY(gp_file_read(path, (uint64_t)1 << 30, &bytes, err));
    gp_status st = graph_of_image(path, &bytes, out, err);
    gp_bytes_clear(&bytes);
    return st;
}

static gp_status read_workflow(gp_generation *m, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_image_info head;
    const char *path = m->o->workflow;
    if (!path) return GP_OK;
    GP_TRY(gp_file_read(path, (uint64_t)64 << 20, &bytes, err));
    if (gp_image_read_info(bytes.data, bytes.size, &head, NULL) != GP_OK) {
        m->workflow = (char *)bytes.data;
        return GP_OK;
    }
    gp_status st = graph_of_image(path, &bytes, &m->workflow, err);
    gp_bytes_clear(&bytes);
    return st;
}

/* ------------------------------------------------------------------ the generators */

static void set_like(gp_generation *m)
{
    const gp_generate_options *o = m->o;
    m->like = (gp_gen_request){.negative = o->negative,
                               .width = o->width,
                               .height = o->height,
                               .steps = o->steps,
                               .cfg = o->cfg > 0 ? o->cfg : (double)NAN,
                               .sampler = o->sampler,
                               .scheduler = o->scheduler,
                               .model = o->model,
                               .refiner = o->refiner,
                               .refiner_at = o->refiner_at > 0 ? o->refiner_at : (double)NAN,
                               .hires = o->hires > 0 ? o->hires : (double)NAN};
    for (size_t i = 0; i < m->subject_count && !m->like.negative; i++) m->like.negative = m->subjects[i].negative;
}

/* Finds the address of the generator that made the picked images. Called if images are generated again and the user
 * gave no --backend. */
static gp_status find_address(gp_generation *m, gp_error *err)
{
    const char *protocol = m->o->protocol;
    GP_TRY(gp_cat_generation_backend(m->cat, m->o->again == GP_REGENERATE_FLAGGED, protocol, &m->address, err));
    /* goldpan stores only addresses.  A command in a catalog comes from whoever made the catalog: it must not run. */
    if (m->address && strncmp(m->address, "http://", 7) != 0 && strncmp(m->address, "https://", 8) != 0)
        return gp_fail(err, GP_ERR_USAGE,
                       "the catalog records '%s' as the generator, which is not an http or https address: "
                       "give --backend ADDRESS",
                       m->address);
    if (m->address) return GP_OK;
    return gp_fail(err, GP_ERR_USAGE,
                   "the catalog does not record which generator made the picked images: give --backend ADDRESS");
}

static gp_status open_backends(gp_generation *m, gp_error *err)
{
    const gp_generate_options *o = m->o;
    if (!o->backend) GP_TRY(find_address(m, err));
    gp_gen_options g = {.address = o->backend ? o->backend : m->address,
                        .protocol = o->protocol,
                        .login = o->login,
                        .token = o->token,
                        .workflow = m->workflow,
                        .workflow_file = o->workflow,
                        .own_workflows = o->again && !o->workflow,
                        .set = o->set,
                        .set_count = o->set_count,
                        .timeout = o->timeout,
                        .like = &m->like,
                        .per_prompt = o->adaptive && o->per_prompt < 2 ? 2 : o->per_prompt,
                        .no_seed = o->no_seed,
                        .needs_seed = o->again != GP_REGENERATE_NONE,
                        .go_on = gp_generation_go_on,
                        .on_part = on_part,
                        .on_ahead = on_ahead,
                        .previews = o->preview != NULL,
                        .on_wait = on_wait,
                        .on_note = on_note,
                        .user = m};
    size_t most = (size_t)o->jobs + 1;
    GP_TRY(gp_alloc((void **)&m->backends, most, sizeof *m->backends, "the connections to the generator", err));
    memset(m->backends, 0, most * sizeof *m->backends);
    m->workers = o->jobs;
    for (int i = 0; i < m->workers; i++) {
        GP_TRY(gp_gen_open(&g, &m->backends[i], err));
        /* The first connection identifies the generator; the others reuse the result. */
        g.protocol = gp_gen_protocol(m->backends[0]), g.asked = true;
        /* One more job waits in the generator's queue, so that the generator works while an image is fetched and
         * stored. */
        if (i == 0 && gp_gen_can(m->backends[0], GP_GEN_QUEUE)) m->workers++;
    }
    return GP_OK;
}

static gp_status set_common(gp_generation *m, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    gp_str_putc(&s, '{');
    gp_gen_put_common(&s, &m->like);
    if (m->workflow) { /* the key includes the graph, because another graph makes another image */
        char hex[33];
        gp_hash_hex(gp_hash_of(m->workflow, strlen(m->workflow)), hex);
        gp_json_put_name(&s, "workflow");
        gp_json_put_string(&s, hex);
    }
    gp_str_putc(&s, '}');
    m->settings = s.failed ? NULL : gp_str_take(&s);
    gp_str_clear(&s);
    m->folder = gp_path_absolute(m->o->folder);
    if (!m->settings || !m->folder) return gp_fail_memory(err, "the generation plan");
    return gp_json_parse(m->settings, strlen(m->settings), false, 16, &m->given, err);
}

gp_status gp_generation_open(gp_generation *m, gp_error *err)
{
    set_like(m);
    GP_TRY(read_workflow(m, err));
    GP_TRY(open_backends(m, err));
    return set_common(m, err);
}
