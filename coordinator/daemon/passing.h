/* passing.h: which node answers what, the connections to the others, and how nodes prove themselves
 * to each other: what the API asks for to pass a request on. */
#ifndef DAEMON_PASSING_H
#define DAEMON_PASSING_H

#include <api/api.h>

struct driver;

enum api_whose passing_whose(void *ctx, const troth_gtid *gtid, struct troth_span key,
                             struct api_node *ret_node);
bool passing_node_at(void *ctx, uint32_t i, struct api_node *ret_node);
int passing_send(void *ctx, const struct api_node *node, const struct http_request *request,
                 struct http_call **ret_call);
bool passing_mac(void *ctx, struct troth_span node, struct troth_span text,
                 char ret_mac[NODE_MAC_TEXT_LEN + 1]);
bool passing_knows(void *ctx, struct troth_span node);
bool passing_is_new(void *ctx, struct troth_span node, uint64_t number);
/* Once in a while: what waits for a node that is not believed to live any more ends, since somebody
 * else takes its shards: who asked may ask again. */
void passing_look(struct driver *driver);
/* Whom it would have called hears nothing more: what is under way is answered. */
void passing_finish(struct driver *driver);

#endif
