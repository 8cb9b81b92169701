/* orders.h: what the client's functions ask of the coordinator, and who sends it. */
#ifndef SDK_ORDERS_H
#define SDK_ORDERS_H

#include <stdbool.h>
#include <stdint.h>

#include <http/client.h>
#include <troth/client.h>

#define ORDER_TARGET_BYTES 192u
#define ORDER_HEADERS_MAX  2u
#define US_PER_S           UINT64_C(1000000)

struct order {
    const char *method;
    const char *target;
    const struct http_header *headers; /* at most ORDER_HEADERS_MAX, and a NULL name; or NULL */
    struct troth_span body;
    uint64_t more_us;    /* beyond the client's own timeout */
    bool may_come_twice; /* the second finds what the first has done: it may be sent again */
};

/* client.c: sends it; the callback comes when 0 is returned. */
TROTH_MUST_CHECK int client_send(struct troth_client *client, const struct order *order,
                                 troth_answered answered, void *arg);
/* orders.c: a copy for who may have to send it again, in one piece for free(). NULL: no memory. */
struct order *order_keep(const struct order *order);
/* orders.c: /v1/transactions/{gtid}{rest}, in ORDER_TARGET_BYTES. */
void order_target(char *ret_target, const troth_gtid *gtid, const char *rest);

#endif
