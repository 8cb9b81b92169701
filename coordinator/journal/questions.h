/* questions.h: what can be asked about transactions. */
#ifndef JOURNAL_QUESTIONS_H
#define JOURNAL_QUESTIONS_H

#include "read.h"

extern const struct ask_kind ask_get, ask_inquire, ask_key;

#endif
