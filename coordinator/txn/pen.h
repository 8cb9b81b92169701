/* pen.h: writing short texts without a call for each piece. */
#ifndef TXN_PEN_H
#define TXN_PEN_H

#include <assert.h>
#include <string.h>

#include <base/buffer.h>
#include <base/number.h>

/* These texts are made for every transaction, so they are written straight into room reserved once
 * a piece: a pen. PUT is for literals; words of ours and names need no escaping. */
struct pen {
    char *at;
};

static inline bool pen_take(struct buffer *text, size_t most, struct pen *ret_pen)
{
    if (!buffer_reserve(text, most))
        return false;
    ret_pen->at = text->data + text->len;
    return true;
}

static inline void pen_give_back(struct buffer *text, const struct pen *pen)
{
    text->len = (size_t)(pen->at - text->data);
    assert(text->len <= text->cap);
}

static inline void pen_put(struct pen *pen, const char *data, size_t len)
{
    memcpy(pen->at, data, len);
    pen->at += len;
}

#define PUT(pen, literal) pen_put(pen, literal, sizeof(literal) - 1)

static inline void pen_word(struct pen *pen, const char *word)
{
    while (*word != '\0')
        *pen->at++ = *word++;
}

static inline void pen_number(struct pen *pen, uint64_t number)
{
    pen->at += number_format(number, pen->at);
}

#endif
