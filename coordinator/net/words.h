/* words.h: what a participant said that is no result, for people. */
#ifndef NET_WORDS_H
#define NET_WORDS_H

#include "inside.h"

/* The `detail` of a problem (RFC 9457), else the body's own text, in channel->reason. */
struct troth_span channel_refusal_reason(struct channel *channel, struct troth_span body);
/* 425, 429 and 503: nothing was done, again later. */
bool channel_is_not_now(const struct http_reply *reply);
/* `said 404 "no such route"`, in channel->reason. */
struct troth_span channel_said(struct channel *channel, const struct http_reply *reply);
/* The output in an answer, byte for byte; or none, and the reason says why (in channel->reason).
 * What was answered holds all the same: the work is done, and asking again would give the same. */
void channel_read_output(struct channel *channel, struct troth_span text, struct result *result);

#endif
