/* sized.c: a caller's struct, of whatever size it has there. */
#include "sized.h"

#include <assert.h>
#include <string.h>

int sized_take(void *ret_to, size_t known, size_t required, const void *from)
{
    const unsigned char *bytes = from;
    size_t size;
    assert(ret_to != NULL && required >= sizeof size && required <= known);
    if (from == NULL)
        return TROTH_ERROR_INVALID;
    memcpy(&size, from, sizeof size);
    if (size < required || size > SIZED_BYTES_MAX)
        return TROTH_ERROR_INVALID;
    for (size_t i = known; i < size; i++)
        if (bytes[i] != 0)
            return TROTH_ERROR_INVALID;
    memset(ret_to, 0, known);
    memcpy(ret_to, from, size < known ? size : known);
    memcpy(ret_to, &known, sizeof known);
    return 0;
}
