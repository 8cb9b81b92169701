/* limits.h: what one caller may ask for, so that who asks too often is in nobody's way but his own:
 * requests a second, clients that follow, and how often somebody may show a key that is none.
 *
 * A caller is who is known by a key, else the network that a request comes from. Operators (the
 * unix-domain socket) and what another node has passed on, which has looked itself, are not
 * limited. There is room for LIMITS_CALLERS; of more, some share with others what one may have. */
#ifndef API_LIMITS_H
#define API_LIMITS_H

#include "context.h"

struct limits;

#define LIMITS_CALLERS 8192u
/* A request costs as much as one without a body, and as much again for each of these. */
#define LIMITS_BODY_BYTES 16384u
/* Who has been quiet may ask as often at once as in this time. */
#define LIMITS_BURST_US UINT64_C(1000000)

/* NULL: no memory. */
struct limits *limits_create(void);
void limits_destroy(struct limits *limits); /* takes NULL */

/* Who asks, as limits and seats know him: "key:billing", "10.0.0.7", "2001:db8::/64". */
void limits_caller(const struct request *request, char ret_name[API_WHO_MAX]);
/* Counts a request of who is let in. 429: he asks too often. */
TROTH_MUST_CHECK int limits_take(const struct request *request, struct api_problem *ret_problem);
/* Of one that is refused with 401: it stays so, or becomes 429 where a key was shown that is none,
 * and that too often. A key that is one is taken from there all the same. */
void limits_failed(const struct request *request, struct api_problem *problem);
/* One client that follows a transaction at this node, whichever node feeds it. */
struct limits_follower {
    struct limits_follower *next;
    char caller[API_WHO_MAX];
};
/* One more of his; until limits_unfollow() the follower stays where it is. 429: he follows as many
 * as he may, and this one is not counted. What another node has passed on is counted there. */
TROTH_MUST_CHECK int limits_follow(const struct request *request, struct limits_follower *follower,
                                   struct api_problem *ret_problem);
void limits_unfollow(struct limits *limits, const struct limits_follower *follower);
/* For Prometheus. */
void limits_append_metrics(const struct limits *limits, struct buffer *text);

#endif
