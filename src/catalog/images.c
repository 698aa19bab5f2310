/* SPDX-License-Identifier: MIT
 * Images by content, the paths that hold them, and recorded failures.
 *
 * An image is identified by the hash of its first bytes (`images.hash`) and by the hashes of later bytes (`contents`).
 * Later bytes arise when another program changes the metadata but not the pixels. A path only tells where a content was
 * seen. When a file is replaced, its path is attached to another image. Several paths may hold the same image. A moved
 * file is a new path of a known image, so the image keeps its scores and marks. */
#include "base/mem.h"
#include "base/str.h"
#include "catalog/db.h"

#include <string.h>

gp_status gp_cat_path_known(gp_catalog *cat, const char *path, uint64_t size, int64_t mtime_ns, int64_t *image,
                            int *readers, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT image, missing, readers FROM paths WHERE path = ? AND size = ? AND mtime_ns = ?");
    gp_q_text(&q, 1, path);
    gp_q_u64(&q, 2, size);
    gp_q_int(&q, 3, mtime_ns);
    bool row;
    GP_TRY(gp_q_step(&q, &row, err));
    if (!row) {
        *image = 0;
        return GP_OK;
    }
    int64_t found = gp_q_col_int(&q, 0);
    bool missing = gp_q_col_int(&q, 1) != 0;
    if (readers) *readers = (int)gp_q_col_int(&q, 2);
    gp_q_end(&q);
    if (missing) { /* the file is back with the same size and time */
        gp_q back = gp_q_open(cat, "UPDATE paths SET missing = 0 WHERE path = ?");
        gp_q_text(&back, 1, path);
        GP_TRY(gp_q_run(&back, err));
    }
    *image = found;
    return GP_OK;
}

gp_status gp_cat_content_at(gp_catalog *cat, const char *path, gp_cat_content *out, gp_error *err)
{
    bool row;
    gp_q q = gp_q_open(cat, "SELECT i.id, coalesce(p.hash, i.hash), i.stream, i.pixels, i.width, i.height,"
                            " i.orientation FROM paths p JOIN images i ON i.id = p.image WHERE p.path = ?");
    *out = (gp_cat_content){0};
    gp_q_text(&q, 1, path);
    GP_TRY(gp_q_step(&q, &row, err));
    if (!row) return GP_OK;
    out->image = gp_q_col_int(&q, 0);
    (void)gp_q_col_hash(&q, 1, &out->hash);
    out->has_stream = gp_q_col_hash(&q, 2, &out->stream);
    out->has_pixels = gp_q_col_hash(&q, 3, &out->pixels);
    out->width = (uint32_t)gp_q_col_int(&q, 4), out->height = (uint32_t)gp_q_col_int(&q, 5);
    out->orientation = (uint32_t)gp_q_col_int(&q, 6);
    gp_q_end(&q);
    return GP_OK;
}

static gp_status image_find(gp_catalog *cat, const gp_hash *hash, int64_t *id, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT coalesce((SELECT id FROM images WHERE hash = ?1),"
                            " (SELECT image FROM contents WHERE hash = ?1), 0)");
    gp_q_hash(&q, 1, hash);
    return gp_q_one(&q, 0, id, err);
}

