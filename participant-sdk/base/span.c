/* span.c: spans as texts, and compared. */
#include <base/span.h>

#include <assert.h>
#include <string.h>

struct troth_span span_of(const char *text)
{
    return (struct troth_span){text, text == NULL ? 0 : strlen(text)};
}

bool span_same(struct troth_span a, struct troth_span b)
{
    assert((a.data != NULL || a.len == 0) && (b.data != NULL || b.len == 0));
    return (a.data == NULL) == (b.data == NULL) && a.len == b.len &&
           (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool span_is(struct troth_span span, const char *text)
{
    assert(text != NULL);
    return span_same(span, span_of(text));
}
