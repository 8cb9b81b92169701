/* merge.c: see merge.h. */
#include "merge.h"

#include <stdlib.h>
#include <string.h>

#include <base/json.h>
#include <troth/id.h>

#include "request.h"

struct item {
    troth_gtid gtid;
    struct troth_span text;
    uint32_t rank; /* 0: of the node that leads it, from its memory */
};

struct merge {
    struct item *items;
    uint32_t count, cap;
    bool failed;
    bool has_cut; /* nothing below is known of all */
    troth_gtid cut;
    bool is_more;
};

static int compare_gtids(const troth_gtid *a, const troth_gtid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

/* The newest first; of one transaction the better word first. */
static int compare(const void *one, const void *two)
{
    const struct item *a = one, *b = two;
    int order = compare_gtids(&b->gtid, &a->gtid);
    return order != 0 ? order : (a->rank > b->rank) - (a->rank < b->rank);
}

static bool read_gtid(struct troth_span entry, troth_gtid *ret_gtid)
{
    char text[TROTH_GTID_TEXT_LEN + 1];
    struct troth_span value;
    return json_type(entry) == JSON_OBJECT && json_member(entry, "gtid", &value) &&
           json_string_copy(value, text, sizeof text) == 0 &&
           troth_gtid_parse(text, strlen(text), ret_gtid) == 0;
}

static void add(struct merge *merge, struct troth_span entry, uint32_t rank)
{
    struct item item = {.text = entry, .rank = rank};
    if (!read_gtid(entry, &item.gtid))
        return;
    if (merge->count == merge->cap) {
        uint32_t cap = merge->cap * 2 + 64;
        struct item *grown = realloc(merge->items, cap * sizeof *grown);
        if (grown == NULL) {
            merge->failed = true;
            return;
        }
        merge->items = grown;
        merge->cap = cap;
    }
    merge->items[merge->count++] = item;
}

/* A page that is full says nothing of what is below its last one. */
static void add_page(struct merge *merge, struct troth_span entries, bool is_full, uint32_t rank)
{
    struct json_cursor cursor = json_cursor(entries);
    struct troth_span entry;
    uint32_t before = merge->count;
    while (json_next(&cursor, NULL, &entry))
        add(merge, entry, rank);
    if (!is_full || merge->count == before)
        return;
    const troth_gtid *last = &merge->items[merge->count - 1].gtid;
    if (!merge->has_cut || compare_gtids(last, &merge->cut) > 0)
        merge->cut = *last;
    merge->has_cut = true;
    merge->is_more = true;
}

static void add_other(struct merge *merge, const struct other_answer *answer)
{
    struct troth_span page, entries, cursor;
    if (answer->status != 200 ||
        json_check(buffer_span(&answer->body), JSON_CHECK_KEPT, &page, NULL) != 0 ||
        !json_member(page, "transactions", &entries) || json_type(entries) != JSON_ARRAY)
        return;
    bool is_full = json_member(page, "cursor", &cursor) && json_type(cursor) == JSON_STRING;
    add_page(merge, entries, is_full, 0);
}

static void write_page(struct merge *merge, uint32_t limit, struct buffer *body)
{
    char cursor[TROTH_GTID_TEXT_LEN + 1];
    size_t from = body->len;
    uint32_t shown = 0;
    const troth_gtid *last = NULL;
    if (merge->count > 0)
        qsort(merge->items, merge->count, sizeof *merge->items, compare);
    buffer_append_text(body, "{\"transactions\":[");
    for (uint32_t i = 0; i < merge->count; i++) {
        const struct item *item = &merge->items[i];
        if (last != NULL && compare_gtids(last, &item->gtid) == 0)
            continue;
        bool is_below = merge->has_cut && compare_gtids(&item->gtid, &merge->cut) < 0;
        if (is_below || shown == limit || body->len - from >= LIST_BYTES_MAX) {
            merge->is_more = true;
            break;
        }
        if (shown++ > 0)
            buffer_append_char(body, ',');
        buffer_append_span(body, item->text);
        last = &item->gtid;
    }
    if (last != NULL && (merge->is_more || shown == limit)) {
        troth_gtid_format(last, cursor);
        buffer_append_format(body, "],\"cursor\":\"%s\"", cursor);
    } else {
        buffer_append_text(body, "],\"cursor\":null");
    }
}

void merge_append(struct troth_span own, bool own_is_full, uint32_t limit,
                  const struct others *others, struct buffer *ret_body)
{
    struct merge merge = {.count = 0};
    BUFFER_SCOPED struct buffer array = {0};
    struct troth_span entries;
    buffer_append_char(&array, '[');
    buffer_append_span(&array, own);
    buffer_append_char(&array, ']');
    if (!array.failed && json_check(buffer_span(&array), JSON_CHECK_KEPT, &entries, NULL) == 0)
        add_page(&merge, entries, own_is_full, 1);
    for (uint32_t i = 0; i < others_count(others); i++)
        add_other(&merge, others_at(others, i));
    write_page(&merge, limit, ret_body);
    others_append_missing(others, ret_body);
    buffer_append_text(ret_body, "}\n");
    ret_body->failed = ret_body->failed || merge.failed || array.failed;
    free(merge.items);
}
