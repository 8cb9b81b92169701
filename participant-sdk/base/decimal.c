/* decimal.c: a number as sign, digits and the place of its point. */
#include <base/decimal.h>

#include <assert.h>
#include <string.h>

#include <base/buffer.h>
#include <base/hash.h>

static int64_t exponent_read(const char *at, const char *end)
{
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    int64_t value = 0;
    for (; at < end && value < DECIMAL_EXPONENT_MAX; at++)
        value = value * 10 + (*at - '0');
    if (value > DECIMAL_EXPONENT_MAX)
        value = DECIMAL_EXPONENT_MAX;
    return negative ? -value : value;
}

struct decimal decimal_read(struct troth_span number)
{
    assert(number.len > 0);
    struct decimal out = {0};
    const char *at = number.data, *end = number.data + number.len;
    bool minus = *at == '-';
    at += minus;
    const char *point = NULL, *mantissa_end = at;
    for (; mantissa_end < end && *mantissa_end != 'e' && *mantissa_end != 'E'; mantissa_end++) {
        if (*mantissa_end == '.')
            point = mantissa_end;
        else if (*mantissa_end != '0') {
            out.first = out.first == NULL ? mantissa_end : out.first;
            out.end = mantissa_end + 1;
        }
    }
    if (out.first == NULL)
        return out;
    if (point == NULL)
        point = mantissa_end;
    out.negative = minus;
    out.count = out.end - out.first - (out.first < point && point < out.end);
    out.exponent = point > out.first ? point - out.first : -(out.first - point - 1);
    if (mantissa_end < end)
        out.exponent += exponent_read(mantissa_end + 1, end);
    return out;
}

static const char *digit_next(const char *at)
{
    at++;
    return at + (*at == '.');
}

static int digits_compare(const struct decimal *a, const struct decimal *b)
{
    const char *x = a->first, *y = b->first;
    int64_t common = a->count < b->count ? a->count : b->count;
    for (int64_t i = 0; i < common; i++) {
        if (*x != *y)
            return *x < *y ? -1 : 1;
        if (i + 1 < common) {
            x = digit_next(x);
            y = digit_next(y);
        }
    }
    return (a->count > b->count) - (a->count < b->count);
}

int decimal_order(const struct decimal *a, const struct decimal *b)
{
    int a_sign = a->count == 0 ? 0 : a->negative ? -1 : 1;
    int b_sign = b->count == 0 ? 0 : b->negative ? -1 : 1;
    if (a_sign != b_sign || a_sign == 0)
        return (a_sign > b_sign) - (a_sign < b_sign);
    if (a->exponent != b->exponent)
        return (a->exponent > b->exponent) == (a_sign > 0) ? 1 : -1;
    return a_sign * digits_compare(a, b);
}

int decimal_compare(struct troth_span a_text, struct troth_span b_text)
{
    struct decimal a = decimal_read(a_text), b = decimal_read(b_text);
    return decimal_order(&a, &b);
}

uint64_t decimal_hash(struct troth_span number, bool *no_memory)
{
    struct decimal d = decimal_read(number);
    BUFFER_SCOPED struct buffer scratch = {0};
    struct troth_span digits = {d.first, (size_t)d.count};
    if (d.count == 0)
        return 0;
    const char *point = memchr(d.first, '.', (size_t)(d.end - d.first));
    if (point != NULL) {
        buffer_append(&scratch, d.first, (size_t)(point - d.first));
        buffer_append(&scratch, point + 1, (size_t)(d.end - point - 1));
        *no_memory = *no_memory || scratch.failed;
        digits = buffer_span(&scratch);
    }
    return hash_pair(hash_span(digits), (uint64_t)d.exponent << 1 | d.negative);
}

bool decimal_is_integer(struct troth_span number)
{
    struct decimal d = decimal_read(number);
    return d.count == 0 || d.exponent >= d.count;
}

static uint64_t power_of_ten_modulo(int64_t exponent, uint64_t modulus)
{
    uint64_t result = 1 % modulus, base = 10 % modulus;
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1)
            result = result * base % modulus;
        base = base * base % modulus;
    }
    return result;
}

bool decimal_is_multiple(struct troth_span number, uint32_t divisor)
{
    assert(divisor > 0);
    struct decimal d = decimal_read(number);
    if (d.count == 0)
        return true;
    if (d.exponent < d.count)
        return false;
    uint64_t rest = 0;
    for (const char *at = d.first; at < d.end; at++)
        if (*at != '.')
            rest = (rest * 10 + (uint64_t)(*at - '0')) % divisor;
    return rest * power_of_ten_modulo(d.exponent - d.count, divisor) % divisor == 0;
}

int decimal_int64(struct troth_span number, int64_t *ret_value)
{
    struct decimal d = decimal_read(number);
    if (d.count > 0 && d.exponent < d.count)
        return TROTH_ERROR_TYPE;
    if (d.exponent > 19)
        return TROTH_ERROR_TOO_LARGE;
    /* Downwards from zero, so that INT64_MIN fits. */
    int64_t value = 0;
    const char *at = d.first;
    for (int64_t i = 0; i < d.exponent; i++) {
        int digit = i < d.count ? *at - '0' : 0;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return TROTH_ERROR_TOO_LARGE;
        if (i + 1 < d.count)
            at = digit_next(at);
    }
    if (!d.negative && value == INT64_MIN)
        return TROTH_ERROR_TOO_LARGE;
    *ret_value = d.negative ? value : -value;
    return 0;
}
