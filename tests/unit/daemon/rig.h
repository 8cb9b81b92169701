/* rig.h: a whole driver, with a journal and participants that do what a test says and nothing else.
 *
 * The driver is the real one, behind host.h; journal_… (fake_journal.c), channel_… (fake_channel.c)
 * and the clocks are the rig's. Nothing waits: a write is durable, a question answered, a command
 * answered, an hour over when the test says so. One rig at a time. In quoted texts ' stands for ".
 */
#ifndef UNIT_DAEMON_RIG_H
#define UNIT_DAEMON_RIG_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include <host.h>
#include <net/channel.h>

#define RIG_SHARDS 4u

/* What the journal was asked to write. Texts end with a zero; "" where there was none. */
struct rig_write {
    enum txn_record_kind kind;
    troth_gtid gtid;
    uint32_t epoch, handed;
    uint32_t attempt;
    enum txn_decision decision;
    enum txn_outcome outcome;
    bool forced, publishes;
    bool told; /* its verdict was given */
    char *members, *step, *steps, *failure, *fallback, *history;
};

/* A command that a channel took. */
struct rig_command {
    char participant[TROTH_NAME_LEN_MAX + 1];
    enum message_op op;
    troth_gtid gtid;
    uint32_t branch, attempt;
    uint64_t again;
    bool ordered;
    bool answered;
    char *operation, *input;
};

/* A question to the journal that waits for its answer. */
enum rig_question_kind {
    RIG_GET,
    RIG_INQUIRE,
    RIG_KEY,
    RIG_LIST,
    RIG_LOAD,
    RIG_PUT,
    RIG_DELETE,
    RIG_FORGET
};
struct rig_question {
    enum rig_question_kind kind;
    bool answered;
    union {
        journal_row_fn row;
        journal_inquiry_fn inquiry;
        journal_key_fn key;
        journal_list_fn list;
        journal_entry_fn entry;
    } fn;
    void *arg;
    troth_gtid gtid;
    uint32_t attempt, version;
    char *text; /* the key, the name, or the list's state */
    struct journal_filter filter;
};

/* What one client was told. */
struct rig_told {
    uint32_t times;
    int status; /* of the problem; 0: it got a view */
    char slug[64], detail[512];
    char state[32];
    enum txn_outcome outcome;
    uint32_t attempt;
    troth_gtid gtid;
    bool fresh;
    char steps[4096], failure[1024];
};

struct rig {
    struct event_base *base;
    struct config *config;
    struct driver *driver;
    struct api_host host;
    struct journal_callbacks callbacks;
    struct journal *journal; /* never looked into */
    /* How the journal is: set by a test at any time. */
    bool leads, writable;
    bool deaf; /* a test is over: who it asked for is not told any more, being out of scope */
    uint32_t epoch;
    uint32_t given; /* a bit for each shard that the driver has given away */
    int append_error;
    struct rig_write *writes;
    struct rig_command *commands;
    struct rig_question *questions;
    uint32_t writes_count, commands_count, questions_count;
    uint32_t flushes; /* of the journal */
    int send_error;   /* what channels say to a command */
    uint64_t later_us;
};
extern struct rig rig;

/* A fixture: up with everything unset, as behind driver_create(). */
void rig_up(void);
void rig_down(void);
/* As the daemon stops: the journal hangs up on who asked it, and the driver ends. */
void rig_stop(void);
/* The journal leads, the registry is empty, requests are served. */
void rig_lead(void);
void rig_loaded(void); /* all shards are loaded, the registry is not */
/* A turn of the loop: what was put off, slots, the journal's flush. */
void rig_turn(void);
void rig_advance(uint64_t us); /* and whatever time was waited for comes */

/* Registered and in force. */
void rig_participant(const char *name, const char *binding);
void rig_define(const char *quoted);

/* --- clients ---------------------------------------------------------------------------------- */

void rig_tell(void *arg, const struct api_problem *problem, const struct api_view *view,
              bool fresh); /* an api_view_fn; arg is a struct rig_told */
void rig_tell_done(void *arg, const struct api_problem *problem); /* an api_done_fn */
/* `definition` NULL: interactive. Each of the others may be NULL. */
void rig_submit(const char *definition, const char *input, const char *key, enum api_reply reply,
                struct rig_told *told);
/* It was told once, and that. */
void rig_told_outcome(const struct rig_told *told, enum txn_outcome outcome);
void rig_told_problem(const struct rig_told *told, const char *slug, const char *detail);

/* --- the journal ------------------------------------------------------------------------------ */

/* All writes that wait are durable, in their order, and those that follow from that. */
void rig_durable(void);
/* The first that waits has that verdict. */
void rig_verdict(enum txn_verdict verdict, enum txn_decision standing);
/* The last of that kind, also when it is durable; NULL: none. */
const struct rig_write *rig_written(enum txn_record_kind kind);
uint32_t rig_waiting(void); /* writes without a verdict */
/* The oldest of that kind that waits; the test fails where there is none. */
struct rig_question *rig_asked(enum rig_question_kind kind);
bool rig_is_asked(enum rig_question_kind kind);
/* The journal says 0 or an error to the oldest change of the registry. */
void rig_changed(enum rig_question_kind kind, int error);

/* --- participants ----------------------------------------------------------------------------- */

/* What that participant has of slots and places, and whether anything is heard of it. */
void rig_slots(const char *participant, uint32_t slots, uint32_t places);
void rig_breaker(const char *participant, enum breaker_state breaker);
/* The last command of that kind to that branch which was not answered; NULL: none. */
struct rig_command *rig_sent(enum message_op op, uint32_t branch);
/* The answer to it; the test fails where it was not sent. `output` and `reason` may be NULL. */
void rig_answer(enum message_op op, uint32_t branch, struct result result);
void rig_done(enum message_op op, uint32_t branch, const char *output);
void rig_yes(uint32_t branch, const char *output);
void rig_refused(enum message_op op, uint32_t branch, const char *reason);

/* For fake_journal.c and fake_channel.c. */
char *rig_copy(struct troth_span span);
struct rig_question *rig_question(enum rig_question_kind kind, void *arg);
void rig_journal_finish(void);
void rig_channels_finish(void);

#endif