static gp_status image_insert(gp_catalog *cat, const gp_cat_image *image, int64_t *id, gp_error *err)
{
    gp_q q = gp_q_open(cat, "INSERT INTO images(hash, bytes, format, width, height, orientation, stream, pixels, apart)"
                            " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
    gp_q_hash(&q, 1, &image->hash);
    gp_q_u64(&q, 2, image->bytes);
    gp_q_text(&q, 3, image->format);
    gp_q_int(&q, 4, image->width);
    gp_q_int(&q, 5, image->height);
    gp_q_int(&q, 6, image->orientation);
    gp_q_hash(&q, 7, image->stream);
    gp_q_hash(&q, 8, image->pixels);
    gp_q_text(&q, 9, image->apart);
    GP_TRY(gp_q_run(&q, err));
    *id = sqlite3_last_insert_rowid(cat->db);
    return GP_OK;
}

gp_status gp_db_unpick(gp_catalog *cat, int64_t image, gp_error *err)
{
    gp_q q = gp_q_open(cat, "DELETE FROM picks WHERE image = ?");
    gp_q_int(&q, 1, image);
    GP_TRY(gp_q_run(&q, err));
    if (sqlite3_changes(cat->db)) gp_marks_note_picks(cat);
    return GP_OK;
}

/* Updates a known image: adds fields that earlier versions did not record, and the hash of new bytes with equal
 * pixels. */
static gp_status image_update(gp_catalog *cat, int64_t id, const gp_cat_image *image, gp_error *err)
{
    /* An image that was set apart as black or noise stays set apart, because its pixels are the same. */
    gp_q q =
        gp_q_open(cat, "UPDATE images SET stream = coalesce(?2, stream), pixels = coalesce(?3, pixels),"
                       " apart = coalesce(?4, " GP_DB_APART_FRAME ")"
                       " WHERE id = ?1 AND (stream IS NOT coalesce(?2, stream)"
                       "  OR pixels IS NOT coalesce(?3, pixels) OR apart IS NOT coalesce(?4, " GP_DB_APART_FRAME "))");
    gp_q_int(&q, 1, id);
    gp_q_hash(&q, 2, image->stream);
    gp_q_hash(&q, 3, image->pixels);
    gp_q_text(&q, 4, image->apart);
    GP_TRY(gp_q_run(&q, err));
    if (image->apart) GP_TRY(gp_db_unpick(cat, id, err));
    gp_q c = gp_q_open(cat, "INSERT INTO contents(hash, image) SELECT ?1, ?2"
                            " WHERE NOT EXISTS(SELECT 1 FROM images WHERE hash = ?1)"
                            " AND NOT EXISTS(SELECT 1 FROM contents WHERE hash = ?1)");
    gp_q_hash(&c, 1, &image->hash);
    gp_q_int(&c, 2, id);
    return gp_q_run(&c, err);
}

gp_status gp_cat_image_near(gp_catalog *cat, const gp_hash *hash, const char *path, bool *near, gp_error *err)
{
    int64_t image = 0, others = 0;
    const char *slash = strrchr(path, '/');
    char *folder = gp_str_dup_n(path, slash ? (size_t)(slash + 1 - path) : 0);
    if (!folder) return gp_fail_memory_path(err, "'%s'", path);
    gp_status st = image_find(cat, hash, &image, err);
    if (st == GP_OK) {
        gp_q q = gp_q_open(cat, "SELECT count(*) FROM paths WHERE image = ?1 AND path <> ?2 AND missing = 0"
                                " AND substr(path, 1, length(?3)) = ?3");
        gp_q_int(&q, 1, image);
        gp_q_text(&q, 2, path);
        gp_q_text(&q, 3, folder);
        st = gp_q_one(&q, 0, &others, err);
    }
    gp_mem_free(folder);
    *near = others > 0;
    return st;
}

static void bind_path(gp_q *q, const char *path, int64_t id, const gp_cat_image *image, uint64_t size, int64_t mtime_ns)
{
    gp_q_text(q, 1, path);
    gp_q_int(q, 2, id);
    gp_q_u64(q, 3, size);
    gp_q_int(q, 4, mtime_ns);
    gp_q_hash(q, 5, &image->hash);
    if (image->readers) gp_q_int(q, 6, image->readers);
}

static gp_status path_attach(gp_catalog *cat, const char *path, int64_t id, const gp_cat_image *image, uint64_t size,
                             int64_t mtime_ns, gp_error *err)
{
    gp_q q = gp_q_open(
        cat, "UPDATE paths SET image = ?2, size = ?3, mtime_ns = ?4, missing = 0, readers = coalesce(?6, readers),"
             " hash = nullif(?5, (SELECT hash FROM images WHERE id = ?2)) WHERE path = ?1");
    bind_path(&q, path, id, image, size, mtime_ns);
    GP_TRY(gp_q_run(&q, err));
    if (sqlite3_changes(cat->db) == 0) {
        gp_q add = gp_q_open(
            cat, "INSERT INTO paths(path, image, size, mtime_ns, hash, readers)"
                 " VALUES(?1, ?2, ?3, ?4, nullif(?5, (SELECT hash FROM images WHERE id = ?2)), coalesce(?6, 0))");
        bind_path(&add, path, id, image, size, mtime_ns);
        GP_TRY(gp_q_run(&add, err));
    }
    /* The path has just been read, so its failures are deleted. The image has a path again, so its "score" failures are
     * deleted, and `score` tries the image again. */
    gp_q f = gp_q_open(cat, "DELETE FROM failures WHERE path = ?1 OR (image = ?2 AND stage = 'score')");
    gp_q_text(&f, 1, path);
    gp_q_int(&f, 2, id);
    return gp_q_run(&f, err);
}

static gp_status run_on_two(gp_catalog *cat, const char *literal_sql, int64_t from, int64_t into, gp_error *err)
{
    gp_q q = gp_q_open(cat, literal_sql);
    gp_q_int(&q, 1, from);
    gp_q_int(&q, 2, into);
    return gp_q_run(&q, err);
}

/* Merges image `from` into image `into` if `from` has no work yet. *merged: `from` was merged. A copy of a rewritten
 * file may be read before the file itself, and is then recorded as a separate image (`from`). */
static gp_status image_merge(gp_catalog *cat, int64_t from, int64_t into, bool *merged, gp_error *err)
{
    int64_t free = 0;
    gp_q q = gp_q_open(cat, "SELECT NOT (EXISTS(SELECT 1 FROM image_embeddings WHERE image = ?1)"
                            " OR EXISTS(SELECT 1 FROM ratings WHERE image = ?1)"
                            " OR EXISTS(SELECT 1 FROM tags WHERE image = ?1)"
                            " OR EXISTS(SELECT 1 FROM generations WHERE image = ?1)"
                            " OR EXISTS(SELECT 1 FROM scores WHERE image = ?1)"
                            " OR EXISTS(SELECT 1 FROM picks WHERE image = ?1))");
    gp_q_int(&q, 1, from);
    GP_TRY(gp_q_one(&q, 0, &free, err));
    *merged = free != 0;
    if (!free) return GP_OK;
    GP_TRY(run_on_two(cat,
                      "UPDATE paths SET image = ?2, hash = nullif(coalesce(hash, (SELECT hash FROM images WHERE"
                      " id = ?1)), (SELECT hash FROM images WHERE id = ?2)) WHERE image = ?1",
                      from, into, err));
    GP_TRY(run_on_two(cat, "UPDATE contents SET image = ?2 WHERE image = ?1", from, into, err));
    GP_TRY(run_on_two(cat, "UPDATE failures SET image = ?2 WHERE image = ?1", from, into, err));
    GP_TRY(run_on_two(cat, "INSERT INTO contents(hash, image) SELECT hash, ?2 FROM images WHERE id = ?1", from, into,
                      err));
    GP_TRY(run_on_two(cat, "DELETE FROM image_prompts WHERE image = ?1 AND ?2", from, into, err));
    GP_TRY(run_on_two(cat, "DELETE FROM image_quality WHERE image = ?1 AND ?2", from, into, err));
    return run_on_two(cat, "DELETE FROM images WHERE id = ?1 AND ?2", from, into, err);
}

gp_status gp_cat_image_put(gp_catalog *cat, const gp_cat_image *image, const char *path, uint64_t size,
                           int64_t mtime_ns, int64_t *id, bool *inserted, gp_error *err)
{
    gp_status st;
    bool own;
    int64_t found = 0;
    bool is_new = false;
    GP_TRY(gp_db_scope_begin(cat, &own, err));
    GP_TRY_GOTO(image_find(cat, &image->hash, &found, err));
    bool merged = found == 0;
    if (found && image->same_as && found != image->same_as)
        GP_TRY_GOTO(image_merge(cat, found, image->same_as, &merged, err));
    if (merged) found = image->same_as;
    if (found) {
        GP_TRY_GOTO(image_update(cat, found, image, err));
    } else {
        is_new = true;
        GP_TRY_GOTO(image_insert(cat, image, &found, err));
    }
    GP_TRY_GOTO(path_attach(cat, path, found, image, size, mtime_ns, err));
out:
    st = gp_db_scope_end(cat, own, st, err);
    if (st == GP_OK) {
        *id = found;
        *inserted = is_new;
    }
    return st;
}

gp_status gp_cat_other_paths(gp_catalog *cat, int64_t image, const char *path,
                             bool (*each)(void *user, const char *path), void *user, gp_error *err)
{
    gp_status st;
    bool row;
    gp_q q = gp_q_open(cat, "SELECT path FROM paths WHERE image = ?1 AND missing = 0 AND path <> ?2 ORDER BY path"
                            " LIMIT 64");
    gp_q_int(&q, 1, image);
    gp_q_text(&q, 2, path);
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row)
        if (!each(user, gp_q_col_text(&q, 0))) break;
    gp_q_end(&q);
    return st;
}

