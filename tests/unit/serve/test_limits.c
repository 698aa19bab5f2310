/* SPDX-License-Identifier: MIT
 * The limits of the server, and the text that changes them. */
#include "support.h"

#include "serve/limits.h"

static gp_serve_limits usual(void)
{
    gp_serve_limits l;
    memset(&l, 0xaa, sizeof l);
    gp_serve_limits_read(NULL, &l);
    return l;
}

static gp_serve_limits with(const char *text)
{
    gp_serve_limits l;
    memset(&l, 0xaa, sizeof l);
    gp_serve_limits_read(text, &l);
    return l;
}

static void the_usual_ones(void **state)
{
    (void)state;
    gp_serve_limits l = usual();
    assert_float_equal(l.connections, 256, 0);
    assert_float_equal(l.request_seconds, 20, 0);
    assert_float_equal(l.body_seconds, 120, 0);
    assert_float_equal(l.idle_seconds, 60, 0);
    assert_float_equal(l.listeners, 64, 0);
    assert_float_equal(l.waiting, 512, 0);
    assert_float_equal(l.thumb_bytes, 2147483648.0, 0);
    assert_float_equal(l.alive_seconds, 15, 0);
    assert_float_equal(l.poll_seconds, 1, 0);
    assert_float_equal(l.strangers, 64, 0);
    assert_float_equal(l.image_bytes, 805306368.0, 0);
    assert_float_equal(l.upload_bytes, 268435456.0, 0);
}

static void changed_ones(void **state)
{
    (void)state;
    gp_serve_limits l = with("request_seconds=1,listeners=2");
    assert_float_equal(l.request_seconds, 1, 0);
    assert_float_equal(l.listeners, 2, 0);
    assert_float_equal(l.connections, 256, 0);
    l = with("connections=4,body_seconds=0.5,idle_seconds=1,waiting=10000,thumb_bytes=0,alive_seconds=0.1,poll_seconds="
             "3600");
    assert_float_equal(l.connections, 4, 0);
    assert_float_equal(l.body_seconds, 0.5, 0);
    assert_float_equal(l.idle_seconds, 1, 0);
    assert_float_equal(l.waiting, 10000, 0);
    assert_float_equal(l.thumb_bytes, 0, 0);
    assert_float_equal(l.alive_seconds, 0.1, 0);
    assert_float_equal(l.poll_seconds, 3600, 0);
    l = with("listeners=0000000000000000000000000000007"); /* the longest number that the parser accepts */
    assert_float_equal(l.listeners, 7, 0);
    l = with(",,nonsense=7,listeners=3,,listeners=5,"); /* the last value counts */
    assert_float_equal(l.listeners, 5, 0);
}

static void what_is_no_limit(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        ",",
                                        "=",
                                        ",=,",
                                        "=1",
                                        "listeners",
                                        "listeners=",
                                        "listeners==2",
                                        "listeners=0",
                                        "listeners=-1",
                                        "listeners=1001",
                                        "listeners=nan",
                                        "listeners=inf",
                                        "listeners=-inf",
                                        "listeners=0x10",
                                        "listeners=2x",
                                        "listeners= 2",
                                        "listeners=2 ",
                                        " listeners=2",
                                        "listeners =2",
                                        "Listeners=2",
                                        "listener=2",
                                        "listenerss=2",
                                        "listeners;2",
                                        "listeners=1e400",
                                        "listeners=2=3",
                                        "waiting=10001",
                                        "connections=3",
                                        "idle_seconds=0.5",
                                        "thumb_bytes=-1",
                                        "thumb_bytes=1e16",
                                        "poll_seconds=0",
                                        "listeners=00000000000000000000000000000007",
                                        "listeners=2000000000000000000000000000000000000000000000000000",
                                        "listeners=0000000000000000000000000000000000000000000000000002"};
    gp_serve_limits expected = usual();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        gp_serve_limits l = with(texts[i]);
        if (memcmp(&l, &expected, sizeof l) != 0) fail_msg("\"%s\" changed something", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_usual_ones), cmocka_unit_test(changed_ones),
                                       cmocka_unit_test(what_is_no_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
