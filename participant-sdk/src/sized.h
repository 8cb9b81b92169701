/* sized.h: structs of the caller's that may be of an older header than this library, or of a newer
 * one. Their first member says how large they are there; the library works with a copy of its own
 * size. */
#ifndef SDK_SIZED_H
#define SDK_SIZED_H

#include <stddef.h>

#include <troth/error.h>

/* More is no size: whoever set it did not use the _INIT macro. */
#define SIZED_BYTES_MAX 4096u

/* Copies what is there; what the caller's header did not have is 0 in the copy, which means its
 * default. TROTH_ERROR_INVALID: `from` is NULL, its size is not set, or below `required`; or it is
 * larger than is known here, and a member that is not known is set. */
TROTH_MUST_CHECK int sized_take(void *ret_to, size_t known, size_t required, const void *from);

/* `last`: the member up to which a caller must have it. */
#define SIZED_TAKE(ret_to, from, type, last)                                                       \
    sized_take(ret_to, sizeof(type), offsetof(type, last) + sizeof((ret_to)->last), from)

#endif
