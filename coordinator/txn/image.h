/* image.h: does a row of the journal make sense? */
#ifndef TXN_IMAGE_H
#define TXN_IMAGE_H

#include "core.h"

bool txn_image_fits(const struct txn_image *image);
bool txn_image_step_fits(const struct txn_image *image, enum record_step_state state);
/* In the RECOVERED step: with what the host has filled from the definition. */
bool txn_recovered_fits(const struct txn *txn);

#endif
