/* SPDX-License-Identifier: MIT
 * Makes the catalog row of an encoder. */
#ifndef GP_STAGE_ENCODER_ROW_H
#define GP_STAGE_ENCODER_ROW_H

#include "catalog/catalog.h"
#include "model/encoder.h"

/* The row has the same text rule for any gp_long_prompt, because images have the same embeddings for all of them.  Each
 * embedding of a prompt records its own rule.
 * model: name of the encoder's model; may be NULL if the row is only looked up. The strings are borrowed from
 * `encoder`. */
static inline gp_cat_encoder gp_stage_encoder_row(const gp_encoder *encoder, const char *model)
{
    gp_model_facts facts;
    gp_encoder_facts(encoder, &facts);
    return (gp_cat_encoder){.model = model,
                            .weight_hash = facts.weight_hash,
                            .precision = facts.precision,
                            .preprocess_id = facts.preprocess_id,
                            .text_rule = gp_encoder_tokenizer_kind(encoder)->rules[GP_LONG_PROMPT_TRUNCATE],
                            .dims = facts.embedding};
}

#endif
