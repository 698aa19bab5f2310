/* SPDX-License-Identifier: MIT
 * Private to the serve room: what the page sends, out of its JSON.  Pure.  USAGE with what is wrong. */
#ifndef GP_SERVE_REQUEST_BODY_H
#define GP_SERVE_REQUEST_BODY_H

#include "base/str.h"
#include "catalog/catalog.h"

enum {
    GP_MAX_CHANGES = 100000, /* ratings in one request */
    GP_MAX_ALIKE = 64,       /* pictures a search goes by, of either kind */
    GP_MAX_WORDS = 4096,     /* bytes of a search's text */
    GP_MAX_NAME = 100        /* bytes of a saved view's name */
};

/* Owns: *out [*count], gp_mem_free. */
gp_status gp_body_rate(const char *body, size_t size, gp_cat_rating **out, size_t *count, gp_error *err);

/* A picture to go by: of the catalog, or uploaded. */
typedef struct gp_search_example {
    bool uploaded;
    uint64_t number; /* "u7": 7 */
    gp_hash hash;
} gp_search_example;
typedef struct gp_search_query {
    char *text; /* owned; NULL: none */
    gp_search_example more[GP_MAX_ALIKE], less[GP_MAX_ALIKE];
    size_t more_count, less_count;
} gp_search_query;
gp_status gp_body_search(const char *body, size_t size, gp_search_query *out, gp_error *err);
void gp_search_query_clear(gp_search_query *wish);

/* Owns: *name, and *value: its JSON, or NULL to forget it. */
gp_status gp_body_saved(const char *body, size_t size, char **name, char **value, gp_error *err);

typedef struct gp_export_request {
    char *folder; /* owned, gp_mem_free */
    gp_export_mode mode;
    char what[16];
} gp_export_request;
gp_status gp_body_export(const char *body, size_t size, gp_export_request *out, gp_error *err);

#endif
