/* problem_body.h: a refusal as application/problem+json. */
#ifndef API_PROBLEM_BODY_H
#define API_PROBLEM_BODY_H

#include <api/api.h>

void problem_append(struct buffer *body, const struct api_problem *problem);
/* [{"pointer":"/steps/0","line":4,"column":7,"severity":"error","detail":"…"}, …] */
void problem_faults_append(struct buffer *list, const struct definition_faults *faults);

#endif
