/* diff.h: what changed between two definitions, in the words of their files. */
#ifndef CLI_DIFF_H
#define CLI_DIFF_H

#include <base/buffer.h>
#include <troth/span.h>

/* Bytes of one value shown in a line; of a longer one the beginning, and how long it is. */
#define DIFF_VALUE_BYTES_MAX 160u

/* Zero-initialise. */
struct diff {
    unsigned count;
    struct buffer lines;    /* for people, one a change */
    struct buffer json;     /* the same as items of a JSON array, without its brackets */
    struct buffer where;    /* the fields on the way to what is being compared: "retries.patient" */
    struct troth_span step; /* JSON; absent: outside of the steps */
};
void diff_finish(struct diff *diff);
#define DIFF_SCOPED __attribute__((cleanup(diff_finish)))

/* Compares two checked JSON objects, without white space and the order of members; steps are found
 * by their names. Their "version" is not compared. *ret_diff.lines.failed: out of memory. */
void diff_definitions(struct troth_span from, struct troth_span to, struct diff *ret_diff);

#endif
