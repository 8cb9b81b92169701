/* A scripted host: it notes what it was asked, and answers as the test says. */
#include "fake_host.h"
#include "fake_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void keep(char *ret_text, size_t cap, struct troth_span span)
{
    assert(span.len < cap);
    if (span.len > 0)
        memcpy(ret_text, span.data, span.len);
    ret_text[span.len] = '\0';
}

void fake_keep(char *ret_text, size_t cap, const char *text)
{
    keep(ret_text, cap, (struct troth_span){text, text != NULL ? strlen(text) : 0});
}

void fake_note(struct fake_host *fake, const char *call)
{
    fake->asked.call = call;
    fake->asked.calls++;
}

bool fake_holds(const struct fake_host *fake)
{
    return fake->view_fn != NULL || fake->list_fn != NULL || fake->answer_fn != NULL ||
           fake->done_fn != NULL;
}

/* --- answering -------------------------------------------------------------------------------- */

static void list_all(struct fake_host *fake, api_list_fn fn, void *arg)
{
    troth_gtid first = fake->origin.gtid;
    fake->given = 0;
    do
        fake->origin.gtid.bytes[15] = (uint8_t)++fake->given;
    while (fn(arg, NULL, &fake->view) && fake->given < fake->listed);
    fake->origin.gtid = first;
}

void fake_release(struct fake_host *fake)
{
    api_view_fn view_fn = fake->view_fn;
    api_list_fn list_fn = fake->list_fn;
    api_answer_fn answer_fn = fake->answer_fn;
    api_done_fn done_fn = fake->done_fn;
    void *arg = fake->arg;
    assert(fake_holds(fake));
    fake->arg = NULL;
    fake->view_fn = NULL;
    fake->list_fn = NULL;
    fake->answer_fn = NULL;
    fake->done_fn = NULL;
    if (done_fn != NULL && fake->problem == NULL)
        fake->then(fake);
    definition_destroy(fake->taken);
    fake->taken = NULL;
    if (list_fn != NULL && fake->problem == NULL && fake->listed > 0)
        list_all(fake, list_fn, arg);
    if (list_fn != NULL)
        (void)list_fn(arg, fake->problem, NULL);
    if (view_fn != NULL)
        view_fn(arg, fake->problem, fake->problem == NULL ? &fake->view : NULL, !fake->replayed);
    if (answer_fn != NULL)
        answer_fn(arg, fake->problem, fake->problem == NULL ? &fake->answer : NULL);
    if (done_fn != NULL)
        done_fn(arg, fake->problem);
}

static void answer(struct fake_host *fake, void *arg)
{
    assert(fake->arg == NULL); /* one at a time */
    fake->arg = arg;
    if (!fake->hold)
        fake_release(fake);
}

static void answer_view(struct fake_host *fake, api_view_fn fn, void *arg)
{
    fake->view_fn = fn;
    answer(fake, arg);
}

void fake_answer_done(struct fake_host *fake, void (*then)(struct fake_host *), api_done_fn fn,
                      void *arg)
{
    fake->then = then;
    fake->done_fn = fn;
    answer(fake, arg);
}

/* --- transactions ----------------------------------------------------------------------------- */

static void fake_submit(void *ctx, const struct api_submit *submit, api_view_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    struct fake_asked *asked = &fake->asked;
    fake_note(fake, "submit");
    asked->submit = *submit;
    fake_keep(asked->definition, sizeof asked->definition,
              submit->definition != NULL ? submit->definition->name : NULL);
    keep(asked->input, sizeof asked->input, submit->input);
    keep(asked->labels, sizeof asked->labels, submit->labels);
    keep(asked->key, sizeof asked->key, submit->idempotency_key);
    keep(asked->traceparent, sizeof asked->traceparent, submit->traceparent);
    fake->origin.interactive = submit->definition == NULL;
    answer_view(fake, fn, arg);
}

