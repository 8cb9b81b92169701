/* sqltext.c: SQL out of the file's strings, as PostgreSQL reads it: quotes, comments, parameters.
 *
 * What stands within quotes or in a comment is no parameter: bound there, it would be text of the
 * statement or nothing at all. */
#include "sqltext.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parameter.h"

/* --- out of the file -------------------------------------------------------------------------- */

/* The bytes of a JSON string that are one character: \n, \u00e9, both halves of a pair, é. */
static size_t unit_len(const char *at, const char *end)
{
    size_t len = 1;
    if (*at == '\\') {
        if (at[1] != 'u')
            return 2;
        return (size_t)(end - at) >= 12 && (at[2] | 0x20) == 'd' && at[3] >= '8' ? 12 : 6;
    }
    while (at + len < end && ((unsigned char)at[len] & 0xc0) == 0x80)
        len++;
    return len;
}

/* What the string means, each byte with where it stands. */
static void take_string(struct reading *reading, struct troth_span string)
{
    const char *at = string.data + 1, *end = string.data + string.len - 1;
    while (at < end) {
        BUFFER_SCOPED struct buffer quoted = {0}, meant = {0};
        const size_t len = unit_len(at, end);

        buffer_append_char(&quoted, '"');
        buffer_append(&quoted, at, len);
        buffer_append_char(&quoted, '"');
        if (json_string(buffer_span(&quoted), &meant) != 0 || meant.failed)
            reading->text.failed = true;
        reading_append(reading, meant.data, meant.len, (uint32_t)(at - reading->check->text.data));
        at += len;
    }
}

static void take_lines(struct reading *reading, const struct place *place)
{
    struct children children = place_children(reading->check, place);
    struct place line;
    bool first = true;
    while (children_next(reading->check, &children, &line)) {
        if (json_type(line.value) != JSON_STRING) {
            check_error(reading->check, &line, "a line of SQL is a string, and this is %s",
                        type_text(json_type(line.value)));
            reading->sql->sound = false;
            continue;
        }
        if (!first)
            reading_append(reading, "\n", 1,
                           (uint32_t)(line.value.data - reading->check->text.data));
        take_string(reading, line.value);
        first = false;
    }
}

/* --- words ------------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool among(struct troth_span word, const char *const *words)
{
    size_t i;
    for (i = 0; words[i] != NULL; i++)
        if (word.len == strlen(words[i]) && strncasecmp(word.data, words[i], word.len) == 0)
            return true;
    return false;
}

static void first_word(struct reading *reading, size_t at, struct troth_span word)
{
    static const char *const reads[] = {"select", "with", "values", "table", NULL};
    static const char *const changes[] = {"insert", "update", "delete", "merge", NULL};
    static const char *const ends[] = {"begin",    "start", "commit",    "end",
                                       "rollback", "abort", "savepoint", "release",
                                       "prepare",  "set",   "reset",     NULL};
    struct sqltext *sql = reading->sql;
    sql->verb = among(word, reads)     ? SQLTEXT_READS
                : among(word, changes) ? SQLTEXT_CHANGES
                                       : SQLTEXT_OTHER;
    if (among(word, ends))
        reading_error(reading, at, "%s: the transaction is Troth's, which begins and ends it",
                      shown(word).text);
    else if (sql->verb == SQLTEXT_OTHER)
        reading_error(reading, at, "%s: an operation is one SELECT, INSERT, UPDATE or DELETE",
                      shown(word).text);
    else if (sql->verb == SQLTEXT_CHANGES && (reading->kind & SQLTEXT_REASON) != 0)
        reading_error(reading, at, "%s: a reason is read, with SELECT", shown(word).text);
}

/* --- quotes and comments ---------------------------------------------------------------------- */

/* Behind the end of 'it''s', "name", E'\'': where `quote` stands alone. */
static size_t quoted_end(const struct reading *reading, size_t at, char quote, bool backslash)
{
    size_t i = at + 1;
    for (; i < reading->from_len; i++)
        if (backslash && reading->from[i] == '\\')
            i++;
        else if (reading->from[i] == quote && i + 1 < reading->from_len &&
                 reading->from[i + 1] == quote)
            i++;
        else if (reading->from[i] == quote)
            return i + 1;
    return 0;
}

static size_t comment_end(const struct reading *reading, size_t at)
{
    unsigned open = 0;
    size_t i = at;
    for (; i + 1 < reading->from_len; i++) {
        if (reading->from[i] == '/' && reading->from[i + 1] == '*') {
            open++;
            i++;
        } else if (reading->from[i] == '*' && reading->from[i + 1] == '/') {
            i++;
            if (--open == 0)
                return i + 1;
        }
    }
    return 0;
}

