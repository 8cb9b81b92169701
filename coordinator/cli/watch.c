/* trothctl tx watch: what the coordinator tells of a transaction, as it comes. */
#include "watch.h"
#include "find.h"

#include <string.h>
#include <time.h>

#include "call.h"
#include "parts.h"
#include "stream.h"
#include "text.h"
#include "tree.h"
#include "view.h"
#include <base/duration.h>
#include <base/json.h>
#include <base/now.h>
#include <base/span.h>
#include <troth/id.h>

#define OP_BYTES_MAX 24u

/* Between two tries to join a stream again; doubled each time. */
#define PAUSE_MIN_US UINT64_C(100000)
#define PAUSE_MAX_US UINT64_C(5000000)

/* What was last sent to a branch: an answer to anything else says to what. */
struct sent {
    int64_t branch;
    char op[OP_BYTES_MAX];
};

struct following {
    const struct cli *cli;
    struct stream stream;
    cJSON *view;   /* the last `state`: names of the steps, and the state; NULL: none yet */
    cJSON *before; /* the one before it; NULL: none */
    struct sent sent[TROTH_BRANCHES_MAX];
    unsigned sent_count;
    int64_t attempt;
    bool heard; /* anything at all on this connection */
    bool drawn; /* the headings of the moments */
    bool ended;
    int code; /* ended: by the outcome; else why it stopped to listen */
    /* A stream that is joined again begins with all moments since the coordinator took the
     * transaction up. Its first one tells whether that is the same time as before. */
    struct buffer first;
    uint64_t told;    /* moments that were drawn, from `first` on */
    uint64_t number;  /* of the last moment on this connection */
    uint64_t lost_us; /* since when it is not heard; 0: it is */
    uint64_t pause_us;
};

/* --- drawing -----------------------------------------------------------------------------------
 */

static const cJSON *steps_of(const struct following *following)
{
    return member(following->view, "steps");
}

/* "1 debit" of the widest step: what follows stands in one column. */
static size_t who_width(const struct following *following)
{
    const cJSON *step;
    size_t widest = strlen("BRANCH");
    cJSON_ArrayForEach (step, steps_of(following)) {
        BUFFER_SCOPED struct buffer who = {0};
        timeline_append_who(&who, member(step, "branch"), steps_of(following));
        size_t width = text_width(buffer_span(&who));
        widest = width > widest ? width : widest;
    }
    return widest;
}

/* "   +0.001203  1 debit   " */
static void begin_row(const struct following *following, struct troth_span at,
                      struct troth_span who, struct buffer *text)
{
    size_t width = who_width(following), used = text_width(who);
    buffer_append_format(text, "%12.*s  ", (int)at.len, at.data);
    buffer_append_span(text, who);
    buffer_append_format(text, "%*s", (int)(used < width ? width - used + 2 : 2), "");
}

static void need_headings(struct following *following, struct buffer *text)
{
    static const struct troth_span at = {"SECONDS", 7}, who = {"BRANCH", 6};
    if (following->drawn)
        return;
    following->drawn = true;
    buffer_append_char(text, '\n');
    begin_row(following, at, who, text);
    buffer_append_text(text, "MOMENT\n");
}

static void add_note(struct following *following, const char *before, const cJSON *what,
                     struct buffer *text)
{
    static const struct troth_span none = {"", 0};
    need_headings(following, text);
    begin_row(following, none, none, text);
    buffer_append_format(text, "-- %s", before);
    text_append_item(text, what);
    buffer_append_text(text, " --\n");
}

/* What was last sent to the branch of this moment, or NULL; a new sending takes its place. */
static const char *last_op(struct following *following, const cJSON *moment)
{
    const cJSON *op = member(moment, "op");
    int64_t number = 0;
    unsigned i = 0;
    if (!item_number(member(moment, "branch"), &number))
        return NULL;
    while (i < following->sent_count && following->sent[i].branch != number)
        i++;
    if (item_is(member(moment, "moment"), "sent") && i < TROTH_BRANCHES_MAX &&
        item_text(op).len < OP_BYTES_MAX) {
        following->sent_count += i == following->sent_count;
        following->sent[i] = (struct sent){.branch = number};
        memcpy(following->sent[i].op, cJSON_IsString(op) ? op->valuestring : "", item_text(op).len);
    }
    return i < following->sent_count ? following->sent[i].op : NULL;
}

static void draw_moment(struct following *following, const cJSON *moment, struct buffer *text)
{
    BUFFER_SCOPED struct buffer at = {0};
    BUFFER_SCOPED struct buffer who = {0};
    const cJSON *branch = member(moment, "branch"), *attempt = member(moment, "attempt");
    int64_t now = following->attempt;
    uint64_t us;
    need_headings(following, text);
    if (item_number(attempt, &now) && now > following->attempt) {
        following->attempt = now;
        add_note(following, "attempt ", attempt, text);
    }
    if (timeline_at(moment, &us))
        buffer_append_format(&at, "+%llu.%06llu", (unsigned long long)(us / 1000000),
                             (unsigned long long)(us % 1000000));
    if (branch != NULL)
        timeline_append_who(&who, branch, steps_of(following));
    begin_row(following, buffer_span(&at), buffer_span(&who), text);
    timeline_append_what(text, moment, last_op(following, moment));
    timeline_append_attempt(text, moment, following->attempt);
    buffer_append_char(text, '\n');
}

