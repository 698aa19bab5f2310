/* SPDX-License-Identifier: MIT
 * A WebSocket over libcurl, whose functions are stable since 8.11.0.  An older libcurl, or a libcurl built without
 * the protocol, cannot open a WebSocket. */
#include "net/socket.h"

#include <curl/curl.h>

#if LIBCURL_VERSION_NUM >= 0x080B00

#include "base/clock.h"
#include "base/mem.h"
#include "net/pipe_guard.h"

#include <poll.h>
#include <string.h>

enum { POLL_MS = 100 /* milliseconds between two checks for a stop */ };

struct gp_socket {
    CURLM *multi;
    CURL *easy;
    curl_socket_t fd;
    gp_str text;   /* text of the message being received */
    bool skipping; /* this message is too long */
    bool in_parts; /* the message comes in several frames; ComfyUI never sends such messages, so skip it */
};

bool gp_socket_possible(void)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    if (info->version_num < 0x080B00) return false; /* the library at run time is older than the one at compile time */
    for (const char *const *p = info->protocols; p && *p; p++)
        if (!strcmp(*p, "ws")) return true;
    return false;
}

void gp_socket_close(gp_socket *socket)
{
    sigset_t old;
    if (!socket) return;
    gp_pipe_hold(&old);
    if (socket->multi && socket->easy)
        curl_multi_remove_handle(socket->multi, socket->easy); /* closes the connection */
    if (socket->easy) curl_easy_cleanup(socket->easy);
    if (socket->multi) curl_multi_cleanup(socket->multi);
    gp_pipe_release(&old);
    gp_str_clear(&socket->text);
    gp_mem_free(socket);
}

/* Performs the handshake.  Uses libcurl's multi interface, so that `limit` and `go_on` can end it at any time. */
static bool shake_hands(gp_socket *s, double limit, bool (*go_on)(void *user), void *user)
{
    double end = gp_clock_now() + limit;
    for (;;) {
        int running = 0, left = 0;
        if (curl_multi_perform(s->multi, &running) != CURLM_OK) return false;
        for (CURLMsg *m; (m = curl_multi_info_read(s->multi, &left));)
            if (m->msg == CURLMSG_DONE) return m->data.result == CURLE_OK;
        if (!running || gp_clock_now() >= end || (go_on && !go_on(user))) return false;
        curl_multi_poll(s->multi, NULL, 0, POLL_MS, NULL);
    }
}

gp_socket *gp_socket_open(const char *url, const char *token, const char *login, double limit,
                          bool (*go_on)(void *user), void *user)
{
    sigset_t old;
    gp_socket *s = gp_socket_possible() ? gp_mem_zero(1, sizeof *s) : NULL;
    if (!s) return NULL;
    s->text = (gp_str)GP_STR_INIT;
    s->multi = curl_multi_init();
    s->easy = curl_easy_init();
    bool good = s->multi && s->easy && curl_easy_setopt(s->easy, CURLOPT_URL, url) == CURLE_OK;
    if (good) {
        curl_easy_setopt(s->easy, CURLOPT_PROTOCOLS_STR, "ws,wss");
        curl_easy_setopt(s->easy, CURLOPT_CONNECT_ONLY, 2L); /* 2: connect and perform the WebSocket handshake */
        curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(s->easy, CURLOPT_QUICK_EXIT, 1L);
        curl_easy_setopt(s->easy, CURLOPT_TCP_KEEPALIVE, 1L);
        curl_easy_setopt(s->easy, CURLOPT_USERAGENT, "goldpan/" GP_VERSION);
        if (token) {
            curl_easy_setopt(s->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
            good = curl_easy_setopt(s->easy, CURLOPT_XOAUTH2_BEARER, token) == CURLE_OK;
        } else if (login) {
            curl_easy_setopt(s->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
            good = curl_easy_setopt(s->easy, CURLOPT_USERPWD, login) == CURLE_OK;
        }
    }
    gp_pipe_hold(&old);
    good = good && curl_multi_add_handle(s->multi, s->easy) == CURLM_OK && shake_hands(s, limit, go_on, user) &&
           curl_easy_getinfo(s->easy, CURLINFO_ACTIVESOCKET, &s->fd) == CURLE_OK && s->fd != CURL_SOCKET_BAD;
    gp_pipe_release(&old);
    if (good) return s;
    gp_socket_close(s);
    return NULL;
}

/* Stores a piece of a text message, within the limit. */
static gp_socket_news take_text(gp_socket *s, const struct curl_ws_frame *frame, const char *bytes, size_t size)
{
    bool last = frame->bytesleft <= 0;
    if (frame->offset == 0) {
        gp_str_reset(&s->text);
        s->skipping = false;
    }
    if (frame->flags & CURLWS_CONT) s->in_parts = true;
    if (s->in_parts || size > (size_t)GP_SOCKET_MOST_TEXT - s->text.size) s->skipping = true;
    if (last && !(frame->flags & CURLWS_CONT)) s->in_parts = false;
    if (!s->skipping) gp_str_add(&s->text, bytes, size);
    return last && !s->skipping && !s->text.failed ? GP_SOCKET_TEXT : GP_SOCKET_SKIPPED;
}

gp_socket_news gp_socket_take(gp_socket *socket, const gp_str **text)
{
    char bytes[8192];
    size_t got = 0;
    const struct curl_ws_frame *frame = NULL;
    sigset_t old;
    gp_pipe_hold(&old); /* receiving may also write, because libcurl answers a ping */
    CURLcode result = curl_ws_recv(socket->easy, bytes, sizeof bytes, &got, &frame);
    gp_pipe_release(&old);
    if (result == CURLE_AGAIN) return GP_SOCKET_NOTHING;
    if (result != CURLE_OK || !frame || (frame->flags & CURLWS_CLOSE)) return GP_SOCKET_CLOSED;
    if (!(frame->flags & CURLWS_TEXT)) return GP_SOCKET_SKIPPED;
    gp_socket_news news = take_text(socket, frame, bytes, got);
    if (news == GP_SOCKET_TEXT) *text = &socket->text;
    return news;
}

void gp_socket_wait(const gp_socket *socket, double seconds)
{
    struct pollfd one = {.fd = socket->fd, .events = POLLIN};
    if (seconds > 0) (void)poll(&one, 1, seconds < 1 ? (int)(seconds * 1000) + 1 : 1000);
}

#else /* a libcurl without WebSockets */

bool gp_socket_possible(void)
{
    return false;
}

gp_socket *gp_socket_open(const char *url, const char *token, const char *login, double limit,
                          bool (*go_on)(void *user), void *user)
{
    (void)url, (void)token, (void)login, (void)limit, (void)go_on, (void)user;
    return NULL;
}

void gp_socket_close(gp_socket *socket)
{
    (void)socket;
}

gp_socket_news gp_socket_take(gp_socket *socket, const gp_str **text)
{
    (void)socket, (void)text;
    return GP_SOCKET_CLOSED;
}

void gp_socket_wait(const gp_socket *socket, double seconds)
{
    (void)socket, (void)seconds;
}

#endif
