/* row.c: an outcome as a CloudEvent in Kafka's binary binding (CloudEvents 1.0.2, Kafka protocol
 * binding 1.0.2, section 3.2): the attributes are headers, the payload is JSON. Pure. */
#include <assert.h>
#include <base/json.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "outbox_private.h"

#define TYPE_PREFIX      "dev.troth.transaction."
#define TYPE_SUFFIX      ".v1"
#define DATASCHEMA       "https://troth.dev/schemas/outcome-1.json"
#define MESSAGE_OVERHEAD 512u /* Kafka's own words around an event: more than they are */
#define OUTCOME_NAME_MAX 32u
#define ID_DOMAIN        "troth outcome event" /* no other use of the hash gives the same id */

/* A UUID of version 8 (RFC 9562) from SHA-256 over gtid and outcome: the same event, the same id,
 * whoever makes it and whenever. */
static int event_id(const troth_gtid *gtid, const char *outcome, uint8_t ret_id[16])
{
    uint8_t text[sizeof(ID_DOMAIN) + sizeof(gtid->bytes) + OUTCOME_NAME_MAX];
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned int digest_len = 0;
    size_t len = sizeof(ID_DOMAIN); /* with its zero */
    size_t outcome_len = strlen(outcome);
    assert(outcome_len <= OUTCOME_NAME_MAX);
    memcpy(text, ID_DOMAIN, sizeof(ID_DOMAIN));
    memcpy(text + len, gtid->bytes, sizeof(gtid->bytes));
    len += sizeof(gtid->bytes);
    memcpy(text + len, outcome, outcome_len);
    len += outcome_len;
    if (EVP_Digest(text, len, digest, &digest_len, EVP_sha256(), NULL) != 1)
        return TROTH_ERROR_NO_MEMORY; /* the only way this can fail */
    memcpy(ret_id, digest, 16);
    ret_id[6] = (uint8_t)((ret_id[6] & 0x0f) | 0x80);
    ret_id[8] = (uint8_t)((ret_id[8] & 0x3f) | 0x80);
    return 0;
}

static void id_format(const uint8_t id[16], char ret_text[37])
{
    static const char digits[] = "0123456789abcdef";
    char *to = ret_text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = digits[id[i] >> 4];
        *to++ = digits[id[i] & 15];
    }
    *to = '\0';
}

static struct troth_span text_span(const char *text)
{
    return (struct troth_span){.data = text, .len = strlen(text)};
}

static struct troth_span span_between(const struct buffer *texts, size_t from, size_t end)
{
    return (struct troth_span){.data = texts->data + from, .len = end - from};
}

static void append_wall(struct buffer *texts, struct wall time)
{
    char text[WALL_TEXT_LEN + 1];
    wall_format(time, text);
    json_append_text(texts, text);
}

static void append_or(struct buffer *texts, struct troth_span span, const char *otherwise)
{
    if (span.data != NULL)
        buffer_append_span(texts, span);
    else
        buffer_append_text(texts, otherwise);
}

/* What an event leaves out so that Kafka takes it: the outcome itself always fits. */
enum left_out { LEFT_OUT_NOTHING, LEFT_OUT_STEPS, LEFT_OUT_LABELS_TOO };

/* Steps, labels and failure go in as they are: byte for byte. */
static void append_payload(struct buffer *texts, const struct txn_record *record, const char *gtid,
                           enum left_out left_out)
{
    struct troth_span none = {NULL, 0};
    struct troth_span steps = record->steps.data != NULL ? record->steps : record->members;
    const struct txn_origin *origin = record->origin;
    buffer_append_text(texts, "{\"gtid\":");
    json_append_text(texts, gtid);
    buffer_append_text(texts, ",\"definition\":");
    if (origin->definition.data != NULL) {
        json_append_string(texts, origin->definition);
        buffer_append_format(texts, ",\"version\":%u", origin->definition_version);
    } else {
        buffer_append_text(texts, "null,\"version\":null");
    }
    buffer_append_text(texts, ",\"mode\":");
    json_append_text(texts, txn_mode_name(origin->mode));
    buffer_append_format(texts, ",\"attempt\":%u,\"outcome\":", record->attempt);
    json_append_text(texts, txn_outcome_name(record->outcome));
    buffer_append_text(texts, ",\"began_at\":");
    append_wall(texts, origin->began_at);
    buffer_append_text(texts, ",\"decided_at\":");
    append_wall(texts, record->at);
    buffer_append_text(texts, ",\"labels\":");
    append_or(texts, left_out == LEFT_OUT_LABELS_TOO ? none : origin->labels, "{}");
    buffer_append_text(texts, ",\"steps\":");
    append_or(texts, left_out != LEFT_OUT_NOTHING ? none : steps, "[]");
    buffer_append_text(texts, ",\"failure\":");
    append_or(texts, record->failure, "null");
    if (record->fallback.data != NULL) {
        buffer_append_text(texts, ",\"fallback\":");
        buffer_append_span(texts, record->fallback);
    }
    if (left_out != LEFT_OUT_NOTHING) {
        buffer_append_text(texts, left_out == LEFT_OUT_STEPS
                                      ? ",\"left_out\":[\"steps\"]"
                                      : ",\"left_out\":[\"steps\",\"labels\"]");
    }
    buffer_append_char(texts, '}');
}

