/* The request headers that mean something to the API. */
#include "headers.h"

#include <string.h>
#include <strings.h>

#include <api/problem.h>
#include <wire/message.h>

#include <base/number.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* RFC 9110, section 5.6.2. */
static bool is_token(char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

struct reader {
    struct troth_span text;
    size_t at;
};

static bool reader_is(const struct reader *reader, char c)
{
    return reader->at < reader->text.len && reader->text.data[reader->at] == c;
}

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->text.len && is_space(reader->text.data[reader->at]))
        reader->at++;
}

static struct troth_span read_token(struct reader *reader)
{
    size_t begin = reader->at;
    while (reader->at < reader->text.len && is_token(reader->text.data[reader->at]))
        reader->at++;
    return (struct troth_span){reader->text.data + begin, reader->at - begin};
}

/* A quoted string's text without its quotes, escapes left as they are: no value of ours has any. */
static struct troth_span read_quoted(struct reader *reader)
{
    size_t begin = ++reader->at;
    while (reader->at < reader->text.len && !reader_is(reader, '"'))
        reader->at += reader_is(reader, '\\') ? 2 : 1;
    if (reader->at > reader->text.len)
        reader->at = reader->text.len;
    struct troth_span quoted = {reader->text.data + begin, reader->at - begin};
    if (reader->at < reader->text.len)
        reader->at++;
    return quoted;
}

/* name [= value], with white space around the equals sign. */
static struct troth_span read_pair(struct reader *reader, struct troth_span *ret_value)
{
    skip_space(reader);
    struct troth_span name = read_token(reader);
    struct troth_span value = {NULL, 0};
    skip_space(reader);
    if (reader_is(reader, '=')) {
        reader->at++;
        skip_space(reader);
        value = reader_is(reader, '"') ? read_quoted(reader) : read_token(reader);
        skip_space(reader);
    }
    *ret_value = value;
    return name;
}

/* Parameters of a preference, and whatever else stands there, up to the comma behind. */
static void skip_to_comma(struct reader *reader)
{
    while (reader->at < reader->text.len && !reader_is(reader, ','))
        if (reader_is(reader, '"'))
            (void)read_quoted(reader);
        else
            reader->at++;
    if (reader->at < reader->text.len)
        reader->at++;
}

static bool same_word(struct troth_span word, const char *text)
{
    return word.len == strlen(text) && strncasecmp(word.data, text, word.len) == 0;
}

static bool read_seconds(struct troth_span value, uint32_t *ret_seconds)
{
    uint64_t seconds = 0;
    /* one that is longer than can be waited for is as long as that */
    bool good = number_parse(value, API_WAIT_MAX_US / 1000000, &seconds) != TROTH_ERROR_SYNTAX;
    *ret_seconds = (uint32_t)seconds;
    return good;
}

void headers_prefer(struct troth_span value, struct preference *ret_preference)
{
    struct reader reader = {value, 0};
    struct preference found = {0};
    while (reader.at < value.len) {
        struct troth_span word;
        struct troth_span name = read_pair(&reader, &word);
        if (same_word(name, "respond-async"))
            found.respond_async = true;
        if (same_word(name, "wait") && !found.has_wait)
            found.has_wait = read_seconds(word, &found.wait_s);
        skip_to_comma(&reader);
    }
    *ret_preference = found;
}

bool headers_preference_applied(const struct preference *preference, bool later,
                                struct buffer *ret_value)
{
    bool respond_async = preference->respond_async && later;
    if (respond_async)
        buffer_append_text(ret_value, "respond-async");
    if (preference->has_wait)
        buffer_append_format(ret_value, "%swait=%u", respond_async ? ", " : "", preference->wait_s);
    return respond_async || preference->has_wait;
}

static int wrong_key(struct api_problem *ret_problem, const char *why)
{
    return api_problem_set(ret_problem, API_PROBLEM_INVALID_KEY,
                           "Idempotency-Key: %s; give one string of 1 to %u printable ASCII "
                           "characters, such as \"8e03978e-40d5-43dd-bc93-6894a57f9324\"",
                           why, API_IDEMPOTENCY_KEY_MAX);
}

/* RFC 8941, section 3.3.3. */
static int read_quoted_key(struct troth_span value, struct buffer *ret_key,
                           struct api_problem *ret_problem)
{
    size_t i = 1;
    while (i < value.len && value.data[i] != '"') {
        if (value.data[i] == '\\')
            i++;
        if (i == value.len || value.data[i] < 0x20 || value.data[i] > 0x7e)
            return wrong_key(ret_problem, "a character that may not be there");
        buffer_append_char(ret_key, value.data[i++]);
    }
    if (i + 1 != value.len)
        return wrong_key(ret_problem, "the quotes do not close, or something stands behind them");
    return 0;
}

static int read_bare_key(struct troth_span value, struct buffer *ret_key,
                         struct api_problem *ret_problem)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] <= 0x20 || value.data[i] > 0x7e || value.data[i] == '"')
            return wrong_key(ret_problem, "a character that may not be there, or more than one");
    buffer_append_span(ret_key, value);
    return 0;
}

int headers_idempotency_key(struct troth_span value, struct buffer *ret_key,
                            struct api_problem *ret_problem)
{
    if (value.len == 0)
        return wrong_key(ret_problem, "it is empty");
    int error = value.data[0] == '"' ? read_quoted_key(value, ret_key, ret_problem)
                                     : read_bare_key(value, ret_key, ret_problem);
    if (error != 0)
        return error;
    if (ret_key->failed)
        return api_problem_set(ret_problem, API_PROBLEM_FULL, "out of memory");
    if (ret_key->len == 0)
        return wrong_key(ret_problem, "it is empty");
    if (ret_key->len > API_IDEMPOTENCY_KEY_MAX)
        return wrong_key(ret_problem, "it is too long");
    return 0;
}

static bool hex_field(const char *text, size_t len, bool *ret_all_zero)
{
    bool all_zero = true;
    for (size_t i = 0; i < len; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (!digit && !(text[i] >= 'a' && text[i] <= 'f'))
            return false;
        all_zero = all_zero && text[i] == '0';
    }
    *ret_all_zero = all_zero;
    return true;
}

/* version-traceid-parentid-flags: 00-<32>-<16>-<2>. Longer ones of later versions are ignored, as
 * there is no place for them in a command. */
bool headers_traceparent_valid(struct troth_span value)
{
    bool zero = false, trace_zero = false, parent_zero = false;
    if (value.len != MESSAGE_TRACEPARENT_LEN)
        return false;
    const char *text = value.data;
    if (text[2] != '-' || text[35] != '-' || text[52] != '-')
        return false;
    if (!hex_field(text, 2, &zero) || memcmp(text, "ff", 2) == 0)
        return false;
    return hex_field(text + 3, 32, &trace_zero) && !trace_zero &&
           hex_field(text + 36, 16, &parent_zero) && !parent_zero && hex_field(text + 53, 2, &zero);
}

bool headers_is_json(struct troth_span content_type)
{
    static const char json[] = "application/json";
    size_t len = sizeof json - 1;
    if (content_type.len < len || strncasecmp(content_type.data, json, len) != 0)
        return false;
    return content_type.len == len || content_type.data[len] == ';' ||
           is_space(content_type.data[len]);
}
