/* SPDX-License-Identifier: MIT
 * Runs jobs of ComfyUI: POST /prompt with our own id, GET /history/ID until the job is in the history, GET
 * /view.  The id is made from the image's key, so after a crash goldpan looks for the job before it sends the job
 * again.
 *
 * The history names files, but ComfyUI reuses file names after its output folder was cleaned up.  So each file is
 * compared with the graph that was sent.  If the file is another image, the job is sent again with other file names.
 * With the same names the server would find the job in its cache and return the old file name. */
#include "generate/comfy_fill.h"
#include "generate/comfy_socket.h"

#include "base/clock.h"
#include "base/mem.h"
#include "metadata/meta.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const double most_look = 1, queue_seconds = 5, cancel_seconds = 2;
enum { MISSES = 5 /* polls in a row that may fail while waiting for a job */ };

typedef struct job {
    gp_gen_backend *b;
    const gp_gen_request *r;
    gp_gen_result *out;
    gp_str graph;  /* the filled-in graph */
    char ours[64]; /* job id made from the image's key */
} job;

/* ------------------------------------------------------------------ a job's images */

enum { MOST_SAVERS = 16 };
typedef struct images {
    const gp_json *saved[MOST_SAVERS]; /* [savers] the list of images of each node that saves images */
    size_t savers;
    const gp_json *shown; /* the images of a node that only previews images; or NULL */
} images;

static bool is_kept(const gp_json *list)
{
    for (size_t i = 0; i < gp_json_count(list); i++) {
        const char *type = gp_json_text(gp_json_get(gp_json_at(list, i), "type"), NULL);
        if (type && !strcmp(type, "output")) return true;
    }
    return false;
}

static bool find_images(void *user, const char *id, const gp_json *output)
{
    images *found = user;
    const gp_json *list = gp_json_get(output, "images");
    (void)id;
    if (!gp_json_count(list)) return true;
    if (!is_kept(list))
        found->shown = list;
    else if (found->savers < MOST_SAVERS)
        found->saved[found->savers++] = list;
    return true;
}

/* Writes the path of a file on the server. gp_meta_comfy uses this path to find the node that saved the file. */
static gp_status name_of(const gp_json *image, gp_str *name, gp_error *err)
{
    const char *folder = gp_json_text(gp_json_get(image, "subfolder"), NULL);
    const char *file = gp_json_text(gp_json_get(image, "filename"), NULL);
    gp_str_printf(name, "output/%s%s%s", folder ? folder : "", folder && *folder ? "/" : "", file ? file : "");
    return name->failed ? gp_fail_memory(err, "a request") : GP_OK;
}

/* Sets *ours if the prompt of the images in `list`, which one node saved, contains the requested prompt. */
static gp_status is_ours(const job *j, const gp_json *list, bool *ours, gp_error *err)
{
    gp_str name = GP_STR_INIT;
    gp_meta meta = {0};
    gp_status st = name_of(gp_json_at(list, 0), &name, err);
    if (st == GP_OK) st = gp_meta_comfy(j->graph.data, j->graph.size, &(gp_comfy_file){.path = name.data}, &meta, err);
    *ours = st == GP_OK && meta.prompt && strstr(meta.prompt, j->r->prompt);
    gp_meta_clear(&meta);
    gp_str_clear(&name);
    return st;
}

/* Chooses the node whose images are fetched.  If several nodes save images, chooses the last node whose first image has
 * a prompt that contains the requested prompt.  If there is no such node, chooses the last node that saves images. */
static gp_status choose(const job *j, const images *found, const gp_json **list, gp_error *err)
{
    bool ours = false;
    *list = found->savers ? found->saved[found->savers - 1] : found->shown;
    if (found->savers < 2) return GP_OK;
    for (size_t i = found->savers; i-- > 0 && !ours;) {
        GP_TRY(is_ours(j, found->saved[i], &ours, err));
        if (ours) *list = found->saved[i];
    }
    gp_gen_note(j->b, "graph-many-savers", "%zu nodes of the workflow save images; goldpan keeps only the images of %s",
                found->savers,
                ours ? "the last of these nodes whose images contain the requested prompt" : "the last of these nodes");
    return GP_OK;
}

