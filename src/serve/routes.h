/* SPDX-License-Identifier: MIT
 * Private to the serve room: which address means what (docs/api.md as a table).  Pure.  An address is either exactly
 * one of them or none: there is no decoding, no "..", no other way to write a number, so nothing has two names. */
#ifndef GP_SERVE_ROUTES_H
#define GP_SERVE_ROUTES_H

#include "base/hash.h"
#include "base/status.h"

typedef enum gp_route_kind {
    GP_ROUTE_NONE,
    GP_ROUTE_PAGE,
    GP_ROUTE_MANIFEST,
    GP_ROUTE_COLUMN,
    GP_ROUTE_WORDS,
    GP_ROUTE_SLICES,
    GP_ROUTE_DETAIL,
    GP_ROUTE_THUMB,
    GP_ROUTE_IMAGE,
    GP_ROUTE_EVENTS,
    GP_ROUTE_RATE,
    GP_ROUTE_SEARCH,
    GP_ROUTE_UPLOAD,
    GP_ROUTE_SAVED,
    GP_ROUTE_EXPORT
} gp_route_kind;

enum { GP_METHOD_GET = 1, GP_METHOD_POST = 2 }; /* HEAD goes with GET */
enum { GP_ROUTE_NAME = 128 };

typedef struct gp_route {
    gp_route_kind kind;
    unsigned methods;  /* that it takes */
    uint64_t most;     /* bytes of a body */
    bool writes;       /* refused when read-only */
    uint32_t number;   /* column, shard, side of a thumbnail */
    gp_hash hash;      /* of a thumbnail or an image */
    char format[8];    /* extension asked for */
    bool has_revision; /* ?r= */
    uint64_t revision;
    char name[GP_ROUTE_NAME]; /* file of the page; "" its first */
} gp_route;

/* The route of an address below the token, "data/col/3.bin?r=17"; false: there is none. */
bool gp_route_find(const char *address, gp_route *out);

/* A Range header (NULL: none) for `size` bytes. */
typedef enum gp_range { GP_RANGE_WHOLE, GP_RANGE_PART, GP_RANGE_OUTSIDE } gp_range;
/* PART sets *first and *last, inclusive.  What is not one plain range of bytes is ignored, as RFC 9110 has it. */
gp_range gp_range_read(const char *header, uint64_t size, uint64_t *first, uint64_t *last);

#endif
