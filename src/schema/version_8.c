/* SPDX-License-Identifier: MIT
 * Schema version 8: scorers record what they need, may have their own parameters, and may have no encoder. */
#include "schema/schema.h"

/* clang-format off */
const char gp_db_version_8[] =
"DROP VIEW v_scores;"

/* SQLite cannot remove a NOT NULL constraint, so the table is created again with the same ids. Foreign keys are off
 * during a migration. */
"CREATE TABLE scorers_8("
" id INTEGER PRIMARY KEY,"
" key TEXT NOT NULL UNIQUE,"                             /* contains all properties on which the score depends */
" name TEXT NOT NULL, scale TEXT NOT NULL,"
" encoder INTEGER REFERENCES encoders(id),"              /* NULL: the scorer needs no embeddings */
" parameters TEXT,"                                      /* hash of the scorer's own parameters, such as a head's
                                                            weights; NULL: none */
" needs TEXT NOT NULL DEFAULT 'image' CHECK(needs IN ('image', 'pair', 'pixels')),"
" higher_better INTEGER NOT NULL CHECK(higher_better IN (0, 1)),"
" used INTEGER NOT NULL,"                                /* counter: the scorer with the largest value was used last */
" used_at INTEGER NOT NULL DEFAULT 0,"                   /* Unix time of the last use; 0: unknown */
" CHECK(encoder IS NOT NULL OR needs = 'pixels')"
") STRICT;"
/* Before this version, only goldpan's CLIP scorers (keys "clip/...") scored a pair of image and prompt.  All other
 * scorers used only image embeddings.  The rule below is a frozen copy of GP_MARKS_NEEDS (marks.h). */
"INSERT INTO scorers_8 SELECT id, key, name, scale, encoder, NULL,"
" CASE WHEN key LIKE 'clip/%' THEN 'pair' ELSE 'image' END, higher_better, used, used_at FROM scorers;"
"DROP TABLE scorers;"
/* Without legacy_alter_table SQLite would check all views here.  Some views refer to the table `scorers`, which does
 * not exist at this moment. */
"PRAGMA legacy_alter_table = ON;"
"ALTER TABLE scorers_8 RENAME TO scorers;"
"PRAGMA legacy_alter_table = OFF;"

/* All scores by all scorers, with paths, texts and names instead of ids. */
"CREATE VIEW v_scores AS"
" SELECT (SELECT p.path FROM paths p WHERE p.image = s.image ORDER BY p.missing, p.path LIMIT 1) AS path,"
"  pr.text AS prompt, c.name AS scorer, s.value AS score, c.scale AS scale, e.model AS model,"
"  e.precision AS precision, c.key AS scorer_key, s.image AS image"
" FROM scores s JOIN scorers c ON c.id = s.scorer JOIN prompts pr ON pr.id = s.prompt"
" LEFT JOIN encoders e ON e.id = c.encoder;";
/* clang-format on */