/* The first one is the head; later ones only say the new state. */
static void draw_state(struct following *following, const cJSON *view, struct buffer *text)
{
    const cJSON *state = member(view, "state");
    if (following->before == NULL)
        view_append_head(following->cli, view, wall_now().us, text);
    else if (!items_equal(state, member(following->before, "state")))
        add_note(following, "", state, text);
}

/* As tx start shows it; what has ended before, as tx show does. */
static void draw_end(const struct following *following, const cJSON *view, struct troth_span json,
                     struct buffer *text)
{
    if (following->drawn)
        buffer_append_char(text, '\n');
    view_append(following->cli, view, json, wall_now().us, text);
    if (member(view, "left_out") != NULL)
        buffer_append_text(text, "\noutputs are left out: trothctl tx show has them\n");
    if (!following->drawn)
        timeline_append(following->cli, view, text);
}

/* --- listening ---------------------------------------------------------------------------------
 */

/* {"id":"3","event":"moment","data":{…}}, one a line. */
static void append_json(const struct stream_event *event, struct troth_span data,
                        struct buffer *text)
{
    buffer_append_text(text, "{\"id\":");
    json_append_string(text, event->id);
    buffer_append_text(text, ",\"event\":");
    json_append_string(text, event->event);
    buffer_append_text(text, ",\"data\":");
    text_append_body(text, data);
    buffer_append_text(text, "}\n");
}

static void draw(struct following *following, const struct stream_event *event, const cJSON *data,
                 struct troth_span json, struct buffer *text)
{
    if (span_is(event->event, "moment"))
        draw_moment(following, data, text);
    else if (span_is(event->event, "state"))
        draw_state(following, data, text);
    else if (span_is(event->event, "ended"))
        draw_end(following, data, json, text);
}

/* How many moments this one stands for: those that the coordinator left out are counted. */
static uint64_t stands_for(const cJSON *moment)
{
    int64_t count = 1;
    if (item_is(member(moment, "moment"), "left_out") &&
        (!item_number(member(moment, "count"), &count) || count < 0))
        return 1;
    return (uint64_t)count;
}

static bool moment_is_new(struct following *following, const cJSON *moment, struct troth_span json)
{
    if (following->number == 0 && !span_same(buffer_span(&following->first), json)) {
        buffer_clear(&following->first);
        buffer_append_span(&following->first, json);
        following->told = 0;
    }
    following->number += stands_for(moment);
    if (following->number <= following->told)
        return false;
    following->told = following->number;
    return true;
}

static void note_heard(struct following *following)
{
    following->heard = true;
    if (following->lost_us == 0)
        return;
    following->lost_us = 0;
    cli_complain(CLI_EXIT_OK, "the stream goes on");
}

/* It was not read for too long (a pager that waits): the stream ends, and is joined again. */
static void say_dropped(const cJSON *problem)
{
    BUFFER_SCOPED struct buffer why = {0};
    text_append_item(&why, member(problem, "detail"));
    const char *words = buffer_text(&why);
    cli_complain(CLI_EXIT_OK, "the coordinator dropped the stream: %s", words != NULL ? words : "");
}

static bool take_event(struct following *following, const struct stream_event *event,
                       const cJSON *data, struct troth_span json)
{
    BUFFER_SCOPED struct buffer text = {0};
    if (span_is(event->event, "moment") && !moment_is_new(following, data, json))
        return true;
    if (span_is(event->event, "dropped"))
        say_dropped(data);
    if (following->cli->json)
        append_json(event, json, &text);
    else
        draw(following, event, data, json, &text);
    following->code = cli_print(&text);
    if (following->code != CLI_EXIT_OK)
        return false;
    following->ended = span_is(event->event, "ended");
    if (following->ended)
        following->code = view_exit(data);
    return !following->ended;
}

static bool on_event(void *arg, const struct stream_event *event)
{
    struct following *following = arg;
    TREE_SCOPED cJSON *data = NULL;
    struct troth_span json;
    note_heard(following);
    if (json_check(event->data, JSON_CHECK_KEPT, &json, NULL) != 0 ||
        tree_parse(json, &data) != 0 || !cJSON_IsObject(data)) {
        following->code = cli_complain(CLI_EXIT_PROTOCOL, "an event of the stream is not JSON");
        return false;
    }
    if (!span_is(event->event, "state"))
        return take_event(following, event, data, json);
    cJSON_Delete(following->before);
    following->before = following->view;
    following->view = data;
    data = NULL;
    return take_event(following, event, following->view, json);
}

