/* SPDX-License-Identifier: MIT
 * ComfyUI: the user's graph (API format) with our values put in, POST /prompt with an id of ours, GET /history/ID until
 * it is there, GET /view.  The id is the picture's key, so that after a crash the picture is looked for before it is
 * asked for again.
 *
 * What goes where: --set NODE.INPUT=VALUE, NODE being an id or a title, VALUE @prompt, @negative, @seed, @width,
 * @height, @steps, @cfg, @sampler, @scheduler, @model, or a value as it is.  What is not set, by what the graph says:
 * every input `seed` or `noise_seed` of a sampler, the texts that its `positive` and `negative` lead to, width and
 * height of the empty latent. */
#include "generate/backend.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double poll_seconds = 1;
enum {
    MOST_STEPS = 64, /* of a walk along links */
    MISSES = 5       /* questions in a row that may fail while a job is waited for */
};

/* ------------------------------------------------------------------ the graph, filled in */

typedef struct filling {
    const gp_gen_backend *b;
    const gp_gen_request *r;
    const gp_json *graph;
    const char *id; /* of the node at hand */
    const gp_json *node;
    const char *positive, *negative; /* ids of the nodes that hold the texts; NULL: none was found */
    gp_str *out;
    bool prompt_put;
    uint64_t used;   /* bit i: set[i] found its input */
    const char *odd; /* a variable that there is not */
} filling;

static const char *class_of(const gp_json *node)
{
    const char *name = gp_json_text(gp_json_get(node, "class_type"), NULL);
    return name ? name : "";
}

/* The node that an input is linked to: ["6", 0]. */
static const char *linked(const gp_json *node, const char *input)
{
    return gp_json_text(gp_json_at(gp_json_get(gp_json_get(node, "inputs"), input), 0), NULL);
}

/* Along `input` (then along whatever is named "conditioning", "positive" ...) to the node with a text. */
static const char *text_node(const gp_json *graph, const gp_json *sampler, const char *input)
{
    const char *id = linked(sampler, input);
    for (int step = 0; id && step < MOST_STEPS; step++) {
        const gp_json *node = gp_json_get(graph, id);
        if (gp_json_text(gp_json_get(gp_json_get(node, "inputs"), "text"), NULL)) return id;
        const char *next = linked(node, "conditioning");
        if (!next) next = linked(node, input);
        if (!next) next = linked(node, "conditioning_1");
        id = next;
    }
    return NULL;
}

static bool find_texts(void *user, const char *id, const gp_json *node)
{
    filling *f = user;
    (void)id;
    if (!linked(node, "positive") || !linked(node, "latent_image")) return true;
    f->positive = text_node(f->graph, node, "positive");
    f->negative = text_node(f->graph, node, "negative");
    return f->positive == NULL;
}

/* False: the graph's own value stays, since none was asked for (or *odd: there is no such variable). */
static bool put_variable(const gp_gen_request *r, const char *name, gp_str *s, const char **odd)
{
    const struct {
        const char *name, *text;
        double number;
    } values[] = {{"@prompt", r->prompt, (double)NAN},
                  {"@negative", r->negative, (double)NAN},
                  {"@sampler", r->sampler, (double)NAN},
                  {"@scheduler", r->scheduler, (double)NAN},
                  {"@model", r->model, (double)NAN},
                  {"@width", NULL, r->width ? r->width : (double)NAN},
                  {"@height", NULL, r->height ? r->height : (double)NAN},
                  {"@steps", NULL, r->steps ? r->steps : (double)NAN},
                  {"@cfg", NULL, r->cfg}};
    if (!strcmp(name, "@seed")) {
        if (r->has_seed) gp_str_printf(s, "%llu", (unsigned long long)r->seed);
        return r->has_seed;
    }
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (strcmp(values[i].name, name)) continue;
        if (values[i].text)
            gp_json_put_string(s, values[i].text);
        else if (isfinite(values[i].number))
            gp_json_put_real(s, values[i].number);
        return values[i].text || isfinite(values[i].number);
    }
    *odd = name;
    return false;
}

