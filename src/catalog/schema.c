/* SPDX-License-Identifier: MIT
 * The schema of the catalog, its versions, and migration.
 *
 * INVARIANTS. They hold at every moment, even if the process is killed (tests/unit/catalog kills it at many points):
 *    1. The file is a valid SQLite database with goldpan's application_id. Its user_version tells which steps below
 *       have been applied. A step is applied completely or not at all.
 *    2. An image is what a user sees as one image: the pixels of a file, whatever metadata other programs write. `hash`
 *       is the hash of the image's first bytes; it is unique in `images` and never changes. `contents` holds the hashes
 *       of later bytes. A hash occurs only once, in one of the two tables. New bytes are added to an image only at a
 *       path that held it, and only if their compressed (`stream`) or decoded (`pixels`) pixels are equal. An image
 *       without work may be merged into the image that its path held before.
 *    3. A row of `paths` means: when this path had this size and time, it held this image, and its bytes had this
 *       `hash` (NULL: the image's hash). `missing` = 1 means that the path does not hold the image now. A path belongs
 *       to one image at a time. An image keeps its scores and marks when all its paths are missing.
 *    4. An image has at most one prompt at a time (`image_prompts`). Its source never has a lower priority than the
 *       source before. Embeddings and scores of an earlier prompt stay, because they belong to the prompt, not to its
 *       assignment to the image.
 *    5. An encoder is everything that an embedding depends on besides the content. There is at most one embedding per
 *       (image, encoder) and per (prompt, encoder). Its length is the encoder's number of dimensions, in float32.
 *    6. There is at most one score per (image, prompt, scorer). It was computed from pixels or from embeddings by the
 *       scorer's encoder: that of the image, and that of the prompt if the scorer needs a pair. A NULL score means that
 *       the result was not a number; it is never computed again and never picked.
 *    7. `picks` is the complete result of one call of pick, replaced in one transaction. Later calls keep a pick whose
 *       folder is missing, with its own rule, scorer and time, unless its prompt gets another pick. Images that are set
 *       apart (`images.apart`) are never picks.
 *    8. A failure is the last failure of its (path, stage); success removes it. `passing` = 1 is a temporary error,
 *       which every run tries again. 0 is an error of the file itself, which is tried again when the file changes.
 *    9. Foreign keys hold: nothing refers to a row that does not exist.
 *   10. What a stage reports as done has been committed before.
 *   11. There is at most one complete analysis per scorer. It is replaced in one transaction, with all that belongs to
 *       it. Images added later have no row in it. Slices, categories and groups refer only to images and to each other
 *       within the analysis.
 *   12. There is at most one map per encoder. A position changes only when the whole map is computed again.
 *   13. `ratings`, `tags` and `saved` belong to the user: no stage writes or deletes them. Ratings and tags belong to
 *       the image, whichever scorer is used. They are synced to disk before they are confirmed (synchronous=FULL).
 *       The three tables, `picks` and `generations` are also in the journal of marks, which holds every mark of the
 *       catalog (marks.h).
 *   14. A generation in state `got` has its complete file on disk and its image in the catalog. A generation in another
 *       state may have its file too, if the process was killed in between. Its path follows from its key, so the next
 *       run looks for the file first.
 *   15. An image has at most one row in `image_quality`, because the measures depend only on the pixels, not on a
 *       scorer. `images.apart` is 'black' or 'noise' only if that row's `frame` is the same.
 *
 * Durability: WAL with synchronous=NORMAL. A killed process loses nothing that it committed, because the pages are in
 * the system's cache. A power failure may lose the commits since the last checkpoint, but does not damage the file. The
 * next run finds that their results are missing and computes them again.
 *
 * Pages have 16 KiB, so that several vectors of 512 to 1024 floats fit on one page. Pages of 4 KiB would waste nearly
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
" path TEXT NOT NULL UNIQUE,"                            /* bytes of the file name, as the system returns them */
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
" model TEXT NOT NULL,"                                  /* the name by which the model was last opened, only for
                                                            display */
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
" key TEXT NOT NULL UNIQUE,"                             /* contains all properties on which the score depends */
" name TEXT NOT NULL, scale TEXT NOT NULL, encoder INTEGER NOT NULL REFERENCES encoders(id),"
" higher_better INTEGER NOT NULL CHECK(higher_better IN (0, 1)),"
" used INTEGER NOT NULL"                                 /* counter: the scorer with the largest value was used last */
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

/* One row per image on disk, with the score by the scorer used last. */
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

/* All scores by all scorers, with paths, texts and names instead of ids. */
"CREATE VIEW v_scores AS"
" SELECT (SELECT p.path FROM paths p WHERE p.image = s.image ORDER BY p.missing, p.path LIMIT 1) AS path,"
"  pr.text AS prompt, c.name AS scorer, s.value AS score, c.scale AS scale, e.model AS model,"
"  e.precision AS precision, c.key AS scorer_key, s.image AS image"
" FROM scores s JOIN scorers c ON c.id = s.scorer JOIN prompts pr ON pr.id = s.prompt"
" JOIN encoders e ON e.id = c.encoder;";
/* clang-format on */

