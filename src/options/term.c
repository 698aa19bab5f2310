/* SPDX-License-Identifier: MIT
 *
 * Rewrites one line on stderr with the progress:
 *
 *     score  1234/5000  24%  83.1/s  ETA 0:45  2 failed
 *
 * The line appears only if stderr is a terminal that supports "erase to end of line" (not TERM=dumb).  It is erased
 * before other text is printed.  The signal handler sets one flag, which the progress callback passes on to the
 * library. */
#include "options/term.h"

#include "base/str.h"

#include <assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Atomic, because the signal may arrive in any thread.  Lock-free, because a signal handler may use only lock-free
 * atomics. */
static atomic_int asked;
static_assert(ATOMIC_INT_LOCK_FREE == 2, "a signal handler may only use lock-free atomics");

static void on_signal(int number)
{
    static const char words[] = "\ngoldpan: stopping after the current batch; press Ctrl-C again to stop at once\n";
    atomic_store(&asked, number);
    if (write(STDERR_FILENO, words, sizeof words - 1) < 0) return;
}

static bool set(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

void gp_term_open(gp_term *term)
{
    const char *kind = getenv("TERM");
    bool dumb = kind && !strcmp(kind, "dumb");
    term->live = (isatty(STDERR_FILENO) || set("GOLDPAN_PRETEND_TTY")) && !dumb;
    term->colour = term->live && !set("NO_COLOR");
    /* SA_RESETHAND restores the default action, so the second signal of a kind ends the process */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file beyond `ulimit -f` then causes a write error and does not kill goldpan */
}

int gp_term_signal(void)
{
    return atomic_load(&asked);
}

bool gp_term_go_on(void *user)
{
    (void)user;
    return atomic_load(&asked) == 0;
}

void gp_term_clear(gp_term *term)
{
    if (!term->shown) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    term->shown = false;
}

static void line(gp_term *term, const char *format, va_list args)
{
    gp_term_clear(term);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void gp_term_say(gp_term *term, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!term->quiet) line(term, format, args);
    va_end(args);
}

void gp_term_detail(gp_term *term, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (term->verbose) line(term, format, args);
    va_end(args);
}

void gp_term_warn(gp_term *term, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    line(term, format, args);
    va_end(args);
}

void gp_term_error(gp_term *term, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    gp_term_clear(term);
    fputs(term->colour ? "goldpan: \033[31merror:\033[0m " : "goldpan: error: ", stderr);
    line(term, format, args);
    va_end(args);
}

void gp_term_bytes(double bytes, char text[16])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    while (bytes >= 999.5 && unit < 4) bytes /= 1000, unit++;
    snprintf(text, 16, unit == 0 || bytes >= 99.95 ? "%.0f %s" : "%.1f %s", bytes > 99999 ? 99999 : bytes, units[unit]);
}

void gp_term_clock(double seconds, char text[16])
{
    if (!(seconds >= 0 && seconds < 100 * 3600)) {
        snprintf(text, 16, "--:--");
        return;
    }
    unsigned s = (unsigned)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, 16, "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, 16, "%u:%02u", s / 60, s % 60);
}

static void draw(const gp_term *term, const gp_progress *p)
{
    bool bytes = !strcmp(p->stage, "download");
    double done = (double)p->done, total = (double)p->total, spent = p->seconds - p->waiting - term->first_seconds;
    double rate = spent > 0 ? (done - (double)term->first) / spent : 0;
    char text[3][16];
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "\r%s  ", p->stage);
    if (bytes) {
        gp_term_bytes(done, text[0]);
        gp_term_bytes(total, text[1]);
        gp_term_bytes(rate, text[2]);
        gp_str_printf(&s, p->total ? "%s / %s" : "%s", text[0], text[1]);
    } else {
        gp_str_printf(&s, p->total ? "%llu/%llu" : "%llu", (unsigned long long)p->done, (unsigned long long)p->total);
        snprintf(text[2], sizeof text[2], "%.*f", rate < 99.95 ? 1 : 0, rate < 1e6 ? rate : 1e6);
    }
    done += p->part;
    if (p->total) gp_str_printf(&s, "  %.0f%%", 100.0 * (done < total ? done / total : 1.0));
    if (rate > 0) gp_str_printf(&s, "  %s/s", text[2]);
    if (rate > 0 && p->total && p->done < p->total) {
        gp_term_clock((total - done) / rate, text[0]);
        gp_str_printf(&s, "  ETA %s", text[0]);
    }
    if (p->ahead) gp_str_printf(&s, "  %u %s ahead", p->ahead, gp_plural(p->ahead, "job", "jobs"));
    if (p->failed) gp_str_printf(&s, "  %llu failed", (unsigned long long)p->failed);
    gp_str_puts(&s, "\033[K");
    if (!s.failed) fputs(s.data, stderr);
    fflush(stderr);
    gp_str_clear(&s);
}

bool gp_term_progress(void *user, const gp_progress *progress)
{
    gp_term *term = user;
    if (term->live && !term->quiet) {
        if (strcmp(term->stage, progress->stage) != 0) {
            snprintf(term->stage, sizeof term->stage, "%s", progress->stage);
            term->first = progress->done;
            term->first_seconds = progress->seconds;
        }
        draw(term, progress);
        term->shown = true;
    }
    return atomic_load(&asked) == 0;
}
