/* SPDX-License-Identifier: MIT
 * WebDataset: tar archives 00000.tar, 00001.tar ... in which each sample is KEY.png (or jpg, webp), KEY.txt (the
 * prompt) and KEY.json (the record).  The key is the number of the sample, nine digits: a key may have no dots, and
 * names of files often do.  A shard ends before it exceeds its size, and after 10,000 samples, as img2dataset does. */
#ifndef GP_DATASET_WEB_SET_H
#define GP_DATASET_WEB_SET_H

#include "dataset/record.h"
#include "dataset/set_file.h"

typedef struct gp_web_writer gp_web_writer;
gp_status gp_web_writer_open(gp_set_files *files, uint64_t shard_bytes, gp_web_writer **out, gp_error *err);
/* Appends a sample; `image` [size] are the bytes of the image file. */
gp_status gp_web_writer_row(gp_web_writer *w, const gp_set_record *record, const void *image, size_t size,
                            gp_error *err);
gp_status gp_web_writer_commit(gp_web_writer *w, gp_error *err); /* frees in both outcomes */
void gp_web_writer_abort(gp_web_writer *w);                      /* NULL allowed */

#endif