static void fake_enlist(void *ctx, const troth_gtid *gtid, const struct api_enlist *enlist,
                        api_view_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    fake_note(fake, "enlist");
    fake->asked.gtid = *gtid;
    fake->asked.enlist = *enlist;
    fake_keep(fake->asked.participant, sizeof fake->asked.participant, enlist->participant);
    fake_keep(fake->asked.operation, sizeof fake->asked.operation, enlist->operation);
    answer_view(fake, fn, arg);
}

static void fake_commit(void *ctx, const troth_gtid *gtid, const uint32_t *branches, uint32_t count,
                        enum api_reply reply, uint64_t wait_us, api_view_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    fake_note(fake, "commit");
    fake->asked.gtid = *gtid;
    fake->asked.count = count;
    memcpy(fake->asked.branches, branches, count * sizeof *branches);
    fake->asked.reply = reply;
    fake->asked.wait_us = wait_us;
    answer_view(fake, fn, arg);
}

static void fake_abort(void *ctx, const troth_gtid *gtid, uint64_t wait_us, api_view_fn fn,
                       void *arg)
{
    (void)wait_us;
    struct fake_host *fake = ctx;
    fake_note(fake, "abort");
    fake->asked.gtid = *gtid;
    answer_view(fake, fn, arg);
}

static void fake_retry(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    fake_note(fake, "retry");
    fake->asked.gtid = *gtid;
    answer_view(fake, fn, arg);
}

static void note_word(struct fake_host *fake, const char *call, const troth_gtid *gtid,
                      const struct api_word *word)
{
    fake_note(fake, call);
    fake->asked.gtid = *gtid;
    fake->asked.branch = word->branch;
    fake->asked.word = word->as;
    fake->asked.force = word->force;
    (void)snprintf(fake->asked.by, sizeof fake->asked.by, "%.*s", (int)word->by.len, word->by.data);
    (void)snprintf(fake->asked.reason, sizeof fake->asked.reason, "%.*s", (int)word->reason.len,
                   word->reason.data);
}

static void fake_resolve(void *ctx, const troth_gtid *gtid, const struct api_word *word,
                         api_view_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    note_word(fake, "resolve", gtid, word);
    answer_view(fake, fn, arg);
}

static void fake_forget(void *ctx, const troth_gtid *gtid, const struct api_word *word,
                        api_view_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    note_word(fake, "forget", gtid, word);
    answer_view(fake, fn, arg);
}

static void fake_get(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    fake_note(fake, "get");
    fake->asked.gtid = *gtid;
    answer_view(fake, fn, arg);
}

static void fake_list(void *ctx, const struct api_list *list, api_list_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    struct fake_asked *asked = &fake->asked;
    fake_note(fake, "list");
    asked->list = *list;
    fake_keep(asked->state, sizeof asked->state, list->state);
    fake_keep(asked->outcome, sizeof asked->outcome, list->outcome);
    fake_keep(asked->definition, sizeof asked->definition, list->definition);
    fake_keep(asked->participant, sizeof asked->participant, list->participant);
    fake->list_fn = fn;
    answer(fake, arg);
}

static void fake_inquire(void *ctx, const troth_gtid *gtid, uint32_t branch, uint32_t attempt,
                         struct troth_span journal, api_answer_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    fake_note(fake, "inquire");
    fake->asked.gtid = *gtid;
    fake->asked.branch = branch;
    fake->asked.attempt = attempt;
    keep(fake->asked.journal, sizeof fake->asked.journal, journal);
    fake->answer_fn = fn;
    answer(fake, arg);
}

/* --- progress --------------------------------------------------------------------------------- */

static void tell(struct fake_host *fake, uint32_t from, const struct api_problem *problem,
                 const struct api_progress *progress)
{
    bool last = problem != NULL || progress->kind == API_PROGRESS_ENDED;
    uint32_t count = fake->watches_count;
    if (last)
        fake->watches_count = from;
    for (uint32_t i = from; i < count; i++)
        fake->watches[i].fn(fake->watches[i].arg, problem, progress);
}

static struct api_progress progress_of(struct fake_host *fake, enum api_progress_kind kind)
{
    return (struct api_progress){.kind = kind, .view = &fake->view};
}