gp_status gp_cat_path_of(gp_catalog *cat, int64_t image, char **path, gp_error *err)
{
    bool row;
    gp_q q = gp_q_open(cat, "SELECT path FROM paths WHERE image = ? AND missing = 0 ORDER BY path LIMIT 1");
    *path = NULL;
    gp_q_int(&q, 1, image);
    GP_TRY(gp_q_step(&q, &row, err));
    const char *text = row ? gp_q_col_text(&q, 0) : NULL;
    *path = text ? gp_str_dup(text) : NULL;
    if (row) gp_q_end(&q);
    return row && !*path ? gp_fail_memory(err, "the path of an image") : GP_OK;
}

gp_status gp_cat_path_gone(gp_catalog *cat, const char *path, gp_error *err)
{
    gp_q q = gp_q_open(cat, "UPDATE paths SET missing = 1 WHERE path = ?");
    gp_q_text(&q, 1, path);
    return gp_q_run(&q, err);
}

gp_status gp_cat_path_back(gp_catalog *cat, const char *path, gp_error *err)
{
    gp_q q = gp_q_open(cat, "UPDATE paths SET missing = 0 WHERE path = ?");
    gp_q_text(&q, 1, path);
    return gp_q_run(&q, err);
}

/* Moves the row, or its contents if `to` has a row already: the file at `to` is gone, because goldpan never replaces a
 * file. */
