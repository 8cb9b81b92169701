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

size_t number_format(uint64_t number, char ret_text[NUMBER_TEXT_MAX + 1])
{
    assert(ret_text != NULL);
    size_t len = 0;
    for (uint64_t rest = number; len == 0 || rest != 0; rest /= 10)
        len++;
    for (size_t at = len; at > 0; number /= 10)
        ret_text[--at] = (char)('0' + number % 10);
    ret_text[len] = '\0';
    return len;
}
