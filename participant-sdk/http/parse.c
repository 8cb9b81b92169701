/* parse.c: llhttp's callbacks, limits, and the framing of chunked bodies. */
#include "parse.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conn.h"

#include <base/number.h>

#define KEEP_ALIVE_SECONDS_MAX 100000u

static int refuse(struct http_parse *parse, int status, const char *what)
{
    if (parse->status == 0) {
        parse->status = status;
        parse->what = what;
    }
    return -1;
}

/* The span's offset in the head: `head` has what was fed before, `origin` stands for its start. */
static uint32_t offset_of(const struct http_parse *parse, const char *at)
{
    return (uint32_t)(parse->head.len + (size_t)(at - parse->origin));
}

static int on_url(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parse *parse = llhttp->data;
    if (parse->target_len == 0)
        parse->target = offset_of(parse, at);
    if (len > parse->limits->target_bytes_max - parse->target_len)
        return refuse(parse, 414, "the request target is too long");
    parse->target_len += (uint32_t)len;
    return 0;
}

static int on_field(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parse *parse = llhttp->data;
    if (parse->head_done)
        return 0; /* trailers are dropped */
    uint32_t offset = offset_of(parse, at);
    if (parse->field_count > 0 && !parse->value_seen) {
        struct http_field *last = &parse->fields[parse->field_count - 1];
        if (last->name + last->name_len == offset) {
            last->name_len += (uint32_t)len;
            return 0;
        }
    }
    if (parse->field_count == parse->limits->headers_max)
        return refuse(parse, 431, "too many headers");
    parse->fields[parse->field_count++] =
        (struct http_field){.name = offset, .name_len = (uint32_t)len};
    parse->value_seen = false;
    return 0;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parse *parse = llhttp->data;
    if (parse->head_done)
        return 0;
    if (parse->field_count == 0)
        return refuse(parse, 400, "a header without a name");
    struct http_field *last = &parse->fields[parse->field_count - 1];
    if (!parse->value_seen) {
        last->value = offset_of(parse, at);
        parse->value_seen = true;
    }
    /* A gap (a folded line) is found by the second look: the value does not end with its line. */
    last->value_len += (uint32_t)len;
    return 0;
}

static int on_headers_complete(llhttp_t *llhttp)
{
    struct http_parse *parse = llhttp->data;
    parse->head_done = true;
    parse->keep_alive = llhttp_should_keep_alive(llhttp) != 0;
    parse->chunked = (llhttp->flags & F_CHUNKED) != 0;
    parse->has_body = parse->chunked || llhttp->content_length > 0;
    llhttp->upgrade = 0; /* we never change the protocol: an Upgrade is an offer, not a demand */
    bool is_bodiless =
        llhttp->type == HTTP_RESPONSE && (llhttp->status_code / 100 == 1 ||
                                          llhttp->status_code == 204 || llhttp->status_code == 304);
    if (llhttp->type == HTTP_RESPONSE && llhttp->status_code / 100 != 2)
        parse->streaming = false; /* a refusal is gathered, within its limit */
    if (parse->skip_body || is_bodiless)
        llhttp->flags |= F_SKIPBODY;
    return HPE_PAUSED;
}

static int on_chunk_header(llhttp_t *llhttp)
{
    struct http_parse *parse = llhttp->data;
    parse->body_left = llhttp->content_length;
    return 0;
}

/* Chunk sizes, the line ends around chunks, and trailers: every CR has its LF and the other way
 * round, and a chunk's bytes are followed by CR LF. */
static bool is_framing_strict(struct http_parse *parse, const char *data, const char *end)
{
    parse->framing_bytes += (size_t)(end - data);
    for (const char *at = data; at < end; at++) {
        switch (parse->framing) {
        case HTTP_FRAMING_ANY:
            if (*at == '\n')
                return false;
            parse->framing = *at == '\r' ? HTTP_FRAMING_LF : HTTP_FRAMING_ANY;
            break;
        case HTTP_FRAMING_LF:
            if (*at != '\n')
                return false;
            parse->framing = HTTP_FRAMING_ANY;
            break;
        case HTTP_FRAMING_CRLF:
            if (*at != '\r')
                return false;
            parse->framing = HTTP_FRAMING_LF;
            break;
        }
    }
    return true;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parse *parse = llhttp->data;
    if (parse->chunked) {
        if (!is_framing_strict(parse, parse->framing_from, at))
            return refuse(parse, 400, "the chunks are not well formed");
        parse->framing_from = at + len;
        parse->body_left -= len;
        if (parse->body_left == 0)
            parse->framing = HTTP_FRAMING_CRLF;
    }
    if (!parse->streaming && parse->body.len + len > parse->limits->body_bytes_max)
        return refuse(parse, 413, "the body is too large");
    buffer_append(&parse->body, at, len);
    return 0;
}