void fake_progress(struct fake_host *fake, enum api_progress_kind kind, const char *moment)
{
    struct api_progress progress = progress_of(fake, kind);
    if (moment != NULL)
        progress.moment = (struct troth_span){moment, strlen(moment)};
    tell(fake, 0, NULL, &progress);
}

void fake_progress_fails(struct fake_host *fake, const struct api_problem *problem)
{
    tell(fake, 0, problem, NULL);
}

/* Held: nothing is said yet. Else the state, and the last word when the transaction has ended. */
static void fake_watch(void *ctx, const troth_gtid *gtid, api_progress_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    uint32_t at = fake->watches_count++;
    bool ended = fake->view.ended_at.us != 0;
    struct api_progress progress =
        progress_of(fake, ended ? API_PROGRESS_ENDED : API_PROGRESS_STATE);
    fake_note(fake, "watch");
    fake->asked.gtid = *gtid;
    assert(at < FAKE_WATCHES);
    fake->watches[at] = (struct fake_watch){.fn = fn, .arg = arg};
    if (!fake->hold)
        tell(fake, at, fake->problem, &progress);
}

static void fake_unwatch(void *ctx, void *arg)
{
    struct fake_host *fake = ctx;
    uint32_t at = 0;
    fake_note(fake, "unwatch");
    while (at < fake->watches_count && fake->watches[at].arg != arg)
        at++;
    assert(at < fake->watches_count);
    fake->watches[at] = fake->watches[--fake->watches_count];
}

/* --- events ----------------------------------------------------------------------------------- */

/* One event is set aside, while there is one. */
static const uint8_t event_id[API_EVENT_ID_BYTES] = {
    0x5d, 0x0f, 0x4e, 0x2a, 0x5a, 0x51, 0x8c, 0x1b, 0x9d, 0x3b, 0x2f, 0x6f, 0x2c, 0x1a, 0x7e, 0x10};

static struct api_event fake_event(const struct fake_host *fake)
{
    return (struct api_event){.id = event_id,
                              .gtid = fake->origin.gtid,
                              .topic = "outcomes",
                              .reason = "too \"large\"",
                              .key = {"order-1", 7},
                              .bytes = 1200345,
                              .made_at = {UINT64_C(1795246489200001)}};
}

static uint32_t fake_events(void *ctx, uint32_t limit, api_event_fn fn, void *arg)
{
    const struct fake_host *fake = ctx;
    struct api_event event = fake_event(fake);
    for (uint32_t i = 0; i < fake->events_count && i < limit; i++)
        fn(arg, NULL, &event);
    return fake->events_count;
}

static const struct api_problem *no_event(struct fake_host *fake, const uint8_t *id,
                                          struct api_problem *problem)
{
    if (fake->problem != NULL)
        return fake->problem;
    if (fake->events_count > 0 && memcmp(id, event_id, sizeof event_id) == 0)
        return NULL;
    api_problem_set(problem, API_PROBLEM_NO_SUCH_EVENT, "no event of that id");
    return problem;
}

static void fake_event_get(void *ctx, const uint8_t *id, api_event_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    struct api_problem problem;
    struct api_event event = fake_event(fake);
    const struct api_problem *refused = no_event(fake, id, &problem);
    event.type = (struct troth_span){"t", 1};
    event.headers = (struct troth_span){"{\"ce_id\":\"x\"}", 13};
    event.payload = (struct troth_span){"{\"amount\":0.10}", 15};
    fn(arg, refused, refused == NULL ? &event : NULL);
}

static void fake_event_resend(void *ctx, const uint8_t *id, api_done_fn fn, void *arg)
{
    struct api_problem problem;
    fake_note(ctx, "event_resend");
    fn(arg, no_event(ctx, id, &problem));
}

static void fake_event_discard(void *ctx, const uint8_t *id, api_done_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    struct api_problem problem;
    const struct api_problem *refused = no_event(fake, id, &problem);
    fake_note(fake, "event_discard");
    if (refused == NULL)
        fake->events_count--;
    fn(arg, refused);
}

static bool fake_serving(void *ctx)
{
    return !((struct fake_host *)ctx)->loading;
}

