/* absent.c: an open transaction is found in memory; one that ended, or never was, is looked up in
 * the journal, and its row answers. */
#include "absent.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <api/refusal.h>
#include <txn/txn.h>

#include "answer.h"
#include "entry.h"
#include "shards.h"
#include "state.h"
#include "table.h"

static uint32_t epoch_of(const struct absent *absent)
{
    struct troth_gtid_parts parts;
    troth_gtid_split(&absent->gtid, &parts);
    return journal_epoch(absent->driver->journal, parts.shard);
}

/* What is open and not in memory proves something only if nobody else can have led it in between: a
 * process that slept through its lease learns that later than what it asked meanwhile. */
static bool led_throughout(const struct absent *absent)
{
    return answer_may_leave(absent->driver) && epoch_of(absent) == absent->epoch;
}

/* Of what another node leads only its rows are known here, and they say less than is. */
static bool is_led(const struct absent *absent, struct api_problem *ret_problem)
{
    struct troth_gtid_parts parts;
    troth_gtid_split(&absent->gtid, &parts);
    if (shards_led(absent->driver, parts.shard) || parts.shard >= absent->driver->shards_count)
        return true;
    bool moves = shards_changing(absent->driver, parts.shard);
    api_refuse_unavailable(ret_problem, moves ? API_WHY_SHARD_MOVES : API_WHY_SHARD_ELSEWHERE);
    return false;
}

static void on_absent(void *arg, int error, const struct journal_row *row)
{
    struct absent *absent = arg;
    struct api_problem problem;
    bool led = is_led(absent, &problem);
    bool open = error == 0 && row->image.outcome == TXN_OUTCOME_NONE;
    if (led && open && !led_throughout(absent)) {
        led = false;
        api_refuse_unavailable(&problem, API_WHY_SHARD_MOVES);
    }
    if (led && error == 0 && absent->said_again(absent, row, &problem)) {
        answer_row(absent->driver, row, absent->fn, absent->arg, false);
        free(absent);
        return;
    }
    if (led && error == TROTH_ERROR_NOT_FOUND && led_throughout(absent))
        api_refuse_no_row(&problem, &absent->gtid, true);
    else if (led && error != 0)
        api_refuse_unavailable(&problem, API_WHY_JOURNAL_UNASKED);
    absent->fn(absent->arg, &problem, NULL, false);
    free(absent);
}

static void look_up(const struct absent *what, size_t size)
{
    struct absent *absent = malloc(size);
    if (absent == NULL) {
        struct api_problem problem;
        api_refuse_unavailable(&problem, API_WHY_NO_MEMORY);
        what->fn(what->arg, &problem, NULL, false);
        return;
    }
    memcpy(absent, what, size);
    absent->epoch = epoch_of(absent);
    journal_get(absent->driver->journal, &absent->gtid, on_absent, absent);
}

struct entry *absent_find_open(const struct absent *what, size_t size)
{
    assert(size >= sizeof *what && what->said_again != NULL);
    struct api_problem elsewhere;
    if (!is_led(what, &elsewhere)) {
        what->fn(what->arg, &elsewhere, NULL, false);
        return NULL;
    }
    struct entry *entry = entry_find(what->driver, &what->gtid);
    if (entry == NULL || entry->looking_up) {
        look_up(what, size);
        return NULL;
    }
    if (entry->unloaded || entry->txn.state == TXN_LOST) { /* no step would do anything */
        struct api_problem problem;
        api_refuse_stuck(&problem, entry->trouble);
        what->fn(what->arg, &problem, NULL, false);
        return NULL;
    }
    return entry;
}
