/* SPDX-License-Identifier: MIT
 * The schema of the catalog, its versions, and opening.
 *
 * WHAT HOLDS AT EVERY INSTANT, also after a kill at any moment (tests/unit/catalog breaks the process to see):
 *   1. The file is a valid SQLite database with our application_id and a user_version that says which steps below it
 *      has seen; a step is applied wholly or not at all.
 *   2. An image is what a person sees as one image: the pixels of a file, whatever metadata other programs write.
 *      `hash` is the hash of the image's first bytes; it is unique in `images` and never changes.  `contents` holds
 *      hashes of later bytes.  A hash is in only one of the two tables, and only once.  New bytes are added to an
 *      image only at a path that held it, with equal compressed (`stream`) or decoded (`pixels`) pixels.  An image
 *      without work may be merged into the image that its path held before.
 *   3. A row of `paths` says: when this path had this size and time, it held this image, and the bytes had this `hash`
 *      (NULL: the image's hash).  `missing` = 1 says that the path does not hold the image now.  A path belongs to one
 *      image at a time.  An image keeps its scores and marks when all its paths are missing.
 *   4. An image has at most one prompt at a time (`image_prompts`), never from a weaker source than the one before.
 *      Work of an earlier prompt stays: embeddings and scores belong to the prompt, not to the image's choice of it.
 *   5. An encoder is everything an embedding depends on besides the content; there is at most one embedding for an
 *      (image, encoder) and a (prompt, encoder), of exactly the encoder's number of float32.
 *   6. There is at most one score for an (image, prompt, scorer), and it was computed from embeddings by the scorer's
 *      encoder (of the image, and of the prompt if the scorer needs a pair), or from the pixels.  NULL is a score that came out as not a number: it is never computed again and never picked.
 *   7. `picks` is the result of one call of pick, whole: it is replaced in one transaction.  Later calls keep
 *      a pick, with its own rule, scorer and time, while its folder is missing, unless its prompt gets another pick.
 *      Images set apart (`images.apart`) are never picks.
 *   8. A failure is the last failure of its (path, stage); success removes it.  `passing` = 1 is a temporary error,
 *      which every run tries again; 0 is an error of the file itself, which is tried again when the file changes.
 *   9. Foreign keys hold: nothing refers to a row that is not there.
 *  10. What a stage reported as done was committed before it said so.
 *  11. There is at most one analysis a scorer, whole: it is replaced in one transaction, with all that belongs to it.
 *      Images added later have no standing in it.  Slices, categories and groups name images and each other within it.
 *  12. There is at most one map an encoder; a place on it changes only when the whole map is laid out anew.
 *  13. `ratings` and `saved` are a person's: no stage writes or removes them.  A rating belongs to the image, whatever
 *      it is scored by, and was on the disk before it was confirmed (synchronous=FULL).  Both
 *      tables, `picks` and `generations` are also in the journal of marks, which never lacks a mark that the catalog
 *      has (marks.h).
 *  14. A generation that says `got` has its file on the disk, whole, and its image in the catalog.  One that does not
 *      may have its file all the same (a kill between the two): its path follows from its key, and is looked for first.
 *  15. An image has at most one row in `image_quality`: the measures depend on the pixels only, not on a scorer.
 *      `images.apart` is 'black' or 'noise' only if that row's `frame` is the same.
 *
 * Durability: WAL with synchronous=NORMAL.  A killed process loses nothing committed, because the pages are in the
 * system's cache.  A power cut may lose the last commits (those since the last checkpoint), never the file: the stages
 * then find the lost work missing and do it again.
 *
 * Pages are 16 KiB, because vectors of 512 to 1024 floats fit several to a page then; 4 KiB pages would waste nearly
 * half of the file. */
#include "catalog/db.h"
#include <stdio.h>

/* clang-format off */
const char gp_db_version_1[] =
"CREATE TABLE images("
" id INTEGER PRIMARY KEY,"
" hash BLOB NOT NULL UNIQUE CHECK(length(hash) = 16),"  /* XXH3-128 of the file's bytes, big endian */
" bytes INTEGER NOT NULL, format TEXT NOT NULL,"
" width INTEGER NOT NULL, height INTEGER NOT NULL, orientation INTEGER NOT NULL,"
" added INTEGER NOT NULL DEFAULT (unixepoch())"
") STRICT;"

"CREATE TABLE paths("
" id INTEGER PRIMARY KEY,"
" path TEXT NOT NULL UNIQUE,"                            /* bytes of the file name, as the system gives them */
" image INTEGER NOT NULL REFERENCES images(id),"
" size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
" missing INTEGER NOT NULL DEFAULT 0 CHECK(missing IN (0, 1))"
") STRICT;"
"CREATE INDEX paths_image ON paths(image, missing, path);"

