/* load_answer.h: what trothd answered to one transfer. */
#ifndef BENCH_LOAD_ANSWER_H
#define BENCH_LOAD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

/* A whole answer, once it is there: its bytes. 0: not yet. -1: not one we can read. */
long answer_length(const char *data, size_t len);

/* The answer of a transfer that committed and that both banks acknowledged. NULL: it is; otherwise
 * what is wrong (static). */
const char *answer_wrong(const char *data, size_t len);

/* It says that the transfer was aborted, and moved nothing. */
bool answer_aborted(const char *data, size_t len);

#endif
