/* SPDX-License-Identifier: MIT
 * Keeps the key of a catalog in `explorer.key` beside it, mode 0600. */
#include "serve/key.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE = GP_TOKEN + 1 /* the key and a newline */ };

/* Returns true if the file belongs to this user and contains a key that no other user can read. */
static bool read_key(const char *path, char token[GP_TOKEN + 1])
{
    char line[LINE + 1];
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return false;
    bool ours = fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_uid == geteuid() &&
                (facts.st_mode & (S_IRWXG | S_IRWXO)) == 0;
    ssize_t got = ours ? read(fd, line, sizeof line) : -1;
    close(fd);
    if (got != LINE || line[GP_TOKEN] != '\n') return false;
    line[GP_TOKEN] = '\0';
    if (strspn(line, "0123456789abcdef") != GP_TOKEN) return false;
    memcpy(token, line, sizeof line - 1);
    return true;
}

/* Writes the key under a temporary name and renames the file, so that no other user can read the key at any moment.
 * gp_file_replace is not used: it would keep the permissions of an existing file.  It would also follow a symbolic
 * link.  If a stranger made the folder of the catalog, the file may be such a link. */
static void keep_key(const char *path, const char token[GP_TOKEN + 1])
{
    char line[LINE + 1], temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid()) >= (int)sizeof temporary) return;
    snprintf(line, sizeof line, "%s\n", token);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0) return;
    bool written = gp_fd_write(fd, -1, line, LINE) && fsync(fd) == 0;
    if (close(fd) != 0 || !written || rename(temporary, path) != 0) (void)unlink(temporary);
}

static gp_status make_key(char token[GP_TOKEN + 1], gp_error *err)
{
    uint8_t bytes[GP_TOKEN / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return gp_fail_errno(err, GP_ERR_IO, errno, "cannot read random numbers from the system");
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return GP_OK;
}

gp_status gp_serve_key(const char *catalog_path, bool renew, bool keep, char token[GP_TOKEN + 1], gp_error *err)
{
    char *folder = gp_path_folder(catalog_path);
    char *path = folder ? gp_path_join(folder, "explorer.key") : NULL;
    gp_status st = GP_OK;
    if (!path) {
        st = gp_fail_memory(err, "the explorer's key");
    } else if (renew || !read_key(path, token)) {
        st = make_key(token, err);
        if (st == GP_OK && keep) keep_key(path, token);
    }
    gp_mem_free(path);
    gp_mem_free(folder);
    return st;
}
