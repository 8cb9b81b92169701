/* view.h: a transaction as its clients see it. */
#ifndef API_VIEW_H
#define API_VIEW_H

#include <api/api.h>

#define TRANSACTION_PATH "/v1/transactions/"

void view_append(struct buffer *object, const struct api_view *view, bool with_timeline);

#endif
