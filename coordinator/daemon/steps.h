/* steps.h: a definition's steps as branches. */
#ifndef DAEMON_STEPS_H
#define DAEMON_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#include <definition/definition.h>
#include <txn/txn.h>
#include <wire/message.h>

struct driver;
struct entry;

enum txn_mode steps_mode(const struct definition *definition);
void steps_fill(const struct definition *definition, uint32_t index, struct txn_branch *branch);
struct definition_values *steps_values(struct driver *driver, const struct entry *entry);
void steps_forget_values(struct driver *driver);
int steps_runs(struct driver *driver, const struct entry *entry, uint32_t index, bool *ret_runs,
               const char **ret_why);
int steps_input(struct driver *driver, struct entry *entry, uint32_t index, enum message_op op,
                struct troth_span *ret_input, const char **ret_why);
bool steps_unknown_output(const struct entry *entry, uint32_t index);
const char *steps_operation(const struct entry *entry, uint32_t index, enum message_op op);

#endif
