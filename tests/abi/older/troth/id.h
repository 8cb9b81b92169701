/* <troth/id.h> as an older program has it: declarations only. Never brought up to date. */
#ifndef TROTH_ID_H
#define TROTH_ID_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <troth/error.h>
#ifdef __cplusplus
extern "C" {
#endif
#define TROTH_GTID_TEXT_LEN     36
#define TROTH_SHARDS_MAX        4096u
#define TROTH_EPOCH_MAX         ((1u << 24) - 1u)
#define TROTH_COUNTER_MAX       ((UINT64_C(1) << 38) - 1u)
#define TROTH_BRANCH_NUMBER_MAX 9999u
#define TROTH_BRANCHES_MAX      64u
#define TROTH_ATTEMPT_MAX       9999u
#define TROTH_NAME_LEN_MAX      63u
#define TROTH_JOURNAL_ID_LEN    16
typedef struct troth_gtid {
    uint8_t bytes[16];
} troth_gtid;
struct troth_gtid_parts {
    uint64_t unix_ms;
    uint16_t shard;
    uint32_t epoch;
    uint64_t counter;
};
TROTH_MUST_CHECK int troth_gtid_make(const struct troth_gtid_parts *parts, troth_gtid *ret_gtid);
void troth_gtid_split(const troth_gtid *gtid, struct troth_gtid_parts *ret_parts);
uint64_t troth_gtid_order(const troth_gtid *gtid);
bool troth_gtid_equal(const troth_gtid *a, const troth_gtid *b);
TROTH_MUST_CHECK int troth_gtid_parse(const char *text, size_t len, troth_gtid *ret_gtid);
void troth_gtid_format(const troth_gtid *gtid, char ret_text[TROTH_GTID_TEXT_LEN + 1]);
bool troth_name_valid(const char *text, size_t len);
bool troth_journal_id_valid(const char *text, size_t len);
#define TROTH_PREPARED_NAME_LEN_MAX 72
struct troth_prepared_name {
    char journal[TROTH_JOURNAL_ID_LEN + 1];
    troth_gtid gtid;
    uint32_t branch;
    uint32_t attempt;
};
void troth_prepared_name_format(const struct troth_prepared_name *name,
                                char ret_text[TROTH_PREPARED_NAME_LEN_MAX + 1]);
TROTH_MUST_CHECK int troth_prepared_name_parse(const char *text, size_t len,
                                               struct troth_prepared_name *ret_name);
#ifdef __cplusplus
}
#endif
#endif
