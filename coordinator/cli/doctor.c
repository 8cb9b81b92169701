/* trothctl doctor: looks at everything that an operator would, and says for each line what to do.
 */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "parts.h"
#include "tree.h"
#include <base/clock.h>
#include <base/json.h>
#include <base/now.h>
#include <base/span.h>

#define DOUBT_SECONDS  60.0    /* in doubt, or unsent, for longer: somebody is missing */
#define OLD_SECONDS    86400.0 /* open for longer: does it wait for somebody for ever? */
#define CLOCK_SECONDS  1.0
#define MIXED_SINCE_US UINT64_C(604800000000) /* a week */

void doctor_say(struct doctor *doctor, enum level level, const char *check, const char *of,
                const char *advice, const char *found, ...)
{
    static const char *const words[] = {"ok", "unseen", "ATTENTION"};
    static const char *const json[] = {"ok", "unseen", "attention"};
    char words_found[512];
    va_list args;
    va_start(args, found);
    (void)vsnprintf(words_found, sizeof words_found, found, args);
    va_end(args);
    advice = level == LEVEL_OK ? "" : advice;
    const char *cells[] = {words[level], check, of, words_found, advice};
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        text_append_plain(&doctor->table.text, span_of(cells[i]));
        table_end_cell(&doctor->table);
    }
    buffer_append_format(&doctor->objects, "%s{\"level\":\"%s\",\"check\":\"%s\",\"of\":",
                         doctor->objects.len > 0 ? "," : "", json[level], check);
    json_append_text(&doctor->objects, of);
    buffer_append_text(&doctor->objects, ",\"found\":");
    json_append_text(&doctor->objects, words_found);
    buffer_append_text(&doctor->objects, ",\"do\":");
    json_append_text(&doctor->objects, advice);
    buffer_append_char(&doctor->objects, '}');
    doctor->attention += level == LEVEL_ATTENTION ? 1 : 0;
}

static enum level alarm_if(bool wrong)
{
    return wrong ? LEVEL_ATTENTION : LEVEL_OK;
}

/* "": there is none. */
static const char *text_of(const cJSON *item)
{
    return cJSON_IsString(item) ? item->valuestring : "";
}

static int64_t number_of(const cJSON *item)
{
    int64_t number = 0;
    return item_number(item, &number) ? number : 0;
}

/* --- the coordinator ---------------------------------------------------------------------------
 */

static void look_at_outbox(struct doctor *doctor, const cJSON *outbox)
{
    bool kafka = item_is(member(outbox, "mode"), "kafka");
    int64_t aside = number_of(member(outbox, "set_aside"));
    if (!kafka) {
        doctor_say(doctor, LEVEL_OK, "outbox", "coordinator", "", "mode %s",
                   text_of(member(outbox, "mode")));
        return;
    }
    bool reachable = cJSON_IsTrue(member(outbox, "reachable"));
    doctor_say(doctor, alarm_if(!reachable), "kafka", "coordinator",
               "start Kafka, or mend kafka_brokers; events wait in the journal meanwhile", "%s%s",
               reachable ? "reachable" : "not reached: ", text_of(member(outbox, "reason")));
    doctor_say(doctor, alarm_if(aside > 0), "events set aside", "coordinator",
               "trothctl event list; then event resend or event discard", "%lld", (long long)aside);
}

