/* body.h: the members of a request's body, each with its type and range.
 *
 * The text is walked once (a start is on the hot path); after that members are looked up here.
 *
 * Outputs stay untouched when the member is absent and may be. Every function returns 0, or
 * TROTH_ERROR_REFUSED with *ret_problem naming the member by its JSON pointer. */
#ifndef API_BODY_H
#define API_BODY_H

#include <base/json.h>

#include "context.h"

#define BODY_MEMBERS_MAX 8u

enum presence { OPTIONAL, REQUIRED };

struct body {
    const char *const *known;                   /* NULL-terminated, at most BODY_MEMBERS_MAX */
    struct troth_span values[BODY_MEMBERS_MAX]; /* of each of them; absent: not there */
};

/* The body must be a JSON object, or may be empty, and have no member but those; for another one
 * the nearest is named. */
TROTH_MUST_CHECK int body_read(const struct request *request, bool may_be_empty,
                               const char *const *known, struct body *ret_body,
                               struct api_problem *ret_problem);
bool body_member(const struct body *body, const char *name, struct troth_span *ret_value);
TROTH_MUST_CHECK int body_uint(const struct body *body, const char *name, enum presence presence,
                               uint32_t least, uint32_t most, uint32_t *ret_value,
                               struct api_problem *ret_problem);
TROTH_MUST_CHECK int body_name(const struct body *body, const char *name, enum presence presence,
                               char ret_name[TROTH_NAME_LEN_MAX + 1],
                               struct api_problem *ret_problem);
/* A text of 1 to `most` bytes, not only spaces, appended. */
TROTH_MUST_CHECK int body_text(const struct body *body, const char *name, size_t most,
                               struct buffer *ret_text, struct api_problem *ret_problem);
TROTH_MUST_CHECK int body_bool(const struct body *body, const char *name, bool *ret_value,
                               struct api_problem *ret_problem);
/* More than nothing. */
TROTH_MUST_CHECK int body_duration(const struct body *body, const char *name, uint64_t *ret_us,
                                   struct api_problem *ret_problem);
/* The index in `choices` (NULL-terminated). */
TROTH_MUST_CHECK int body_choice(const struct body *body, const char *name, enum presence presence,
                                 const char *const *choices, uint32_t *ret_choice,
                                 struct api_problem *ret_problem);

#endif
