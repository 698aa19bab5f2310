/* SPDX-License-Identifier: MIT
 * Checks that a file is an image of the catalog before its bytes are output. */
#include "report/original.h"

#include "base/mem.h"
#include "image/image.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE = 1 << 30, PIECE = 1 << 18 };

static gp_status in_few_words(gp_status st, const gp_error *why, gp_error *err)
{
    if (st == GP_ERR_NOT_FOUND) return gp_fail(err, st, "the file does not exist");
    if (st == GP_ERR_IO && why->number) return gp_fail_errno(err, st, why->number, "the file cannot be read");
    if (st == GP_ERR_IO) return gp_fail(err, st, "the file cannot be read");
    return gp_fail_as(err, st, why);
}

static gp_status check_begin(const uint8_t *bytes, size_t size, gp_error *err)
{
    if (gp_image_sniff(bytes, size, NULL) != GP_FORMAT_UNKNOWN) return GP_OK;
    return gp_fail(err, GP_ERR_FORMAT, "the file is not an image that goldpan can read");
}

static gp_status check_hash(gp_hash now, const gp_hash *hash, gp_error *err)
{
    if (memcmp(now.bytes, hash->bytes, sizeof now.bytes) == 0) return GP_OK;
    return gp_fail(err, GP_ERR_NOT_FOUND, "the file has changed since it was added");
}

gp_status gp_original_open_unchecked(const char *path, int *file, gp_error *err)
{
    gp_error why = {0};
    uint64_t size = 0;
    gp_status st = gp_file_open(path, file, &size, &why);
    return st == GP_OK ? st : in_few_words(st, &why, err);
}

gp_status gp_original_check(int file, const gp_hash *hash, gp_error *err)
{
    struct stat info;
    gp_hasher *hasher = NULL;
    uint8_t *piece = NULL;
    gp_error why = {0};
    gp_status st;
    if (fstat(file, &info) != 0) return gp_fail_errno(err, GP_ERR_IO, errno, "the file cannot be read");
    if (info.st_size > MAX_FILE) return gp_fail(err, GP_ERR_LIMIT, "the file has more than %d bytes", MAX_FILE);
    GP_TRY_GOTO(gp_alloc((void **)&piece, PIECE, 1, "an image", err));
    GP_TRY_GOTO(gp_hasher_new(&hasher, err));
    for (off_t at = 0; at == 0 || at < info.st_size; at += PIECE) {
        size_t size = info.st_size - at < PIECE ? (size_t)(info.st_size - at) : PIECE;
        st = gp_file_read_at(file, "", (uint64_t)at, piece, size, &why);
        if (st != GP_OK) GP_TRY_GOTO(in_few_words(st, &why, err));
        if (at == 0) GP_TRY_GOTO(check_begin(piece, size, err));
        gp_hasher_add(hasher, piece, size);
    }
    st = check_hash(gp_hasher_end(hasher), hash, err);
out:
    gp_hasher_free(hasher);
    gp_mem_free(piece);
    return st;
}

gp_status gp_original_open(const char *path, const gp_hash *hash, int *file, gp_error *err)
{
    int opened = -1;
    GP_TRY(gp_original_open_unchecked(path, &opened, err));
    gp_status st = gp_original_check(opened, hash, err);
    if (st == GP_OK)
        *file = opened;
    else
        close(opened);
    return st;
}

gp_status gp_original_read(const char *path, const gp_hash *hash, gp_bytes *out, gp_error *err)
{
    gp_error why = {0};
    gp_bytes bytes = {0};
    gp_status st = gp_file_read(path, MAX_FILE, &bytes, &why);
    if (st != GP_OK) return in_few_words(st, &why, err);
    st = check_begin(bytes.data, bytes.size, err);
    if (st == GP_OK) st = check_hash(gp_hash_of(bytes.data, bytes.size), hash, err);
    if (st == GP_OK)
        *out = bytes;
    else
        gp_bytes_clear(&bytes);
    return st;
}
