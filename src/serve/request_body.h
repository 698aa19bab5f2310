/* SPDX-License-Identifier: MIT
 * Private to the serve module: reads the JSON bodies of the page's requests.  Pure.  Errors: USAGE, with the reason. */
#ifndef GP_SERVE_REQUEST_BODY_H
#define GP_SERVE_REQUEST_BODY_H

#include "base/str.h"
#include "catalog/catalog.h"

enum {
    GP_MAX_CHANGES = 100000,  /* maximum number of ratings, or of changes of tags, in one request */
    GP_MAX_ALIKE = 64,        /* maximum number of example images in each of the lists `more` and `less` of a search */
    GP_MAX_WORDS = 4096,      /* maximum bytes of the text of a search */
    GP_MAX_NAME = 100,        /* maximum bytes of the name of a saved view */
    GP_MAX_EXPORTED = 100000, /* maximum number of images that an export, or a move to the trash, may name */
    GP_MAX_GENERATED = 64,    /* maximum number of images that one request may generate */
    GP_MAX_ADDRESS = 4096     /* maximum bytes of the address of a generator */
};

/* Reads ratings into *out [*count], owned (gp_mem_free). */
gp_status gp_body_rate(const char *body, size_t size, gp_cat_rating **out, size_t *count, gp_error *err);

/* Reads the "hash" of one image. */
gp_status gp_body_hash(const char *body, size_t size, gp_hash *out, gp_error *err);

/* Reads the list "images" of 1 to GP_MAX_EXPORTED hashes. Owned: *out, gp_mem_free. */
gp_status gp_body_images(const char *body, size_t size, gp_hash **out, size_t *count, gp_error *err);

/* Reads changes of tags into *out [*count], owned: gp_tag_changes_clear. The tags are clean (gp_cat_tag_clean). */
gp_status gp_body_tag(const char *body, size_t size, gp_cat_tagging **out, size_t *count, gp_error *err);
void gp_tag_changes_clear(gp_cat_tagging *changes, size_t count);

/* Reads a request to generate images. */
typedef struct gp_generate_request {
    gp_hash image;
    uint32_t more; /* 0: the image again, with its seed; else that many images with new seeds */
    char *address; /* owned: the generator that the page showed */
} gp_generate_request;
gp_status gp_body_generate(const char *body, size_t size, gp_generate_request *out, gp_error *err);
void gp_generate_request_clear(gp_generate_request *request);

/* An example image of a search: an image of the catalog, or an upload. */
typedef struct gp_search_example {
    bool uploaded;
    uint64_t number; /* number of the upload, such as 7 for "u7" */
    gp_hash hash;
} gp_search_example;
typedef struct gp_search_query {
    char *text; /* owned; NULL: no text */
    gp_search_example more[GP_MAX_ALIKE], less[GP_MAX_ALIKE];
    size_t more_count, less_count;
} gp_search_query;
gp_status gp_body_search(const char *body, size_t size, gp_search_query *out, gp_error *err);
void gp_search_query_clear(gp_search_query *query);

/* Reads a saved view. The caller owns *name and *value, the view's JSON. *value NULL: delete the view. */
gp_status gp_body_saved(const char *body, size_t size, char **name, char **value, gp_error *err);

typedef enum gp_export_choice {
    GP_EXPORT_CHOICE_PICKS,
    GP_EXPORT_CHOICE_ALL,
    GP_EXPORT_CHOICE_MINE,
    GP_EXPORT_CHOICE_MINE_SUGGESTED,
    GP_EXPORT_CHOICE_STARS,
    GP_EXPORT_CHOICE_IMAGES
} gp_export_choice;
typedef struct gp_export_request {
    char *folder; /* owned */
    gp_export_mode mode;
    gp_export_choice what;
    int stars;           /* 1 to 5 for STARS, else 0 */
    const char **images; /* [image_count] for IMAGES, else NULL; hashes of 32 hex digits; owned */
    char (*digits)[33];  /* the texts that `images` points to; owned */
    size_t image_count;
} gp_export_request;
gp_status gp_body_export(const char *body, size_t size, gp_export_request *out, gp_error *err);
void gp_export_request_clear(gp_export_request *request);

#endif
