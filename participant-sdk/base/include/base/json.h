/* base/json.h: JSON as spans of its own text.
 *
 * json_check() proves once that a text is one JSON value (RFC 8259, valid UTF-8, no NUL, nesting at
 * most JSON_DEPTH_MAX, no duplicate keys within an object when asked); everything else here walks
 * a checked text without allocating and gives spans into it. Numbers stay text. A span of a value
 * has no white space around it.
 *
 * \u0000 and halves of surrogate pairs are grammar, but no text. What people write (a request, a
 * definition) is refused for them, with the place. What passes through (a step's input and output)
 * keeps them byte for byte: the work is done by then, and dropping its output would be worse. Where
 * such a string is unescaped after all, each becomes U+FFFD, so that no text here holds a NUL or is
 * not UTF-8.
 *
 * One depth for whatever comes in: JSON_DEPTH_MAX levels of brackets. What it is wrapped in later
 * (a message, a record, a list, an event) has JSON_WRAP_MAX more: what was taken in can always be
 * loaded, shown and sent on. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/buffer.h>
#include <troth/error.h>
#include <troth/span.h>

#define JSON_DEPTH_MAX 64
#define JSON_WRAP_MAX  16

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json_fault {
    size_t offset;    /* bytes from the start of the text */
    const char *text; /* static: what is wrong there */
};

enum json_check_flags {
    JSON_CHECK_DEFAULT = 0,
    JSON_CHECK_UNIQUE_KEYS = 1,
    JSON_CHECK_ANY_STRING = 2, /* \u0000 and halves of surrogate pairs are taken */
    JSON_CHECK_ENVELOPE = 4,   /* one level around what comes in */
    JSON_CHECK_WRAPPED = 8,    /* JSON_WRAP_MAX levels around it: a text of ours */
    /* A step's input or output as it comes; and a text of ours that holds such. */
    JSON_CHECK_PAYLOAD = JSON_CHECK_ANY_STRING,
    JSON_CHECK_KEPT = JSON_CHECK_ANY_STRING | JSON_CHECK_WRAPPED
};

/* TROTH_ERROR_SYNTAX with *ret_fault (may be NULL) filled; otherwise *ret_value is the value
 * without the white space around it. Never allocates by default; with JSON_CHECK_UNIQUE_KEYS it
 * does, and may say TROTH_ERROR_NO_MEMORY. The time is that of one pass, whatever the text. */
TROTH_MUST_CHECK int json_check(struct troth_span text, int flags, struct troth_span *ret_value,
                                struct json_fault *ret_fault);

/* The same for a text that has to be an object, whose members `member` is given in their order
 * while the text is walked, so that nobody walks it again. Only with 0 what it was given is proven,
 * and that no more comes. TROTH_ERROR_TYPE: JSON, but no object; then it was given nothing. */
typedef void (*json_member_fn)(void *arg, struct troth_span key, struct troth_span value);
TROTH_MUST_CHECK int json_check_object(struct troth_span text, int flags, json_member_fn member,
                                       void *arg, struct troth_span *ret_object,
                                       struct json_fault *ret_fault);

/* Line and column, both from 1, column in code points, of a byte offset. */
void json_position(struct troth_span text, size_t offset, uint32_t *ret_line, uint32_t *ret_column);

/* All below: `value` comes from a checked text. */
bool json_is_deeper(struct troth_span value, unsigned depth); /* than so many levels of brackets */
enum json_type json_type(struct troth_span value);

struct json_cursor {
    const char *at;
    const char *end;
};

/* Walks an object (key and value) or an array (value only; key absent). Start with json_cursor();
 * false at the end. A key span includes its quotes. What is neither walks as empty. ret_key and
 * ret_value may be NULL. */
struct json_cursor json_cursor(struct troth_span container);
bool json_next(struct json_cursor *cursor, struct troth_span *ret_key,
               struct troth_span *ret_value);

/* The member with that (unescaped) name; with duplicates, the last. false when absent. */
bool json_member(struct troth_span object, const char *name, struct troth_span *ret_value);
bool json_member_span(struct troth_span object, struct troth_span name,
                      struct troth_span *ret_value);

/* TROTH_ERROR_TYPE unless it is a string. Appends the unescaped bytes: never a NUL. */
TROTH_MUST_CHECK int json_string(struct troth_span value, struct buffer *ret_text);
/* The unescaped bytes of a string: its own inside, or what is then in `scratch`. false: no memory.
 */
bool json_string_view(struct troth_span string, struct buffer *scratch,
                      struct troth_span *ret_text);
/* Compares a JSON string with a plain text, unescaping as it goes. */
bool json_string_equals(struct troth_span value, struct troth_span plain);
/* Into a fixed array, zero-terminated; TROTH_ERROR_TOO_LARGE when it does not fit. */
TROTH_MUST_CHECK int json_string_copy(struct troth_span value, char *ret_text, size_t cap);
/* TROTH_ERROR_TYPE unless it is a number without fraction or exponent;
 * TROTH_ERROR_TOO_LARGE when it does not fit. */
TROTH_MUST_CHECK int json_int64(struct troth_span value, int64_t *ret_value);
TROTH_MUST_CHECK int json_bool(struct troth_span value, bool *ret_value);

/* Appends a JSON string, quoted and escaped; invalid UTF-8 and NUL become U+FFFD. */
void json_append_string(struct buffer *buffer, struct troth_span plain);
void json_append_text(struct buffer *buffer, const char *plain);

/* Names, ids and words of ours have nothing to escape, and are in everything that is said: `head`
 * with the opening quote at its end, the text, and a quote. */
static inline void json_append_name(struct buffer *buffer, const char *head, struct troth_span name)
{
    buffer_append_text(buffer, head);
    buffer_append_span(buffer, name);
    buffer_append_char(buffer, '"');
}

static inline void json_append_word(struct buffer *buffer, const char *head, const char *word)
{
    json_append_name(buffer, head, (struct troth_span){word, strlen(word)});
}

#endif
