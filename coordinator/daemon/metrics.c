/* metrics.c: GET /metrics, the Prometheus text format 0.0.4.
 *
 * Gauges are read when they are asked for. Counters begin at zero with the process and are counted
 * in one place, around each step of the core, by what differs behind it. What recovery loads is
 * what was before, so a restart counts nothing twice; what the old process wrote and did not live
 * to hear of is counted by nobody.
 *
 * There are no histograms: they want a library. */
#include "metrics.h"

#include <assert.h>
#include <stdlib.h>

#include <base/buffer.h>
#include <definition/definition.h>
#include <http/server.h>
#include <journal/journal.h>
#include <net/channel.h>
#include <outbox/outbox.h>
#include <txn/resolve.h>
#include <txn/txn.h>

#include "admission.h"
#include "clock.h"
#include "config.h"
#include "counting.h"
#include "definitions.h"
#include "entry.h"
#include "learn.h"
#include "log.h"
#include "owners.h"
#include "participants.h"
#include "room.h"
#include "seats.h"
#include "state.h"
#include "trouble.h"

/* X(family, name, type, help) */
#define FAMILIES(X)                                                                                \
    X(TRANSACTIONS, "troth_transactions_total", "counter",                                         \
      "Transactions whose outcome became durable, by mode and first outcome.")                     \
    X(MIXED, "troth_mixed_outcomes_total", "counter",                                              \
      "Transactions of which a participant ended otherwise than decided.")                         \
    X(FALLBACKS, "troth_fallbacks_total", "counter",                                               \
      "Two-phase commits that were given up for a saga, by cause.")                                \
    X(COMPENSATIONS, "troth_compensations_total", "counter", "Steps that were compensated.")       \
    X(PARKED_STEPS, "troth_steps_parked_total", "counter",                                         \
      "Steps, and aborts of an attempt before, that were parked for an operator.")                 \
    X(RESUMED_STEPS, "troth_steps_resumed_total", "counter",                                       \
      "Parked steps, and aborts, that an operator had tried again.")                               \
    X(RESOLVED_STEPS, "troth_steps_resolved_total", "counter",                                     \
      "Steps that an operator settled by hand, by what they came to.")                             \
    X(FORGOTTEN_STEPS, "troth_steps_forgotten_total", "counter",                                   \
      "Steps whose acknowledgement an operator gave up.")                                          \
    X(CONFLICTS, "troth_conflicts_total", "counter",                                               \
      "Answers of a participant that another transaction holds what a command needs.")             \
    X(ATTEMPTS, "troth_attempts_total", "counter",                                                 \
      "Attempts of two-phase commit whose prepares went out, in parallel or ordered.")             \
    X(DEFINITION_CONFLICTS, "troth_definition_conflicts_total", "counter",                         \
      "Transactions whose first attempt met a conflict.")                                          \
    X(DEFINITION_ORDERED, "troth_definition_ordered", "gauge",                                     \
      "1: first attempts prepare in order, as the definition says or as was learnt.")              \
    X(OPEN, "troth_open_transactions", "gauge", "Transactions that have not ended.")               \
    X(SEATS, "troth_seats", "gauge",                                                               \
      "Transactions that may be open, on shared seats and on those that are reserved.")            \
    X(SEATS_USED, "troth_seats_used", "gauge", "Seats of open transactions.")                      \
    X(REFUSED, "troth_refused_total", "counter",                                                   \
      "Transactions, and branches that would enlist, answered with 503: nothing was done.")        \
    X(DEFINITION_OPEN, "troth_definition_open_transactions", "gauge",                              \
      "Transactions of a definition that have not ended, all versions together.")                  \
    X(DEFINITION_REFUSED, "troth_definition_refused_total", "counter",                             \
      "Transactions of a definition that found no seat.")                                          \
    X(PARTICIPANT_OPEN, "troth_participant_open_transactions", "gauge",                            \
      "Transactions with a branch at a participant that have not ended.")                          \
    X(PARTICIPANT_REFUSED, "troth_participant_refused_total", "counter",                           \
      "Transactions that found no seat, by the participants that had none of their own left.")     \
    X(OPEN_BYTES, "troth_open_transactions_bytes", "gauge",                                        \
      "Memory that they take, with inputs, outputs and commands that wait; see open_bytes_max.")   \
    X(PARKED, "troth_parked_transactions", "gauge",                                                \
      "Open transactions with something parked: an operator must look.")                           \
    X(OLDEST_OPEN, "troth_oldest_open_transaction_seconds", "gauge",                               \
      "How long the oldest open transaction has been open; 0: none is.")                           \
    X(OLDEST_DOUBT, "troth_oldest_in_doubt_transaction_seconds", "gauge",                          \
      "The same of those with a branch that may be prepared and has not acknowledged its "         \
      "decision.")                                                                                 \
    X(LEADING, "troth_leading", "gauge", "1: this node leads shards and serves requests.")         \
    X(SHARDS_LED, "troth_shards_led", "gauge", "Shards of the journal that this node leads.")      \
    X(HANDOVERS, "troth_handovers_total", "counter",                                               \
      "Shards handed over in good order, to another node (given) or to this one (got).")           \
    X(TAKEOVERS, "troth_takeovers_total", "counter",                                               \
      "Shards taken by this node whose leader was gone.")                                          \
    X(TAKEOVER_SECONDS, "troth_takeover_seconds_total", "counter",                                 \
      "Of those: the time from the end of their leases until they were led here, summed up.")      \
    X(SHARDS_LOST, "troth_shards_lost_total", "counter",                                           \
      "Shards that another node took from this one.")                                              \
    X(JOURNAL_CONNECTED, "troth_journal_connected", "gauge",                                       \
      "1: the journal's database is connected.")                                                   \
    X(JOURNAL_WRITABLE, "troth_journal_writable", "gauge",                                         \
      "1: no write to the journal has waited for longer than journal_timeout.")                    \
    X(JOURNAL_WROTE, "troth_journal_last_write_timestamp_seconds", "gauge",                        \
      "When a write to the journal last succeeded, in seconds since 1970; 0: not yet.")            \
    X(JOURNAL_GATHERED, "troth_journal_queued_rows", "gauge",                                      \
      "Records that wait to be written to the journal.")                                           \
    X(JOURNAL_GATHERED_BYTES, "troth_journal_queued_bytes", "gauge",                               \
      "Bytes of the records that wait to be written to the journal.")                              \
    X(JOURNAL_ROWS, "troth_journal_rows_total", "counter", "Records written to the journal.")      \
    X(JOURNAL_BATCHES, "troth_journal_batches_total", "counter",                                   \
      "Batches of records written to the journal, one COMMIT each.")                               \
    X(JOURNAL_UNKNOWN, "troth_journal_unknown_commits_total", "counter",                           \
      "Batches written again because the answer to their COMMIT was lost.")                        \
    X(JOURNAL_FORGOTTEN, "troth_journal_forgotten_total", "counter",                               \
      "Ended transactions that left the journal by age (retention).")                              \
    X(JOURNAL_LOST, "troth_journal_lost_shards", "gauge",                                          \
      "Shards that this node took from a journal that may have gone back: rows may be missing.")   \
    X(CLOCK, "troth_clock_difference_seconds", "gauge",                                            \
      "How far this node's wall clock is from the clock of the journal's database.")               \
    X(OUTBOX_WAITING, "troth_outbox_waiting", "gauge",                                             \
      "Outcome events that are durable and not confirmed by Kafka, with those set aside.")         \
    X(OLDEST_EVENT, "troth_oldest_unsent_event_seconds", "gauge",                                  \
      "How long the oldest outcome event has waited for Kafka's confirmation; 0: none waits.")     \
    X(OUTBOX_CONFIRMED, "troth_outbox_confirmed_total", "counter",                                 \
      "Outcome events that Kafka confirmed.")                                                      \
    X(OUTBOX_SET_ASIDE, "troth_outbox_set_aside", "gauge",                                         \
      "Outcome events that Kafka will not take.")                                                  \
    X(KAFKA, "troth_kafka_reachable", "gauge", "1: Kafka is reachable.")                           \
    X(SLOTS, "troth_participant_slots", "gauge", "Slots for prepares that a participant has.")     \
    X(SLOTS_USED, "troth_participant_slots_used", "gauge", "Slots that transactions hold.")        \
    X(QUEUED, "troth_participant_queued", "gauge", "Commands that wait to be sent.")               \
    X(IN_FLIGHT, "troth_participant_in_flight", "gauge", "Commands sent and not answered.")        \
    X(REACHABLE, "troth_participant_reachable", "gauge",                                           \
      "1: the last request to the participant was answered.")                                      \
    X(AGAIN, "troth_participant_retries_waiting", "gauge",                                         \
      "Commits and aborts that wait for their turn to be said again; see retry_rate.")             \
    X(CONNECTIONS, "troth_client_connections", "gauge", "Connections of clients.")                 \
    X(ANSWERS_BYTES, "troth_client_answers_bytes", "gauge",                                        \
      "Memory of answers that clients have not read; see answers_bytes_max.")                      \
    X(ANSWERS_CUT, "troth_client_answers_cut_total", "counter",                                    \
      "Connections closed because their clients did not read.")                                    \
    X(WATCHERS_BYTES, "troth_client_watchers_bytes", "gauge",                                      \
      "Memory of events that who follows has not read; see watchers_bytes_max.")                   \
    X(WATCHERS_DROPPED, "troth_client_watchers_dropped_total", "counter",                          \
      "Streams of events ended because their clients did not read.")                               \
    X(BODIES_BYTES, "troth_client_bodies_bytes", "gauge",                                          \
      "Memory of requests' bodies that are being received; see bodies_bytes_max.")                 \
    X(BODIES_REFUSED, "troth_client_bodies_refused_total", "counter",                              \
      "Requests refused because too much of others' bodies was being received.")                   \
    X(HANDSHAKES, "troth_client_handshakes", "gauge", "TLS handshakes of clients under way.")      \
    X(HANDSHAKES_FAILED, "troth_client_handshakes_failed_total", "counter",                        \
      "TLS handshakes of clients that came to nothing.")                                           \
    X(HANDSHAKES_CUT, "troth_client_handshakes_cut_total", "counter",                              \
      "Of those, the ones that were closed for others; see tls_handshakes_max.")                   \
    X(CERTIFICATE, "troth_certificate_ends_seconds", "gauge",                                      \
      "When the certificate of the client API ends, in seconds since 1970; 0: it has none.")       \
    X(LOG_DROPPED, "troth_log_lines_dropped_total", "counter",                                     \
      "Lines of diagnostics that found no room, because nobody read standard error.")              \
    X(CALLS, "troth_participant_calls_total", "counter",                                           \
      "Commands to a participant by what they ended with; unsent: nothing left this process.")     \
    X(STARTED, "process_start_time_seconds", "gauge",                                              \
      "When the process started, in seconds since 1970.")

