/* check.c: writes faults down: line, column, JSON pointer and text. */
#include <base/nearest.h>

#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Appends "/key" for each place from the top down; "~" and "/" as RFC 6901 escapes them. */
static void pointer_append(struct buffer *pointer, const struct place *place)
{
    if (place->up == NULL)
        return;
    pointer_append(pointer, place->up);
    buffer_append_char(pointer, '/');
    if (absent(place->key)) {
        buffer_append_uint(pointer, place->index);
        return;
    }
    BUFFER_SCOPED struct buffer key = {0};
    if (json_string(place->key, &key) < 0)
        pointer->failed = true;
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] == '~')
            buffer_append_text(pointer, "~0");
        else if (key.data[i] == '/')
            buffer_append_text(pointer, "~1");
        else
            buffer_append_char(pointer, key.data[i]);
    }
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
    struct definition_faults *faults = check->faults;
    if (!warning)
        faults->errors++;
    if (check_is_full(check))
        return;
    BUFFER_SCOPED struct buffer pointer = {0};
    pointer_append(&pointer, place);
    struct definition_fault fault = {.warning = warning};
    json_position(check->text, (size_t)(at - check->text.data), &fault.line, &fault.column);
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
    struct definition_fault *list = check->faults->list;
    for (uint32_t i = 1; i < check->faults->count; i++) {
        struct definition_fault fault = list[i];
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
    return check->faults->count == DEFINITION_FAULTS_MAX;
}

const char *nearest_of(const struct check *check, struct troth_span string,
                       const char *const *names)
{
    char plain[2 * TROTH_NAME_LEN_MAX];
    if (check_is_full(check) || json_string_copy(string, plain, sizeof plain) < 0)
        return NULL;
    return name_nearest(plain, names);
}

const char *type_text(enum json_type type)
{
    static const char *const texts[] = {
        [JSON_NULL] = "null",       [JSON_FALSE] = "false",     [JSON_TRUE] = "true",
        [JSON_NUMBER] = "a number", [JSON_STRING] = "a string", [JSON_ARRAY] = "an array",
        [JSON_OBJECT] = "an object"};
    return texts[type];
}

void definition_faults_finish(struct definition_faults *faults)
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

void definition_faults_format(const struct definition_faults *faults, const char *file,
                              struct buffer *ret_text)
{
    uint32_t listed = 0;
    for (uint32_t i = 0; i < faults->count; i++) {
        const struct definition_fault *fault = &faults->list[i];
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
