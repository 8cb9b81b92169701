/* version.c: which library this is. */
#include <troth/version.h>

const char *troth_version(void)
{
    return TROTH_VERSION;
}

uint32_t troth_version_number(void)
{
    return TROTH_VERSION_NUMBER;
}
