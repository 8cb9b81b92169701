/* problem_body.h: a refusal as application/problem+json. */
#ifndef API_PROBLEM_BODY_H
#define API_PROBLEM_BODY_H

#include <api/api.h>

void problem_append(struct buffer *body, const struct api_problem *problem);

#endif
