/* SPDX-License-Identifier: MIT
 * Schema version 1: the first tables and views. */
#include "schema/schema.h"

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
