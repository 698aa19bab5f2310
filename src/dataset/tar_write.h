/* SPDX-License-Identifier: MIT
 * Writes tar archives as WebDataset reads them: POSIX ustar, regular files only, names of at most 100 bytes.  All
 * members have the time 0, so equal members give equal archives. */
#ifndef GP_DATASET_TAR_WRITE_H
#define GP_DATASET_TAR_WRITE_H

#include "dataset/set_file.h"

/* Returns the bytes that a member of this size takes in an archive. */
uint64_t gp_tar_member_bytes(uint64_t size);
gp_status gp_tar_put(gp_set_file *file, const char *name, const void *bytes, size_t size, gp_error *err);
/* Appends the end of the archive. */
gp_status gp_tar_end(gp_set_file *file, gp_error *err);

#endif
