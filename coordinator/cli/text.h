/* text.h: JSON values as text for a terminal.
 *
 * What participants say ends up here: control characters, which a terminal would obey, are written
 * as the escapes that JSON has for them. Payloads keep their own text; numbers are never decoded.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <cjson/cJSON.h>

#include <base/buffer.h>
#include <troth/span.h>

/* The member of an object that is read as a text (a definition, a payload); absent when it is not
 * there, or null, or `object` is no object. */
struct troth_span field(struct troth_span object, const char *name);

/* Checked JSON as it is, with its layout; in its strings what a terminal may obey becomes an
 * escape, which means the same. */
void text_append_body(struct buffer *text, struct troth_span value);

/* Plain text, made harmless. */
void text_append_plain(struct buffer *text, struct troth_span plain);
/* A string without its quotes, any other value as it stands; "-" when absent. All on one line. */
void text_append_value(struct buffer *text, struct troth_span value);
void text_append_item(struct buffer *text, const cJSON *item);
/* A value as JSON (strings keep quotes and escapes), on one line. */
void text_append_json(struct buffer *text, struct troth_span value);

/* Code points: close enough to columns for what stands in a table. */
size_t text_width(struct troth_span text);

/* A table: a heading line, then rows. Columns are as wide as they must be. */
#define TABLE_COLUMNS_MAX 12u

struct table {
    unsigned columns;
    unsigned right;     /* bit i: column i is for numbers */
    unsigned cell;      /* the one being written, of its row */
    struct buffer text; /* all cells, one behind the other; append here */
    struct buffer ends; /* size_t for each cell that is complete */
};
void table_begin(struct table *table, unsigned right, const char *const *headings);
void table_end_cell(struct table *table);
void table_item(struct table *table, const cJSON *item); /* text_append_item and end */
void table_append(struct table *table, const char *indent, struct buffer *ret_text);
void table_finish(struct table *table);
#define TABLE_SCOPED __attribute__((cleanup(table_finish)))

#endif
