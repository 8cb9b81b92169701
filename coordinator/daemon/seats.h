/* seats.h: whose seat a transaction takes. */
#ifndef DAEMON_SEATS_H
#define DAEMON_SEATS_H

#include <stdbool.h>

#include <api/api.h>

#include "admission.h"

struct driver;
struct entry;

/* It is made, and in no table yet. false: *problem names who has none left. */
bool seats_admit(struct entry *entry, struct api_problem *problem);
/* One that is open already, whatever the limits are now. */
void seats_take(struct entry *entry);
/* Twice is once. */
void seats_leave(struct entry *entry);
/* "shared", "definitions", "participants", "callers". */
const char *seats_kind_name(enum seat_kind kind);
/* As a member of an object: "seats":{…}, of one owner, or of all. */
void seats_append(const struct driver *driver, enum seat_kind kind, const struct share *share,
                  struct buffer *ret_members);
void seats_append_all(const struct driver *driver, struct buffer *ret_members);

#endif
