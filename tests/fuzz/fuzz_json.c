/* Any bytes: refused with a place inside the text, or walked to the last value. */
#include <base/json.h>

#include "fuzz.h"

static void walk_string(struct troth_span string)
{
    struct buffer plain = {0}, json = {0};
    int error = json_string(string, &plain);
    assert(error == 0);
    assert(plain.len == 0 || memchr(plain.data, 0, plain.len) == NULL);
    assert(json_string_equals(string, buffer_span(&plain)));
    json_append_string(&json, buffer_span(&plain));
    assert(json_string_equals(buffer_span(&json), buffer_span(&plain)));
    buffer_finish(&plain);
    buffer_finish(&json);
}

static void walk(struct troth_span value, int depth)
{
    assert(depth <= JSON_DEPTH_MAX);
    int64_t number;
    bool truth;
    (void)!json_int64(value, &number);
    (void)!json_bool(value, &truth);
    if (json_type(value) == JSON_STRING)
        walk_string(value);
    struct json_cursor cursor = json_cursor(value);
    struct troth_span key, part, again;
    while (json_next(&cursor, &key, &part)) {
        assert(part.len > 0 && part.data > value.data);
        assert(part.data + part.len < value.data + value.len);
        if (key.data != NULL)
            walk_string(key);
        int error = depth < 8 ? json_check(part, JSON_CHECK_PAYLOAD, &again, NULL) : 0;
        assert(error == 0);
        walk(part, depth + 1);
    }
    (void)json_member(value, "a", &part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct troth_span text = fuzz_span(data, size), value;
    struct json_fault fault = {0, NULL};
    uint32_t line, column;
    int strict = json_check(text, JSON_CHECK_DEFAULT, &value, &fault);
    if (strict != 0) {
        assert(fault.offset <= size && fault.text != NULL);
        json_position(text, fault.offset, &line, &column);
        assert(line >= 1 && column >= 1);
    }
    if (json_check(text, JSON_CHECK_PAYLOAD, &value, NULL) != 0) {
        assert(strict != 0);
        return 0;
    }
    walk(value, 0);
    assert(!json_is_deeper(value, JSON_DEPTH_MAX));
    if (strict != 0) /* a string in it is no text */
        return 0;
    if (json_check(text, JSON_CHECK_UNIQUE_KEYS, &value, &fault) != 0)
        assert(fault.offset < size && data[fault.offset] == '"');
    struct buffer plain = {0};
    json_append_string(&plain, text);
    int error = json_check(buffer_span(&plain), 0, &value, NULL);
    assert(error == 0);
    buffer_finish(&plain);
    return 0;
}
