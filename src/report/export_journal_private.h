/* SPDX-License-Identifier: MIT
 * Private to the files export_journal*.c. */
#ifndef GP_REPORT_EXPORT_JOURNAL_PRIVATE_H
#define GP_REPORT_EXPORT_JOURNAL_PRIVATE_H

#include "base/hash.h"

enum { GP_JOURNAL_VERSION = 1 };
/* The words for gp_export_mode in a journal; NULL ends the list. */
extern const char *const gp_export_modes[];
/* Returns the path of a journal.  Owned; NULL when out of memory. */
char *gp_export_journal_path(const char *catalog, uint64_t number);
/* Computes the hash of an open file.  `path` is for messages. */
gp_status gp_export_hash(int file, const char *path, gp_hash *hash, gp_error *err);

#endif
