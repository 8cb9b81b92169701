/* duplicates.c: keys that one object has twice. JSON parsers silently take one of the two; which
 * one a person meant nobody can know. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

struct seen_key {
    uint64_t hash; /* of the unescaped text: "a" and "\u0061" are one key */
    struct troth_span key;
};

static uint64_t key_hash(struct check *check, struct troth_span key)
{
    BUFFER_SCOPED struct buffer plain = {0};
    if (json_string(key, &plain) < 0 || plain.failed)
        check->no_memory = true;
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < plain.len; i++)
        hash = (hash ^ (unsigned char)plain.data[i]) * UINT64_C(1099511628211);
    return hash;
}

static int seen_key_compare(const void *a_void, const void *b_void)
{
    const struct seen_key *a = a_void, *b = b_void;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->key.data < b->key.data ? -1 : 1;
}

static bool keys_equal(struct troth_span a, struct troth_span b)
{
    BUFFER_SCOPED struct buffer plain = {0};
    return json_string(a, &plain) == 0 && !plain.failed &&
           json_string_equals(b, buffer_span(&plain));
}

/* Sorted, so that an object with many keys costs n log n and not n². */
static void object_check(struct check *check, const struct place *object, size_t count)
{
    struct seen_key *keys = calloc(count, sizeof *keys);
    if (keys == NULL) {
        check->no_memory = true;
        return;
    }
    struct json_cursor cursor = json_cursor(object->value);
    struct troth_span key, value;
    for (size_t i = 0; i < count && json_next(&cursor, &key, &value); i++)
        keys[i] = (struct seen_key){key_hash(check, key), key};
    qsort(keys, count, sizeof *keys, seen_key_compare);
    for (size_t i = 1; i < count; i++) {
        if (keys[i].hash != keys[i - 1].hash || !keys_equal(keys[i].key, keys[i - 1].key))
            continue;
        uint32_t line, column;
        json_position(check->text, (size_t)(keys[i - 1].key.data - check->text.data), &line,
                      &column);
        struct place second = {.up = object, .key = keys[i].key, .value = keys[i].key};
        check_error_at_key(check, &second, "%s is here twice; the first is at %u:%u",
                           shown(keys[i].key).text, line, column);
    }
    free(keys);
}

void check_duplicate_keys(struct check *check, const struct place *place)
{
    enum json_type type = json_type(place->value);
    if (type != JSON_OBJECT && type != JSON_ARRAY)
        return;
    struct json_cursor cursor = json_cursor(place->value);
    struct place member = {.up = place};
    size_t count = 0;
    while (json_next(&cursor, &member.key, &member.value)) {
        if (type == JSON_ARRAY) {
            member.key = (struct troth_span){0};
            member.index = (uint32_t)count;
        }
        check_duplicate_keys(check, &member);
        count++;
    }
    if (type == JSON_OBJECT && count > 1)
        object_check(check, place, count);
}
