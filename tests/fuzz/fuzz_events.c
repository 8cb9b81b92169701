/* A stream of server-sent events, whole and in pieces: the same events. */
#include <stream.h>

#include "fuzz.h"

/* What was told, so that two tellings can be compared. */
static bool tell(void *arg, const struct stream_event *event)
{
    struct buffer *told = arg;
    const struct troth_span parts[] = {event->id, event->event, event->data};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        buffer_append_format(told, "%zu ", parts[i].len);
        buffer_append_span(told, parts[i]);
    }
    return event->event.len != 3; /* "end" */
}

static void feed(struct troth_span text, size_t piece, struct buffer *told)
{
    struct stream stream = {.fn = tell, .arg = told};
    bool more = true;
    for (size_t at = 0; at < text.len && more; at += piece) {
        size_t left = text.len - at;
        more =
            stream_feed(&stream, (struct troth_span){text.data + at, left < piece ? left : piece});
    }
    stream_finish(&stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer whole = {0}, pieces = {0};
    feed(fuzz_span(data, size), size, &whole);
    feed(fuzz_span(data, size), 1 + size % 5, &pieces);
    assert(fuzz_same(buffer_span(&whole), buffer_span(&pieces)));
    buffer_finish(&whole);
    buffer_finish(&pieces);
    return 0;
}