"CREATE TABLE prompts(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;"

"CREATE TABLE image_prompts("
" image INTEGER PRIMARY KEY REFERENCES images(id),"
" prompt INTEGER NOT NULL REFERENCES prompts(id),"
" raw TEXT NOT NULL, negative TEXT, source TEXT NOT NULL, strength INTEGER NOT NULL,"
" settings TEXT"                                         /* one JSON object */
") STRICT;"
"CREATE INDEX image_prompts_prompt ON image_prompts(prompt, image);"

"CREATE TABLE encoders("
" id INTEGER PRIMARY KEY,"
" model TEXT NOT NULL,"                                  /* the name it was last opened by: for people only */
" weight_hash TEXT NOT NULL, precision TEXT NOT NULL, preprocess_id TEXT NOT NULL, text_rule TEXT NOT NULL,"
" dims INTEGER NOT NULL CHECK(dims > 0),"
" UNIQUE(weight_hash, precision, preprocess_id, text_rule)"
") STRICT;"

"CREATE TABLE image_embeddings("
" id INTEGER PRIMARY KEY,"
" image INTEGER NOT NULL REFERENCES images(id), encoder INTEGER NOT NULL REFERENCES encoders(id),"
" dtype TEXT NOT NULL CHECK(dtype = 'f32'), vector BLOB NOT NULL,"
" UNIQUE(encoder, image)"
") STRICT;"
"CREATE INDEX image_embeddings_image ON image_embeddings(image);"

"CREATE TABLE prompt_embeddings("
" id INTEGER PRIMARY KEY,"
" prompt INTEGER NOT NULL REFERENCES prompts(id), encoder INTEGER NOT NULL REFERENCES encoders(id),"
" dtype TEXT NOT NULL CHECK(dtype = 'f32'),"
" tokens INTEGER NOT NULL, truncated INTEGER NOT NULL CHECK(truncated IN (0, 1)), vector BLOB NOT NULL,"
" UNIQUE(encoder, prompt)"
") STRICT;"

"CREATE TABLE scorers("
" id INTEGER PRIMARY KEY,"
" key TEXT NOT NULL UNIQUE,"                             /* names everything that the number depends on */
" name TEXT NOT NULL, scale TEXT NOT NULL, encoder INTEGER NOT NULL REFERENCES encoders(id),"
" higher_better INTEGER NOT NULL CHECK(higher_better IN (0, 1)),"
" used INTEGER NOT NULL"                                 /* counts up: the largest was used last */
") STRICT;"

"CREATE TABLE scores("
" scorer INTEGER NOT NULL REFERENCES scorers(id), prompt INTEGER NOT NULL REFERENCES prompts(id),"
" image INTEGER NOT NULL REFERENCES images(id), value REAL,"
" PRIMARY KEY(scorer, prompt, image)"
") STRICT, WITHOUT ROWID;"

"CREATE TABLE picks("
" image INTEGER PRIMARY KEY REFERENCES images(id), rank INTEGER NOT NULL,"
" scorer INTEGER NOT NULL REFERENCES scorers(id), rule TEXT NOT NULL,"
" picked_at INTEGER NOT NULL DEFAULT (unixepoch())"
") STRICT;"

"CREATE TABLE failures("
" path TEXT NOT NULL, image INTEGER REFERENCES images(id), stage TEXT NOT NULL, message TEXT NOT NULL,"
" size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, at INTEGER NOT NULL DEFAULT (unixepoch()),"
" PRIMARY KEY(path, stage)"
") STRICT;"
"CREATE INDEX failures_image ON failures(image, stage);"

/* One row an image that is still on disk, by the scorer used last. */
"CREATE VIEW v_images AS"
" WITH last AS (SELECT id, key, higher_better FROM scorers ORDER BY used DESC LIMIT 1),"
" base AS (SELECT i.id AS image, i.hash, ip.prompt, s.value,"
"   CASE (SELECT higher_better FROM last) WHEN 0 THEN s.value ELSE -s.value END AS worth,"
"   (SELECT p.path FROM paths p WHERE p.image = i.id AND p.missing = 0 ORDER BY p.path LIMIT 1) AS path"
"  FROM images i LEFT JOIN image_prompts ip ON ip.image = i.id"
"  LEFT JOIN scores s ON s.scorer = (SELECT id FROM last) AND s.prompt = ip.prompt AND s.image = i.id)"
" SELECT b.path AS path, pr.text AS prompt, b.value AS score,"
"  CASE WHEN b.value IS NOT NULL THEN"
"   row_number() OVER (PARTITION BY b.prompt, b.value IS NULL ORDER BY b.worth, b.hash) END AS rank,"
"  CASE WHEN b.prompt IS NOT NULL THEN count(b.value) OVER (PARTITION BY b.prompt) END AS candidates,"
"  k.image IS NOT NULL AS picked, ip.negative AS negative, ip.source AS prompt_source, ip.raw AS prompt_raw,"
"  ip.settings AS settings, i.format AS format, i.width AS width, i.height AS height, i.bytes AS bytes,"
"  lower(hex(i.hash)) AS hash, b.image AS image"
" FROM base b JOIN images i ON i.id = b.image LEFT JOIN image_prompts ip ON ip.image = b.image"
" LEFT JOIN prompts pr ON pr.id = b.prompt LEFT JOIN picks k ON k.image = b.image"
" WHERE b.path IS NOT NULL;"

