#ifndef OUTBOX_TESTS_H
#define OUTBOX_TESTS_H

#include <check.h>
#include <outbox/outbox.h>
#include <string.h>

TCase *row_tests(void);
TCase *delivery_tests(void);

static inline struct troth_span span(const char *text)
{
    return (struct troth_span){.data = text, .len = strlen(text)};
}

#endif
