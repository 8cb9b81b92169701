/* What the HTTP client hears, whole and in pieces: exactly one end of the call, and the same one.
 * Of an answer that is broken further on, more lines may be heard before that is seen; of one that
 * is wrong in two ways, either may be. The first byte says what was asked: 1 HEAD, 2 an answer by
 * lines. */
#include <pair.h>

#include "fuzz.h"

struct heard {
    struct buffer lines, end;
    uint32_t ends;
    int error;
};

static void on_line(void *arg, struct troth_span line)
{
    struct heard *heard = arg;
    assert(heard->ends == 0);
    assert(line.len == 0 || memchr(line.data, '\n', line.len) == NULL);
    buffer_append_format(&heard->lines, "%zu ", line.len);
    buffer_append_span(&heard->lines, line);
}

static void on_done(void *arg, int error, const struct http_reply *reply)
{
    struct heard *heard = arg;
    struct troth_span value = {NULL, 0};
    (void)http_reply_header(reply, "X-Tried", &value);
    heard->ends++;
    heard->error = error;
    if (error == 0) {
        buffer_append_format(&heard->end, "%d ", reply->status);
        buffer_append_span(&heard->end, value);
        buffer_append_span(&heard->end, reply->body);
    }
}

static bool is_done(void *arg)
{
    return ((struct heard *)arg)->ends > 0;
}

static void call(uint8_t how, struct troth_span answer, size_t piece, struct heard *heard)
{
    const struct http_peer_config config = {
        .url = "http://127.0.0.1:1",
        .connections_max = 1,
        .connect_timeout_us = 60000000,
        .limits = {.header_bytes_max = 400,
                   .headers_max = 8,
                   .body_bytes_max = 200,
                   .target_bytes_max = 100,
                   .head_timeout_us = 60000000,
                   .body_timeout_us = 60000000,
                   .idle_timeout_us = 60000000,
                   .write_timeout_us = 60000000},
    };
    const struct http_request request = {.method = (how & 1) != 0 ? "HEAD" : "GET",
                                         .target = "/",
                                         .timeout_us = 60000000,
                                         .on_line = (how & 2) != 0 ? on_line : NULL,
                                         .on_done = on_done,
                                         .arg = heard};
    struct http_peer *peer = NULL;
    int error = http_peer_create(pair_loop(), &config, &peer);
    assert(error == 0);
    error = http_peer_call(peer, &request, NULL);
    assert(error == 0);
    pair_answer(answer, piece, is_done, heard);
    http_peer_destroy(peer);
    pair_turn();
    assert(heard->ends == 1);
}

static void compare(const struct heard *whole, const struct heard *pieces)
{
    struct troth_span more = buffer_span(&pieces->lines), less = buffer_span(&whole->lines);
    assert((whole->error == 0) == (pieces->error == 0));
    assert(fuzz_same(buffer_span(&whole->end), buffer_span(&pieces->end)));
    assert(less.len <= more.len && (whole->error != 0 || less.len == more.len));
    assert(less.len == 0 || memcmp(less.data, more.data, less.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct troth_span answer = fuzz_span(data, size);
    struct heard whole = {.ends = 0}, pieces = {.ends = 0};
    uint8_t how = fuzz_byte(&answer);
    call(how, answer, answer.len + 1, &whole);
    call(how, answer, 1 + answer.len % 7, &pieces);
    compare(&whole, &pieces);
    buffer_finish(&whole.lines);
    buffer_finish(&whole.end);
    buffer_finish(&pieces.lines);
    buffer_finish(&pieces.end);
    return 0;
}
