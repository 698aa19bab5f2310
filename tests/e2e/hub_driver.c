/* SPDX-License-Identifier: MIT
 * Runs the functions of net/hub.h from the command line, for hub_test.py:
 *     hub_driver fetch NAME [revision=R] [force] [stop=BYTES]     hub_driver find NAME [revision=R]     hub_driver list
 * One line of JSON on stdout: status, message, folder, and the last progress seen. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/hub.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {"ok",    "usage",       "memory",  "io",      "not found", "format",
                                    "limit", "unsupported", "network", "catalog", "stopped"};

struct watch {
    uint64_t stop, done, total;
    unsigned calls;
    bool backwards;
};

static bool watch(void *user, const gp_progress *p)
{
    struct watch *w = user;
    w->calls++;
    if (p->done < w->done) w->backwards = true;
    w->done = p->done, w->total = p->total;
    return !w->stop || p->done < w->stop;
}

static bool print_model(void *user, const gp_cached_model *m)
{
    gp_str *s = user;
    if (s->size > 1) gp_str_putc(s, ',');
    gp_str_puts(s, "{\"name\":");
    gp_json_put_string(s, m->name);
    gp_str_puts(s, ",\"revision\":");
    gp_json_put_string(s, m->revision);
    gp_str_puts(s, ",\"folder\":");
    gp_json_put_string(s, m->folder);
    gp_str_printf(s, ",\"bytes\":%llu,\"usable\":%s}", (unsigned long long)m->bytes, m->usable ? "true" : "false");
    return true;
}

int main(int argc, char **argv)
{
    gp_error err = {0};
    gp_status st = GP_ERR_USAGE;
    gp_fetch_options options = GP_FETCH_DEFAULTS;
    struct watch w = {0};
    char *folder = NULL;
    gp_str list = GP_STR_INIT, out = GP_STR_INIT;
    options.progress = watch, options.user = &w;
    for (int i = 3; i < argc; i++) {
        if (gp_str_starts(argv[i], "revision="))
            options.revision = argv[i] + strlen("revision=");
        else if (!strcmp(argv[i], "force"))
            options.force = true;
        else if (!gp_str_starts(argv[i], "stop=") || !gp_parse_u64(argv[i] + strlen("stop="), &w.stop))
            return 2;
    }
    if (argc > 2 && !strcmp(argv[1], "fetch"))
        st = gp_hub_fetch(argv[2], &options, &folder, &err);
    else if (argc > 2 && !strcmp(argv[1], "find"))
        st = gp_hub_find(argv[2], options.revision, &folder, &err);
    else if (argc > 1 && !strcmp(argv[1], "list")) {
        gp_str_putc(&list, '[');
        st = gp_hub_list(print_model, &list, &err);
        gp_str_putc(&list, ']');
    } else
        return 2;
    gp_str_puts(&out, "{\"status\":");
    gp_json_put_string(&out, names[st]);
    gp_str_puts(&out, ",\"message\":");
    gp_json_put_string(&out, err.message);
    gp_str_puts(&out, ",\"folder\":");
    gp_json_put_string(&out, folder ? folder : "");
    gp_str_printf(&out, ",\"done\":%llu,\"total\":%llu,\"calls\":%u,\"backwards\":%s,\"models\":%s}",
                  (unsigned long long)w.done, (unsigned long long)w.total, w.calls, w.backwards ? "true" : "false",
                  list.data ? list.data : "[]");
    printf("%s\n", out.data);
    gp_str_clear(&list);
    gp_str_clear(&out);
    gp_mem_free(folder);
    return 0;
}
