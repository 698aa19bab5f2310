/* SPDX-License-Identifier: MIT
 * The catalog's rules that SQL can express. gp_cat_check counts the rows that break them, and gp_cat_rescue repairs
 * these rows. */
#include "catalog/db.h"

#include <math.h>

#define RULE(table, repair, wrong, what)                                                                               \
    {                                                                                                                  \
        table, NULL, "SELECT count(*) FROM " table " WHERE " wrong, repair " WHERE " wrong, what                       \
    }
#define SIZE_RULE(table, what)                                                                                         \
    RULE(table, "DELETE FROM " table, "length(vector) <> 4 * (SELECT dims FROM encoders e WHERE e.id = encoder)",      \
         what " have a size that differs from their encoder's dimensions")
#define UNIT_RULE(table, what)                                                                                         \
    RULE(table, "DELETE FROM " table, "NOT is_unit(vector)",                                                           \
         what " have a length that is not 1, or contain NaN or infinity")
/* SQL condition for a row of `scores`: the scorer satisfies the condition `which`, and the embedding that the score
 * needs does not exist. thing: "image" or "prompt". */
#define UNEMBEDDED(table, thing, which)                                                                                \
    "EXISTS (SELECT 1 FROM scorers c WHERE c.id = scores.scorer AND " which " AND NOT EXISTS (SELECT 1 FROM " table    \
    " v WHERE v.encoder = c.encoder AND v." thing " = scores." thing "))"
#define PAIR_UNEMBEDDED UNEMBEDDED("prompt_embeddings", "prompt", "c.needs = 'pair'")
#define UNSUPPORTED_APART                                                                                              \
    " WHERE apart IN ('black', 'noise') AND NOT EXISTS (SELECT 1 FROM image_quality q WHERE q.image = images.id AND"   \
    " q.frame = images.apart)"

/* A rule applies only if the catalog has the rule's table and column.  They may be missing, because a rescued catalog
 * keeps the schema version of the damaged catalog. */
const gp_db_rule gp_db_rules[] = {
    SIZE_RULE("image_embeddings", "image embeddings"),
    SIZE_RULE("prompt_embeddings", "prompt embeddings"),
    UNIT_RULE("image_embeddings", "image embeddings"),
    UNIT_RULE("prompt_embeddings", "prompt embeddings"),
    RULE("scores", "DELETE FROM scores", UNEMBEDDED("image_embeddings", "image", "c.encoder IS NOT NULL"),
         "scores have no image embedding"),
    {"scores", "needs", "SELECT count(*) FROM scores WHERE " PAIR_UNEMBEDDED,
     "DELETE FROM scores WHERE " PAIR_UNEMBEDDED, "scores have no prompt embedding"},
    RULE("generations", "UPDATE generations SET state = 'planned', path = NULL",
         "state = 'got' AND (path IS NULL OR image IS NULL)",
         "generated images have no file or no image in the catalog"),
    RULE("image_quality", "DELETE FROM image_quality",
         "NOT (sharpness BETWEEN 0 AND 1e9 AND noise BETWEEN 0 AND 1e9 AND exposure BETWEEN 0 AND 1"
         " AND saturation BETWEEN 0 AND 1 AND entropy BETWEEN 0 AND 9 AND spread BETWEEN 0 AND 1)",
         "images have quality measures outside the valid ranges"),
    {"image_quality", NULL, "SELECT count(*) FROM images" UNSUPPORTED_APART,
     "UPDATE images SET apart = NULL" UNSUPPORTED_APART,
     "images are set apart as black or noise, but their quality measures are missing or contradict this"},
    {"clusters", NULL,
     "SELECT count(*) FROM clusters c WHERE c.level > 0 AND NOT EXISTS (SELECT 1 FROM clusters p WHERE"
     " p.analysis = c.analysis AND p.level = c.level - 1 AND p.cluster = c.parent)",
     NULL, "clusters have no parent cluster"},
    {NULL, NULL, NULL, NULL, NULL},
};

/* SQL function: 1 for a vector of length 1, else 0. */
static void is_unit(sqlite3_context *context, int count, sqlite3_value **values)
{
    const uint8_t *bytes = count == 1 ? sqlite3_value_blob(values[0]) : NULL;
    size_t size = bytes ? (size_t)sqlite3_value_bytes(values[0]) : 0;
    double sum = 0;
    for (size_t i = 0; i + 4 <= size; i += 4) {
        float x;
        gp_db_floats_from_le(bytes + i, &x, 1);
        sum += (double)x * (double)x;
    }
    sqlite3_result_int(context, fabs(sum - 1) < 1e-3); /* NaN also gives 0 */
}

bool gp_db_rule_applies(const gp_catalog *cat, const gp_db_rule *rule)
{
    return sqlite3_table_column_metadata(cat->db, NULL, rule->table, NULL, NULL, NULL, NULL, NULL, NULL) == SQLITE_OK &&
           (!rule->column || sqlite3_table_column_metadata(cat->db, NULL, "scorers", rule->column, NULL, NULL, NULL,
                                                           NULL, NULL) == SQLITE_OK);
}

gp_status gp_db_rules_open(gp_catalog *cat, gp_error *err)
{
    int rc = sqlite3_create_function(cat->db, "is_unit", 1, SQLITE_UTF8, NULL, is_unit, NULL, NULL);
    return rc == SQLITE_OK ? GP_OK : gp_db_fail(cat, rc, err);
}
