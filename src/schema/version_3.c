/* SPDX-License-Identifier: MIT
 * Schema version 3: flags, stars and saved views of the user. */
#include "schema/schema.h"

/* clang-format off */
const char gp_db_version_3[] =
"CREATE TABLE ratings("
" image INTEGER PRIMARY KEY REFERENCES images(id),"
" flag INTEGER NOT NULL DEFAULT 0 CHECK(flag IN (-1, 0, 1))," /* 1: picked, -1: rejected */
" stars INTEGER NOT NULL DEFAULT 0 CHECK(stars BETWEEN 0 AND 5),"
" at INTEGER NOT NULL DEFAULT (unixepoch())"
") STRICT;"

"CREATE TABLE saved("
" name TEXT PRIMARY KEY,"
" value TEXT NOT NULL,"                                        /* one JSON object */
" at INTEGER NOT NULL DEFAULT (unixepoch())"
") STRICT, WITHOUT ROWID;"

"DROP VIEW v_images;"
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
"  lower(hex(i.hash)) AS hash, b.image AS image, coalesce(r.flag, 0) AS flag, coalesce(r.stars, 0) AS stars"
" FROM base b JOIN images i ON i.id = b.image LEFT JOIN image_prompts ip ON ip.image = b.image"
" LEFT JOIN prompts pr ON pr.id = b.prompt LEFT JOIN picks k ON k.image = b.image"
" LEFT JOIN ratings r ON r.image = b.image"
" WHERE b.path IS NOT NULL;";
/* clang-format on */
