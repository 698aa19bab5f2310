/* SPDX-License-Identifier: MIT
 * Messages of failures.  They are built in a local buffer first, so that a message may quote the one it replaces. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void set(gp_error *err, gp_status status, const char *message)
{
    err->status = status;
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
    set(err, status, text);
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
    return status;
}
