/* body.h: the members of a request's body, each with its type and range.
 *
 * Outputs stay untouched when the member is absent and may be. Every function returns 0, or
 * TROTH_ERROR_REFUSED with *ret_problem naming the member by its JSON pointer. */
#ifndef API_BODY_H
#define API_BODY_H

#include <protocol/json.h>

#include <api/api.h>

enum presence { OPTIONAL, REQUIRED };

/* Every member is one of `known` (NULL-terminated); the nearest is named otherwise. */
TROTH_MUST_CHECK int body_known(struct troth_span object, const char *const *known,
                                struct api_problem *ret_problem);
TROTH_MUST_CHECK int body_uint(struct troth_span object, const char *name, enum presence presence,
                               uint32_t least, uint32_t most, uint32_t *ret_value,
                               struct api_problem *ret_problem);
TROTH_MUST_CHECK int body_name(struct troth_span object, const char *name, enum presence presence,
                               char ret_name[TROTH_NAME_LEN_MAX + 1],
                               struct api_problem *ret_problem);
TROTH_MUST_CHECK int body_bool(struct troth_span object, const char *name, bool *ret_value,
                               struct api_problem *ret_problem);
/* More than nothing. */
TROTH_MUST_CHECK int body_duration(struct troth_span object, const char *name, uint64_t *ret_us,
                                   struct api_problem *ret_problem);
/* The index in `choices` (NULL-terminated). */
TROTH_MUST_CHECK int body_choice(struct troth_span object, const char *name, enum presence presence,
                                 const char *const *choices, uint32_t *ret_choice,
                                 struct api_problem *ret_problem);

#endif
