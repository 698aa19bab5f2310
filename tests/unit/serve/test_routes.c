/* SPDX-License-Identifier: MIT
 * The table of docs/api.md, address by address; no address has a second spelling; ranges of bytes. */
#include "support.h"

#include "serve/routes.h"

#define HASH "0123456789abcdef00ff00ff00ff00ff"

static gp_route found;

static gp_route_kind kind_of(const char *address)
{
    memset(&found, 0xaa, sizeof found);
    if (!gp_route_find(address, &found)) return GP_ROUTE_NONE;
    assert_int_not_equal(found.kind, GP_ROUTE_NONE);
    assert_int_not_equal(found.methods, 0);
    return found.kind;
}

/* Checks that the address is neither a route nor a file of the page. */
static void assert_nothing(const char *address)
{
    if (kind_of(address) != GP_ROUTE_NONE) fail_msg("\"%s\" is a route (%d)", address, (int)found.kind);
}

static void assert_hash(void)
{
    char hex[33];
    gp_hash_hex(found.hash, hex);
    assert_string_equal(hex, HASH);
}

/* ------------------------------------------------------------------ valid addresses */

static void the_table(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        gp_route_kind kind;
        unsigned methods;
        uint64_t most;
        bool writes;
    } known[] = {
        {"", GP_ROUTE_PAGE, GP_METHOD_GET, 0, false},
        {"assets/index-BpfH8MX2.js", GP_ROUTE_PAGE, GP_METHOD_GET, 0, false},
        {"data/catalog.json", GP_ROUTE_MANIFEST, GP_METHOD_GET, 0, false},
        {"data/col/7.bin", GP_ROUTE_COLUMN, GP_METHOD_GET, 0, false},
        {"data/words/7.bin", GP_ROUTE_WORDS, GP_METHOD_GET, 0, false},
        {"data/slices.bin", GP_ROUTE_SLICES, GP_METHOD_GET, 0, false},
        {"data/detail/7.json", GP_ROUTE_DETAIL, GP_METHOD_GET, 0, false},
        {"thumb/256/" HASH ".jpg", GP_ROUTE_THUMB, GP_METHOD_GET, 0, false},
        {"image/" HASH ".png", GP_ROUTE_IMAGE, GP_METHOD_GET, 0, false},
        {"events", GP_ROUTE_EVENTS, GP_METHOD_GET, 0, false},
        {"api/rate", GP_ROUTE_RATE, GP_METHOD_POST, 8 << 20, true},
        {"api/tag", GP_ROUTE_TAG, GP_METHOD_POST, 16 << 20, true},
        {"data/tags.json", GP_ROUTE_TAGS, GP_METHOD_GET, 0, false},
        {"api/search", GP_ROUTE_SEARCH, GP_METHOD_POST, 64 << 10, false},
        {"api/upload", GP_ROUTE_UPLOAD, GP_METHOD_POST, 64 << 20, false},
        {"api/saved", GP_ROUTE_SAVED, GP_METHOD_GET | GP_METHOD_POST, 1 << 20, true},
        {"api/export", GP_ROUTE_EXPORT, GP_METHOD_POST, 8 << 20, true},
        {"api/open", GP_ROUTE_OPEN, GP_METHOD_POST, 1 << 10, false},
        {"api/trash", GP_ROUTE_TRASH, GP_METHOD_POST, 8 << 20, true},
        {"api/restore", GP_ROUTE_RESTORE, GP_METHOD_POST, 8 << 20, true},
        {"api/generate", GP_ROUTE_GENERATE, GP_METHOD_POST, 16 << 10, true},
        {"api/generate/stop", GP_ROUTE_GENERATE_STOP, GP_METHOD_POST, 1 << 10, true},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (kind_of(known[i].address) != known[i].kind) fail_msg("\"%s\"", known[i].address);
        assert_int_equal(found.methods, known[i].methods);
        assert_int_equal(found.most, known[i].most);
        assert_int_equal(found.writes, known[i].writes);
        assert_false(found.has_revision);
    }
}

