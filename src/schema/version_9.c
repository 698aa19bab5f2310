/* SPDX-License-Identifier: MIT
 * Schema version 9: tags of images. */
#include "schema/schema.h"

/* clang-format off */
const char gp_db_version_9[] =
"DROP VIEW v_images;"

/* A removed tag keeps its row, so that the time of the removal is known when another catalog or a
 * journal is merged into this one. The CHECK enforces only the rules that lists of joined tags need; gp_cat_tag_clean
 * enforces all rules. */
"CREATE TABLE tags("
" image INTEGER NOT NULL REFERENCES images(id),"
" tag TEXT NOT NULL CHECK(length(tag) BETWEEN 1 AND 100 AND instr(tag, ',') = 0 AND instr(tag, char(10)) = 0),"
" removed INTEGER NOT NULL DEFAULT 0 CHECK(removed IN (0, 1)),"
" at INTEGER NOT NULL DEFAULT (unixepoch()),"            /* Unix time of the last change */
" PRIMARY KEY(image, tag)"
") STRICT, WITHOUT ROWID;"
"CREATE INDEX tags_tag ON tags(tag, image) WHERE removed = 0;"

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
"  coalesce(ip.evidence, 'none') AS evidence, i.apart AS apart,"
"  q.sharpness AS sharpness, q.noise AS noise, q.exposure AS exposure, q.saturation AS saturation,"
"  q.entropy AS entropy, q.spread AS spread,"
"  (SELECT group_concat(t.tag, ', ') FROM (SELECT tag FROM tags WHERE image = b.image AND removed = 0 ORDER BY tag) t)"
"   AS tags"
" FROM base b JOIN images i ON i.id = b.image LEFT JOIN image_prompts ip ON ip.image = b.image"
" LEFT JOIN prompts pr ON pr.id = b.prompt LEFT JOIN picks k ON k.image = b.image"
" LEFT JOIN ratings r ON r.image = b.image LEFT JOIN image_quality q ON q.image = b.image"
" WHERE b.path IS NOT NULL;"

"CREATE VIEW v_tags AS"
" SELECT t.tag AS tag,"
"  (SELECT p.path FROM paths p WHERE p.image = t.image ORDER BY p.missing, p.path LIMIT 1) AS path,"
"  t.image AS image, t.at AS at FROM tags t WHERE t.removed = 0;";
/* clang-format on */
