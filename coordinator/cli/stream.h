/* stream.h: server-sent events (WHATWG HTML, section 9.2) out of the pieces of a body. */
#ifndef CLI_STREAM_H
#define CLI_STREAM_H

#include <stdbool.h>

#include <base/buffer.h>
#include <troth/span.h>

#define STREAM_EVENT_BYTES_MAX                                                                     \
    (64u << 20) /* a longer event ends the stream: stream_feed: false                              \
                 */

/* Valid during the callback; `event` is "message" when the stream did not say. */
struct stream_event {
    struct troth_span id, event, data;
};
/* false: no more of them. */
typedef bool (*stream_fn)(void *arg, const struct stream_event *event);

/* Zero-initialise all but fn and arg. */
struct stream {
    stream_fn fn;
    void *arg;
    struct buffer line;            /* that has no end yet */
    struct buffer id, event, data; /* of the event that has no end yet; id stays for the next */
    bool after_cr;                 /* a line feed now belongs to the carriage return before it */
};
/* false: enough, or an event too long, or (line.failed, data.failed) out of memory. */
bool stream_feed(struct stream *stream, struct troth_span piece);
void stream_finish(struct stream *stream);

#endif
