/* contact.h: what was heard of the participant last. */
#ifndef NET_CONTACT_H
#define NET_CONTACT_H

#include "inside.h"

void channel_contact_answered(struct channel *channel, const struct http_reply *reply);
/* was_sent false: no connection came about. */
void channel_on_probe_again(int fd, short what, void *arg);
void channel_contact_failed(struct channel *channel, const char *why, bool was_sent);
void channel_contact_counted(struct channel *channel, enum message_result result, bool was_sent);
/* Another registration: nothing is known of it yet. */
void channel_contact_forget(struct channel *channel);
void channel_probe_end(struct channel *channel);

#endif
