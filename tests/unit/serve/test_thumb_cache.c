/* SPDX-License-Identifier: MIT
 * Thumbnails on the disk: complete or missing, within the size limit, with several threads and servers at once. */
#include "../catalog/catalog_support.h"

#include "base/thread.h"
#include "serve/thumbs.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <time.h>

enum { WHOLE = 100 };

/* Opens a cache below the test's folder. */
static gp_thumb_cache *shelf_of(const char *name, uint64_t most)
{
    gp_error err = {0};
    gp_thumb_cache *cache = NULL;
    setenv("XDG_CACHE_HOME", at(name), 1);
    assert_ok(gp_thumb_cache_open(most, &cache, &err));
    return cache;
}

static gp_hash hash_of(unsigned n)
{
    return gp_hash_of(&n, sizeof n);
}

/* Returns bytes that begin and end like a JPEG; the rest depends on n. */
static const uint8_t *picture(unsigned n, size_t size)
{
    static _Thread_local uint8_t bytes[4096];
    memset(bytes, (int)(n & 127), sizeof bytes);
    bytes[0] = 0xff, bytes[1] = 0xd8, bytes[size - 2] = 0xff, bytes[size - 1] = 0xd9;
    return bytes;
}

static void put(gp_thumb_cache *cache, unsigned n, uint32_t side, size_t size)
{
    gp_hash hash = hash_of(n);
    gp_thumb_cache_put(cache, &hash, side, picture(n, size), size);
}

/* Returns the size of a cached thumbnail; 0: not cached; SIZE_MAX: the content is wrong. */
static size_t size_of(gp_thumb_cache *cache, unsigned n, uint32_t side)
{
    uint8_t bytes[4096];
    uint64_t size = 0;
    gp_hash hash = hash_of(n);
    int file = gp_thumb_cache_find(cache, &hash, side, &size);
    if (file < 0) return 0;
    ssize_t got = read(file, bytes, sizeof bytes);
    close(file);
    return got == (ssize_t)size && memcmp(bytes, picture(n, size), size) == 0 ? size : SIZE_MAX;
}

/* Returns the path of a thumbnail, in a static buffer. */
static const char *place_of(const char *cache, unsigned n, uint32_t side)
{
    static char path[512];
    char hex[33];
    gp_hash_hex(hash_of(n), hex);
    snprintf(path, sizeof path, "%s/goldpan/thumbs/1/%.2s/%s-%u.jpg", at(cache), hex, hex, side);
    return path;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* Sets the time of the last use of a file to `seconds` seconds ago. */
static void set_age(const char *path, time_t seconds)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static time_t age_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return time(NULL) - info.st_mtime;
}

/* Counts the files below a folder, and their bytes. */
static size_t count_files(const char *folder, size_t *bytes)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char path[1024];
        struct stat info;
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (lstat(path, &info) != 0) continue;
        if (S_ISDIR(info.st_mode)) {
            count += count_files(path, bytes);
        } else {
            count++;
            *bytes += (size_t)info.st_size;
        }
    }
    if (dir) closedir(dir);
    return count;
}

/* ------------------------------------------------------------------ tests */