static gp_status move_row(gp_catalog *cat, const char *from, const char *to, gp_error *err)
{
    gp_q q = gp_q_open(
        cat, "UPDATE paths SET (image, hash, size, mtime_ns, missing, readers) ="
             " (SELECT image, hash, size, mtime_ns, missing, readers FROM paths WHERE path = ?1) WHERE path = ?2");
    gp_q_text(&q, 1, from);
    gp_q_text(&q, 2, to);
    GP_TRY(gp_q_run(&q, err));
    gp_q m = sqlite3_changes(cat->db) ? gp_q_open(cat, "DELETE FROM paths WHERE path = ?1 AND path <> ?2")
                                      : gp_q_open(cat, "UPDATE paths SET path = ?2 WHERE path = ?1");
    gp_q_text(&m, 1, from);
    gp_q_text(&m, 2, to);
    GP_TRY(gp_q_run(&m, err));
    gp_q f = gp_q_open(cat, "UPDATE OR REPLACE failures SET path = ?2 WHERE path = ?1");
    gp_q_text(&f, 1, from);
    gp_q_text(&f, 2, to);
    return gp_q_run(&f, err);
}

gp_status gp_cat_path_moved(gp_catalog *cat, const char *from, const char *to, const gp_hash *hash, uint64_t size,
                            int64_t mtime_ns, gp_error *err)
{
    gp_status st = GP_OK;
    int64_t known = 0;
    bool own;
    gp_q k = gp_q_open(cat, "SELECT 1 FROM paths WHERE path = ?");
    gp_q_text(&k, 1, from);
    GP_TRY(gp_q_one(&k, 0, &known, err));
    if (!known) return GP_OK;
    GP_TRY(gp_db_scope_begin(cat, &own, err));
    GP_TRY_GOTO(move_row(cat, from, to, err));
    gp_q q = gp_q_open(cat, "UPDATE paths SET missing = 0, size = ?2, mtime_ns = ?3 WHERE path = ?1 AND (?4 IS NULL OR"
                            " ?4 = coalesce(hash, (SELECT i.hash FROM images i WHERE i.id = image)))");
    gp_q_text(&q, 1, to);
    gp_q_u64(&q, 2, hash ? size : 0);
    gp_q_int(&q, 3, hash ? mtime_ns : 0);
    gp_q_hash(&q, 4, hash);
    GP_TRY_GOTO(gp_q_run(&q, err));
out:
    return gp_db_scope_end(cat, own, st, err);
}