static int on_complete(llhttp_t *llhttp)
{
    struct http_parse *parse = llhttp->data;
    parse->done = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

int http_parse_init(struct http_parse *parse, llhttp_type_t type, const struct http_limits *limits)
{
    *parse = (struct http_parse){.limits = limits};
    parse->fields = calloc(limits->headers_max, sizeof(*parse->fields));
    if (parse->fields == NULL)
        return TROTH_ERROR_NO_MEMORY;
    llhttp_init(&parse->llhttp, type, &settings); /* strict: no lenient flag is ever set */
    parse->llhttp.data = parse;
    return 0;
}

void http_parse_finish(struct http_parse *parse)
{
    free(parse->fields);
    parse->fields = NULL;
    buffer_finish(&parse->head);
    buffer_finish(&parse->body);
}

void http_parse_reset(struct http_parse *parse)
{
    llhttp_reset(&parse->llhttp);
    parse->field_count = 0;
    parse->value_seen = false;
    http_buffer_reset(&parse->head);
    http_buffer_reset(&parse->body);
    parse->target = 0;
    parse->target_len = 0;
    parse->head_done = false;
    parse->done = false;
    parse->keep_alive = false;
    parse->chunked = false;
    parse->has_body = false;
    parse->body_left = 0;
    parse->framing_bytes = 0;
    parse->framing = HTTP_FRAMING_ANY;
    parse->status = 0;
    parse->what = NULL;
}

/* An error of llhttp's own, as a status. */
static enum http_parse_result refuse_error(struct http_parse *parse, llhttp_errno_t error)
{
    const char *head = parse->head.data;
    if (error == HPE_INVALID_METHOD && parse->head.len > 0 && head[0] >= 'A' && head[0] <= 'Z')
        (void)refuse(parse, 501, "the method is not known");
    else if (error == HPE_INVALID_VERSION || error == HPE_PAUSED_H2_UPGRADE)
        (void)refuse(parse, 505, "the HTTP version is not supported");
    else
        (void)refuse(parse, 400, "the message is not well formed HTTP");
    return HTTP_PARSE_BAD;
}

/* Nobody reads a head that was refused: of one that is too large not all was kept. */
static enum http_parse_result refuse_head(struct http_parse *parse)
{
    parse->head_done = false;
    parse->field_count = 0;
    return HTTP_PARSE_BAD;
}

/* The head, to its end or as far as it came. */
static enum http_parse_result feed_head(struct http_parse *parse, const char *data, size_t len,
                                        size_t *ret_used)
{
    size_t room = parse->limits->header_bytes_max - parse->head.len;
    parse->origin = data;
    llhttp_errno_t error = llhttp_execute(&parse->llhttp, data, len);
    size_t used = error == HPE_OK ? len : (size_t)(llhttp_get_error_pos(&parse->llhttp) - data);
    if (parse->status == 0 && used > room)
        (void)refuse(parse, 431, "the headers are too large");
    buffer_append(&parse->head, data, used < room ? used : room);
    if (parse->head.failed)
        (void)refuse(parse, 503, "out of memory");
    if (parse->status != 0)
        return refuse_head(parse);
    if (error == HPE_OK)
        return HTTP_PARSE_MORE;
    if (error != HPE_PAUSED || !parse->head_done)
        return refuse_error(parse, error);
    const char *what;
    int status = http_head_check(parse, &what);
    if (status != 0) {
        (void)refuse(parse, status, what);
        return refuse_head(parse);
    }
    llhttp_resume(&parse->llhttp);
    *ret_used = used;
    return HTTP_PARSE_MORE;
}

static enum http_parse_result feed_body(struct http_parse *parse, const char *data, size_t len,
                                        size_t *ret_used)
{
    parse->framing_from = data;
    llhttp_errno_t error = llhttp_execute(&parse->llhttp, data, len);
    size_t used = error == HPE_OK ? len : (size_t)(llhttp_get_error_pos(&parse->llhttp) - data);
    if (parse->status != 0)
        return HTTP_PARSE_BAD;
    if (error != HPE_OK && (error != HPE_PAUSED || !parse->done))
        return refuse_error(parse, error);
    if (parse->chunked && !is_framing_strict(parse, parse->framing_from, data + used)) {
        (void)refuse(parse, 400, "the chunks are not well formed");
        return HTTP_PARSE_BAD;
    }
    /* Chunk extensions and trailers count, or a body of nothing else would have no end. */
    if (!parse->streaming &&
        parse->framing_bytes > (uint64_t)parse->limits->body_bytes_max + HTTP_READ_BYTES) {
        (void)refuse(parse, 413, "the chunks' framing is too large");
        return HTTP_PARSE_BAD;
    }
    if (parse->body.failed) {
        (void)refuse(parse, 503, "out of memory");
        return HTTP_PARSE_BAD;
    }
    *ret_used = used;
    return parse->done ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
}

enum http_parse_result http_parse_feed(struct http_parse *parse, const char *data, size_t len,
                                       size_t *ret_used)
{
    size_t head_used = 0;
    size_t body_used = 0;
    assert(parse->status == 0 && !parse->done);
    if (!parse->head_done) {
        enum http_parse_result result = feed_head(parse, data, len, &head_used);
        if (result == HTTP_PARSE_BAD || !parse->head_done) {
            *ret_used = len;
            return result;
        }
    }
    enum http_parse_result result = feed_body(parse, data + head_used, len - head_used, &body_used);
    *ret_used = head_used + body_used;
    return result;
}

enum http_parse_result http_parse_eof(struct http_parse *parse)
{
    if (parse->head_done && parse->status == 0)
        (void)llhttp_finish(&parse->llhttp);
    return parse->done ? HTTP_PARSE_DONE : HTTP_PARSE_BAD;
}

bool http_parse_began(const struct http_parse *parse)
{
    return parse->head.len > 0;
}

struct troth_span http_parse_target(const struct http_parse *parse)
{
    return (struct troth_span){parse->head.data + parse->target, parse->target_len};
}

struct troth_span http_parse_value(const struct http_parse *parse, uint32_t i)
{
    const char *at = parse->head.data + parse->fields[i].value;
    size_t len = parse->fields[i].value_len;
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    return (struct troth_span){at, len};
}

static bool is_named(const struct http_parse *parse, uint32_t i, struct troth_span name)
{
    const struct http_field *field = &parse->fields[i];
    return field->name_len == name.len &&
           strncasecmp(parse->head.data + field->name, name.data, name.len) == 0;
}

bool http_parse_is_named(const struct http_parse *parse, uint32_t i, const char *name)
{
    return is_named(parse, i, (struct troth_span){name, strlen(name)});
}

uint32_t http_parse_header(const struct http_parse *parse, const char *name,
                           struct troth_span *ret_first)
{
    const struct troth_span wanted = {name, strlen(name)};
    uint32_t count = 0;
    for (uint32_t i = 0; i < parse->field_count; i++)
        if (is_named(parse, i, wanted) && count++ == 0)
            *ret_first = http_parse_value(parse, i);
    return count;
}

bool http_span_is(struct troth_span span, const char *text)
{
    size_t len = strlen(text);
    return span.len == len && (len == 0 || strncasecmp(span.data, text, len) == 0);
}

/* Digits at `at`; a number that is too large to matter counts as the largest. */
static uint32_t seconds_at(const char *at, const char *end)
{
    size_t len = 0;
    while (at + len < end && at[len] >= '0' && at[len] <= '9')
        len++;
    uint64_t seconds = 0;
    return number_parse((struct troth_span){at, len}, KEEP_ALIVE_SECONDS_MAX, &seconds) ==
                   TROTH_ERROR_SYNTAX
               ? 0
               : (uint32_t)seconds;
}

bool http_parse_keep_alive(const struct http_parse *parse, uint32_t *ret_seconds)
{
    static const char name[] = "timeout=";
    const size_t len = sizeof(name) - 1;
    struct troth_span value;
    if (!parse->head_done || http_parse_header(parse, "Keep-Alive", &value) == 0)
        return false;
    const char *end = value.data + value.len;
    for (const char *at = value.data; (size_t)(end - at) > len; at++) {
        bool begins = at == value.data || at[-1] == ' ' || at[-1] == ',';
        if (begins && http_span_is((struct troth_span){at, len}, name) && at[len] >= '0' &&
            at[len] <= '9') {
            *ret_seconds = seconds_at(at + len, end);
            return true;
        }
    }
    return false;
}
