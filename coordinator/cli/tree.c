/* tree.c: answers as trees, without their payloads. */
#include "tree.h"

#include <string.h>

#include <base/buffer.h>
#include <base/json.h>
#include <base/span.h>

#define INTEGER_MAX 9007199254740992.0 /* 2^53: all below are exact */

void tree_finish(cJSON **tree)
{
    cJSON_Delete(*tree);
    *tree = NULL;
}

static bool is_payload(struct troth_span key)
{
    return span_is(key, "\"input\"") || span_is(key, "\"output\"");
}

static void append_value(struct buffer *text, struct troth_span key, struct troth_span value);

static void append_object(struct buffer *text, struct troth_span object)
{
    struct json_cursor cursor = json_cursor(object);
    struct troth_span key, value;
    const char *before = "";
    buffer_append_char(text, '{');
    while (json_next(&cursor, &key, &value)) {
        buffer_append_text(text, before);
        buffer_append_span(text, key);
        buffer_append_char(text, ':');
        append_value(text, key, value);
        before = ",";
    }
    buffer_append_char(text, '}');
}

/* Payloads stand in a transaction and in its steps, and nowhere deeper. */
static void append_value(struct buffer *text, struct troth_span key, struct troth_span value)
{
    struct json_cursor cursor = json_cursor(value);
    struct troth_span step;
    const char *before = "";
    if (is_payload(key)) {
        buffer_append_text(text, "null");
        return;
    }
    if (!span_is(key, "\"steps\"") || json_type(value) != JSON_ARRAY) {
        buffer_append_span(text, value);
        return;
    }
    buffer_append_char(text, '[');
    while (json_next(&cursor, NULL, &step)) {
        buffer_append_text(text, before);
        if (json_type(step) == JSON_OBJECT)
            append_object(text, step);
        else
            buffer_append_span(text, step);
        before = ",";
    }
    buffer_append_char(text, ']');
}

int tree_parse(struct troth_span json, cJSON **ret_tree)
{
    BUFFER_SCOPED struct buffer text = {0};
    *ret_tree = NULL;
    if (json.data == NULL)
        return 0;
    if (json_type(json) == JSON_OBJECT)
        append_object(&text, json);
    else
        buffer_append_span(&text, json);
    if (text.failed)
        return TROTH_ERROR_NO_MEMORY;
    *ret_tree = cJSON_ParseWithLengthOpts(text.data, text.len, NULL, false);
    return *ret_tree != NULL ? 0 : TROTH_ERROR_SYNTAX;
}

const cJSON *member(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsObject(object) && !cJSON_IsNull(item) ? item : NULL;
}

bool item_is(const cJSON *item, const char *word)
{
    return cJSON_IsString(item) && strcmp(item->valuestring, word) == 0;
}

bool item_number(const cJSON *item, int64_t *ret_number)
{
    if (!cJSON_IsNumber(item) || item->valuedouble > INTEGER_MAX ||
        item->valuedouble < -INTEGER_MAX || (double)(int64_t)item->valuedouble != item->valuedouble)
        return false;
    *ret_number = (int64_t)item->valuedouble;
    return true;
}

struct troth_span item_text(const cJSON *item)
{
    return span_of(cJSON_IsString(item) ? item->valuestring : NULL);
}

bool items_equal(const cJSON *a, const cJSON *b)
{
    return a != NULL && b != NULL && cJSON_Compare(a, b, true);
}
