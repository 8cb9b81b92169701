/* problem.h: refusals (RFC 9457) and the faults of a file, for people. */
#ifndef CLI_PROBLEM_H
#define CLI_PROBLEM_H

#include <cjson/cJSON.h>

#include "cli.h"

/* The last part of the type's address: "unknown-definition"; empty when `problem` is none. */
struct troth_span problem_slug(const cJSON *problem);

/* The detail; of what is no problem, the status. */
void problem_append(struct buffer *text, long status, const cJSON *problem);

/* The same, and each of the errors as fault_append() writes it, to stderr. */
void problem_complain(int code, long status, const cJSON *problem, const char *file);

/* "file:line:column: pointer: text" and a line feed. What is not known is left out. */
void fault_append(struct buffer *text, const cJSON *fault, const char *file);

#endif
