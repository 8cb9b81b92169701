/* outputs.h: what prepared branches have put out, until their commit. Any thread. */
#ifndef SDK_OUTPUTS_H
#define SDK_OUTPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include <troth/participant.h>

struct outputs;

TROTH_MUST_CHECK int outputs_create(uint32_t entries, struct outputs **ret_outputs);
void outputs_destroy(struct outputs *outputs);
/* Keeps a copy, in the place of some older one; an absent output is kept too. */
void outputs_put(struct outputs *outputs, const struct troth_call *call, struct troth_span output);
/* Takes it out; the caller frees *ret_memory, in which the output lies. false: not here. */
bool outputs_take(struct outputs *outputs, const struct troth_call *call, char **ret_memory,
                  struct troth_span *ret_output);
/* The branch was prepared here, and its commit has not come yet. */
bool outputs_has(struct outputs *outputs, const struct troth_call *call);
/* The same, and it stays. false: not here, or no memory. */
bool outputs_copy(struct outputs *outputs, const struct troth_call *call, char **ret_memory,
                  struct troth_span *ret_output);

#endif
