/* rig.h: a participant with scripted handlers on a thread of its own, spoken to by plain sockets.
 */
#ifndef UNIT_SDK_RIG_H
#define UNIT_SDK_RIG_H

#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <troth/troth.h>

#define JOURNAL     "00000000000000aa"
#define PATIENCE_S  20
#define LATE_MAX    4096
#define REPLY_BYTES (1u << 20)

struct event_base;

struct rig {
    struct troth_participant *participant;
    struct event_base *base;
    pthread_t thread;
    uint16_t port;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct troth_reply *late[LATE_MAX]; /* taken by the operation "late" */
    unsigned late_count;
    unsigned diagnostics;
    char said[1024]; /* the last of them */
};

/* Operations: echo (votes or is done with its input), late (kept for the test), no (refuses), later
 * (retry after 1.5 s), lost (unknown), spoilt (heuristic), garbage (an output that is not JSON),
 * quiet (done without output), bare (no handlers). */
void rig_start(struct rig *rig, const struct troth_participant_config *config);
void rig_stop(struct rig *rig);
/* Waits until the operation "late" holds `count` replies. */
void rig_wait_late(struct rig *rig, unsigned count);

int wire_dial(const struct rig *rig);
void wire_send(int fd, const char *text, size_t len);
/* One whole request with its head; `body` NULL: no body. */
void wire_request(int fd, const char *method, const char *target, const char *headers,
                  const char *body);
/* Reads until `text` is there, or the other side closes; in a static buffer. */
const char *wire_until(int fd, const char *text);
/* Status and whole answer of one request on a connection of its own. */
int wire_ask(const struct rig *rig, const char *method, const char *target, const char *headers,
             const char *body, const char **ret_answer);
/* A command line without its line feed, in one of a few static buffers. */
const char *line(const char *op, unsigned counter, const char *operation, const char *input);
const char *gtid_text(unsigned counter);
unsigned count_of(const char *text, const char *part);

TCase *batch_tests(void);
TCase *plain_tests(void);
TCase *callers_tests(void);
TCase *participant_tests(void);
TCase *client_tests(void);
TCase *addresses_tests(void);
TCase *destroy_tests(void);
TCase *destroy_participant_tests(void);
TCase *parts_tests(void);
TCase *memory_tests(void);
TCase *sized_tests(void);

#endif
