/* equal.c: equality of JSON values, as JSON Schema defines it for enum and const. */
#include "equal.h"

#include <assert.h>

#include <base/decimal.h>
#include <base/hash.h>
#include <base/json.h>

static bool numbers_equal(struct troth_span a, struct troth_span b)
{
    return decimal_compare(a, b) == 0;
}

bool tree_equal(struct json_tree *a, uint32_t x, const struct json_tree *b, uint32_t y,
                uint64_t work_max, uint64_t *work)
{
    struct json_equality how = {.numbers = numbers_equal, .work = *work, .work_max = work_max};
    bool equal = json_tree_equal(a, x, b, y, &how);
    *work = how.work;
    return equal;
}

bool tree_same(struct json_tree *a, uint32_t x, const struct json_tree *b, uint32_t y)
{
    struct json_equality how = {.work_max = UINT64_MAX};
    return json_tree_equal(a, x, b, y, &how);
}

static uint64_t string_hash(struct troth_span string, bool *no_memory)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct troth_span plain;
    if (json_string_view(string, &scratch, &plain))
        return hash_span(plain);
    *no_memory = true;
    return 1;
}

/* Those of its members in any order. */
static uint64_t object_hash(const struct json_tree *tree, uint32_t node, uint64_t *known,
                            bool *no_memory)
{
    uint64_t sum = 0;
    for (uint32_t i = node + 1; i < tree->nodes[node].end; i = tree->nodes[i].end)
        sum += hash_pair(string_hash(json_tree_key(tree, i), no_memory),
                         tree_hash(tree, i, known, no_memory));
    return sum;
}

static uint64_t array_hash(const struct json_tree *tree, uint32_t node, uint64_t *known,
                           bool *no_memory)
{
    uint64_t hash = 0;
    for (uint32_t i = node + 1; i < tree->nodes[node].end; i = tree->nodes[i].end)
        hash = hash_pair(hash, tree_hash(tree, i, known, no_memory));
    return hash;
}

uint64_t tree_hash(const struct json_tree *tree, uint32_t node, uint64_t *known, bool *no_memory)
{
    struct troth_span value = json_tree_value(tree, node);
    uint64_t hash = 0;
    assert(node < tree->count);
    if (known[node] != 0)
        return known[node];
    switch (json_type(value)) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        hash = (uint64_t)json_type(value);
        break;
    case JSON_NUMBER:
        return hash_pair(JSON_NUMBER, decimal_hash(value, no_memory));
    case JSON_STRING:
        return hash_pair(JSON_STRING, string_hash(value, no_memory));
    case JSON_ARRAY:
        hash = array_hash(tree, node, known, no_memory);
        break;
    case JSON_OBJECT:
        hash = object_hash(tree, node, known, no_memory);
        break;
    }
    hash = hash_pair((uint64_t)json_type(value), hash);
    known[node] = hash != 0 ? hash : 1;
    return known[node];
}