static void what_they_name(void **state)
{
    (void)state;
    assert_int_equal(kind_of("data/col/0.bin?r=17"), GP_ROUTE_COLUMN);
    assert_int_equal(found.number, 0);
    assert_true(found.has_revision);
    assert_int_equal(found.revision, 17);
    assert_int_equal(kind_of("data/detail/4294967295.json"), GP_ROUTE_DETAIL);
    assert_int_equal(found.number, UINT32_MAX);
    assert_int_equal(kind_of("thumb/512/" HASH ".jpg"), GP_ROUTE_THUMB);
    assert_int_equal(found.number, 512);
    assert_hash();
    for (int i = 0; i < 3; i++) {
        char address[64];
        const char *extension = (const char *[]){"png", "jpg", "webp"}[i];
        snprintf(address, sizeof address, "image/" HASH ".%s", extension);
        assert_int_equal(kind_of(address), GP_ROUTE_IMAGE);
        assert_string_equal(found.format, extension);
        assert_hash();
    }
    assert_int_equal(kind_of("assets/a-b_c.D9.css"), GP_ROUTE_PAGE);
    assert_string_equal(found.name, "assets/a-b_c.D9.css");
}

/* ------------------------------------------------------------------ invalid addresses */

static void numbers(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "00",
                                        "01",
                                        "007",
                                        "+1",
                                        "-1",
                                        " 1",
                                        "1 ",
                                        "1.0",
                                        "0x1",
                                        "1e1",
                                        "%31",
                                        "4294967296",
                                        "42949672950",
                                        "18446744073709551616",
                                        "99999999999999999999999999999999",
                                        "one",
                                        "1/",
                                        "/1",
                                        "1,2"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        static const char *const around[] = {"data/col/%s.bin", "data/words/%s.bin", "data/detail/%s.json"};
        for (size_t k = 0; k < 3; k++) {
            char address[100];
            const char *end = strchr(around[k], '%') + 2;
            snprintf(address, sizeof address, "%.*s%s%s", (int)(end - 2 - around[k]), around[k], wrong[i], end);
            /* such an address is not the route of a column; it may look like a file of the page, which then is not
             * found */
            gp_route_kind kind = kind_of(address);
            if (kind != GP_ROUTE_NONE && kind != GP_ROUTE_PAGE) fail_msg("\"%s\" is a route", address);
        }
    }
    static const char *const sides[] = {"0",   "1",    "128",  "255",   "257",  "511",
                                        "513", "0256", "1024", "25600", "256.", ""};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        char address[100];
        snprintf(address, sizeof address, "thumb/%s/" HASH ".jpg", sides[i]);
        assert_int_not_equal(kind_of(address), GP_ROUTE_THUMB);
    }
}

static void hashes(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "0123456789ABCDEF00FF00FF00FF00FF", "0123456789abcdef00ff00ff00ff00f",  "0123456789abcdef00ff00ff00ff00ff0",
        "0123456789abcdef00ff00ff00ff00fg", "0123456789abcdef00ff00ff00ff00f",  "",
        "0x23456789abcdef00ff00ff00ff00ff", "0123456789abcdef00ff00ff00ff%66f", "....................../../etc/pas"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char address[100];
        snprintf(address, sizeof address, "thumb/256/%s.jpg", wrong[i]);
        assert_int_not_equal(kind_of(address), GP_ROUTE_THUMB);
        snprintf(address, sizeof address, "image/%s.png", wrong[i]);
        assert_int_not_equal(kind_of(address), GP_ROUTE_IMAGE);
    }
    static const char *const extensions[] = {"",      ".",        ".jpeg",  ".PNG",  ".tif", ".pngx",
                                             ".png.", ".jpg.png", ".webpp", ".png/", "png"};
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        char address[100];
        snprintf(address, sizeof address, "image/" HASH "%s", extensions[i]);
        assert_int_not_equal(kind_of(address), GP_ROUTE_IMAGE);
    }
    assert_int_not_equal(kind_of("thumb/256/" HASH ".png"), GP_ROUTE_THUMB);
}

