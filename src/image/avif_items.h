/* SPDX-License-Identifier: MIT
 * Hashes the compressed pixels of an AVIF file. Private to this module. */
#ifndef GP_IMAGE_AVIF_ITEMS_H
#define GP_IMAGE_AVIF_ITEMS_H

#include "base/hash.h"

/* Hashes all items except metadata, and their properties. Returns false if the file is damaged or an image sequence. */
bool gp_avif_hash_items(const uint8_t *bytes, size_t size, gp_hasher *hasher);

#endif
