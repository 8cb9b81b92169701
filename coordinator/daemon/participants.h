/* participants.h: the registered participants in memory. */
#ifndef DAEMON_PARTICIPANTS_H
#define DAEMON_PARTICIPANTS_H

#include <stdbool.h>
#include <stdint.h>

#include <api/api.h>
#include <net/channel.h>
#include <troth/error.h>
#include <troth/id.h>
#include <troth/span.h>

#include "admission.h"
#include "again.h"

struct driver;
struct entry;

struct participant {
    char name[TROTH_NAME_LEN_MAX + 1];
    char binding[8];
    char *urls[CHANNEL_URLS_MAX];
    char *token_file; /* as registered; NULL: none */
    char *body;       /* as the journal has it */
    uint32_t slots;   /* as registered; 0: the default */
    bool inquires;
    uint64_t conflicts;      /* answers */
    struct again_pace again; /* what is said again to it */
    struct channel *channel; /* the same for as long as the participant is there */
    struct share share;      /* open: transactions in memory that have a branch here */
    bool deleting;           /* the journal is asked; new transactions do not see it any more */
    bool doubted;            /* and its answer was lost: the next load tells */
    uint64_t round;          /* of the load that saw it last */
};

/* NULL: there is none of that name. */
struct participant *participants_find(const struct driver *driver, const char *name);
/* The next by name, whether there is one of that name or not; NULL: it would be the last. */
struct participant *participants_behind(const struct driver *driver, const char *name);
/* The same, without those that are being deleted: for what begins to need it. */
struct participant *registry_participant(const struct driver *driver, const char *name);
/* One that is not in the table yet. TROTH_ERROR_CONFIG: a URL that cannot be called. */
TROTH_MUST_CHECK int participants_make(struct driver *driver, const struct api_participant *from,
                                       struct troth_span body,
                                       struct participant **ret_participant);
/* One that is in no table and that nobody needs. Takes NULL. */
void participants_destroy(struct participant *participant);
/* Room for one more, so that participants_apply() cannot fail. */
TROTH_MUST_CHECK int participants_reserve(struct driver *driver);
/* Into the table, or its registration into the one of that name; which it is now. Takes it. */
struct participant *participants_apply(struct driver *driver, struct participant *taken);
/* So many nodes lead shards, and call each participant. */
void participants_share(struct driver *driver, uint32_t nodes);
/* Out of the table and gone; nobody needs it. */
void participants_remove(struct driver *driver, struct participant *participant);
void participants_finish(struct driver *driver);
/* The participant of a branch, held from now on; NULL while there is none of that name. */
struct participant *participants_of(struct entry *entry, uint32_t index);
/* All of its branches; those that are not registered are tried again when they are sent to. */
void participants_hold(struct entry *entry);
void participants_let_go(struct entry *entry);
/* An open transaction that needs it; NULL: none. Looks at all. */
const struct entry *participants_example(const struct driver *driver,
                                         const struct participant *participant);

#endif