/* "6.text=@prompt" or "My prompt.text=@prompt" for this node and input? Its value. */
static const char *set_for(filling *f, const char *input)
{
    const char *title = gp_json_text(gp_json_get(gp_json_get(f->node, "_meta"), "title"), NULL);
    for (size_t i = 0; i < f->b->o.set_count; i++) {
        const char *set = f->b->o.set[i], *equal = strchr(set, '='), *dot = equal;
        while (dot && dot > set && *dot != '.') dot--;
        if (!equal || dot == set) continue;
        size_t node = (size_t)(dot - set), name = (size_t)(equal - dot - 1);
        if (strlen(input) != name || memcmp(dot + 1, input, name)) continue;
        if ((strlen(f->id) == node && !memcmp(f->id, set, node)) ||
            (title && strlen(title) == node && !memcmp(title, set, node))) {
            f->used |= (uint64_t)1 << i % 64;
            return equal + 1;
        }
    }
    return NULL;
}

/* What this input stands for when nothing was said. */
static const char *usual(const filling *f, const char *input)
{
    bool samples = linked(f->node, "latent_image") != NULL;
    bool latent = gp_str_starts(class_of(f->node), "Empty") && strstr(class_of(f->node), "Latent");
    if (!strcmp(input, "text") && f->positive && !strcmp(f->id, f->positive)) return "@prompt";
    if (!strcmp(input, "text") && f->negative && !strcmp(f->id, f->negative)) return "@negative";
    if (!strcmp(input, "noise_seed") || (samples && !strcmp(input, "seed"))) return "@seed";
    if (latent && !strcmp(input, "width")) return "@width";
    if (latent && !strcmp(input, "height")) return "@height";
    if (samples && !strcmp(input, "steps")) return "@steps";
    if (samples && !strcmp(input, "cfg")) return "@cfg";
    if (samples && !strcmp(input, "sampler_name")) return "@sampler";
    if (samples && !strcmp(input, "scheduler")) return "@scheduler";
    if (!strcmp(input, "ckpt_name")) return "@model";
    return NULL;
}

static bool put_input(void *user, const char *name, const gp_json *value)
{
    filling *f = user;
    const char *set = set_for(f, name), *stands = set ? set : usual(f, name);
    bool put = false;
    gp_json_put_name(f->out, name);
    if (stands && *stands == '@') {
        if (gp_json_text(gp_json_at(value, 0), NULL)) stands = NULL; /* a link stays a link */
        put = stands && put_variable(f->r, stands, f->out, &f->odd);
        f->prompt_put = f->prompt_put || (put && !strcmp(stands, "@prompt"));
    } else if (stands) {
        gp_json *plain = NULL; /* a number, true, false or null is meant as one */
        bool is_plain = gp_json_parse(stands, strlen(stands), true, 2, &plain, NULL) == GP_OK &&
                        gp_json_kind_of(plain) < GP_JSON_STRING;
        if (is_plain)
            gp_str_puts(f->out, stands);
        else
            gp_json_put_string(f->out, stands);
        gp_json_free(plain);
        put = true;
    }
    if (!put) gp_json_write(f->out, value);
    return true;
}

static bool put_member(void *user, const char *name, const gp_json *value)
{
    filling *f = user;
    gp_json_put_name(f->out, name);
    if (strcmp(name, "inputs")) {
        gp_json_write(f->out, value);
        return true;
    }
    gp_str_putc(f->out, '{');
    gp_json_each(value, put_input, f);
    gp_str_putc(f->out, '}');
    return true;
}

static bool put_node(void *user, const char *id, const gp_json *node)
{
    filling *f = user;
    gp_json_put_name(f->out, id);
    gp_str_putc(f->out, '{');
    f->id = id, f->node = node;
    gp_json_each(node, put_member, f);
    gp_str_putc(f->out, '}');
    return true;
}

gp_status gp_gen_comfy_fill(const gp_gen_backend *b, const gp_gen_request *r, const char *id, gp_str *s, gp_error *err)
{
    gp_json *graph = NULL;
    if (!b->o.workflow)
        return gp_fail(err, GP_ERR_USAGE, "ComfyUI needs a graph: --workflow FILE, saved with \"Export (API)\"");
    GP_TRY(gp_json_parse(b->o.workflow, strlen(b->o.workflow), false, 64, &graph, err));
    filling f = {.b = b, .r = r, .graph = graph, .out = s};
    gp_json_each(graph, find_texts, &f);
    gp_status st = GP_OK;
    gp_str_puts(s, "{\"prompt\":{");
    gp_json_each(graph, put_node, &f);
    gp_str_puts(s, "},\"client_id\":\"goldpan\"");
    if (id) gp_gen_put_text(s, "prompt_id", id);
    gp_str_putc(s, '}');
    if (gp_json_get(graph, "nodes"))
        st = gp_fail(err, GP_ERR_USAGE, "the workflow is in the editor's format: save it with \"Export (API)\"");
    else if (f.odd)
        st = gp_fail(err, GP_ERR_USAGE, "--set: nothing is called '%s'", f.odd);
    for (size_t i = 0; st == GP_OK && i < b->o.set_count && i < 64; i++)
        if (!(f.used >> i & 1))
            st = gp_fail(err, GP_ERR_USAGE, "--set %s: the workflow has no such node and input", b->o.set[i]);
    if (st == GP_OK && !s->failed && !f.prompt_put)
        st = gp_fail(err, GP_ERR_USAGE, "the workflow does not show where the prompt goes: --set NODE.INPUT=@prompt");
    gp_json_free(graph);
    if (st == GP_OK && s->failed) st = gp_fail(err, GP_ERR_MEMORY, "out of memory for a request");
    return st;
}

