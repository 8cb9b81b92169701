/* request.h: what a handler reads from path, query and body before it looks at any member.
 *
 * Every function that returns an int: 0, or TROTH_ERROR_REFUSED with *ret_problem filled. */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include <base/json.h>

#include "context.h"
#include <api/problem.h>

/* For %.*s in a detail: so much of what the client sent is shown. */
#define SHOWN_MAX   100u
#define SHOWN(span) (int)((span).len < SHOWN_MAX ? (span).len : SHOWN_MAX), (span).data

#define LIST_LIMIT_DEFAULT 50u
#define LIST_LIMIT_MAX     500u
#define LIST_BYTES_MAX     (8u << 20) /* of a page, and one transaction more; then the next page */

/* Every parameter is one of `known` (NULL-terminated), comes once and is well encoded. */
TROTH_MUST_CHECK int request_check_query(const struct request *request, const char *const *known,
                                         struct api_problem *ret_problem);

TROTH_MUST_CHECK int request_gtid(const struct request *request, troth_gtid *ret_gtid,
                                  struct api_problem *ret_problem);
TROTH_MUST_CHECK int request_name(const struct request *request,
                                  char ret_name[TROTH_NAME_LEN_MAX + 1],
                                  struct api_problem *ret_problem);
/* The same rules for a gtid or name from elsewhere; `what` is named in the refusal. */
TROTH_MUST_CHECK int gtid_read(struct troth_span text, const char *what, troth_gtid *ret_gtid,
                               struct api_problem *ret_problem);
TROTH_MUST_CHECK int name_read(struct troth_span text, const char *what,
                               char ret_name[TROTH_NAME_LEN_MAX + 1],
                               struct api_problem *ret_problem);

/* The body as it came; its content type is JSON where there is one. */
TROTH_MUST_CHECK int request_text(const struct request *request, struct troth_span *ret_text,
                                  struct api_problem *ret_problem);
/* An object of JSON without duplicate members, which `member` is given; where it may be empty,
 * none. With an error what it was given means nothing. */
TROTH_MUST_CHECK int request_object(const struct request *request, bool may_be_empty,
                                    json_member_fn member, void *arg,
                                    struct api_problem *ret_problem);

/* Query parameters: untouched when absent. */
TROTH_MUST_CHECK int query_uint(const struct request *request, const char *name, uint32_t least,
                                uint32_t most, uint32_t *ret_value,
                                struct api_problem *ret_problem);
/* "true" or "false". */
TROTH_MUST_CHECK int query_bool(const struct request *request, const char *name, bool *ret_value,
                                struct api_problem *ret_problem);
TROTH_MUST_CHECK int query_text(const struct request *request, const char *name,
                                struct buffer *ret_text, bool *ret_there,
                                struct api_problem *ret_problem);
TROTH_MUST_CHECK int query_name(const struct request *request, const char *name,
                                char ret_name[TROTH_NAME_LEN_MAX + 1],
                                struct api_problem *ret_problem);

#endif
