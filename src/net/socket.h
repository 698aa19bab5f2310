/* SPDX-License-Identifier: MIT
 * Receives messages over a WebSocket, if libcurl supports that (8.11 or newer, with the protocol ws).  No function
 * returns an error: without a connection the caller works without messages. */
#ifndef GP_NET_SOCKET_H
#define GP_NET_SOCKET_H

#include "base/str.h"

typedef struct gp_socket gp_socket; /* used by one thread at a time */

/* Returns true if this libcurl can open a WebSocket. */
bool gp_socket_possible(void);
/* Connects to a ws or wss address, within `limit` seconds.  A gp_http session must have been opened before.  token: a
 * bearer token, or NULL.  login: "user:password", or NULL.  go_on: called repeatedly, may be NULL; if it returns false,
 * the function stops.  Returns NULL if there is no connection. */
gp_socket *gp_socket_open(const char *url, const char *token, const char *login, double limit,
                          bool (*go_on)(void *user), void *user);
void gp_socket_close(gp_socket *socket); /* NULL allowed */

typedef enum gp_socket_news {
    GP_SOCKET_NOTHING, /* no data has arrived */
    GP_SOCKET_TEXT,    /* a complete text message */
    GP_SOCKET_SKIPPED, /* other data: a binary message, or a text that is too long or not complete yet */
    GP_SOCKET_CLOSED   /* the connection has ended */
} gp_socket_news;
enum { GP_SOCKET_MOST_TEXT = 64 << 10 /* maximum bytes of a message; longer messages are skipped */ };
/* Takes data that has arrived, without waiting.  *text: the message, valid until the next call; set for
 * GP_SOCKET_TEXT only. */
gp_socket_news gp_socket_take(gp_socket *socket, const gp_str **text);
/* Waits until bytes arrive, for at most `seconds` and at most 1 second.  Call this only after gp_socket_take has
 * returned GP_SOCKET_NOTHING, because TLS may already hold bytes that this function does not see. */
void gp_socket_wait(const gp_socket *socket, double seconds);

#endif