enum family {
#define FAMILY_ENUM(family, name, type, help) FAMILY_##family,
    FAMILIES(FAMILY_ENUM)
#undef FAMILY_ENUM
        FAMILY_COUNT
};

static const struct {
    const char *name, *type, *help;
} families[FAMILY_COUNT] = {
#define FAMILY_ROW(family, name, type, help) {name, type, help},
    FAMILIES(FAMILY_ROW)
#undef FAMILY_ROW
};

static void begin(struct buffer *text, enum family family)
{
    buffer_append_format(text, "# HELP %s %s\n# TYPE %s %s\n", families[family].name,
                         families[family].help, families[family].name, families[family].type);
}

static void append_number(struct buffer *text, uint64_t value)
{
    buffer_append_char(text, ' ');
    buffer_append_uint(text, value);
    buffer_append_char(text, '\n');
}

/* A family of one sample. */
static void append(struct buffer *text, enum family family, uint64_t value)
{
    begin(text, family);
    buffer_append_text(text, families[family].name);
    append_number(text, value);
}

/* Names are made of letters, digits, "_" and "-": they need no escapes. */
static void append_labelled(struct buffer *text, enum family family, const char *label,
                            const char *word, uint64_t value)
{
    buffer_append_format(text, "%s{%s=\"%s\"}", families[family].name, label, word);
    append_number(text, value);
}

