/* check.c: writes faults down: line, column, JSON pointer and text. */
#include <base/nearest.h>
#include <base/span.h>

#include <faults/check.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- places ----------------------------------------------------------------------------------- */

bool check_root(struct check *check, struct troth_span value, struct place *ret_root)
{
    *ret_root = (struct place){.value = value};
    if (json_tree_build(&check->tree, value) == 0)
        return true;
    check->no_memory = true;
    return false;
}

void check_finish(struct check *check)
{
    json_tree_finish(&check->tree);
}

struct children place_children(const struct check *check, const struct place *place)
{
    return (struct children){
        .up = place, .next = place->node + 1, .end = check->tree.nodes[place->node].end};
}

bool children_next(const struct check *check, struct children *children, struct place *ret_place)
{
    if (children->next >= children->end)
        return false;
    *ret_place = (struct place){.up = children->up,
                                .key = json_tree_key(&check->tree, children->next),
                                .index = children->index++,
                                .value = json_tree_value(&check->tree, children->next),
                                .node = children->next};
    children->next = check->tree.nodes[children->next].end;
    return true;
}

bool place_member(struct check *check, const struct place *object, const char *name,
                  struct place *ret_member)
{
    uint32_t node;
    struct json_tree *tree = &check->tree;
    if (!json_tree_member(tree, object->node, span_of(name), &node))
        return false;
    *ret_member = (struct place){.up = object,
                                 .key = json_tree_key(tree, node),
                                 .value = json_tree_value(tree, node),
                                 .node = node};
    return true;
}

/* Counts on from one place of the text to another. */
static struct mark mark_moved(struct troth_span text, struct mark mark, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '\n') {
            mark.line++;
            mark.column = 1;
        } else if ((c & 0xc0) != 0x80) { /* bytes that continue a code point do not count */
            mark.column++;
        }
    }
    return mark;
}

struct mark check_position(struct check *check, const char *at)
{
    struct marks *marks = &check->marks;
    size_t apart = check->text.len / MARKS + 1, offset = (size_t)(at - check->text.data);
    struct mark mark = {1, 1};
    for (size_t i = 0; i < MARKS && !marks->made; i++) {
        size_t to = (i + 1) * apart < check->text.len ? (i + 1) * apart : check->text.len;
        marks->list[i] = mark;
        mark = mark_moved(check->text, mark, i * apart, to);
    }
    marks->made = true;
    return mark_moved(check->text, marks->list[offset / apart], offset / apart * apart, offset);
}

/* --- faults ----------------------------------------------------------------------------------- */

#define POINTER_KEY_BYTES_MAX 256u  /* a longer key is shown by its beginning */
#define POINTER_BYTES_MAX     1024u /* what is deeper is left out */

static void key_append(struct buffer *pointer, struct troth_span string)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct troth_span key;
    if (string.len > POINTER_KEY_BYTES_MAX) {
        buffer_append_text(pointer,
                           shown((struct troth_span){string.data + 1, string.len - 2}).text);
        return;
    }
    if (!json_string_view(string, &scratch, &key)) {
        pointer->failed = true;
        return;
    }
    for (size_t i = 0; i < key.len; i++)
        if (key.data[i] == '~')
            buffer_append_text(pointer, "~0");
        else if (key.data[i] == '/')
            buffer_append_text(pointer, "~1");
        else
            buffer_append_char(pointer, key.data[i]);
}

/* Appends "/key" for each place from the top down; "~" and "/" as RFC 6901 escapes them. */
static void pointer_append(struct buffer *pointer, const struct place *place)
{
    if (place->up == NULL)
        return;
    pointer_append(pointer, place->up);
    if (pointer->len > POINTER_BYTES_MAX)
        return;
    buffer_append_char(pointer, '/');
    if (absent(place->key))
        buffer_append_uint(pointer, place->index);
    else
        key_append(pointer, place->key);
    if (pointer->len > POINTER_BYTES_MAX)
        buffer_append_text(pointer, "/\xe2\x80\xa6");
}

static char *text_take(struct buffer *buffer)
{
    const char *text = buffer_text(buffer);
    return text == NULL ? NULL : strdup(text);
}

__attribute__((format(printf, 5, 0))) static void fault_add(struct check *check,
                                                            const struct place *place,
                                                            const char *at, bool warning,
                                                            const char *format, va_list list)
{
    struct faults *faults = check->faults;
    if (!warning)
        faults->errors++;
    if (check_is_full(check))
        return;
    BUFFER_SCOPED struct buffer pointer = {0};
    pointer_append(&pointer, place);
    struct fault fault = {.warning = warning};
    struct mark mark = check_position(check, at);
    fault.line = mark.line;
    fault.column = mark.column;
    fault.pointer = text_take(&pointer);
    if (vasprintf(&fault.text, format, list) < 0)
        fault.text = NULL;
    if (fault.pointer == NULL || fault.text == NULL) {
        free(fault.pointer);
        free(fault.text);
        check->no_memory = true;
        return;
    }
    faults->list[faults->count++] = fault;
}

