/* buffer.c: every append makes room first, and does nothing once that has failed. */
#include <base/buffer.h>

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/number.h>

#define BUFFER_FIRST_CAP 256u

/* What every function here may rely on, and leaves behind. */
static bool holds(const struct buffer *buffer)
{
    return buffer != NULL && buffer->len <= buffer->cap &&
           (buffer->data != NULL || buffer->cap == 0);
}

void buffer_finish(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){.data = NULL};
}

void buffer_clear(struct buffer *buffer)
{
    assert(holds(buffer));
    buffer->len = 0;
    buffer->failed = false;
}

struct buffer buffer_borrow(struct buffer *kept)
{
    struct buffer borrowed = *kept;
    *kept = (struct buffer){.data = NULL};
    buffer_clear(&borrowed);
    return borrowed;
}

void buffer_return(struct buffer *kept, struct buffer *borrowed, size_t most)
{
    if (kept->data != NULL || borrowed->cap > most)
        buffer_finish(borrowed);
    else
        *kept = *borrowed;
    *borrowed = (struct buffer){.data = NULL};
}

bool buffer_grow(struct buffer *buffer, size_t more)
{
    assert(holds(buffer));
    if (buffer->failed)
        return false;
    if (more <= buffer->cap - buffer->len)
        return true;
    if (more > SIZE_MAX / 2 - buffer->len) {
        buffer->failed = true;
        return false;
    }
    /* Twice as much: appends stay cheap. What is larger still gets what it needs, and no more. */
    size_t cap = buffer->cap == 0 ? BUFFER_FIRST_CAP : 2 * buffer->cap;
    if (cap < buffer->len + more)
        cap = buffer->len + more;
    char *data = realloc(buffer->data, cap);
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->cap = cap;
    return true;
}

void buffer_append_uint(struct buffer *buffer, uint64_t value)
{
    char digits[NUMBER_TEXT_MAX + 1];
    buffer_append(buffer, digits, number_format(value, digits));
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    if (!buffer_reserve(buffer, 1))
        return;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t room = buffer->cap - buffer->len;
    int written = vsnprintf(buffer->data + buffer->len, room, format, args);
    if (written < 0) {
        buffer->failed = true;
    } else if ((size_t)written < room) {
        buffer->len += (size_t)written;
    } else if (buffer_reserve(buffer, (size_t)written + 1)) {
        /* vsnprintf ends with a zero, which is not part of the text but needs its place */
        int same = vsnprintf(buffer->data + buffer->len, (size_t)written + 1, format, again);
        assert(same == written);
        buffer->len += (size_t)written;
    }
    va_end(again);
    va_end(args);
}

void buffer_consume(struct buffer *buffer, size_t len)
{
    assert(holds(buffer) && len <= buffer->len);
    buffer->len -= len;
    if (buffer->len > 0 && len > 0)
        memmove(buffer->data, buffer->data + len, buffer->len);
}

struct troth_span buffer_span(const struct buffer *buffer)
{
    assert(holds(buffer));
    /* an empty buffer is an empty value, not an absent one */
    return (struct troth_span){buffer->data == NULL ? "" : buffer->data, buffer->len};
}

const char *buffer_text(struct buffer *buffer)
{
    if (!buffer_reserve(buffer, 1))
        return NULL;
    buffer->data[buffer->len] = '\0';
    return buffer->data;
}
