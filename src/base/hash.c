/* SPDX-License-Identifier: MIT
 * XXH3-128 from libxxhash, in its canonical (big-endian) form, so that a hash is the same on every machine. */
#include "base/hash.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

enum { PIECE = 1 << 18 };

struct gp_hasher {
    XXH3_state_t *state;
};

static gp_hash canonical(XXH128_hash_t value)
{
    XXH128_canonical_t bytes;
    gp_hash hash;
    XXH128_canonicalFromHash(&bytes, value);
    memcpy(hash.bytes, bytes.digest, sizeof hash.bytes);
    return hash;
}

gp_hash gp_hash_of(const void *bytes, size_t size)
{
    return canonical(XXH3_128bits(size ? bytes : "", size));
}

gp_status gp_hasher_new(gp_hasher **out, gp_error *err)
{
    void *memory;
    GP_TRY(gp_alloc(&memory, 1, sizeof(gp_hasher), "a hash", err));
    gp_hasher *hasher = memory;
    hasher->state = XXH3_createState();
    if (!hasher->state || XXH3_128bits_reset(hasher->state) != XXH_OK) {
        gp_hasher_free(hasher);
        return gp_fail_memory(err, "a hash");
    }
    *out = hasher;
    return GP_OK;
}

void gp_hasher_add(gp_hasher *hasher, const void *bytes, size_t size)
{
    if (size) XXH3_128bits_update(hasher->state, bytes, size);
}

gp_hash gp_hasher_end(gp_hasher *hasher)
{
    return canonical(XXH3_128bits_digest(hasher->state));
}

void gp_hasher_free(gp_hasher *hasher)
{
    if (!hasher) return;
    XXH3_freeState(hasher->state);
    gp_mem_free(hasher);
}

gp_status gp_hash_file(int file, const char *path, gp_hash *hash, uint64_t *size, gp_error *err)
{
    gp_hasher *hasher = NULL;
    uint8_t *piece = NULL;
    struct stat info;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&piece, PIECE, 1, "a file", err));
    GP_TRY_GOTO(gp_hasher_new(&hasher, err));
    if (fstat(file, &info) != 0) info.st_size = 0;
    for (off_t at = 0; at < info.st_size; at += PIECE) {
        size_t part = info.st_size - at < PIECE ? (size_t)(info.st_size - at) : PIECE;
        GP_TRY_GOTO(gp_file_read_at(file, path, (uint64_t)at, piece, part, err));
        gp_hasher_add(hasher, piece, part);
    }
    *hash = gp_hasher_end(hasher);
    *size = (uint64_t)info.st_size;
out:
    gp_hasher_free(hasher);
    gp_mem_free(piece);
    return st;
}

void gp_hash_hex(gp_hash hash, char hex[33])
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < 16; i++) {
        hex[2 * i] = digit[hash.bytes[i] >> 4];
        hex[2 * i + 1] = digit[hash.bytes[i] & 15];
    }
    hex[32] = '\0';
}

bool gp_hash_from_hex(const char *hex, gp_hash *out)
{
    gp_hash hash;
    for (size_t i = 0; i < 16; i++) {
        int high = gp_hex_digit(hex[2 * i]);
        /* a NUL as first digit ends the text, so the second digit is not read */
        int low = high < 0 ? -1 : gp_hex_digit(hex[2 * i + 1]);
        if (low < 0) return false;
        hash.bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (hex[32] != '\0') return false;
    *out = hash;
    return true;
}
