/* number.c: decimal digits to a number and back. */
#include <base/number.h>

#include <assert.h>
#include <stdbool.h>

int number_parse(struct troth_span text, uint64_t most, uint64_t *ret_number)
{
    assert(ret_number != NULL);
    uint64_t number = 0;
    bool is_more = false;
    if (text.len == 0)
        return TROTH_ERROR_SYNTAX;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return TROTH_ERROR_SYNTAX;
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        /* the rest is still looked at: it may be no number at all */
        if (is_more || number > most / 10 || digit > most - number * 10)
            is_more = true;
        else
            number = number * 10 + digit;
    }
    *ret_number = is_more ? most : number;
    return is_more ? TROTH_ERROR_TOO_LARGE : 0;
}

static size_t digits_of(uint64_t number)
{
    size_t len = 1;
    for (uint64_t least = 10; number >= least; least *= 10)
        if (++len == NUMBER_TEXT_MAX)
            break; /* ten times more does not fit into 64 bits */
    return len;
}

size_t number_format(uint64_t number, char ret_text[NUMBER_TEXT_MAX + 1])
{
    assert(ret_text != NULL);
    if (number < 10) { /* most are: branches, attempts, tries */
        ret_text[0] = (char)('0' + number);
        ret_text[1] = '\0';
        return 1;
    }
    const size_t len = digits_of(number);
    ret_text[len] = '\0';
    for (size_t at = len; at > 0; number /= 10)
        ret_text[--at] = (char)('0' + number % 10);
    return len;
}
