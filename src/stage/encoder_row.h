/* SPDX-License-Identifier: MIT
 * Makes the catalog row of an encoder. */
#ifndef GP_STAGE_ENCODER_ROW_H
#define GP_STAGE_ENCODER_ROW_H

#include "catalog/catalog.h"
#include "model/encoder.h"

/* model: name of the encoder's model; may be NULL if the row is only looked up. The strings are borrowed from
 * `encoder`. */
static inline gp_cat_encoder gp_stage_encoder_row(const gp_encoder *encoder, const char *model)
{
    gp_model_facts facts;
    gp_encoder_facts(encoder, &facts);
    return (gp_cat_encoder){.model = model,
                            .weight_hash = facts.weight_hash,
                            .precision = facts.precision,
                            .preprocess_id = facts.preprocess_id,
                            .text_rule = gp_encoder_tokenizer_kind(encoder)->rule,
                            .dims = facts.embedding};
}

#endif
