/* journals.c: what requests have shown of their coordinators: the newest epoch and the oldest open
 * gtid of each shard. */
#include "journals.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void journals_finish(struct journals *journals)
{
    uint32_t i;
    for (i = 0; i < journals->count; i++)
        free(journals->seen[i].shards);
    journals->count = 0;
}

/* The place for another one: a new one, or that of whoever has not come for the longest time. */
static struct journal_seen *make_place(struct journals *journals)
{
    struct journal_seen *place = &journals->seen[journals->count];
    uint32_t i;
    if (journals->count == TROTH_JOURNALS_MAX) {
        place = &journals->seen[0];
        for (i = 1; i < journals->count; i++)
            if (journals->seen[i].used < place->used)
                place = &journals->seen[i];
        memset(place->shards, 0, TROTH_SHARDS_MAX * sizeof *place->shards);
        journals->has_dropped = true;
        return place;
    }
    place->shards = calloc(TROTH_SHARDS_MAX, sizeof *place->shards);
    if (place->shards == NULL)
        return NULL;
    journals->count++;
    return place;
}

static struct journal_seen *look_up(struct journals *journals, struct troth_span id)
{
    uint32_t i;
    for (i = 0; i < journals->count; i++)
        if (id.len == TROTH_JOURNAL_ID_LEN && memcmp(journals->seen[i].id, id.data, id.len) == 0)
            return &journals->seen[i];
    return NULL;
}

int journals_find(struct journals *journals, struct troth_span id, struct journal_seen **ret_seen)
{
    struct journal_seen *seen = look_up(journals, id);
    if (seen == NULL) {
        if (!troth_journal_id_valid(id.data, id.len))
            return TROTH_ERROR_SYNTAX;
        if (journals->closed)
            return TROTH_ERROR_NOT_FOUND;
        seen = make_place(journals);
        if (seen == NULL)
            return TROTH_ERROR_NO_MEMORY;
        assert(id.len < sizeof seen->id);
        memcpy(seen->id, id.data, id.len);
        seen->id[id.len] = '\0';
    }
    seen->used = ++journals->uses;
    *ret_seen = seen;
    return 0;
}

int journals_only(struct journals *journals, const char *const *ids)
{
    struct journal_seen *seen;
    int error = 0;
    for (; ids != NULL && *ids != NULL && error == 0; ids++) {
        const struct troth_span id = {*ids, strlen(*ids)};

        error = journals_find(journals, id, &seen);
        journals->closed = *(ids + 1) == NULL;
    }
    return error;
}

static bool take_epoch(struct journal_shard *shard, uint32_t epoch)
{
    const bool newer = shard->epoch != 0 && epoch > shard->epoch;
    if (epoch > shard->epoch)
        shard->epoch = epoch;
    return newer;
}

bool journals_gtid(struct journal_seen *seen, const troth_gtid *gtid)
{
    struct troth_gtid_parts parts;
    struct journal_shard *shard;
    const uint64_t order = troth_gtid_order(gtid);
    troth_gtid_split(gtid, &parts);
    assert(parts.shard < TROTH_SHARDS_MAX);
    shard = &seen->shards[parts.shard];
    if (order > shard->newest)
        shard->newest = order;
    if (parts.epoch > shard->commanded)
        shard->commanded = parts.epoch;
    return take_epoch(shard, parts.epoch);
}

uint32_t journals_newer(const struct journal_seen *seen, const troth_gtid *gtid)
{
    struct troth_gtid_parts parts;
    uint32_t commanded;
    troth_gtid_split(gtid, &parts);
    assert(parts.shard < TROTH_SHARDS_MAX);
    commanded = seen->shards[parts.shard].commanded;
    return commanded > parts.epoch ? commanded : 0;
}

static bool one_oldest(struct journal_seen *seen, const char *text, size_t len)
{
    struct troth_gtid_parts parts;
    struct journal_shard *shard;
    troth_gtid gtid;
    uint64_t order;
    if (troth_gtid_parse(text, len, &gtid) != 0)
        return false;
    troth_gtid_split(&gtid, &parts);
    shard = &seen->shards[parts.shard];
    order = troth_gtid_order(&gtid);
    if (order > shard->newest)
        order = shard->newest;
    if (order > shard->oldest_open)
        shard->oldest_open = order;
    return take_epoch(shard, parts.epoch);
}

bool journals_oldest_open(struct journal_seen *seen, struct troth_span list)
{
    const char *at = list.data;
    const char *const end = list.data + list.len;
    bool newer = false;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma == NULL ? end : comma;
        const char *last = stop;

        while (at < last && (*at == ' ' || *at == '\t'))
            at++;
        while (last > at && (last[-1] == ' ' || last[-1] == '\t'))
            last--;
        newer = one_oldest(seen, at, (size_t)(last - at)) || newer;
        at = stop + 1;
    }
    return newer;
}
