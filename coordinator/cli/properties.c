/* properties.c: walks an object and writes a line for each value that is none itself. */
#include "properties.h"

#include <base/span.h>

#include "text.h"

#define NESTING_MAX 4u /* deeper objects are shown as JSON */

static void add_object(struct table *table, const cJSON *object, struct buffer *prefix,
                       unsigned depth)
{
    const cJSON *item;
    size_t len = prefix->len;
    cJSON_ArrayForEach (item, object) {
        text_append_plain(prefix, span_of(item->string));
        if (cJSON_IsObject(item) && depth < NESTING_MAX) {
            buffer_append_char(prefix, '.');
            add_object(table, item, prefix, depth + 1);
        } else {
            buffer_append_span(&table->text, buffer_span(prefix));
            table_end_cell(table);
            table_item(table, item);
        }
        if (!prefix->failed)
            prefix->len = len;
    }
}

void properties_append(struct buffer *text, const cJSON *object)
{
    static const char *const headings[] = {"", "", NULL};
    TABLE_SCOPED struct table table;
    BUFFER_SCOPED struct buffer prefix = {0};
    table_begin(&table, 0, headings);
    buffer_clear(&table.ends); /* no heading line */
    if (cJSON_IsObject(object))
        add_object(&table, object, &prefix, 1);
    table_append(&table, "", text);
}
