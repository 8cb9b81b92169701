/* retry_after.h: when a participant may be asked again. */
#ifndef NET_RETRY_AFTER_H
#define NET_RETRY_AFTER_H

#include "inside.h"

/* 0: it does not say. */
uint64_t channel_outbound_retry_after_us(const struct http_reply *reply);

#endif
