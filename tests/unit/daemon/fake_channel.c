/* Channels to participants that a test plays (rig.h): they take commands and answer what it says.
 */
#include <stdlib.h>
#include <string.h>

#include "rig.h"

struct channel {
    struct channel *next;
    char name[TROTH_NAME_LEN_MAX + 1];
    struct channel_config config;
    struct slots_pool pool;
};

static struct channel *channels;

void rig_channels_finish(void)
{
    ck_assert_ptr_null(channels);
    for (uint32_t i = 0; i < rig.commands_count; i++) {
        free(rig.commands[i].operation);
        free(rig.commands[i].input);
    }
    free(rig.commands);
}

static struct channel *channel_named(const char *name)
{
    struct channel *channel = channels;
    while (channel != NULL && strcmp(channel->name, name) != 0)
        channel = channel->next;
    ck_assert_msg(channel != NULL, "there is no channel to %s", name);
    return channel;
}

void rig_slots(const char *participant, uint32_t slots, uint32_t places)
{
    struct channel *channel = channel_named(participant);
    channel->pool.slots = slots;
    channel->pool.places = places;
}

void rig_breaker(const char *participant, enum breaker_state breaker)
{
    channel_named(participant)->pool.breaker = breaker;
}

int channel_create(struct http_loop *loop, const struct channel_config *config,
                   struct channel **ret_channel)
{
    (void)loop;
    struct channel *channel = calloc(1, sizeof *channel);
    ck_assert_ptr_nonnull(channel);
    strcpy(channel->name, config->name);
    channel->config = *config;
    channel->pool = (struct slots_pool){.slots = config->slots, .places = 2 * config->slots};
    channel->next = channels;
    channels = channel;
    *ret_channel = channel;
    return 0;
}

void channel_destroy(struct channel *channel)
{
    struct channel **at = &channels;
    if (channel == NULL)
        return;
    while (*at != channel)
        at = &(*at)->next;
    *at = channel->next;
    free(channel);
}

const char *channel_refusal(const struct channel *channel)
{
    (void)channel;
    return NULL;
}

bool channel_has_token(struct channel *channel, const char **ret_why)
{
    (void)ret_why;
    return channel->config.token_file != NULL;
}

void channel_replace(struct channel *channel, struct channel *taken)
{
    channel->config.binding = taken->config.binding;
    channel_destroy(taken);
}

int channel_send(struct channel *channel, const struct command *command, struct mono deadline)
{
    (void)deadline;
    if (rig.send_error != 0)
        return rig.send_error;
    rig.commands = realloc(rig.commands, (rig.commands_count + 1) * sizeof *rig.commands);
    ck_assert_ptr_nonnull(rig.commands);
    struct rig_command *sent = &rig.commands[rig.commands_count++];
    *sent = (struct rig_command){.op = command->op,
                                 .gtid = command->gtid,
                                 .branch = command->branch,
                                 .attempt = command->attempt,
                                 .again = command->again,
                                 .ordered = command->ordered,
                                 .operation = rig_copy(command->operation),
                                 .input = rig_copy(command->input)};
    strcpy(sent->participant, channel->name);
    return 0;
}

void channel_forget(struct channel *channel, bool (*gone)(void *arg, const troth_gtid *gtid),
                    void *arg)
{
    (void)channel;
    (void)gone;
    (void)arg;
}

void channel_probe(struct channel *channel)
{
    (void)channel;
}

void channel_list_flush(struct channel_list *due)
{
    (void)due;
}

void channel_list_flush_phase2(struct channel_list *due)
{
    (void)due;
}

void channel_stats(const struct channel *channel, struct channel_stats *ret_stats)
{
    static const uint64_t results[RESULT_COUNT];
    *ret_stats = (struct channel_stats){.slots = channel->pool.slots,
                                        .slots_used = channel->pool.used,
                                        .places = channel->pool.places,
                                        .places_used = channel->pool.held,
                                        .breaker = channel->pool.breaker,
                                        .reachable = true,
                                        .answered_words = "",
                                        .failed_words = "",
                                        .results = results};
}

void channel_share(struct channel *channel, uint32_t nodes)
{
    (void)channel;
    (void)nodes;
}

struct slots_pool *channel_pool(struct channel *channel)
{
    return &channel->pool;
}