gp_status gp_cat_image_category(gp_catalog *cat, int64_t image, char **category, gp_error *err)
{
    bool row;
    gp_q q = gp_q_open(cat, "SELECT coalesce((SELECT c.name FROM analyses a CROSS JOIN standings t ON t.analysis = a.id"
                            "  JOIN categories c ON c.id = t.category WHERE t.image = ?1 ORDER BY a.id DESC LIMIT 1),"
                            " (SELECT k.category FROM picks k WHERE k.image = ?1))");
    *category = NULL;
    gp_q_int(&q, 1, image);
    GP_TRY(gp_q_step(&q, &row, err));
    const char *text = row ? gp_q_col_text(&q, 0) : NULL;
    if (text) *category = gp_str_dup(text);
    gp_status st = text && !*category ? gp_fail_memory(err, "the category of an image") : GP_OK;
    gp_q_end(&q);
    return st;
}

gp_status gp_cat_image_files(gp_catalog *cat, const gp_hash *image, int *flag,
                             bool (*visit)(void *user, const char *path, const gp_hash *hash, bool missing), void *user,
                             gp_error *err)
{
    gp_status st;
    bool row, found = false;
    gp_q q = gp_q_open(cat, "SELECT p.path, coalesce(p.hash, i.hash), p.missing, coalesce(r.flag, 0) FROM images i"
                            " LEFT JOIN paths p ON p.image = i.id LEFT JOIN ratings r ON r.image = i.id"
                            " WHERE i.hash = ? ORDER BY p.path");
    gp_q_hash(&q, 1, image);
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row) {
        gp_hash hash;
        const char *path = gp_q_col_text(&q, 0);
        found = true;
        *flag = (int)gp_q_col_int(&q, 3);
        if (!path || !gp_q_col_hash(&q, 1, &hash)) continue;
        if (!visit(user, path, &hash, gp_q_col_int(&q, 2) != 0)) {
            st = gp_fail_memory(err, "the files of an image");
            break;
        }
    }
    gp_q_end(&q);
    if (st == GP_OK && !found) {
        char hex[33];
        gp_hash_hex(*image, hex);
        st = gp_fail(err, GP_ERR_NOT_FOUND, "there is no image %s", hex);
    }
    return st;
}

gp_status gp_cat_find_image(gp_catalog *cat, const char *name, char *hash, gp_error *err)
{
    bool known = false, row = false;
    gp_hash image;
    hash[0] = '\0';
    if (strlen(name) == 32 && gp_hash_from_hex(name, &image)) GP_TRY(gp_cat_has_image(cat, &image, &known, err));
    if (!known) {
        char *path = gp_path_absolute(name);
        if (!path) return gp_fail_memory_path(err, "'%s'", name);
        gp_q q = gp_q_open(cat, "SELECT i.hash FROM paths p JOIN images i ON i.id = p.image WHERE p.path = ?");
        gp_q_text(&q, 1, path);
        gp_status st = gp_q_step(&q, &row, err);
        if (st == GP_OK && row) st = gp_q_image_hash(&q, 0, &image, err);
        gp_q_end(&q);
        gp_mem_free(path);
        if (st != GP_OK) return st;
    }
    if (known || row) gp_hash_hex(image, hash);
    return GP_OK;
}

gp_status gp_cat_path_doubt(gp_catalog *cat, const char *path, gp_error *err)
{
    gp_q q = gp_q_open(cat, "UPDATE paths SET size = 0, mtime_ns = 0 WHERE path = ?");
    gp_q_text(&q, 1, path);
    return gp_q_run(&q, err);
}

gp_status gp_cat_pixels_put(gp_catalog *cat, int64_t image, const gp_hash *pixels, gp_error *err)
{
    gp_q q = gp_q_open(cat, "UPDATE images SET pixels = ? WHERE id = ?");
    gp_q_hash(&q, 1, pixels);
    gp_q_int(&q, 2, image);
    return gp_q_run(&q, err);
}

/* ------------------------------------------------------------------ failures */

