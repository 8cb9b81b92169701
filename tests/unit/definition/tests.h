/* tests.h: what the tests of the definition module share. */
#ifndef UNIT_DEFINITION_TESTS_H
#define UNIT_DEFINITION_TESTS_H

#include <check.h>

#include <definition/definition.h>

#include <base/span.h>

TCase *tests_of_corpus(void);
TCase *tests_of_parsing(void);
TCase *tests_of_rendering(void);
TCase *tests_of_inputs(void);
TCase *tests_of_worst(void);

/* Fails the test with the faults when the text is not a definition. */
struct definition *parsed(const char *text);

#endif
