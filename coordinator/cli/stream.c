/* stream.c: cuts the pieces into lines, and the lines into events. */
#include "stream.h"

#include <string.h>

static bool is(struct troth_span span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.data, text, span.len) == 0;
}

static void set(struct buffer *buffer, struct troth_span value)
{
    buffer_clear(buffer);
    buffer_append_span(buffer, value);
}

static void take_field(struct stream *stream, struct troth_span name, struct troth_span value)
{
    if (is(name, "data")) {
        buffer_append_span(&stream->data, value);
        buffer_append_char(&stream->data, '\n'); /* the last one is taken off again */
    } else if (is(name, "event")) {
        set(&stream->event, value);
    } else if (is(name, "id")) {
        set(&stream->id, value);
    }
}

static bool dispatch(struct stream *stream)
{
    static const struct troth_span unnamed = {"message", 7};
    bool more = true;
    if (stream->data.len > 0) { /* an event without data is none */
        struct stream_event event = {
            .id = buffer_span(&stream->id),
            .event = stream->event.len > 0 ? buffer_span(&stream->event) : unnamed,
            .data = {stream->data.data, stream->data.len - 1},
        };
        more = stream->fn(stream->arg, &event);
    }
    buffer_clear(&stream->event);
    buffer_clear(&stream->data);
    return more;
}

static bool take_line(struct stream *stream)
{
    struct troth_span line = buffer_span(&stream->line), value = {"", 0};
    if (line.len == 0)
        return dispatch(stream);
    const char *colon = memchr(line.data, ':', line.len);
    if (colon == line.data) /* a comment */
        return true;
    if (colon != NULL) {
        value = (struct troth_span){colon + 1, line.len - (size_t)(colon + 1 - line.data)};
        line.len = (size_t)(colon - line.data);
    }
    if (value.len > 0 && value.data[0] == ' ')
        value = (struct troth_span){value.data + 1, value.len - 1};
    take_field(stream, line, value);
    return true;
}

static bool is_too_much(const struct stream *stream)
{
    return stream->line.failed || stream->id.failed || stream->event.failed ||
           stream->data.failed || stream->line.len > STREAM_EVENT_BYTES_MAX ||
           stream->data.len > STREAM_EVENT_BYTES_MAX;
}

bool stream_feed(struct stream *stream, struct troth_span piece)
{
    for (size_t i = 0; i < piece.len; i++) {
        char c = piece.data[i];
        bool follows = c == '\n' && stream->after_cr;
        stream->after_cr = c == '\r';
        if (follows)
            continue;
        if (c != '\n' && c != '\r') {
            buffer_append_char(&stream->line, c);
            continue;
        }
        bool more = !is_too_much(stream) && take_line(stream);
        buffer_clear(&stream->line);
        if (!more)
            return false;
    }
    return !is_too_much(stream);
}

void stream_finish(struct stream *stream)
{
    buffer_finish(&stream->line);
    buffer_finish(&stream->id);
    buffer_finish(&stream->event);
    buffer_finish(&stream->data);
}