struct event_texts {
    const char *id, *source, *gtid;
    struct troth_span key, type;
};

static void append_headers(struct buffer *texts, const struct txn_record *record,
                           const struct event_texts *event)
{
    buffer_append_text(texts, "{\"ce_specversion\":\"1.0\",\"ce_id\":");
    json_append_text(texts, event->id);
    buffer_append_text(texts, ",\"ce_source\":");
    json_append_text(texts, event->source);
    buffer_append_text(texts, ",\"ce_type\":");
    json_append_string(texts, event->type);
    buffer_append_text(texts, ",\"ce_subject\":");
    json_append_text(texts, event->gtid);
    buffer_append_text(texts, ",\"ce_time\":");
    append_wall(texts, record->at);
    buffer_append_text(texts, ",\"ce_dataschema\":\"" DATASCHEMA "\",\"ce_partitionkey\":");
    json_append_string(texts, event->key);
    if (record->origin->traceparent.data != NULL) {
        buffer_append_text(texts, ",\"traceparent\":");
        json_append_string(texts, record->origin->traceparent);
    }
    buffer_append_text(texts, ",\"content-type\":\"application/json\"}");
}

/* Payload and headers behind what `texts` holds, which ends with the type and begins with the
 * topic. Returns where the payload ends. */
static size_t append_event(struct buffer *texts, const struct txn_record *record,
                           const struct event_texts *event, size_t topic_len, size_t bytes_max)
{
    size_t type_end = texts->len, payload_end = type_end;
    for (int left_out = LEFT_OUT_NOTHING; left_out <= LEFT_OUT_LABELS_TOO; left_out++) {
        texts->len = type_end;
        append_payload(texts, record, event->gtid, (enum left_out)left_out);
        payload_end = texts->len;
        append_headers(texts, record, event);
        if (bytes_max == 0 || texts->len - topic_len + MESSAGE_OVERHEAD <= bytes_max)
            break;
    }
    return payload_end;
}

int row_make(const char *source, const char *topic_default, size_t bytes_max,
             const struct outbox_facts *facts, uint64_t seq, struct buffer *texts,
             struct record_outbox_row *ret_row)
{
    const struct txn_record *record = facts->record;
    const char *outcome = txn_outcome_name(record->outcome);
    struct record_outbox_row row = {
        .gtid = record->origin->gtid, .epoch = record->epoch, .seq = seq};
    int error = event_id(&row.gtid, outcome, row.id);
    if (error != 0)
        return error;
    char gtid[TROTH_GTID_TEXT_LEN + 1], id[37];
    char type[sizeof(TYPE_PREFIX) + OUTCOME_NAME_MAX + sizeof(TYPE_SUFFIX)];
    troth_gtid_format(&row.gtid, gtid);
    id_format(row.id, id);
    (void)snprintf(type, sizeof(type), TYPE_PREFIX "%s" TYPE_SUFFIX, outcome);
    struct troth_span key = facts->key.data != NULL ? facts->key : text_span(gtid);
    struct event_texts event = {id, source, gtid, key, text_span(type)};

    /* The texts stand one behind the other in a buffer that still grows: where each ends first,
     * pointers when all is written. */
    buffer_clear(texts);
    append_or(texts, facts->topic, topic_default);
    size_t topic_end = texts->len;
    buffer_append_span(texts, key);
    size_t key_end = texts->len;
    buffer_append_text(texts, type);
    size_t type_end = texts->len;
    size_t payload_end = append_event(texts, record, &event, topic_end, bytes_max);
    if (texts->failed)
        return TROTH_ERROR_NO_MEMORY;
    row.topic = span_between(texts, 0, topic_end);
    row.key = span_between(texts, topic_end, key_end);
    row.type = span_between(texts, key_end, type_end);
    row.payload = span_between(texts, type_end, payload_end);
    row.headers = span_between(texts, payload_end, texts->len);
    *ret_row = row;
    return 0;
}
