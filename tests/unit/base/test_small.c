/* SPDX-License-Identifier: MIT
 * Hash, processor features, messages, clock and random numbers. */
#include "support.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/thread.h"

#include <errno.h>
#include <sys/wait.h>
#include <time.h>

/* The XXH3-128 hash with seed 0 of `size` bytes: byte i is 7 i + 3. Computed by the Python package xxhash 4.1 (xxHash
 * 0.8.4). At the lengths in the table, XXH3 changes its algorithm. */
static const struct {
    size_t size;
    const char *hex;
} known[] = {
    {0, "99aa06d3014798d86001c324468d497f"},    {1, "22bbb76b211a39ba13e608bc156defed"},
    {3, "ce31763cbf8245a5a9088dda485b481c"},    {4, "47197970590746b1788a609154b0fe20"},
    {8, "e3bc8a5f461715553cd024e3d63a1588"},    {9, "c72c88247a9a56d7eafab1c7f123109f"},
    {16, "ce0b9647ab24f88460d75c5e47d40a24"},   {17, "bfd327edcc2fbd12eeed7654312a26d7"},
    {128, "1b1962a096bac78bc580008b6c92ac53"},  {129, "293e4968c4619023bd91ce7ace4d385b"},
    {240, "ad46c1021b076bc704e0b5f034bee80b"},  {241, "ac6c3492c3d6b45d8beadd3a8874fe17"},
    {1024, "18bc0eaca9a336369b81661c641c72b1"}, {2000, "09c3a810012e489371f8268c6d856c4a"},
};

static void hashes(void **state)
{
    (void)state;
    gp_error err = {0};
    uint8_t bytes[2000];
    char hex[33];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(7 * i + 3);
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        gp_hash_hex(gp_hash_of(bytes, known[k].size), hex);
        assert_string_equal(hex, known[k].hex);
        gp_hasher *hasher = NULL;
        assert_ok(gp_hasher_new(&hasher, &err));
        for (size_t at = 0, n; at < known[k].size; at += n) {
            n = 1 + at % 97;
            if (n > known[k].size - at) n = known[k].size - at;
            gp_hasher_add(hasher, bytes + at, n);
        }
        gp_hasher_add(hasher, NULL, 0);
        gp_hash once = gp_hasher_end(hasher), again = gp_hasher_end(hasher);
        gp_hash_hex(once, hex);
        assert_string_equal(hex, known[k].hex);
        assert_memory_equal(&once, &again, sizeof once);
        gp_hasher_free(hasher);
    }
    gp_hash_hex(gp_hash_of(NULL, 0), hex);
    assert_string_equal(hex, known[0].hex);
    gp_hasher_free(NULL);
    gp_hasher *hasher = NULL;
    gp_mem_fail_at(1);
    assert_int_equal(gp_hasher_new(&hasher, &err), GP_ERR_MEMORY);
    gp_mem_fail_at(0);
}

static void hash_text(void **state)
{
    (void)state;
    gp_hash hash, same;
    char hex[33];
    assert_true(gp_hash_from_hex("0123456789abcdefFEDCBA9876543210", &hash));
    assert_int_equal(hash.bytes[0], 0x01);
    assert_int_equal(hash.bytes[8], 0xFE);
    gp_hash_hex(hash, hex);
    assert_string_equal(hex, "0123456789abcdeffedcba9876543210");
    same = hash;
    assert_false(gp_hash_from_hex("", &hash));
    assert_false(gp_hash_from_hex("0123456789abcdeffedcba987654321", &hash));
    assert_false(gp_hash_from_hex("0123456789abcdeffedcba98765432100", &hash));
    assert_false(gp_hash_from_hex("0123456789abcdefgedcba9876543210", &hash));
    assert_memory_equal(&hash, &same, sizeof hash);
}

enum { EVERYTHING = 127 };

