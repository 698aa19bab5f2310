/* SPDX-License-Identifier: MIT
 * Shared by the commands: finds the catalog and the model, and prints results and failures. */
#ifndef GP_CLI_CONTEXT_H
#define GP_CLI_CONTEXT_H

#include "base/str.h"
#include "options/options.h"

/* Prints the error on standard error (and, after a stop, the command that continues).  With --json also on stdout:
 * {"error":{"status":"not found","message":"...","exit":1}}.  Returns the exit code. */
int gp_cli_fail(gp_cli *cli, const gp_error *err);
/* Prints the error like gp_cli_fail, but returns `code`. */
int gp_cli_fail_as(gp_cli *cli, const gp_error *err, int code);
int gp_cli_usage(gp_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Finds the path of the catalog (rule in where.c): the path of --catalog; else the nearest catalog at or above the
 * given paths (count 0: the current folder); else, with GP_CATALOG_CREATE, the path of a new catalog.  The caller owns
 * `path`.  Errors: NOT_FOUND (no catalog, or a path does not exist), USAGE (the paths belong to several catalogs). */
enum {
    GP_CLI_GONE = 1 << 16, /* flag: the paths need not exist any more */
    GP_CLI_OWN = 1 << 17,  /* flag: use the first folder's own .goldpan if it exists, even if its catalog is lost */
    GP_CLI_NONE = 1 << 18  /* flag: without a catalog and a journal of marks, *path or *catalog is NULL: no error */
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
/* Like gp_cli_catalog_open_for, for one path; NULL: the current folder. */
gp_status gp_cli_catalog_open(gp_cli *cli, const char *start, unsigned flags, gp_catalog **catalog, gp_error *err);
bool gp_cli_is_folder(const char *path);
/* Finds the row of the image at a path, or at the file that the path links to; *row NULL: the catalog has none.  The
 * caller closes *rows, also after an error. */
gp_status gp_cli_row_at(gp_catalog *catalog, const char *path, gp_rows **rows, const gp_row **row, gp_error *err);

/* Checks that the files and folders that the arguments name exist.  Called before a catalog is created, so that a
 * misspelt path does not create a catalog. */
gp_status gp_cli_check_roots(const gp_cli *cli, gp_error *err);

/* Fails with USAGE if an argument is not a folder. */
gp_status gp_cli_check_folders(const gp_cli *cli, gp_error *err);
/* Fails with USAGE if the file exists and --force is not given.  Called before the work begins. */
gp_status gp_cli_check_output(const gp_cli *cli, const char *path, gp_error *err);
/* Checks an output path that goldpan chose, not the user.  Without --force, fails if the path exists and is not a
 * regular file that goldpan drew. */
gp_status gp_cli_check_own(const gp_cli *cli, const char *path, gp_error *err);

/* Finds the name of the model: --model, else $GOLDPAN_MODEL, else the first of three common CLIP models that the cache
 * has.  Borrowed.  The message of NOT_FOUND says how to download a model. */
gp_status gp_cli_model_name(const gp_cli *cli, const char **name, gp_error *err);
/* Opens the model.  If the user names no model, the model used last in `catalog` (may be NULL), with its precision, has
 * priority over the models in the cache.  Prints the name of a model that the user did not name. */
gp_status gp_cli_model_open(gp_cli *cli, gp_catalog *catalog, gp_model **model, gp_error *err);
/* The same for scoring by a scorer that works with any CLIP model: the models of scorers that need a model of their own,
 * such as pickscore, do not count as used last. */
gp_status gp_cli_model_open_scoring(gp_cli *cli, gp_catalog *catalog, gp_model **model, gp_error *err);
/* Finds the name of the model that gp_cli_model_open_scoring would open.  NULL: there is none.  The caller owns it. */
gp_status gp_cli_model_usual(const gp_cli *cli, gp_catalog *catalog, char **name, gp_error *err);
/* Opens the model `name`, which the scorers `scorers` need. */
gp_status gp_cli_model_open_named(gp_cli *cli, const char *name, const char *scorers, gp_model **model, gp_error *err);

/* A gp_note_fn whose user is a gp_cli: prints the note on standard error and keeps it for --json. */
void gp_cli_note(void *user, const gp_note *note);

/* ------------------------------------------------------------------ options into the library's structs */
/* Returns the value of --threads, or of --batch; 0: not given.  Values above 4,096 become 4,096. */
int gp_cli_threads(const gp_cli *cli);
int gp_cli_batch(const gp_cli *cli);
void gp_cli_add_options(gp_cli *cli, gp_add_options *options);
/* Writes "MODEL (PRECISION)", or "NAME by MODEL (PRECISION)" for a scorer with its own parameters. */
void gp_cli_scorer_text(const gp_scorer_facts *scorer, char out[300]);
void gp_cli_score_options(gp_cli *cli, gp_score_options *options);
void gp_cli_pick_options(gp_cli *cli, gp_pick_options *options);
void gp_cli_sheet_options(gp_cli *cli, gp_sheet_options *options);

/* ------------------------------------------------------------------ results */
/* Appends a member such as ,"name":"text", or ,"name":null if `text` is NULL.  The comma is left out after '{' and
 * '['. */
void gp_cli_json_text(gp_str *out, const char *name, const char *text);
void gp_cli_json_count(gp_str *out, const char *name, uint64_t value);
void gp_cli_json_real(gp_str *out, const char *name, double value);
/* Appends ,"name":"B", where B is the word at `index` of the list "A|B|C". */
void gp_cli_json_choice(gp_str *out, const char *name, const char *choices, int index);
void gp_cli_json_bool(gp_str *out, const char *name, bool value);
void gp_cli_json_element(gp_str *out, const char *text); /* appends an element of an array */
void gp_cli_json_object(gp_str *out);                    /* begins an object in an array */
/* Appends ,"name":[members].  `members`: the array's elements, as gp_cli_json_element and gp_cli_json_object wrote
 * them. */
void gp_cli_json_array(gp_str *out, const char *name, const gp_str *members);
void gp_cli_json_report(gp_str *out, const char *name, const gp_report *report);
/* Appends "by": the scale by which the picks were compared. */
void gp_cli_json_by(gp_str *out, const gp_cli *cli);
/* Appends "notes":[{"code", "message", "count"}]: all notes that gp_cli_note has kept. */
void gp_cli_json_notes(gp_str *out, gp_cli *cli);
/* Prints the object and a newline, and clears `out`.  Returns `code`, or failure if stdout cannot be written.  A
 * command prints only one object; further objects are dropped. */
int gp_cli_json_print(gp_cli *cli, gp_str *out, int code);

/* Prints a field of a line on stdout, then `end`.  Control characters become blanks. */
void gp_cli_put_field(const char *text, char end);

/* Prints a summary on standard error, such as "added 120 images, 3 already known (0:12)". */
void gp_cli_say_add(gp_cli *cli, const gp_report *report);
void gp_cli_say_score(gp_cli *cli, const gp_report *report);

/* Prints path, score and prompt of each pick on stdout, or appends "picks":[...] to `json` if that is not NULL.
 * *count: number of picks. */
gp_status gp_cli_put_picks(gp_cli *cli, gp_catalog *catalog, gp_str *json, uint64_t *count, gp_error *err);

/* Called after a pick that selected no image.  Prints a line about the `kept` earlier picks that stay, and appends to
 * `json` (not NULL) "picks":[] and "kept". */
void gp_cli_put_no_picks(gp_cli *cli, uint64_t kept, gp_str *json);

/* Prints the recorded failures on stdout, or appends "failures":[...] to `json` if that is not NULL. */
gp_status gp_cli_put_failures(gp_catalog *catalog, gp_str *json, gp_error *err);
/* After a call in which `failed` files failed: lists the first few on standard error.  stage: "add", "score", "export",
 * or NULL for all.  Of the files that failed in "add", only those at or below the command's arguments are listed. */
void gp_cli_say_failures(gp_cli *cli, gp_catalog *catalog, const char *stage, uint64_t failed);

#endif
