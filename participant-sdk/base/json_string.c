/* Strings: unescaping, comparing, writing. */
#include <base/json.h>

#include <assert.h>

#include "json_scan.h"
#include "utf8.h"

int32_t json_hex4(const char *at, const char *end)
{
    if (end - at < 4)
        return -1;
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        if (c >= '0' && c <= '9')
            code = code << 4 | (c - '0');
        else if (c >= 'a' && c <= 'f')
            code = code << 4 | (c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            code = code << 4 | (c - 'A' + 10);
        else
            return -1;
    }
    return code;
}

static bool is_string(struct troth_span value)
{
    return value.len >= 2 && value.data[0] == '"';
}

bool json_string_plain(struct troth_span string, struct troth_span *ret_inside)
{
    assert(is_string(string));
    struct troth_span inside = {string.data + 1, string.len - 2};
    if (memchr(inside.data, '\\', inside.len) != NULL)
        return false;
    *ret_inside = inside;
    return true;
}

struct json_reader json_reader(struct troth_span string)
{
    assert(is_string(string));
    return (struct json_reader){.at = string.data + 1, .end = string.data + string.len - 1};
}

static char escaped_char(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

#define REPLACEMENT_CODE 0xfffdu

/* Behind "\u" of a checked string: one code point, from one escape or from a pair of them. What is
 * no text (JSON_CHECK_ANY_STRING) is replaced. */
static uint32_t read_unicode(struct json_reader *reader)
{
    uint32_t code = (uint32_t)json_hex4(reader->at, reader->end);
    reader->at += 4;
    if (code == 0 || (code >= 0xdc00 && code <= 0xdfff))
        return REPLACEMENT_CODE;
    if (code < 0xd800 || code > 0xdbff)
        return code;
    int32_t low = reader->end - reader->at >= 6 && reader->at[0] == '\\' && reader->at[1] == 'u'
                      ? json_hex4(reader->at + 2, reader->end)
                      : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return REPLACEMENT_CODE;
    reader->at += 6;
    return 0x10000 + ((code - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
}

int json_reader_next(struct json_reader *reader)
{
    if (reader->pending_next < reader->pending_len)
        return reader->pending[reader->pending_next++];
    if (reader->at >= reader->end)
        return -1;
    char c = *reader->at++;
    if (c != '\\')
        return (unsigned char)c;
    c = *reader->at++;
    if (c != 'u')
        return (unsigned char)escaped_char(c);
    char bytes[4];
    reader->pending_len = (unsigned)utf8_encode(read_unicode(reader), bytes);
    memcpy(reader->pending, bytes, sizeof(bytes));
    reader->pending_next = 1;
    return reader->pending[0];
}

bool json_string_equals(struct troth_span value, struct troth_span plain)
{
    if (!is_string(value))
        return false;
    struct troth_span inside = {value.data + 1, value.len - 2};
    if (inside.len < plain.len) /* an escape is longer than what it stands for */
        return false;
    if (inside.len == plain.len) /* so here any escape makes them different */
        return plain.len == 0 || (memcmp(inside.data, plain.data, plain.len) == 0 &&
                                  memchr(inside.data, '\\', inside.len) == NULL);
    if (json_string_plain(value, &inside))
        return false;
    struct json_reader reader = json_reader(value);
    for (size_t i = 0; i < plain.len; i++)
        if (json_reader_next(&reader) != (unsigned char)plain.data[i])
            return false;
    return json_reader_next(&reader) < 0;
}

int json_string(struct troth_span value, struct buffer *ret_text)
{
    if (!is_string(value))
        return TROTH_ERROR_TYPE;
    if (!buffer_reserve(ret_text, value.len)) /* more than it can become: no append below fails */
        return TROTH_ERROR_NO_MEMORY;
    struct troth_span inside;
    if (json_string_plain(value, &inside)) {
        buffer_append_span(ret_text, inside);
        return 0;
    }
    struct json_reader reader = json_reader(value);
    for (int byte = json_reader_next(&reader); byte >= 0; byte = json_reader_next(&reader))
        buffer_append_char(ret_text, (char)byte);
    return 0;
}

bool json_string_view(struct troth_span string, struct buffer *scratch, struct troth_span *ret_text)
{
    if (json_string_plain(string, ret_text))
        return true;
    buffer_clear(scratch);
    if (json_string(string, scratch) != 0)
        return false;
    *ret_text = buffer_span(scratch);
    return true;
}

int json_string_copy(struct troth_span value, char *ret_text, size_t cap)
{
    assert(ret_text != NULL || cap == 0);
    if (!is_string(value))
        return TROTH_ERROR_TYPE;
    struct troth_span inside;
    if (json_string_plain(value, &inside)) {
        if (inside.len >= cap)
            return TROTH_ERROR_TOO_LARGE;
        memcpy(ret_text, inside.data, inside.len);
        ret_text[inside.len] = '\0';
        return 0;
    }
    struct json_reader counter = json_reader(value);
    size_t len = 0;
    while (json_reader_next(&counter) >= 0)
        len++;
    if (len >= cap)
        return TROTH_ERROR_TOO_LARGE;
    struct json_reader reader = json_reader(value);
    for (size_t i = 0; i < len; i++)
        ret_text[i] = (char)json_reader_next(&reader);
    ret_text[len] = '\0';
    return 0;
}

/* --- writing -----------------------------------------------------------------------------------
 */

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static void append_escape(struct buffer *buffer, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                   ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    char text[6] = {'\\', 'u', '0', '0', digits[c >> 4 & 15], digits[c & 15]};
    if (letters[c] == '\0') {
        buffer_append(buffer, text, sizeof(text));
    } else {
        text[1] = letters[c];
        buffer_append(buffer, text, 2);
    }
}

/* From `at`, what a JSON string can hold as it is. */
static const char *verbatim(const char *at, const char *end)
{
    for (;;) {
        at = scan_plain(at, end, true);
        if (at >= end)
            return end;
        unsigned char c = (unsigned char)*at;
        if (c < 0x20 || c == '"' || c == '\\')
            return at;
        size_t len = utf8_sequence(at, end);
        if (len == 0)
            return at;
        at += len;
    }
}

void json_append_string(struct buffer *buffer, struct troth_span plain)
{
    assert(plain.data != NULL || plain.len == 0);
    buffer_append_char(buffer, '"');
    const char *at = plain.data;
    const char *end = plain.len == 0 ? at : at + plain.len;
    while (at != end) {
        const char *after = verbatim(at, end);
        buffer_append(buffer, at, (size_t)(after - at));
        if (after == end)
            break;
        unsigned char c = (unsigned char)*after;
        if (c == 0 || c >= 0x80) { /* U+0000 is none of the texts that json_check() accepts */
            buffer_append_text(buffer, REPLACEMENT);
            at = after + utf8_ill_formed(after, end);
        } else {
            append_escape(buffer, c);
            at = after + 1;
        }
    }
    buffer_append_char(buffer, '"');
}

void json_append_text(struct buffer *buffer, const char *plain)
{
    assert(plain != NULL);
    json_append_string(buffer, (struct troth_span){plain, strlen(plain)});
}
