/* listing.c: lists of transactions by a state that the journal does not know.
 *
 * The journal knows "open" (it has a row, and has not ended) and "ended". Every other state is one
 * of the memory's, which holds all that are open, also those without a row yet. */
#include "listing.h"

#include <assert.h>
#include <string.h>

#include <api/api.h>
#include <base/span.h>
#include <txn/txn.h>

#include "answer.h"
#include "counting.h"
#include "entry.h"
#include "state.h"
#include "table.h"
#include "trouble.h"

#define LISTED_MAX 1000u /* of one page; the API asks for fewer */

/* The first of a page, in the journal's order: the youngest first. */
struct page {
    const struct api_list *list;
    uint32_t count;
    struct entry *entries[LISTED_MAX];
};

bool listing_in_memory(const struct api_list *list)
{
    return list->in_doubt || (list->state != NULL && strcmp(list->state, "open") != 0 &&
                              strcmp(list->state, "ended") != 0);
}

/* Before in the list: the greater gtid, which begins with its time. */
static bool is_before(const troth_gtid *gtid, const troth_gtid *other)
{
    return memcmp(gtid->bytes, other->bytes, sizeof gtid->bytes) > 0;
}

/* "parked": also where other steps go on beside what is parked. */
static bool is_in_state(const struct entry *entry, const char *state)
{
    return state == NULL || strcmp(state, "open") == 0 ||
           strcmp(state, entry_state_name(entry)) == 0 ||
           (strcmp(state, TXN_PARKED_NAME) == 0 && entry_is_parked(entry));
}

static bool is_at(const struct txn *txn, const char *participant)
{
    for (uint32_t i = 0; i < txn->branches_count; i++)
        if (strcmp(txn->branches[i].participant, participant) == 0)
            return true;
    return false;
}

static bool has_label(const struct txn_origin *origin, struct troth_span label)
{
    return label.data == NULL ||
           (origin->labels.data != NULL &&
            memmem(origin->labels.data, origin->labels.len, label.data, label.len) != NULL);
}

bool listing_in_range(const struct api_list *list, const troth_gtid *gtid)
{
    return !list->has_range || (memcmp(gtid->bytes, list->first.bytes, sizeof gtid->bytes) >= 0 &&
                                memcmp(gtid->bytes, list->last.bytes, sizeof gtid->bytes) <= 0);
}

static bool is_wanted(const struct page *page, const struct entry *entry)
{
    const struct api_list *list = page->list;
    const struct txn_origin *origin = &entry->origin;
    return !entry->looking_up && has_label(origin, list->label) &&
           listing_in_range(list, &origin->gtid) && origin->began_at.us >= list->after.us &&
           is_in_state(entry, list->state) && (!list->in_doubt || metrics_in_doubt(&entry->txn)) &&
           (list->outcome == NULL ||
            strcmp(list->outcome, txn_outcome_name(entry->txn.outcome)) == 0) &&
           (list->definition == NULL || span_is(origin->definition, list->definition)) &&
           (list->participant == NULL || is_at(&entry->txn, list->participant)) &&
           (list->before.us == 0 || origin->began_at.us < list->before.us) &&
           (!list->has_cursor || is_before(&list->cursor, &origin->gtid));
}

static void insert(struct page *page, struct entry *entry)
{
    uint32_t at = page->count;
    while (at > 0 && is_before(&entry->origin.gtid, &page->entries[at - 1]->origin.gtid))
        at--;
    if (at == page->list->limit)
        return; /* on a later page */
    if (page->count < page->list->limit)
        page->count++;
    memmove(&page->entries[at + 1], &page->entries[at],
            (page->count - at - 1) * sizeof(struct entry *));
    page->entries[at] = entry;
}

void listing_from_memory(struct driver *driver, const struct api_list *list, api_list_fn fn,
                         void *arg)
{
    (void)listing_entries(driver, list, fn, arg);
    (void)fn(arg, NULL, NULL);
}

bool listing_entries(struct driver *driver, const struct api_list *list, api_list_fn fn, void *arg)
{
    assert(list->limit >= 1 && list->limit <= LISTED_MAX);
    struct page page = {.list = list};
    for (uint32_t shard = 0; shard < driver->shards_count; shard++) {
        struct entry *entry = driver->shards[shard].newest;
        for (; entry != NULL; entry = entry->older)
            if (is_wanted(&page, entry))
                insert(&page, entry);
    }
    for (uint32_t i = 0; i < page.count; i++)
        if (!answer_listed(page.entries[i], list->payloads, fn, arg))
            return false;
    return true;
}