/* Which outcomes a mode can have: they are there from the start, with 0. */
static bool can_end(enum txn_mode mode, enum txn_outcome outcome)
{
    switch (outcome) {
    case TXN_OUTCOME_COMMITTED:
    case TXN_OUTCOME_MIXED:
        return true;
    case TXN_OUTCOME_ABORTED:
        return mode != TXN_MODE_SAGA;
    case TXN_OUTCOME_COMPENSATED:
        return mode != TXN_MODE_2PC;
    case TXN_OUTCOME_NONE:
    case TXN_OUTCOME_COUNT:
        break;
    }
    return false;
}

static bool can_fall_back(enum txn_cause cause)
{
    return cause == TXN_CAUSE_TIMEOUT || cause == TXN_CAUSE_UNREACHABLE ||
           cause == TXN_CAUSE_RESTARTED || cause == TXN_CAUSE_INPUT || cause == TXN_CAUSE_CONFLICT;
}

static void append_transactions(struct buffer *text, const struct metrics *metrics)
{
    begin(text, FAMILY_TRANSACTIONS);
    for (uint32_t mode = 0; mode < TXN_MODE_COUNT; mode++) {
        for (uint32_t outcome = 0; outcome < TXN_OUTCOME_COUNT; outcome++) {
            uint64_t value = metrics->transactions[mode][outcome];
            if (value == 0 && !can_end((enum txn_mode)mode, (enum txn_outcome)outcome))
                continue;
            buffer_append_format(
                text, "%s{mode=\"%s\",outcome=\"%s\"}", families[FAMILY_TRANSACTIONS].name,
                txn_mode_name((enum txn_mode)mode), txn_outcome_name((enum txn_outcome)outcome));
            append_number(text, value);
        }
    }
    append(text, FAMILY_MIXED, metrics->mixed);
    begin(text, FAMILY_FALLBACKS);
    for (uint32_t cause = 0; cause < TXN_CAUSE_COUNT; cause++) {
        if (metrics->fallbacks[cause] != 0 || can_fall_back((enum txn_cause)cause)) {
            append_labelled(text, FAMILY_FALLBACKS, "cause", txn_cause_name((enum txn_cause)cause),
                            metrics->fallbacks[cause]);
        }
    }
    append(text, FAMILY_COMPENSATIONS, metrics->compensations);
    append(text, FAMILY_PARKED_STEPS, metrics->parked_steps);
    append(text, FAMILY_RESUMED_STEPS, metrics->resumed_steps);
    begin(text, FAMILY_RESOLVED_STEPS);
    for (uint32_t word = TXN_WORD_COMMITTED; word < TXN_WORD_COUNT; word++)
        append_labelled(text, FAMILY_RESOLVED_STEPS, "as", txn_word_name((enum txn_word)word),
                        metrics->resolved_steps[word]);
    append(text, FAMILY_FORGOTTEN_STEPS, metrics->forgotten_steps);
}

