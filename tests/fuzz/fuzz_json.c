/* Any bytes: refused with a place inside the text, or walked to the last value. */
#include <base/json.h>
#include <base/tree.h>

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

/* The tree of a value is what a walk over its text finds. Gives the node behind it. */
static uint32_t walk_tree(struct json_tree *tree, uint32_t node, struct troth_span value)
{
    struct json_cursor cursor = json_cursor(value);
    struct troth_span key, part;
    uint32_t next = node + 1, index = 0, found = 0;
    assert(fuzz_same(json_tree_value(tree, node), value));
    while (json_next(&cursor, &key, &part)) {
        struct troth_span last;
        assert(next < tree->nodes[node].end && fuzz_same(json_tree_key(tree, next), key));
        bool there = key.data != NULL ? json_tree_member_like(tree, node, key, &found)
                                      : json_tree_element(tree, node, index, &found);
        assert(there);
        if (key.data == NULL)
            assert(found == next);
        struct buffer plain = {0};
        if (key.data != NULL && json_string(key, &plain) == 0 &&
            json_member_span(value, buffer_span(&plain), &last))
            assert(fuzz_same(json_tree_value(tree, found), last));
        buffer_finish(&plain);
        next = walk_tree(tree, next, part);
        index++;
    }
    assert(index == tree->nodes[node].count && next == tree->nodes[node].end);
    return next;
}

static void check_tree(struct troth_span value)
{
    struct json_tree tree = {0};
    int error = json_tree_build(&tree, value);
    assert(error == 0);
    uint32_t end = walk_tree(&tree, 0, value);
    assert(end == tree.count);
    json_tree_finish(&tree);
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
    check_tree(value);
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
