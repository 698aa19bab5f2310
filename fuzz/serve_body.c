/* SPDX-License-Identifier: MIT
 * Bodies of the page's requests; the first byte selects the parser.  Accepted values are within their limits; a
 * rejected body leaves no allocated memory. */
#include "base/json.h"
#include "base/mem.h"
#include "serve/request_body.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

/* Returns true if the parser succeeded. The only status that the parser may return on failure is USAGE. */
static bool taken(gp_status st, const gp_error *err)
{
    check(st == GP_OK || (st == GP_ERR_USAGE && err->status == st && *err->message));
    return st == GP_OK;
}

static void rate(const char *body, size_t size)
{
    gp_error err = {0};
    gp_cat_rating *changes = NULL;
    size_t count = 0;
    if (taken(gp_body_rate(body, size, &changes, &count, &err), &err)) {
        check(changes && count <= GP_MAX_CHANGES);
        for (size_t i = 0; i < count; i++) {
            check(changes[i].has_flag ? changes[i].flag >= -1 && changes[i].flag <= 1 : changes[i].flag == 0);
            check(changes[i].has_stars ? changes[i].stars >= 0 && changes[i].stars <= 5 : changes[i].stars == 0);
        }
    } else {
        check(!changes);
    }
    gp_mem_free(changes);
}

static void tag(const char *body, size_t size)
{
    gp_error err = {0};
    gp_cat_tagging *changes = NULL;
    size_t count = 0;
    if (taken(gp_body_tag(body, size, &changes, &count, &err), &err)) {
        check(changes && count <= GP_MAX_CHANGES);
        for (size_t i = 0; i < count; i++) {
            char *again = NULL; /* a clean tag stays as it is */
            check(gp_cat_tag_clean(changes[i].tag, strlen(changes[i].tag), &again, NULL) == GP_OK);
            check(strcmp(again, changes[i].tag) == 0);
            gp_mem_free(again);
        }
    } else {
        check(!changes);
    }
    gp_tag_changes_clear(changes, count);
}

static void check_text(const char *text, size_t most)
{
    check(strlen(text) <= most && gp_utf8_valid(text, strlen(text)));
}

static void search(const char *body, size_t size)
{
    gp_error err = {0};
    gp_search_query query;
    if (taken(gp_body_search(body, size, &query, &err), &err)) {
        check(query.text || query.more_count || query.less_count);
        check(query.more_count <= GP_MAX_ALIKE && query.less_count <= GP_MAX_ALIKE);
        if (query.text) check_text(query.text, GP_MAX_WORDS);
        for (size_t i = 0; i < query.more_count; i++) check(query.more[i].uploaded || !query.more[i].number);
    } else {
        check(!query.text && !query.more_count && !query.less_count);
    }
    gp_search_query_clear(&query);
}

/* Checks that a saved view is valid JSON for a browser. */
static void saved(const char *body, size_t size)
{
    gp_error err = {0};
    char *name, *value;
    gp_json *again = NULL;
    if (taken(gp_body_saved(body, size, &name, &value, &err), &err)) {
        check_text(name, GP_MAX_NAME);
        check(*name);
        if (value) {
            check(gp_json_parse(value, strlen(value), true, 0, &again, NULL) == GP_OK);
            check(gp_json_kind_of(again) == GP_JSON_OBJECT);
        }
    } else {
        check(!name && !value);
    }
    gp_json_free(again);
    gp_mem_free(value);
    gp_mem_free(name);
}

static void export(const char *body, size_t size)
{
    gp_error err = {0};
    gp_export_request wanted;
    if (taken(gp_body_export(body, size, &wanted, &err), &err)) {
        check_text(wanted.folder, 4096);
        check(*wanted.folder && wanted.mode <= GP_EXPORT_NONE && wanted.what <= GP_EXPORT_CHOICE_IMAGES);
        check(wanted.stars >= 0 && wanted.stars <= 5 && wanted.image_count <= GP_MAX_EXPORTED);
        for (size_t i = 0; i < wanted.image_count; i++) check(strlen(wanted.images[i]) == 32);
    } else {
        check(!wanted.folder);
    }
    gp_export_request_clear(&wanted);
}

static void images(const char *body, size_t size)
{
    gp_error err = {0};
    gp_hash *hashes = NULL;
    size_t count = 0;
    if (taken(gp_body_images(body, size, &hashes, &count, &err), &err))
        check(hashes && count >= 1 && count <= GP_MAX_EXPORTED);
    else
        check(!hashes && !count);
    gp_mem_free(hashes);
}

static void one(const char *body, size_t size)
{
    gp_error err = {0};
    gp_hash hash;
    (void)taken(gp_body_hash(body, size, &hash, &err), &err);
}

static void generate(const char *body, size_t size)
{
    gp_error err = {0};
    gp_generate_request request;
    if (taken(gp_body_generate(body, size, &request, &err), &err)) {
        check(request.more <= GP_MAX_GENERATED);
        check_text(request.address, GP_MAX_ADDRESS);
    } else {
        check(!request.address);
    }
    gp_generate_request_clear(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parsers[])(const char *body, size_t size) = {rate,   search, saved, export,
                                                                     images, one,    tag,   generate};
    if (!size) return 0;
    /* the digits 0 to 7 select the parsers in this order */
    parsers[data[0] % 8]((const char *)data + 1, size - 1);
    return 0;
}
