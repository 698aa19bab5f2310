/* SPDX-License-Identifier: MIT
 * Schema version 4: images to be generated, with their state and result. */
#include "schema/schema.h"

/* clang-format off */
const char gp_db_version_4[] =
"CREATE TABLE generations("
" id INTEGER PRIMARY KEY,"
/* hash of all inputs that determine the image: 32 hexadecimal digits */
" key TEXT NOT NULL UNIQUE,"
" prompt TEXT NOT NULL, negative TEXT,"
" number INTEGER NOT NULL,"                              /* index of the image within its prompt, from 0 */
" seed INTEGER,"                                         /* the requested seed; NULL: the generator chooses */
" protocol TEXT NOT NULL,"
" settings TEXT NOT NULL,"                               /* the requested settings: one JSON object */
" extras TEXT,"                                          /* other columns of the prompt table: one JSON object */
" state TEXT NOT NULL CHECK(state IN ('planned', 'submitted', 'got', 'failed', 'refused')),"
" message TEXT,"                                         /* why the image failed or was refused */
/* path of the image file, if the state is 'got'; the file is written before this row */
" path TEXT,"
" image INTEGER REFERENCES images(id),"
" at INTEGER NOT NULL DEFAULT (unixepoch())"
") STRICT;"
"CREATE INDEX generations_prompt ON generations(prompt, number);"
"CREATE INDEX generations_image ON generations(image);"

"CREATE VIEW v_generations AS"
" SELECT prompt, number, seed, state, message, path, protocol, settings, extras, negative, at FROM generations;";
/* clang-format on */
