/* openapi_data.h: openapi.json as embed.cmake made it at build time. */
#ifndef API_OPENAPI_DATA_H
#define API_OPENAPI_DATA_H

#include <stddef.h>

extern const unsigned char openapi_data[];
extern const size_t openapi_data_len;

#endif