static bool is_ordered(const struct definition_slot *slot)
{
    return slot->definition->prepare == DEFINITION_PREPARE_ORDERED ||
           (slot->definition->prepare == DEFINITION_PREPARE_LEARNT &&
            slot->learn.mode != LEARN_PARALLEL);
}

static void append_definition(struct buffer *text, enum family family,
                              const struct definition_slot *slot, uint64_t value)
{
    buffer_append_format(text, "%s{definition=\"%s\",version=\"%u\"}", families[family].name,
                         slot->definition->name, slot->definition->version);
    append_number(text, value);
}

/* A conflict is the business of its definition, of a participant, and of how prepares go. */
static void append_conflicts(struct buffer *text, const struct driver *driver)
{
    begin(text, FAMILY_CONFLICTS);
    for (uint32_t i = 0; i < driver->participants_count; i++) {
        const struct participant *participant = driver->participants[i];
        append_labelled(text, FAMILY_CONFLICTS, "participant", participant->name,
                        participant->conflicts);
    }
    begin(text, FAMILY_ATTEMPTS);
    append_labelled(text, FAMILY_ATTEMPTS, "order", "parallel", driver->metrics.attempts_parallel);
    append_labelled(text, FAMILY_ATTEMPTS, "order", "ordered", driver->metrics.attempts_ordered);
    begin(text, FAMILY_DEFINITION_CONFLICTS);
    for (uint32_t i = 0; i < driver->definitions_count; i++) {
        const struct definition_slot *slot = driver->definitions[i];
        append_definition(text, FAMILY_DEFINITION_CONFLICTS, slot, slot->learn.conflicts_total);
    }
    begin(text, FAMILY_DEFINITION_ORDERED);
    for (uint32_t i = 0; i < driver->definitions_count; i++) {
        const struct definition_slot *slot = driver->definitions[i];
        if (slot->definition->mode != DEFINITION_SAGA)
            append_definition(text, FAMILY_DEFINITION_ORDERED, slot, is_ordered(slot) ? 1 : 0);
    }
}

