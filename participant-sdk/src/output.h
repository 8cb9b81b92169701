/* output.h: what a service's function puts out. */
#ifndef SDK_OUTPUT_H
#define SDK_OUTPUT_H

#include <stdbool.h>

#include <base/buffer.h>
#include <troth/postgres.h>

struct troth_output {
    struct buffer json;
    struct buffer reason;
};

struct troth_span output_span(const struct troth_output *output);
/* It can be kept; false: `reason` says why not. */
bool output_sound(struct troth_output *output);
void output_finish(struct troth_output *output);

#endif
