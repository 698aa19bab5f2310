/* SPDX-License-Identifier: MIT
 * Runs any program from a template of words, "draw --prompt {prompt} --seed {seed} -o {out}".  The words are split
 * as a shell splits them ('...', "...", \), then filled in, then run without a shell, so a prompt is never more
 * than one argument.  The program writes {out}; its exit status reports success.  A command with {requests} instead
 * is started once (program.c). */
#include "generate/backend.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_WORDS = 256 };

extern char **environ;

static void put_value(gp_str *s, const gp_gen_request *r, const char *name, size_t size)
{
    const struct {
        const char *name, *text;
        bool real;
        double number;
    } values[] = {{"prompt", r->prompt, 0, 0},
                  {"negative", r->negative ? r->negative : "", 0, 0},
                  {"out", r->out, 0, 0},
                  /* "-": the usual name of standard input, from which the program reads its requests */
                  {"requests", "-", 0, 0},
                  {"key", r->key, 0, 0},
                  {"model", r->model ? r->model : "", 0, 0},
                  {"sampler", r->sampler ? r->sampler : "", 0, 0},
                  {"scheduler", r->scheduler ? r->scheduler : "", 0, 0},
                  {"width", NULL, 0, r->width ? r->width : 512},
                  {"height", NULL, 0, r->height ? r->height : 512},
                  {"steps", NULL, 0, r->steps ? r->steps : 20},
                  {"refiner", r->refiner ? r->refiner : "", 0, 0},
                  {"cfg", NULL, true, isfinite(r->cfg) ? r->cfg : 7},
                  {"refiner_at", NULL, true, isfinite(r->refiner_at) ? r->refiner_at : 0.8}};
    if (size == 4 && !memcmp(name, "seed", 4)) {
        gp_str_printf(s, "%llu", (unsigned long long)r->seed);
        return;
    }
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (strlen(values[i].name) != size || memcmp(values[i].name, name, size)) continue;
        if (values[i].text)
            gp_str_puts(s, values[i].text);
        else
            gp_str_printf(s, values[i].real ? "%.10g" : "%.0f", values[i].number);
        return;
    }
    gp_str_printf(s, "{%.*s}", (int)size, name); /* not one of our placeholders: keep it */
}

/* Returns the next word of the template from *at, filled in; false: no more words. */
static bool next_word(const char **at, const gp_gen_request *r, gp_str *word)
{
    const char *p = *at;
    char quote = 0;
    while (*p == ' ' || *p == '\t' || *p == '\n') p++;
    if (!*p) return false;
    for (; *p && (quote || !strchr(" \t\n", *p)); p++) {
        const char *end;
        if (*p == quote)
            quote = 0;
        else if (!quote && (*p == '\'' || *p == '"'))
            quote = *p;
        else if (*p == '\\' && quote != '\'' && p[1])
            gp_str_putc(word, *++p);
        else if (*p == '{' && (end = strchr(p, '}')))
            put_value(word, r, p + 1, (size_t)(end - p - 1)), p = end;
        else
            gp_str_putc(word, *p);
    }
    *at = p;
    return true;
}

gp_status gp_gen_spawn(char *const *words, int line, pid_t *child, gp_gen_result *out)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    if (line < 0) {
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", 0, 0);
        /* keeps the program's output out of goldpan's standard output */
        posix_spawn_file_actions_adddup2(&files, 2, 1);
    } else {
        posix_spawn_file_actions_adddup2(&files, line, 0);
        posix_spawn_file_actions_adddup2(&files, line, 1);
    }
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    int rc = posix_spawnp(child, words[0], &files, &attributes, words, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (rc) gp_gen_set_result(out, GP_GEN_FAILED, "cannot run '%.200s': %s", words[0], strerror(rc));
    return rc ? GP_ERR_IO : GP_OK;
}

/* Waits for the program to end.  False: the run was stopped, or the time limit has passed (*late).  The program and
 * its children are then killed. */
static bool wait_for(gp_gen_backend *b, pid_t child, int *status, bool *late)
{
    pid_t ended;
    double end = b->o.timeout > 0 ? gp_clock_now() + b->o.timeout : INFINITY;
    while ((ended = waitpid(child, status, WNOHANG)) == 0) {
        *late = gp_clock_now() >= end;
        if (!*late && gp_gen_sleep(b, 0.02)) continue;
        kill(-child, SIGTERM);
        for (int i = 0; i < 50 && waitpid(child, status, WNOHANG) == 0; i++) usleep(20000);
        kill(-child, SIGKILL);
        waitpid(child, status, 0);
        return false;
    }
    if (ended < 0) *status = 127 << 8; /* the status is unknown: treat it as a failure */
    return true;
}

/* Returns a copy of the request.  Unsets each value for which the command has no placeholder.  The program does not get
 * such a value, and goldpan does not know which value the program uses instead. */
static gp_gen_request without_rest(const gp_gen_backend *b, const gp_gen_request *r)
{
    gp_gen_request kept = *r;
    if (!strstr(b->address, "{negative}")) kept.negative = NULL;
    if (!strstr(b->address, "{width}")) kept.width = 0;
    if (!strstr(b->address, "{height}")) kept.height = 0;
    if (!strstr(b->address, "{steps}")) kept.steps = 0;
    if (!strstr(b->address, "{cfg}")) kept.cfg = NAN;
    if (!strstr(b->address, "{sampler}")) kept.sampler = NULL;
    if (!strstr(b->address, "{scheduler}")) kept.scheduler = NULL;
    if (!strstr(b->address, "{model}")) kept.model = NULL;
    if (!strstr(b->address, "{refiner}")) kept.refiner = NULL;
    if (!strstr(b->address, "{refiner_at}")) kept.refiner_at = NAN;
    return kept;
}

