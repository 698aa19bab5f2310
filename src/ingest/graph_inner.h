/* SPDX-License-Identifier: MIT
 * Shared by the two parts of text evaluation: the inputs of a node, sorted by their role in a text operation. */
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
    GP_PART_OTHER /* no rule for this name */
} gp_text_part;

enum { GP_PARTS_MAX = 32, GP_TEXT_MAX = 1 << 20 };

typedef struct gp_text_parts {
    const gp_graph_input *texts[GP_PARTS_MAX], *finds[GP_PARTS_MAX], *replaces[GP_PARTS_MAX];
    size_t text_count, find_count, replace_count, others;
    const gp_graph_input *one[GP_PART_OTHER]; /* by kind: the input of a kind that occurs once per node, or NULL */
} gp_text_parts;

/* Computes a join, replacement, trim, change of case or part of a text. Returns 1: done; 0: the operation's result is
 * not known; -1: the node is not such an operation. */
int gp_graph_operation(gp_graph_texts *texts, const gp_graph_node *node, gp_text_parts *parts, int depth, gp_str *out);

#endif
