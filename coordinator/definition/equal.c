/* equal.c: equality of JSON values, as JSON Schema defines it for enum and const. */
#include "equal.h"

#include <string.h>

#include <base/json.h>

#include "decimal.h"

static bool strings_equal(struct troth_span a, struct troth_span b)
{
    if (a.len == b.len && memcmp(a.data, b.data, a.len) == 0)
        return true;
    BUFFER_SCOPED struct buffer plain = {0};
    return json_string(a, &plain) == 0 && !plain.failed &&
           json_string_equals(b, buffer_span(&plain));
}

typedef bool (*numbers_equal_fn)(struct troth_span a, struct troth_span b);

static bool values_equal(struct troth_span a, struct troth_span b, numbers_equal_fn numbers_equal);

static bool arrays_equal(struct troth_span a, struct troth_span b, numbers_equal_fn numbers_equal)
{
    struct json_cursor at = json_cursor(a), bt = json_cursor(b);
    struct troth_span key, x, y;
    for (;;) {
        bool more_a = json_next(&at, &key, &x), more_b = json_next(&bt, &key, &y);
        if (!more_a || !more_b)
            return more_a == more_b;
        if (!values_equal(x, y, numbers_equal))
            return false;
    }
}

bool json_member_like(struct troth_span object, struct troth_span key, struct troth_span *ret_value)
{
    BUFFER_SCOPED struct buffer plain = {0};
    return json_string(key, &plain) == 0 && !plain.failed &&
           json_member_span(object, buffer_span(&plain), ret_value);
}

size_t json_members(struct troth_span object)
{
    struct json_cursor cursor = json_cursor(object);
    size_t count = 0;
    while (json_next(&cursor, NULL, NULL))
        count++;
    return count;
}

/* In the same order, as most are, one walk is enough; only what stands elsewhere is looked for. */
static bool objects_equal(struct troth_span a, struct troth_span b, numbers_equal_fn numbers_equal)
{
    struct json_cursor at = json_cursor(a), bt = json_cursor(b);
    struct troth_span key, other, x, y;
    if (json_members(a) != json_members(b))
        return false;
    while (json_next(&at, &key, &x) && json_next(&bt, &other, &y))
        if ((!strings_equal(key, other) && !json_member_like(b, key, &y)) ||
            !values_equal(x, y, numbers_equal))
            return false;
    return true;
}

static bool values_equal(struct troth_span a, struct troth_span b, numbers_equal_fn numbers_equal)
{
    enum json_type type = json_type(a);
    if (type != json_type(b))
        return false;
    switch (type) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        return true;
    case JSON_NUMBER:
        return numbers_equal(a, b);
    case JSON_STRING:
        return strings_equal(a, b);
    case JSON_ARRAY:
        return arrays_equal(a, b, numbers_equal);
    case JSON_OBJECT:
        return objects_equal(a, b, numbers_equal);
    }
    return false;
}

static bool same_value(struct troth_span a, struct troth_span b)
{
    return decimal_compare(a, b) == 0;
}

static bool same_text(struct troth_span a, struct troth_span b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

bool json_equal(struct troth_span a, struct troth_span b)
{
    return values_equal(a, b, same_value);
}

bool json_same(struct troth_span a, struct troth_span b)
{
    return values_equal(a, b, same_text);
}
