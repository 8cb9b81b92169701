/* asks.h: the questions whose statements are prepared. */
#ifndef JOURNAL_ASKS_H
#define JOURNAL_ASKS_H

#include <stddef.h>

struct ask_kind;
extern const struct ask_kind *const asks_prepared[];
extern const size_t asks_prepared_count;

#endif