/* Checks before planning that a request can be made from this graph. */
static gp_status check(const gp_gen_backend *b, gp_error *err)
{
    gp_str body = GP_STR_INIT;
    gp_status st = gp_gen_comfy_fill(b, &(gp_gen_request){.prompt = "a cat", .cfg = NAN}, NULL, &body, err);
    gp_str_clear(&body);
    return st;
}

/* ------------------------------------------------------------------ the job */

static bool find_image(void *user, const char *id, const gp_json *output)
{
    const gp_json **found = user;
    (void)id;
    const gp_json *images = gp_json_get(output, "images");
    for (size_t i = 0; i < gp_json_count(images); i++) {
        const gp_json *image = gp_json_at(images, i);
        const char *type = gp_json_text(gp_json_get(image, "type"), NULL);
        if (!*found || (type && !strcmp(type, "output"))) *found = image; /* what is saved, rather than a preview */
    }
    return true;
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
    gp_status st =
        path.failed ? gp_fail(err, GP_ERR_MEMORY, "out of memory for a request") : gp_gen_fetch(b, path.data, out, err);
    gp_str_clear(&path);
    return st;
}

typedef enum job_state { NOT_THERE, ENDED, FAILED, UNKNOWN /* the server did not say */ } job_state;

/* GET /history/ID: an empty object while it is not done. */
static gp_status look(gp_gen_backend *b, const char *id, const gp_gen_request *r, job_state *state, gp_gen_result *out,
                      gp_error *err)
{
    gp_gen_answer answer;
    gp_str path = GP_STR_INIT;
    gp_status st = GP_OK;
    *state = NOT_THERE;
    gp_str_puts(&path, "/history/");
    gp_http_put_escaped(&path, id, "-_.~");
    if (path.failed) return gp_fail(err, GP_ERR_MEMORY, "out of memory for a request");
    st = gp_gen_ask(b, path.data, NULL, &answer, out, err);
    gp_str_clear(&path);
    if (st != GP_OK) return st;
    const gp_json *job = gp_json_get(answer.root, id), *status = gp_json_get(job, "status");
    const char *words = gp_json_text(gp_json_get(status, "status_str"), NULL);
    if (!answer.root) *state = UNKNOWN;
    if (!job) goto out;
    const gp_json *found = NULL;
    gp_json_each(gp_json_get(job, "outputs"), find_image, &found);
    *state = FAILED;
    if (words && !strcmp(words, "error")) {
        gp_gen_say(out, GP_GEN_AGAIN, "the graph ended in an error");
    } else if (!found) {
        gp_gen_say(out, GP_GEN_FAILED, "the graph ends in no image: it needs a node that saves one");
    } else {
        GP_GO(fetch(b, found, out, err));
        if (out->outcome == GP_GEN_GOT) {
            *state = ENDED;
            gp_gen_put_asked(&out->settings, r);
        }
    }
out:
    gp_gen_answer_clear(&answer);
    return st;
}

/* Is the id queued or running already, asked for before a crash? */
static gp_status is_queued(gp_gen_backend *b, const char *id, bool *queued, gp_gen_result *out, gp_error *err)
{
    static const char *const lists[] = {"queue_running", "queue_pending"};
    gp_gen_answer answer;
    *queued = false;
    GP_TRY(gp_gen_ask(b, "/queue", NULL, &answer, out, err));
    for (int l = 0; l < 2; l++) {
        const gp_json *list = gp_json_get(answer.root, lists[l]);
        for (size_t i = 0; i < gp_json_count(list); i++) {
            const char *other = gp_json_text(gp_json_at(gp_json_at(list, i), 1), NULL);
            *queued = *queued || (other && !strcmp(other, id));
        }
    }
    gp_gen_answer_clear(&answer);
    return GP_OK;
}

