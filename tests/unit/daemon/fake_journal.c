/* The journal as a test plays it (rig.h): it takes what it is asked, and answers when it is told
 * to.
 */
#include <stdlib.h>
#include <string.h>

#include "rig.h"

struct journal {
    char nothing;
};

char *rig_copy(struct troth_span span)
{
    char *text = malloc(span.len + 1);
    ck_assert_ptr_nonnull(text);
    if (span.len > 0)
        memcpy(text, span.data, span.len);
    text[span.len] = '\0';
    return text;
}

static void *grown(void *list, uint32_t count, size_t size)
{
    void *more = realloc(list, (count + 1) * size);
    ck_assert_ptr_nonnull(more);
    return more;
}

struct rig_question *rig_question(enum rig_question_kind kind, void *arg)
{
    rig.questions = grown(rig.questions, rig.questions_count, sizeof *rig.questions);
    struct rig_question *question = &rig.questions[rig.questions_count++];
    *question = (struct rig_question){.kind = kind, .arg = arg};
    return question;
}

void rig_journal_finish(void)
{
    for (uint32_t i = 0; i < rig.writes_count; i++) {
        struct rig_write *write = &rig.writes[i];
        char *const texts[] = {write->members, write->step,     write->steps,
                               write->failure, write->fallback, write->history};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            free(texts[k]);
    }
    for (uint32_t i = 0; i < rig.questions_count; i++)
        free(rig.questions[i].text);
    free(rig.writes);
    free(rig.questions);
    free(rig.journal);
}

/* --- its state -------------------------------------------------------------------------------- */

enum journal_state journal_state(const struct journal *journal)
{
    (void)journal;
    return rig.leads ? JOURNAL_LEADING : JOURNAL_CONNECTING;
}

const char *journal_trouble(const struct journal *journal)
{
    (void)journal;
    return rig.writable ? "" : "the test's disk is full";
}

const char *journal_words(const struct journal *journal)
{
    return journal_trouble(journal);
}

bool journal_leads(const struct journal *journal)
{
    (void)journal;
    return rig.leads;
}

const char *journal_id(const struct journal *journal)
{
    (void)journal;
    return "a26eec2ac19cdf1c";
}

uint32_t journal_shards(const struct journal *journal)
{
    (void)journal;
    return RIG_SHARDS;
}

void journal_give(struct journal *journal, uint32_t shard)
{
    (void)journal;
    rig.given |= UINT32_C(1) << shard;
}

size_t journal_nodes(const struct journal *journal, const struct journal_node **ret_nodes)
{
    (void)journal;
    *ret_nodes = NULL;
    return 0;
}

void journal_look(struct journal *journal)
{
    (void)journal;
}

const struct journal_node *journal_holder(const struct journal *journal, uint32_t shard)
{
    (void)journal;
    (void)shard;
    return NULL;
}

void journal_epoch_seen(struct journal *journal, uint32_t shard, uint32_t epoch)
{
    (void)journal;
    (void)shard;
    (void)epoch;
}

uint32_t journal_epoch(const struct journal *journal, uint32_t shard)
{
    (void)journal;
    (void)shard;
    return rig.epoch;
}

void journal_stats(const struct journal *journal, struct journal_stats *ret_stats)
{
    (void)journal;
    *ret_stats = (struct journal_stats){.gathered = rig_waiting(),
                                        .shards_led = rig.leads ? RIG_SHARDS : 0,
                                        .connected = true,
                                        .writable = rig.writable};
}

static void hang_up_on(struct rig_question question)
{
    switch (question.kind) {
    case RIG_GET:
        question.fn.row(question.arg, TROTH_ERROR_UNAVAILABLE, NULL);
        break;
    case RIG_INQUIRE:
        question.fn.inquiry(question.arg, TROTH_ERROR_UNAVAILABLE, NULL);
        break;
    case RIG_KEY:
        question.fn.key(question.arg, TROTH_ERROR_UNAVAILABLE, NULL, (struct troth_span){NULL, 0});
        break;
    case RIG_LIST:
        (void)question.fn.list(question.arg, TROTH_ERROR_UNAVAILABLE, NULL);
        break;
    case RIG_LOAD:
        question.fn.entry(question.arg, TROTH_ERROR_UNAVAILABLE, NULL);
        break;
    case RIG_PUT:
    case RIG_DELETE:
    case RIG_FORGET:
        question.fn.entry(question.arg, TROTH_ERROR_LOST, NULL);
        break;
    }
}

/* Also those that are asked from inside. */
void journal_hang_up(struct journal *journal)
{
    (void)journal;
    for (uint32_t i = 0; i < rig.questions_count; i++) {
        if (!rig.questions[i].answered) {
            rig.questions[i].answered = true;
            hang_up_on(rig.questions[i]);
        }
    }
}

/* --- writes ----------------------------------------------------------------------------------- */

