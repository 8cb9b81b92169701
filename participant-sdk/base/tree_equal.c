/* Equality of JSON values, in a time that follows their size, whatever the order of members. */
#include <base/tree.h>

#include <base/json.h>
#include <base/span.h>

struct equality {
    struct json_tree *a;
    const struct json_tree *b;
    struct json_equality *how;
};

static bool strings_equal(struct troth_span a, struct troth_span b)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct troth_span plain;
    return span_same(a, b) ||
           (json_string_view(a, &scratch, &plain) && json_string_equals(b, plain));
}

static bool values_equal(struct equality *equality, uint32_t x, uint32_t y);

static bool arrays_equal(struct equality *equality, uint32_t x, uint32_t y)
{
    const struct json_node *a = equality->a->nodes, *b = equality->b->nodes;
    if (a[x].count != b[y].count)
        return false;
    uint32_t i = x + 1;
    for (uint32_t k = y + 1; k < b[y].end; k = b[k].end, i = a[i].end)
        if (!values_equal(equality, i, k))
            return false;
    return true;
}

/* In the same order, as most are, nothing is looked up. */
static bool objects_equal(struct equality *equality, uint32_t x, uint32_t y)
{
    const struct json_tree *b = equality->b;
    struct json_tree *a = equality->a;
    if (a->nodes[x].count != b->nodes[y].count)
        return false;
    uint32_t i = x + 1;
    for (uint32_t k = y + 1; k < b->nodes[y].end; k = b->nodes[k].end, i = a->nodes[i].end) {
        struct troth_span key = json_tree_key(b, k);
        uint32_t like = i;
        if (!strings_equal(key, json_tree_key(a, i)) && !json_tree_member_like(a, x, key, &like))
            return false;
        if (!values_equal(equality, like, k))
            return false;
    }
    return true;
}

static bool values_equal(struct equality *equality, uint32_t x, uint32_t y)
{
    struct troth_span a = json_tree_value(equality->a, x), b = json_tree_value(equality->b, y);
    struct json_equality *how = equality->how;
    enum json_type type = json_type(a);
    if (type != json_type(b))
        return false;
    how->work += type == JSON_ARRAY || type == JSON_OBJECT ? 1 : 1 + b.len / 64;
    if (how->work > how->work_max)
        return false;
    switch (type) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        return true;
    case JSON_NUMBER:
        return span_same(a, b) || (how->numbers != NULL && how->numbers(a, b));
    case JSON_STRING:
        return strings_equal(a, b);
    case JSON_ARRAY:
        return arrays_equal(equality, x, y);
    case JSON_OBJECT:
        return objects_equal(equality, x, y);
    }
    return false;
}

bool json_tree_equal(struct json_tree *a, uint32_t x, const struct json_tree *b, uint32_t y,
                     struct json_equality *how)
{
    struct equality equality = {.a = a, .b = b, .how = how};
    return values_equal(&equality, x, y);
}
