/* SPDX-License-Identifier: MIT
 * What the two parts of text evaluation share: the inputs of a node by what they mean to an operation on texts. */
#ifndef GP_INGEST_GRAPH_INNER_H
#define GP_INGEST_GRAPH_INNER_H

#include "ingest/graph.h"

typedef enum gp_text_part {
    GP_PART_TEXT,
    GP_PART_FIND,
    GP_PART_REPLACE,
    GP_PART_DELIMITER,
    GP_PART_MODE,
    GP_PART_START,
    GP_PART_END,
    GP_PART_CLEAN,
    GP_PART_ACTION,
    GP_PART_TIDY,
    GP_PART_HARMLESS,
    GP_PART_OTHER /* no rule knows it */
} gp_text_part;

enum { GP_PARTS_MAX = 32, GP_TEXT_MAX = 1 << 20 };

typedef struct gp_text_parts {
    const gp_graph_input *texts[GP_PARTS_MAX], *finds[GP_PARTS_MAX], *replaces[GP_PARTS_MAX];
    size_t text_count, find_count, replace_count, others;
    const gp_graph_input *one[GP_PART_OTHER]; /* of the kinds that a node has once; NULL: it has none */
} gp_text_parts;

/* Join, replace, trim, change of case, part of a text.  1: done; 0: an operation whose result is not known; -1: the
 * node is no such operation. */
int gp_graph_operation(gp_graph_texts *texts, const gp_graph_node *node, gp_text_parts *parts, int depth, gp_str *out);

#endif