static size_t line_end(const struct reading *reading, size_t at)
{
    const char *end = memchr(reading->from + at, '\n', reading->from_len - at);
    return end == NULL ? reading->from_len : (size_t)(end - reading->from);
}

/* $tag$ … $tag$; 0: it is not closed; `at` itself: it is none. */
static size_t dollar_end(const struct reading *reading, size_t at)
{
    size_t tag = at + 1;
    const char *end;
    while (tag < reading->from_len &&
           (is_letter(reading->from[tag]) || (tag > at + 1 && is_digit(reading->from[tag]))))
        tag++;
    if (tag == reading->from_len || reading->from[tag] != '$')
        return at;
    tag = tag - at + 1;
    end = memmem(reading->from + at + tag, reading->from_len - at - tag, reading->from + at, tag);
    return end == NULL ? 0 : (size_t)(end - reading->from) + tag;
}

/* Takes it as it is, whatever is in it; but a parameter that is written there is meant as one. */
static size_t take_closed(struct reading *reading, size_t at, size_t end, const char *what)
{
    size_t i;
    if (end == 0) {
        reading_error(reading, at, "%s that does not end", what);
        return reading->from_len;
    }
    for (i = at; i + 1 < end; i++)
        if (reading->from[i] == '$' && reading->from[i + 1] == '{')
            reading_error(reading, i,
                          "a parameter within %s is only text there: it stands outside, as in "
                          "'x ' || ${input.a}",
                          what);
    for (i = at; i < end; i++)
        reading_append(reading, reading->from + i, 1, reading->from_places[i]);
    return end;
}

/* --- the statement ---------------------------------------------------------------------------- */

static size_t take_word(struct reading *reading, size_t at, bool *first)
{
    size_t end = at, i;
    while (end < reading->from_len && is_word_char(reading->from[end]) &&
           !(reading->from[end] == '$' && end + 1 < reading->from_len &&
             reading->from[end + 1] == '{'))
        end++;
    if (*first)
        first_word(reading, at, (struct troth_span){reading->from + at, end - at});
    *first = false;
    for (i = at; i < end; i++)
        reading_append(reading, reading->from + i, 1, reading->from_places[i]);
    return end;
}

static size_t take_dollar(struct reading *reading, size_t at)
{
    const char next = at + 1 < reading->from_len ? reading->from[at + 1] : ' ';
    const size_t end = next == '{' ? at : dollar_end(reading, at);
    if (next == '{')
        return parameter_take(reading, at);
    if (is_digit(next))
        reading_error(reading, at, "parameters have names here: ${input.NAME}");
    if (end == at) {
        reading_append(reading, "$", 1, reading->from_places[at]);
        return at + 1;
    }
    return take_closed(reading, at, end, "a dollar-quoted text");
}

/* One piece of the statement at `at`; what is behind it. */
static size_t take_piece(struct reading *reading, size_t at, bool *first)
{
    const char c = reading->from[at];
    const char next = at + 1 < reading->from_len ? reading->from[at + 1] : ' ';
    if (c == '\'')
        return take_closed(reading, at, quoted_end(reading, at, c, false), "a quoted text");
    if ((c == 'e' || c == 'E') && next == '\'')
        return take_closed(reading, at, quoted_end(reading, at + 1, '\'', true), "a quoted text");
    if (c == '"')
        return take_closed(reading, at, quoted_end(reading, at, c, false), "a quoted name");
    if (c == '-' && next == '-')
        return take_closed(reading, at, line_end(reading, at), "a comment");
    if (c == '/' && next == '*')
        return take_closed(reading, at, comment_end(reading, at), "a comment");
    if (c == '$')
        return take_dollar(reading, at);
    if (is_letter(c))
        return take_word(reading, at, first);
    if (c == ';')
        reading_error(reading, at, "a semicolon: an operation is one statement, without one");
    else if (!is_blank(c) && c != '(' && *first) {
        reading_error(reading, at, "an operation is one SELECT, INSERT, UPDATE or DELETE");
        *first = false;
    }
    reading_append(reading, &c, 1, reading->from_places[at]);
    return at + 1;
}

static void take_statement(struct reading *reading)
{
    bool first = true;
    size_t at = 0;
    while (at < reading->from_len)
        at = take_piece(reading, at, &first);
    if (first && reading->sql->sound) {
        check_error(reading->check, &reading->sql->place, "no SQL is in it");
        reading->sql->sound = false;
    }
}

