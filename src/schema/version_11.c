/* SPDX-License-Identifier: MIT
 * Schema version 11: which version of the readers of metadata read the file at a path.
 *
 * After the migration, the next `add` reads the files of all paths again, because an older goldpan read them. */
#include "schema/schema.h"

/* clang-format off */
const char gp_db_version_11[] =
/* GP_META_READERS at the time when the file was read; 0: unknown */
"ALTER TABLE paths ADD COLUMN readers INTEGER NOT NULL DEFAULT 0;";
/* clang-format on */