/* false: there is no coordinator to ask anything else. */
static bool look_at_ready(struct doctor *doctor)
{
    CALL_SCOPED struct call call = {.method = "GET", .accepts_503 = true};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer why = {0};
    call.trouble = &why;
    buffer_append_text(&call.target, "/readyz");
    if (call_make(doctor->cli, &call, &answer) != CLI_EXIT_OK) {
        const char *words = buffer_text(&why);
        doctor_say(doctor, LEVEL_ATTENTION, "coordinator", cli_shown(doctor->cli),
                   "start trothd, or say where it is: --url", "not reached: %s",
                   words != NULL ? words : "?");
        return false;
    }
    const cJSON *journal = member(answer.tree, "journal");
    const char *reason = text_of(member(journal, "reason"));
    bool ready = answer.status == 200, writable = cJSON_IsTrue(member(journal, "writable"));
    int64_t parked = number_of(member(answer.tree, "parked_transactions"));
    (void)snprintf(doctor->journal, sizeof doctor->journal, "%s", text_of(member(journal, "id")));
    doctor_say(doctor, alarm_if(!ready), "coordinator", cli_shown(doctor->cli),
               "read the reason; trothctl status; the log of trothd", "%s%s",
               ready ? "ready" : "not ready: ", ready ? "" : reason);
    doctor_say(doctor, alarm_if(!writable), "journal takes writes", "coordinator",
               "mend the journal's database: nothing is decided before", "%s%s",
               writable ? "yes" : "no: ", reason);
    doctor_say(doctor, alarm_if(parked > 0), "parked transactions", "coordinator",
               "trothctl tx list --parked; mend the cause, then tx retry or tx resolve", "%lld",
               (long long)parked);
    look_at_outbox(doctor, member(answer.tree, "outbox"));
    return true;
}

/* Of a family without labels; false: it is not there. */
static bool metric(struct troth_span text, const char *name, double *ret_value)
{
    size_t len = strlen(name);
    for (size_t at = 0; at + len + 1 < text.len;) {
        const char *end = memchr(text.data + at, '\n', text.len - at);
        size_t line = end != NULL ? (size_t)(end - text.data) - at : text.len - at;
        if (line > len && memcmp(text.data + at, name, len) == 0 && text.data[at + len] == ' ') {
            char number[64] = "";
            memcpy(number, text.data + at + len + 1,
                   line - len - 1 < sizeof number ? line - len - 1 : sizeof number - 1);
            *ret_value = strtod(number, NULL);
            return true;
        }
        at += line + 1;
    }
    return false;
}

static void look_at_metrics(struct doctor *doctor)
{
    static const struct {
        const char *family, *check, *advice;
        double most;
    } ages[] = {
        {"troth_clock_difference_seconds", "clock, to the journal's database",
         "bring the clocks of both hosts together (NTP)", CLOCK_SECONDS},
        {"troth_oldest_in_doubt_transaction_seconds", "oldest in doubt",
         "trothctl tx list --in-doubt; start the participant that is missing", DOUBT_SECONDS},
        {"troth_oldest_open_transaction_seconds", "oldest open transaction",
         "trothctl tx list --state open --older-than 1d", OLD_SECONDS},
        {"troth_oldest_unsent_event_seconds", "oldest event that waits for Kafka",
         "look at kafka above; trothctl event list", DOUBT_SECONDS},
    };
    CALL_SCOPED struct call call = {.method = "GET", .plain = true};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    double value;
    buffer_append_text(&call.target, "/metrics");
    if (call_make(doctor->cli, &call, &answer) != CLI_EXIT_OK)
        return;
    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        if (!metric(buffer_span(&answer.body), ages[i].family, &value))
            continue;
        bool wrong = value > ages[i].most || value < -ages[i].most;
        doctor_say(doctor, alarm_if(wrong), ages[i].check, "coordinator", ages[i].advice, "%.3f s",
                   value);
    }
}

static void look_at_mixed(struct doctor *doctor)
{
    CALL_SCOPED struct call call = {.method = "GET"};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    char since[WALL_TEXT_LEN + 1];
    wall_format((struct wall){wall_now().us - MIXED_SINCE_US}, since);
    buffer_append_text(&call.target, "/v1/transactions");
    call_append_query(&call, "outcome", "mixed");
    call_append_query(&call, "began_after", since);
    call_append_query(&call, "limit", "100");
    if (call_make(doctor->cli, &call, &answer) != CLI_EXIT_OK)
        return;
    int count = cJSON_GetArraySize(member(answer.tree, "transactions"));
    doctor_say(doctor, alarm_if(count > 0), "mixed outcomes of a week", "coordinator",
               "trothctl tx list --mixed; mend the business data, see docs/operations.md", "%d%s",
               count, count == 100 ? " or more" : "");
}

