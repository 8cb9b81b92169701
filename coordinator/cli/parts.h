/* parts.h: options and operands of commands as parts of a request. Each complains by itself. */
#ifndef CLI_PARTS_H
#define CLI_PARTS_H

#include "call.h"
#include "command.h"

#define KEY_LEN_MAX 255u
#define WAIT_MAX_US UINT64_C(300000000)

/* The first operand as a gtid (find_gtid()), appended to the target; and where no answer comes, the
 * hint names it. */
TROTH_MUST_CHECK int parts_gtid(const struct cli *cli, const struct arguments *arguments,
                                struct call *call);
/* An operand as a name ([a-z][a-z0-9_]*), appended to the target. */
TROTH_MUST_CHECK int parts_name(const char *name, struct call *call);
/* A number from 1 to `max`; `what` is named in the complaint. */
TROTH_MUST_CHECK int parts_count(const char *what, const char *text, uint32_t max,
                                 uint32_t *ret_number);
/* Option `name` as a number from 1 to `max`; *ret_number stays as it is when it was not given. */
TROTH_MUST_CHECK int parts_number(const struct arguments *arguments, const char *name, uint32_t max,
                                  uint32_t *ret_number);
/* --wait and --async as the Prefer header; without them the coordinator is asked to answer within
 * --timeout, and is waited for a little longer. */
TROTH_MUST_CHECK int parts_preference(const struct cli *cli, const struct arguments *arguments,
                                      struct call *call);
/* --key, or one made up: as the Idempotency-Key header, and as it is. *ret_hint: what to say when
 * no answer came, appended. */
TROTH_MUST_CHECK int parts_key(const struct arguments *arguments, struct call *call,
                               struct buffer *ret_key, struct buffer *ret_hint);
/* --label as the member ,"labels":{…}; nothing when there is none. */
TROTH_MUST_CHECK int parts_labels(const struct arguments *arguments, struct buffer *ret_body);

/* One page of a list: its entries as a tree, and as they stand in the answer. */
typedef void (*parts_page)(void *arg, const cJSON *entries, struct troth_span text);
/* All pages of a list, one after the other, up to `limit` entries (0: all); only one is in memory.
 * *ret_next: the cursor of what follows, or it stays empty. `call` holds the target with its
 * filters. */
TROTH_MUST_CHECK int parts_pages(const struct cli *cli, struct call *call, const char *member_name,
                                 uint32_t limit, parts_page fn, void *arg, struct buffer *ret_next);

/* The answer's body as it came, with a line feed. */
TROTH_MUST_CHECK int print_json(const struct answer *answer);

#endif
