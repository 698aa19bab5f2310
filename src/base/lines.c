/* SPDX-License-Identifier: MIT
 * Reads a text file line by line. */
#include "base/lines.h"

#include <errno.h>
#include <string.h>

gp_status gp_lines_next(gp_lines *l, bool *more, gp_error *err)
{
    size_t size = 0;
    int c;
    l->number++;
    while ((c = getc(l->file)) != EOF && c != '\n') {
        if (c == '\0')
            return gp_fail_path(err, GP_ERR_FORMAT, "'%s' has a NUL byte in line %llu: save it as UTF-8 text", l->name,
                                (unsigned long long)l->number);
        if (size == GP_LINE_MAX)
            return gp_fail_path(err, GP_ERR_LIMIT, "'%s' has more than %d bytes in line %llu", l->name, GP_LINE_MAX,
                                (unsigned long long)l->number);
        l->text[size++] = (char)c;
    }
    if (ferror(l->file)) return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot read '%s'", l->name);
    *more = c != EOF || size > 0;
    if (size > 0 && l->text[size - 1] == '\r') size--;
    if (l->number == 1 && size >= 3 && memcmp(l->text, "\xef\xbb\xbf", 3) == 0) {
        size -= 3;
        memmove(l->text, l->text + 3, size);
    }
    l->text[size] = '\0';
    return GP_OK;
}
