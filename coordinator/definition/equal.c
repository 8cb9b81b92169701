/* equal.c: equality of JSON values, as JSON Schema defines it for enum and const. */
#include "equal.h"

#include <protocol/json.h>

#include "decimal.h"

static bool strings_equal(struct troth_span a, struct troth_span b)
{
    BUFFER_SCOPED struct buffer plain = {0};
    return json_string(a, &plain) == 0 && !plain.failed &&
           json_string_equals(b, buffer_span(&plain));
}

static bool arrays_equal(struct troth_span a, struct troth_span b)
{
    struct json_cursor at = json_cursor(a), bt = json_cursor(b);
    struct troth_span key, x, y;
    for (;;) {
        bool more_a = json_next(&at, &key, &x), more_b = json_next(&bt, &key, &y);
        if (!more_a || !more_b)
            return more_a == more_b;
        if (!json_equal(x, y))
            return false;
    }
}

static bool member_of(struct troth_span object, struct troth_span key, struct troth_span *ret_value)
{
    BUFFER_SCOPED struct buffer plain = {0};
    return json_string(key, &plain) == 0 && !plain.failed &&
           json_member_span(object, buffer_span(&plain), ret_value);
}

static bool objects_equal(struct troth_span a, struct troth_span b)
{
    struct json_cursor at = json_cursor(a), bt = json_cursor(b);
    struct troth_span key, x, y;
    for (;;) { /* as many members … */
        bool more_a = json_next(&at, &key, &x), more_b = json_next(&bt, &key, &y);
        if (more_a != more_b)
            return false;
        if (!more_a)
            break;
    }
    at = json_cursor(a);
    while (json_next(&at, &key, &x)) /* … and each of a's is in b */
        if (!member_of(b, key, &y) || !json_equal(x, y))
            return false;
    return true;
}

bool json_equal(struct troth_span a, struct troth_span b)
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
        return decimal_compare(a, b) == 0;
    case JSON_STRING:
        return strings_equal(a, b);
    case JSON_ARRAY:
        return arrays_equal(a, b);
    case JSON_OBJECT:
        return objects_equal(a, b);
    }
    return false;
}