static void cpu_words(void **state)
{
    (void)state;
    const unsigned basic = GP_CPU_SSE41 | GP_CPU_AVX2, wide = basic | GP_CPU_AVX512;
    assert_int_equal(gp_cpu_limit(EVERYTHING, NULL), EVERYTHING);
    assert_int_equal(gp_cpu_limit(EVERYTHING, ""), EVERYTHING);
    assert_int_equal(gp_cpu_limit(EVERYTHING, "plain"), 0);
    assert_int_equal(gp_cpu_limit(EVERYTHING, "avx2"), basic);
    assert_int_equal(gp_cpu_limit(EVERYTHING, "-avx512"), basic);
    assert_int_equal(gp_cpu_limit(EVERYTHING, "avx512"), wide);
    assert_int_equal(gp_cpu_limit(EVERYTHING, "-amx"), EVERYTHING & ~(GP_CPU_AMX_BF16 | GP_CPU_AMX_INT8));
    assert_int_equal(gp_cpu_limit(EVERYTHING, "-amx,-avx512_bf16"), wide | GP_CPU_AVX512_VNNI);
    assert_int_equal(gp_cpu_limit(EVERYTHING, " -avx2 , -amx "), GP_CPU_SSE41);
    assert_int_equal(gp_cpu_limit(EVERYTHING, "-sse4.1"), 0);
    assert_int_equal(gp_cpu_limit(EVERYTHING, "avx,plainer,-plain,"), EVERYTHING);
    assert_int_equal(gp_cpu_limit(GP_CPU_NEON, "-neon"), 0);
    for (unsigned has = 0; has < 256; has++) /* a limit in GOLDPAN_CPU never adds features that the CPU lacks */
        assert_int_equal(gp_cpu_limit(has, "amx") & ~has, 0);
}

/* Returns the gp_cpu_features of a new process in which GOLDPAN_CPU is `text` (NULL: not set). */
static unsigned features_with(const char *text)
{
    int ends[2];
    unsigned features = 0xDEAD;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (text)
            setenv("GOLDPAN_CPU", text, 1);
        else
            unsetenv("GOLDPAN_CPU");
        features = gp_cpu_features();
        _exit(write(ends[1], &features, sizeof features) == sizeof features ? 0 : 1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &features, sizeof features), sizeof features);
    close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return features;
}

