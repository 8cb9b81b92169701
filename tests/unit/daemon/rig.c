/* See rig.h. */
#include "rig.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <base/now.h>
#include <config.h>
#include <driver.h>
#include <entry.h>
#include <log.h>
#include <state.h>

struct rig rig;

/* --- the clocks: the real ones, and later -------------------------------------------------------
 */

static uint64_t read_us(clockid_t id)
{
    struct timespec now;
    ck_assert_int_eq(clock_gettime(id, &now), 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 + rig.later_us;
}

struct mono mono_now(void)
{
    return (struct mono){read_us(CLOCK_MONOTONIC)};
}

struct wall wall_now(void)
{
    return (struct wall){read_us(CLOCK_REALTIME)};
}

struct timeval timeval_of(uint64_t us)
{
    return (struct timeval){.tv_sec = (time_t)(us / 1000000),
                            .tv_usec = (suseconds_t)(us % 1000000)};
}

/* --- life --------------------------------------------------------------------------------------
 */

void rig_up(void)
{
    static struct config config;
    log_configure(LOG_ERROR, false);
    rig = (struct rig){.leads = true, .writable = true, .epoch = 1, .config = &config};
    ck_assert_int_eq(config_init(&config), 0);
    ck_assert_int_eq(config_set(&config, "outbox", "off", NULL), 0);
    rig.base = event_base_new();
    rig.journal = malloc(1);
    ck_assert(rig.base != NULL && rig.journal != NULL);
    ck_assert_int_eq(driver_create(rig.base, NULL, &config, &rig.driver), 0);
    driver_attach(rig.driver, rig.journal);
    rig.callbacks = driver_journal_callbacks();
    rig.host = driver_api_host(rig.driver);
    for (uint32_t shard = 0; shard < RIG_SHARDS; shard++)
        rig.callbacks.shard(rig.driver, shard, JOURNAL_SHARD_TAKING, "");
}

void rig_stop(void)
{
    if (rig.driver != NULL)
        journal_hang_up(rig.journal);
    driver_destroy(rig.driver);
    rig.driver = NULL;
}

void rig_down(void)
{
    rig.deaf = true;
    rig_stop();
    rig_channels_finish();
    rig_journal_finish();
    event_base_free(rig.base);
    config_finish(rig.config);
}

void rig_loaded(void)
{
    for (uint32_t shard = 0; shard < RIG_SHARDS; shard++)
        rig.callbacks.shard(rig.driver, shard, JOURNAL_SHARD_LED, "");
    rig.callbacks.state(rig.driver, JOURNAL_LEADING, "");
}

void rig_lead(void)
{
    rig_loaded();
    rig_changed(RIG_LOAD, 0);
    rig_turn();
    ck_assert(rig.host.serving(rig.host.ctx));
}

void rig_turn(void)
{
    (void)event_base_loop(rig.base, EVLOOP_NONBLOCK);
    driver_turn(rig.driver);
    journal_flush(rig.journal);
    driver_flush(rig.driver);
}

void rig_advance(uint64_t us)
{
    rig.later_us += us;
    for (uint32_t i = 0; i < DRIVER_BUCKETS; i++) {
        struct entry *entry = rig.driver->by_gtid[i];
        if (entry != NULL)
            driver_on_timer(entry); /* one a bucket: a test has few */
    }
    rig_turn();
}

/* --- the registry ------------------------------------------------------------------------------
 */

void rig_participant(const char *name, const char *binding)
{
    struct api_participant participant = {
        .name = name, .binding = binding, .urls = {"http://127.0.0.1:1/"}};
    struct rig_told told = {0};
    rig.host.participant_put(rig.host.ctx, &participant, rig_tell_done, &told);
    rig_changed(RIG_PUT, 0);
    ck_assert_msg(told.times == 1 && told.status == 0, "%s", told.detail);
}

void rig_define(const char *quoted)
{
    struct faults faults = {0};
    struct definition *definition = NULL;
    struct buffer text = {0};
    struct rig_told told = {0};
    for (; *quoted != '\0'; quoted++)
        buffer_append_char(&text, *quoted == '\'' ? '"' : *quoted);
    int error = definition_parse(buffer_span(&text), &faults, &definition);
    ck_assert_msg(error == 0, "%s", faults.count > 0 ? faults.list[0].text : "");
    faults_finish(&faults);
    buffer_finish(&text);
    rig.host.definition_put(rig.host.ctx, definition, rig_tell_done, &told);
    rig_changed(RIG_PUT, 0);
    ck_assert_msg(told.times == 1 && told.status == 0, "%s", told.detail);
}

/* --- clients -----------------------------------------------------------------------------------
 */

static void tell_problem(struct rig_told *told, const struct api_problem *problem)
{
    told->times++;
    told->status = problem != NULL ? problem->status : 0;
    (void)snprintf(told->slug, sizeof told->slug, "%s", problem != NULL ? problem->slug : "");
    (void)snprintf(told->detail, sizeof told->detail, "%s", problem != NULL ? problem->detail : "");
}

static void tell_text(char *ret_text, size_t size, struct troth_span span)
{
    (void)snprintf(ret_text, size, "%.*s", (int)span.len, span.data == NULL ? "" : span.data);
}

void rig_tell(void *arg, const struct api_problem *problem, const struct api_view *view, bool fresh)
{
    struct rig_told *told = arg;
    if (rig.deaf)
        return;
    tell_problem(told, problem);
    told->fresh = fresh;
    if (problem != NULL)
        return;
    (void)snprintf(told->state, sizeof told->state, "%s", view->state);
    told->outcome = view->outcome;
    told->attempt = view->attempt;
    told->gtid = view->origin->gtid;
    tell_text(told->steps, sizeof told->steps, view->steps);
    tell_text(told->failure, sizeof told->failure, view->failure);
}

void rig_tell_done(void *arg, const struct api_problem *problem)
{
    if (!rig.deaf)
        tell_problem(arg, problem);
}

void rig_submit(const char *definition, const char *input, const char *key, enum api_reply reply,
                struct rig_told *told)
{
    struct api_submit submit = {.reply = reply, .input = {"{}", 2}, .caller = "127.0.0.1"};
    if (definition != NULL)
        submit.definition = rig.host.definition(rig.host.ctx, definition, 0);
    ck_assert((submit.definition != NULL) == (definition != NULL));
    if (input != NULL)
        submit.input = (struct troth_span){input, strlen(input)};
    if (key != NULL)
        submit.idempotency_key = (struct troth_span){key, strlen(key)};
    strcpy(submit.request_hash, input != NULL ? input : "");
    submit.timeout_us = UINT64_C(60000000);
    rig.host.submit(rig.host.ctx, &submit, rig_tell, told);
}

void rig_told_outcome(const struct rig_told *told, enum txn_outcome outcome)
{
    ck_assert_uint_eq(told->times, 1);
    ck_assert_msg(told->status == 0, "%s: %s", told->slug, told->detail);
    ck_assert_str_eq(txn_outcome_name(told->outcome), txn_outcome_name(outcome));
}

void rig_told_problem(const struct rig_told *told, const char *slug, const char *detail)
{
    ck_assert_uint_eq(told->times, 1);
    ck_assert_str_eq(told->slug, slug);
    ck_assert_msg(strstr(told->detail, detail) != NULL, "%s", told->detail);
}

/* --- the journal -------------------------------------------------------------------------------
 */

uint32_t rig_waiting(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rig.writes_count; i++)
        count += !rig.writes[i].told;
    return count;
}

