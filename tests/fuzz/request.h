/* request.h: an input that is easy to read and to mutate, "METHOD TARGET", header lines, an empty
 * line and a body, as one whole HTTP request. */
#ifndef FUZZ_REQUEST_H
#define FUZZ_REQUEST_H

#include <base/buffer.h>

#include "fuzz.h"

static inline struct troth_span request_line(struct troth_span *rest)
{
    const char *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->data);
    struct troth_span line = {rest->data, len};
    rest->data += len + (end != NULL);
    rest->len -= len + (end != NULL);
    return line;
}

/* The length is always right: what is wrong with it is fuzz_server's business. */
static inline void request_append(struct buffer *text, struct troth_span input)
{
    struct troth_span line = request_line(&input);
    buffer_append_span(text, line);
    buffer_append_text(text, " HTTP/1.1\r\nHost: fuzz\r\nConnection: close\r\n");
    while ((line = request_line(&input)).len > 0) {
        buffer_append_span(text, line);
        buffer_append_text(text, "\r\n");
    }
    if (input.len > 0)
        buffer_append_format(text, "Content-Length: %zu\r\n", input.len);
    buffer_append_text(text, "\r\n");
    buffer_append_span(text, input);
}

/* Of the first answer in `text`: its status, and its body. 0: there is none. */
static inline int answer_read(const struct buffer *text, struct troth_span *ret_body)
{
    static const char begin[] = "HTTP/1.1 ";
    const char *end = text->len > 0 ? memmem(text->data, text->len, "\r\n\r\n", 4) : NULL;
    if (end == NULL || text->len < sizeof begin + 3 ||
        memcmp(text->data, begin, sizeof begin - 1) != 0)
        return 0;
    *ret_body = (struct troth_span){end + 4, text->len - (size_t)(end + 4 - text->data)};
    const char *digits = text->data + sizeof begin - 1;
    return (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
}

static inline bool answer_has(const struct buffer *text, const char *header_line)
{
    return memmem(text->data, text->len, header_line, strlen(header_line)) != NULL;
}

#endif