static void what_is_put_is_found(void **state)
{
    (void)state;
    gp_thumb_cache *cache = shelf_of("plain", 1 << 20);
    assert_int_equal(size_of(cache, 1, 256), 0);
    put(cache, 1, 256, WHOLE);
    assert_int_equal(size_of(cache, 1, 256), WHOLE);
    assert_int_equal(size_of(cache, 1, 512), 0);
    assert_int_equal(size_of(cache, 2, 256), 0);
    put(cache, 1, 256, WHOLE + 7); /* if a thumbnail is stored again, the later content is used */
    assert_int_equal(size_of(cache, 1, 256), WHOLE + 7);
    gp_thumb_cache_close(cache);
    cache = shelf_of("plain", 1 << 20); /* another server with the same cache */
    assert_int_equal(size_of(cache, 1, 256), WHOLE + 7);
    struct stat info;
    assert_int_equal(stat(place_of("plain", 1, 256), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600); /* only the user may read the file */
    size_t bytes = 0;
    assert_int_equal(count_files(at("plain"), &bytes), 1); /* no temporary files remain */
    gp_thumb_cache_close(cache);
    gp_thumb_cache_close(NULL);
}

static void damaged_ones_are_not_there(void **state)
{
    (void)state;
    gp_thumb_cache *cache = shelf_of("damaged", 1 << 20);
    put(cache, 1, 256, WHOLE);
    char path[512];
    snprintf(path, sizeof path, "%s", place_of("damaged", 1, 256));
    assert_int_equal(truncate(path, WHOLE - 1), 0); /* the cached file is truncated, as after a power failure */
    assert_int_equal(size_of(cache, 1, 256), 0);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(size_of(cache, 1, 256), 0);
    write_file(path, "\xff\xd8\xff\xd9", 4); /* the file has the right beginning and end, but nothing between them */
    assert_int_equal(size_of(cache, 1, 256), 0);
    write_file(path, "\0\0\0\0\0\0\0\xff\xd9", 9);
    assert_int_equal(size_of(cache, 1, 256), 0);
    write_file(path, "\xff\xd8\0\0\0\xff\0", 7);
    assert_int_equal(size_of(cache, 1, 256), 0);
    put(cache, 1, 256, WHOLE); /* the thumbnail is stored again */
    assert_int_equal(size_of(cache, 1, 256), WHOLE);

    write_file(at("elsewhere"), picture(1, WHOLE), WHOLE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(at("elsewhere"), path), 0); /* a link is never followed */
    assert_int_equal(size_of(cache, 1, 256), 0);
    put(cache, 1, 256, WHOLE);
    assert_int_equal(size_of(cache, 1, 256), WHOLE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* a FIFO does not block */
    assert_int_equal(size_of(cache, 1, 256), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(size_of(cache, 1, 256), 0);
    put(cache, 1, 256, WHOLE); /* the thumbnail cannot be stored, so it is not cached */
    assert_int_equal(size_of(cache, 1, 256), 0);
    size_t bytes = 0;
    assert_int_equal(count_files(at("damaged"), &bytes), 0);
    gp_thumb_cache_close(cache);
}

static void looking_makes_young(void **state)
{
    (void)state;
    gp_thumb_cache *cache = shelf_of("looks", 1 << 20);
    put(cache, 1, 256, WHOLE);
    set_age(place_of("looks", 1, 256), 3000);
    assert_int_equal(size_of(cache, 1, 256), WHOLE);
    assert_true(age_of(place_of("looks", 1, 256)) >= 2990); /* the time of use is not updated on every use */
    set_age(place_of("looks", 1, 256), 86400);
    assert_int_equal(size_of(cache, 1, 256), WHOLE);
    assert_true(age_of(place_of("looks", 1, 256)) < 60);
    gp_thumb_cache_close(cache);
}

static void the_oldest_go(void **state)
{
    (void)state;
    enum { N = 20 };
    gp_thumb_cache *cache = shelf_of("bounded", N * WHOLE);
    for (unsigned i = 0; i < N; i++) {
        put(cache, i, 256, WHOLE);
        set_age(place_of("bounded", i, 256), 1000 + (i * 7) % N);
    }
    for (unsigned i = 0; i < N; i++) assert_int_equal(size_of(cache, i, 256), WHOLE); /* the cache is full */
    /* when one more thumbnail is stored, the cache exceeds its limit and shrinks to nine tenths of it */
    put(cache, N, 256, WHOLE);
    size_t bytes = 0;
    assert_int_equal(count_files(at("bounded"), &bytes), 18);
    assert_int_equal(bytes, 18 * WHOLE);
    for (unsigned i = 0; i < N; i++) assert_int_equal(size_of(cache, i, 256), (i * 7) % N >= N - 3 ? 0 : WHOLE);
    assert_int_equal(size_of(cache, N, 256), WHOLE);
    gp_thumb_cache_close(cache);
}

/* From its first stored thumbnail on, the cache also counts the files that other servers stored. */
static void what_others_put_counts(void **state)
{
    (void)state;
    gp_thumb_cache *other = shelf_of("shared", 1 << 20);
    for (unsigned i = 0; i < 50; i++) {
        put(other, i, 512, WHOLE);
        set_age(place_of("shared", i, 512), 100);
    }
    gp_thumb_cache *cache = shelf_of("shared", 10 * WHOLE);
    put(cache, 99, 512, WHOLE);
    size_t bytes = 0;
    assert_int_equal(count_files(at("shared"), &bytes), 9);
    assert_int_equal(size_of(cache, 99, 512), WHOLE);
    gp_thumb_cache_close(cache);
    gp_thumb_cache_close(other);
}

static void leftovers_go(void **state)
{
    (void)state;
    gp_thumb_cache *cache = shelf_of("leftovers", 1 << 20);
    char folder[512], old[600], young[600];
    gp_hash hash = hash_of(1);
    char hex[33];
    put(cache, 1, 256, WHOLE);
    gp_hash_hex(hash, hex);
    snprintf(folder, sizeof folder, "%s/goldpan/thumbs/1/%.2s", at("leftovers"), hex);
    snprintf(old, sizeof old, "%s/7-7.part", folder);
    snprintf(young, sizeof young, "%s/8-8.part", folder);
    write_file(old, "x", 1);
    write_file(young, "x", 1);
    set_age(old, 7200);
    set_age(young, 1800);
    gp_thumb_cache_close(cache);
    cache = shelf_of("leftovers", 1 << 20);
    put(cache, 2, 256, WHOLE); /* a server scans the folder before its first store */
    assert_int_not_equal(access(old, F_OK), 0);
    assert_int_equal(access(young, F_OK), 0); /* another process may still be writing this file */
    assert_int_equal(size_of(cache, 1, 256), WHOLE);
    gp_thumb_cache_close(cache);
}

static void nothing_may_be_kept(void **state)
{
    (void)state;
    size_t bytes = 0;
    gp_thumb_cache *cache = shelf_of("none", 0);
    for (unsigned i = 0; i < 5; i++) put(cache, i, 256, WHOLE);
    assert_int_equal(count_files(at("none"), &bytes), 0);
    gp_thumb_cache_close(cache);
}

/* Without a cache folder the server works, but caches nothing. */
static void without_a_folder(void **state)
{
    (void)state;
    char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    gp_error err = {0};
    write_file(at("file"), "x", 1);
    for (int i = 0; i < 4; i++) {
        gp_thumb_cache *cache = NULL;
        setenv("XDG_CACHE_HOME", i == 0 ? at("file") : i == 1 ? "relative" : i == 2 ? "" : at("gone"), 1);
        unsetenv("HOME");
        assert_ok(gp_thumb_cache_open(1 << 20, &cache, &err));
        if (i == 3) folder_remove_tree(at("gone")); /* the cache folder is deleted while the server runs */
        put(cache, 1, 256, WHOLE);
        assert_int_equal(size_of(cache, 1, 256), 0);
        gp_thumb_cache_close(cache);
    }
    assert_int_not_equal(access("relative", F_OK), 0);
    setenv("HOME", at("home"), 1); /* if the first folder cannot be used, the cache uses the second folder */
    unsetenv("XDG_CACHE_HOME");
    gp_thumb_cache *cache = NULL;
    assert_ok(gp_thumb_cache_open(1 << 20, &cache, &err));
    put(cache, 1, 256, WHOLE);
    assert_int_equal(size_of(cache, 1, 256), WHOLE);
    assert_int_equal(access(at("home/.cache/goldpan/thumbs/1"), F_OK), 0);
    gp_thumb_cache_close(cache);
    if (home) setenv("HOME", home, 1);
    free(home);
}

static void memory_may_fail(void **state)
{
    (void)state;
    for (uint64_t k = 1; k < 30; k++) {
        gp_error err = {0};
        gp_thumb_cache *cache = NULL;
        int64_t live = gp_mem_live();
        setenv("XDG_CACHE_HOME", at("memory"), 1);
        gp_mem_fail_at(k);
        gp_status st = gp_thumb_cache_open(1 << 20, &cache, &err);
        if (st == GP_OK) {
            put(cache, 1, 256, WHOLE);
            size_t size = size_of(cache, 1, 256);
            assert_true(size == 0 || size == WHOLE);
        } else {
            assert_int_equal(st, GP_ERR_MEMORY);
        }
        gp_mem_fail_at(0);
        gp_thumb_cache_close(cache);
        assert_int_equal(gp_mem_live(), live);
    }
}

/* ------------------------------------------------------------------ threads */

enum { THREADS = 4, ROUNDS = 150, PICTURES = 40 };

typedef struct many {
    gp_thumb_cache *shelves[2];
    atomic_size_t found, broken;
} many;

static void put_and_find(void *user, int index)
{
    many *m = user;
    gp_thumb_cache *cache = m->shelves[index & 1];
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned n = (i * 7 + (unsigned)index * 3) % PICTURES;
        put(cache, n, 256, WHOLE + n);
        size_t size = size_of(cache, (n + 1) % PICTURES, 256);
        if (size) atomic_fetch_add(size == WHOLE + (n + 1) % PICTURES ? &m->found : &m->broken, 1);
    }
}

static void many_at_once(void **state)
{
    (void)state;
    gp_error err = {0};
    size_t bytes = 0;
    gp_threads *threads = NULL;
    many m = {0};
    for (int i = 0; i < 2; i++) m.shelves[i] = shelf_of("many", PICTURES / 2 * WHOLE);
    assert_ok(gp_threads_start(THREADS, put_and_find, &m, &threads, &err));
    gp_threads_join(threads);
    assert_int_equal(atomic_load(&m.broken), 0); /* a reader never gets a partly written file */
    assert_true(atomic_load(&m.found) > 0);
    put(m.shelves[0], 1000, 256, WHOLE);
    size_t count = count_files(at("many"), &bytes);
    assert_true(count > 0 && bytes <= (size_t)PICTURES * 2 * WHOLE);
    for (int i = 0; i < 2; i++) gp_thumb_cache_close(m.shelves[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_found),   cmocka_unit_test(damaged_ones_are_not_there),
        cmocka_unit_test(looking_makes_young),    cmocka_unit_test(the_oldest_go),
        cmocka_unit_test(what_others_put_counts), cmocka_unit_test(leftovers_go),
        cmocka_unit_test(nothing_may_be_kept),    cmocka_unit_test(without_a_folder),
        cmocka_unit_test(memory_may_fail),        cmocka_unit_test(many_at_once),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
