/* SPDX-License-Identifier: MIT
 * Private to the serve module: all limits of the server. */
#ifndef GP_SERVE_LIMITS_H
#define GP_SERVE_LIMITS_H

typedef struct gp_serve_limits {
    double connections;     /* maximum number of connections */
    double request_seconds; /* seconds to send a request's header, and between two requests */
    double body_seconds;    /* seconds to send a request's body */
    double idle_seconds;    /* seconds in which a client reads nothing of a response */
    double listeners;       /* maximum number of event listeners */
    double waiting;         /* maximum number of requests that wait for a worker pool */
    double thumb_bytes;     /* bytes of the thumbnail cache on disk */
    double alive_seconds;   /* seconds between two keep-alive comments to a listener */
    double poll_seconds;    /* seconds between two checks of the catalog */
    double strangers;       /* connections without the token; beyond it a new connection ends the oldest */
    double image_bytes;     /* bytes of all images that are decoded at once */
    double upload_bytes;    /* bytes of all uploads being received or waiting */
} gp_serve_limits;

/* Reads limits such as "request_seconds=1,listeners=2" over the defaults; NULL: the defaults alone.  Ignores unknown
 * names and values out of range. */
void gp_serve_limits_read(const char *text, gp_serve_limits *out);

#endif
