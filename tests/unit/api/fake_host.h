/* fake_host.h: a scripted host: it notes what it was asked, and answers as the test says. */
#ifndef TEST_API_FAKE_HOST_H
#define TEST_API_FAKE_HOST_H

#include <api/api.h>
#include <http/client.h>

#define FAKE_SLOTS   8u
#define FAKE_WATCHES (API_WATCHERS_MAX + 1u)

/* What a call lent, kept. */
struct fake_asked {
    const char *call; /* "submit", …; NULL: the host was not called */
    uint32_t calls;
    struct api_submit submit;
    char definition[TROTH_NAME_LEN_MAX + 1];
    char input[512], labels[512], key[512], traceparent[64];
    troth_gtid gtid;
    struct api_enlist enlist;
    char participant[TROTH_NAME_LEN_MAX + 1], operation[TROTH_NAME_LEN_MAX + 1];
    uint32_t branches[TROTH_BRANCHES_MAX], count;
    enum api_reply reply;
    uint64_t wait_us;
    struct api_list list;
    char state[32], outcome[32];
    uint32_t branch, attempt;
    char journal[32];
    char name[TROTH_NAME_LEN_MAX + 1];
    uint32_t version;
    enum txn_word word;
    bool force;
    char by[256], reason[600];
};

/* A participant of the registry, with its own memory. */
struct fake_participant {
    char name[TROTH_NAME_LEN_MAX + 1];
    char binding[8];
    char urls[FAKE_SLOTS][600];
    uint32_t urls_count, slots;
};

/* A client that follows a transaction. */
struct fake_watch {
    api_progress_fn fn;
    void *arg;
};

struct fake_host {
    struct api_host host;
    struct fake_asked asked;
    /* The script. */
    const struct api_problem *problem; /* refuse with it; NULL: answer */
    bool hold;                         /* answer at fake_release() */
    bool replayed;                     /* submit: under an earlier key */
    struct txn_origin origin;
    struct api_view view;
    uint32_t listed; /* transactions in a list */
    uint32_t given;  /* of them, in the last list: until no more were wanted */
    struct api_answer answer;
    bool ready;
    bool loading;                 /* not serving yet */
    struct api_identity identity; /* of every key that is shown; nobody's while `who` is empty */
    /* Other nodes: one, behind `other`. */
    enum api_whose whose; /* of everything that is a shard's */
    const char *own_key, *other_key;
    struct http_peer *other;                                /* NULL: it cannot be reached */
    uint64_t highest;                                       /* number of what it has passed on */
    bool is_stranger;                                       /* it is not known here */
    char key_name[TROTH_NAME_LEN_MAX + 1], key_scopes[256]; /* of the one that there may be */
    /* The registry, in name and version order. */
    struct definition *definitions[FAKE_SLOTS];
    uint32_t definitions_count;
    struct fake_participant participants[FAKE_SLOTS];
    uint32_t participants_count;
    uint32_t events_count; /* set aside, all of one id */
    /* What is held. */
    api_view_fn view_fn;
    api_list_fn list_fn;
    api_answer_fn answer_fn;
    api_done_fn done_fn;
    void *arg;
    struct fake_watch watches[FAKE_WATCHES];
    uint32_t watches_count;
    void (*then)(struct fake_host *fake); /* what a held PUT or DELETE does when it is released */
    struct definition *taken;
};

#define FAKE_GTID "0198f3a2-1c40-8003-8000-040000000001"

void fake_init(struct fake_host *fake);
void fake_finish(struct fake_host *fake);
/* Answers what is held; there is something. */
void fake_release(struct fake_host *fake);
bool fake_holds(const struct fake_host *fake);
/* Tells every watch, and forgets them with the last word. `moment` NULL: none. */
void fake_progress(struct fake_host *fake, enum api_progress_kind kind, const char *moment);
/* The last word, a problem. */
void fake_progress_fails(struct fake_host *fake, const struct api_problem *problem);
/* A definition of two debits, inserted at its place. */
void fake_add_definition(struct fake_host *fake, const char *name, uint32_t version);
void fake_add_participant(struct fake_host *fake, const char *name);

#endif