void check_error(struct check *check, const struct place *place, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fault_add(check, place, place->value.data, false, format, list);
    va_end(list);
}

void check_warning(struct check *check, const struct place *place, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fault_add(check, place, place->value.data, true, format, list);
    va_end(list);
}

void check_error_at_key(struct check *check, const struct place *place, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fault_add(check, place, place->key.data, false, format, list);
    va_end(list);
}

void check_error_at_offset(struct check *check, size_t offset, const char *text)
{
    struct place place = {.value = {check->text.data + offset, 0}};
    check_error(check, &place, "%s", text);
}

/* Insertion sort: stable, and the list is short. */
void check_sort(struct check *check)
{
    struct fault *list = check->faults->list;
    for (uint32_t i = 1; i < check->faults->count; i++) {
        struct fault fault = list[i];
        uint32_t j = i;
        while (j > 0 && (list[j - 1].line > fault.line ||
                         (list[j - 1].line == fault.line && list[j - 1].column > fault.column))) {
            list[j] = list[j - 1];
            j--;
        }
        list[j] = fault;
    }
}

struct shown shown(struct troth_span raw)
{
    struct shown out;
    size_t len = raw.len;
    bool cut = len > SHOWN_BYTES_MAX;
    if (cut) {
        len = SHOWN_BYTES_MAX;
        while (len > 0 && ((unsigned char)raw.data[len] & 0xc0) == 0x80)
            len--; /* not in the middle of a character */
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)raw.data[i];
        out.text[i] = c < 0x20 || c == 0x7f ? ' ' : raw.data[i];
    }
    strcpy(out.text + len, cut ? "\xe2\x80\xa6" : "");
    return out;
}

struct hint hint(const char *nearest)
{
    struct hint out = {""};
    if (nearest != NULL)
        (void)snprintf(out.text, sizeof out.text, "; did you mean \"%s\"?", nearest);
    return out;
}

bool check_is_full(const struct check *check)
{
    return check->faults->count == FAULTS_MAX;
}

bool check_only_counts(struct check *check, uint32_t errors)
{
    bool full = check_is_full(check);
    if (full)
        check->faults->errors += errors;
    return full;
}

const char *check_nearest(struct check *check, const char *wrong, const char *const *names)
{
    uint32_t count = 0;
    while (names[count] != NULL)
        count++;
    if (check_is_full(check) || count > HINT_NAMES_MAX - check->hint_names)
        return NULL;
    check->hint_names += count;
    return name_nearest(wrong, names);
}

const char *nearest_of(struct check *check, struct troth_span string, const char *const *names)
{
    char plain[2 * TROTH_NAME_LEN_MAX];
    if (check_is_full(check) || json_string_copy(string, plain, sizeof plain) < 0)
        return NULL;
    return check_nearest(check, plain, names);
}

const char *type_text(enum json_type type)
{
    static const char *const texts[] = {
        [JSON_NULL] = "null",       [JSON_FALSE] = "false",     [JSON_TRUE] = "true",
        [JSON_NUMBER] = "a number", [JSON_STRING] = "a string", [JSON_ARRAY] = "an array",
        [JSON_OBJECT] = "an object"};
    return texts[type];
}

void faults_finish(struct faults *faults)
{
    for (uint32_t i = 0; i < faults->count; i++) {
        free(faults->list[i].pointer);
        free(faults->list[i].text);
    }
    faults->count = 0;
    faults->errors = 0;
}

/* A fault is one line, whatever the key. */
static void pointer_show(struct buffer *text, const char *pointer)
{
    for (; *pointer != '\0'; pointer++) {
        unsigned char c = (unsigned char)*pointer;
        if (c < 0x20 || c == 0x7f)
            buffer_append_format(text, "\\u%04x", c);
        else
            buffer_append_char(text, *pointer);
    }
}

void faults_format(const struct faults *faults, const char *file, struct buffer *ret_text)
{
    uint32_t listed = 0;
    for (uint32_t i = 0; i < faults->count; i++) {
        const struct fault *fault = &faults->list[i];
        buffer_append_format(ret_text, "%s:", file);
        if (fault->line > 0)
            buffer_append_format(ret_text, "%u:%u:", fault->line, fault->column);
        if (fault->pointer[0] != '\0') {
            buffer_append_char(ret_text, ' ');
            pointer_show(ret_text, fault->pointer);
            buffer_append_char(ret_text, ':');
        }
        buffer_append_format(ret_text, " %s%s\n", fault->warning ? "warning: " : "", fault->text);
        if (!fault->warning)
            listed++;
    }
    if (faults->errors > listed)
        buffer_append_format(ret_text, "%s: and %u more errors\n", file, faults->errors - listed);
}
