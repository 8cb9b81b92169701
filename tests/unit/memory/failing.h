/* failing.h: memory that runs out at one given allocation. The linker gives this program's own
 * calls of malloc() and its like, and libevent's, to failing.c; other libraries keep theirs. */
#ifndef TEST_FAILING_H
#define TEST_FAILING_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

/* The nth allocation from now on fails, that one alone. */
void failing_begin(uint32_t nth);
/* true: it came to that. */
bool failing_end(void);
/* What was allocated and not freed yet. */
int64_t failing_live(void);

/* Runs it with the first allocation failing, with the second, … until there are no more. `run`
 * gives 0, and has looked at the result then, or an error that says that memory was short: `wanted`
 * is what it gives where nothing fails. Nothing stays allocated, and another try succeeds. */
void failing_each(int (*run)(void), int wanted);

TCase *parsers_tests(void);
TCase *core_tests(void);
TCase *http_tests(void);

#endif