static const gp_db_step all_steps[] = {{1, gp_db_version_1}, {2, gp_db_version_2},
                                       {3, gp_db_version_3}, {4, gp_db_version_4},
                                       {5, gp_db_version_5}, {6, gp_db_version_6},
                                       {7, gp_db_version_7}, {8, gp_db_version_8},
                                       {9, gp_db_version_9}, {GP_DB_VERSION, gp_db_version_10}};
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
    {"tags", GP_DB_CORE},
    {"saved", GP_DB_CORE},
    {"generations", GP_DB_CORE},
    {"analyses", GP_DB_ANALYSIS},
    {"clusters", GP_DB_ANALYSIS},
    {"cluster_images", GP_DB_ANALYSIS},
    {"categories", GP_DB_ANALYSIS},
    {"standings", GP_DB_ANALYSIS},
    {"slices", GP_DB_ANALYSIS},
    {"slice_images", GP_DB_ANALYSIS},
    {"duplicate_groups", GP_DB_ANALYSIS},
    {"duplicates", GP_DB_ANALYSIS},
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

/* Reads which program and which version the file belongs to. *version 0: an empty database. One savepoint covers the
 * reads of application_id, of the version and of the number of schema objects. Otherwise, while another process creates
 * the catalog, this function could see its tables but no application_id, and would report another program's file. */
static gp_status read_version(gp_catalog *cat, int newest, int64_t *version, gp_error *err)
{
    gp_status st;
    int64_t application = 0, objects = 0;
    GP_TRY(gp_db_exec(cat, "SAVEPOINT version", err));
    GP_TRY_GOTO(pragma_int(cat, "PRAGMA application_id", &application, err));
    GP_TRY_GOTO(pragma_int(cat, "PRAGMA user_version", version, err));
    GP_TRY_GOTO(pragma_int(cat, "SELECT count(*) FROM sqlite_master", &objects, err));
out:;
    int rc = sqlite3_exec(cat->db, "RELEASE version", NULL, NULL, NULL);
    if (rc != SQLITE_OK) gp_cat_rollback(cat);
    GP_TRY(st);
    if (rc != SQLITE_OK) return gp_db_fail(cat, rc, err);
    if (application == 0 && *version == 0 && objects == 0) return GP_OK;
    if (application != GP_DB_APPLICATION_ID || *version < 1)
        return gp_fail_path(err, GP_ERR_CATALOG,
                            "'%s' is not a goldpan catalog: it is another program's SQLite file" GP_DB_RESCUE,
                            cat->path);
    if (*version > newest)
        return gp_fail_path(
            err, GP_ERR_CATALOG,
            "catalog '%s' was made by a newer goldpan (schema %lld; this goldpan supports schemas up to %d)", cat->path,
            (long long)*version, newest);
    return GP_OK;
}

static bool is_table(const char *name)
{
    for (const gp_db_table *t = gp_db_tables; t->name; t++)
        if (name && sqlite3_stricmp(name, t->name) == 0) return true;
    return false;
}

/* Fails if a view or a virtual table has the name of a goldpan table, because goldpan never writes such a file. */
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

/* Switches to WAL mode. That needs exclusive access for a moment, and SQLite does not wait for it as it waits for a
 * lock. So processes that create one catalog at the same time would fail. This function retries until the busy
 * timeout. */
static gp_status use_wal(gp_catalog *cat, gp_error *err)
{
    enum { RETRY_MS = 5, RETRIES = GP_DB_BUSY_MS / RETRY_MS };
    int rc = SQLITE_BUSY;
    for (int i = 0; i < RETRIES && (rc & 0xff) == SQLITE_BUSY; i++) {
        if (i) sqlite3_sleep(RETRY_MS);
        rc = sqlite3_exec(cat->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    }
    return rc == SQLITE_OK ? GP_OK : gp_db_fail(cat, rc, err);
}

static gp_status apply_steps(gp_catalog *cat, const gp_db_step *list, size_t count, gp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int64_t version = 0;
        GP_TRY(gp_db_exec(cat, "BEGIN IMMEDIATE", err));
        /* Read the version again under the lock, because another process may have applied this step. */
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
        return gp_fail_path(err, GP_ERR_CATALOG, "'%s' is empty, so it is not a goldpan catalog" GP_DB_RESCUE,
                            cat->path);
    if (cat->readonly && !cat->copy) {
        cat->older = true;
        return gp_fail_path(err, GP_ERR_CATALOG,
                            "catalog '%s' has an older schema (%lld), which goldpan cannot migrate because the "
                            "catalog is opened read-only",
                            cat->path, (long long)version);
    }
    if (version == 0) /* takes effect with the first table; harmless if another process has created it */
        GP_TRY(gp_db_exec(cat, "PRAGMA page_size = 16384", err));
    if (!cat->copy) GP_TRY(use_wal(cat, err));
    /* A step may replace a table that other tables refer to. The rows keep their ids, so foreign keys can be off
     * meanwhile. */
    GP_TRY(gp_db_exec(cat, "PRAGMA foreign_keys = OFF", err));
    gp_status st = apply_steps(cat, list, count, err);
    if (sqlite3_exec(cat->db, "PRAGMA foreign_keys = ON", NULL, NULL, NULL) != SQLITE_OK && st == GP_OK)
        st = gp_db_fail(cat, sqlite3_errcode(cat->db), err);
    return st;
}
