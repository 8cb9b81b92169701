/* schema_make.c: an input_schema becomes rules. */
#include "schema.h"

#include <stdlib.h>
#include <string.h>

#include <base/hash.h>
#include <base/span.h>

#include "equal.h"

#define BLOCK_BYTES 8192u

struct block {
    struct block *next;
    size_t len, cap;
    _Alignas(max_align_t) char data[];
};

struct schema {
    struct json_tree tree;
    uint64_t *hashes;     /* of the tree's nodes, while it is made */
    struct block *blocks; /* what the rules are made of */
    const struct rule *root;
    uint32_t required_count;
    bool chooses; /* it has an enum or a const: the tree is still needed */
    bool no_memory;
};

/* Zeroed. NULL: no memory, which is noted. */
static void *schema_alloc(struct schema *schema, size_t size)
{
    struct block *block = schema->blocks;
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (block == NULL || block->cap - block->len < size) {
        size_t cap = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block = calloc(1, sizeof *block + cap);
        if (block == NULL) {
            schema->no_memory = true;
            return NULL;
        }
        block->next = schema->blocks;
        block->cap = cap;
        schema->blocks = block;
    }
    void *made = block->data + block->len;
    block->len += size;
    return made;
}

static bool find(struct schema *schema, uint32_t node, const char *keyword, uint32_t *ret_node)
{
    return json_tree_member(&schema->tree, node, span_of(keyword), ret_node);
}

static struct troth_span text_of(const struct schema *schema, uint32_t node)
{
    return json_tree_value(&schema->tree, node);
}

/* --- types ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    uint32_t bits;
} types[] = {
    {"null", TYPE_BIT(JSON_NULL)},     {"boolean", TYPE_BIT(JSON_FALSE) | TYPE_BIT(JSON_TRUE)},
    {"integer", TYPE_INTEGER},         {"number", TYPE_BIT(JSON_NUMBER)},
    {"string", TYPE_BIT(JSON_STRING)}, {"array", TYPE_BIT(JSON_ARRAY)},
    {"object", TYPE_BIT(JSON_OBJECT)}};
#define TYPES      (sizeof types / sizeof *types)
#define TYPES_TEXT (sizeof "null or boolean or integer or number or string or array or object")

/* A type that is named again is in the text once. */
static void type_add(struct rule *rule, char *text, struct troth_span name)
{
    for (size_t i = 0; i < TYPES; i++) {
        if (!json_string_equals(name, (struct troth_span){types[i].name, strlen(types[i].name)}) ||
            (rule->types & types[i].bits) == types[i].bits)
            continue;
        strcat(strcat(text, rule->types == 0 ? "" : " or "), types[i].name);
        rule->types |= types[i].bits;
    }
}

static void types_make(struct schema *schema, struct rule *rule, uint32_t node)
{
    char *text = schema_alloc(schema, TYPES_TEXT);
    if (text == NULL)
        return;
    rule->types = 0;
    if (json_type(text_of(schema, node)) == JSON_STRING)
        type_add(rule, text, text_of(schema, node));
    const struct json_node *nodes = schema->tree.nodes;
    for (uint32_t i = node + 1; i < nodes[node].end; i = nodes[i].end)
        type_add(rule, text, text_of(schema, i));
    rule->types_text = text;
}

/* --- enum and const --------------------------------------------------------------------------- */

struct same_hash {
    const struct choice *choices;
    uint64_t hash;
};

static bool has_hash(const void *arg, uint32_t i)
{
    const struct same_hash *same = arg;
    return same->choices[i].hash == same->hash;
}

static struct choice choice_of(struct schema *schema, uint32_t node)
{
    schema->chooses = true;
    return (struct choice){tree_hash(&schema->tree, node, schema->hashes, &schema->no_memory),
                           node};
}

static void constant_make(struct schema *schema, struct rule *rule, uint32_t node)
{
    struct choice *choice = schema_alloc(schema, sizeof *choice);
    if (choice == NULL)
        return;
    *choice = choice_of(schema, node);
    rule->constant_choice = choice;
    rule->constant = text_of(schema, node);
}