/* Every score there is, by any scorer, with words instead of numbers. */
"CREATE VIEW v_scores AS"
" SELECT (SELECT p.path FROM paths p WHERE p.image = s.image ORDER BY p.missing, p.path LIMIT 1) AS path,"
"  pr.text AS prompt, c.name AS scorer, s.value AS score, c.scale AS scale, e.model AS model,"
"  e.precision AS precision, c.key AS scorer_key, s.image AS image"
" FROM scores s JOIN scorers c ON c.id = s.scorer JOIN prompts pr ON pr.id = s.prompt"
" JOIN encoders e ON e.id = c.encoder;";
/* clang-format on */

static const gp_db_step all_steps[] = {
    {1, gp_db_version_1}, {2, gp_db_version_2}, {3, gp_db_version_3}, {4, gp_db_version_4},
    {5, gp_db_version_5}, {6, gp_db_version_6}, {7, gp_db_version_7}, {GP_DB_VERSION, gp_db_version_8}};
const gp_db_steps gp_db_all = {all_steps, sizeof all_steps / sizeof *all_steps};

/* ------------------------------------------------------------------ tables */

const gp_db_table gp_db_tables[] = {
    {"encoders", GP_DB_CORE},
    {"images", GP_DB_CORE},
    {"contents", GP_DB_CORE},
    {"image_quality", GP_DB_CORE},
    {"prompts", GP_DB_CORE},
    {"paths", GP_DB_CORE},
    {"image_prompts", GP_DB_CORE},
    {"image_embeddings", GP_DB_CORE},
    {"prompt_embeddings", GP_DB_CORE},
    {"scorers", GP_DB_CORE},
    {"scores", GP_DB_CORE},
    {"picks", GP_DB_CORE},
    {"failures", GP_DB_CORE},
    {"ratings", GP_DB_CORE},
    {"saved", GP_DB_CORE},
    {"generations", GP_DB_CORE},
    {"analyses", GP_DB_FOUND},
    {"clusters", GP_DB_FOUND},
    {"cluster_images", GP_DB_FOUND},
    {"categories", GP_DB_FOUND},
    {"standings", GP_DB_FOUND},
    {"slices", GP_DB_FOUND},
    {"slice_images", GP_DB_FOUND},
    {"duplicate_groups", GP_DB_FOUND},
    {"duplicates", GP_DB_FOUND},
    {"maps", GP_DB_MAP},
    {"map_images", GP_DB_MAP},
    {"journal", GP_DB_STATE},
    {NULL, GP_DB_STATE},
};

/* ------------------------------------------------------------------ versions */

static gp_status pragma_int(gp_catalog *cat, const char *sql, int64_t *value, gp_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(cat->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) *value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? GP_OK : gp_db_fail(cat, rc, err);
}

/* Whose file is this, and of which version?  0: an empty database.  The three are read of one instant: while another
 * process creates the catalog, tables without an application_id would look like another program's. */
static gp_status read_version(gp_catalog *cat, int newest, int64_t *version, gp_error *err)
{
    gp_status st;
    int64_t application = 0, things = 0;
    GP_TRY(gp_db_exec(cat, "SAVEPOINT version", err));
    GP_TRY_GOTO(pragma_int(cat, "PRAGMA application_id", &application, err));
    GP_TRY_GOTO(pragma_int(cat, "PRAGMA user_version", version, err));
    GP_TRY_GOTO(pragma_int(cat, "SELECT count(*) FROM sqlite_master", &things, err));
out:;
    int rc = sqlite3_exec(cat->db, "RELEASE version", NULL, NULL, NULL);
    if (rc != SQLITE_OK) gp_cat_rollback(cat);
    GP_TRY(st);
    if (rc != SQLITE_OK) return gp_db_fail(cat, rc, err);
    if (application == 0 && *version == 0 && things == 0) return GP_OK;
    if (application != GP_DB_APPLICATION_ID || *version < 1)
        return gp_fail_path(err, GP_ERR_CATALOG,
                            "'%s' is not a goldpan catalog: it is another program's SQLite file" GP_DB_RESCUE,
                            cat->path);
    if (*version > newest)
        return gp_fail_path(err, GP_ERR_CATALOG,
                            "catalog '%s' was made by a newer goldpan (schema %lld; this one knows up to %d)",
                            cat->path, (long long)*version, newest);
    return GP_OK;
}

