/* SPDX-License-Identifier: MIT
 * Private to the serve module: all limits of the server. */
#ifndef GP_SERVE_LIMITS_H
#define GP_SERVE_LIMITS_H

typedef struct gp_serve_limits {
    double connections;     /* maximum number of open connections */
    double request_seconds; /* seconds to send a request's header, and between two requests */
    double body_seconds;    /* seconds to send a request's body */
    double idle_seconds;    /* seconds without activity after which a connection is ended */
    double listeners;       /* maximum number of event listeners */
    double waiting;         /* maximum number of requests that wait for a worker pool */
    double thumb_bytes;     /* maximum bytes of the thumbnail cache on disk */
    double alive_seconds;   /* seconds between two keep-alive comments to a listener */
    double poll_seconds;    /* seconds between two checks of the catalog */
    double strangers;       /* maximum number of connections without the token; beyond it a new connection ends the
                               oldest */
    double image_bytes;     /* maximum bytes of all images that are decoded at the same time */
    double upload_bytes;    /* maximum bytes of all uploads that are being received or are waiting */
} gp_serve_limits;

/* Reads limits such as "request_seconds=1,listeners=2". Limits that the text does not name get their defaults. text
 * NULL: all limits get their defaults. Ignores unknown names and values out of range. */
void gp_serve_limits_read(const char *text, gp_serve_limits *out);

#endif
