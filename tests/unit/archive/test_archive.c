/* SPDX-License-Identifier: MIT
 * Compressed streams and tar archives: whole, in parts, cut off at every byte, and damaged. */
#include "support.h"

#include "archive/tar.h"
#include "base/mem.h"
#include "base/str.h"

#include <zlib.h>
#include <zstd.h>

static void put_gzip(gp_str *out, const char *text)
{
    unsigned char room[4096];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)strlen(text)};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = room, z.avail_out = sizeof room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    gp_str_add(out, room, sizeof room - z.avail_out);
    deflateEnd(&z);
}

static void put_zstd(gp_str *out, const char *text)
{
    char room[4096];
    size_t size = ZSTD_compress(room, sizeof room, text, strlen(text), 3);
    assert_false(ZSTD_isError(size));
    gp_str_add(out, room, size);
}

static gp_status unpack(const gp_str *packed, gp_bytes *out, gp_error *err)
{
    /* the block has exactly the size of the data, so that ASan detects a read past the end */
    uint8_t *block = malloc(packed->size ? packed->size : 1);
    assert_non_null(block);
    memcpy(block, packed->data, packed->size);
    gp_status st = gp_stream_unpack("x", block, packed->size, 1 << 20, NULL, out, err);
    free(block);
    return st;
}

static void expect(const gp_str *packed, const char *text)
{
    gp_error err = {0};
    gp_bytes got = {0};
    assert_ok(unpack(packed, &got, &err));
    assert_string_equal((char *)got.data, text);
    gp_bytes_clear(&got);
}

/* Each part of a file that is cut off must be an error, and never a shorter text. */
static void expect_cut_off(const gp_str *packed)
{
    for (size_t size = 4; size < packed->size; size++) {
        gp_error err = {0};
        gp_bytes got = {0};
        gp_str part = {.data = packed->data, .size = size};
        gp_status st = unpack(&part, &got, &err);
        if (st != GP_ERR_FORMAT) fail_msg("%zu of %zu bytes give %d", size, packed->size, st);
        assert_non_null(strstr(err.message, "'x' is cut off"));
    }
}

static void test_streams(void **state)
{
    (void)state;
    gp_str gzip = GP_STR_INIT, zstd = GP_STR_INIT, plain = GP_STR_INIT;
    put_gzip(&gzip, "file_name,prompt\n");
    put_zstd(&zstd, "file_name,prompt\n");
    expect_cut_off(&gzip);
    expect_cut_off(&zstd);
    put_gzip(&gzip, "a.png,a fox\n"); /* a second member, as `cat a.gz b.gz` and pigz write */
    put_zstd(&zstd, "a.png,a fox\n");
    expect(&gzip, "file_name,prompt\na.png,a fox\n");
    expect(&zstd, "file_name,prompt\na.png,a fox\n");
    gp_str_add(&gzip, "\0\0\0", 3); /* padding of tape archives */
    expect(&gzip, "file_name,prompt\na.png,a fox\n");
    gp_str_puts(&plain, "abc");
    expect(&plain, "abc");
    assert_string_equal(gp_stream_packing(gzip.data, gzip.size), "gzip");
    assert_string_equal(gp_stream_packing(zstd.data, zstd.size), "zstd");
    assert_null(gp_stream_packing(plain.data, plain.size));
    gzip.data[20] ^= 0x55, zstd.data[14] ^= 0x55;
    gp_error err = {0};
    gp_bytes got = {0};
    assert_int_equal(unpack(&gzip, &got, &err), GP_ERR_FORMAT);
    assert_non_null(strstr(err.message, "gzip data"));
    gp_str_clear(&plain);
    gp_str_clear(&zstd);
    gp_str_clear(&gzip);
}

/* A few bytes that unpack to very many are refused before they take memory. */
static void test_bombs(void **state)
{
    (void)state;
    enum { ZEROS = 256 << 20 };
    char *zeros = calloc(ZEROS, 1), room[100000];
    gp_error err = {0};
    gp_bytes got = {0};
    assert_non_null(zeros);
    size_t size = ZSTD_compress(room, sizeof room, zeros, ZEROS, 3);
    assert_false(ZSTD_isError(size));
    free(zeros);
    assert_int_equal(gp_stream_unpack("x", room, size, 1 << 30, NULL, &got, &err), GP_ERR_LIMIT);
    assert_non_null(strstr(err.message, "times its size"));
    assert_int_equal(gp_stream_unpack("x", room, size, 1 << 20, NULL, &got, &err), GP_ERR_LIMIT);
    assert_non_null(strstr(err.message, "more than 1 MiB"));
}