/* --- a reason in words ------------------------------------------------------------------------ */

/* E'…' means the same whatever the server's standard_conforming_strings. "$${" is the text "${". */
static void take_words(struct reading *reading)
{
    static const char begin[] = "select E'", before[] = "' || ", behind[] = " || E'", end[] = "'";
    const uint32_t last = reading->from_places[reading->from_len];
    size_t at = 0;
    reading_append(reading, begin, sizeof begin - 1, last);
    while (at < reading->from_len) {
        const char *from = reading->from + at;
        const size_t left = reading->from_len - at;

        if (left >= 3 && memcmp(from, "$${", 3) == 0) {
            reading_append(reading, "${", 2, reading->from_places[at]);
            at += 3;
        } else if (left >= 2 && memcmp(from, "${", 2) == 0) {
            reading_append(reading, before, sizeof before - 1, last);
            at = parameter_take(reading, at);
            reading_append(reading, behind, sizeof behind - 1, last);
        } else {
            if (*from == '\'' || *from == '\\')
                reading_append(reading, from, 1, reading->from_places[at]);
            reading_append(reading, from, 1, reading->from_places[at]);
            at++;
        }
    }
    reading_append(reading, end, sizeof end - 1, last);
}

/* --- both ------------------------------------------------------------------------------------- */

/* What the file's strings say, with a place for its end, goes over to `from`. */
static void turn(struct reading *reading, struct buffer *from, struct buffer *from_places)
{
    const struct troth_span value = reading->sql->place.value;
    const uint32_t end = (uint32_t)(value.data + value.len - 1 - reading->check->text.data);
    buffer_append(&reading->places, &end, sizeof end);
    (void)buffer_text(&reading->text);
    *from = reading->text;
    *from_places = reading->places;
    reading->text = reading->places = (struct buffer){0};
    reading->from = from->data;
    reading->from_len = from->len;
    reading->from_places = (const uint32_t *)(const void *)from_places->data;
}

static void read_with(struct check *check, const struct place *place, unsigned kind, bool words,
                      struct sqltext *ret_sql)
{
    BUFFER_SCOPED struct buffer from = {0}, from_places = {0};
    struct reading reading = {.check = check, .sql = ret_sql, .kind = kind};
    const bool lines = json_type(place->value) == JSON_ARRAY;
    *ret_sql =
        (struct sqltext){.place = *place, .sound = true, .words = words, .verb = SQLTEXT_READS};
    if (!lines && json_type(place->value) != JSON_STRING) {
        check_error(check, place, "must be a string, or an array of strings, its lines; and is %s",
                    type_text(json_type(place->value)));
        ret_sql->sound = false;
        return;
    }
    if (lines)
        take_lines(&reading, place);
    else
        take_string(&reading, place->value);
    turn(&reading, &from, &from_places);
    if (from.failed || from_places.failed || from.data == NULL) {
        check->no_memory = true;
        return;
    }
    if (words)
        take_words(&reading);
    else
        take_statement(&reading);
    buffer_append(&reading.places, &reading.from_places[reading.from_len], sizeof(uint32_t));
    ret_sql->len = reading.text.len;
    check->no_memory =
        check->no_memory || buffer_text(&reading.text) == NULL || reading.places.failed;
    ret_sql->text = reading.text.data;
    ret_sql->places = (uint32_t *)(void *)reading.places.data;
}

void sqltext_read(struct check *check, const struct place *place, unsigned kind,
                  struct sqltext *ret_sql)
{
    read_with(check, place, kind, false, ret_sql);
}

void sqltext_read_reason(struct check *check, const struct place *place, unsigned kind,
                         struct sqltext *ret_sql)
{
    read_with(check, place, kind | SQLTEXT_REASON, true, ret_sql);
}

void sqltext_finish(struct sqltext *sql)
{
    while (sql->count > 0) {
        sql->count--;
        free(sql->paths[sql->count]);
        free(sql->names[sql->count]);
    }
    free(sql->text);
    free(sql->places);
    sql->text = NULL;
    sql->places = NULL;
}

void sqltext_error(struct check *check, struct sqltext *sql, size_t at, const char *format, ...)
{
    struct place place = sql->place;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); /* cut off where it is too long */
    va_end(arguments);
    place.value.data = check->text.data + sql->places[at < sql->len ? at : sql->len];
    check_error(check, &place, "%s", text);
    sql->sound = false;
}