/* Addresses are compared exactly: not decoded, and with the right case. */
static void other_spellings(void **state)
{
    (void)state;
    static const char *const wrong[] = {"/",
                                        "//",
                                        ".",
                                        "..",
                                        "../",
                                        "./index.html",
                                        "../index.html",
                                        "assets/../index.html",
                                        "assets/./a.js",
                                        "assets//a.js",
                                        "/data/catalog.json",
                                        "data//catalog.json",
                                        "data/./catalog.json",
                                        "data/col/../catalog.json",
                                        "data%2fcatalog.json",
                                        "%64ata/catalog.json",
                                        "data\\catalog.json",
                                        "..\\index.html",
                                        "%2e%2e/index.html",
                                        "assets/%2e%2e/index.html",
                                        "assets/.hidden",
                                        ".git/config",
                                        "assets/-a",
                                        "_a",
                                        "a b",
                                        "a+b",
                                        "a~",
                                        "a:b",
                                        "a;b",
                                        "a\tb",
                                        "a\nb",
                                        "a\x7f",
                                        "\xC3\xA9.js",
                                        "a\xFF",
                                        "data/catalog.json#x",
                                        "data/catalog.json ",
                                        "http://127.0.0.1/x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_nothing(wrong[i]);
    /* an address that differs from a route by a letter is not this route; it counts as a file of the page, which does
     * not exist */
    static const char *const others[] = {"data/catalog.jso",
                                         "data/catalog.json/",
                                         "data/catalog.jsonx",
                                         "Data/catalog.json",
                                         "data/slices.bin/",
                                         "events/",
                                         "event",
                                         "eventss",
                                         "api/rate/",
                                         "api/Rate",
                                         "api/",
                                         "api",
                                         "api/rate.json",
                                         "data/col/1.binx",
                                         "data/col/1.bin/",
                                         "data/col/1",
                                         "data/near.bin",
                                         "thumb/256/" HASH ".jpgx",
                                         "image/" HASH ".png/"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (kind_of(others[i]) != GP_ROUTE_PAGE) fail_msg("\"%s\" is a route", others[i]);
        assert_string_equal(found.name, others[i]);
        assert_int_equal(found.number, 0); /* an address that matches only in part must not set `number` */
        assert_int_equal(found.methods, GP_METHOD_GET);
        assert_false(found.writes);
    }
}

static void queries(void **state)
{
    (void)state;
    static const char *const wrong[] = {"?",
                                        "?r",
                                        "?r=",
                                        "?r=01",
                                        "?r=+1",
                                        "?r=-1",
                                        "?r=1&",
                                        "?r=1&r=2",
                                        "?r=1?r=1",
                                        "?r=1#",
                                        "?r= 1",
                                        "?r=1 ",
                                        "?r=0x1",
                                        "?r=%31",
                                        "?R=1",
                                        "?q=1",
                                        "?&r=1",
                                        "??r=1",
                                        "?r==1",
                                        "?r=18446744073709551615",
                                        "?r=18446744073709551617",
                                        "?r=99999999999999999999999999"};
    static const char *const addresses[] = {"data/catalog.json", "data/col/1.bin",     "data/slices.bin", "events", "",
                                            "index.html",        "image/" HASH ".png", "api/rate"};
    for (size_t k = 0; k < sizeof addresses / sizeof *addresses; k++)
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            char address[160];
            snprintf(address, sizeof address, "%s%s", addresses[k], wrong[i]);
            assert_nothing(address);
        }
    assert_int_equal(kind_of("events?r=0"), GP_ROUTE_EVENTS);
    assert_true(found.has_revision);
    assert_int_equal(found.revision, 0);
    assert_int_equal(kind_of("data/slices.bin?r=900000000000000000"), GP_ROUTE_SLICES);
    assert_int_equal(found.revision, 900000000000000000);
}

static void long_names(void **state)
{
    (void)state;
    char *name = malloc(70000);
    for (size_t n = 1; n < 70000; n = n < 300 ? n + 1 : 3 * n) {
        memset(name, 'a', n);
        name[n] = 0;
        assert_int_equal(kind_of(name), n < GP_ROUTE_NAME ? GP_ROUTE_PAGE : GP_ROUTE_NONE);
        if (n < GP_ROUTE_NAME) assert_int_equal(strlen(found.name), n);
    }
    memset(name, '0', 60000);
    memcpy(name, "data/col/1", 10);
    memcpy(name + 60000, ".bin", 5);
    assert_nothing(name);
    memset(name, '1', 60000);
    memcpy(name, "events?r=", 9);
    name[60000] = 0;
    assert_nothing(name);
    free(name);
}

/* ------------------------------------------------------------------ ranges */

static uint64_t first, last;

