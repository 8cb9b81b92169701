/* api_key.h: the key that a client shows to its coordinator, as a file has it. */
#ifndef SDK_API_KEY_H
#define SDK_API_KEY_H

#include <stdbool.h>

#include <troth/diagnostic.h>

#define API_KEY_BEARER_MAX 512u /* "Bearer " and the key */

/* "Bearer KEY" from the file's first line. false: it cannot be read, or holds no key; the
 * diagnostic (may be NULL) has the reason, and *ret_bearer stays as it is. */
bool api_key_read(const char *file, troth_diagnostic diagnostic, void *diagnostic_arg,
                  char ret_bearer[API_KEY_BEARER_MAX + 1]);

#endif
