/* base/buffer.h: a growable run of bytes, for building texts and requests.
 *
 * An allocation failure is remembered in `failed` and checked once, by whoever uses the result;
 * appends to a failed buffer do nothing. Zero-initialise to begin. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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
bool buffer_grow(struct buffer *buffer, size_t more); /* what buffer_reserve() does without room */
void buffer_append_uint(struct buffer *buffer, uint64_t value);
void buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Removes the first `len` bytes. */
void buffer_consume(struct buffer *buffer, size_t len);
struct troth_span buffer_span(const struct buffer *buffer);
/* Zero-terminated view, valid until the next change; NULL when it failed. */
const char *buffer_text(struct buffer *buffer);

/* What is needed for a moment, again and again, is borrowed from where it is kept, empty; a buffer
 * that has grown beyond `most` is freed instead of kept. Meanwhile another one may borrow there. */
struct buffer buffer_borrow(struct buffer *kept);
void buffer_return(struct buffer *kept, struct buffer *borrowed, size_t most);

#define BUFFER_SCOPED __attribute__((cleanup(buffer_finish)))

/* --- every text is made of these, so where there is room they are a copy and no call -----------
 */

static inline bool buffer_reserve(struct buffer *buffer, size_t more)
{
    return (!buffer->failed && more <= buffer->cap - buffer->len) || buffer_grow(buffer, more);
}

static inline void buffer_append(struct buffer *buffer, const void *data, size_t len)
{
    assert(data != NULL || len == 0);
    if (len == 0 || !buffer_reserve(buffer, len))
        return;
    memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
}

static inline void buffer_append_char(struct buffer *buffer, char c)
{
    if (buffer_reserve(buffer, 1))
        buffer->data[buffer->len++] = c;
}

static inline void buffer_append_text(struct buffer *buffer, const char *text)
{
    assert(text != NULL);
    buffer_append(buffer, text, strlen(text)); /* of a literal the compiler knows the length */
}

static inline void buffer_append_span(struct buffer *buffer, struct troth_span span)
{
    buffer_append(buffer, span.data, span.len);
}

#endif
