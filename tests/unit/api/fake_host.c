/* A scripted host: it notes what it was asked, and answers as the test says. */
#include "fake_host.h"

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

static void keep_text(char *ret_text, size_t cap, const char *text)
{
    keep(ret_text, cap, (struct troth_span){text, text != NULL ? strlen(text) : 0});
}

static void note(struct fake_host *fake, const char *call)
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

static void answer_done(struct fake_host *fake, void (*then)(struct fake_host *), api_done_fn fn,
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
    note(fake, "submit");
    asked->submit = *submit;
    keep_text(asked->definition, sizeof asked->definition,
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
    note(fake, "enlist");
    fake->asked.gtid = *gtid;
    fake->asked.enlist = *enlist;
    keep_text(fake->asked.participant, sizeof fake->asked.participant, enlist->participant);
    keep_text(fake->asked.operation, sizeof fake->asked.operation, enlist->operation);
    answer_view(fake, fn, arg);
}

static void fake_commit(void *ctx, const troth_gtid *gtid, const uint32_t *branches, uint32_t count,
                        enum api_reply reply, uint64_t wait_us, api_view_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    note(fake, "commit");
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
    note(fake, "abort");
    fake->asked.gtid = *gtid;
    answer_view(fake, fn, arg);
}

static void fake_retry(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    note(fake, "retry");
    fake->asked.gtid = *gtid;
    answer_view(fake, fn, arg);
}

static void fake_get(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    note(fake, "get");
    fake->asked.gtid = *gtid;
    answer_view(fake, fn, arg);
}

static void fake_list(void *ctx, const struct api_list *list, api_list_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    struct fake_asked *asked = &fake->asked;
    note(fake, "list");
    asked->list = *list;
    keep_text(asked->state, sizeof asked->state, list->state);
    keep_text(asked->outcome, sizeof asked->outcome, list->outcome);
    keep_text(asked->definition, sizeof asked->definition, list->definition);
    keep_text(asked->participant, sizeof asked->participant, list->participant);
    fake->list_fn = fn;
    answer(fake, arg);
}

static void fake_inquire(void *ctx, const troth_gtid *gtid, uint32_t branch, uint32_t attempt,
                         struct troth_span journal, api_answer_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    note(fake, "inquire");
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
    note(fake, "watch");
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
    note(fake, "unwatch");
    while (at < fake->watches_count && fake->watches[at].arg != arg)
        at++;
    assert(at < fake->watches_count);
    fake->watches[at] = fake->watches[--fake->watches_count];
}

/* --- definitions ------------------------------------------------------------------------------ */

static const struct definition *fake_definition(void *ctx, const char *name, uint32_t version)
{
    const struct fake_host *fake = ctx;
    const struct definition *found = NULL;
    for (uint32_t i = 0; i < fake->definitions_count; i++) {
        const struct definition *definition = fake->definitions[i];
        if (strcmp(definition->name, name) == 0 && (version == 0 || definition->version == version))
            found = definition;
    }
    return found;
}

static const struct definition *fake_definition_at(void *ctx, uint32_t i)
{
    const struct fake_host *fake = ctx;
    return i < fake->definitions_count ? fake->definitions[i] : NULL;
}

static void fake_definition_status(void *ctx, const struct definition *definition,
                                   struct buffer *ret_members)
{
    (void)ctx;
    (void)definition;
    buffer_append_text(ret_members,
                       "\"prepare\":{\"order\":\"ordered\",\"learnt\":true,\"conflicts\":7,"
                       "\"parallel\":90,\"ordered\":4,\"last\":\"bank_a\"},"
                       "\"open_transactions\":5,\"seats\":{\"own\":40,\"own_used\":1,"
                       "\"refused\":2}");
}

static bool is_before(const struct definition *a, const struct definition *b)
{
    int order = strcmp(a->name, b->name);
    return order < 0 || (order == 0 && a->version < b->version);
}

static void insert(struct fake_host *fake)
{
    uint32_t at = fake->definitions_count++;
    assert(at < FAKE_SLOTS);
    for (; at > 0 && is_before(fake->taken, fake->definitions[at - 1]); at--)
        fake->definitions[at] = fake->definitions[at - 1];
    fake->definitions[at] = fake->taken;
    fake->taken = NULL;
}

static void fake_definition_put(void *ctx, struct definition *taken, api_done_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    note(fake, "definition_put");
    fake->taken = taken;
    answer_done(fake, insert, fn, arg);
}

static void delete_definition(struct fake_host *fake)
{
    for (uint32_t i = 0; i < fake->definitions_count; i++)
        if (fake->definitions[i] == fake_definition(fake, fake->asked.name, fake->asked.version)) {
            definition_destroy(fake->definitions[i]);
            fake->definitions_count--;
            memmove(&fake->definitions[i], &fake->definitions[i + 1],
                    (fake->definitions_count - i) * sizeof fake->definitions[0]);
            return;
        }
}

static void fake_definition_delete(void *ctx, const char *name, uint32_t version, api_done_fn fn,
                                   void *arg)
{
    struct fake_host *fake = ctx;
    note(fake, "definition_delete");
    keep_text(fake->asked.name, sizeof fake->asked.name, name);
    fake->asked.version = version;
    answer_done(fake, delete_definition, fn, arg);
}

/* --- participants ----------------------------------------------------------------------------- */

static bool fake_participant_at(void *ctx, uint32_t i, struct api_participant *ret_participant)
{
    struct fake_host *fake = ctx;
    if (i >= fake->participants_count)
        return false;
    struct fake_participant *found = &fake->participants[i];
    struct api_participant participant = {
        .name = found->name, .binding = found->binding, .slots = found->slots};
    for (uint32_t k = 0; k < found->urls_count; k++)
        participant.urls[k] = found->urls[k];
    *ret_participant = participant;
    return true;
}

static bool fake_participant(void *ctx, const char *name, struct api_participant *ret_participant)
{
    struct fake_host *fake = ctx;
    for (uint32_t i = 0; i < fake->participants_count; i++)
        if (strcmp(fake->participants[i].name, name) == 0)
            return fake_participant_at(ctx, i, ret_participant);
    return false;
}

static void fake_participant_status(void *ctx, const char *name, struct buffer *ret_members)
{
    (void)ctx;
    buffer_append_format(ret_members, "\"slots\":16,\"reachable\":%s",
                         strcmp(name, "bank_a") == 0 ? "true" : "false");
}

static void nothing(struct fake_host *fake)
{
    (void)fake;
}

/* Registered at once, unless it is to be refused. */
static void fake_participant_put(void *ctx, const struct api_participant *participant,
                                 api_done_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    uint32_t at = 0;
    note(fake, "participant_put");
    while (at < fake->participants_count &&
           strcmp(fake->participants[at].name, participant->name) != 0)
        at++;
    assert(at < FAKE_SLOTS);
    if (fake->problem == NULL) {
        struct fake_participant *slot = &fake->participants[at];
        fake->participants_count += at == fake->participants_count;
        *slot = (struct fake_participant){.slots = participant->slots};
        keep_text(slot->name, sizeof slot->name, participant->name);
        keep_text(slot->binding, sizeof slot->binding, participant->binding);
        for (uint32_t i = 0; i < FAKE_SLOTS && participant->urls[i] != NULL; i++)
            keep_text(slot->urls[slot->urls_count++], sizeof slot->urls[0], participant->urls[i]);
    }
    answer_done(fake, nothing, fn, arg);
}

static void delete_participant(struct fake_host *fake)
{
    for (uint32_t i = 0; i < fake->participants_count; i++)
        if (strcmp(fake->participants[i].name, fake->asked.name) == 0) {
            fake->participants_count--;
            memmove(&fake->participants[i], &fake->participants[i + 1],
                    (fake->participants_count - i) * sizeof fake->participants[0]);
            return;
        }
}

static void fake_participant_delete(void *ctx, const char *name, bool force, api_done_fn fn,
                                    void *arg)
{
    (void)force;
    struct fake_host *fake = ctx;
    note(fake, "participant_delete");
    keep_text(fake->asked.name, sizeof fake->asked.name, name);
    answer_done(fake, delete_participant, fn, arg);
}

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
    note(ctx, "event_resend");
    fn(arg, no_event(ctx, id, &problem));
}

