/* SPDX-License-Identifier: MIT
 * Attempts and pauses of one send, with a server in this process that always answers 503. */
#include "support.h"

#include "base/clock.h"
#include "net/http.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

enum { PAUSE = 30 }; /* seconds in the header Retry-After; the tests end long before this time has passed */

typedef struct busy {
    int listener;
    char url[64];
    unsigned answers;
    pthread_t thread;
} busy;

/* Answers each request with 503 until the listener is shut down. */
static void *serve(void *user)
{
    busy *b = user;
    char text[4096];
    for (int peer; (peer = accept(b->listener, NULL, NULL)) >= 0; close(peer)) {
        if (read(peer, text, sizeof text) <= 0) continue;
        b->answers++;
        int size =
            snprintf(text, sizeof text,
                     "HTTP/1.1 503 Busy\r\nRetry-After: %d\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", PAUSE);
        (void)send(peer, text, (size_t)size, MSG_NOSIGNAL);
    }
    return NULL;
}

static void busy_open(busy *b)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    *b = (busy){.listener = socket(AF_INET, SOCK_STREAM, 0)};
    assert_true(b->listener >= 0);
    assert_int_equal(bind(b->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(b->listener, (struct sockaddr *)&at, &size), 0);
    assert_int_equal(listen(b->listener, 4), 0);
    snprintf(b->url, sizeof b->url, "http://127.0.0.1:%u/", (unsigned)ntohs(at.sin_port));
    assert_int_equal(pthread_create(&b->thread, NULL, serve, b), 0);
}

static void busy_close(busy *b)
{
    shutdown(b->listener, SHUT_RDWR);
    pthread_join(b->thread, NULL);
    close(b->listener);
}

/* If a pause would end after the time limit, goldpan does not wait, and returns the last response as an error. */
static void test_pause_and_limit(void **state)
{
    (void)state;
    busy b;
    gp_http *http = NULL;
    gp_http_response r = {0};
    gp_error err = {0};
    busy_open(&b);
    assert_ok(gp_http_open(&http, &err));
    gp_http_request q = {.url = b.url, .method = "GET", .whole = PAUSE - 10};
    double begun = gp_clock_now();
    assert_int_equal(gp_http_send(http, &q, &r, &err), GP_ERR_NETWORK);
    assert_true(gp_clock_now() - begun < PAUSE - 10);
    assert_non_null(strstr(err.message, "the server answered with status 503"));
    gp_http_close(http);
    busy_close(&b);
    assert_int_equal(b.answers, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pause_and_limit)};
    setenv("no_proxy", "127.0.0.1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
