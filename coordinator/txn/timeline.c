/* timeline.c: the timeline as JSON for people, and as it is kept.
 *
 * It is kept in the END record, short and made for every transaction, and becomes JSON when
 * somebody reads it. "1" is the form; behind it each moment is a letter (enum txn_moment: g is the
 * first) and hexadecimal numbers with a point before each but the first: microseconds since the
 * moment before, branch, attempt less 1, detail, said; zeros at the end are left out. "-" and a
 * number: so many were left out here. So the enums that a moment speaks of keep their numbers. */
#include <base/duration.h>

#include "history.h"
#include "pen.h"

#include <txn/resolve.h>

#define MOMENT_BYTES_MAX 256u
#define LETTERS          "ghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" /* and no digits */
/* A letter, and five numbers of at most 16 digits with a point before four of them. */
#define KEPT_BYTES_MAX 40u
#define FORM           '1'
#define LEFT_OUT       '-'

_Static_assert(TXN_MOMENT_COUNT <= sizeof LETTERS - 1, "each moment has a letter");

/* --- for people ------------------------------------------------------------------------------- */

static uint32_t vote_of(const struct txn_history_entry *entry)
{
    return entry->said >> TXN_HISTORY_VOTE & ((1u << (TXN_HISTORY_OP - TXN_HISTORY_VOTE)) - 1);
}

/* Why an answer was none; its status where it had one. */
static void pen_said(struct pen *pen, const struct txn_history_entry *entry)
{
    uint32_t said = entry->said & ((1u << TXN_HISTORY_VOTE) - 1);
    if (said >= TROUBLE_COUNT) {
        PUT(pen, ",\"status\":");
        pen_number(pen, said);
    } else if (said != TROUBLE_NONE) {
        PUT(pen, ",\"trouble\":\"");
        pen_word(pen, message_trouble_name((enum message_trouble)said));
        PUT(pen, "\"");
    }
}

/* What a moment is about, behind its name and before the closing quote. */
static void pen_detail(struct pen *pen, const struct txn_history_entry *entry)
{
    enum message_op op = (enum message_op)(entry->said >> TXN_HISTORY_OP);
    uint32_t vote = vote_of(entry);
    switch ((enum txn_moment)entry->moment) {
    case TXN_MOMENT_SENT:
        PUT(pen, "\",\"op\":\"");
        pen_word(pen, message_op_name(op));
        break;
    case TXN_MOMENT_ANSWERED:
        PUT(pen, "\",\"op\":\"");
        pen_word(pen, message_op_name(op));
        PUT(pen, "\",\"result\":\"");
        pen_word(pen, message_result_name((enum message_result)entry->detail));
        break;
    case TXN_MOMENT_WRITING:
    case TXN_MOMENT_DURABLE:
        PUT(pen, "\",\"record\":\"");
        pen_word(pen, txn_record_kind_name((enum txn_record_kind)entry->detail));
        break;
    case TXN_MOMENT_REPLIED:
        PUT(pen, "\",\"reply\":\"");
        pen_word(pen, txn_reply_level_name((enum txn_reply_level)entry->detail));
        break;
    case TXN_MOMENT_BEGAN:
    case TXN_MOMENT_ENLISTED:
    case TXN_MOMENT_CLOSED:
    case TXN_MOMENT_PUBLISHED:
    case TXN_MOMENT_TIMEOUT:
    case TXN_MOMENT_CANCELLED:
    case TXN_MOMENT_RECOVERED:
    case TXN_MOMENT_PARKED:
    case TXN_MOMENT_ENDED:
    case TXN_MOMENT_SKIPPED:
    case TXN_MOMENT_RESUMED:
    case TXN_MOMENT_RETRIED:
    case TXN_MOMENT_IN_ORDER:
    case TXN_MOMENT_FORGOTTEN:
    case TXN_MOMENT_DOUBTED:
    case TXN_MOMENT_COUNT:
        break;
    case TXN_MOMENT_RESOLVED:
    case TXN_MOMENT_OVERRULED:
        PUT(pen, "\",\"as\":\"");
        pen_word(pen, txn_word_name((enum txn_word)entry->detail));
        break;
    case TXN_MOMENT_FELL_BACK:
    case TXN_MOMENT_RESTARTED:
    case TXN_MOMENT_TURNED:
        PUT(pen, "\",\"cause\":\"");
        pen_word(pen, txn_cause_name((enum txn_cause)entry->detail));
        break;
    }
    if (vote != VOTE_NONE) {
        PUT(pen, "\",\"vote\":\"");
        pen_word(pen, message_vote_name((enum message_vote)vote));
    }
}

