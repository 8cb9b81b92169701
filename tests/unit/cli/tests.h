/* tests.h: what the files of this executable share. */
#ifndef UNIT_CLI_TESTS_H
#define UNIT_CLI_TESTS_H

#include <check.h>
#include <string.h>

#include <base/buffer.h>
#include <base/span.h>
#include <troth/span.h>

TCase *options_tests(void);
TCase *text_tests(void);
TCase *view_tests(void);
TCase *timeline_tests(void);
TCase *call_tests(void);
TCase *stream_tests(void);
TCase *diff_tests(void);

#endif