static void fake_event_discard(void *ctx, const uint8_t *id, api_done_fn fn, void *arg)
{
    struct fake_host *fake = ctx;
    struct api_problem problem;
    const struct api_problem *refused = no_event(fake, id, &problem);
    note(fake, "event_discard");
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

static void fake_metrics(void *ctx, struct buffer *ret_text)
{
    const struct fake_host *fake = ctx;
    buffer_append_format(ret_text, "# TYPE troth_leading gauge\ntroth_leading %d\n",
                         fake->loading ? 0 : 1);
}

/* --- making ----------------------------------------------------------------------------------- */

void fake_add_definition(struct fake_host *fake, const char *name, uint32_t version)
{
    struct definition_faults faults = {0};
    char text[2048];
    int len = snprintf(
        text, sizeof text,
        "{\"name\":\"%s\",\"version\":%u,\"mode\":\"2pc\",\"timeout\":\"30s\",\n"
        "\"description\":\"Move \\\"money\\\"\",\n"
        "\"input_schema\":{\"type\":\"object\",\"required\":[\"from\",\"amount\"],\"properties\":{"
        "\"from\":{\"type\":\"integer\"},\"amount\":{\"type\":\"integer\",\"minimum\":1}}},\n"
        "\"steps\":[{\"name\":\"debit\",\"participant\":\"bank_a\",\"operation\":\"debit\","
        "\"input\":{\"account\":\"${input.from}\"}},\n"
        "{\"name\":\"credit\",\"participant\":\"bank_b\",\"operation\":\"credit\"}]}",
        name, version);
    int error = definition_parse((struct troth_span){text, (size_t)len}, &faults, &fake->taken);
    assert(error == 0);
    definition_faults_finish(&faults);
    insert(fake);
}

void fake_add_participant(struct fake_host *fake, const char *name)
{
    assert(fake->participants_count < FAKE_SLOTS);
    struct fake_participant *slot = &fake->participants[fake->participants_count++];
    *slot = (struct fake_participant){
        .binding = "batch", .urls = {"http://127.0.0.1:7101/troth"}, .urls_count = 1, .slots = 16};
    keep_text(slot->name, sizeof slot->name, name);
}

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
        .get = fake_get,
        .list = fake_list,
        .inquire = fake_inquire,
        .watch = fake_watch,
        .unwatch = fake_unwatch,
        .definition = fake_definition,
        .definition_at = fake_definition_at,
        .definition_status = fake_definition_status,
        .definition_put = fake_definition_put,
        .definition_delete = fake_definition_delete,
        .participant = fake_participant,
        .participant_at = fake_participant_at,
        .participant_status = fake_participant_status,
        .participant_put = fake_participant_put,
        .participant_delete = fake_participant_delete,
        .events = fake_events,
        .event_get = fake_event_get,
        .event_resend = fake_event_resend,
        .event_discard = fake_event_discard,
        .serving = fake_serving,
        .ready = fake_ready,
        .metrics = fake_metrics,
    };
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
