/* SPDX-License-Identifier: MIT
 * Shared by the files that evaluate texts (comfy_text.c, comfy_ops.c, comfy_boxes.c): the inputs of a node, sorted by
 * their role in a text operation. */
#ifndef GP_METADATA_COMFY_GRAPH_PRIVATE_H
#define GP_METADATA_COMFY_GRAPH_PRIVATE_H

#include "metadata/comfy_graph.h"

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
    GP_PART_SEED,
    GP_PART_OTHER /* no rule matches this name */
} gp_text_part;

enum { GP_PARTS_MAX = 32, GP_TEXT_MAX = 1 << 20, GP_GRAPH_NO_NUMBER = -1 };

typedef struct gp_text_parts {
    const gp_comfy_graph_input *texts[GP_PARTS_MAX], *finds[GP_PARTS_MAX], *replaces[GP_PARTS_MAX];
    size_t text_count, find_count, replace_count, others; /* others: number of inputs without a known role */
    const gp_comfy_graph_input
        *one[GP_PART_OTHER]; /* [kind] the node's input of this kind, for kinds that occur once per node; or NULL */
} gp_text_parts;

/* Returns the number at the end of "input2", "any_02", "text1", or GP_GRAPH_NO_NUMBER. */
int gp_comfy_graph_end_number(const char *name);
/* Returns the role that an input's name indicates. */
gp_text_part gp_comfy_graph_part_of(const char *name);

/* Computes the text of a node that joins, replaces, trims, slices or changes the case of texts. Returns 1: done; 0: the
 * result is unknown; -1: the node does none of these. */
int gp_comfy_graph_operation(gp_comfy_graph_texts *texts, const gp_comfy_graph_node *node, gp_text_parts *parts,
                             int depth, gp_str *out);

/* Writes the letters of the class name in lower case, up to the first '|', '(' or '['. */
void gp_comfy_graph_class_letters(const gp_comfy_graph_node *node, char *letters, size_t size);
/* Returns true for a known class of text boxes. Its name consists only of words for text boxes and names of node
 * packs. */
bool gp_comfy_graph_is_text_box(const gp_comfy_graph_node *node);
/* Returns the input whose text the node returns at output `slot`. The node must be a text box, or have a single text
 * and no other inputs except a seed. Returns NULL if the input is unknown. */
const gp_comfy_graph_input *gp_comfy_graph_box_input(const gp_comfy_graph_node *node, const gp_text_parts *parts,
                                                     uint64_t slot);
/* Changes the text of a text box as its options do. Returns false if another input may have replaced the text. */
bool gp_comfy_graph_fill_box(gp_comfy_graph_texts *texts, const gp_comfy_graph_node *node, gp_str *text);

#endif