static gp_status fetch(gp_gen_backend *b, const gp_json *image, gp_gen_result *out, gp_error *err)
{
    gp_str path = GP_STR_INIT;
    gp_str_puts(&path, "/view?filename=");
    gp_http_put_escaped(&path, gp_json_text(gp_json_get(image, "filename"), NULL), "-_.~");
    gp_str_puts(&path, "&subfolder=");
    gp_http_put_escaped(&path, gp_json_text(gp_json_get(image, "subfolder"), NULL), "-_.~");
    gp_str_puts(&path, "&type=");
    const char *type = gp_json_text(gp_json_get(image, "type"), NULL);
    gp_http_put_escaped(&path, type ? type : "output", "-_.~");
    gp_status st = path.failed ? gp_fail_memory(err, "a request") : gp_gen_fetch(b, path.data, out, err);
    gp_str_clear(&path);
    return st;
}

/* Fetches one image, and compares its metadata with the graph. */
static gp_status take_image(job *j, const gp_json *image, gp_gen_likeness *likeness, gp_error *err)
{
    gp_str name = GP_STR_INIT;
    *likeness = GP_GEN_BARE;
    GP_TRY(fetch(j->b, image, j->out, err));
    if (j->out->outcome == GP_GEN_FAILED) { /* the file is missing or cannot be read: generate the image again */
        *likeness = GP_GEN_DIFFERS;
        j->out->outcome = GP_GEN_RETRY;
    }
    if (j->out->outcome != GP_GEN_DONE) return GP_OK;
    gp_status st = name_of(image, &name, err);
    if (st == GP_OK) st = gp_gen_compare(j->r, &j->graph, name.data, &j->out->image, likeness, j->out, err);
    gp_str_clear(&name);
    return st;
}