static void cpu_switch(void **state)
{
    (void)state;
    unsigned all = features_with(NULL);
    assert_int_equal(features_with("plain"), 0);
    assert_int_equal(features_with("-avx2"), gp_cpu_limit(all, "-avx2"));
    assert_int_equal(features_with("amx"), all & EVERYTHING);
#if defined(__x86_64__)
    /* the expected features come from the compiler's runtime, which also reads CPUID and XCR0 */
    assert_int_equal((all & GP_CPU_SSE41) != 0, __builtin_cpu_supports("sse4.1") != 0);
    assert_int_equal((all & GP_CPU_AVX2) != 0, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
    assert_int_equal((all & GP_CPU_AVX512) != 0,
                     __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"));
    assert_int_equal((all & GP_CPU_AVX512_VNNI) != 0, (all & GP_CPU_AVX512) && __builtin_cpu_supports("avx512vnni"));
#endif
}

static void ask(void *user, int index)
{
    ((unsigned *)user)[index] = gp_cpu_features();
}

static void cpu_in_threads(void **state)
{
    (void)state;
    gp_error err = {0};
    unsigned seen[8] = {0};
    gp_threads *threads = NULL;
    assert_ok(gp_threads_start(8, ask, seen, &threads, &err));
    gp_threads_join(threads);
    for (int i = 0; i < 8; i++) assert_int_equal(seen[i], gp_cpu_features());
}

static void messages(void **state)
{
    (void)state;
    gp_error err = {0};
    assert_int_equal(gp_fail(&err, GP_ERR_FORMAT, "'%s' is cut at byte %d", "a.png", 7), GP_ERR_FORMAT);
    assert_string_equal(err.message, "'a.png' is cut at byte 7");
    assert_int_equal(err.status, GP_ERR_FORMAT);
    assert_int_equal(gp_fail_within(&err, GP_ERR_IO, "model '%s'", "m"), GP_ERR_IO);
    assert_string_equal(err.message, "model 'm': 'a.png' is cut at byte 7");
    assert_int_equal(err.status, GP_ERR_IO);
    gp_fail(&err, GP_ERR_USAGE, "again: %s", err.message); /* a message may contain the message that it replaces */
    assert_string_equal(err.message, "again: model 'm': 'a.png' is cut at byte 7");
    gp_fail_errno(&err, GP_ERR_NOT_FOUND, ENOENT, "cannot open '%s'", "b");
    assert_string_equal(err.message, "cannot open 'b': No such file or directory");
    assert_string_equal(err.path, ""); /* err->path is empty unless the caller uses gp_fail_path */
    assert_string_equal(err.detail, err.message);
    /* gp_fail_path: the message names the path, the detail does not */
    assert_int_equal(gp_fail_path(&err, GP_ERR_IO, "'%s' is a folder of %d", "/a", 3), GP_ERR_IO);
    assert_string_equal(err.message, "'/a' is a folder of 3");
    assert_string_equal(err.detail, "is a folder of 3");
    assert_string_equal(err.path, "/a");
    assert_int_equal(err.number, 0);
    assert_string_equal(gp_error_beside(&err, "/a"), "is a folder of 3");
    assert_string_equal(gp_error_beside(&err, "/b"), "'/a' is a folder of 3");
    gp_fail_path_errno(&err, GP_ERR_NOT_FOUND, ENOENT, "cannot open '%s'", "/a b");
    assert_string_equal(err.message, "cannot open '/a b': No such file or directory");
    assert_string_equal(err.detail, "cannot open: No such file or directory");
    assert_string_equal(err.path, "/a b");
    assert_int_equal(err.number, ENOENT);
    gp_fail_within(&err, GP_ERR_IO, "model '%s'", "m");
    assert_string_equal(err.message, "model 'm': cannot open '/a b': No such file or directory");
    assert_string_equal(err.detail, "model 'm': cannot open: No such file or directory");
    assert_string_equal(err.path, "/a b");
    gp_fail(&err, GP_ERR_FORMAT, "line %d is long", 2);
    gp_fail_path_within(&err, GP_ERR_FORMAT, "'%s'", "/c");
    assert_string_equal(err.message, "'/c': line 2 is long");
    assert_string_equal(err.detail, "line 2 is long");
    assert_string_equal(err.path, "/c");
    gp_fail_path(&err, GP_ERR_FORMAT, "'%s': tensor '%s' has no shape", "/d", "x");
    assert_string_equal(err.detail, "tensor 'x' has no shape");
    assert_int_equal(gp_fail_memory(&err, "%d rows", 3), GP_ERR_MEMORY);
    assert_string_equal(err.message, "out of memory for 3 rows");
    assert_string_equal(err.detail, err.message);
    assert_string_equal(err.path, "");
    assert_int_equal(err.status, GP_ERR_MEMORY);
    assert_int_equal(gp_fail_memory_path(&err, "'%s' (%d bytes)", "/d", 7), GP_ERR_MEMORY);
    assert_string_equal(err.message, "out of memory for '/d' (7 bytes)");
    assert_string_equal(err.detail, "out of memory");
    assert_string_equal(err.path, "/d");
    assert_int_equal(gp_fail_memory(NULL, "x"), GP_ERR_MEMORY);
    gp_fail_path(&err, GP_ERR_FORMAT, "'%s': tensor '%s' has no shape", "/d", "x");
    gp_error again = {0};
    assert_int_equal(gp_fail_as(&again, GP_ERR_IO, &err), GP_ERR_IO);
    assert_string_equal(again.path, "/d");
    assert_int_equal(again.status, GP_ERR_IO);
    assert_int_equal(gp_fail(NULL, GP_ERR_IO, "x"), GP_ERR_IO);
    assert_int_equal(gp_fail_within(NULL, GP_ERR_IO, "x"), GP_ERR_IO);
    assert_int_equal(gp_fail_errno(NULL, GP_ERR_IO, ENOENT, "x"), GP_ERR_IO);
    /* gp_fail cuts long messages, but never inside a character */
    char text[1200];
    for (size_t shift = 0; shift < 2; shift++) {
        memset(text, 'x', sizeof text);
        for (size_t i = shift; i + 1 < sizeof text; i += 2) memcpy(text + i, "\xC3\xA9", 2);
        text[sizeof text - 1 - shift] = '\0';
        gp_fail(&err, GP_ERR_IO, "%s", text);
        size_t size = strlen(err.message);
        assert_in_range(size, sizeof err.message - 2, sizeof err.message - 1);
        assert_int_equal((unsigned char)err.message[size - 1], 0xA9);
        gp_fail_within(&err, GP_ERR_IO, "%s", text);
        gp_fail_errno(&err, GP_ERR_IO, EIO, "%s", text);
        assert_true(strlen(err.message) < sizeof err.message);
    }
}

typedef struct calls {
    int count, stop_at;
    gp_progress last;
} calls;

static bool on_progress(void *user, const gp_progress *progress)
{
    calls *c = user;
    c->last = *progress;
    return ++c->count != c->stop_at;
}

static void ticks(void **state)
{
    (void)state;
    gp_progress_meter t;
    calls c = {0};
    gp_progress_meter_init(&t, "score", 1000000, on_progress, &c);
    double start = gp_clock_now(); /* the first report is not before the start of the meter */
    uint64_t done = 0;
    while (gp_clock_now() - start < 0.35 || c.count < 2) assert_true(gp_progress_meter_update(&t, ++done, 2));
    /* the first report comes at once, later ones every 0.1 s; on a busy machine there may be fewer */
    assert_in_range(c.count, 2, 1 + (unsigned)((gp_clock_now() - start) / 0.1));
    int before = c.count;
    gp_progress_meter_finish(&t);
    assert_int_equal(c.count, before + 1);
    assert_string_equal(c.last.stage, "score");
    assert_int_equal(c.last.done, done);
    assert_int_equal(c.last.failed, 2);
    assert_int_equal(c.last.total, 1000000);
    assert_true(c.last.seconds >= 0.35 && c.last.seconds < 3600);

    c = (calls){.stop_at = 1};
    gp_progress_meter_init(&t, "add", 0, on_progress, &c);
    assert_false(gp_progress_meter_update(&t, 1, 0));
    assert_false(gp_progress_meter_update(&t, 2, 0)); /* the meter stays stopped */
    assert_true(t.stopped);
    gp_progress_meter_init(&t, "add", 0, NULL, NULL);
    assert_true(gp_progress_meter_update(&t, 1, 0));
    gp_progress_meter_finish(&t);
    assert_true(gp_clock_now() >= start);
}

/* Values of the reference implementation of splitmix64, started at seed 1234567. */
static void random_numbers(void **state)
{
    (void)state;
    static const uint64_t expected[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                        4593380528125082431u, 16408922859458223821u};
    uint64_t s = 1234567;
    for (size_t i = 0; i < 5; i++, s += 0x9E3779B97F4A7C15u) assert_int_equal(gp_rng_mix(s), expected[i]);
    assert_int_equal(gp_rng_at(5, 6), gp_rng_mix(11));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes),     cmocka_unit_test(hash_text),      cmocka_unit_test(cpu_words),
        cmocka_unit_test(cpu_switch), cmocka_unit_test(cpu_in_threads), cmocka_unit_test(messages),
        cmocka_unit_test(ticks),      cmocka_unit_test(random_numbers),
    };
    return cmocka_run_group_tests_name("base/small", tests, NULL, NULL);
}
