/* SPDX-License-Identifier: MIT
 * Which requests are admitted, and the response to each rejected request.  One request is valid; every test changes one
 * property of it, so that each rejection has one reason. */
#include "support.h"

#include "serve/guard.h"

#define TOKEN "0123456789abcdef0123456789abcdef"
#define AT    "/" TOKEN "/"

static const gp_guard guard = {.port = 7860, .token = TOKEN},
                      readonly = {.port = 7860, .token = TOKEN, .readonly = true};

static gp_guard_request get(const char *uri)
{
    return (gp_guard_request){.method = "GET", .uri = uri, .host = "127.0.0.1:7860", .hosts = 1};
}

static gp_guard_request post(const char *uri, const char *length)
{
    gp_guard_request r = get(uri);
    r.method = "POST", r.mark = "1", r.origin = "http://127.0.0.1:7860", r.origins = 1, r.site = "same-origin";
    r.length = length, r.lengths = length != NULL;
    return r;
}

/* refused() returns the status of the rejection, or 0 if the request is admitted.  The message of the rejection is in
 * the global variable `no`. */
static gp_refusal no;
static gp_route route;
static uint64_t length;

static unsigned refused_by(const gp_guard *by, const gp_guard_request *r)
{
    memset(&no, 0xaa, sizeof no);
    length = 77;
    bool in = gp_guard_admit(by, r, &route, &length, &no);
    assert_int_equal(in, no.status == 0);
    if (!in) assert_true(strlen(no.message) > 10);
    assert_int_equal(no.redirect, no.status == 308);
    return no.status;
}

static unsigned refused(gp_guard_request r)
{
    return refused_by(&guard, &r);
}

/* ------------------------------------------------------------------ admitted requests */

static void the_right_ones(void **state)
{
    (void)state;
    assert_int_equal(refused(get(AT)), 0);
    assert_int_equal(route.kind, GP_ROUTE_PAGE);
    assert_string_equal(route.name, "");
    assert_int_equal(length, 0);
    assert_int_equal(refused(get(AT "data/col/3.bin?r=17")), 0);
    assert_int_equal(route.kind, GP_ROUTE_COLUMN);
    gp_guard_request head = get(AT "events");
    head.method = "HEAD";
    assert_int_equal(refused(head), 0);
    assert_int_equal(refused(post(AT "api/rate", "12")), 0);
    assert_int_equal(route.kind, GP_ROUTE_RATE);
    assert_int_equal(length, 12);
    gp_guard_request empty = get(AT);
    empty.length = "0", empty.lengths = 1; /* a client may state that there is no body */
    assert_int_equal(refused(empty), 0);
    gp_guard_request typed = get(AT);
    typed.site = "none"; /* browsers send `none` if the user typed the address */
    assert_int_equal(refused(typed), 0);
}

/* ------------------------------------------------------------------ Host */

static unsigned with_host(const char *host)
{
    gp_guard_request r = get(AT);
    r.host = host;
    return refused(r);
}

static void hosts(void **state)
{
    (void)state;
    static const char *const own[] = {"127.0.0.1:7860", "localhost:7860", "[::1]:7860", "LocalHost:7860"};
    static const char *const foreign[] = {
        "", "127.0.0.1", "localhost", "127.0.0.1:", "127.0.0.1:7861", "127.0.0.1:07860", "127.0.0.1:78600",
        "127.0.0.1:786", "127.0.0.1:80", "127.0.0.1 :7860", " 127.0.0.1:7860", "127.0.0.1:7860 ", "127.0.0.1.:7860",
        /* DNS rebinding: host names of an attacker that resolve to this machine */
        "evil.example:7860", "127.0.0.1.nip.io:7860", "localhost.evil.example:7860", "localhost.:7860",
        "evil.example:7860#127.0.0.1:7860", "127.0.0.1:7860.evil.example", "user@127.0.0.1:7860",
        "evil.example,127.0.0.1:7860",
        /* other names of this machine: a browser that opens the URL of the server sends none of them */
        "127.1:7860", "2130706433:7860", "0x7f.1:7860", "0.0.0.0:7860", "127.0.0.2:7860", "[::]:7860",
        "[::ffff:127.0.0.1]:7860", "::1:7860", "[0:0:0:0:0:0:0:1]:7860", "http://127.0.0.1:7860"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) assert_int_equal(with_host(own[i]), 0);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (with_host(foreign[i]) != 403) fail_msg("Host \"%s\": %u", foreign[i], no.status);
    assert_non_null(strstr(no.message, "7860")); /* the message tells a user of a tunnel what to do */

    gp_guard_request r = get(AT);
    r.hosts = 2; /* a request with two Host headers is rejected, because a proxy might use either of them */
    assert_int_equal(refused(r), 403);
    r.hosts = 0, r.host = NULL; /* HTTP/1.0 without Host */
    assert_int_equal(refused(r), 403);
}

