/* param.h: parameters and results in PostgreSQL's binary format. */
#ifndef JOURNAL_PARAM_H
#define JOURNAL_PARAM_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include <base/buffer.h>
#include <base/clock.h>
#include <troth/id.h>
#include <troth/span.h>

#include "link.h"

/* pg_type.dat: these numbers are part of PostgreSQL's interface and never change. */
#define PARAM_BOOL      16u
#define PARAM_INT8      20u
#define PARAM_INT4      23u
#define PARAM_TEXT      25u
#define PARAM_TIMESTAMP 1184u /* with time zone */
#define PARAM_UUID      2950u

#define PARAM_COUNT_MAX 40u

/* A list of parameters being put together. The bytes lie in `bytes`; pointers into it are made by
 * params_view(), since it moves while it grows. */
struct params {
    struct buffer bytes;
    int count;
    size_t offsets[PARAM_COUNT_MAX];
    bool nulls[PARAM_COUNT_MAX];
    bool elements[PARAM_COUNT_MAX]; /* with its length before it, as in an array */
    Oid types[PARAM_COUNT_MAX];
    const char *values[PARAM_COUNT_MAX];
    int lengths[PARAM_COUNT_MAX];
    int formats[PARAM_COUNT_MAX];
};

void params_clear(struct params *params);
void params_finish(struct params *params);
void params_int4(struct params *params, int32_t value);
void params_int8(struct params *params, int64_t value);
void params_bool(struct params *params, bool value);
void params_text(struct params *params, struct troth_span text); /* absent: null */
void params_string(struct params *params, const char *text);     /* NULL: null */
void params_uuid(struct params *params, const uint8_t bytes[16]);
void params_time(struct params *params, struct wall time); /* 0: infinity */
/* Begins an array parameter; `count` elements follow, one param_element_… each. */
void params_array(struct params *params, Oid element, size_t count);
/* Begins a parameter that is no array; one param_element_… follows. */
void params_element(struct params *params, Oid type);
/* false: no memory. Valid until the next change. */
bool params_view(struct params *params, struct link_params *ret_view);

void param_element_bytes(struct params *params, struct troth_span bytes); /* absent: null */
void param_element_int4(struct params *params, uint32_t value);
void param_element_int8(struct params *params, uint64_t value);
void param_element_bool(struct params *params, bool value);
void param_element_time(struct params *params, struct wall time);

/* Fields of a result. A null is 0, false, or an absent span; a field of another length, too. */
int32_t field_int4(const PGresult *result, int row, int column);
int64_t field_int8(const PGresult *result, int row, int column);
bool field_bool(const PGresult *result, int row, int column);
struct wall field_time(const PGresult *result, int row, int column);
struct troth_span field_text(const PGresult *result, int row, int column);
bool field_uuid(const PGresult *result, int row, int column, uint8_t ret_bytes[16]);

#endif
