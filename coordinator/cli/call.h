/* call.h: one request to the coordinator and its answer. Blocks until the answer or the timeout. */
#ifndef CLI_CALL_H
#define CLI_CALL_H

#include <cjson/cJSON.h>

#include "cli.h"

/* The coordinator says something at least so often while it streams. With a stream the timeout is
 * for what may be missing beside that. */
#define CALL_QUIET_US UINT64_C(15000000)

/* For the way, and for what a coordinator whose journal is slow may take beyond what it was asked
 * for. */
#define CALL_MARGIN_US UINT64_C(10000000)

#define ANSWER_BYTES_MAX (64u << 20) /* a longer one is refused: CLI_EXIT_PROTOCOL */

/* A piece of a streamed body. false: no more of it is wanted. */
typedef bool (*call_piece)(void *arg, struct troth_span piece);

struct call {
    const char *method;       /* anything but GET changes something */
    struct buffer target;     /* "/v1/…", see call_append() */
    struct troth_span body;   /* JSON, or absent */
    struct buffer key;        /* Idempotency-Key, or empty */
    struct buffer preference; /* Prefer, or empty */
    uint64_t wait_us;         /* the coordinator was asked to answer within that: it is waited for
                                 CALL_MARGIN_US, or the timeout if that is less, longer. 0: for the
                                 timeout */
    bool accepts_503;         /* it is an answer, not a refusal */
    bool plain;               /* the answer is text */
    call_piece on_piece;      /* takes an answer that is a stream of events; or NULL */
    void *arg;                /* of on_piece */
    const char *file;         /* what the faults of a refusal are about; NULL: no file */
    char gtid[37];            /* of the transaction it is about, for the hint; "" */
    const char *hint;         /* printed where it is not known what became of the call; or NULL */
    bool quiet;               /* a refusal is not complained about: nothing depends on it */
    struct buffer *trouble;   /* why it is CLI_EXIT_UNAVAILABLE, instead of complaining; or NULL */
};
void call_finish(struct call *call);
#define CALL_SCOPED __attribute__((cleanup(call_finish)))

struct answer {
    long status;
    struct buffer body;
    struct troth_span json; /* checked; absent when the body is empty */
    cJSON *tree;            /* the same without its payloads; NULL when the body is empty */
};
void answer_finish(struct answer *answer);
#define ANSWER_SCOPED __attribute__((cleanup(answer_finish)))

/* Once a process, before and behind everything else. */
TROTH_MUST_CHECK int call_begin(void);
void call_end(void);

/* Appends a piece of the path or query, percent-encoded. */
void call_append(struct call *call, const char *piece);
/* "?name=value", "&name=value" for the next ones. */
void call_append_query(struct call *call, const char *name, const char *value);

/* Of several coordinators the next is asked where one cannot be reached or does not lead, with a
 * line to say so; what may have happened there is sent again only where it asks, or has a key.
 *
 * 0 with an answer of 2xx (of a stream that ended or was not wanted any more: without a body);
 * otherwise it has complained, and gives the code to exit with. */
TROTH_MUST_CHECK int call_make(const struct cli *cli, struct call *call, struct answer *ret_answer);

/* What to exit with on an answer that is none of 2xx. `slug` is the last part of the problem's
 * type, empty when the body was no problem+json. */
int exit_of_status(long status, struct troth_span slug, bool changes);

#endif
