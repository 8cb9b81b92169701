/* view.h: a transaction, as GET shows it, for people. What an operator wants first comes first:
 * the outcome, why, what is still missing. */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include <cjson/cJSON.h>

#include "cli.h"

/* Bytes of one output shown; of a longer one the beginning, and how long it is. */
#define VIEW_OUTPUT_BYTES_MAX 1000u

/* What to exit with, by outcome and state. */
int view_exit(const cJSON *transaction);

/* What stands above the table of steps: outcome, why, what is missing, when. */
void view_append_head(const struct cli *cli, const cJSON *transaction, uint64_t now_us,
                      struct buffer *ret_text);
/* Everything but the timeline. `json`: the same as checked text, for the payloads. `now_us`: the
 * age of what has not ended; 0: not shown. */
void view_append(const struct cli *cli, const cJSON *transaction, struct troth_span json,
                 uint64_t now_us, struct buffer *ret_text);

/* Each moment with its time: a column for each branch, or a list where that is too wide. Nothing
 * when the transaction has no timeline. */
void timeline_append(const struct cli *cli, const cJSON *transaction, struct buffer *ret_text);

/* One moment of a timeline: what happened. `last_op`: what was last sent to its branch, or
 * NULL; an answer to something else says to what. */
void timeline_append_what(struct buffer *text, const cJSON *moment, const char *last_op);
/* " (attempt 1)" where the moment is of a lower attempt than the one that runs. */
void timeline_append_attempt(struct buffer *text, const cJSON *moment, int64_t running);
/* Who: "1 debit", or "1 bank_a" where the step has no name, or "1" where it is not among `steps`.
 */
void timeline_append_who(struct buffer *text, const cJSON *branch, const cJSON *steps);
/* When, since the transaction began. false: it does not say. */
bool timeline_at(const cJSON *moment, uint64_t *ret_us);

/* "2026-11-21 05:34:49.112Z"; another text as it stands. */
void view_append_time(struct buffer *text, const cJSON *time);
/* Between two of them: "14.2ms", "3.2s", "12m05s"; false (and nothing) when one is none. */
bool view_append_between(struct buffer *text, const cJSON *from, const cJSON *to);
void view_append_duration(struct buffer *text, uint64_t us);
/* "refused by 1 debit at bank_a: insufficient funds" from the member "failure"; "-" when null. */
void view_append_failure(struct buffer *text, const cJSON *failure);

#endif
