/* SPDX-License-Identifier: MIT
 * The catalog's rows of pictures to be generated: plan, states, results. */
#ifndef GP_CATALOG_GENERATIONS_H
#define GP_CATALOG_GENERATIONS_H

#include "catalog/catalog.h"

typedef enum gp_cat_gen_state {
    GP_CAT_PLANNED,
    GP_CAT_SUBMITTED, /* asked for; whether it was drawn is not known */
    GP_CAT_GOT,
    GP_CAT_FAILED,
    GP_CAT_REFUSED,
    GP_CAT_INTERRUPTED /* somebody stopped the job in the generator: the next run requests it again */
} gp_cat_gen_state;

typedef struct gp_cat_generation {
    const char *key, *prompt, *negative; /* negative: or NULL */
    uint32_t number;
    bool has_seed;
    uint64_t seed;                            /* below 2^63 */
    const char *protocol, *settings, *extras; /* extras: or NULL */
} gp_cat_generation;

/* Returns false if `name` is NULL or no state has this name. */
bool gp_cat_gen_state_of(const char *name, gp_cat_gen_state *state);
/* Plan it unless it is there; *id, *state: the row's. */
gp_status gp_cat_generation_put(gp_catalog *cat, const gp_cat_generation *g, int64_t *id, gp_cat_gen_state *state,
                                gp_error *err);
/* Is there a row with this key? */
gp_status gp_cat_generation_has(gp_catalog *cat, const char *key, bool *there, gp_error *err);
/* image 0, path and message NULL where there is none. */
gp_status gp_cat_generation_set(gp_catalog *cat, int64_t id, gp_cat_gen_state state, const char *path, int64_t image,
                                const char *message, gp_error *err);
/* One row, its texts lent to `visit`.  NOT_FOUND when there is no such id. */
gp_status gp_cat_generation_get(gp_catalog *cat, int64_t id,
                                gp_status (*visit)(void *user, const gp_cat_generation *g, gp_error *err), void *user,
                                gp_error *err);
/* Scores, by the scorer used last, of what was got for these ids: scores [count], NaN where there is none. */
gp_status gp_cat_generation_scores(gp_catalog *cat, const int64_t *ids, size_t count, double *scores, gp_error *err);

/* Returns the address of the generator that drew the newest picked image: *address, owned; NULL: no row has an address.
 * protocol: consider only images drawn with this protocol; NULL: all. */
gp_status gp_cat_generation_backend(gp_catalog *cat, bool flagged, const char *protocol, char **address, gp_error *err);

/* The picked images (flagged: those that a person picked), by path.  settings: JSON object or NULL. */
gp_status gp_cat_winners(gp_catalog *cat, bool flagged,
                         gp_status (*visit)(void *user, const char *path, const char *prompt, const char *negative,
                                            const char *settings, gp_error *err),
                         void *user, gp_error *err);

#endif