/* What is open, looked at anew each time: it cannot drift. */
struct open_summary {
    uint64_t parked;
    uint64_t oldest_us;       /* wall clock; UINT64_MAX: none */
    uint64_t oldest_doubt_us; /* the same */
};

static struct open_summary sum_up(const struct driver *driver)
{
    struct open_summary sum = {.oldest_us = UINT64_MAX, .oldest_doubt_us = UINT64_MAX};
    for (uint32_t shard = 0; shard < driver->shards_count; shard++) {
        const struct entry *entry = driver->shards[shard].oldest;
        for (; entry != NULL; entry = entry->newer) {
            uint64_t began_us = entry->origin.began_at.us;
            sum.parked += entry_is_parked(entry) ? 1 : 0;
            if (began_us < sum.oldest_us)
                sum.oldest_us = began_us;
            if (metrics_in_doubt(&entry->txn) && began_us < sum.oldest_doubt_us)
                sum.oldest_doubt_us = began_us;
        }
    }
    return sum;
}

uint64_t metrics_parked(const struct driver *driver)
{
    return sum_up(driver).parked;
}

/* A family of one sample, in seconds. */
static void append_seconds(struct buffer *text, enum family family, uint64_t us)
{
    begin(text, family);
    buffer_append_format(text, "%s %llu.%03llu\n", families[family].name,
                         (unsigned long long)(us / 1000000u),
                         (unsigned long long)(us / 1000u % 1000u));
}

/* The seconds since then. */
static void append_age(struct buffer *text, enum family family, uint64_t since_us)
{
    uint64_t now_us = driver_now().wall.us;
    append_seconds(text, family, since_us < now_us ? now_us - since_us : 0);
}

static void append_open(struct buffer *text, const struct driver *driver)
{
    struct open_summary sum = sum_up(driver);
    append(text, FAMILY_OPEN, driver->open);
    append(text, FAMILY_OPEN_BYTES, room_taken(driver));
    append(text, FAMILY_PARKED, sum.parked);
    append_age(text, FAMILY_OLDEST_OPEN, sum.oldest_us);
    append_age(text, FAMILY_OLDEST_DOUBT, sum.oldest_doubt_us);
}

static const char *const refusals[REFUSAL_COUNT] = {[REFUSAL_STOPPING] = "stopping",
                                                    [REFUSAL_SEATS] = "seats",
                                                    [REFUSAL_LINE] = "line",
                                                    [REFUSAL_BYTES] = "bytes",
                                                    [REFUSAL_OUTBOX] = "outbox",
                                                    [REFUSAL_JOURNAL_QUEUE] = "journal_queue",
                                                    [REFUSAL_JOURNAL_UNWRITABLE] =
                                                        "journal_unwritable"};

static void append_seats(struct buffer *text, const struct driver *driver)
{
    begin(text, FAMILY_SEATS);
    for (enum seat_kind kind = SEAT_SHARED; kind < SEAT_KINDS; kind++) {
        append_labelled(text, FAMILY_SEATS, "of", seats_kind_name(kind),
                        driver->admission.seats[kind]);
    }
    begin(text, FAMILY_SEATS_USED);
    for (enum seat_kind kind = SEAT_SHARED; kind < SEAT_KINDS; kind++) {
        append_labelled(text, FAMILY_SEATS_USED, "of", seats_kind_name(kind),
                        driver->admission.used[kind]);
    }
    begin(text, FAMILY_REFUSED);
    for (uint32_t why = 0; why < REFUSAL_COUNT; why++) {
        append_labelled(text, FAMILY_REFUSED, "reason", refusals[why],
                        driver->metrics.refused[why]);
    }
}

