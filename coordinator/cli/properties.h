/* properties.h: a JSON object as lines "name  value", objects inside it as "outer.inner". */
#ifndef CLI_PROPERTIES_H
#define CLI_PROPERTIES_H

#include <cjson/cJSON.h>

#include <base/buffer.h>

void properties_append(struct buffer *text, const cJSON *object);

#endif