static void choices_make(struct schema *schema, struct rule *rule, uint32_t list)
{
    const struct json_node *nodes = schema->tree.nodes;
    uint32_t count = nodes[list].count, n = 0;
    rule->choices_text = text_of(schema, list);
    rule->choices_places_count = hash_places(count);
    struct choice *choices = schema_alloc(schema, count * sizeof *choices);
    rule->choices_places =
        schema_alloc(schema, rule->choices_places_count * sizeof *rule->choices_places);
    if (choices == NULL || rule->choices_places == NULL)
        return;
    for (uint32_t i = list + 1; i < nodes[list].end; i = nodes[i].end, n++) {
        choices[n] = choice_of(schema, i);
        struct same_hash same = {choices, choices[n].hash};
        uint32_t *place = hash_place(rule->choices_places, rule->choices_places_count, same.hash,
                                     has_hash, &same);
        *place = *place != 0 ? *place : n + 1;
    }
    rule->choices = choices;
    rule->choices_count = count;
}

/* --- numbers and counts ----------------------------------------------------------------------- */

static bool limit_make(struct schema *schema, uint32_t node, const char *keyword,
                       struct limit *ret_limit)
{
    uint32_t found;
    if (!find(schema, node, keyword, &found))
        return false;
    ret_limit->text = text_of(schema, found);
    ret_limit->value = decimal_read(ret_limit->text);
    return true;
}

static void numbers_make(struct schema *schema, struct rule *rule, uint32_t node)
{
    struct number_rules numbers = {0};
    uint32_t found;
    int64_t divisor;
    bool any = limit_make(schema, node, "minimum", &numbers.minimum);
    any |= limit_make(schema, node, "maximum", &numbers.maximum);
    any |= limit_make(schema, node, "exclusiveMinimum", &numbers.above);
    any |= limit_make(schema, node, "exclusiveMaximum", &numbers.below);
    if (find(schema, node, "multipleOf", &found) &&
        decimal_int64(text_of(schema, found), &divisor) == 0) {
        numbers.multiple_text = text_of(schema, found);
        numbers.multiple = (uint32_t)divisor;
        any = true;
    }
    struct number_rules *made = any ? schema_alloc(schema, sizeof *made) : NULL;
    if (made != NULL)
        *made = numbers;
    rule->numbers = made;
}

static int64_t count_make(struct schema *schema, uint32_t node, const char *keyword)
{
    uint32_t found;
    int64_t count;
    return find(schema, node, keyword, &found) && decimal_int64(text_of(schema, found), &count) == 0
               ? count
               : -1;
}

/* --- objects ---------------------------------------------------------------------------------- */

struct named {
    const struct property *properties;
    struct troth_span name;
};

static bool is_named(const void *arg, uint32_t i)
{
    const struct named *named = arg;
    return span_same(named->properties[i].name, named->name);
}

static uint32_t *property_place(const struct rule *rule, struct troth_span name)
{
    struct named named = {rule->properties, name};
    return hash_place(rule->properties_places, rule->properties_places_count, hash_span(name),
                      is_named, &named);
}

const struct property *rule_property(const struct rule *rule, struct troth_span name)
{
    if (rule->properties_count == 0)
        return NULL;
    uint32_t found = *property_place(rule, name);
    return found == 0 ? NULL : &rule->properties[found - 1];
}

/* The one of that name, which is new where it was not there yet. NULL: no memory. */
static struct property *property_of(struct schema *schema, struct rule *rule,
                                    struct troth_span string)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct troth_span name;
    if (!json_string_view(string, &scratch, &name)) {
        schema->no_memory = true;
        return NULL;
    }
    uint32_t *place = property_place(rule, name);
    if (*place != 0)
        return &rule->properties[*place - 1];
    if (scratch.len > 0) { /* unescaped: the rules keep it */
        char *kept = schema_alloc(schema, name.len);
        if (kept == NULL)
            return NULL;
        name.data = memcpy(kept, name.data, name.len);
    }
    rule->properties[rule->properties_count] = (struct property){.name = name};
    *place = ++rule->properties_count;
    return &rule->properties[*place - 1];
}

static const struct rule *rule_make(struct schema *schema, uint32_t node);

static void properties_make(struct schema *schema, struct rule *rule, uint32_t object)
{
    const struct json_node *nodes = schema->tree.nodes;
    rule->lists = true;
    for (uint32_t i = object + 1; i < nodes[object].end; i = nodes[i].end) {
        struct property *property = property_of(schema, rule, json_tree_key(&schema->tree, i));
        if (property == NULL)
            return;
        property->listed = true;
        property->rule = rule_make(schema, i);
    }
}

