/* SPDX-License-Identifier: MIT
 * The formats of goldpan export: the words of --format, and the files that were written. */
#ifndef GP_CLI_EXPORT_FORMATS_H
#define GP_CLI_EXPORT_FORMATS_H

#include "options/options.h"

/* The words of --format. */
#define GP_CLI_EXPORT_FORMATS                                                                                          \
    "csv|jsonl|json|parquet|imagefolder|hf-parquet|webdataset|npy|clip-retrieval|fiftyone|label-studio|html"

/* Adds the words of --format to the options.  Without a word for a file mode, an export whose formats all contain what
 * they need, such as webdataset, copies no files.  USAGE: an unknown word. */
gp_status gp_cli_export_formats(const gp_cli *cli, gp_export_options *options, gp_error *err);

/* A written file, as gp_export_options.written reports it: appends it to the gp_str `user`, the elements of a JSON
 * array. */
void gp_cli_export_written(void *user, const char *path, uint64_t bytes);

#endif
