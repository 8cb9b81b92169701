/* duplicates.c: keys that one object has twice. JSON parsers silently take one of the two; which
 * one a person meant nobody can know. */
#include <faults/check.h>

#include <base/hash.h>

struct wanted {
    const struct check *check;
    struct troth_span name; /* "a" and "\u0061" are one key */
};

static bool is_wanted(const void *arg, uint32_t node)
{
    const struct wanted *wanted = arg;
    return json_string_equals(json_tree_key(&wanted->check->tree, node), wanted->name);
}

static void twice(struct check *check, const struct place *second, uint32_t first)
{
    if (check_only_counts(check, 1))
        return;
    struct mark mark = check_position(check, json_tree_key(&check->tree, first).data);
    check_error_at_key(check, second, "%s is here twice; the first is at %u:%u",
                       shown(second->key).text, mark.line, mark.column);
}

static void object_check(struct check *check, const struct place *object, struct hash_table *table)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct children children = place_children(check, object);
    struct wanted wanted = {.check = check};
    struct place member;
    if (hash_table_reset(table, check->tree.nodes[object->node].count) != 0) {
        check->no_memory = true;
        return;
    }
    while (children_next(check, &children, &member)) {
        if (!json_string_view(member.key, &scratch, &wanted.name)) {
            check->no_memory = true;
            return;
        }
        uint32_t *place =
            hash_place(table->places, table->count, hash_span(wanted.name), is_wanted, &wanted);
        if (*place != 0)
            twice(check, &member, *place - 1);
        *place = member.node + 1;
    }
}

static void tree_check(struct check *check, const struct place *place, struct hash_table *table)
{
    struct children children = place_children(check, place);
    struct place child;
    while (children_next(check, &children, &child))
        tree_check(check, &child, table);
    if (json_type(place->value) == JSON_OBJECT && check->tree.nodes[place->node].count > 1)
        object_check(check, place, table);
}

void check_duplicate_keys(struct check *check, const struct place *place)
{
    struct hash_table table = {0};
    tree_check(check, place, &table);
    hash_table_finish(&table);
}
