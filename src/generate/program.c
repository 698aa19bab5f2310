/* SPDX-License-Identifier: MIT
 * Runs a command with {requests} in it.  The program is started once, so it loads a model once.  goldpan writes one
 * line of JSON for each image to its standard input.  The program responds with lines of JSON on its standard
 * output:
 *
 *   {"part": 0.4}                                     finished share of the image; may come often
 *   {"settings": {"seed": 1, ...}}                    the file `out` is written; settings may be missing
 *   {"error": "...", "again": false, "refused": true} there is no image; both flags may be missing
 *
 * If the program ends or gives an invalid response, the next try starts it again. */
#include "generate/backend.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINE_LIMIT = 1 << 20, LOOK_MS = 50, GRACE_MS = 2000 };

struct gp_gen_program {
    pid_t pid;
    int line; /* socket for requests and answers */
    gp_str in;
};

/* ------------------------------------------------------------------ the process */

/* Ends the program: closes its input (and sends SIGTERM if at_once), waits, then sends SIGKILL.  Returns its status. */
static int end(gp_gen_program *p, bool at_once)
{
    int status = 0, waited = 0;
    close(p->line);
    if (at_once) kill(-p->pid, SIGTERM);
    while (waitpid(p->pid, &status, WNOHANG) == 0 && waited++ < GRACE_MS / 20) usleep(20000);
    if (waited > GRACE_MS / 20) {
        kill(-p->pid, SIGKILL);
        waitpid(p->pid, &status, 0);
    }
    gp_str_clear(&p->in);
    gp_mem_free(p);
    return status;
}

void gp_gen_program_close(gp_gen_program *p)
{
    if (p) (void)end(p, false);
}

static gp_status start(gp_gen_backend *b, char *const *words, gp_gen_result *out, gp_error *err)
{
    int ends[2];
    gp_gen_program *p = gp_mem_zero(1, sizeof *p);
    if (!p) return gp_fail_memory(err, "a program");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        gp_mem_free(p);
        return gp_gen_set_result(out, GP_GEN_RETRY, "cannot create a socket pair for '%.200s': %s", words[0],
                                 strerror(errno));
    }
    bool started = gp_gen_spawn(words, ends[1], &p->pid, out) == GP_OK;
    close(ends[1]);
    p->line = ends[0];
    if (started)
        b->program = p;
    else
        close(ends[0]), gp_mem_free(p);
    return GP_OK;
}

/* Ends a program that gave no valid response.  why: the reason; NULL: the program ended by itself. */
static gp_status drop(gp_gen_backend *b, const char *name, const char *why, gp_gen_result *out)
{
    int status = end(b->program, why != NULL);
    b->program = NULL;
    if (why) return gp_gen_set_result(out, GP_GEN_RETRY, "'%.200s' %s", name, why);
    if (WIFSIGNALED(status))
        return gp_gen_set_result(out, GP_GEN_RETRY, "'%.200s' was killed by signal %d", name, WTERMSIG(status));
    return gp_gen_set_result(out, GP_GEN_RETRY, "'%.200s' ended with exit code %d before it answered", name,
                             WEXITSTATUS(status));
}

/* ------------------------------------------------------------------ lines */

static bool send_line(gp_gen_program *p, const gp_str *line)
{
    for (size_t sent = 0; sent < line->size;) {
        ssize_t n = send(p->line, line->data + sent, line->size - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) return false;
        if (n > 0) sent += (size_t)n;
    }
    return true;
}

typedef enum hearing { HEARD, ENDED, LATE, STOPPED, TOO_LONG } hearing;

