/* SPDX-License-Identifier: MIT
 * See tar_write.h.  Source: POSIX.1-2017, pax, "ustar Interchange Format". */
#include "dataset/tar_write.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK = 512, NAME_MAX_BYTES = 100 };
#define SIZE_LIMIT ((uint64_t)1 << 33) /* a size has eleven octal digits */

static const char zeros[2 * BLOCK];

static uint64_t padding(uint64_t size)
{
    return (BLOCK - size % BLOCK) % BLOCK;
}

uint64_t gp_tar_member_bytes(uint64_t size)
{
    return BLOCK + size + padding(size);
}

gp_status gp_tar_put(gp_set_file *file, const char *name, const void *bytes, size_t size, gp_error *err)
{
    char head[BLOCK] = {0};
    unsigned sum = 0;
    size_t length = strlen(name);
    if (length > NAME_MAX_BYTES)
        return gp_fail(err, GP_ERR_LIMIT, "the name '%s' is longer than 100 bytes, the limit of a tar archive", name);
    if (size >= SIZE_LIMIT)
        return gp_fail(err, GP_ERR_LIMIT, "'%s' is not smaller than 8 GiB, the limit of a tar archive", name);
    memcpy(head, name, length);
    memcpy(head + 100, "0000644\0000000000\0000000000", 24); /* mode, user, group */
    snprintf(head + 124, 12, "%011llo", (unsigned long long)size);
    memcpy(head + 136, "00000000000", 12); /* time */
    memset(head + 148, ' ', 8);            /* the checksum counts as blanks */
    head[156] = '0';                       /* a regular file */
    memcpy(head + 257, "ustar\00000", 8);
    for (size_t i = 0; i < BLOCK; i++) sum += (unsigned char)head[i];
    snprintf(head + 148, 8, "%06o", sum);
    GP_TRY(gp_set_file_write(file, head, BLOCK, err));
    GP_TRY(gp_set_file_write(file, bytes, size, err));
    return gp_set_file_write(file, zeros, (size_t)padding(size), err);
}

gp_status gp_tar_end(gp_set_file *file, gp_error *err)
{
    return gp_set_file_write(file, zeros, sizeof zeros, err);
}
