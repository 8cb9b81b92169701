#include "check.h"

#include <protocol/nearest.h>

const char *definition_nearest(const char *wrong, const char *const *names)
{
    return name_nearest(wrong, names);
}
