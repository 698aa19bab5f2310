/* SPDX-License-Identifier: MIT
 *
 * goldpan: find the few generated images worth keeping.
 *
 * goldpan scores every image against its prompt with a CLIP model.  It keeps embeddings and
 * scores in one SQLite file, the catalog.  It then picks the best images and writes them out.
 * This header declares the whole library.  The `goldpan` command calls only these functions.
 *
 *     #include <goldpan.h>
 *     #include <stdio.h>
 *
 *     int main(int argc, char **argv)
 *     {
 *         gp_error err = {0};
 *         gp_catalog *cat = NULL;
 *         gp_model *model = NULL;
 *         gp_add_options add = GP_ADD_DEFAULTS;
 *         gp_report report = GP_INIT(gp_report);
 *         const char *roots[] = {argc > 1 ? argv[1] : "."};
 *         add.roots = roots, add.root_count = 1;
 *         if (gp_catalog_open("catalog.db", GP_CATALOG_CREATE, &cat, &err) ||
 *             gp_model_open("openai/clip-vit-base-patch32", NULL, &model, &err) ||
 *             gp_add(cat, &add, &report, &err) ||
 *             gp_score(cat, model, NULL, &report, &err) ||
 *             gp_pick(cat, model, NULL, &report, &err))
 *             fprintf(stderr, "%s\n", err.message);
 *         gp_model_close(model);
 *         gp_catalog_close(cat);
 *         return err.status != GP_OK;
 *     }
 *
 * CONVENTIONS
 * - Arrays are row-major and dense.  Shapes are written [n, d]: n images, t tokens, d numbers of
 *   an embedding, s pixels of a side of the model's square input.
 * - Text is UTF-8.  Paths are bytes.
 * - Pixels are 8-bit sRGB in the order R, G, B.  A cosine lies in -1..1.  A CLIP score is
 *   100 * max(cosine, 0).
 * - lift is the mean score of a group minus a reference mean, in points of the score.  The
 *   reference is the mean of all images, unless the text says otherwise.  sliceguard calls it
 *   "drop".
 * - The same input and options give the same result for any number of threads.
 * - Errors: a function that can fail returns gp_status.  `err` may be NULL.  After a failure
 *   err->message says what failed, in lower case and without a full stop, with the file in
 *   quotes.  Outputs are written only on success unless the comment says otherwise.  A comment
 *   lists the statuses to expect.  Any function may also return MEMORY, and USAGE for an argument
 *   that is NULL.
 * - Ownership: a *borrowed* pointer is valid until the named object is closed.  An *owned* pointer
 *   is yours: release it with the named function.
 * - Threads: *any*: any number of threads may call at the same time on one handle.  *one*: one
 *   thread at a time on one handle.
 * - Sizes: options, outputs that you allocate, and arrays of input structs begin with `size`, the
 *   size of the struct that the caller was compiled with.  Set it with GP_..._DEFAULTS or
 *   gp_..._init (options), or with GP_INIT(type) (all others).  A size of 0 is USAGE.
 *   A caller older than the library has shorter structs: missing options have their defaults, and
 *   the library writes no byte behind an output.  A caller newer than the library has longer
 *   structs: an option that the library does not know must be 0, else the call fails with
 *   UNSUPPORTED, and the rest of an output is set to 0.
 * - Later versions only append fields to these structs, and never into padding.  An array that
 *   a later version adds to an owned output lies in the memory block of an earlier array.
 * - Structs that a callback or gp_rows_next receives belong to the library and have no size.  They
 *   also grow only at the end.
 * - NULL in place of options means the defaults.
 * - No function prints or ends the process.
 */
#ifndef GOLDPAN_H
#define GOLDPAN_H

#include "goldpan/core.h"
#include "goldpan/catalog.h"
#include "goldpan/model.h"
#include "goldpan/arrays.h"
#include "goldpan/tables.h"
#include "goldpan/stages.h"
#include "goldpan/analysis.h"
#include "goldpan/outputs.h"
#include "goldpan/ratings.h"
#include "goldpan/bench.h"
#include "goldpan/defaults.h"

#endif