void rig_verdict(enum txn_verdict verdict, enum txn_decision standing)
{
    uint32_t i = 0;
    while (i < rig.writes_count && rig.writes[i].told)
        i++;
    ck_assert_msg(i < rig.writes_count, "nothing waits to be written");
    struct rig_write *write = &rig.writes[i];
    struct journal_verdict said = {.gtid = write->gtid,
                                   .epoch = write->epoch,
                                   .kind = write->kind,
                                   .attempt = write->attempt,
                                   .verdict = verdict,
                                   .standing = standing};
    write->told = true;
    rig.callbacks.verdict(rig.driver, &said);
}

void rig_durable(void)
{
    while (rig_waiting() > 0) {
        rig_verdict(TXN_WRITTEN, TXN_UNDECIDED);
        rig_turn();
    }
}

const struct rig_write *rig_written(enum txn_record_kind kind)
{
    for (uint32_t i = rig.writes_count; i-- > 0;)
        if (rig.writes[i].kind == kind)
            return &rig.writes[i];
    return NULL;
}

static struct rig_question *find_asked(enum rig_question_kind kind)
{
    for (uint32_t i = 0; i < rig.questions_count; i++)
        if (rig.questions[i].kind == kind && !rig.questions[i].answered)
            return &rig.questions[i];
    return NULL;
}

bool rig_is_asked(enum rig_question_kind kind)
{
    return find_asked(kind) != NULL;
}

struct rig_question *rig_asked(enum rig_question_kind kind)
{
    struct rig_question *question = find_asked(kind);
    ck_assert_msg(question != NULL, "the journal is not asked %d", (int)kind);
    return question;
}

void rig_changed(enum rig_question_kind kind, int error)
{
    struct rig_question *question = rig_asked(kind);
    question->answered = true;
    question->fn.entry(question->arg, error, NULL);
}

/* --- participants ------------------------------------------------------------------------------
 */

struct rig_command *rig_sent(enum message_op op, uint32_t branch)
{
    for (uint32_t i = rig.commands_count; i-- > 0;) {
        struct rig_command *command = &rig.commands[i];
        if (command->op == op && command->branch == branch && !command->answered)
            return command;
    }
    return NULL;
}

void rig_answer(enum message_op op, uint32_t branch, struct result result)
{
    struct rig_command *command = rig_sent(op, branch);
    ck_assert_msg(command != NULL, "no %s went to branch %u", message_op_name(op), branch);
    command->answered = true;
    result.op = op;
    result.gtid = command->gtid;
    result.branch = branch;
    result.attempt = command->attempt;
    driver_on_result(rig.driver, &result, true);
    rig_turn();
}

static struct troth_span text_of(const char *text)
{
    return text == NULL ? (struct troth_span){NULL, 0} : (struct troth_span){text, strlen(text)};
}

void rig_done(enum message_op op, uint32_t branch, const char *output)
{
    rig_answer(op, branch, (struct result){.result = RESULT_DONE, .output = text_of(output)});
}

void rig_yes(uint32_t branch, const char *output)
{
    rig_answer(OP_PREPARE, branch,
               (struct result){.result = RESULT_VOTE, .vote = VOTE_YES, .output = text_of(output)});
}

void rig_refused(enum message_op op, uint32_t branch, const char *reason)
{
    rig_answer(op, branch, (struct result){.result = RESULT_REFUSED, .reason = text_of(reason)});
}