static bool fake_ready(void *ctx, struct buffer *ret_details)
{
    const struct fake_host *fake = ctx;
    buffer_append_format(ret_details, "{\"ready\":%s,\"journal\":{\"connected\":true}}",
                         fake->ready ? "true" : "false");
    return fake->ready;
}

static void fake_node_list(void *ctx, struct buffer *ret_list)
{
    const struct fake_host *fake = ctx;
    buffer_append_format(ret_list,
                         "{\"nodes\":[{\"name\":\"a\",\"address\":\"http://127.0.0.1:7800\","
                         "\"version\":\"0.1.0\",\"schema\":9,"
                         "\"started_at\":\"2026-11-21T05:34:49.112000Z\","
                         "\"seen_at\":\"2026-11-21T05:34:50.112000Z\",\"self\":true,"
                         "\"live\":true,\"leaving\":false,\"shards\":[%s]}],\"shards\":1,"
                         "\"free\":[%s]}",
                         fake->loading ? "" : "0", fake->loading ? "0" : "");
}

static void fake_metrics(void *ctx, struct buffer *ret_text)
{
    const struct fake_host *fake = ctx;
    buffer_append_format(ret_text, "# TYPE troth_leading gauge\ntroth_leading %d\n",
                         fake->loading ? 0 : 1);
}

/* --- making ----------------------------------------------------------------------------------- */

#define SPAN(text) ((struct troth_span){text, sizeof(text) - 1})

static void fill_view(struct fake_host *fake)
{
    fake->origin = (struct txn_origin){
        .mode = TXN_MODE_2PC,
        .definition = SPAN("transfer"),
        .definition_version = 2,
        .labels = SPAN("{\"tenant\":\"acme\"}"),
        .began_at = {UINT64_C(1795239289112000)},
    };
    int error = troth_gtid_parse(FAKE_GTID, TROTH_GTID_TEXT_LEN, &fake->origin.gtid);
    assert(error == 0);
    fake->view = (struct api_view){
        .origin = &fake->origin,
        .attempt = 1,
        .state = "ended",
        .outcome = TXN_OUTCOME_COMMITTED,
        .ended_at = {UINT64_C(1795239289131000)},
        .steps = SPAN("[{\"branch\":1,\"name\":\"debit\",\"participant\":\"bank_a\","
                      "\"operation\":\"debit\",\"state\":\"committed\",\"tries\":1,"
                      "\"output\":{\"balance\":9007199254740993, \"rate\":0.10,\"huge\":1e400}}]"),
        .failure = SPAN("null"),
        .history = SPAN("[{\"at\":\"+0s\",\"moment\":\"began\"}]"),
    };
    fake->answer = (struct api_answer){.decision = "committed", .epoch = 3};
}

void fake_init(struct fake_host *fake)
{
    *fake = (struct fake_host){.ready = true, .events_count = 1};
    fake->host = (struct api_host){
        .ctx = fake,
        .submit = fake_submit,
        .enlist = fake_enlist,
        .commit = fake_commit,
        .abort = fake_abort,
        .retry = fake_retry,
        .resolve = fake_resolve,
        .forget = fake_forget,
        .get = fake_get,
        .list = fake_list,
        .inquire = fake_inquire,
        .watch = fake_watch,
        .unwatch = fake_unwatch,
        .events = fake_events,
        .event_get = fake_event_get,
        .event_resend = fake_event_resend,
        .event_discard = fake_event_discard,
        .serving = fake_serving,
        .ready = fake_ready,
        .nodes = fake_node_list,
        .metrics = fake_metrics,
    };
    fake_registry(&fake->host);
    fake_nodes(fake);
    fill_view(fake);
    fake_add_definition(fake, "transfer", 1);
    fake_add_definition(fake, "transfer", 2);
    fake_add_participant(fake, "bank_a");
    fake_add_participant(fake, "bank_b");
}

void fake_finish(struct fake_host *fake)
{
    for (uint32_t i = 0; i < fake->definitions_count; i++)
        definition_destroy(fake->definitions[i]);
    definition_destroy(fake->taken);
}