static void the_port_of_the_web(void **state)
{
    (void)state;
    const gp_guard web = {.port = 80, .token = TOKEN};
    gp_guard_request r = get(AT);
    r.origins = 1;
    for (int i = 0; i < 3; i++) { /* browsers leave out port 80 */
        static const char *const origins[] = {"http://127.0.0.1", "http://localhost:80", "http://[::1]"};
        r.origin = origins[i], r.host = origins[i] + 7;
        assert_int_equal(refused_by(&web, &r), 0);
    }
    r.host = "127.0.0.1:7860";
    assert_int_equal(refused_by(&web, &r), 403);
    r.host = "localhost", r.origin = "https://localhost";
    assert_int_equal(refused_by(&web, &r), 403);
}

/* ------------------------------------------------------------------ Origin, Sec-Fetch-Site */

static void origins(void **state)
{
    (void)state;
    static const char *const own[] = {"http://127.0.0.1:7860", "http://localhost:7860", "http://[::1]:7860"};
    static const char *const foreign[] = {"",
                                          "null",
                                          "http://",
                                          "http://evil.example",
                                          "http://evil.example:7860",
                                          "http://127.0.0.1",
                                          "http://127.0.0.1:8080",
                                          "http://127.0.0.1:78601",
                                          "https://127.0.0.1:7860",
                                          "HTTP://127.0.0.1:7860",
                                          "127.0.0.1:7860",
                                          "http://127.0.0.1:7860/",
                                          "http://127.0.0.1:7860.evil.example",
                                          "http://127.0.0.1:7860@evil.example",
                                          "http://127.0.0.1:7860 http://evil.example",
                                          "file://",
                                          "chrome-extension://abc"};
    gp_guard_request g = get(AT), p = post(AT "api/rate", "2");
    g.origins = 1;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        g.origin = p.origin = own[i];
        assert_int_equal(refused(g), 0);
        assert_int_equal(refused(p), 0);
    }
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        g.origin = p.origin = foreign[i];
        if (refused(g) != 403 || refused(p) != 403) fail_msg("Origin \"%s\": %u", foreign[i], no.status);
    }
    p = post(AT "api/rate", "2");
    p.origins = 2;
    assert_int_equal(refused(p), 403);
    p.origins = 0, p.origin = NULL; /* a client that is not a browser, such as curl, sends neither of these headers */
    assert_int_equal(refused(p), 0);
}

static void sites(void **state)
{
    (void)state;
    static const char *const foreign[] = {"cross-site",   "same-site", "",        "Same-Origin",
                                          "same-origin ", "none,",     "nonsense"};
    gp_guard_request g = get(AT), p = post(AT "api/rate", "2");
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        g.site = p.site = foreign[i];
        if (refused(g) != 403 || refused(p) != 403) fail_msg("Sec-Fetch-Site \"%s\": %u", foreign[i], no.status);
    }
}

/* ------------------------------------------------------------------ the token */

static void tokens(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "/",
        "//",
        "*",
        "/index.html",
        "/data/catalog.json",
        "/0123456789abcdef0123456789abcde",    /* a digit is missing */
        "/0123456789abcdef0123456789abcde/",   /* the test replaces a digit of the token by a slash */
        "/0123456789abcdef0123456789abcdee",   /* the last digit is wrong */
        "/1123456789abcdef0123456789abcdef/",  /* the first digit is wrong */
        "/0123456789abcdef1123456789abcdef/",  /* a middle digit is wrong */
        "/0123456789ABCDEF0123456789ABCDEF/",  /* upper case */
        "/0123456789abcdef0123456789abcdef0/", /* a digit too many */
        "/" TOKEN "?r=1",                      /* the slash after the token is missing */
        "/" TOKEN "%2f",
        "/" TOKEN "\\",
        "//" TOKEN "/",
        "/%30123456789abcdef0123456789abcdef/",
        TOKEN "/",                          /* the slash before the token is missing */
        "http://127.0.0.1:7860/" TOKEN "/", /* the request line has a full URL, as clients send it to a proxy */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (refused(get(wrong[i])) != 403) fail_msg("\"%s\": %u", wrong[i], no.status);
    /* the message does not reveal the right token */
    assert_null(strstr(no.message, "0123"));
    /* every digit is compared */
    for (size_t i = 0; i < GP_TOKEN; i++) {
        char uri[] = AT;
        uri[1 + i] ^= 1;
        assert_int_equal(refused(get(uri)), 403);
        uri[1 + i] = (char)(uri[1 + i] ^ 1 ^ 0x80);
        assert_int_equal(refused(get(uri)), 403);
    }
}