gp_status gp_cat_failure_put(gp_catalog *cat, const char *path, uint64_t size, int64_t mtime_ns, int64_t image,
                             const char *stage, const char *message, bool passing, gp_error *err)
{
    gp_status st;
    bool own;
    GP_TRY(gp_db_scope_begin(cat, &own, err));
    gp_q q = gp_q_open(cat, "INSERT INTO failures(path, size, mtime_ns, image, stage, message, passing)"
                            " VALUES(?1, ?2, ?3, nullif(?4, 0), ?5, ?6, ?7) ON CONFLICT(path, stage) DO UPDATE SET"
                            " size = ?2, mtime_ns = ?3, image = nullif(?4, 0), message = ?6, passing = ?7,"
                            " at = unixepoch()");
    gp_q_text(&q, 1, path);
    gp_q_u64(&q, 2, size);
    gp_q_int(&q, 3, mtime_ns);
    gp_q_int(&q, 4, image);
    gp_q_text(&q, 5, stage);
    gp_q_text(&q, 6, message);
    gp_q_int(&q, 7, passing);
    GP_TRY_GOTO(gp_q_run(&q, err));
    if (image == 0 && !passing) { /* the path no longer holds its earlier image */
        gp_q away = gp_q_open(cat, "UPDATE paths SET missing = 1 WHERE path = ? AND (size <> ? OR mtime_ns <> ?)");
        gp_q_text(&away, 1, path);
        gp_q_u64(&away, 2, size);
        gp_q_int(&away, 3, mtime_ns);
        GP_TRY_GOTO(gp_q_run(&away, err));
    }
out:
    return gp_db_scope_end(cat, own, st, err);
}

gp_status gp_cat_failure_clear(gp_catalog *cat, int64_t image, const char *stage, gp_error *err)
{
    gp_q q = gp_q_open(cat, "DELETE FROM failures WHERE image = ? AND stage = ?");
    gp_q_int(&q, 1, image);
    gp_q_text(&q, 2, stage);
    return gp_q_run(&q, err);
}

gp_status gp_cat_failures(gp_catalog *cat, bool (*visit)(void *, const gp_failure *), void *user, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT path, stage, message, passing FROM failures ORDER BY path, stage");
    for (;;) {
        bool row;
        GP_TRY(gp_q_step(&q, &row, err));
        if (!row) return GP_OK;
        gp_failure failure = {gp_q_col_text(&q, 0), gp_q_col_text(&q, 1), gp_q_col_text(&q, 2),
                              gp_q_col_int(&q, 3) != 0};
        if (!failure.path || !failure.stage || !failure.message) {
            gp_q_end(&q);
            return gp_db_fail(cat, SQLITE_NOMEM, err);
        }
        if (!visit(user, &failure)) {
            gp_q_end(&q);
            return GP_OK;
        }
    }
}

gp_status gp_cat_failures_forget(gp_catalog *cat, const char *root, gp_error *err)
{
    /* "root/", and the first string that sorts after every string with this prefix */
    gp_str prefix = GP_STR_INIT, after_prefix = GP_STR_INIT;
    size_t size = strlen(root);
    while (size && root[size - 1] == '/') size--;
    gp_str_add(&prefix, root, size);
    gp_str_add(&after_prefix, root, size);
    gp_str_putc(&prefix, '/');
    gp_str_putc(&after_prefix, '/' + 1);
    gp_status st = GP_OK;
    if (prefix.failed || after_prefix.failed)
        st = gp_fail_memory_path(err, "the list of failures of catalog '%s'", cat->path);
    if (st == GP_OK) {
        gp_q q = gp_q_open(cat, "DELETE FROM failures WHERE stage = 'add' AND passing = 1"
                                " AND (path = ?1 OR (path >= ?2 AND path < ?3))");
        gp_q_text(&q, 1, root);
        gp_q_text(&q, 2, prefix.data);
        gp_q_text(&q, 3, after_prefix.data);
        st = gp_q_run(&q, err);
    }
    gp_str_clear(&after_prefix);
    gp_str_clear(&prefix);
    return st;
}

/* Finds the first "add" failure after path `after` whose file no longer exists. The caller owns *path; it is NULL if
 * there are no more. */
static gp_status next_failed_gone(gp_catalog *cat, const char *after, bool (*exists)(void *, const char *), void *user,
                                  char **path, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT path FROM failures WHERE stage = 'add' AND path > ? ORDER BY path");
    gp_status st;
    bool row;
    *path = NULL;
    gp_q_text(&q, 1, after);
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row) {
        const char *text = gp_q_col_text(&q, 0);
        if (text && exists(user, text)) continue;
        *path = text ? gp_str_dup(text) : NULL;
        if (!*path) st = gp_fail_memory_path(err, "the list of paths of catalog '%s'", cat->path);
        break;
    }
    gp_q_end(&q);
    return st;
}

