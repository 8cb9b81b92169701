/* base/number.h: whole numbers as decimal digits, without a sign. Pure. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#include <troth/error.h>
#include <troth/span.h>

#define NUMBER_TEXT_MAX 20 /* digits of the largest one */

/* Digits and nothing else; leading zeros are taken. TROTH_ERROR_SYNTAX: there is another character,
 * or none at all. TROTH_ERROR_TOO_LARGE: it is more than `most`, and *ret_number is `most`. */
TROTH_MUST_CHECK int number_parse(struct troth_span text, uint64_t most, uint64_t *ret_number);
/* The digits and a zero behind them; gives how many digits. */
size_t number_format(uint64_t number, char ret_text[NUMBER_TEXT_MAX + 1]);

#endif