static void the_last_slash(void **state)
{
    (void)state;
    assert_int_equal(refused(get("/" TOKEN)), 308);
    assert_true(no.redirect);
    gp_guard_request foreign = get("/" TOKEN);
    foreign.site = "cross-site";
    assert_int_equal(refused(foreign), 403);
}

static void too_long(void **state)
{
    (void)state;
    assert_int_equal(refused(get(NULL)), 414);
    gp_guard_request foreign = get(NULL);
    foreign.host = "evil.example";
    assert_int_equal(refused(foreign), 403);
}

/* ------------------------------------------------------------------ methods */

static unsigned with_method(const char *method, const char *uri)
{
    gp_guard_request r = post(uri, "2");
    r.method = method;
    if (strcmp(method, "POST") != 0) r.length = NULL, r.lengths = 0;
    return refused(r);
}

static void methods(void **state)
{
    (void)state;
    static const char *const other[] = {"PUT",   "DELETE", "OPTIONS", "TRACE", "CONNECT",
                                        "PATCH", "get",    "post",    "Head",  ""};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        assert_int_equal(with_method(other[i], AT), 405);
        assert_int_equal(no.allowed, GP_METHOD_GET);
        assert_int_equal(with_method(other[i], AT "api/saved"), 405);
        assert_int_equal(no.allowed, GP_METHOD_GET | GP_METHOD_POST);
    }
    static const char *const reading[] = {
        AT,          AT "data/catalog.json",       AT "data/col/1.bin",     AT "data/slices.bin",
        AT "events", AT "thumb/256/" TOKEN ".jpg", AT "image/" TOKEN ".png"};
    static const char *const doing[] = {AT "api/rate", AT "api/search", AT "api/upload", AT "api/export"};
    for (size_t i = 0; i < sizeof reading / sizeof *reading; i++) {
        assert_int_equal(with_method("POST", reading[i]), 405);
        assert_int_equal(no.allowed, GP_METHOD_GET);
    }
    for (size_t i = 0; i < sizeof doing / sizeof *doing; i++) {
        assert_int_equal(with_method("GET", doing[i]), 405);
        assert_int_equal(no.allowed, GP_METHOD_POST);
        assert_int_equal(with_method("HEAD", doing[i]), 405);
    }
    assert_int_equal(with_method("GET", AT "api/saved"), 0);
    assert_int_equal(with_method("POST", AT "api/saved"), 0);
}

static void the_mark(void **state)
{
    (void)state;
    static const char *const wrong[] = {NULL, "", "0", "2", "11", " 1", "1 ", "true", "1, 1"};
    static const char *const doing[] = {AT "api/rate", AT "api/search", AT "api/upload", AT "api/export",
                                        AT "api/saved"};
    for (size_t k = 0; k < sizeof doing / sizeof *doing; k++)
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            gp_guard_request r = post(doing[k], "2");
            r.mark = wrong[i];
            assert_int_equal(refused(r), 403);
            assert_non_null(strstr(no.message, "X-Goldpan"));
        }
}

static void read_only(void **state)
{
    (void)state;
    static const struct {
        const char *uri;
        unsigned status;
    } known[] = {{AT "api/rate", 403},
                 {AT "api/saved", 403},
                 {AT "api/export", 403},
                 {AT "api/search", 0},
                 {AT "api/upload", 0}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        gp_guard_request r = post(known[i].uri, "2");
        assert_int_equal(refused_by(&readonly, &r), known[i].status);
        if (known[i].status) assert_non_null(strstr(no.message, "read-only"));
    }
    gp_guard_request saved = get(AT "api/saved");
    assert_int_equal(refused_by(&readonly, &saved), 0);
}

/* ------------------------------------------------------------------ bodies */

static void lengths(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "1e3",
                                        "-1",
                                        "+5",
                                        " 5",
                                        "5 ",
                                        "0x10",
                                        "5,5",
                                        "5, 5",
                                        "five",
                                        "1.0",
                                        "\t5",
                                        "5\t",
                                        "18446744073709551616",
                                        "123456789012345678901234567890"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (refused(post(AT "api/upload", wrong[i])) != 400) fail_msg("length \"%s\": %u", wrong[i], no.status);
        gp_guard_request r = get(AT);
        r.length = wrong[i], r.lengths = 1;
        assert_int_equal(refused(r), 400);
    }
    assert_int_equal(refused(post(AT "api/rate", NULL)), 400);
    assert_int_equal(refused(post(AT "api/rate", "0")), 400);
    assert_int_equal(refused(post(AT "api/rate", "000")), 400);
    assert_int_equal(refused(post(AT "api/rate", "007")), 0); /* RFC 9110 allows leading zeros */
    assert_int_equal(length, 7);

    gp_guard_request twice = post(AT "api/rate", "5");
    twice.lengths = 2;
    assert_int_equal(refused(twice), 400);
    gp_guard_request got = get(AT);
    got.length = "0", got.lengths = 2;
    assert_int_equal(refused(got), 400);
    got.length = "1", got.lengths = 1; /* a GET with a body */
    assert_int_equal(refused(got), 400);
}