static bool is_table(const char *name)
{
    for (const gp_db_table *t = gp_db_tables; t->name; t++)
        if (name && sqlite3_stricmp(name, t->name) == 0) return true;
    return false;
}

/* Fails if a view or a virtual table has the name of a goldpan table: goldpan did not make such a file. */
static gp_status check_tables(gp_catalog *cat, gp_error *err)
{
    bool row, others = false;
    gp_status st;
    gp_q q = gp_q_open(cat, "SELECT name FROM sqlite_master WHERE type <> 'table' OR rootpage = 0");
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row) others |= is_table(gp_q_col_text(&q, 0));
    gp_q_end(&q);
    GP_TRY(st);
    if (others)
        return gp_fail_path(err, GP_ERR_CATALOG, "'%s' is not a goldpan catalog: it has views in place of tables",
                            cat->path);
    return GP_OK;
}

static gp_status apply_step(gp_catalog *cat, const gp_db_step *step, gp_error *err)
{
    char pragmas[128];
    snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d", GP_DB_APPLICATION_ID,
             step->version);
    GP_TRY(gp_db_exec(cat, step->sql, err));
    return gp_db_exec(cat, pragmas, err);
}

/* Changing to WAL wants the file alone for a moment, and SQLite does not wait for that as it does for a lock: processes
 * that create one catalog at once would fail there.  As long as the busy timeout, then. */
static gp_status use_wal(gp_catalog *cat, gp_error *err)
{
    enum { NAP_MS = 5, NAPS = GP_DB_BUSY_MS / NAP_MS };
    int rc = SQLITE_BUSY;
    for (int i = 0; i < NAPS && (rc & 0xff) == SQLITE_BUSY; i++) {
        if (i) sqlite3_sleep(NAP_MS);
        rc = sqlite3_exec(cat->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    }
    return rc == SQLITE_OK ? GP_OK : gp_db_fail(cat, rc, err);
}

static gp_status apply_steps(gp_catalog *cat, const gp_db_step *list, size_t count, gp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int64_t version = 0;
        GP_TRY(gp_db_exec(cat, "BEGIN IMMEDIATE", err));
        /* Read again under the lock: another process may have done this step meanwhile. */
        gp_status st = read_version(cat, list[count - 1].version, &version, err);
        if (st == GP_OK && version < list[i].version) st = apply_step(cat, &list[i], err);
        GP_TRY(gp_db_scope_end(cat, true, st, err));
    }
    return GP_OK;
}

gp_status gp_db_migrate(gp_catalog *cat, const gp_db_step *list, size_t count, bool create, gp_error *err)
{
    int64_t version = 0;
    int newest = list[count - 1].version;
    GP_TRY(read_version(cat, newest, &version, err));
    if (version > 0) GP_TRY(check_tables(cat, err));
    if (version == newest) return GP_OK;
    if (version == 0 && !create)
        return gp_fail_path(err, GP_ERR_CATALOG, "'%s' is empty, not a goldpan catalog" GP_DB_RESCUE, cat->path);
    if (cat->readonly && !cat->copy) {
        cat->older = true;
        return gp_fail_path(err, GP_ERR_CATALOG, "catalog '%s' has an older schema (%lld) and is opened read-only",
                            cat->path, (long long)version);
    }
    if (version == 0) /* takes effect with the first table; harmless if another process was faster */
        GP_TRY(gp_db_exec(cat, "PRAGMA page_size = 16384", err));
    if (!cat->copy) GP_TRY(use_wal(cat, err));
    /* A step may replace a table that others refer to: its rows keep their ids. */
    GP_TRY(gp_db_exec(cat, "PRAGMA foreign_keys = OFF", err));
    gp_status st = apply_steps(cat, list, count, err);
    if (sqlite3_exec(cat->db, "PRAGMA foreign_keys = ON", NULL, NULL, NULL) != SQLITE_OK && st == GP_OK)
        st = gp_db_fail(cat, sqlite3_errcode(cat->db), err);
    return st;
}