/* The first node that is wrong, added to the message. */
static bool say_node(void *user, const char *id, const gp_json *node)
{
    gp_gen_result *out = user;
    const gp_json *error = gp_json_at(gp_json_get(node, "errors"), 0);
    const char *message = gp_json_text(gp_json_get(error, "message"), NULL);
    const char *details = gp_json_text(gp_json_get(error, "details"), NULL);
    size_t used = strlen(out->message);
    snprintf(out->message + used, sizeof out->message - used, "; node %.20s: %.80s %.80s", id, message ? message : "",
             details ? details : "");
    return false;
}

/* Wait for a job that was taken on.  One that is neither there nor queued, twice in a row, is forgotten: the server was
 * restarted, or somebody cleared the queue. */
static gp_status wait_for(gp_gen_backend *b, const char *id, const gp_gen_request *r, gp_gen_result *out, gp_error *err)
{
    for (int missed = 0, silent = 0;;) {
        job_state state;
        bool queued = false;
        GP_TRY(look(b, id, r, &state, out, err));
        if (state == ENDED || state == FAILED) return GP_OK;
        if (state == NOT_THERE) GP_TRY(is_queued(b, id, &queued, out, err));
        if (state == UNKNOWN || out->outcome != GP_GEN_GOT) {
            if (++silent > MISSES) return GP_OK;
        } else {
            silent = 0;
            missed = queued ? 0 : missed + 1;
            if (missed > 1) return gp_gen_say(out, GP_GEN_AGAIN, "the server has forgotten the job");
        }
        if (!gp_gen_wait(b, poll_seconds, out)) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    }
}

/* POST /prompt; *id, owned: under which the server knows the job.  NULL: it was not taken on. */
static gp_status submit(gp_gen_backend *b, const gp_gen_request *r, const char *ours, char **id, gp_gen_result *out,
                        gp_error *err)
{
    gp_str body = GP_STR_INIT;
    gp_gen_answer answer = {0};
    gp_status st = GP_OK;
    *id = NULL;
    GP_GO(gp_gen_comfy_fill(b, r, ours, &body, err));
    GP_GO(gp_gen_ask(b, "/prompt", body.data, &answer, out, err));
    if (answer.wrong) {
        gp_json_each(gp_json_get(answer.wrong, "node_errors"), say_node, out);
        gp_gen_tidy(out);
    }
    if (!answer.root) goto out;
    const char *said =
        gp_json_text(gp_json_get(answer.root, "prompt_id"), NULL); /* older servers choose it themselves */
    if (!said && !ours)
        gp_gen_say(out, GP_GEN_AGAIN, "the server gives no job");
    else if (!(*id = gp_str_dup(said ? said : ours)))
        st = gp_fail(err, GP_ERR_MEMORY, "out of memory for a request");
out:
    gp_gen_answer_clear(&answer);
    gp_str_clear(&body);
    return st;
}

static gp_status make(gp_gen_backend *b, const gp_gen_request *r, gp_gen_result *out, gp_error *err)
{
    char ours[64], *id = NULL;
    bool queued = false;
    job_state state;
    gp_status st = GP_OK;
    snprintf(ours, sizeof ours, "%.8s-%.4s-%.4s-%.4s-%.12s", r->key, r->key + 8, r->key + 12, r->key + 16, r->key + 20);
    GP_GO(look(b, ours, r, &state, out, err));
    if (state == ENDED || state == UNKNOWN) goto out;
    if (state == NOT_THERE) {
        GP_GO(is_queued(b, ours, &queued, out, err));
        if (out->outcome != GP_GEN_GOT) goto out;
    }
    if (queued) {
        GP_GO(wait_for(b, ours, r, out, err));
        goto out;
    }
    /* what failed under our id stays in the history: the next try is known by an id of the server's */
    GP_GO(submit(b, r, state == FAILED ? NULL : ours, &id, out, err));
    if (id) GP_GO(wait_for(b, id, r, out, err));
out:
    gp_mem_free(id);
    return st;
}

const gp_gen_protocol_table gp_gen_comfy = {"comfyui", GP_GEN_SEEDS, "/system_stats", make, NULL, check};
