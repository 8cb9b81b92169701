/* binding.h: what the bindings do differently (batch.c, rest.c), and what both write and read. */
#ifndef NET_BINDING_H
#define NET_BINDING_H

#include "inside.h"

#define OUTBOUND_HEADERS_MAX 3u

struct binding {
    uint32_t commands_max; /* of one request */
    /* Writes body and headers from the open items, and calls the peer; `done` with the outbound
     * is told of the end. */
    int (*call)(struct outbound *outbound, struct http_peer *peer, http_done done);
    /* An answer (error 0); items still open afterwards are failed by the caller. */
    void (*answered)(struct outbound *outbound, const struct http_reply *reply);
};
extern const struct binding channel_binding_batch;
extern const struct binding channel_binding_http;

/* The longest of what its commands have left. */
uint64_t channel_outbound_timeout_us(const struct outbound *outbound);
/* Troth-Journal, Troth-Oldest-Open and Authorization into `headers`; how many. `text` keeps their
 * values, but the last one's, which is valid until the route's token is asked for again. */
uint32_t channel_outbound_headers(struct outbound *outbound,
                                  struct http_header headers[OUTBOUND_HEADERS_MAX],
                                  struct buffer *text);
/* Slots and places that the participant announces, once a request. */
void channel_outbound_read_slots(struct outbound *outbound, const struct http_reply *reply);

#endif