/* Waits for the next line, which is then at the start of p->in; *size: its size without the line end. */
static hearing hear(gp_gen_backend *b, gp_gen_program *p, double deadline, size_t *size)
{
    for (size_t seen = 0;;) {
        char piece[4096];
        const char *stop = p->in.size ? memchr(p->in.data + seen, '\n', p->in.size - seen) : NULL;
        if (stop) {
            *size = (size_t)(stop - p->in.data);
            return HEARD;
        }
        seen = p->in.size;
        if (seen > LINE_LIMIT) return TOO_LONG;
        if (b->o.go_on && !b->o.go_on(b->o.user)) return STOPPED;
        if (gp_clock_now() >= deadline) return LATE;
        struct pollfd look = {p->line, POLLIN, 0};
        if (poll(&look, 1, LOOK_MS) <= 0) continue;
        ssize_t n = recv(p->line, piece, sizeof piece, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return ENDED;
        if (n > 0) gp_str_add(&p->in, piece, (size_t)n);
        if (p->in.failed) return TOO_LONG;
    }
}

static void forget_line(gp_gen_program *p, size_t size)
{
    memmove(p->in.data, p->in.data + size + 1, p->in.size - size - 1);
    p->in.size -= size + 1;
}

/* ------------------------------------------------------------------ an image */

static void put_request(const gp_gen_request *r, gp_str *s)
{
    gp_str_putc(s, '{');
    gp_gen_put_picture(s, r, "negative");
    if (r->steps) gp_gen_put_u64(s, "steps", r->steps);
    gp_gen_put_real(s, "cfg", r->cfg);
    gp_gen_put_text(s, "sampler", r->sampler);
    gp_gen_put_text(s, "scheduler", r->scheduler);
    gp_gen_put_text(s, "model", r->model);
    gp_gen_put_text(s, "refiner", r->refiner);
    gp_gen_put_real(s, "refiner_at", r->refiner_at);
    gp_gen_put_text(s, "out", r->out);
    gp_str_puts(s, "}\n");
}

static bool put_setting(void *user, const char *name, const gp_json *value)
{
    gp_json_kind kind = gp_json_kind_of(value);
    if (kind != GP_JSON_STRING && kind != GP_JSON_INT && kind != GP_JSON_REAL) return true;
    gp_json_put_name(user, name);
    gp_json_write(user, value);
    return true;
}

static gp_status take_image(const char *name, const gp_json *answer, const gp_gen_request *r, gp_gen_result *out,
                            gp_error *err)
{
    GP_TRY(gp_gen_take_file(r->out, name, out, err));
    if (out->outcome != GP_GEN_DONE) return GP_OK;
    const gp_json *settings = gp_json_get(answer, "settings");
    if (gp_json_count(settings))
        gp_json_each(settings, put_setting, &out->settings);
    else
        gp_gen_put_asked(&out->settings, r);
    return GP_OK;
}

/* Reads one line of the program.  *done: the line is the last one for this image. */
static gp_status take_line(gp_gen_backend *b, const char *name, size_t size, const gp_gen_request *r, bool *done,
                           gp_gen_result *out, gp_error *err)
{
    gp_json *answer = NULL;
    gp_status st = gp_json_parse(b->program->in.data, size, false, 16, &answer, NULL);
    if (st == GP_ERR_MEMORY) return gp_fail_memory(err, "an answer of the generator");
    if (st != GP_OK || gp_json_kind_of(answer) != GP_JSON_OBJECT) {
        char why[200];
        snprintf(why, sizeof why, "answered with a line that is not a JSON object: '%.*s'",
                 (int)(size < 100 ? size : 100), b->program->in.data);
        gp_json_free(answer);
        return drop(b, name, why, out);
    }
    forget_line(b->program, size);
    double part = 0;
    const char *error = gp_json_text(gp_json_get(answer, "error"), NULL);
    *done = error || !gp_json_real(gp_json_get(answer, "part"), &part);
    st = GP_OK;
    if (!*done) {
        if (b->o.on_part && part >= 0 && part <= 1) b->o.on_part(b->o.user, part, &(gp_bytes){0});
    } else if (error) {
        bool refused = gp_json_bool(gp_json_get(answer, "refused"), false);
        bool again = gp_json_bool(gp_json_get(answer, "again"), true);
        gp_gen_set_result(out, refused ? GP_GEN_REFUSED : again ? GP_GEN_RETRY : GP_GEN_FAILED, "%.350s", error);
        out->reported = true;
    } else
        st = take_image(name, answer, r, out, err);
    gp_json_free(answer);
    return st;
}

gp_status gp_gen_program_make(gp_gen_backend *b, char *const *words, const gp_gen_request *r, gp_gen_result *out,
                              gp_error *err)
{
    gp_str line = GP_STR_INIT;
    double deadline = b->o.timeout > 0 ? gp_clock_now() + b->o.timeout : INFINITY;
    gp_status st = GP_OK;
    put_request(r, &line);
    if (line.failed) GP_TRY_GOTO(gp_fail_memory(err, "a request"));
    unlink(r->out); /* delete an old file, so that a file found there later was written for this request */
    if (!b->program) GP_TRY_GOTO(start(b, words, out, err));
    if (!b->program) goto out;
    if (!send_line(b->program, &line)) GP_TRY_GOTO(drop(b, words[0], NULL, out));
    for (bool done = false; b->program && !done;) {
        char why[80];
        size_t size = 0;
        hearing heard = hear(b, b->program, deadline, &size);
        snprintf(why, sizeof why, "did not answer within %g seconds", b->o.timeout);
        if (heard == HEARD) {
            GP_TRY_GOTO(take_line(b, words[0], size, r, &done, out, err));
        } else if (heard == STOPPED) {
            drop(b, words[0], "stopped", out);
            GP_TRY_GOTO(gp_fail(err, GP_ERR_STOPPED, "stopped"));
        } else
            drop(b, words[0],
                 heard == LATE       ? why
                 : heard == TOO_LONG ? "answered with a line that is too long"
                                     : NULL,
                 out);
    }
out:
    gp_str_clear(&line);
    return st;
}
