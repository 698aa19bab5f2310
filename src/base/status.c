/* SPDX-License-Identifier: MIT
 * Messages of failures.  They are built in a local buffer first, so that a message may quote the one it replaces. */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void set(gp_error *err, gp_status status, const char *message)
{
    err->status = status;
    err->number = 0;
    size_t size = strlen(message);
    if (size >= sizeof err->message) {
        size = sizeof err->message - 1;
        /* never cut inside a UTF-8 sequence */
        while (size > 0 && ((unsigned char)message[size] & 0xC0) == 0x80) size--;
    }
    memcpy(err->message, message, size);
    err->message[size] = '\0';
}

enum { ROOM = 2 * sizeof((gp_error *)0)->message };

gp_status gp_fail(gp_error *err, gp_status status, const char *format, ...)
{
    if (!err) return status;
    char text[ROOM];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    set(err, status, text);
    return status;
}

gp_status gp_fail_within(gp_error *err, gp_status status, const char *format, ...)
{
    if (!err) return status;
    char text[ROOM + sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, ROOM, format, args);
    va_end(args);
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, ": %s", err->message);
    int number = err->number;
    set(err, status, text);
    err->number = number;
    return status;
}

gp_status gp_fail_errno(gp_error *err, gp_status status, int errno_value, const char *format, ...)
{
    if (!err) return status;
    char text[ROOM + 256], reason[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, ROOM, format, args);
    va_end(args);
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, ": %s", strerror_r(errno_value, reason, sizeof reason));
    set(err, status, text);
    err->number = errno_value;
    return status;
}

/* Returns whether the file itself causes this errno, so that only a change of the file can help.  All other errors are
 * temporary: a disk can be mounted again, a folder made readable, descriptors and memory freed. */
static bool is_of_the_file(int number)
{
    switch (number) {
    case EISDIR:       /* a folder, not a file */
    case EFBIG:        /* too large for this system */
    case EOVERFLOW:    /* also too large for this system */
    case ENAMETOOLONG: /* its name cannot be opened */
    case EINVAL:       /* not an object that can be read or mapped */
    case EILSEQ:       /* a name that the file system cannot hold */
    case ESPIPE: return true;
    default: return false;
    }
}

bool gp_error_passes(const gp_error *error)
{
    if (error->number) return !is_of_the_file(error->number);
    switch (error->status) {
    case GP_ERR_MEMORY:
    case GP_ERR_NOT_FOUND: /* the file was removed or its content replaced since it was added */
    case GP_ERR_NETWORK:
    case GP_ERR_CATALOG:
    case GP_ERR_STOPPED: return true;
    default: return false; /* the bytes (FORMAT, LIMIT, UNSUPPORTED), or not a regular file (IO without errno) */
    }
}