static gp_range range_of(const char *header, uint64_t size)
{
    first = last = 12345;
    gp_range r = gp_range_read(header, size, &first, &last);
    if (r == GP_RANGE_PART)
        assert_true(first <= last && last < size);
    else
        assert_true(first == 12345 && last == 12345);
    return r;
}

static void parts(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        uint64_t size, first, last;
    } known[] = {
        {"bytes=0-0", 1000, 0, 0},
        {"bytes=0-499", 1000, 0, 499},
        {"bytes=500-999", 1000, 500, 999},
        {"bytes=0-999", 1000, 0, 999},
        {"bytes=0-1000", 1000, 0, 999},
        {"bytes=999-5000", 1000, 999, 999},
        {"bytes=0-", 1000, 0, 999},
        {"bytes=999-", 1000, 999, 999},
        {"bytes=-1", 1000, 999, 999},
        {"bytes=-1000", 1000, 0, 999},
        {"bytes=-1001", 1000, 0, 999},
        {"bytes=-999999", 1000, 0, 999},
        {"bytes=0-", 1, 0, 0},
        {"bytes=-1", 1, 0, 0},
        {"bytes=7-900000000000000000", 1000, 7, 999},
        {"bytes=5000000000-5000000001", 6000000000, 5000000000, 5000000001},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (range_of(known[i].header, known[i].size) != GP_RANGE_PART) fail_msg("%s", known[i].header);
        assert_int_equal(first, known[i].first);
        assert_int_equal(last, known[i].last);
    }
}

static void outside(void **state)
{
    (void)state;
    assert_int_equal(range_of("bytes=1000-", 1000), GP_RANGE_OUTSIDE);
    assert_int_equal(range_of("bytes=1000-1000", 1000), GP_RANGE_OUTSIDE);
    assert_int_equal(range_of("bytes=900000000000000000-", 1000), GP_RANGE_OUTSIDE);
    assert_int_equal(range_of("bytes=-0", 1000), GP_RANGE_OUTSIDE);
    for (int i = 0; i < 4; i++) /* an empty file has no ranges */
        assert_int_equal(range_of((const char *[]){"bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"}[i], 0),
                         GP_RANGE_OUTSIDE);
    assert_int_equal(range_of(NULL, 0), GP_RANGE_WHOLE);
}

/* Several ranges, other units, and invalid ranges: the whole file is sent, as without a range. */
static void whole(void **state)
{
    (void)state;
    static const char *const headers[] = {NULL,
                                          "",
                                          "bytes",
                                          "bytes=",
                                          "bytes=-",
                                          "bytes=--1",
                                          "bytes=1",
                                          "bytes=1--2",
                                          "bytes=0-1,5-6",
                                          "bytes=0-0,",
                                          "bytes=,0-0",
                                          "bytes=-1,-2",
                                          "bytes=0-0-",
                                          "bytes=2-1",
                                          "bytes=1000-999",
                                          "bytes= 0-1",
                                          "bytes=0 -1",
                                          "bytes=0- 1",
                                          "bytes=0-1 ",
                                          "bytes =0-1",
                                          "bytes:0-1",
                                          "items=0-1",
                                          "byte=0-1",
                                          "=0-1",
                                          "0-1",
                                          "bytes=a-b",
                                          "bytes=0-b",
                                          "bytes=0x0-0x1",
                                          "bytes=1e2-",
                                          "bytes=+0-1",
                                          "bytes=0-+1",
                                          "bytes=00-1",
                                          "bytes=0-01",
                                          "bytes=-01",
                                          "bytes=18446744073709551616-",
                                          "bytes=0-18446744073709551616",
                                          "bytes=-18446744073709551616",
                                          "bytes=0-18446744073709551615",
                                          "bytes=99999999999999999999999999999-",
                                          "bytes=0-\xFF"};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        if (range_of(headers[i], 1000) != GP_RANGE_WHOLE) fail_msg("%s", headers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table),  cmocka_unit_test(what_they_name),  cmocka_unit_test(numbers),
        cmocka_unit_test(hashes),     cmocka_unit_test(other_spellings), cmocka_unit_test(queries),
        cmocka_unit_test(long_names), cmocka_unit_test(parts),           cmocka_unit_test(outside),
        cmocka_unit_test(whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
