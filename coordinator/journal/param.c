/* Parameters and results in PostgreSQL's binary format: libpq sends them as they are. */
#include "param.h"

#include <assert.h>
#include <string.h>

/* PostgreSQL counts microseconds from 2000-01-01. */
#define PARAM_TIME_ORIGIN_US INT64_C(946684800000000)

static void put_int4(struct buffer *bytes, uint32_t value)
{
    uint8_t text[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                       (uint8_t)value};
    buffer_append(bytes, text, sizeof text);
}

static void put_int8(struct buffer *bytes, uint64_t value)
{
    put_int4(bytes, (uint32_t)(value >> 32));
    put_int4(bytes, (uint32_t)value);
}

static uint64_t time_to_database(struct wall time)
{
    return (uint64_t)((int64_t)time.us - PARAM_TIME_ORIGIN_US);
}

void params_clear(struct params *params)
{
    buffer_clear(&params->bytes);
    params->count = 0;
}

void params_finish(struct params *params)
{
    buffer_finish(&params->bytes);
    params->count = 0;
}

static void params_begin(struct params *params, Oid type, bool null)
{
    size_t i = (size_t)params->count;
    assert(i < PARAM_COUNT_MAX);
    params->offsets[i] = params->bytes.len;
    params->nulls[i] = null;
    params->elements[i] = false;
    params->types[i] = type;
    params->count++;
}

void params_int4(struct params *params, int32_t value)
{
    params_begin(params, PARAM_INT4, false);
    put_int4(&params->bytes, (uint32_t)value);
}

void params_int8(struct params *params, int64_t value)
{
    params_begin(params, PARAM_INT8, false);
    put_int8(&params->bytes, (uint64_t)value);
}

void params_bool(struct params *params, bool value)
{
    params_begin(params, PARAM_BOOL, false);
    buffer_append_char(&params->bytes, value ? 1 : 0);
}

void params_text(struct params *params, struct troth_span text)
{
    params_begin(params, PARAM_TEXT, text.data == NULL);
    if (text.data != NULL)
        buffer_append_span(&params->bytes, text);
}

void params_string(struct params *params, const char *text)
{
    params_text(params,
                text == NULL ? (struct troth_span){0} : (struct troth_span){text, strlen(text)});
}

void params_uuid(struct params *params, const uint8_t bytes[16])
{
    params_begin(params, PARAM_UUID, false);
    buffer_append(&params->bytes, bytes, 16);
}

void params_time(struct params *params, struct wall time)
{
    params_begin(params, PARAM_TIMESTAMP, false);
    put_int8(&params->bytes, time.us == 0 ? (uint64_t)INT64_MAX : time_to_database(time));
}

void params_array(struct params *params, Oid element, size_t count)
{
    params_begin(params, 0, false);
    put_int4(&params->bytes, count == 0 ? 0 : 1); /* dimensions */
    put_int4(&params->bytes, 1);                  /* may hold nulls */
    put_int4(&params->bytes, element);
    if (count > 0) {
        put_int4(&params->bytes, (uint32_t)count);
        put_int4(&params->bytes, 1); /* the first index */
    }
}

void params_element(struct params *params, Oid type)
{
    params_begin(params, type, false);
    params->elements[params->count - 1] = true;
}

/* A length of -1 is null: its bytes end with that. */
static void element_view(struct params *params, int i)
{
    const char *at = params->bytes.data + params->offsets[i];
    static const char null_length[] = {-1, -1, -1, -1};
    assert(params->lengths[i] >= (int)sizeof null_length);
    params->lengths[i] -= (int)sizeof null_length;
    params->values[i] = at + sizeof null_length;
    if (memcmp(at, null_length, sizeof null_length) == 0)
        params->values[i] = NULL;
}

bool params_view(struct params *params, struct link_params *ret_view)
{
    if (params->bytes.failed)
        return false;
    for (int i = 0; i < params->count; i++) {
        size_t end = i + 1 < params->count ? params->offsets[i + 1] : params->bytes.len;

        params->values[i] = params->nulls[i] ? NULL : "";
        if (!params->nulls[i] && end > params->offsets[i])
            params->values[i] = params->bytes.data + params->offsets[i];
        params->lengths[i] = (int)(end - params->offsets[i]);
        if (params->elements[i])
            element_view(params, i);
        params->formats[i] = 1;
    }
    *ret_view = (struct link_params){.count = params->count,
                                     .values = params->values,
                                     .lengths = params->lengths,
                                     .formats = params->formats,
                                     .types = params->types};
    return true;
}

void param_element_bytes(struct params *params, struct troth_span bytes)
{
    put_int4(&params->bytes, bytes.data == NULL ? UINT32_MAX : (uint32_t)bytes.len);
    if (bytes.len > 0)
        buffer_append_span(&params->bytes, bytes);
}

void param_element_int4(struct params *params, uint32_t value)
{
    put_int4(&params->bytes, 4);
    put_int4(&params->bytes, value);
}

void param_element_int8(struct params *params, uint64_t value)
{
    put_int4(&params->bytes, 8);
    put_int8(&params->bytes, value);
}

void param_element_bool(struct params *params, bool value)
{
    put_int4(&params->bytes, 1);
    buffer_append_char(&params->bytes, value ? 1 : 0);
}

void param_element_time(struct params *params, struct wall time)
{
    put_int4(&params->bytes, 8);
    put_int8(&params->bytes, time_to_database(time));
}

/* NULL when the field is null or has another length. */
static const uint8_t *field_fixed(const PGresult *result, int row, int column, int len)
{
    if (PQgetisnull(result, row, column) || PQgetlength(result, row, column) != len)
        return NULL;
    return (const uint8_t *)PQgetvalue(result, row, column);
}

int32_t field_int4(const PGresult *result, int row, int column)
{
    const uint8_t *b = field_fixed(result, row, column, 4);
    if (b == NULL)
        return 0;
    return (int32_t)((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]);
}

int64_t field_int8(const PGresult *result, int row, int column)
{
    const uint8_t *b = field_fixed(result, row, column, 8);
    uint64_t value = 0;
    for (int i = 0; b != NULL && i < 8; i++)
        value = value << 8 | b[i];
    return (int64_t)value;
}

bool field_bool(const PGresult *result, int row, int column)
{
    const uint8_t *b = field_fixed(result, row, column, 1);
    return b != NULL && b[0] != 0;
}

struct wall field_time(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column))
        return (struct wall){0};
    return (struct wall){(uint64_t)(field_int8(result, row, column) + PARAM_TIME_ORIGIN_US)};
}

struct troth_span field_text(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column))
        return (struct troth_span){0};
    return (struct troth_span){PQgetvalue(result, row, column),
                               (size_t)PQgetlength(result, row, column)};
}

bool field_uuid(const PGresult *result, int row, int column, uint8_t ret_bytes[16])
{
    const uint8_t *b = field_fixed(result, row, column, 16);
    if (b != NULL)
        memcpy(ret_bytes, b, 16);
    return b != NULL;
}
