/* lane.h: what writes: batches one after the other, each until it has a verdict. */
#ifndef JOURNAL_LANE_H
#define JOURNAL_LANE_H

#include "state.h"

TROTH_MUST_CHECK int lane_init(struct journal *journal);
void lane_finish(struct journal *journal);
/* The statements, on a fresh connection. */
void lane_prepare(struct journal *journal);
/* The connection is lost, or a warning came on it. */
void lane_lost(struct journal *journal);
void lane_warned(struct journal *journal);
/* Sends the next batch where one is due and the lane is free. */
void lane_flush(struct journal *journal);

/* One transaction on the lane: its begin, a statement with the lane's params, its end. */
void lane_begin(struct journal *journal);
void lane_send_statement(struct journal *journal, const char *name, link_fn fn);
void lane_end(struct journal *journal);
void lane_on_result(void *arg, PGresult *result);

#endif
