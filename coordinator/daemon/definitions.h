/* definitions.h: published definitions in memory. */
#ifndef DAEMON_DEFINITIONS_H
#define DAEMON_DEFINITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <definition/definition.h>

#include "learn.h"
#include "owners.h"
#include "pace.h"

struct driver;
struct entry;
struct journal_entry;

struct gate_list {
    struct entry *first, *last;
    uint32_t count;
};

struct definition_slot {
    struct driver *driver;
    struct definition_slot *next; /* hidden ones */
    struct definition *definition;
    struct owner *family; /* its name's, with its seats */
    struct learn learn;
    struct learn_steps steps;        /* count 0: not looked at yet */
    struct gate_list before, inside; /* its gate (gate.c); the first has been there longest */
    uint64_t inside_us;              /* how long they are inside, on average */
    struct pace pace;                /* of those before it */
    uint32_t order_version;          /* of those inside */
    uint32_t refs;                   /* open transactions that run it */
    bool hidden;                     /* deleted; goes with its last reference */
    uint64_t round;                  /* of the load that saw it last */
};

struct definition_slot *registry_definition(const struct driver *driver, const char *name,
                                            uint32_t version);
/* Also a hidden one: for what began while it was not. */
struct definition_slot *registry_definition_of(struct driver *driver, const char *name,
                                               uint32_t version);
void registry_hold(struct definition_slot *slot);
void registry_let_go(struct definition_slot *slot);
/* A slot for it, and room in the table. Takes the definition. NULL: no memory. */
struct definition_slot *definitions_make(struct driver *driver, struct definition *taken);
/* One that is in no table. Takes NULL. */
void definitions_destroy(struct definition_slot *slot);
/* Into the table, in the room that was made for it; out of it; among the hidden ones. */
void definitions_insert(struct driver *driver, struct definition_slot *slot);
void definitions_take_out(struct driver *driver, const struct definition_slot *slot);
void definitions_hide(struct driver *driver, struct definition_slot *slot);
/* Where it is in their list; the list's end where it is not. */
struct definition_slot **definitions_find_hidden(struct driver *driver, const char *name,
                                                 uint32_t version);
/* A hidden one that nothing runs any more: it goes, here and in the journal. */
void definitions_forget(struct definition_slot *slot);
void definitions_load(struct driver *driver, const struct journal_entry *entry);
void definitions_loaded(struct driver *driver);
void definitions_recovered(struct driver *driver);
void definitions_finish(struct driver *driver);
const struct definition *registry_host_definition_behind(void *ctx, const char *name,
                                                         uint32_t version);

#endif
