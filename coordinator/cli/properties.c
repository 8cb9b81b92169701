#include "properties.h"

#include "text.h"
#include <base/json.h>

#define NESTING_MAX 4u /* deeper objects are shown as JSON */

static void add_object(struct table *table, struct troth_span object, struct buffer *prefix,
                       unsigned depth)
{
    struct json_cursor cursor = json_cursor(object);
    struct troth_span key, value;
    size_t len = prefix->len;
    while (json_next(&cursor, &key, &value)) {
        text_append_value(prefix, key);
        if (json_type(value) == JSON_OBJECT && depth < NESTING_MAX) {
            buffer_append_char(prefix, '.');
            add_object(table, value, prefix, depth + 1);
        } else {
            buffer_append_span(&table->text, buffer_span(prefix));
            table_end_cell(table);
            table_value(table, value);
        }
        if (!prefix->failed)
            prefix->len = len;
    }
}

void properties_append(struct buffer *text, struct troth_span object)
{
    static const char *const headings[] = {"", "", NULL};
    TABLE_SCOPED struct table table;
    BUFFER_SCOPED struct buffer prefix = {0};
    table_begin(&table, 0, headings);
    buffer_clear(&table.ends); /* no heading line */
    if (object.len > 0 && json_type(object) == JSON_OBJECT)
        add_object(&table, object, &prefix, 1);
    table_append(&table, "", text);
}
