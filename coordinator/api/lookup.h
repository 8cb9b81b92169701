/* lookup.h: what a name stands for, with the nearest name where it stands for nothing. */
#ifndef API_LOOKUP_H
#define API_LOOKUP_H

#include "context.h"
#include <api/problem.h>

/* Names a refusal looks at for the nearest one; those behind are passed over. */
#define LOOKUP_NAMES_MAX 255u

/* version 0: the newest. TROTH_ERROR_REFUSED: *ret_problem is of `kind`. */
TROTH_MUST_CHECK int lookup_definition(const struct api *api, enum api_problem_kind kind,
                                       const char *name, uint32_t version,
                                       const struct definition **ret_definition,
                                       struct api_problem *ret_problem);
TROTH_MUST_CHECK int lookup_participant(const struct api *api, enum api_problem_kind kind,
                                        const char *name, struct api_participant *ret_participant,
                                        struct api_problem *ret_problem);

/* Adds a warning for each participant that is not registered. */
void lookup_warn_participants(const struct api *api, const struct definition *definition,
                              struct faults *faults);

#endif
