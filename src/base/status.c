/* SPDX-License-Identifier: MIT
 * Error messages.  Each message is built in a local buffer first, because its arguments may point into the message that
 * it replaces. */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    ROOM = 2 * sizeof((gp_error *)0)->message,
    FORMAT_ROOM = 512, /* maximum bytes of a format after its path is removed */
};

/* The texts of an error message under construction. */
typedef struct texts {
    char message[ROOM], detail[ROOM];
    const char *path; /* NULL: the error has no path */
} texts;

/* Copies text into field [size], cut if it is too long, but never inside a UTF-8 sequence. */
static void copy(char *field, size_t size, const char *text)
{
    size_t used = strlen(text);
    if (used >= size) {
        used = size - 1;
        while (used > 0 && ((unsigned char)text[used] & 0xC0) == 0x80) used--;
    }
    memcpy(field, text, used);
    field[used] = '\0';
}

static void set(gp_error *err, gp_status status, int number, const texts *t)
{
    err->status = status;
    err->number = number;
    copy(err->message, sizeof err->message, t->message);
    copy(err->detail, sizeof err->detail, t->detail);
    /* A path that does not fit is left out, because a part of it would name another file. */
    copy(err->path, sizeof err->path, t->path && strlen(t->path) < sizeof err->path ? t->path : "");
}

static void add(char *text, const char *separator, const char *more)
{
    size_t used = strlen(text);
    snprintf(text + used, ROOM - used, "%s%s", separator, more);
}

/* Writes into `out` the format without its first conversion, which is '%s' in quotes, and without the blank or the
 * colon that separates it: "cannot open '%s': %s" becomes "cannot open: %s", and "'%s' is a folder" becomes "is a
 * folder". */
static void without_path(const char *format, char out[FORMAT_ROOM])
{
    const char *at = strstr(format, "'%s'");
    const char *end = at ? at + strlen("'%s'") : NULL;
    if (!at) {
        snprintf(out, FORMAT_ROOM, "%s", format);
        return;
    }
    if (at > format && at[-1] == ' ')
        at--;
    else if (end[0] == ' ')
        end++;
    else if (end[0] == ':' && end[1] == ' ')
        end += 2;
    snprintf(out, FORMAT_ROOM, "%.*s%s", (int)(at - format), format, end);
}

/* A build with UBSan adds a branch that reports a NULL format.  For this branch, gcc warns that the format is NULL. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wformat-truncation"
#endif
static void fill(texts *t, const char *format, va_list args)
{
    vsnprintf(t->message, ROOM, format, args);
    memcpy(t->detail, t->message, ROOM);
    t->path = NULL;
}

static void fill_path(texts *t, const char *format, va_list args)
{
    char rest[FORMAT_ROOM];
    va_list again;
    va_copy(again, args);
    vsnprintf(t->message, ROOM, format, args);
    t->path = va_arg(again, const char *);
    without_path(format, rest);
    vsnprintf(t->detail, ROOM, rest, again);
    va_end(again);
}

static void fill_memory(texts *t, const char *format, va_list args)
{
    int used = snprintf(t->message, ROOM, "out of memory for ");
    vsnprintf(t->message + used, ROOM - (size_t)used, format, args);
    memcpy(t->detail, t->message, ROOM);
    t->path = NULL;
}

static void fill_memory_path(texts *t, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    fill_memory(t, format, args);
    t->path = va_arg(again, const char *);
    snprintf(t->detail, ROOM, "out of memory");
    va_end(again);
}
#pragma GCC diagnostic pop

/* Fills in `t` from the arguments after `format`. fill_it: one of the functions above that fill in a `texts`. */
#define FILL(t, fill_it)                                                                                               \
    do {                                                                                                               \
        va_list args;                                                                                                  \
        va_start(args, format);                                                                                        \
        fill_it(&(t), format, args);                                                                                   \
        va_end(args);                                                                                                  \
    } while (0)

gp_status gp_fail(gp_error *err, gp_status status, const char *format, ...)
{
    texts t;
    if (!err) return status;
    FILL(t, fill);
    set(err, status, 0, &t);
    return status;
}

gp_status gp_fail_path(gp_error *err, gp_status status, const char *format, ...)
{
    texts t;
    if (!err) return status;
    FILL(t, fill_path);
    set(err, status, 0, &t);
    return status;
}

gp_status gp_fail_within(gp_error *err, gp_status status, const char *format, ...)
{
    texts t;
    char path[sizeof err->path];
    if (!err) return status;
    FILL(t, fill);
    add(t.message, ": ", err->message);
    add(t.detail, ": ", err->detail);
    copy(path, sizeof path, err->path);
    t.path = path;
    set(err, status, err->number, &t);
    return status;
}

gp_status gp_fail_path_within(gp_error *err, gp_status status, const char *format, ...)
{
    texts t;
    if (!err) return status;
    FILL(t, fill_path);
    add(t.message, ": ", err->message);
    add(t.detail, *t.detail ? ": " : "", err->message);
    set(err, status, err->number, &t);
    return status;
}

static void add_reason(texts *t, int number)
{
    char room[200];
    const char *reason = strerror_r(number, room, sizeof room);
    add(t->message, ": ", reason);
    add(t->detail, *t->detail ? ": " : "", reason);
}

gp_status gp_fail_errno(gp_error *err, gp_status status, int errno_value, const char *format, ...)
{
    texts t;
    if (!err) return status;
    FILL(t, fill);
    add_reason(&t, errno_value);
    set(err, status, errno_value, &t);
    return status;
}

gp_status gp_fail_path_errno(gp_error *err, gp_status status, int errno_value, const char *format, ...)
{
    texts t;
    if (!err) return status;
    FILL(t, fill_path);
    add_reason(&t, errno_value);
    set(err, status, errno_value, &t);
    return status;
}

gp_status gp_fail_memory(gp_error *err, const char *format, ...)
{
    texts t;
    if (!err) return GP_ERR_MEMORY;
    FILL(t, fill_memory);
    set(err, GP_ERR_MEMORY, 0, &t);
    return GP_ERR_MEMORY;
}

gp_status gp_fail_memory_path(gp_error *err, const char *format, ...)
{
    texts t;
    if (!err) return GP_ERR_MEMORY;
    FILL(t, fill_memory_path);
    set(err, GP_ERR_MEMORY, 0, &t);
    return GP_ERR_MEMORY;
}

gp_status gp_fail_as(gp_error *err, gp_status status, const gp_error *why)
{
    if (!err) return status;
    *err = *why;
    err->status = status;
    return status;
}

const char *gp_error_beside(const gp_error *error, const char *path)
{
    return *error->path && strcmp(error->path, path) == 0 ? error->detail : error->message;
}

/* Returns true if the file itself causes this errno, so that only a change of the file can help.  All other errors are
 * temporary: for example, a disk can be mounted again, and descriptors or memory become free. */
static bool is_of_the_file(int number)
{
    switch (number) {
    case EISDIR:       /* a folder, not a file */
    case EFBIG:        /* too large for this system */
    case EOVERFLOW:    /* the file's size or inode number is too large for this system */
    case ENAMETOOLONG: /* the file's name is too long */
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
    /* not temporary: damaged or unsupported bytes (FORMAT, LIMIT, UNSUPPORTED), or not a regular file (IO without
     * errno) */
    default: return false;
    }
}
