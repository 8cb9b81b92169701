/* nearest.c: the right name that somebody most likely meant. */
#include <base/nearest.h>

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <troth/id.h>

/* Letter case and the kind of dash cost nothing: "Order-Id" is as near to "order_id" as can be. */
static char folded(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == '-' ? '_' : c;
}

#define WORD_MAX (2u * TROTH_NAME_LEN_MAX)

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

#define FAR (4u * WORD_MAX) /* beyond any distance, and small enough to count on from */

/* Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). Exact up
 * to `most`; beyond it only that it is more: cells farther from the diagonal are not looked at. */
static uint32_t distance(const char *a, size_t a_len, const char *b, size_t b_len, size_t most)
{
    assert(b_len <= WORD_MAX);
    uint32_t rows[3][WORD_MAX + 2];
    uint32_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j < WORD_MAX + 2; j++) {
        last[j] = (uint32_t)j;
        before[j] = row[j] = FAR;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t from = i > most ? i - most : 1, to = i + most < b_len ? i + most : b_len;
        row[from - 1] = from == 1 ? (uint32_t)i : FAR;
        for (size_t j = from; j <= to; j++) {
            bool same = folded(a[i - 1]) == folded(b[j - 1]);
            row[j] = least(last[j - 1] + !same, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
                folded(a[i - 2]) == folded(b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
        row[to + 1] = FAR;
        uint32_t *reuse = before;
        before = last;
        last = row;
        row = reuse;
    }
    return last[b_len];
}

/* "int" is short for "integer". */
#define ABBREVIATION_LEN_MIN 3u
static bool abbreviates(const char *wrong, size_t wrong_len, const char *name, size_t len)
{
    if (wrong_len < ABBREVIATION_LEN_MIN || wrong_len > len)
        return false;
    for (size_t i = 0; i < wrong_len; i++)
        if (folded(wrong[i]) != folded(name[i]))
            return false;
    return true;
}

const char *name_nearest(const char *wrong, const char *const *names)
{
    assert(wrong != NULL && names != NULL);
    size_t wrong_len = strlen(wrong);
    const char *nearest = NULL;
    uint32_t least_distance = UINT32_MAX;
    for (const char *const *name = names; wrong_len <= WORD_MAX && *name != NULL; name++) {
        size_t len = strlen(*name);
        if (len == 0 || len > WORD_MAX)
            continue;
        /* A third of the longer one may be wrong, four letters at most: "compensation" still means
         * "compensate", and "foo" means nothing. */
        size_t longer = wrong_len > len ? wrong_len : len;
        size_t allowed = (longer + 2) / 3;
        allowed = allowed < 4 ? allowed : 4;
        uint32_t d = (uint32_t)longer; /* each letter too many is one insertion at least */
        if (longer - (wrong_len < len ? wrong_len : len) <= allowed)
            d = distance(wrong, wrong_len, *name, len, allowed);
        if (d > allowed && abbreviates(wrong, wrong_len, *name, len))
            d = (uint32_t)allowed;
        if (d < least_distance && d <= allowed) {
            nearest = *name;
            least_distance = d;
        }
    }
    return nearest;
}
