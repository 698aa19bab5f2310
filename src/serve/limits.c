/* SPDX-License-Identifier: MIT
 * The default and the range of each limit, and a parser so that tests can set small limits. */
#include "serve/limits.h"

#include "base/str.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t field;
    double least, most, usual;
} table[] = {
    {"connections", offsetof(gp_serve_limits, connections), 4, 1000, 256},
    {"request_seconds", offsetof(gp_serve_limits, request_seconds), 0.1, 3600, 20},
    {"body_seconds", offsetof(gp_serve_limits, body_seconds), 0.1, 3600, 120},
    {"idle_seconds", offsetof(gp_serve_limits, idle_seconds), 1, 3600, 60},
    {"listeners", offsetof(gp_serve_limits, listeners), 1, 1000, 64},
    {"waiting", offsetof(gp_serve_limits, waiting), 1, 10000, 512},
    {"thumb_bytes", offsetof(gp_serve_limits, thumb_bytes), 0, 1e15, 2147483648.0},
    {"alive_seconds", offsetof(gp_serve_limits, alive_seconds), 0.1, 3600, 15},
    {"poll_seconds", offsetof(gp_serve_limits, poll_seconds), 0.1, 3600, 1},
    {"strangers", offsetof(gp_serve_limits, strangers), 1, 1000, 64},
    {"image_bytes", offsetof(gp_serve_limits, image_bytes), 1, 1e13, 805306368.0},
    {"upload_bytes", offsetof(gp_serve_limits, upload_bytes), 1, 1e13, 268435456.0},
};

static void set(gp_serve_limits *limits, const char *name, size_t size, const char *text)
{
    double value;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strlen(table[i].name) != size || memcmp(table[i].name, name, size) != 0) continue;
        if (!gp_parse_double(text, &value) || !(value >= table[i].least) || value > table[i].most) return;
        *(double *)(void *)((char *)limits + table[i].field) = value;
    }
}

void gp_serve_limits_read(const char *text, gp_serve_limits *out)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        *(double *)(void *)((char *)out + table[i].field) = table[i].usual;
    while (text && *text) {
        char value[32];
        size_t size = strcspn(text, ","), name = strcspn(text, "=,");
        if (name < size && size - name - 1 < sizeof value) {
            memcpy(value, text + name + 1, size - name - 1);
            value[size - name - 1] = 0;
            set(out, text, name, value);
        }
        text += size + (text[size] == ',');
    }
}
