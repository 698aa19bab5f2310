/* SPDX-License-Identifier: MIT
 * Private to the report module: places one file in the export folder (export_file.c), and checks the space on the disk
 * (space.c). */
#ifndef GP_REPORT_EXPORT_H
#define GP_REPORT_EXPORT_H

#include "base/str.h"
#include "base/hash.h"

/* The files in an export's folder, and how images are placed there.  `folder` exists and is borrowed until close. */
typedef struct gp_export_files gp_export_files;
gp_status gp_export_files_open(const char *folder, gp_export_mode mode, gp_export_files **out, gp_error *err);
void gp_export_files_close(gp_export_files *places); /* NULL allowed */
/* Places the image `source` in the folder under its base name, if its content has this hash.  If another file has
 * that name, or one that differs only in upper and lower case, the new name gets -2, -3 ... before the extension.  A
 * file with the same content stays as it is (*placed false).  Owns: *name, the name within the folder, gp_mem_free.
 * Errors: those of original.h, UNSUPPORTED (this kind of link). */
gp_status gp_export_files_put(gp_export_files *places, const char *source, const gp_hash *hash, char **name,
                              bool *placed, gp_error *err);

/* Fails with IO if the disk of `folder`, which need not exist, has no space for copies of `bytes` bytes in all.  Files
 * in the folder may be copies of an earlier export, so the check subtracts their sizes from `bytes`.  Does nothing if
 * the system does not tell the free space. */
gp_status gp_export_check_space(const char *folder, uint64_t bytes, gp_error *err);

#endif
