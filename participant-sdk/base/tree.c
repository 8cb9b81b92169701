/* tree.c: the pass that makes the nodes, and the indices, which are made when something is first
 * looked up. */
#include <base/tree.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <base/hash.h>
#include <base/json.h>

#include "json_scan.h"

#define DEPTH_MAX  (JSON_DEPTH_MAX + JSON_WRAP_MAX + 1)
#define WALKED_MAX 8u /* in a container of so many, a walk is as fast as an index */

struct builder {
    struct json_tree *tree;
    const char *at, *end;
    uint32_t open[DEPTH_MAX];
    uint32_t depth;
};

static uint32_t offset(const struct builder *builder, const char *at)
{
    return (uint32_t)(at - builder->tree->text);
}

static bool node_add(struct builder *builder, struct json_node node)
{
    struct json_tree *tree = builder->tree;
    if (tree->count == tree->cap) {
        uint32_t cap = tree->cap == 0 ? 16 : 2 * tree->cap;
        struct json_node *nodes = realloc(tree->nodes, cap * sizeof *nodes);
        if (nodes == NULL)
            return false;
        tree->nodes = nodes;
        tree->cap = cap;
    }
    if (builder->depth > 0)
        tree->nodes[builder->open[builder->depth - 1]].count++;
    tree->nodes[tree->count++] = node;
    return true;
}

/* A value, and where it stands in an object its name before it. A container stays open. */
static bool value_take(struct builder *builder)
{
    struct json_node node = {0};
    const struct json_tree *tree = builder->tree;
    if (builder->depth > 0 &&
        tree->text[tree->nodes[builder->open[builder->depth - 1]].at] == '{') {
        const char *key = builder->at;
        builder->at = scan_string(key, builder->end);
        node.key_at = offset(builder, key);
        node.key_len = (uint32_t)(builder->at - key);
        builder->at = scan_space(scan_space(builder->at, builder->end) + 1, builder->end);
    }
    const char *at = builder->at;
    bool is_container = *at == '{' || *at == '[';
    builder->at = is_container ? scan_space(at + 1, builder->end)
                  : *at == '"' ? scan_string(at, builder->end)
                               : scan_scalar(at, builder->end);
    node.at = offset(builder, at);
    node.len = (uint32_t)(builder->at - at);
    node.end = tree->count + 1;
    if (!node_add(builder, node))
        return false;
    if (is_container) {
        assert(builder->depth < DEPTH_MAX);
        builder->open[builder->depth++] = tree->count - 1;
    }
    return true;
}

/* Behind a value: what ends there. */
static void closing_take(struct builder *builder)
{
    struct json_tree *tree = builder->tree;
    while (builder->depth > 0) {
        builder->at = scan_space(builder->at, builder->end);
        if (*builder->at == ',') {
            builder->at = scan_space(builder->at + 1, builder->end);
            return;
        }
        if (*builder->at != ']' && *builder->at != '}')
            return; /* the first value of a container that was just opened */
        builder->at++;
        struct json_node *node = &tree->nodes[builder->open[--builder->depth]];
        node->len = offset(builder, builder->at) - node->at;
        node->end = tree->count;
    }
}

int json_tree_build(struct json_tree *tree, struct troth_span value)
{
    struct builder builder = {
        .tree = tree, .at = value.data, .end = value.data + value.len, .depth = 0};
    assert(value.len > 0 && value.len < UINT32_MAX);
    tree->text = value.data;
    tree->count = 0;
    tree->indexes_len = 0;
    do {
        if (!value_take(&builder))
            return TROTH_ERROR_NO_MEMORY;
        closing_take(&builder);
    } while (builder.depth > 0);
    return 0;
}

void json_tree_finish(struct json_tree *tree)
{
    free(tree->nodes);
    free(tree->indexes);
    *tree = (struct json_tree){.text = NULL};
}

struct troth_span json_tree_value(const struct json_tree *tree, uint32_t node)
{
    return (struct troth_span){tree->text + tree->nodes[node].at, tree->nodes[node].len};
}

struct troth_span json_tree_key(const struct json_tree *tree, uint32_t node)
{
    const struct json_node *one = &tree->nodes[node];
    if (one->key_len == 0)
        return (struct troth_span){NULL, 0};
    return (struct troth_span){tree->text + one->key_at, one->key_len};
}

