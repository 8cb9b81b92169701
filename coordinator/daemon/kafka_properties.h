/* kafka_properties.h: the file of librdkafka's properties (kafka_properties). */
#ifndef DAEMON_KAFKA_PROPERTIES_H
#define DAEMON_KAFKA_PROPERTIES_H

#include <base/buffer.h>
#include <troth/error.h>

#define KAFKA_PROPERTIES_MAX 64u

/* Names and values in turn, NULL behind the last. "": no file, and NULL. TROTH_ERROR_CONFIG: it
 * cannot be read, a line is no name=value, or a property is trothd's own; `why` names the line and
 * shows no value, which may be a password. TROTH_ERROR_NO_MEMORY. */
TROTH_MUST_CHECK int kafka_properties_read(const char *file, struct buffer *why, char ***ret_pairs);
/* Takes NULL. */
void kafka_properties_free(char **pairs);

#endif
