/* <troth/id.h>: the ids that both sides of the wire share.
 *
 * A gtid is a UUID of version 8 (RFC 9562, section 5.8) that carries
 *
 *     48 bits  milliseconds since 1970, for people and for index locality only
 *      4 bits  version, 8
 *     12 bits  shard
 *      2 bits  variant, binary 10
 *     24 bits  epoch of the shard when the transaction began
 *     38 bits  counter within the epoch
 *
 * Within a shard gtids are ordered by (epoch, counter), never by the clock (protocol.md, section
 * 2). Thread-safe, non-blocking, no allocation. */
#ifndef TROTH_ID_H
#define TROTH_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <troth/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TROTH_GTID_TEXT_LEN 36
#define TROTH_SHARDS_MAX    4096u
#define TROTH_EPOCH_MAX     ((1u << 24) - 1u)
#define TROTH_COUNTER_MAX   ((UINT64_C(1) << 38) - 1u)

/* Branch numbers are chosen by the definition's order or, interactively, by the client. */
#define TROTH_BRANCH_NUMBER_MAX 9999u
/* Branches one transaction may have; more are refused. */
#define TROTH_BRANCHES_MAX 64u
#define TROTH_ATTEMPT_MAX  9999u

/* Names (participants, definitions, steps, operations): [a-z][a-z0-9_]*, at most this many bytes.
 */
#define TROTH_NAME_LEN_MAX 63u

/* A journal's own id: 16 lower-case hexadecimal digits. */
#define TROTH_JOURNAL_ID_LEN 16

typedef struct troth_gtid {
    uint8_t bytes[16];
} troth_gtid;

struct troth_gtid_parts {
    uint64_t unix_ms; /* < 2^48 */
    uint16_t shard;   /* < TROTH_SHARDS_MAX */
    uint32_t epoch;   /* 1 … TROTH_EPOCH_MAX */
    uint64_t counter; /* 1 … TROTH_COUNTER_MAX */
};

/* TROTH_ERROR_INVALID when a part is out of its range. */
TROTH_MUST_CHECK int troth_gtid_make(const struct troth_gtid_parts *parts, troth_gtid *ret_gtid);
void troth_gtid_split(const troth_gtid *gtid, struct troth_gtid_parts *ret_parts);

/* (epoch, counter) as one number that fits a signed 64-bit column; compare within one shard only.
 */
uint64_t troth_gtid_order(const troth_gtid *gtid);
bool troth_gtid_equal(const troth_gtid *a, const troth_gtid *b);

/* Exactly 36 characters, lower case, version 8, variant 10, epoch and counter not 0;
 * TROTH_ERROR_SYNTAX otherwise. */
TROTH_MUST_CHECK int troth_gtid_parse(const char *text, size_t len, troth_gtid *ret_gtid);
/* Writes 36 characters and a zero. */
void troth_gtid_format(const troth_gtid *gtid, char ret_text[TROTH_GTID_TEXT_LEN + 1]);

bool troth_name_valid(const char *text, size_t len);
bool troth_journal_id_valid(const char *text, size_t len);

/* The name of a prepared transaction in PostgreSQL: troth_<journal>_<gtid>_<branch>_<attempt>.
 * It carries the journal's id, so that two installations never settle each other's work. */
#define TROTH_PREPARED_NAME_LEN_MAX 72

struct troth_prepared_name {
    char journal[TROTH_JOURNAL_ID_LEN + 1];
    troth_gtid gtid;
    uint32_t branch;
    uint32_t attempt;
};

/* Each member in its range, as they are in a call; zero-terminated. */
void troth_prepared_name_format(const struct troth_prepared_name *name,
                                char ret_text[TROTH_PREPARED_NAME_LEN_MAX + 1]);
/* TROTH_ERROR_SYNTAX for a name that is not ours: leave that transaction alone. */
TROTH_MUST_CHECK int troth_prepared_name_parse(const char *text, size_t len,
                                               struct troth_prepared_name *ret_name);

#ifdef __cplusplus
}
#endif
#endif