/* --- looking up ------------------------------------------------------------------------------- */

/* Room for so many more; its place, which is never 0. UINT32_MAX: no memory. */
static uint32_t index_add(struct json_tree *tree, uint32_t count)
{
    uint32_t at = tree->indexes_len == 0 ? 1 : tree->indexes_len;
    if (count > tree->indexes_cap - (tree->indexes_cap == 0 ? 0 : at) || tree->indexes_cap == 0) {
        uint32_t cap = tree->indexes_cap == 0 ? 64 : tree->indexes_cap;
        while (cap - at < count)
            cap *= 2;
        uint32_t *indexes = realloc(tree->indexes, cap * sizeof *indexes);
        if (indexes == NULL)
            return UINT32_MAX;
        tree->indexes = indexes;
        tree->indexes_cap = cap;
    }
    memset(tree->indexes + at, 0, count * sizeof *tree->indexes);
    tree->indexes_len = at + count;
    return at;
}

struct named {
    const struct json_tree *tree;
    struct troth_span name;
};

static bool is_named(const void *arg, uint32_t node)
{
    const struct named *named = arg;
    return json_string_equals(json_tree_key(named->tree, node), named->name);
}

static bool member_walk(const struct json_tree *tree, uint32_t object, struct troth_span name,
                        uint32_t *ret_node)
{
    const struct named named = {tree, name};
    bool found = false;
    for (uint32_t i = object + 1; i < tree->nodes[object].end; i = tree->nodes[i].end) {
        if (is_named(&named, i)) {
            *ret_node = i;
            found = true;
        }
    }
    return found;
}

/* false: no memory. */
static bool members_index(struct json_tree *tree, uint32_t object)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    uint32_t count = hash_places(tree->nodes[object].count), at = index_add(tree, count);
    if (at == UINT32_MAX)
        return false;
    for (uint32_t i = object + 1; i < tree->nodes[object].end; i = tree->nodes[i].end) {
        struct named named = {.tree = tree};
        if (!json_string_view(json_tree_key(tree, i), &scratch, &named.name))
            return false;
        *hash_place(tree->indexes + at, count, hash_span(named.name), is_named, &named) = i + 1;
    }
    tree->nodes[object].index = at;
    return true;
}

bool json_tree_member(struct json_tree *tree, uint32_t object, struct troth_span name,
                      uint32_t *ret_node)
{
    const struct named named = {tree, name};
    const struct json_node *node = &tree->nodes[object];
    if (tree->text[node->at] != '{')
        return false;
    if (node->count <= WALKED_MAX || (node->index == 0 && !members_index(tree, object)))
        return member_walk(tree, object, name, ret_node);
    uint32_t found = *hash_place(tree->indexes + node->index, hash_places(node->count),
                                 hash_span(name), is_named, &named);
    if (found == 0)
        return false;
    *ret_node = found - 1;
    return true;
}

bool json_tree_member_like(struct json_tree *tree, uint32_t object, struct troth_span key,
                           uint32_t *ret_node)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct troth_span name;
    return json_string_view(key, &scratch, &name) && json_tree_member(tree, object, name, ret_node);
}

/* false: no memory. */
static bool elements_index(struct json_tree *tree, uint32_t array)
{
    uint32_t at = index_add(tree, tree->nodes[array].count);
    if (at == UINT32_MAX)
        return false;
    tree->nodes[array].index = at;
    for (uint32_t i = array + 1; i < tree->nodes[array].end; i = tree->nodes[i].end)
        tree->indexes[at++] = i;
    return true;
}

bool json_tree_element(struct json_tree *tree, uint32_t array, uint32_t index, uint32_t *ret_node)
{
    const struct json_node *node = &tree->nodes[array];
    if (tree->text[node->at] != '[' || index >= node->count)
        return false;
    if (node->count > WALKED_MAX && (node->index != 0 || elements_index(tree, array))) {
        *ret_node = tree->indexes[node->index + index];
        return true;
    }
    uint32_t i = array + 1;
    while (index-- > 0)
        i = tree->nodes[i].end;
    *ret_node = i;
    return true;
}
