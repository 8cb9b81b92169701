/* text.c: escapes what a terminal would obey, and lays tables out in columns. */
#include "text.h"

#include <assert.h>
#include <string.h>

#include "tree.h"
#include <base/json.h>
#include <base/span.h>

struct troth_span field(struct troth_span object, const char *name)
{
    struct troth_span value;
    if (object.len == 0 || !json_member(object, name, &value) || json_type(value) == JSON_NULL)
        return (struct troth_span){NULL, 0};
    return value;
}

/* What a terminal may obey, or shows as something else than stands there: C0 and DEL, C1 (U+0080 to
 * U+009F, two bytes of UTF-8), and marks without width that turn the order of what follows or hide
 * in it (U+200B to U+200F, U+2028 to U+202E, U+2060 to U+2069, three bytes). Gives the bytes it
 * takes, or 0. */
static size_t control(const unsigned char *at, const unsigned char *end)
{
    if (*at < 0x20 || *at == 0x7f)
        return 1;
    if (*at == 0xc2)
        return end - at > 1 && at[1] >= 0x80 && at[1] <= 0x9f ? 2 : 0;
    if (*at != 0xe2 || end - at < 3)
        return 0;
    bool first =
        at[1] == 0x80 && ((at[2] >= 0x8b && at[2] <= 0x8f) || (at[2] >= 0xa8 && at[2] <= 0xae));
    return first || (at[1] == 0x81 && at[2] >= 0xa0 && at[2] <= 0xa9) ? 3 : 0;
}

/* As "\u202e". */
static void append_escape(struct buffer *text, const unsigned char *at, size_t len)
{
    unsigned code = len == 3 ? 0x2000u | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu) : at[len - 1];
    buffer_append_format(text, "\\u%04x", code);
}

void text_append_plain(struct buffer *text, struct troth_span plain)
{
    const unsigned char *at = (const unsigned char *)plain.data;
    const unsigned char *end = plain.len == 0 ? at : at + plain.len;
    while (at != end) {
        size_t len = control(at, end);
        if (len == 0)
            buffer_append_char(text, (char)*at++);
        else if (*at == '\n')
            buffer_append_text(text, "\\n");
        else
            append_escape(text, at, len);
        at += len;
    }
}

void text_append_json(struct buffer *text, struct troth_span value)
{
    const unsigned char *at = (const unsigned char *)value.data;
    const unsigned char *end = value.len == 0 ? at : at + value.len;
    while (at != end) {
        size_t len = control(at, end);
        if (len == 0)
            buffer_append_char(text, (char)*at++);
        else if (*at < 0x20) /* checked JSON has these between its tokens only */
            buffer_append_char(text, ' ');
        else
            append_escape(text, at, len);
        at += len;
    }
}

void text_append_body(struct buffer *text, struct troth_span value)
{
    const unsigned char *at = (const unsigned char *)value.data;
    const unsigned char *end = value.len == 0 ? at : at + value.len;
    while (at != end) {
        size_t len = *at < 0x20 ? 0 : control(at, end);
        if (len == 0)
            buffer_append_char(text, (char)*at++);
        else
            append_escape(text, at, len);
        at += len;
    }
}

void text_append_value(struct buffer *text, struct troth_span value)
{
    BUFFER_SCOPED struct buffer plain = {0};
    if (value.data == NULL)
        buffer_append_char(text, '-');
    else if (json_type(value) != JSON_STRING)
        text_append_json(text, value);
    else if (json_string(value, &plain) != 0)
        text->failed = true;
    else
        text_append_plain(text, buffer_span(&plain));
}

void text_append_item(struct buffer *text, const cJSON *item)
{
    if (item == NULL) {
        buffer_append_char(text, '-');
        return;
    }
    if (cJSON_IsString(item)) {
        text_append_plain(text, span_of(item->valuestring));
        return;
    }
    int64_t number;
    if (item_number(item, &number)) { /* cJSON rounds what has more than 15 digits */
        buffer_append_format(text, "%lld", (long long)number);
        return;
    }
    char *printed = cJSON_PrintUnformatted(item);
    text->failed = text->failed || printed == NULL;
    text_append_json(text, span_of(printed));
    cJSON_free(printed);
}

size_t text_width(struct troth_span text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.len; i++)
        width += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return width;
}

/* --- tables ------------------------------------------------------------------------------------
 */

void table_finish(struct table *table)
{
    buffer_finish(&table->text);
    buffer_finish(&table->ends);
}

void table_end_cell(struct table *table)
{
    buffer_append(&table->ends, &table->text.len, sizeof(table->text.len));
    table->cell = (table->cell + 1) % table->columns;
}

void table_item(struct table *table, const cJSON *item)
{
    text_append_item(&table->text, item);
    table_end_cell(table);
}

void table_begin(struct table *table, unsigned right, const char *const *headings)
{
    *table = (struct table){.right = right};
    while (headings[table->columns] != NULL)
        table->columns++;
    assert(table->columns <= TABLE_COLUMNS_MAX);
    for (unsigned i = 0; i < table->columns; i++) {
        buffer_append_text(&table->text, headings[i]);
        table_end_cell(table);
    }
}

static struct troth_span cell_at(const struct table *table, size_t index)
{
    size_t begin = 0, end;
    if (index > 0)
        memcpy(&begin, table->ends.data + (index - 1) * sizeof(begin), sizeof(begin));
    memcpy(&end, table->ends.data + index * sizeof(end), sizeof(end));
    return (struct troth_span){table->text.data + begin, end - begin};
}

static void append_cell(const struct table *table, size_t index, size_t width, struct buffer *text)
{
    struct troth_span cell = cell_at(table, index);
    unsigned column = (unsigned)(index % table->columns);
    int padding = (int)(width - text_width(cell));
    bool right = (table->right >> column & 1) != 0;
    if (right)
        buffer_append_format(text, "%*s", padding, "");
    buffer_append_span(text, cell);
    if (column + 1 < table->columns) {
        buffer_append_format(text, "%*s", right ? 2 : padding + 2, "");
        return;
    }
    while (text->len > 0 && text->data[text->len - 1] == ' ')
        text->len--; /* the empty cells at the end of a row */
    buffer_append_char(text, '\n');
}

void table_append(struct table *table, const char *indent, struct buffer *ret_text)
{
    if (table->text.failed || table->ends.failed) {
        ret_text->failed = true;
        return;
    }
    assert(table->cell == 0);
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    size_t cells = table->ends.len / sizeof(size_t);
    for (size_t i = 0; i < cells; i++) {
        size_t width = text_width(cell_at(table, i));
        if (width > widths[i % table->columns])
            widths[i % table->columns] = width;
    }
    for (size_t i = 0; i < cells; i++) {
        if (i % table->columns == 0)
            buffer_append_text(ret_text, indent);
        append_cell(table, i, widths[i % table->columns], ret_text);
    }
}