gp_status gp_cat_failures_sweep(gp_catalog *cat, bool (*exists)(void *, const char *path), void *user, gp_error *err)
{
    char *after = gp_str_dup(""), *gone = NULL;
    gp_status st = after ? GP_OK : gp_fail_memory_path(err, "catalog '%s'", cat->path);
    while (st == GP_OK) {
        st = next_failed_gone(cat, after, exists, user, &gone, err);
        if (st != GP_OK || !gone) break;
        gp_q q = gp_q_open(cat, "DELETE FROM failures WHERE stage = 'add' AND path = ?");
        gp_q_text(&q, 1, gone);
        st = gp_q_run(&q, err);
        gp_mem_free(after);
        after = gone;
    }
    gp_mem_free(after);
    return st;
}

/* ------------------------------------------------------------------ files that no longer exist */

enum { MISSING_PAGE = 512 };

/* Reads a page of paths after `after` and collects the ids of files that no longer exist. *last: the page's last path
 * (owned), or NULL after the end. */
static gp_status find_missing_page(gp_catalog *cat, const char *after, bool (*exists)(void *, const char *), void *user,
                                   int64_t *gone, size_t *gone_count, char **last, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT path, id, missing FROM paths WHERE path > ? ORDER BY path LIMIT ?");
    gp_q_text(&q, 1, after);
    gp_q_int(&q, 2, MISSING_PAGE);
    *gone_count = 0;
    *last = NULL;
    for (;;) {
        bool row;
        gp_status st = gp_q_step(&q, &row, err);
        if (st != GP_OK) gp_mem_free(*last);
        if (st != GP_OK || !row) return st;
        const char *path = gp_q_col_text(&q, 0);
        gp_mem_free(*last);
        *last = path ? gp_str_dup(path) : NULL;
        if (!*last) {
            gp_q_end(&q);
            return gp_fail_memory_path(err, "the list of paths of catalog '%s'", cat->path);
        }
        if (gp_q_col_int(&q, 2) == 0 && !exists(user, path)) gone[(*gone_count)++] = gp_q_col_int(&q, 1);
    }
}

/* Marks a path as missing. Adds 1 to *lost if now all paths of its image are missing. */
static gp_status mark_path_missing(gp_catalog *cat, int64_t path, uint64_t *lost, gp_error *err)
{
    int64_t last = 0;
    gp_q mark = gp_q_open(cat, "UPDATE paths SET missing = 1 WHERE id = ?");
    gp_q_int(&mark, 1, path);
    GP_TRY(gp_q_run(&mark, err));
    gp_q q = gp_q_open(cat, "SELECT NOT EXISTS (SELECT 1 FROM paths WHERE missing = 0 AND image ="
                            " (SELECT image FROM paths WHERE id = ?))");
    gp_q_int(&q, 1, path);
    GP_TRY(gp_q_one(&q, 0, &last, err));
    *lost += last != 0;
    return GP_OK;
}

gp_status gp_cat_paths_mark_missing(gp_catalog *cat, bool (*exists)(void *, const char *path), void *user,
                                    uint64_t *lost, gp_error *err)
{
    gp_status st;
    bool own;
    uint64_t images = 0;
    char *after = gp_str_dup(""), *last = NULL;
    if (!after) return gp_fail_memory_path(err, "the list of paths of catalog '%s'", cat->path);
    st = gp_db_scope_begin(cat, &own, err);
    if (st != GP_OK) {
        gp_mem_free(after);
        return st;
    }
    for (;;) {
        int64_t gone[MISSING_PAGE];
        size_t count;
        GP_TRY_GOTO(find_missing_page(cat, after, exists, user, gone, &count, &last, err));
        if (!last) break;
        for (size_t i = 0; i < count; i++) GP_TRY_GOTO(mark_path_missing(cat, gone[i], &images, err));
        gp_mem_free(after);
        after = last;
        last = NULL;
    }
    if (lost) *lost = images;
out:
    gp_mem_free(last);
    gp_mem_free(after);
    return gp_db_scope_end(cat, own, st, err);
}