/* One sample a name: its first version tells it. */
static void append_definition_share(struct buffer *text, const struct driver *driver,
                                    enum family family)
{
    const struct owner *last = NULL;
    begin(text, family);
    for (uint32_t i = 0; i < driver->definitions_count; i++) {
        const struct owner *owner = driver->definitions[i]->family;
        if (owner != last) {
            append_labelled(text, family, "definition", owner->name,
                            family == FAMILY_DEFINITION_OPEN ? owner->share.open
                                                             : owner->share.refused);
        }
        last = owner;
    }
}

static void append_participant_share(struct buffer *text, const struct driver *driver,
                                     enum family family)
{
    begin(text, family);
    for (uint32_t i = 0; i < driver->participants_count; i++) {
        const struct share *share = &driver->participants[i]->share;
        append_labelled(text, family, "participant", driver->participants[i]->name,
                        family == FAMILY_PARTICIPANT_OPEN ? share->open : share->refused);
    }
}

static void append_shares(struct buffer *text, const struct driver *driver)
{
    append_seats(text, driver);
    append_definition_share(text, driver, FAMILY_DEFINITION_OPEN);
    append_definition_share(text, driver, FAMILY_DEFINITION_REFUSED);
    append_participant_share(text, driver, FAMILY_PARTICIPANT_OPEN);
    append_participant_share(text, driver, FAMILY_PARTICIPANT_REFUSED);
}

static void append_shards(struct buffer *text, const struct journal_stats *stats)
{
    append(text, FAMILY_SHARDS_LED, stats->shards_led);
    begin(text, FAMILY_HANDOVERS);
    append_labelled(text, FAMILY_HANDOVERS, "way", "given", stats->shards_given);
    append_labelled(text, FAMILY_HANDOVERS, "way", "got", stats->shards_got);
    append(text, FAMILY_TAKEOVERS, stats->shards_taken);
    append_seconds(text, FAMILY_TAKEOVER_SECONDS, stats->shards_taken_us);
    append(text, FAMILY_SHARDS_LOST, stats->shards_lost);
}

static void append_journal(struct buffer *text, const struct driver *driver)
{
    struct journal_stats stats = {0};
    if (driver->journal != NULL)
        journal_stats(driver->journal, &stats);
    append(text, FAMILY_LEADING, driver_serving(driver) && stats.shards_led > 0 ? 1 : 0);
    append_shards(text, &stats);
    append(text, FAMILY_JOURNAL_CONNECTED, stats.connected ? 1 : 0);
    append(text, FAMILY_JOURNAL_WRITABLE, stats.writable ? 1 : 0);
    append(text, FAMILY_JOURNAL_WROTE, stats.wrote_at.us / 1000000u);
    append(text, FAMILY_JOURNAL_GATHERED, stats.gathered);
    append(text, FAMILY_JOURNAL_GATHERED_BYTES, stats.gathered_bytes);
    append(text, FAMILY_JOURNAL_ROWS, stats.rows);
    append(text, FAMILY_JOURNAL_BATCHES, stats.batches);
    append(text, FAMILY_JOURNAL_UNKNOWN, stats.unknown_commits);
    append(text, FAMILY_JOURNAL_FORGOTTEN, stats.forgotten);
    append(text, FAMILY_JOURNAL_LOST, stats.lost_shards);
    append_seconds(text, FAMILY_CLOCK, (uint64_t)llabs(clock_ahead_us()));
}

/* Nothing where nothing is sent to Kafka from here: a 0 would look like one that is down. */
static void append_outbox(struct buffer *text, const struct driver *driver)
{
    struct outbox_stats stats = {0};
    if (driver->outbox_mode != CONFIG_OUTBOX_KAFKA)
        return;
    if (driver->outbox != NULL)
        outbox_stats(driver->outbox, &stats);
    append(text, FAMILY_OUTBOX_WAITING, stats.waiting);
    append_age(text, FAMILY_OLDEST_EVENT, stats.oldest.us != 0 ? stats.oldest.us : UINT64_MAX);
    append(text, FAMILY_OUTBOX_CONFIRMED, stats.confirmed);
    append(text, FAMILY_OUTBOX_SET_ASIDE, stats.set_aside);
    append(text, FAMILY_KAFKA, stats.reachable ? 1 : 0);
}

/* --- participants ---------------------------------------------------------------------------- */