/* Fails if the run needs seeds and the command has no {seed}.  Without {seed}, each prompt can have only one image,
 * except with --no-seed.  Also fails if {seed} and --no-seed are combined. */
static gp_status check_seed(gp_gen_backend *b, gp_error *err)
{
    bool placed = strstr(b->address, "{seed}") != NULL;
    if (placed && b->o.no_seed)
        return gp_fail(
            err, GP_ERR_USAGE,
            "{seed} in the command cannot be combined with --no-seed, because without a seed it has no value");
    if (!placed) b->can &= ~(unsigned)GP_GEN_SEEDS;
    if (placed || b->o.no_seed) return GP_OK;
    if (b->o.per_prompt > 1 || b->o.needs_seed)
        return gp_fail(err, GP_ERR_USAGE,
                       "the command has no {seed}, so it cannot receive the seed of an image: add {seed}%s",
                       gp_gen_or_no_seed(b));
    gp_gen_note(b, "command-no-seed", "the command has no {seed}, so the seed has no effect and is not recorded");
    return GP_OK;
}

/* Checks the seed.  Then sends a note for each other option that the command has no placeholder for. */
static gp_status check(gp_gen_backend *b, gp_error *err)
{
    static const struct {
        const char *option, *placeholder;
    } places[] = {{"--negative", "{negative}"},    {"--width", "{width}"},      {"--height", "{height}"},
                  {"--steps", "{steps}"},          {"--cfg", "{cfg}"},          {"--sampler", "{sampler}"},
                  {"--scheduler", "{scheduler}"},  {"--checkpoint", "{model}"}, {"--refiner", "{refiner}"},
                  {"--refiner-at", "{refiner_at}"}};
    if (strstr(b->address, "{requests}")) return GP_OK;
    GP_TRY(check_seed(b, err));
    if (!b->o.like) return GP_OK;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (gp_gen_asks(b->o.like, places[i].option) && !strstr(b->address, places[i].placeholder))
            gp_gen_note(b, "command-no-place", "%s has no effect: the command has no %s", places[i].option,
                        places[i].placeholder);
    return GP_OK;
}

static gp_status run(gp_gen_backend *b, char *const *words, const gp_gen_request *r, gp_gen_result *out, gp_error *err)
{
    pid_t child;
    int status = 0;
    bool late = false;
    unlink(r->out); /* delete an old file, so that a file found there later was written by this run */
    if (gp_gen_spawn(words, -1, &child, out) != GP_OK) return GP_OK;
    if (!wait_for(b, child, &status, &late)) {
        if (!late) return gp_fail(err, GP_ERR_STOPPED, "stopped");
        return gp_gen_set_result(out, GP_GEN_RETRY, "'%.200s' did not end within %g seconds", words[0], b->o.timeout);
    }
    if (WIFSIGNALED(status))
        return gp_gen_set_result(out, GP_GEN_RETRY, "'%.200s' was killed by signal %d", words[0], WTERMSIG(status));
    if (WEXITSTATUS(status))
        return gp_gen_set_result(out, GP_GEN_RETRY, "'%.200s' ended with exit code %d", words[0], WEXITSTATUS(status));
    GP_TRY(gp_gen_take_file(r->out, words[0], out, err));
    if (out->outcome != GP_GEN_DONE) return GP_OK;
    gp_gen_request kept = without_rest(b, r);
    gp_gen_put_asked(&out->settings, &kept);
    gp_gen_put_text(&out->settings, "model", kept.model);
    gp_gen_put_text(&out->settings, "refiner", kept.refiner);
    gp_gen_put_real(&out->settings, "refiner_switch_at", kept.refiner_at);
    return GP_OK;
}

static gp_status make(gp_gen_backend *b, const gp_gen_request *r, gp_gen_result *out, gp_error *err)
{
    char *words[MOST_WORDS + 1] = {0};
    size_t count = 0;
    gp_status st = GP_OK;
    const char *at = b->address;
    for (gp_str word = GP_STR_INIT; next_word(&at, r, &word); word = (gp_str)GP_STR_INIT) {
        if (count == MOST_WORDS) {
            gp_str_clear(&word);
            GP_TRY_GOTO(gp_fail(err, GP_ERR_USAGE, "the command has more than %d words", MOST_WORDS));
        }
        if (!(words[count++] = gp_str_take(&word))) GP_TRY_GOTO(gp_fail_memory(err, "a command"));
    }
    if (strstr(b->address, "{requests}"))
        GP_TRY_GOTO(gp_gen_program_make(b, words, r, out, err));
    else
        GP_TRY_GOTO(run(b, words, r, out, err));
out:
    for (size_t i = 0; i < count; i++) gp_mem_free(words[i]);
    return st;
}

const gp_gen_protocol_table gp_gen_command = {"command", GP_GEN_SEEDS | GP_GEN_PROGRAM, NULL, make, NULL, check};
