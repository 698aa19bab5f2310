/* SPDX-License-Identifier: MIT
 * Hashes the bytes read back from the disk.  So the hash proves the file on the disk, whether it was received at
 * once, resumed, or begun by another program.  git's object id: SHA-1("blob " + decimal size + NUL + bytes). */
#include "net/sha.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

gp_status gp_sha_file(const char *path, gp_sha_kind kind, bool (*progress)(void *user), void *user, char hex[65],
                      gp_error *err)
{
    gp_status st = GP_OK;
    uint8_t *buffer = NULL, digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    struct stat info;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) GP_TRY_GOTO(gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot open '%s'", path));
    if (fstat(fd, &info) != 0) GP_TRY_GOTO(gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot read '%s'", path));
    GP_TRY_GOTO(gp_alloc((void **)&buffer, CHUNK, 1, "hashing", err));
    if (!ctx || !EVP_DigestInit_ex(ctx, kind == GP_SHA256 ? EVP_sha256() : EVP_sha1(), NULL))
        GP_TRY_GOTO(
            gp_fail(err, GP_ERR_UNSUPPORTED, "libcrypto does not provide %s", kind == GP_SHA256 ? "SHA-256" : "SHA-1"));
    if (kind == GP_SHA1_GIT) {
        char head[40];
        int n = snprintf(head, sizeof head, "blob %lld", (long long)info.st_size);
        EVP_DigestUpdate(ctx, head, (size_t)n + 1); /* the hash includes the NUL */
    }
    for (;;) {
        ssize_t got = read(fd, buffer, CHUNK);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) GP_TRY_GOTO(gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot read '%s'", path));
        if (got == 0) break;
        EVP_DigestUpdate(ctx, buffer, (size_t)got);
        if (progress && !progress(user)) GP_TRY_GOTO(gp_fail(err, GP_ERR_STOPPED, "stopped"));
    }
    if (!EVP_DigestFinal_ex(ctx, digest, &length) || length > 32)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_UNSUPPORTED, "libcrypto cannot finish a hash"));
    for (unsigned i = 0; i < length; i++) snprintf(hex + 2 * i, 3, "%02x", (unsigned)digest[i]);
out:
    if (fd >= 0) close(fd);
    gp_mem_free(buffer);
    EVP_MD_CTX_free(ctx);
    return st;
}
