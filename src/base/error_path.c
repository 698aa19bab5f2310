/* SPDX-License-Identifier: MIT
 * What was wrong with a file, for a record that names the file already:
 *   "cannot open '/a/b.png': Permission denied" -> "cannot open: Permission denied",  "'/a' is a folder" -> "is a
 * folder" */
#include "base/status.h"

#include <string.h>

void gp_error_drop_path(gp_error *error, const char *path)
{
    char *text = error->message, *at = text;
    size_t size = strlen(path);
    while ((at = strchr(at, '\''))) {
        if (strncmp(at + 1, path, size) == 0 && at[size + 1] == '\'') break;
        at++;
    }
    if (!at) return;
    char *end = at + size + 2;
    if (at > text && at[-1] == ' ')
        at--;
    else if (*end == ' ' || (*end == ':' && end[1] == ' '))
        end += *end == ' ' ? 1 : 2;
    memmove(at, end, strlen(end) + 1);
}
