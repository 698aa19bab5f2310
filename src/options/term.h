/* SPDX-License-Identifier: MIT
 * Output on stderr: notes, errors and the progress line.  Also the signals that stop a command (SIGINT, SIGTERM).  Data
 * goes to stdout; the commands write it themselves. */
#ifndef GP_OPTIONS_TERM_H
#define GP_OPTIONS_TERM_H

#include "base/status.h"

typedef struct gp_term {
    bool quiet, verbose;
    bool live;   /* stderr is a terminal that can rewrite a line */
    bool colour; /* stderr may show colours */
    bool shown;  /* a progress line is displayed */
    char stage[32];
    uint64_t first; /* `done` at the first report of the stage; above 0 for a resumed download */
    double first_seconds;
} gp_term;

/* Sets `live` and `colour` by stderr, TERM, NO_COLOR and GOLDPAN_PRETEND_TTY.  Handles SIGINT and SIGTERM: the first
 * signal requests a stop, the second ends the process. */
void gp_term_open(gp_term *term);
/* Returns the signal that requested a stop; 0: none. */
int gp_term_signal(void);
/* Returns true until a signal requests a stop.  For functions that take a go_on callback; `user` is not used. */
bool gp_term_go_on(void *user);

/* Each prints one line and adds the newline: gp_term_say unless quiet, gp_term_detail only if verbose, gp_term_warn
 * always. */
void gp_term_say(gp_term *term, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gp_term_detail(gp_term *term, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gp_term_warn(gp_term *term, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints "goldpan: error: ...". */
void gp_term_error(gp_term *term, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A gp_progress_fn whose user is a gp_term. */
bool gp_term_progress(void *user, const gp_progress *progress);
/* Erases the progress line. */
void gp_term_clear(gp_term *term);

/* Write a size as "1.3 GB", and a duration as "1:05" or "2:03:04" ("--:--" from 100 hours on). */
void gp_term_bytes(double bytes, char text[16]);
void gp_term_clock(double seconds, char text[16]);

#endif
