/* SPDX-License-Identifier: MIT
 * Unpacks files that contain images: tar archives (WebDataset, img2dataset), which may be compressed, and Parquet files
 * with a column of images (Hugging Face's datasets).
 *
 * x.tar and x.parquet become a folder x.  From a tar archive come the images and the text files beside them; from a
 * Parquet file the images, and metadata.jsonl with the other columns.  No file is overwritten: a file with the same
 * content counts as done, so an interrupted call can be repeated.  Names cannot leave the folder (safe_name.h).
 *
 * Memory: one member of a tar archive (at most 256 MiB).  For a Parquet file the file itself (at most 1 GiB), the cells
 * of its other columns, and one page. */
#ifndef GP_UNPACK_IMAGE_SET_H
#define GP_UNPACK_IMAGE_SET_H

#include "base/status.h"

gp_status gp_unpack_sets(const gp_unpack_options *options, gp_report *report, gp_error *err);

#endif
