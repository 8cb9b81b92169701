/* part.c: of a participant's slots and places each node that calls it uses its part. */
#include <assert.h>

#include "inside.h"
#include "item.h"

/* At least one: where there are more nodes than slots, the participant has to say "not now". */
void channel_take_part(struct channel *channel)
{
    uint32_t slots = channel->slots / channel->nodes, places = channel->places / channel->nodes;
    channel->pool.slots = slots > 0 ? slots : 1;
    channel->pool.places = places > channel->pool.slots ? places : channel->pool.slots;
}

void channel_share(struct channel *channel, uint32_t nodes)
{
    assert(nodes > 0);
    channel->nodes = nodes;
    channel_take_part(channel);
    channel_is_due(channel);
}
