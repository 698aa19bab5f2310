/* SPDX-License-Identifier: MIT
 * What the commands share: which catalog, which model, how results and failures are written. */
#ifndef GP_CLI_CONTEXT_H
#define GP_CLI_CONTEXT_H

#include "base/str.h"
#include "cli/options.h"

/* Prints the error on standard error (and, after a stop, the command that continues).  With --json also on stdout:
 * {"error":{"status":"not found","message":"...","exit":1}}.  Returns the exit code. */
int gp_cli_fail(gp_cli *cli, const gp_error *err);
/* Prints the error like gp_cli_fail, but returns `code`. */
int gp_cli_fail_as(gp_cli *cli, const gp_error *err, int code);
int gp_cli_usage(gp_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Finds the path of the catalog (rule in where.c): that of --catalog; else the one at or above the given paths (count
 * 0: the current folder); else, with GP_CATALOG_CREATE, a new one.  The caller owns `path`.  Errors: NOT_FOUND (no
 * catalog, or a path does not exist), USAGE (the paths belong to several catalogs). */
enum {
    GP_CLI_GONE = 1 << 16, /* flag: the paths need not exist any more */
    GP_CLI_OWN = 1 << 17   /* flag: the first folder's own .goldpan, if there is one, even if its catalog is lost */
};
gp_status gp_cli_catalog_path(gp_cli *cli, const char *const *paths, size_t count, unsigned flags, char **path,
                              gp_error *err);
gp_status gp_cli_catalog_open_for(gp_cli *cli, const char *const *paths, size_t count, unsigned flags,
                                  gp_catalog **catalog, gp_error *err);
gp_status gp_cli_catalog_open_at(const char *path, unsigned flags, gp_catalog **catalog, gp_error *err);
/* Finds the path of the catalog, and opens the catalog if it exists; else *catalog stays NULL.  The caller owns `path`,
 * also after an error.  For commands that check everything else before they create a catalog. */
gp_status gp_cli_catalog_open_old(gp_cli *cli, const char *const *paths, size_t count, unsigned flags, char **path,
                                  gp_catalog **catalog, gp_error *err);
/* The same as gp_cli_catalog_open_for for one path; NULL: the current folder. */
gp_status gp_cli_catalog_open(gp_cli *cli, const char *start, unsigned flags, gp_catalog **catalog, gp_error *err);
bool gp_cli_is_folder(const char *path);

/* Are the arguments all there?  Asked before a catalog is made, so that a slip of the pen leaves none behind. */
gp_status gp_cli_check_roots(const gp_cli *cli, gp_error *err);

/* An existing file is replaced only with --force; otherwise fails with USAGE.  Called before the work begins. */
gp_status gp_cli_check_output(const gp_cli *cli, const char *path, gp_error *err);
/* Checks a path that goldpan chose: an image that goldpan drew may be replaced, but no other file and no link. */
gp_status gp_cli_check_own(const gp_cli *cli, const char *path, gp_error *err);

/* --model, else $GOLDPAN_MODEL, else the first usual one that is at hand; NOT_FOUND says how to get one. Borrowed. */
gp_status gp_cli_model_name(const gp_cli *cli, const char **name, gp_error *err);
/* Opens that model.  If none is named, the model that was used last in `catalog` (may be NULL) comes before the usual
 * ones, with its precision.  A model that was not named is reported on standard error. */
gp_status gp_cli_model_open(gp_cli *cli, gp_catalog *catalog, gp_model **model, gp_error *err);

/* A gp_note_fn whose user is a gp_cli: prints the note on standard error and keeps it for --json. */
void gp_cli_note(void *user, const gp_note *note);

/* ------------------------------------------------------------------ options into the library's structs */
/* --threads, --batch; 0: not given.  More than 4,096 count as 4,096. */
int gp_cli_threads(const gp_cli *cli);
int gp_cli_batch(const gp_cli *cli);
void gp_cli_add_options(gp_cli *cli, gp_add_options *options);
/* "MODEL (PRECISION)"; for a scorer with parameters of its own "NAME by MODEL (PRECISION)". */
void gp_cli_scorer_text(const gp_scorer_facts *scorer, char out[300]);
void gp_cli_score_options(gp_cli *cli, gp_score_options *options);
void gp_cli_pick_options(gp_cli *cli, gp_pick_options *options);
void gp_cli_sheet_options(gp_cli *cli, gp_sheet_options *options);

/* ------------------------------------------------------------------ results */
/* ,"name":"text" (null if NULL); the comma is left out after '{' and '['. */
void gp_cli_json_text(gp_str *out, const char *name, const char *text);
void gp_cli_json_count(gp_str *out, const char *name, uint64_t value);
void gp_cli_json_real(gp_str *out, const char *name, double value);
/* ,"name":"B" with the word at `index` of the list "A|B|C". */
void gp_cli_json_choice(gp_str *out, const char *name, const char *choices, int index);
void gp_cli_json_bool(gp_str *out, const char *name, bool value);
void gp_cli_json_element(gp_str *out, const char *text); /* the same in an array */
void gp_cli_json_object(gp_str *out);                    /* begins an object in an array */
/* ,"name":[members]; the members as the two above append them to an empty `members`. */
void gp_cli_json_array(gp_str *out, const char *name, const gp_str *members);
void gp_cli_json_report(gp_str *out, const char *name, const gp_report *report);
/* Appends "by": the scale by which the picks were compared. */
void gp_cli_json_by(gp_str *out, const gp_cli *cli);
/* Appends "notes":[{"code", "message", "count"}]: all notes that gp_cli_note has kept. */
void gp_cli_json_notes(gp_str *out, gp_cli *cli);
/* Prints the object and a newline, and clears `out`.  Returns `code`, or failure if stdout cannot be written.  A
 * command prints only one object; further objects are dropped. */
int gp_cli_json_print(gp_cli *cli, gp_str *out, int code);

/* One line of data on stdout: control characters of the text become blanks. */
void gp_cli_put_field(const char *text, char end);

/* "120 images added, 3 skipped ... in 0:12" as a remark. */
void gp_cli_say_add(gp_cli *cli, const gp_report *report);
void gp_cli_say_score(gp_cli *cli, const gp_report *report);

/* The picks: path, score, prompt on stdout, or as "picks":[...] into json (not NULL).  *count their number. */
gp_status gp_cli_put_picks(gp_cli *cli, gp_catalog *catalog, gp_str *json, uint64_t *count, gp_error *err);

/* After a pick that selected nothing: prints a line about the earlier picks that stay, `kept` of them, and appends to
 * `json` (not NULL) "picks":[] and "kept". */
void gp_cli_put_no_picks(gp_cli *cli, uint64_t kept, gp_str *json);

/* Failures on record as "failures":[...] into json; or lines on stdout. */
gp_status gp_cli_put_failures(gp_catalog *catalog, gp_str *json, gp_error *err);
/* After a call in which `failed` files failed: lists the first few on standard error.  stage: "add", "score", "export",
 * or NULL for all.  Of the files that failed in "add", only those at or below the command's arguments are listed. */
void gp_cli_say_failures(gp_cli *cli, gp_catalog *catalog, const char *stage, uint64_t failed);

#endif
