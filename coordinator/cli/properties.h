/* properties.h: a JSON object as lines "name  value", objects inside it as "outer.inner". */
#ifndef CLI_PROPERTIES_H
#define CLI_PROPERTIES_H

#include <base/buffer.h>
#include <troth/span.h>

void properties_append(struct buffer *text, struct troth_span object);

#endif
