/* base/buffer.h: a growable run of bytes, for building texts and requests.
 *
 * An allocation failure is remembered in `failed` and checked once, by whoever uses the result;
 * appends to a failed buffer do nothing. Zero-initialise to begin. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <troth/error.h>
#include <troth/span.h>

struct buffer {
    char *data; /* not zero-terminated unless buffer_text() was called */
    size_t len;
    size_t cap;
    bool failed;
};

void buffer_finish(struct buffer *buffer); /* frees; the buffer is empty and usable again */
void buffer_clear(struct buffer *buffer);  /* keeps the memory, clears `failed` */
bool buffer_reserve(struct buffer *buffer, size_t more);
void buffer_append(struct buffer *buffer, const void *data, size_t len);
void buffer_append_char(struct buffer *buffer, char c);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_span(struct buffer *buffer, struct troth_span span);
void buffer_append_uint(struct buffer *buffer, uint64_t value);
void buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Removes the first `len` bytes. */
void buffer_consume(struct buffer *buffer, size_t len);
struct troth_span buffer_span(const struct buffer *buffer);
/* Zero-terminated view, valid until the next change; NULL when it failed. */
const char *buffer_text(struct buffer *buffer);

#define BUFFER_SCOPED __attribute__((cleanup(buffer_finish)))

#endif
