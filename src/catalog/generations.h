/* SPDX-License-Identifier: MIT
 * Stores images that are to be generated: one row per image with its plan, state and result. */
#ifndef GP_CATALOG_GENERATIONS_H
#define GP_CATALOG_GENERATIONS_H

#include "catalog/catalog.h"

typedef enum gp_cat_gen_state {
    GP_CAT_PLANNED,
    GP_CAT_SUBMITTED, /* requested from the generator; the result is not known */
    GP_CAT_GOT,
    GP_CAT_FAILED,
    GP_CAT_REFUSED,
    GP_CAT_INTERRUPTED /* the job was stopped in the generator; the next run requests the image again */
} gp_cat_gen_state;

typedef struct gp_cat_generation {
    const char *key, *prompt, *negative; /* negative may be NULL */
    uint32_t number;
    bool has_seed;
    uint64_t seed;                            /* less than 2^63 */
    const char *protocol, *settings, *extras; /* extras may be NULL */
} gp_cat_generation;

/* Returns false if `name` is NULL or no state has this name. */
bool gp_cat_gen_state_of(const char *name, gp_cat_gen_state *state);
/* Inserts a planned image unless its key exists. *id and *state: those of the row with this key, whether new or old. */
gp_status gp_cat_generation_put(gp_catalog *cat, const gp_cat_generation *g, int64_t *id, gp_cat_gen_state *state,
                                gp_error *err);
/* Sets *there if there is a row with this key. */
gp_status gp_cat_generation_has(gp_catalog *cat, const char *key, bool *there, gp_error *err);
/* Updates a row. If there is no image, image is 0; path and message may be NULL. */
gp_status gp_cat_generation_set(gp_catalog *cat, int64_t id, gp_cat_gen_state state, const char *path, int64_t image,
                                const char *message, gp_error *err);
/* Passes one row to `visit`; the texts are borrowed for the call. NOT_FOUND if there is no such id. */
gp_status gp_cat_generation_get(gp_catalog *cat, int64_t id,
                                gp_status (*visit)(void *user, const gp_cat_generation *g, gp_error *err), void *user,
                                gp_error *err);
/* Reads the scores of the received images of these rows, by the scorer used last: scores [count]; NaN: none. */
gp_status gp_cat_generation_scores(gp_catalog *cat, const int64_t *ids, size_t count, double *scores, gp_error *err);

/* Returns the address of the generator that made the newest picked image. The caller owns *address; it is NULL if no
 * row has an address. flagged: as in gp_cat_winners. protocol: consider only images made with this protocol; NULL:
 * all. */
gp_status gp_cat_generation_backend(gp_catalog *cat, bool flagged, const char *protocol, char **address, gp_error *err);

/* SQL: g.address is a plain http or https address. Other characters, such as '@', '#' and '?', are not allowed, because
 * a browser and goldpan could find different hosts in such an address. */
#define GP_CAT_WEB_ADDRESS                                                                                             \
    "((g.address GLOB 'http://*' OR g.address GLOB 'https://*') AND g.address NOT GLOB '*[^]a-zA-Z0-9.:/_~[-]*')"

/* Returns the address of the generator that made an image, and its protocol. The caller owns both; both are NULL if the
 * catalog records no plain http or https address for the image (GP_CAT_WEB_ADDRESS). */
gp_status gp_cat_image_generator(gp_catalog *cat, const gp_hash *image, char **address, char **protocol, gp_error *err);
/* Sets *any if the catalog records a plain http or https address for at least one image. */
gp_status gp_cat_any_generator(gp_catalog *cat, bool *any, gp_error *err);

/* What a request to generate an image again needs. The texts are borrowed. */
typedef struct gp_cat_recipe {
    const char *path;     /* an existing file of the image; NULL: none */
    const char *prompt;   /* as models read it */
    const char *raw;      /* as the generator got it */
    const char *negative; /* or NULL */
    const char *settings; /* JSON object or NULL */
    uint64_t new_seed;    /* the number after the largest seed of the prompt's images. Only seeds of at most 2^32 - 65
                           * count, because some generators accept only seeds below 2^32 */
} gp_cat_recipe;
/* Calls `visit` for one image. NOT_FOUND: there is no such image, or the catalog knows no prompt for it. */
gp_status gp_cat_image_recipe(gp_catalog *cat, const gp_hash *image,
                              gp_status (*visit)(void *user, const gp_cat_recipe *recipe, gp_error *err), void *user,
                              gp_error *err);

/* Visits the picked images in order of path. flagged: visits the images that a user flagged as picks instead of those
 * that `goldpan pick` selected. settings: JSON object or NULL. */
gp_status gp_cat_winners(gp_catalog *cat, bool flagged,
                         gp_status (*visit)(void *user, const char *path, const char *prompt, const char *negative,
                                            const char *settings, gp_error *err),
                         void *user, gp_error *err);

#endif
