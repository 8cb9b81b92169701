/* Walking a checked text. Nothing here allocates; nothing here checks grammar again, but no read
 * leaves the span that was given. */
#include <base/json.h>

#include <assert.h>

#include "json_scan.h"

enum json_type json_type(struct troth_span value)
{
    assert(value.len > 0);
    switch (value.data[0]) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

static const char *skip_container(const char *at, const char *end)
{
    unsigned depth = 0;
    while (at < end) {
        switch (*at) {
        case '"':
            at = scan_string(at, end);
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (--depth == 0)
                return at + 1;
            break;
        default:
            break;
        }
        at++;
    }
    return end;
}

static const char *skip_value(const char *at, const char *end)
{
    if (at == end)
        return end;
    if (*at == '"')
        return scan_string(at, end);
    if (*at == '{' || *at == '[')
        return skip_container(at, end);
    return scan_scalar(at, end);
}

struct json_cursor json_cursor(struct troth_span container)
{
    if (container.len < 2 || (container.data[0] != '{' && container.data[0] != '['))
        return (struct json_cursor){NULL, NULL}; /* no container: nothing to walk */
    return (struct json_cursor){container.data + 1, container.data + container.len - 1};
}

bool json_next(struct json_cursor *cursor, struct troth_span *ret_key, struct troth_span *ret_value)
{
    assert(cursor != NULL && cursor->at <= cursor->end);
    const char *end = cursor->end; /* at the closing bracket, which tells object from array */
    const char *at = cursor->at == NULL ? end : scan_space(cursor->at, end);
    if (at != end && *at == ',')
        at = scan_space(at + 1, end);
    if (at == end) {
        cursor->at = end;
        return false;
    }
    struct troth_span key = {NULL, 0};
    if (*end == '}') {
        const char *after = scan_string(at, end);
        key = (struct troth_span){at, (size_t)(after - at)};
        at = scan_space(after, end);
        if (at != end)
            at = scan_space(at + 1, end); /* the colon */
    }
    const char *after = skip_value(at, end);
    if (ret_key != NULL)
        *ret_key = key;
    if (ret_value != NULL)
        *ret_value = (struct troth_span){at, (size_t)(after - at)};
    cursor->at = after;
    return true;
}

bool json_member_span(struct troth_span object, struct troth_span name,
                      struct troth_span *ret_value)
{
    if (object.len == 0 || object.data[0] != '{')
        return false;
    struct json_cursor cursor = json_cursor(object);
    struct troth_span key, value;
    bool found = false;
    while (json_next(&cursor, &key, &value)) {
        if (json_string_equals(key, name)) {
            *ret_value = value;
            found = true;
        }
    }
    return found;
}

bool json_member(struct troth_span object, const char *name, struct troth_span *ret_value)
{
    assert(name != NULL);
    return json_member_span(object, (struct troth_span){name, strlen(name)}, ret_value);
}

int json_int64(struct troth_span value, int64_t *ret_value)
{
    if (value.len == 0 || json_type(value) != JSON_NUMBER)
        return TROTH_ERROR_TYPE;
    bool negative = value.data[0] == '-';
    uint64_t limit = (uint64_t)INT64_MAX + negative;
    uint64_t number = 0;
    bool too_large = false;
    for (size_t i = negative; i < value.len; i++) {
        char c = value.data[i];
        if (c < '0' || c > '9')
            return TROTH_ERROR_TYPE;
        uint64_t digit = (uint64_t)(c - '0');
        if (number > (limit - digit) / 10)
            too_large = true; /* still to see whether it is an integer at all */
        else
            number = number * 10 + digit;
    }
    if (too_large)
        return TROTH_ERROR_TOO_LARGE;
    *ret_value = !negative ? (int64_t)number : number == limit ? INT64_MIN : -(int64_t)number;
    return 0;
}

int json_bool(struct troth_span value, bool *ret_value)
{
    if (value.len == 0 || (value.data[0] != 't' && value.data[0] != 'f'))
        return TROTH_ERROR_TYPE;
    *ret_value = value.data[0] == 't';
    return 0;
}

bool json_is_deeper(struct troth_span value, unsigned depth)
{
    const char *at = value.data, *end = value.data + value.len;
    unsigned open = 0;
    while (at < end) {
        char c = *at++;
        if (c == '"') {
            for (; *at != '"'; at++) /* checked: it ends */
                if (*at == '\\')
                    at++;
            at++;
        } else if (c == '{' || c == '[') {
            if (++open > depth)
                return true;
        } else if (c == '}' || c == ']') {
            open--;
        }
    }
    return false;
}
