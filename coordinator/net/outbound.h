/* outbound.h: one HTTP request under way. */
#ifndef NET_OUTBOUND_H
#define NET_OUTBOUND_H

#include "inside.h"

/* Takes items off the phase's queue into one request and sends it. */
void channel_outbound_start(struct channel *channel, enum phase_number phase);
void channel_outbound_free(struct outbound *outbound);

#endif