static bool on_piece(void *arg, struct troth_span piece)
{
    struct following *following = arg;
    bool more = stream_feed(&following->stream, piece);
    if (!more && !following->ended && following->code == CLI_EXIT_OK)
        following->code = cli_complain(CLI_EXIT_LOCAL, "an event is too long, or out of memory");
    return more;
}

/* One connection, until it ends. `ret_trouble`: why it broke off or was not made. */
static int listen_once(struct following *following, const char *gtid, struct buffer *ret_trouble)
{
    CALL_SCOPED struct call call = {
        .method = "GET", .on_piece = on_piece, .arg = following, .trouble = ret_trouble};
    ANSWER_SCOPED struct answer answer = {.status = 0};
    buffer_append_text(&call.target, "/v1/transactions/");
    call_append(&call, gtid);
    buffer_append_text(&call.target, "/events");
    following->heard = false;
    following->number = 0;
    following->stream.fn = on_event;
    following->stream.arg = following;
    int error = call_make(following->cli, &call, &answer);
    stream_finish(&following->stream);
    following->stream = (struct stream){.fn = NULL};
    return error;
}

/* --- joining again -----------------------------------------------------------------------------
 */

static void rest(uint64_t us)
{
    struct timespec left = timespec_of(us);
    while (nanosleep(&left, &left) != 0)
        ;
}

static void say_lost(const struct following *following, const char *why)
{
    char limit[DURATION_TEXT_MAX];
    (void)duration_format(following->cli->timeout_us, limit);
    cli_complain(CLI_EXIT_UNAVAILABLE, "%s: the stream %s (%s); trying again for %s",
                 cli_shown(following->cli), following->heard ? "broke off" : "cannot be joined",
                 why, limit);
}

/* Rests before the next try. CLI_EXIT_UNKNOWN when it was tried for long enough. */
static int try_again(struct following *following, const char *gtid, uint64_t joined_us,
                     const char *why)
{
    uint64_t now = mono_now().us;
    if (following->lost_us == 0) {
        following->lost_us = now;
        say_lost(following, why);
    }
    if (now - joined_us >= PAUSE_MAX_US || following->pause_us == 0)
        following->pause_us = PAUSE_MIN_US;
    uint64_t gone = now - following->lost_us, left = following->cli->timeout_us - gone;
    if (gone >= following->cli->timeout_us)
        return cli_complain(CLI_EXIT_UNKNOWN,
                            "%s: %s: it is not known how the transaction goes on; "
                            "'trothctl tx watch %s' follows it further",
                            cli_shown(following->cli), why, gtid);
    rest(following->pause_us < left ? following->pause_us : left);
    following->pause_us =
        following->pause_us * 2 < PAUSE_MAX_US ? following->pause_us * 2 : PAUSE_MAX_US;
    return CLI_EXIT_OK;
}

/* What to exit with when a connection that is not to be made again is over. */
static int over(const struct following *following, bool known, int error, const char *why)
{
    if (following->ended || following->code != CLI_EXIT_OK)
        return following->code;
    if (error == CLI_EXIT_OK)
        return cli_complain(CLI_EXIT_PROTOCOL, "the answer is no stream of events");
    if (error == CLI_EXIT_UNAVAILABLE)
        return cli_complain(error, "%s: %s", cli_shown(following->cli), why);
    if (error == CLI_EXIT_NOT_FOUND && known)
        return cli_complain(error, "its coordinator ended before anything was written of it: "
                                   "it did not commit");
    return error;
}

static int follow(struct following *following, const char *gtid, bool known)
{
    for (;;) {
        BUFFER_SCOPED struct buffer trouble = {0};
        uint64_t joined_us = mono_now().us;
        int error = listen_once(following, gtid, &trouble);
        bool done = following->ended || following->code != CLI_EXIT_OK;
        const char *why = buffer_text(&trouble);
        if (why == NULL || why[0] == '\0')
            why = "the coordinator ended it";
        known = known || following->heard;
        bool passes = error == CLI_EXIT_UNAVAILABLE || (error == CLI_EXIT_OK && following->heard);
        if (done || !known || !passes)
            return over(following, known, error, why);
        error = try_again(following, gtid, joined_us, why);
        if (error != CLI_EXIT_OK)
            return error;
    }
}

int watch_follow(const struct cli *cli, const char *gtid, bool known)
{
    struct following following = {.cli = cli, .attempt = 1};
    int code = follow(&following, gtid, known);
    cJSON_Delete(following.view);
    cJSON_Delete(following.before);
    buffer_finish(&following.first);
    return code;
}

int tx_watch(const struct cli *cli, const struct arguments *arguments)
{
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    int error = find_gtid(cli, arguments->operands[0], gtid);
    return error == CLI_EXIT_OK ? watch_follow(cli, gtid, false) : error;
}
