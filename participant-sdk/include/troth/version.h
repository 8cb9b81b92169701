/* <troth/version.h>: which version was compiled against, and which is loaded.
 *
 * The rules by which programs keep working are in docs/participant-sdk.md, "Compatibility".
 * Thread-safe, non-blocking. */
#ifndef TROTH_VERSION_H
#define TROTH_VERSION_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of these headers. The build takes its version from here. */
#define TROTH_VERSION_MAJOR 0
#define TROTH_VERSION_MINOR 1
#define TROTH_VERSION_PATCH 0

/* As one number, for #if and to compare: 1002003 is 1.2.3. */
#define TROTH_VERSION_NUMBER                                                                       \
    (TROTH_VERSION_MAJOR * 1000000 + TROTH_VERSION_MINOR * 1000 + TROTH_VERSION_PATCH)

#define TROTH_VERSION_TEXT_(x) #x
#define TROTH_VERSION_JOIN_(x, y, z)                                                               \
    TROTH_VERSION_TEXT_(x) "." TROTH_VERSION_TEXT_(y) "." TROTH_VERSION_TEXT_(z)
/* "1.2.3" */
#define TROTH_VERSION                                                                              \
    TROTH_VERSION_JOIN_(TROTH_VERSION_MAJOR, TROTH_VERSION_MINOR, TROTH_VERSION_PATCH)

/* Of the library that is loaded: TROTH_VERSION and TROTH_VERSION_NUMBER of its own headers. */
const char *troth_version(void);
uint32_t troth_version_number(void);

#ifdef __cplusplus
}
#endif
#endif
