/* journals.h: what requests say of the coordinator's journals: which there are, the newest epoch of
 * each shard, and each shard's oldest open gtid. Loop thread only. */
#ifndef SDK_JOURNALS_H
#define SDK_JOURNALS_H

#include <stdbool.h>
#include <stdint.h>

#include <troth/error.h>
#include <troth/id.h>
#include <troth/participant.h>
#include <troth/span.h>

struct journal_shard {
    uint32_t epoch;       /* the newest seen; 0: none */
    uint32_t commanded;   /* likewise, of its commands alone */
    uint64_t newest;      /* of its commands, troth_gtid_order(); 0: none came */
    uint64_t oldest_open; /* likewise, never above `newest`; 0: none said */
};

struct journal_seen {
    char id[TROTH_JOURNAL_ID_LEN + 1];
    struct journal_shard *shards; /* TROTH_SHARDS_MAX of them */
    uint64_t used;                /* when it came last, by `journals.uses` */
};

struct journals {
    struct journal_seen seen[TROTH_JOURNALS_MAX];
    uint32_t count;
    uint64_t uses;
    bool closed;      /* no other is served */
    bool has_dropped; /* one was put out for another: not all that we serve are here */
};

void journals_finish(struct journals *journals);
/* These, and no other from now on; NULL at the end. NULL: any. Errors as of journals_find(). */
TROTH_MUST_CHECK int journals_only(struct journals *journals, const char *const *ids);
/* Finds or adds, in the place of the one that came last the longest ago where there are
 * TROTH_JOURNALS_MAX: it is learnt again when it comes again. TROTH_ERROR_SYNTAX: not an id;
 * _NOT_FOUND: none of those that are served; _NO_MEMORY. */
TROTH_MUST_CHECK int journals_find(struct journals *journals, struct troth_span id,
                                   struct journal_seen **ret_seen);
/* Takes in a Troth-Oldest-Open header; what does not parse in it is skipped: an old mark only keeps
 * guard rows for longer. So does one above the newest command that has come, which counts as that
 * one: whatever it says, what comes yet is not refused for it. true: a shard showed a newer epoch
 * than before. */
bool journals_oldest_open(struct journal_seen *seen, struct troth_span list);
/* Of a command that came. true: its epoch is newer than what was seen of its shard before (not: the
 * first seen). */
bool journals_gtid(struct journal_seen *seen, const troth_gtid *gtid);
/* The newest epoch of its shard's commands; 0: none that is newer than its own. */
uint32_t journals_newer(const struct journal_seen *seen, const troth_gtid *gtid);

#endif
