/* SPDX-License-Identifier: MIT
 * Private to the serve module: finds the route of an address (docs/api.md as a table). Pure. An address matches exactly
 * one route or none. No resource has two addresses, because addresses are not decoded, may not contain "..", and can
 * write a number in only one way. */
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
    GP_ROUTE_TAGS,
    GP_ROUTE_THUMB,
    GP_ROUTE_IMAGE,
    GP_ROUTE_EVENTS,
    GP_ROUTE_RATE,
    GP_ROUTE_TAG,
    GP_ROUTE_SEARCH,
    GP_ROUTE_UPLOAD,
    GP_ROUTE_SAVED,
    GP_ROUTE_EXPORT,
    GP_ROUTE_OPEN,
    GP_ROUTE_TRASH,
    GP_ROUTE_RESTORE,
    GP_ROUTE_GENERATE,
    GP_ROUTE_GENERATE_STOP
} gp_route_kind;

enum { GP_METHOD_GET = 1, GP_METHOD_POST = 2 }; /* GET includes HEAD */
enum { GP_ROUTE_NAME = 128 };

struct gp_request;
typedef struct gp_route {
    gp_route_kind kind;
    void (*handle)(struct gp_request *request); /* sets the response, or passes the request to a worker pool */
    unsigned methods;                           /* allowed methods */
    uint64_t most;                              /* maximum bytes of a body */
    bool writes;                                /* true: a read-only server rejects requests for this route */
    uint32_t number;                            /* column, shard, or side of a thumbnail */
    gp_hash hash;                               /* content hash of a thumbnail or an image */
    char format[8];                             /* requested extension */
    bool has_revision;                          /* ?r= */
    uint64_t revision;
    char name[GP_ROUTE_NAME]; /* file of the page; empty: the first page */
} gp_route;

/* Finds the route of an address such as "data/col/3.bin?r=17", which is the part after the token. false: unknown
 * address. */
bool gp_route_find(const char *address, gp_route *out);

/* The effect of a Range header on a resource. */
typedef enum gp_range { GP_RANGE_WHOLE, GP_RANGE_PART, GP_RANGE_OUTSIDE } gp_range;
/* Reads a Range header (NULL: none) for a resource of `size` bytes. GP_RANGE_PART sets *first and *last, both
 * inclusive. A header that is not a single range of bytes is ignored, as RFC 9110 allows. */
gp_range gp_range_read(const char *header, uint64_t size, uint64_t *first, uint64_t *last);

#endif
