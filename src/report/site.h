/* SPDX-License-Identifier: MIT
 * The explorer as a folder of files (docs/api.md), for any web host.
 * All files are written to a hidden folder beside the target, which replaces the target at the end.  So a kill leaves
 * the old site unchanged.  Only a folder with goldpan's mark is replaced.  Other programs' files in it (.git, CNAME)
 * are moved to the new site.  Memory: the view, and two images for each thread. */
#ifndef GP_REPORT_SITE_H
#define GP_REPORT_SITE_H

#include "view/view.h"

/* Writes the site.  near: rows [count, near_k], nearest first, UINT32_MAX: no neighbour; NULL: the site has no
 * neighbours.  Images that cannot be read are counted and recorded (stage "export").  Errors: USAGE (goldpan did not
 * make the folder), IO, MEMORY, STOPPED. */
gp_status gp_report_site(gp_catalog *cat, const gp_view *view, const uint32_t *near, uint32_t near_k,
                         const gp_site_options *options, gp_report *report, gp_error *err);

/* ------------------------------------------------------------------ site_folder.c: the folder that is made */
typedef struct gp_site_folder {
    char *target, *hidden; /* owned */
    int lock;              /* descriptor of the lock on the hidden folder, held while it is written */
} gp_site_folder;
gp_status gp_site_folder_open(const char *target, gp_site_folder *out, gp_error *err);
/* Writes a file of the hidden folder.  The folders in its path exist. */
gp_status gp_site_folder_put(const gp_site_folder *folder, const char *name, const void *bytes, size_t size,
                             gp_error *err);
gp_status gp_site_folder_make(const gp_site_folder *folder, const char *name, gp_error *err);
/* Moves the hidden folder to the target's path. */
gp_status gp_site_folder_settle(gp_site_folder *folder, gp_error *err);
/* Deletes the hidden folder, unless gp_site_folder_settle has moved it, and frees the struct's memory. */
void gp_site_folder_close(gp_site_folder *folder);

#endif