static void in_pieces(void **state)
{
    (void)state;
    static const char *const codings[] = {"chunked", "", "identity", "gzip, chunked", "xchunked"};
    for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
        gp_guard_request p = post(AT "api/rate", "5"), none = post(AT "api/rate", NULL), g = get(AT);
        p.encoding = none.encoding = g.encoding = codings[i];
        assert_int_equal(refused(p), 400);
        assert_int_equal(refused(none), 400);
        assert_int_equal(refused(g), 400);
    }
}

static void too_large(void **state)
{
    (void)state;
    static const struct {
        const char *uri;
        uint64_t most;
    } known[] = {{AT "api/rate", 8 << 20},
                 {AT "api/search", 64 << 10},
                 {AT "api/upload", 64 << 20},
                 {AT "api/saved", 1 << 20},
                 {AT "api/export", 8 << 20}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char text[24];
        snprintf(text, sizeof text, "%llu", (unsigned long long)known[i].most);
        assert_int_equal(refused(post(known[i].uri, text)), 0);
        assert_int_equal(length, known[i].most);
        snprintf(text, sizeof text, "%llu", (unsigned long long)known[i].most + 1);
        assert_int_equal(refused(post(known[i].uri, text)), 413);
        assert_int_equal(refused(post(known[i].uri, "18446744073709551615")), 413);
    }
    assert_non_null(strstr(no.message, "8388608"));
}

/* ------------------------------------------------------------------ order of the checks */

/* The request fails every check at first, and the test removes one fault at a time.  Each response must name the next
 * check.  The server checks Host, Origin and key before the address, so only the page learns which addresses exist. */
static void the_order(void **state)
{
    (void)state;
    gp_guard_request r = {.method = "PUT", .uri = NULL, .host = "evil.example", .hosts = 1, .origins = 1};
    r.origin = "null", r.site = "cross-site", r.encoding = "chunked", r.length = "x", r.lengths = 2;
    assert_int_equal(refused_by(&readonly, &r), 403);
    assert_non_null(strstr(no.message, "Host"));
    r.host = "localhost:7860";
    assert_int_equal(refused_by(&readonly, &r), 403);
    assert_non_null(strstr(no.message, "Origin"));
    r.origin = "http://localhost:7860";
    assert_int_equal(refused_by(&readonly, &r), 403);
    assert_non_null(strstr(no.message, "another site"));
    r.site = "same-origin";
    assert_int_equal(refused_by(&readonly, &r), 414);
    r.uri = "/nothing/here";
    assert_int_equal(refused_by(&readonly, &r), 403);
    assert_non_null(strstr(no.message, "key"));
    r.uri = "/" TOKEN;
    assert_int_equal(refused_by(&readonly, &r), 308);
    r.uri = AT "data/../..";
    assert_int_equal(refused_by(&readonly, &r), 404);
    r.uri = AT "api/rate";
    assert_int_equal(refused_by(&readonly, &r), 405);
    r.method = "POST";
    assert_int_equal(refused_by(&readonly, &r), 403);
    assert_non_null(strstr(no.message, "X-Goldpan"));
    r.mark = "1";
    assert_int_equal(refused_by(&readonly, &r), 403);
    assert_non_null(strstr(no.message, "read-only"));
    assert_int_equal(refused(r), 400);
    assert_non_null(strstr(no.message, "chunked"));
    r.encoding = NULL;
    assert_int_equal(refused(r), 400);
    assert_non_null(strstr(no.message, "missing"));
    r.lengths = 1;
    assert_int_equal(refused(r), 400);
    assert_non_null(strstr(no.message, "number"));
    r.length = "99999999";
    assert_int_equal(refused(r), 413);
    r.length = "0";
    assert_int_equal(refused(r), 400);
    assert_non_null(strstr(no.message, "empty"));
    r.length = "1";
    assert_int_equal(refused(r), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_ones), cmocka_unit_test(hosts),     cmocka_unit_test(the_port_of_the_web),
        cmocka_unit_test(origins),        cmocka_unit_test(sites),     cmocka_unit_test(tokens),
        cmocka_unit_test(the_last_slash), cmocka_unit_test(too_long),  cmocka_unit_test(methods),
        cmocka_unit_test(the_mark),       cmocka_unit_test(read_only), cmocka_unit_test(lengths),
        cmocka_unit_test(in_pieces),      cmocka_unit_test(too_large), cmocka_unit_test(the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
