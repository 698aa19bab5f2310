/* SPDX-License-Identifier: MIT
 * Passes request bodies to their parsers.  Each body is in a block of its exact size without a NUL, like the body of a
 * real request. */
#ifndef GP_TESTS_BODIES_SUPPORT_H
#define GP_TESTS_BODIES_SUPPORT_H

#include "support.h"

#include "base/json.h"
#include "base/mem.h"
#include "serve/request_body.h"

#define HASH  "0123456789abcdef00ff00ff00ff00ff"
#define OTHER "ffffffffffffffffffffffffffffffff"

static gp_error err;
static gp_cat_rating *changes;
static size_t count;
static gp_search_query query;
static gp_cat_tagging *taggings;
static char *name, *value;
static gp_export_request export;

typedef gp_status parser(const char *body, size_t size);

static inline gp_status rate(const char *body, size_t size)
{
    return gp_body_rate(body, size, &changes, &count, &err);
}

static inline gp_status tag(const char *body, size_t size)
{
    return gp_body_tag(body, size, &taggings, &count, &err);
}

static inline gp_status search(const char *body, size_t size)
{
    return gp_body_search(body, size, &query, &err);
}

static inline gp_status saved(const char *body, size_t size)
{
    return gp_body_saved(body, size, &name, &value, &err);
}

static inline gp_status export_(const char *body, size_t size)
{
    return gp_body_export(body, size, &export, &err);
}

static parser *const all[] = {rate, search, saved, export_, tag};
enum { PARSERS = 5 };

static inline gp_status bytes(parser *parse, const void *body, size_t size)
{
    char *block = malloc(size ? size : 1);
    assert_non_null(block);
    memcpy(block, body, size);
    memset(&err, 0, sizeof err);
    changes = NULL, taggings = NULL, count = 77, name = value = (char *)1;
    gp_status st = parse(block, size);
    free(block);
    return st;
}

/* Checks that the body is accepted; clears the result. */
static inline void right(parser *parse, const char *body)
{
    if (bytes(parse, body, strlen(body)) != GP_OK) fail_msg("%s: %s", body, err.message);
}

static inline void clear(parser *parse)
{
    if (parse == rate) gp_mem_free(changes);
    if (parse == tag) gp_tag_changes_clear(taggings, count);
    if (parse == search) gp_search_query_clear(&query);
    if (parse == saved) gp_mem_free(name), gp_mem_free(value);
    if (parse == export_) gp_export_request_clear(&export);
}

/* Checks that the parser rejects the body with USAGE and leaves no memory allocated. */
static inline void wrong_bytes(parser *parse, const void *body, size_t size)
{
    int64_t live = gp_mem_live();
    if (bytes(parse, body, size) != GP_ERR_USAGE)
        fail_msg("taken: %.*s", (int)(size < 200 ? size : 200), (const char *)body);
    assert_true(strlen(err.message) > 10);
    assert_int_equal(gp_mem_live(), live);
    assert_null(changes);
    assert_true(parse != search || (!query.text && !query.more_count && !query.less_count));
    assert_true(parse != saved || (!name && !value));
    assert_true(parse != export_ || !export.folder);
}

static inline void wrong(parser *parse, const char *body)
{
    wrong_bytes(parse, body, strlen(body));
}

#define WRONG(parse, ...)                                                                                              \
    do {                                                                                                               \
        static const char *const list[] = {__VA_ARGS__};                                                               \
        for (size_t w = 0; w < sizeof list / sizeof *list; w++) wrong(parse, list[w]);                                 \
    } while (0)

static inline void assert_hash(const gp_hash *hash, const char *expected)
{
    char hex[33];
    gp_hash_hex(*hash, hex);
    assert_string_equal(hex, expected);
}

/* Returns {"KEY": [ITEM, ITEM, ... n times]}. */
static inline char *list_of(const char *key, const char *item, size_t n)
{
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "{\"%s\":[", key);
    for (size_t i = 0; i < n; i++) gp_str_printf(&s, "%s%s", i ? "," : "", item);
    gp_str_puts(&s, "]}");
    return gp_str_take(&s);
}

#endif
