/* SPDX-License-Identifier: MIT
 * The schema of the catalog: its versions and tables.
 *
 * INVARIANTS. They hold at every moment, even if the process is killed (tests/unit/catalog kills it at many points):
 *    1. The file is a valid SQLite database with goldpan's application_id. Its user_version tells which steps below
 *       have been applied. A step is applied completely or not at all.
 *    2. An image is what a user sees as one image: the pixels of a file, whatever metadata other programs write. `hash`
 *       is the hash of the image's first bytes; it is unique in `images` and never changes. `contents` holds the hashes
 *       of later bytes. A hash occurs only once, in one of the two tables. New bytes are added to an image only at a
 *       path that held it, and only if their compressed (`stream`) or decoded (`pixels`) pixels are equal. An image
 *       without work may be merged into the image that its path held before.
 *    3. A row of `paths` means: when this path had this size and time, it held this image, and its bytes had this
 *       `hash` (NULL: the image's hash). `missing` = 1 means that the path does not hold the image now. A path belongs
 *       to one image at a time. An image keeps its scores and marks when all its paths are missing.
 *    4. An image has at most one prompt at a time (`image_prompts`). Its source never has a lower priority than the
 *       source before. Embeddings and scores of an earlier prompt stay, because they belong to the prompt, not to its
 *       assignment to the image.
 *    5. An encoder is everything that an embedding depends on besides the content. There is at most one embedding per
 *       (image, encoder) and per (prompt, encoder). Its length is the encoder's number of dimensions, in float32.
 *    6. There is at most one score per (image, prompt, scorer). The prompt with id 0 and an empty text stands for no
 *       prompt: only scores of images without a prompt have it. It was computed from pixels or from embeddings by the
 *       scorer's encoder: that of the image, and that of the prompt if the scorer needs a pair. A NULL score means that
 *       the result was not a number; it is never computed again and never picked.
 *    7. `picks` is the complete result of one call of pick, replaced in one transaction. Later calls keep a pick whose
 *       folder is missing, with its own rule, scorer and time, unless its prompt gets another pick. Images that are set
 *       apart (`images.apart`) are never picks.
 *    8. A failure is the last failure of its (path, stage); success removes it. `passing` = 1 is a temporary error,
 *       which every run tries again. 0 is an error of the file itself, which is tried again when the file changes.
 *    9. Foreign keys hold: nothing refers to a row that does not exist.
 *   10. What a stage reports as done has been committed before.
 *   11. There is at most one complete analysis per scorer. It is replaced in one transaction, with all that belongs to
 *       it. Images added later have no row in it. Slices, categories and groups refer only to images and to each other
 *       within the analysis.
 *   12. There is at most one map per encoder. A position changes only when the whole map is computed again.
 *   13. `ratings`, `tags` and `saved` belong to the user: no stage writes or deletes them. Ratings and tags belong to
 *       the image, whichever scorer is used. They are synced to disk before they are confirmed (synchronous=FULL).
 *       The three tables, `picks` and `generations` are also in the journal of marks, which holds every mark of the
 *       catalog (marks.h).
 *   14. A generation in state `got` has its complete file on disk and its image in the catalog. A generation in another
 *       state may have its file too, if the process was killed in between. Its path follows from its key, so the next
 *       run looks for the file first.
 *   15. An image has at most one row in `image_quality`, because the measures depend only on the pixels, not on a
 *       scorer. `images.apart` is 'black' or 'noise' only if that row's `frame` is the same.
 *
 * Durability: WAL with synchronous=NORMAL. A killed process loses nothing that it committed, because the pages are in
 * the system's cache. A power failure may lose the commits since the last checkpoint, but does not damage the file. The
 * next run finds that their results are missing and computes them again.
 *
 * Pages have 16 KiB, so that several vectors of 512 to 1024 floats fit on one page. Pages of 4 KiB would waste nearly
 * half of the file. */
#include "schema/schema.h"

/* ------------------------------------------------------------------ versions */

static const gp_db_step all_steps[] = {{1, gp_db_version_1},
                                       {2, gp_db_version_2},
                                       {3, gp_db_version_3},
                                       {4, gp_db_version_4},
                                       {5, gp_db_version_5},
                                       {6, gp_db_version_6},
                                       {7, gp_db_version_7},
                                       {8, gp_db_version_8},
                                       {9, gp_db_version_9},
                                       {10, gp_db_version_10},
                                       {GP_DB_VERSION, gp_db_version_11}};
const gp_db_steps gp_db_all = {all_steps, sizeof all_steps / sizeof *all_steps};

/* ------------------------------------------------------------------ tables */

const gp_db_table gp_db_tables[] = {
    {"encoders", GP_DB_CORE},
    {"images", GP_DB_CORE},
    {"contents", GP_DB_CORE},
    {"image_quality", GP_DB_CORE},
    {"prompts", GP_DB_CORE},
    {"paths", GP_DB_CORE},
    {"image_prompts", GP_DB_CORE},
    {"image_embeddings", GP_DB_CORE},
    {"prompt_embeddings", GP_DB_CORE},
    {"scorers", GP_DB_CORE},
    {"scores", GP_DB_CORE},
    {"picks", GP_DB_CORE},
    {"failures", GP_DB_CORE},
    {"ratings", GP_DB_CORE},
    {"tags", GP_DB_CORE},
    {"saved", GP_DB_CORE},
    {"generations", GP_DB_CORE},
    {"analyses", GP_DB_ANALYSIS},
    {"clusters", GP_DB_ANALYSIS},
    {"cluster_images", GP_DB_ANALYSIS},
    {"categories", GP_DB_ANALYSIS},
    {"standings", GP_DB_ANALYSIS},
    {"slices", GP_DB_ANALYSIS},
    {"slice_images", GP_DB_ANALYSIS},
    {"duplicate_groups", GP_DB_ANALYSIS},
    {"duplicates", GP_DB_ANALYSIS},
    {"maps", GP_DB_MAP},
    {"map_images", GP_DB_MAP},
    {"journal", GP_DB_STATE},
    {NULL, GP_DB_STATE},
};
