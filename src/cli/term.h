/* SPDX-License-Identifier: MIT
 * Talk on stderr: remarks, errors, the progress line; and the wish to stop (SIGINT, SIGTERM).
 * stdout is for data only and is written by the commands themselves. */
#ifndef GP_CLI_TERM_H
#define GP_CLI_TERM_H

#include "base/status.h"

typedef struct gp_term {
    bool quiet, verbose;
    bool live;   /* stderr is a terminal that can rewrite a line */
    bool colour; /* and may show colours */
    bool shown;  /* a progress line stands there */
    char stage[32];
    uint64_t first; /* what was done when the stage was first heard of: resumed downloads begin in the middle */
    double first_seconds;
} gp_term;

/* Looks at stderr, TERM, NO_COLOR, GOLDPAN_PRETEND_TTY; takes SIGINT and SIGTERM: the first asks to stop, the second
 * kills. */
void gp_term_open(gp_term *term);
/* The signal that asked to stop, 0 if none did. */
int gp_term_signal(void);
/* True until a signal asks to stop.  For functions that take a go_on callback; `user` is not used. */
bool gp_term_go_on(void *user);

/* A remark, unless quiet; only if verbose; always.  Each is one line without its newline. */
void gp_term_say(gp_term *term, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gp_term_detail(gp_term *term, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gp_term_warn(gp_term *term, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "goldpan: error: ..." */
void gp_term_error(gp_term *term, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* gp_progress_fn with a gp_term as user. */
bool gp_term_progress(void *user, const gp_progress *progress);
/* Take the progress line away. */
void gp_term_clear(gp_term *term);

/* "1.3 GB"; "1:05" or "2:03:04" (or "--:--" if it would be days). */
void gp_term_bytes(double bytes, char text[16]);
void gp_term_clock(double seconds, char text[16]);

#endif
