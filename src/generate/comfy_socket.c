/* SPDX-License-Identifier: MIT
 * Reads ComfyUI's WebSocket. */
#include "generate/comfy_socket.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "net/socket.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* connect_seconds: time limit of an attempt to connect. first_pause, most_pause: first and longest pause between two
 * attempts, in seconds. */
static const double connect_seconds = 2, first_pause = 10, most_pause = 160;
static const double trusted_seconds = 2;  /* seconds between two polls of a job while messages are reliable */
static const double ending_seconds = 0.1; /* seconds from a job's end until it is in the history */
static const double stop_seconds = 0.1;   /* seconds between two checks for a stop */

struct gp_comfy_bell {
    gp_socket *socket;  /* NULL: no connection */
    char client[32];    /* goldpan's client name on the server; "": never connected */
    double next, pause; /* next: time of the next attempt to connect; pause: seconds to wait after that attempt */
    bool trusted;       /* messages of ComfyUI have arrived over this connection */
    bool doubted;       /* a job ended without a message; false again after a message about one of our jobs */
};

/* ------------------------------------------------------------------ messages */

gp_comfy_said gp_comfy_read_message(const char *text, size_t size, const char *id, double *share)
{
    gp_json *root = NULL;
    double value, most;
    gp_comfy_said said = GP_COMFY_JUNK;
    if (gp_json_parse(text, size, false, 64, &root, NULL) != GP_OK) return said;
    const gp_json *data = gp_json_get(root, "data");
    const char *type = gp_json_text(gp_json_get(root, "type"), NULL);
    const char *job = gp_json_text(gp_json_get(data, "prompt_id"), NULL);
    if (type && gp_json_kind_of(data) == GP_JSON_OBJECT) said = GP_COMFY_OTHER;
    if (type && job && !strcmp(job, id)) {
        said = GP_COMFY_OURS;
        if (!strcmp(type, "execution_success") || !strcmp(type, "execution_error") ||
            !strcmp(type, "execution_interrupted")) {
            said = GP_COMFY_ENDING;
        } else if (!strcmp(type, "executing") && gp_json_kind_of(gp_json_get(data, "node")) == GP_JSON_NULL) {
            said = GP_COMFY_ENDED;
        } else if (!strcmp(type, "progress") && gp_json_real(gp_json_get(data, "value"), &value) &&
                   gp_json_real(gp_json_get(data, "max"), &most) && value >= 0 && most > 0 && isfinite(most)) {
            *share = fmin(value / most, 1);
            said = GP_COMFY_STEPS;
        }
    }
    gp_json_free(root);
    return said;
}

/* ------------------------------------------------------------------ the connection */

/* Chooses a client name.  Each back end has a different name, because ComfyUI keeps only one connection for each
 * name. */
static void choose_name(struct gp_comfy_bell *bell)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    uint64_t name = gp_rng_at(seed ^ (uint64_t)(uintptr_t)bell, (uint64_t)getpid());
    snprintf(bell->client, sizeof bell->client, "goldpan-%016llx", (unsigned long long)name);
}

/* Connects, if the time of the next attempt has come. */
static void connect_bell(gp_gen_backend *b, struct gp_comfy_bell *bell)
{
    char name[sizeof bell->client];
    gp_str url = GP_STR_INIT;
    double now = gp_clock_now();
    if (bell->socket || now < bell->next) return;
    if (bell->pause <= 0) bell->pause = first_pause;
    bell->next = now + bell->pause;
    memcpy(name, bell->client, sizeof name);
    if (!*bell->client) choose_name(bell);
    /* http:// becomes ws://, and https:// becomes wss:// */
    gp_str_printf(&url, "ws%s/ws?clientId=%s", b->address + strlen("http"), bell->client);
    double limit = b->o.timeout > 0 ? fmin(b->o.timeout, connect_seconds) : connect_seconds;
    if (!url.failed) bell->socket = gp_socket_open(url.data, b->o.token, b->login, limit, b->o.go_on, b->o.user);
    gp_str_clear(&url);
    if (!bell->socket) memcpy(bell->client, name, sizeof name);
    bell->pause = bell->socket ? first_pause : fmin(bell->pause * 2, most_pause);
}

static void hang_up(struct gp_comfy_bell *bell)
{
    gp_socket_close(bell->socket);
    bell->socket = NULL;
    bell->trusted = false;
}

const char *gp_comfy_bell_client(gp_gen_backend *b)
{
    bool possible = b->pace > 0 && gp_str_starts(b->address, "http") && gp_socket_possible();
    if (!b->bell && possible) b->bell = gp_mem_zero(1, sizeof *b->bell); /* out of memory: no WebSocket */
    if (b->bell) connect_bell(b, b->bell);
    return b->bell && *b->bell->client ? b->bell->client : "goldpan";
}

/* Takes one message and returns what it says about the job `id`.  If no message has arrived, waits briefly and returns
 * GP_COMFY_JUNK. */
static gp_comfy_said listen_to(gp_gen_backend *b, struct gp_comfy_bell *bell, const char *id, double seconds)
{
    const gp_str *text = NULL;
    gp_comfy_said said = GP_COMFY_JUNK;
    double share = 0;
    switch (gp_socket_take(bell->socket, &text)) {
    case GP_SOCKET_NOTHING: gp_socket_wait(bell->socket, fmin(seconds, stop_seconds)); break;
    case GP_SOCKET_CLOSED: hang_up(bell); break;
    case GP_SOCKET_TEXT: said = gp_comfy_read_message(text->data, text->size, id, &share); break;
    case GP_SOCKET_SKIPPED: break;
    }
    if (said > GP_COMFY_OTHER) bell->doubted = false;
    if (said != GP_COMFY_JUNK && !bell->doubted) bell->trusted = true;
    if (said == GP_COMFY_STEPS && b->o.on_part) b->o.on_part(b->o.user, share, &(gp_bytes){0});
    return said;
}

bool gp_comfy_bell_wait(gp_gen_backend *b, const char *id, double seconds, bool *rang)
{
    struct gp_comfy_bell *bell = b->bell;
    double begin = gp_clock_now(), end = begin + seconds, ending = INFINITY;
    bool deaf = *rang;
    if (bell && *bell->client) connect_bell(b, bell);
    while (bell && bell->socket) {
        double now = gp_clock_now();
        double last = deaf || !bell->trusted ? end : fmax(end, begin + trusted_seconds);
        double left = fmin(last, ending) - now;
        if (b->o.go_on && !b->o.go_on(b->o.user)) return false;
        if (left <= 0) return true;
        gp_comfy_said said = listen_to(b, bell, id, left);
        if (deaf || (said != GP_COMFY_ENDING && said != GP_COMFY_ENDED)) continue;
        *rang = true;
        if (said == GP_COMFY_ENDED) return true;
        ending = fmin(ending, now + ending_seconds);
    }
    return gp_gen_sleep(b, fmax(end - gp_clock_now(), 0));
}

void gp_comfy_bell_missed(gp_gen_backend *b)
{
    if (!b->bell) return;
    b->bell->trusted = false;
    b->bell->doubted = true;
}

void gp_comfy_bell_free(struct gp_comfy_bell *bell)
{
    if (!bell) return;
    hang_up(bell);
    gp_mem_free(bell);
}
