/* problem.h: refusals (RFC 9457) and the faults of a file, for people. */
#ifndef CLI_PROBLEM_H
#define CLI_PROBLEM_H

#include "cli.h"

/* The last part of the type's address: "unknown-definition"; empty when `json` is no problem. */
struct troth_span problem_slug(struct troth_span json);

/* The detail; of what is no problem, the status. */
void problem_append(struct buffer *text, long status, struct troth_span json);

/* The same, and each of the errors as fault_append() writes it, to stderr. */
void problem_complain(int code, long status, struct troth_span json, const char *file);

/* "file:line:column: pointer: text" and a line feed. What is not known is left out. */
void fault_append(struct buffer *text, struct troth_span fault, const char *file);

#endif
