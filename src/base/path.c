/* SPDX-License-Identifier: MIT
 * Paths as bytes, handled lexically: a path is split at its last '/'. */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *gp_path_join(const char *a, const char *b)
{
    if (*b == '/') return gp_str_dup(b);
    size_t size = strlen(a);
    if (!size) return gp_str_dup(b);
    while (size > 1 && a[size - 1] == '/') size--;
    gp_str s = GP_STR_INIT;
    gp_str_add(&s, a, size);
    if (a[size - 1] != '/') gp_str_putc(&s, '/');
    gp_str_puts(&s, b);
    return gp_str_take(&s);
}

char *gp_path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return gp_str_dup(".");
    while (slash > path && slash[-1] == '/') slash--;
    return slash == path ? gp_str_dup("/") : gp_str_dup_n(path, (size_t)(slash - path));
}

const char *gp_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *gp_path_extension(const char *path)
{
    const char *base = gp_path_base(path), *dot = strrchr(base, '.');
    return dot && dot != base ? dot : base + strlen(base);
}

char *gp_path_absolute(const char *path)
{
    gp_str s = GP_STR_INIT;
    if (*path != '/') {
        char *here = getcwd(NULL, 0); /* getcwd allocates with malloc */
        if (!here) return NULL;
        gp_str_puts(&s, here);
        free(here);
        gp_str_putc(&s, '/');
    }
    gp_str_puts(&s, path);
    if (s.failed) return gp_str_take(&s);
    /* the loop overwrites s.data with the result, which is never longer than the text that the loop has already read */
    size_t used = 0;
    for (const char *p = s.data; *p;) {
        while (*p == '/') p++;
        size_t size = strcspn(p, "/");
        if (size == 0 || (size == 1 && p[0] == '.')) {
        } else if (size == 2 && p[0] == '.' && p[1] == '.') {
            while (used > 0 && s.data[--used] != '/') {
            }
        } else {
            s.data[used++] = '/';
            memmove(s.data + used, p, size);
            used += size;
        }
        p += size;
    }
    if (!used) s.data[used++] = '/';
    s.data[used] = '\0';
    s.size = used;
    return gp_str_take(&s);
}