static void entry_append(struct buffer *list, const struct txn_history_entry *entry)
{
    struct pen pen;
    if (!pen_take(list, MOMENT_BYTES_MAX, &pen))
        return;
    PUT(&pen, "{\"at\":\"+");
    pen.at += duration_format(entry->at_us, pen.at);
    PUT(&pen, "\"");
    if (entry->branch != 0) {
        PUT(&pen, ",\"branch\":");
        pen_number(&pen, entry->branch);
    }
    if (entry->branch != 0 || entry->attempt > 1) {
        PUT(&pen, ",\"attempt\":");
        pen_number(&pen, entry->attempt);
    }
    PUT(&pen, ",\"moment\":\"");
    pen_word(&pen, txn_moment_name((enum txn_moment)entry->moment));
    pen_detail(&pen, entry);
    PUT(&pen, "\"");
    pen_said(&pen, entry);
    PUT(&pen, "}");
    pen_give_back(list, &pen);
}

static void left_out_append(struct buffer *list, uint64_t count)
{
    buffer_append_text(list, "{\"moment\":\"left_out\",\"count\":");
    buffer_append_uint(list, count);
    buffer_append_char(list, '}');
}

/* What comes behind the first *told, which counts it: an entry, or so many that were left out. NULL
 * and 0: nothing. */
static const struct txn_history_entry *next_of(const struct txn *txn, uint64_t *told,
                                               uint64_t *ret_left_out)
{
    const uint64_t half = txn->history_cap / 2, left_out = txn->history_dropped;
    *ret_left_out = 0;
    if (*told >= txn->history_count + left_out)
        return NULL;
    if (*told >= half && *told < half + left_out) {
        *ret_left_out = half + left_out - *told;
        *told = half + left_out;
        return NULL;
    }
    uint64_t i = *told < half ? *told : *told - left_out;
    ++*told;
    return txn_history_at(txn, (uint32_t)i);
}

bool txn_history_next(const struct txn *txn, uint64_t *told, struct buffer *object)
{
    uint64_t left_out;
    const struct txn_history_entry *entry = next_of(txn, told, &left_out);
    if (entry != NULL)
        entry_append(object, entry);
    else if (left_out > 0)
        left_out_append(object, left_out);
    return entry != NULL || left_out > 0;
}

void txn_history_append(const struct txn *txn, struct buffer *list)
{
    const uint64_t noted = (uint64_t)txn->history_count + txn->history_dropped;
    uint64_t told = 0;
    buffer_append_char(list, '[');
    while (told < noted) {
        if (told > 0)
            buffer_append_char(list, ',');
        (void)txn_history_next(txn, &told, list);
    }
    buffer_append_char(list, ']');
}

/* --- as it is kept ---------------------------------------------------------------------------- */

static void pen_hex(struct pen *pen, uint64_t number)
{
    unsigned shift = 0;
    if (number < 10) { /* most are */
        *pen->at++ = (char)('0' + number);
        return;
    }
    while (shift < 60 && number >> shift > 15)
        shift += 4;
    for (;; shift -= 4) {
        *pen->at++ = "0123456789abcdef"[number >> shift & 15];
        if (shift == 0)
            break;
    }
}

static void keep_entry(struct pen *pen, const struct txn_history_entry *entry, uint64_t before_us)
{
    const uint32_t numbers[] = {entry->branch, (uint16_t)(entry->attempt - 1u), entry->detail,
                                entry->said};
    unsigned count = sizeof numbers / sizeof numbers[0];
    *pen->at++ = LETTERS[entry->moment];
    pen_hex(pen, entry->at_us - before_us); /* modulo 2^64 */
    while (count > 0 && numbers[count - 1] == 0)
        count--;
    for (unsigned i = 0; i < count; i++) {
        *pen->at++ = '.';
        pen_hex(pen, numbers[i]);
    }
}

void txn_history_keep(const struct txn *txn, struct buffer *text)
{
    const struct txn_history_entry *entry;
    uint64_t told = 0, left_out, before_us = 0;
    struct pen pen;
    if (!pen_take(text, (txn->history_count + 2u) * KEPT_BYTES_MAX, &pen))
        return;
    *pen.at++ = FORM;
    while ((entry = next_of(txn, &told, &left_out)) != NULL || left_out > 0) {
        if (entry == NULL) {
            *pen.at++ = LEFT_OUT;
            pen_hex(&pen, left_out);
            continue;
        }
        keep_entry(&pen, entry, before_us);
        before_us = entry->at_us;
    }
    pen_give_back(text, &pen);
}

