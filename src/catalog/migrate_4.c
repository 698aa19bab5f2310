/* SPDX-License-Identifier: MIT
 * Version 4 of the schema: pictures that are to be generated, and what became of them. */
#include "catalog/db.h"

/* clang-format off */
const char gp_db_version_4[] =
"CREATE TABLE generations("
" id INTEGER PRIMARY KEY,"
" key TEXT NOT NULL UNIQUE,"                             /* hash of all that decides the picture: 32 hexadecimal digits */
" prompt TEXT NOT NULL, negative TEXT,"
" number INTEGER NOT NULL,"                              /* the prompt's first picture is 0 */
" seed INTEGER,"                                         /* as asked for; NULL: the back end's */
" protocol TEXT NOT NULL,"
" settings TEXT NOT NULL,"                               /* asked for: one JSON object */
" extras TEXT,"                                          /* other columns of the table: one JSON object */
" state TEXT NOT NULL CHECK(state IN ('planned', 'submitted', 'got', 'failed', 'refused')),"
" message TEXT,"                                         /* why it failed or was refused */
" path TEXT,"                                            /* got: the file, written before this row said so */
" image INTEGER REFERENCES images(id),"
" at INTEGER NOT NULL DEFAULT (unixepoch())"
") STRICT;"
"CREATE INDEX generations_prompt ON generations(prompt, number);"
"CREATE INDEX generations_image ON generations(image);"

"CREATE VIEW v_generations AS"
" SELECT prompt, number, seed, state, message, path, protocol, settings, extras, negative, at FROM generations;";
/* clang-format on */
