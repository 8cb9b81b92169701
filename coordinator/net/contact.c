/* contact.c: what was heard of a participant last, and whether anybody is there at all. */
#include "contact.h"

#include <assert.h>
#include <event2/event.h>
#include <string.h>
#include <time.h>

#include <base/now.h>

#include "route.h"
#include "words.h"

/* Cut between two characters. */
static void keep(char words[CHANNEL_WORDS_MAX + 1], struct troth_span text)
{
    size_t len = text.len;
    if (len > CHANNEL_WORDS_MAX) {
        len = CHANNEL_WORDS_MAX;
        while (len > 0 && ((unsigned char)text.data[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(words, len > 0 ? text.data : "", len);
    words[len] = 0;
}

static void tell(struct channel *channel, bool is_up, const char *why)
{
    struct contact *contact = &channel->contact;
    if (contact->down != is_up)
        return;
    contact->down = !is_up;
    if (channel->config.heard != NULL)
        channel->config.heard(channel->config.arg, channel->name, is_up, why);
}

void channel_contact_answered(struct channel *channel, const struct http_reply *reply)
{
    struct contact *contact = &channel->contact;
    channel->reachable = true;
    breaker_heard(&channel->pool);
    contact->tried = true;
    contact->silent = 0;
    contact->answered_at = wall_now();
    contact->answered_status = reply->status;
    struct troth_span words = {NULL, 0};
    if (reply->status / 100 != 2 && reply->status != 409)
        words = channel_said(channel, reply);
    keep(contact->answered_words, words);
    tell(channel, true, NULL);
}

static void probe_later(struct channel *channel)
{
    uint64_t wait_us = channel->probe_wait_us;
    struct timeval wait = timeval_of(wait_us);
    (void)event_add(channel->probe_again, &wait); /* without memory for it: commands still go out */
}

/* While the breaker is open, so that it closes also where nothing else is sent there. */
void channel_on_probe_again(int fd, short what, void *arg)
{
    struct channel *channel = arg;
    (void)fd;
    (void)what;
    if (channel->pool.breaker != BREAKER_OPEN)
        return;
    if (channel->contact.probed == NULL)
        channel_probe(channel);
    channel->probe_wait_us *= 2;
    if (channel->probe_wait_us > CHANNEL_PROBE_LONGEST_US)
        channel->probe_wait_us = CHANNEL_PROBE_LONGEST_US;
    probe_later(channel);
}

void channel_contact_failed(struct channel *channel, const char *why, bool was_sent)
{
    struct contact *contact = &channel->contact;
    channel->reachable = false;
    if (breaker_failed(&channel->pool, mono_now().us)) {
        channel->probe_wait_us = CHANNEL_PROBE_FIRST_US;
        probe_later(channel);
    }
    contact->tried = true;
    contact->failed_at = wall_now();
    keep(contact->failed_words, (struct troth_span){why, strlen(why)});
    if (was_sent && ++contact->silent < CHANNEL_SILENT_MAX)
        return; /* slow, perhaps, or restarted a moment ago */
    tell(channel, false, contact->failed_words);
}

void channel_contact_counted(struct channel *channel, enum message_result result, bool was_sent)
{
    assert(result < RESULT_COUNT && (was_sent || result == RESULT_UNKNOWN));
    channel->contact.results[result]++;
    channel->contact.unsent += was_sent ? 0 : 1;
}

void channel_contact_forget(struct channel *channel)
{
    struct contact was = channel->contact;
    channel_probe_end(channel);
    channel->contact = (struct contact){.unsent = was.unsent};
    memcpy(channel->contact.results, was.results, sizeof(was.results));
    channel->reachable = true; /* until we know better */
}

/* --- the probe ------------------------------------------------------------------------------- */

void channel_probe_end(struct channel *channel)
{
    struct contact *contact = &channel->contact;
    struct route *route = contact->probed;
    if (contact->probe != NULL)
        http_call_cancel(contact->probe);
    contact->probe = NULL;
    contact->probed = NULL;
    channel_route_drop(route);
}

static void probe_next(struct channel *channel);

static void on_probed(void *arg, int error, const struct http_reply *reply)
{
    struct channel *channel = arg;
    struct contact *contact = &channel->contact;
    contact->probe = NULL;
    if (error == 0 && contact->probed == channel->route) {
        channel_contact_answered(channel, reply);
        contact->answered_words[0] = 0; /* that it has no GET is nothing to tell */
    } else if (error != 0) {
        keep(contact->failed_words, (struct troth_span){reply->why, strlen(reply->why)});
        contact->probing++;
        probe_next(channel);
        return;
    }
    channel_probe_end(channel);
}

/* To the next replica; when none has answered it is down. */
static void probe_next(struct channel *channel)
{
    struct contact *contact = &channel->contact;
    const char *shown = NULL, *why;
    bool may_ask = channel_route_token(contact->probed, &shown, &why);
    const struct http_header headers[] = {{shown != NULL ? "Authorization" : NULL, shown},
                                          {NULL, NULL}};
    if (!may_ask)
        keep(contact->failed_words, (struct troth_span){why, strlen(why)});
    while (may_ask && contact->probing < contact->probed->replica_count) {
        struct http_peer *peer = contact->probed->replicas[contact->probing].peers[PHASE_2];
        struct http_request request = {.method = "GET",
                                       .target = "",
                                       .headers = headers,
                                       .timeout_us = CHANNEL_PROBE_TIMEOUT_US,
                                       .on_done = on_probed,
                                       .arg = channel};
        if (http_peer_call(peer, &request, &contact->probe) == 0)
            return;
        why = http_peer_why(peer);
        keep(contact->failed_words, (struct troth_span){why, strlen(why)});
        contact->probing++;
    }
    if (contact->probed == channel->route) {
        char words[CHANNEL_WORDS_MAX + 1];
        memcpy(words, contact->failed_words, sizeof(words));
        channel_contact_failed(channel, words, false);
    }
    channel_probe_end(channel);
}

void channel_probe(struct channel *channel)
{
    struct contact *contact = &channel->contact;
    channel_probe_end(channel);
    contact->probed = channel->route;
    contact->probed->refs++;
    contact->probing = 0;
    probe_next(channel);
}
