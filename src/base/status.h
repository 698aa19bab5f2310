/* SPDX-License-Identifier: MIT
 * Status and message: every function that can fail returns gp_status.
 * Messages are lower case, name the file in quotes, and have no full stop.  The function that fails first writes the
 * message.  Its callers pass the message on, or put a prefix before it. */
#ifndef GP_BASE_STATUS_H
#define GP_BASE_STATUS_H

#include <goldpan.h>

/* Writes status and message (printf style) to err, which may be NULL.  Returns the status. */
gp_status gp_fail(gp_error *err, gp_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As gp_fail, for a failure that concerns a file.  The first conversion of `format` is '%s' in single quotes, and its
 * argument is the path.  err->path gets the path, and err->detail the message without it. */
gp_status gp_fail_path(gp_error *err, gp_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message in err (may be NULL).  Returns the status. */
gp_status gp_fail_within(gp_error *err, gp_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As gp_fail_within, with a prefix whose first conversion is the quoted path, as in gp_fail_path. */
gp_status gp_fail_path_within(gp_error *err, gp_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As gp_fail, with ": " and the text of errno_value at the end. */
gp_status gp_fail_errno(gp_error *err, gp_status status, int errno_value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Writes a message such as "out of memory for the view", for gp_fail_memory(err, "the view").  Returns
 * GP_ERR_MEMORY. */
gp_status gp_fail_memory(gp_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As gp_fail_memory, with a path as in gp_fail_path: gp_fail_memory_path(err, "the prompt of '%s'", path). */
gp_status gp_fail_memory_path(gp_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Copies the error `why` to err, but with the status `status`; returns `status`. */
gp_status gp_fail_as(gp_error *err, gp_status status, const gp_error *why);

/* As gp_fail_errno, with a path as in gp_fail_path. */
gp_status gp_fail_path_errno(gp_error *err, gp_status status, int errno_value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Returns the error's text for a record that already names `path`: error->detail if the error concerns that file, else
 * error->message. */
const char *gp_error_beside(const gp_error *error, const char *path);

/* Returns true for a temporary error (a disk that is not mounted, no permission, too many open files), which the next
 * run should try again; false for an error that the file's own bytes cause.  The table is in status.c. */
bool gp_error_passes(const gp_error *error);

/* Returns from the calling function if the call fails. */
#define GP_TRY(call)                                                                                                   \
    do {                                                                                                               \
        gp_status gp_try_status = (call);                                                                              \
        if (gp_try_status != GP_OK) return gp_try_status;                                                              \
    } while (0)

/* Goes to the function's `out:` label if the call fails; the label releases resources in reverse order.  Needs
 * `gp_status st`. */
#define GP_TRY_GOTO(call)                                                                                              \
    do {                                                                                                               \
        st = (call);                                                                                                   \
        if (st != GP_OK) goto out;                                                                                     \
    } while (0)

#endif