/* Appends a header with a right checksum, and the bytes with their padding. */
static void put_member(gp_str *out, const char *name, const char *prefix, char type, const char *bytes)
{
    char block[512] = {0};
    unsigned sum = 0;
    size_t size = strlen(bytes);
    snprintf(block, 100, "%s", name);
    char number[32];
    snprintf(number, sizeof number, "%011zo", size);
    memcpy(block + 124, number, 11);
    block[156] = type;
    memcpy(block + 257, "ustar\0", 6);
    snprintf(block + 345, 155, "%s", prefix);
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < sizeof block; i++) sum += (unsigned char)block[i];
    snprintf(number, sizeof number, "%06o", sum);
    memcpy(block + 148, number, 7);
    gp_str_add(out, block, sizeof block);
    gp_str_add(out, bytes, size);
    memset(block, 0, sizeof block);
    gp_str_add(out, block, (512 - size % 512) % 512);
}

/* Returns the members as "name=bytes;", and sets *st to the status at the end. */
static char *members(const char *data, size_t size, gp_status *st, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    gp_stream *stream = NULL;
    gp_tar tar;
    bool more;
    *st = gp_stream_open_bytes("x.tar", data, size, &stream, err);
    if (*st != GP_OK) return gp_str_take(&s);
    gp_tar_open(&tar, stream, "x.tar");
    while ((*st = gp_tar_next(&tar, &more, err)) == GP_OK && more) {
        char room[64] = {0};
        size_t n = tar.member.size < 8 ? (size_t)tar.member.size : 8; /* the rest is skipped */
        *st = gp_tar_read(&tar, room, n, err);
        if (*st != GP_OK) break;
        gp_str_printf(&s, "%s%s=%s;", tar.member.name, tar.member.file ? "" : "/", room);
    }
    gp_tar_close(&tar);
    gp_stream_close(stream);
    return gp_str_take(&s);
}

static void test_tar(void **state)
{
    (void)state;
    gp_str tar = GP_STR_INIT, packed = GP_STR_INIT;
    gp_error err = {0};
    gp_status st;
    put_member(&tar, "000.txt", "", '0', "a fox");
    put_member(&tar, "folder", "", '5', "");
    put_member(&tar, "b.png", "deep/er", 0, "a longer text");
    put_member(&tar, "././@LongLink", "", 'L', "a/name/of/gnu.txt");
    put_member(&tar, "cut", "", '0', "g");
    put_member(&tar, "x", "", 'x', "21 path=a/pax/na.txt\n12 mtime=123\n");
    put_member(&tar, "cut", "", '0', "p");
    assert_true(gp_tar_begins(tar.data, tar.size));
    static const char all[] = "000.txt=a fox;folder/=;deep/er/b.png=a longer;a/name/of/gnu.txt=g;a/pax/na.txt=p;";
    char *got = members(tar.data, tar.size, &st, &err);
    assert_int_equal(st, GP_OK);
    assert_string_equal(got, all);
    gp_mem_free(got);
    for (size_t size = 1; size < tar.size; size += 61) { /* cut off: an error, or the end after a whole member */
        got = members(tar.data, size, &st, &err);
        assert_true(st == GP_OK ? size % 512 == 0 : st == GP_ERR_FORMAT);
        assert_memory_equal(got, all, strlen(got));
        gp_mem_free(got);
    }
    gp_str_add(&tar, (char[1024]){0}, 1024); /* the mark of the end */
    gp_str_puts(&tar, "garbage");
    got = members(tar.data, tar.size, &st, &err);
    assert_int_equal(st, GP_OK);
    assert_string_equal(got, all);
    gp_mem_free(got);
    tar.data[3] = '1'; /* the checksum no longer fits */
    assert_false(gp_tar_begins(tar.data, tar.size));
    got = members(tar.data, tar.size, &st, &err);
    assert_int_equal(st, GP_ERR_FORMAT);
    assert_non_null(strstr(err.message, "wrong checksum"));
    gp_mem_free(got);
    gp_str_clear(&packed);
    gp_str_clear(&tar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_streams), cmocka_unit_test(test_bombs),
                                       cmocka_unit_test(test_tar)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