static void required_make(struct schema *schema, struct rule *rule, uint32_t list)
{
    const struct json_node *nodes = schema->tree.nodes;
    rule->required = schema_alloc(schema, nodes[list].count * sizeof *rule->required);
    if (rule->required == NULL)
        return;
    for (uint32_t i = list + 1; i < nodes[list].end; i = nodes[i].end) {
        struct property *property = property_of(schema, rule, text_of(schema, i));
        if (property == NULL)
            return;
        if (property->required != 0)
            continue; /* named twice */
        property->required = ++schema->required_count;
        rule->required[rule->required_count++] = (uint32_t)(property - rule->properties);
    }
}

static void members_make(struct schema *schema, struct rule *rule, uint32_t node)
{
    uint32_t properties = 0, required = 0, more;
    rule->says_more = find(schema, node, "additionalProperties", &more);
    if (rule->says_more)
        rule->more = rule_make(schema, more);
    bool lists = find(schema, node, "properties", &properties);
    bool requires = find(schema, node, "required", &required);
    if (!lists && !requires)
        return;
    uint32_t count = (lists ? schema->tree.nodes[properties].count : 0) +
                     (requires ? schema->tree.nodes[required].count : 0);
    rule->properties_places_count = hash_places(count);
    rule->properties = schema_alloc(schema, count * sizeof *rule->properties);
    rule->properties_places =
        schema_alloc(schema, rule->properties_places_count * sizeof *rule->properties_places);
    if (rule->properties == NULL || rule->properties_places == NULL)
        return;
    if (lists)
        properties_make(schema, rule, properties);
    if (requires && !schema->no_memory)
        required_make(schema, rule, required);
}

/* --- rules ------------------------------------------------------------------------------------ */

/* NULL: anything may stand there. */
static const struct rule *rule_make(struct schema *schema, uint32_t node)
{
    enum json_type type = json_type(text_of(schema, node));
    if (type == JSON_TRUE || schema->tree.nodes[node].count + (type == JSON_FALSE) == 0)
        return NULL;
    struct rule *rule = schema_alloc(schema, sizeof *rule);
    uint32_t found;
    if (rule == NULL)
        return NULL;
    *rule = (struct rule){.types = TYPES_ALL, .nothing = type == JSON_FALSE};
    rule->length_min = count_make(schema, node, "minLength");
    rule->length_max = count_make(schema, node, "maxLength");
    rule->items_min = count_make(schema, node, "minItems");
    rule->items_max = count_make(schema, node, "maxItems");
    if (find(schema, node, "type", &found))
        types_make(schema, rule, found);
    if (find(schema, node, "const", &found))
        constant_make(schema, rule, found);
    if (find(schema, node, "enum", &found))
        choices_make(schema, rule, found);
    numbers_make(schema, rule, node);
    if (find(schema, node, "items", &found))
        rule->items = rule_make(schema, found);
    members_make(schema, rule, node);
    return rule;
}

struct schema *schema_make(struct troth_span text)
{
    struct schema *schema = calloc(1, sizeof *schema);
    if (schema == NULL)
        return NULL;
    if (json_tree_build(&schema->tree, text) == 0)
        schema->hashes = calloc(schema->tree.count, sizeof *schema->hashes);
    schema->no_memory = schema->hashes == NULL;
    if (!schema->no_memory)
        schema->root = rule_make(schema, 0);
    free(schema->hashes);
    schema->hashes = NULL;
    if (schema->no_memory) {
        schema_destroy(schema);
        return NULL;
    }
    if (!schema->chooses)
        json_tree_finish(&schema->tree);
    return schema;
}

void schema_destroy(struct schema *schema)
{
    if (schema == NULL)
        return;
    while (schema->blocks != NULL) {
        struct block *next = schema->blocks->next;
        free(schema->blocks);
        schema->blocks = next;
    }
    json_tree_finish(&schema->tree);
    free(schema);
}

const struct rule *schema_root(const struct schema *schema)
{
    return schema->root;
}

uint32_t schema_required_count(const struct schema *schema)
{
    return schema->required_count;
}

const struct json_tree *schema_tree(const struct schema *schema)
{
    return &schema->tree;
}