static void look_at_participants(struct doctor *doctor)
{
    CALL_SCOPED struct call call = {.method = "GET"};
    const cJSON *one;
    buffer_append_text(&call.target, "/v1/participants");
    call_append_query(&call, "limit", "500");
    if (call_make(doctor->cli, &call, &doctor->participants) != CLI_EXIT_OK)
        return;
    cJSON_ArrayForEach (one, member(doctor->participants.tree, "participants")) {
        const cJSON *status = member(one, "status");
        const cJSON *reachable = cJSON_GetObjectItemCaseSensitive(status, "reachable");
        bool down = cJSON_IsFalse(reachable);
        int64_t used = number_of(member(status, "places_used"));
        const char *words = text_of(member(member(status, "last_failure"), "text"));
        doctor_say(doctor, alarm_if(down), "participant answers", text_of(member(one, "name")),
                   "start it, or mend its address: trothctl participant add", "%s%s, %lld in use",
                   down                      ? "no: "
                   : cJSON_IsTrue(reachable) ? "yes"
                                             : "not asked yet",
                   down ? words : "", (long long)used);
    }
}

/* --- the command -------------------------------------------------------------------------------
 */

/* NAME=CONNINFO */
static int look_at_databases(struct doctor *doctor, const struct arguments *arguments)
{
    const struct option_values *given = arguments_values(arguments, "database");
    char name[TROTH_NAME_LEN_MAX + 1];
    for (unsigned i = 0; i < given->count; i++) {
        size_t len = strcspn(given->values[i], "=");
        if (!troth_name_valid(given->values[i], len) || given->values[i][len] != '=')
            return cli_complain(CLI_EXIT_USAGE, "--database: NAME=CONNINFO, with the name of a "
                                                "participant, such as bank_a=service=bank_a");
        memcpy(name, given->values[i], len);
        name[len] = '\0';
        doctor_participant(doctor, name, given->values[i] + len + 1);
    }
    return CLI_EXIT_OK;
}

static int print_findings(struct doctor *doctor)
{
    BUFFER_SCOPED struct buffer text = {0};
    if (doctor->objects.failed)
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    if (doctor->cli->json) {
        buffer_append_format(&text, "{\"attention\":%u,\"findings\":[", doctor->attention);
        buffer_append_span(&text, buffer_span(&doctor->objects));
        buffer_append_text(&text, "]}\n");
    } else {
        table_append(&doctor->table, "", &text);
        buffer_append_format(&text, "\n%u of these need%s attention\n", doctor->attention,
                             doctor->attention == 1 ? "s" : "");
    }
    int error = cli_print(&text);
    if (error != CLI_EXIT_OK)
        return error;
    return doctor->attention > 0 ? CLI_EXIT_ATTENTION : CLI_EXIT_OK;
}

int doctor_run(const struct cli *cli, const struct arguments *arguments)
{
    static const char *const headings[] = {"", "CHECK", "OF", "FOUND", "WHAT TO DO", NULL};
    struct doctor doctor = {.cli = cli};
    const char *journal = arguments_value(arguments, "journal");
    table_begin(&doctor.table, 0, headings);
    if (look_at_ready(&doctor)) {
        look_at_metrics(&doctor);
        look_at_mixed(&doctor);
        look_at_participants(&doctor);
    }
    if (journal != NULL)
        doctor_journal(&doctor, journal);
    else
        doctor_say(&doctor, LEVEL_UNSEEN, "journal's database", "journal",
                   "--journal CONNINFO looks at its settings, size, retention and disk",
                   "not looked at");
    int error = look_at_databases(&doctor, arguments);
    if (error == CLI_EXIT_OK)
        error = print_findings(&doctor);
    table_finish(&doctor.table);
    buffer_finish(&doctor.objects);
    answer_finish(&doctor.participants);
    return error;
}