int journal_append(struct journal *journal, const struct txn_record *record,
                   const struct record_outbox_row *row)
{
    (void)journal;
    ck_assert((row != NULL) == record->publishes);
    if (rig.append_error != 0)
        return rig.append_error;
    rig.writes = grown(rig.writes, rig.writes_count, sizeof *rig.writes);
    rig.writes[rig.writes_count++] = (struct rig_write){.kind = record->kind,
                                                        .epoch = record->epoch,
                                                        .handed = record->handed,
                                                        .gtid = record->origin->gtid,
                                                        .attempt = record->attempt,
                                                        .decision = record->decision,
                                                        .outcome = record->outcome,
                                                        .forced = record->forced,
                                                        .publishes = record->publishes,
                                                        .members = rig_copy(record->members),
                                                        .step = rig_copy(record->step),
                                                        .steps = rig_copy(record->steps),
                                                        .failure = rig_copy(record->failure),
                                                        .fallback = rig_copy(record->fallback),
                                                        .history = rig_copy(record->history)};
    return 0;
}

uint64_t journal_outbox_seq(struct journal *journal, uint32_t shard)
{
    static uint64_t seq;
    (void)journal;
    (void)shard;
    return ++seq;
}

void journal_outbox_delete(struct journal *journal, const troth_gtid *gtid,
                           const uint8_t id[RECORD_OUTBOX_ID_BYTES])
{
    (void)journal;
    (void)gtid;
    (void)id;
}

void journal_flush(struct journal *journal)
{
    (void)journal;
    rig.flushes++;
}

/* --- questions -------------------------------------------------------------------------------- */

void journal_get(struct journal *journal, const troth_gtid *gtid, journal_row_fn fn, void *arg)
{
    (void)journal;
    struct rig_question *question = rig_question(RIG_GET, arg);
    question->fn.row = fn;
    question->gtid = *gtid;
}

void journal_inquire(struct journal *journal, const troth_gtid *gtid, uint32_t attempt,
                     journal_inquiry_fn fn, void *arg)
{
    (void)journal;
    struct rig_question *question = rig_question(RIG_INQUIRE, arg);
    question->fn.inquiry = fn;
    question->gtid = *gtid;
    question->attempt = attempt;
}

void journal_key_find(struct journal *journal, uint32_t shard, struct troth_span key,
                      journal_key_fn fn, void *arg)
{
    (void)journal;
    (void)shard;
    struct rig_question *question = rig_question(RIG_KEY, arg);
    question->fn.key = fn;
    question->text = rig_copy(key);
}

void journal_list(struct journal *journal, const struct journal_filter *filter, journal_list_fn fn,
                  void *arg)
{
    (void)journal;
    struct rig_question *question = rig_question(RIG_LIST, arg);
    question->fn.list = fn;
    question->filter = *filter;
}

void journal_events(struct journal *journal, const struct journal_place *behind,
                    journal_event_fn fn, void *arg)
{
    (void)journal;
    (void)behind;
    (void)fn;
    (void)arg;
    ck_abort_msg("no test reads events: there is no Kafka here");
}

void journal_event_get(struct journal *journal, const troth_gtid *gtid,
                       const uint8_t id[RECORD_OUTBOX_ID_BYTES], journal_event_fn fn, void *arg)
{
    (void)gtid;
    (void)id;
    journal_events(journal, NULL, fn, arg);
}

void journal_event_discard(struct journal *journal, const troth_gtid *gtid,
                           const uint8_t id[RECORD_OUTBOX_ID_BYTES], journal_event_fn fn, void *arg)
{
    journal_event_get(journal, gtid, id, fn, arg);
}

/* --- the registry ----------------------------------------------------------------------------- */

static void ask_registry(enum rig_question_kind kind, struct troth_span name, uint32_t version,
                         journal_entry_fn fn, void *arg)
{
    struct rig_question *question = rig_question(kind, arg);
    question->fn.entry = fn;
    question->text = rig_copy(name);
    question->version = version;
}

void journal_registry_load(struct journal *journal, journal_entry_fn fn, void *arg)
{
    (void)journal;
    ask_registry(RIG_LOAD, (struct troth_span){NULL, 0}, 0, fn, arg);
}

/* Nobody else changes it. */
void journal_registry_look(struct journal *journal, journal_changed_fn fn, void *arg)
{
    (void)journal;
    (void)fn;
    (void)arg;
}

void journal_registry_put(struct journal *journal, const struct journal_entry *entry,
                          journal_entry_fn fn, void *arg)
{
    (void)journal;
    ask_registry(RIG_PUT, entry->name, entry->version, fn, arg);
}

void journal_registry_delete(struct journal *journal, enum journal_registry what,
                             struct troth_span name, uint32_t version, journal_entry_fn fn,
                             void *arg)
{
    (void)journal;
    (void)what;
    ask_registry(RIG_DELETE, name, version, fn, arg);
}

void journal_api_key_used(struct journal *journal, struct troth_span name)
{
    (void)journal;
    (void)name;
}

void journal_definition_forget(struct journal *journal, struct troth_span name, uint32_t version,
                               journal_entry_fn fn, void *arg)
{
    (void)journal;
    ask_registry(RIG_FORGET, name, version, fn, arg);
}
