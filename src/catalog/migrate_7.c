/* SPDX-License-Identifier: MIT
 * Version 7 of the schema: the state of images whose job was stopped in the generator.  Version 6 kept such rows as
 * `planned` with a message. */
#include "catalog/db.h"

/* clang-format off */
const char gp_db_version_7[] =
"DROP VIEW v_generations;"
/* SQLite cannot change a CHECK, so the table is created anew. */
"CREATE TABLE generations_7("
" id INTEGER PRIMARY KEY,"
" key TEXT NOT NULL UNIQUE,"                             /* hash of all that decides the image: 32 hexadecimal digits */
" prompt TEXT NOT NULL, negative TEXT,"
" number INTEGER NOT NULL,"                              /* the prompt's first image is 0 */
" seed INTEGER,"                                         /* the requested seed; NULL: no seed was sent */
" protocol TEXT NOT NULL,"
" settings TEXT NOT NULL,"                               /* the requested settings: one JSON object */
" extras TEXT,"                                          /* other columns of the table: one JSON object */
" state TEXT NOT NULL CHECK(state IN ('planned', 'submitted', 'got', 'failed', 'refused', 'interrupted')),"
" message TEXT,"                                         /* why it failed, or was refused or interrupted */
" path TEXT,"                                            /* got: the file, written before the row was updated */
" image INTEGER REFERENCES images(id),"
" at INTEGER NOT NULL DEFAULT (unixepoch())"
") STRICT;"
"INSERT INTO generations_7 SELECT id, key, prompt, negative, number, seed, protocol, settings, extras,"
" CASE WHEN state = 'planned' AND message IS NOT NULL THEN 'interrupted' ELSE state END, message, path, image, at"
" FROM generations;"
"DROP TABLE generations;"
"ALTER TABLE generations_7 RENAME TO generations;"
"CREATE INDEX generations_prompt ON generations(prompt, number);"
"CREATE INDEX generations_image ON generations(image);"

"CREATE VIEW v_generations AS"
" SELECT prompt, number, seed, state, message, path, protocol, settings, extras, negative, at FROM generations;";
/* clang-format on */
