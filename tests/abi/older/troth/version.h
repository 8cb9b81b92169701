/* <troth/version.h> as an older program has it: declarations only. Never brought up to date. */
#ifndef TROTH_VERSION_H
#define TROTH_VERSION_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#define TROTH_VERSION_MAJOR 0
#define TROTH_VERSION_MINOR 1
#define TROTH_VERSION_PATCH 0
#define TROTH_VERSION_NUMBER                                                                       \
    (TROTH_VERSION_MAJOR * 1000000 + TROTH_VERSION_MINOR * 1000 + TROTH_VERSION_PATCH)
#define TROTH_VERSION_TEXT_(x) #x
#define TROTH_VERSION_JOIN_(x, y, z)                                                               \
    TROTH_VERSION_TEXT_(x) "." TROTH_VERSION_TEXT_(y) "." TROTH_VERSION_TEXT_(z)
#define TROTH_VERSION                                                                              \
    TROTH_VERSION_JOIN_(TROTH_VERSION_MAJOR, TROTH_VERSION_MINOR, TROTH_VERSION_PATCH)
const char *troth_version(void);
uint32_t troth_version_number(void);
#ifdef __cplusplus
}
#endif
#endif
