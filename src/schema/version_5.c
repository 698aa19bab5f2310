/* SPDX-License-Identifier: MIT
 * Schema version 5: how certain a prompt is, images that are not candidates, hashes of pixels (to recognise files with
 * equal pixels), and temporary failures.
 *
 * The migration clears the sizes and times of all paths, so that the next `add` reads every file again. That fills the
 * new columns (`stream`, `evidence`, `apart`) and replaces prompts that an older reader guessed. */
#include "schema/schema.h"

/* clang-format off */
const char gp_db_version_5[] =
"DROP VIEW v_images;"
"DROP VIEW v_standings;"

/* prompt NULL: the file has settings or a negative prompt but no prompt. SQLite cannot remove a NOT NULL constraint, so
 * the table is created again. */
"CREATE TABLE image_prompts_5("
" image INTEGER PRIMARY KEY REFERENCES images(id),"
" prompt INTEGER REFERENCES prompts(id),"
" raw TEXT, negative TEXT, source TEXT NOT NULL, strength INTEGER NOT NULL,"
" settings TEXT,"                                        /* one JSON object */
" evidence TEXT NOT NULL CHECK(evidence IN ('stated', 'derived', 'guess', 'none')),"
" CHECK((prompt IS NULL) = (evidence = 'none')), CHECK((raw IS NULL) = (prompt IS NULL))"
") STRICT;"
"INSERT INTO image_prompts_5 SELECT image, prompt, raw, negative, source, strength, settings,"
" CASE WHEN source LIKE 'comfyui%' THEN 'derived' ELSE 'stated' END FROM image_prompts;"
"DROP TABLE image_prompts;"
"ALTER TABLE image_prompts_5 RENAME TO image_prompts;"
"CREATE INDEX image_prompts_prompt ON image_prompts(prompt, image);"

"ALTER TABLE images ADD COLUMN apart TEXT;"              /* why the image is not a candidate, such as 'grid'; NULL: it
                                                            is one */
"ALTER TABLE images ADD COLUMN stream BLOB CHECK(length(stream) = 16);" /* XXH3-128 of the compressed pixels */
/* XXH3-128 of the decoded pixels; NULL until they are decoded */
"ALTER TABLE images ADD COLUMN pixels BLOB CHECK(length(pixels) = 16);"
/* Hash of the file now at the path, if it differs from `images.hash` although the pixels are equal; else NULL. */
"ALTER TABLE paths ADD COLUMN hash BLOB CHECK(length(hash) = 16);"
/* All hashes of an image's bytes other than `images.hash`. With them a file with new metadata is still recognised as
 * the same image after it is moved or restored. */
"CREATE TABLE contents("
" hash BLOB PRIMARY KEY CHECK(length(hash) = 16), image INTEGER NOT NULL REFERENCES images(id)"
") STRICT, WITHOUT ROWID;"
/* 1: a temporary error (a disk that was not mounted, too many open files), which the next run tries again. 0: an error
 * caused by the file's bytes. */
"ALTER TABLE failures ADD COLUMN passing INTEGER NOT NULL DEFAULT 0 CHECK(passing IN (0, 1));"
"CREATE INDEX images_stream ON images(stream) WHERE stream IS NOT NULL;"
/* The state in which the catalog and the journal of marks last agreed (marks.h); at most one row. */
"CREATE TABLE journal("
" id INTEGER PRIMARY KEY CHECK(id = 1),"
" file TEXT NOT NULL, size INTEGER NOT NULL,"            /* id of the journal, and its size in bytes at that time */
" live INTEGER NOT NULL,"                                /* size of the journal when it was last rewritten */
" waiting INTEGER NOT NULL"                              /* entries whose image is not in the catalog */
") STRICT;"
"ALTER TABLE scorers ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;" /* Unix time of the last use; 0: unknown */

"UPDATE paths SET size = 0, mtime_ns = 0;"
"UPDATE failures SET passing = 1;"

"CREATE VIEW v_images AS"
" WITH last AS (SELECT id, key, higher_better FROM scorers ORDER BY used DESC LIMIT 1),"
" base AS (SELECT i.id AS image, i.hash, ip.prompt, s.value,"
"   CASE (SELECT higher_better FROM last) WHEN 0 THEN s.value ELSE -s.value END AS worth,"
"   (SELECT p.path FROM paths p WHERE p.image = i.id AND p.missing = 0 ORDER BY p.path LIMIT 1) AS path"
"  FROM images i LEFT JOIN image_prompts ip ON ip.image = i.id"
"  LEFT JOIN scores s ON s.scorer = (SELECT id FROM last) AND s.prompt = ip.prompt AND s.image = i.id"
"   AND i.apart IS NULL)"
" SELECT b.path AS path, pr.text AS prompt, b.value AS score,"
"  CASE WHEN b.value IS NOT NULL THEN"
"   row_number() OVER (PARTITION BY b.prompt, b.value IS NULL ORDER BY b.worth, b.hash) END AS rank,"
"  CASE WHEN b.prompt IS NOT NULL THEN count(b.value) OVER (PARTITION BY b.prompt) END AS candidates,"
"  k.image IS NOT NULL AS picked, ip.negative AS negative, ip.source AS prompt_source, ip.raw AS prompt_raw,"
"  ip.settings AS settings, i.format AS format, i.width AS width, i.height AS height, i.bytes AS bytes,"
"  lower(hex(i.hash)) AS hash, b.image AS image, coalesce(r.flag, 0) AS flag, coalesce(r.stars, 0) AS stars,"
"  coalesce(ip.evidence, 'none') AS evidence, i.apart AS apart"
" FROM base b JOIN images i ON i.id = b.image LEFT JOIN image_prompts ip ON ip.image = b.image"
" LEFT JOIN prompts pr ON pr.id = b.prompt LEFT JOIN picks k ON k.image = b.image"
" LEFT JOIN ratings r ON r.image = b.image"
" WHERE b.path IS NOT NULL;"

"CREATE VIEW v_standings AS"
" SELECT (SELECT p.path FROM paths p WHERE p.image = t.image ORDER BY p.missing, p.path LIMIT 1) AS path,"
"  v.value AS score, t.corrected AS corrected, c.name AS category, t.percentile AS percentile,"
"  t.z_category AS z_category, t.z_prompt AS z_prompt, t.image AS image"
" FROM standings t JOIN analyses a ON a.id = t.analysis LEFT JOIN categories c ON c.id = t.category"
" LEFT JOIN image_prompts ip ON ip.image = t.image"
" LEFT JOIN scores v ON v.scorer = a.scorer AND v.prompt = ip.prompt AND v.image = t.image"
" WHERE a.scorer = (SELECT id FROM scorers ORDER BY used DESC LIMIT 1);";
/* clang-format on */
