#include <stream.h>

#include "tests.h"

/* Each event as "id/event/data;". `enough`: after so many no more are wanted. */
struct heard {
    struct buffer text;
    unsigned count, enough;
};

static bool hear(void *arg, const struct stream_event *event)
{
    struct heard *heard = arg;
    buffer_append_span(&heard->text, event->id);
    buffer_append_char(&heard->text, '/');
    buffer_append_span(&heard->text, event->event);
    buffer_append_char(&heard->text, '/');
    buffer_append_span(&heard->text, event->data);
    buffer_append_char(&heard->text, ';');
    return ++heard->count != heard->enough;
}

static const char two[] = ": hello\n\n"
                          "id: 1\nevent: state\ndata: {\"a\":1}\n\n"
                          ":\n\n"
                          "id:2\r\ndata:  b\rdata\r\ndata: c:d\r\n\r\n"
                          "event: nothing\nretry: 7\n\n"
                          "data: unfinished\n";
static const char two_heard[] = "1/state/{\"a\":1};2/message/ b\n\nc:d;";

/* Fields, comments, all three ends of a line, several lines of data; what has no data or no end is
 * no event. */
START_TEST(events)
{
    struct heard heard = {.count = 0};
    struct stream stream = {.fn = hear, .arg = &heard};
    ck_assert(stream_feed(&stream, span_of(two)));
    ck_assert_str_eq(buffer_text(&heard.text), two_heard);
    stream_finish(&stream);
    buffer_finish(&heard.text);
}
END_TEST

/* It does not matter where the pieces are cut. */
START_TEST(pieces)
{
    struct heard heard = {.count = 0};
    struct stream stream = {.fn = hear, .arg = &heard};
    for (size_t at = 0; at < sizeof two - 1; at += (size_t)_i) {
        size_t left = sizeof two - 1 - at;
        size_t len = left < (size_t)_i ? left : (size_t)_i;
        ck_assert(stream_feed(&stream, (struct troth_span){two + at, len}));
    }
    ck_assert_str_eq(buffer_text(&heard.text), two_heard);
    stream_finish(&stream);
    buffer_finish(&heard.text);
}
END_TEST

/* Who has heard enough hears no more. */
START_TEST(enough)
{
    struct heard heard = {.enough = 1};
    struct stream stream = {.fn = hear, .arg = &heard};
    ck_assert(!stream_feed(&stream, span_of(two)));
    ck_assert_uint_eq(heard.count, 1);
    stream_finish(&stream);
    buffer_finish(&heard.text);
}
END_TEST

/* An event without end is not gathered for ever. */
START_TEST(too_long)
{
    static char piece[1u << 20];
    struct heard heard = {.count = 0};
    struct stream stream = {.fn = hear, .arg = &heard};
    unsigned taken = 0;
    memset(piece, 'x', sizeof piece);
    while (stream_feed(&stream, (struct troth_span){piece, sizeof piece}))
        ck_assert_uint_lt(taken++, (STREAM_EVENT_BYTES_MAX >> 20) + 1);
    ck_assert_uint_ge(taken, STREAM_EVENT_BYTES_MAX >> 20);
    stream_finish(&stream);
}
END_TEST

TCase *stream_tests(void)
{
    TCase *tests = tcase_create("stream");
    tcase_add_test(tests, events);
    tcase_add_loop_test(tests, pieces, 1, 9);
    tcase_add_test(tests, enough);
    tcase_add_test(tests, too_long);
    return tests;
}
