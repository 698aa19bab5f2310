/* SPDX-License-Identifier: MIT
 * Schema version 7: the state `interrupted` for images whose job was stopped in the generator. Version 6 stored such
 * rows as `planned` with a message. */
#include "schema/schema.h"

/* clang-format off */
const char gp_db_version_7[] =
"DROP VIEW v_generations;"
/* SQLite cannot change a CHECK constraint, so the table is created again. */
"CREATE TABLE generations_7("
" id INTEGER PRIMARY KEY,"
/* hash of all inputs that determine the image: 32 hexadecimal digits */
" key TEXT NOT NULL UNIQUE,"
" prompt TEXT NOT NULL, negative TEXT,"
" number INTEGER NOT NULL,"                              /* index of the image within its prompt, from 0 */
" seed INTEGER,"                                         /* the requested seed; NULL: no seed was sent */
" protocol TEXT NOT NULL,"
" settings TEXT NOT NULL,"                               /* the requested settings: one JSON object */
" extras TEXT,"                                          /* other columns of the prompt table: one JSON object */
" state TEXT NOT NULL CHECK(state IN ('planned', 'submitted', 'got', 'failed', 'refused', 'interrupted')),"
" message TEXT,"                                         /* why the image failed, was refused or was interrupted */
/* path of the image file, if the state is 'got'; the file is written before this row */
" path TEXT,"
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
