/* SPDX-License-Identifier: MIT
 * Cells of the CSV files that goldpan writes.
 *
 * A spreadsheet runs a cell that begins with "=", "+", "-", "@", a tab or a line end as a formula.  goldpan therefore
 * writes an apostrophe before such a text, as OWASP advises ("CSV injection").  Numbers such as -1.5 have none.  A text
 * that already has apostrophes before such a character also gets one more, so that the reader can remove exactly one.
 * The file web/src/state/csv.ts has the same rule. */
#ifndef GP_TABLE_CSV_CELL_H
#define GP_TABLE_CSV_CELL_H

#include "base/str.h"

/* The first bytes of goldpan's picks.csv and metadata.csv. */
extern const char gp_csv_picks_begin[], gp_csv_metadata_begin[];

/* Appends a text as a cell: with an apostrophe and with quotes if needed.  NULL: an empty cell. */
void gp_csv_put(gp_str *s, const char *text);
/* Appends the name of a file as a cell.  If the name begins with an apostrophe, or with a character with which a
 * spreadsheet runs the cell, writes "./" before the name.  Unlike an apostrophe, "./" does not change which file the
 * cell names.  NULL: an empty cell. */
void gp_csv_put_file(gp_str *s, const char *name);

/* Returns true if the bytes [size] begin as picks.csv or metadata.csv of goldpan does. */
bool gp_csv_is_ours(const char *bytes, size_t size);
/* Returns true if the text [size] of a cell begins with apostrophes and then has a character with which a spreadsheet
 * runs a cell.  goldpan has added the first of these apostrophes, and the reader removes it. */
bool gp_csv_is_guarded(const char *text, size_t size);

#endif
