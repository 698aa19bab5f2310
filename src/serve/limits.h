/* SPDX-License-Identifier: MIT
 * Private to the serve room: bounds of everything. */
#ifndef GP_SERVE_LIMITS_H
#define GP_SERVE_LIMITS_H

typedef struct gp_serve_limits {
    double connections;     /* at once */
    double request_seconds; /* for a request's head, and between two requests */
    double body_seconds;    /* for its body */
    double idle_seconds;    /* while an answer is not read */
    double listeners;       /* to the events */
    double waiting;         /* requests for a thread of their kind */
    double thumb_bytes;     /* of the cache on disk */
    double alive_seconds;   /* between two comments to a listener */
    double poll_seconds;    /* between two looks at the catalog */
    double strangers;       /* connections without the key; a new one ends the oldest */
    double image_bytes;     /* memory of all images that are decoded at once */
    double upload_bytes;    /* size of all uploads being received or waiting */
} gp_serve_limits;

/* "request_seconds=1,listeners=2" over the usual ones; NULL: those.  What is no limit, or out of reason, is passed
 * over.
 */
void gp_serve_limits_read(const char *text, gp_serve_limits *out);

#endif