/* true: there was a number, of at most 16 digits. */
static bool take_hex(struct troth_span *from, uint64_t *ret_number)
{
    size_t len = 0;
    *ret_number = 0;
    for (; len < from->len && len < 16; len++) {
        char c = from->data[len];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            break;
        *ret_number = *ret_number << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *from = (struct troth_span){from->data + len, from->len - len};
    return len > 0;
}

/* Of the enum that a moment's detail is one of. */
static uint32_t details_of(enum txn_moment moment)
{
    switch (moment) {
    case TXN_MOMENT_ANSWERED:
        return RESULT_COUNT;
    case TXN_MOMENT_WRITING:
    case TXN_MOMENT_DURABLE:
        return TXN_RECORD_KIND_COUNT;
    case TXN_MOMENT_REPLIED:
        return TXN_REPLY_COUNT;
    case TXN_MOMENT_RESOLVED:
    case TXN_MOMENT_OVERRULED:
        return TXN_WORD_COUNT;
    case TXN_MOMENT_FELL_BACK:
    case TXN_MOMENT_RESTARTED:
    case TXN_MOMENT_TURNED:
        return TXN_CAUSE_COUNT;
    case TXN_MOMENT_BEGAN:
    case TXN_MOMENT_ENLISTED:
    case TXN_MOMENT_CLOSED:
    case TXN_MOMENT_SENT:
    case TXN_MOMENT_PUBLISHED:
    case TXN_MOMENT_TIMEOUT:
    case TXN_MOMENT_CANCELLED:
    case TXN_MOMENT_RECOVERED:
    case TXN_MOMENT_PARKED:
    case TXN_MOMENT_ENDED:
    case TXN_MOMENT_SKIPPED:
    case TXN_MOMENT_RESUMED:
    case TXN_MOMENT_RETRIED:
    case TXN_MOMENT_IN_ORDER:
    case TXN_MOMENT_FORGOTTEN:
    case TXN_MOMENT_DOUBTED:
    case TXN_MOMENT_COUNT:
        break;
    }
    return UINT8_MAX + 1u;
}

/* A row may be damaged, or changed by hand. */
static bool entry_fits(const struct txn_history_entry *entry)
{
    return entry->branch <= TROTH_BRANCH_NUMBER_MAX &&
           entry->detail < details_of((enum txn_moment)entry->moment) &&
           entry->said >> TXN_HISTORY_OP < OP_COUNT && vote_of(entry) < VOTE_COUNT;
}

/* false: what comes next is no moment. */
static bool take_entry(struct troth_span *from, uint64_t before_us,
                       struct txn_history_entry *ret_entry)
{
    uint64_t numbers[4] = {0}, since_us;
    uint8_t moment = 0;
    while (moment < TXN_MOMENT_COUNT && LETTERS[moment] != from->data[0])
        moment++;
    if (moment == TXN_MOMENT_COUNT)
        return false;
    *from = (struct troth_span){from->data + 1, from->len - 1};
    if (!take_hex(from, &since_us))
        return false;
    for (unsigned i = 0; i < 4 && from->len > 0 && from->data[0] == '.'; i++) {
        *from = (struct troth_span){from->data + 1, from->len - 1};
        if (!take_hex(from, &numbers[i]) || numbers[i] > (i == 2 ? UINT8_MAX : UINT16_MAX))
            return false;
    }
    *ret_entry = (struct txn_history_entry){.at_us = before_us + since_us,
                                            .branch = (uint16_t)numbers[0],
                                            .attempt = (uint16_t)(numbers[1] + 1),
                                            .moment = moment,
                                            .detail = (uint8_t)numbers[2],
                                            .said = (uint16_t)numbers[3]};
    return entry_fits(ret_entry);
}

/* A moment, or how many were left out. false: neither. */
static bool take_moment(struct troth_span *from, struct txn_history_entry *entry,
                        uint64_t *ret_left_out)
{
    *ret_left_out = 0;
    if (from->data[0] != LEFT_OUT)
        return take_entry(from, entry->at_us, entry);
    *from = (struct troth_span){from->data + 1, from->len - 1};
    return take_hex(from, ret_left_out) && *ret_left_out > 0;
}

void txn_history_append_kept(struct troth_span kept, struct buffer *list)
{
    struct txn_history_entry entry = {.at_us = 0};
    const size_t begin = list->len + 1;
    uint64_t left_out;
    if (kept.len == 0 || kept.data[0] != FORM) { /* as earlier versions kept it */
        buffer_append_span(list, kept);
        return;
    }
    buffer_append_char(list, '[');
    for (kept = (struct troth_span){kept.data + 1, kept.len - 1}; kept.len > 0;) {
        if (!take_moment(&kept, &entry, &left_out))
            return;
        if (list->len > begin)
            buffer_append_char(list, ',');
        if (left_out > 0)
            left_out_append(list, left_out);
        else
            entry_append(list, &entry);
    }
    buffer_append_char(list, ']');
}