static uint64_t value_of(const struct participant *participant, const struct channel_stats *stats,
                         enum family family)
{
    switch ((int)family) {
    case FAMILY_SLOTS:
        return stats->slots;
    case FAMILY_SLOTS_USED:
        return stats->slots_used;
    case FAMILY_QUEUED:
        return stats->queued;
    case FAMILY_IN_FLIGHT:
        return stats->in_flight;
    case FAMILY_REACHABLE:
        return stats->reachable ? 1 : 0;
    case FAMILY_AGAIN:
        return participant->again.waiting;
    }
    assert(false);
    return 0;
}

static void append_participants(struct buffer *text, const struct driver *driver)
{
    static const enum family shown[] = {FAMILY_SLOTS,     FAMILY_SLOTS_USED, FAMILY_QUEUED,
                                        FAMILY_IN_FLIGHT, FAMILY_REACHABLE,  FAMILY_AGAIN};
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        begin(text, shown[i]);
        for (uint32_t k = 0; k < driver->participants_count; k++) {
            const struct participant *participant = driver->participants[k];
            struct channel_stats stats;
            channel_stats(participant->channel, &stats);
            append_labelled(text, shown[i], "participant", participant->name,
                            value_of(participant, &stats, shown[i]));
        }
    }
}

static void append_call(struct buffer *text, const char *participant, const char *result,
                        uint64_t value)
{
    if (value > 0) {
        buffer_append_format(text, "%s{participant=\"%s\",result=\"%s\"}",
                             families[FAMILY_CALLS].name, participant, result);
        append_number(text, value);
    }
}

static void append_calls(struct buffer *text, const struct driver *driver)
{
    begin(text, FAMILY_CALLS);
    for (uint32_t i = 0; i < driver->participants_count; i++) {
        const struct participant *participant = driver->participants[i];
        struct channel_stats stats;
        channel_stats(participant->channel, &stats);
        for (uint32_t result = 0; result < RESULT_COUNT; result++) {
            uint64_t unsent = result == RESULT_UNKNOWN ? stats.unsent : 0;
            append_call(text, participant->name, message_result_name((enum message_result)result),
                        stats.results[result] - unsent);
        }
        append_call(text, participant->name, "unsent", stats.unsent);
    }
}

static void append_clients(struct buffer *text, const struct driver *driver)
{
    struct http_server_stats stats = {0};
    if (driver->server != NULL)
        http_server_stats(driver->server, &stats);
    append(text, FAMILY_CONNECTIONS, stats.connections);
    append(text, FAMILY_ANSWERS_BYTES, stats.replies_bytes);
    append(text, FAMILY_ANSWERS_CUT, stats.cut_replies);
    append(text, FAMILY_WATCHERS_BYTES, stats.streams_bytes);
    append(text, FAMILY_WATCHERS_DROPPED, stats.cut_streams);
    append(text, FAMILY_BODIES_BYTES, stats.bodies_bytes);
    append(text, FAMILY_BODIES_REFUSED, stats.refused_bodies);
    append(text, FAMILY_HANDSHAKES, stats.handshakes);
    append(text, FAMILY_HANDSHAKES_FAILED, stats.handshakes_failed);
    append(text, FAMILY_HANDSHAKES_CUT, stats.handshakes_cut);
    append(text, FAMILY_CERTIFICATE, (uint64_t)stats.certificate_ends_s);
}

void metrics_host(void *ctx, struct buffer *ret_text)
{
    const struct driver *driver = ctx;
    uint64_t started = driver->metrics.started_at.us;
    append_transactions(ret_text, &driver->metrics);
    append_conflicts(ret_text, driver);
    append_open(ret_text, driver);
    append_shares(ret_text, driver);
    append_journal(ret_text, driver);
    append_outbox(ret_text, driver);
    append_participants(ret_text, driver);
    append_clients(ret_text, driver);
    append(ret_text, FAMILY_LOG_DROPPED, log_dropped());
    append_calls(ret_text, driver);
    begin(ret_text, FAMILY_STARTED);
    buffer_append_format(ret_text, "%s %llu.%06llu\n", families[FAMILY_STARTED].name,
                         (unsigned long long)(started / 1000000u),
                         (unsigned long long)(started % 1000000u));
}