/* Fetches all images of a job. */
static gp_status take_images(job *j, const gp_json *list, gp_gen_likeness *likeness, gp_error *err)
{
    gp_gen_result *out = j->out;
    size_t count = gp_json_count(list);
    if (count > GP_GEN_MOST_EXTRAS + 1) count = GP_GEN_MOST_EXTRAS + 1;
    gp_gen_drop_images(out);             /* images of an earlier poll */
    for (size_t i = 0; i < count; i++) { /* fetch the first image last, so that it stays in out->image */
        gp_gen_likeness one;
        GP_TRY(take_image(j, gp_json_at(list, count - 1 - i), &one, err));
        *likeness = one;
        if (out->outcome != GP_GEN_DONE || *likeness == GP_GEN_DIFFERS) return GP_OK;
        if (i + 1 < count) GP_TRY(gp_gen_add_extra(out, err));
    }
    /* put the other images back into the server's order */
    for (size_t i = 0, k = out->extra_count; i + 1 < k; i++, k--) {
        gp_gen_extra extra = out->extras[i];
        out->extras[i] = out->extras[k - 1], out->extras[k - 1] = extra;
    }
    if (*likeness == GP_GEN_BARE && !j->b->bare_told) {
        j->b->bare_told = true;
        gp_gen_note(j->b, "generator-bare",
                    "the generator's images do not contain their prompt or seed, so goldpan cannot compare them with "
                    "the request");
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ the history */

typedef enum job_state {
    NOT_THERE,
    ENDED,
    FAILED,
    OTHER,  /* the job's file does not have the requested image */
    UNKNOWN /* the server did not respond */
} job_state;

/* Writes the server's error into the result, such as "node 20 TinyDelay: out of memory (torch.OutOfMemoryError)". */
static void say_error(const gp_json *status, gp_gen_result *out)
{
    const gp_json *messages = gp_json_get(status, "messages");
    for (size_t i = gp_json_count(messages); i-- > 0;) {
        const char *kind = gp_json_text(gp_json_at(gp_json_at(messages, i), 0), NULL);
        const gp_json *data = gp_json_at(gp_json_at(messages, i), 1);
        if (kind && !strcmp(kind, "execution_interrupted")) {
            gp_gen_set_result(out, GP_GEN_STOPPED, "the job was interrupted in ComfyUI");
            return;
        }
        if (!kind || strcmp(kind, "execution_error") != 0) continue;
        const char *words = gp_json_text(gp_json_get(data, "exception_message"), NULL);
        const char *node = gp_json_text(gp_json_get(data, "node_id"), NULL);
        const char *type = gp_json_text(gp_json_get(data, "node_type"), NULL);
        const char *exception = gp_json_text(gp_json_get(data, "exception_type"), NULL);
        size_t size = words ? strlen(words) : 0;
        while (size && strchr(" \r\n\t", words[size - 1])) size--;
        gp_gen_set_result(out, GP_GEN_RETRY, "node %.30s %.60s: %.*s%s%.60s%s", node ? node : "?", type ? type : "",
                          size > 200 ? 200 : (int)size, words ? words : "", exception ? " (" : "",
                          exception ? exception : "", exception ? ")" : "");
        out->reported = true;
        return;
    }
    gp_gen_set_result(out, GP_GEN_RETRY, "the job ended with an error, and ComfyUI gave no reason");
}

static gp_status take_job(job *j, const gp_json *entry, job_state *state, gp_error *err)
{
    const gp_json *status = gp_json_get(entry, "status");
    const char *words = gp_json_text(gp_json_get(status, "status_str"), NULL);
    gp_gen_likeness likeness = GP_GEN_BARE;
    images found = {0};
    const gp_json *list;
    gp_json_each(gp_json_get(entry, "outputs"), find_images, &found);
    *state = FAILED;
    if (words && !strcmp(words, "error")) {
        say_error(status, j->out);
        return GP_OK;
    }
    GP_TRY(choose(j, &found, &list, err));
    if (!list)
        return gp_gen_set_result(j->out, GP_GEN_FAILED, "the graph produced no image: add a node that saves an image");
    GP_TRY(take_images(j, list, &likeness, err));
    if (likeness == GP_GEN_DIFFERS) *state = OTHER;
    if (j->out->outcome != GP_GEN_DONE) return GP_OK;
    *state = ENDED;
    gp_gen_request used = gp_comfy_used(j->b, j->r);
    gp_gen_put_asked(&j->out->settings, &used);
    return GP_OK;
}

/* GET /history/ID returns an empty object until the job has ended. */
static gp_status look(job *j, const char *id, job_state *state, gp_error *err)
{
    gp_gen_answer answer;
    gp_str path = GP_STR_INIT;
    *state = NOT_THERE;
    gp_str_puts(&path, "/history/");
    gp_http_put_escaped(&path, id, "-_.~");
    if (path.failed) return gp_fail_memory(err, "a request");
    gp_status st = gp_gen_call(j->b, path.data, NULL, &answer, j->out, err);
    gp_str_clear(&path);
    if (st != GP_OK) return st;
    const gp_json *entry = gp_json_get(answer.root, id);
    if (!answer.root) *state = UNKNOWN;
    if (entry) st = take_job(j, entry, state, err);
    gp_gen_answer_clear(&answer);
    return st;
}

/* ------------------------------------------------------------------ the queue */

static bool holds(const gp_json *queue, const char *id)
{
    static const char *const lists[] = {"queue_running", "queue_pending"};
    for (int l = 0; l < 2; l++) {
        const gp_json *list = gp_json_get(queue, lists[l]);
        for (size_t i = 0; i < gp_json_count(list); i++) {
            const char *other = gp_json_text(gp_json_at(gp_json_at(list, i), 1), NULL);
            if (other && !strcmp(other, id)) return true;
        }
    }
    return false;
}

/* Counts the jobs that goldpan did not send and that ComfyUI runs before the job `id`.  An entry of the queue is
 * [number, id, graph, {"client_id"}, ...], and ComfyUI runs the lowest number first. */
static uint32_t count_ahead(const gp_json *queue, const char *id)
{
    double ours = INFINITY, number;
    const gp_json *pending = gp_json_get(queue, "queue_pending"), *running = gp_json_get(queue, "queue_running");
    uint32_t ahead = 0;
    for (size_t i = 0; i < gp_json_count(pending); i++) {
        const char *one = gp_json_text(gp_json_at(gp_json_at(pending, i), 1), NULL);
        if (one && !strcmp(one, id)) (void)gp_json_real(gp_json_at(gp_json_at(pending, i), 0), &ours);
    }
    if (isinf(ours)) return 0; /* the job is not pending: it is running */
    for (int l = 0; l < 2; l++) {
        const gp_json *list = l ? running : pending;
        for (size_t i = 0; i < gp_json_count(list) && ahead < UINT32_MAX; i++) {
            const gp_json *entry = gp_json_at(list, i);
            const char *client = gp_json_text(gp_json_get(gp_json_at(entry, 3), "client_id"), NULL);
            bool before = l || (gp_json_real(gp_json_at(entry, 0), &number) && number < ours);
            ahead += before && !(client && gp_str_starts(client, "goldpan"));
        }
    }
    return ahead;
}

/* Sets *queued if the job is queued or running.  Called rarely, because the response holds the graphs of all jobs. */
static gp_status is_queued(job *j, const char *id, bool *queued, gp_error *err)
{
    gp_gen_answer answer;
    GP_TRY(gp_gen_call(j->b, "/queue", NULL, &answer, j->out, err));
    *queued = holds(answer.root, id);
    if (answer.root && j->b->o.on_ahead) j->b->o.on_ahead(j->b->o.user, count_ahead(answer.root, id));
    gp_gen_answer_clear(&answer);
    return GP_OK;
}

/* Sets *queued if an earlier run sent the job and the job is still queued or running.  It is enough to read the queue
 * once for all jobs, because the earlier run sends no more jobs, and goldpan knows which jobs this run sends. */
static gp_status was_queued(job *j, bool *queued, gp_error *err)
{
    gp_gen_answer answer = {0};
    *queued = false;
    if (!j->b->queue) {
        GP_TRY(gp_gen_call(j->b, "/queue", NULL, &answer, j->out, err));
        j->b->queue = answer.root, answer.root = NULL;
        gp_gen_answer_clear(&answer);
    }
    *queued = holds(j->b->queue, j->ours);
    return GP_OK;
}

/* ------------------------------------------------------------------ our job */

/* Adds the first node with an error to the message. */
static bool say_node(void *user, const char *id, const gp_json *node)
{
    gp_gen_result *out = user;
    const gp_json *error = gp_json_at(gp_json_get(node, "errors"), 0);
    const char *message = gp_json_text(gp_json_get(error, "message"), NULL);
    const char *details = gp_json_text(gp_json_get(error, "details"), NULL);
    const char *type = gp_json_text(gp_json_get(node, "class_type"), NULL);
    size_t used = strlen(out->message);
    snprintf(out->message + used, sizeof out->message - used, "; node %.20s %.40s: %.80s %.120s", id, type ? type : "",
             message ? message : "", details ? details : "");
    return false;
}

/* Sends the job with POST /prompt.  ours: job id to use; NULL: the server chooses.  *id, owned: the job's id on the
 * server; NULL: the server did not accept the job. */
static gp_status submit(job *j, const char *ours, char **id, gp_error *err)
{
    gp_str body = GP_STR_INIT;
    gp_gen_answer answer = {0};
    gp_status st = GP_OK;
    *id = NULL;
    gp_comfy_put_body(&j->graph, gp_comfy_bell_client(j->b), ours, &body);
    if (body.failed) GP_TRY_GOTO(gp_fail_memory(err, "a request"));
    GP_TRY_GOTO(gp_gen_call(j->b, "/prompt", body.data, &answer, j->out, err));
    if (answer.wrong) {
        gp_json_each(gp_json_get(answer.wrong, "node_errors"), say_node, j->out);
        gp_gen_tidy(j->out);
    }
    if (!answer.root) goto out;
    const char *said =
        gp_json_text(gp_json_get(answer.root, "prompt_id"), NULL); /* older servers choose the id themselves */
    if (!said && !ours)
        gp_gen_set_result(j->out, GP_GEN_RETRY, "the server returned no job id");
    else if (!(*id = gp_str_dup(said ? said : ours)))
        st = gp_fail_memory(err, "a request");
out:
    gp_gen_answer_clear(&answer);
    gp_str_clear(&body);
    return st;
}

/* Called when the run is stopped.  Removes the job from the queue if it is still waiting.  A running job stays, and a
 * note names it, because the next run fetches its image. */
static void leave(job *j, const char *id)
{
    gp_str body = GP_STR_INIT;
    gp_json *queue = gp_gen_quick(j->b, "/queue", NULL, cancel_seconds);
    const gp_json *running = gp_json_at(gp_json_at(gp_json_get(queue, "queue_running"), 0), 1);
    const char *now = gp_json_text(running, NULL);
    if (now && !strcmp(now, id)) {
        gp_gen_note(j->b, "job-left",
                    "the generator is still working on job %.60s; run the same command again to fetch its image", id);
    } else if (queue && holds(queue, id)) {
        gp_str_puts(&body, "{\"delete\":[");
        gp_json_put_string(&body, id);
        gp_str_puts(&body, "]}");
        if (!body.failed) gp_json_free(gp_gen_quick(j->b, "/queue", body.data, cancel_seconds));
    }
    gp_json_free(queue);
    gp_str_clear(&body);
}

/* Waits until the next poll of a job.  If the server requested a pause, waits for the whole pause, even if a message
 * arrives. */
static bool pause_for(job *j, const char *id, double seconds, bool *rang)
{
    return j->out->wait > 0 ? gp_gen_wait(j->b, seconds, j->out) : gp_comfy_bell_wait(j->b, id, seconds, rang);
}

/* Waits for a job that the server accepted.  The job counts as lost if two polls in a row find it neither in the
 * history nor in the queue: the server was restarted, or a user cleared the queue. */
static gp_status wait_for(job *j, const char *id, job_state *state, gp_error *err)
{
    double begin = gp_clock_now(), asked = begin;
    bool rang = false;
    for (int missed = 0, silent = 0;;) {
        bool queued = true, knew = rang;
        if (!pause_for(j, id, gp_gen_look_after(gp_clock_now() - begin, most_look), &rang)) {
            leave(j, id);
            return gp_fail(err, GP_ERR_STOPPED, "stopped");
        }
        GP_TRY(look(j, id, state, err));
        if (*state == ENDED || *state == FAILED || *state == OTHER) {
            if (!rang) gp_comfy_bell_missed(j->b);
            return GP_OK;
        }
        double now = gp_clock_now();
        if (rang && !knew) begin = now; /* poll often again */
        if (*state == NOT_THERE && (silent || missed || now - asked >= queue_seconds || j->b->pace <= 0)) {
            asked = now;
            GP_TRY(is_queued(j, id, &queued, err));
        }
        if (*state == UNKNOWN || j->out->outcome != GP_GEN_DONE) {
            if (++silent > MISSES) return GP_OK;
        } else {
            silent = 0;
            missed = queued ? 0 : missed + 1;
            if (missed > 1) return gp_gen_set_result(j->out, GP_GEN_RETRY, "the server no longer knows the job");
        }
    }
}

/* Sends the job and waits for it.  ours: job id to use; NULL: the server chooses. */
static gp_status draw(job *j, const char *ours, job_state *state, gp_error *err)
{
    char *id = NULL;
    *state = UNKNOWN;
    gp_status st = submit(j, ours, &id, err);
    if (st == GP_OK && id) st = wait_for(j, id, state, err);
    gp_mem_free(id);
    return st;
}

/* Generates the image again with new file names, because the job's file did not have the requested image. */
static gp_status draw_fresh(job *j, job_state *state, gp_error *err)
{
    char mark[24];
    snprintf(mark, sizeof mark, "%.8s-%x", j->r->key, (unsigned)(gp_clock_now() * 1000) & 0xffffff);
    gp_gen_note(j->b, "generator-reused-name",
                "the generator returned the name of a file that is missing or belongs to a different image (%.150s); "
                "goldpan requests the image again",
                j->out->message);
    gp_str_clear(&j->graph);
    GP_TRY(gp_comfy_fill(j->b, j->r, mark, &j->graph, err));
    return draw(j, NULL, state, err);
}

static gp_status run(job *j, gp_error *err)
{
    bool queued = false;
    job_state state;
    GP_TRY(look(j, j->ours, &state, err));
    if (state == ENDED || state == UNKNOWN) return GP_OK;
    if (state == NOT_THERE) {
        GP_TRY(was_queued(j, &queued, err));
        if (j->out->outcome != GP_GEN_DONE) return GP_OK;
        if (queued) {
            GP_TRY(wait_for(j, j->ours, &state, err));
            gp_json_free(j->b->queue); /* if the job was lost, the next try must read the queue again */
            j->b->queue = NULL;
        } else
            GP_TRY(draw(j, j->ours, &state, err));
    } else if (state == FAILED)
        /* send the job again without our id, because the failed job with this id stays in the history */
        GP_TRY(draw(j, NULL, &state, err));
    if (state == OTHER) GP_TRY(draw_fresh(j, &state, err));
    if (state == OTHER) j->out->outcome = GP_GEN_RETRY;
    return GP_OK;
}

static gp_status make(gp_gen_backend *b, const gp_gen_request *r, gp_gen_result *out, gp_error *err)
{
    job j = {.b = b, .r = r, .out = out, .graph = GP_STR_INIT};
    snprintf(j.ours, sizeof j.ours, "%.8s-%.4s-%.4s-%.4s-%.12s", r->key, r->key + 8, r->key + 12, r->key + 16,
             r->key + 20);
    gp_error why = {0};
    gp_status st = gp_comfy_fill(b, r, NULL, &j.graph, &why);
    if (st == GP_OK)
        st = run(&j, err);
    else if (st == GP_ERR_USAGE && r->workflow) /* the image has its own graph, so other images may still succeed */
        st = gp_gen_set_result(out, GP_GEN_FAILED, "%s", why.message);
    else
        gp_fail_as(err, st, &why);
    gp_str_clear(&j.graph);
    return st;
}

const gp_gen_protocol_table gp_gen_comfy = {
    "comfyui", GP_GEN_SEEDS | GP_GEN_QUEUE | GP_GEN_GRAPH, "/system_stats", make, NULL, gp_comfy_check};
